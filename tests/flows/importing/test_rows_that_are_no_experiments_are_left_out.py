"""Footnotes and averages below a table are no experiments, and take no column away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop.sheets.footnotes import without_footnotes

TABLE = "Ligand,T (°C),Yield (%)\nXPhos,80,45\nSPhos,80,55\n\nXPhos,100,65\n"


@pytest.mark.parametrize("row", ["[a] isolated yield,,", "Average,,55", "Mittelwert:,,55", '"two\nlines",,'])
def test_a_row_below_a_table_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any], row: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(f"{TABLE}{row}\nSPhos,100,33\n")

    begun = hakken("init", "t.csv", "--target", "Yield", "--out", "b.yaml", "--name", "b")
    moved = hakken("import", "t.csv", "--target", "Yield", "--out", "m.yaml", "--name", "m")

    said = f"('{row.split(',')[0].strip(chr(34))[:3]}"
    assert "is no experiment and was left out" in " ".join((begun.out + begun.err).split())
    assert said in " ".join((begun.out + begun.err).split())
    assert "4 results put on record" in moved.out, moved.err
    assert "is no experiment and was left out" in " ".join(moved.out.split())
    for file in ("b.yaml", "m.yaml"):
        assert "Ligand: {type: category, options: [XPhos, SPhos]}" in Path(file).read_text()


@pytest.mark.parametrize(
    "row",
    [
        "XPhos,120,",  # an experiment without a result
        "Average,90,55",  # a ligand may be called so
        ",80,",
        "5,,",  # a number may be a result of which the rest is lacking
        "XPhos,80",  # of another length: whoever reads it says so
    ],
)
def test_any_other_row_stays(row: str) -> None:
    assert without_footnotes(f"{TABLE}{row}\n") == (f"{TABLE}{row}\n", "")


def test_lines_keep_their_numbers() -> None:
    text, said = without_footnotes(f"{TABLE}[a] above,,\n[b] below,,\nSPhos,100,x\n")

    assert text.splitlines().index("SPhos,100,x") == 7
    assert said == "line 6 ('[a] above'), line 7 ('[b] below') are no experiments and were left out"


def test_a_table_of_two_columns_may_name_what_can_be_tried() -> None:
    assert without_footnotes("smiles,yield\nCCO,5\nCCN,\n")[1] == ""


@pytest.mark.parametrize(("header", "left"), [("Essai", "it counts the rows"), ("Écart-type", "worked out of what")])
def test_words_of_other_languages_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any], header: str, left: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(f"{header},ligand,yield\n1,A,4\n2,B,5\n3,A,6\n", encoding="utf-8")

    hakken("init", "t.csv", "--target", "yield")

    assert left in Path("campaign.yaml").read_text(encoding="utf-8")
