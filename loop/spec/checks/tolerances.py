"""What can be wrong with how far numbers are said to stray."""

from __future__ import annotations

from typing import Final

import numpy as np

from loop.space import Discrete, Space
from loop.space.parameters import Number
from loop.spec.building import build_objective, build_space
from loop.spec.lines import Path, Problem
from loop.spec.models import CampaignSpec
from loop.spec.tolerances import build_tolerances
from loop.tolerance import Tolerance
from loop.working import workings_of

WITHOUT_ZERO: Final = ("degC", "degF")
ANY: Final = (1.0, 2.0)  # what is measured, of which nothing is asked here
WIDEST: Final = 0.5  # of the range: of what strays by more one setting is as good as another


def problem_of_tolerances(spec: CampaignSpec) -> Problem | None:
    """What is wrong with the tolerances of a spec whose space was checked; None where nothing is."""
    space = build_space(spec)
    tolerances = build_tolerances(spec, space)
    for one in tolerances.each if tolerances is not None else ():
        at: Path = ("space", one.name, "tolerance")
        if spec.general is not None:
            return at, "general conditions are judged as they are set; leave general: or the tolerance out"
        p = space.parameters[one.column]
        assert isinstance(p, Number), "only numbers have one"
        if problem := _problem(one, p) or _without_value(spec, space, one, p):
            return at, problem
    return None


def _problem(one: Tolerance, p: Number) -> str:
    if p.high == p.low:
        return "it has one value, so no result tells what straying from it does; leave the tolerance out"
    if one.is_share:
        has_zero = p.unit not in WITHOUT_ZERO
        return "" if has_zero else f"a share of {p.unit} has no meaning, since its zero is a convention; give degrees"
    if one.amount > WIDEST * (p.high - p.low):
        return (
            f"{one.amount:g} to either side is more than half of its range, {p.low:g} to {p.high:g}; give by how much "
            "one setting strays, or leave the parameter out of the space"
        )
    least = min((v for v in p.values if v != 0.0), default=0.0) if isinstance(p, Discrete) else p.low
    if p.scale == "log" and one.amount >= least:
        return (
            f"the lowest value, {least:g}, may stray by {one.amount:g} to zero, which has no logarithm; give less, or "
            "a share of the value such as 5 %"
        )
    return ""


def _without_value(spec: CampaignSpec, space: Space, one: Tolerance, p: Number) -> str:
    """Which derived target has values wherever a number is set, and may have none where it strays to."""
    low, high = (float(one.strayed(np.array([end]), np.array([lot]))[0]) for end, lot in ((p.low, -1.0), (p.high, 1.0)))
    for working in workings_of(build_objective(spec), space):
        numbers = {name: space.parameters[column] for name, column in working.columns.items()}
        if one.name not in numbers:
            continue
        known = {part.name: ANY for part in working.parts}
        known |= {name: (n.low, n.high) for name, n in numbers.items() if isinstance(n, Number)}
        if working.expression.between(known) and not working.expression.between({**known, one.name: (low, high)}):
            return (
                f"it strays as far as {low:g} and {high:g}, and somewhere between {working.target.name} has no value; "
                "give less, or a share of the value such as 5 %"
            )
    return ""
