"""Every registered surrogate and acquisition function under the shared suites; a broken one is caught."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest
import torch

from loop.acquisition.names import ACQUISITIONS
from loop.acquisition.registry import acquisition
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.names import GRAPHS, SURROGATES
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation
from loop.testing.acquisition import AcquisitionContract
from loop.testing.surrogate import LIMIT, SPACE, SurrogateContract, above, training


@cache
def fitted_once(name):
    return surrogate(name, SPACE).fit(SPACE, training(), seed=3)


@cache
def censored_once(name):
    return surrogate(name, SPACE).fit(SPACE, above(training(), LIMIT), seed=3)


@pytest.mark.parametrize("name", [n for n in SURROGATES if n != "random" and n not in GRAPHS])
class TestSurrogates(SurrogateContract):
    @pytest.fixture
    def recipe(self, name):
        return surrogate(name, SPACE)

    @pytest.fixture
    def fitted(self, name):
        return fitted_once(name)  # what is fitted is frozen: the laws that only ask share it

    @pytest.fixture
    def censored(self, name):
        return censored_once(name)


@pytest.mark.parametrize(
    "name", [n for n in ACQUISITIONS if n not in ("auto", "boundary", "general", "pareto", "random", "search")]
)
class TestAcquisitions(AcquisitionContract):
    @pytest.fixture
    def function(self, name):
        return acquisition(name, is_finite=True, targets=1)


class TestRandom(AcquisitionContract):
    test_candidates_that_cannot_be_done_are_avoided = None  # chance has no model of what can be done

    @pytest.fixture
    def function(self):
        return acquisition("random", is_finite=True, targets=1)


class TestBoundary(AcquisitionContract):
    test_candidates_that_cannot_be_done_are_avoided = None  # without a threshold nothing is in doubt

    @pytest.fixture
    def function(self):
        return acquisition("boundary", is_finite=True, targets=1)


class TestGeneral(AcquisitionContract):
    scope = True

    @pytest.fixture
    def function(self):
        return acquisition("general", is_finite=True, targets=1)


class TestPareto(AcquisitionContract):
    targets = 2

    @pytest.fixture
    def function(self):
        return acquisition("pareto", is_finite=True, targets=2)


@dataclass(frozen=True)
class Forgetful:
    """Broken on purpose: another model each time, and without doubt."""

    name: str = "forgetful"
    needs: int = 2
    calls = 0

    def fit(self, space, data, *, seed):
        Forgetful.calls += 1
        fitted = GaussianProcess(self.name, Representation.ONE_HOT).fit(space, data, seed=seed)
        return _Sure(fitted, Forgetful.calls)


@dataclass(frozen=True)
class _Sure:
    inside: object
    drift: int

    noise_sd = 0.0

    def moments(self, x):
        mean, sd = self.inside.moments(x)
        return mean + self.drift, torch.zeros_like(sd)


def test_the_suite_catches_a_broken_surrogate():
    suite, recipe = SurrogateContract(), Forgetful()
    fitted = recipe.fit(SPACE, training(), seed=3)

    with pytest.raises(AssertionError):
        suite.test_the_same_data_and_seed_give_the_same_model(recipe, fitted)
    with pytest.raises(AssertionError):
        suite.test_moments_have_a_value_for_each_candidate_and_doubt(fitted)
    with pytest.raises(BaseException, match="DID NOT RAISE"):
        suite.test_too_few_observations_are_refused(Careless())


class Careless:
    """Broken on purpose: fits to nothing."""

    name, needs = "careless", 2

    def fit(self, space, data, *, seed):
        return None
