"""Where an exported file may be written."""

from __future__ import annotations

import os
from pathlib import Path

from loop.errors import HakkenError


class ExportError(HakkenError):
    """A campaign's results cannot be written so; the message says what is in the way, and the remedy."""


def check_path(path: Path, *, overwrite: bool) -> None:
    """See that a file can be made there, before anything is worked out. Raises ``ExportError``."""
    if path.is_dir():
        raise ExportError(f"{path} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise ExportError(f"{path} is a device or a pipe, and no file; name a file")
    if not path.parent.is_dir():
        raise ExportError(f"{path.parent} is no folder; make it first, or name another file")
    if os.path.lexists(path) and not overwrite:
        raise ExportError(f"{path} is there already; name another file, or overwrite it (--overwrite)")
