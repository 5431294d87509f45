"""The mixture: weights, draws, disagreement, members that fail, and its BoTorch form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, training
from spaces import spec_of

from loop.errors import FitError, TooFewPoints, UnknownName
from loop.spec import build_space
from loop.surrogates.committee import Committee, evidence_weights
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.metric import Representation
from loop.surrogates.mixture import apportion
from loop.surrogates.names import SURROGATES
from loop.surrogates.registry import default_members, surrogate
from loop.surrogates.trees import ExtraTrees


@dataclass(frozen=True)
class Broken:
    name: str = "broken"
    needs: int = 2

    def fit(self, space, data, *, seed):
        raise FitError(self.name, "on purpose")


def committee():
    return surrogate("committee", SPACE).fit(SPACE, training(), seed=0)


def test_weights_follow_the_evidence_and_none_is_lost():
    good, bad = torch.zeros(20, dtype=torch.float64), torch.full((20,), -3.0, dtype=torch.float64)

    weights = evidence_weights(torch.stack([good, bad, bad]))

    assert float(weights.sum()) == pytest.approx(1.0)
    assert weights[0] > 0.75
    # a member without any evidence keeps the smoothing's share, 2 / (20 + 6)
    assert weights[1] == pytest.approx(2 / 26, abs=0.01)


def test_weights_are_a_fixed_point_of_expectation_maximisation():
    logs = torch.randn(3, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    weights = evidence_weights(logs).numpy()
    share = weights[:, None] * np.exp(logs.numpy())
    again = ((share / share.sum(0)).sum(1) + 2) / (15 + 6)

    np.testing.assert_allclose(weights, again, atol=1e-6)


def test_moments_are_those_of_the_draws():
    fitted = committee()
    mean, sd = fitted.moments(EVERYTHING)

    draws = fitted.samples(EVERYTHING, 40_000, seed=1)

    torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=0.05)
    torch.testing.assert_close(draws.std(0), sd, rtol=0.03, atol=0.03)


def test_the_botorch_form_has_the_same_mean_and_variance():
    fitted = committee()
    mean, sd = fitted.moments(EVERYTHING)

    posterior = fitted.model().posterior(EVERYTHING[:, None, :])

    torch.testing.assert_close(posterior.mean[:, 0, 0], mean)
    torch.testing.assert_close(posterior.variance[:, 0, 0], sd.square(), rtol=0, atol=0.02)  # jitter: 1e-6 of the prior


def test_a_member_that_fails_is_left_out_and_named():
    fitted = Committee("committee", (GaussianProcess("gp", Representation.ONE_HOT), Broken())).fit(
        SPACE, training(), seed=0
    )

    assert [m.name for m in fitted.members] == ["gp"]
    assert fitted.weights == (1.0,)
    assert "broken" in fitted.notes[0]
    assert "on purpose" in fitted.notes[0]


def test_a_committee_of_failures_is_an_error():
    with pytest.raises(FitError, match="on purpose"):
        Committee("committee", (Broken(),)).fit(SPACE, training(), seed=0)


@pytest.mark.parametrize(("weights", "n"), [((0.5, 0.5), 7), ((0.9, 0.05, 0.05), 256), ((1.0,), 3), ((0.3, 0.7), 1)])
def test_draws_are_shared_out_whole(weights, n):
    shares = apportion(weights, n)

    assert sum(shares) == n
    assert all(abs(s - w * n) <= 1 for s, w in zip(shares, weights, strict=True))


def test_every_registered_surrogate_can_be_built_and_others_are_named():
    built = [surrogate(name, SPACE).name for name in SURROGATES if name != "random"]

    assert built == [name for name in SURROGATES if name != "random"]
    with pytest.raises(UnknownName, match="did you mean 'tanimoto'"):
        surrogate("tanimotto", SPACE)


def test_trees_learn_the_response_and_repeat():
    data = training(20)
    first, again = (ExtraTrees("trees").fit(SPACE, data, seed=4) for _ in range(2))
    mean, sd = first.moments(data.x)

    assert np.corrcoef(mean.numpy(), data.y.numpy())[0, 1] > 0.9
    torch.testing.assert_close(again.moments(EVERYTHING)[0], first.moments(EVERYTHING)[0])
    assert (sd > 0).all()
    assert first.held_out().shape == (20,)
    assert first.samples(EVERYTHING, 150, seed=0).shape == (150, 30)
    with pytest.raises(TooFewPoints):
        ExtraTrees("trees").fit(SPACE, training(2), seed=0)


def test_trees_in_botorchs_form_have_the_mean_of_the_trees():
    fitted = ExtraTrees("trees").fit(SPACE, training(), seed=0)

    posterior = fitted.model().posterior(EVERYTHING[:, None, :])

    torch.testing.assert_close(posterior.mean[:, 0, 0], fitted.moments(EVERYTHING)[0])


NUMBER = {"type": "number", "low": 0, "high": 1, "step": 0.1}


@pytest.mark.parametrize(
    ("space", "learns_noise", "members"),
    [
        ({"t": NUMBER, "grade": {"type": "ordinal", "options": ["low", "high"]}}, False, ("ard", "trees")),
        ({"t": NUMBER}, True, ("gp", "tanimoto")),  # the noise is learnt by processes only
        ({"t": NUMBER, "base": {"type": "category", "options": ["a", "b"]}}, False, ("gp", "tanimoto")),
        (
            {"t": NUMBER, "base": {"type": "component", "options": {"a": "CCO", "b": "CCN"}}},
            False,
            ("gp", "tanimoto", "gp-mordred"),
        ),
        (
            {"acid": {"type": "component", "options": {f"c{n}": "C" * n + "O" for n in range(1, 302)}}},
            False,
            ("gp", "tanimoto"),  # Mordred would take its time
        ),
        ({"t": {"type": "number", "low": 0, "high": 1}}, False, ("ard", "tanimoto")),  # trees cannot be climbed
    ],
)
def test_the_members_suit_the_space(space, learns_noise, members):
    assert default_members(build_space(spec_of(space)), learns_noise=learns_noise) == members
