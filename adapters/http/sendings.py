"""Sendings: what was sent of each attempt and what was heard of it, as small files beside it that never change.

``sent-N.json`` is written before the N-th sending, ``accepted-N.json`` when the laboratory has it, ``doubted-N.json``
when nobody could tell. An attempt is sent once more only where the laboratory is sure that it never came, or where a
person resolved the doubt.
``refused.json`` and ``results.json`` end it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adapters.common.durable import write_once
from adapters.common.folder import Jobs, reachable, read_json
from loop.contracts import Handle


@dataclass(frozen=True, slots=True)
class Sending:
    """The last time that an attempt was sent."""

    number: int
    memory: str  # the laboratory's memory just before
    is_accepted: bool
    is_doubted: bool


class Sendings:
    """The sendings of every attempt in a folder; any number of objects and processes may share it."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    @contextmanager
    def alone(self, handle: Handle) -> Iterator[None]:
        """Nobody else sends or cancels this attempt until the block ends."""
        self.jobs.folder(handle)  # raises where nothing was prepared
        with self.jobs.locked(f"jobs/{handle}/lock"):
            yield

    def last(self, handle: Handle) -> Sending | None:
        """None where it was never sent."""
        number, found = 0, None
        while (sent := self._read(handle, f"sent-{number}")) is not None:
            accepted, doubted = self._read(handle, f"accepted-{number}"), self._read(handle, f"doubted-{number}")
            found = Sending(number, str(sent["memory"]), accepted is not None, doubted is not None)
            number += 1
        return found

    def note_sending(self, handle: Handle, memory: str) -> None:
        """It is about to be sent: on disk before anything leaves."""
        last = self.last(handle)
        self._write(handle, f"sent-{0 if last is None else last.number + 1}", {"memory": memory})

    def note_accepted(self, handle: Handle) -> None:
        if (last := self.last(handle)) is not None and not last.is_accepted:
            self._write(handle, f"accepted-{last.number}", {})

    def note_doubted(self, handle: Handle, why: str) -> None:
        if (last := self.last(handle)) is not None and not last.is_doubted:
            self._write(handle, f"doubted-{last.number}", {"why": why})

    def end(self, handle: Handle, what: str, payloads: list[str]) -> tuple[str, ...]:
        """Keep how it ended (``refused`` or ``results``), unless that is known; returns what is kept."""
        self._write(handle, what, {"payloads": payloads})
        return self.ended(handle) or ()

    def ended(self, handle: Handle) -> tuple[str, ...] | None:
        """The payloads that it ended with; None where it has not, as far as is known here."""
        if not self.jobs.knows(handle):
            return None
        if (cancelled := self.jobs.cancelled(handle)) is not None:
            return (str(cancelled["payload"]),)
        for what in ("refused", "results"):
            if (found := self._read(handle, what)) is not None:
                return tuple(found["payloads"])
        return None

    def _read(self, handle: Handle, name: str) -> Mapping[str, Any] | None:
        return read_json(self.jobs.folder(handle) / f"{name}.json")

    def _write(self, handle: Handle, name: str, record: Mapping[str, Any]) -> None:
        path = self.jobs.folder(handle) / f"{name}.json"
        with reachable(path):
            write_once(path, json.dumps(record, sort_keys=True))
