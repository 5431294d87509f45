"""Hazards: what must not meet in one vessel, by rule; and which solvents boil at which temperature.

The list is short and no substitute for a chemist's judgement: it holds combinations that have hurt people in ordinary
laboratories. Structures are matched by SMARTS; what has no structure is known by the ``kinds`` that its stock names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from loop.contracts import Problem
from loop.errors import SpecError
from loop.recipe.model import Rule
from loop.recipe.solvents import names_of


@dataclass(frozen=True, slots=True)
class Present:
    """Something in the vessel: a stock or its solvent."""

    name: str
    smiles: str | None = None
    kinds: frozenset[str] = frozenset()


# What a structure must hold to be of a kind; any one pattern suffices. Written for this list, checked in its tests.
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "acid": (
        "[CX3](=O)[OX2H1]",
        "S(=O)(=O)[OX2H1]",
        "P(=O)[OX2H1]",
        "[OX2H1][N+](=O)[O-]",
        "[F,Cl,Br,I;H1;D0]",
        "[H+]",
        "[OX3H3+]",
    ),
    "azide": (
        "[N-]=[N+]=[N-]",
        "[NX2H1]=[N+]=[N-]",
        "C[Si](C)(C)N=[N+]=[N-]",
    ),  # inorganic ones, and trimethylsilyl azide
    "borohydride": ("[BH4-]",),  # not cyano- or triacetoxyborohydride, which are made for work with acid
    "cyanide": ("[C-]#[NX1]", "C[Si](C)(C)C#N"),
    "halomethane": ("[CX4H2]([Cl,Br])[Cl,Br]", "[CX4H1]([Cl,Br])([Cl,Br])[Cl,Br]"),
    "hydride": ("[H-]", "[#3,#11,#12,#19,#20,#37,#55;H1,H2]", "[Al;H1,H2,H3,H4]"),
    "organometal": (  # as drawn, and with the bond to the metal undone
        "[C;X3;-;!$(C~[+]);!$(C[C,S,P]=[O,N,S]);!$(CC#N);!$(C[N+]=O)]",  # alkyl; no ylide or enolate
        "[C;X2;-]=[#6]",  # vinyl
        "[c;X2;-;r6]",  # aryl; no cyclopentadienyl of a metallocene
        "[C;X1;-]#[#6]",  # alkynyl
        "[#6][Li]",
        "[#6][Mg]",
        "[#6][Zn][#6]",
        "[#6][Al]([#6])[#6]",
    ),
    "protic solvent": (
        "[OX2H2]",
        "[CH3][OX2H1]",
        "[CH3][CH2][OX2H1]",
        "[CH3][CH1]([CH3])[OX2H1]",
        "[CH3]C([CH3])([CH3])[OX2H1]",
    ),
    "amide solvent": (
        "[CX3H1](=O)N([CH3])[CH3]",
        "[CH3]C(=O)N([CH3])[CH3]",
        "[CH3]N1[CH2][CH2][CH2]C1=O",
    ),
    "dimethyl sulfoxide": ("[CH3]S(=O)[CH3]",),
    "acyl halide": ("[CX3](=O)[Cl,Br]", "[SX3](=O)([Cl,Br])[Cl,Br]", "[SX4](=O)(=O)[Cl,Br]", "P(=O)(Cl)Cl"),
    "hydrogen peroxide": ("[OX2H1][OX2H1]",),
    "acetone": ("[CH3]C(=O)[CH3]",),
    "hypochlorite": ("[O-]Cl", "[OX2]Cl"),
    "amine": ("[NX3;H1,H2,H3;!$(N[CX3]=[O,S,N]);!$(N[SX4](=O)=O)]",),
    "heavy metal": ("[Pb]", "[Ag]", "[Hg]", "[Cd]"),
    "nitric acid": ("[OX2H1][N+](=O)[O-]",),
    "oxidisable solvent": ("[#6][CX3](=O)[#6]", "[CX4][OX2H1]", "[CH3]C#N"),
}

_IONIC: Final = frozenset({3, 11, 12, 19, 20, 37, 38, 55, 56})  # alkali and alkaline earth metals
_METALS: Final = _IONIC | {13, *range(21, 32), *range(39, 51), *range(57, 84)}

_BRETHERICK: Final = "Urben, Bretherick's Handbook of Reactive Chemical Hazards, 8th ed., 2017"
_PRUDENT: Final = "National Research Council, Prudent Practices in the Laboratory, 2011"
_HYDRIDES: Final = "Yang et al., Org. Process Res. Dev. 23 (2019) 2210"

BUILT_IN: Final[tuple[Rule, ...]] = (
    Rule(
        "azide in halomethane",
        ("azide", "halomethane"),
        "explosive diazidomethane forms",
        "Conrow and Dean, Org. Process Res. Dev. 12 (2008) 1285",
    ),
    Rule("azide with acid", ("azide", "acid"), "toxic, explosive hydrazoic acid forms", _PRUDENT),
    Rule("azide with heavy metal", ("azide", "heavy metal"), "explosive metal azides form", _BRETHERICK),
    Rule("cyanide with acid", ("cyanide", "acid"), "toxic hydrogen cyanide forms", _PRUDENT),
    Rule("hydride with acid", ("hydride", "acid"), "hydrogen and heat are set free at once, and can ignite", _PRUDENT),
    Rule(
        "borohydride with acid",
        ("borohydride", "acid"),
        "hydrogen, and diborane that ignites in air, form",
        _BRETHERICK,
    ),
    Rule("organometal with acid", ("organometal", "acid"), "flammable gas and heat are set free at once", _PRUDENT),
    Rule("hydride in amide solvent", ("hydride", "amide solvent"), "decomposition can run away", _HYDRIDES),
    Rule("hydride in dimethyl sulfoxide", ("hydride", "dimethyl sulfoxide"), "decomposition can run away", _HYDRIDES),
    Rule("hydride with protic solvent", ("hydride", "protic solvent"), "hydrogen and heat are set free", _PRUDENT),
    Rule(
        "organometal with protic solvent",
        ("organometal", "protic solvent"),
        "flammable gas and heat are set free",
        _PRUDENT,
    ),
    Rule(
        "dimethyl sulfoxide with acyl halide",
        ("dimethyl sulfoxide", "acyl halide"),
        "violent decomposition",
        "Yang et al., Org. Process Res. Dev. 24 (2020) 916",
    ),
    Rule(
        "hydrogen peroxide with acetone",
        ("hydrogen peroxide", "acetone"),
        "explosive acetone peroxides form",
        _BRETHERICK,
    ),
    Rule("hypochlorite with amine", ("hypochlorite", "amine"), "toxic, explosive chloramines form", _PRUDENT),
    Rule("hypochlorite with acid", ("hypochlorite", "acid"), "toxic chlorine forms", _PRUDENT),
    Rule("nitric acid with solvent", ("nitric acid", "oxidisable solvent"), "the mixture can explode", _BRETHERICK),
)

# Normal boiling points in degC by canonical SMILES; CRC Handbook of Chemistry and Physics, 97th ed., rounded to 1 K.
BOILING: Final[Mapping[str, float]] = {
    "O": 100,
    "CO": 65,
    "CCO": 78,
    "CC(C)O": 82,
    "CC(C)(C)O": 82,
    "CC(C)=O": 56,
    "CC#N": 82,
    "CCOC(C)=O": 77,
    "CCOCC": 35,
    "C1CCOC1": 65,
    "C1COCCO1": 101,
    "ClCCl": 40,
    "ClC(Cl)Cl": 61,
    "ClCCCl": 83,
    "Cc1ccccc1": 111,
    "c1ccccc1": 80,
    "CCCCCC": 69,
    "CCCCCCC": 98,
    "CN(C)C=O": 153,
    "CC(=O)N(C)C": 165,
    "CS(C)=O": 189,
    "CN1CCCC1=O": 202,
}


def dangers(
    present: Sequence[Present], rules: Sequence[Rule], hottest: float | None, *, is_closed: bool
) -> tuple[Problem, ...]:
    """What forbids that these meet, and be heated so far; nothing where nothing is known against it.

    Args:
        present: Everything in the vessel, solvents too.
        rules: As ``BUILT_IN``, and the campaign's own.
        hottest: degC; None where nothing is heated.
        is_closed: A closed vessel may be heated above a boiling point.
    """
    found = []
    called = [(p, _called(p)) for p in present]
    for rule in rules:
        first, second = ([p for p, names in called if party in names] for party in rule.parties)
        pair = next(((a, b) for a in first for b in second if a is not b), None)
        if pair is None or (rule.above is not None and (hottest is None or hottest <= rule.above)):
            continue
        above = "" if rule.above is None else f" above {rule.above:g} \N{DEGREE SIGN}C"
        found.append(
            Problem(
                f"{pair[0].name!r} with {pair[1].name!r}",
                f"rule {rule.name!r}{above}: {rule.why} ({rule.source})",
                "exclude the combination with a constraint; a chemist who has made it safe names the rule in "
                "recipe.lifted",
            )
        )
    if hottest is not None and not is_closed:
        points = [(p, boiling_point(p.smiles)) for p in present]
        found += [_boils(p, point, hottest) for p, point in points if point is not None and hottest > point]
    return tuple(found)


def _boils(solvent: Present, point: float, hottest: float) -> Problem:
    return Problem(
        f"{solvent.name!r} at {hottest:g} \N{DEGREE SIGN}C",
        f"it boils at {point:g} \N{DEGREE SIGN}C and the vessel is open",
        "lower the temperature, or say recipe.vessel.closed: true where the vessels are sealed",
    )


def boiling_point(smiles: str | None) -> float | None:
    """Of a common solvent, degC; None for anything else, or nothing."""
    return None if smiles is None else BOILING.get(_canonical(smiles))


@lru_cache(maxsize=4096)
def kinds_of(smiles: str) -> frozenset[str]:
    """The kinds that a structure is of, in whichever way its bonds to metals are drawn. Raises ``MoleculeError``."""
    drawn = _molecule(smiles)
    ways = (drawn, _without_bonds_to_metals(drawn))
    return frozenset(
        kind
        for kind, patterns in _patterns().items()
        if any(way.HasSubstructMatch(p) for way in ways for p in patterns)
    )


def _without_bonds_to_metals(molecule: Any) -> Any:
    """The ions that a salt or organometal is drawn of: ``N#C[Na]`` and ``[Na+].[C-]#N`` are the same.

    Bonds of alkali and alkaline earth metals are undone by RDKit's ``MetalDisconnector`` and, to carbon, here; those of
    other metals to cyanide and azide only, since a palladacycle or a ferrocene is no carbanion.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.MolStandardize import rdMolStandardize

    editable = Chem.RWMol(molecule)
    for bond in list(molecule.GetBonds()):
        for metal, other in ((bond.GetBeginAtom(), bond.GetEndAtom()), (bond.GetEndAtom(), bond.GetBeginAtom())):
            if metal.GetAtomicNum() not in _METALS or not _leaves(metal, other):
                continue
            editable.RemoveBond(metal.GetIdx(), other.GetIdx())
            for index, change in ((metal.GetIdx(), 1), (other.GetIdx(), -1)):
                atom = editable.GetAtomWithIdx(index)
                atom.SetFormalCharge(atom.GetFormalCharge() + change)
                atom.SetNoImplicit(True)
            break
    parted = editable.GetMol()
    Chem.SanitizeMol(parted)
    with rdBase.BlockLogs():
        return rdMolStandardize.MetalDisconnector().Disconnect(parted)


def _leaves(metal: Any, other: Any) -> bool:
    """Whether a bond from a metal to this atom is drawn for what is an ion."""
    if other.GetAtomicNum() not in (6, 7):
        return False
    if metal.GetAtomicNum() in _IONIC:
        return True
    triple = any(b.GetBondTypeAsDouble() == 3 for b in other.GetBonds())
    is_azide = other.GetAtomicNum() == 7 and any(
        n.GetAtomicNum() == 7 and n.GetFormalCharge() == 1 for n in other.GetNeighbors()
    )
    return is_azide or (other.GetAtomicNum() == 6 and triple)


def known_party(party: str, names: Sequence[str]) -> bool:
    """Whether a rule may name it: a kind, or something of the recipe."""
    return party in KINDS or party in names


def _called(present: Present) -> frozenset[str]:
    """Every name that a rule may know it by."""
    if present.smiles is None:
        return present.kinds | {present.name}
    return present.kinds | kinds_of(present.smiles) | names_of(present.smiles) | {present.name}


@lru_cache(maxsize=1)
def _patterns() -> Mapping[str, tuple[Any, ...]]:
    from rdkit import Chem

    made = {kind: tuple(Chem.MolFromSmarts(s) for s in patterns) for kind, patterns in KINDS.items()}
    if any(p is None for patterns in made.values() for p in patterns):
        raise SpecError("the list of hazards holds a pattern that RDKit cannot read; this is a mistake of hakken")
    return made


@lru_cache(maxsize=4096)
def _canonical(smiles: str) -> str:
    from loop.molecules.standardise import canonical_smiles

    return canonical_smiles(smiles)


def _molecule(smiles: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmiles(_canonical(smiles))
