"""A continuous number is proposed with as many digits as can be set, and whatever ties the space is kept to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from campaigns import measured, observe
from hypothesis import HealthCheck, given, settings

from loop.errors import SpaceError
from loop.history import History, Said
from loop.planner import Plan, plan
from loop.record import Arm
from loop.space import Space, sample_space
from loop.space.rounding import rounded, rounded_alike
from loop.spec import CampaignSpec, build_space
from tests.loop.spaces import spaces, spec_of

FEW = settings(max_examples=30, suppress_health_check=list(HealthCheck))

HEAT: dict[str, Any] = {"t": {"type": "number", "low": 20, "high": 120, "unit": "degC"}}
BENCH: dict[str, Any] = {
    "t": {"type": "number", "low": 20, "high": 110, "unit": "degC"},
    "c": {"type": "number", "low": 0.001, "high": 1, "scale": "log", "unit": "mol/L"},
    "eq": {"type": "number", "low": 0.5, "high": 1.5, "or_zero": True},
    "blend": {"type": "mixture", "parts": ["a", "b", "d"]},
}


def none(space: Space) -> np.ndarray:
    return np.empty((0, len(space.parameters)))


def digits(value: float) -> int:
    """Significant digits of a number as it is written."""
    return len(f"{value:.15g}".replace(".", "").replace("-", "").strip("0"))


def planned(spec: CampaignSpec, told: list[dict[str, Any]], experiments: int = 4) -> Plan:
    seen = [
        observe(spec, s, measured(y=float(sum(v for v in s.values() if not isinstance(v, str)))), f"o{i}")
        for i, s in enumerate(told)
    ]
    return plan(spec, History(tuple(seen)), seed=3, experiments=experiments)


@given(spaces(is_finite=False))
@FEW
def test_what_is_rounded_lies_in_the_space_and_differs(space: Space) -> None:
    try:
        x = sample_space(space, 12, 5, method="random")
    except SpaceError:
        return  # one space in many is empty
    x = np.unique(x, axis=0)

    found = rounded(space, x, none(space))

    assert space.holds(found).all()
    assert len(np.unique(found, axis=0)) == len(x)
    assert (space.frame.active(found) == space.frame.active(x)).all()
    assert (rounded(space, found, none(space)) == found).all()


def test_a_range_keeps_a_thousand_values_and_a_logarithmic_one_three_digits() -> None:
    space = build_space(spec_of(BENCH))
    blend = {"blend.a": 0.47606145, "blend.b": 0.52393855, "blend.d": 0.0}
    row = space.coordinates({"t": 96.9389222173, "c": 0.00198849506662, "eq": 0.0, **blend})

    found = space.settings(rounded(space, row[None], none(space))[0])

    assert found == {"t": 96.9, "c": 0.00199, "eq": 0.0, "blend.a": 0.476, "blend.b": 0.524, "blend.d": 0.0}


@pytest.mark.parametrize(
    ("mixture", "constraint", "row", "found"),
    [
        ({}, None, [0.0008, 0.9989, 0.0003], [0.0, 1.0, 0.0]),
        ({}, None, [0.0049, 0.0051, 0.99], [0.0, 0.005, 0.995]),
        ({"least": 0.002}, None, [0.0031, 0.9969, 0.0], [0.003, 0.997, 0.0]),
        ({}, {"count": ["blend.a", "blend.b", "blend.d"], "at_least": 2}, [0.0008, 0.9992, 0.0], [0.001, 0.999, 0.0]),
    ],
)
def test_a_part_of_which_next_to_nothing_is_used_is_left_out_where_it_may_be(
    mixture: dict[str, Any], constraint: dict[str, Any] | None, row: list[float], found: list[float]
) -> None:
    blend = {"blend": {"type": "mixture", "parts": ["a", "b", "d"], **mixture}}
    space = build_space(spec_of(blend, constraints=[constraint] if constraint else []))

    assert rounded(space, np.array([row]), none(space)).tolist() == [found]
    known = np.array([[0.0, 1.0, 0.0]])  # was tried, and is not asked for again for want of digits
    assert rounded(space, np.array([[0.0008, 0.9992, 0.0]]), known).tolist() != known.tolist()


def test_no_row_takes_the_place_of_one_that_comes_later_and_is_round() -> None:
    space = build_space(spec_of(HEAT))

    found = rounded(space, np.array([[119.96], [120.0], [70.04], [70.0]]), none(space))

    assert found.ravel().tolist() == [119.96, 120.0, 70.04, 70.0]


def test_what_was_set_before_stays_to_the_last_digit() -> None:
    space = build_space(spec_of({**HEAT, "v": {"type": "number", "low": 0, "high": 1}}))
    known = np.array([[33.333333, 0.25]])

    found = rounded(space, np.array([[33.333333, 0.123456]]), known)

    assert found.tolist() == [[33.333333, 0.123]]


def test_no_row_becomes_what_was_tried_or_another() -> None:
    space = build_space(spec_of(HEAT))
    x = np.array([[50.01], [50.02], [70.04]])

    assert rounded(space, x, np.array([[70.0]])).tolist() == [[50.0], [50.02], [70.04]]


VOLUMES: dict[str, Any] = {
    name: {"type": "number", "low": 0, "high": high, "unit": "uL"}
    for name, high in {"water": 100, "acid": 20, "salt": 50}.items()
}
SHARES: dict[str, Any] = {"blend": {"type": "mixture", "parts": ["w", "s", "c"], "least": 0.02}}


@pytest.mark.parametrize(
    ("parameters", "constraint", "row", "found"),
    [
        (  # the number of which 0.01 would do has tenths as the others have, so that they can make up 100
            VOLUMES,
            {"sum": {"water": 1, "acid": 1, "salt": 1}, "equals": 100},
            {"water": 34.6722442, "acid": 15.32775578, "salt": 50.0},
            {"water": 34.7, "acid": 15.3, "salt": 50.0},
        ),
        (
            {**HEAT, "u": {"type": "number", "low": 0, "high": 1}, "v": {"type": "number", "low": 0, "high": 1}},
            {"sum": {"u": 1, "v": 3}, "equals": 1},
            {"t": 50.123456, "u": 0.123456, "v": (1 - 0.123456) / 3},
            {"t": 50.1, "u": 0.124, "v": 0.292},
        ),
        (
            {**HEAT, "hours": {"type": "number", "low": 1, "high": 24}},
            {"expression": "t * hours <= 1500"},
            {"t": 75.1562521, "hours": 19.958419392},
            {"t": 75.1, "hours": 19.96},
        ),
        (
            SHARES,
            {"expression": "`blend.s` * 0.7 + `blend.c` * 0.3 >= 0.05"},
            {"blend.w": 1 - 0.05 / 0.7, "blend.s": 0.05 / 0.7, "blend.c": 0.0},
            {"blend.w": 0.928, "blend.s": 0.072, "blend.c": 0.0},
        ),
        (
            HEAT,
            {"exclude": {"base": "K"}, "where": {"t": {"at_least": 65}}},
            {"t": 64.98},
            {"t": 64.9},
        ),
        (  # nothing with tenths lies between
            HEAT,
            {"expression": "abs(t - 50.05) <= 0.02"},
            {"t": 50.04321},
            {"t": 50.04},
        ),
    ],
    ids=["a-sum", "a-sum-of-multiples", "a-product", "a-mixture", "a-region", "a-narrow-one"],
)  # fmt: skip
def test_what_a_constraint_forbids_rounded_is_rounded_the_other_way(
    parameters: dict[str, Any], constraint: dict[str, Any], row: dict[str, float], found: dict[str, float]
) -> None:
    base = {"base": {"type": "category", "options": ["K", "Na"]}}
    space = build_space(spec_of({**parameters, **base}, [constraint]))
    x = space.coordinates({**row, "base": "K"})
    assert space.holds(x[None]).all()

    rounded_row = rounded(space, x[None], none(space))

    assert space.settings(rounded_row[0]) == {**found, "base": "K"}
    assert (rounded(space, rounded_row, none(space)) == rounded_row).all()


def test_what_a_sum_ties_keeps_its_digits_where_no_rounder_numbers_make_it_up() -> None:
    parameters = {**HEAT, "u": {"type": "number", "low": 0, "high": 1}, "v": {"type": "number", "low": 0, "high": 1}}
    space = build_space(spec_of(parameters, [{"sum": {"u": 1, "v": 1.7893111}, "equals": 1}]))
    row = space.coordinates({"t": 50.123456, "u": 0.123456, "v": (1 - 0.123456) / 1.7893111})

    found = space.settings(rounded(space, row[None], none(space))[0])

    assert found["t"] == 50.1
    assert found["u"] == 0.123456


def test_a_value_that_a_plate_shares_stays_one_value() -> None:
    space = build_space(
        spec_of({**HEAT, "v": {"type": "number", "low": 0, "high": 1}}, [{"expression": "t * v <= 50.07"}])
    )
    x = np.array([[50.0666, 0.2004], [50.0666, 1.0]])  # with 50.1 the second is not allowed

    assert rounded(space, x, none(space), {0}).tolist() == [[50.0666, 0.2], [50.0666, 1.0]]
    assert rounded_alike(space, x, none(space), {0}).tolist() == x.tolist()
    assert rounded_alike(space, x[:1], none(space), {0}).tolist() == [[50.1, 0.2004]]
    assert rounded_alike(space, np.array([[50.01, 0.2], [50.02, 0.2]]), none(space), {0})[:, 0].tolist() == [
        50.01,
        50.02,
    ]


@pytest.mark.parametrize("told", [0, 8], ids=["a-first-batch", "by-the-model"])
def test_blocks_of_a_plate_share_few_digits_with_their_controls_and_replicates(told: int) -> None:
    space = {**HEAT, "v": {"type": "number", "low": 0, "high": 1}}
    plate = {
        "rows": 2,
        "columns": 6,
        "blocks": {"rows": 2, "columns": 3},
        "share": {"t": "block"},
        "controls": {"wells": 2, "settings": {"v": 0.33333333}},
        "replicates": 2,
    }
    spec = spec_of(space, planner={"batch": 12, "initial": {"experiments": 6}}, plate=plate)
    built = build_space(spec)
    seen = [built.settings(x) for x in sample_space(built, told, 1, method="random")] if told else []

    proposals = planned(spec, seen, 12).proposals

    heats = {float(p.candidate.settings["t"]) for p in proposals}
    assert len(proposals) == 12
    assert len(heats) == 2
    assert max(map(digits, heats)) <= 4
    controls = [p for p in proposals if p.arm is Arm.REFERENCE]
    assert {p.candidate.settings["v"] for p in controls} == {0.33333333}
    others = [p for p in proposals if p.arm is not Arm.REFERENCE]
    assert max(digits(float(p.candidate.settings["v"])) for p in others) <= 4  # one more where two would be one
    conditions = [tuple(p.candidate.settings.values()) for p in others]
    assert len(conditions) - len(set(conditions)) == 2  # replicates are of what stands beside them


@pytest.mark.parametrize("told", [0, 8], ids=["a-first-batch", "by-the-model"])
def test_a_plan_proposes_few_digits(told: int) -> None:
    spec = spec_of(BENCH, planner={"batch": 4, "initial": {"experiments": 4}})
    space = build_space(spec)
    seen = [space.settings(x) for x in sample_space(space, told, 1, method="random")] if told else []

    proposals = planned(spec, seen).proposals

    numbers = [float(v) for p in proposals for v in p.candidate.settings.values()]
    assert len(numbers) == 6 * len(proposals)
    assert max(digits(v) for v in numbers) <= 4
    assert all(space.contains(p.candidate.settings) for p in proposals)


def test_what_a_person_wants_on_a_plate_keeps_its_digits() -> None:
    plate = {"plate": {"rows": 2, "columns": 3}}
    spec = spec_of(HEAT, planner={"batch": 6, "initial": {"experiments": 6}}, **plate)
    wish = Said(np.array([33.3333333]), "I want it")

    proposals = plan(spec, History((), pinned=(wish,)), seed=3, experiments=6).proposals

    heats = [float(p.candidate.settings["t"]) for p in proposals]
    assert 33.3333333 in heats
    assert max(digits(t) for t in heats if t != 33.3333333) <= 4
