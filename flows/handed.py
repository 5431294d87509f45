"""Handed out: who was given which experiment, on which request, and which is with nobody yet, as the record tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.several import PARTED
from flows.figures import resource_of
from loop.experiment import Event, State
from loop.record import AttemptEventRecord, AttemptRecord, Json

ASK_TELL: Final = "ask_tell"  # the laboratory of which experiments are asked for
_HANDED: Final = re.compile(r"handed to (.+), who asked under the key (\S+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Handout:
    """Of an experiment: who was given it last, on which request, and when."""

    by: str
    request: str  # the key under which it was asked for
    at: datetime


def handed(by: str, request: str) -> str:
    """What the record says of an experiment when it is handed out."""
    return f"handed to {by}, who asked under the key {request}"


def handouts(steps: Iterable[AttemptEventRecord]) -> dict[str, Handout]:
    """By key of an attempt, its last handout; nothing of one that was given back since."""
    found: dict[str, Handout] = {}
    for step in steps:
        if step.event is Event.STARTED and (said := _HANDED.fullmatch(step.detail)):
            found[step.key] = Handout(said[1], said[2], step.at)
        elif step.event is Event.ABSENT:
            found.pop(step.key, None)
    return found


def asker(steps: Iterable[AttemptEventRecord], request: str) -> str:
    """Who was given experiments under a request, those given back since included; "" where nobody was."""
    said = (_HANDED.fullmatch(step.detail) for step in steps if step.event is Event.STARTED)
    return next((each[1] for each in said if each and each[2] == request), "")


def waits_to_be_asked(resolved: Json, attempt: AttemptRecord) -> bool:
    """Whether an attempt is with nobody yet, because its laboratory lets it wait until somebody asks for it."""
    section = resolved["laboratory"]
    parts = section.get("laboratories") if section["adapter"] == PARTED else {section["adapter"]: section}
    mine = parts.get(resource_of(attempt) or section["adapter"], {}).get("adapter")
    return attempt.state is State.SUBMITTED and mine == ASK_TELL
