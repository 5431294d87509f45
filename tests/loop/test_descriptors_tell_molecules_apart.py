"""Descriptors of a set of options: standardised, decorrelated, and finite whatever the molecules."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from loop.molecules.descriptors import OF_MORDRED, OF_RDKIT, descriptor_features, descriptors_of, mordred_features
from loop.molecules.filters import Filters, first_refusal

# a salt, a lone ion, a phosphine, a single atom: what cannot be computed for all of them must not come through
MOLECULES = ("CC(=O)[O-].[K+]", "[Cs+]", "c1ccccc1P(c1ccccc1)c1ccccc1", "C", "CCCCC#N", "Cc1onc(C)c1", "OC(F)(F)F")


CUTS = {descriptor_features: OF_RDKIT, mordred_features: OF_MORDRED}


@pytest.fixture(params=list(CUTS))
def features(request):
    return request.param


def test_features_are_finite_standardised_and_not_correlated(features):
    found = features(MOLECULES)

    assert len(found) == len(MOLECULES)
    assert found.shape[1] >= 2
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(found.std(axis=0), 1.0, rtol=1e-9)
    correlation = np.abs(np.corrcoef(found.T)) - np.eye(found.shape[1])
    assert correlation.max() < CUTS[features].correlated


def test_what_lies_far_off_counts_as_far_and_no_further():
    smiles = ["C" * n + "O" for n in range(1, 40)] + ["N" * 80]

    found = descriptor_features(smiles)

    assert np.abs(found).max() == OF_RDKIT.limit


def test_different_molecules_differ_and_the_same_one_does_not(features):
    found = features((*MOLECULES[2:], MOLECULES[2]))

    distances = np.linalg.norm(found[:, None] - found[None, :], axis=2)
    assert distances[0, -1] == 0
    assert distances[:-1, :-1][~np.eye(len(found) - 1, dtype=bool)].min() > 0.1


def test_nothing_tells_one_molecule_from_itself(features):
    assert features(("CCO",)).shape == (1, 0)
    assert features(("CCO", "CCO")).shape == (2, 0)


def test_what_cannot_be_computed_of_one_molecule_is_missed_and_not_fatal():
    assert np.isnan(descriptors_of(Chem.MolFromSmiles("[H][H]"))).any()  # RDKit divides by its heavy atoms

    features = descriptor_features(["[H][H]", "CCO", "CCCN", "c1ccccc1"])

    assert np.isfinite(features).all()
    assert features.shape[1] > 3


def test_a_filter_leaves_out_what_it_cannot_compute():
    tests = Filters(properties={"SPS": (0.0, 1e6)}).tests

    assert [first_refusal(Chem.MolFromSmiles(s), tests) for s in ("[H][H]", "CCO")] == ["properties.SPS", None]
