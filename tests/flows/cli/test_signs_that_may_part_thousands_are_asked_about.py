"""``1.250`` beside decimal commas, and ``1,250`` beside decimal points, may be 1250: that is asked, never guessed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings

SPEC: dict[str, Any] = {
    "campaign": "signs",
    "space": {
        "pressure": {"type": "number", "low": 0.5, "high": 3000, "unit": "mbar"},
        "dose": {"type": "number", "low": 0.1, "high": 4},
    },
    "objective": {"conversion": {"goal": "maximize", "unit": "mg"}},
    "planner": {"surrogate": "random", "batch": 2, "initial": {"experiments": 3}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}
EITHER = "it may be 1250 as well as {}: write the one that is meant"


def told(hakken: Any, *rows: str) -> Any:
    """What telling a table of these rows says."""
    Path("table.csv").write_text("\n".join(["pressure;dose;conversion".replace(";", rows[0]), *rows[1:], ""]), "utf-8")
    return hakken("tell", "signs", "table.csv")


@pytest.fixture
def campaign(tell_table: Any) -> None:
    tell_table(SPEC, "pressure,dose,conversion\n900,1,1\n")


REFUSED = [  # separator, rows, the cell that is asked about with its line, the other way to write it
    (";", ["0,5;1;45,2", "1.250;1;46,1"], (3, "pressure", "1.250"), "1,250"),  # the column shows commas
    (";", ["900;1;45,2", "1.250;1;46,1"], (3, "pressure", "1.250"), "1,250"),  # another column does
    ("\t", ["900\t1\t45,2", "1.250\t1\t46,1"], (3, "pressure", "1.250"), "1,250"),
    (";", ["900.5;1;45,2", "0,5;1;45,2", "1.250;1;46,1"], (4, "pressure", "1.250"), "1,250"),  # both: undecided
    (";", ["900.5;1;45,2", "1,250;1;46,1"], (3, "pressure", "1,250"), "1.250"),
    ("\t", ["900\t1\t45.2", "1,250\t1\t46.1"], (3, "pressure", "1,250"), "1.250"),
    (";", ["900;1;1.250", "901;1;46,1"], (2, "conversion", "1.250"), "1,250"),
    (";", ["900;1;<1.250", "901;1;46,1"], (2, "conversion", "<1.250"), "1,250"),
    (",", ["900,1,45.2", '"1,250",1,46.1'], (3, "pressure", "1,250"), "1.250"),
]


@pytest.mark.parametrize(("separator", "rows", "cell", "other"), REFUSED)
@pytest.mark.usefixtures("campaign")
def test_a_number_whose_sign_is_in_doubt_is_asked_about(
    hakken: Any, separator: str, rows: list[str], cell: tuple[int, str, str], other: str
) -> None:
    said = told(hakken, separator, *rows)

    line, column, text = cell
    asked = f"table.csv line {line}: column '{column}' must hold a finite number, got '{text}' "
    either = EITHER.format(other).replace(" 1", " <1") if text.startswith("<") else EITHER.format(other)
    assert f"{asked}({either}); correct the cell" in " ".join(said.err.split())
    assert f"{len(rows) - 1} result" in said.out


READ = [  # separator, rows, pressure that is read of the last one
    (";", ["900.5;1;45,2", "1.250;1;46,1"], 1.25),  # its column has points
    (";", ["0.125;1;45,2", "1.250;1;46,1"], 1.25),
    (";", ["1.125;1;45.2", "1.250;1;46.1"], 1.25),  # nothing here has commas
    (";", ["900,5;1;45.2", "1,250;1;46.1"], 1.25),
    (";", ["900;1;45.2", "1,250;1;46.1"], 1.25),  # between semicolons a comma is a decimal one
    (",", ["900,1,45.2", "1.250,1,46.1"], 1.25),
    (";", ["900;1.125;45,2", "901;1.250;46,1"], 901),  # a dose of 1250 there cannot be
]


@pytest.mark.parametrize(("separator", "rows", "pressure"), READ)
@pytest.mark.usefixtures("campaign")
def test_a_sign_that_leaves_no_doubt_is_read(hakken: Any, separator: str, rows: list[str], pressure: float) -> None:
    said = told(hakken, separator, *rows)

    hakken("export", "signs", "all.csv")
    assert "2 results accepted" in said.out, said.err
    assert pressure in [float(r["settings.pressure"]) for r in csv.DictReader(Path("all.csv").read_text().splitlines())]


@pytest.mark.usefixtures("campaign")
def test_a_cell_that_was_asked_about_counts_once_it_is_decided(hakken: Any) -> None:
    told(hakken, ";", "900;1;45,2", "1.250;1;46,1")

    said = told(hakken, ";", "900;1;45,2", "1250;1;46,1")

    assert "1 result accepted, 1 known already" in said.out
    assert said.err == ""


def test_what_is_recorded_beside_a_result_is_kept_as_typed(tell_table: Any, hakken: Any) -> None:
    beside = {"humidity": {"type": "context", "unit": "%"}, "lot": {"type": "context"}}
    tell_table({**SPEC, "space": {**SPEC["space"], **beside}}, "pressure,dose,conversion\n900,1,1\n")
    Path("table.csv").write_text("pressure;dose;conversion;humidity;lot\n900;1;45,2;1.250;1.250\n", encoding="utf-8")
    hakken("tell", "signs", "table.csv")

    hakken("export", "signs", "all.csv")

    assert "1.250" in [row["context.lot"] for row in csv.DictReader(Path("all.csv").read_text().splitlines())]
    asked = f"context 'humidity' must be a number, got '1.250' ({EITHER.format('1,250')})"
    assert asked in " ".join(hakken("run", "campaign.yaml", "--dry-run").out.split())


@pytest.mark.usefixtures("campaign")
def test_the_bounds_of_a_source_decide_nothing(hakken: Any) -> None:
    Path("paper.csv").write_text("pressure;dose;conversion\n900;1;45,2\n900;5.250;46,1\n", encoding="utf-8")

    said = hakken("tell", "signs", "paper.csv", "--source", "Smith")

    assert "column 'dose' must hold a finite number, got '5.250'" in " ".join(said.err.split())


@pytest.mark.usefixtures("campaign")
def test_a_worksheet_asks_likewise_and_knows_the_settings_it_wrote(hakken: Any, home: Settings) -> None:
    hakken("run", "campaign.yaml")
    sheet = home.folder("signs") / "laboratory" / "worksheet.csv"
    rows = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))
    for row, value in zip(rows, ["45,2", "1.250"], strict=True):
        row["conversion [mg]"] = value
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)

    said = " ".join(hakken("tick", "signs").out.split())

    assert f"got '1.250'; {EITHER.format('1,250')}" in said
    assert hakken("status", "signs", "--json").json[0]["observations"] == 2  # the told one, and that of 45,2


def test_a_table_in_doubt_begins_no_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{pressure};{yielded}" for pressure, yielded in [("950", "45,2"), ("1.100", "61,3"), ("1.250", "70,1")]]
    Path("table.csv").write_text("\n".join(["pressure;yield", *rows]), encoding="utf-8")

    begun = hakken("init", "table.csv", "--target", "yield")
    imported = hakken("import", "table.csv", "--target", "yield:maximize")

    asked = "line 3: column 'pressure' has '1.100', and it may be 1100 as well as 1,100"
    assert asked in " ".join(begun.err.split())
    assert asked in " ".join(imported.err.split())
    assert not Path("campaign.yaml").exists()


def test_an_emulator_in_doubt_is_refused(tell_table: Any, hakken: Any) -> None:
    Path("measured.csv").write_text("pressure;dose;conversion\n900;1;45,2\n901;1;1.250\n", encoding="utf-8")
    laboratory = {"adapter": "emulator", "table": "measured.csv"}

    tell_table({**SPEC, "laboratory": laboratory}, "pressure,dose,conversion\n900,1,1\n")

    said = " ".join(hakken("run", "campaign.yaml").err.split())
    assert f"line 3: column 'conversion' must hold a finite number, got '1.250'; {EITHER.format('1,250')}" in said
