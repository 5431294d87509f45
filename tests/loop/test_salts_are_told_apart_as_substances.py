"""Salts: one substance in several writings is one; another counter-ion, or none, makes another substance."""

from __future__ import annotations

import itertools

import pytest

from loop.molecules.standardise import substance
from loop.spec import read_spec

ONE = (
    ("CC(=O)O[K]", "CC(=O)[O-].[K+]", "CC(=O)O.[K]", "[K+].[O-]C(C)=O"),
    ("CCN.Cl", "CC[NH3+].[Cl-]"),
    ("O[Na]", "[OH-].[Na+]"),
    ("O=C(O[K])O[K]", "O=C([O-])[O-].[K+].[K+]"),
    ("NCC(=O)O", "[NH3+]CC(=O)[O-]"),
)
OTHERS = ("CC(=O)[O-].[Na+]", "CC(=O)O", "CCN", "CCN.Br", "O=C([O-])O.[K+]", "CC(C)(C)O[K]", "C[N+](C)(C)C.[Cl-]")
TEXT = """
campaign: salts
space: {base: {type: component, role: base, options: %s}}
objective: {yield: {goal: maximize}}
budget: {experiments: 9}
laboratory: {adapter: manual}
"""


@pytest.mark.parametrize("writings", ONE)
def test_writings_of_one_salt_are_one_substance(writings: tuple[str, ...]) -> None:
    assert len({substance(smiles) for smiles in writings}) == 1


def test_other_salts_and_free_acids_are_other_substances() -> None:
    for a, b in itertools.combinations([*(w[0] for w in ONE), *OTHERS], 2):
        assert substance(a) != substance(b)


def test_different_salts_are_options_side_by_side() -> None:
    options = "{KOAc: 'CC(=O)[O-].[K+]', NaOAc: 'CC(=O)O[Na]', AcOH: 'CC(=O)O'}"
    spec = read_spec(TEXT % options, source="salts.yaml", read=pytest.fail)

    assert list(spec.space["base"].options) == ["KOAc", "NaOAc", "AcOH"]
