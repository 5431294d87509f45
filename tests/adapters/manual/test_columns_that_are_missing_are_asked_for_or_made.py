"""Worksheets whose columns were renamed, and targets that came after the worksheet was written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.manual.laboratory import Manual
from adapters.manual.options import build
from loop.contracts import Handle, Phase
from loop.errors import AdapterUnavailable, PartUnavailable
from loop.outcome import Measured, Negative, read_outcome
from loop.testing.adapter import KEY, OTHER
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.manual.sheets import fill, outcome, read, sheet_of


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


def test_a_row_that_is_added_puts_no_empty_column_beside_a_renamed_one(
    manual: Manual, handle: Handle, tmp_path: Path
) -> None:
    path = sheet_of(tmp_path)
    fill(path, KEY, yield_="61.5")
    path.write_text(path.read_text(encoding="utf-8").replace("yield [%]", "Yield"), encoding="utf-8")
    manual.start(manual.prepare(EXPERIMENT, OTHER), OTHER)  # another try of a broken well, say

    with pytest.raises(AdapterUnavailable, match=r"has no column 'yield \[%\]'.*give it that name again"):
        manual.status(handle)
    path.write_text(path.read_text(encoding="utf-8-sig").replace("Yield", "yield [%]"), encoding="utf-8")
    assert manual.status(handle).phase is Phase.ENDED
    fill(path, OTHER, yield_="63")
    assert manual.status(manual.prepare(EXPERIMENT, OTHER)).phase is Phase.ENDED


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
