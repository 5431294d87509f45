"""Photos and files beside a worksheet, and what its form gives back."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from adapters.manual.laboratory import Manual
from adapters.manual.options import build
from loop.contracts import Handle, Phase
from loop.errors import AdapterUnavailable, PartUnavailable
from loop.outcome import Measured, Negative, read_outcome
from loop.testing.adapter import KEY, OTHER
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.manual.sheets import fill, read, sheet_of
from tests.workbooks import workbook


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


@pytest.mark.parametrize("number", ["61,5", "<0,5"])
def test_decimal_commas_that_were_given_back_are_one_result_and_no_second(
    tmp_path: Path, manual: Manual, handle: Handle, number: str
) -> None:
    other = manual.prepare(EXPERIMENT, OTHER)
    manual.start(other, OTHER)
    given = sheet_of(tmp_path).with_name("worksheet-returned.csv")
    given.write_text(f"key;yield [%];comment\n{KEY};{number};trübe, nass\n{OTHER};7,25;\n", encoding="utf-8")
    (envelope,), (second,) = manual.fetch(handle), manual.fetch(other)

    assert [(row["yield [%]"], row["comment"]) for row in read(sheet_of(tmp_path))] == [
        (number.replace(",", "."), "trübe, nass"),
        ("7.25", ""),
    ]
    assert [list(manual.fetch(h)) for h in (handle, other)] == [[envelope], [second]]


def test_what_was_given_back_and_is_no_table_is_named(tmp_path: Path, manual: Manual, handle: Handle) -> None:
    assert manual.health().is_ok
    sheet_of(tmp_path).with_name("worksheet-returned.csv").write_text("dear all\n", encoding="utf-8")

    health = manual.health()
    assert not health.is_ok
    assert "worksheet-returned.csv has no column 'key' in its first line" in health.message
    with pytest.raises(AdapterUnavailable, match=r"worksheet-returned.csv has no column 'key' in its first line"):
        manual.status(handle)


def test_of_a_workbook_with_another_sheet_in_front_that_is_said(tmp_path: Path, manual: Manual, handle: Handle) -> None:
    sheets = {"plan": [["key", "yield [%]"], [KEY, 61.5]], "weights": [["sample", "m/g"], ["a", 1.2]]}
    book = sheet_of(tmp_path).with_suffix(".xlsx")
    book.write_bytes(workbook(sheets, front="weights"))

    with pytest.raises(
        AdapterUnavailable, match=r"the keys back \(sheet 'weights' was read, .* and not 'plan'; where an"
    ):
        manual.status(handle)
    book.write_bytes(workbook(sheets, front="plan"))
    assert manual.status(handle).phase is Phase.ENDED


def test_a_full_disk_under_the_worksheet_is_named(
    tmp_path: Path, manual: Manual, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet_of(tmp_path).parent.mkdir()
    sizes = {"f_frsize": 1024, "f_blocks": 20_000, "f_bfree": 9, "f_bavail": 9}
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(**sizes, f_files=0, f_favail=0))

    health = manual.health()

    assert not health.is_ok
    assert health.message.startswith(f"the disk of {sheet_of(tmp_path).parent} is full (less than 256 KiB are free)")


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
