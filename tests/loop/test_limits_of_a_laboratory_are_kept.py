"""Limits of a laboratory: a space keeps to them before anything is proposed, and no experiment beyond one passes."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.errors import SpaceError, SpecError
from loop.limits import broken
from loop.space import ProductPool, sample_space
from loop.spec import CampaignSpec, build_limits, build_space, read_spec
from loop.spec.limits import problem_of_limits, trimmings


def campaign(space: dict[str, Any], limits: dict[str, Any], **more: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "hood",
            "space": space,
            "objective": {"yield": {"goal": "maximize", "unit": "%"}},
            "budget": {"experiments": 20},
            "laboratory": {"adapter": "manual", "limits": limits},
            **more,
        }
    )


TEMPERATURE = {"type": "number", "low": 20, "high": 160, "unit": "degC"}
VOLUMES = {
    "acid": {"type": "number", "low": 10, "high": 100, "unit": "uL"},
    "base": {"type": "number", "values": [0, 50, 100], "unit": "uL"},
    "total": {"type": "derived", "expression": "acid + base", "unit": "uL"},
}


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    """A number of some kind between -100 and 300."""
    low = draw(st.integers(-100, 250))
    kind = draw(st.sampled_from(["continuous", "step", "values", "zero"]))
    match kind:
        case "continuous":
            return {"type": "number", "low": low, "high": low + draw(st.integers(1, 50)), "unit": "degC"}
        case "step":
            step, n = draw(st.integers(1, 10)), draw(st.integers(1, 8))
            return {"type": "number", "low": low, "high": low + step * n, "step": step, "unit": "degC"}
        case "values":
            values = draw(st.lists(st.integers(-100, 300), min_size=1, max_size=6, unique=True))
            return {"type": "number", "values": values, "unit": "degC"}
    low = abs(low) + 1
    return {"type": "number", "low": low, "high": low + draw(st.integers(1, 50)), "unit": "degC", "or_zero": True}


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    """A limit in degrees or in kelvin, with one end or two."""
    in_kelvin = draw(st.booleans())
    low, high = sorted((draw(st.integers(-150, 350)), draw(st.integers(-150, 350))))
    ends = draw(st.sampled_from(["low", "high", "both"]))
    said: dict[str, Any] = {"unit": "K" if in_kelvin else "degC"}
    if ends != "high":
        said["at_least"] = low + 273.15 * in_kelvin
    if ends != "low":
        said["at_most"] = high + 273.15 * in_kelvin
    return said


def degrees(said: dict[str, Any], end: str, default: float) -> float:
    """An end of a limit in degrees, by hand: the judge shares nothing with what it judges."""
    return default if end not in said else said[end] - (273.15 if said["unit"] == "K" else 0.0)


@settings(max_examples=150)
@given(parameter=numbers(), limit=limits(), data=st.data())
def test_a_trimmed_space_holds_exactly_what_the_limit_leaves(
    parameter: dict[str, Any], limit: dict[str, Any], data: st.DataObject
) -> None:
    low, high = degrees(limit, "at_least", -math.inf), degrees(limit, "at_most", math.inf)
    spec = campaign({"t": parameter, "x": {"type": "category", "options": ["a", "b"]}}, {"t": {**limit, "trim": True}})
    bare = build_space(campaign({"t": parameter, "x": {"type": "category", "options": ["a", "b"]}}, {}))
    rows = ProductPool(bare).take(np.arange(len(ProductPool(bare)))) if bare.is_finite else sample_space(bare, 64, 1)
    there = [float(bare.settings(x)["t"]) for x in rows]
    tried = [*there, data.draw(st.floats(-400, 400))]

    if not any(low - 1e-6 <= value <= high + 1e-6 for value in there):
        try:  # a sample may miss the little that is left of a continuous number
            build_space(spec)
        except SpaceError as error:
            said = str(error)
        else:
            said = "" if bare.is_finite else "leaves nothing of it"
        assert "leaves nothing of it" in said
        return
    space = build_space(spec)
    rows = (
        ProductPool(space).take(np.arange(len(ProductPool(space)))) if space.is_finite else sample_space(space, 64, 1)
    )

    for x in rows:
        value = float(space.settings(x)["t"])
        assert low - 1e-6 <= value <= high + 1e-6
        assert broken(build_limits(spec), space.settings(x)) == ()
    for value in tried:
        inside = low - 1e-6 <= value <= high + 1e-6
        outside = not low + 1e-6 <= value <= high - 1e-6
        found = broken(build_limits(spec), {"t": value, "x": "a"})
        assert not found if not outside else True
        assert found if not inside else True


@settings(max_examples=100)
@given(parameter=numbers(), limit=limits())
def test_a_space_that_goes_beyond_is_refused_unless_it_may_be_trimmed(
    parameter: dict[str, Any], limit: dict[str, Any]
) -> None:
    low, high = degrees(limit, "at_least", -math.inf), degrees(limit, "at_most", math.inf)
    ends = parameter.get("values") or [parameter["low"], parameter["high"]]
    ends = [*ends, 0] if parameter.get("or_zero") else ends
    is_beyond = any(not low - 1e-6 <= value <= high + 1e-6 for value in ends)
    at_the_edge = any(min(abs(value - low), abs(value - high)) <= 1e-6 for value in ends)

    problem = problem_of_limits(campaign({"t": parameter}, {"t": limit}))

    assert at_the_edge or (problem is not None) == is_beyond
    if problem is not None:
        assert problem[0] == ("laboratory", "limits", "t")
        assert "narrow the parameter, or let it be trimmed (trim: true)" in problem[1]


@settings(max_examples=60)
@given(most=st.integers(20, 220), acid=st.floats(10, 100), base=st.sampled_from([0.0, 50.0, 100.0]))
def test_a_derived_number_is_kept_to_its_limit(most: int, acid: float, base: float) -> None:
    spec = campaign(VOLUMES, {"volume": {"at_most": most / 1000, "unit": "mL", "of": ["total"]}})
    space = build_space(spec)

    found = broken(build_limits(spec), {"acid": acid, "base": base})

    total = acid + base
    assert bool(found) == (total > most) or abs(total - most) < 1e-6
    for x in sample_space(space, 16, 3):
        drawn = space.settings(x)
        assert float(drawn["acid"]) + float(drawn["base"]) <= most + 1e-6
        assert broken(build_limits(spec), drawn) == ()


def test_a_rate_is_kept_to_its_limit_in_another_unit() -> None:
    flow = {"type": "number", "low": 0.5, "high": 4, "unit": "mL/min"}
    limit = {"at_most": 0.12, "unit": "L/h"}  # 2 mL/min
    refused = campaign({"rate": flow}, {"rate": limit})
    trimmed = campaign({"rate": flow}, {"rate": {**limit, "trim": True}})
    problem = problem_of_limits(refused)
    (beyond,) = broken(build_limits(refused), {"rate": 2.5})

    assert problem is not None
    assert problem[1].startswith("parameter 'rate' goes to 4 mL/min, and the limit is at most 2 mL/min")
    assert beyond.rule == "rate = 2.5 mL/min and the limit is at most 2 mL/min"
    assert broken(build_limits(refused), {"rate": 2.0}) == ()
    assert (build_space(trimmed).parameters[0].low, build_space(trimmed).parameters[0].high) == (0.5, 2.0)


def test_what_does_not_apply_breaks_nothing_and_what_is_no_number_does() -> None:
    space = {
        "heated": {"type": "category", "options": ["yes", "no"]},
        "t": {**TEMPERATURE, "high": 100, "when": {"heated": "yes"}},
    }
    limits = build_limits(campaign(space, {"t": {"at_most": 100}}))

    assert broken(limits, {"heated": "no"}) == ()
    assert len(broken(limits, {"heated": "yes", "t": 120.0})) == 1
    assert len(broken(limits, {"heated": "yes", "t": math.nan})) == 1
    assert len(broken(limits, {"heated": "yes", "t": "hot"})) == 1


def test_what_just_reaches_a_limit_of_zero_breaks_nothing() -> None:
    bath = {"type": "number", "low": -20, "high": 0, "unit": "degC"}
    limits = build_limits(campaign({"bath": bath}, {"bath": {"at_most": 0}}))

    assert broken(limits, {"bath": 0.0}) == ()
    assert len(broken(limits, {"bath": 0.1})) == 1


def test_the_problem_names_limit_value_and_remedy() -> None:
    spec = campaign({"t": TEMPERATURE}, {"oven": {"at_most": 393.15, "unit": "K", "of": ["t"], "trim": True}})

    (problem,) = broken(build_limits(spec), {"t": 150.0})

    assert str(problem) == (
        "limit 'oven' of the laboratory: t = 150 degC and the limit is at most 120 degC; change the experiment; the "
        "limit stands in the campaign file (laboratory.limits)"
    )
    assert trimmings(spec) == ("the laboratory's limit 'oven' (at most 120 degC) trims t",)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"temprature": {"at_most": 100}}, r"has no number of this name \(did you mean 'temperature'\?\)"),
        ({"pressure": {"at_most": 5, "unit": "bar"}}, r"name those that it holds for \(of: \[...\], of temperature\)"),
        ({"oven": {"at_most": 100, "of": ["heat"]}}, "the space has no number 'heat'; it has temperature"),
        ({"temperature": {"at_most": 5, "unit": "bar"}}, "temperature is in 'degC': .*cannot be given"),
        ({"temperature": {"at_most": 100}}, "goes to 160 degC, and the limit is at most 100 degC"),
        ({"temperature": {"at_most": 0, "trim": True}}, None),
    ],
)
def test_a_limit_that_would_not_hold_is_refused(limits: dict[str, Any], says: str | None) -> None:
    spec = campaign({"temperature": TEMPERATURE}, limits)

    if says is None:
        with pytest.raises(SpaceError, match="leaves nothing of it"):
            build_space(spec)
        return
    problem = problem_of_limits(spec)

    assert problem is not None
    import re

    assert re.search(says, problem[1]), problem[1]
    assert problem_of_limits(campaign({"temperature": TEMPERATURE}, {"pressure": {"at_most": 1, "of": []}})) is None


def test_what_a_recipe_does_is_kept_to_limits_too() -> None:
    recipe = {
        "vessel": {"holds": "1 mL", "closed": True},
        "stocks": {"acid": {"smiles": "CC(=O)O", "concentration": "1 mol/L", "solvent": "water"}},
        "steps": [
            {"dispense": "acid", "volume": "200 uL"},
            {"heat": "temperature", "time": "1 h", "speed": "500 rpm"},
        ],
    }
    limits = {
        "temperature": {"at_most": 100, "trim": True},
        "volume": {"at_most": 0.1, "unit": "mL"},
        "fill": {"at_most": 500, "unit": "uL"},
        "stirring": {"at_most": 400, "unit": "rpm"},
    }
    spec = campaign({"temperature": TEMPERATURE}, limits, recipe=recipe)
    from loop.spec import build_recipe

    found = broken(build_limits(spec), {"temperature": 120.0}, build_recipe(spec))

    said = [p.rule for p in found]
    assert said == [
        "temperature = 120 degC and the limit is at most 100 degC",
        "heating to 120 degC and the limit is at most 100 degC",
        "a dose of acid, 200 uL and the limit is at most 100 uL",
        "stirring at 500 rpm and the limit is at most 400 rpm",
    ]


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        (
            {"volume": {"at_most": 0.1, "unit": "mL"}},
            "volume: 3 of 3 candidates go beyond a limit; .* a dose",
        ),
        (
            {"fill": {"at_most": 150, "unit": "uL"}},
            "fill: 3 of 3 .* a vessel filled to 200 uL and the limit",
        ),
        (
            {"stirring": {"at_most": 4, "unit": "Hz"}},
            "stirring: 3 of 3 .* stirring at 500 rpm and the limit",
        ),
        ({"temperature": {"at_most": 110, "of": []}}, "temperature: 1 of 3 .*120 degC: heating to 120 degC"),
        ({"temperature": {"at_most": 110, "trim": True}}, ""),
        ({"fill": {"at_most": 0.2, "unit": "mL"}}, ""),
    ],
)
def test_a_recipe_that_goes_beyond_a_limit_is_refused_with_the_file(limit: dict[str, Any], says: str) -> None:
    text = f"""\
campaign: hood
space: {{temperature: {{type: number, values: [80, 100, 120], unit: degC}}}}
objective: {{yield: {{goal: maximize}}}}
recipe:
  vessel: {{holds: 1 mL, closed: true}}
  stocks: {{acid: {{concentration: 1 mol/L, solvent: water}}}}
  steps:
    - {{dispense: acid, volume: 200 uL}}
    - {{heat: temperature, time: 1 h, speed: 500 rpm}}
budget: {{experiments: 6}}
laboratory: {json.dumps({"adapter": "manual", "limits": limit})}
"""
    if not says:
        assert read_spec(text, source="a.yaml", read=str).recipe is not None
        return
    with pytest.raises(SpecError, match=rf"a.yaml line 11: laboratory\.limits\.{says}"):
        read_spec(text, source="a.yaml", read=str)
