"""What a command shows: text for a person, or one JSON document for a program, never both."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.shown.plain import plain
from loop.progress import watched
from loop.wording import in_digits

if TYPE_CHECKING:
    from rich.console import Console

    from flows.progress import Progress

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

AGAIN = 0.1  # seconds after which a line of progress is written anew
SELDOM = 60.0  # seconds after which the next one is written where standard error is a file: each stays there
WIDE = 160  # columns where the output is no terminal: a file or a pipe has no width of its own


def is_standard_output(file: Path | None, *, as_json: bool) -> bool:
    """Whether what is to be written goes to standard output, which ``-`` names, and nothing else is said there."""
    if file != Path("-"):
        return False
    if as_json:
        raise typer.BadParameter(
            "a document goes to standard output, and so does what is written to -; name a file, or leave --json out"
        )
    return True


class Screen:
    """Standard output of one command. With ``as_json`` only ``document`` prints; without, everything else does."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> Console:
        from rich.console import Console  # 0.1 s: only for tables and live progress

        # Names and SMILES hold brackets and colons, which are not markup, and commands must not be broken.
        width = None if sys.stdout.isatty() else WIDE
        return Console(markup=False, highlight=False, emoji=False, soft_wrap=True, width=width)

    def say(self, text: str = "", *, bold: bool = False) -> None:
        """A line for a person."""
        if not self.as_json:
            typer.secho(text, bold=bold or None)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
        """A table for a person; numbers are shown to four digits."""
        if self.as_json:
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, show_header=any(columns), title=title, title_justify="left", pad_edge=False)
        for column in columns:
            table.add_column(Text(column), overflow="fold")
        for row in rows:
            table.add_row(*(Text(shown(cell)) for cell in row))
        self.console.print(table, soft_wrap=False)

    def next_step(self, text: str) -> None:
        """What to do now: the last line of every command."""
        self.say(f"next: {text}", bold=True)

    def document(self, value: object) -> None:
        """The JSON document for a program."""
        if self.as_json:
            print(json.dumps(plain(value), ensure_ascii=not takes_all_letters(), indent=2, allow_nan=False))


def takes_all_letters() -> bool:
    """Whether what reads standard output takes every letter: not so in a locale of old, or a file on Windows."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def spell_strange_letters() -> None:
    """Write letters that standard output does not take as escapes, rather than fail over a name or a path."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict" and not takes_all_letters():
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def progress_line() -> Iterator[Progress]:
    """Progress of long work in a line of standard error, which is gone when the work is done.

    Where that is no terminal, a line a minute, so that a log tells a long computation from a stopped one.
    """
    if not sys.stderr.isatty():
        yield _logged()
        return
    widest, last, what_last = 0, -AGAIN, ""

    def progress(what: str, done: int) -> None:
        nonlocal widest, last, what_last
        now = time.monotonic()
        if what == what_last and now - last < AGAIN:
            return
        text = f"{what}: {done:,}" if done else what
        last, what_last, widest = now, what, max(widest, len(text))
        print(f"\r{text:{widest}s}", end="" if text else "\r", file=sys.stderr, flush=True)

    try:
        yield progress
    finally:
        if widest:
            print(f"\r{'':{widest}s}\r", end="", file=sys.stderr, flush=True)


def _logged() -> Progress:
    """Progress as lines that stay, the first after a minute."""
    last = time.monotonic()

    def progress(what: str, done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if what and now - last >= SELDOM:
            last = now
            print(f"{what}: {done:,}" if done else what, file=sys.stderr, flush=True)

    return progress


@contextmanager
def computing() -> Iterator[None]:
    """Show in such a line how far a long computation is; it is gone when that is done."""
    with progress_line() as line, watched(lambda said: line(said, 0)):
        yield


def shown(value: object) -> str:
    """A cell of a table: nothing for None, four digits for a number."""
    if value is None:
        return ""
    if isinstance(value, float):
        return in_digits(value, 4)
    return str(value)


def columns_of(texts: Sequence[str]) -> str:
    """Some names in a line, cut short where there are many."""
    return ", ".join(texts[:8]) + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")
