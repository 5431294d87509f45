"""Plates, wells, days and blocks of an imported table are labels of its results, however they are capitalised."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from flows.cli.starting.guessing import guess_campaign
from flows.importing import Foreign, Source, read_foreign
from loop.spec import read_spec


def read(text: str) -> Foreign:
    return read_foreign(Source(Path("t.csv"), text.encode(), {"yield": "maximize"}, campaign="c", table="t.csv"))


def parameters(text: str) -> list[str]:
    return list(read_spec(text, source="c.yaml", read=None).space)


@pytest.mark.parametrize("written", [str.lower, str.capitalize, str.upper])
def test_labels_are_recorded_in_any_capitals(written: Any) -> None:
    header = ",".join(written(word) for word in ("plate", "well", "day", "block", "instrument"))

    foreign = read(f"{header},base,yield\nP1,A1,3,I,GC-1,K3PO4,5\nP1,A2,3,II,GC-2,KOH,6\n")

    assert parameters(foreign.text) == ["base"]
    assert foreign.results[1].beside == {"plate": "P1", "well": "A2", "day": "3", "block": "II", "instrument": "GC-2"}


def test_a_row_and_a_column_say_which_well_it_is() -> None:
    foreign = read("Row,Column,base,yield\nA,1,K3PO4,5\nA,12,KOH,6\nB,1,KOH,7\n")

    assert parameters(foreign.text) == ["base"]
    assert [result.beside for result in foreign.results][1] == {"row": "A", "column": "12"}


@pytest.mark.parametrize(
    "table", ["column,base,yield\nOD-H,A,5\nAD-3,B,6\n", "row,column,base,yield\n1,OD-H,A,5\n2,AD-3,B,6\n"]
)
def test_a_column_of_another_kind_was_varied(table: str) -> None:
    assert parameters(read(table).text) == ["column", "base"]


def test_outcomes_comments_and_places_elsewhere_are_known_in_capitals_too() -> None:
    foreign = read("Outcome,Comment,Replicate,base,yield\nmeasured,fine,1,KOH,5\nNegative,tar,2,NaOH,\n")

    assert parameters(foreign.text) == ["base"]
    assert [result.beside for result in foreign.results] == [
        {"outcome": "measured", "comment": "fine"},
        {"outcome": "Negative", "comment": "tar"},
    ]
    assert "column Replicate: it says where an experiment stood in another record" in foreign.left


def test_outcomes_of_a_table_are_counted_for_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("base,yield,outcome\nKOH,5,\nNaOH,,fault\nKOAc,,negative\nK3PO4,7,measured\n")

    said = hakken("import", "t.csv", "--target", "yield")

    assert "1 target, 2 measured results, 1 negative, 1 fault" in said.out, said.err
    assert "4 results put on record" in said.out


def test_replicates_and_outcomes_are_no_parameters_of_a_table_that_is_begun_with() -> None:
    text = guess_campaign(
        "Outcome,Replicate,base,yield\nmeasured,1,A,5\nnegative,2,A,0\nmeasured,1,B,5\nnegative,2,B,0\n",
        source="t.csv",
        path="t.csv",
        campaign="c",
        targets={"yield": "maximize"},
    ).text

    assert parameters(text) == ["base"]


def test_imported_labels_come_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("Plate,Well,base,yield\nP1,A1,KOH,5\nP2,B3,NaOH,6\n")

    assert hakken("import", "t.csv", "--target", "yield").code == 0
    hakken("export", "t", "out.csv")

    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert [(row["plate"], row["well"]) for row in rows] == [("P1", "A1"), ("P2", "B3")]
