"""The ``instrument`` laboratory: the files of an instrument as results, or played ones."""
