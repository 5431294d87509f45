"""What can be wrong with derived targets: names that are none, what is no number, and a formula without a value."""

from __future__ import annotations

from loop.errors import SpaceError, did_you_mean
from loop.space import Continuous, Discrete, Space
from loop.space.expressions import Expression, substituted
from loop.space.intervals import Span
from loop.space.parameters import least_and_most
from loop.spec.building import build_space
from loop.spec.lines import Path, Problem
from loop.spec.models import CampaignSpec


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
                f"{did_you_mean(name, known)}; use {', '.join(known)}"
            )
        if name in spec.objective and (spec.objective[name].levels or spec.objective[name].classes):
            return f"computes with {name!r}, which is told in words or levels and is no number; leave it out"
        if name in space.names and not isinstance(_parameter(space, name), Discrete | Continuous):
            return f"computes with {name!r}, which is a choice and no number; leave it out"
    if not parts:
        return f"names no target that is measured, so it is known beforehand; use one of {', '.join(spec.objective)}"
    return _without_value(spec, substituted(expression, numbers) if numbers else expression, space)


def _parameter(space: Space, name: str) -> object:
    return space.parameters[space.names.index(name)]


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
