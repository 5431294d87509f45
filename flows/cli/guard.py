"""How a command ends when something is wrong: one message, an exit code, and no traceback on the screen.

======  ===========================================================================================
code    means
======  ===========================================================================================
0       done
1       hakken itself failed; the traceback is in the log file that the message names
2       refused, or something is not as it should be: the message names it, the rule and the way out
130     stopped by Ctrl-C; everything can be gone on with
======  ===========================================================================================
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

import typer
from typer.core import TyperGroup

from flows.cli.screen import computing, spell_strange_letters, takes_all_letters
from loop.errors import HakkenError
from loop.progress import waited

_ROOM: Final = 1 << 20  # bytes free on a disk under which it is full: a page of a report may not fit
_PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)\S*(?=@)|(\bpassword=)[^\s&]+")  # in the URL of a record that was typed
FAILED: Final = 1
REFUSED: Final = 2
INTERRUPTED: Final = 130
LOOKS: Final = frozenset(  # compute, and keep nothing
    {"best", "compare", "examine", "explain", "predict", "rehearse", "replay", "window"}
)

# typer brings its own click since 0.29 and used the public one before: this finds the class in both.
_UsageError: Final[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


class Guarded(TyperGroup):
    """The group of all commands; turns exceptions into messages and exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spell_strange_letters()
        ctx.meta["as_json"] = "--json" in args
        try:
            return super().parse_args(ctx, args)
        except _UsageError as error:
            _tell_usage(error, as_json=ctx.meta["as_json"])
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            with computing(), waited(_tell_wait):
                return super().invoke(ctx)
        except HakkenError as error:
            code, kind, message = REFUSED, type(error).__name__, str(error)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise  # the reader of a pipe went away: nobody is left to tell
            code, kind, message = REFUSED, type(error).__name__, _describe(error)
        except KeyboardInterrupt:
            code, kind = INTERRUPTED, "Interrupted"
            message = "stopped; nothing is lost, the same command goes on from here"
            if ctx.invoked_subcommand in LOOKS:
                message = "stopped; nothing was changed, the same command begins anew"
        except Exception as error:
            if isinstance(error, _UsageError | typer.Exit | typer.Abort):
                _tell_usage(error, as_json=ctx.meta["as_json"])
                raise  # says on standard error how the command is used
            code, kind, message = FAILED, type(error).__name__, _log(error)
        tell(message, kind, as_json=ctx.meta["as_json"])
        raise typer.Exit(code)


def tell(message: str, kind: str, *, as_json: bool) -> None:
    """Say on standard error what is wrong; a program also gets it as its JSON document."""
    typer.secho("error: ", fg="red", err=True, nl=False)
    print(message, file=sys.stderr)
    if as_json:
        with suppress(OSError):  # as where standard output is what takes no more
            _print_document(message, kind)


def _tell_wait(what: str) -> None:
    """Say on standard error what a command waits for, a program's as well."""
    print(f"note: {what}", file=sys.stderr, flush=True)


def _tell_usage(error: Any, *, as_json: bool) -> None:
    """The JSON document of a command that was typed wrongly."""
    if as_json and isinstance(error, _UsageError):
        _print_document(error.format_message(), type(error).__name__)


def _print_document(message: str, kind: str) -> None:
    print(json.dumps({"error": message, "kind": kind}, ensure_ascii=not takes_all_letters(), indent=2))


def _describe(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        whose = f"of {error.filename} " if error.filename else _full_disks()
        room = "make room there"
        if error.errno == errno.EFBIG:
            room = "let files there be larger (ulimit -f)"
        elif error.filename and _takes_no_file(Path(error.filename).absolute()):
            room = "delete files there, of which it takes no more (df -i)"
        return f"the disk {whose}is full ({what}); {room}, then the same command goes on: nothing on record is lost"
    return f"{error.filename}: {what[0].lower()}{what[1:]}; check the path and its rights" if error.filename else what


def _takes_no_file(path: Path) -> bool:
    """Whether the disk has as many files as it can."""
    disk = os.statvfs(next(folder for folder in path.parents if folder.exists()))
    return disk.f_files > 0 and disk.f_favail == 0  # some file systems count none


def _full_disks() -> str:
    """Which of the disks that a project writes to are full, where the system does not say which file was to be written.

    That of the project's folder where none looks full, as with a quota, or that which standard output goes to.
    """
    from flows.settings import Settings
    from flows.wiring import SQLITE

    where = Settings.from_environment()
    folders = [where.home, Path.cwd(), Path(tempfile.gettempdir())]
    if where.database.startswith(SQLITE):
        folders.insert(1, Path(where.database.removeprefix(SQLITE)).absolute().parent)
    there = [next(path for path in (folder, *folder.parents) if path.exists()) for folder in folders]
    by_disk = {folder.stat().st_dev: folder for folder in reversed(there)}  # the first of each disk stays
    full = [str(folder) for folder in there if folder in by_disk.values() and shutil.disk_usage(folder).free < _ROOM]
    output = ["what standard output goes to"] if _goes_to_a_disk(sys.stdout) else []
    return f"of {' or of '.join(dict.fromkeys(full or [str(there[0]), *output]))} "


def _goes_to_a_disk(stream: TextIO) -> bool:
    """Whether a stream ends in a file or a device, and not on a screen, in a pipe, or within the process."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not stream.isatty())


def _log(error: Exception) -> str:
    """Append the traceback to the log file; returns the message that names it."""
    from flows.faults import log

    return log(error, _PASSWORD.sub(r"\1\2***", " ".join(sys.argv)))
