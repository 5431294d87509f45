"""Files that are whole or absent, whatever is killed: temporary name, fsync, then link or rename.

Standard library only: the supervisor of child processes uses it too and must start at once.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

Written = TypeVar("Written")

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)  # of an OSError: the disk is full, or a quota used up
# Of an OSError: the disk is not there or fails, which passes when it comes back: a mount that is gone, a server of
# files that was started anew, a client that its file system shut out, a disk that the kernel made read-only.
AWAY: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ESTALE, errno.EROFS}
    | {errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH}
)
PATIENCE: Final = 1800.0  # seconds for which a disk that is away may be waited for: it may have gone for good
_LONGEST: Final = 5.0  # seconds between two tries


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
    path = _behind(path)
    if path.exists() and not path.is_file() and not path.is_dir():  # a device or a pipe is no file to be replaced
        path.write_bytes(data)
        return
    temporary = _write_temporary(path, data, is_durable)
    try:
        os.replace(temporary, path)
    except OSError as error:  # a folder has the name, say
        temporary.unlink(missing_ok=True)
        error.filename = str(path)
        raise
    if is_durable:
        sync_folder(path.parent)


def _behind(path: Path) -> Path:
    """The file that a link leads to, which is replaced in its place; any other path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def once_there_is_room(
    write: Callable[[], Written], *, meanwhile: Callable[[], None] = lambda: None, away: float = 0.0
) -> Written:
    """What ``write`` gives, which is tried again for as long as its disk is full: what it writes cannot be had again.

    Args:
        write: Writes all or nothing.
        meanwhile: Called before each further try.
        away: Seconds for which it is tried again where its disk is not there, or fails.

    Raises:
        OSError: It cannot be written, and waiting does not mend that.
    """
    pause, until = 0.05, time.monotonic() + away
    while True:
        try:
            return write()
        except OSError as error:
            if error.errno in NO_ROOM:
                until = time.monotonic() + away
            elif error.errno not in AWAY or time.monotonic() >= until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST)
        meanwhile()


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
    except BaseException as error:  # a full disk: what lies there takes more of it with each try
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:  # the system names the temporary file, or none
            error.filename = str(path)
        raise
    return temporary
