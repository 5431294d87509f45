"""What is shown of the record, in lines and documents: the same in a terminal, on pages and to programs."""
