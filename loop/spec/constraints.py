"""From what a spec says of constraints, conditions and derived numbers to the domain."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from loop.errors import SpaceError, did_you_mean
from loop.space import (
    Comparison,
    Computable,
    Condition,
    Constraint,
    Continuous,
    Count,
    Derived,
    Discrete,
    Exclude,
    Expression,
    Formula,
    Linear,
    Parameter,
    Region,
    Require,
    Space,
)
from loop.space.constraints import Tests
from loop.space.expressions import read_comparisons, substituted
from loop.space.parameters import zero_of
from loop.space.structure import Applies, inactive_coordinate
from loop.spec.library_models import RangeSpec
from loop.spec.space_models import (
    RANGE,
    ConstraintSpec,
    CountSpec,
    DerivedSpec,
    ExcludeSpec,
    ExpressionSpec,
    InterchangeableSpec,
    LinearSpec,
    Options,
    ParameterSpec,
    PlainConstraint,
    RequireSpec,
)
from loop.units import unit_shown


def build_constraint(number: int, spec: PlainConstraint, space: Space, context: Collection[str] = ()) -> Constraint:
    """One constraint, the ``number``-th of the spec. Raises ``SpaceError``, which names it.

    ``context`` are the names of what is only recorded.
    """
    name = spec.name or f"constraint {number}"
    try:
        if recorded := sorted(named_by(spec) & set(context)):
            raise SpaceError(
                f" names {recorded[0]!r}, which is context: it is recorded with results and never chosen; leave it "
                "out, or make it a parameter that is varied"
            )
        match spec:
            case ExcludeSpec(where=dict() as where):
                region = _region(name, _coordinates(spec.exclude, space, "excludes"), where, space)
                return replace(region, for_now=spec.for_now)
            case ExcludeSpec():
                conditions = _coordinates(spec.exclude, space, "excludes")
                return Exclude(name, conditions, _tests(conditions, space), spec.for_now)
            case RequireSpec():
                when, require = (
                    _coordinates(spec.when, space, "is about"),
                    _coordinates(spec.require, space, "requires"),
                )
                return Require(name, when, require, _tests((*when, *require), space))
            case LinearSpec():
                return _linear(name, spec, space)
            case CountSpec():
                return _count(name, spec, space)
            case ExpressionSpec():
                sides = read_comparisons(spec.expression)
                formulas = tuple(_formula(side, space) for side, _ in sides)
                return Comparison(name, spec.expression, formulas, tuple(is_strict for _, is_strict in sides))
    except SpaceError as error:
        said = str(error)
        raise SpaceError(f"constraint {name!r}{'' if said.startswith((' ', ':')) else ': '}{said}") from None


def named_by(spec: ConstraintSpec) -> set[str]:
    """Every parameter that a constraint is about."""
    match spec:
        case ExcludeSpec():
            return {*spec.exclude, *(spec.where or {})}
        case RequireSpec():
            return {*spec.when, *spec.require}
        case LinearSpec():
            return set(spec.sum)
        case CountSpec():
            return set(spec.count)
        case ExpressionSpec():
            return {name for side, _ in read_comparisons(spec.expression) for name in side.names}
        case InterchangeableSpec():
            return {name for slot in spec.slots for name in slot}


def build_conditions(specs: Mapping[str, ParameterSpec], space: Space) -> tuple[Condition, ...]:
    """When parameters apply, gates before what they gate. Raises ``SpaceError`` for a circle or an unknown gate."""
    found: dict[int, Condition] = {}
    for name, spec in specs.items():
        when, unless = getattr(spec, "when", None), getattr(spec, "unless", None)
        if when is None and unless is None:
            continue
        try:
            gates = [tuple(_coordinates(g or {}, space, "depends on").items()) for g in (when, unless)]
        except SpaceError as error:
            said = str(error)
            raise SpaceError(f"parameter {name!r}{'' if said.startswith((' ', ':')) else ': '}{said}") from None
        mixture = next((m for m in space.mixtures if m.name == name), None)
        for column in (space.names.index(name),) if mixture is None else mixture.columns:
            found[column] = Condition(column, gates[0], gates[1])
    ordered: list[Condition] = []
    while len(ordered) < len(found):
        settled = {c.column for c in ordered}
        free = [
            c
            for c in found.values()
            if c.column not in settled and all(g in settled or g not in found for g in c.columns)
        ]
        if not free:
            stuck = next(c for c in found.values() if c.column not in settled)
            owner = next((m.name for m in space.mixtures if stuck.column in m.columns), space.names[stuck.column])
            raise SpaceError(
                f"parameter {owner!r} applies only where another does that waits for it in turn; "
                "break the circle of when and unless"
            )
        ordered.extend(free)
    return tuple(ordered)


def build_derived(specs: Mapping[str, ParameterSpec], space: Space) -> tuple[Derived, ...]:
    """Derived numbers as formulas of parameters. Raises ``SpaceError`` for a circle or an unknown name."""
    waiting = {n: s for n, s in specs.items() if isinstance(s, DerivedSpec)}
    meanings: dict[str, Expression] = {}
    found: dict[str, Derived] = {}
    while waiting:
        before = len(waiting)
        for name, spec in list(waiting.items()):
            try:
                expression = Expression(spec.expression)
                _refuse_two_meanings(expression, specs)
                if set(expression.names) & set(waiting):
                    continue
                meanings[name] = substituted(expression, meanings)
                found[name] = Derived(name, _formula(meanings[name], space), unit_shown(spec.unit))
            except SpaceError as error:
                raise SpaceError(f"parameter {name!r}: {error}") from None
            if not expression.names:
                raise SpaceError(f"parameter {name!r}: its expression names no parameter; leave it out")
            del waiting[name]
        if len(waiting) == before:
            raise SpaceError(f"parameter {next(iter(waiting))!r} is derived from itself; break the circle")
    return tuple(found[n] for n in specs if n in found)


def computable(space: Space) -> list[Computable]:
    """That derived numbers have a value, for those of which that is not sure from the ranges of what they name."""
    found = []
    for number in space.derived:
        formula = number.formula
        if formula.expression.between(formula.ranges(space.parameters)) is None:
            found.append(Computable(number.name, formula, _tests(formula.columns, space)))
    return found


def _formula(expression: Expression, space: Space) -> Formula:
    known = {d.name: d.formula.expression for d in space.derived}
    _refuse_two_meanings(expression, {*space.names, *known})
    expression = substituted(expression, known) if set(known) & set(expression.names) else expression
    for name in expression.names:
        if name not in space.names:
            hint = did_you_mean(name, [*space.names, *known])
            if m := next((m for m in space.mixtures if m.name == name), None):
                hint = f" as a number: it is a mixture; name its parts, such as {_quoted(f'{name}.{m.parts[0]}')}"
            raise SpaceError(
                f"expression {expression.said!r} names {name!r}, which the space lacks{hint}; "
                "use a number of the space (a name with a space or a hyphen in backquotes)"
            )
        if not isinstance(space.parameters[space.names.index(name)], Discrete | Continuous):
            raise SpaceError(
                f"expression {expression.said!r} computes with {name!r}, which is not a number; "
                f"use exclude, or when and require, for options; {RANGE}"
            )
    return Formula(expression, tuple(space.names.index(n) for n in expression.names))


def _refuse_two_meanings(expression: Expression, names: Collection[str]) -> None:
    if both := sorted(expression.constants & set(names)):
        raise SpaceError(
            f"expression {expression.said!r} has {both[0]!r}, a constant, and the space has a parameter of this name; "
            f"write `{both[0]}` in backquotes for the parameter, or rename it"
        )


def _region(name: str, conditions: dict[int, frozenset[float]], where: Mapping[str, RangeSpec], space: Space) -> Region:
    ranges: dict[int, tuple[float, float]] = {}
    for p, spec in where.items():
        column = _column(p, space)
        if not isinstance(space.parameters[column], Discrete | Continuous):
            raise SpaceError(f" gives a range of {p!r}, which is not a number; use exclude for options")
        ranges[column] = spec.ends
    return Region(name, conditions, ranges, _tests((*conditions, *ranges), space))


def _tests(columns: Iterable[int], space: Space) -> Tests:
    """Where the conditional ones among some columns apply."""
    return {c: Applies(space.frame, c) for c in columns if c in space.frame.conditional}


def _linear(name: str, spec: LinearSpec, space: Space) -> Linear:
    columns = {p: _column(p, space) for p in spec.sum}
    for p, column in columns.items():
        if not isinstance(space.parameters[column], Discrete | Continuous):
            raise SpaceError(f" adds up {p!r}, which is not a number; use exclude for options")
    low = spec.equals if spec.equals is not None else spec.at_least
    high = spec.equals if spec.equals is not None else spec.at_most
    if low is not None and high is not None and low > high:
        raise SpaceError(f" wants at least {low:g} and at most {high:g}; swap them")
    return Linear(
        name,
        {columns[p]: weight for p, weight in spec.sum.items()},
        -math.inf if low is None else low,
        math.inf if high is None else high,
    )


def _count(name: str, spec: CountSpec, space: Space) -> Count:
    nothing: dict[int, frozenset[float]] = {}
    conditional = {c.column for c in space.conditions}
    for p in spec.count:
        column = _column(p, space)
        zero = zero_of(space.parameters[column])
        if zero is None and column not in conditional:
            raise SpaceError(
                f" counts {p!r}, which is always used; give it or_zero, an option with null, or an option 'none'"
            )
        if column in nothing:
            raise SpaceError(f" counts {p!r} twice; keep one")
        absent = {inactive_coordinate(space.parameters[column])} if column in conditional else set()
        nothing[column] = frozenset(absent if zero is None else {*absent, zero})
    low = spec.at_least or 0
    high = len(nothing) if spec.at_most is None else spec.at_most
    if low > min(high, len(nothing)):
        raise SpaceError(f" wants at least {low} of {len(nothing)} and at most {high}; mend the numbers")
    return Count(name, nothing, low, spec.at_most)


def _quoted(name: str) -> str:
    """A name as an expression has it."""
    return name if all(part.isidentifier() for part in name.split(".")) else f"`{name}`"


def _column(parameter: str, space: Space) -> int:
    if parameter not in space.names:
        if m := next((m for m in space.mixtures if m.name == parameter), None):
            raise SpaceError(f" names the mixture {parameter!r}; name its parts, such as '{parameter}.{m.parts[0]}'")
        if parameter in {d.name for d in space.derived}:
            raise SpaceError(
                f" names {parameter!r}, which is derived: it is computed and has no values of its own to choose; write "
                f"it as an expression, such as expression: '{_quoted(parameter)} <= 5'"
            )
        hint = did_you_mean(parameter, space.names)
        known = ", ".join(space.shown_names)
        raise SpaceError(f" names {parameter!r}, which the space lacks{hint}; use one of {known}")
    return space.names.index(parameter)


def _some_values(p: Discrete) -> str:
    """The values of a number, the first of many."""
    return ", ".join(f"{v:g}" for v in p.values[:12]) + (", ..." if p.size > 12 else "")


def _coordinates(options: Options, space: Space, verb: str) -> dict[int, frozenset[float]]:
    """The coordinates that ``{parameter: options}`` names, by column."""
    found: dict[int, frozenset[float]] = {}
    for name, given in options.items():
        p: Parameter = space.parameters[column := _column(name, space)]
        if isinstance(p, Continuous):
            raise SpaceError(
                f" {verb} values of {name!r}, which is continuous; use exclude with where, a sum or an expression, or "
                "give it a step"
            )
        coordinates = [p.index(o) for o in (given if isinstance(given, list) else [given])]
        if isinstance(p, Discrete) and (off := [c for c in coordinates if c not in p.values]):
            raise SpaceError(
                f" {verb} {name} = {off[0]:g}, which is not one of its values; use one of {_some_values(p)}"
            )
        found[column] = frozenset(coordinates)
    return found
