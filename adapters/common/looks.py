"""One look at a queue or a robot for a whole pass, however many jobs are tracked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from adapters.errors import AdapterUnavailable
from loop.contracts import Phase, Status

T = TypeVar("T")


def last_known(phase: Phase, error: AdapterUnavailable) -> Status:
    """Where a job stood when its queue last gave an answer; whoever looks is told that it gives none."""
    return Status(phase, f"as last known: {error}", f"goes on, and cannot be followed now ({error})")


class Look(Generic[T]):
    """What a queue said; it is asked anew when a job comes up for the second time, and not sooner than ``rest``.

    Note [One look for each pass]: a pass asks about each job once, so a job asked about again begins a new pass. A
    queue that did not answer is not asked again in the same pass either.
    """

    def __init__(self, take: Callable[[], T], rest: float) -> None:
        """``rest``: seconds between two looks at the least."""
        self._take, self._rest = take, rest
        self._seen: set[str] = set()
        self._value: T | None = None
        self._error: AdapterUnavailable | None = None
        self._taken = self.began = 0.0  # by the steady clock, and by the calendar

    def at(self, job: str) -> T:
        """What the queue said in this pass.

        Raises:
            AdapterUnavailable: It did not answer.
        """
        is_first = self._value is None and self._error is None
        if is_first or (job in self._seen and time.monotonic() - self._taken >= self._rest):
            self._renew()
        self._seen.add(job)
        if self._value is None:
            assert self._error is not None
            raise self._error
        return self._value

    def _renew(self) -> None:
        self._seen.clear()
        self._value = self._error = None
        self.began, self._taken = time.time(), time.monotonic()
        try:
            self._value = self._take()
        except AdapterUnavailable as error:
            self._error = error
