"""Files of instruments that a person brings: matched, analysed, and analysed anew."""
