"""The sums behind plates, against others: brute force, linear algebra, BoTorch's hypervolume."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from campaigns import alcohol_yield, measured, reaction_spec

from loop.acquisition.directions import heights
from loop.history import History, Observation
from loop.planning.situation import situation_of
from loop.plate.frame import Choices, fill
from loop.plate.hits import Hits
from loop.plate.sources import Asked
from loop.plate.worth import Cover, Teaching
from loop.space import ProductPool
from loop.spec import build_space


def a_cover(seed: int, n: int = 9, draws: int = 40, tau: float = 0.0) -> Cover:
    rng = np.random.default_rng(seed)
    return Cover(rng.normal(size=(draws, n)), rng.normal(size=draws), np.ones(n), tau)


def worth_of(cover: Cover, chosen: list[int]) -> float:
    """By definition: how far the best of the set exceeds what there was."""
    best = np.max(np.vstack([cover.best, *(cover.draws[:, i] for i in chosen)]), axis=0)
    return float(np.mean(best - cover.best))


@pytest.mark.parametrize("seed", range(4))
def test_gains_add_up_to_the_worth_of_the_set(seed: int) -> None:
    cover = a_cover(seed)
    progress, total = cover.start(), 0.0
    for i in (3, 0, 7):
        total += progress.gains()[i]
        progress.take(i)

    assert total == pytest.approx(worth_of(cover, [3, 0, 7]), rel=1e-12)


@pytest.mark.parametrize("ahead", [2, 5])
@pytest.mark.parametrize("picked", [[], [4], [4, 0, 7]])
def test_hits_are_worth_what_trying_and_then_choosing_again_brings(picked: list[int], ahead: int) -> None:
    rng = np.random.default_rng(3)
    chances, left = rng.random((50, 9)) ** 3, rng.random(9)
    beside = rng.random((9, 9))
    hits = Hits(chances, np.zeros(50), ahead, left, lambda i: beside[i]).start()
    for i in picked:
        hits.take(i)
    gains = hits.gains()

    # by definition: the chance of a hit now, and those of the best others when its own outcome is known, each times
    # what a hit counts beside what was tried and what was picked
    counts = np.min([left, *(beside[i] for i in picked)], axis=0)
    weight = np.prod([1.0 - chances[:, i] for i in picked], axis=0) if picked else np.ones(50)
    for i in set(range(9)) - set(picked):
        total = np.average(chances[:, i], weights=weight) * counts[i]
        for seen in (chances[:, i], 1.0 - chances[:, i]):
            others = [j for j in range(9) if j != i and j not in picked]
            after = [np.average(chances[:, j], weights=weight * seen) * counts[j] for j in others]
            total += np.average(seen, weights=weight) * sum(sorted(after)[-ahead:])
        assert gains[i] == pytest.approx(total, rel=1e-9)
    plain = Hits(chances, np.zeros(50), 0, np.ones(9)).start().gains()
    assert plain == pytest.approx(chances.mean(axis=0))


def test_smoothing_changes_little_and_tells_hopeless_candidates_apart() -> None:
    sharp, smooth = a_cover(1), a_cover(1, tau=1e-3)
    hopeless = Cover(np.array([[-3.0, -2.0]]), np.array([0.0]), np.ones(2), 0.02)

    assert np.allclose(sharp.start().gains(), smooth.start().gains(), atol=1e-3)
    assert 0.0 < hopeless.start().gains()[0] < hopeless.start().gains()[1]


def test_quotas_and_limits_are_kept_and_greed_is_nearly_best() -> None:
    cover = a_cover(5)
    shared = np.array([[0], [0], [0], [1], [1], [1], [2], [2], [2]])
    options = np.array([[0], [1], [2]] * 3)
    choices = Choices(shared, options, (2,), (frozenset(),))

    filled = fill(cover, choices, Counter({(0,): 2, (1,): 1}), (None,), 3)

    allowed = [
        list(some)
        for some in combinations(range(9), 3)
        if Counter(shared[list(some), 0].tolist()) == {0: 2, 1: 1} and len(set(options[list(some), 0].tolist())) <= 2
    ]
    assert sorted(filled.picks) in allowed
    assert worth_of(cover, list(filled.picks)) >= 0.63 * max(worth_of(cover, some) for some in allowed)


def test_variance_removed_is_that_of_a_joint_gaussian() -> None:
    rng = np.random.default_rng(2)
    root = rng.normal(size=(12, 12))
    covariance, noise = root @ root.T, 0.3
    teaching = Teaching(covariance[:8, :8], covariance[:8, 8:], noise, np.ones(8))
    progress, total = teaching.start(), 0.0
    for i in (1, 6, 4):
        total += progress.gains()[i]
        progress.take(i)

    seen = covariance[np.ix_([1, 6, 4], [1, 6, 4])] + noise * np.eye(3)
    cross = covariance[np.ix_([1, 6, 4], range(8, 12))]
    removed = float(np.trace(cross.T @ np.linalg.solve(seen, cross)))
    assert total == pytest.approx(removed, rel=1e-9)


def test_without_a_surface_the_most_uncertain_given_the_rest_gains_most() -> None:
    rng = np.random.default_rng(3)
    root = rng.normal(size=(6, 6))
    covariance = root @ root.T
    progress = Teaching(covariance, np.empty((6, 0)), 0.1, np.ones(6)).start()
    progress.take(2)

    kept = covariance - np.outer(covariance[:, 2], covariance[2]) / (covariance[2, 2] + 0.1)
    assert np.allclose(progress.gains(), np.diag(kept))


def test_mean_heights_along_directions_are_the_hypervolume() -> None:
    """What the highest of a set reaches is the volume that it dominates, to the error of so many directions."""
    for front in ([[0.9, 0.2], [0.6, 0.6], [0.1, 0.8]], [[0.9, 0.2, 0.5], [0.6, 0.6, 0.1], [-1.0, 0.9, 0.9]]):
        values = torch.tensor(front, dtype=torch.float64)

        reached = heights(values.expand(40_000, *values.shape), 4).max(dim=1).values

        volume = Hypervolume(torch.zeros(values.shape[1], dtype=torch.float64)).compute(values)
        assert float(reached.mean()) == pytest.approx(volume, rel=0.02)


def test_a_rank_by_a_front_does_not_depend_on_what_is_looked_at_with_it() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "unit": "%"}, "cost": {"goal": "minimize"}}, surrogate="gp")
    space = build_space(spec)
    points = ProductPool(space).take(np.arange(30))
    rows = [
        Observation(str(i), x, measured(**{"yield": alcohol_yield(space.settings(x)), "cost": float(x[2] + 5 * x[0])}))
        for i, x in enumerate(points[::2])
    ]
    situation = situation_of(spec, History(tuple(rows)), None, seed=0, experiments=10, purse=None)
    asked, x = Asked(situation.question, "pareto"), torch.from_numpy(points[1::2].copy())

    with torch.no_grad():
        together, apart = asked.rank(x), torch.cat([asked.rank(part) for part in torch.split(x, 3)])

    torch.testing.assert_close(apart, together)
