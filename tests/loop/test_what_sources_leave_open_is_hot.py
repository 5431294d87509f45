"""A source that says nothing of temperature leaves the first batch as hot as it is without one."""

from __future__ import annotations

from typing import Any

import pytest

from loop.history import History, Observation
from loop.memory.earlier import Earlier
from loop.outcome import Measured, Measurement
from loop.planner import Plan, plan
from loop.record import Arm
from loop.spec import CampaignSpec, build_space

SOLVENTS = ["DMF", "DMSO", "toluene", "water", "THF", "MeCN"]
SPACE: dict[str, Any] = {
    "solvent": {"type": "category", "options": SOLVENTS},
    "base": {"type": "category", "options": ["KOAc", "Cs2CO3", "K3PO4"]},
    "temperature": {"type": "number", "values": [20, 40, 60, 80, 100], "unit": "degC"},
}
LIKES = {"solvent": ["THF", "water"], "base": ["Cs2CO3", "KOAc"]}
GUESSES = {"solvent": {"THF": 70, "water": 60, "DMF": 10}, "base": {"Cs2CO3": 60, "KOAc": 20}}


def spec_of(prior: dict[str, Any] | None = None, target: str = "yield", **changed: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": SPACE,
            "objective": {target: {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
            "prior": None if prior is None else {target: prior},
            "planner": {"batch": 5, "initial": {"experiments": 5, **changed.pop("initial", {})}},
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "manual"},
        }
        | changed
    )


def first_batch(spec: CampaignSpec, *earlier: Earlier) -> Plan:
    return plan(spec, History(), seed=3, experiments=5, earlier=earlier)


def degrees(batch: Plan, *arms: Arm) -> set[float]:
    return {p.candidate.settings["temperature"] for p in batch.proposals if not arms or p.arm in arms}


def earlier(*names: str) -> Earlier:
    """A campaign that varied these parameters, in which THF was best."""
    spec = spec_of(space={name: SPACE[name] for name in names})
    space, rows = build_space(spec), []
    for solvent in SOLVENTS:
        for base in SPACE["base"]["options"]:
            settings = {"solvent": solvent, "base": base, "temperature": 20}
            y = {"THF": 80.0, "water": 60.0}.get(solvent, 5.0) + SPACE["base"]["options"].index(base)
            x = space.coordinates({name: settings[name] for name in names})
            rows.append(Observation(str(len(rows)), x, Measured((Measurement("yield", y, "%", y),))))
    return Earlier("before", spec, History(tuple(rows)))


@pytest.mark.parametrize("prior", [LIKES, GUESSES])
def test_a_prior_that_leaves_temperature_open_is_followed_hot_and_the_note_says_so(prior: dict[str, Any]) -> None:
    batch = first_batch(spec_of(prior))

    assert [p.arm for p in batch.proposals] == [Arm.MODEL] * 3 + [Arm.INITIAL] * 2
    assert {p.candidate.settings["solvent"] for p in batch.proposals[:3]} <= {"THF", "water"}
    assert degrees(batch) <= {80.0, 100.0}
    assert {p.reason.split(";")[0] for p in batch.proposals[3:]} == {
        "initial design: far from the others in the hottest third, where most reactions yield more"
    }
    (note,) = (n for n in batch.notes if "hot" in n)
    assert note.startswith("no source tells of temperature; the first experiments are hot (temperature from 80 degC)")
    assert "initial: {hottest: false}" in note


def test_so_is_an_earlier_campaign_without_a_temperature() -> None:
    batch = first_batch(spec_of(), earlier("solvent", "base"))

    assert {p.candidate.settings["solvent"] for p in batch.proposals[:3]} <= {"THF", "water"}
    assert degrees(batch) <= {80.0, 100.0}


def test_where_one_source_tells_of_temperature_the_batch_is_not_made_hot() -> None:
    alone = first_batch(spec_of({**LIKES, "temperature": ["20", "40"]}))
    assert degrees(alone, Arm.MODEL) <= {20.0, 40.0}
    beside = first_batch(spec_of(LIKES), earlier("solvent", "base", "temperature"))
    for batch in (alone, beside):
        assert not [n for n in batch.notes if "hot" in n]


def test_the_file_and_the_target_decide_as_they_do_without_a_source() -> None:
    as_told = spec_of(LIKES, initial={"hottest": False})
    of_another = spec_of(LIKES, "ee")
    for spec in (as_told, of_another):
        batch = first_batch(spec)
        assert min(degrees(batch)) < 80.0
        assert not [n for n in batch.notes if "hot" in n]
    assert degrees(first_batch(spec_of(LIKES, "ee", initial={"hottest": True}))) <= {80.0, 100.0}


def test_a_range_is_hot_in_its_upper_third() -> None:
    space = {**SPACE, "temperature": {"type": "number", "low": 30, "high": 120, "unit": "degC"}}
    assert min(degrees(first_batch(spec_of(GUESSES, space=space)))) >= 90.0


@pytest.mark.parametrize("heat", [SPACE["temperature"], {"type": "number", "low": 20, "high": 110, "unit": "degC"}])
def test_a_solvent_that_boils_is_followed_as_hot_as_it_may_be(heat: dict[str, Any]) -> None:
    space = {"base": SPACE["base"], "solvent": SPACE["solvent"], "temperature": heat}
    boils = [{"exclude": {"solvent": ["THF"]}, "where": {"temperature": {"above": 65}}}]
    batch = first_batch(
        spec_of({"solvent": {"THF": 90, "water": 10}, "base": {"KOAc": 30}}, space=space, constraints=boils)
    )

    with_it = [
        p.candidate.settings["temperature"] for p in batch.proposals[:3] if p.candidate.settings["solvent"] == "THF"
    ]
    assert with_it
    assert min(with_it) >= 45.0
    assert [n for n in batch.notes if "or as hot as their options may be" in n]


def test_where_too_little_is_hot_everything_counts() -> None:
    few = {
        "solvent": {"type": "category", "options": ["THF", "DMF"]},
        "temperature": {"type": "number", "values": [20, 60, 70, 80, 90, 100], "unit": "degC"},
    }
    batch = first_batch(spec_of({"solvent": {"THF": 70, "DMF": 10}}, space=few))

    assert min(degrees(batch)) < 90.0
    assert not [n for n in batch.notes if "hot" in n]
