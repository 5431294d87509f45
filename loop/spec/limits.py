"""Limits and safety of a campaign file's laboratory: what it may say, and what it becomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from loop.errors import SpaceError, UnitError, did_you_mean
from loop.limits import BENCH, Bound, Limits
from loop.space import Continuous, Discrete, Parameter
from loop.spec.lines import Problem
from loop.spec.space_models import DerivedSpec, ExpressionSpec, NumberSpec, ParameterSpec
from loop.spec.strict import Strict, Text
from loop.units import check_unit, convert, unit_shown

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec


class LimitSpec(Strict):
    """What a laboratory may not go beyond, for the number of its name or for those that ``of`` names."""

    at_least: float | None = None
    at_most: float | None = None
    unit: str | None = None  # None: that of the number
    of: list[Text] | None = None
    trim: bool = False

    @model_validator(mode="after")
    def _bounded(self) -> LimitSpec:
        if self.at_least is None and self.at_most is None:
            raise ValueError("limits nothing; give at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least must not be above at_most, got {self.at_least:g} and {self.at_most:g}")
        return self


class SafetySpec(Strict):
    """What a safety stop does: who halts together, what becomes of what runs, and who may lift it."""

    bench: Text | None = None  # campaigns that name the same one halt together
    running: Literal["leave", "cancel"] = "leave"
    may_lift: list[Text] | None = None  # None: any named person


def plain_limits(spec: CampaignSpec) -> Limits:
    """The limits of a resolved spec, without the formulas of derived numbers.

    Raises:
        SpaceError: A limit names no number, or its unit cannot be converted; the message begins with "limit NAME".
    """
    numbers: list[Bound] = []
    bench: list[Bound] = []
    for name, said in (spec.laboratory.limits or {}).items():
        units = _units(spec.space)
        if name in BENCH and spec.recipe is not None:
            bench.append(_bound(name, said, name, BENCH[name]))
        if said.of is None and name not in units and not (name in BENCH and spec.recipe is not None):
            hint = did_you_mean(name, units)
            raise SpaceError(
                f"limit {name!r}: the space has no number of this name{hint}; name those that it holds for "
                f"(of: [...], of {', '.join(units) or 'which there are none'}), or say of: [] if there are none"
            )
        for of in [name] if said.of is None else said.of:
            if of not in units and said.of is None:
                continue
            if of not in units:
                hint = did_you_mean(of, units)
                raise SpaceError(f"limit {name!r}: the space has no number {of!r}{hint}; it has {', '.join(units)}")
            numbers.append(_bound(name, said, of, units[of]))
    return Limits(tuple(numbers), tuple(bench))


def trimmed(p: Parameter, limits: Limits) -> Parameter:
    """A parameter without the values that break a limit.

    Raises:
        SpaceError: None is left.
    """
    bounds = [b for b in limits.numbers if b.of == p.name]
    if not bounds or not isinstance(p, Discrete | Continuous):
        return p
    has_zero = p.or_zero and all(b.allows(0.0) for b in bounds)
    if isinstance(p, Continuous):
        low, high = max(p.low, *(b.low for b in bounds)), min(p.high, *(b.high for b in bounds))
        if low < high:
            return replace(p, low=low, high=high, or_zero=has_zero)
        values = (0.0,) * has_zero + (low,) * (low == high)
    else:
        values = tuple(v for v in p.values if all(b.allows(v) for b in bounds))
    if not values:
        names = ", ".join(b.limit for b in bounds)
        raise SpaceError(f"parameter {p.name!r}: the laboratory's limit {names} leaves nothing of it; mend one of them")
    in_steps = isinstance(p, Discrete) and p.in_steps
    return Discrete(p.name, values, p.unit, p.scale, has_zero and len(values) > 1, in_steps)


def derived_limits(spec: CampaignSpec, limits: Limits) -> list[ExpressionSpec]:
    """The limits of derived numbers, as constraints on what they follow from."""
    found = []
    for b in limits.numbers:
        if isinstance(spec.space[b.of], DerivedSpec):
            low = "" if b.low == -math.inf else f"{b.low!r} <= "
            high = "" if b.high == math.inf else f" <= {b.high!r}"
            found.append(ExpressionSpec(name=f"limit {b.limit}", expression=f"{low}`{b.of}`{high}"))
    return found


def trimmings(spec: CampaignSpec) -> tuple[str, ...]:
    """A note for each parameter of which a limit takes something away. The spec must be sound."""
    limits = plain_limits(spec)
    notes = []
    for bound in limits.numbers:
        p = spec.space.get(bound.of)
        if isinstance(p, NumberSpec) and _goes_beyond(p, bound):
            notes.append(f"the laboratory's limit {bound.limit!r} ({bound.said}) trims {bound.of}")
    return tuple(notes)


def problem_of_limits(spec: CampaignSpec) -> Problem | None:
    """What cannot stand among the limits, and where: a space that goes beyond one that does not say trim."""
    for name, said in (spec.laboratory.limits or {}).items():
        one = spec.model_copy(update={"laboratory": spec.laboratory.model_copy(update={"limits": {name: said}})})
        try:
            limits = plain_limits(one)
        except SpaceError as error:
            return ("laboratory", "limits", name), str(error).removeprefix(f"limit {name!r}: ")
        for bound in limits.numbers:
            p = spec.space.get(bound.of)
            if said.trim or not isinstance(p, NumberSpec) or not _goes_beyond(p, bound):
                continue
            ends = [*(p.values or ()), *(e for e in (p.low, p.high) if e is not None)]
            worst = max(ends, key=lambda v: max(v - bound.high, bound.low - v))
            return ("laboratory", "limits", name), (
                f"parameter {bound.of!r} goes to {worst:g} {unit_shown(p.unit)}".rstrip()
                + f", and the limit is {bound.said}; narrow the parameter, or let it be trimmed (trim: true)"
            )
    return None


def _units(space: Mapping[str, ParameterSpec]) -> dict[str, str]:
    """Unit of each number of the space, derived ones included."""
    return {name: p.unit for name, p in space.items() if isinstance(p, NumberSpec | DerivedSpec)}


def _bound(name: str, said: LimitSpec, of: str, unit: str) -> Bound:
    mine = unit if said.unit is None else said.unit
    try:
        check_unit(mine)
        low = -math.inf if said.at_least is None else convert(said.at_least, mine, unit)
        high = math.inf if said.at_most is None else convert(said.at_most, mine, unit)
    except UnitError as error:
        raise SpaceError(f"limit {name!r}: {of} is in {unit!r}: {error}") from None
    return Bound(name, of, low, high, unit_shown(unit))


def _goes_beyond(p: NumberSpec, bound: Bound) -> bool:
    ends = [*(p.values or ()), *(e for e in (p.low, p.high) if e is not None), *([0.0] if p.or_zero else [])]
    return not all(bound.allows(v) for v in ends)
