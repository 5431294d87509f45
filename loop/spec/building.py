"""From what a spec says to the domain: parameters, constraints, objective."""

from __future__ import annotations

import math

from loop.errors import SpaceError, UnitError, did_you_mean
from loop.objective import Objective, Target
from loop.space import Category, Component, Constraint, Continuous, Discrete, Exclude, Linear, Parameter, Space
from loop.spec.models import (
    CampaignSpec,
    CategorySpec,
    ComponentSpec,
    ExcludeSpec,
    LinearSpec,
    MoleculeSpec,
    NumberSpec,
    ParameterSpec,
)
from loop.units import check_unit


def build_space(spec: CampaignSpec) -> Space:
    """The search space of a resolved spec (no ``file`` left). Raises ``SpaceError`` or ``UnitError``."""
    for name, p in spec.space.items():
        if isinstance(p, NumberSpec):
            _check_unit("parameter", name, p.unit)
    bare = Space(tuple(_parameter(name, p) for name, p in spec.space.items()))
    constraints = tuple(_constraint(i, c, bare) for i, c in enumerate(spec.constraints, start=1))
    return Space(bare.parameters, constraints)


def build_objective(spec: CampaignSpec) -> Objective:
    """The objective. Raises ``ObjectiveError`` or ``UnitError``."""
    for name, t in spec.objective.items():
        _check_unit("target", name, t.unit)
    return Objective(
        tuple(Target(name, t.goal, t.unit, t.low, t.high, t.at_least, t.at_most) for name, t in spec.objective.items())
    )


def _check_unit(kind: str, name: str, unit: str) -> None:
    try:
        check_unit(unit)
    except UnitError as error:
        raise UnitError(f"{kind} {name!r}: {error}") from None


def _parameter(name: str, spec: ParameterSpec) -> Parameter:
    match spec:
        case ComponentSpec() | MoleculeSpec():
            if spec.options is None:
                raise SpaceError(f"parameter {name!r}: file {spec.file!r} was not read; use read_spec")
            return Component(
                name,
                tuple(spec.options),
                tuple(spec.options.values()),
                is_library=isinstance(spec, MoleculeSpec),
            )
        case CategorySpec():
            return Category(name, tuple(spec.options))
        case NumberSpec(values=list() as values):
            return Discrete(name, tuple(sorted(values)), spec.unit)
    assert isinstance(spec, NumberSpec)
    if spec.low is None or spec.high is None:
        raise SpaceError(f"parameter {name!r}: low and high come together; give both")
    if spec.step is None:
        return Continuous(name, spec.low, spec.high, spec.unit)
    if not spec.low < spec.high:
        raise SpaceError(f"parameter {name!r}: low must be below high, got {spec.low} and {spec.high}")
    steps = (spec.high - spec.low) / spec.step
    if abs(steps - round(steps)) > 1e-9 * max(1.0, steps):
        raise SpaceError(
            f"parameter {name!r}: step {spec.step:g} does not divide {spec.low:g} to {spec.high:g}; "
            "choose a step that does, or give values"
        )
    if steps > 100_000:
        raise SpaceError(f"parameter {name!r}: {steps:.0f} steps are too many; leave step out for a continuous number")
    grid = tuple(round(spec.low + i * spec.step, 12) for i in range(round(steps) + 1))
    return Discrete(name, grid, spec.unit)


def _constraint(number: int, spec: ExcludeSpec | LinearSpec, space: Space) -> Constraint:
    name = spec.name or f"constraint {number}"
    given = spec.exclude if isinstance(spec, ExcludeSpec) else spec.sum
    for parameter in given:
        if parameter not in space.names:
            hint = did_you_mean(parameter, space.names)
            raise SpaceError(f"constraint {name!r} names {parameter!r}, which the space lacks{hint}")
    columns = {p: space.names.index(p) for p in given}
    if isinstance(spec, LinearSpec):
        for p in spec.sum:
            if not isinstance(space.parameters[columns[p]], Discrete | Continuous):
                raise SpaceError(f"constraint {name!r} adds up {p!r}, which is not a number; use exclude for options")
        return Linear(
            name,
            {columns[p]: weight for p, weight in spec.sum.items()},
            -math.inf if spec.at_least is None else spec.at_least,
            math.inf if spec.at_most is None else spec.at_most,
        )
    conditions: dict[int, frozenset[float]] = {}
    for p, options in spec.exclude.items():
        parameter_ = space.parameters[columns[p]]
        if isinstance(parameter_, Continuous):
            raise SpaceError(f"constraint {name!r} excludes values of {p!r}, which is continuous; use a sum instead")
        try:
            coordinates = [parameter_.index(o) for o in (options if isinstance(options, list) else [options])]
        except SpaceError as error:
            raise SpaceError(f"constraint {name!r}: {error}") from None
        if isinstance(parameter_, Discrete) and (off := [c for c in coordinates if c not in parameter_.values]):
            raise SpaceError(f"constraint {name!r} excludes {p} = {off[0]:g}, which is not one of its values")
        conditions[columns[p]] = frozenset(coordinates)
    return Exclude(name, conditions)
