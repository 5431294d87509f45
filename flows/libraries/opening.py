"""Opening stored libraries: arrays in memory maps, and features that are made where they are asked for first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.libraries.crew import Crew
from flows.libraries.features import DESCRIPTORS, GRAPHS, compute, merge
from flows.libraries.files import INDEX, mapped
from flows.libraries.preparing import PART
from loop.molecules.graphs import MolecularGraphs
from loop.molecules.packed import MORGAN, PackedCounts, generator_of
from loop.molecules.structures import StoredLibrary, Structures
from loop.molecules.texts import Texts


@dataclass(frozen=True, eq=False)
class StoredFeatures:
    """Features of a stored library; a ``Features``. What is not there is made in parallel, and stays."""

    folder: Path
    crew: Crew
    smiles: Texts
    _open: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def counts(self, kind: str) -> PackedCounts:
        """Count fingerprints, in order. Raises ``UnknownName``."""
        generator_of(kind)
        if kind not in self._open:
            folder = self.folder if kind == MORGAN else self._made(kind)
            arrays = mapped(folder)
            self._open[kind] = PackedCounts(
                *(arrays[f"{kind}.{name}"] for name in ("indptr", "columns", "counts", "totals", "vocabulary"))
            )
        found: PackedCounts = self._open[kind]
        return found

    def descriptors(self) -> NDArray[np.float32]:
        """RDKit's descriptors in RDKit's order, shape ``(n, descriptors)``."""
        if DESCRIPTORS not in self._open:
            self._open[DESCRIPTORS] = mapped(self._made(DESCRIPTORS))[DESCRIPTORS]
        found: NDArray[np.float32] = self._open[DESCRIPTORS]
        return found

    def graphs(self) -> MolecularGraphs:
        """Graphs, in order."""
        if GRAPHS not in self._open:
            arrays = mapped(self._made(GRAPHS))
            self._open[GRAPHS] = MolecularGraphs(
                *(arrays[f"{GRAPHS}.{name}"] for name in ("atoms", "bonds", "ends", "first_atom", "first_bond"))
            )
        found: MolecularGraphs = self._open[GRAPHS]
        return found

    def _made(self, kind: str) -> Path:
        """The folder of a kind of features, made unless it is there; what a killed process left is taken up again."""
        folder = self.folder / kind
        if not (folder / INDEX).is_file():
            with self.crew.alone(self.folder / f".{kind}.lock"):
                if not (folder / INDEX).is_file():  # another process has made it meanwhile
                    self._make(kind, folder)
        return folder

    def _make(self, kind: str, folder: Path) -> None:
        parts = self.folder / f"{kind}.parts"
        parts.mkdir(exist_ok=True)
        starts = range(0, len(self.smiles), PART)
        paths = [parts / f"{start:012d}.npz" for start in starts]

        def jobs() -> Iterator[tuple[int, Callable[[], object]]]:
            for start, path in zip(starts, paths, strict=True):
                some = self.smiles[start : start + PART]
                yield len(some), (_there if path.is_file() else partial(compute, kind, some, path))

        self.crew.run(kind, jobs(), parts=len(paths))
        self.crew.progress("merging", 0)
        merge(kind, paths, folder)
        shutil.rmtree(parts, ignore_errors=True)


@lru_cache(maxsize=8)
def opened(folder: Path, key: str, crew: Crew) -> StoredLibrary:
    """The library in a folder. Opening it takes milliseconds, whatever its size."""
    arrays = mapped(folder)
    structures = Texts(*_texts(arrays, "smiles"), key)
    found = Structures(*_texts(arrays, "smiles"), key, features=StoredFeatures(folder, crew, structures))
    names = Texts(*_texts(arrays, "names"), f"{key} names") if "names.data" in arrays else found
    if "aliases.of" not in arrays:  # nothing had another name, or an earlier release stored it
        return StoredLibrary(names, found)
    return StoredLibrary(names, found, Texts(*_texts(arrays, "aliases"), f"{key} aliases"), arrays["aliases.of"])


def _texts(arrays: dict[str, NDArray[Any]], name: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    return arrays[f"{name}.data"], arrays[f"{name}.offsets"], arrays[f"{name}.hashes"], arrays[f"{name}.order"]


def _there() -> None:
    """The job of a part that is there already."""
