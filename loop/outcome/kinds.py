"""Kinds of outcome: how an experiment ended.

``Measured`` ran as intended and gave numbers; ``Negative`` ran as intended and the answer was no;
``Fault`` did not run as intended. Nothing is thrown away and nothing is learnt from an accident.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Integral, Real
from typing import Final, TypeAlias

from loop.errors import OutcomeError

LARGEST_N: Final = 10**9  # readings behind one value; well inside a 32-bit column
LARGEST: Final = 1e60  # no quantity comes to more, and products of several are still finite (up to 1.8e308)


class Qualifier(StrEnum):
    """What a reported number says: equal to it, below it or above it."""

    EQUAL = "="
    BELOW = "<"
    ABOVE = ">"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One reported number, in the unit it was reported in and in the target's unit."""

    property: str
    value: float  # as reported, in ``unit``
    unit: str
    canonical: float  # the same in the unit that the campaign's target has
    sd: float | None = None  # standard deviation of the value as reported, in ``unit``
    canonical_sd: float | None = None  # the same in the target's unit
    n: int = 1  # number of readings behind the value
    qualifier: Qualifier = Qualifier.EQUAL
    channel: str | None = None  # detector or method, where there are several

    def __post_init__(self) -> None:
        for name, number in (("value", self.value), ("canonical value", self.canonical)):
            if not (isinstance(number, Real) and math.isfinite(number)):
                raise OutcomeError(
                    f"{self.property!r}: the {name} must be a finite number, got {number!r}; "
                    "report an experiment without a number as negative or fault"
                )
        if self.sd is not None and not (isinstance(self.sd, Real) and math.isfinite(self.sd) and self.sd >= 0):
            raise OutcomeError(f"{self.property!r}: sd must be zero or above, got {self.sd!r}")
        if self.sd is not None and self.canonical_sd is None:
            raise OutcomeError(
                f"{self.property!r}: sd {self.sd} counts only by what it is in the target's unit; give canonical_sd too"
            )
        if self.canonical_sd is not None and not math.isfinite(self.canonical_sd):
            raise OutcomeError(f"{self.property!r}: sd is too large for the target's unit, got {self.sd} {self.unit}")
        if self.canonical_sd is not None and self.canonical_sd < 0:
            raise OutcomeError(f"{self.property!r}: canonical_sd must be zero or above, got {self.canonical_sd}")
        if not (isinstance(self.n, Integral) and 1 <= self.n <= LARGEST_N):
            raise OutcomeError(f"{self.property!r}: n must be between 1 and 10^9, and whole, got {self.n!r}")
        if not isinstance(self.qualifier, Qualifier):
            known = ", ".join(f"Qualifier.{q.name} ({q.value})" for q in Qualifier)
            raise OutcomeError(f"{self.property!r}: qualifier must be one of {known}, got {self.qualifier!r}")


def as_told(m: Measurement) -> float:
    """The number that tells a value from others: of a class that of its word, else the value in the target's unit."""
    return m.canonical if m.unit else m.value


def too_large(m: Measurement) -> str:
    """What cannot be reckoned with, and the rule; "" for an ordinary value. Such a one may be on record already."""
    for what, number in (("", m.canonical), ("the sd ", m.canonical_sd or 0.0)):
        if abs(float(number)) > LARGEST:  # a number of numpy may have too few bits to be held against it
            rule = f"is beyond {LARGEST:g} of the target's unit, too large to be reckoned with"
            return f"{m.property!r}: {what}{number:g} {rule}"
    return ""


class FaultKind(StrEnum):
    """Why an experiment did not run as intended. A closed list; stored, so it only grows."""

    INPUT_ERROR = "input_error"
    RESOURCE_ERROR = "resource_error"
    CONVERGENCE_ERROR = "convergence_error"
    RANDOM_ERROR = "random_error"
    COMPUTE_LOST = "compute_lost"
    INSTRUMENT_FAULT = "instrument_fault"
    CONSUMABLE_MISSING = "consumable_missing"
    SAFETY_STOP = "safety_stop"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    ANALYSIS_FAILED = "analysis_failed"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


CANNOT: Final = "cannot"  # what a person writes of a candidate that could not be made; it tells of the candidate
CANNOT_KIND: Final = FaultKind.INPUT_ERROR  # as which it is kept


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What a kind of fault means: how often to try again, and whether it tells of the candidate.

    What ``lasts`` says nothing of other candidates, but the same would end so again.
    """

    retries: int
    informative: bool
    lasts: bool = False


FAULT_RULES: Final[dict[FaultKind, FaultRule]] = {
    FaultKind.INPUT_ERROR: FaultRule(0, True),  # the program refuses this structure, and will again
    FaultKind.RESOURCE_ERROR: FaultRule(1, False),
    FaultKind.CONVERGENCE_ERROR: FaultRule(0, True),
    FaultKind.RANDOM_ERROR: FaultRule(2, False),
    FaultKind.COMPUTE_LOST: FaultRule(3, False),
    FaultKind.INSTRUMENT_FAULT: FaultRule(1, False),
    FaultKind.CONSUMABLE_MISSING: FaultRule(0, False),
    FaultKind.SAFETY_STOP: FaultRule(0, True),
    FaultKind.CANCELLED: FaultRule(0, False),
    FaultKind.TIMEOUT: FaultRule(1, False, lasts=True),  # a node may be slow once
    FaultKind.ANALYSIS_FAILED: FaultRule(0, False),
    FaultKind.AMBIGUOUS: FaultRule(0, False),
    FaultKind.UNKNOWN: FaultRule(1, False),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Ran as intended and gave numbers."""

    measurements: tuple[Measurement, ...]

    def __post_init__(self) -> None:
        _check_measurements(self.measurements)
        if not self.measurements:
            raise OutcomeError("a measured outcome needs at least one value; report none as negative or fault")
        seen = [(m.property, m.channel) for m in self.measurements]
        if len(set(seen)) < len(seen):
            twice = next(name for name, channel in seen if seen.count((name, channel)) > 1)
            raise OutcomeError(
                f"a measured outcome names {twice!r} twice; give each its own channel, or their mean with sd and n"
            )


@dataclass(frozen=True, slots=True)
class Negative:
    """Ran as intended, and the answer was no: no conversion, nothing above the detection limit."""

    reason: str
    measurements: tuple[Measurement, ...] = ()  # limits, such as yield < 1 %

    def __post_init__(self) -> None:
        _check_measurements(self.measurements)


@dataclass(frozen=True, slots=True)
class Fault:
    """Did not run as intended: a clogged needle, a diverged SCF, a lost instrument."""

    kind: FaultKind
    message: str
    informative: bool  # True: says something about the candidate, so it trains feasibility

    @property
    def leaves_open(self) -> bool:
        """Whether the candidate may be proposed again: the fault neither tells of it nor would come again."""
        return not self.informative and not FAULT_RULES[self.kind].lasts

    @property
    def outlives_its_candidate(self) -> bool:
        """Whether something is to be learnt from it where a campaign has no such candidate any more: it ran, and tells
        of others. What was refused or cannot be made never ran, and an accident tells of none."""
        return self.informative and self.kind is not FaultKind.INPUT_ERROR

    @staticmethod
    def of(kind: FaultKind, message: str, informative: bool | None = None) -> Fault:
        """A fault with the kind's own ``informative`` flag unless one is given.

        Raises:
            OutcomeError: There is no such kind.
        """
        if kind not in FAULT_RULES:
            raise OutcomeError(f"fault kind {kind!r} is unknown; known: {', '.join(FAULT_RULES)}")
        return Fault(kind, message, FAULT_RULES[kind].informative if informative is None else informative)


Outcome: TypeAlias = Measured | Negative | Fault


def _check_measurements(given: object) -> None:
    """See that several measurements are given as such, and not one by itself."""
    if not (isinstance(given, Sequence) and all(isinstance(m, Measurement) for m in given)):
        raise OutcomeError(f"measurements must be a tuple of Measurement, such as (m,), got {given!r}")
