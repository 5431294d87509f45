"""A table of last week that comes again with new rows, under another name: its old rows count once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.engine import retract, status, tell
from flows.engine.looking.reports import TellReport
from flows.settings import Settings
from tests.flows.engine.bench import add, write

HEADER = "solvent,base,step,yield\n"
FIRST = "water,DBU,1,51.2\nDMF,DBU,2,5.31\nwater,DBU,2,48.9\nDMF,DBU,1,7.25\n"
MORE = "water,DBU,3,33.4\n"


def told(settings: Settings, folder: Path, name: str, rows: str, **more: Any) -> TellReport:
    return tell(settings, "small", write(folder, HEADER + rows, name), by="tester", **more)


def count(settings: Settings) -> int:
    (report,) = status(settings, "small")
    return report.observations


@pytest.fixture
def begun(settings: Settings, tmp_path: Path) -> Settings:
    add(settings, tmp_path)
    told(settings, tmp_path, "week1.csv", FIRST)
    return settings


@pytest.mark.parametrize("rows", [FIRST + MORE, MORE + FIRST, FIRST], ids=["below", "above", "a copy"])
def test_rows_of_an_earlier_file_count_once_wherever_they_stand(begun: Settings, tmp_path: Path, rows: str) -> None:
    report = told(begun, tmp_path, "week2.csv", rows)
    n = rows.count("\n")

    assert (report.accepted, report.duplicates) == (n - 4, 4)
    assert count(begun) == n
    assert report.notes == (
        f"4 of {n} rows of week2.csv say what 'week1.csv' said, and count once. Where they are "
        "measurements of their own, tell week2.csv with --replicates",
    )


@pytest.mark.parametrize(
    "text",
    [
        "yield,step,solvent,base\n51.2,1,water,DBU\n5.31,2,DMF,DBU\n48.9,2,water,DBU\n7.25,1,DMF,DBU\n",
        "solvent,base,step,yield\nwater,DBU,1,51.20\nDMF,DBU,2,5.310\nwater,DBU,2,48.9\nDMF,DBU,1.0,7.25\n",
        "solvent,base,step,yield,comment\nwater,DBU,1,51.2,\nDMF,DBU,2,5.31,\nwater,DBU,2,48.9,\nDMF,DBU,1,7.25,\n",
    ],
    ids=["columns", "digits", "an empty column"],
)
def test_how_numbers_are_written_and_columns_ordered_is_of_no_matter(
    begun: Settings, tmp_path: Path, text: str
) -> None:
    report = tell(begun, "small", write(tmp_path, text, "week2.csv"), by="tester")
    again = tell(begun, "small", write(tmp_path, text, "week2.csv"), by="tester")

    assert (report.accepted, report.duplicates) == (0, 4)
    assert (again.accepted, again.duplicates, count(begun)) == (0, 4, 4)


def test_codes_that_are_no_numbers_tell_rows_apart(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    header, lines = HEADER.strip() + ",lot\n", FIRST.splitlines()
    lots = [header + "".join(f"{line},{lot}\n" for line in lines) for lot in ("12", "012")]
    reports = [tell(settings, "small", write(tmp_path, t, f"{len(t)}.csv"), by="tester") for t in lots]

    assert [report.accepted for report in reports] == [4, 4]


def test_each_week_again_and_the_same_file_twice(begun: Settings, tmp_path: Path) -> None:
    told(begun, tmp_path, "week2.csv", FIRST + MORE)
    third = told(begun, tmp_path, "week3.csv", FIRST + MORE + "DMF,DBU,3,2.18\n")
    again = told(begun, tmp_path, "week3.csv", FIRST + MORE + "DMF,DBU,3,2.18\n")

    assert (third.accepted, third.duplicates) == (1, 5)
    assert "what 'week1.csv', 'week2.csv' said, and count once" in third.notes[0]
    assert (again.accepted, again.duplicates, count(begun)) == (0, 6, 6)


def test_replicates_count_and_nobody_is_asked_about_copies(begun: Settings, tmp_path: Path) -> None:
    first = told(begun, tmp_path, "week2.csv", FIRST, are_replicates=True)
    again = told(begun, tmp_path, "week2.csv", FIRST)

    assert (first.accepted, first.notes) == (4, ())
    assert (again.accepted, again.duplicates, count(begun)) == (0, 4, 8)


def test_equal_readings_within_a_file_stay_as_many_as_it_has(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    twice = FIRST + "water,DBU,1,51.2\n"
    told(settings, tmp_path, "week1.csv", twice)
    report = told(settings, tmp_path, "week2.csv", twice + "water,DBU,1,51.2\n")

    assert (report.accepted, report.duplicates, count(settings)) == (1, 5, 6)


def test_a_corrected_row_counts_beside_what_it_corrects_which_is_named(begun: Settings, tmp_path: Path) -> None:
    report = told(begun, tmp_path, "week2.csv", FIRST.replace("48.9", "49.8"))
    once, changed = report.notes

    assert (report.accepted, report.duplicates, count(begun)) == (1, 3, 5)
    assert once.startswith("3 of 4 rows of week2.csv say what 'week1.csv' said")
    assert changed.startswith("1 result told before is not in week2.csv as it was, and counts on: week1.csv line 4 (")
    old = changed.rpartition("hakken retract small ")[2].removesuffix(" --why CORRECTED")
    retract(begun, "small", old, by="tester", why="CORRECTED")
    assert count(begun) == 4


def test_what_was_retracted_stays_so_and_that_is_said(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    spilt = told(settings, tmp_path, "week1.csv", FIRST).observations[0]
    retract(settings, "small", spilt, by="tester", why="SPILT")
    report = told(settings, tmp_path, "week2.csv", FIRST + MORE)

    assert (report.accepted, count(settings)) == (1, 4)
    assert any(note.startswith("retracted, and so known and of no effect: line 2") for note in report.notes)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("water,DBU,1,50\nDMF,DBU,2,0\nwater,DBU,2,0\nDMF,DBU,1,0\n", ""),  # values that come again and again
        ("water,DBU,1,<5\nDMF,DBU,2,<5.12\nwater,DBU,2,<6.13\nDMF,DBU,1,<7.14\n", ""),  # limits
        ("water,DBU,1,51.2\nDMF,DBU,2,5.31\n", ""),  # two alone
        ("water,DBU,1,51\nDMF,DBU,2,53\nwater,DBU,2,48\nDMF,DBU,1,72\n", "DMF,DBU,1,71\n"),  # round, and one differs
    ],
    ids=["zeros", "limits", "few", "round"],
)
def test_what_replicates_may_say_alike_counts_and_is_asked_about(
    settings: Settings, tmp_path: Path, first: str, second: str
) -> None:
    add(settings, tmp_path)
    rows = first if not second else first.rpartition("DMF")[0] + second
    told(settings, tmp_path, "monday.csv", first)
    report = told(settings, tmp_path, "tuesday.csv", rows)

    assert report.accepted == rows.count("\n")
    assert any("say what rows of 'monday.csv' say that are on record, and count beside them" in n for n in report.notes)


def test_round_values_count_once_where_all_of_a_file_stands_in_another(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,51\nDMF,DBU,2,53\nwater,DBU,2,48\n"
    told(settings, tmp_path, "monday.csv", rows)

    assert told(settings, tmp_path, "tuesday.csv", rows + MORE).accepted == 1


def test_equal_labels_are_replicates(settings: Settings, tmp_path: Path) -> None:
    objective: dict[str, Any] = {"yield": {"goal": "maximize", "levels": [123, 234, 345, 456]}}
    add(settings, tmp_path, objective=objective)
    rows = "water,DBU,1,123\nDMF,DBU,2,234\nwater,DBU,2,345\nDMF,DBU,1,456\n"
    told(settings, tmp_path, "monday.csv", rows)

    assert told(settings, tmp_path, "tuesday.csv", rows).accepted == 4


def test_rows_of_other_days_are_others(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    for day in ("monday", "tuesday"):
        lines = [HEADER.strip() + ",day\n", *(line + f",{day}\n" for line in FIRST.splitlines())]
        report = tell(settings, "small", write(tmp_path, "".join(lines), f"{day}.csv"), by="tester")
        assert report.accepted == 4
