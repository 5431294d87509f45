"""Rows of a told file that say the same to the letter count as replicates, and a person is told how many there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.engine import retract, status, tell
from flows.engine.looking.reports import TellReport
from flows.settings import Settings
from tests.flows.engine.bench import add

HEADER = "solvent,base,step,yield [%],instrument,outcome\n"


def told(settings: Settings, folder: Path, rows: str) -> TellReport:
    path = folder / "results.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return tell(settings, "small", path, by="tester")


def observations(settings: Settings) -> int:
    (report,) = status(settings, "small")
    return report.observations


def test_rows_that_repeat_others_count_and_are_named_with_the_way_out(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,50,A,\nwater,DBU,1,50,A,\nDMF,DBU,2,5,A,\nwater,DBU,1,50,A,\n"
    report = told(settings, tmp_path, rows)
    second, third = report.observations[1], report.observations[3]

    assert report.accepted == observations(settings) == 4
    assert report.notes == (
        f"2 rows repeat others of results.csv to the letter, and count as replicates: line 3 ({second}), line 5 "
        f"({third}). Where one is a copy and no measurement of its own, take it back, such as hakken retract small "
        f"{second} --why COPY",
    )
    retract(settings, "small", second, by="tester", why="COPY")
    assert observations(settings) == 3


def test_the_same_file_again_says_nothing_and_a_further_copy_is_one_row(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,50,A,\nwater,DBU,1,50,A,\n"
    told(settings, tmp_path, rows)

    assert told(settings, tmp_path, rows).notes == ()
    (note,) = told(settings, tmp_path, rows + "water,DBU,1,50,A,\n").notes
    assert note.startswith("1 row repeats another of results.csv to the letter, and counts as a replicate: line 4 (")


def test_replicates_that_differ_in_value_or_circumstances_are_not_spoken_of(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    report = told(settings, tmp_path, "water,DBU,1,50,A,\nwater,DBU,1,51,A,\nwater,DBU,1,50,B,\nwater,DBU,2,50,A,\n")

    assert (report.accepted, report.notes) == (4, ())


def test_what_replicates_often_say_alike_is_not_spoken_of(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    limits = "water,DBU,1,<1,A,\nwater,DBU,1,<1,A,\n"
    report = told(settings, tmp_path, limits + "DMF,DBU,2,,A,cannot\nDMF,DBU,2,,A,cannot\n")
    assert (report.accepted, report.notes) == (4, ())


def test_equal_classes_are_not_spoken_of(settings: Settings, tmp_path: Path) -> None:
    objective: dict[str, Any] = {"yield": {"goal": "maximize", "classes": ["none", "some"]}}
    add(settings, tmp_path, objective=objective)
    path = tmp_path / "results.csv"
    path.write_text("solvent,base,step,yield\nwater,DBU,1,some\nwater,DBU,1,some\n", encoding="utf-8")
    report = tell(settings, "small", path, by="tester")

    assert (report.accepted, report.notes) == (2, ())
