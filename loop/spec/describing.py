"""Descriptors of one's own as a campaign file gives them: found in their table, and seen to describe every option."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from loop.errors import MoleculeError, SpaceError, SpecError, did_you_mean
from loop.sheets.cells import finite, has_decimal_comma, hint_of, is_of_numbers, without_doubt
from loop.space.descriptors import Descriptors
from loop.spec.descriptor_models import DescriptorsSpec
from loop.spec.space_models import CategorySpec, ComponentSpec, ParameterSpec
from loop.spec.tables import ReadFile, read_table
from loop.wording import plural

Row: TypeAlias = tuple[int, Mapping[str, str]]  # line and cells
Described: TypeAlias = ComponentSpec | CategorySpec
NO_NUMBER: Final = frozenset({"", "na", "n/a", "nan"})  # cells, in small letters, that say there is none
SHOWN: Final = 6  # names in a message


def resolve_descriptors(spec: ParameterSpec, written: ParameterSpec, read: ReadFile) -> ParameterSpec:
    """The parameter with the numbers of its descriptors in place.

    Args:
        spec: With its options in place.
        written: As the campaign file has it.
        read: Gives the text of a file.

    Raises:
        SpecError: A table, a column, a row or a number is missing, or an option is unknown.
    """
    if not isinstance(spec, ComponentSpec | CategorySpec) or spec.descriptors is None:
        return spec
    given = spec.descriptors
    if given.columns is not None:
        assert isinstance(written, ComponentSpec | CategorySpec)
        given = _from_table(spec, written, given, read)
    try:
        descriptors_of(spec.model_copy(update={"descriptors": given}))
    except SpaceError as error:
        raise SpecError(str(error)) from None
    return spec.model_copy(update={"descriptors": given})


def descriptors_of(spec: Described) -> Descriptors | None:
    """The descriptors of a resolved parameter. Raises ``SpaceError``."""
    given = spec.descriptors
    if given is None:
        return None
    if given.names is None or given.values is None:
        raise SpaceError(f"descriptors: columns of {given.file or 'a table'} were not read; use read_spec")
    options = list(spec.options or ())
    if unknown := [option for option in given.values if option not in options]:
        hint = did_you_mean(unknown[0], options)
        raise SpaceError(f"descriptors are given of {unknown[0]!r}, which is no option{hint}; {_listed(options)}")
    for option, numbers in given.values.items():
        if len(numbers) != len(given.names):
            raise SpaceError(
                f"descriptors: option {option!r} has {plural(len(numbers), 'number')}, and the names are "
                f"{len(given.names)}; give one of each"
            )
    for option in options:
        if option not in given.values and not _is_nothing(spec, option):
            raise SpaceError(
                f"descriptors: option {option!r} has none; give it {_some(given.names)}, or leave descriptors out"
            )
    return Descriptors.of(given.names, [given.values.get(option) for option in options])


def _is_nothing(spec: Described, option: str) -> bool:
    """Whether an option adds nothing, so that it need not be described."""
    return spec.options[option] is None if isinstance(spec.options, dict) else option == "none"


def _listed(options: Sequence[str]) -> str:
    return f"options: {_some(options)}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


@dataclass(frozen=True)
class _Table:
    """Rows of a file, and which column says whose they are."""

    file: str
    rows: Sequence[Row]
    header: Sequence[str]
    key: str  # column
    by_structure: bool
    kept_out: frozenset[str]  # columns that describe nothing


def _from_table(spec: Described, written: Described, given: DescriptorsSpec, read: ReadFile) -> DescriptorsSpec:
    table = _table(written, given, read)
    options = list(spec.options or ())
    rows = _by_structure(spec, table) if table.by_structure else _by_name(options, table)
    if not rows:
        met = _some([row[table.key] for _, row in table.rows])
        raise SpecError(
            f"{table.file} has no row of any option: its column {table.key!r} has {met}; {_listed(options)}"
        )
    needed = [option for option in options if option in rows or not _is_nothing(spec, option)]
    if given.missing is None and (lost := [option for option in needed if option not in rows]):
        others = [] if table.by_structure else [row[table.key] for _, row in table.rows if row[table.key] not in rows]
        raise SpecError(
            f"{table.file} has no row of option {lost[0]!r} in its column {table.key!r}"
            f"{did_you_mean(lost[0], others)}; add one, or write missing: mean for the mean of the other options"
        )
    columns = _numeric(table, rows) if given.columns == "all" else list(given.columns or ())
    if unknown := [c for c in columns if c not in table.header]:
        hint = did_you_mean(unknown[0], table.header)
        raise SpecError(f"{table.file} has no column {unknown[0]!r}{hint}; it has {_some(table.header)}")
    numbers = {c: {option: _number(table, c, option, row) for option, row in rows.items()} for c in columns}
    values: dict[str, list[float]] = {option: [] for option in needed}
    imputed: dict[str, list[str]] = {}
    for column in columns:
        known = [n for n in numbers[column].values() if n is not None]
        if not known:
            raise SpecError(f"{table.file}: column {column!r} has a number of no option; leave it out")
        for option in needed:
            number = numbers[column].get(option)
            if number is None and given.missing is None:
                raise SpecError(
                    f"{table.file} line {rows[option][0]}: option {option!r} has no number in column {column!r}; give "
                    "it, leave the column out, or write missing: mean for the mean of the other options"
                )
            if number is None:
                imputed.setdefault(option, []).append(column)
            values[option].append(math.fsum(known) / len(known) if number is None else number)
    return DescriptorsSpec(names=columns, values=values, imputed=imputed or None)


def _table(written: Described, given: DescriptorsSpec, read: ReadFile) -> _Table:
    own = written.file if isinstance(written, ComponentSpec) else None
    file = given.file or own
    if file is None:
        raise SpecError("columns are of a table, and the options come from none; give file: beside columns:")
    rows = read_table(read(file), file)
    if not rows:
        raise SpecError(f"{file} holds no rows; give numbers by option, or leave descriptors out")
    header = list(rows[0][1])
    has_structures = isinstance(written, ComponentSpec)
    kept_out: frozenset[str] = frozenset()
    if has_structures and file == own and given.name is None and given.smiles is None:
        assert isinstance(written, ComponentSpec)
        key, by_structure, kept_out = written.name, False, frozenset({written.smiles})
    elif given.smiles is not None:
        if not has_structures:
            raise SpecError("smiles finds rows of substances, and options of a category have no structure; give name")
        key, by_structure = given.smiles, True
    elif given.name is not None or "name" in header or not has_structures:
        key, by_structure = given.name or "name", False
    else:
        key, by_structure = "smiles", True
    if key not in header:
        hint = did_you_mean(key, header)
        by = "name: or smiles:" if has_structures else "name:"
        raise SpecError(
            f"{file} has no column {key!r}{hint}; say by {by} which column tells whose a row is, of {_some(header)}"
        )
    return _Table(file, rows, header, key, by_structure, kept_out | {key})


def _by_name(options: Sequence[str], table: _Table) -> dict[str, Row]:
    wanted = set(options)
    return _once([(label, row) for row in table.rows if (label := row[1][table.key]) in wanted], table)


def _by_structure(spec: Described, table: _Table) -> dict[str, Row]:
    """Rows by canonical SMILES; a salt may be written in another way."""
    from loop.molecules.condensed import canonical_reaction, is_reaction  # RDKit: only here
    from loop.molecules.standardise import canonical_smiles, substance

    assert isinstance(spec, ComponentSpec)
    option_of = {smiles: option for option, smiles in (spec.options or {}).items() if smiles}
    pairs: list[tuple[str, Row]] = []
    others: list[tuple[str, Row]] = []
    for row in table.rows:
        text = row[1][table.key]
        try:
            smiles = canonical_reaction(text) if is_reaction(text) else canonical_smiles(text)
        except MoleculeError:  # whoever it is, it is no option
            continue
        if smiles in option_of:
            pairs.append((option_of[smiles], row))
        else:
            others.append((smiles, row))
    found = {option for option, _ in pairs}
    left = {substance(s): option for s, option in option_of.items() if option not in found and not is_reaction(s)}
    if left:
        pairs += [(left[key], row) for s, row in others if not is_reaction(s) and (key := substance(s)) in left]
    return _once(pairs, table)


def _once(pairs: Sequence[tuple[str, Row]], table: _Table) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for option, row in pairs:
        if option in found:
            raise SpecError(
                f"{table.file} lines {found[option][0]} and {row[0]} are both of option {option!r}; keep one of them"
            )
        found[option] = row
    return found


def _numeric(table: _Table, rows: Mapping[str, Row]) -> list[str]:
    """Every column in which an option has a number, or most have what looks like one; what else stands in such a column
    is refused where it is read.
    """
    cells = {c: [row[c] for _, row in rows.values()] for c in table.header if c not in table.kept_out}
    columns = [
        c
        for c, some in cells.items()
        if any(finite(cell) is not None for cell in some) or is_of_numbers([without_doubt(cell) for cell in some])
    ]
    if not columns:
        raise SpecError(
            f"{table.file} has no column of numbers beside {table.key!r}; add some, or leave descriptors out"
        )
    return columns


def _number(table: _Table, column: str, option: str, row: Row) -> float | None:
    """The number in a cell, None where it says that there is none. Raises ``SpecError``."""
    line, cells = row
    cell = cells[column]
    if cell.lower() in NO_NUMBER:
        return None
    number = finite(cell)
    if number is None:
        plain = without_doubt(cell)
        why = "is no finite number; mend it, or name the columns that are meant"
        if hint := hint_of(plain):
            why = f"is in doubt: {hint}"
        elif has_decimal_comma(plain):
            why = "has a decimal comma where commas part the cells; write a point, or name the columns that are meant"
        raise SpecError(f"{table.file} line {line}: {plain!r} of option {option!r} in column {column!r} {why}")
    return number
