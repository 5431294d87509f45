"""The benchmark of learning: its splits do not leak, and its marks say what the scores say."""

from __future__ import annotations

import numpy as np
import pytest
from learning import Score, marks_of, overtaking, parts

from loop.examination.parts import scaffold

SMILES = [f"{'C' * n}{ring}" for ring in ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCOC1", "O") for n in range(1, 13)]


@pytest.mark.parametrize("split", ["random", "scaffold"])
def test_what_is_held_out_is_not_seen_and_stays_with_more_labels(split):
    few, held = parts(SMILES, split, 10, 15, seed=3)
    many, again = parts(SMILES, split, 25, 15, seed=3)

    assert len(few) == 10
    assert not set(few) & set(held)
    assert set(few) <= set(many)
    np.testing.assert_array_equal(held, again)
    assert len(held) >= 15


def test_scaffolds_are_held_out_whole():
    seen, held = parts(SMILES, "scaffold", 60, 15, seed=1)

    assert not {scaffold(SMILES[i]) for i in seen} & {scaffold(SMILES[i]) for i in held}


def scored(method: str, seed: int, error: float, cpu: float = 1.0, labels: int = 50) -> Score:
    return Score("esol", "random", labels, seed, method, error, 1.0, (0.79, 0.95), cpu)


def test_a_committee_behind_its_best_member_is_marked():
    scores = [scored("tanimoto", s, 1.0 + 0.1 * s) for s in range(4)]
    scores += [scored("trees", s, 2.0) for s in range(4)]
    level = [scored("committee", s, 1.0 + 0.1 * s - 0.01 * (s % 2)) for s in range(4)]
    behind = [scored("committee", s, 1.3 + 0.1 * s + 0.01 * (s % 2)) for s in range(4)]

    assert all(m.holds for m in marks_of(scores + level, []))
    assert [m.holds for m in marks_of(scores + behind, [])] == [False, True, True]


def test_the_package_is_compared_on_the_same_runs():
    scores = [scored("tanimoto", s, 1.0) for s in range(2)] + [scored("committee", s, 1.0) for s in range(2)]
    scores += [scored("committee + dmpnn", s, 1.0) for s in range(2)]
    scores += [scored("dmpnn", s, 0.9, cpu=2.0) for s in range(2)] + [scored("chemprop", 1, 1.0, cpu=8.0)]

    error, faster = marks_of(scores, ["dmpnn"])[-2:]

    assert error.value == pytest.approx(0.9)
    assert faster.value == pytest.approx(4.0)


def test_overtaking_is_for_good():
    scores = [scored("tanimoto", 0, 1.0, labels=n) for n in (50, 100, 200)]
    scores += [scored("dmpnn", 0, e, labels=n) for n, e in ((50, 0.9), (100, 1.1), (200, 0.8))]

    assert overtaking(scores, "dmpnn", "tanimoto") == ["dmpnn is ahead of tanimoto on esol, random: from 200 labels"]
