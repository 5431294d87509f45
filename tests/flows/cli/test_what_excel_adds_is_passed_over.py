"""Excel's own first line, ``sep=;``, and the columns that it leaves behind are no part of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from tests.flows.cli.small import ONE_NUMBER

MARKS = ["sep=;\r\n", "\ufeffsep=;\r\n", "SEP=;;\r\n"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_table_is_told_under_the_mark_of_its_separator(tell_table: Any, hakken: Any, mark: str) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    Path("excel.csv").write_text(f"{mark}step;yield\r\n3;45,5\r\n4;hoch\r\n", encoding="utf-8", newline="")

    said = hakken("tell", "cells", "excel.csv")

    assert "1 result accepted" in said.out
    assert "excel.csv line 4: column 'yield' must hold a finite number, got 'hoch'" in said.err


def test_a_table_of_others_is_told_under_the_mark(tell_table: Any, hakken: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    rows = "".join(f"{step};{10 * step},5;;\n" for step in range(1, 6))
    Path("paper.csv").write_text(f"\ufeffsep=;\nstep;yield;;\n{rows}", encoding="utf-8")
    Path("old.csv").write_bytes("step;yield;comment\n1;2;Gef\u00e4\u00df\n".encode("cp1252"))

    said = hakken("tell", "cells", "paper.csv", "--source", "Smith")
    old = hakken("tell", "cells", "old.csv", "--source", "Smith")

    assert "5 results accepted" in said.out, said.err
    assert "1 result accepted" in old.out, old.err
    assert "old.csv is not in UTF-8, and was read as Windows-1252" in " ".join(old.out.split())


def test_a_table_is_imported_and_begun_with_under_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{ligand};{t};{10 * i + t / 10}\n" for i, ligand in enumerate("AB") for t in (20, 40, 60))
    Path("excel.csv").write_text(f"sep=;\nligand;T;yield\n{rows.replace('.', ',')}")

    begun = hakken("init", "excel.csv", "--target", "yield", "--out", "begun.yaml")
    imported = hakken("import", "excel.csv", "--target", "yield:maximize")

    assert begun.code == 0, begun.err
    assert "ligand" in Path("begun.yaml").read_text()
    assert "6 results" in imported.out


def test_a_worksheet_is_read_under_the_mark(tell_table: Any, hakken: Any, home: Settings) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("cells") / "laboratory" / "worksheet.csv"
    sheet.write_text("sep=,\n" + sheet.read_text("utf-8-sig").replace(",,", ",12,", 1), encoding="utf-8")

    hakken("tick", "cells")

    assert hakken("status", "cells", "--json").json[0]["experiments_done"] == 1


def test_columns_that_are_left_behind_do_not_come_back_on_the_worksheet(
    tell_table: Any, hakken: Any, home: Settings
) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("cells") / "laboratory" / "worksheet.csv"
    head, first, *others = sheet.read_text("utf-8-sig").splitlines()
    fault = ",".join([*first.split(",")[:-2], "fault:instrument_fault", ""])
    sheet.write_text("".join(f"{line},,\n" for line in (head, fault, *others)), encoding="utf-8")
    hakken("tick", "cells")  # tries it again, and so writes the worksheet anew

    said = hakken("tell", "cells", sheet)

    assert "column" not in sheet.read_text("utf-8-sig").splitlines()[0]
    assert said.code == 0, said.err


@pytest.mark.parametrize("below", ["Mean,,,50", "Summe:,,,100", "* by HPLC,,,", "Batch B,,,"])
def test_footnotes_and_sums_below_a_told_table_are_left_out_and_named(hakken: Any, tell_table: Any, below: str) -> None:
    table = f"ligand,step,comment,yield\nA,1,,20\nA,2,x,80\n{below}\n"
    tell_table(
        {**ONE_NUMBER, "space": {"ligand": {"type": "category", "options": ["A", "B"]}, **ONE_NUMBER["space"]}}, ""
    )
    Path("told.csv").write_text(table, encoding="utf-8")

    said = hakken("tell", "campaign.yaml", "told.csv")

    assert said.code == 0, said.err
    assert "2 results accepted" in said.out
    left_out = f"line 4 ({below.split(',')[0]!r}) is no experiment and was left out"
    assert f"told.csv: {left_out}" in said.out
    played = hakken("rehearse", "campaign.yaml", "--table", "told.csv", "--plays", "2", "-n", "2").out
    assert f"note: {left_out}" in played


def test_an_option_without_a_result_is_no_footnote(hakken: Any, tell_table: Any) -> None:
    space = {"ligand": {"type": "category", "options": ["A", "B"]}}
    tell_table({**ONE_NUMBER, "space": space}, "")
    Path("told.csv").write_text("ligand,comment,yield\nA,,20\nB,,\n", encoding="utf-8")

    said = hakken("tell", "campaign.yaml", "told.csv").out

    assert "told.csv line 3 has no result yet" in said
    assert "left out" not in said
