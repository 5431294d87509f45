"""What an outcome says of each property: an exact value, or the limits that it lies between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from loop.history import Claim
from loop.objective import Goal, Objective, Target
from loop.outcome import Measured, Outcome, Qualifier, too_large

AT_LEAST: Final = "at least"
AT_MOST: Final = "at most"  # and at least: what is sure of a level
Sure: TypeAlias = dict[
    str, tuple[float, str]
]  # by target: a value or limit, and =, > or <, of levels at least, at most


def values_of(outcome: Outcome) -> dict[str, float]:
    """Each property's exact value in target units, the mean where a property has several channels."""
    if not isinstance(outcome, Measured):
        return {}
    exact = [m for m in outcome.measurements if m.qualifier is Qualifier.EQUAL and not too_large(m)]
    found: dict[str, list[float]] = {}
    for m in exact:
        found.setdefault(m.property, []).append(m.canonical)
    return {name: float(np.mean(values)) if len(values) > 1 else float(values[0]) for name, values in found.items()}


def limits_of(outcome: Outcome) -> dict[str, tuple[float, float]]:
    """Between which limits each property lies that has no exact value, in target units; infinite where none is said."""
    if not isinstance(outcome, Measured):
        return {}
    exact, found = values_of(outcome), dict[str, tuple[float, float]]()
    for m in outcome.measurements:
        if m.property in exact or m.qualifier is Qualifier.EQUAL or too_large(m):
            continue
        low, high = found.get(m.property, (-math.inf, math.inf))
        is_above = m.qualifier is Qualifier.ABOVE
        found[m.property] = (max(low, m.canonical), high) if is_above else (low, min(high, m.canonical))
    return found


def sure_of(outcome: Outcome, objective: Objective) -> Sure:
    """What is sure of each target: its exact value and "=", or the limit that it is no worse than, and its sign.

    "> 99" of a yield is such a limit, and "< 0.1" of an impurity that is to be at most 0.5. Of levels it is the next
    one: above the second is the third or more, and the last itself where no other is left. Nothing is of a target to be
    improved whose value has no place on its logarithmic scale: a typed 0 would be better than all that can be.
    """
    found = {name: (value, Qualifier.EQUAL.value) for name, value in values_of(outcome).items()}
    limits = limits_of(outcome)
    for t in objective.targets:
        if t.name in limits and (value := t.sure(*limits[t.name])) is not None:
            found[t.name] = (value, sign_of(t, value, *limits[t.name]))
        if t.is_log and t.goal is not Goal.KEEP and t.name in found and found[t.name][0] <= 0:
            del found[t.name]
    return found


def held_of(outcome: Outcome, objective: Objective) -> Sure:
    """What is sure of each target, and of one whose thresholds a limit cannot keep that limit: "< 5" of a yield that is
    to be at least 40 misses it by 35 or more."""
    found = sure_of(outcome, objective)
    limits = limits_of(outcome)
    for t in objective.targets:
        if t.has_bounds and t.levels is None and t.name not in found and t.name in limits:
            (least, most), (low, high) = t.bounds, limits[t.name]
            if high < least:
                found[t.name] = (high, Qualifier.BELOW.value)
            elif low > most:
                found[t.name] = (low, Qualifier.ABOVE.value)
    return found


def on_scale(claims: Sequence[Claim], objective: Objective) -> tuple[Claim, ...]:
    """Claims as models make them, on the targets' scales; those that have no place there are left out."""
    if not objective.has_logs:
        return tuple(claims)
    targets = {t.name: t for t in objective.targets}
    found = []
    for claim in claims:
        if (target := targets.get(claim.target)) is None or not target.is_log:
            found.append(claim)
            continue
        voices = {name: target.moments_on_scale(*said) for name, said in claim.voices.items()}
        mean, sd = target.moments_on_scale(claim.mean, claim.sd)
        if claim.value > 0 and all(math.isfinite(m) for m in (mean, *(m for m, _ in voices.values()))):
            found.append(replace(claim, mean=mean, sd=sd, value=target.scaled(claim.value), voices=voices))
    return tuple(found)


def sign_of(target: Target, value: float, low: float, high: float) -> str:
    """What is to be said of a limit that is sure, between the two that are known."""
    if target.levels is None:
        return (Qualifier.ABOVE if value == low else Qualifier.BELOW).value
    if sum(low < level < high for level in target.levels) == 1:
        return Qualifier.EQUAL.value
    return AT_LEAST if target.sign > 0 else AT_MOST


def sign_of_score(objective: Objective, signs: Mapping[str, str]) -> str:
    """What is to be said of the score of what is sure, by the signs of the targets: with a limit among them, ">"."""
    is_exact = all(signs[t.name] == Qualifier.EQUAL for t in objective.wanted)
    return (Qualifier.EQUAL if is_exact else Qualifier.ABOVE).value
