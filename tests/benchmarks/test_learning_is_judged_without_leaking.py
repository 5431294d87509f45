"""The benchmark of learning: its splits do not leak, and its marks say what the scores say."""

from __future__ import annotations

import numpy as np
import pytest
from learning import parts
from learning_scores import Score, behind_best, marks_of, overtaking, read_rows, standing, write_rows

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


def test_how_far_a_committee_is_behind_is_told_in_its_own_errors_and_in_those_of_pairs():
    scores = [scored("tanimoto", s, 1.0 + 0.1 * s) for s in range(4)] + [scored("trees", s, 1.1) for s in range(4)]
    scores += [scored("committee", s, 1.2 + 0.1 * s + 0.01 * (s % 2)) for s in range(4)]

    (found,) = behind_best(scores, "committee", {"tanimoto", "trees"})

    assert found.best == "trees"  # 1.1 on average, and tanimoto 1.15
    assert found.per_cent == pytest.approx(100 * (1.355 / 1.1 - 1))
    assert found.own == pytest.approx(0.255 / (np.std([1.2, 1.31, 1.4, 1.51], ddof=1) / 2))
    assert "trees by 23.2 per cent" in standing(scores, "committee", {"tanimoto", "trees"})[1]


def test_intervals_are_judged_of_the_committee_and_of_what_is_asked_for():
    wide = Score("esol", "random", 50, 0, "dmpnn", 1.0, 1.0, (0.85, 0.99), 1.0)
    rows = [scored("committee", 0, 1.0), scored("tanimoto", 0, 1.0), wide]

    marks = {m.name: m for m in marks_of(rows, ["dmpnn"])}

    assert marks["committee: points by which 80% intervals are off"].holds
    assert marks["dmpnn: points by which 80% intervals are off"].value == pytest.approx(5.0)


def test_the_package_is_compared_on_the_same_runs():
    scores = [scored("tanimoto", s, 1.0) for s in range(2)] + [scored("committee", s, 1.0) for s in range(2)]
    scores += [scored("committee + dmpnn", s, 1.0) for s in range(2)]
    scores += [scored("dmpnn", s, 0.9, cpu=2.0) for s in range(2)] + [scored("chemprop", 1, 1.0, cpu=8.0)]

    scores += [scored("chemprop x5", s, 0.75, cpu=40.0) for s in range(2)]

    marks = {m.name: m for m in marks_of(scores, ["dmpnn"])}

    assert marks["dmpnn: error as a share of chemprop's"].value == pytest.approx(0.9)
    assert marks["dmpnn: error as a share of chemprop x5's"].value == pytest.approx(1.2)
    assert marks["dmpnn: times faster than chemprop x5"].value == pytest.approx(20.0)


def test_overtaking_is_for_good():
    scores = [scored("tanimoto", 0, 1.0, labels=n) for n in (50, 100, 200)]
    scores += [scored("dmpnn", 0, e, labels=n) for n, e in ((50, 0.9), (100, 1.1), (200, 0.8))]

    [line] = overtaking(scores, "dmpnn", "tanimoto")

    assert line.startswith("dmpnn is ahead of tanimoto on esol, random: from 200 labels (")
    assert "100: +10.0" in line


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    file = tmp_path / "rows.jsonl"
    first, second = scored("tanimoto", 0, 1.0), scored("tanimoto", 1, 2.0)
    write_rows(file, [first])
    with file.open("a") as lines:
        lines.write('{"table": "esol", "spl')  # it was killed here

    write_rows(file, [second])

    assert [(s.seed, s.error, s.within) for s in read_rows(file)] == [(0, 1.0, (0.79, 0.95)), (1, 2.0, (0.79, 0.95))]
    assert read_rows(tmp_path / "none.jsonl") == []
