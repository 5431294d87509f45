"""Templates of commands and responses, both ways, and options that cannot be."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.csv_folder.laboratory import CsvFolder
from adapters.csv_folder.options import build
from adapters.errors import AdapterOptionsError
from adapters.registry import build as build_by_name
from loop.contracts import AttemptKey, Phase
from loop.outcome import Fault, FaultKind, Negative
from loop.spec import CampaignSpec, read_spec
from loop.testing.adapter import KEY
from tests.adapters.csv_folder.exchange import answer, begin, commands, outcome
from tests.adapters.csv_folder.rigs import FolderRig
from tests.adapters.helpers import EXPERIMENT, context

TEMPLATES: dict[str, Any] = {
    "command": {
        "columns": {
            "ligand": {"column": "Vial", "names": {"PPh3": "A3"}},
            "temperature": {"column": "Temp_K", "unit": "K"},
        },
        "constants": {"Protocol": "Suzuki-2"},
        "key": "SampleID",
        "number": "No",
        "delimiter": ";",
        "decimal": ",",
    },
    "response": {
        "columns": {"yield": {"column": "Area", "unit": "", "sd": "Area sd"}},
        "actual": {"temperature": {"column": "T_act", "unit": "K"}},
        "key": "SampleID",
        "status": {
            "column": "State",
            "measured": ["OK"],
            "negative": ["No product"],
            "fault": {"Clogged": "instrument_fault"},
            "unknown": ["Aborted"],
            "reason": "Note",
        },
    },
}


def test_a_command_speaks_the_devices_language(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(**TEMPLATES)
    begin(adapter)
    (path,) = commands(rig)

    assert adapter.validate(EXPERIMENT) == []
    assert path.name == f"000001-{KEY}.csv"
    assert path.read_bytes().decode() == f"SampleID;No;Vial;Temp_K;Protocol\r\n{KEY};1;A3;363,15;Suzuki-2\r\n"


def test_a_response_is_read_in_the_devices_language(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(**TEMPLATES)
    handle = begin(adapter)
    answer(rig, "r.csv", f"SampleID;Area;Area sd;State;Note;T_act;lamp\r\n{KEY};0,615;0,01;ok;fine;362,9;7\r\n")

    (measurement,) = outcome(adapter, handle).measurements
    context_ = json.loads(adapter.fetch(handle)[0].payload)["context"]
    assert (measurement.canonical, measurement.canonical_sd) == (pytest.approx(61.5), pytest.approx(1.0))
    assert context_["actual"] == {"temperature": pytest.approx(89.75)}
    assert context_["lamp"] == "7"


@pytest.mark.parametrize(
    ("unit", "sent", "value", "used"),
    [(None, "363.15", 61.5, 89.75), ("degC", "90", 61.5, 362.9)],  # what is said goes before what a name states
)
def test_names_of_columns_state_units(
    make: Callable[..., CsvFolder], rig: FolderRig, unit: str | None, sent: str, value: float, used: float
) -> None:
    command = {"columns": {"temperature": {"column": "Temp (K)", "unit": unit}}}
    actual = {"temperature": {"column": "T act [K]", "unit": unit}}
    adapter = make(command=command, response={"columns": {"yield": {"column": "Y []", "sd": "sY"}}, "actual": actual})
    handle = begin(adapter)
    answer(rig, "r.csv", f"key,Y [],sY,T act [K]\n{KEY},0.615,0.01,362.9\n")

    (measurement,) = outcome(adapter, handle).measurements
    assert adapter.validate(EXPERIMENT) == []
    assert next(csv.DictReader(io.StringIO(commands(rig)[0].read_text())))["Temp (K)"] == sent
    assert (measurement.canonical, measurement.canonical_sd) == (pytest.approx(value), pytest.approx(1.0))
    context_ = json.loads(adapter.fetch(handle)[0].payload)["context"]
    assert context_["actual"] == {"temperature": pytest.approx(used)}


def test_a_name_with_what_is_no_unit_of_its_quantity_states_none(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter = make(
        command={"columns": {"temperature": "Zone (A)"}},
        response={"columns": {"yield": "Area (mAU)"}, "actual": {"temperature": "Zone B (A)"}},
    )
    handle = begin(adapter)
    answer(rig, "r.csv", f"key,Area (mAU),Zone B (A)\n{KEY},61.5,89\n")

    assert adapter.validate(EXPERIMENT) == []
    assert next(csv.DictReader(io.StringIO(commands(rig)[0].read_text())))["Zone (A)"] == "90"
    assert outcome(adapter, handle).measurements[0].canonical == 61.5
    assert json.loads(adapter.fetch(handle)[0].payload)["context"]["actual"] == {"temperature": 89}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("No product", Negative("No product: seen by TLC")),
        ("clogged", Fault(FaultKind.INSTRUMENT_FAULT, "clogged: seen by TLC", False)),
    ],
)
def test_words_of_the_device_become_outcomes(
    make: Callable[..., CsvFolder], rig: FolderRig, state: str, expected: Any
) -> None:
    adapter = make(**TEMPLATES)
    handle = begin(adapter)
    answer(rig, "r.csv", f"SampleID,Area,State,Note\n{KEY},,{state},seen by TLC\n")

    assert outcome(adapter, handle) == expected


def test_a_word_that_no_status_names_waits_until_one_does(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    handle = begin(make(**TEMPLATES))
    answer(rig, "r.csv", f"SampleID,Area,State\n{KEY},0.5,Parked\n")
    status = make(**TEMPLATES).status(handle)
    told = {**TEMPLATES["response"]["status"], "measured": ["OK", "Parked"]}
    mended = {**TEMPLATES, "response": {**TEMPLATES["response"], "status": told}}

    assert status.phase is not Phase.ENDED
    assert status.wants == (
        "waits, since its response r.csv has 'Parked' in column 'State', which no status names; add it to "
        "laboratory.response.status"
    )
    assert outcome(make(**mended), handle).measurements[0].canonical == pytest.approx(50)


def test_what_the_template_cannot_say_is_named_before_anything_moves(make: Callable[..., CsvFolder]) -> None:
    columns = {"ligand": {"column": "L", "names": {"XPhos": "A1"}}, "temprature": "T", "temperature": "T2"}
    adapter = make(
        command={"columns": {**columns, "temperature": {"column": "T2", "unit": "mL"}}},
        response={
            "actual": {"temperature": {"column": "T3", "unit": "mL"}, "pressure": {"column": "P", "unit": "bar"}}
        },
    )

    assert [str(problem) for problem in adapter.validate(EXPERIMENT)] == [
        "parameter 'ligand': the device has no name for 'PPh3'; add it to laboratory.command.columns.ligand.names",
        "parameter 'temprature': the command has a column for it, and the campaign has none "
        "(did you mean 'temperature'?); correct laboratory.command.columns.temprature",
        "parameter 'temperature': a value in 'degC' cannot be given in 'mL': they measure different things; "
        "correct laboratory.command.columns.temperature.unit",
        "what was really set of 'temperature': a value in 'mL' cannot be given in 'degC': they measure different "
        "things; correct laboratory.response.actual.temperature.unit",
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "option 'folder' is missing; add it to the laboratory section"),
        ({"folder": "x", "comands": "y"}, "unknown option 'comands' (did you mean 'commands'?)"),
        ({"folder": "x", "commands": "../up"}, "option 'commands' must be"),
        (
            {"folder": "x", "commands": "../x"},
            "'commands' must be: the name of a folder, without / or \\ and not beginning",
        ),
        ({"folder": "x", "procedures": "commands"}, "folders with different names; 'commands' is there twice"),
        ({"folder": "x", "procedures": "../up"}, "option 'procedures' must be"),
        ({"folder": "x", "command": {"procedure": "key"}}, "columns with different names; 'key' is there twice"),
        (
            {"folder": "x", "command": {"procedure": "What"}},
            "command.procedure: there is no recipe to be told; add one",
        ),
        ({"folder": "x", "stale": 0}, "option 'stale' must be: greater than 0"),
        (
            {"folder": "x", "command": {"colums": {}}},
            "unknown option 'command.colums' (did you mean 'columns'?); known: columns, constants, key",
        ),
        (
            {"folder": "x", "command": {"columns": {"a": "T", "b": "T"}}},
            "columns with different names; 'T' is there twice",
        ),
        (
            {"folder": "x", "command": {"columns": {"a": {"column": "T", "unit": "Celcius"}}}},
            "unit 'Celcius' is unknown",
        ),
        ({"folder": "x", "command": {"decimal": ","}}, "a decimal comma between cells"),
        (
            {"folder": "x", "response": {"columns": {"yeild": "Y"}}},
            "'yeild' is no target (did you mean 'yield'?); known: yield",
        ),
        (
            {"folder": "x", "response": {"columns": {"yield": {"column": "Y", "unit": "K"}}}},
            "response.columns.yield.unit: a value in 'K' cannot be given in '%'",
        ),
        (
            {"folder": "x", "response": {"status": {"column": "s", "fault": {"jam": "clogged"}}}},
            "fault kinds; 'jam' is 'clogged'",
        ),
        (
            {"folder": "x", "response": {"status": {"column": "s", "measured": ["OK"], "unknown": ["ok"]}}},
            "each word with one meaning; 'ok' has two",
        ),
    ],
)
def test_options_that_cannot_be_are_named(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(AdapterOptionsError) as refusal:
        build(options, context(tmp_path))

    assert says in str(refusal.value)


def test_null_in_a_campaign_file_reaches_the_laboratory(tmp_path: Path) -> None:
    """``heartbeat: null`` says that there is none, and must not become the name that stands where nothing is said."""
    text = """
campaign: suzuki
space: {temperature: {type: number, low: 40, high: 100, unit: degC}}
objective: {yield: {goal: maximize, unit: "%"}}
budget: {experiments: 8}
laboratory:
  adapter: csv_folder
  folder: exchange
  heartbeat: null
  procedures: null
  response: {key: null}
"""
    spec = read_spec(text, source="suzuki.yaml", read=str)
    (tmp_path / "exchange").mkdir()

    again = CampaignSpec.from_resolved(json.loads(json.dumps(spec.resolved())))
    options = again.laboratory.options

    assert options == {"folder": "exchange", "heartbeat": None, "procedures": None, "response": {"key": None}}
    assert again.resolved() == spec.resolved()
    assert build_by_name("csv_folder", options, context(tmp_path)).health().is_ok


@pytest.mark.parametrize(
    ("known", "header"),
    [({}, "key,number,temperature [degC],ligand"), ({"number": 3}, "key,number,ligand,temperature [degC]")],
)
def test_columns_have_the_order_that_a_first_command_had(
    make: Callable[..., CsvFolder], rig: FolderRig, tmp_path: Path, known: dict[str, int], header: str
) -> None:
    if known:  # commands went out before an order was noted
        (tmp_path / "lab").mkdir()
        (tmp_path / "lab" / "number.json").write_text(json.dumps(known))
    begin(make(parameters=["temperature", "ligand"]), AttemptKey("one"))
    begin(make(parameters=["ligand", "temperature"]), AttemptKey("two"))  # the campaign file has another order by now

    assert [path.read_text().splitlines()[0] for path in commands(rig)] == [header, header]
