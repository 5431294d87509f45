"""A cell that is nearly a number is refused with what to write in its place."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.small import ONE_NUMBER

CELLS = [
    ("4_5", "must be a finite number"),
    ('"45,3"', "use a point as decimal sign, and no sign for thousands"),
    ('"1.234,5"', "write 1234.5, with no sign for thousands"),
    ("1 234.5", "write 1234.5, with no sign for thousands"),
    ("62.1 %", "write 62.1 alone: its unit stands beside it"),
    ("45.2 \N{PLUS-MINUS SIGN} 2", "write 45.2 alone, and 2 as"),
    ("~5", "got '~5'; write 5 alone"),
    ("20-25", "write the number in between, such as 22.5, and 2.5 as its sd"),
    ("\N{GREATER-THAN OR EQUAL TO}95", "; write >95"),
    ("quant.", "write what it is at least, such as >95"),
    ("n.d.", "write a limit such as <1 where nothing was found, or report it as negative or fault"),
    ("0.06 g", "write the number alone: it is read in '%'"),
    ("95+", "write >95"),
    ("running", "leave the cell empty until it has ended, or write what it has come to as a limit, such as >500"),
    (">50 (running)", "write the limit alone: it is read in '%'"),
    ("racemic", "of a racemate write the number that it has, 0 of an excess"),
    ("92 (S)", "with the sign that this enantiomer has in the campaign: 92 or -92"),
    ("#DIV/0!", "got '#DIV/0!'; a formula's error, as spreadsheets write it: mend the formula"),
    ("#NV", "mend the formula"),
    ("Err:502", "mend the formula"),
    ("#5", "write a limit such as <1 where nothing was found"),
    (">20:1", "a ratio: write >20 where it is meant, or >90.48 where an excess in percent is"),
    ("45*", "write the number alone: it is read in '%'"),
    ("45/47", "2 values: write their mean, 46, with 1.4 as their sd and 2 as n, or each as a result of its own"),
    ("45 (47)", "write one number alone, such as 45; what else is in brackets is a comment"),
]


@pytest.mark.parametrize(("cell", "remedy"), CELLS)
def test_a_cell_that_is_nearly_a_number_is_told_how_to_be_one(
    hakken: Any, tell_table: Any, home: Any, cell: str, remedy: str
) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("cells") / "laboratory" / "worksheet.csv"
    head, row, *others = sheet.read_text("utf-8-sig").splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    cells["yield [%]"] = cell
    sheet.write_text("\n".join([head, ",".join(cells.values()), *others]), encoding="utf-8")

    assert remedy in " ".join(hakken("tick", "cells").out.split())


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("45.2 \N{PLUS-MINUS SIGN} 2", "write 45.2 alone, and 2 in a column 'yield_sd' beside it"),
        ("45 +- 2", "write 45 alone, and 2 in a column 'yield_sd' beside it"),
        ('"1,234.5"', "got '1,234.5' (write 1234.5, with no sign for thousands)"),
        ('"<1.234.567,5"', "got '<1.234.567,5' (write <1234567.5, with no sign for thousands)"),
        ("rac", "got 'rac' (of a racemate write the number that it has, 0 of an excess)"),
        (">99% (R)", "write the limit alone, with the sign that this enantiomer has in the campaign: >99 or <-99"),
        ("S 92", "with the sign that this enantiomer has in the campaign: 92 or -92"),
        ("96:4", "a ratio: write 24 where it is meant, or 92 where an excess in percent is"),
        (">20:1", "a ratio: write >20 where it is meant, or >90.48 where"),
        (">", "has '>' without a limit; write >5, if that is the limit"),
        ("<0.1 \N{DAGGER}", "write <0.1 alone; what its mark says is a comment"),
        ("45 / 47 / 46", "3 values: write their mean, 46, with 1 in a column 'yield_sd' and 3 in 'yield_n' beside it"),
        ("45(2)", "write one number alone, such as 45; what else is in brackets is a comment"),
        ("(45)", "write 45 alone, or -45 where brackets stand for a minus"),
        ("\N{ZERO WIDTH SPACE}45", "a sign that cannot be seen stands there: empty it and type it anew"),
        ("\N{FULLWIDTH LESS-THAN SIGN}5", "write a limit as <5"),
        ("1_2", "must hold a finite number, got '1_2'"),
        ("#NAME?", "got '#NAME?' (a formula's error, as spreadsheets write it: mend the formula); correct the cell"),
    ],
)
def test_a_told_cell_that_is_nearly_a_number_is_told_how_to_be_one(
    tmp_path: Path, hakken: Any, tell_table: Any, cell: str, remedy: str
) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    (tmp_path / "more.csv").write_text(f"step,yield\n3,{cell}\n", encoding="utf-8")

    assert remedy in " ".join(hakken("tell", "cells", "more.csv").err.split())


@pytest.mark.parametrize(
    ("unit", "remedy"), [("", "write 0.45 alone: it has no unit"), ("%", "write 45 alone: its unit")]
)
def test_a_unit_in_a_cell_is_not_taken_for_that_of_its_target(
    hakken: Any, tell_table: Any, home: Any, unit: str, remedy: str
) -> None:
    tell_table({**ONE_NUMBER, "objective": {"activity": {"goal": "maximize", "unit": unit}}}, "step,activity\n9,20\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("cells") / "laboratory" / "worksheet.csv"
    head, row, *others = sheet.read_text("utf-8-sig").splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    cells["activity [%]" if unit else "activity"] = "45%"
    sheet.write_text("\n".join([head, ",".join(cells.values()), *others]), encoding="utf-8")

    assert remedy in " ".join(hakken("tick", "cells").out.split())


@pytest.mark.parametrize(("cell", "said"), [("<5", "ee <5 % of step 3 may be anything from -100 to 5 %"), ("<-5", "")])
def test_a_limit_that_leaves_either_enantiomer_open_is_said(
    tmp_path: Path, hakken: Any, tell_table: Any, cell: str, said: str
) -> None:
    ee = {"goal": "maximize", "unit": "%", "low": -100, "high": 100}
    tell_table({**ONE_NUMBER, "objective": {"ee": ee}}, "step,ee\n9,-20\n")
    (tmp_path / "more.csv").write_text(f"step,% ee\n3,{cell}\n", encoding="utf-8")

    told = " ".join(hakken("tell", "cells", "more.csv").out.split())

    assert "1 result accepted" in told
    assert (said in told) if said else "may be anything" not in told


@pytest.mark.parametrize("further", ["", "6,,,,,,,negative\n"])
def test_a_fraction_among_percents_is_remarked_on_where_nothing_else_is_small(
    tmp_path: Path, hakken: Any, tell_table: Any, further: str
) -> None:
    known = {
        "one": (64, 77, 81.5, 88, 90),
        "two": (64, 77, 81.5, 88, 90),
        "low": (64, 77, 81.5, 88, 90),
        "few": (64, 77, 81.5, 88, ""),
        "small": (64, 77, 81.5, 88, 7),
        "limit": (64, 77, 81.5, 88, "<5"),
    }
    head = ",".join(("step", *(f"{name} [%]" for name in known), "outcome\n"))
    rows = [",".join(map(str, (n, *row, "\n"))) for n, row in enumerate(zip(*known.values(), strict=True), start=1)]
    targets = {name: {"goal": "maximize", "unit": "%"} for name in known}
    tell_table({**ONE_NUMBER, "objective": targets}, "".join((head, *rows, further)))
    new = "7,0.91,0.91,0.3,0.91,0.91,0.91,\n8,80,0.7,,,,,\n"  # 30 % of low would be less than any other
    (tmp_path / "more.csv").write_text(head + new, encoding="utf-8")

    told = " ".join(hakken("tell", "cells", "more.csv").out.split())

    assert "2 results accepted" in told
    said = (
        "0.91 % of step 7 is a hundredth of what the {} others are (64 to 90 %){}: perhaps 91 %, written as a fraction"
    )
    assert (f"one {said.format(6, '')}" in told) == (not further)
    assert (f"two {said.format(5, ', and so is two of 1 more')}" in told) == (not further)
    assert told.count("hundredth") == told.count("Where that is a slip: hakken retract cells") == 2 * (not further)


def test_a_typeset_minus_and_a_number_for_a_word_are_read(tell_table: Any, hakken: Any) -> None:
    space = {"step": {"type": "number", "low": -9, "high": 9}, "stage": {"type": "category", "options": ["1", "2"]}}
    tell_table({**ONE_NUMBER, "space": space}, "step;stage;yield\n\N{MINUS SIGN}3;2,0;>\N{MINUS SIGN}1\n")

    hakken("export", "cells", "out.csv")

    (row,) = csv.DictReader(Path("out.csv").read_text(encoding="utf-8").splitlines())
    assert (row["settings.step"], row["settings.stage"], row["results.yield.value"]) == ("-3.0", "2", "-1.0")


def test_a_typeset_minus_is_a_number_of_a_table_that_is_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("t [degC],yield\n\N{MINUS SIGN}20,1\n0,2\n20,3\n", encoding="utf-8")

    said = hakken("import", "t.csv", "--target", "yield")

    assert "3 results put on record" in said.out, said.err
    assert "t: {type: number, values: [-20, 0, 20], unit: degC}" in Path("campaign.yaml").read_text(encoding="utf-8")
