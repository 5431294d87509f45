"""What was made is measured by another laboratory, which gets each well under the attempt's own key."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from adapters.common.durable import write_once
from adapters.common.folder import Jobs, reachable, read_json
from adapters.common.instant import dump
from adapters.plates.driving import HELD
from adapters.plates.runs import PlateRun
from loop.checkpoints import reached
from loop.contracts import (
    Absent,
    Adapter,
    AsksLeave,
    AttemptKey,
    Capabilities,
    Envelope,
    ExperimentSpec,
    Finding,
    Found,
    Handle,
    Health,
    HearsLate,
    Phase,
    Problem,
    Status,
    SupportsExamination,
    Unknown,
)

_NOTE: Final = "measured.json"  # beside an attempt, once it was handed on: what it is called there


class Measuring:
    """The laboratory that measures, as whoever makes plates sees it; ``jobs`` are those of the maker."""

    def __init__(self, adapter: Adapter, jobs: Jobs) -> None:
        self._adapter, self._jobs = adapter, jobs
        self._has_leave: Callable[[], bool] = lambda: True

    def capabilities(self) -> Capabilities:
        return self._adapter.capabilities()

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return self._adapter.validate(spec)

    def health(self) -> Health:
        return self._adapter.health()

    def examine(self) -> Sequence[Finding]:
        """What it finds of itself."""
        return self._adapter.examine() if isinstance(self._adapter, SupportsExamination) else ()

    def ask_leave(self, has_leave: Callable[[], bool]) -> None:
        """Hand nothing on to be measured without leave."""
        self._has_leave = has_leave
        if isinstance(self._adapter, AsksLeave):
            self._adapter.ask_leave(has_leave)

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        return self._adapter.find(key)

    def has_ended(self, key: AttemptKey) -> bool:
        found = self._adapter.find(key)
        return isinstance(found, Found) and self._adapter.status(found.handle).phase is Phase.ENDED

    def cancel(self, key: AttemptKey, reason: str) -> None:
        """Call the measurement off, where it knows of it."""
        if isinstance(found := self._adapter.find(key), Found):
            self._adapter.cancel(found.handle, reason)

    def status(self, handle: Handle, plate: PlateRun) -> Status:
        """Where the measurement of a made well stands. All wells are handed on before the first is asked about."""
        if plate.noted("handed-on.json") is None:
            if not self._has_leave():
                return Status(Phase.RUNNING, f"made; its measurement is {HELD}")
            for member in plate.wells:
                if self._jobs.cancelled(member) is None and not plate.has_left(member):
                    self._hand_on(member)
            plate.note("handed-on.json", {})
        inner = self._adapter.prepare(self._jobs.spec(handle), self._jobs.key(handle))
        status = self._adapter.status(inner)
        if status.phase is Phase.PREPARED and not self._has_leave():
            return Status(Phase.RUNNING, f"made; its measurement is {HELD}")
        if status.phase is Phase.PREPARED:
            self._hand_on(handle)
            status = self._adapter.status(inner)
        if status.phase in (Phase.ENDED, Phase.LOST):
            return status
        return Status(Phase.RUNNING, f"made; {status.detail}", status.wants)

    def fetch(self, key: AttemptKey, plate: PlateRun) -> Sequence[Envelope]:
        """What it sends; of the attempt's own results with the run that made the well."""
        found = self._adapter.find(key)
        sent = self._adapter.fetch(found.handle) if isinstance(found, Found) else ()
        return tuple(_with_maker(envelope, plate) if envelope.key == key else envelope for envelope in sent)

    def late(self, made: Mapping[Handle, PlateRun]) -> Sequence[Envelope]:
        """What it measures of wells that were handed on and ended otherwise, with the run that made each."""
        if not isinstance(self._adapter, HearsLate):
            return ()
        plates = {self._jobs.key(handle): plate for handle, plate in made.items()}
        notes = (read_json(self._jobs.folder(handle) / _NOTE) for handle in made)
        came = self._adapter.late([Handle(note["handle"]) for note in notes if note is not None])
        return tuple(_with_maker(e, plates[e.key]) if e.key in plates else e for e in came)

    def _hand_on(self, handle: Handle) -> None:
        key, path = self._jobs.key(handle), self._jobs.folder(handle) / _NOTE
        inner = self._adapter.prepare(self._jobs.spec(handle), key)
        with reachable(path):
            write_once(path, dump({"handle": inner}))
        self._adapter.start(inner, key)
        reached("plates.handed-on")


def _with_maker(envelope: Envelope, plate: PlateRun) -> Envelope:
    """The envelope with the run that made the well in its provenance; one that is no JSON object stays as it is."""
    try:
        payload = json.loads(envelope.payload)
    except ValueError:
        return envelope
    if not isinstance(payload, dict) or not isinstance(payload.get("provenance", {}), dict):
        return envelope
    ended = plate.noted("ended.json") or {}
    made = {"run": ended.get("run"), "protocol": plate.key}
    told = {**payload, "provenance": {**payload.get("provenance", {}), "made_by": made}}
    return replace(envelope, payload=dump(told))
