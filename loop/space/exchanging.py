"""Exchanging: what a constraint on one of several interchangeable slots forbids, it forbids in each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from loop.space.constraints import (
    Comparison,
    Constraint,
    Count,
    Exclude,
    InOrder,
    Linear,
    Region,
    Require,
    Tests,
)
from loop.space.parameters import Category, Component, Continuous, Discrete, Ordinal, Parameter, zero_of
from loop.space.slots import Slots, ranked
from loop.space.space import Space
from loop.space.structure import Applies, Condition, Gate

_Value = TypeVar("_Value")
Columns = Mapping[int, int]  # which column takes the place of which


def ordered_by(slot: Sequence[Parameter]) -> tuple[tuple[tuple[int, ...], ...], tuple[int | None, ...]]:
    """Of each column with options the place of every option in the order, and the option that adds nothing."""
    with_options = [p for p in slot if isinstance(p, Category | Component | Ordinal)]
    nothing = tuple(None if (zero := zero_of(p)) is None else int(zero) for p in with_options)
    ranks = tuple(
        ranked(tuple(p.options), none, by_name=not isinstance(p, Ordinal))
        for p, none in zip(with_options, nothing, strict=True)
    )
    return ranks, nothing


def rules_of_order(slots: Slots, space: Space) -> list[Constraint]:
    """What says that slots are in order, neighbour by neighbour; of single numbers they are sums."""
    found: list[Constraint] = []
    for i in range(slots.size - 1):
        (first, *more), (after, *_) = slots.columns[i], slots.columns[i + 1]
        if not more and isinstance(space.parameters[first], Discrete | Continuous):
            found.append(Linear(slots.name, {first: 1.0, after: -1.0}, at_least=0.0))
            continue
        if slots.optional:
            found.append(InOrder(slots, i, by_options=True))
        if slots.optional < len(slots.columns[i]) and not slots.distinct:
            found.append(InOrder(slots, i))
    return found


def in_any_order(rule: Constraint, all_slots: Sequence[Slots]) -> list[Constraint]:
    """A constraint as it is, and as it is with what is interchangeable exchanged."""
    exchanges = [e for slots in all_slots for e in slots.exchanged()]
    found = [rule]
    for one in found:  # grows as it is gone through
        for exchange in exchanges:
            if not exchange.keys().isdisjoint(one.columns) and (other := _exchanged(one, exchange)) not in found:
                found.append(other)
    return found


def first_unlike(conditions: Sequence[Condition], columns: Columns) -> Condition | None:
    """The first condition that there is not likewise of what takes the place of its columns; None where all are."""
    for condition in conditions:
        column = columns.get(condition.column, condition.column)
        other = Condition(column, _gate(condition.when, columns), _gate(condition.unless, columns))
        if not any(_is_same(other, c) for c in conditions):
            return condition
    return None


def _is_same(a: Condition, b: Condition) -> bool:
    return a.column == b.column and dict(a.when) == dict(b.when) and dict(a.unless) == dict(b.unless)


def _gate(gate: Gate, columns: Columns) -> Gate:
    return tuple((columns.get(column, column), values) for column, values in gate)


def _exchanged(rule: Constraint, columns: Columns) -> Constraint:
    match rule:
        case Exclude():
            return replace(rule, conditions=_moved(rule.conditions, columns), applies=_tests(rule.applies, columns))
        case Region():
            conditions, ranges = _moved(rule.conditions, columns), _moved(rule.ranges, columns)
            return replace(rule, conditions=conditions, ranges=ranges, applies=_tests(rule.applies, columns))
        case Require():
            when, require = _moved(rule.when, columns), _moved(rule.require, columns)
            return replace(rule, when=when, require=require, applies=_tests(rule.applies, columns))
        case Linear():
            return replace(rule, weights=_moved(rule.weights, columns))
        case Count():
            return replace(rule, nothing=_moved(rule.nothing, columns))
        case Comparison():
            sides = tuple(replace(s, columns=tuple(columns.get(c, c) for c in s.columns)) for s in rule.sides)
            return replace(rule, sides=sides)
        case _:
            return rule


def _moved(by_column: Mapping[int, _Value], columns: Columns) -> dict[int, _Value]:
    return {columns.get(column, column): value for column, value in by_column.items()}


def _tests(tests: Tests, columns: Columns) -> Tests:
    return {
        columns.get(column, column): replace(test, column=columns.get(column, column))
        if isinstance(test, Applies)
        else test
        for column, test in tests.items()
    }
