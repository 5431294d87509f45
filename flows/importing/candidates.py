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

MOST: Final = 300  # so many exclusions leave out what a list lacks; where it takes more, that is said and not written
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
    if not listed or not size:
        return None
    try:
        space = _space(parameters, rules)
        x = np.array([space.coordinates(row) for row in listed])
        broken = {constraint.name for constraint in space.constraints if not constraint.allows(x).all()}
        wrong = [i for i in range(len(rules)) if f"constraint {i + 1}" in broken]  # one may be several in the space
        if wrong:
            space = _space(parameters, [rule for i, rule in enumerate(rules) if i not in wrong])
        known = {_key(space.arranged(row)) for row in listed}
        pool = ProductPool(space)
        if pool.counted.is_exact and len(pool) == len(known):  # all that is listed is allowed, so it is the same
            return Compared([], wrong)
        if size > MANY:
            return None
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


def shared_out(parameters: Sequence[Entry], rules: Sequence[Entry], listed: Sequence[Row]) -> list[Entry]:
    """A sum of amounts, and how many are used, where these beside ``rules`` leave just the list; nothing otherwise.

    So a list that was made of a simplex stays one, however long it is.
    """
    amounts = [p.name for p in parameters if "when" not in p.keys and min(p.keys.get("values") or [1.0]) == 0.0]
    if len(amounts) < 2 or not listed:
        return []
    x = np.array([[float(row[name]) for name in amounts] for row in listed])
    totals, used = np.round(x.sum(axis=1), 9), (x > 0).sum(axis=1)
    told = ("told from the list of candidates",)
    ends: dict[str, Any] = {"at_most": float(totals.max())}
    if totals.min() == totals.max():
        ends = {"equals": float(totals.max())}
    found = [Entry("", {"sum": dict.fromkeys(amounts, 1.0), **ends}, told)]
    counts = {} if used.max() == len(amounts) else {"at_most": int(used.max())}
    counts |= {"at_least": int(used.min())} if used.min() > 1 else {}
    found += [Entry("", {"count": amounts, **counts}, told)] if counts else []
    found = [rule for rule in found if rule.keys not in [one.keys for one in rules]]
    again = compared(parameters, [*rules, *found], listed)
    return found if again is not None and not again.more and not again.wrong else []


def excluding(rows: Sequence[Row], everything: Sequence[Row], comment: str) -> list[Entry] | None:
    """Constraints that leave out ``rows`` of ``everything`` and nothing else; None where they would be too many."""
    out = {_key(row) for row in rows}
    whole: dict[str, list[Setting]] = {}
    for name in dict.fromkeys(n for row in everything for n in row):
        for value in dict.fromkeys(row[name] for row in everything if name in row):
            if all(_key(row) in out for row in everything if row.get(name) == value):
                whole.setdefault(name, []).append(value)
    single = [row for row in rows if not any(row.get(n) in values for n, values in whole.items())]
    boxes = _boxes(single)
    if len(boxes) > MOST:
        return None
    keys: list[dict[str, Any]] = [{n: v} for n, v in whole.items()]
    values = {name: {row.get(name) for row in everything} for name in dict.fromkeys(n for box in boxes for n in box)}
    for box in boxes:
        said = {n: v for n, v in box.items() if values[n] != set(v)}  # of a setting with any value nothing is said
        keys.append({n: v if len(v) > 1 else v[0] for n, v in said.items()})
    return [Entry("", {"exclude": k}, (comment,)) for k in keys]


def _boxes(rows: Sequence[Row]) -> list[dict[str, list[Setting]]]:
    """Rows in few boxes: some values of each setting, all combinations of which are rows, each in one box.

    Boxes that differ in one setting only are made one, of that setting first that leaves the fewest, until none do.
    """
    boxes = [{name: [value] for name, value in row.items()} for row in rows]
    while True:
        fewest = boxes
        for name in dict.fromkeys(n for box in boxes for n in box):
            merged: dict[Any, dict[str, list[Setting]]] = {}
            for box in boxes:
                others = (name in box, *((n, tuple(v)) for n, v in box.items() if n != name))
                if others in merged:
                    merged[others] = merged[others] | {name: merged[others][name] + box[name]}
                else:
                    merged[others] = box
            if len(merged) < len(fewest):
                fewest = list(merged.values())
        if fewest is boxes:
            return boxes
        boxes = fewest


def _key(row: Row) -> frozenset[tuple[str, Setting]]:
    return frozenset(row.items())
