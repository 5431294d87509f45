"""The bandits that general conditions are compared with: arms, substrates and the arm that is named."""

from __future__ import annotations

import numpy as np
import pytest
from bandits import BANDITS, NEEDS_NO_START, Arms, play, ucb1_tuned
from general import curves_of, reached

REWARDS = np.clip(np.linspace(0.1, 0.9, 5)[:, None] + np.random.default_rng(1).normal(0, 0.05, (5, 12)), 0, 1)


@pytest.mark.parametrize("name", BANDITS)
def test_every_algorithm_ends_with_the_best_arm_and_repeats(name: str) -> None:
    by_mean, by_count = play(name, REWARDS, 3, 60)

    assert by_mean[-1] == 4  # all 60 cells are known, each once
    assert (by_mean, by_count) == play(name, REWARDS, 3, 60)
    if name not in NEEDS_NO_START:
        assert by_count[0] == 0
        assert by_mean[4] == 4  # every arm was tried once, and they lie far apart


def test_curves_are_what_the_named_ligand_yields() -> None:
    own = [{"seed": 7, "named": [(2, "a"), (4, "b")]}]
    others = [{"method": "ucb1", "seed": 7, "by mean": list("abbbb"), "by count": list("aaabb")}]

    curves = curves_of(own, others, ["a", "b"], np.array([[10.0, 20.0], [30.0, 50.0]]))

    assert [(c.part.split(" ")[-1], c.method, list(c.best)) for c in curves] == [
        ("mean", "hakken", [0.6875, 0.375, 0.375, 1.0]),  # at random until the second, and each name until the next
        ("mean", "ucb1", [0.375, 1.0, 1.0, 1.0]),
        ("count", "hakken", [0.6875, 0.375, 0.375, 1.0]),
        ("count", "ucb1", [0.375, 0.375, 0.375, 1.0]),
    ]


def test_no_substrate_is_drawn_twice_for_an_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, float]] = []
    monkeypatch.setattr(Arms, "learn", _telling(told, Arms.learn))
    play("thompson", np.arange(60.0).reshape(5, 12) / 60, 0, 60)

    assert len(told) == len(set(told)) == 60


def _telling(told, learn):
    def tell(self, arm, reward):
        told.append((arm, reward))
        learn(self, arm, reward)

    return tell


def test_ucb1_tuned_is_its_formula() -> None:
    arms = Arms(np.array([4.0]), np.array([0.5]), np.array([0.08]), np.random.default_rng(0), turn=19)

    # variance 0.02 + sqrt(2 ln 20 / 4) = 1.24 is above 1/4, so the bonus is sqrt(ln 20 / 4 / 4)
    assert ucb1_tuned(arms)[0] == pytest.approx(0.5 + np.sqrt(np.log(20) / 16))


def test_a_share_is_reached_when_it_is_kept_to_the_end() -> None:
    counts = np.array([10, 20, 30, 40])

    assert reached(np.array([0.9, 0.7, 0.8, 0.85]), counts, 0.8) == 30
    assert reached(np.array([0.9, 0.9, 0.9, 0.7]), counts, 0.8) == float("inf")
    assert reached(np.array([0.9, 0.9, 0.9, 0.9]), counts, 0.8) == 10
