"""Lists of candidates: what of a product of options is not among them, and how to leave it out in few words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from flows.importing.foreign import Entry, Setting
from flows.importing.writing import flow_text
from loop.errors import HakkenError
from loop.space import ProductPool, Space
from loop.spec import build_space, read_spec

FEW: Final = 30  # so many single candidates are excluded one by one; more are said and not written
MANY: Final = 50_000  # combinations that are counted out

Row = Mapping[str, Setting]


@dataclass(frozen=True)
class Compared:
    """How a list of candidates compares with hakken's space."""

    more: list[Row]  # what the space holds beside the list
    wrong: list[int]  # constraints, by their place, that exclude candidates of the list; they were left out


def compared(parameters: Sequence[Entry], rules: Sequence[Entry], listed: Sequence[Row]) -> Compared | None:
    """The list against the space that parameters and constraints make; None where that is too much to count out."""
    sizes = [len(p.keys.get("values") or p.keys.get("options") or ()) for p in parameters]
    size, known = math.prod(sizes), {_key(row) for row in listed}
    if not rules and len(known) == size and not any("when" in p.keys for p in parameters):
        return Compared([], [])
    if not listed or not 0 < size <= MANY:
        return None
    try:
        space = _space(parameters, rules)
        x = np.array([space.coordinates(row) for row in listed])
        wrong = [i for i, constraint in enumerate(space.constraints) if not constraint.allows(x).all()]
        if wrong:
            space = _space(parameters, [rule for i, rule in enumerate(rules) if i not in wrong])
        pool = ProductPool(space)
        rows = [space.settings(x) for x in pool.take(np.arange(len(pool)))]
    except HakkenError:
        return None
    return Compared([row for row in rows if _key(row) not in known], wrong)


def _space(parameters: Sequence[Entry], rules: Sequence[Entry]) -> Space:
    """The space as a campaign file would make it. Raises ``SpecError``."""
    target = "target" + "_" * max(len(p.name) for p in parameters)
    lines = [f"{flow_text(p.name)}: {flow_text(p.keys)}" for p in parameters]
    text = (
        f"campaign: c\nspace: {{{', '.join(lines)}}}\nconstraints: {flow_text([r.keys for r in rules])}\n"
        f"objective: {{{target}: {{goal: maximize}}}}\nbudget: {{experiments: 99}}\nlaboratory: {{adapter: manual}}\n"
    )
    return build_space(read_spec(text, source="the space", read=lambda _: ""))


def excluding(rows: Sequence[Row], everything: Sequence[Row], comment: str) -> list[Entry] | None:
    """Constraints that leave out ``rows`` of ``everything`` and nothing else; None where they would be too many."""
    out = {_key(row) for row in rows}
    whole: dict[str, list[Setting]] = {}
    for name in dict.fromkeys(n for row in everything for n in row):
        for value in dict.fromkeys(row[name] for row in everything if name in row):
            if all(_key(row) in out for row in everything if row.get(name) == value):
                whole.setdefault(name, []).append(value)
    single = [row for row in rows if not any(row.get(n) in values for n, values in whole.items())]
    if len(single) > FEW:
        return None
    keys: list[dict[str, Any]] = [{n: v} for n, v in whole.items()] + [dict(row) for row in single]
    return [Entry("", {"exclude": k}, (comment,)) for k in keys]


def _key(row: Row) -> frozenset[tuple[str, Setting]]:
    return frozenset(row.items())
