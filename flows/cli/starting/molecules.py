"""Libraries in a table: which column holds the structures, which one names them, and what describes the molecules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from flows.cli.starting.columns import Column
from flows.cli.starting.kinds import context_of

MANY_NAMES: Final = 20  # texts that differ in each of so many rows are structures of a library, identifiers or comments
MOSTLY: Final = 0.9  # of the rows, at least, with a molecule of their own: nothing was varied beside it
_NAMES: Final = frozenset({"name", "molecule", "compound", "id", "identifier", "label", "mol", "cpd"})
_NUMBERS: Final = frozenset({"number", "idnumber", "code", "cas", "nr", "no"})  # in catalogues, beside those


def is_named_by(structure: Column, label: Column) -> bool:
    """Whether a column names the structures of another."""
    if structure.subject and not structure.is_of_any:
        return label.name.casefold() == structure.subject.casefold()
    return is_name_of_molecules(label.name) and len(label.distinct) == len(structure.distinct)


def named_with(structure: Column, others: Sequence[Column]) -> Column | None:
    """The one column of words each of which stands wherever one structure does and nowhere else: ``ligand`` beside
    ``smiles``. One word may have no structure. None where several columns do so, where no structure comes twice, or
    where the structures are said to be of something else."""
    if structure.subject and not structure.is_of_any:
        return None
    smiles = dict(structure.cells)
    found = []
    for label in others:
        words = dict(label.cells)
        named = {words[line] for line in smiles if line in words}
        bare = {word for line, word in words.items() if line not in smiles}
        is_whole = set(smiles) <= set(words) and len(bare) <= 1 and not bare & named
        is_told = len(structure.distinct) == len(named) < len(smiles)
        if is_whole and is_told and label.numbers is None and follows(label, smiles):
            found.append(label)
    return found[0] if len(found) == 1 else None


def is_name_of_molecules(header: str) -> bool:
    """Whether a column names molecules, going by its header."""
    words = set(re.findall(r"[a-z]+", header.casefold()))
    return bool(words) and words <= _NAMES


def may_name_molecules(header: str) -> bool:
    """Whether a column of a library may name its molecules, going by how the header ends: ``zinc_id``, ``CAS No``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", header)
    return bool(words) and words[-1].casefold() in _NAMES | _NUMBERS


def library_in(columns: Sequence[Column], structures: Sequence[Column]) -> tuple[Column, Column | None] | None:
    """The column of a library's structures, and that of its names, where the table is one: nearly every row has another
    molecule, or whatever else stands in it is of each molecule always the same."""
    others = [c for c in columns if not context_of(c)]
    for library in structures:
        if not library.is_of_any or len(library.distinct) < MANY_NAMES:
            continue
        smiles = dict(library.cells)
        is_list = len(library.distinct) >= MOSTLY * len(library.cells)
        if is_list or all(follows(c, smiles) for c in others if c is not library):
            names = [c for c in others if c not in structures and c.numbers is None and is_name_of_molecules(c.name)]
            lines = [line for line, _ in library.cells]
            is_whole = [c for c in names if [line for line, _ in c.cells] == lines and len(c.distinct) == len(lines)]
            return library, is_whole[0] if is_whole else None
    return None


def follows(column: Column, smiles: Mapping[int, str]) -> bool:
    """Whether a molecule, by the line it stands on, has one value in the column wherever it stands."""
    seen: dict[str, str] = {}
    return all(seen.setdefault(smiles[line], cell) == cell for line, cell in column.cells if line in smiles)
