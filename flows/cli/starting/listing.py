"""Tables that list what can be tried: rows without a result, and what they leave of all combinations."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from flows.cli.starting.columns import Column
from flows.cli.starting.kinds import are_codes, context_of
from flows.cli.starting.parts import FEW, Part, is_name_of_rows
from flows.cli.starting.yaml_text import flow, scalar
from loop.sheets.cells import finite
from loop.wording import plural

# So many rows without a result, and more than with one, list all that can be tried: a design has fewer.
MANY: Final = 50
_SHOWN: Final = 5  # names in a note


@dataclass(frozen=True, slots=True)
class Rows:
    """The lines of a table, and which of them have no result."""

    lines: Collection[int]
    open: Collection[int]

    @property
    def are_candidates(self) -> bool:
        """Whether they list what can be tried, rather than what was done and what comes next."""
        return len(self.open) >= MANY and 2 * len(self.open) > len(self.lines)


def named_candidates(columns: Sequence[Column], path: str, rows: Rows) -> Part | None:
    """One choice between the rows, where each has a name and numbers that describe it; None for any other table."""
    names = [c for c in columns if len(c.distinct) == len(rows.lines) and is_name_of_rows(c)]
    numbers = [c for c in columns if c not in names and c.numbers is not None and len(c.cells) == len(rows.lines)]
    if not rows.are_candidates or not names or len(names) + len(numbers) < len(columns):
        return None
    if any(context_of(c) or c.is_structures for c in columns) or all(len(c.numbers or ()) <= FEW for c in numbers):
        return None
    name = next((c for c in names if c.numbers is None), names[0])  # a name says more than a number
    described = f"{{file: {scalar(path)}, name: {scalar(name.header)}, columns: [{flow(c.header for c in numbers)}]}}"
    lines = (
        f"{scalar(name.name)}:   # each row is a candidate, seen by its numbers",
        "  type: category",
        f"  descriptors: {described}",
        f"  options: [{flow(name.distinct)}]",
    )
    return Part(name.name, lines, len(name.distinct), (name, *numbers))


def said_of_open(parts: Sequence[Part], rows: Rows, source: str, *, are_named: bool) -> tuple[list[str], str]:
    """What rows without a result say: constraints, as lines of a campaign file, and a note; nothing where all have one.

    Args:
        parts: What is varied.
        rows: The table's rows.
        source: The table's name.
        are_named: Whether the rows are the candidates: ``named_candidates``.
    """
    if not rows.open:
        return [], ""
    is_one = len(rows.open) == 1
    head = f"{plural(len(rows.open), 'row')} {'has' if is_one else 'have'} no result: "
    if are_named:
        name, *others = (c.header for c in parts[0].columns)
        said = f"each row is a candidate, called by its {name} and described by {_named(others)}; without the names "
        return [], f"{head}{said}(--ignore {name}) any values in between may be tried"
    ranges = [p.name for p in parts if p.size is None]
    size, listed = math.prod(p.size or 0 for p in parts), _listed(parts, rows)
    if 2 * len(rows.open) <= len(rows.lines) or (size == len(listed) and not ranges):
        return [], f"{head}{'it says' if is_one else 'they say'} what can be tried"
    if ranges:
        note = f"{head}they widen the ranges, and {_named(ranges)} may take any value within"
        if rows.are_candidates and not any(p.fractions for p in parts):
            note += "; to choose among the rows alone, by numbers that describe them, name each in a column called name"
        return [], note
    if rows.are_candidates and (rules := _constraints(parts, listed)):
        lines = ["", f"# What is not among the rows of {source} is not tried.", "constraints:", *rules]
        return lines, f"{head}constraints leave out what is not among the {len(listed)} of the table"
    said = f"what stands in the table may be tried in any combination, {size} in all, not its {len(listed)} alone"
    hint = "" if rows.are_candidates else "; hakken import --from edbo leaves out the others"
    return [], f"{head}{said}{hint}"


def _listed(parts: Sequence[Part], rows: Rows) -> list[dict[str, float | str]]:
    """The different candidates among rows that have a cell for each part."""
    told = {p.name: dict((p.told_by or p.columns[0]).cells) for p in parts}
    numbers = {p.name for p in parts if p.columns[0].numbers is not None and not are_codes(p.columns[0])}
    found: dict[frozenset[tuple[str, float | str]], dict[str, float | str]] = {}
    for line in sorted(rows.lines):
        if all(line in cells for cells in told.values()):
            row: dict[str, float | str] = {
                name: finite(cells[line]) or 0.0 if name in numbers else cells[line] for name, cells in told.items()
            }
            found.setdefault(frozenset(row.items()), row)
    return list(found.values())


def _constraints(parts: Sequence[Part], listed: Sequence[dict[str, float | str]]) -> list[str]:
    """What leaves out all that is not listed; nothing where that cannot be said in few words."""
    from flows.importing.candidates import compared, excluding, shared_out  # it imports what is here
    from flows.importing.foreign import Entry
    from flows.importing.writing import flow_text

    read: dict[str, dict[str, Any]] = {}
    for part in parts:
        read |= yaml.safe_load("\n".join(part.lines))
    if any("file" in keys for keys in read.values()):  # a library is its rows already
        return []
    entries = [Entry(name, keys) for name, keys in read.items()]
    found = compared(entries, [], listed)
    rules = shared_out(entries, [], listed)
    if not rules and found is not None:
        rules = excluding(found.more, [*listed, *found.more], "") or []
    return [f"  - {flow_text(rule.keys)}" for rule in rules]


def _named(names: Sequence[str]) -> str:
    shown = [*names[:_SHOWN], *([f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])]
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
