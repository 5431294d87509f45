"""What improves on a best that keeps its own threshold keeps it too, which is not doubted a second time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, training

from loop.acquisition.directions import growth
from loop.acquisition.improvement import Improvement, improvement_score
from loop.acquisition.mixed import Mixed
from loop.acquisition.pareto import Pareto, reference_point, worths
from loop.acquisition.protocol import Question
from loop.acquisition.sampled import Beaten, SampledImprovement
from loop.acquisition.search import hit_weight
from loop.objective import Goal, Objective, Target, Tradeoff
from loop.plate.sources import Asked
from loop.policy.replicate import spend
from loop.space import ProductPool
from loop.surrogates.feasibility import Feasibility
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.representation import Representation

INFINITE = (-math.inf, math.inf)
DRAWS = 200_000


def question(*targets: Target, tradeoff: Tradeoff = Tradeoff.PARETO) -> Question:
    """The six lowest yields of twelve are known, 20 to 40; of a target that is minimised, their negatives."""
    recipe, of_all = GaussianProcess("gp", Representation.COUNTS), training()
    lowest = of_all.y.argsort()[:6]
    data = replace(of_all, x=of_all.x[lowest], y=of_all.y[lowest], sd=of_all.sd[lowest])
    signs = [-1.0 if t.goal is Goal.MINIMIZE else 1.0 for t in targets]
    models = [recipe.fit(SPACE, replace(data, y=sign * data.y), seed=0) for sign in signs]
    return Question(
        space=SPACE,
        objective=Objective(targets, tradeoff),
        models=models,
        feasibility=Feasibility(),
        pool=ProductPool(SPACE),
        observed=data.x,
        pending=torch.empty((0, 3), dtype=torch.float64),
        tried=data.x.numpy(),
        seed=0,
    )


def untried(asked: Question) -> torch.Tensor:
    rows = {tuple(x) for x in asked.tried.tolist()}
    return EVERYTHING[torch.tensor([tuple(x) not in rows for x in EVERYTHING.tolist()])]


def truly_expected(asked: Question, x: torch.Tensor) -> np.ndarray:
    """By definition: how far ``x``, ``(n, d)``, beats what keeps the threshold, where it keeps it too: ``(n,)``."""
    (target,), (model,) = asked.objective.targets, asked.models
    kept = asked.observed[torch.tensor([target.meets(v) for v in model.moments(asked.observed)[0].tolist()])]
    mean, covariance = model.joint(torch.cat([x, kept]))
    draws = np.random.default_rng(0).multivariate_normal(mean.numpy(), covariance.numpy(), DRAWS)
    above = target.sign * (draws[:, : len(x)] - target.sign * (target.sign * draws[:, len(x) :]).max(1)[:, None])
    low, high = target.bounds
    keeps = (low <= draws[:, : len(x)]) & (draws[:, : len(x)] <= high)
    return np.asarray((above.clip(0.0) * keeps).mean(0))


YIELD = Target("y", Goal.MAXIMIZE, at_least=38.0)
WASTE = Target("y", Goal.MINIMIZE, at_most=-38.0)


@pytest.mark.parametrize("target", [YIELD, WASTE])
def test_the_improvement_of_a_doubtful_candidate_is_what_is_expected_of_it(target):
    asked = question(target)
    x = untried(asked)
    expected = truly_expected(asked, x)
    counts = expected > 0.05 * expected.max()

    with torch.no_grad():
        value = SampledImprovement(Beaten.of(asked), asked.pending)(x[:, None, :]).exp().numpy()
    first = Improvement().choose(asked, 1).points[0]
    chosen = [tuple(row) for row in x.tolist()].index(tuple(first.x))

    assert float(asked.chance(x)[torch.from_numpy(counts)].min()) < 0.5  # some are more likely to break it than not
    assert value[counts] == pytest.approx(expected[counts], rel=0.15)  # 128 draws of what there is to beat
    assert chosen == int(expected.argmax())
    assert first.value == pytest.approx(expected.max(), rel=0.15)  # 256 draws


def test_every_way_of_choosing_by_improvement_leaves_its_own_threshold_out():
    asked, plain = question(YIELD), question(Target("y", Goal.MAXIMIZE))
    plain.__dict__["keeping"] = asked.keeping  # the same to be beaten, and no threshold to break
    x = untried(asked)

    assert len(asked.keeping) < len(asked.observed)
    torch.testing.assert_close(asked.chance_if_better(x), torch.ones(len(x), dtype=torch.float64))
    torch.testing.assert_close(
        Asked(asked, "improvement").rank(x), improvement_score(asked)(x) * asked.feasibility.chance(x)
    )
    for mine, other in zip(Asked(asked, "improvement").worth(x), Asked(plain, "improvement").worth(x), strict=True):
        assert mine.start().gains() == pytest.approx(other.start().gains())
    fresh = list(x[:3])
    assert spend(asked, fresh, 4) == spend(plain, fresh, 4)


@pytest.mark.parametrize("function", [Improvement(), Mixed("improvement"), Pareto(), Mixed("pareto")])
def test_none_of_them_asks_for_the_chance_of_all_thresholds(function, monkeypatch):
    asked = question(YIELD) if function.name == "improvement" else question(YIELD, WASTE)
    monkeypatch.delattr(Question, "chance")

    assert len(function.choose(asked, 2).points) == 2


def test_before_anything_keeps_a_threshold_its_chance_counts():
    asked = question(replace(YIELD, at_least=200.0))
    x = untried(asked)

    assert not len(asked.keeping)
    torch.testing.assert_close(asked.chance_if_better(x), asked.chance(x))


def test_thresholds_that_are_only_kept_count_as_they_did():
    asked = question(Target("y", Goal.MAXIMIZE), Target("z", Goal.KEEP, at_least=40.0))
    x = untried(asked)

    assert float(asked.chance(x).min()) < 0.9
    torch.testing.assert_close(asked.chance_if_better(x), asked.chance(x))


def test_hypervolume_is_counted_from_the_thresholds_which_are_not_doubted_again():
    targets = (Target("a", Goal.MAXIMIZE, at_least=38.0), Target("b", Goal.MINIMIZE, at_most=-30.0))
    asked = question(*targets)
    x = untried(asked)
    draws = [
        np.random.default_rng(i).multivariate_normal(*(p.numpy() for p in m.joint(torch.cat([x, asked.keeping]))), 2000)
        for i, m in enumerate(asked.models)
    ]
    above = np.stack([draws[0] - 38.0, -30.0 - draws[1]], axis=-1).clip(0.0)
    expected = np.array([[area([*front, p]) - area(front) for p in row] for row, front in split(above, len(x))]).mean(0)

    first = Pareto().choose(asked, 1).points[0]
    chosen = [tuple(row) for row in x.tolist()].index(tuple(first.x))

    assert reference_point(asked).tolist() == [38.0, 30.0]
    assert expected[chosen] == pytest.approx(expected.max(), rel=0.1)
    assert first.value == pytest.approx(expected[chosen], rel=0.25)  # 128 draws
    broken = torch.tensor([[[37.0, -80.0], [80.0, -29.0]]], dtype=torch.float64)  # one threshold each
    assert growth(asked, worths(asked, broken)).tolist() == [[0.0, 0.0]]


def split(above: np.ndarray, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(row[:n], row[n:]) for row in above]


def area(points: object) -> float:
    """Dominated from zero, by definition."""
    total, reached = 0.0, 0.0
    for a, b in sorted(map(tuple, points), reverse=True):  # type: ignore[call-overload]
        total, reached = total + a * max(b - reached, 0.0), max(reached, b)
    return total


@pytest.mark.parametrize(
    ("target", "tradeoff", "left"),
    [
        (Target("y", Goal.MAXIMIZE, at_least=60.0), Tradeoff.PARETO, INFINITE),
        (Target("y", Goal.MINIMIZE, at_most=60.0), Tradeoff.PARETO, INFINITE),
        (Target("y", Goal.MAXIMIZE, at_least=60.0, at_most=80.0), Tradeoff.PARETO, (-math.inf, 80.0)),
        (Target("y", Goal.MINIMIZE, at_least=60.0, at_most=80.0), Tradeoff.PARETO, (60.0, math.inf)),
        (Target("y", Goal.KEEP, at_least=60.0), Tradeoff.PARETO, (60.0, math.inf)),
        (Target("y", Goal.MATCH, value=7.1, within=0.3), Tradeoff.PARETO, INFINITE),
        (Target("y", Goal.MATCH, value=7.1, within=0.3, at_least=7.0), Tradeoff.PARETO, (7.0, 7.1 + 0.3)),
        (Target("y", Goal.MATCH, value=7.0, at_least=6.0), Tradeoff.PARETO, (6.0, math.inf)),
        (Target("y", Goal.MATCH, value=7.1, within=0.3), Tradeoff.WEIGHTED, (7.1 - 0.3, 7.1 + 0.3)),
        (Target("y", Goal.MAXIMIZE, at_least=60.0, desirable=(60, 90)), Tradeoff.DESIRABILITY, INFINITE),
        (Target("y", Goal.MAXIMIZE, at_least=60.0, desirable=(20, 90)), Tradeoff.DESIRABILITY, (60.0, math.inf)),
        (Target("y", Goal.MINIMIZE, at_most=2.0, desirable=(2, 0)), Tradeoff.DESIRABILITY, INFINITE),
        (Target("y", Goal.MATCH, value=7.1, within=0.3), Tradeoff.DESIRABILITY, INFINITE),
        (Target("y", Goal.MAXIMIZE, at_least=60.0, desirable=(60, 90)), Tradeoff.WEIGHTED, (60.0, math.inf)),
        (Target("y", Goal.MAXIMIZE, levels=(1.0, 2.0, 3.0), at_least=2.0), Tradeoff.PARETO, INFINITE),
    ],
)
def test_which_thresholds_an_improvement_may_break(target, tradeoff, left):
    other = Target("other", Goal.MAXIMIZE, desirable=(0, 1))

    assert Objective((target, other), tradeoff).breakable(target) == left


def test_the_top_level_keeps_a_threshold_among_the_levels():
    asked = question(Target("y", Goal.MAXIMIZE, levels=(0.0, 20.0, 40.0), at_least=40.0))
    x = untried(asked)

    assert float(asked.chance(x).min()) < 0.5
    torch.testing.assert_close(hit_weight(asked)(x), asked.feasibility.chance(x))
