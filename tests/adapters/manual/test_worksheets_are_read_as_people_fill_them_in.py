"""What a person finds on a worksheet, what is read of it, and what is asked for again."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.manual.laboratory import Manual
from adapters.manual.options import build
from loop.contracts import Found, Handle, Phase
from loop.errors import AdapterUnavailable, OutcomeError
from loop.outcome import Fault, FaultKind, Measured, Negative, Qualifier, read_outcome
from loop.testing.adapter import KEY, OTHER
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.manual.sheets import fill, outcome, read, sheet_of
from tests.workbooks import workbook


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
        ("Cannot", FaultKind.INPUT_ERROR),
    ],
)
def test_a_fault_is_told_by_its_kind(
    manual: Manual, handle: Handle, tmp_path: Path, typed: str, kind: FaultKind
) -> None:
    fill(sheet_of(tmp_path), KEY, outcome=typed, comment="the needle clogged")
    result = outcome(manual, handle)

    assert isinstance(result, Fault)
    assert (result.kind, result.message) == (kind, "the needle clogged")


def test_what_could_not_be_made_tells_of_its_candidate(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, outcome="cannot")
    result = outcome(manual, handle)

    assert isinstance(result, Fault)
    assert (result.informative, result.message) == (True, "it cannot be made")


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
        (
            workbook({"Sheet": [["key", "yield [%]"], [KEY, 61.5]]}),
            "is an Excel workbook under another name; call it .*\\.xlsx, which is read",
        ),
        (b"PK\x03\x04\x14\x00\x06\x00", "is an Excel workbook or another archive, and damaged"),
        (b"\xd0\xcf\x11\xe0\x00\x00", "is an old Excel workbook .* or one with a password; save it as .xlsx"),
        (b"ligand,yield [%]\r\nPPh3,61.5\r\n", "has no column 'key' .*'ligand,yield .*put the header"),
        (b"Reported by Ada\r\nkey,yield [%]\r\n", "has no column 'key' .*which reads 'Reported by Ada'"),
        (b"Reported by Ada,,\r\nkey,yield [%],sd\r\n", "has no column 'key' .*which reads 'Reported by Ada'"),
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


def test_deviations_and_readings_may_be_called_as_in_a_told_table(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="61.5", yield_sd="0.8", yield_n="3")
    result = outcome(manual, handle)

    assert isinstance(result, Measured)
    assert (result.measurements[0].sd, result.measurements[0].n) == (0.8, 3)
    assert "context" not in json.loads(manual.fetch(handle)[0].payload)


@pytest.mark.parametrize("word", ["NA", "NaN", "n/a", "#N/A"])
def test_a_word_for_a_missing_number_is_an_empty_cell(
    manual: Manual, handle: Handle, tmp_path: Path, word: str
) -> None:
    more = {"temperature [degC]": word, "yield n": word, "hours": word}
    fill(sheet_of(tmp_path), KEY, yield_="61.5", sd=word, comment=word, **more)
    result = outcome(manual, handle)

    assert isinstance(result, Measured)
    assert (result.measurements[0].sd, result.measurements[0].n) == (None, 1)
    assert json.loads(manual.fetch(handle)[0].payload)["context"] == {"comment": word}


def test_what_has_no_value_needs_no_number(manual: Manual, handle: Handle, tmp_path: Path) -> None:
    fill(sheet_of(tmp_path), KEY, yield_="NA", outcome="negative")
    none = outcome(manual, handle)
    fill(sheet_of(tmp_path), KEY, yield_="NA", outcome="fault", comment="it spilt")
    manual.status(handle)
    failed = json.loads(manual.fetch(handle)[-1].payload)

    assert none == Negative("reported as negative")
    assert failed["message"] == "it spilt"


def test_a_worksheet_that_is_no_csv_is_unavailable_and_stays_as_it_is(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    text = "key," + "x" * 200_000 + "\n"
    sheet_of(tmp_path).write_text(text)

    with pytest.raises(AdapterUnavailable, match=r"worksheet\.csv is not a CSV file .*; save it as CSV"):
        manual.status(handle)
    assert sheet_of(tmp_path).read_text() == text


@pytest.mark.parametrize("name", ["worksheet.ods", "worksheet.xls", "worksheet-returned (1).XLSM"])
def test_a_worksheet_saved_in_another_format_is_asked_for_while_rows_wait(
    manual: Manual, handle: Handle, tmp_path: Path, name: str
) -> None:
    sheet_of(tmp_path).with_name(name).write_bytes(b"PK")

    said = manual.status(handle).wants

    assert f"{name} beside it is not read: save it as an Excel workbook, worksheet.xlsx, or take it away" in said
    fill(sheet_of(tmp_path), KEY, yield_="61.5")
    assert manual.status(handle).wants == ""


@pytest.mark.usefixtures("handle")
def test_an_opendocument_file_under_the_name_of_the_worksheet_is_called_what_it_is(
    manual: Manual, tmp_path: Path
) -> None:
    with zipfile.ZipFile(sheet_of(tmp_path), "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<x/>")

    assert "worksheet.csv is an OpenDocument file; save it as an Excel workbook (.xlsx)" in manual.health().message
