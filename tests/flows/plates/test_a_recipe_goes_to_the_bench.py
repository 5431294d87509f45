"""A recipe from the campaign file to the worksheet and the printed plate, and refusals before anything is sent."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.opentrons.stand_in import StandIn
from flows.wiring import open_record
from loop.experiment import Event
from tests.adapters.plates.robots import options

SPEC = """\
campaign: coupling
space:
  ligand: {type: category, options: [XPhos, SPhos]}
  temperature: {type: number, values: [60, 80], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
recipe:
  vessel: {holds: 200 uL}
  limiting: {of: halide, amount: 10 umol}
  stocks:
    halide: {concentration: 0.5 mol/L, solvent: DMSO, there: 90 uL, dead: 10 uL}
    XPhos: {concentration: 0.05 mol/L, solvent: DMSO}
    SPhos: {concentration: 0.05 mol/L, solvent: DMSO}
  steps:
    - {dispense: halide, equivalents: 1}
    - {dispense: ligand, percent: 10}
    - {heat: temperature, time: 2 h}
plate: {rows: 2, columns: 2}
planner: {initial: {experiments: 4}}
budget: {experiments: 8}
laboratory: {adapter: manual}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "coupling.yaml"
    path.write_text(SPEC)
    return path


def test_each_row_of_the_worksheet_says_what_is_to_be_done(spec: Path, hakken: Any, home: Any) -> None:
    assert hakken("tick", spec).code == 0
    (sheet,) = home.home.rglob("worksheet.csv")
    rows = list(csv.DictReader(sheet.read_text(encoding="utf-8-sig").splitlines()))

    assert len(rows) == 4
    for row in rows:
        assert row["procedure"] == (
            "Dispense 20 µL of halide, 0.5 mol/L in DMSO (10 µmol, 1 equiv). "
            f"Add 20 µL of {row['ligand']}, 0.05 mol/L in DMSO (1 µmol, 10 mol %). "
            f"Heat to {row['temperature [degC]']} °C for 2 h."
        )


def test_the_printed_plate_says_what_to_prepare_and_what_is_too_little(spec: Path, hakken: Any, home: Any) -> None:
    spec.write_text(SPEC.replace("there: 90 uL", "there: 85 uL"))
    assert hakken("tick", spec).code == 0
    shown, document = hakken("plate", "coupling").out, hakken("plate", "coupling", "--json").json
    (written,) = home.home.rglob("plate-*.html")
    page = written.read_text(encoding="utf-8")

    halide = "halide, 0.5 mol/L in DMSO: 90 µL for 4 experiments, 10 µL of it not to be drawn"
    assert f"   to prepare: {halide}\n" in shown
    assert "   too little: stock 'halide': 4 experiments need 80 µL" in shown
    assert halide in document["prepare"]
    assert len(document["short"]) == 1
    assert all(well["procedure"].startswith("Dispense 20 µL of halide") for well in document["wells"])
    assert "halide, 0.5 mol/L in DMSO: 90 µL for 4 experiments, 10 µL of it not to be drawn" in page
    assert "4 experiments need 80 µL and 10 µL that cannot be drawn, and there are 85 µL" in page
    assert page.count("Dispense 20 µL of halide") == 4


@pytest.mark.parametrize("adapter", ["manual", "simulated"])
def test_a_batch_for_which_a_stock_does_not_suffice_waits_until_the_file_says_more(
    adapter: str, spec: Path, hakken: Any, home: Any
) -> None:
    short = SPEC.replace("there: 90 uL", "there: 85 uL").replace("adapter: manual", f"adapter: {adapter}")
    spec.write_text(short)
    held = hakken("run", spec, "--json")
    with open_record(home) as ledger:
        before = {a.state.value for a in ledger.attempts("coupling")}
    spec.write_text(short.replace("there: 85 uL", "there: 90 uL"))
    sent = hakken("tick", spec)
    with open_record(home) as ledger:
        after = {a.state.value for a in ledger.attempts("coupling")}

    assert held.code == sent.code == 0
    assert before == {"ready"}
    assert "Round 1 waits for stocks: stock 'halide': 4 experiments need 80 µL and 10 µL" in held.json["next_step"]
    assert "there are 85 µL; prepare at least 90 µL" in held.json["next_step"]
    assert "write what is there into the campaign file" in held.json["next_step"]
    assert after <= {"submitted", "running", "ended"}


def test_what_must_not_be_made_is_withdrawn_before_it_is_sent(spec: Path, hakken: Any, home: Any) -> None:
    """The rule comes into the file when the batch is planned already."""
    spec.write_text(SPEC.replace("adapter: manual}", "adapter: manual, approval: person}"))
    assert hakken("tick", spec).code == 0
    stricter = spec.read_text().replace(
        "plate:", "  rules: [{never: [XPhos, DMSO], why: it is oxidised, above: 70 degC}]\nplate:"
    )
    spec.write_text(
        stricter.replace(
            "objective:",
            "constraints: [{exclude: {ligand: XPhos, temperature: 80}}]\nobjective:",
        )
    )
    assert hakken("tick", spec).code == 0
    assert hakken("approve", "coupling", "1").code == 0
    assert hakken("tick", "coupling").code == 0
    with open_record(home) as ledger:
        planned = [a for a in ledger.attempts("coupling") if a.round_number == 1]
        told = {s.key: s.detail for s in ledger.steps("coupling") if s.event is Event.EXPIRE}

    withdrawn = [a for a in planned if (a.settings["ligand"], a.settings["temperature"]) == ("XPhos", 80.0)]
    assert withdrawn
    assert len(planned) == 4
    assert {a.key for a in withdrawn} == set(told)
    assert all("the campaign file was changed since" in why for why in told.values())
    assert {a.state.value for a in planned if a not in withdrawn} == {"submitted"}


def test_a_robot_makes_the_plate_and_then_a_person_is_asked_for_what_was_measured(
    spec: Path, hakken: Any, home: Any
) -> None:
    said = yaml.safe_load(SPEC)
    said["recipe"]["stocks"]["halide"] = {"concentration": "0.5 mol/L", "solvent": "DMSO"}
    said["plate"]["share"] = {"temperature": "plate"}
    said["laboratory"] = {"adapter": "opentrons", **options(measured_by={"adapter": "manual"})}
    spec.write_text(yaml.safe_dump(said, sort_keys=False))
    ran = hakken("run", spec, "--json")
    (sheet,) = home.home.rglob("worksheet.csv")
    rows = list(csv.DictReader(sheet.read_text(encoding="utf-8-sig").splitlines()))
    moved = StandIn(home.folder("coupling") / "laboratory" / "stand-in").moved()

    assert ran.code == 0, ran.err
    assert f"fill in {sheet}" in ran.json["next_step"]
    assert sorted(moved) == sorted(row["key"] for row in rows)
    assert set(moved.values()) == {1}
