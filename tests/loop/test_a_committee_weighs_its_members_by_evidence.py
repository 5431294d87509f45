"""The mixture: weights, draws, disagreement, members that fail, and its BoTorch form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from botorch.sampling.normal import SobolQMCNormalSampler
from campaigns import EVERYTHING, SPACE, measured, training
from spaces import spec_of

from loop.errors import FitError, TooFewPoints, UnknownName
from loop.history import History, Observation
from loop.planner import plan
from loop.progress import watched
from loop.space import Component, Continuous, Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.committee import SLOW, Committee, evidence_weights, fitted_each, weighed
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.missing import Missing, said_of_missing
from loop.surrogates.mixture import apportion
from loop.surrogates.names import SURROGATES
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import default_members, surrogate
from loop.surrogates.representation import Representation
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
    fitted, some = committee(), EVERYTHING[::4]
    mean, sd = fitted.moments(some)

    draws = fitted.samples(some, 40_000, seed=1)

    torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=0.05)
    torch.testing.assert_close(draws.std(0), sd, rtol=0.03, atol=0.03)


def test_the_botorch_form_has_the_same_mean_and_variance():
    fitted = committee()
    mean, sd = fitted.moments(EVERYTHING)

    posterior = fitted.model().posterior(EVERYTHING[:, None, :])

    torch.testing.assert_close(posterior.mean[:, 0, 0], mean)
    torch.testing.assert_close(posterior.variance[:, 0, 0], sd.square(), rtol=0, atol=0.02)  # jitter: 1e-6 of the prior


def test_samplers_of_botorch_draw_a_candidate_alike_whatever_stands_beside_it():
    model, known = committee().model(), EVERYTHING[:3]
    beside = torch.cat([known.expand(30, 3, 3), EVERYTHING[:, None, :]], dim=1)  # (30, 4, d)
    sampler = SobolQMCNormalSampler(torch.Size([32]), seed=0)
    with torch.no_grad():
        together, alone = sampler(model.posterior(beside)), sampler(model.posterior(beside[7:8]))

    torch.testing.assert_close(together[:, 7], alone[:, 0])
    torch.testing.assert_close(together[:, :, :3], together[:, :1, :3].expand(-1, 30, -1, -1))  # what is known, too


def alkanes(n):
    """A library of ``n`` chains, and their lengths with noise as values."""
    smiles = tuple("C" * i + tail for i in range(1, n) for tail in ("O", "N", "F", "C(=O)O"))[:n]
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    x = torch.arange(n, dtype=torch.float64)[:, None]
    noise = torch.randn(n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = torch.tensor([float(s.count("C")) for s in smiles], dtype=torch.float64) + 2.0 * noise
    return space, TrainingSet(x, y, torch.full((n,), torch.nan, dtype=torch.float64))


def test_in_a_library_the_mixture_is_as_wide_as_its_errors_on_left_out_values_ask_for():
    space, data = alkanes(60)
    fitted = surrogate("committee", space).fit(space, data, seed=0)

    left_out = [m.left_out() for m in fitted.members]
    weights = torch.tensor(fitted.weights, dtype=torch.float64)[:, None]
    means, sds = (torch.stack([part[i] for part in left_out]) for i in (0, 1))
    mean = (weights * means).sum(0)
    variance = (weights * (sds.square() + (means - mean).square())).sum(0)
    squares = (data.y - mean).square() / variance

    # drawn towards 1 as by twenty further values that are as wrong as was said
    assert fitted.widening == pytest.approx((float(squares.sum()) + 20) / 80)
    assert fitted.summary()["widening"] == fitted.widening
    assert surrogate("committee", SPACE).fit(SPACE, training(), seed=0).widening == 1.0


def test_draws_and_the_botorch_form_are_as_wide_as_the_calibrated_mixture():
    space, data = alkanes(40)
    fitted = replace(surrogate(["tanimoto", "trees"], space).fit(space, data, seed=0), widening=0.25)
    plain = replace(fitted, widening=1.0)
    mean, sd = fitted.moments(data.x)

    draws = fitted.samples(data.x, 20_000, seed=1)
    posterior = fitted.model().posterior(data.x[:, None, :])

    torch.testing.assert_close(sd, plain.moments(data.x)[1] / 2)
    torch.testing.assert_close(fitted.noise_at(data.x), plain.noise_at(data.x) / 2)
    assert fitted.noise_sd == pytest.approx(plain.noise_sd / 2)
    assert ((draws.mean(0) - mean).abs() < 5 * sd / 20_000**0.5).all()  # five standard errors
    torch.testing.assert_close(draws.std(0), sd, rtol=0.05, atol=0)
    torch.testing.assert_close(posterior.mean[:, 0, 0], mean)
    torch.testing.assert_close(posterior.variance[:, 0, 0], sd.square(), rtol=0.01, atol=1e-4)
    drawn = posterior.rsample(torch.Size([4000]))[:, :, 0, 0]
    torch.testing.assert_close(drawn.std(0), sd, rtol=0.15, atol=0)


def test_a_member_that_cannot_say_what_it_believed_leaves_the_mixture_as_it_is():
    space, data = alkanes(30)
    member = surrogate("tanimoto", space).fit(space, data, seed=0)

    class Silent:
        held_out = member.held_out

    assert weighed("committee", [member, Silent()], data, calibrates=True).widening == 1.0
    assert weighed("committee", [member], data, calibrates=True).widening != 1.0


def test_a_calibrated_process_has_the_same_mean_and_left_out_errors_as_it_says():
    space, data = alkanes(80)
    plain, calibrated = (
        GaussianProcess("tanimoto", Representation.COUNTS, calibrates=c).fit(space, data, seed=0) for c in (False, True)
    )
    (mean, sd), (same, wider) = plain.moments(data.x), calibrated.moments(data.x)
    told, around = plain.left_out()
    factor = (float(((data.y - told) / around).square().sum()) + 20) / 100

    torch.testing.assert_close(same, mean)
    torch.testing.assert_close(wider, sd * factor**0.5)
    torch.testing.assert_close(calibrated.left_out()[1], around * factor**0.5)
    assert calibrated.noise_sd == pytest.approx(plain.noise_sd * factor**0.5)
    assert calibrated.summary()["widening"] == pytest.approx(factor)
    # the density of a left-out value is that of a normal with these moments
    expected = torch.distributions.Normal(*calibrated.left_out()).log_prob(data.y)
    torch.testing.assert_close(calibrated.held_out(), expected)


def test_of_many_values_left_out_ones_are_told_too(monkeypatch):
    monkeypatch.setattr("loop.surrogates.gp.MANY", 40)
    for name in ("PART", "EXACT"):
        monkeypatch.setattr(f"loop.surrogates.inducing.{name}", 40)
    space, data = alkanes(60)

    fitted = GaussianProcess("tanimoto", Representation.COUNTS, calibrates=True).fit(space, data, seed=0)
    mean, sd = fitted.left_out()

    assert mean.shape == sd.shape == (60,)
    torch.testing.assert_close(fitted.held_out(), torch.distributions.Normal(mean, sd).log_prob(data.y))


def test_trees_out_of_bag_are_the_mean_of_those_that_did_not_see_a_value():
    space, data = alkanes(40)
    fitted = ExtraTrees("trees").fit(space, data, seed=4)

    seen = [set(rows.tolist()) for rows in fitted.forest.estimators_samples_]
    each = fitted.by_tree(data.x)
    expected = torch.stack(
        [each[[t for t, rows in enumerate(seen) if i not in rows], i].mean() for i in range(len(data))]
    )

    torch.testing.assert_close(fitted.left_out()[0], expected, rtol=1e-6, atol=1e-6)


def test_a_member_that_fails_is_left_out_and_named():
    fitted = Committee("committee", (GaussianProcess("gp", Representation.ONE_HOT), Broken())).fit(
        SPACE, training(), seed=0
    )

    assert [m.name for m in fitted.members] == ["gp"]
    assert fitted.weights == (1.0,)
    (missing,) = fitted.missing
    assert str(missing).startswith("committee member 'broken' was left out: ")
    assert "on purpose" in str(missing)


def test_a_member_that_is_missing_is_said_once_for_all_targets_that_share_the_reason():
    few = Missing("ladder", TooFewPoints("ladder", 6, 1))
    fewer = Missing("ladder", TooFewPoints("ladder", 6, 0))
    broken = Missing("ladder", FitError("ladder", "it diverged"))
    said = "surrogate 'ladder' needs 6 observations and has 1; run more experiments of the initial design first"

    assert said_of_missing({"y": [few]}) == [f"committee member 'ladder' was left out: {said}"]
    assert said_of_missing({"y": [few], "z": [few]}) == [f"committee member 'ladder' was left out for y and z: {said}"]
    assert said_of_missing({"y": [few], "z": []}) == [f"committee member 'ladder' was left out for y: {said}"]
    assert said_of_missing({"y": [few], "z": [fewer]}) == [
        "committee member 'ladder' was left out for y and z: it needs 6 observations and has 1 of y and 0 of z; "
        "run more experiments of the initial design first"
    ]
    assert [note.partition(":")[0] for note in said_of_missing({"y": [few], "z": [broken]})] == [
        "committee member 'ladder' was left out for y",
        "committee member 'ladder' was left out for z",
    ]


def test_a_round_says_of_a_member_once_that_it_was_left_out():
    fidelity = {"type": "fidelity", "options": ["rough", "fine"], "costs": {"rough": 1, "fine": 9}}
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "two",
            "space": {"x": {"type": "number", "low": 0, "high": 1, "step": 0.1}, "method": fidelity},
            "objective": {"strength": {"goal": "maximize"}, "mass": {"goal": "minimize"}},
            "budget": {"experiments": 40},
            "planner": {"batch": 1, "initial": {"experiments": 4}},
            "laboratory": {"adapter": "manual"},
        }
    )
    space = build_space(spec)
    seen = [
        Observation(str(i), space.coordinates({"x": x, "method": "fine"}), measured(strength=x**2, mass=x))
        for i, x in enumerate((0.0, 0.3, 0.5, 0.8))
    ]
    rough = Observation("r", space.coordinates({"x": 0.9, "method": "rough"}), measured(strength=0.7))  # no mass
    notes = plan(spec, History((*seen, rough)), seed=0, experiments=10).notes

    assert [note.partition(":")[0] for note in notes if "was left out" in note] == [
        "committee member 'gp (prior mean)' was left out for strength and mass",
        "committee member 'gp (feature)' was left out for strength and mass",
    ]


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
        ({"t": NUMBER}, True, ("gp",)),  # the noise is learnt by gp and its kin only
        # fingerprints would see names as one-hot does
        ({"t": NUMBER, "base": {"type": "category", "options": ["a", "b"]}}, False, ("gp",)),
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
        ({"t": {"type": "number", "low": 0, "high": 1}}, False, ("ard", "gp")),  # trees cannot be climbed
        (
            {
                "t": {"type": "number", "low": 0, "high": 1},
                "base": {"type": "component", "options": {"a": "C", "b": "CC"}},
            },
            False,
            ("ard", "tanimoto"),
        ),
    ],
)
def test_the_members_suit_the_space(space, learns_noise, members):
    assert default_members(build_space(spec_of(space)), learns_noise=learns_noise) == members


def test_whoever_watches_is_told_which_model_is_fitted_to_many_values() -> None:
    space = Space((Continuous("x", 0.0, 1.0),))
    few, many = (torch.linspace(0, 1, n, dtype=torch.float64)[:, None] for n in (20, SLOW))
    sets = [TrainingSet(x, x[:, 0], torch.full((len(x),), torch.nan, dtype=torch.float64)) for x in (few, many)]
    told: list[str] = []

    with watched(told.append):
        fitted_each(GaussianProcess("gp", Representation.COUNTS), space, sets, [1, 2])

    assert told == [f"fitting gp to {SLOW} values (target 2 of 2)", ""]
