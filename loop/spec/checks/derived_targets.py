"""What can be wrong with derived targets: names that are none, what is no number, and a formula without a value."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError, did_you_mean
from loop.objective import Objective, Target
from loop.space import Continuous, Discrete, Space, sample_space
from loop.space.expressions import Expression, substituted
from loop.space.intervals import Span
from loop.space.parameters import least_and_most
from loop.spec.building import build_space
from loop.spec.checks.deriving import LOOK, part_of_space
from loop.spec.lines import Path, Problem
from loop.spec.models import CampaignSpec
from loop.working import Working, workings_of

COMBINATIONS = 64  # of values of parts that are tried
FEW = 0.005  # a share of the space that is no part of it, but some candidates


def derived_without_value(objective: Objective, space: Space) -> tuple[str, ...]:
    """A note for each derived target that has no value at some candidates, whatever is measured there."""
    workings = [w for w in workings_of(objective, space) if w.columns]
    if not workings:
        return ()
    try:
        x = sample_space(space, LOOK, 0, method="random")
    except SpaceError:  # whoever looks at the constraints says so
        return ()
    return tuple(said for w in workings if (said := _where_none(w, space, x)))


def _where_none(working: Working, space: Space, x: NDArray[np.float64]) -> str:
    """What is said of a derived target that has no value at some draws ``x``, or where a number is zero."""
    fails = _fails(working, x)
    share, failing = float(fails.mean()), x[fails]
    for column in working.columns.values():
        zero = x.copy()
        zero[:, column] = 0.0
        if isinstance(space.parameters[column], Continuous) and not len(failing):  # no draw is just that
            allowed = np.all([c.allows(zero) for c in space.constraints], axis=0) if space.constraints else True
            low, high = least_and_most(space.parameters[column])
            failing = zero[_fails(working, zero) & allowed & (low <= 0.0 <= high)]
    if not len(failing):
        return ""
    target = working.target
    assert target.expression is not None, "only a derived target has an expression"
    such = ", ".join(f"{name} {failing[0][column]:.4g}" for name, column in working.columns.items())
    value = "no value above 0, as its logarithmic scale asks for," if target.is_log else "no value"
    where = part_of_space(share, len(x)) if share > FEW else "places"
    return (
        f"{target.name}: {target.expression.text!r} has {value} in {where}, such as {such}, whatever is measured: no "
        "model proposes these candidates for it, other designs may; keep them out by a constraint or in the parameter "
        "itself, or write an expression that has a value there"
    )


def _fails(working: Working, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows ``x``, ``(n, d)``, have no value on the target's scale at any of some values of the parts."""
    fails = np.ones(len(x), dtype=bool)
    for values in islice(product(*(_typical(part) for part in working.parts)), COMBINATIONS):
        named = dict(zip((part.name for part in working.parts), values, strict=True))
        found = np.broadcast_to(np.asarray(working(named, x), dtype=float), len(x))
        fails &= ~np.isfinite(found) | (working.target.is_log & (found <= 0.0))
    return fails


def _typical(part: Target) -> Iterator[float]:
    """Some values that a part may have, of both signs where it may: none of them an end of what it can be."""
    low, high = (-np.inf if part.low is None else part.low), (np.inf if part.high is None else part.high)
    ends = max(low, min(-1e3, high - 1e3)), min(high, max(1e3, low + 1e3))
    for share in (0.53, 0.07, 0.91):
        yield float(ends[0] + share * (ends[1] - ends[0]))


def problem_of_derived(spec: CampaignSpec) -> Problem | None:
    """The first thing that cannot stand; None where all can. The space must be sound, and the objective not yet."""
    if spec.derived is None:
        return None
    if not spec.derived:
        return ("derived",), "says nothing; name a target with its expression and goal, or leave it out"
    for name, said in spec.derived.items():
        at: Path = ("derived", name)
        if name in spec.objective or name in spec.space:
            kind = "a target that is measured" if name in spec.objective else "a parameter"
            return at, f"{name!r} is {kind} too; rename one"
        try:
            if problem := _of_names(spec, said.expression):
                return (*at, "expression"), problem
        except SpaceError as error:
            return (*at, "expression"), str(error)
    if spec.general is not None:
        return ("general",), "general conditions are judged by what is measured; leave general: or derived: out"
    if fidelities := [name for name, p in spec.space.items() if p.type == "fidelity"]:
        return ("derived",), f"targets are not derived of versions of a measurement ({fidelities[0]!r}); leave one out"
    return None


def _of_names(spec: CampaignSpec, text: str) -> str:
    """Why a formula does not stand, "" where it does."""
    expression, space = Expression(text), build_space(spec)
    numbers = {d.name: d.formula.expression for d in space.derived}
    known = [*spec.objective, *space.names, *numbers]
    if both := sorted(expression.constants & set(known)):
        return f"{both[0]!r} is a constant, and a name here; write `{both[0]}` in backquotes for the latter"
    parts = [name for name in expression.names if name in spec.objective]
    for name in expression.names:
        if name in (spec.derived or {}):
            return f"{name!r} is derived itself; write its expression in brackets in its place"
        if name not in known:
            return f"names {name!r}, which is neither a target that is measured nor a number of the space" + (
                f"{did_you_mean(name, known)}; use {', '.join(n for n in known if _is_number(spec, space, n))}"
            )
        if name in spec.objective and not _is_number(spec, space, name):
            return f"computes with {name!r}, which is told in words or levels and is no number; leave it out"
        if not _is_number(spec, space, name):
            return f"computes with {name!r}, which is a choice and no number; leave it out"
    if not parts:
        measured = [name for name in spec.objective if name in known and _is_number(spec, space, name)]
        beside = f"; to trade it off against what is measured, add 0 * {measured[0]}" if measured else ""
        return (
            "names no target that is measured, so it is known beforehand: a constraint limits it, and costs weigh what "
            f"is money{beside}"
        )
    return _without_value(spec, substituted(expression, numbers) if numbers else expression, space)


def _is_number(spec: CampaignSpec, space: Space, name: str) -> bool:
    """Whether a target, or a number of the space that may be derived itself, can be computed with."""
    if name in spec.objective:
        return not (spec.objective[name].levels or spec.objective[name].classes)
    return name not in space.names or isinstance(space.parameters[space.names.index(name)], Discrete | Continuous)


def _without_value(spec: CampaignSpec, expression: Expression, space: Space) -> str:
    """Why the formula has no value whatever is measured, "" where it has some."""
    ranges: dict[str, Span] = {}
    for name in expression.names:
        if name in spec.objective:
            low, high = spec.objective[name].low, spec.objective[name].high
            ranges[name] = -1e9 if low is None else low, 1e9 if high is None else high
        else:
            ranges[name] = least_and_most(space.parameters[space.names.index(name)])
    return "has no value, whatever is measured; mend it" if expression.is_nowhere(ranges) else ""
