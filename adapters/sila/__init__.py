"""The ``sila2`` laboratory: features, a connection, discovery, and a server; the registry names ``options:build``."""
