"""Copying a whole record into an empty database, of the same engine or the other one: to stay, or to try something."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, RowMapping, Table, func, insert, select, update
from sqlalchemy.orm import Session

from db import audit, schema
from db import engine as engines
from db import tables as t
from db.clocks import common_now, local_now
from db.durable import sync
from db.errors import translated
from loop.errors import LedgerBusy, LedgerError, LedgerFull
from loop.wording import plural

_TOGETHER: Final = 1000  # rows read and written at once
_UNFINISHED: Final = ".copying"  # how the name of a file ends that is being made
_OWN: Final = "schema_info"  # what each database says of itself


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, and where the copy is."""

    to: str  # without a password
    campaigns: int
    entries: int  # of the audit log
    head: str  # hash of the last of them
    cleared: tuple[str, ...] = ()  # files that earlier copies had left, which were killed


def copy_record(source: str, target: str, *, clock: Callable[[], datetime] = local_now) -> Copied:
    """Copy the record at ``source`` to ``target``, which is empty; all of it, or none.

    A file is made under another name beside its place, so that what is cut off leaves none at its place; what copies
    that were killed on this machine left there is removed.

    Raises:
        LedgerError: The target holds something, a campaign is being worked on, or was written to meanwhile, or the
            record was changed after it was written; else as in ``db.ledger.open_ledger``.
    """
    place = engines.address(target)
    where = engines.shown_url(place)
    final = Path(place.database or "") if place.get_backend_name() == "sqlite" else None
    if final is None or (final.exists() and final.stat().st_size):
        return _copied(source, target, where, clock)
    final = final.resolve()  # where a link leads to it
    cleared = _clear(final)
    beside = final.with_name(f"{_beside(final)}{os.getpid()}{_UNFINISHED}")
    room = _room_for(source, final)
    try:
        made = _copied(source, f"{engines.SQLITE}{beside}", where, clock)
        os.replace(beside, final)
        sync(final.parent)
    except LedgerFull as error:
        raise LedgerFull(error.what + room * (where in error.what)) from error
    finally:
        for name in ("", "-wal", "-shm"):
            Path(f"{beside}{name}").unlink(missing_ok=True)
    return replace(made, cleared=cleared)


def _beside(final: Path) -> str:
    """How the name of a file that becomes ``final`` begins, before the process on this machine that makes it."""
    return f".{final.name}.{os.uname().nodename}."


def _clear(final: Path) -> tuple[str, ...]:
    """Remove what copies to ``final`` left that were killed on this machine; returns its names."""
    left = re.compile(rf"{re.escape(_beside(final))}(\d+){re.escape(_UNFINISHED)}(-wal|-shm|-journal)?")
    cleared = []
    for path in sorted(final.parent.iterdir()) if final.parent.is_dir() else ():
        if (found := left.fullmatch(path.name)) is not None and not _runs(int(found[1])):
            path.unlink(missing_ok=True)
            cleared.append(path.name)
    return tuple(cleared)


def _runs(pid: int) -> bool:
    """Whether another process of this machine has that number; in a container this one may have it again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return pid != os.getpid()


def _copied(source: str, target: str, where: str, clock: Callable[[], datetime]) -> Copied:
    """Copy to ``target``, of which a person is told as ``where``."""
    here, there = engines.borrow(source), engines.borrow(target)
    try:
        shown = engines.shown(here)
        with translated(shown):
            schema.migrate_older(here, clock)
        with translated(where):
            schema.bring_up_to_date(there, clock)
        with translated(shown), engines.reading(here) as read:
            _see_that_nobody_works(read, common_now(read, clock))
            with translated(where), engines.writing(there) as write:
                _see_that_it_is_empty(read, write, where)
                _copy_all(read, write, shown)
                report = audit.examine(write)
                if not report.is_intact:
                    raise LedgerError(
                        f"the record {shown} was changed after it was written ({report.message}), and nothing was "
                        "copied; restore a backup of it (hakken audit verify says whether one is intact)"
                    )
                _see_that_nothing_came(here, report.entries, shown)
                campaigns = write.scalar(select(func.count()).select_from(t.Campaign)) or 0
                with translated(where):
                    write.commit()
        if (file := engines.sqlite_file(there)) is not None:
            with translated(where):
                _empty_log(file)
        return Copied(where, campaigns, report.entries, report.head)
    finally:
        engines.give_back(here)
        engines.give_back(there)


def _empty_log(file: Path) -> None:
    """Bring all that stands in a file's log into the file itself, of which SQLite says nothing where it fails later."""
    with closing(sqlite3.connect(file, timeout=engines.BUSY_SECONDS)) as connection:
        is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise LedgerBusy(f"the log of the ledger {file} cannot be emptied while somebody reads it; copy again")


def _room_for(source: str, target: Path) -> str:
    """How much room a copy takes, and what there is; "" where that cannot be told."""
    file = engines.address(source)
    if file.get_backend_name() != "sqlite":
        return ""
    try:
        # Until it is whole, all of it stands in a log beside the file, too, with its schema and the log's index.
        needed, free = 2 * Path(file.database or "").stat().st_size + 2**20, shutil.disk_usage(target.parent).free
    except OSError:
        return ""
    return f" (while it is made the copy takes some {_mib(needed)}, and {_mib(free)} are free)"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def copy_to_try(source: str, target: str, *, clock: Callable[[], datetime] = local_now) -> None:
    """Copy the record at ``source`` as it stands to ``target``, an empty database that is thrown away after use.

    Whoever works on it goes on, no seal is looked at, and nobody holds a campaign of the copy. Raises as
    ``db.ledger.open_ledger``.
    """
    here, there = engines.borrow(source), engines.borrow(target)
    try:
        shown, where = engines.shown(here), engines.shown(there)
        file = engines.sqlite_file(there) if engines.sqlite_file(here) is not None else None
        with translated(shown):
            schema.migrate_older(here, clock)
        with translated(shown), engines.reading(here) as read, translated(where):
            if file is not None:
                _copy_pages(read, file)
            schema.bring_up_to_date(there, clock)
            with engines.writing(there) as write:
                if file is None:
                    _copy_all(read, write, shown)
                write.execute(update(t.Campaign).values(lease_holder=None, lease_expires=None))
                write.commit()
    finally:
        engines.give_back(here)
        engines.give_back(there)


def _copy_pages(read: Session, target: Path) -> None:
    """A SQLite record as it lies, which takes a small part of the time that its rows take one by one."""
    here: Any = read.connection().connection.driver_connection
    with closing(sqlite3.connect(target)) as there:
        here.backup(there)


def _copy_all(read: Session, write: Session, shown: str) -> None:
    for table in t.Base.metadata.sorted_tables:
        if table.name != _OWN:
            _copy(read, write, table, shown)


def _copy(read: Session, write: Session, table: Table, shown: str) -> None:
    for some in _rows(read, table, shown):
        write.connection().execute(insert(table), [dict(row) for row in some])


def _rows(read: Session, table: Table, shown: str) -> Iterator[Sequence[RowMapping]]:
    """One table, in the order in which it was written: a row may refer to an earlier one."""
    order = [table.c.entry] if "entry" in table.c else []
    with translated(shown):
        rows = read.connection().execute(select(table).order_by(*order, *table.primary_key.columns)).mappings()
        yield from rows.partitions(_TOGETHER)


def _see_that_nobody_works(read: Session, now: datetime) -> None:
    """What is written here after the copy was begun would be missing there."""
    for name, holder, expires in read.execute(
        select(t.Campaign.name, t.Campaign.lease_holder, t.Campaign.lease_expires).order_by(t.Campaign.name)
    ):
        if expires is not None and expires > now:
            raise LedgerError(
                f"campaign {name!r} is held by {holder!r}; end what works on it (hakken run, hakken listen, a "
                f"schedule), or wait until {expires:%Y-%m-%d %H:%M} UTC where that was killed, then copy again"
            )


def _see_that_nothing_came(here: Engine, copied: int, shown: str) -> None:
    """What needs no lease, such as a safety stop, or was told since, would be missing there."""
    newer = select(t.AuditLog.actor, t.AuditLog.action).where(t.AuditLog.number > copied).order_by(t.AuditLog.number)
    with translated(shown), engines.reading(here) as now:
        came = now.execute(newer).all()
    if came:
        more = f" and {plural(len(came) - 1, 'entry', 'entries')} more" if len(came) > 1 else ""
        raise LedgerError(
            f"the record {shown} was written to while it was copied ({came[0].action} by {came[0].actor}{more}), and "
            "nothing was copied; end what works on it (hakken run, hakken serve, a schedule), then copy again"
        )


def _see_that_it_is_empty(read: Session, write: Session, where: str) -> None:
    last = select(t.AuditLog.number, t.AuditLog.hash).order_by(t.AuditLog.number.desc()).limit(1)
    if (there := write.execute(last).first()) is None:
        return
    if there == read.execute(last).first():  # a copy that was cut off before it could say that it was made
        raise LedgerError(
            f"{where} holds a record already, and to its last entry ({there.number}) it is this one: nothing is left "
            "to copy; set HAKKEN_DATABASE to it, or name an empty database"
        )
    raise LedgerError(f"{where} holds a record already; name an empty database, or a file that is not there")
