"""Costs: sums by hand, the order with fewest changes, value per cost, and budgets that are not overdrawn."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from campaigns import ALCOHOLS, alcohol_yield, measured, reaction_spec
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.costs import Costs, Expense, Purse, Spent
from loop.errors import PoolExhausted
from loop.history import History, Observation, Said
from loop.planner import plan
from loop.policy.paying import reason_to_end, set_aside
from loop.policy.run_order import run_order, within
from loop.record import Arm
from loop.space import Discrete
from loop.spec import CampaignSpec, build_costs, build_space
from loop.wording import amount_text, part_of, time_text

SLOW = Costs("EUR", 10.0, 1.0, 2.0, ((0, np.array([0.0, 5.0, 7.0])),), ((1, 20.0, 0.5), (2, 3.0, 0.0)))
points = st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=6)


def with_costs(costs, planner=None, budget=None):
    spec = reaction_spec(**(planner or {})).resolved()
    return CampaignSpec.from_resolved({**spec, "costs": costs, "budget": budget or {"experiments": 30}})


def some_history(spec, n=8, seed=0):
    space = build_space(spec)
    rng = np.random.default_rng(seed)
    rows = {tuple(rng.integers(0, p.size) for p in space.finite_parameters()) for _ in range(3 * n)}
    found = []
    for k, row in enumerate(sorted(rows)[:n]):
        x = np.array(
            [p.values[i] if isinstance(p, Discrete) else float(i) for i, p in zip(row, space.parameters, strict=True)]
        )
        found.append(Observation(f"o{k}", x, measured(**{"yield": alcohol_yield(space.settings(x))})))
    return History(tuple(found), last=found[-1].x)


def test_a_path_costs_what_adding_up_by_hand_says():
    path = np.array([[0.0, 1.0, 1.0], [1.0, 2.0, 1.0], [2.0, 2.0, 0.0]])

    # three of 10 EUR and 1 h at 2 EUR; options 0, 5 and 7; one change of 20 EUR and 0.5 h, one of 3 EUR
    assert SLOW.spent(path) == Spent(30 + 12 + 20 + 3 + 2 * 3.5, 3.5)
    assert SLOW.spent(path, np.array([0.0, 0.0, 1.0])) == Spent(30 + 12 + 40 + 3 + 2 * 4.0, 4.0)
    assert SLOW.spent(path, expenses=[Expense(), Expense(2.0), Expense(1.0)]).hours == 4.5


def test_beside_pinned_candidates_the_rest_has_what_they_and_every_change_before_them_leave():
    pinned = np.array([[0.0, 1.0, 1.0], [2.0, 1.0, 1.0]])

    both, left = set_aside(pinned, SLOW, Purse(100.0, 10.0), None)
    one, _ = set_aside(pinned, SLOW, Purse(20.0, 10.0), None)

    # two of 10 EUR and 1 h at 2 EUR; options 0 and 7; before the first 20 EUR and 0.5 h at 2 EUR, and 3 EUR
    assert (both, left) == ([0, 1], Purse(100.0 - 20 - 4 - 7 - 20 - 1 - 3, 10.0 - 2 - 0.5))
    assert one == [0]


@given(points)
@settings(max_examples=40)
def test_the_order_of_running_has_fewest_changes(rows):
    x = np.array(rows, dtype=np.float64)
    last = np.array([1.0, 1.0, 1.0])
    ordered = within(x, run_order(x, SLOW, last, seed=3))
    every = [SLOW.spent(x[list(p)], last).cost for p in permutations(range(len(x)))]

    assert sorted(map(tuple, ordered)) == sorted(map(tuple, x))
    assert SLOW.spent(ordered, last).cost == pytest.approx(min(every))


def test_many_different_settings_are_ordered_well_and_equal_ones_at_random():
    costs = Costs("", 1.0, 0.0, 0.0, (), ((0, 1.0, 0.0), (1, 10.0, 0.0)))
    x = np.array([[a, b, c] for a in range(4) for b in range(4) for c in range(2)], dtype=np.float64)
    x = x[np.random.default_rng(0).permutation(len(x))]
    first, second = (within(x, run_order(x, costs, None, seed=s)) for s in (0, 1))

    # the least is three changes of the dear column and twelve of the cheap one
    assert costs.spent(first).cost == 32 + 3 * 10 + 12
    assert not np.array_equal(first, second)


def test_of_orders_that_cost_the_same_each_is_as_likely():
    costs = Costs("", 1.0, 0.0, 0.0, (), ((0, 0.1, 0.0), (1, 0.3, 0.0)))
    x = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 1.0], [1.0, 1.0]])
    last = np.array([1.0, 1.0])
    cheapest = min(costs.spent(x[list(p)], last).cost for p in permutations(range(5)))
    orders = {p for p in permutations(range(5)) if costs.spent(x[list(p)], last).cost <= cheapest + 1e-9}
    counts = Counter(tuple(run_order(x, costs, last, seed=s).argsort().tolist()) for s in range(600))

    one_slow = Costs("", 1.0, 0.0, 0.0, (), ((0, 0.1, 0.0),))
    of_four = np.arange(4.0)[:, None]
    alone = Counter(tuple(run_order(of_four, one_slow, None, seed=s).tolist()) for s in range(1200))

    assert set(counts) == orders
    assert min(counts.values()) > 0.4 * 600 / len(orders)
    assert len(alone) == 24
    assert sum((n - 50) ** 2 / 50 for n in alone.values()) < 49.7  # chi-square of 23 degrees of freedom: one in 1,000


@given(points, st.tuples(*[st.integers(0, 2)] * 3))
@settings(max_examples=40)
def test_what_a_candidate_adds_is_the_cheapest_place_for_it_on_the_path(rows, candidate):
    chosen, last = np.array(rows[:4], dtype=np.float64), np.array([0.0, 1.0, 2.0])
    x = np.array([candidate], dtype=np.float64)
    added = float(SLOW.marginal(x, chosen, last)[0])
    best = lambda some: min(SLOW.spent(some[list(p)], last).cost for p in permutations(range(len(some))))  # noqa: E731
    truly = best(np.vstack([chosen, x])) - best(chosen)

    assert SLOW.own(x)[0] <= added <= truly + 1e-9  # it may cross a leg that the best path does not have


def test_without_money_the_hours_count():
    costs = Costs("", 0.0, 2.0, 0.0, (), ((0, 0.0, 1.0),))

    assert costs.shown_unit == "h"
    assert costs.own(np.zeros((1, 1))).tolist() == [2.0]
    assert costs.change(np.zeros((1, 1)), np.ones((1, 1))).tolist() == [[1.0]]


@pytest.mark.parametrize("acquisition", ["improvement", "exploration"])
def test_per_cost_avoids_what_is_dear(acquisition):
    dear = {True: 0, False: 0}
    for option in ALCOHOLS:  # each is the dear one in its turn
        costs = {"unit": "EUR", "experiment": 1, "options": {"alcohol": {option: 400}}}
        for per_cost in (True, False):
            spec = with_costs(costs, {"batch": 2, "per_cost": per_cost, "acquisition": acquisition})
            found = plan(spec, some_history(spec), seed=1, experiments=6).proposals
            dear[per_cost] += sum(p.candidate.settings["alcohol"] == option for p in found)
            assert ("per EUR" in found[0].reason) == (per_cost and acquisition == "improvement")

    assert dear[True] < dear[False]


def test_per_cost_prefers_one_temperature_where_changes_are_dear():
    costs = {"experiment": 1, "switch": {"temperature": {"cost": 500}}}
    spec = with_costs(costs, {"batch": 2, "per_cost": True})
    history = some_history(spec)
    found = plan(spec, history, seed=1, experiments=10)
    now = build_space(spec).settings(history.last)["temperature"]

    assert {p.candidate.settings["temperature"] for p in found.proposals} == {now}
    assert any("few changes of slow parameters" in note for note in found.notes)


def test_the_last_batch_is_made_smaller_so_that_the_budget_is_not_overdrawn():
    spec = with_costs({"unit": "EUR", "experiment": 10, "hours": 2}, {"batch": 4})
    found = plan(spec, some_history(spec), seed=1, experiments=10, purse=Purse(25.0, None))
    timed = plan(spec, some_history(spec), seed=1, experiments=10, purse=Purse(None, 2.5))

    assert len(found.proposals) == 2
    assert "the budget leaves 25 EUR, which pays for 2 of 4 proposals" in found.notes
    assert "the batch costs 20 EUR and 4 h" in found.notes
    assert len(timed.proposals) == 1


def test_replicates_are_paid_for_each():
    spec = with_costs({"experiment": 10}, {"batch": 4, "replicates": 2})

    assert len(plan(spec, some_history(spec), seed=1, experiments=10, purse=Purse(50.0)).proposals) == 2


@pytest.mark.parametrize("acquisition", ["improvement", "exploration", "random"])
def test_what_cannot_be_paid_is_not_chosen_though_it_is_best(acquisition):
    costs = {"experiment": 1, "options": {"alcohol": {"butanol": 400}}}
    spec = with_costs(costs, {"batch": 3, "acquisition": acquisition})
    found = plan(spec, some_history(spec), seed=1, experiments=10, purse=Purse(100.0))

    assert len(found.proposals) == 3
    assert all(p.candidate.settings["alcohol"] != "butanol" for p in found.proposals)


DESIGNS = ["spread", "medoid", "random", "sobol", "lhs", "d-optimal"]


@pytest.mark.parametrize("design", DESIGNS)
def test_an_initial_design_chooses_among_what_can_be_paid_and_says_what_it_left_out(design):
    costs = {"unit": "EUR", "experiment": 1, "options": {"alcohol": {a: 400 for a in ALCOHOLS if a != "methanol"}}}
    spec = with_costs(costs, {"initial": {"design": design, "experiments": 6}})
    for seed in range(5):
        found = plan(spec, History(), seed=seed, experiments=10, purse=Purse(100.0))

        assert [p.candidate.settings["alcohol"] for p in found.proposals] == ["methanol"] * 6
        (note,) = (
            n for n in found.notes if n.startswith("left out of the initial design: 24 of 30 candidates, all with ")
        )
        assert note.endswith(" among them, which cost more than the budget leaves (100 EUR)")


@pytest.mark.parametrize("design", DESIGNS)
def test_an_initial_design_keeps_what_takes_too_long_to_change(design):
    spec = with_costs(
        {"hours": 1, "switch": {"temperature": {"hours": 50}}}, {"initial": {"design": design, "experiments": 5}}
    )
    x = build_space(spec).coordinates({"alcohol": "methanol", "base": "weak", "temperature": 20})
    told = History((Observation("o", x, measured(**{"yield": 5.0})),), last=x)
    for seed in range(5):
        found = plan(spec, told, seed=seed, experiments=10, purse=Purse(None, 8.0))

        assert {p.candidate.settings["temperature"] for p in found.proposals} == {20}
        assert len(found.proposals) == 4


@pytest.mark.parametrize("design", DESIGNS[:-1])
def test_what_the_budget_does_not_cover_together_is_exchanged_for_cheaper_candidates(design):
    dear = {a: 40 for a in ALCOHOLS if a != "methanol"}
    spec = with_costs(
        {"unit": "EUR", "experiment": 2, "options": {"alcohol": dear}},
        {"initial": {"design": design, "experiments": 5}},
    )

    for seed in range(5):
        found = plan(spec, History(), seed=seed, experiments=10, purse=Purse(52.0))
        chosen = [p.candidate.settings["alcohol"] for p in found.proposals]

        assert len(chosen) == 5
        assert sum(a != "methanol" for a in chosen) <= 1
        assert any("cheaper candidates stand in" in n for n in found.notes) or chosen.count("methanol") >= 4


def test_a_factorial_leaves_out_the_points_that_cost_too_much():
    space = {n: {"type": "category", "options": ["lo", "hi"]} for n in "ab"}
    costs = {"experiment": 1, "options": {"a": {"hi": 400}}}
    spec = a_spec(space, costs, planner={"initial": {"design": "factorial"}})

    found = plan(spec, History(), seed=0, experiments=10, purse=Purse(50.0))

    assert [p.candidate.settings["a"] for p in found.proposals] == ["lo", "lo"]
    assert "2 of 4 points of the factorial design cost too much; the rest is kept" in found.notes


def test_a_first_plate_chooses_among_what_can_be_paid():
    space = {
        "ligand": {"type": "category", "options": list("abcd")},
        "base": {"type": "category", "options": list("klm")},
    }
    costs = {"unit": "EUR", "experiment": 10, "options": {"ligand": {"d": 500}}}
    for design in ("spread", "medoid", "random", "sobol"):
        spec = a_spec(space, costs, plate={"rows": 2, "columns": 3}, planner={"initial": {"design": design}})
        found = plan(spec, History(), seed=0, experiments=40, purse=Purse(100.0))

        assert len(found.proposals) == 6
        assert all(p.candidate.settings["ligand"] != "d" for p in found.proposals)
        assert any("all with ligand d among them" in note for note in found.notes)


def test_a_design_that_cannot_be_paid_ends_the_campaign_with_a_reason():
    spec = with_costs({"unit": "EUR", "experiment": 10}, {"batch": 4})

    with pytest.raises(PoolExhausted, match="the budget leaves 5 EUR, which pays for none of what was chosen next"):
        plan(spec, History(), seed=1, experiments=10, purse=Purse(5.0))
    costs = build_costs(spec, build_space(spec))
    assert "leaves 5 EUR, and the cheapest experiment costs more" in reason_to_end(costs, Purse(5.0))
    assert reason_to_end(costs, Purse(10.0)) == ""


def a_spec(space, costs, **more):
    return CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": space,
            "objective": {"y": {"goal": "maximize"}},
            "costs": costs,
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "manual"},
            **more,
        }
    )


def test_an_option_that_does_not_apply_costs_nothing():
    space = {
        "mode": {"type": "category", "options": ["neat", "solution"]},
        "solvent": {"type": "category", "options": ["water", "dear"], "when": {"mode": "solution"}},
    }
    costs = {"experiment": 1, "options": {"solvent": {"water": 2, "dear": 100}}}
    spec = a_spec(space, costs)
    built = build_space(spec)
    found = build_costs(spec, built)
    x = [{"mode": "neat"}, {"mode": "solution", "solvent": "water"}, {"mode": "solution", "solvent": "dear"}]

    assert found.own(np.array([built.coordinates(settings) for settings in x])).tolist() == [1, 3, 101]
    assert found.cheapest().cost == 1


@pytest.mark.parametrize("targets", [1, 2])
def test_a_continuous_space_of_which_nothing_can_be_paid_ends_the_campaign_with_a_reason(targets):
    space = {name: {"type": "number", "low": 0, "high": 1} for name in "ab"}
    names = ("y", "z")[:targets]
    objective = {name: {"goal": "maximize"} for name in names}
    spec = a_spec(space, {"hours": 1, "switch": {"a": {"hours": 0.5}}}, objective=objective)
    x = np.random.default_rng(0).random((6, 2))
    rows = [Observation(f"o{i}", p, measured(**{name: float(p[0] * p[1]) for name in names})) for i, p in enumerate(x)]

    with pytest.raises(PoolExhausted, match=r"costs more than the budget leaves \(1.2 h\)"):
        plan(spec, History(tuple(rows), last=x[-1]), seed=1, experiments=10, purse=Purse(None, 1.2))


def test_where_all_was_tried_a_larger_budget_is_no_way_out():
    space = {"ligand": {"type": "category", "options": list("abc")}}
    spec = a_spec(space, {"options": {"ligand": {"a": 1, "b": 2, "c": 90}}})
    rows = [Observation(f"o{i}", np.array([float(i)]), measured(y=10.0 * i)) for i in range(3)]

    with pytest.raises(PoolExhausted, match=r"^every candidate was tried or is being tried; widen the space or end"):
        plan(spec, History(tuple(rows)), seed=1, experiments=10, purse=Purse(50.0, None))
    with pytest.raises(PoolExhausted, match=r"the budget leaves 50, .*; raise it to go on"):
        plan(spec, History(tuple(rows[:2])), seed=1, experiments=10, purse=Purse(50.0, None))


def test_a_plate_that_cannot_be_paid_whole_keeps_the_shares_of_its_reserved_wells():
    space = {
        "ligand": {"type": "category", "options": list("abcdef")},
        "base": {"type": "category", "options": list("klm")},
        "t": {"type": "number", "values": [20, 40, 60]},
    }
    controls = {"wells": 2, "settings": {"ligand": "a", "base": "k"}}
    plate = {"rows": 3, "columns": 4, "share": {"t": "row"}, "controls": controls, "replicates": 2}
    costs = {"unit": "EUR", "experiment": 10, "switch": {"t": {"cost": 5}}}
    spec = a_spec(space, costs, plate=plate)
    found = plan(spec, History(), seed=0, experiments=40, purse=Purse(80.0))
    arms = [p.arm for p in found.proposals]

    assert arms.count(Arm.REFERENCE) == arms.count(Arm.REPLICATE) == 1
    assert 5 <= len(arms) <= 8
    assert any(note.startswith("the budget leaves 80 EUR, which pays for") for note in found.notes)


def test_a_pinned_candidate_that_is_too_dear_takes_no_wells_from_a_plate():
    space = {
        "ligand": {"type": "category", "options": list("abcd")},
        "base": {"type": "category", "options": list("klm")},
    }
    costs = {"unit": "EUR", "experiment": 10, "options": {"ligand": {"d": 500}}}
    spec = a_spec(space, costs, plate={"rows": 2, "columns": 3}, planner={"initial": {"design": "random"}})
    dear = build_space(spec).coordinates({"ligand": "d", "base": "k"})
    seen = [Observation(f"o{b}", np.array([3.0, b]), measured(y=1.0)) for b in (1.0, 2.0)]  # the other dear ones
    found = plan(spec, History(tuple(seen), pinned=(Said(dear, "hope"),)), seed=0, experiments=40, purse=Purse(100.0))

    assert len(found.proposals) == 6
    assert any("pinned, costs more than the budget leaves (100 EUR); it stays pinned" in note for note in found.notes)


def test_amounts_are_shown_to_the_hundredth_and_without_an_exponent() -> None:
    shown = [amount_text(v) for v in (0.0, 1_200_000, 1_234_567.89, 5_487.495001, 12_345.67, 11.7569444, 0.001234567)]

    assert shown == ["0", "1200000", "1234567.89", "5487.5", "12345.67", "11.7569", "0.00123457"]
    assert amount_text(3 * 100.1) == "300.3"
    assert [amount_text(v) for v in (1e-13, -1e-13, -12.5)] == ["0", "0", "-12.5"]


def test_a_time_is_told_in_the_unit_in_which_it_is_read() -> None:
    shown = [time_text(hours) for hours in (0.0, 12.5, 0.5, 0.05, 0.01, 0.000476944)]

    assert shown == ["0 h", "12.5 h", "0.5 h", "3 min", "36 s", "1.717 s"]


def test_what_is_used_of_a_time_has_one_unit_where_both_are_read_in_it() -> None:
    assert part_of(12.5, 100, "h") == "12.5 of 100 h"
    assert part_of(0.0, 0.01, "h") == "0 of 36 s"
    assert part_of(0.001, 0.01, "h") == "3.6 of 36 s"
    assert part_of(0.001, 8, "h") == "3.6 s of 8 h"
    assert part_of(0.001, None, "h") == "3.6 s"
    assert part_of(0.001, 3, "EUR") == "0.001 of 3 EUR"
