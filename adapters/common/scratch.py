"""The folder in which a program works on its node, and where it says what it does.

Note [Whose scratch it is]: whoever watches a calculation makes the folder and removes it, so that nothing stays behind
when the calculation is killed. It is named in the job's own folder: should the watch be killed as well, whoever
finds that removes it. It lies where TMPDIR says, which is the node's own disk: a program's files would be slow in a
folder that all nodes share. The standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from adapters.common.durable import replace

VARIABLE: Final = "HAKKEN_SCRATCH"  # the folder, in the environment of the calculation
_NOTE: Final = "scratch.json"  # in the job's folder: where its scratch is
_WORDS: Final = "words.json"  # in the scratch: the files in which the program says what it does


def make_scratch(job: Path) -> Path:
    """A new folder for one run of the job, whose name is put on record."""
    scratch = Path(os.environ.get("TMPDIR") or "/tmp") / f"hakken-{os.urandom(8).hex()}"
    try:
        scratch.mkdir(mode=0o700)
    except OSError:  # no such folder, or not ours: whatever else there is; the import takes milliseconds
        from tempfile import mkdtemp

        scratch = Path(mkdtemp(prefix="hakken-"))
    try:
        replace(job / _NOTE, json.dumps({"host": os.uname().nodename, "path": str(scratch)}), is_durable=False)
    except BaseException:  # nobody would know of it
        scratch.rmdir()
        raise
    return scratch


def scratch_of(job: Path) -> Path | None:
    """The folder that the job's last run left on this machine; None where it left none."""
    try:
        noted = json.loads((job / _NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    scratch = Path(noted["path"])
    return scratch if noted["host"] == os.uname().nodename and scratch.is_dir() else None


def remove_scratch(job: Path, scratch: Path) -> None:
    """Remove the folder with all that is in it, as far as the system lets us."""
    try:
        scratch.rmdir()
    except OSError:  # not empty
        from shutil import rmtree

        rmtree(scratch, ignore_errors=True)
    with suppress(OSError):  # its disk may be away; without the folder the note says nothing
        (job / _NOTE).unlink(missing_ok=True)


@contextmanager
def workplace() -> Iterator[Path]:
    """A new folder for a program: in the scratch of the calculation, which whoever watches it removes.

    Where nobody watches, it is removed at the end of the block.
    """
    from tempfile import TemporaryDirectory, mkdtemp

    if (scratch := os.environ.get(VARIABLE)) is not None:
        yield Path(mkdtemp(prefix="program-", dir=scratch))
        return
    with TemporaryDirectory(prefix="hakken-") as name:
        yield Path(name)


def note_words(*files: Path) -> None:
    """Put on record in which files the program says what it does, the one that says most first."""
    if (scratch := os.environ.get(VARIABLE)) is not None:
        replace(Path(scratch) / _WORDS, json.dumps([str(file) for file in files]), is_durable=False)


def words_of(scratch: Path) -> Path | None:
    """The file that holds what the program said; None where there is none, or it said nothing."""
    try:
        files = json.loads((scratch / _WORDS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return next((Path(file) for file in files if Path(file).is_file() and Path(file).stat().st_size), None)
