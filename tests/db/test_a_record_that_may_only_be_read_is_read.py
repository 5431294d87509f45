"""A SQLite record that can only be read, by its rights or its disk: a look works, and is never half of then."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from db import open_ledger
from db.errors import NotLetIn
from db.ledger import reopen_ledger
from db.only_read import what_is_only_read
from loop.errors import LedgerBusy, LedgerFull

GOLDEN = Path(__file__).parent / "golden" / "0.1.0.sqlite"


@pytest.fixture
def file(filled_sqlite: Path, tmp_path: Path) -> Path:
    """A record in a folder of its own."""
    (tmp_path / "runs").mkdir()
    return Path(shutil.copy(filled_sqlite, tmp_path / "runs" / "hakken.db"))


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Has the system say of a path, and of what lies in it, that it may not be written: root may write all."""
    asked, forbidden = os.access, []

    def access(path: str | Path, mode: int) -> bool:
        is_forbidden = any(Path(path).is_relative_to(one) for one in forbidden)
        return asked(path, mode) and not (mode & os.W_OK and is_forbidden)

    monkeypatch.setattr(os, "access", access)
    return forbidden.append


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def left_by_a_killed_process(file: Path) -> None:
    """Leave a log beside the file with a reason in it that the file does not have."""
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("UPDATE campaign SET reason = 'only in the log'")
        left = {path: path.read_bytes() for path in (Path(f"{file}-wal"), Path(f"{file}-shm"), file)}
    for path, data in left.items():  # closing took the log into the file
        path.write_bytes(data)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_look_reads_what_is_there_and_leaves_nothing_beside_it(
    file: Path, forbid: Callable[[Path], None], what: str
) -> None:
    with open_ledger(str(file)) as ledger:
        written = ledger.observations("coupling"), ledger.verify_audit()
    forbid(file if what == "file" else file.parent)

    with reopen_ledger(str(file)) as ledger:
        read = ledger.observations("coupling"), ledger.verify_audit()
        names = sorted(os.listdir(file.parent))

    assert read == written
    assert names == ["hakken.db"]
    assert what_is_only_read(file) == file


def test_what_a_killed_process_left_in_the_log_is_read(file: Path, forbid: Callable[[Path], None]) -> None:
    left_by_a_killed_process(file)
    forbid(file.parent)

    with reopen_ledger(str(file)) as ledger:
        assert ledger.campaign("coupling").reason == "only in the log"


def test_a_log_that_cannot_be_read_there_is_not_passed_over(file: Path, forbid: Callable[[Path], None]) -> None:
    left_by_a_killed_process(file)
    Path(f"{file}-shm").unlink()
    forbid(file.parent)

    with pytest.raises(NotLetIn, match=r"some of it stands in hakken\.db-wal beside it.*run hakken status once"):
        reopen_ledger(str(file))


def test_what_is_written_while_it_is_read_ends_the_look(file: Path, forbid: Callable[[Path], None]) -> None:
    forbid(file.parent)
    with reopen_ledger(str(file)) as ledger:
        ledger.campaign("coupling")
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("UPDATE campaign SET reason = 'changed'")
        os.utime(file, ns=(1, 1))  # the clock of a file system may be as coarse as this test is quick

        with pytest.raises(LedgerBusy, match=r"somebody wrote to it meanwhile; give the same command again"):
            ledger.campaign("coupling")

    with reopen_ledger(str(file)) as ledger:
        assert ledger.campaign("coupling").reason == "changed"


def test_an_older_record_is_left_to_those_who_may_write(file: Path, forbid: Callable[[Path], None]) -> None:
    shutil.copy(GOLDEN, file)
    forbid(file.parent)

    with pytest.raises(NotLetIn, match=r"has schema 0001, .*hakken\.db may only be read\).*run hakken status .* once"):
        reopen_ledger(str(file))

    assert os.listdir(file.parent) == ["hakken.db"]


def test_whoever_would_write_is_told_why_not(file: Path, forbid: Callable[[Path], None]) -> None:
    forbid(file.parent)
    with (
        reopen_ledger(str(file)) as ledger,
        pytest.raises(NotLetIn, match=r"can only be read here.*What only looks.*mend the rights, or copy"),
    ):
        ledger.acquire("coupling", "somebody", timedelta(minutes=1))


def test_on_a_full_disk_a_look_reads_what_is_there_and_a_write_is_refused_at_once(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(str(file)) as ledger:
        written = ledger.observations("coupling"), ledger.verify_audit()
    monkeypatch.setattr("db.engine.time.sleep", lambda _: pytest.fail("waits for what no waiting mends"))

    with no_room(), open_ledger(str(file)) as ledger:
        assert (ledger.observations("coupling"), ledger.verify_audit()) == written
        with pytest.raises(LedgerFull, match="where it is full or a quota is used up"):
            ledger.acquire("coupling", "somebody", timedelta(minutes=1))

    with open_ledger(str(file)) as ledger:
        assert ledger.acquire("coupling", "somebody", timedelta(minutes=1)).holder == "somebody"


def test_on_a_full_disk_a_log_that_cannot_be_read_is_not_passed_over(file: Path) -> None:
    left_by_a_killed_process(file)

    with no_room(), pytest.raises(LedgerFull, match="where it is full or a quota is used up"):
        open_ledger(str(file))


def test_what_is_written_while_a_record_on_a_full_disk_is_read_ends_the_look(file: Path) -> None:
    with no_room():
        ledger = open_ledger(str(file))
    with ledger:
        ledger.campaign("coupling")
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("UPDATE campaign SET reason = 'changed'")
        os.utime(file, ns=(1, 1))  # as above

        with pytest.raises(LedgerBusy, match=r"somebody wrote to it meanwhile; give the same command again"):
            ledger.campaign("coupling")


def test_an_older_record_on_a_full_disk_is_not_upgraded_and_says_why(file: Path) -> None:
    shutil.copy(GOLDEN, file)

    with no_room(), pytest.raises(LedgerFull, match="where it is full or a quota is used up"):
        reopen_ledger(str(file))


def test_where_no_file_can_be_made_a_look_reads_what_is_there_and_a_write_says_why(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(str(file)) as ledger:
        written = ledger.observations("coupling")

    def no_inode(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    Path(f"{file}-wal").symlink_to(file.parent / "nowhere" / "log")  # SQLite cannot make a file there
    monkeypatch.setattr("db.only_read.tempfile.TemporaryFile", no_inode)

    with open_ledger(str(file)) as ledger:
        assert ledger.observations("coupling") == written
        with pytest.raises(LedgerFull, match=r"no further file can be made there, see df -i: No space left on device"):
            ledger.acquire("coupling", "somebody", timedelta(minutes=1))
