"""What a laboratory is told and what it answers: experiments, handles, where an attempt stands, envelopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NewType

AttemptKey = NewType("AttemptKey", str)
Handle = NewType("Handle", str)


class Delivery(StrEnum):
    """How a laboratory guards against doubled experiments."""

    KEYED = "keyed"  # A: the other side refuses a second key
    TWO_PHASE = "two_phase"  # B: an inert prepare, then a start
    DISCOVERABLE = "discoverable"  # C: look before sending again
    BLIND = "blind"  # D: on doubt, a person decides


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a laboratory can do, as declared by it."""

    delivery: Delivery
    max_parallel: int | None  # attempts at once, None for any number
    can_cancel: bool
    is_simulated: bool
    properties: Mapping[str, str] | None = None  # what it measures, with units; None for whatever is asked
    parameters: frozenset[str] | None = None  # what it can set; None for whatever is asked
    needs_person: bool = False  # results come when a person brings them


@dataclass(frozen=True, slots=True)
class ExperimentSpec:
    """One experiment to be carried out: settings with units, and what is to be measured."""

    campaign: str
    settings: Mapping[str, str | float]
    units: Mapping[str, str]  # of the numeric settings
    smiles: Mapping[str, str]  # canonical SMILES of the structured settings
    targets: Mapping[str, str]  # property to be measured, and the unit wanted
    replicate_no: int = 0
    place: Mapping[str, str] = field(default_factory=dict)  # plate, well, row, column and block


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an experiment cannot be done: the thing, the rule, the remedy."""

    subject: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.rule}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Found:
    """The laboratory knows the key, under this handle. ``started`` False: it lies prepared, inert."""

    handle: Handle
    started: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """The laboratory is sure that it never got the key."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The laboratory cannot tell."""

    why: str


class Phase(StrEnum):
    """Where a laboratory stands with an attempt."""

    PREPARED = "prepared"
    WAITING = "waiting"  # started, in its queue
    RUNNING = "running"
    ENDED = "ended"  # envelopes can be fetched
    LOST = "lost"  # the laboratory no longer knows the handle


@dataclass(frozen=True, slots=True)
class Status:
    """Where an attempt stands, and a word for a person; ``wants`` is what it waits for that only a person can give.

    What ``wants`` says is noted in each pass; it is empty where waiting is all that there is to do.
    """

    phase: Phase
    detail: str = ""
    wants: str = ""


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file of an instrument, as it was written."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a laboratory sends: text that ``loop.outcome.read_outcome`` can read, and its key.

    With ``files`` it is ``loop.raw.raw_envelope``: the text names them, and the campaign's analysis reads them.
    """

    key: AttemptKey
    payload: str  # JSON
    files: tuple[RawFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a laboratory can work now, and if not, the remedy."""

    is_ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a laboratory found when it looked at one thing that it rests on: a program, an answer, a calibration."""

    subject: str
    verdict: Literal["ok", "note", "problem"]  # problem: it cannot work so; note: it could be better
    found: str
    remedy: str = ""
