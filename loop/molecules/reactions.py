"""Products of reagents by one reaction, made when they are asked for: never a list of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rdkit import Chem
from rdkit.Chem import rdChemReactions

from loop.errors import MoleculeError
from loop.molecules import standardise  # noqa: F401 - silences RDKit, whose faults go into messages

KEPT = 200_000  # products that are remembered; about 100 bytes each


@dataclass(frozen=True)
class Reaction:
    """A reaction of ``n`` reagents to one product, as reaction SMARTS with one template for each reagent."""

    smarts: str

    @property
    def size(self) -> int:
        """How many reagents it takes."""
        return int(_read(self.smarts).GetNumReactantTemplates())

    def template(self, place: int) -> str:
        """The SMARTS of template number ``place``."""
        return str(Chem.MolToSmarts(_read(self.smarts).GetReactantTemplate(place)))

    def sites(self, place: int, smiles: str) -> int:
        """In how many places reagent ``smiles`` matches template number ``place``."""
        pattern = _read(self.smarts).GetReactantTemplate(place)
        return len(_molecule(smiles).GetSubstructMatches(pattern))

    def products(self, reagents: Sequence[str]) -> tuple[str, ...]:
        """The different products of these reagents as canonical SMILES, in RDKit's order; none where nothing reacts."""
        found: dict[str, None] = {}
        for (made,) in _read(self.smarts).RunReactants(tuple(_molecule(s) for s in reagents)):
            if Chem.SanitizeMol(made, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
                found[str(Chem.MolToSmiles(made))] = None
        return tuple(found)

    def made(self, reagents: Sequence[str]) -> Chem.Mol | None:
        """The first product as a molecule; None where the reagents give none."""
        for (made,) in _read(self.smarts).RunReactants(tuple(_molecule(s) for s in reagents)):
            if Chem.SanitizeMol(made, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
                molecule: Chem.Mol = made
                return molecule
        return None

    def product(self, reagents: tuple[str, ...]) -> str:
        """The first product; "" where the reagents give none."""
        return _product(self.smarts, reagents)


def read_reaction(smarts: str) -> Reaction:
    """The reaction that a SMARTS says.

    Raises:
        MoleculeError: It cannot be read, or gives no or several products.
    """
    try:
        rule = _read(smarts)
        _, wrong = rule.Validate(silent=True)
    except ValueError as error:
        why = " ".join(str(error).split())
        raise MoleculeError(
            f"reaction {smarts!r} cannot be read ({why}); write reaction SMARTS, such as "
            "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]"
        ) from None
    if not rule.GetNumReactantTemplates() or rule.GetNumProductTemplates() != 1:
        raise MoleculeError(
            f"reaction {smarts!r} has {rule.GetNumReactantTemplates()} reagents and {rule.GetNumProductTemplates()} "
            "products; write one product behind >>, without what is split off"
        )
    ends = [{a.GetAtomMapNum() for a in t.GetAtoms()} - {0} for t in (*rule.GetReactants(), *rule.GetProducts())]
    for place, mapped in enumerate(ends[:-1], start=1):
        if not mapped & ends[-1]:
            raise MoleculeError(
                f"reaction {smarts!r} keeps nothing of its reagent {place}; give an atom of it the same number, such "
                "as [N:3], on both sides of >>"
            )
    if wrong:
        raise MoleculeError(
            f"reaction {smarts!r} contradicts itself (RDKit finds {wrong} faults); see that each number of an atom "
            "stands once on either side"
        )
    return Reaction(smarts)


@lru_cache(maxsize=16)
def _read(smarts: str) -> rdChemReactions.ChemicalReaction:
    rule = rdChemReactions.ReactionFromSmarts(smarts)
    rule.Initialize()
    return rule


@lru_cache(maxsize=50_000)
def _molecule(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


@lru_cache(maxsize=KEPT)
def _product(smarts: str, reagents: tuple[str, ...]) -> str:
    made = Reaction(smarts).made(reagents)
    return "" if made is None else str(Chem.MolToSmiles(made))
