"""Costs and stocks of what is interchangeable: said of one slot, they count for each; of each thing there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.errors import CostError
from loop.spec import build_space
from loop.spec.costs import build_costs
from tests.loop.spaces import spec_of

SLOT = {"type": "category", "options": ["urea", "DMF", "none"]}
AMOUNT = {"type": "number", "values": [1, 2]}
SPACE = {
    "one": SLOT,
    "eq_1": AMOUNT | {"unless": {"one": "none"}},
    "two": SLOT,
    "eq_2": AMOUNT | {"unless": {"two": "none"}},
}
RULES = [{"interchangeable": [["one", "eq_1"], ["two", "eq_2"]]}]
GIVEN = (
    {"one": "urea", "eq_1": 2, "two": "DMF", "eq_2": 1},
    {"one": "urea", "eq_1": 2, "two": "urea", "eq_2": 1},
    {"one": "DMF", "eq_1": 2, "two": "none"},
)


def costs_of(**rest: Any) -> Any:
    spec = spec_of(SPACE, RULES, **rest)
    space = build_space(spec)
    return build_costs(spec, space), np.array([space.coordinates(given) for given in GIVEN])


def test_prices_of_options_are_said_once() -> None:
    costs, x = costs_of(costs={"options": {"one": {"urea": 5, "DMF": 3}}})

    assert costs.own(x).tolist() == [8, 10, 3]


def test_prices_by_amount_go_with_the_number_of_the_slot() -> None:
    costs, x = costs_of(costs={"options": {"two": {"urea": 5, "DMF": 3}}, "per": {"two": "eq_2"}})

    assert costs.own(x).tolist() == [13, 15, 6]


def test_a_bottle_is_bought_once_whichever_slot_uses_it() -> None:
    costs, x = costs_of(costs={"once": {"one": {"urea": 50, "DMF": 30}}})

    assert costs.marginal(x, x[:0], None).tolist() == [80, 50, 30]
    assert costs.spent(x).cost == 80
    assert costs.having(x[1:2]).marginal(x, x[:0], None).tolist() == [30, 0, 30]


def test_there_is_one_stock_of_what_either_slot_takes() -> None:
    costs, x = costs_of(budget={"experiments": 9, "stock": {"one": {"urea": 3, "DMF": 2}}})

    assert {s.name: s.of(x).tolist() for s in costs.stocks} == {"urea": [1, 2, 0], "DMF": [1, 0, 1]}


def test_a_stock_by_amount_counts_the_amount_of_each_slot() -> None:
    costs, x = costs_of(budget={"experiments": 9, "stock": {"one": {"urea": 30}}, "per": {"one": "eq_1"}})

    assert costs.stocks[0].of(x).tolist() == [2, 3, 0]


def test_a_stock_of_a_number_is_of_all_its_slots() -> None:
    costs, x = costs_of(budget={"experiments": 9, "stock": {"eq_1": 40}})

    assert costs.stocks[0].of(x).tolist() == [3, 3, 2]


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ({"costs": {"options": {"one": {"urea": 5}, "two": {"urea": 6}}}}, ("costs", "options", "two")),
        ({"costs": {"once": {"one": {"urea": 5}, "two": {"DMF": 5}}}}, ("costs", "once", "two")),
        ({"budget": {"experiments": 9, "stock": {"one": {"urea": 5}, "two": {"urea": 6}}}}, ("budget", "stock", "two")),
    ],
)
def test_what_is_said_otherwise_of_each_is_refused(rest: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(
        CostError, match="'one' and 'two' are interchangeable, and it says otherwise of each"
    ) as refused:
        costs_of(**rest)

    assert refused.value.path == path
