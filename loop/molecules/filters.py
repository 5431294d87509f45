"""Filters of molecules: windows of properties, alerts, synthetic accessibility and substructures, in a fixed order."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from rdkit import Chem, RDConfig
from rdkit.Chem import Descriptors, FilterCatalog

from loop.errors import MoleculeError, did_you_mean
from loop.molecules.descriptors import computed

Window = tuple[float, float]  # the smallest and the largest value that is kept
Test = Callable[[Chem.Mol], bool]  # True keeps the molecule

DESCRIPTORS: Final[Mapping[str, Callable[[Chem.Mol], float]]] = dict(Descriptors.descList)
CATALOGUES: Final = tuple(sorted(FilterCatalog.FilterCatalogParams.FilterCatalogs.names))


@dataclass(frozen=True, slots=True)
class Filters:
    """What a molecule must keep to.

    Attributes:
        properties: Windows of RDKit's descriptors, by name.
        alerts: RDKit's catalogues of substructures, none of which may match.
        sa_score: Window of the synthetic accessibility score, 1 (easy) to 10.
        require: SMARTS that must each match.
        forbid: SMARTS none of which may match.
    """

    properties: Mapping[str, Window] = field(default_factory=dict)
    alerts: tuple[str, ...] = ()
    sa_score: Window | None = None
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash((tuple(sorted(self.properties.items())), self.alerts, self.sa_score, self.require, self.forbid))

    @property
    def tests(self) -> tuple[tuple[str, Test], ...]:
        """Each filter with its name in a campaign file, the cheapest first.

        Raises:
            MoleculeError: There is no such descriptor or catalogue, or a SMARTS cannot be read; starts with the name.
        """
        return tuple(_tests(self))


def first_refusal(molecule: Chem.Mol, tests: tuple[tuple[str, Test], ...]) -> str | None:
    """The name of the first filter that a molecule does not pass; None where it passes all."""
    return next((name for name, keeps in tests if not keeps(molecule)), None)


def having(structures: Iterable[str], smarts: str) -> list[int]:
    """Which of some structures, SMILES or "" for nothing, have a pattern: their places.

    Raises:
        MoleculeError: The SMARTS cannot be read.
    """
    has = _has(_pattern("a pattern", smarts))
    read = ((i, Chem.MolFromSmiles(smiles)) for i, smiles in enumerate(structures) if smiles)
    return [i for i, molecule in read if molecule is not None and has(molecule)]


def _tests(filters: Filters) -> Iterator[tuple[str, Test]]:
    for name in filters.properties:
        if name not in DESCRIPTORS:
            raise MoleculeError(
                f"properties.{name}: RDKit has no descriptor {name!r}{did_you_mean(name, DESCRIPTORS)}; "
                "use a name such as MolWt, MolLogP, TPSA, NumHDonors or NumRotatableBonds"
            )
        yield f"properties.{name}", _within(DESCRIPTORS[name], filters.properties[name])
    for smarts in filters.require:
        yield f"require.{smarts}", _has(_pattern("require", smarts))
    for smarts in filters.forbid:
        yield f"forbid.{smarts}", _lacks(_has(_pattern("forbid", smarts)))
    for name in filters.alerts:
        yield f"alerts.{name}", _lacks(_catalogue(name).HasMatch)
    if filters.sa_score is not None:
        yield "sa_score", _within(_scorer(), filters.sa_score)


def _within(value: Callable[[Chem.Mol], float], window: Window) -> Test:
    def keeps(molecule: Chem.Mol) -> bool:
        found = computed(value, molecule)
        return math.isfinite(found) and window[0] <= found <= window[1]

    return keeps


def _has(pattern: Chem.Mol) -> Test:
    return lambda molecule: bool(molecule.HasSubstructMatch(pattern))


def _lacks(found: Test) -> Test:
    return lambda molecule: not found(molecule)


def _pattern(where: str, smarts: str) -> Chem.Mol:
    pattern = Chem.MolFromSmarts(smarts) if smarts.strip() else None
    if pattern is None or pattern.GetNumAtoms() == 0:
        raise MoleculeError(f"{where}: SMARTS {smarts!r} cannot be read; correct it or leave it out")
    return pattern


@lru_cache(maxsize=16)
def _catalogue(name: str) -> Any:
    if name not in CATALOGUES:
        raise MoleculeError(
            f"alerts: RDKit has no catalogue {name!r}{did_you_mean(name, CATALOGUES)}; use {', '.join(CATALOGUES)}"
        )
    which = FilterCatalog.FilterCatalogParams.FilterCatalogs.names[name]
    return FilterCatalog.FilterCatalog(FilterCatalog.FilterCatalogParams(which))


@lru_cache(maxsize=1)
def _scorer() -> Callable[[Chem.Mol], float]:
    """Ertl and Schuffenhauer's score, J. Cheminform. 1 (2009) 8, as RDKit ships it among its contributions."""
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("hakken_sascorer", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise MoleculeError(f"sa_score: this RDKit comes without {path}; install RDKit from PyPI, or leave it out")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    score: Callable[[Chem.Mol], float] = module.calculateScore
    return score
