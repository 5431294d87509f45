"""Plates at the stand-in robot: attempts that wait for one, how far it came, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adapters.errors import AdapterUnavailable
from adapters.opentrons.adapter import Opentrons
from adapters.opentrons.stand_in import StandIn, transport
from loop.contracts import AttemptKey, Envelope, Handle, Phase
from loop.outcome import Outcome, read_outcome
from tests.adapters.plates.robots import TARGETS, experiment, laboratory, twin

WELLS = ("A1", "A2", "A3", "B1", "B2", "B3")
KEYS = tuple(AttemptKey(f"attempt-{well}") for well in WELLS)


def started(lab: Opentrons, wells: tuple[str, ...] = WELLS) -> list[Handle]:
    """Attempts in these wells, started, that wait for their plate to be closed."""
    handles = []
    for well in wells:
        key = AttemptKey(f"attempt-{well}")
        handles.append(lab.prepare(experiment(well), key))
        lab.start(handles[-1], key)
    return handles


def until_ended(lab: Opentrons, handles: list[Handle], looks: int = 30) -> None:
    for _ in range(looks):
        try:
            phases = {lab.status(handle).phase for handle in handles}
        except AdapterUnavailable:
            continue
        if phases == {Phase.ENDED}:
            return
    raise AssertionError([lab.status(handle) for handle in handles])


def outcomes(lab: Opentrons, handles: list[Handle]) -> list[Outcome]:
    envelopes: list[Envelope] = [e for handle in handles for e in lab.fetch(handle)]
    return [read_outcome(json.loads(e.payload), TARGETS) for e in envelopes]


def runs(folder: Path) -> list[int]:
    """How often each well's attempt was really made."""
    moved = twin(folder).moved()
    return [moved[key] for key in KEYS]


def playing(folder: Path, **changes: Any) -> tuple[Opentrons, list[Handle], StandIn]:
    """A plate whose run goes on at the robot."""
    robot = twin(folder, looks=1000)
    lab = laboratory(folder, **changes)
    lab._driver.robot._transport = transport(robot)  # the twin of the options would end after two looks
    handles = started(lab)
    lab.close("1", handles)
    assert lab.status(handles[0]).phase is Phase.RUNNING
    return lab, handles, robot
