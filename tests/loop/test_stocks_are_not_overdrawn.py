"""Stocks: of what there is so much for a whole campaign, no batch takes more than is left, and others fill it up."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from campaigns import ALCOHOLS, alcohol_yield, measured, reaction_spec

from loop.costs import OptionUse, Purse, Spent, Stock
from loop.errors import PoolExhausted, SpecError
from loop.history import History, Observation, Pending
from loop.planner import plan
from loop.policy.paying import in_words
from loop.spec import CampaignSpec, build_costs, build_space, read_spec
from loop.spec.stock import budget_of

TEXT = """\
campaign: mix
space:
  ligand: {type: category, options: [A, B, C]}
  volume: {type: number, values: [2, 5, 10], unit: mL}
  loading: {type: number, low: 1, high: 4, step: 1, unit: umol, when: {ligand: [A, B]}}
  solvent: {type: mixture, parts: [water, DMSO], step: 0.25}
objective: {yield: {goal: maximize}}
planner: {batch: 6, surrogate: gp}
budget: {experiments: 40, stock: STOCK}
laboratory: {adapter: manual}
"""


NAMES = list(ALCOHOLS)


def with_stock(stock, **planner):
    resolved = reaction_spec(**planner).resolved()
    return CampaignSpec.from_resolved({**resolved, "budget": {"experiments": 30, "stock": stock}})


def history_of(spec, n=10, seed=0):
    space, rng = build_space(spec), np.random.default_rng(seed)
    x = space.frame.canonical(
        np.array([[rng.integers(0, p.size) for p in space.finite_parameters()] for _ in range(n)], dtype=float)
    )
    told = [measured(**{"yield": alcohol_yield(space.settings(row))}) for row in x]
    return History(tuple(Observation(str(i), row, said) for i, (row, said) in enumerate(zip(x, told, strict=True))))


def left(spec, **much):
    return Purse(stocks=tuple((what, much.get(what.split()[-1], 0.0)) for what, _ in whole(spec).stocks))


def whole(spec):
    return budget_of(spec, build_costs(spec, build_space(spec)))


def chosen(found, name="alcohol"):
    return Counter(p.candidate.settings[name] for p in found.proposals)


@pytest.mark.parametrize("acquisition", ["improvement", "exploration", "random", "thompson"])
def test_a_batch_takes_no_more_than_is_left_and_others_have_the_places(acquisition):
    best = max(NAMES, key=lambda a: alcohol_yield({"alcohol": a, "base": "strong", "temperature": 60}))
    spec = with_stock({"alcohol": dict.fromkeys(NAMES, 1) | {best: 2}}, batch=4, acquisition=acquisition)
    enough = dict.fromkeys(NAMES, 1.0) | {best: 2.0}

    found = plan(spec, history_of(spec), seed=1, experiments=10, purse=left(spec, **enough))

    assert len(found.proposals) == 4
    assert all(n <= enough[alcohol] for alcohol, n in chosen(found).items())
    assert any(f"1 of 1 use of {alcohol} left" in n for n in found.notes for alcohol in NAMES)


@pytest.mark.parametrize("design", ["spread", "medoid", "random", "sobol", "lhs", "d-optimal", "factorial"])
def test_first_experiments_keep_to_it_too(design):
    spec = with_stock({"alcohol": {NAMES[0]: 1, NAMES[1]: 2}}, initial={"design": design}, batch=5)

    found = plan(spec, History(), seed=3, experiments=30, purse=whole(spec))

    assert chosen(found)[NAMES[0]] <= 1
    assert chosen(found)[NAMES[1]] <= 2
    assert len(found.proposals) >= 5


def test_replicates_count_each():
    spec = with_stock({"alcohol": dict.fromkeys(NAMES, 3)}, replicates=2, batch=len(NAMES))

    found = plan(spec, history_of(spec), seed=1, experiments=30, purse=whole(spec))

    assert set(chosen(found).values()) == {1}


def test_what_runs_already_is_not_taken_twice():
    spec = with_stock({"alcohol": dict.fromkeys(NAMES, 2)}, mode="rolling", batch=5)
    space = build_space(spec)
    running = Pending("k", space.coordinates({"alcohol": NAMES[0], "base": "weak", "temperature": 20}))
    history = History(history_of(spec).observations, (running,))
    one_each = left(spec, **dict.fromkeys(NAMES, 1.0))  # what runs was taken from it

    counts = [chosen(plan(spec, history, seed=s, experiments=30, purse=one_each)) for s in range(4)]

    assert max(count[NAMES[0]] for count in counts) == 1
    assert all(n <= 1 for count in counts for n in count.values())


def test_who_says_nothing_of_what_is_left_has_a_batch_within_its_own_limits():
    costs = {"costs": {"experiment": 5}}
    spec = CampaignSpec.from_resolved({**with_stock({"alcohol": {NAMES[0]: 1}}, batch=6).resolved(), **costs})
    spec = CampaignSpec.from_resolved(
        {**spec.resolved(), "planner": {**spec.resolved()["planner"], "per_batch": {"cost": 20}}}
    )

    assert len(plan(spec, history_of(spec), seed=1, experiments=30).proposals) == 4


def test_where_nothing_is_left_it_is_said_with_the_way_out():
    spec = with_stock({"alcohol": dict.fromkeys(NAMES, 2)}, batch=4)

    with pytest.raises(PoolExhausted, match=r"costs more than the budget leaves \(0 uses of .*; raise it to go on"):
        plan(spec, history_of(spec), seed=1, experiments=30, purse=left(spec))


def test_numbers_parts_and_what_does_not_apply_are_summed():
    stock = "{ligand: {A: 3}, volume: 60, loading: 9, solvent.DMSO: 2}"
    spec = read_spec(TEXT.replace("STOCK", stock), source="mix.yaml", read=str)
    space, costs = build_space(spec), build_costs(spec, build_space(spec))
    rows = [
        {"ligand": "A", "volume": 10, "loading": 4, "solvent.water": 0.25, "solvent.DMSO": 0.75},
        {"ligand": "C", "volume": 5, "solvent.water": 1.0, "solvent.DMSO": 0.0},
    ]
    x = np.array([space.coordinates(row) for row in rows])

    assert costs.spent(x).stocks == (1.0, 15.0, 4.0, 0.75)
    assert in_words(whole(spec), "") == "3 uses of A, 60 mL of volume, 9 umol of loading and 2 of solvent.DMSO"
    found = plan(spec, History(), seed=0, experiments=40, purse=whole(spec))
    taken = costs.spent(np.array([space.coordinates(p.candidate.settings) for p in found.proposals]))
    assert taken.fits(whole(spec))


def test_a_stock_of_an_option_may_be_an_amount():
    stock = "{ligand: {A: 7.5}}, per: {ligand: loading}"
    spec = read_spec(TEXT.replace("STOCK", stock), source="mix.yaml", read=str)
    costs = build_costs(spec, build_space(spec))

    found = plan(spec, History(), seed=0, experiments=40, purse=whole(spec))
    rows = [p.candidate.settings for p in found.proposals]

    assert in_words(whole(spec), "") == "7.5 umol of A"
    taken = costs.spent(np.array([build_space(spec).coordinates(row) for row in rows])).stocks[0]
    assert taken == sum(row["loading"] for row in rows if row["ligand"] == "A") <= 7.5


def test_a_first_design_takes_half_of_a_stock():
    stock = "{ligand: {A: 1, B: 5}, volume: 40}"
    spec = read_spec(TEXT.replace("STOCK", stock), source="mix.yaml", read=str)

    batches = [plan(spec, History(), seed=s, experiments=40, purse=whole(spec)) for s in range(3)]

    for found in batches:
        assert len(found.proposals) >= 4
        assert sum(p.candidate.settings["volume"] for p in found.proposals) <= 20
    assert whole(spec).part(0.5).stocks == (("uses of A", 1), ("uses of B", 3), ("mL of volume", 20.0))


def test_a_purse_with_stocks_goes_through_a_record():
    purse = Purse(None, 3.0, (("uses of A", 2.0), ("mL of volume", 7.5)))

    assert Purse.of(purse.as_json) == purse
    assert Purse.of({"cost": 5.0, "hours": None}) == Purse(5.0)  # of rounds from before there were any
    assert "stocks" not in Purse(5.0).as_json


def test_what_is_taken_is_less_by_it_and_never_below_nothing():
    stock = Stock("A", "uses", 2.0, OptionUse((0,), 1))
    purse = Purse(stocks=((stock.what, 2.0),))
    taken = stock.at(np.array([[1.0], [0.0], [-1.0], [1.0], [1.0]]))

    assert taken.tolist() == [1.0, 0.0, 0.0, 1.0, 1.0]
    assert purse.less(Spent(0.0, 0.0, (3.0,))).stocks == (("uses of A", -1.0),)
    assert purse.less(Spent(0.0, 0.0, (3.0,))).positive.stocks == (("uses of A", 0.0),)
    assert purse.has(taken, taken, [taken * 3]).tolist() == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("stock", "why"),
    [
        ("{lignad: {A: 3}}", r"budget.stock.lignad: the space has no parameter 'lignad' \(did you mean 'ligand'\?\)"),
        ("{ligand: {D: 3}}", "budget.stock.ligand.D: .*'D'"),
        ("{ligand: {A: 0}}", "is a whole number from 1, got 0; exclude what is not there"),
        ("{ligand: {A: 2.5}}", "is a whole number from 1, got 2.5"),
        ("{ligand: 5}", r"enough of each, such as ligand: \{OPTION: 5\}"),
        ("{volume: {x: 3}}", "'volume' is a number and has no options; say .* such as volume: 500"),
        ("{volume: -1}", "must be above zero, got -1; leave it out where it is not limited"),
        ("{ligand: {A: -2}}, per: {ligand: loading}", "above zero, got -2; leave it out"),
        ("{ligand: {A: 2}}, per: {ligand: lading}", r"budget.per.ligand: .* no parameter 'lading' \(did you mean"),
        ("{volume: 9}, per: {ligand: loading}", "'ligand' has no stock of options .*; add it to budget.stock"),
        ("{solvent: {DMSO: 3}}", "'solvent' is a mixture; say .* such as solvent.DMSO: 20"),
    ],
)
def test_what_is_no_stock_is_refused(stock, why):
    with pytest.raises(SpecError, match=why):
        read_spec(TEXT.replace("STOCK", stock), source="mix.yaml", read=str)
