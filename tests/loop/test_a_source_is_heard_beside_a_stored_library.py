"""A source of a stored library's campaign: its molecules stand beside the library, and nothing is computed anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loop.memory.overlap import overlap
from loop.molecules.structures import Structures
from loop.molecules.texts import Texts
from loop.space import Component, Space
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate
from tests.loop.test_stored_libraries_are_learnt_as_any_other import SMILES, Computed

HERE, THERE = SMILES[:60], SMILES[40:]  # twenty are in both


def stored(smiles: tuple[str, ...]) -> Space:
    plain = Texts.of(smiles)
    found = Structures(plain.data, plain.offsets, plain.hashes, plain.order, plain.digest, features=Computed(smiles))
    return Space((Component("molecule", plain, found, is_library=True),))


def given(smiles: tuple[str, ...]) -> Space:
    return Space((Component("molecule", smiles, smiles, is_library=True),))


def believed(here: Space, there: Space, name: str) -> np.ndarray:
    """What a model of the source's results expects of the campaign's molecules."""
    both = overlap(here, there)
    x = both.there(np.arange(0.0, len(THERE), 2.0)[:, None])
    y = torch.tensor([len(THERE[i]) + 3.0 * THERE[i].count("c") for i in range(0, len(THERE), 2)], dtype=torch.float64)
    data = TrainingSet(torch.from_numpy(x), y, torch.full_like(y, torch.nan))
    fitted = surrogate(name, both.space).fit(both.space, data, seed=1)
    mine = torch.arange(len(HERE), dtype=torch.float64)[:, None]
    return np.concatenate([part.numpy() for part in fitted.moments(both.here(mine))])


@pytest.mark.parametrize("there", [given(THERE), stored(THERE)], ids=["few", "stored"])
@pytest.mark.parametrize(("name", "off"), [("tanimoto", 1e-9), ("trees", 1e-9), ("gp-descriptors", 1e-3)])
def test_it_is_believed_as_where_both_lie_in_memory(there: Space, name: str, off: float) -> None:
    is_stored = isinstance(there.parameters[0].options, Texts)  # what both have counts twice in the spread of distances
    within = 0.1 if is_stored else off
    found, wanted = believed(stored(HERE), there, name), believed(given(HERE), given(THERE), name)

    assert found == pytest.approx(wanted, rel=within, abs=within)


def test_structures_are_those_of_either_and_what_both_have_stands_once() -> None:
    both = overlap(stored(HERE), given(THERE))
    (molecule,) = both.space.parameters
    places = both.there(np.arange(len(THERE), dtype=float)[:, None])[:, 0].astype(int).tolist()

    assert isinstance(molecule, Component)
    assert molecule.is_stored
    assert tuple(molecule.smiles) == SMILES
    assert [molecule.smiles[i] for i in places] == [*THERE]
    assert [molecule.smiles.index(s) for s in SMILES] == [*range(len(SMILES))]
    which = np.array([70, 3, 59, 60, 3])
    counts, alone = molecule.smiles.counts(), Computed(SMILES).counts("morgan")
    assert np.array_equal(counts.similarity(which, which[1:]), alone.similarity(which, which[1:]))
    assert np.array_equal(counts.folded(which, 64), alone.folded(which, 64))
    assert np.array_equal(molecule.smiles.graphs().take(which).atoms, Computed(SMILES).graphs().take(which).atoms)


def test_a_library_that_has_all_of_a_source_is_taken_as_it_is() -> None:
    here = stored(SMILES)

    assert overlap(here, given(THERE)).space.parameters == here.parameters
