"""What goes with a result on the worksheet: readings, circumstances, costs, and settings not as planned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.manual.laboratory import Manual
from adapters.manual.options import build
from loop.circumstances import read_expense
from loop.contracts import AttemptKey, Handle
from loop.costs import Expense
from loop.errors import AdapterUnavailable
from loop.outcome import Measured
from loop.testing.adapter import KEY, OTHER
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.manual.sheets import fill, outcome, read, sheet_of, write


def test_readings_and_what_was_recorded_beside_a_value_are_read(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    more = {"yield n": "3", "plate": "P7", "humidity": "41.5"}
    fill(sheet_of(tmp_path), KEY, yield_="61.5", sd="0.8", **more)
    result = outcome(manual, handle)

    assert isinstance(result, Measured)
    assert (result.measurements[0].sd, result.measurements[0].n) == (0.8, 3)
    assert json.loads(manual.fetch(handle)[0].payload)["context"] == {"plate": "P7", "humidity": "41.5"}


@pytest.fixture
def recording(tmp_path: Path) -> Manual:
    """A laboratory that is asked to record lot, operator and humidity with each result."""
    return build({}, replace(context(tmp_path), beside={"lot": None, "operator": None, "humidity": "%"}))


def test_what_is_to_be_recorded_has_columns_that_may_stay_empty(recording: Manual, tmp_path: Path) -> None:
    handle, second = (recording.prepare(EXPERIMENT, key) for key in (KEY, OTHER))
    recording.start(handle, KEY)
    recording.start(second, OTHER)
    path = sheet_of(tmp_path)

    assert list(read(path)[0])[-7:] == [
        "yield [%]",
        "yield sd",
        "lot",
        "operator",
        "humidity [%]",
        "outcome",
        "comment",
    ]
    fill(path, KEY, yield_="61.5", lot="007", operator="Ada", **{"humidity [%]": "41.5"})
    fill(path, OTHER, yield_="50")
    said = [json.loads(recording.fetch(h)[0].payload).get("context") for h in (handle, second)]
    assert said == [{"lot": "007", "operator": "Ada", "humidity": 41.5}, None]


@pytest.mark.parametrize(
    ("head", "cell", "value"),
    [
        ("humidity [%]", "about 40", "about 40"),
        ("humidity [1]", "0.415", 41.5),
        ("humidity (1)", "0.415", 41.5),
        ("humidity", "41.5", 41.5),
    ],
)
def test_a_number_beside_a_result_is_converted_where_its_column_states_another_unit(
    recording: Manual, tmp_path: Path, head: str, cell: str, value: float | str
) -> None:
    handle = recording.prepare(EXPERIMENT, KEY)
    recording.start(handle, KEY)
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5", **{"humidity [%]": cell})
    path.write_text(path.read_text(encoding="utf-8").replace("humidity [%]", head), encoding="utf-8")

    assert json.loads(recording.fetch(handle)[0].payload)["context"] == {"humidity": pytest.approx(value)}


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"humidity [mbar]": "12"}, r"has a column 'humidity \[mbar\]': a value in 'mbar' .*; give it in '%'"),
        ({"humidity [%]": "40", "humidity": "41"}, r"says humidity twice, in columns .*; empty or remove one"),
    ],
)
def test_a_column_that_cannot_be_recorded_is_said_and_nothing_is_read_until_it_is_corrected(
    recording: Manual, tmp_path: Path, cells: dict[str, str], rule: str
) -> None:
    handle = recording.prepare(EXPERIMENT, KEY)
    recording.start(handle, KEY)
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5", **cells)

    with pytest.raises(AdapterUnavailable, match=rule):
        recording.status(handle)
    write(path, [{name: "" if "humidity" in name else cell for name, cell in row.items()} for row in read(path)])
    assert isinstance(outcome(recording, handle), Measured)


@pytest.mark.parametrize("name", ["comment", "yield sd", "temperature [degC]"])
def test_what_is_recorded_under_the_name_of_another_column_has_one_of_its_own(tmp_path: Path, name: str) -> None:
    manual = build({}, replace(context(tmp_path), beside={name: None}))
    handle = manual.prepare(EXPERIMENT, KEY)
    manual.start(handle, KEY)
    fill(sheet_of(tmp_path), KEY, yield_="61.5", **{f"context {name}": "noted"})

    assert json.loads(manual.fetch(handle)[0].payload)["context"] == {name: "noted"}


def test_what_it_took_is_read_from_columns_of_the_persons_own(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5", hours="1.5", cost="about 20")
    payload = json.loads(manual.fetch(handle)[0].payload)

    assert read_expense(payload) == Expense(hours=1.5)
    assert payload["context"]["cost"] == "about 20"  # kept, and no number


def test_what_it_took_may_be_in_minutes_and_is_of_no_other_money(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5", **{"Hours [min]": "90", "cost [USD]": "77.7"})
    payload = json.loads(manual.fetch(handle)[0].payload)

    assert read_expense(payload) == Expense(hours=1.5)
    assert payload["context"]["cost [USD]"] == "77.7"


def test_settings_that_were_not_as_planned_are_told(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5", **{"temperature [degC]": "93.5"})

    assert json.loads(manual.fetch(handle)[0].payload)["context"] == {"actual": {"temperature": 93.5}}


def test_what_applies_in_some_rows_only_stands_among_the_settings(tmp_path: Path) -> None:
    manual = build({}, context(tmp_path))
    for key, settings in ((KEY, {"support": "silica", "mesh": "fine"}), (OTHER, {"support": "resin"})):
        handle = manual.prepare(replace(EXPERIMENT, settings=settings), key)
        manual.start(handle, key)
    header = list(read(sheet_of(tmp_path))[0])

    assert abs(header.index("mesh") - header.index("support")) == 1
    assert header.index("mesh") < header.index("yield [%]") < header.index("comment")


def test_a_number_that_does_not_apply_has_its_column_and_counts_where_it_is_filled_in(
    manual: Manual, tmp_path: Path
) -> None:
    neat = replace(EXPERIMENT, settings={"ligand": "none", "temperature": 90}, smiles={})
    neat = replace(neat, units={**neat.units, "loading": "%"})
    handles = [manual.prepare(neat, AttemptKey(key)) for key in ("one", "two", "three")]
    for handle in handles:
        manual.start(handle, AttemptKey(handle))
    fill(sheet_of(tmp_path), "one", ligand="PPh3", yield_="50", **{"loading [%]": "2.5"})
    fill(sheet_of(tmp_path), "two", yield_="40")
    fill(sheet_of(tmp_path), "three", yield_="30", **{"loading [%]": "n/a"})

    told = [json.loads(manual.fetch(handle)[0].payload).get("context", {}) for handle in handles]

    columns = list(read(sheet_of(tmp_path))[0])
    assert columns.index("loading [%]") == columns.index("temperature [degC]") + 1
    assert told == [{"actual": {"ligand": "PPh3", "loading": 2.5}}, {}, {"loading [%]": "n/a"}]
