"""One of several laboratories that could not be made: it does nothing until it can be, and the others go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from loop.contracts import (
    Adapter,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Handle,
    Health,
    Problem,
    Status,
)
from loop.errors import AdapterError, AdapterFailed

_REST: Final = 60.0  # seconds to the next try, where its file is as it was: a device may be switched on


class Unbuilt:
    """An ``Adapter`` in the place of one that could not be made, ``why`` says why not."""

    def __init__(
        self,
        why: str,
        make: Callable[[], Adapter],
        stamp: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``make`` makes it, and is tried again where ``stamp`` tells another number, and every ``_REST`` seconds."""
        self.why, self._make, self._stamp, self._clock = why, make, stamp, clock
        self._written, self._last = stamp(), clock()

    def made(self) -> Adapter | None:
        """It, where it can be made by now: its code was mended, or what it needs is there again."""
        written, now = self._stamp(), self._clock()
        if written == self._written and now < self._last + _REST:
            return None
        self._written, self._last = written, now
        try:
            return self._make()
        except AdapterError as error:
            self.why = str(error)
            return None

    def capabilities(self) -> Capabilities:
        """What makes the others no less able."""
        return Capabilities(Delivery.KEYED, 0, can_cancel=True, is_simulated=False)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        """Nothing: what it would refuse is known when it can be made, and until then nothing is sent."""
        return []

    def health(self) -> Health:
        return Health(False, self.why)

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        self._fail()

    def start(self, handle: Handle, key: AttemptKey) -> None:
        self._fail()

    def find(self, key: AttemptKey) -> NoReturn:
        self._fail()

    def status(self, handle: Handle) -> Status:
        self._fail()

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        self._fail()

    def cancel(self, handle: Handle, reason: str) -> None:
        self._fail()

    def _fail(self) -> NoReturn:
        raise AdapterFailed(self.why)
