"""``hakken tell`` reads a worksheet as the manual laboratory does: to tell one that was read says nothing new."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.settings import Settings

SPEC: dict[str, Any] = {
    "campaign": "two",
    "space": {"step": {"type": "number", "low": 1, "high": 9, "step": 1}},
    "objective": {"yield": {"goal": "maximize", "unit": "%"}, "dimer": {"goal": "minimize", "unit": "%"}},
    "planner": {"surrogate": "random", "batch": 2, "initial": {"experiments": 3}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}


@pytest.fixture
def sheet(tell_table: Any, hakken: Any, home: Settings) -> Path:
    """The worksheet of a batch of two."""
    tell_table(SPEC, "step,yield,dimer\n9,20,1\n")
    hakken("run", "campaign.yaml")
    return home.folder("two") / "laboratory" / "worksheet.csv"


def fill(sheet: Path, number: int, **cells: str) -> None:
    rows = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))
    rows[number] |= {name if name in rows[0] else f"{name} [%]": text for name, text in cells.items()}
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("outcome", ["negative", "cannot", "cancelled", "fault", "fault:consumable_missing"])
def test_what_was_read_is_known_when_it_is_told(sheet: Path, hakken: Any, outcome: str) -> None:
    fill(sheet, 0, outcome=outcome)
    fill(sheet, 1, outcome="measured", dimer="3")
    hakken("tick", "two")

    said = hakken("tell", "two", sheet)

    assert said.code == 0, said.err
    assert "0 results accepted, 2 known already" in said.out


@pytest.mark.parametrize("again", [("tell", "two", "SHEET"), ("tick", "two")])
def test_a_comment_that_is_added_later_contradicts_nothing_and_stands_beside_the_result(
    sheet: Path, hakken: Any, again: tuple[str, ...]
) -> None:
    fill(sheet, 0, outcome="negative")
    hakken("tick", "two")
    fill(sheet, 0, comment="nothing by LC-MS either")

    said = hakken(*(str(sheet) if word == "SHEET" else word for word in again))
    once_more = hakken("tell", "two", sheet)

    assert "note: comment joined 1 result on record" in said.out
    assert "0 results accepted" in once_more.out
    assert "comment: nothing by LC-MS either" in hakken("show", "two", 1).out
    assert said.err == ""


def test_a_row_that_has_some_of_its_targets_waits_for_the_others(sheet: Path, hakken: Any) -> None:
    fill(sheet, 0, dimer="3")
    early = hakken("tell", "two", sheet)
    fill(sheet, 0, **{"yield": "61"})
    later = hakken("tell", "two", sheet)

    assert "0 results accepted" in early.out
    assert "worksheet.csv line 2 is not taken yet: it has some of the targets, and nothing of yield; fill that in" in (
        " ".join(early.out.split())
    )
    assert "1 row of the worksheet is not filled in yet" in early.out
    assert "1 result accepted" in later.out


def test_rows_that_want_the_same_target_are_said_together(sheet: Path, hakken: Any) -> None:
    fill(sheet, 0, dimer="3")
    fill(sheet, 1, dimer="2")

    said = " ".join(hakken("tell", "two", sheet).out.split())

    assert "worksheet.csv lines 2, 3 are not taken yet: each has some of the targets, and nothing of yield; " in said
    assert said.count("not taken yet") == 1


def other_way(sheet: Path, hakken: Any) -> None:
    """A yield that came without the worksheet, and a dimer that is typed there."""
    key = next(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))["key"]
    Path("nmr.csv").write_text(f"key,yield\n{key},61\n")
    assert "1 result accepted" in hakken("tell", "two", "nmr.csv").out
    fill(sheet, 0, dimer="3")


@pytest.mark.parametrize("command", ["tell", "tick"])
def test_what_is_typed_of_an_experiment_whose_other_target_came_otherwise_joins_it(
    sheet: Path, hakken: Any, command: str
) -> None:
    other_way(sheet, hakken)

    first, again = (hakken(command, "two", *([sheet] if command == "tell" else [])) for _ in range(2))

    assert "dimer joined 1 result on record" in first.out
    assert "joined" not in again.out
    assert "yield 61 %, dimer 3 %" in hakken("show", "two", "1").out


def test_what_is_typed_otherwise_than_it_was_told_is_said(sheet: Path, hakken: Any) -> None:
    other_way(sheet, hakken)
    fill(sheet, 0, **{"yield": "16"})

    said = " ".join(hakken("tick", "two").out.split())

    assert "already ended otherwise; to let this count, hakken retract two" in said
    assert (
        "yield 16 %, dimer 3 %. On record is yield 61 %; where that is right, empty the cells that differ, and" in said
    )
    assert "and dimer will join it" in said
    assert "already ended otherwise" not in hakken("tick", "two").out


def test_a_row_that_was_copied_for_a_further_measurement_counts_as_the_message_says(sheet: Path, hakken: Any) -> None:
    fill(sheet, 0, **{"yield": "61", "dimer": "3"})
    header, row, *_ = sheet.read_text("utf-8-sig").splitlines()
    further = ",".join("58" if cell == "61" else cell for cell in row.split(","))
    sheet.write_text("\n".join((header, row, further)), "utf-8-sig")
    said = " ".join(hakken("tick", "two").out.split())
    table = sheet.with_name("further.csv")
    table.write_text(f"{header}\n,{further.split(',', 1)[1]}\n", "utf-8-sig")

    told = hakken("tell", "two", table)

    assert "On record is yield 61 %; where both are right, tell this one without its key" in said
    assert "1 result accepted" in told.out


def test_an_attempt_is_told_without_a_target_that_has_no_column(sheet: Path, hakken: Any) -> None:
    key = next(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))["key"]
    Path("yields.csv").write_text(f"key,yield\n{key},61\n")

    assert "1 result accepted" in hakken("tell", "two", "yields.csv").out


def test_a_value_beside_a_fault_is_said_not_to_count(sheet: Path, hakken: Any) -> None:
    fill(sheet, 0, outcome="fault:consumable_missing", dimer="3", comment="no ligand left")
    hakken("tick", "two")

    shown = " ".join(hakken("show", "two").out.split())

    assert "no ligand left (it did not run as intended, so dimer 3 on its row does not count)" in shown


def test_digits_that_a_spreadsheet_rounded_off_are_no_other_settings(
    tell_table: Any, hakken: Any, home: Settings
) -> None:
    space = {
        "t": {"type": "number", "low": 20, "high": 120, "unit": "degC"},
        "dose": {"type": "number", "low": 0, "high": 1},
    }
    tell_table({**SPEC, "space": space}, "t,dose,yield,dimer\n30,0.5,20,1\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("two") / "laboratory" / "worksheet.csv"
    planned = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))
    for number, row in enumerate(planned):
        rounded = {name: f"{float(row[name]):.9g}" for name in ("t [degC]", "dose")}
        fill(sheet, number, **rounded, **{"yield": "50", "dimer": "2"})
    told = hakken("tell", "two", sheet)
    ticked = hakken("tick", "two")

    shown = hakken("show", "two", "1").out

    assert "2 results accepted" in told.out
    assert told.err == ""
    assert "contradictory" not in ticked.out
    assert "really" not in shown


def test_what_is_contradicted_is_named(sheet: Path, hakken: Any) -> None:
    for value in ("50", "60"):
        fill(sheet, 0, **{"yield": value, "dimer": "2"})
        said = hakken("tell", "two", sheet)

    (planned, *_) = csv.DictReader(sheet.read_text("utf-8-sig").splitlines())
    assert f"attempt {planned['key']} (step {planned['step']}) already ended otherwise" in " ".join(said.err.split())


def test_a_row_that_is_corrected_is_heard_in_the_next_pass(sheet: Path, hakken: Any) -> None:
    for number in (0, 1):
        fill(sheet, number, **{"yield": "50", "dimer": "2"})
    hakken("tick", "two")
    fill(sheet, 0, **{"yield": "60"})
    (planned, *_) = csv.DictReader(sheet.read_text("utf-8-sig").splitlines())

    said, again = (" ".join(hakken("tick", "two").out.split()) for _ in range(2))
    hakken("retract", "two", planned["key"], "--why", "mistyped")
    told = hakken("tell", "two", sheet)
    later = hakken("tick", "two").out

    assert f"attempt {planned['key']} (step {planned['step']}) already ended otherwise; to let this count" in said
    assert "already ended" not in again
    assert "1 result accepted, 1 known already" in told.out
    assert "already ended" not in later
    assert "yield 60 %" in hakken("status", "two").out


def test_a_row_that_is_corrected_after_the_end_is_heard_by_run(sheet: Path, hakken: Any, tmp_path: Path) -> None:
    file = tmp_path / "campaign.yaml"
    file.write_text(
        file.read_text().replace("experiments: 9", "experiments: 2").replace("experiments: 3", "experiments: 2")
    )
    for number in (0, 1):
        fill(sheet, number, **{"yield": "50", "dimer": "2"})
    ended = hakken("run", file)
    assert hakken("status", "two", "--json").json[0]["state"] == "finished", ended
    fill(sheet, 1, dimer="3")

    said = " ".join(hakken("run", file).out.split())

    assert "already ended" not in ended.out
    assert "already ended otherwise; to let this count, hakken retract two" in said


def test_what_a_worksheet_calls_otherwise_is_told_from_a_copy_of_it(
    tell_table: Any, hakken: Any, home: Settings
) -> None:
    space = {**SPEC["space"], "well": {"type": "number", "low": 1, "high": 3, "step": 1}}
    spec = {**SPEC, "space": space, "noise": {"effects": ["plate"]}}
    tell_table(spec, "step,well,yield,dimer,plate\n9,2,20,1,P0\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("two") / "laboratory" / "worksheet.csv"
    fill(sheet, 0, **{"yield": "30", "dimer": "2", "context plate": "P1"})
    copy = Path("monday.csv")
    copy.write_bytes(sheet.read_bytes())

    said = hakken("tell", "two", copy)

    assert {"setting well", "context plate"} <= set(sheet.read_text("utf-8-sig").splitlines()[0].split(","))
    assert said.code == 0, said.err
    assert "1 result accepted, 0 known already" in said.out
    hakken("export", "two", "all.csv")
    told = next(
        row for row in csv.DictReader(Path("all.csv").read_text("utf-8-sig").splitlines()) if row["round"] == "1"
    )
    assert "P1" in told.values()
    assert "30.0" in told.values()


@pytest.mark.parametrize("name", ["well", "plate"])
def test_a_parameter_called_like_a_column_of_a_plate_is_told_by_the_column_that_the_worksheet_has(
    hakken: Any, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    space = {name: {"type": "number", "values": [1, 2]}, "base": {"type": "category", "options": ["x", "y"]}}
    spec = SPEC | {"space": space, "plate": {"rows": 2, "columns": 2}, "planner": {}}
    Path("two.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    hakken("run", "two.yaml")
    sheet = home.folder("two") / "laboratory" / "worksheet.csv"
    for row in range(4):
        fill(sheet, row, **{"yield": "50", "dimer": "1"})

    said = hakken("tell", "two", sheet)

    assert "4 results accepted" in said.out, said.err


def with_own_columns(sheet: Path, *names: str) -> None:
    head, *rows = sheet.read_text("utf-8-sig").splitlines()
    sheet.write_text("\n".join([",".join([head, *names]), *(row + "," * len(names) for row in rows), ""]), "utf-8")


def test_columns_of_ones_own_are_kept_whether_a_worksheet_is_told_or_read(sheet: Path, hakken: Any) -> None:
    with_own_columns(sheet, "flask", "r1 [%]")
    fill(sheet, 0, **{"yield": "61", "dimer": "3", "flask": "B", "r1": "60"})

    told, read = hakken("tell", "two", sheet), hakken("tick", "two")
    hakken("export", "two", "out.csv")

    assert told.code == 0, told.err
    assert "1 result accepted" in told.out
    assert "contradict" not in read.out
    (row,) = (row for row in csv.DictReader(Path("out.csv").read_text("utf-8").splitlines()) if row["round"] == "1")
    assert (row["context.flask"], row["context.r1 [%]"]) == ("B", "60")


@pytest.mark.parametrize("command", ["tell", "tick"])
def test_a_value_that_was_measured_once_more_is_not_lost_unheard(sheet: Path, hakken: Any, command: str) -> None:
    with_own_columns(sheet, "yield 2 [%]")
    fill(sheet, 0, **{"yield": "61", "dimer": "3", "yield 2": "65"})

    said = hakken(command, "two", *([sheet] if command == "tell" else []))

    if command == "tell":
        assert (said.code, "yield measured once more is a row of its own" in " ".join(said.err.split())) == (2, True)
    else:
        kept = (
            "'yield 2 [%]' beside it is kept and not learnt from; give the mean of all under 'yield', how many they are"
        )
        assert kept in " ".join(said.out.split())


@pytest.mark.parametrize("column", ["yeild sd", ""])
def test_a_column_that_is_perhaps_misspelt_is_asked_about_on_a_worksheet_too(
    sheet: Path, hakken: Any, column: str
) -> None:
    with_own_columns(sheet, column)
    fill(sheet, 0, **{"yield": "61", "dimer": "3", column: "1"})

    said = hakken("tell", "two", sheet)

    assert said.code == 2
    assert ("did you mean 'yield" if column else "a column has cells and no name") in " ".join(said.err.split())
