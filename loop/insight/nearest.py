"""Nearest: what comes nearest to keeping the thresholds, where nothing measured keeps them all yet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from loop.objective import Objective, Target
from loop.wording import in_full

NONE_KEEPS = "nothing yet keeps the thresholds"


def nearest(objective: Objective, rows: Sequence[Mapping[str, float]]) -> int | None:
    """The row of values that misses the thresholds by least; None where a row keeps them all, or none can be judged.

    A row without a value for some threshold is not judged.
    """
    bounded = [t for t in objective.targets if t.has_bounds]
    if not bounded or any(objective.keeps(row) for row in rows):
        return None
    judged = [i for i, row in enumerate(rows) if all(t.name in row for t in bounded)]
    if not judged:
        return None
    short = shortfalls(objective, [rows[i] for i in judged])
    return judged[int(np.argmin(short))]


def shortfalls(objective: Objective, rows: Sequence[Mapping[str, float]]) -> list[float]:
    """By how much rows with a value for each threshold miss them, in shares of each target's range, summed.

    Both are taken on the targets' scales.
    """
    bounded = [t for t in objective.targets if t.has_bounds]
    values = {t.name: _on_scale(t, [row[t.name] for row in rows]) for t in bounded}
    ranges = {t.name: float(np.ptp(values[t.name])) or 1.0 for t in bounded}
    return [sum(_miss(t.on_scale, values[t.name][i]) / ranges[t.name] for t in bounded) for i in range(len(rows))]


def _on_scale(target: Target, values: Sequence[float]) -> list[float]:
    """Values on a target's scale; what has no place there lies a decade below all that have one."""
    scaled = [target.scaled(value) for value in values]
    least = min((v for v in scaled if math.isfinite(v)), default=0.0) - 1.0
    return [v if math.isfinite(v) else least for v in scaled]


def unjudged(objective: Objective, rows: Sequence[Mapping[str, float]]) -> str:
    """Why no row can be held against the thresholds, "" where one can, or there is nothing to be held against them."""
    bounded = [t.name for t in objective.targets if t.has_bounds]
    if not bounded or not rows or any(all(name in row for name in bounded) for row in rows):
        return ""
    missing = [name for name in bounded if not any(name in row for row in rows)]
    has = "it has" if len(missing) == 1 else "they have"
    of = " and ".join(missing) or f"all of {', '.join(bounded)}"
    return f"no result has a value of {of} yet, and {has} thresholds, so none can be named best"


def misses(objective: Objective, row: Mapping[str, float], signs: Mapping[str, str] | None = None) -> str:
    """Which thresholds a row breaks, such as "yield 62.1 %, and at least 80 % is wanted"; ``signs`` tells limits from
    values."""
    said = []
    for t in objective.targets:
        if t.name not in row or t.meets(row[t.name]):
            continue
        (low, high), value = t.asked, row[t.name]
        kind, bound = ("at least ", low) if value < low else ("at most ", high)
        kind = "" if t.classes is not None else kind
        is_there, is_wanted = t.shown(value) or in_full(value, t.unit), t.shown(bound) or f"{bound:g}"
        sign = (signs or {}).get(t.name, "=").replace("=", "")
        said.append(
            f"{t.name} {sign}{is_there} {t.unit}".rstrip() + f", and {kind}{is_wanted} {t.unit}".rstrip() + " is wanted"
        )
    return "; ".join(said)


def _miss(t: Target, value: float) -> float:
    low, high = t.asked
    return max(low - value if math.isfinite(low) else 0.0, value - high if math.isfinite(high) else 0.0, 0.0)
