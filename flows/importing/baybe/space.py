"""Search spaces of BayBE in hakken's words: parameters, and the settings of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.importing.baybe.constraints import Constraints, Finite
from flows.importing.candidates import Row, compared, excluding, shared_out
from flows.importing.foreign import Entry, Setting
from flows.importing.frames import Cell, read_frame
from flows.importing.parameters import Names, category, component, number, option
from flows.importing.source import Source


@dataclass(frozen=True)
class Rows:
    """How rows of BayBE's frames are read; ``columns`` are its own names, ``gates`` say when a parameter applies."""

    names: Names
    columns: tuple[str, ...]
    numbers: frozenset[str]
    meant: Mapping[str, Mapping[str, str]]  # options of substances, by BayBE's label
    gates: Mapping[str, Mapping[str, Sequence[Setting]]]

    def settings(self, row: Mapping[str, Cell]) -> tuple[dict[str, Setting], list[str]]:
        """A row's settings by hakken's names, and BayBE's names of parameters that do not apply there."""
        found: dict[str, Setting] = {}
        for name in (c for c in self.columns if c in row):
            if name in self.numbers:
                found[self.names[name]] = float(row[name])  # type: ignore[arg-type]  # a column of numbers
            else:
                label = option(row[name])
                found[self.names[name]] = self.meant.get(name, {}).get(label, label)
        idle = [n for n, gate in self.gates.items() if any(found.get(g) not in values for g, values in gate.items())]
        for name in idle:
            found.pop(self.names[name], None)
        return found, idle


@dataclass(frozen=True)
class Space:
    """A search space: parameters, constraints, how rows are read, and what was not carried over."""

    parameters: tuple[Entry, ...]
    constraints: tuple[Entry, ...]
    rows: Rows
    left: tuple[str, ...]


def read_space(
    source: Source, data: Mapping[str, Any], metadata: Mapping[str, Sequence[Cell]] | None, names: Names
) -> Space:
    """The search space. Raises ``ImportFault`` for a kind of parameter that is not known."""
    discrete, continuous = data["discrete"], data["continuous"]
    left: list[str] = []
    entries: dict[str, Entry] = {}
    finite: dict[str, Finite] = {}
    meant: dict[str, Mapping[str, str]] = {}
    rules = Constraints(names, finite, meant, left, beside=discrete.get("constraints") or ())
    for p in discrete["parameters"]:
        name, found = p["name"], _discrete(source, p, names)
        entries[name], finite[name] = found.entry, found.finite
        left += found.left
        if found.meant is not None:
            meant[name] = found.meant
        if (active := p.get("active_values")) and len(active) < len(finite[name].values):
            rules.only(name, [meant.get(name, {}).get(option(v), option(v)) for v in active])
    for p in continuous["parameters"]:
        comments, unit = _metadata(p)
        ends = p["bounds"]
        entries[p["name"]] = number(names, p["name"], *comments, bounds=(ends["lower"], ends["upper"]), unit=unit)
    for constraint in discrete.get("constraints") or ():
        rules.add(constraint)
    for key in ("constraints_lin_eq", "constraints_lin_ineq", "constraints_nonlin"):
        for constraint in continuous.get(key) or ():
            rules.add(constraint | {"type": constraint.get("type", "ContinuousLinearConstraint")}, entries)
    for name, gate in rules.gates.items():
        entries[name] = Entry(entries[name].name, dict(entries[name].keys) | {"when": gate}, entries[name].comments)
    numbers = frozenset(n for n in entries if n not in finite or finite[n].is_number)
    rows = Rows(names, tuple(entries), numbers, meant, rules.gates)
    if text := discrete.get("exp_rep"):
        some = [entry for name, entry in entries.items() if name in finite]
        is_told = _list(rules, some, rows, read_frame(text)[0], metadata or {})
        left += () if is_told else rules.wordless
    else:
        left += rules.wordless
    return Space(tuple(entries.values()), tuple(rules.entries), rows, tuple(left))


@dataclass(frozen=True)
class _Discrete:
    """One parameter of finitely many values: its entry, the values, and what was not carried over."""

    entry: Entry
    finite: Finite
    left: tuple[str, ...] = ()
    meant: Mapping[str, str] | None = None  # of a substance, its options by BayBE's label


def _discrete(source: Source, p: Mapping[str, Any], names: Names) -> _Discrete:
    """A discrete parameter. Raises ``ImportFault`` for a kind that is not known."""
    name, (comments, unit) = p["name"], _metadata(p)
    match p["type"]:
        case "NumericalDiscreteParameter":
            entry = number(names, name, *comments, values=p["values"], unit=unit)
            finite = Finite(tuple(sorted(float(v) for v in p["values"])), is_number=True)
            tolerance = p.get("tolerance")
            left = (f"{name}: a tolerance of {tolerance:g} (a value between is taken as it is)",) if tolerance else ()
            return _Discrete(entry, finite, left)
        case "SubstanceParameter":
            found = component(names, name, p["data"], *comments)
            finite = Finite(tuple(dict.fromkeys(found.options.values())), is_number=False)
            told = f"{name}: its encoding {p.get('encoding')}; hakken's own descriptors and fingerprints are used"
            return _Discrete(found.entry, finite, (told,), found.options)
        case "CategoricalParameter" | "TaskParameter" | "CustomDiscreteParameter":
            values, what = _options(p)
            entry = category(names, name, values, *comments)
            if p["type"] == "CustomDiscreteParameter":
                entry, what = _described(entry, p)
            finite = Finite(tuple(entry.keys["options"]), is_number=False)
            return _Discrete(entry, finite, (f"{name}: {what}",) if what else ())
        case kind:
            raise source.fault(
                f"parameter {name!r} is of kind {kind!r}, which hakken does not know; leave it out there"
            )


def _list(
    rules: Constraints, parameters: Sequence[Entry], rows: Rows, frame: Mapping[str, Sequence[Cell]], metadata: Any
) -> bool:
    """Leave out what BayBE's list of candidates lacks, and what a person excluded from it.

    Returns whether just the list is left, but for the latter.
    """
    length = len(next(iter(frame.values()))) if frame else 0
    listed = [rows.settings({name: column[i] for name, column in frame.items()})[0] for i in range(length)]
    if not listed:
        return False
    mine = {entry.name for entry in parameters}
    about = [rule for rule in rules.entries if _names_of(rule) <= mine]
    found = compared(parameters, about, listed)
    is_told = True
    if (found is None or found.more) and (shared := shared_out(parameters, about, listed)):
        rules.entries += shared
    elif found is None:
        rules.left.append(f"the list of {length} candidates: it was not compared with what hakken makes of the space")
        is_told = False
    else:
        for rule in (about[i] for i in found.wrong):
            rules.entries.remove(rule)
        everything = [*listed, *found.more]
        is_told = _leave_out(rules, found.more, everything, "not among the candidates where it comes from")
    flags = metadata.get("excluded") or metadata.get("dont_recommend") or ()
    excluded = [row for row, flag in zip(listed, flags, strict=False) if flag]
    _leave_out(rules, excluded, listed, "excluded by a person where it comes from")
    return is_told


def _leave_out(rules: Constraints, some: Sequence[Row], everything: Sequence[Row], what: str) -> bool:
    """Constraints for some candidates, or a word that there are too many of them; says which."""
    entries = excluding(some, everything, what)
    if entries is None:
        rules.left.append(f"that {len(some)} combinations are {what}: too many to be written one by one")
    rules.entries += entries or ()
    return entries is not None


def _names_of(rule: Entry) -> set[str]:
    """The parameters that a constraint in hakken's words is about."""
    keys = rule.keys
    found = set(keys.get("count", ())) | set(keys.get("sum", ()))
    for part in ("exclude", "when", "require"):
        found |= set(keys.get(part, ()))
    for slot in keys.get("interchangeable", ()):
        found |= {slot} if isinstance(slot, str) else set(slot)
    return found


def _metadata(p: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
    """A description as a comment, and the unit."""
    meta = p.get("metadata") or {}
    return ((str(meta["description"]),) if meta.get("description") else ()), meta.get("unit")


def _described(entry: Entry, p: Mapping[str, Any]) -> tuple[Entry, str]:
    """A choice with its custom descriptors, and what of them is not carried over: a column that is not of numbers."""
    columns, _ = read_frame(p["data"])
    used = {name: column for name, column in columns.items() if all(map(_is_finite, column))}
    left = [name for name in columns if name not in used]
    what = f"its custom descriptors {', '.join(left)}, which are not numbers" if left else ""
    if not used:
        return entry, what
    rows = zip(entry.keys["options"], *used.values(), strict=True)
    given = {option: dict(zip(used, map(float, numbers), strict=True)) for option, *numbers in rows}
    return Entry(entry.name, {**entry.keys, "descriptors": given}, entry.comments), what


def _is_finite(cell: Cell) -> bool:
    return isinstance(cell, int | float) and math.isfinite(cell)


def _options(p: Mapping[str, Any]) -> tuple[list[Any], str]:
    """Labels of a choice, and what of it is not carried over."""
    if p["type"] == "CustomDiscreteParameter":
        return read_frame(p["data"])[1], ""
    if p["type"] == "TaskParameter":
        return list(p["values"]), "that it is a task, between which BayBE transfers; models see it as a choice"
    return list(p["values"]), "its encoding INT, by the order of its options" if p.get("encoding") == "INT" else ""
