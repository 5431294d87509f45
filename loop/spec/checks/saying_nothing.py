"""What a file says of its space to no effect, or in the wrong place; a spec that is on record may have it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loop.space.expressions import CONSTANTS
from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec
from loop.spec.space_models import ContextSpec, ExpressionSpec, LinearSpec


def problem_before_building(spec: CampaignSpec) -> Problem | None:
    """The first key of the space or its constraints that says nothing, or speaks of what is measured."""
    return next(_of_context(spec), None) or next(_of_gates(spec), None) or next(_of_constraints(spec), None)


def _of_context(spec: CampaignSpec) -> Iterator[Problem]:
    for name, p in spec.space.items():
        if isinstance(p, ContextSpec) and p.options is not None:
            at, options = ("space", name), p.options
            if not options:
                yield at, "options is empty; give one or more, or leave it out for any text"
            if twice := [o for o in options if options.count(o) > 1]:
                yield at, f"option {twice[0]!r} is given twice; keep one"


def _of_gates(spec: CampaignSpec) -> Iterator[Problem]:
    """Parameters that never apply, or of which nobody said with what they do."""
    for name in spec.space:
        for key in ("when", "unless"):
            gates = getattr(spec.space[name], key, None) or {}
            if empty := [gate for gate, options in gates.items() if options == []]:
                yield ("space", name, key), f"names no option of {empty[0]!r}; give one or more, or leave it out"
            if key == "unless" and len(gates) == 1:
                ((gate, given),) = gates.items()
                there = set(getattr(spec.space.get(gate), "options", None) or ())
                if there and there <= set(given if isinstance(given, list) else [given]):
                    yield (
                        ("space", name, key),
                        f"names every option of {gate!r}, so that {name!r} never applies; leave an option out, or "
                        f"{name!r} itself",
                    )


def _of_constraints(spec: CampaignSpec) -> Iterator[Problem]:
    measured = [name for name in spec.objective if name not in spec.space]
    for i, rule in enumerate(spec.constraints):
        at, name = ("constraints", i), f"constraint {rule.name or f'constraint {i + 1}'!r}"
        match rule:
            case LinearSpec():
                if not any(rule.sum.values()):
                    yield at, f"{name} adds up nothing; give numbers with weights that are not 0, or leave it out"
                named = set(rule.sum)
            case ExpressionSpec():
                named = {n for n in measured if n not in CONSTANTS and _is_named(n, rule.expression)}
            case _:
                named = set()
        if targets := [n for n in measured if n in named]:
            yield (
                at,
                f"{name} names {targets[0]!r}, which is measured and not chosen; write its limit beside its goal, such "
                f"as {targets[0]}: {{goal: ..., at_most: ...}} under objective",
            )


def _is_named(name: str, expression: str) -> bool:
    """Whether an expression has the name, as no function."""
    return re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.]|\s*\()", expression) is not None
