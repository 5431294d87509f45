"""Opentrons robots for tests: a campaign's recipe, decks, and laboratories on a stand-in."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.common.options import read_options
from adapters.opentrons.adapter import Opentrons
from adapters.opentrons.options import OpentronsOptions
from adapters.opentrons.stand_in import StandIn
from adapters.plates.planning import CannotBePlanned, plan_plate
from adapters.registry import build
from loop.contracts import AdapterContext, AttemptKey, ExperimentSpec
from loop.plate.layout import Plate
from loop.recipe import Procedure, Recipe, work_out
from loop.spec import build_recipe, read_spec

CAMPAIGN = """\
campaign: coupling
space:
  ligand: {type: category, options: [XPhos, SPhos]}
  base: {type: category, options: [BTMG, MTBD]}
  temperature: {type: number, values: [60, 80], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
recipe:
  vessel: {holds: 300 uL}
  limiting: {of: halide, amount: 10 umol}
  stocks:
    halide: {concentration: 0.5 mol/L, solvent: DMSO}
    XPhos: {concentration: 0.05 mol/L, solvent: DMSO}
    SPhos: {concentration: 0.05 mol/L, solvent: DMSO}
    BTMG: {concentration: 0.75 mol/L, solvent: DMSO}
    MTBD: {concentration: 0.75 mol/L, solvent: DMSO}
    DMSO: {smiles: CS(C)=O, behaves: viscous}
  steps:
    - {dispense: halide, equivalents: 1}
    - {dispense: ligand, percent: 10}
    - {dispense: base, equivalents: 1.5, mix: 2}
    - {dispense: DMSO, to: 100 uL}
    - {heat: temperature, time: 2 h}
    - {measure: yield, by: HPLC}
plate: {rows: 2, columns: 3, share: {temperature: plate}}
planner: {initial: {experiments: 5}}
budget: {experiments: 12}
laboratory: {adapter: manual}
"""

OT2 = {
    "plate": {"labware": "corning_96_wellplate_360ul_flat", "slot": "1"},
    "stocks": [{"labware": "opentrons_15_tuberack_falcon_15ml_conical", "slot": "4"}],
    "tips": [
        {"labware": "opentrons_96_tiprack_20ul", "slots": ["5", "6", "7", "8"]},
        {"labware": "opentrons_96_tiprack_300ul", "slots": ["9"]},
    ],
    "pipettes": {"left": "p20_single_gen2", "right": "p300_single_gen2"},
}
FLEX = {
    "plate": {"labware": "corning_96_wellplate_360ul_flat", "slot": "D1"},
    "stocks": [{"labware": "opentrons_15_tuberack_falcon_15ml_conical", "slot": "C1"}],
    "tips": [
        {"labware": "opentrons_flex_96_tiprack_50ul", "slots": ["B2", "C2", "B1", "B3"]},
        {"labware": "opentrons_flex_96_tiprack_200ul", "slots": ["C3"]},
    ],
    "pipettes": {"left": "flex_1channel_50", "right": "flex_1channel_1000"},
}
DECKS = {"OT-2": OT2, "Flex": FLEX}
TARGETS = {"yield": "%"}


def options(**changes: Any) -> dict[str, Any]:
    """The laboratory section of a robot whose wells are measured at once."""
    machine = changes.get("machine", "OT-2")
    return {
        "robot": "stand-in",
        "machine": machine,
        "deck": DECKS[machine],
        "by_hand": ["heat"],
        "confirm": False,
        "poll": 0.0,
        "measured_by": {"adapter": "simulated"},
        **changes,
    }


def recipe(text: str = CAMPAIGN) -> Recipe:
    made = build_recipe(read_spec(text, source="coupling.yaml", read=lambda name: name))
    assert made is not None
    return made


def laboratory(folder: Path, *, text: str = CAMPAIGN, **changes: Any) -> Opentrons:
    said = recipe(text) if text else None
    context = AdapterContext(str(folder / "lab"), str(folder), "coupling", TARGETS, recipe=said)
    made = build("opentrons", options(**changes), context)
    assert isinstance(made, Opentrons)
    return made


def twin(folder: Path, **changes: Any) -> StandIn:
    """The robot behind ``laboratory`` of the same folder."""
    return StandIn(folder / "lab" / "stand-in", **changes)


def experiment(well: str = "A1", **settings: Any) -> ExperimentSpec:
    said = {"ligand": "XPhos", "base": "BTMG", "temperature": 80.0, **settings}
    place = {"plate": "1", "well": well, "row": well[0], "column": well[1:], "block": "1"}
    return ExperimentSpec("coupling", said, {"temperature": "degC"}, {}, TARGETS, place=place)


EXPERIMENT = experiment()
REFUSED = replace(EXPERIMENT, place={})


def count_runs(folder: Path, key: AttemptKey) -> int:
    return twin(folder).runs_of(key)


def runs_of(folder: Path) -> int:
    """How many attempts the robot began, over all."""
    return sum(twin(folder).moved().values())


RECIPE = recipe()


def told(**changes: Any) -> OpentronsOptions:
    return read_options(OpentronsOptions, "opentrons", options(**changes))


def deck(machine: str = "OT-2", **changes: Any) -> dict[str, Any]:
    return {**DECKS[machine], **changes}


def wells(rows: int, columns: int, of: Any = RECIPE, **settings: Any) -> dict[str, Procedure]:
    """A whole plate that takes every stock."""
    plate = Plate(rows, columns, (rows, columns))
    choices = itertools.cycle(itertools.product(["XPhos", "SPhos"], ["BTMG", "MTBD"]))
    return {
        plate.label(i): work_out(of, {"ligand": ligand, "base": base, "temperature": 80.0, **settings})
        for i, (ligand, base) in zip(range(plate.wells), choices, strict=False)
    }


def refused(said: OpentronsOptions, made: dict[str, Procedure], of: Any = RECIPE) -> list[str]:
    with pytest.raises(CannotBePlanned) as error:
        plan_plate(said, of, made)
    return [str(problem) for problem in error.value.problems]
