"""What a changed campaign file may not change, since the record has something to say of it."""
