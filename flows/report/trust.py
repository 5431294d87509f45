"""Trust: how predictions that were frozen beforehand fared, as the page has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loop.record import Arm

if TYPE_CHECKING:
    from flows.report.content import Setting


@dataclass(frozen=True, slots=True)
class Check:
    """A prediction frozen at proposal time, and what was measured afterwards, on the target's scale."""

    proposal_id: str
    settings: tuple[Setting, ...]
    arm: Arm
    round_number: int
    mean: float
    sd: float
    measured: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many measurements fell inside the stated interval; ``low`` to ``high`` is Wilson's 95 % interval."""

    level: float  # 0.5 or 0.9
    inside: int
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class HitRate:
    """Of a target with classes: how many hits the stated chances add up to, and how many came.

    ``low`` to ``high`` is Wilson's 95 % interval for the true share of hits.
    """

    expected: float
    found: int
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trust:
    """How the frozen predictions of some arms fared; with ``n`` below ``TOO_FEW`` it is no judgement.

    A class lies in no interval: where a target has classes, ``coverage`` is empty, and ``hits`` stands in its place.
    """

    arms: tuple[Arm, ...]
    n: int
    coverage: tuple[Coverage, ...]
    rmse: float | None  # on the target's scale
    spearman: float | None  # None where either side does not vary
    hits: HitRate | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Predicted against measured for one target."""

    target: str
    checks: tuple[Check, ...]
    trust: tuple[Trust, ...]  # of all arms first, then each arm where there are several
    left_out: int  # proposals with a prediction and an outcome, but without a number to check it against
    cheaper: int = 0  # those of cheap versions, which are left out as well
    elsewhere: int = 0  # those that ran at other settings than asked, likewise
