"""A constraint that every candidate meets, for a slip in its numbers perhaps, is named; and no other one is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from loop.space import ProductPool
from loop.space.useless import keeping_nothing_out
from loop.spec import build_space
from tests.loop.spaces import spaces, spec_of

SECTION = {
    "ligand": {"type": "category", "options": ["L1", "L2"]},
    "t": {"type": "number", "low": 20, "high": 100},
    "h": {"type": "number", "low": 1, "high": 24, "when": {"ligand": "L1"}},
    "f": {"type": "mixture", "parts": ["water", "ethanol"], "at_most": 1},
}


@pytest.mark.parametrize(
    ("rule", "is_named"),
    [
        ({"sum": {"h": 1, "t": 1}, "at_most": 124}, True),
        ({"sum": {"h": 1, "t": 1}, "at_least": 21}, False),  # where h does not apply it counts as 0
        ({"sum": {"t": -1}, "at_least": -373}, True),
        ({"sum": {"t": 1}, "equals": 45}, False),  # it alone settles t, which has one value for it
        ({"expression": "h * t <= 2400"}, True),
        ({"expression": "h * t < 2400"}, False),
        ({"exclude": {"ligand": "L1"}, "where": {"t": {"above": 373}}}, True),
        ({"exclude": {"ligand": "L1"}, "where": {"t": {"at_least": 100}}}, False),
        ({"count": ["h"], "at_most": 1}, True),
        ({"count": ["h"], "at_least": 1}, False),
        ({"exclude": {"ligand": "L1"}}, False),
    ],
)
def test_what_every_candidate_meets_is_named(rule: dict[str, object], is_named: bool) -> None:
    said = list(keeping_nothing_out(build_space(spec_of(SECTION, [{"name": "mild", **rule}]))))

    assert [line.partition(":")[0] for line in said] == ["constraint 'mild' keeps nothing out"] * is_named


@given(spaces(is_finite=True))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_without_those_named_nothing_more_is_left(space) -> None:
    said = " ".join(keeping_nothing_out(space))

    without = replace(space, constraints=tuple(c for c in space.constraints if f"{c.name!r}" not in said))

    assert len(ProductPool(space)) == len(ProductPool(without))
