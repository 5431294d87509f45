"""A limit that came later: batches improve on the best that the file still has, which rules under stop ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.policy.stopping import reason_to_stop
from loop.space.leaving_out import still_has, why_left_out
from loop.spec import CampaignSpec, build_space

LESS = {"name": "less of it", "sum": {"dose": 1}, "at_most": 5}


def campaign(**changes: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "limited",
            "space": {
                "dose": {"type": "number", "low": 0, "high": 10, "step": 0.5},
                "time": {"type": "number", "low": 0, "high": 10, "step": 0.5},
            },
            "objective": {"yield": {"goal": "maximize"}, "waste": {"goal": "minimize"}},
            "planner": {"surrogate": "gp", "initial": {"experiments": 4}},
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "manual"},
        }
        | changes
    )


def measured(spec: CampaignSpec) -> History:
    """Yield is ten times the dose where time is 5, and less elsewhere; waste is the time."""
    space, seen = build_space(spec), []
    for dose in (1.0, 3.0, 7.0, 9.0, 10.0):
        for time in (1.0, 4.0, 6.0, 9.0):
            values = {"yield": 10 * dose - (time - 5) ** 2, "waste": time}
            found = tuple(Measurement(n, values[n], "", values[n]) for n in spec.objective)
            seen.append(Observation(f"{dose} {time}", space.coordinates({"dose": dose, "time": time}), Measured(found)))
    return History(tuple(seen))


def test_a_front_grows_among_what_is_left() -> None:
    spec = campaign(constraints=[LESS])

    batch = plan(spec, measured(spec), seed=0, experiments=4)

    doses = [p.candidate.settings["dose"] for p in batch.proposals]
    assert max(doses) == 5.0  # where most yield is left
    (said,) = [note for note in batch.notes if note.startswith("hypervolume is counted from")]
    assert float(said.split("yield ")[1].split(",")[0]) < 30  # the front of what the file has ends at 29


def test_nothing_left_out_ends_a_campaign_by_its_regret() -> None:
    spec = campaign(objective={"yield": {"goal": "maximize"}}, constraints=[LESS],
                    stop=[{"target": "yield", "regret": 1}])  # fmt: skip

    batch = plan(spec, measured(spec), seed=0, experiments=1)

    (chosen,) = batch.proposals
    assert batch.model["regret"]["settings"]["dose"] == 3.0  # not 10, which gave 99
    assert batch.model["regret"]["rules"][0]["chance"] > 0.9  # 50 is still to be had
    assert (chosen.candidate.settings["dose"], chosen.acquisition_value > 5) == (5.0, True)


def test_nothing_left_out_ends_a_campaign_by_its_value() -> None:
    stop = [{"target": "yield", "at_least": 95}]
    spec, free = campaign(constraints=[LESS], stop=stop), campaign(stop=stop)
    history = measured(spec)
    here = replace(history.observations[0], outcome=Measured((Measurement("yield", 96.0, "", 96.0),)))

    assert reason_to_stop(free, history, 20) == "yield reached 99, and at least 95 was wanted"
    assert reason_to_stop(spec, history, 20) == ""
    assert reason_to_stop(spec, History((*history.observations, here)), 21).startswith("yield reached 96,")


def test_what_was_measured_counts_where_nothing_of_it_is_left() -> None:
    spec = campaign(constraints=[{**LESS, "at_most": 0.5}])

    batch = plan(spec, measured(spec), seed=0, experiments=2)

    assert {p.candidate.settings["dose"] for p in batch.proposals} <= {0.0, 0.5}


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": {"yield": {"goal": "maximize"}}, "constraints": [{**LESS, "at_most": 0.5}]},
        {"objective": {"yield": {"goal": "maximize"}, "waste": {"goal": "keep", "at_most": 3}},
         "constraints": [{"name": "later", "sum": {"time": 1}, "at_least": 5}]},
    ],
    ids=["nothing of it is left", "what is left breaks a threshold"],
)  # fmt: skip
def test_no_regret_is_stated_of_what_is_not_the_best_of_the_file(changes: dict[str, Any]) -> None:
    spec = campaign(**changes, stop=[{"target": "yield", "regret": 1}])

    batch = plan(spec, measured(spec), seed=0, experiments=1)

    assert batch.model["believed_best"]
    assert "regret" not in batch.model


def test_what_a_unit_rounds_lies_within_the_bounds_still() -> None:
    heat = {"type": "number", "low": 20, "high": 100, "unit": "degC"}
    space = build_space(campaign(space={"heat": heat}))
    boiling, hotter = ({"heat": value} for value in (100.00000000000006, 100.1))  # 212 degF, as records have it

    assert boiling["heat"] > 100
    assert still_has(space, space.coordinates(boiling)[None]).all()
    assert why_left_out(space, boiling) == ""
    assert not still_has(space, space.coordinates(hotter)[None]).any()
    assert "heat is 20 to 100 degC" in why_left_out(space, hotter)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"mix.a": 0.3, "mix.b": 0.69, "heat": 60.5}, ""),  # off the step, and weighed in nearly
        ({"mix.a": 0.3, "mix.b": 0.7, "heat": 120.0}, "lies outside the space"),
        ({"mix.a": 0.6, "mix.b": 0.4, "heat": 60.0}, "it breaks 'little'"),
    ],
)
def test_steps_and_weighing_in_leave_nothing_out(settings: dict[str, float], rule: str) -> None:
    space = build_space(
        campaign(
            space={
                "mix": {"type": "mixture", "parts": ["a", "b"], "step": 0.1},
                "heat": {"type": "number", "low": 20, "high": 100, "step": 10},
            },
            constraints=[{"name": "little", "sum": {"mix.a": 1}, "at_most": 0.5}],
        )
    )

    x = space.coordinates(settings)

    assert np.array_equal(still_has(space, x[None]), [rule == ""])
    assert rule in why_left_out(space, settings) if rule else why_left_out(space, settings) == ""


def test_an_option_that_the_file_has_no_more_is_named() -> None:
    space = build_space(campaign(space={"base": {"type": "category", "options": ["CsOAc", "K3PO4"]}}))

    why = why_left_out(space, {"base": "KOAc"})

    assert why.startswith("is left out by the campaign file as it is: parameter 'base' has no option 'KOAc'")


def test_more_parts_than_a_mixture_may_have_now_are_left_out() -> None:
    blend = {"type": "mixture", "parts": ["a", "b", "c"], "at_most": 2}
    space = build_space(campaign(space={"mix": blend, "heat": {"type": "number", "low": 20, "high": 100}}))
    three, two = ({"mix.a": a, "mix.b": 0.3, "mix.c": 0.7 - a, "heat": 50.0} for a in (0.3, 0.7))

    x = np.array([space.coordinates(settings) for settings in (three, two)])

    assert still_has(space, x).tolist() == [False, True]
    assert "it breaks" in why_left_out(space, three)
    assert why_left_out(space, two) == ""
