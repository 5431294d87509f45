"""Columns of somebody's table: names and units from headers, and what kind of thing the cells hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from loop.errors import MoleculeError, SpecError, UnitError
from loop.sheets.cells import finite, hint_of, is_in_doubt, missing, slashed, split_header, without_doubt
from loop.spec import read_table
from loop.units import check_unit, is_charge, meant, misread
from loop.wording import in_plain_letters

_UNIT: Final = re.compile(r"^(?P<name>.*\S)\s*(?:\[(?P<square>[^\[\]]*)\]|\((?P<round>[^()]*)\))$")
_UNUSABLE: Final = re.compile(r"[^A-Za-z0-9_.\- ]+")  # what the name of a parameter may not hold
_WELL: Final = frozenset({"row", "column"})
_CHARGE: Final = {"C": "coulomb", "F": "farad"}
_REACTION: Final = re.compile(r"[^\s>]+>[^\s>]*>[^\s>]+")
_BONDS: Final = frozenset("=#()[]@")  # seen in most structures and in few names
READABLE: Final = 0.9  # of the cells of a column of structures, at least: a long list has some that cannot be read
_ANY: Final = frozenset(
    {"can", "canonical", "compound", "cpd", "input", "iso", "isomeric", "mol", "molecule", "original", "rdkit", "std",
     "standardised", "standardized", "structure", "structures"}
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column: ``cells`` as text with their line numbers, blanks left out."""

    header: str
    name: str  # as a parameter may be called
    unit: str  # "" where the header has none
    cells: tuple[tuple[int, str], ...]
    notes: tuple[str, ...] = field(default=())
    missing: tuple[str, ...] = ()  # words for a missing number, which count as blanks
    is_of_well: bool = False  # row or column of a plate, which say together which well it is

    @property
    def bare(self) -> str:
        """The header without its unit."""
        return split_header(self.header)[0]

    @property
    def is_numbered(self) -> bool:
        """Whether it is called by its number, as its header has no name in plain letters."""
        return not _usable(self.bare)

    @property
    def distinct(self) -> tuple[str, ...]:
        """The different cells, in the order met."""
        return tuple(dict.fromkeys(cell for _, cell in self.cells))

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The different numbers, rising; None when some cell is no finite number."""
        values = [finite(cell) for cell in self.distinct]
        numbers = {number for number in values if number is not None}
        return tuple(sorted(numbers)) if values and None not in values else None

    @property
    def is_structures(self) -> bool:
        """Whether the cells are SMILES: by the header, or because nearly all can be read and most look like it."""
        if "smiles" in self.header.casefold():
            return bool(self.cells)
        if sum(bool(_BONDS & set(cell)) for cell in self.distinct) * 2 < max(len(self.distinct), 1):
            return False
        return bool(self.cells) and len(self.unreadable) <= (1 - READABLE) * len(self.cells)

    @property
    def are_reactions(self) -> bool:
        """Whether each cell is a reaction, ``reactants>agents>products``."""
        return bool(self.cells) and all(_REACTION.fullmatch(cell) for cell in self.distinct)

    @cached_property
    def unbalanced(self) -> str:
        """Why a reaction cannot be seen as one, as without numbers on its atoms: of the first; "" where all can."""
        from loop.molecules.condensed import canonical_reaction  # RDKit: only where a table is guessed at

        for line, cell in self.cells:
            try:
                canonical_reaction(cell)
            except MoleculeError as error:
                return f"line {line}: {error}"
        return ""

    @property
    def is_of_any(self) -> bool:
        """Whether they are molecules as such, rather than ligands or solvents, going by the header."""
        return set(re.findall(r"[a-z]+", self.subject.casefold())) <= _ANY

    @cached_property
    def unreadable(self) -> tuple[str, ...]:
        """Why each cell that is no SMILES cannot be read, with its line."""
        from loop.molecules.standardise import canonical_smiles  # RDKit: only where a table is guessed at

        why = []
        for line, cell in self.cells:
            try:
                canonical_smiles(cell)
            except MoleculeError as error:
                why.append(f"line {line}, column {self.header!r}: {error}")
        return tuple(why)

    @cached_property
    def canonical(self) -> Mapping[str, str]:
        """One SMILES for each different cell, the same for all writings of a substance. Raises ``MoleculeError`` where
        one is no SMILES."""
        from loop.molecules.standardise import substance

        return {cell: substance(cell) for cell in self.distinct}

    @property
    def subject(self) -> str:
        """What a column of structures is about: ``ligand`` for ``ligand_smiles``, "" for ``smiles``."""
        return re.sub(r"smiles", "", self.name, flags=re.IGNORECASE).strip(" _-.")


def read_columns(text: str, source: str) -> list[Column]:
    """The columns of a CSV text with at least one row.

    Raises:
        SpecError: It cannot be read as a table, or has no rows.
    """
    rows = read_table(text, source)
    if not rows:
        raise SpecError(f"{source}: the table has a header and no rows; nothing can be guessed from it")
    for line, row in rows:
        for header, cell in row.items():
            if is_in_doubt(cell):
                number = without_doubt(cell)
                raise SpecError(f"{source} line {line}: column {header!r} has {number!r}, and {hint_of(cell)}")
    columns = [_column(header, number, rows) for number, header in enumerate(rows[0][1], 1)]
    well = [column for column in columns if column.name.casefold() in _WELL]
    if len(well) != len(_WELL) or not all(cell.isdecimal() or len(cell) == 1 for c in well for cell in c.distinct):
        return columns
    return [replace(column, is_of_well=True) if column in well else column for column in columns]


def read_header(header: str, number: int = 0) -> tuple[str, str, tuple[str, ...]]:
    """A header's name as a parameter may be called, its unit ("" for none), and what was changed, as notes.

    What has no name in plain letters, as in Chinese, is called by its ``number`` among the columns.
    """
    name, unit, notes = header, "", []
    if found := slashed(header):
        name, unit = found
    elif match := _UNIT.match(header):
        said = (match["square"] if match["square"] is not None else match["round"]).strip()
        try:
            if misread(said):
                raise UnitError(said)
            name, unit = match["name"], check_unit(said)
        except UnitError:
            if match["square"] is not None:
                name = match["name"]
                notes.append(f"unit {said!r} of the header is unknown and was left out")
    if is_charge(unit):
        said, unit = unit, meant(unit, name)
        degrees = f"deg{said}"
        notes.append(
            f"{said} is a {_CHARGE[said]} here; write {degrees} if degrees are meant"
            if unit == said
            else f"{said} of the header is read as {degrees}"
        )
    usable = _usable(name) or (f"column_{number}" if number else "column")
    if usable != name:
        notes.append(f"called {header!r} in the table")
    return usable, unit, tuple(notes)


def _usable(name: str) -> str:
    """What is left of a name in plain letters; "" where most of its letters are not among them."""
    plain = in_plain_letters(name)
    foreign = sum(c.isalpha() and not c.isascii() for c in plain)
    kept = _UNUSABLE.sub("_", plain).strip("_ .-")
    return kept if foreign <= sum(c.isalnum() for c in kept) else ""


def _column(header: str, number: int, rows: Iterable[tuple[int, Mapping[str, str]]]) -> Column:
    held = tuple((line, row[header]) for line, row in rows if row[header])
    gone = missing(cell for _, cell in held)
    cells = tuple((line, cell) for line, cell in held if cell not in gone)
    name, unit, notes = read_header(header, number)
    return Column(header, name, unit, cells, notes, tuple(cell for _, cell in held if cell in gone))
