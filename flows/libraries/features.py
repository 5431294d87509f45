"""Features of a stored library: made part by part, in processes of their own if need be, then put together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from rdkit import Chem

from flows.libraries.files import ArrayWriter, read_part, write_part
from loop.molecules.graphs import molecular_graphs
from loop.molecules.packed import pack, totals_of

DESCRIPTORS: Final = "descriptors"
GRAPHS: Final = "graphs"


def compute(kind: str, smiles: tuple[str, ...], path: Path) -> None:
    """One part of a kind of features."""
    if kind == GRAPHS:
        graphs = molecular_graphs(smiles)
        firsts = {"first_atom": graphs.first_atom, "first_bond": graphs.first_bond}
        write_part(path, {"atoms": graphs.atoms, "bonds": graphs.bonds, "ends": graphs.ends, **firsts})
        return
    molecules = map(Chem.MolFromSmiles, smiles)  # one at a time: Note [Fresh molecules]
    if kind == DESCRIPTORS:
        from loop.molecules.descriptors import descriptors_of  # what it imports takes long, and is seldom wanted

        values = [descriptors_of(molecule) for molecule in molecules]
        with np.errstate(over="ignore"):  # Ipc is too large for many a molecule
            write_part(path, {DESCRIPTORS: np.array(values, dtype=np.float64).astype(np.float32)})
        return
    write_part(path, pack(molecules, kind)._asdict())


def merge(kind: str, paths: list[Path], folder: Path) -> None:
    """All parts of a kind of features as arrays that can be mapped."""
    arrays = ArrayWriter(folder)
    if kind == DESCRIPTORS:
        for path in paths:
            arrays.append(DESCRIPTORS, read_part(path)[DESCRIPTORS])
    elif kind == GRAPHS:
        _merge_graphs(paths, arrays)
    else:
        _merge_counts(kind, paths, arrays)
    arrays.close()


def _merge_graphs(paths: list[Path], arrays: ArrayWriter) -> None:
    ends = {"first_atom": 0, "first_bond": 0}
    for name in ends:
        arrays.append(f"{GRAPHS}.{name}", np.zeros(1, dtype=np.int64))
    for path in paths:
        part = read_part(path)
        for name in ("atoms", "bonds", "ends"):
            arrays.append(f"{GRAPHS}.{name}", part[name])
        for name, end in ends.items():
            arrays.append(f"{GRAPHS}.{name}", part[name][1:] + end)
            ends[name] = end + int(part[name][-1])


def _merge_counts(kind: str, paths: list[Path], arrays: ArrayWriter) -> None:
    vocabulary = np.unique(np.concatenate([np.unique(read_part(path)["features"]) for path in paths]))
    end = 0
    arrays.append(f"{kind}.indptr", np.zeros(1, dtype=np.int64))
    for path in paths:
        part = read_part(path)
        arrays.append(f"{kind}.columns", np.searchsorted(vocabulary, part["features"]).astype(np.uint32))
        arrays.append(f"{kind}.counts", part["counts"])
        arrays.append(f"{kind}.totals", totals_of(part["indptr"], part["counts"]))
        arrays.append(f"{kind}.indptr", part["indptr"][1:] + end)
        end += int(part["indptr"][-1])
    arrays.append(f"{kind}.vocabulary", vocabulary)
