"""Any laboratory that speaks the JSON contract of ``openapi.yaml``; the registry names ``options:build``."""
