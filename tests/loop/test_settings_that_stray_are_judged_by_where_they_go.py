"""``tolerance``: a candidate is worth the mean over where its settings stray, and keeps what it keeps at its worst."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from loop.acquisition.protocol import Question
from loop.acquisition.sampled import Beaten, SampledImprovement
from loop.history import History, Observation
from loop.insight.asking import belief_of
from loop.insight.best import honest_best
from loop.insight.predicting import predict
from loop.objective import Goal, Objective, Target
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_objective, build_space
from loop.spec.tolerances import build_tolerances
from loop.surrogates.feasibility import Feasibility
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import FittedSurrogate, Surrogate, TrainingSet, skim
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation
from loop.surrogates.within import FittedWithin, within
from loop.testing.surrogate import EVERYTHING, SPACE, SurrogateContract, training
from loop.tolerance import Tolerance, Tolerances

WANTED = Target("yield", Goal.MAXIMIZE, "%")
KEPT = Target("impurity", Goal.KEEP, "%", at_most=3.0)
HEAT = Tolerance("temperature", 2, 8.0, "degC")


@dataclass(frozen=True)
class Straying:
    """A recipe whose belief is that of settings that stray."""

    plain: Surrogate
    target: Target = WANTED

    @property
    def name(self) -> str:
        return self.plain.name

    @property
    def needs(self) -> int:
        return self.plain.needs

    def fit(self, space: Any, data: TrainingSet, *, seed: int) -> FittedSurrogate:
        return within(self.plain.fit(space, data, seed=seed), self.target, Tolerances((HEAT,)))


@pytest.mark.parametrize("name", ["gp", "committee", "ard", "trees"])
class TestStraying(SurrogateContract):
    test_scaling_a_target_scales_the_posterior = None  # told of each recipe itself
    test_draws_repeat_with_their_seed_and_have_the_stated_mean = None  # below, of what says its deviation exactly

    @pytest.fixture
    def recipe(self, name):
        return Straying(surrogate(name, SPACE))


def spec_of(tolerance: Any = 5, **changes: Any) -> CampaignSpec:
    number = {"type": "number", "low": 20, "high": 120, "step": 2, "unit": "degC"}
    return CampaignSpec.from_resolved(
        {
            "campaign": "cliff",
            "space": {"temperature": number if tolerance is None else {**number, "tolerance": tolerance}},
            "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
            "planner": {"batch": 2, "surrogate": "ard", "initial": {"experiments": 4}},
            "budget": {"experiments": 60},
            "laboratory": {"adapter": "manual"},
            **changes,
        }
    )


def seen(spec: CampaignSpec, **of: Any) -> History:
    """Every tenth degree, and every second about 90: a sharp peak there of 90, and a broad one of 70 at 50 degC."""
    space, found = build_space(spec), []
    for t in [*range(20, 121, 5), *range(80, 102, 2)]:
        height = 70 * np.exp(-(((t - 50) / 25) ** 2)) + 85 * np.exp(-(((t - 90) / 3) ** 2))
        values = {"yield": float(height)} | {name: float(f(t)) for name, f in of.items()}
        outcome = Measured(tuple(Measurement(name, value, "%", value) for name, value in values.items()))
        found.append(Observation(f"o{len(found)}", space.coordinates({"temperature": t}), outcome))
    return History(tuple(found))


@pytest.mark.parametrize("n", range(1, 9))
def test_the_mean_over_a_box_is_exact_for_what_is_smooth(n: int) -> None:
    tolerances = Tolerances(tuple(Tolerance(f"x{i}", i, 1.0) for i in range(n)))
    (lots, weights), corners = tolerances.inside, tolerances.corners
    most = 9 if n == 1 else 5 if n <= 3 else 3

    assert np.abs(lots).max() < 1.0
    assert weights.sum() == pytest.approx(1.0)
    assert len({tuple(row) for row in lots}) == len(lots) == len(weights)
    assert corners[0].tolist() == [0.0] * n
    assert (np.abs(corners[1:]) == 1.0).all()
    assert len({tuple(row) for row in corners}) == len(corners) == (2**n + 1 if n <= 3 else {4: 9}.get(n, 17))
    for powers in itertools.product(range(most + 1), repeat=min(n, 3)):
        if sum(powers) <= most:
            true = np.prod([0.0 if p % 2 else 1.0 / (p + 1) for p in powers])
            found = weights @ np.prod([lots[:, i] ** p for i, p in enumerate(powers)], axis=0)
            assert found == pytest.approx(true, abs=1e-12)


def test_what_is_believed_is_the_mean_of_the_surface_over_where_it_strays() -> None:
    x = torch.tensor([[20.0, 0.0, 20.0], [1.0, 1.0, 40.0], [3.0, 0.0, 60.0]], dtype=torch.float64)
    x[0, 0] = 2.0
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, training(), seed=0)
    straying = within(fitted, WANTED, Tolerances((HEAT,)))
    dense = x[:, None, :].repeat(1, 401, 1)
    dense[..., 2] += torch.linspace(-8.0, 8.0, 401, dtype=torch.float64)
    mean, covariance = fitted.joint(dense)

    found, sd = straying.moments(x)
    draws = straying.samples(x, 4_000, seed=1)
    posterior: Any = straying.model().posterior(x)

    torch.testing.assert_close(found, mean.mean(-1), rtol=1e-4, atol=0)
    torch.testing.assert_close(sd, covariance.mean((-1, -2)).sqrt(), rtol=3e-3, atol=0)
    torch.testing.assert_close(posterior.mean[:, 0], found)
    torch.testing.assert_close(posterior.variance[:, 0].sqrt(), sd)
    torch.testing.assert_close(draws.std(0), sd, rtol=0.05, atol=0)
    assert ((draws.mean(0) - found).abs() < 5 * sd / 4_000**0.5).all()
    torch.testing.assert_close(posterior.rsample(torch.Size([4_000])).std(0)[:, 0], sd, rtol=0.06, atol=0)


def test_what_is_only_kept_is_believed_as_where_it_is_worst() -> None:
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, training(), seed=0)
    x = torch.tensor([[1.0, 1.0, 40.0]], dtype=torch.float64)
    places = x.repeat(2, 1)
    places[:, 2] += torch.tensor([8.0, -8.0], dtype=torch.float64)
    hot, cold = fitted.moments(places)[0]

    assert hot > cold  # the response rises with heat
    for target, expected in ((KEPT, hot), (Target("y", Goal.KEEP, at_least=3.0), cold)):
        found = within(fitted, target, Tolerances((HEAT,)))
        torch.testing.assert_close(found.moments(x)[0][0], expected)
        torch.testing.assert_close(found.samples(x, 64, seed=0).mean(), expected)  # antithetic pairs
        posterior: Any = found.model().posterior(x)
        torch.testing.assert_close(posterior.mean[0, 0], expected)


@dataclass(frozen=True)
class Plane:
    """A belief that rises evenly, by so much with each number."""

    slope: torch.Tensor

    def moments(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x @ self.slope, torch.ones(len(x), dtype=x.dtype)


@pytest.mark.parametrize("n", range(1, 9))
def test_however_many_numbers_stray_the_worst_corner_of_a_plane_is_found(n: int) -> None:
    slopes = torch.randn(64, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    tolerances = Tolerances(tuple(Tolerance(f"x{i}", i, 0.5) for i in range(n)))
    x = torch.full((1, n), 4.0, dtype=torch.float64)

    for slope in slopes:
        middle, most = float(4.0 * slope.sum()), float(0.5 * slope.abs().sum())
        ends = {"at_most": middle + most, "at_least": middle - most}
        for limits, end in (({"at_most": middle}, "at_most"), ({"at_least": middle}, "at_least")):
            found = within(Plane(slope), Target("y", Goal.KEEP, **limits), tolerances).moments(x)[0]  # type: ignore[arg-type]
            assert float(found) == pytest.approx(ends[end])
        both = Target("y", Goal.KEEP, at_least=middle - 2 * most, at_most=middle + 3 * most)
        assert float(within(Plane(slope), both, tolerances).moments(x)[0]) == pytest.approx(ends["at_least"])  # type: ignore[arg-type]


def test_of_more_points_than_are_drawn_at_all_places_the_draws_keep_the_mean_and_their_ties() -> None:
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, training(), seed=0)
    straying = within(fitted, WANTED, Tolerances((HEAT,)))
    few = torch.tensor([[1.0, 1.0, 40.0], [1.0, 1.0, 41.0]], dtype=torch.float64)
    many = few.repeat(200, 1)

    draws = straying.samples(many, 500, seed=1)

    assert draws.shape == (500, 400)
    torch.testing.assert_close(draws.mean(0), straying.moments(many)[0], rtol=0, atol=0.5)
    assert torch.corrcoef(draws[:, :2].T)[0, 1] > 0.9


def test_the_improvement_of_a_point_is_what_its_draws_say() -> None:
    data = training()
    straying, asked = _asked(data)
    x = EVERYTHING[torch.tensor([row not in data.x.tolist() for row in EVERYTHING.tolist()])]
    draws = straying.samples(torch.cat([x, data.x]), 40_000, seed=3)
    improvement = (draws[:, : len(x)] - draws[:, len(x) :].max(1, keepdim=True).values).clamp_min(0.0).mean(0)
    counts = improvement > 0.05 * improvement.max()

    assert Beaten.suits(asked)
    with torch.no_grad():
        found = SampledImprovement(Beaten.of(asked), asked.pending)(x[:, None, :]).exp()

    assert int(counts.sum()) >= 2
    torch.testing.assert_close(found[counts], improvement[counts], rtol=0.15, atol=0)  # 128 draws of what is beaten


@pytest.mark.parametrize("name", ["gp", "committee", "trees"])
@pytest.mark.parametrize("target", [WANTED, KEPT], ids=["wanted", "kept"])
def test_of_no_points_nothing_is_said(name: str, target: Target) -> None:
    straying = within(surrogate(name, SPACE).fit(SPACE, training(), seed=0), target, Tolerances((HEAT,)))
    nobody = torch.empty((0, 3), dtype=torch.float64)

    assert [len(part) for part in straying.moments(nobody)] == [0, 0]
    assert [len(part) for part in skim(straying, nobody)] == [0, 0]
    assert straying.samples(nobody, 8, seed=0).shape == (8, 0)


def test_what_there_is_to_beat_is_no_more_than_what_may_be_the_best() -> None:
    _, asked = _asked(training())
    x = Beaten.of(asked).x

    assert 0 < len(x) < len(asked.observed) / 2
    means = asked.of_observed[0][0]
    best = asked.observed[means.argmax()]
    assert best.tolist() in x.tolist()


def test_levels_and_what_nothing_is_asked_of_are_believed_as_they_are_set() -> None:
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, training(), seed=0)

    for target in (Target("y", Goal.KEEP, is_part=True), Target("y", Goal.MAXIMIZE, levels=(0.0, 1.0, 2.0))):
        assert within(fitted, target, Tolerances((HEAT,))) is fitted


def test_nothing_stays_nothing_and_shares_are_of_the_value() -> None:
    lots = np.array([-1.0, 0.0, 1.0])
    x = np.array([[0.0], [2.0]])

    assert Tolerance("a", 0, 0.1, is_share=True).strayed(x, lots).tolist() == [[0, 0, 0], [1.8, 2.0, 2.2]]
    assert Tolerance("a", 0, 0.5, can_be_none=True).strayed(x, lots).tolist() == [[0, 0, 0], [1.5, 2.0, 2.5]]
    assert Tolerance("a", 0, 0.5).strayed(x, lots).tolist() == [[-0.5, 0, 0.5], [1.5, 2.0, 2.5]]


def test_a_file_says_it_in_the_unit_or_as_a_share() -> None:
    spec = spec_of(
        space={
            "time": {"type": "number", "low": 1, "high": 8, "unit": "h", "tolerance": "5 %"},
            "loading": {"type": "number", "low": 1, "high": 8, "or_zero": True, "tolerance": 0.5},
            "pH": {"type": "number", "low": 1, "high": 8},
        }
    )
    found = build_tolerances(spec, build_space(spec))

    assert found is not None
    assert found.said() == "time ± 5 %, loading ± 0.5"
    assert [one.can_be_none for one in found.each] == [False, True]
    assert build_tolerances(spec_of(None), build_space(spec_of(None))) is None


def test_the_broad_peak_is_named_where_settings_stray_and_the_sharp_one_where_they_do_not() -> None:
    plain, straying = spec_of(None), spec_of(6)

    sharp = honest_best(plain, seen(plain), seed=0)
    broad = honest_best(straying, seen(straying), seed=0)

    assert sharp.candidates[0].settings["temperature"] == 90
    assert abs(float(broad.candidates[0].settings["temperature"]) - 50) <= 5
    (note,) = broad.notes
    assert note == "where settings stray (temperature ± 6 degC), what counts is the mean of yield"
    assert broad.candidates[0].targets[0].mean == pytest.approx(68, abs=3)  # a Gaussian's mean over 12 of its 25 degC
    x = build_space(straying).coordinates({"temperature": 90.0})[None]
    (at_peak,) = predict(straying, seen(straying), x, seed=0).candidates
    t = np.linspace(84, 96, 1001)
    true = (70 * np.exp(-(((t - 50) / 25) ** 2)) + 85 * np.exp(-(((t - 90) / 3) ** 2))).mean()
    low, high = at_peak.targets[0].low, at_peak.targets[0].high
    assert low is not None
    assert high is not None
    assert low < true < high


def test_a_batch_keeps_away_from_a_limit_by_what_its_settings_stray() -> None:
    def impurity(t: float) -> float:
        return 3.0 * np.exp((t - 60) / 20)

    objective = {
        "yield": {"goal": "maximize", "unit": "%"},
        "impurity": {"goal": "keep", "unit": "%", "at_most": 3.1},
    }
    plain, straying = spec_of(None, objective=objective), spec_of(5, objective=objective)
    near = honest_best(plain, _rising(plain, impurity), seed=0).candidates[0].settings["temperature"]
    away = honest_best(straying, _rising(straying, impurity), seed=0).candidates[0].settings["temperature"]
    batch = plan(straying, _rising(straying, impurity), seed=1, experiments=1)

    assert near == 60
    assert away == 52
    (chosen,) = batch.proposals
    assert chosen.candidate.settings["temperature"] == 54  # 59 degC at its hottest
    assert "; all of it where settings stray" in chosen.reason
    assert "the mean of yield and the worst of impurity" in batch.notes[-1]


def test_where_levels_alone_are_wanted_tolerances_are_said_to_count_for_nothing() -> None:
    form = {"goal": "maximize", "levels": ["none", "some", "good"]}
    spec = spec_of(objective={"form": form})
    batch = plan(spec, _of(spec, form=lambda t: 1.0 + (t > 40) + (t > 80)), seed=1, experiments=1)

    assert "where settings stray" not in batch.proposals[0].reason
    said = "how far settings stray (temperature ± 5 degC) counts for nothing: levels and classes are judged as set"
    assert said in batch.notes


def test_what_is_judged_as_set_is_not_said_to_stray() -> None:
    form = {"goal": "keep", "levels": ["none", "some", "good"], "at_least": "some"}
    spec = spec_of(objective={"yield": {"goal": "maximize", "unit": "%"}, "form": form})
    history = _of(spec, **{"yield": lambda t: t, "form": lambda t: 1.0 + (t > 40) + (t > 80)})
    (chosen,) = plan(spec, history, seed=1, experiments=1).proposals

    assert "; yield where settings stray" in chosen.reason


def test_predictions_on_record_are_of_what_will_be_measured() -> None:
    straying = spec_of(6)
    history = seen(straying)
    (proposal,) = plan(straying, history, seed=1, experiments=1).proposals
    space, objective = build_space(straying), build_objective(straying)
    belief = belief_of(straying, space, objective, history, (), seed=1)
    x = torch.from_numpy(space.coordinates(proposal.candidate.settings))[None]

    (whole,) = [p for p in proposal.predictions if p.weight is None]

    assert whole.mean == pytest.approx(float(belief.models[0].moments(x)[0][0]))
    assert whole.mean != pytest.approx(float(belief.as_used().models[0].moments(x)[0][0]))


def test_a_committee_strays_member_by_member_and_keeps_its_weights() -> None:
    fitted: Any = surrogate("committee", SPACE).fit(SPACE, training(), seed=0)
    straying: Any = within(fitted, WANTED, Tolerances((HEAT,)))

    assert straying.weights == fitted.weights
    assert all(isinstance(m, FittedWithin) for m in straying.members)


def _asked(data: TrainingSet) -> tuple[FittedSurrogate, Question]:
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, data, seed=0)
    straying = within(fitted, WANTED, Tolerances((HEAT,)))
    return straying, Question(
        space=SPACE,
        objective=Objective((WANTED,)),
        models=(straying,),
        feasibility=Feasibility(),
        pool=None,
        observed=data.x,
        pending=torch.empty((0, 3), dtype=torch.float64),
        tried=data.x.numpy(),
        seed=0,
    )


def _of(spec: CampaignSpec, **of: Any) -> History:
    """Every tenth degree, by functions of the temperature."""
    space, found = build_space(spec), []
    for t in range(20, 121, 10):
        outcome = Measured(tuple(Measurement(name, float(f(t)), "", float(f(t))) for name, f in of.items()))
        found.append(Observation(f"o{t}", space.coordinates({"temperature": t}), outcome))
    return History(tuple(found))


def _rising(spec: CampaignSpec, impurity: Any) -> History:
    space, found = build_space(spec), []
    for t in range(20, 121, 2):
        if t % 4 == 0 or 58 <= t <= 66:
            values = {"yield": 0.5 * t, "impurity": float(impurity(t))}
            outcome = Measured(tuple(Measurement(name, value, "%", value) for name, value in values.items()))
            found.append(Observation(f"o{len(found)}", space.coordinates({"temperature": t}), outcome))
    return History(tuple(found))
