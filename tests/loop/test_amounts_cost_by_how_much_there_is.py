"""What costs by how much of it there is: sums by hand, the least of them, their slope, choices, and budgets kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from campaigns import measured

from flows.candidates import price_of
from loop.acquisition.protocol import Purchase, Question
from loop.costs import Expense, Purse, Spent
from loop.history import History, Observation
from loop.learnt_costs import learn_costs, taken_by
from loop.planner import plan
from loop.policy.paying import reason_to_end
from loop.space import sample_space
from loop.spec import CampaignSpec, build_costs, build_objective, build_space, read_spec
from loop.spec.costs import free_options
from loop.surrogates.feasibility import Feasibility
from loop.wording import amount_text

WHOLE = """
campaign: dear ligands
space:
  ligand: {type: category, options: [none, PPh3, XPhos]}
  loading: {type: number, low: 0.5, high: 10, unit: "%", unless: {ligand: none}}
  time: {type: number, low: 30, high: 240, unit: min}
  solvent: {type: mixture, parts: [water, DMSO, NMP]}
  volume: {type: number, low: 1, high: 5, unit: mL}
  mass: {type: derived, expression: "volume * 0.1 + 1", unit: g}
objective: {yield: {goal: maximize, unit: "%"}}
costs:
  unit: EUR
  experiment: 2
  hours: 0.5
  hour: 4
  lasts: time
  options: {ligand: {PPh3: 0.1, XPhos: 3}}
  per: {ligand: loading}
  amounts: {solvent: {water: 1, DMSO: 3, NMP: 5}, mass: 10}
planner: {batch: 3, per_cost: true}
budget: {cost: 150}
laboratory: {adapter: manual}
"""
XPHOS = {
    "ligand": "XPhos",
    "loading": 2.0,
    "time": 90.0,
    "solvent.water": 0.5,
    "solvent.DMSO": 0.5,
    "solvent.NMP": 0.0,
    "volume": 2.0,
}


def a_spec(text: str = WHOLE, **changes: str) -> CampaignSpec:
    for old, new in changes.items():
        text = text.replace(old, new)
    return read_spec(text, source="campaign.yaml", read=lambda _: "")


def test_amounts_cost_what_adding_up_by_hand_says() -> None:
    spec = a_spec()
    space = build_space(spec)
    costs = build_costs(spec, space)
    assert costs is not None
    x = space.coordinates(XPHOS)[None]
    without = space.coordinates({k: v for k, v in XPHOS.items() if k != "loading"} | {"ligand": "none"})[None]

    # 2 EUR, two hours at 4 EUR, 2 % of XPhos at 3 EUR, half water at 1 and half DMSO at 3 EUR, 1.2 g at 10 EUR
    assert costs.spent(x) == Spent(pytest.approx(2 + 8 + 6 + 2 + 12), 2.0)
    assert costs.spent(without).cost == pytest.approx(2 + 8 + 0 + 2 + 12)
    # no ligand, half an hour beside half of one, water alone, 1.1 g
    assert costs.cheapest() == Spent(pytest.approx(2 + 4 + 0 + 1 + 11), pytest.approx(1.0))


def test_no_candidate_costs_less_than_the_cheapest_and_each_is_told_what_it_costs() -> None:
    spec = a_spec()
    space = build_space(spec)
    costs = build_costs(spec, space)
    assert costs is not None
    x = sample_space(space, 200, 0)
    own = costs.own(x)

    assert own.min() >= costs.cheapest().cost
    assert own.max() > 3 * own.min()  # amounts count for something
    said = [price_of(spec.resolved(), space.settings(row)) for row in x]
    assert said == [f"{amount_text(each)} EUR" for each in own]


def test_the_slope_of_a_price_is_that_of_its_amounts() -> None:
    spec = a_spec()
    space = build_space(spec)
    costs = build_costs(spec, space)
    assert costs is not None
    empty = torch.zeros(0, len(space.names), dtype=torch.float64)
    bought = Purchase(costs, per_cost=True)
    question = Question(space, build_objective(spec), (), Feasibility(), None, empty, empty, empty.numpy(), 0, bought)
    x = torch.from_numpy(sample_space(space, 8, 1)).requires_grad_()
    price = question.price(x)
    assert isinstance(price, torch.Tensor)
    (slope,) = torch.autograd.grad(price.sum(), x)

    assert price.tolist() == pytest.approx(costs.own(x.detach().numpy()).tolist())
    numbers = [i for i, name in enumerate(space.names) if name != "ligand"]
    for column in numbers:
        step = np.zeros(x.shape[1])
        step[column] = 1e-3
        there = x.detach().numpy()
        by_steps = (costs.own(there + step) - costs.own(there - step)) / 2e-3
        assert slope[:, column].tolist() == pytest.approx(by_steps.tolist(), abs=1e-6), space.names[column]


def told(spec: CampaignSpec, n: int, seed: int) -> tuple[Observation, ...]:
    """Results that do not depend on what is dear."""
    space = build_space(spec)
    x = sample_space(space, n, seed)
    scatter = np.random.default_rng(seed).normal(size=n)
    rows = zip(x, 50 + scatter, strict=True)
    return tuple(Observation(f"o{i}", row, measured(**{"yield": float(y)})) for i, (row, y) in enumerate(rows))


@pytest.mark.parametrize("numbers", ["low: 0, high: 10", "low: 0, high: 10, step: 1"])
def test_less_of_what_is_dear_is_tried_where_it_changes_nothing(numbers: str) -> None:
    text = f"""
campaign: dear additive
space:
  additive: {{type: number, {numbers}}}
  t: {{type: number, {numbers}}}
objective: {{yield: {{goal: maximize}}}}
costs: {{experiment: 2, amounts: {{additive: 10}}}}
planner: {{surrogate: ard, acquisition: improvement, per_cost: PER_COST}}
budget: {{experiments: 20}}
laboratory: {{adapter: manual}}
"""
    amounts = {}
    for per_cost in ("true", "false"):
        spec = a_spec(text, PER_COST=per_cost)
        space = build_space(spec)
        x = sample_space(space, 8, 0)
        values = [float(40 - (row[1] - 6) ** 2) for row in x]
        seen = [Observation(f"o{i}", x[i], measured(**{"yield": y})) for i, y in enumerate(values)]
        batch = plan(spec, History(tuple(seen)), seed=0, experiments=3).proposals
        amounts[per_cost] = np.mean([p.candidate.settings["additive"] for p in batch])

    assert amounts["true"] < 0.5 * amounts["false"]


def test_a_budget_of_money_alone_is_spent_and_never_overdrawn() -> None:
    spec = a_spec()
    space = build_space(spec)
    costs = build_costs(spec, space)
    assert costs is not None
    rng, seen, spent = np.random.default_rng(0), list[Observation](), 0.0
    for round_ in range(20):
        if reason_to_end(costs, Purse(150.0 - spent)):
            break
        batch = plan(spec, History(tuple(seen)), seed=round_, experiments=3, purse=Purse(150.0 - spent)).proposals
        x = np.array([space.coordinates(p.candidate.settings) for p in batch])
        spent += costs.spent(x).cost
        seen += [Observation(f"o{round_}.{i}", row, measured(**{"yield": rng.random()})) for i, row in enumerate(x)]

    assert "the budget is spent" in reason_to_end(costs, Purse(150.0 - spent))
    assert 150.0 - costs.cheapest().cost < spent <= 150.0
    assert len(seen) >= 4


def test_hours_that_a_number_states_are_held_against_those_reported() -> None:
    spec = a_spec(**{"budget: {cost: 150}": "budget: {experiments: 9, hours: 30}", "hours: 0.5": "hours: 0"})
    space = build_space(spec)
    as_stated = told(spec, 4, 0)

    def told_to_take(times: float) -> Any:
        rows = [
            Observation(o.id, o.x, o.outcome, expense=Expense(times * o.x[space.names.index("time")] / 60))
            for o in as_stated
        ]
        return learn_costs(spec, space, taken_by(rows))

    assert not told_to_take(1.2).notes
    (note,) = told_to_take(4.0).notes
    assert note.startswith("costs.hours and costs.lasts: stated are ")
    assert told_to_take(4.0).costs.hours_of(as_stated[0].x[None])[0] == as_stated[0].x[space.names.index("time")] / 60


def test_a_part_without_a_price_is_named() -> None:
    spec = a_spec(**{"water: 1, ": ""})

    said = list(free_options(spec, build_space(spec)))

    assert said == ["1 of 3 parts of solvent has no price under costs.amounts.solvent and costs nothing: water; "
                    "state 0 where that is meant"]  # fmt: skip
