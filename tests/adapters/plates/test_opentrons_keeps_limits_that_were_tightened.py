"""A limit that is tightened while wells wait for their plate, or a plate for its robot, holds for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.common.limits import limited
from adapters.registry import build
from loop.contracts import Adapter, AdapterContext, AttemptKey, Phase, RunsTogether
from loop.limits import Bound, Limits
from loop.outcome import Fault, FaultKind, Measured
from tests.adapters.plates.at_the_robot import outcomes
from tests.adapters.plates.robots import CAMPAIGN, TARGETS, experiment, laboratory, options, recipe, runs_of, twin

# What differs on a plate cannot be heated at once.
TEXT = CAMPAIGN.replace("    - {heat: temperature, time: 2 h}\n", "").replace(
    "recipe:\n", "recipe:\n  beside: [temperature]\n"
)
HEAT = {"A1": 80.0, "A2": 60.0}
KEYS = {well: AttemptKey(f"attempt-{well}") for well in HEAT}


def behind(folder: Path, high: float, *, several: bool = False) -> Adapter:
    """The laboratory, in which nothing gets hotter than ``high`` (degC)."""
    limits = Limits((Bound("temperature", "temperature", high=high, unit="degC"),), ())
    if not several:
        return limited(laboratory(folder, text=TEXT), limits, None)
    context = AdapterContext(str(folder / "lab"), str(folder), "coupling", TARGETS, recipe=recipe(TEXT))
    section = {"laboratories": {"robot": {"adapter": "opentrons", **options()}}}
    return limited(build("several", section, context), limits, None)


def fill(lab: Adapter) -> list[str]:
    handles = []
    for well, heat in HEAT.items():
        handles.append(lab.prepare(experiment(well, temperature=heat), KEYS[well]))
        lab.start(handles[-1], KEYS[well])
    return handles


def end(lab: Adapter, handles: list[str]) -> list[Phase]:
    for _ in range(12):
        found = [lab.status(handle).phase for handle in handles]
    return found


@pytest.mark.parametrize("several", [False, True])
def test_what_waits_for_its_plate_ends_by_the_limit_and_the_rest_is_made(tmp_path: Path, several: bool) -> None:
    handles = fill(behind(tmp_path, 100.0, several=several))
    lab = behind(tmp_path, 70.0, several=several)
    assert isinstance(lab, RunsTogether)
    lab.close("1", handles)
    phases = end(lab, handles)
    first, second = outcomes(lab, handles)  # type: ignore[arg-type]

    assert phases == [Phase.ENDED, Phase.ENDED]
    assert isinstance(first, Fault)
    assert first.kind is FaultKind.INPUT_ERROR
    assert "limit 'temperature' of the laboratory" in first.message
    assert isinstance(second, Measured)
    if not several:
        assert twin(tmp_path).moved() == {KEYS["A2"]: 1}


def test_a_plate_that_waits_for_its_robot_is_not_played_and_the_rest_may_be_made_again(tmp_path: Path) -> None:
    """Its protocol was written with the well in it: nothing of it moves, and what broke no limit is tried again."""
    lab = behind(tmp_path, 100.0)
    handles = fill(lab)
    assert isinstance(lab, RunsTogether)
    lab.close("1", handles)
    lab.ask_leave(lambda: False)  # type: ignore[attr-defined]  # a safety stop, while the plate waits
    assert lab.status(handles[0]).phase is Phase.WAITING
    lab = behind(tmp_path, 70.0)
    phases = end(lab, handles)
    first, second = outcomes(lab, handles)  # type: ignore[arg-type]

    assert phases == [Phase.ENDED, Phase.ENDED]
    assert isinstance(first, Fault)
    assert isinstance(second, Fault)
    assert (first.kind, second.kind) == (FaultKind.INPUT_ERROR, FaultKind.RESOURCE_ERROR)
    assert "the plate was not played: a limit was tightened, and A1 broke it" in second.message
    assert runs_of(tmp_path) == 0


def test_what_is_being_made_goes_on(tmp_path: Path) -> None:
    lab = behind(tmp_path, 100.0)
    handles = fill(lab)
    assert isinstance(lab, RunsTogether)
    lab.close("1", handles)
    assert lab.status(handles[0]).phase is Phase.RUNNING
    lab = behind(tmp_path, 70.0)
    end(lab, handles)

    assert all(isinstance(o, Measured) for o in outcomes(lab, handles))  # type: ignore[arg-type]
    assert runs_of(tmp_path) == 2


def test_a_recipe_that_was_changed_so_that_nothing_of_a_closed_plate_can_be_made_ends_it(tmp_path: Path) -> None:
    handles = fill(lab := laboratory(tmp_path, text=TEXT))
    lab.close("1", handles)
    changed = replace(made := recipe(TEXT), vessel=replace(made.vessel, holds=90.0))
    again = build(
        "opentrons",
        options(),
        AdapterContext(str(tmp_path / "lab"), str(tmp_path), "coupling", TARGETS, recipe=changed),
    )
    phases = end(again, handles)
    found = outcomes(again, handles)  # type: ignore[arg-type]

    assert phases == [Phase.ENDED, Phase.ENDED]
    assert [fault.kind for fault in found if isinstance(fault, Fault)] == [FaultKind.INPUT_ERROR] * 2
    assert "it holds 90 µL and would have 100 µL in it" in str(found[0])
    assert runs_of(tmp_path) == 0
