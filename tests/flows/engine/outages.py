"""A record that goes away at a named point, as that of a server which is started anew, and comes back after a while;
or one whose disk is full meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from sqlalchemy.exc import OperationalError

from db import engine as engines
from loop import checkpoints

IN_A_TRANSACTION: Final = ("work.before-commit", "work.after-commit")
GONE: Final = "the server closed the connection\n\tunexpectedly"
FULL: Final = "database or disk is full"
REFUSALS: Final = 4  # by which a run has looked for its record twice at least


class Outage:
    """The database is away from a label on, when it is reached for the first and for the third time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, label: str, text: str = GONE) -> None:
        self._text = text
        self._label, self._reached, self._refusals = label, 0, 0
        self.outages = 0
        for kind in ("reading", "writing"):
            monkeypatch.setattr(engines, kind, self._guarded(getattr(engines, kind)))
        monkeypatch.setattr(checkpoints, "on_reached", self._at)

    @property
    def is_on(self) -> bool:
        return self._refusals > 0

    def _at(self, label: str) -> None:
        if label != self._label or self.is_on:
            return
        self._reached += 1
        if self._reached in (1, 3):
            self._refusals = REFUSALS
            self.outages += 1
            if label in IN_A_TRANSACTION:
                raise self._gone()

    def _guarded(self, opened: Any) -> Any:
        @contextmanager
        def guarded(engine: Any) -> Iterator[Any]:
            if self.is_on:
                self._refusals -= 1
                raise self._gone()
            with opened(engine) as session:
                yield session

        return guarded

    def _gone(self) -> OperationalError:
        return OperationalError("SELECT 1", {}, Exception(self._text))
