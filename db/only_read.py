"""SQLite files that can only be read: opened so that nothing is written beside them.

A write-ahead log wants two files beside the record, of whoever only reads it as well. Where they cannot be written, the
file is read as it lies; SQLite holds off nobody then, so whether it stayed as it was is seen to after each look. So is
a file that this user may not write in a folder where he may: files that he made there could not be written by those
who go on with the record. And so is one whose disk is full, where nothing stands in its log.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from db.errors import NotLetIn
from loop.errors import LedgerBusy

OF_THE_DISK: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)  # what SQLite says of it; waiting mends neither
_AS_OPENED: Final = "hakken_as_opened"  # in what SQLAlchemy keeps beside a connection


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that can only be read, and what it was when it was opened, where it is read as it lies."""

    file: Path
    state: tuple[int, ...] | None
    no_room: sqlite3.OperationalError | None = None  # what is to be said of a full disk


def connect(
    file: Path, kept: MutableMapping[str, Any], arguments: MutableMapping[str, Any]
) -> sqlite3.Connection | None:
    """A connection to a file, which only reads where that is all that can be done; None where it is not there.

    Args:
        file: The record.
        kept: Stays beside the connection, for ``may_write`` and ``unchanged``.
        arguments: What the connection is to be opened with besides.

    Raises:
        NotLetIn: It was not ended well, and only whoever may write there can put it in order.
    """
    kept.pop(_AS_OPENED, None)
    file = file.resolve()
    beside = _beside(file)
    if not os.access(file, os.R_OK):
        return None
    if _not_writable(file, beside) is None:
        return _where_there_is_room(file, kept, arguments)
    how, state = "mode=ro", None
    if len(beside) < 2:  # else somebody works with it, or was killed: SQLite reads what stands in the log, too
        how, state = "mode=ro&immutable=1", _state_of(file)
        if (rest := _rest_of(file)) is not None:
            raise NotLetIn(
                f"the ledger {file} can only be read here, and some of it stands in {rest.name} beside it, which takes "
                "rights to write; have somebody with them run hakken status once, or copy both to where you may write"
            )
    kept[_AS_OPENED] = _Opened(file, state)
    connection: sqlite3.Connection = sqlite3.connect(f"{file.as_uri()}?{how}", uri=True, **arguments)
    return connection


def _where_there_is_room(
    file: Path, kept: MutableMapping[str, Any], arguments: MutableMapping[str, Any]
) -> sqlite3.Connection:
    """A connection that writes; on a full disk one that reads the file as it lies, where all of the record is in it."""
    state = _state_of(file)
    connection: sqlite3.Connection = sqlite3.connect(file, **{**arguments, "timeout": 0})
    try:
        connection.execute("PRAGMA journal_mode")  # makes the log and its index
    except sqlite3.OperationalError as error:
        no_room = error if error.sqlite_errorcode & 0xFF in OF_THE_DISK else _no_room_for_files(file.parent)
        if no_room is not None and _rest_of(file) is None:
            connection.close()
            kept[_AS_OPENED] = _Opened(file, state, no_room)
            connection = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True, **arguments)
    except BaseException:  # no database, say
        connection.close()
        raise
    return connection


def _no_room_for_files(folder: Path) -> sqlite3.OperationalError | None:
    """What SQLite leaves unsaid where it cannot open a file: that none can be made, as where the inodes are used up."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return None
        return sqlite3.OperationalError(f"no further file can be made there, see df -i: {error.strerror}")


def what_is_only_read(file: Path) -> Path | None:
    """What this user may not write of a record, its folder and what SQLite has beside it; None where he may."""
    file = file.resolve()
    return _not_writable(file, _beside(file))


def _beside(file: Path) -> list[Path]:
    """The log and its index, as far as they are there."""
    return [path for path in (Path(f"{file}-wal"), Path(f"{file}-shm")) if path.exists()]


def _rest_of(file: Path) -> Path | None:
    """The log, or the journal of a half-done change, where something stands in it."""
    rests = (Path(f"{file}-wal"), Path(f"{file}-journal"))
    return next((rest for rest in rests if rest.exists() and rest.stat().st_size), None)


def _not_writable(file: Path, beside: list[Path]) -> Path | None:
    wanted = [file, *beside] if len(beside) == 2 else [file, *beside, file.parent]
    return next((path for path in wanted if not os.access(path, os.W_OK)), None)


def may_write(kept: Mapping[str, Any]) -> bool:
    """Whether the connection that this is kept beside may write."""
    return _AS_OPENED not in kept


def find_room(kept: Mapping[str, Any]) -> None:
    """See to it that the connection which this is kept beside has room to write.

    Raises:
        sqlite3.OperationalError: It had none when it was opened.
    """
    opened = kept.get(_AS_OPENED)
    if opened is not None and opened.no_room is not None:
        raise opened.no_room


@contextmanager
def unchanged(kept: Mapping[str, Any]) -> Iterator[None]:
    """See to it that a file which is read as it lies is the same after the block as when it was opened.

    Raises:
        LedgerBusy: It is not: what was read may be half of then and half of now.
    """
    opened = kept.get(_AS_OPENED)
    try:
        yield
    finally:
        if opened is not None and opened.state not in (None, _state_of(opened.file)):
            raise LedgerBusy(
                f"the ledger {opened.file} can only be read here, and somebody wrote to it meanwhile; give the same "
                "command again"
            )


def _state_of(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
