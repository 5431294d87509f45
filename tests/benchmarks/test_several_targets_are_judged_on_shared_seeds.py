"""Each peer is compared on the seeds that it was run with."""

from __future__ import annotations

from pathlib import Path

import multiobjective
import pytest
from problems import load_problem

from loop.space import sample_space


def test_a_peer_with_few_seeds_is_compared_on_these_alone(capsys: pytest.CaptureFixture[str]) -> None:
    problem = load_problem("snar", Path())
    points = [problem.space.settings(x) for x in sample_space(problem.space, 4, 0)]

    def run(*which: int) -> dict[str, object]:
        return {"observed": [{"settings": points[i]} for i in which], "cpu": [0.1]}

    runs = {
        "hakken": {0: run(0), 1: run(3), 2: run(2)},
        "random": {0: run(0), 1: run(1), 2: run(2)},
        "baybe": {1: run(0, 1, 2, 3)},  # its only seed, and better there
        "ax": {0: run(0), 2: run(2)},
    }
    alone = [multiobjective.hypervolume(problem, multiobjective.found(problem, run(*w))) for w in ((3,), (0, 1, 2, 3))]

    (mark,), shares = multiobjective._judge(problem, runs)

    assert "(baybe), 1 seeds" in mark.name
    assert mark.value == pytest.approx(alone[0] / alone[1])
    assert set(shares["baybe"]) == {1}
    assert mark.value < 1.0  # else nothing was told apart
    assert "snar: hypervolume" in capsys.readouterr().out


def test_without_a_peer_nothing_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    problem = load_problem("snar", Path())
    run = {"observed": [{"settings": problem.space.settings(sample_space(problem.space, 1, 0)[0])}], "cpu": [0.1]}

    marks, _ = multiobjective._judge(problem, {"hakken": {0: run}, "random": {0: run}})

    assert marks == []
    assert "not judged" in capsys.readouterr().out
