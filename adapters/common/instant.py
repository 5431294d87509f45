"""Laboratories that know at the start how a run will end: the shared half of ``emulator`` and ``simulated``.

What will come back, and when, is written with the start, in one file made once. So a start given twice runs once,
envelopes never change, and whoever looks later, with another object, sees the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.common.folder import Jobs
from loop.contracts import Absent, AttemptKey, Envelope, ExperimentSpec, Found, Handle, Phase, Status

Clock = Callable[[], float]  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Foreseen:
    """How a run will end: the payloads that it will send, and how long it takes."""

    payloads: tuple[str, ...]
    seconds: float


class InstantRuns:
    """The attempts of a laboratory whose results are known at the start."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self.jobs = jobs
        self._clock = clock

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self.jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey, foresee: Callable[[], Foreseen]) -> bool:
        """Start the run unless it was started or cancelled; True when this call did it.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
        """
        self.jobs.checked(handle, key)
        if self.jobs.started(handle) is not None or self.jobs.cancelled(handle) is not None:
            return False
        foreseen = foresee()
        record = {"payloads": foreseen.payloads, "ready_at": self._clock() + foreseen.seconds}
        return self.jobs.start(handle, record)

    def find(self, key: AttemptKey) -> Found | Absent:
        return self.jobs.find(key)

    def status(self, handle: Handle) -> Status:
        if not self.jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self.jobs.root}")
        if (cancelled := self.jobs.cancelled(handle)) is not None:
            return Status(Phase.ENDED, f"cancelled: {cancelled['reason']}")
        started = self.jobs.started(handle)
        if started is None:
            return Status(Phase.PREPARED)
        left = started["ready_at"] - self._clock()
        return Status(Phase.RUNNING, f"{left:.0f} s left") if left > 0 else Status(Phase.ENDED)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        key = self.jobs.key(handle)
        if (cancelled := self.jobs.cancelled(handle)) is not None:
            return (Envelope(key, cancelled["payload"]),)
        started: Mapping[str, Any] = self.jobs.started(handle) or {}
        return tuple(Envelope(key, payload) for payload in started["payloads"])

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the attempt off; one that has ended, or that nobody knows, is left as it is."""
        if self.status(handle).phase in (Phase.PREPARED, Phase.RUNNING):
            self.jobs.call_off(handle, reason)


def dump(payload: Mapping[str, Any]) -> str:
    """A payload as text: JSON with sorted keys."""
    return json.dumps(payload, sort_keys=True, allow_nan=False)
