"""The ``csv_folder`` laboratory: a device behind an exchange folder; the registry names ``options:build``."""
