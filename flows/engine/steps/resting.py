"""Resting: what could not be sent is not sent again in every pass, since each time costs two lines of the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

ALL: Final = ""  # the name of a laboratory as a whole
_FREE: Final = 3  # times in a row without a rest: a lost reply, a cable that was plugged in again
_FIRST: Final = 1.0  # seconds of the first rest; each is twice the one before
_LONGEST: Final = 60.0


class Resting:
    """What could not be sent to, or be sent, by name or key: a laboratory, parts of one, attempts. For one session."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` tells seconds, from anywhere."""
        self._clock = clock
        self._failed: dict[str, int] = {}
        self._until: dict[str, tuple[float, str]] = {}

    def fail(self, name: str, why: str) -> None:
        """Sending failed once more in a row, for the reason given."""
        times = self._failed[name] = self._failed.get(name, 0) + 1
        if times > _FREE:
            rest = min(_FIRST * 2.0 ** min(times - _FREE - 1, 10), _LONGEST)
            self._until[name] = self._clock() + rest, why

    def work(self, name: str) -> None:
        """Sending went well."""
        self._failed.pop(name, None)
        self._until.pop(name, None)

    def why(self, name: str) -> str | None:
        """Why nothing is to be sent now; None where it may be."""
        until, why = self._until.get(name, (0.0, ""))
        return why if name in self._until and self._clock() < until else None
