"""The ``manual`` laboratory: a person with a worksheet and its form; the registry names ``options:build``."""
