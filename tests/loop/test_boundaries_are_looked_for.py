"""Looking for where thresholds are kept: what an experiment settles by other arithmetic, and where it lies."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from loop.acquisition.boundary import SETTLED, Boundary, _Value
from loop.acquisition.protocol import Purchase, Question
from loop.costs import Costs
from loop.errors import SpecError
from loop.history import History, Observation
from loop.objective import Goal, Objective, Target
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.space import Continuous, Discrete, ProductPool, Space
from loop.spec import build_space, read_spec
from loop.surrogates.feasibility import Feasibility, learn_feasibility
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

SPACE = Space((Discrete("heat", tuple(float(t) for t in range(101))),))
POOL = torch.arange(101, dtype=torch.float64)[:, None]
IMPURITY = Target("impurity", Goal.MINIMIZE, "%", at_most=5.0)


def question(targets: tuple[Target, ...], at: tuple[float, ...], *values: tuple[float, ...], **more: Any) -> Question:
    x = torch.tensor(at, dtype=torch.float64)[:, None]
    models = []
    for y in values:
        seen = torch.tensor(y, dtype=torch.float64)
        models.append(surrogate("ard", SPACE).fit(SPACE, TrainingSet(x, seen, torch.full_like(seen, 0.1)), seed=0))
    return Question(
        space=SPACE,
        objective=Objective(targets),
        models=tuple(models),
        feasibility=Feasibility(),
        pool=ProductPool(SPACE),
        observed=x,
        pending=torch.empty((0, 1), dtype=torch.float64),
        tried=x.numpy(),
        seed=0,
        **more,
    )


def test_what_is_settled_is_what_results_would_settle_on_average() -> None:
    covariance = torch.tensor([[1.0, 0.6], [0.6, 0.5]], dtype=torch.float64)
    mean, noise = torch.tensor([0.2, -0.3], dtype=torch.float64), torch.tensor([0.3, 0.3], dtype=torch.float64)
    value = _Value(-1.0, 0.4, mean, covariance.diagonal().clone(), covariance, noise)

    before, after = value.squares(1)

    p = norm.cdf(0.4, -0.3, np.sqrt(0.5)) - norm.cdf(-1.0, -0.3, np.sqrt(0.5))
    assert float(before[0]) == pytest.approx(p**2, rel=1e-6)
    results = np.random.default_rng(0).normal(0.2, np.sqrt(1.3), 400_000)
    to, left = -0.3 + 0.6 / 1.3 * (results - 0.2), 0.5 - 0.36 / 1.3
    then = norm.cdf(0.4, to, np.sqrt(left)) - norm.cdf(-1.0, to, np.sqrt(left))
    assert float(after[0, 0]) == pytest.approx(np.mean(then**2), rel=2e-3)
    assert np.mean(then) == pytest.approx(p, rel=2e-3)


def test_experiments_lie_where_it_is_not_known_whether_a_threshold_is_kept() -> None:
    asked = question((IMPURITY,), (0, 20, 40, 80, 100), (1.0, 1.5, 2.5, 12.0, 20.0))

    (only,) = Boundary().choose(asked, 1).points
    two = Boundary().choose(replace(asked, pending=torch.from_numpy(only.x[None])), 1).points

    assert 45 <= only.x[0] <= 75
    assert only.meaning == SETTLED
    assert 0.1 < only.value <= 1.0
    assert abs(two[0].x[0] - only.x[0]) >= 2  # what runs will be known
    assert two[0].value < only.value


def test_where_another_threshold_is_broken_anyhow_nothing_is_asked() -> None:
    low = replace(IMPURITY, name="colour")
    at = (0, 20, 40, 50, 60, 80, 100)
    clear = tuple(1.0 if t < 55 else 30.0 for t in at)  # broken surely above 60
    asked = question((low, IMPURITY), at, clear, (20.0, 12.0, 6.0, 4.0, 3.0, 6.0, 12.0))

    (only,) = Boundary().choose(asked, 1).points

    assert only.x[0] < 65


def test_what_cannot_be_done_is_left_alone() -> None:
    asked = question((IMPURITY,), (0, 50, 100), (1.0, 5.0, 9.0))
    plain = Boundary().choose(asked, 4)
    learnt = learn_feasibility(SPACE, POOL.numpy(), POOL.numpy()[:, 0] <= 50, seed=0)

    seeing = Boundary().choose(replace(asked, feasibility=learnt), 4)

    assert len({float(p.x[0]) for p in plain.points}) == 4
    assert all(a.value >= b.value - 1e-9 for a, b in itertools.pairwise(plain.points))
    assert any(p.x[0] > 52 for p in plain.points)
    assert all(p.x[0] <= 52 for p in seeing.points)


def test_where_nothing_is_in_doubt_the_surface_is_looked_at() -> None:
    asked = question((IMPURITY,), (0, 20, 60, 100), (20.0, 20.1, 20.2, 20.3))

    found = Boundary().choose(asked, 2)

    assert len({float(p.x[0]) for p in found.points}) == 2
    assert all(p.meaning != SETTLED for p in found.points)
    assert found.notes[-1].startswith("nowhere is it in doubt whether thresholds are kept")


def test_where_the_surface_is_looked_at_each_reason_says_so() -> None:
    spec = read_spec(TEXT.replace("THRESHOLD", ", at_least: 60"), source="edges.yaml", read=None)
    space, seen = build_space(spec), []
    for base, heat in [(b, t) for b in ("KOAc", "Et3N") for t in (20, 45, 70, 95, 120)]:
        x, value = space.coordinates({"base": base, "heat": heat}), 90.0 + heat / 100
        seen.append(Observation(f"{base} {heat}", x, Measured((Measurement("yield", value, "%", value),))))

    batch = plan(spec, History(tuple(seen)), seed=1, experiments=4)

    assert any(note.startswith("nowhere is it in doubt") for note in batch.notes)
    assert all("chosen for what it teaches about the whole surface" in p.reason for p in batch.proposals)
    assert {p.acquisition for p in batch.proposals} == {"exploration"}


def test_a_price_in_small_coins_settles_no_doubt() -> None:
    asked = question((IMPURITY,), (0, 20, 40, 80, 100), (1.0, 1.5, 2.5, 12.0, 20.0))
    coins = Purchase(Costs("IDR", experiment=1e9, hours=0.0, hour=0.0), per_cost=True)

    dear = Boundary().choose(replace(asked, purchase=coins), 2)

    assert [p.x[0] for p in dear.points] == [p.x[0] for p in Boundary().choose(asked, 2).points]
    assert {p.meaning for p in dear.points} == {f"{SETTLED} per IDR"}


TEXT = """
campaign: edges
space:
  heat: {type: number, low: 20, high: 120, unit: degC}
  base: {type: category, options: [KOAc, Et3N]}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100THRESHOLD}
planner: {acquisition: boundary, batch: 4, initial: {experiments: 4}}
budget: {experiments: 30}
laboratory: {adapter: manual}
"""


def test_a_campaign_goes_to_the_edge_and_says_so() -> None:
    spec = read_spec(TEXT.replace("THRESHOLD", ", at_least: 60"), source="edges.yaml", read=None)
    space, seen = build_space(spec), []
    for base, heat in [(b, t) for b in ("KOAc", "Et3N") for t in (20, 45, 70, 95, 120)]:
        value = 90.0 / (1 + np.exp(-(heat - (60 if base == "KOAc" else 90)) / 12))
        x = space.coordinates({"base": base, "heat": heat})
        seen.append(Observation(f"{base} {heat}", x, Measured((Measurement("yield", value, "%", value),))))

    batch = plan(spec, History(tuple(seen)), seed=1, experiments=4)

    edges = {"KOAc": 60 + 12 * np.log(2), "Et3N": 90 + 12 * np.log(2)}  # where the yield passes 60 %
    off = [abs(p.candidate.settings["heat"] - edges[p.candidate.settings["base"]]) for p in batch.proposals]
    assert sorted(off)[1] < 12
    assert {p.candidate.settings["base"] for p in batch.proposals} == {"KOAc", "Et3N"}
    assert all("chosen for what it tells of where thresholds are kept" in p.reason for p in batch.proposals)
    assert isinstance(space.parameters[0], Continuous)


@pytest.mark.parametrize(
    ("threshold", "more", "says"),
    [
        ("", "", "no target that is a number has one; give 'yield' at_least or at_most, or use 'exploration'"),
        (", at_least: 60", "\nplate: {rows: 2, columns: 3}", "acquisition 'boundary' fills no plate"),
    ],
)
def test_without_a_threshold_or_on_a_plate_it_is_refused(threshold: str, more: str, says: str) -> None:
    text = TEXT.replace("THRESHOLD", threshold).replace("batch: 4, ", "" if more else "batch: 4, ")

    with pytest.raises(SpecError, match=says):
        read_spec(text + more, source="edges.yaml", read=None)
