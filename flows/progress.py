"""Whom long work tells how far it is: what is being done, and how much of it is done."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int], None]  # what is being done, such as "rows judged", and how many records are done


def in_silence(_what: str, _done: int) -> None:
    """Shows nothing."""
