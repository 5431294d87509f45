"""How far a long computation is, and what is waited for, for whoever watches. The core shows nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

OnProgress = Callable[[str], None]  # what is done and how far it is, such as "training networks: 34 %"; "" at its end

on_progress: OnProgress | None = None
on_wait: Callable[[str], None] | None = None


def progress(what: str, share: float) -> None:
    """Tell whoever watches that a share of something, from 0 to 1, is done; does nothing otherwise."""
    if on_progress is not None:
        on_progress(f"{what}: {100 * share:.0f} %" if share < 1 else "")


def counted(what: str, done: int) -> None:
    """The same of what is counted, such as molecules, where nobody knows of how many; 0 where nothing is."""
    if on_progress is not None:
        on_progress(f"{what}: {done:,}" if done else what)


@contextmanager
def watched(by: OnProgress) -> Iterator[None]:
    """Have ``by`` told for the length of the block, in place of whoever was told before."""
    global on_progress
    before, on_progress = on_progress, by
    try:
        yield
    finally:
        on_progress = before


def waits(what: str) -> None:
    """Tell whoever watches what is waited for, and how long; does nothing otherwise."""
    if on_wait is not None:
        on_wait(what)


@contextmanager
def waited(by: Callable[[str], None]) -> Iterator[None]:
    """Have ``by`` told of waits for the length of the block, in place of whoever was told before."""
    global on_wait
    before, on_wait = on_wait, by
    try:
        yield
    finally:
        on_wait = before
