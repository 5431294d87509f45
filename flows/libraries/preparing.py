"""Preparing records: structures read, standardised, filtered and fingerprinted, in a process of its own if need be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from flows.libraries.files import write_part
from flows.libraries.recipe import Recipe
from flows.libraries.records import SHOWN, Record
from loop.errors import MoleculeError
from loop.molecules.filters import Filters, first_refusal
from loop.molecules.packed import MORGAN, serialised, unpacked
from loop.molecules.standardise import read_structure, standardised
from loop.molecules.texts import joined

if TYPE_CHECKING:
    from rdkit import Chem

PART: Final = 5_000  # records of a part: half a minute's work at most, and what a killed build loses


@dataclass(frozen=True)
class Left:
    """A record that is no molecule of the library, and why."""

    place: int
    reason: str  # a fault, or the name of a filter
    is_fault: bool
    raw: str
    name: str


def prepare(records: Sequence[Record], recipe: Recipe, target: Path) -> int:
    """Make a part of a library of some records and write it; returns how many molecules are in it."""
    tests = _tests(recipe.filters)
    counted: list[bytes] = []  # fingerprints, not the molecules: Note [Fresh molecules]
    places, structures, names, raw = [], [], [], []
    left: list[Left] = []
    for record in records:
        is_block = recipe.source_at(record.place).format == "sdf"
        shown = record.text.split("\n", 1)[0].strip() if is_block else record.text[:SHOWN]
        if record.fault:
            left.append(Left(record.place, record.fault, True, shown, record.name))
            continue
        try:
            molecule = _of_block(record.text) if is_block else read_structure(record.text)
            given = molecule
            if recipe.policy.changes:
                molecule = standardised(molecule, recipe.policy)
            smiles = _written(molecule)
            if recipe.policy.changes:
                molecule = read_structure(smiles)  # as every later reader of the SMILES sees it
        except MoleculeError as error:
            left.append(Left(record.place, str(error), True, shown, record.name))
            continue
        if (refusal := first_refusal(molecule, tests)) is not None:
            left.append(Left(record.place, refusal, False, shown, record.name))
            continue
        places.append(record.place)
        structures.append(smiles.encode())
        names.append(record.name.encode())
        raw.append((_written(given) if is_block else record.text).encode())
        counted.append(serialised(molecule, MORGAN))
    arrays: dict[str, Any] = {"places": np.array(places, dtype=np.int64)}
    for name, texts in (("smiles", structures), ("names", names), ("raw", raw)):
        arrays[f"{name}.data"], arrays[f"{name}.offsets"] = joined(texts)
        arrays[f"{name}.keys"] = identities(texts)
    arrays["indptr"], arrays["features"], arrays["counts"] = unpacked(counted)
    told = json.dumps([astuple(item) for item in left], ensure_ascii=False)
    arrays["left"] = np.frombuffer(told.encode(errors="replace"), dtype=np.uint8)
    arrays["records"] = np.array([len(records)], dtype=np.int64)
    write_part(target, arrays)
    return len(places)


def identities(texts: Sequence[bytes]) -> Any:
    """128 bits of each text, as two numbers: shape ``(n, 2)``. Two of ten million agree by chance once in 10^24."""
    digests = b"".join(hashlib.blake2b(text, digest_size=16).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").reshape(-1, 2)


@lru_cache(maxsize=1)
def _tests_by_text(text: str) -> Any:
    said = json.loads(text)
    windows = {name: tuple(ends) for name, ends in said["properties"].items()}
    sa_score = None if said["sa_score"] is None else tuple(said["sa_score"])
    return Filters(windows, tuple(said["alerts"]), sa_score, tuple(said["require"]), tuple(said["forbid"])).tests


def _tests(filters: Filters) -> Any:
    from dataclasses import asdict

    return _tests_by_text(json.dumps(asdict(filters)))


def _of_block(text: str) -> Chem.Mol:
    from rdkit import Chem

    molecule = Chem.MolFromMolBlock(text)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise MoleculeError("the block is no structure that RDKit can read")
    return molecule


def _written(molecule: Chem.Mol) -> str:
    from rdkit import Chem

    return str(Chem.MolToSmiles(molecule))
