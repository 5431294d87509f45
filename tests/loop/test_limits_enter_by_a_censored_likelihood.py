"""Censored values against sums over fine grids, and in every place where a limit could be mistaken for a value."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, alcohol_yield, observe, reaction_spec, training
from scipy import stats

from loop.history import History
from loop.insight.saying import measured_line
from loop.insight.statements import Stated
from loop.outcome import Measured, Measurement, Negative, Qualifier
from loop.planner import plan
from loop.space import Discrete, Space
from loop.spec import build_objective, build_space
from loop.surrogates.ard import ArdGaussianProcess
from loop.surrogates.censoring import expectation_propagation, truncated
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation
from loop.testing.surrogate import above
from loop.training import regression_table

INF = math.inf


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def summed(mean, covariance, low, high, noise, n=401):
    """Log chance, means and variances of one or two censored rows by a sum over a fine grid."""
    sds = np.sqrt(np.diag(covariance))
    spans = [np.linspace(m - 8 * s, m + 8 * s, n) for m, s in zip(mean, sds, strict=True)]
    grid = np.stack([g.ravel() for g in np.meshgrid(*spans, indexing="ij")], axis=1)
    weight = stats.multivariate_normal(mean, covariance).pdf(grid).ravel()
    for c in range(len(mean)):
        sd = math.sqrt(noise[c])
        weight = weight * (stats.norm.cdf((high[c] - grid[:, c]) / sd) - stats.norm.cdf((low[c] - grid[:, c]) / sd))
    total = weight.sum()
    means = (weight[:, None] * grid).sum(0) / total
    variances = (weight[:, None] * (grid - means) ** 2).sum(0) / total
    return math.log(total * np.prod([s[1] - s[0] for s in spans])), means, variances


@pytest.mark.parametrize(
    ("mean", "covariance", "low", "high", "noise", "within"),
    [
        ([0.3], [[2.0]], [1.0], [INF], [0.1], 1e-5),  # one row: exact
        ([0.3], [[2.0]], [-INF], [-3.0], [0.5], 1e-5),
        ([0.0], [[1.0]], [0.5], [0.7], [0.05], 1e-5),
        ([0.0, 0.5], [[1.0, 0.7], [0.7, 1.5]], [1.0, -INF], [INF, 0.0], [0.1, 0.2], 0.02),  # two: all but exact
        ([0.0, 0.0], [[1.0, 0.9], [0.9, 1.0]], [1.0, 1.0], [INF, INF], [0.1, 0.1], 0.02),
        ([0.0, 2.0], [[3.0, -0.5], [-0.5, 1.0]], [1.0, 2.2], [2.0, 2.6], [0.3, 0.1], 0.02),
    ],
)  # fmt: skip
def test_sites_give_the_moments_of_a_sum_over_the_posterior(mean, covariance, low, high, noise, within):
    sites = expectation_propagation(
        tensor(*mean), torch.tensor(covariance, dtype=torch.float64), tensor(*low), tensor(*high), tensor(*noise)
    )

    k, t = np.array(covariance), np.diag(sites.precision.numpy())
    posterior = np.linalg.inv(np.linalg.inv(k) + t)
    centre = posterior @ (np.linalg.solve(k, mean) + t @ sites.value.numpy())
    log_chance, means, variances = summed(mean, k, low, high, noise)

    np.testing.assert_allclose(centre, means, atol=within)
    np.testing.assert_allclose(np.diag(posterior), variances, rtol=max(within, 1e-4), atol=within)
    assert float(sites.log_evidence) == pytest.approx(log_chance, abs=within)


@pytest.mark.parametrize(("low", "high"), [(1.0, INF), (-INF, -2.0), (-0.2, 0.3), (6.0, INF), (4.0, 4.1), (-INF, INF)])
def test_cut_off_beliefs_have_the_moments_that_scipy_gives(low, high):
    cut = truncated(tensor(0.4), tensor(1.3), tensor(low), tensor(high))
    sd = math.sqrt(1.3)
    theirs = stats.truncnorm((low - 0.4) / sd, (high - 0.4) / sd, loc=0.4, scale=sd)

    assert float(cut.mean) == pytest.approx(theirs.mean(), rel=1e-7)
    assert float(cut.variance) == pytest.approx(theirs.var(), rel=1e-5)


def test_a_process_finds_the_hidden_slope():
    truth = torch.tensor([alcohol_yield(SPACE.settings(x.numpy())) for x in EVERYTHING], dtype=torch.float64)
    data = training(20)
    recipe = GaussianProcess("gp", Representation.ONE_HOT)

    censored = recipe.fit(SPACE, above(data, 50.0), seed=0).moments(EVERYTHING)[0]
    clipped = recipe.fit(SPACE, replace(data, y=data.y.clamp_max(50.0)), seed=0).moments(EVERYTHING)[0]

    assert float((censored - truth).square().mean()) < 0.3 * float((clipped - truth).square().mean())


def test_values_filled_in_for_limits_do_not_make_the_noise_small():
    """Where half of the values are limits, what is filled in for them scatters about nothing."""
    rng = np.random.default_rng(0)
    space = Space(tuple(Discrete(name, tuple(np.linspace(0.0, 1.0, 9))) for name in "abc"))
    told = []
    for _ in range(4):
        x = rng.integers(0, 9, (40, 3)).astype(float)
        y = 20 * np.sin(3 * x[:, 0] / 8) + 10 * x[:, 1] / 8 + rng.normal(0, 2, 40)
        limit = np.median(y)
        seen, low = np.maximum(y, limit), np.where(y < limit, 0.0, y)
        data = TrainingSet(*map(torch.from_numpy, (x, seen, np.full(40, np.nan), low, seen)))
        told.append(ArdGaussianProcess("ard").fit(space, data, seed=0).noise_sd)

    assert np.mean(told) > 0.8


def test_a_limit_that_says_nothing_new_changes_nothing():
    data = training()
    recipe = GaussianProcess("gp", Representation.ONE_HOT)
    weak = TrainingSet(
        torch.cat([data.x, EVERYTHING[:1]]),
        torch.cat([data.y, tensor(-500.0)]),
        torch.cat([data.sd, tensor(math.nan)]),
        torch.cat([data.y, tensor(-1e6)]),
        torch.cat([data.y, tensor(INF)]),
    )

    with_it = recipe.fit(SPACE, weak, seed=0)
    plain_shift = with_it.moments(EVERYTHING)[0]

    assert float(with_it.held_out()[-1]) == pytest.approx(0.0, abs=1e-6)
    assert float((plain_shift - recipe.fit(SPACE, data, seed=0).moments(EVERYTHING)[0]).abs().mean()) < 5.0


def test_limits_alone_give_a_usable_model():
    data = training()
    nothing = TrainingSet(
        data.x, torch.full_like(data.y, 5.0), data.sd, torch.zeros_like(data.y), torch.full_like(data.y, 5.0)
    )
    for representation in Representation:
        mean, sd = GaussianProcess("gp", representation).fit(SPACE, nothing, seed=0).moments(EVERYTHING)

        assert bool(((mean > -1) & (mean < 6)).all())
        assert bool((sd > 0).all())


def test_a_value_out_of_range_teaches_the_planner_to_look_near_it():
    spec = reaction_spec(objective={"yield": {"goal": "maximize", "unit": "%"}}, batch=3)
    places = [
        {"alcohol": a, "base": b, "temperature": t}
        for a in ("methanol", "propanol", "butanol")
        for b in ("weak", "strong")
        for t in (20, 40)
    ]

    def outcome(settings, qualifier):
        value = alcohol_yield(settings)
        if value <= 40:
            return Measured((Measurement("yield", value, "%", value),))
        return Measured((Measurement("yield", 40.0, "%", 40.0, qualifier=qualifier),))

    def expected(qualifier):
        seen = tuple(observe(spec, s, outcome(s, qualifier), str(i)) for i, s in enumerate(places))
        made = plan(spec, History(seen), seed=0, experiments=9)
        return max(p.predictions[0].mean for p in made.proposals)

    assert expected(Qualifier.ABOVE) > expected(Qualifier.EQUAL) + 5


def test_two_targets_may_be_hidden_in_different_rows_and_missing_in_others():
    spec = reaction_spec(
        objective={"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}, "cost": {"goal": "minimize"}}
    )
    seen = []
    for i, x in enumerate(EVERYTHING[::2]):
        settings = SPACE.settings(x.numpy())
        value = alcohol_yield(settings)
        cost = Measurement("cost", 3.0, "", 3.0, qualifier=Qualifier.BELOW if i % 3 == 0 else Qualifier.EQUAL)
        qualifier = Qualifier.ABOVE if i % 4 == 1 else Qualifier.EQUAL
        found = Measurement("yield", value, "%", value, qualifier=qualifier)
        rows = {0: (found, cost), 1: (found,), 2: (cost,), 3: (found, cost)}[i % 4]
        seen.append(observe(spec, settings, Negative("traces", rows) if i == 4 else Measured(rows), f"o{i:02}"))

    made = plan(spec, History(tuple(seen)), seed=0, experiments=9)

    assert made.surrogate == "committee"
    assert not any("not used" in note for note in made.notes)
    assert all(math.isfinite(p.mean) and p.sd > 0 for d in made.proposals for p in d.predictions)


def test_what_a_negative_lacks_is_said_once_for_all_targets():
    wanted = {name: {"goal": "maximize"} for name in ("logD", "potency", "hERG")}
    spec = reaction_spec(objective=wanted | {"class": {"goal": "maximize", "levels": [1, 2, 3]}})
    space = build_space(spec)
    places = [{"alcohol": "butanol", "base": "weak", "temperature": t} for t in (20, 40)]
    no = Negative("no conversion", (Measurement("logD", 1.0, "", 1.0, qualifier=Qualifier.BELOW),))
    seen = tuple(observe(spec, place, no, f"o{i}") for i, place in enumerate(places))

    _, notes = regression_table(space, build_objective(spec), History(seen))

    assert notes == (
        "observation o0 and 1 more: negative without a limit for potency and hERG: it counts as done, and trains "
        "no model of them; report a limit such as '< 1'",
        "observation o0 and 1 more: negative without a level for class: it counts as done, and trains "
        "no model of it; report a level such as '1'",
    )


def test_every_limit_that_was_found_is_told_with_how_often() -> None:
    stated = Stated("impurity", "%", 0.03, 0.01, 0.06, (), limits=("< 0.05",) * 6)
    several = replace(stated, values=(0.07,), limits=("< 0.05", "< 0.1", "< 0.05", "< 0.02", "< 0.03", "< 0.04"))

    assert measured_line(stated) == "impurity 6 times < 0.05 %"
    assert measured_line(several) == "impurity 0.07, 2 times < 0.05, < 0.1, < 0.02, and 2 more limits %"
