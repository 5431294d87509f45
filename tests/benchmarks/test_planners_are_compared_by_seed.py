"""How far a mean over tables and forms is to be trusted, which marks there are no runs for, and runs that were kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import planners
import pytest
from curves import Curve
from planners import mean_of_parts

PART = "direct_arylation, by 5, random start"


def test_parts_that_share_their_luck_are_no_more_certain_than_one() -> None:
    luck = dict(enumerate(np.random.default_rng(0).normal(size=20)))

    one, many = mean_of_parts([luck]), mean_of_parts([luck] * 4)

    assert many == pytest.approx(one)
    assert one[1] == pytest.approx(np.std(list(luck.values()), ddof=1) / np.sqrt(20))


def test_the_error_is_that_of_the_seeds_means_where_all_parts_have_all_seeds() -> None:
    gaps = np.random.default_rng(1).normal(size=(3, 12)) + np.random.default_rng(2).normal(size=12)

    mean, error = mean_of_parts([dict(enumerate(part)) for part in gaps])

    each = gaps.mean(axis=0)
    assert mean == pytest.approx(each.mean())
    assert error == pytest.approx(each.std(ddof=1) / np.sqrt(12))


def test_the_error_covers_where_parts_lack_seeds() -> None:
    rng, found = np.random.default_rng(3), []
    for _ in range(400):
        luck = rng.normal(size=30)
        gaps = [{s: luck[s] + rng.normal() for s in range(30)}, {s: luck[s] + rng.normal() for s in range(15)}]
        found.append(mean_of_parts(gaps))

    means, errors = np.array(found).T
    assert errors.mean() == pytest.approx(means.std(), rel=0.15)  # 400 draws tell it to 4 %


def test_a_single_seed_is_infinitely_uncertain() -> None:
    assert mean_of_parts([{0: 0.1}, {0: 0.2}]) == (pytest.approx(0.15), np.inf)


def curve(part: str, method: str, seed: int) -> Curve:
    return Curve(part, method, seed, tuple(np.linspace(0.5, 1.0, 50)), 5, (0.1,))


def test_marks_without_runs_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def jobs(function: Any, asked: Any, _: int) -> list[Any]:
        if function is planners.own_runs:
            return [curve(planners.part_of(*job[1:4]), job[0], job[4]) for job in asked]
        return [([curve(PART, "baybe", 0)] if planners.part_of(*j[1:4]) == PART and j[0] == "baybe" else [], "")
                for j in asked]  # fmt: skip

    monkeypatch.setattr(planners, "run_jobs", jobs)
    monkeypatch.setattr(sys, "argv", ["reactions.py", "--data", str(tmp_path), "--peers", "baybe,ax", "--runs", "1",
                                      "--tables", "direct_arylation", "--forms", "by 5", "--kept"])  # fmt: skip
    from harness import arguments

    planners.against(arguments("", runs=1, peers=True, more=planners.options))

    out = capsys.readouterr().out
    assert "not judged: area ahead of ax: no run of it was found" in out
    assert "baybe on 1 of 2 parts, of which it has no run: direct_arylation, by 5, own start" in out
    assert "not judged: marks of buchwald_hartwig from its own first batch: it is not among the parts" in out
