"""What looks at pairs of molecules does so in blocks, and says what looking at all of them at once says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.ML.Cluster import Butina

from loop.examination import signs, skill
from loop.insight import likeness
from loop.insight.likeness import Likeness
from loop.molecules import clusters as clustering
from loop.molecules.clusters import clusters
from loop.molecules.fingerprints import Fingerprints, count_fingerprints
from loop.space import Component, Space
from loop.surrogates.metric import Metric, metric
from loop.surrogates.representation import Representation

HEADS = ("O", "N", "Cl", "S", "c1ccccc1")
TAILS = ("F", "C(=O)O", "C#N", "Br", "OC")
MOLECULES = tuple(dict.fromkeys(Chem.CanonSmiles(a + "C" * n + b) for n in range(1, 7) for a in HEADS for b in TAILS))
LIBRARY = Space((Component("molecule", MOLECULES, MOLECULES, is_library=True),))


@pytest.fixture
def largest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the blocks of similarities that were made."""
    made: list[int] = []
    whole = Fingerprints.similarity

    def similarity(self: Fingerprints, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        made.append(len(a) * len(b))
        return whole(self, a, b)

    monkeypatch.setattr(Fingerprints, "similarity", similarity)
    return made


@pytest.mark.parametrize("apart", [0.2, 0.4, 0.6])
def test_clusters_are_those_of_butina(apart: float) -> None:
    every = np.arange(len(MOLECULES))
    distance = 1.0 - count_fingerprints(MOLECULES).similarity(every, every)
    lower = distance[np.tril_indices(len(MOLECULES), -1)].tolist()
    theirs = Butina.ClusterData(lower, len(MOLECULES), apart, isDistData=True, reordering=True)

    mine = clusters(MOLECULES, apart)

    assert [set(np.flatnonzero(mine == k)) for k in range(mine.max() + 1)] == [set(c) for c in theirs]
    assert len(theirs) > 3


def test_of_many_molecules_some_are_clustered_and_the_others_join_them(
    monkeypatch: pytest.MonkeyPatch, largest: list[int]
) -> None:
    monkeypatch.setattr(clustering, "WHOLE", 40)
    monkeypatch.setattr(clustering, "BLOCK", 16)
    every = np.arange(len(MOLECULES))

    found = clusters(MOLECULES, 0.3)

    assert max(largest) <= 16 * len(MOLECULES)
    assert set(found) == set(range(found.max() + 1))  # everything is in a cluster, and none is empty
    near = 1.0 - count_fingerprints(MOLECULES).similarity(every, every) <= 0.3
    for k in range(found.max() + 1):
        members = np.flatnonzero(found == k)
        assert near[np.ix_(members, members)].all(axis=1).any()  # one is near to all: their centre
    assert clusters((), 0.3).shape == (0,)


def test_nearest_neighbours_and_roughness_are_the_same_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    n = len(MOLECULES)
    x = torch.arange(n, dtype=torch.float64)[:, None]
    y = np.random.default_rng(0).normal(size=n)
    near = metric(LIBRARY, Representation.COUNTS)
    squared = near.squared(x, x).fill_diagonal_(torch.inf)
    between = np.abs(y[:, None] - y[None, :]).sum() / (n * (n - 1))
    expected = np.abs(y - y[squared.argmin(dim=1).numpy()]).mean() / between
    largest: list[int] = []
    part = near.parts[0]
    near = Metric((lambda a, b: largest.append(len(a) * len(b)) or part(a, b),), 1)
    monkeypatch.setattr(signs, "PAIRS", 7 * n)
    monkeypatch.setattr(skill, "PAIRS", 7 * 50)

    rough, reach = signs._roughness(near, x, y)
    closest, distance = skill.nearest_rows(near, x[50:], x[:50])

    assert max(largest) <= 7 * n
    assert rough == pytest.approx(expected)
    assert reach == pytest.approx(float(np.quantile(squared.min(dim=1).values.numpy(), 0.9)))
    assert closest.tolist() == squared[50:, :50].argmin(dim=1).tolist()
    assert distance == pytest.approx(squared[50:, :50].min(dim=1).values.numpy())
    monkeypatch.setattr(signs, "ROUGH_ROWS", n // 2)
    assert signs._roughness(near, x, y)[0] == pytest.approx(expected, rel=0.3)


def test_the_edge_of_the_domain_is_told_without_all_pairs(monkeypatch: pytest.MonkeyPatch, largest: list[int]) -> None:
    measured, asked = MOLECULES[10:], [MOLECULES[0], MOLECULES[20]]
    y = np.arange(len(measured), dtype=np.float64)
    at_once = Likeness.of((*measured, measured[0]), np.append(y, 4.0), asked)
    largest.clear()
    monkeypatch.setattr(likeness, "BLOCK", 8)

    in_blocks = Likeness.of((*measured, measured[0]), np.append(y, 4.0), asked)

    assert max(largest) <= 8 * len(measured)
    assert in_blocks.edge == at_once.edge
    assert in_blocks.values[measured[0]] == (2.0, "")
    for s in asked:
        assert in_blocks.nearest(s) == at_once.nearest(s)
        assert s not in [n.smiles for n in in_blocks.nearest(s)]
    monkeypatch.setattr(likeness, "EDGE_ROWS", 60)
    assert Likeness.of(measured, y, asked).edge == pytest.approx(at_once.edge, abs=0.1)
