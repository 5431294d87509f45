"""Acquisition functions against closed forms and independent arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, measured, reaction_spec, training
from scipy.stats import norm

from loop.acquisition.improvement import greedy_improvement
from loop.acquisition.mixed import Mixed
from loop.acquisition.names import ACQUISITIONS
from loop.acquisition.pareto import hypervolume_improvement, reference_point, spans
from loop.acquisition.pool import Exploration
from loop.acquisition.protocol import Question
from loop.acquisition.registry import acquisition
from loop.acquisition.streaming import shortlist
from loop.errors import UnknownName
from loop.objective import Goal, Objective, Target
from loop.policy.control import controls_in
from loop.space import ProductPool
from loop.space.rows import is_among
from loop.surrogates.feasibility import Feasibility, learn_feasibility
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation

NO_CHANCE = torch.zeros(3, dtype=torch.float64)


def question(targets: tuple[Target, ...] = (Target("yield", Goal.MAXIMIZE, "%"),), scales=(1.0,)) -> Question:
    data = training()
    models = [GaussianProcess("gp", Representation.COUNTS).fit(SPACE, training(scale=s), seed=0) for s in scales]
    return Question(
        space=SPACE,
        objective=Objective(targets),
        models=models,
        feasibility=Feasibility(),
        pool=ProductPool(SPACE),
        observed=data.x,
        pending=torch.empty((0, 3), dtype=torch.float64),
        tried=data.x.numpy(),
        seed=0,
    )


def test_one_choice_has_the_closed_form_expected_improvement():
    mean, sd, best = np.array([0.0, 0.5, -1.0]), np.array([1.0, 0.3, 2.0]), 0.4
    z = torch.from_numpy(norm.ppf((np.arange(200_000) + 0.5) / 200_000))  # quantiles: no sampling error to speak of
    draws = torch.from_numpy(mean) + torch.from_numpy(sd) * z[:, None]

    picked, logs = greedy_improvement(draws, torch.full((len(z),), best, dtype=torch.float64), NO_CHANCE, 1, tau=1e-4)
    u = (mean - best) / sd
    expected = sd * (u * norm.cdf(u) + norm.pdf(u))

    assert picked == [int(expected.argmax())]
    assert float(logs[0].exp()) == pytest.approx(expected.max(), rel=1e-3)


def test_improvements_too_small_for_float64_still_rank():
    draws = torch.tensor([[-5000.0, -4000.0, -6000.0]], dtype=torch.float64).repeat(8, 1)

    picked, logs = greedy_improvement(draws, torch.zeros(8, dtype=torch.float64), NO_CHANCE, 3, tau=1.0)

    assert picked == [1, 0, 2]
    assert math.exp(logs[0]) == 0.0  # the improvement itself underflows
    assert logs[0] == pytest.approx(-4000.0)


def test_a_second_choice_is_judged_given_the_first():
    # two candidates that are the same, and one that is worse on average but wins elsewhere
    z = torch.randn(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = torch.randn(4000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    draws = torch.stack([z, z - 1e-6, other - 0.3], dim=1)

    picked, _ = greedy_improvement(draws, torch.zeros(4000, dtype=torch.float64), NO_CHANCE, 2, tau=1e-3)

    assert picked == [0, 2]


def test_the_chance_of_success_multiplies_the_improvement():
    draws = torch.tensor([[2.0, 1.5, 0.0]], dtype=torch.float64)
    chance = torch.tensor([0.5, 1.0, 1.0], dtype=torch.float64).log()

    picked, logs = greedy_improvement(draws, torch.zeros(1, dtype=torch.float64), chance, 2, tau=1e-6)

    assert picked[0] == 1
    assert float(logs[0].exp()) == pytest.approx(1.5)


@pytest.mark.parametrize("has_price", [False, True])
def test_only_looking_again_where_it_may_matter_chooses_what_looking_everywhere_does(has_price: bool):
    generator = torch.Generator().manual_seed(2)
    mixing = torch.randn((6, 300), generator=generator, dtype=torch.float64)
    draws = torch.randn((64, 6), generator=generator, dtype=torch.float64) @ mixing
    chance = torch.rand(300, generator=generator, dtype=torch.float64).log()
    best, tau = draws[:, :20].max(dim=1).values, 0.05

    def log_price(picked: list[int]) -> torch.Tensor:  # what is near in the list to the last is cheaper
        last = picked[-1] if picked else 0
        return (1.0 + (torch.arange(300, dtype=torch.float64) - last).abs() / 100).log()

    expected: list[int] = []
    held = best
    for _ in range(40):
        value = tau * torch.nn.functional.softplus((draws - held[:, None]) / tau).mean(0) * chance.exp()
        if has_price:
            value = value / log_price(expected).exp()
        value[expected] = 0.0
        expected.append(int(value.argmax()))
        held = torch.maximum(held, draws[:, expected[-1]])

    picked, _ = greedy_improvement(draws, best, chance, 40, tau=tau, log_price=log_price if has_price else None)

    assert picked == expected


def test_with_several_targets_the_chance_to_keep_thresholds_counts_by_its_root():
    targets = (Target("a", Goal.MAXIMIZE), Target("b", Goal.MINIMIZE), Target("c", Goal.KEEP, at_least=42.0))
    asked = question(targets, scales=(1.0, -1.0, 1.0))
    x = EVERYTHING[:20]
    plain = hypervolume_improvement(asked)
    plain.set_X_pending(None)

    with torch.no_grad():
        value = Mixed("pareto").function(asked, asked.pending)(x[:, None, :])
        expected = plain(x[:, None, :]) + 0.5 * asked.chance(x).log()

    assert float(asked.chance(x).min()) < 0.9  # so that it matters
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("name", ["pareto", "ucb"])
def test_over_continuous_numbers_a_candidate_of_a_committee_is_worth_the_same_beside_whatever_others(name):
    targets = (Target("a", Goal.MAXIMIZE), Target("b", Goal.MINIMIZE))[: 2 if name == "pareto" else 1]
    committee = surrogate(["gp", "tanimoto"], SPACE)
    models = [committee.fit(SPACE, training(scale=s), seed=0) for s in (1.0, -1.0)][: len(targets)]
    asked = replace(question(targets, scales=(1.0, -1.0)[: len(targets)]), models=models)
    function, x = Mixed(name).function(asked, asked.pending), EVERYTHING[:20, None, :]

    with torch.no_grad():
        together, alone = function(x), torch.cat([function(x[i : i + 1]) for i in range(20)])

    torch.testing.assert_close(together, alone)


def test_exploration_takes_the_greatest_reduction_of_variance_computed_in_full():
    asked = question()
    chosen = Exploration().choose(asked, 1).points[0]
    rest = EVERYTHING[torch.from_numpy(~is_among(EVERYTHING.numpy(), asked.tried))]
    _, covariance = asked.models[0].joint(rest)
    reduction = covariance.square().sum(1) / (covariance.diagonal() + asked.models[0].noise_sd ** 2)
    rank = [tuple(x) for x in rest[reduction.argsort(descending=True)].tolist()].index(tuple(chosen.x))

    assert rank <= 2  # the covariance is estimated from draws, to 3 %
    assert 0 < chosen.value < 1


def test_a_shortlist_holds_the_best_of_the_whole_pool_and_nothing_tried():
    asked = question()
    score = lambda x: asked.models[0].moments(x)[0] + 100.0  # noqa: E731 - one line says it

    short = shortlist(asked, score, keep=5)
    rest = EVERYTHING[torch.from_numpy(~is_among(EVERYTHING.numpy(), asked.tried))]
    expected = rest[score(rest).argsort(descending=True)[:5]]

    torch.testing.assert_close(short, expected)


def test_the_reference_point_is_the_threshold_where_there_is_one():
    targets = (Target("a", Goal.MAXIMIZE, at_least=42.0), Target("b", Goal.MINIMIZE))
    asked = question(targets, scales=(1.0, -1.0))

    reference = reference_point(asked)
    values = -asked.models[1].moments(asked.observed)[0]  # signs applied: larger is better

    assert reference[0] == 42.0
    # what breaks the threshold tells how far the other target may go
    assert len(asked.keeping) < len(values)
    assert float(reference[1]) == pytest.approx(float(values.min() - 0.1 * (values.max() - values.min())))


def test_the_reference_point_lies_a_tenth_beyond_the_front_where_nothing_breaks_a_threshold():
    asked = question((Target("a", Goal.MAXIMIZE), Target("b", Goal.MAXIMIZE)), scales=(1.0, -1.0))
    values = torch.stack([m.moments(asked.observed)[0] for m in asked.models], dim=1)
    beaten = ((values[None] >= values[:, None]).all(2) & (values[None] > values[:, None]).any(2)).any(1)
    low, high = values[~beaten].min(0).values, values[~beaten].max(0).values

    torch.testing.assert_close(reference_point(asked), low - 0.1 * (high - low))


class Told:
    """Values believed of the first candidates."""

    def __init__(self, values: torch.Tensor, noise_sd: float) -> None:
        self.values, self.noise_sd = values, noise_sd

    def moments(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.values[: len(x)], torch.ones(len(x), dtype=torch.float64)


def told(rows: torch.Tensor, noise_sd: float) -> Question:
    """Yields and costs, ``(n, 2)``, of the first candidates."""
    targets = (Target("yield", Goal.MAXIMIZE), Target("cost", Goal.MINIMIZE))
    models = [Told(column, noise_sd) for column in rows.T]
    return replace(question(targets, scales=(1.0, 1.0)), models=models, observed=EVERYTHING[: len(rows)])


@pytest.mark.parametrize("noise_sd", [1e-12, 0.0])
def test_targets_are_scaled_by_what_was_observed_of_them_however_small(noise_sd):
    asked = told(1e-10 * torch.tensor([[8.0, 2.0], [3.0, 2.0]], dtype=torch.float64), noise_sd)

    assert spans(asked).tolist() == [pytest.approx(5e-10), noise_sd or 1.0]  # of costs that are alike, the noise


def test_the_reference_point_reaches_a_quarter_of_what_was_observed_where_the_front_is_a_corner():
    rows = torch.tensor([[80.0, 2.0], [70.0, 1.0], [10.0, 10.0], [5.0, 21.0]], dtype=torch.float64)

    asked = told(rows, 1.0)

    # the front, 70 to 80 and 1 to 2, would leave out whatever costs more than 2.1
    assert reference_point(asked).tolist() == [80.0 - 75.0 / 4, -(1.0 + 20.0 / 4)]


def test_every_acquisition_is_registered_under_its_name_and_others_are_named():
    built = [acquisition(n, is_finite=finite, targets=1).name for n in ACQUISITIONS for finite in (True, False)]

    assert built == [n if n != "auto" else "improvement" for n in ACQUISITIONS for _ in range(2)]
    assert acquisition("auto", is_finite=True, targets=2).name == "pareto"
    with pytest.raises(UnknownName, match="did you mean 'thompson'"):
        acquisition("tompson", is_finite=True, targets=1)


def test_feasibility_needs_both_classes_and_then_tells_them_apart():
    x = EVERYTHING.numpy()
    ran = x[:, 1] == 0

    assert learn_feasibility(SPACE, x, np.ones(30, dtype=bool), seed=0).latent is None
    assert learn_feasibility(SPACE, x, np.zeros(30, dtype=bool), seed=0).latent is None
    learnt = learn_feasibility(SPACE, x[::2], ran[::2], seed=0).chance(EVERYTHING)
    assert learnt[ran].min() > 0.8
    assert learnt[~ran].max() < 0.2
    assert learnt.min() >= 0.02


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 1.0])
def test_controls_hold_their_share_over_batches_of_any_size(share):
    batches, done, controls = [1, 3, 5, 7, 2, 6, 16], 0, 0
    for batch in batches:
        controls += controls_in(batch, done, share)
        done += batch

    assert controls == math.floor(share * 40 + 1e-9)


def test_a_minimised_target_is_improved_downwards():
    spec = reaction_spec(objective={"cost": {"goal": "minimize"}}, batch=1)
    from campaigns import alcohol_yield, run_rounds

    history, _ = run_rounds(spec, lambda s: measured(cost=100 - alcohol_yield(s)), 12)

    assert min(o.outcome.measurements[0].value for o in history.observations) == 20.0
