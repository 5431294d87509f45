"""The conformance suite of surrogates: what every recipe promises, whatever is inside.

class TestMine(SurrogateContract):
    @pytest.fixture
    def recipe(self):
        return Mine("mine")
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from loop.errors import TooFewPoints
from loop.space import Category, Component, Discrete, ProductPool, Space
from loop.surrogates.protocol import FittedSurrogate, Surrogate, TrainingSet, drawn

ALCOHOLS = ("CO", "CCO", "CCCO", "CCCCO", "OC1CCCCC1", "Oc1ccccc1")
SPACE = Space(
    (
        Component("alcohol", ALCOHOLS, ALCOHOLS),
        Category("base", ("weak", "strong")),
        Discrete("temperature", (20.0, 40.0, 60.0), "degC"),
    )
)
LIMIT = 40.0  # above which values are hidden, where a law is about limits
EVERYTHING = torch.from_numpy(ProductPool(SPACE).take(np.arange(36)))


def response(x: torch.Tensor) -> torch.Tensor:
    """A smooth response in percent, of coordinates ``(n, d)``: shape ``(n,)``."""
    return 8.0 * x[:, 0] + 15.0 * x[:, 1] + 0.4 * x[:, 2]


def training(n: int = 16, *, scale: float = 1.0, shift: float = 0.0) -> TrainingSet:
    """``n`` of the 36 candidates with their responses, scaled and shifted."""
    x = EVERYTHING[torch.randperm(36, generator=torch.Generator().manual_seed(5))[:n]]
    return TrainingSet(x, response(x) * scale + shift, torch.full((n,), torch.nan, dtype=torch.float64))


def above(data: TrainingSet, limit: float) -> TrainingSet:
    """The same rows with every value above ``limit`` known only to lie above it."""
    hidden = data.y > limit
    y = torch.where(hidden, torch.full_like(data.y, limit), data.y)
    return replace(data, y=y, low=y, high=torch.where(hidden, torch.full_like(y, torch.inf), y))


def replaced(data: TrainingSet, limit: float) -> TrainingSet:
    """The same rows with ``limit`` in the place of every value above it: what must not be done."""
    return replace(data, y=data.y.clamp_max(limit))


class SurrogateContract:
    """Subclass it, give it a fixture ``recipe``, and nothing else."""

    @pytest.fixture
    def recipe(self) -> Surrogate:
        """The recipe to be examined."""
        raise NotImplementedError("give the recipe to be examined in a fixture named recipe")

    @pytest.fixture
    def fitted(self, recipe: Surrogate) -> FittedSurrogate:
        """The recipe, fitted to 16 of 36 candidates."""
        return recipe.fit(SPACE, training(), seed=3)

    @pytest.fixture
    def censored(self, recipe: Surrogate) -> FittedSurrogate:
        """The recipe, fitted to the same, where all that is known of values above ``LIMIT`` is that they are."""
        return recipe.fit(SPACE, above(training(), LIMIT), seed=3)

    def test_the_same_data_and_seed_give_the_same_model(self, recipe: Surrogate, fitted: FittedSurrogate) -> None:
        again = recipe.fit(SPACE, training(), seed=3)

        for first, second in zip(fitted.moments(EVERYTHING), again.moments(EVERYTHING), strict=True):
            assert torch.equal(first, second)

    def test_moments_have_a_value_for_each_candidate_and_doubt(self, fitted: FittedSurrogate) -> None:
        mean, sd = fitted.moments(EVERYTHING)

        assert mean.shape == sd.shape == (36,)
        assert torch.isfinite(mean).all()
        assert (sd > 0).all()
        assert fitted.noise_sd >= 0

    def test_it_learns(self, fitted: FittedSurrogate) -> None:
        mean, _ = fitted.moments(EVERYTHING)

        assert float(torch.corrcoef(torch.stack([mean, response(EVERYTHING)]))[0, 1]) > 0.7

    def test_scaling_a_target_scales_the_posterior(self, recipe: Surrogate, fitted: FittedSurrogate) -> None:
        mean, sd = fitted.moments(EVERYTHING)

        scaled = recipe.fit(SPACE, training(scale=100.0, shift=-3.0), seed=3).moments(EVERYTHING)

        # optimisers and random splits see rounded values: the answer is the same to a small part of the spread
        torch.testing.assert_close(scaled[0], mean * 100.0 - 3.0, rtol=0, atol=100.0 * 0.02 * float(mean.std()))
        torch.testing.assert_close(scaled[1], sd * 100.0, rtol=0.05, atol=0)

    def test_draws_repeat_with_their_seed_and_have_the_stated_mean(self, fitted: FittedSurrogate) -> None:
        draws = fitted.samples(EVERYTHING, 4000, seed=1)
        mean, sd = fitted.moments(EVERYTHING)

        assert draws.shape == (4000, 36)
        assert torch.equal(draws, fitted.samples(EVERYTHING, 4000, seed=1))
        assert ((draws.mean(0) - mean).abs() < 5 * sd / 4000**0.5 + 1e-9).all()  # five standard errors
        assert ((draws.std(0) / sd - 1).abs() < 0.15).all()

    def test_draws_taken_with_their_mean_are_those_taken_without(self, fitted: FittedSurrogate) -> None:
        draws, mean = drawn(fitted, EVERYTHING, 64, seed=1)

        assert torch.equal(draws, fitted.samples(EVERYTHING, 64, seed=1))
        assert torch.equal(mean, fitted.moments(EVERYTHING)[0])  # the same sums in the same order

    def test_the_botorch_model_believes_the_same(self, fitted: FittedSurrogate) -> None:
        posterior: Any = fitted.model().posterior(EVERYTHING[:, None, :])
        mean, sd = fitted.moments(EVERYTHING)

        torch.testing.assert_close(posterior.mean[:, 0, 0].detach(), mean)
        assert ((posterior.variance[:, 0, 0].detach().sqrt() - sd).abs() < 0.2 * sd).all()

    def test_held_out_densities_stand_for_each_training_value(self, fitted: FittedSurrogate) -> None:
        density = fitted.held_out()

        assert density.shape == (16,)
        assert torch.isfinite(density).all()

    def test_too_few_observations_are_refused(self, recipe: Surrogate) -> None:
        with pytest.raises(TooFewPoints) as refused:
            recipe.fit(SPACE, training(recipe.needs - 1), seed=0)

        assert refused.value.needed == recipe.needs

    def test_equal_values_give_a_usable_model(self, recipe: Surrogate) -> None:
        data = training()
        flat = TrainingSet(data.x, torch.full_like(data.y, 42.0), data.sd)

        mean, sd = recipe.fit(SPACE, flat, seed=0).moments(EVERYTHING)

        torch.testing.assert_close(mean, torch.full_like(mean, 42.0), rtol=1e-3, atol=0)
        assert (sd > 0).all()

    def test_a_limit_is_never_taken_for_a_value(self, recipe: Surrogate, censored: FittedSurrogate) -> None:
        data = training()
        hidden = data.x[data.y > LIMIT]

        as_limits = censored.moments(hidden)[0]
        as_values = recipe.fit(SPACE, replaced(data, LIMIT), seed=3).moments(hidden)[0]

        assert float((as_limits - as_values).mean()) > 0
        assert float(as_limits.mean()) > LIMIT

    def test_limits_have_a_held_out_chance(self, censored: FittedSurrogate) -> None:
        chance = censored.held_out()[training().y > LIMIT]

        assert torch.isfinite(chance).all()
        assert (chance <= 1e-9).all()

    def test_what_a_plate_adds_is_not_taken_for_the_surface(self, recipe: Surrogate) -> None:
        data = training(30)
        second = torch.arange(30) % 2 == 1
        labels = {"plate": tuple("second" if s else "first" for s in second.tolist())}
        moved = replace(data, y=data.y + 60.0 * second)

        plain, told, blind = (
            recipe.fit(SPACE, d, seed=3).moments(EVERYTHING)[0] for d in (data, replace(moved, effects=labels), moved)
        )

        # the average of the two plates lies 30 higher; what differs beyond that is the surface
        strayed, astray = ((m - plain) - (m - plain).mean() for m in (told, blind))
        assert float(strayed.abs().mean()) < 0.7 * float(astray.abs().mean())

    def test_a_mean_of_many_measurements_is_held_to_more_closely_than_a_single_one(self, recipe: Surrogate) -> None:
        data = training()
        y = data.y.clone()
        y[0] += 2.0 * y.std()  # one value that the others do not bear out
        many = torch.ones_like(y)
        many[0] = 30.0

        at = [
            float(recipe.fit(SPACE, TrainingSet(data.x, y, data.sd, repeats=n), seed=0).moments(data.x[:1])[0])
            for n in (None, many)
        ]

        assert abs(at[1] - float(y[0])) < abs(at[0] - float(y[0]))

    def test_the_order_of_rows_does_not_matter(self, recipe: Surrogate, censored: FittedSurrogate) -> None:
        data = above(training(), LIMIT)
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(2))
        low, high = data.limits
        other = TrainingSet(data.x[order], data.y[order], data.sd[order], low[order], high[order])

        first, second = (fitted.moments(EVERYTHING)[0] for fitted in (censored, recipe.fit(SPACE, other, seed=3)))

        # a forest draws rows by their number, so another order is another forest: near, not the same
        assert float((first - second).abs().mean()) < 0.35 * float(data.y.std())

    def test_the_summary_is_plain_json(self, fitted: FittedSurrogate) -> None:
        assert json.loads(json.dumps(dict(fitted.summary()), allow_nan=False))
