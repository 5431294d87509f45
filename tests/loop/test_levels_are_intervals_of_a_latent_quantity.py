"""Ordinal outcomes: chances of levels, their mean, limits between them, and the search for the top one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, alcohol_yield, measured, observe, reaction_spec, run_rounds
from scipy import stats

from loop.errors import ObjectiveError, OutcomeError
from loop.history import History
from loop.objective import Goal, Target
from loop.outcome import Measured, Measurement, Negative, Qualifier, read_outcome
from loop.planner import plan
from loop.spec import build_objective
from loop.surrogates.levels import chance_of, cuts_of, for_levels, hits_in_draws
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate
from loop.training import regression_table

LEVELS = (1.0, 2.0, 3.0, 4.0)
OBJECTIVE = {"class": {"goal": "maximize", "levels": [1, 2, 3, 4]}}


def level_of(settings):
    """1 to 4 by the yield: 4 from 60 %, 3 from 45 %, 2 from 30 %."""
    return float(1 + np.searchsorted([30, 45, 60], alcohol_yield(settings), side="right"))


TRUTH = torch.tensor([level_of(SPACE.settings(x.numpy())) for x in EVERYTHING], dtype=torch.float64)


def training(n=20, seed=1):
    rows = torch.randperm(30, generator=torch.Generator().manual_seed(seed))[:n]
    return TrainingSet(EVERYTHING[rows], TRUTH[rows], torch.full((n,), math.nan, dtype=torch.float64))


@pytest.fixture(params=["gp", "tanimoto", "trees", "ard", "committee"])
def fitted(request):
    return for_levels(surrogate(request.param, SPACE), LEVELS).fit(SPACE, training(), seed=0)


def test_chances_sum_to_one_and_the_mean_is_an_expected_level(fitted):
    chances = torch.stack([chance_of(fitted, EVERYTHING, k) for k in range(4)], dim=1)
    mean, sd = fitted.moments(EVERYTHING)

    torch.testing.assert_close(chances.sum(1), torch.ones(30, dtype=torch.float64))
    torch.testing.assert_close(chances @ torch.tensor(LEVELS, dtype=torch.float64), mean, rtol=0, atol=0.02)
    assert bool(((mean >= 1) & (mean <= 4)).all())
    assert bool((sd > 0).all())


def test_levels_that_were_not_seen_are_told_better_than_by_chance(fitted):
    unseen = ~(EVERYTHING[:, None] == training().x[None]).all(-1).any(1)
    error = (fitted.moments(EVERYTHING)[0] - TRUTH)[unseen].abs().mean()
    blind = (training().y.mean() - TRUTH)[unseen].abs().mean()

    assert float(error) < 0.8 * float(blind)


def test_draws_have_the_chances_that_are_stated():
    fitted = for_levels(surrogate("gp", SPACE), LEVELS).fit(SPACE, training(), seed=0)

    hits = hits_in_draws(fitted, EVERYTHING, 20_000, -1, seed=3)

    # 20,000 draws: a standard error of at most 0.004
    torch.testing.assert_close(hits.mean(0), chance_of(fitted, EVERYTHING, -1), rtol=0, atol=0.016)


def test_chances_are_those_of_an_ordered_probit():
    fitted = for_levels(surrogate("gp", SPACE), LEVELS).fit(SPACE, training(), seed=0)
    mean, sd = (v[:1].item() for v in fitted.latent.moments(EVERYTHING[:1]))
    total = math.hypot(sd, fitted.latent.noise_sd)

    expected = np.diff(stats.norm.cdf([-math.inf, 1.5, 2.5, 3.5, math.inf], mean, total))

    np.testing.assert_allclose(fitted.chances(EVERYTHING[:1])[0].numpy(), expected, atol=1e-9)


class Spy:
    name, needs = "spy", 1

    def __init__(self, seen):
        self.seen = seen

    def fit(self, space, data, *, seed):
        self.seen.append(data)
        return surrogate("gp", SPACE).fit(space, data, seed=seed)


@pytest.mark.parametrize(("levels", "value"), [(LEVELS, 2.5), ((-4.0, -3.0, -2.0, -1.0), -2.5)])
def test_what_two_channels_tell_apart_is_either_level(levels, value):
    seen = []
    y = torch.tensor([*levels, value], dtype=torch.float64)

    for_levels(Spy(seen), levels).fit(SPACE, TrainingSet(EVERYTHING[:5], y, y * math.nan), seed=0)

    assert (float(seen[0].low[-1]), float(seen[0].high[-1])) == (value - 1.0, value + 1.0)


@pytest.mark.parametrize("name", ["gp", "trees"])
def test_two_channels_that_tell_every_level_tell_nothing(name):
    y = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5], dtype=torch.float64)
    fitted = for_levels(surrogate(name, SPACE), (0.0, 1.0)).fit(
        SPACE, TrainingSet(EVERYTHING[:5], y, y * math.nan), seed=0
    )

    assert bool(torch.isfinite(fitted.chances(EVERYTHING)).all())


def test_a_level_is_an_interval_and_a_limit_reaches_beyond_it():
    seen = []
    y = torch.tensor([1.0, 3.0, 4.0, 2.0, 3.0], dtype=torch.float64)
    low = torch.tensor([1.0, 3.0, 4.0, 2.0, -math.inf], dtype=torch.float64)
    high = torch.tensor([1.0, 3.0, 4.0, math.inf, 3.0], dtype=torch.float64)
    for_levels(Spy(seen), LEVELS).fit(SPACE, TrainingSet(EVERYTHING[:5], y, y * math.nan, low, high), seed=0)

    assert seen[0].low.tolist() == [-math.inf, 2.5, 3.5, 2.5, -math.inf]  # the fourth is "> 2", the last "< 3"
    assert seen[0].high.tolist() == [1.5, 3.5, math.inf, math.inf, 2.5]
    assert cuts_of(LEVELS).tolist() == [-math.inf, 1.5, 2.5, 3.5, math.inf]


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_the_search_goes_on_to_find_what_is_best(goal):
    best = 4.0 if goal == "maximize" else 1.0
    spec = reaction_spec(
        objective={"class": {"goal": goal, "levels": [1, 2, 3, 4]}}, batch=2, initial={"experiments": 6}
    )

    _, plans = run_rounds(spec, lambda s: measured(**{"class": level_of(s)}), 5)
    found = [level_of(p.candidate.settings) for made in plans[1:] for p in made.proposals]
    share = float((best == TRUTH).double().mean())

    assert {p.acquisition for p in plans[-1].proposals} == {"search"}
    assert np.mean([v == best for v in found]) > share
    assert all(1 <= p.predictions[0].mean <= 4 for made in plans[1:] for p in made.proposals)


def test_the_last_batch_of_a_budget_has_the_highest_chances_of_the_top_level():
    spec = reaction_spec(objective=OBJECTIVE, batch=4, initial={"experiments": 6})
    seen, _ = run_rounds(spec, lambda s: measured(**{"class": level_of(s)}), 3)
    untried = len(EVERYTHING) - len(seen.observations)
    whole = reaction_spec(objective=OBJECTIVE, batch=untried, initial={"experiments": 6})

    chances = [p.acquisition_value for p in plan(whole, seen, seed=0, experiments=untried).proposals]
    last, early = (
        [p.acquisition_value for p in plan(spec, seen, seed=0, experiments=4, left=left).proposals] for left in (4, 40)
    )

    assert len(chances) == untried
    assert last == pytest.approx(sorted(chances, reverse=True)[:4], rel=1e-9)
    assert sum(early) < sum(last)  # some of it is for what it teaches


def test_other_acquisitions_take_levels_too():
    for name in ("improvement", "ucb", "thompson", "exploration"):
        spec = reaction_spec(objective=OBJECTIVE, acquisition=name, batch=2, initial={"experiments": 6})
        _, plans = run_rounds(spec, lambda s: measured(**{"class": level_of(s)}), 2)

        assert len(plans[-1].proposals) == 2, name


def test_a_limit_on_a_level_plans_like_any_result():
    spec = reaction_spec(objective=OBJECTIVE, batch=2)
    seen = []
    for i, x in enumerate(EVERYTHING[::3]):
        settings = SPACE.settings(x.numpy())
        level = level_of(settings)
        qualifier = Qualifier.ABOVE if level == 2.0 else Qualifier.EQUAL
        outcome = Measured((Measurement("class", level, "", level, qualifier=qualifier),))
        seen.append(observe(spec, settings, outcome, f"o{i:02}"))

    assert len(plan(spec, History(tuple(seen)), seed=0, experiments=9).proposals) == 2


@pytest.mark.parametrize(("qualifier", "level"), [(Qualifier.ABOVE, 4.0), (Qualifier.BELOW, 1.0)])
def test_a_limit_beyond_the_last_level_trains_nothing_and_is_said(qualifier, level):
    spec = reaction_spec(objective=OBJECTIVE)
    outcome = Measured((Measurement("class", level, "", level, qualifier=qualifier),))
    history = History((observe(spec, SPACE.settings(EVERYTHING[0].numpy()), outcome, "o1"),))
    table, notes = regression_table(SPACE, build_objective(spec), history)

    assert len(table) == 0
    assert f"class {qualifier.value} {level:g} leaves no level; report the level itself" in notes[0]


@pytest.mark.parametrize(("levels", "lowest"), [([1, 2, 3, 4], "1"), (["clear", "powder", "small"], "clear")])
def test_what_is_asked_for_beside_a_negative_can_be_reported(levels, lowest):
    spec = reaction_spec(objective={"class": {"goal": "maximize", "levels": levels}})
    place = SPACE.settings(EVERYTHING[0].numpy())

    def read(*values):
        history = History((observe(spec, place, Negative("no crystals", values), "o1"),))
        return regression_table(SPACE, build_objective(spec), history)

    _, (note,) = read()
    assert "negative without a level for class: it counts as done, and as possible" in note
    assert f"report a level such as '{lowest}'" in note
    table, notes = read(Measurement("class", 1.0, "", 1.0))
    assert len(table) == 1
    assert notes == ()


def test_a_value_between_levels_is_refused():
    payload = {"outcome": "measured", "values": [{"property": "class", "value": 2.5}]}

    with pytest.raises(OutcomeError, match=r"'class': 2\.5 is none of its levels 1, 2, 3, 4; report one of them"):
        read_outcome(payload, {"class": ""}, {"class": LEVELS})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"levels": (1.0,)}, "levels must be two or more"),
        ({"levels": (1.0, 1.0)}, "different numbers from the lowest to the highest"),
        ({"levels": (2.0, 1.0)}, "sort them"),
        ({"levels": (1.0, 2.0), "low": 0.0}, "leave out low and high"),
    ],
)
def test_levels_that_cannot_be_are_refused(more, message):
    with pytest.raises(ObjectiveError, match=message):
        Target("class", Goal.MAXIMIZE, **more)
