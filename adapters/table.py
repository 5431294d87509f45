"""Measured tables: a file of conditions and results, read strictly and looked up exactly.

A row belongs to an experiment when every setting agrees: numbers within 1e-9 (relative, and absolute below one),
options by label or by structure. A column is read in the unit that its header states (``temperature (K)``). Those that
are neither settings nor targets are ignored; several rows for one condition are replicates, in the order of the file. A
target's cell holds a number or a limit (``<5``), or nothing where only others were measured; that of a number which
applies only now and then nothing where it does not. Rows in which no target has a value are left out, and counted.
"""

from __future__ import annotations

import csv
import hashlib
import io
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.errors import TableError
from loop.classes import Classes, are_classes
from loop.contracts import ExperimentSpec, Problem
from loop.errors import SpecError, UnitError, did_you_mean
from loop.outcome import Qualifier
from loop.sheets.cells import (
    delimiter_of,
    finite,
    hint_of,
    says_nothing,
    split_header,
    used,
    with_points,
    without_doubt,
    without_mark,
)
from loop.sheets.files import table_called
from loop.units import convert, is_stated

FEW: Final = 8  # values of a column that a message names
_LIMITS: Final = (Qualifier.BELOW, Qualifier.ABOVE)
_TOLERANCE: Final = 1e-9  # what a round trip through text and units may cost; conditions differ by far more


@dataclass(frozen=True, slots=True)
class Row:
    """One measured row."""

    line: int  # in the file, from 1
    values: Mapping[str, float]  # by target, in the target's unit; without those that were not measured
    limits: Mapping[str, Qualifier] = field(
        default_factory=dict
    )  # below or above: what a value is a limit of, by target


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a setting is looked up as: a number, a text, or a canonical SMILES."""

    value: str | float
    is_structure: bool = False


class MeasuredTable:
    """The rows of one file. Parameter columns are looked at when a setting first asks for them."""

    def __init__(
        self,
        path: Path,
        columns: Mapping[str, str],
        targets: Mapping[str, str],
        units: Mapping[str, str],
        levels: Mapping[str, Sequence[float]] | None = None,
        words: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Read the file.

        Args:
            path: The CSV file, in an encoding of spreadsheets, with one header line and commas, or semicolons or tabs
                and then decimal commas too; an Excel workbook or a Parquet file. Row numbers of pandas are left out.
            columns: Column of each parameter or target whose column has another name.
            targets: Properties to be read, with the unit wanted.
            units: Unit of a column, by parameter or target, where it is another than its header states or, without one,
                than the campaign's.
            levels: What a target can be, where that is one of a few levels, from the lowest; numbers of classes, too.
            words: The words for them, where there are any; a cell holds either.

        Raises:
            TableError: The file, a column or a cell is not as it should be; names the line.
        """
        self.name = path.name
        self._levels, self._words = dict(levels or {}), dict(words or {})
        data = _read_bytes(path)
        self.sha = hashlib.sha256(data).hexdigest()
        header, self._cells, self._lines = _read_cells(self.name, data)
        self._index = {column: i for i, column in enumerate(header)}
        for name, column in columns.items():
            if column not in self._index:
                raise TableError(self.name, 1, f"no column {column!r} (for {name!r}){self._hint(column)}")
        self._columns = {**_with_units(header, columns), **columns}
        self._units, self._stated = dict(units), _units_in(self._columns)
        self._named = frozenset(columns) - units.keys()
        self.targets = dict(targets)
        self._rows = self._read_rows()
        measured = [i for i, row in enumerate(self._rows) if row.values]
        self._n_empty = len(self._rows) - len(measured)
        self._rows = [self._rows[i] for i in measured]
        self._cells, self._lines = [self._cells[i] for i in measured], [self._lines[i] for i in measured]
        self._numbers: dict[str, list[float]] = {}
        self._structures: dict[str, dict[str, str]] = {}
        self._lookups: dict[tuple[tuple[str, bool, bool], ...], dict[tuple[str | float, ...], list[int]]] = {}

    @property
    def parameters(self) -> frozenset[str]:
        """Names of every column that may hold a setting."""
        renamed = {column: name for name, column in self._columns.items()}
        return frozenset(renamed.get(column, column) for column in self._index) - frozenset(self.targets)

    def problems(self, spec: ExperimentSpec) -> list[Problem]:
        """Why the table has no row for these settings; empty when it has one."""
        cells, problems = self._resolve(spec)
        return list(problems.values()) or self._unmeasured(spec, cells)

    def foreseen(self, spec: ExperimentSpec) -> list[Problem]:
        """The same, worded alike for all values of a parameter that the table does not have."""
        cells, problems = self._resolve(spec)
        return [self._alike(spec, *each) for each in problems.items()] or self._unmeasured(spec, cells)

    def _unmeasured(self, spec: ExperimentSpec, cells: Mapping[str, _Cell]) -> list[Problem]:
        if self._matching(cells):
            return []
        remedy = "exclude it by a constraint, or add its row to the table"
        return [Problem(_shown(spec, *spec.settings), self._none, remedy)]

    def _alike(self, spec: ExperimentSpec, name: str, problem: Problem) -> Problem:
        """What is wrong with a setting, without its value where that is it."""
        column, value = self._columns.get(name, name), spec.settings[name]
        if column not in self._index or not (isinstance(value, str) or self._numbers.get(name)):
            return problem
        return Problem(_shown(spec, name), self._none, f"use values that its column {column!r} has, or add rows")

    @property
    def _none(self) -> str:
        return f"is in no row of table {self.name}{self.left_out}"

    @property
    def left_out(self) -> str:
        """In brackets, how many rows are passed over since no target has a value there; "" where none is."""
        each = "row of which no target" if self._n_empty == 1 else "rows of which no target"
        return f" (beside {self._n_empty} {each} has a value)" if self._n_empty else ""

    def rows(self, spec: ExperimentSpec) -> tuple[Row, ...]:
        """Every row measured at these settings, in the order of the file."""
        cells, problems = self._resolve(spec)
        return () if problems else tuple(self._rows[i] for i in self._matching(cells))

    def graded(self, target: str, value: float) -> float | str:
        """A value of a target as it can be told: of one with levels the nearest of them, and of classes the word."""
        level = min(self._levels.get(target, [value]), key=lambda level: abs(level - value))
        words = self._words.get(target, ())
        return words[self._levels[target].index(level)] if are_classes(words) else level

    def _resolve(self, spec: ExperimentSpec) -> tuple[dict[str, _Cell], dict[str, Problem]]:
        """The cell that stands for each setting, by parameter; or why there is none."""
        cells: dict[str, _Cell] = {}
        problems: dict[str, Problem] = {}
        for name, value in spec.settings.items():
            found: _Cell | Problem
            if self._columns.get(name, name) not in self._index:
                rule = f"table {self.name} has no column {name!r}{self._hint(name)}"
                found = Problem(f"parameter {name!r}", rule, f"name its column: columns: {{{name}: ...}}")
            elif isinstance(value, str):
                found = self._option(name, value, spec.smiles.get(name))
            else:
                found = self._number(name, float(value), spec.units.get(name, ""))
            if isinstance(found, Problem):
                problems[name] = found
            else:
                cells[name] = found
        return cells, problems

    def _option(self, name: str, label: str, smiles: str | None) -> _Cell | Problem:
        column = self._column(name)
        if label in column:
            return _Cell(label)
        if smiles is not None:
            if name not in self._structures:
                self._structures[name] = {cell: _canonical(cell) for cell in column}
            if (canonical := _canonical(smiles)) in self._structures[name].values():
                return _Cell(canonical, is_structure=True)
        known, where = list(column), self._columns.get(name, name)
        few = len(known) <= FEW
        shown = ", ".join(known) if few else f"{len(known)} others in column {where!r}"
        how = "" if smiles is None or few else ", neither by name nor by structure"
        rule = f"{label!r} is not in table {self.name}{how}{did_you_mean(label, known[:2000])}; it has {shown}"
        other = "" if few else f", or name the column that has it: columns: {{{name}: ...}}"
        return Problem(f"parameter {name!r}", rule, f"take the option out of the space, or rename it{other}")

    def _number(self, name: str, value: float, unit: str) -> _Cell | Problem:
        subject, written = f"parameter {name!r}", self._unit_of(name, unit)
        try:
            wanted = convert(value, unit, written)
        except UnitError as error:
            return Problem(subject, str(error), f"give its unit in the table: units: {{{name}: ...}}")
        if name not in self._numbers:
            try:
                cells = (cell for cell in self._numbered(name) if not _is_empty(cell[-1]))
                self._numbers[name] = sorted({_number(self.name, *cell) for cell in cells})
            except TableError as error:
                return Problem(subject, str(error), "mend the table")
        known = self._numbers[name]
        if not known:
            column = self._columns.get(name, name)
            return Problem(subject, f"table {self.name} has no number in column {column!r}", "fill it in")
        at = bisect_left(known, wanted)
        nearest = min(known[max(at - 1, 0) : at + 1], key=lambda number: abs(number - wanted))
        if abs(nearest - wanted) <= _TOLERANCE * max(1.0, abs(wanted)):
            return _Cell(nearest)
        shown = ", ".join(f"{number:g}" for number in known[:8]) + (" ..." if len(known) > 8 else "")
        rule = f"{wanted:g} is not in table {self.name}; it has {shown}"
        near = f"{convert(nearest, written, unit):.10g}"
        return Problem(subject, rule, f"use measured values only, such as values: [{near}]")

    def _unit_of(self, name: str, wanted: str) -> str:
        """The unit of a column: as it is said, else as its header states it, else ``wanted``, the campaign's.

        Of one that is named for what it holds, what its header has in brackets may be no unit.
        """
        stated = self._units.get(name, self._stated.get(name, wanted))
        is_none = stated != wanted and name in self._named and not is_stated(stated, wanted)
        return wanted if is_none else stated

    def _matching(self, cells: Mapping[str, _Cell]) -> Sequence[int]:
        names = tuple(sorted(cells))
        shape = tuple((name, isinstance(cells[name].value, float), cells[name].is_structure) for name in names)
        if shape not in self._lookups:
            lookup: dict[tuple[str | float, ...], list[int]] = {}
            for i, row in enumerate(self._cells):
                lookup.setdefault(tuple(self._read(row, *part) for part in shape), []).append(i)
            self._lookups[shape] = lookup
        return self._lookups[shape].get(tuple(cells[name].value for name in names), ())

    def _read(self, row: Sequence[str], name: str, is_number: bool, is_structure: bool) -> str | float:
        text = row[self._index[self._columns.get(name, name)]]
        if is_number:
            return text if (number := finite(text)) is None else number
        return self._structures[name][text] if is_structure else text

    def _column(self, name: str) -> dict[str, None]:
        at = self._index[self._columns.get(name, name)]
        return {row[at]: None for row in self._cells}

    def _numbered(self, name: str) -> list[tuple[int, str, str]]:
        column = self._columns.get(name, name)
        at = self._index[column]
        return [(line, column, row[at]) for line, row in zip(self._lines, self._cells, strict=True)]

    def _read_rows(self) -> list[Row]:
        values: list[dict[str, float]] = [{} for _ in self._lines]
        limits: list[dict[str, Qualifier]] = [{} for _ in self._lines]
        for target in self.targets:
            column = self._columns.get(target, target)
            if column not in self._index:
                remedy = f"; name it by columns: {{{target}: ...}}"
                raise TableError(self.name, 1, f"no column {column!r} for the target{self._hint(column)}{remedy}")
            for at, cell in enumerate(self._numbered(target)):
                if _is_empty(cell[-1]):
                    continue
                values[at][target], limit = self._value(target, *cell)
                if limit is not Qualifier.EQUAL:
                    limits[at][target] = limit
        if self.targets and not any(values):
            self._value(target := next(iter(self.targets)), *self._numbered(target)[0])  # which says what is wrong
        return [Row(*told) for told in zip(self._lines, values, limits, strict=True)]

    def _value(self, target: str, line: int, column: str, text: str) -> tuple[float, Qualifier]:
        """What a cell says of a target, in the target's unit."""
        if target in self._levels:
            return self._level(target, line, column, text), Qualifier.EQUAL
        unit, is_limit = self.targets[target], text[:1] in _LIMITS and finite(text[1:]) is not None
        limit = Qualifier(text[0]) if is_limit else Qualifier.EQUAL
        number = _number(self.name, line, column, text[1:] if is_limit else text)
        try:
            return convert(number, self._unit_of(target, unit), unit), limit
        except UnitError as error:
            remedy = f"say in which unit it is: units: {{{target}: ...}}"
            raise TableError(self.name, None, f"column {column!r}: {error}; {remedy}") from None

    def _level(self, target: str, line: int, column: str, text: str) -> float:
        """The level that a cell names, by its word in whatever case or its number."""
        levels, words = self._levels[target], self._words.get(target, ())
        known = dict(zip((word.strip().casefold() for word in words), levels, strict=False))
        may_be_number = not are_classes(words) or Classes(words).may_be_numbers
        level = known.get(text.casefold(), finite(text) if may_be_number else None)
        if level is None or level not in levels:
            shown = ", ".join(words or (f"{v:g}" for v in levels))
            hint = did_you_mean(text, words)
            got = repr(text) if text else "an empty cell"
            raise TableError(
                self.name, line, f"column {column!r} must hold one of {shown}, got {got}{hint}; mend or remove the row"
            )
        return level

    def _hint(self, column: str) -> str:
        return f"{did_you_mean(column, self._index)}; it has {', '.join(self._index)}"


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(str(path), None, f"cannot be opened ({error.strerror}); check the path") from None


def _read_cells(table: str, data: bytes) -> tuple[list[str], list[list[str]], list[int]]:
    try:
        text = without_mark(table_called("it", data).text)
    except SpecError as error:
        raise TableError(table, None, str(error)) from None
    delimiter = delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    head_line = 1
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if not header:
                header, head_line = stripped, reader.line_num
            elif len(stripped) != len(header):
                message = f"{len(stripped)} cells, but the header has {len(header)}; quote cells that hold commas"
                raise TableError(table, reader.line_num, message)
            else:
                rows.append(stripped)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise TableError(table, reader.line_num, f"not a CSV file ({error})") from None
    if not rows:
        raise TableError(table, None, "has no rows; give a header line and at least one measured row")
    kept = [i for i in used(header, rows) if i or header[0] or not _are_row_numbers([row[0] for row in rows])]
    header = _check_header(table, head_line, [(i, header[i]) for i in kept])
    return header, with_points([[row[i] for i in kept] for row in rows], delimiter), lines


def _are_row_numbers(cells: Sequence[str]) -> bool:
    """Whether a column without a name only counts its rows, as pandas writes it."""
    return list(cells) == [str(i) for i in range(len(cells))]


def _check_header(table: str, line: int, header: list[tuple[int, str]]) -> list[str]:
    """The names of columns, each of which comes with its place in the file."""
    names: list[str] = []
    for i, column in header:
        if not column:
            raise TableError(table, line, f"column {i + 1} has no name; name it or remove it")
        if column in names:
            raise TableError(table, line, f"column {column!r} appears twice; rename one")
        names.append(column)
    return names


def _shown(spec: ExperimentSpec, *names: str) -> str:
    """Settings of an experiment, such as "base KOAc, temperature 90 degC"."""
    settings = ((name, spec.settings[name]) for name in names)
    return ", ".join(
        f"{name} {value}" if isinstance(value, str) else f"{name} {value:.10g} {spec.units.get(name, '')}".rstrip()
        for name, value in settings
    )


def _with_units(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Columns called as a thing and its unit, such as ``yield (%)``, by the thing; none where two may be it."""
    free = [column for column in header if column not in columns.values()]
    names = {column: split_header(column)[0] for column in free}
    times = Counter(names.values())
    return {name: column for column, name in names.items() if times[name] == 1 and name != column}


def _units_in(columns: Mapping[str, str]) -> dict[str, str]:
    """The units that headers state, by what their columns hold."""
    stated = {name: split_header(column)[1] for name, column in columns.items() if column != name}
    return {name: unit for name, unit in stated.items() if unit is not None}


def _is_empty(cell: str) -> bool:
    return not cell or says_nothing(cell)


def _number(table: str, line: int, column: str, text: str) -> float:
    value = finite(text)
    if value is None:
        got = repr(without_doubt(text)) if text else "an empty cell"
        way_out = hint_of(text) or "mend or remove the row"
        raise TableError(table, line, f"column {column!r} must hold a finite number, got {got}; {way_out}")
    return value


def _canonical(smiles: str) -> str:
    from rdkit import Chem, rdBase  # 0.1 s: only for tables that hold structures

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return smiles if molecule is None else str(Chem.MolToSmiles(molecule))
