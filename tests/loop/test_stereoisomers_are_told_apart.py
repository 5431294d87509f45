"""A small library with stereoisomers, varied beside other parameters: a model that goes by names tells them apart."""

from __future__ import annotations

import math

import pytest
import torch

from loop.molecules.stereoisomers import has_stereoisomers
from loop.space import Component, Discrete, Space
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import default_members, surrogate

R, S = "C[C@@H](N)c1ccccc1", "C[C@H](N)c1ccccc1"
OTHERS = ("CCN", "CCCN", "CC(C)N", "NCc1ccccc1")
LIBRARY = Component("amine", ("R", "S", *OTHERS), (R, S, *OTHERS), is_library=True)
TEMPERATURE = Discrete("temperature", (0.0, 20.0, 40.0, 60.0), "degC")


@pytest.mark.parametrize(
    ("smiles", "has"),
    [
        ((R, S), True),
        ((R, "CC(N)c1ccccc1"), True),  # and the racemate
        (("CC(N)c1ccccc1", R), True),
        (("C/C=C/C", "C/C=C\\C"), True),
        ((R, "C[C@@H](O)c1ccccc1"), False),
        (("CCO", "", "CCN"), False),
    ],
)
def test_what_differs_in_nothing_else_is_a_stereoisomer(smiles: tuple[str, ...], has: bool) -> None:
    assert has_stereoisomers(smiles) is has


def test_enantiomers_of_a_library_have_values_of_their_own() -> None:
    space = Space((LIBRARY, TEMPERATURE))
    rows = torch.tensor([[a, t] for a in (0.0, 1.0) for t in (0.0, 20.0, 40.0)] + [[a, 0.0] for a in (2.0, 3.0, 4.0)])
    values = torch.tensor([-80.0, -75.0, -70.0, 80.0, 75.0, 70.0, 1.0, -2.0, 0.0], dtype=torch.float64)
    data = TrainingSet(rows.double(), values, torch.full_like(values, math.nan))

    fitted = surrogate("committee", space).fit(space, data, seed=0)
    mean, _ = fitted.moments(torch.tensor([[0.0, 60.0], [1.0, 60.0]], dtype=torch.float64))

    assert float(mean[0]) < -30
    assert float(mean[1]) > 30


def test_no_model_goes_by_names_where_nothing_is_varied_beside_them_or_all_structures_differ() -> None:
    usual = ("tanimoto", "gp-descriptors", "trees")
    plain = Component("amine", OTHERS, OTHERS, is_library=True)

    assert default_members(Space((LIBRARY, TEMPERATURE))) == (*usual, "gp")
    assert default_members(Space((LIBRARY,))) == usual
    assert default_members(Space((plain, TEMPERATURE))) == usual
