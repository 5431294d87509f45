"""A plate for which the deck has no wells, or that it cannot treat as a whole, is refused with the file."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

SPEC: dict[str, Any] = {
    "campaign": "coupling",
    "space": {
        "ligand": {"type": "category", "options": ["XPhos", "SPhos"]},
        "temperature": {"type": "number", "values": [60, 80], "unit": "degC"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%"}},
    "plate": {"rows": 4, "columns": 6, "share": {"temperature": "plate"}},
    "recipe": {
        "vessel": {"holds": "300 uL"},
        "stocks": {name: {"concentration": "0.1 mol/L", "solvent": "DMSO"} for name in ("XPhos", "SPhos")},
        "steps": [
            {"dispense": "ligand", "volume": "20 uL"},
            {"heat": "temperature", "time": "2 h"},
            {"measure": "yield"},
        ],
    },
    "budget": {"experiments": 24},
    "laboratory": {
        "adapter": "opentrons",
        "robot": "stand-in",
        "machine": "OT-2",
        "deck": {
            "plate": {"labware": "corning_24_wellplate_3.4ml_flat", "slot": "1"},
            "stocks": [{"labware": "opentrons_24_tuberack_nest_1.5ml_snapcap", "slot": "4"}],
            "tips": [{"labware": "opentrons_96_tiprack_20ul", "slots": ["5"]}],
            "pipettes": {"left": "p20_single_gen2"},
        },
        "by_hand": ["heat"],
    },
}


def with_plate(**plate: Any) -> dict[str, Any]:
    changed = deepcopy(SPEC)
    changed["plate"] |= plate
    return changed


def beside_a_person(person_takes: str | list[str] = "SPhos", **plate: Any) -> dict[str, Any]:
    """The robot makes what has XPhos, a person the rest, or that too."""
    changed = with_plate(**plate)
    robot = {**changed["laboratory"], "when": {"ligand": "XPhos"}}
    parts = {"robot": robot, "hand": {"adapter": "manual", "when": {"ligand": person_takes}}}
    return changed | {"laboratory": {"adapter": "several", "laboratories": parts}}


def by_hand(**plate: Any) -> dict[str, Any]:
    return with_plate(**plate) | {"laboratory": {"adapter": "manual"}}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        pytest.param(SPEC, "", id="shared by the plate"),
        pytest.param(with_plate(rows=1, share={"temperature": "row"}), "", id="shared by the only row"),
        pytest.param(with_plate(rows=1, columns=1, share={}), "", id="a single well"),
        pytest.param(
            with_plate(rows=8, columns=12),
            "would refuse whatever lies in well H12: well H12: corning_24_wellplate_3.4ml_flat has wells A1 to D6; "
            "let plate.rows and plate.columns be those of the labware",
            id="larger than the labware",
        ),
        pytest.param(beside_a_person(), "", id="beside a person"),
        pytest.param(
            beside_a_person(rows=8, columns=12),
            "laboratory 'robot' of 'several' would refuse whatever lies in well H12: well H12: corning_24_wellplate",
            id="larger than the labware of one of several",
        ),
        pytest.param(
            beside_a_person(["XPhos", "SPhos"], rows=8, columns=12),
            "",
            id="larger than that of one of which a person takes all",
        ),
        pytest.param(by_hand(share={}), "", id="shared by none and made by a person"),
        pytest.param(
            with_plate(rows=2, share={"temperature": "row"}),
            "makes no plate in which 'temperature' differs: step 2: well A1",
            id="shared by each of two rows",
        ),
        pytest.param(
            with_plate(share={"temperature": "row"}),
            "makes no plate in which 'temperature' differs: step 2: well A1 is to be heated to 60 °C for 2 h and well "
            "D6 to be heated to 80 °C for 2 h, and a plate does both at once; share the parameter by plate",
            id="shared by row",
        ),
        pytest.param(
            with_plate(share={}), "makes no plate in which 'temperature' differs: step 2", id="shared by none"
        ),
    ],
)
def test_what_a_deck_cannot_make_of_a_plate_is_said_before_anything_is_planned(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("coupling.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")

    told = [hakken("validate", "coupling.yaml"), hakken("run", "--dry-run", "coupling.yaml")]

    assert [one.code for one in told] == ([2, 2] if says else [0, 0])
    assert all(says in one.err for one in told)
