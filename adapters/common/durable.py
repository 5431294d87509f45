"""Files that are whole or absent, whatever is killed: temporary name, fsync, then link or rename.

Standard library only: the supervisor of child processes uses it too and must start at once.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_once(path: Path, text: str, *, is_durable: bool = True) -> bool:
    """Make the file with this text, unless there is one already; True when this call made it.

    Of any number of callers at the same time exactly one makes it: a hard link never replaces a file.

    Raises:
        OSError: The folder cannot be written, or its file system has no hard links.
    """
    return write_bytes_once(path, text.encode("utf-8"), is_durable=is_durable)


def write_bytes_once(path: Path, data: bytes, *, is_durable: bool = True) -> bool:
    """``write_once`` of bytes."""
    temporary = _write_temporary(path, data, is_durable)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    if is_durable:
        sync_folder(path.parent)
    return True


def replace(path: Path, text: str, *, is_durable: bool = True) -> None:
    """Put the text in place of whatever the file held; a reader sees the old text or the new one."""
    replace_bytes(path, text.encode("utf-8"), is_durable=is_durable)


def replace_bytes(path: Path, data: bytes, *, is_durable: bool = True) -> None:
    """``replace`` of bytes."""
    temporary = _write_temporary(path, data, is_durable)
    try:
        os.replace(temporary, path)
    except OSError:  # a folder has the name, say
        temporary.unlink(missing_ok=True)
        raise
    if is_durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in ``folder`` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_temporary(path: Path, data: bytes, is_durable: bool) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
    except BaseException:  # a full disk: what lies there takes more of it with each try
        temporary.unlink(missing_ok=True)
        raise
    return temporary
