"""Of thousands of results only those that may be the best are drawn jointly, and some rows stand for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import ALCOHOLS, alcohol_yield, measured, observe, reaction_spec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from loop.acquisition.utility import hoped, may_lead
from loop.history import History
from loop.insight.best import honest_best
from loop.insight.chances import doubted, doubted_apart
from loop.insight.ranking import quantiles
from loop.objective import Goal, Objective, Target
from loop.space import Space
from loop.spec import build_space, read_spec
from loop.surrogates.committee import Committee, drawn_apart
from loop.surrogates.exact import JITTER
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.inducing import induced
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation
from loop.surrogates.trees import ExtraTrees

FEW = 6
PRODUCTIVITY = """
campaign: rate
space:
  alcohol: {type: category, options: [methanol, ethanol, propanol, butanol, phenol]}
  base: {type: category, options: [weak, strong]}
  temperature: {type: number, low: 20, high: 60, step: 20}
objective: {yield: {goal: keep}}
derived: {rate: {expression: "`yield` / temperature", goal: maximize}}
budget: {experiments: 50}
laboratory: {adapter: manual}
"""


def conditions() -> Iterator[dict[str, str | float]]:
    for alcohol in ALCOHOLS:
        for base in ("weak", "strong"):
            for t in (20.0, 40.0, 60.0):
                yield {"alcohol": alcohol, "base": base, "temperature": t}


def surface() -> tuple[Space, TrainingSet]:
    space = build_space(reaction_spec())
    rows = list(conditions())
    x = torch.tensor([space.coordinates(s).tolist() for s in rows], dtype=torch.float64)
    wiggle = torch.sin(torch.arange(len(rows), dtype=torch.float64) * 7.0)
    y = torch.tensor([alcohol_yield(s) for s in rows], dtype=torch.float64) + 3.0 * wiggle
    return space, TrainingSet(x, y, torch.full_like(y, torch.nan))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("acquisition.utility", "insight.chances"):
        monkeypatch.setattr(f"loop.{module}.LEADING", FEW)


def best(**threshold: float):
    spec = reaction_spec(objective={"yield": {"goal": "maximize", **threshold}})
    seen = [observe(spec, s, measured(**{"yield": alcohol_yield(s)}), f"o{i}") for i, s in enumerate(conditions())]
    return honest_best(spec, History(tuple(seen)), seed=0)


@pytest.mark.usefixtures("few")
def test_the_best_of_many_is_the_best_of_all_drawn_together(monkeypatch) -> None:
    some = best()
    monkeypatch.undo()
    whole = best()

    assert [c.label for c in some.candidates] == [c.label for c in whole.candidates]
    assert sum(c.best_of_tried for c in some.candidates) == pytest.approx(1.0)
    for one, other in zip(some.candidates, whole.candidates, strict=True):
        assert one.targets[0].mean == pytest.approx(other.targets[0].mean)
        assert one.best_of_tried == pytest.approx(other.best_of_tried, abs=0.05)
        width = other.targets[0].high - other.targets[0].low
        assert one.targets[0].low == pytest.approx(other.targets[0].low, abs=0.1 * width)
        assert one.targets[0].high == pytest.approx(other.targets[0].high, abs=0.1 * width)
    assert all(c.best_of_tried == 0.0 for c in some.candidates[2 * FEW :])


@pytest.mark.usefixtures("few")
def test_the_others_are_drawn_some_at_a_time_and_come_out_the_same(monkeypatch) -> None:
    at_once = best()
    drawn: list[int] = []

    def counted(model, x, n, *, seed):
        drawn.append(len(x))
        return doubted_apart(model, x, n, seed=seed)

    monkeypatch.setattr("loop.insight.chances.doubted_apart", counted)
    for module in ("chances", "ranking"):
        monkeypatch.setattr(f"loop.insight.{module}.AT_ONCE", 5)

    some = best()

    assert drawn.count(5) == len(list(conditions())) // 5
    assert [c.label for c in some.candidates] == [c.label for c in at_once.candidates]
    for one, other in zip(some.candidates, at_once.candidates, strict=True):
        assert (one.best_of_tried, one.keeps) == (other.best_of_tried, other.keeps)
        ends = [(c.targets[0].low, c.targets[0].high) for c in (one, other)]
        assert ends[0] == pytest.approx(ends[1])


def front():
    spec = reaction_spec(objective={"yield": {"goal": "maximize"}, "heat": {"goal": "minimize", "unit": "degC"}})
    seen = [
        observe(spec, s, measured(**{"yield": alcohol_yield(s), "heat": float(s["temperature"])}), f"o{i}")
        for i, s in enumerate(conditions())
    ]
    return honest_best(spec, History(tuple(seen)), seed=0)


@pytest.mark.usefixtures("few")
def test_a_front_of_many_is_that_of_all_drawn_together(monkeypatch) -> None:
    drawn: list[int] = []

    def counted(model, x, n, *, seed):
        drawn.append(len(x))
        return doubted(model, x, n, seed=seed)

    monkeypatch.setattr("loop.insight.chances.doubted", counted)
    some = front()
    monkeypatch.undo()
    whole = {c.label: c.best_of_tried for c in front().candidates}

    assert 0 < max(drawn) < len(list(conditions()))
    assert {c.label for c in some.candidates} == set(whole)
    chances = [c.best_of_tried for c in some.candidates]
    assert chances == pytest.approx([whole[c.label] for c in some.candidates], abs=0.1)  # two times 512 draws
    assert max(chances) > 0.5


@pytest.mark.usefixtures("few")
def test_a_threshold_is_judged_of_those_too_that_cannot_lead(monkeypatch) -> None:
    some = best(at_least=40.0)
    monkeypatch.undo()
    whole = {c.label: c.keeps for c in best(at_least=40.0).candidates}

    assert {c.label for c in some.candidates} == set(whole)
    assert [c.keeps for c in some.candidates] == pytest.approx([whole[c.label] for c in some.candidates], abs=0.05)
    assert 0.0 < sum(keeps > 0.5 for keeps in whole.values()) < len(whole)


@pytest.mark.usefixtures("few")
def test_the_best_within_a_threshold_is_not_outdone_by_those_that_break_it() -> None:
    found = best(at_most=40.0)

    assert found.candidates[0].targets[0].mean < 40.0
    assert found.candidates[0].best_of_tried > 0.1
    assert sum(c.best_of_tried for c in found.candidates) == pytest.approx(1.0, abs=0.01)


def test_a_target_that_decides_nothing_is_not_drawn_jointly(monkeypatch) -> None:
    drawn: list[int] = []

    def counted(model, x, n, *, seed):
        drawn.append(len(x))
        return doubted(model, x, n, seed=seed)

    monkeypatch.setattr("loop.insight.chances.doubted", counted)
    spec = read_spec(PRODUCTIVITY, source="rate.yaml", read=None)
    seen = [observe(spec, s, measured(**{"yield": alcohol_yield(s)}), f"o{i}") for i, s in enumerate(conditions())]

    candidates = honest_best(spec, History(tuple(seen)), seed=0).candidates

    assert len(drawn) == 2  # the rate, and the yield of which it is made
    assert all(stated.low < stated.mean < stated.high for c in candidates for stated in c.targets)


@settings(deadline=None)
@given(draws=arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.floats(-1e6, 1e6)))
def test_quantiles_are_those_of_torch(draws) -> None:
    said = quantiles(torch.from_numpy(draws), (0.05, 0.5, 0.95))

    ends = torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(said), torch.quantile(torch.from_numpy(draws), ends, dim=0))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("goal", [Goal.MAXIMIZE, Goal.MINIMIZE])
def test_what_may_lead_is_the_most_hopeful(goal) -> None:
    objective = Objective((Target("y", goal),))
    sign = 1.0 if goal is Goal.MAXIMIZE else -1.0
    mean, sd = sign * torch.arange(20.0, dtype=torch.float64), torch.full((20,), 0.1, dtype=torch.float64)
    sd[3] = 100.0  # believed poor, and hardly known

    assert may_lead(objective, [(mean, sd)]).tolist() == [3, 15, 16, 17, 18, 19]


def test_what_is_hoped_comes_nearer_to_a_value_and_never_beyond() -> None:
    objective = Objective((Target("y", Goal.MATCH, value=5.0, within=1.0),))
    mean, sd = torch.tensor([1.0, 9.0, 5.0]), torch.tensor([2.0, 200.0, 1.0])

    believed = hoped(objective, [(mean, torch.zeros(3))], deviations=3.0)
    hopes = hoped(objective, [(mean, sd)], deviations=3.0)

    assert (hopes[:2] > believed[:2]).all()
    assert hopes[2] == believed[2] == hopes.max()


def test_draws_apart_are_right_at_each_point() -> None:
    space, data = surface()
    half = data.rows(torch.arange(0, len(data), 2))
    members = (GaussianProcess("gp", Representation.ONE_HOT), ExtraTrees("trees"))
    fitted = Committee("committee", members, calibrates=True).fit(space, half, seed=0)

    draws, mean = drawn_apart(fitted, data.x, 20_000, seed=1)

    expected, sd = fitted.moments(data.x)
    torch.testing.assert_close(mean, expected)
    assert draws.shape == (20_000, len(data))
    assert float(((draws.mean(0) - expected) / sd).abs().max()) < 0.03
    assert float((draws.std(0) / sd - 1.0).abs().max()) < 0.03


def test_a_process_is_asked_of_the_same_points_once() -> None:
    space, data = surface()
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(space, data, seed=0)
    asked: list[int] = []

    def counted(a, b):
        asked.append(len(a))
        return fitted.kernel(a, b)

    model = replace(fitted, kernel=counted)
    mean, sd = model.moments(data.x)
    mean += 1.0  # what was said is the caller's

    drawn_apart(model, data.x, 10, seed=0)
    again = model.moments(data.x)
    other = model.moments(data.x[:3])

    assert asked == [len(data), 3]
    torch.testing.assert_close(again, fitted.moments(data.x.clone()), rtol=0, atol=0)
    torch.testing.assert_close(other, fitted.moments(data.x[:3].clone()), rtol=0, atol=0)
    model.drawn(data.x, 10, seed=0)
    torch.testing.assert_close(model.moments(data.x), (again[0], sd), rtol=0, atol=0)


def test_points_that_were_changed_are_asked_of_anew() -> None:
    space, data = surface()
    model = GaussianProcess("gp", Representation.ONE_HOT).fit(space, data, seed=0)
    x = data.x[:3].clone()
    model.moments(x)

    x[:] = data.x[3:6]
    torch.testing.assert_close(model.moments(x), model.moments(data.x[3:6]), rtol=0, atol=0)
    model.moments(x)
    x.requires_grad_(True)

    assert model.moments(x)[0].requires_grad


def test_some_rows_stand_for_all_as_the_formula_says() -> None:
    space, data = surface()
    part = GaussianProcess("gp", Representation.ONE_HOT).fit(space, data.rows(torch.arange(0, len(data), 2)), seed=0)
    rows = torch.arange(0, len(data), 3)

    found = induced(part, data, rows)

    # the fully independent training conditional, written out
    z, x, noise = data.x[rows], data.x, part.noise_variance
    inverse = torch.linalg.inv(part.kernel(z, z) + JITTER * part.prior_variance * torch.eye(len(z)))
    low_rank = part.kernel(x, z) @ inverse @ part.kernel(z, x)
    scatter = torch.diag((part.prior_variance - low_rank.diagonal()).clamp_min(0.0) + noise)
    y = (data.y - part.shift) / part.scale
    mean = low_rank @ torch.linalg.solve(low_rank + scatter, y)
    variance = part.prior_variance - (low_rank @ torch.linalg.solve(low_rank + scatter, low_rank)).diagonal()
    told_mean, told_sd = found.moments(x)
    torch.testing.assert_close(told_mean, mean * part.scale + part.shift, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(told_sd, variance.sqrt() * part.scale, rtol=1e-4, atol=1e-4)
    without = torch.linalg.inv(low_rank + scatter)  # of each value, held out of all the others
    left, spread = found.left_out()
    torch.testing.assert_close(left, data.y - (without @ y) / without.diagonal() * part.scale, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(spread, without.diagonal().rsqrt() * part.scale, rtol=1e-4, atol=1e-4)
