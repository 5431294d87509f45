"""The manual laboratory: the contract, and everything a person may do to a worksheet."""

from __future__ import annotations

import csv
import json
import re
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.files import worksheet
from adapters.manual import Manual, build
from loop.circumstances import read_expense
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase
from loop.costs import Expense
from loop.errors import AdapterUnavailable, OutcomeError, PartUnavailable
from loop.outcome import Fault, FaultKind, Measured, Negative, Qualifier, read_outcome
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.helpers import EXPERIMENT, context


def sheet_of(folder: Path) -> Path:
    return folder / "lab" / "worksheet.csv"


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def fill(path: Path, key: str, **cells: str) -> None:
    """Type something into the row of ``key``; ``yield_`` stands for the column of the target."""
    cells = {{"yield_": "yield [%]", "sd": "yield sd"}.get(name, name): text for name, text in cells.items()}
    write(path, [{**row, **cells} if row["key"] == key else row for row in read(path)])


class TestManual(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: build({}, context(tmp_path))

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        path = sheet_of(tmp_path)
        return lambda key: sum(row["key"] == key for row in read(path)) if path.exists() else 0

    @pytest.fixture
    def finish(self, tmp_path: Path) -> Callable[[Adapter, Handle], None]:
        def type_results(_adapter: Adapter, _handle: Handle) -> None:
            path = sheet_of(tmp_path)
            write(path, [{**row, "yield [%]": row["yield [%]"] or "61.5"} for row in read(path)])

        return type_results


@pytest.fixture
def manual(tmp_path: Path) -> Manual:
    return build({}, context(tmp_path))


@pytest.fixture
def handle(manual: Manual) -> Handle:
    handle = manual.prepare(EXPERIMENT, KEY)
    manual.start(handle, KEY)
    return handle


def outcome(manual: Manual, handle: Handle, number: int = -1) -> Measured | Negative | Fault:
    return read_outcome(json.loads(manual.fetch(handle)[number].payload), EXPERIMENT.targets)


def test_the_worksheet_says_what_to_do_and_where_to_write(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    (row,) = read(sheet_of(tmp_path))

    assert row == {
        "key": KEY,
        "run_order": "1",
        "ligand": "PPh3",
        "temperature [degC]": "90",
        "ligand_smiles": EXPERIMENT.smiles["ligand"],
        "yield [%]": "",
        "yield sd": "",
        "outcome": "",
        "comment": "",
    }
    assert "worksheet.csv" in manual.status(handle).detail


@pytest.mark.parametrize(
    "other",
    [
        {"smiles": {"ligand": "P", "base": "[OH-]"}},  # several, known by their names
        {"smiles": {"ligand": "P"}, "settings": {"ligand": "P"}},  # called by its structure
        {"smiles": {"ligand": "P"}, "targets": {"ligand_smiles": ""}},  # another column's name
        {"smiles": {"blend.water": "O"}, "settings": {"blend.water": 1.0, "blend.DMF": 0.0}},  # a part of a mixture
        {"smiles": {}},
    ],
)
def test_a_structure_has_a_column_where_one_molecule_is_called_otherwise(tmp_path: Path, other: dict[str, Any]) -> None:
    experiment = replace(EXPERIMENT, **other)
    manual = build({}, replace(context(tmp_path), targets=experiment.targets))
    manual.start(manual.prepare(experiment, KEY), KEY)

    (row,) = read(sheet_of(tmp_path))

    assert [name for name in row if name.endswith("_smiles")] == [n for n in experiment.targets if "smiles" in n]


def test_a_value_with_its_deviation_is_measured(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_=" 61.5 ", sd="0.8", comment="slightly brown")
    result = outcome(manual, handle)

    assert isinstance(result, Measured)
    assert (result.measurements[0].value, result.measurements[0].sd) == (61.5, 0.8)
    assert json.loads(manual.fetch(handle)[0].payload)["context"] == {"comment": "slightly brown"}


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


def test_a_limit_is_kept_as_a_limit(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="<1", outcome="negative", comment="no conversion")
    result = outcome(manual, handle)

    assert isinstance(result, Negative)
    assert result.reason == "no conversion"
    assert result.measurements[0].qualifier is Qualifier.BELOW


def test_a_negative_needs_no_number(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, outcome="Negative")

    assert isinstance(outcome(manual, handle), Negative)


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("fault:instrument_fault", FaultKind.INSTRUMENT_FAULT),
        ("Consumable_missing", FaultKind.CONSUMABLE_MISSING),
        ("Fault: consumable_missing", FaultKind.CONSUMABLE_MISSING),
        ("fault", FaultKind.UNKNOWN),
        ("cancelled", FaultKind.CANCELLED),
    ],
)
def test_a_fault_is_told_by_its_kind(
    manual: Manual, handle: Handle, tmp_path: Path, typed: str, kind: FaultKind
) -> None:
    fill(sheet_of(tmp_path), KEY, outcome=typed, comment="the needle clogged")
    result = outcome(manual, handle)

    assert isinstance(result, Fault)
    assert (result.kind, result.message) == (kind, "the needle clogged")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"yield_": "about 60"}, "'yield': value must be a finite number, got 'about 60'"),
        ({"yield_": "nan"}, "got 'nan'"),
        ({"yield_": "61,5"}, "got '61,5'"),
        ({"yield_": "60", "sd": "small"}, "'yield': sd must be a finite number, got 'small'"),
        ({"yield_": "60", "yield n": "2.5"}, "'yield': n must be a whole number, got 2.5"),
        ({"outcome": "negativ"}, "outcome must be 'measured', 'negative' or 'fault', got 'negativ'"),
        ({"outcome": "failed"}, "got 'failed'; negative: it ran as intended and gave nothing, fault: it did not"),
        ({"outcome": "fault:clog"}, "fault kind 'clog' is unknown"),
        ({"outcome": "measured"}, "without values"),
    ],
)
def test_what_cannot_be_understood_comes_as_an_envelope_all_the_same(
    manual: Manual, handle: Handle, tmp_path: Path, cells: dict[str, str], message: str
) -> None:
    fill(sheet_of(tmp_path), KEY, **cells)
    (envelope,) = manual.fetch(handle)

    assert manual.status(handle).phase is Phase.ENDED
    with pytest.raises(OutcomeError, match=message.replace("(", r"\(")):
        read_outcome(json.loads(envelope.payload), EXPERIMENT.targets)


def test_an_unknown_key_comes_as_an_envelope_once_with_the_next_fetch(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    second = manual.prepare(EXPERIMENT, OTHER)
    manual.start(second, OTHER)
    path = sheet_of(tmp_path)
    rows = [{**row, "yield [%]": "50"} for row in read(path)]
    write(path, [*rows, {**rows[0], "key": "0195-typo", "yield [%]": "70"}])

    assert [envelope.key for envelope in manual.fetch(handle)] == [KEY, "0195-typo"]
    assert [envelope.key for envelope in manual.fetch(handle)] == [KEY, "0195-typo"]
    assert [envelope.key for envelope in manual.fetch(second)] == [OTHER]


def test_a_row_edited_later_gives_a_further_envelope_and_leaves_the_first(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    (first,) = manual.fetch(handle)
    fill(sheet_of(tmp_path), KEY, yield_="65.1")

    assert manual.fetch(handle)[0] == first
    assert [json.loads(e.payload)["values"][0]["value"] for e in manual.fetch(handle)] == [61.5, 65.1]


def test_a_row_corrected_after_its_attempt_ended_goes_out_with_the_next_that_ends(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    path = sheet_of(tmp_path)
    second = manual.prepare(EXPERIMENT, OTHER)
    manual.start(second, OTHER)
    fill(path, KEY, yield_="61.5")
    manual.fetch(handle)
    fill(path, KEY, yield_="65.1")
    fill(path, OTHER, yield_="50")
    manual.status(second)

    told = [(e.key, json.loads(e.payload)["values"][0]["value"]) for e in manual.fetch(second)]
    again = build({}, context(tmp_path)).fetch(second)

    assert told == [(OTHER, 50), (KEY, 65.1)]
    assert again == manual.fetch(second)


def test_a_row_that_was_only_saved_anew_is_no_correction(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    path = sheet_of(tmp_path)
    second = manual.prepare(EXPERIMENT, OTHER)
    manual.start(second, OTHER)
    fill(path, KEY, yield_="61.5")
    manual.fetch(handle)
    fill(path, KEY, yield_=" 61.50", run_order="7")
    fill(path, OTHER, yield_="50")

    assert [e.key for e in manual.fetch(second)] == [OTHER]


def test_an_envelope_outlives_the_worksheet(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    before = manual.fetch(handle)
    sheet_of(tmp_path).unlink()

    assert build({}, context(tmp_path)).fetch(handle) == before


def test_a_row_waits_until_every_target_has_a_value(tmp_path: Path) -> None:
    targets = {"yield": "%", "cost": ""}
    two = replace(EXPERIMENT, targets=targets)
    manual = build({}, replace(context(tmp_path), targets=targets))
    handle = manual.prepare(two, KEY)
    manual.start(handle, KEY)
    fill(sheet_of(tmp_path), KEY, yield_="60")

    assert manual.status(handle).phase is Phase.WAITING
    fill(sheet_of(tmp_path), KEY, outcome="measured")
    assert manual.status(handle).phase is Phase.ENDED


@pytest.mark.usefixtures("handle")
def test_a_full_disk_leaves_the_worksheet_where_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5")
    typed, beside = path.read_bytes(), {p.name for p in path.parent.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(typed), hard))  # no room for one row more
        with pytest.raises(OSError, match="too large"):
            worksheet.change_sheet(path, lambda sheet: worksheet.with_rows(sheet, sheet.columns, [{"key": OTHER}]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == typed
    assert {p.name for p in path.parent.iterdir()} - {"worksheet.csv.previous"} == beside - {"worksheet.csv.previous"}


def test_new_rows_leave_filled_ones_and_foreign_columns_as_they_are(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    path = sheet_of(tmp_path)
    write(
        path, [{**row, "yield [%]": "61.5", "operator": "Ada", "comment": 'a "quoted", odd; one'} for row in read(path)]
    )
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)
    first, second = read(path)

    assert (first["yield [%]"], first["operator"], first["comment"]) == ("61.5", "Ada", 'a "quoted", odd; one')
    assert (second["key"], second["run_order"], second["yield [%]"]) == (OTHER, "2", "")
    assert json.loads(manual.fetch(handle)[0].payload)["context"]["operator"] == "Ada"


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


def test_a_sheet_saved_while_ours_is_being_written_is_merged(
    manual: Manual, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manual.start(manual.prepare(EXPERIMENT, KEY), KEY)
    path = sheet_of(tmp_path)
    typed = [{**row, "yield [%]": "61.5"} for row in read(path)]
    put = worksheet._put
    calls = []

    def saved_by_the_person_first(target: Path, text: str) -> bool:
        if not calls:
            write(target, typed)
        calls.append(text)
        return put(target, text)

    monkeypatch.setattr(worksheet, "_put", saved_by_the_person_first)
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)

    assert len(calls) == 2
    assert [(row["key"], row["yield [%]"]) for row in read(path)] == [(KEY, "61.5"), (OTHER, "")]


def test_a_rewrite_cut_short_is_taken_up_again(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5")
    path.rename(path.with_name("worksheet.csv.previous"))

    assert isinstance(outcome(manual, handle), Measured)
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)
    assert [(row["key"], row["yield [%]"]) for row in read(path)] == [(KEY, "61.5"), (OTHER, "")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_what_spreadsheets_write_is_understood(manual: Manual, handle: Handle, tmp_path: Path, encoding: str) -> None:
    text = f'key;"yield [%]";"yield sd";comment\r\n{KEY};61,5;0,5;trübe\r\n'
    sheet_of(tmp_path).write_bytes(text.encode(encoding))
    result = outcome(manual, handle)

    assert isinstance(result, Measured)
    assert (result.measurements[0].value, result.measurements[0].sd) == (61.5, 0.5)
    assert json.loads(manual.fetch(handle)[0].payload)["context"]["comment"] == "trübe"


@pytest.mark.parametrize("number", ["61,5", "61.5"])
def test_unicode_text_with_tabs_is_understood_and_stays_so(
    manual: Manual, handle: Handle, tmp_path: Path, number: str
) -> None:
    path = sheet_of(tmp_path)
    path.write_bytes(f"key\tyield [%]\tcomment\r\n{KEY}\t{number}\ttrübe, nass\r\n".encode("utf-16"))
    result = outcome(manual, handle)
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter="\t"))

    assert isinstance(result, Measured)
    assert result.measurements[0].value == 61.5
    assert [(r["key"], r["yield [%]"], r["comment"]) for r in rows] == [(KEY, number, "trübe, nass"), (OTHER, "", "")]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "is an Excel workbook or another archive, and no text; save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\x00\x00", "is an Excel workbook, and no text; save the sheet as CSV"),
        (b"ligand,yield [%]\r\nPPh3,61.5\r\n", "has no column 'key' .*'ligand,yield .*put the header"),
        (b"Reported by Ada\r\nkey,yield [%]\r\n", "has no column 'key' .*which reads 'Reported by Ada'"),
    ],
)
def test_what_is_no_worksheet_is_said_and_never_written_over(
    manual: Manual, handle: Handle, tmp_path: Path, data: bytes, rule: str
) -> None:
    sheet_of(tmp_path).write_bytes(data)

    with pytest.raises(AdapterUnavailable, match=rule):
        manual.status(handle)
    with pytest.raises(AdapterUnavailable, match=rule):
        manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)
    assert sheet_of(tmp_path).read_bytes() == data
    assert manual.find(KEY) == Found(handle, started=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda line, at: [*line[:at], "61", "5", *line[at + 1 :]], "write 61.5 where that is one number"),
        (lambda line, at: [*line[:at], "<61", "5", *line[at + 1 :]], "with <61 and 5 side by side from 'yield "),
        (
            lambda line, at: [*line[:at], "61", *line[at + 1 :], "3" if line[0] == KEY else "yield [%]"],
            "has two columns",
        ),
    ],
)
def test_a_number_that_may_be_two_is_asked_for_and_never_guessed(
    manual: Manual, handle: Handle, tmp_path: Path, change: Callable[[list[str], int], list[str]], says: str
) -> None:
    sheet = sheet_of(tmp_path)
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        header, line = csv.reader(file)
    head = [*header, "yield [%]"] if "two" in says else header
    typed = "".join(",".join(cells) + "\r\n" for cells in (head, change(line, header.index("yield [%]")))).encode()
    sheet.write_bytes(typed)

    for ask in (lambda: manual.status(handle), lambda: manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)):
        with pytest.raises(AdapterUnavailable, match=says):
            ask()
    assert sheet.read_bytes() == typed


def test_words_in_the_margin_leave_a_number_as_it_is(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path)
    sheet.write_bytes(sheet.read_bytes().removesuffix(b",,,\r\n") + b"61,,,,a margin\r\n")

    assert outcome(manual, handle).measurements[0].value == 61.0


def test_results_under_another_name_of_their_column_are_missed_aloud(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5")
    text = path.read_text(encoding="utf-8").replace("yield [%]", "yield (%)")
    path.write_text(text, encoding="utf-8")

    with pytest.raises(AdapterUnavailable, match=r"has no column 'yield \[%\]'.*it has key, .*yield \(%\)"):
        manual.status(handle)
    fill(path, KEY, outcome="negative")
    assert isinstance(outcome(manual, handle), Negative)


def test_a_target_that_came_later_gets_its_column(handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    both = build({}, replace(context(tmp_path), targets={"yield": "%", "purity": "%"}))
    waiting = both.status(handle)
    (row,) = read(sheet_of(tmp_path))

    assert (waiting.phase, "nothing of purity yet" in waiting.wants) == (Phase.WAITING, True)
    assert (row["yield [%]"], row["purity [%]"], row["purity sd"]) == ("61.5", "", "")
    assert "purity [%]" in (tmp_path / "lab" / "worksheet-form.html").read_text()


def with_purity(tmp_path: Path) -> Manual:
    """The laboratory once the campaign file has a second target."""
    return build({}, replace(context(tmp_path), targets={"yield": "%", "purity": "%"}))


def test_a_form_filled_in_before_a_target_came_is_completed_on_the_worksheet(handle: Handle, tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path)
    returned = sheet.with_name("worksheet-returned.csv")
    returned.write_text(f"key;yield [%];outcome;batch\n{KEY};61,5;;A\n", encoding="utf-8")
    both = with_purity(tmp_path)

    waiting = both.status(handle)
    assert waiting.phase is Phase.WAITING
    assert "has yield on worksheet.csv, and nothing of purity yet" in waiting.wants
    fill(sheet, KEY, outcome="measured")
    assert both.status(handle).phase is Phase.ENDED
    found = read_outcome(json.loads(both.fetch(handle)[0].payload), {"yield": "%", "purity": "%"})
    assert isinstance(found, Measured)
    assert [(m.property, m.value) for m in found.measurements] == [("yield", 61.5)]


def test_parts_of_a_result_given_back_one_after_another_are_one_result(handle: Handle, tmp_path: Path) -> None:
    sheet, both = sheet_of(tmp_path), with_purity(tmp_path)
    sheet.with_name("worksheet-returned.csv").write_text(f"key,yield [%]\n{KEY},61.5\n", encoding="utf-8")
    sheet.with_name("worksheet-returned (1).csv").write_text(f"key,purity [%]\n{KEY},98\n", encoding="utf-8")

    assert both.status(handle).phase is Phase.ENDED
    (envelope,) = both.fetch(handle)
    found = read_outcome(json.loads(envelope.payload), {"yield": "%", "purity": "%"})
    assert isinstance(found, Measured)
    assert [(m.property, m.value) for m in found.measurements] == [("yield", 61.5), ("purity", 98.0)]


def test_a_result_given_back_under_another_name_of_its_column_is_asked_for(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    sheet = sheet_of(tmp_path)
    sheet.with_name("worksheet-returned.csv").write_text(f"key,yield (%)\n{KEY},61.5\n", encoding="utf-8")

    waiting = manual.status(handle)
    assert waiting.phase is Phase.WAITING
    assert "has a row on worksheet-returned.csv and no column 'yield [%]'" in waiting.wants
    fill(sheet, KEY, yield_="61.5")
    assert manual.status(handle).phase is Phase.ENDED


@pytest.mark.parametrize("column", ["hours", "cost", "instrument", "operator", "lot"])
def test_a_target_gets_its_column_where_a_person_added_one_that_is_understood(
    handle: Handle, tmp_path: Path, column: str
) -> None:
    fill(sheet_of(tmp_path), KEY, **{column: "1"})

    assert with_purity(tmp_path).status(handle).phase is Phase.WAITING
    (row,) = read(sheet_of(tmp_path))
    assert (row["purity [%]"], row[column]) == ("", "1")


def test_a_target_gets_its_column_where_rows_have_settings_that_do_not_apply_in_others(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    neat = replace(EXPERIMENT, settings={"mode": "neat", "drying": "none"}, units={}, smiles={})
    manual.start(other := manual.prepare(neat, OTHER), OTHER)
    assert {"ligand", "ligand_smiles", "mode", "drying"} <= set(read(sheet_of(tmp_path))[0])
    both = with_purity(tmp_path)

    assert [both.status(h).phase for h in (handle, other)] == [Phase.WAITING, Phase.WAITING]
    assert [row["purity [%]"] for row in read(sheet_of(tmp_path))] == ["", ""]


def test_an_empty_row_waits_where_a_target_came_later_and_a_column_means_nothing_to_us(
    handle: Handle, tmp_path: Path
) -> None:
    fill(sheet_of(tmp_path), KEY, mood="")
    both = with_purity(tmp_path)

    assert both.status(handle).phase is Phase.WAITING
    assert "purity [%]" not in read(sheet_of(tmp_path))[0]
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    with pytest.raises(PartUnavailable, match=r"worksheet.csv: it has no column 'purity \[%\]'.*or add it"):
        both.status(handle)  # the others go on


def test_a_look_at_what_waits_reads_the_worksheet_once(
    manual: Manual, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    parse = worksheet.parse_sheet
    monkeypatch.setattr(worksheet, "parse_sheet", lambda data: reads.append(data) or parse(data))

    assert manual.status(handle).phase is Phase.WAITING
    assert len(reads) == 1


def test_deviations_and_readings_may_be_called_as_in_a_told_table(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5", yield_sd="0.8", yield_n="3")
    result = outcome(manual, handle)

    assert isinstance(result, Measured)
    assert (result.measurements[0].sd, result.measurements[0].n) == (0.8, 3)
    assert "context" not in json.loads(manual.fetch(handle)[0].payload)


def test_a_cancelled_row_says_so_and_a_late_result_still_comes(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    manual.cancel(handle, "budget spent")

    assert read(sheet_of(tmp_path))[0]["outcome"] == "cancelled"
    assert len(manual.fetch(handle)) == 1
    fill(sheet_of(tmp_path), KEY, yield_="61.5", outcome="")
    assert [json.loads(e.payload)["outcome"] for e in manual.fetch(handle)] == ["fault", "measured"]


def test_a_start_cut_short_before_the_sheet_is_made_good_by_the_next_look(
    manual: Manual, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = manual.prepare(EXPERIMENT, KEY)
    with monkeypatch.context() as patch:
        patch.setattr("adapters.common.folder.reached", _stop_at("folder.started"))
        with pytest.raises(KeyboardInterrupt):
            manual.start(handle, KEY)

    assert manual.find(KEY) == Found(handle, started=True)
    assert not sheet_of(tmp_path).exists()
    assert build({}, context(tmp_path)).status(handle).phase is Phase.WAITING
    assert [row["key"] for row in read(sheet_of(tmp_path))] == [KEY]
    assert isinstance(manual.find(OTHER), Absent)


def _stop_at(label: str) -> Callable[[str], None]:
    def reached(here: str) -> None:
        if here == label:
            raise KeyboardInterrupt

    return reached


def test_a_worksheet_that_cannot_be_read_is_unavailable_not_lost(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    sheet_of(tmp_path).unlink()
    sheet_of(tmp_path).mkdir()

    with pytest.raises(AdapterUnavailable, match=r"worksheet\.csv cannot be used"):
        manual.status(handle)


def test_the_worksheet_may_lie_beside_the_campaign_file(tmp_path: Path) -> None:
    manual = build({"worksheet": "plate.csv"}, context(tmp_path))
    manual.start(manual.prepare(EXPERIMENT, KEY), KEY)

    assert read(tmp_path / "plate.csv")[0]["key"] == KEY
    assert "plate.csv" in manual.health().message


def test_a_worksheet_that_is_no_csv_is_unavailable_and_stays_as_it_is(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    text = "key," + "x" * 200_000 + "\n"
    sheet_of(tmp_path).write_text(text)

    with pytest.raises(AdapterUnavailable, match=r"worksheet\.csv is not a CSV file .*; save it as CSV"):
        manual.status(handle)
    assert sheet_of(tmp_path).read_text() == text


# --- photos and files, and what a form gives back


def attach(tmp_path: Path, **files: bytes) -> None:
    for name, data in files.items():
        (sheet_of(tmp_path).parent / name.replace("_", ".")).write_bytes(data)


def test_a_photo_goes_with_its_result_as_it_was_when_it_was_read(
    tmp_path: Path, manual: Manual, handle: Handle
) -> None:
    attach(tmp_path, plate_png=b"\x89PNG photo", notes_txt=b"cloudy")
    fill(sheet_of(tmp_path), KEY, yield_="61.5", file="plate.png; notes.txt")
    (envelope,) = manual.fetch(handle)
    attach(tmp_path, plate_png=b"another photo")
    (sheet_of(tmp_path).parent / "notes.txt").unlink()

    assert [(f.name, f.data) for f in envelope.files] == [("plate.png", b"\x89PNG photo"), ("notes.txt", b"cloudy")]
    named = json.loads(envelope.payload)["context"]["files"]
    assert [(n["name"], n["size"]) for n in named] == [("plate.png", 10), ("notes.txt", 6)]
    assert list(build({}, context(tmp_path)).fetch(handle)) == [envelope]
    assert isinstance(read_outcome(json.loads(envelope.payload), EXPERIMENT.targets), Measured)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("photo.jpg", r"the row of .* names the file 'photo.jpg', which is not in .*; put it there, or correct it"),
        ("../lab.yaml", r"names the file '../lab.yaml'; put it beside the worksheet, named without folders"),
        ("/etc/passwd", r"named without folders"),
    ],
)
def test_a_file_that_is_not_there_holds_its_own_row_up_and_no_other(
    tmp_path: Path, manual: Manual, handle: Handle, name: str, says: str
) -> None:
    other = manual.prepare(EXPERIMENT, OTHER)
    manual.start(other, OTHER)
    fill(sheet_of(tmp_path), KEY, yield_="61.5", file=name)
    fill(sheet_of(tmp_path), OTHER, yield_="62", file="")

    with pytest.raises(PartUnavailable, match=says):
        manual.status(handle)
    assert manual.status(other).phase is Phase.ENDED


def test_results_come_back_in_parts_from_the_form(tmp_path: Path, manual: Manual, handle: Handle) -> None:
    other = manual.prepare(EXPERIMENT, OTHER)
    manual.start(other, OTHER)
    sheet = sheet_of(tmp_path)
    first, second = (sheet.with_name(f"worksheet-returned{n}.csv") for n in ("", " (1)"))
    first.write_text(f"key,yield [%],outcome,comment\n{KEY},61.5,,clear\n", encoding="utf-8")
    assert [manual.status(h).phase for h in (handle, other)] == [Phase.ENDED, Phase.WAITING]
    second.write_text(f"key,yield [%],outcome,comment\n{OTHER},,negative,no conversion\n", encoding="utf-8")

    assert manual.status(other).phase is Phase.ENDED
    assert [(row["yield [%]"], row["outcome"], row["comment"]) for row in read(sheet)] == [
        ("61.5", "", "clear"),
        ("", "negative", "no conversion"),
    ]
    assert len(manual.fetch(handle)) == 1
    assert isinstance(read_outcome(json.loads(manual.fetch(other)[0].payload), EXPERIMENT.targets), Negative)


def test_what_was_given_back_and_is_no_table_is_named(tmp_path: Path, manual: Manual, handle: Handle) -> None:
    sheet_of(tmp_path).with_name("worksheet-returned.csv").write_text("dear all\n", encoding="utf-8")

    with pytest.raises(AdapterUnavailable, match=r"worksheet-returned.csv has no column 'key' in its first line"):
        manual.status(handle)


def test_the_form_shows_what_is_still_wanted_and_lets_no_text_out_of_its_place(tmp_path: Path) -> None:
    manual = build({"worksheet": "bench.csv"}, replace(context(tmp_path), campaign="a</script><b>"))
    for key in (KEY, OTHER):
        manual.start(manual.prepare(EXPERIMENT, key), key)
    page = tmp_path / "bench-form.html"
    assert page.read_text(encoding="utf-8").count(f'"key": "{KEY}"') == 1
    fill(tmp_path / "bench.csv", KEY, yield_="61.5")
    manual.status(manual.prepare(EXPERIMENT, KEY))

    text = page.read_text(encoding="utf-8")
    assert f'"key": "{KEY}"' not in text
    assert f'"key": "{OTHER}"' in text
    assert text.count("<script") == text.count("</script>") == 2
    assert "bench-returned.csv" in text
    assert re.search(r"\[\[[A-Z]+\]\]", text) is None
