"""EDBO+: the CSV file that it reads and writes, a row for each candidate, PENDING where nothing is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from flows.cli.starting.columns import Column, read_header
from flows.importing.candidates import compared, excluding, shared_out
from flows.importing.foreign import Entry, Foreign, Reading, Result, Setting, label_of
from flows.importing.parameters import Names, category, component, number
from flows.importing.rows import Table, read_rows
from flows.importing.source import ImportFault, Source
from loop.sheets.cells import delimiter_of, finite, first_line, without_mark
from loop.sheets.workbooks import is_workbook
from loop.wording import plural

_PENDING: Final = "PENDING"
_WORDS: Final = tuple(_PENDING.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
_PRIORITY: Final = "priority"
_PREDICTED: Final = ("_predicted_mean", "_predicted_variance", "_expected_improvement")


def recognises(source: Source) -> bool:
    """A table with a column of priorities, or with cells that are PENDING."""
    text = without_mark(source.head)  # a spreadsheet may have saved it since
    header = [cell.strip().strip('"') for cell in first_line(text).split(delimiter_of(text))]
    if len(header) < 2:
        return False
    data = source.text.encode() if is_workbook(source.data) else source.data
    return _PRIORITY in header or any(word in data.upper() for word in _WORDS)


def read(source: Source) -> Foreign:
    """The scope with its results. Raises ``ImportFault``."""
    table = read_rows(source, no_value=_PENDING)
    targets = _targets(source, table)
    names = Names()
    wanted, notes = [], [said for said in (source.said, table.missing) if said]
    for target in targets:
        unit, unknown = names.unit(target)
        goal = source.goal_unsaid(target)
        if target not in source.goals and not source.goal_of_all:
            notes.append(
                f"{target} is maximised: the file does not say; import it with --target {target}:minimize if not"
            )
        wanted.append(Entry(names[target], {"goal": goal} | unit, (*names.comments(target), *unknown)))
    left: list[str] = []
    entries, meant = _parameters(source, table, targets, names, left)
    if not entries:
        raise source.fault("no column is left to vary: each is an objective, constant, or counts the rows")
    results: list[Result] = []
    pending: list[str] = []
    listed: dict[frozenset[tuple[str, Setting]], dict[str, Setting]] = {}
    for line, row in table.rows:
        if empty := [h for h in entries if not row[h]]:
            raise source.fault(f"line {line}: column {empty[0]!r} is empty; every parameter needs a value")
        settings: dict[str, Setting] = {
            entry.name: float(row[h]) if entry.keys["type"] == "number" else meant[h].get(row[h], row[h])
            for h, entry in entries.items()
        }
        listed.setdefault(frozenset(settings.items()), settings)
        readings = {names[t]: Reading(_value(source, line, t, row[t])) for t in targets if not _is_pending(row[t])}
        if readings:
            results.append(Result(f"line {line}", settings, readings))
        elif _is_next(row):
            pending.append(label_of(settings))
    rules = _scope(list(entries.values()), list(listed.values()), left)
    return Foreign(
        format="edbo",
        described=f"a scope of EDBO+ with {plural(len(table.rows), 'row')}",
        parameters=tuple(entries.values()),
        constraints=tuple(rules),
        targets=tuple(wanted),
        results=tuple(results),
        batch=len(pending) or None,
        pending=tuple(pending),
        left=(*left, "thresholds of objectives, if any: EDBO+ keeps them in the script that calls it"),
        notes=tuple(notes),
    )


def _targets(source: Source, table: Table) -> list[str]:
    """Columns that hold PENDING somewhere, and those that the person names."""
    found = [h for h in table.header if any(_is_pending(row[h]) and row[h] for _, row in table.rows)]
    source.check_goals([h for h in table.header if h != _PRIORITY])
    targets = [h for h in table.header if h in found or h in source.goals]
    if not targets:
        columns = ", ".join(h for h in table.header if h != _PRIORITY)
        raise source.fault(
            f"no column is PENDING, so nothing says what is measured; add --target with one of {columns}"
        )
    if len(targets) > 1 and not source.goal_of_all and (unsaid := [t for t in targets if t not in source.goals]):
        asked = " ".join(f"--target {t}:maximize" for t in targets)
        raise source.fault(f"which way does {unsaid[0]!r} go? EDBO+'s file does not say; give {asked}, or minimize")
    return targets


def _parameters(
    source: Source, table: Table, targets: Sequence[str], names: Names, left: list[str]
) -> tuple[dict[str, Entry], dict[str, dict[str, str]]]:
    """By header; and what each cell of a column of substances means."""
    entries: dict[str, Entry] = {}
    meant: dict[str, dict[str, str]] = {}
    for header in table.header:
        if header == _PRIORITY or header in targets:
            continue
        name, unit, notes = read_header(header)
        column = Column(
            header, name, unit, tuple((line, row[header]) for line, row in table.rows if row[header]), notes
        )
        if header.endswith(_PREDICTED):
            left.append(f"column {header}, what EDBO+'s model predicted")
            continue
        if len(column.distinct) < 2:
            left.append(
                f"column {header}: always {column.distinct[0]}" if column.distinct else f"column {header}: empty"
            )
            continue
        numbers = column.numbers
        if numbers is not None and _counts(numbers, len(column.cells)):
            left.append(f"column {header or 'without a name'}: it counts the rows")
            continue
        meant[header] = {}
        if numbers is not None:
            entries[header] = number(names, header, values=numbers)
            continue
        if column.is_structures:
            if why := column.unreadable:  # the header says SMILES, and a cell is none
                raise ImportFault(f"{source.name} {why}")
            subject = column.subject or "molecule"
            subject = header if any(e.name == subject for e in entries.values()) else subject
            found = component(
                names, subject, {cell: cell for cell in column.distinct}, f"structures of column {header}"
            )
            entries[header], meant[header] = found.entry, dict(found.options)
        else:
            entries[header] = category(names, header, column.distinct)
    return entries, meant


def _counts(numbers: Sequence[float], n: int) -> bool:
    """Whether the numbers are 0 to n - 1 or 1 to n: an index of the rows."""
    return n > 2 and len(numbers) == n and numbers[0] in (0.0, 1.0) and numbers[-1] - numbers[0] == n - 1


def _scope(entries: Sequence[Entry], listed: Sequence[dict[str, Setting]], left: list[str]) -> list[Entry]:
    """Constraints for what the scope leaves out of all combinations."""
    found = compared(entries, [], listed)
    if (found is None or found.more) and (shared := shared_out(entries, [], listed)):
        return shared
    rules = None if found is None else excluding(found.more, [*listed, *found.more], "not in the scope")
    if rules is not None:
        return rules
    size = math.prod(len(e.keys.get("values") or e.keys["options"]) for e in entries)
    left.append(f"the scope's list of {len(listed)} candidates: hakken takes every combination, {size} of them")
    return []


def _is_pending(cell: str) -> bool:
    return not cell or _PENDING in cell.upper()


def _is_next(row: dict[str, str]) -> bool:
    """Whether EDBO+ proposes the row: priority 1 (0 for the others, -1 for what is measured)."""
    try:
        return float(row.get(_PRIORITY) or 0) > 0
    except ValueError:
        return False


def _value(source: Source, line: int, target: str, cell: str) -> float:
    value = finite(cell)
    if value is None:
        raise source.fault(
            f"line {line}: objective {target!r} is neither a number nor PENDING, got {cell!r}; mend the cell"
        )
    return value
