"""What is believed of the same points is worked out once: of thousands of results each look takes seconds."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from campaigns import alcohol_yield, measured, observe, reaction_spec
from torch import Tensor

from loop.acquisition.streaming import members_of
from loop.history import History
from loop.insight import best
from loop.insight.asking import Learning
from loop.insight.best import honest_best
from loop.planner import plan
from loop.space import ProductPool, sample_space
from loop.spec import CampaignSpec, build_space
from loop.surrogates import exact, matern
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.matern import Covariance, matern52
from loop.surrogates.metric import metric
from loop.surrogates.representation import Representation
from tests.loop.spaces import spec_of

EVERYTHING = {  # every kind of distance: of options with and without structures, what may not apply, mixtures, numbers
    "base": {"type": "category", "options": ["KOAc", "Et3N"]},
    "ligand": {"type": "component", "options": {"A": "CCO", "B": "CCCN", "C": "c1ccccc1", "none": None}},
    "additive": {"type": "component", "options": {"D": "CCCl", "E": "CCBr", "F": "CO"}, "unless": {"base": "Et3N"}},
    "solvent": {"type": "mixture", "parts": {"water": "O", "ethanol": "CCO", "DMSO": "CS(C)=O"}},
    "t": {"type": "number", "low": 20, "high": 100},
    "hours": {"type": "number", "low": 1, "high": 8},
    "heat": {"type": "derived", "expression": "t * hours"},
}
TWO = {"yield": {"goal": "maximize", "unit": "%"}, "purity": {"goal": "maximize", "unit": "%"}}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each way of asking a Gaussian process was used; of few results, to skim asks for moments too."""
    monkeypatch.setattr("loop.surrogates.gp.ROWS", 0)  # as of many results, which one process believes
    counted: Counter[str] = Counter()
    for name in ("moments", "jointly", "skimmed"):
        original = getattr(ExactPosterior, name)

        def asked(self: ExactPosterior, *x: Tensor, name: str = name, original: object = original) -> object:
            counted[name] += 1
            return original(self, *x)  # type: ignore[operator]

        monkeypatch.setattr(ExactPosterior, name, asked)
    return counted


def history(spec: CampaignSpec) -> History:
    """Every third condition."""
    space = build_space(spec)
    pool = ProductPool(space)
    some = [space.settings(x) for x in pool.take(range(0, len(pool), 3))]  # type: ignore[arg-type]
    values = [(alcohol_yield(s), 90.0 - 0.5 * alcohol_yield(s)) for s in some]
    told = [dict(zip(spec.objective, pair, strict=False)) for pair in values]
    return History(
        tuple(observe(spec, s, measured(**t), f"o{i}") for i, (s, t) in enumerate(zip(some, told, strict=True)))
    )


def test_the_believed_best_of_one_target_takes_one_look_at_what_was_tried(
    looks: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = reaction_spec(surrogate="gp")

    honest_best(spec, history(spec), seed=0)
    apart = looks["moments"] - looks["skimmed"]
    looks.clear()
    monkeypatch.setattr(best, "AS_PREDICTED", 5)
    honest_best(spec, history(spec), seed=0)

    assert apart == 1  # of few, each by itself, so that its interval is the one that a prediction has
    assert looks["jointly"] == 1  # tried ones and rivals, for draws and means
    assert looks["moments"] - looks["skimmed"] == 0
    assert looks["skimmed"] == 2  # what was observed, and the pool


def test_a_front_is_judged_from_one_look_at_what_was_observed(
    looks: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = reaction_spec(TWO, surrogate="gp")
    monkeypatch.setattr(best, "AS_PREDICTED", 5)

    honest_best(spec, history(spec), seed=0)

    assert looks["jointly"] == 2  # one for each target
    assert looks["moments"] - looks["skimmed"] == 0
    assert looks["skimmed"] == 4


def test_thresholds_over_a_pool_are_skimmed_as_what_is_wanted_is_and_of_one_look(
    looks: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {**TWO, "yield": {"goal": "maximize", "unit": "%", "at_least": 20}}
    kept["purity"] = {"goal": "keep", "at_least": 50, "unit": "%"}
    spec = reaction_spec(kept, surrogate="gp")
    monkeypatch.setattr(best, "AS_PREDICTED", 5)
    monkeypatch.setattr(exact, "SKIMMED", 1)
    worked_out: list[Tensor] = []
    skim = ExactPosterior._skim

    def counted(self: ExactPosterior, x: Tensor) -> tuple[Tensor, Tensor]:
        worked_out.append(x)
        return skim(self, x)

    monkeypatch.setattr(ExactPosterior, "_skim", counted)

    known = history(spec)
    untried = len(ProductPool(build_space(spec))) - len(known.observations)

    assert honest_best(spec, known, seed=0) is not None
    assert looks["moments"] == 0
    assert sum(len(x) == untried for x in worked_out) == 2  # one of each target, also of what has to keep its threshold


def test_a_batch_and_what_it_may_miss_take_one_look_over_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = reaction_spec(surrogate="gp", initial={"experiments": 4})
    monkeypatch.setattr(exact, "SKIMMED", 1)
    worked_out: Counter[bytes] = Counter()
    skim = ExactPosterior._skim

    def counted(self: ExactPosterior, x: Tensor) -> tuple[Tensor, Tensor]:
        worked_out[x.numpy().tobytes()] += 1
        return skim(self, x)

    monkeypatch.setattr(ExactPosterior, "_skim", counted)

    batch = plan(spec, history(spec), seed=0, experiments=2)

    assert batch.model["regret"]["scored"] > 0
    assert max(worked_out.values()) == 1


def test_of_more_than_is_remembered_everything_is_said_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "SKIMMED", 1)
    monkeypatch.setattr(exact, "REMEMBERED", 2)
    spec = reaction_spec(surrogate="gp")
    process = members_of(Learning(spec, history(spec), seed=0).belief.models[0])[0][1]
    pool = torch.from_numpy(ProductPool(build_space(spec)).take(range(40)))  # type: ignore[arg-type]
    assert isinstance(process, ExactPosterior)

    first = [process.skimmed(some) for some in torch.split(pool, 10)]
    again = [process.skimmed(some) for some in torch.split(pool, 10)]

    assert all(
        torch.equal(a, b) for said, told in zip(first, again, strict=True) for a, b in zip(said, told, strict=True)
    )


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_covariances_are_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    space = build_space(spec_of(EVERYTHING))
    x = torch.from_numpy(sample_space(space, 40, 1))
    monkeypatch.setattr(matern, "BLOCK", 40 * at_once)

    for representation in (Representation.ONE_HOT, Representation.COUNTS, Representation.MORDRED):
        distance = metric(space, representation, numbers=2.0)
        kernel = Covariance(distance, 1.7, 3.0)
        radius = (distance.squared(x, x).clamp_min(0.0) + 1e-14).sqrt() / 1.7
        expected = (matern52(radius) + 1.0) * 3.0

        torch.testing.assert_close(kernel(x, x), expected, rtol=1e-14, atol=0)
        torch.testing.assert_close(kernel.single(x, x), expected.float(), rtol=1e-5, atol=0)


def test_covariances_that_need_no_slope_are_those_that_have_one() -> None:
    space = build_space(reaction_spec())
    x = torch.from_numpy(ProductPool(space).take(range(30)))  # type: ignore[arg-type]
    kernel = Covariance(metric(space, Representation.COUNTS), 1.7, 3.0)
    r = torch.linspace(0.0, 9.0, 50, dtype=torch.float64)

    # the same operations in the same order; the tolerance is for a library that rounds otherwise in place
    torch.testing.assert_close(kernel(x, x), kernel(x.clone().requires_grad_(), x).detach(), rtol=1e-14, atol=0)
    torch.testing.assert_close(matern52(r), matern52(r.clone().requires_grad_()).detach(), rtol=1e-14, atol=0)


def test_what_is_handed_in_is_not_overwritten() -> None:
    space = build_space(reaction_spec())
    x = torch.from_numpy(ProductPool(space).take(range(30)))  # type: ignore[arg-type]
    distance = metric(space, Representation.COUNTS)
    before, r = distance.squared(x, x), torch.ones(5, dtype=torch.float64)

    Covariance(distance, 1.7, 3.0)(x, x)
    matern52(r)

    assert torch.equal(distance.squared(x, x), before)
    assert r.tolist() == [1.0] * 5
