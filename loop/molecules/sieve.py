"""What becomes of a structure that nobody wrote into a file: the standardised one, or the filter that refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from rdkit import Chem

from loop.errors import MoleculeError
from loop.molecules.filters import Filters, Test, first_refusal
from loop.molecules.reactions import KEPT, Reaction
from loop.molecules.standardise import Policy, standardised

NO_PRODUCT: Final = "no product"  # in the place of a filter's name, of reagents that give no molecule
UNSOUND: Final = "standardise"  # the same, of a structure that RDKit could not standardise


@dataclass(frozen=True, slots=True)
class Taken:
    """A structure as it counts: canonical SMILES, "" where there is none, and the filter that refuses it, if any."""

    smiles: str
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Sieve:
    """How a structure is standardised, and what it must keep to. Hashable: the same sieve remembers what it saw."""

    policy: Policy = field(default_factory=Policy)
    filters: Filters = field(default_factory=Filters)

    def take(self, smiles: str) -> Taken:
        """What becomes of a structure that RDKit wrote; the last 200,000 are remembered."""
        return _taken(self, smiles)

    @property
    def is_slow(self) -> bool:
        """Whether a structure takes tens of milliseconds rather than one."""
        return self.policy.tautomers == "canonical"


def product_of(smarts: str, reagents: Sequence[str], sieve: Sieve | None = None) -> Taken:
    """The product of some reagents as it counts; every product counts where there is no sieve."""
    made = Reaction(smarts).product(tuple(reagents)) if all(reagents) else ""
    if sieve is None:
        return Taken(made)
    if not made:
        return Taken("", NO_PRODUCT if sieve.filters != Filters() else None)
    return sieve.take(made)


@lru_cache(maxsize=KEPT)
def _taken(sieve: Sieve, smiles: str) -> Taken:
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return Taken("", UNSOUND)
    if sieve.policy.changes:
        try:
            molecule = standardised(molecule, sieve.policy)
        except MoleculeError:
            return Taken("", UNSOUND)
        smiles = str(Chem.MolToSmiles(molecule))
    return Taken(smiles, first_refusal(molecule, _tests(sieve.filters)))


@lru_cache(maxsize=16)
def _tests(filters: Filters) -> tuple[tuple[str, Test], ...]:
    return filters.tests
