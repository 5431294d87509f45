"""Raw files of instruments: kept by their content, beside the record."""
