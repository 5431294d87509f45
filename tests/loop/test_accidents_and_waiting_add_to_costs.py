"""What a resource fails and keeps waiting is paid for too, wherever costs decide."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.acquisition.protocol import Purchase
from loop.costs import Costs
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.resources import Resource, expected_hours, said_hours, sites_of, telling
from loop.space import Category, Discrete, Space
from loop.spec import CampaignSpec

SPACE = Space((Category("oven", ("left", "right", "third")), Category("ligand", ("a", "b"))))
LEFT, RIGHT = ("oven", ("left",)), ("oven", ("right",))


def resource(name: str, takes: tuple[str, tuple[str, ...]], ended: int, accidents: int, waited: float) -> Resource:
    return Resource(name, dict([takes]), 0, ended, accidents, waited, 1.0, waited + 1.0)


def test_half_of_all_failing_doubles_what_is_paid_in_the_long_run() -> None:
    assert resource("x", LEFT, 999, 500, 0.0).tries == pytest.approx(2.0, rel=2e-3)
    assert resource("x", LEFT, 0, 0, 0.0).tries == 1.0
    assert resource("x", LEFT, 1, 1, 0.0).tries == 2.0  # one failure alone is no verdict


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_tries_are_finite_and_grow_with_failures(ended: int, accidents: int) -> None:
    accidents = min(accidents, ended)
    more = resource("x", LEFT, ended + 1, accidents + 1, 0.0)

    assert 1.0 <= resource("x", LEFT, ended, accidents, 0.0).tries < more.tries <= ended + 2


def test_each_candidate_costs_what_its_own_resource_makes_of_it() -> None:
    sites = sites_of(SPACE, [resource("l", LEFT, 9, 5, 2.0), resource("r", RIGHT, 9, 0, 0.0)])
    x = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])  # left, right, and one that nobody takes
    money, hours = Costs("EUR", 100.0, 0.0, 10.0), Costs("", 0.0, 3.0, 0.0)

    assert Purchase(money, sites=sites).expected(x).tolist() == [2 * 100 + 10 * 2 * 2, 100, 100]
    assert Purchase(hours, sites=sites).expected(x).tolist() == [2 * 3 + 2 * 2, 3, 3]
    assert Purchase(money).expected(x).tolist() == [100] * 3


def test_of_several_that_take_it_the_cheapest_counts() -> None:
    sites = sites_of(SPACE, [resource("l", LEFT, 9, 5, 0.0), Resource("any", ended=9)])

    assert Purchase(Costs("EUR", 100.0, 0.0, 0.0), sites=sites).expected(np.array([[0.0, 0.0]])).tolist() == [100.0]


def test_changes_of_a_slow_parameter_are_paid_once() -> None:
    costs = Costs("EUR", 10.0, 0.0, 0.0, switch=((1, 7.0, 0.0),))
    bought = Purchase(costs, np.array([0.0, 0.0]), sites=sites_of(SPACE, [resource("l", LEFT, 9, 5, 0.0)]))

    assert bought.marginal(np.array([[0.0, 1.0]]), np.empty((0, 2))).tolist() == [2 * 10 + 7]


def test_waiting_below_a_minute_is_the_engines_own_looking() -> None:
    assert telling([resource("l", LEFT, 9, 0, 0.001)]) == ()
    assert len(telling([resource("l", LEFT, 9, 0, 0.5), Resource("r")])) == 2
    assert len(telling([resource("l", LEFT, 9, 1, 0.0)])) == 1


def test_values_that_the_space_does_not_have_are_passed_over() -> None:
    space = Space((Discrete("step", (1.0, 2.0, 3.0, 4.0), ""), Category("oven", ("left",))))
    sites = sites_of(space, [Resource("l", {"oven": ("gone",), "colour": ("red",)}), Resource("m", {"step": (2, 3)})])

    assert sites[0].has(np.array([[2.0, 0.0]])).tolist() == [False]
    assert sites[1].has(np.array([[2.0, 0.0], [4.0, 0.0]])).tolist() == [True, False]


def test_the_record_gives_back_what_was_put_there() -> None:
    told = Resource("l", {"oven": ("left", "right"), "step": (1, 2.5)}, 1, 9, 2, 0.5, None, 3.0, 7.0)

    assert Resource.of(json.loads(json.dumps(told.as_json()))) == told
    assert expected_hours([told, Resource("new")]) == {"l": told.tries * 3.0}
    assert told.text == "7 done, 2 failed (22%), waits 0.5 h, costs 7, 1 there"
    assert said_hours(0.001) == "3.6 s"


def test_a_plan_turns_to_the_resource_that_fails_less_and_says_why() -> None:
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "ovens",
            "space": {
                "oven": {"type": "category", "options": ["left", "right"]},
                "t": {"type": "number", "values": [1, 2, 3, 4, 5, 6, 7, 8]},
            },
            "objective": {"y": {"goal": "maximize"}},
            "costs": {"experiment": 1},
            "planner": {"per_cost": True, "surrogate": "gp", "batch": 3, "initial": {"experiments": 2}},
            "budget": {"experiments": 12},
            "laboratory": {"adapter": "manual"},
        }
    )
    seen = tuple(
        Observation(f"o{i}", np.array([oven, t]), Measured((Measurement("y", t, "", t),)))
        for i, (oven, t) in enumerate([(0.0, 1.0), (1.0, 1.0), (0.0, 3.0), (1.0, 3.0)])
    )
    bad = [resource("l", LEFT, 19, 18, 0.0), resource("r", RIGHT, 19, 0, 0.0)]

    alike = plan(spec, History(seen), seed=1, experiments=3)
    turned = plan(spec, History(seen), seed=1, experiments=3, resources=bad)

    at_left = [[p.candidate.settings["oven"] for p in plan_.proposals].count("left") for plan_ in (alike, turned)]
    assert at_left in ([1, 0], [2, 0])  # the two ovens are alike, and rounding says which of them has two of three
    assert "costs expected with accidents and waiting, by the record: l x 10" in turned.notes
