"""A ladder of versions: the dear one is learnt about what the cheap one says, as a prior mean or as a feature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from campaigns import measured

from loop.errors import TooFewPoints
from loop.history import History, Observation
from loop.planner import plan
from loop.space import Category, Continuous, Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.inducing import OF_VERSIONS
from loop.surrogates.ladder import FEWEST, FittedLadder, Ladder, Way
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation

GP = GaussianProcess("gp", Representation.ONE_HOT)
SPACE = Space(
    (
        Continuous("a", 0.0, 1.0, ""),
        Continuous("b", 0.0, 1.0, ""),
        Category("method", ("rough", "true"), is_fidelity=True),
    )
)
ROUGH, TRUE = 0.0, 1.0


def rough(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(9 * x[:, 0]) + torch.cos(7 * x[:, 1])


def at(points: torch.Tensor, version: float) -> torch.Tensor:
    return torch.cat([points, torch.full((len(points), 1), version, dtype=points.dtype)], dim=1)


def points(n: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(size=(n, 2)))


def training(true, *, n_rough: int = 60, n_true: int = 8, seed: int = 0) -> TrainingSet:
    """Rough results everywhere, true ones at the first few of the same points."""
    p = points(n_rough, seed)
    x = torch.cat([at(p, ROUGH), at(p[:n_true], TRUE)])
    y = torch.cat([rough(p), true(p[:n_true])])
    return TrainingSet(x, y, torch.full_like(y, torch.nan))


def error(fitted, true) -> float:
    p = points(200, 99)
    return float((fitted.moments(at(p, TRUE))[0] - true(p)).square().mean().sqrt() / true(p).std())


def line(p: torch.Tensor) -> torch.Tensor:
    return 0.5 * rough(p) + 4.5


def bent(p: torch.Tensor) -> torch.Tensor:
    return rough(p).square()


class TestWhatIsLearnt:
    def test_a_line_between_versions_is_found_with_few_true_results(self):
        data = training(line)
        ladder = Ladder(GP, Way.MEAN).fit(SPACE, data, seed=0)

        alone = GP.fit_alone(SPACE, data.rows(torch.arange(60, 68)), seed=0)

        assert error(ladder, line) < 0.1 < 0.5 * error(alone, line)
        assert ladder.summary()["steps"][1]["share"] == 0.5

    def test_as_a_feature_the_relation_need_not_be_a_line(self):
        data = training(bent, n_true=25)

        errors = {way: error(Ladder(GP, way).fit(SPACE, data, seed=0), bent) for way in Way}

        assert errors[Way.FEATURE] < 0.5 * errors[Way.MEAN]

    @pytest.mark.parametrize("way", Way)
    def test_what_the_rough_version_leaves_open_is_doubt_about_the_true_one(self, way):
        p = points(60, 0)
        known = p[:, 0] < 0.5  # roughly, on one side only
        x = torch.cat([at(p[known], ROUGH), at(p[known][:8], TRUE)])
        y = torch.cat([rough(p[known]), line(p[known][:8])])
        ladder = Ladder(GP, way).fit(SPACE, TrainingSet(x, y, torch.full_like(y, torch.nan)), seed=0)

        here, there = torch.tensor([[0.25, 0.5]]), torch.tensor([[0.95, 0.5]])
        near, far = (float(ladder.moments(at(q.double(), TRUE))[1]) for q in (here, there))

        assert far > 2 * near
        step, gain = ladder.steps[1], float(ladder.gains[1](at(there.double(), TRUE)))
        own = float(step.moments(at(there.double(), TRUE))[1])
        below = float(ladder.steps[0].moments(at(there.double(), ROUGH))[1])
        assert far == pytest.approx(np.hypot(own, gain * below), rel=1e-9)

    def test_the_slope_of_a_feature_is_that_of_the_relation(self):
        ladder = Ladder(GP, Way.FEATURE).fit(SPACE, training(line, n_true=30), seed=0)

        slopes = ladder.gains[1](at(points(40, 3), TRUE))

        assert float(slopes.median()) == pytest.approx(0.5, abs=0.1)


class TestWhatWasHeldOfAValueWithoutIt:
    @pytest.mark.parametrize("way", Way)
    def test_is_what_its_density_is_told_of(self, way):
        data = training(line)
        ladder = Ladder(GP, way).fit(SPACE, data, seed=0)

        mean, sd = ladder.left_out()

        told = torch.distributions.Normal(mean, sd).log_prob(data.y)
        torch.testing.assert_close(told, ladder.held_out(), rtol=1e-9, atol=1e-9)

    def test_is_so_too_of_more_values_than_count_exactly(self, monkeypatch):
        monkeypatch.setattr("loop.surrogates.gp.MANY", 20)
        monkeypatch.setattr("loop.surrogates.inducing.EXACT", 30)
        data = training(line, n_rough=60, n_true=40)
        ladder = Ladder(GP, Way.MEAN).fit(SPACE, data, seed=0)

        mean, sd = ladder.left_out()

        assert ladder.steps[1].details["inducing_rows"] == 30
        told = torch.distributions.Normal(mean, sd).log_prob(data.y)
        torch.testing.assert_close(told, ladder.held_out(), rtol=1e-9, atol=1e-9)

    def test_of_a_version_with_too_few_results_is_what_the_others_say(self):
        versions = Space((*SPACE.parameters[:2], Category("method", ("rough", "rare", "true"), is_fidelity=True)))
        p = points(60, 0)
        x = torch.cat([at(p, 0.0), at(p[:2], 1.0), at(p[:8], 2.0)])
        y = torch.cat([rough(p), line(p[:2]), line(p[:8])])
        ladder = Ladder(GP, Way.MEAN).fit(versions, TrainingSet(x, y, torch.full_like(y, torch.nan)), seed=0)

        mean, sd = (part[60:62] for part in ladder.left_out())

        expected, doubt = ladder.moments(x[60:62])
        torch.testing.assert_close(mean, expected)
        torch.testing.assert_close(sd, (doubt.square() + ladder.noise_at(x[60:62]).square()).sqrt())


class TestOneBelief:
    @pytest.fixture(params=list(Way))
    def ladder(self, request) -> FittedLadder:
        return Ladder(GP, request.param).fit(SPACE, training(line), seed=0)

    def test_draws_have_the_moments_and_the_covariance_that_are_stated(self, ladder):
        p = torch.cat([points(3, 5), points(3, 6)])
        x = torch.cat([at(p, ROUGH), at(p, TRUE)])
        mean, covariance = ladder.joint(x)

        draws = ladder.samples(x, 8_000, seed=1)

        sd = covariance.diagonal().sqrt()
        assert torch.allclose(ladder.moments(x)[0], mean)
        assert torch.allclose(ladder.moments(x)[1], sd, rtol=0.01, atol=2e-3)
        assert ((draws.mean(0) - mean).abs() < 5 * sd / 8_000**0.5).all()
        assert torch.allclose(torch.corrcoef(draws.T), covariance / (sd[:, None] * sd[None, :]), atol=0.06)

    def test_the_model_for_botorch_believes_the_same(self, ladder):
        x = at(points(4, 5), TRUE)

        believed = ladder.model().posterior(x, observation_noise=True)

        total = ladder.moments(x)[1].square() + ladder.noise_at(x).square()
        assert torch.allclose(believed.mean[:, 0], ladder.moments(x)[0])
        assert torch.allclose(believed.variance[:, 0], total, rtol=0.01, atol=1e-5)

    def test_every_row_has_a_held_out_density(self, ladder):
        assert ladder.held_out().shape == (68,)
        assert torch.isfinite(ladder.held_out()).all()

    def test_the_same_seed_gives_the_same_draws(self, ladder):
        x = at(points(4, 5), TRUE)

        assert torch.equal(ladder.samples(x, 16, seed=3), ladder.samples(x, 16, seed=3))


class TestFewResults:
    @pytest.mark.parametrize(("n_rough", "n_true"), [(20, FEWEST - 1), (FEWEST - 1, 20), (0, 20)])
    def test_a_version_with_too_few_results_makes_no_ladder(self, n_rough, n_true):
        p, q = points(n_rough, 0), points(n_true, 1)
        y = torch.cat([rough(p), line(q)])
        data = TrainingSet(torch.cat([at(p, ROUGH), at(q, TRUE)]), y, torch.full_like(y, torch.nan))

        told = f"prior mean.*needs 3 results of the last version and 3 of one below it, and has {n_true} and {n_rough};"
        with pytest.raises(TooFewPoints, match=told):
            Ladder(GP, Way.MEAN).fit(SPACE, data, seed=0)

    def test_a_version_between_that_has_none_is_passed_over(self):
        space = Space((*SPACE.parameters[:2], Category("method", ("a", "b", "c"), is_fidelity=True)))
        p = points(30, 0)
        x = torch.cat([at(p, 0.0), at(p[:1], 1.0), at(p[:6], 2.0)])
        y = torch.cat([rough(p), line(p[:1]), line(p[:6])])
        ladder = Ladder(GP, Way.MEAN).fit(space, TrainingSet(x, y, torch.full_like(y, torch.nan)), seed=0)

        assert ladder.versions == (0, 2)
        assert torch.equal(ladder.moments(at(p[:3], 1.0))[0], ladder.moments(at(p[:3], 0.0))[0])
        assert torch.isfinite(ladder.held_out()).all()


class TestInACommittee:
    def test_a_committee_of_versions_has_both_ladders_of_each_process(self):
        names = [m.name for m in surrogate(["gp", "trees"], SPACE).members]
        plain = Space(SPACE.parameters[:2])

        assert names == ["gp", "trees", "gp (prior mean)", "gp (feature)"]
        assert [m.name for m in surrogate(["gp", "trees"], plain).members] == ["gp", "trees"]

    def test_members_are_weighed_by_the_true_results_alone(self):
        data = training(line)
        fitted = surrogate(["gp"], SPACE).fit(SPACE, data, seed=0)
        by_name = dict(zip((m.name for m in fitted.members), fitted.weights, strict=True))
        real = {m.name: float(m.held_out()[60:].sum()) for m in fitted.members}

        assert max(by_name, key=by_name.get) == max(real, key=real.get)

    def test_of_many_rows_every_true_one_is_seen_and_every_row_is_told(self):
        data = training(line, n_rough=OF_VERSIONS + 40, n_true=12)
        few = GP.fit(SPACE, data, seed=0)

        assert len(few.x) == OF_VERSIONS
        assert int((few.x[:, 2] == TRUE).sum()) == 12
        assert few.held_out().shape == (len(data),)
        unseen = ~torch.tensor([bool((few.x == row).all(1).any()) for row in data.x])
        mean, sd = few.moments(data.x[unseen])
        total = sd.square() + few.noise_sd**2
        by_hand = -0.5 * (2 * torch.pi * total).log() - 0.5 * (data.y[unseen] - mean).square() / total
        assert torch.allclose(few.held_out()[unseen], by_hand)


def choose(price: float) -> list[str]:
    """The versions of the batch after some results of each, where the rough one costs 1 and the true one ``price``."""
    space = {name: {"type": "number", "low": 0, "high": 11, "step": 1} for name in ("a", "b")}
    costs = {"rough": 1, "true": price}
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "ladder",
            "space": {**space, "method": {"type": "fidelity", "options": ["rough", "true"], "costs": costs}},
            "objective": {"y": {"goal": "maximize"}},
            "planner": {"batch": 2},
            "budget": {"experiments": 500},
            "laboratory": {"adapter": "manual"},
        }
    )
    built = build_space(spec)
    rng = np.random.default_rng(0)
    seen = []
    for k in range(10):
        a, b = (int(v) for v in rng.integers(0, 12, 2))
        for method in ("rough", "true")[: 1 + (k < 4)]:
            x = built.coordinates({"a": a, "b": b, "method": method})
            seen.append(Observation(f"o{len(seen)}", x, measured(y=float(np.sin(a / 2) + np.cos(b / 3)))))
    batch = plan(spec, History(tuple(seen)), seed=0, experiments=50)
    return [str(p.candidate.settings["method"]) for p in batch.proposals]


class TestBundles:
    def test_as_many_cheap_experiments_as_cost_one_true_one_count_as_one(self):
        batch = choose(20.0)

        assert batch.count("rough") > 2
        assert batch.count("rough") + 20 * batch.count("true") < 2 * 20 + 20

    def test_where_all_cost_the_same_a_batch_has_its_size(self):
        assert len(choose(1.0)) == 2


LEVELS = ("model", "xtb", "small", "large")
PRICES = {"model": 0.001, "xtb": 0.01, "small": 1.0, "large": 10.0}


def by_level(p: torch.Tensor, level: int) -> torch.Tensor:
    """What a version says: each corrects the one below by something smoother, and is scaled anew."""
    y = rough(p)
    for k in range(level):
        y = (1.2, 0.9, 1.1)[k] * y + (0.8, -0.4, 0.2)[k] * (torch.sin(3 * p[:, 0]) + p[:, 1])
    return y


class TestFourVersions:
    """A learnt model, xTB, a small and a large calculation."""

    @pytest.mark.parametrize("way", Way)
    def test_each_is_learnt_about_the_one_below(self, way):
        space = Space((*SPACE.parameters[:2], Category("method", LEVELS, is_fidelity=True)))
        p, counts = points(60, 0), (60, 40, 20, 8)
        x = torch.cat([at(p[:n], float(k)) for k, n in enumerate(counts)])
        y = torch.cat([by_level(p[:n], k) for k, n in enumerate(counts)])
        data = TrainingSet(x, y, torch.full_like(y, torch.nan))
        ladder = Ladder(GP, way).fit(space, data, seed=0)
        alone = GP.fit_alone(space, data.rows(torch.arange(len(x) - counts[-1], len(x))), seed=0)

        q = points(200, 99)
        real = by_level(q, 3)
        errors = [float((f.moments(at(q, 3.0))[0] - real).std() / real.std()) for f in (ladder, alone)]

        assert ladder.versions == (0, 1, 2, 3)
        assert errors[0] < 0.25 < 0.5 * errors[1]

    def test_a_campaign_climbs_it_and_buys_little_of_what_is_dear(self):
        space = {name: {"type": "number", "low": 0, "high": 1, "step": 0.1} for name in ("a", "b")}
        spec = CampaignSpec.from_resolved(
            {
                "campaign": "four",
                "space": {**space, "method": {"type": "fidelity", "options": list(LEVELS), "costs": PRICES}},
                "objective": {"y": {"goal": "maximize"}},
                "planner": {"batch": 2, "surrogate": "gp", "initial": {"experiments": 8}},
                "budget": {"experiments": 500},
                "laboratory": {"adapter": "manual"},
            }
        )
        built = build_space(spec)
        seen: list[Observation] = []
        sent: list[str] = []
        for k in range(5):
            for proposal in plan(spec, History(tuple(seen)), seed=k, experiments=50).proposals:
                s = proposal.candidate.settings
                where = torch.tensor([[s["a"], s["b"]]], dtype=torch.float64)
                value = float(by_level(where, LEVELS.index(s["method"])))
                seen.append(Observation(f"o{len(seen)}", built.coordinates(s), measured(y=value)))
                sent.append(str(s["method"]))
        grid = torch.cartesian_prod(*[torch.linspace(0, 1, 11, dtype=torch.float64)] * 2)
        best = max(o.outcome.measurements[0].canonical for o, m in zip(seen, sent, strict=True) if m == "large")

        assert set(sent) == set(LEVELS)
        assert sent.count("large") < 0.2 * sent.count("xtb") < 0.2 * sent.count("model")
        assert best >= float(by_level(grid, 3).quantile(0.95))
