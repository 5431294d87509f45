"""Excel workbooks wherever a table is read or written: begun from, told, imported, listened to, predicted, exported."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows.settings import Settings
from flows.wiring import open_record
from tests.flows.cli.small import ONE_NUMBER
from tests.workbooks import save_table, workbook

HEADER = ["ligand", "T (°C)", "yield"]
ROWS = [[ligand, t, 0.1 * i + t / 1000] for i, ligand in enumerate(("PPh3", "XPhos", "dppf")) for t in (60, 80)]


def plain(said: str) -> str:
    return " ".join(said.split())


def results(home: Settings, campaign: str) -> list[dict[str, Any]]:
    with open_record(home) as ledger:
        return [{**o.settings, "yield": o.outcome.measurements[0].canonical} for o in ledger.observations(campaign)]


def test_a_campaign_is_begun_told_and_imported_from_one_workbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any, home: Settings
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [["Library", "of", "Ada"]], [HEADER, *ROWS[:-1]]
    Path("r.xlsx").write_bytes(workbook({"Notes": rows[0], "Runs": rows[1]}, front="Runs", percent="C"))

    begun = hakken("init", "r.xlsx", "--target", "yield", "-o", "begun.yaml")
    told = hakken("tell", "begun.yaml", "r.xlsx")
    again = hakken("tell", "begun.yaml", "r.xlsx")
    imported = hakken("import", "r.xlsx", "--target", "yield", "-o", "moved.yaml")

    assert begun.code == 0, begun.err
    assert "note: r.xlsx: sheet 'Runs' was read, which was in front when it was saved, and not 'Notes'" in plain(
        begun.out
    )
    assert "5 results accepted, 0 known already" in told.out, told.err
    assert "0 results accepted, 5 known already" in again.out
    assert "5 results put on record" in plain(imported.out), imported.err
    assert [round(row["yield"], 6) for row in results(home, "begun")] == [6, 8, 16, 18, 26]
    assert [round(row["yield"], 6) for row in results(home, "r")] == [6, 8, 16, 18, 26]


def test_what_is_exported_as_a_workbook_is_told_to_another_campaign_as_what_csv_says(
    tell_table: Any, hakken: Any, home: Settings
) -> None:
    tell_table(ONE_NUMBER, "step,yield,comment\n1,0.1,=2+3\n2,33.333333333333336,trüb\n3,<5,\n")
    Path("other.yaml").write_text(Path("campaign.yaml").read_text().replace("cells", "other"))
    hakken("export", "cells", "out.csv")

    said = hakken("export", "cells", "out.xlsx")
    told = hakken("tell", "other.yaml", "out.xlsx")
    again = hakken("tell", "other.yaml", "out.csv")

    assert "wrote 3 rows to out.xlsx" in plain(said.out)
    assert "3 results accepted" in told.out, told.err
    assert "0 results accepted, 3 known already" in again.out, again.err
    assert results(home, "other") == [pytest.approx(row, rel=1e-15) for row in results(home, "cells")]
    sheet = openpyxl.load_workbook("out.xlsx").active
    cells = {cell.value: column for column, cell in enumerate(next(sheet.iter_rows()))}
    shown = [(row[cells["settings.step"]].value, row[cells["comment"]].data_type) for row in sheet.iter_rows(min_row=2)]
    assert shown == [(1, "s"), (2, "s"), (3, "n")]  # =2+3 is a text there


def test_a_line_that_is_wrong_is_named_by_its_row(tell_table: Any, hakken: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    save_table("r.xlsx", [["step", "yield"], [3, 45.5], [], [4, "hoch"], [5, None]])

    said = hakken("tell", "cells", "r.xlsx")

    assert "1 result accepted" in said.out
    assert "r.xlsx line 4: column 'yield' must hold a finite number, got 'hoch'" in plain(said.err)


def test_results_of_others_and_candidates_come_from_workbooks(tell_table: Any, hakken: Any) -> None:
    tell_table({**ONE_NUMBER, "planner": {"surrogate": "gp"}}, "step,yield\n9,20\n5,60\n1,30\n")
    save_table("paper.xlsx", [["step", "yield"], *([n, 5.5 * n] for n in range(1, 7))])
    save_table("wanted.xlsx", [["step"], [2], [3]])

    said = hakken("tell", "cells", "paper.xlsx", "--source", "Smith")
    predicted = hakken("predict", "cells", "wanted.xlsx", "-o", "said.xlsx")

    assert "6 results accepted" in said.out, said.err
    assert predicted.code == 0, predicted.err
    assert {row[1].value for row in openpyxl.load_workbook("said.xlsx").active.iter_rows(min_row=2)} == {2, 3}


def test_options_a_laboratory_s_table_and_a_library_are_workbooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    ligands = [("PPh3", "c1ccc(P(c2ccccc2)c2ccccc2)cc1"), ("PCy3", "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1")]
    Path("ligands.xlsx").write_bytes(workbook({"Old": [["x"]], "New": [["name", "smiles"], *ligands]}, front="New"))
    save_table("measured.xlsx", [["ligand", "yield"], ["PPh3", 30], ["PCy3", 60]])
    Path("c.yaml").write_text(
        "campaign: c\nspace: {ligand: {type: component, file: ligands.xlsx, name: name, smiles: smiles}}\n"
        'objective: {yield: {goal: maximize, unit: "%"}}\n'
        "planner: {surrogate: random, batch: 2, initial: {experiments: 2}}\n"
        "budget: {experiments: 2}\nlaboratory: {adapter: emulator, table: measured.xlsx}\n"
    )

    ran = hakken("run", "c.yaml")
    begun = hakken("init", "--library", "ligands.xlsx", "--target", "activity", "-o", "lib.yaml")
    shown = hakken("validate", "lib.yaml")

    assert ran.code == 0, ran.err
    assert "believed best: PCy3" in plain(hakken("best", "c").out)
    assert begun.code == 0, begun.err
    assert "2 molecules" in plain(shown.out), shown.err
    assert "sheet 'New' was read" in plain(shown.out)


def test_a_worksheet_saved_as_a_workbook_is_read_beside_it(tell_table: Any, hakken: Any, home: Settings) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("cells") / "laboratory" / "worksheet.csv"
    head, *lines = [line.split(",") for line in sheet.read_text("utf-8-sig").splitlines()]
    at = head.index("yield [%]")
    filled = [[*line[:at], 12.5 if n == 0 else None, *line[at + 1 :]] for n, line in enumerate(lines)]
    save_table(sheet.with_suffix(".xlsx"), [head, *filled])

    hakken("tick", "cells")

    assert hakken("status", "cells", "--json").json[0]["experiments_done"] == 1
    assert [row["yield"] for row in results(home, "cells")] == [20, 12.5]


def test_remarks_beside_a_table_want_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> None:
    monkeypatch.chdir(tmp_path)
    save_table("r.xlsx", [[*HEADER, None, None], [*ROWS[0], None, "weighed twice"], *ROWS[1:]])

    begun = hakken("init", "r.xlsx", "--target", "yield", "-o", "r.yaml")
    told = hakken("tell", "r.yaml", "r.xlsx")

    assert begun.code == 0, begun.err
    assert "laboratory: {adapter: manual}" in Path("r.yaml").read_text()
    assert "r.xlsx line 1: a column has cells and no name; name it in the header, such as comment" in plain(told.err)


def test_a_workbook_that_holds_no_table_is_kept_and_refused(tell_table: Any, hakken: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n9,20\n")
    book = openpyxl.Workbook()
    book.active.append(["step", "yield"])
    book.active.append([3, "=40+2"])
    data = io.BytesIO()
    book.save(data)
    Path("r.xlsx").write_bytes(data.getvalue())

    said = hakken("tell", "cells", "r.xlsx")
    begun = hakken("init", "r.xlsx", "--target", "yield", "-o", "b.yaml")

    assert said.code == begun.code == 2
    for err in (said.err, begun.err):
        assert "an Excel workbook with formulas that were never worked out (" in plain(err)
