"""A result that was completed is known by every row that ever said some of it, and a further experiment by none."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from db import exchange
from db.ledger import open_ledger
from flows.engine import bring_in, retract, tell
from flows.engine.looking.reports import ImportReport
from flows.engine.people import telling
from flows.importing import Source
from flows.settings import Settings
from loop.outcome import Measured
from loop.values import values_of
from tests.flows.engine.bench import add
from tests.flows.engine.test_what_is_measured_later_joins_its_result import TARGETS, all_values, counting, told

THREE: dict[str, Any] = {**TARGETS, "purity": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}}
FIRST = "solvent,base,step,yield\nwater,DBU,1,20\n"
HEADER = "solvent,base,step,yield,ee\n"


def exported(settings: Settings, path: Path) -> list[dict[str, str]]:
    with open_ledger(settings.database) as ledger:
        exchange.export(ledger, "small", path, "csv", overwrite=True)
    return list(csv.DictReader(path.read_text().splitlines()))


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        sheet = csv.DictWriter(file, [*rows[0]])
        sheet.writeheader()
        sheet.writerows(rows)
    return path


def test_a_replicate_that_says_what_a_completed_result_said_first_counts(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS)
    told(settings, tmp_path, HEADER + "water,DBU,1,20,\n")
    told(settings, tmp_path, HEADER + "water,DBU,1,20,92\n")
    text = HEADER + "water,DBU,1,20,92\nwater,DBU,1,20,\n"
    reports = [told(settings, tmp_path, text) for _ in range(2)]

    assert [(r.accepted, r.duplicates) for r in reports] == [(1, 1), (0, 2)]
    assert all_values(settings) == [{"yield": 20.0, "ee": 92.0}, {"yield": 20.0}]


def test_an_older_file_of_a_completed_result_adds_nothing(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS)
    older = (FIRST, HEADER + "water,DBU,1,20,\n")
    for text in (*older, HEADER + "water,DBU,1,20,92\n"):
        told(settings, tmp_path, text)
    reports = [told(settings, tmp_path, text) for text in older]

    assert [(r.accepted, r.duplicates, r.notes) for r in reports] == [(0, 1, ())] * 2
    assert all_values(settings) == [{"yield": 20.0, "ee": 92.0}]


def test_a_file_with_its_columns_in_another_order_adds_nothing(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS)
    told(settings, tmp_path, FIRST)

    assert told(settings, tmp_path, "base,solvent,yield,step\nDBU,water,20,1\n").accepted == 0


def test_an_export_is_filled_in_twice(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=THREE)
    told(settings, tmp_path, FIRST)
    (row,) = exported(settings, tmp_path / "out.csv")
    fuller = ({**row, "ee": "77"}, {**row, "ee": "77", "purity": "99"})
    reports = [tell(settings, "small", written(tmp_path / "out.csv", [one]), by="tester") for one in fuller]

    assert [r.notes for r in reports] == [("ee joined 1 result on record",), ("purity joined 1 result on record",)]
    assert all_values(settings) == [{"yield": 20.0, "ee": 77.0, "purity": 99.0}]


def test_two_rows_of_one_result_are_no_two_experiments(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS)
    told(settings, tmp_path, FIRST)
    (row,) = exported(settings, tmp_path / "out.csv")
    two = [{**row, "ee": "77"}, {**row, "ee": "78"}]
    (problem,) = tell(settings, "small", written(tmp_path / "out.csv", two), by="tester").problems

    assert "where it is an experiment of its own, empty its cell under 'observation'" in problem
    assert all_values(settings) == [{"yield": 20.0, "ee": 77.0}]
    apart = [two[0], {**two[1], "observation": ""}]
    assert tell(settings, "small", written(tmp_path / "out.csv", apart), by="tester").accepted == 1
    assert all_values(settings) == [{"yield": 20.0, "ee": 77.0}, {"yield": 20.0, "ee": 78.0}]


def test_the_file_of_a_result_that_an_export_completed_is_still_its_file(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=THREE)
    told(settings, tmp_path, FIRST)
    (row,) = exported(settings, tmp_path / "out.csv")
    tell(settings, "small", written(tmp_path / "out.csv", [{**row, "ee": "77"}]), by="tester")
    fuller = "solvent,base,step,yield,ee,purity\nwater,DBU,1,20,77,99\n"
    reports = [told(settings, tmp_path, text) for text in (FIRST, HEADER + "water,DBU,1,20,77\n", fuller)]

    assert [(r.accepted, r.notes) for r in reports] == [(0, ()), (0, ()), (1, ("purity joined 1 result on record",))]
    assert all_values(settings) == [{"yield": 20.0, "ee": 77.0, "purity": 99.0}]


def test_a_row_that_contradicted_counts_once_what_it_contradicted_is_retracted(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, objective=TARGETS)
    told(settings, tmp_path, FIRST)
    (row,) = exported(settings, tmp_path / "out.csv")
    path = written(tmp_path / "out.csv", [{**row, "results.yield.value": "25", "ee": "77"}])
    assert tell(settings, "small", path, by="tester").problems
    retract(settings, "small", row["observation"], by="tester", why="misread")

    assert [tell(settings, "small", path, by="tester").accepted for _ in range(2)] == [1, 0]
    assert all_values(settings) == [{"yield": 25.0, "ee": 77.0}]


def test_what_another_campaign_completed_completes_what_was_told_of_it(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=THREE)
    add(settings, tmp_path, campaign="other", objective=THREE)
    told(settings, tmp_path, FIRST)
    exported(settings, tmp_path / "out.csv")
    tell(settings, "other", tmp_path / "out.csv", by="tester")
    for more, values in (("ee", "50"), ("ee,purity", "50,9")):
        told(settings, tmp_path, f"solvent,base,step,yield,{more}\nwater,DBU,1,20,{values}\n")
    exported(settings, tmp_path / "out.csv")
    reports = [tell(settings, "other", tmp_path / "out.csv", by="tester") for _ in range(2)]

    assert [r.accepted for r in reports] == [1, 0]
    assert "ee and purity joined 1 result on record" in reports[0].notes
    with open_ledger(settings.database) as ledger:
        assert [dict(values_of(o.outcome)) for o in ledger.observations("other")] == all_values(settings)


def test_an_imported_table_is_known_with_more_of_it_told_or_imported(settings: Settings, tmp_path: Path) -> None:
    table = tmp_path / "small.csv"

    def imported() -> ImportReport:
        goals = {"yield": "maximize", "ee": "maximize"}
        return bring_in(settings, Source(table, table.read_bytes(), goals), tmp_path / "small.yaml")

    table.write_text("solvent,step,yield,ee\nwater,1,20,5\nDMF,2,30,\nDMF,2,30,\nEtOH,3,44,\n", encoding="utf-8")
    imported()
    table.write_text("solvent,step,yield,ee\nwater,1,20,5\nDMF,2,30,88\nDMF,2,30,\nEtOH,3,44,\n", encoding="utf-8")
    report = imported()
    assert (report.accepted, report.duplicates, report.notes) == (1, 3, ("ee joined 1 result on record",))
    text = "solvent,step,yield,ee\nwater,1,20,5\nDMF,2,30,88\nDMF,2,30,\nEtOH,3,44,51\nEtOH,3,44,\n"
    told_ = told(settings, tmp_path, text, "small.csv")

    assert (told_.accepted, told_.duplicates, told_.problems) == (1, 4, [])
    values = [(v["yield"], v.get("ee")) for v in all_values(settings)]
    expected = [(20.0, 5.0), (30.0, 88.0), (30.0, None), (44.0, 51.0), (44.0, None)]
    assert sorted(values, key=str) == sorted(expected, key=str)


def test_a_deviation_that_only_one_of_both_states_is_that_of_the_value(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=THREE)
    told(settings, tmp_path, FIRST)
    header = "solvent,base,step,yield,yield_sd,ee"
    report = told(settings, tmp_path, f"{header}\nwater,DBU,1,20,1.5,50\n")
    assert report.notes == ("ee joined 1 result on record",)
    (row,) = (one for one in exported(settings, tmp_path / "out.csv") if not one["retracted"])
    without = {**row, "results.yield.sd": "", "purity": "9"}
    assert tell(settings, "small", written(tmp_path / "out.csv", [without]), by="tester").accepted == 1
    other = {**row, "results.yield.sd": "2"}
    assert tell(settings, "small", written(tmp_path / "out.csv", [other]), by="tester").accepted == 0

    (o,) = counting(settings)
    assert isinstance(o.outcome, Measured)
    assert {m.property: (m.value, m.sd) for m in o.outcome.measurements} == {
        "yield": (20.0, 1.5),
        "ee": (50.0, None),
        "purity": (9.0, None),
    }


def test_names_that_are_codes_are_no_numbers(settings: Settings, tmp_path: Path) -> None:
    space = {"lot": {"type": "category", "options": ["012", "12"]}}
    add(settings, tmp_path, objective=TARGETS, space=space)
    told(settings, tmp_path, "lot,yield\n012,20\n")
    report = told(settings, tmp_path, "lot,yield,ee\n12,20,50\n")

    assert (report.accepted, report.problems, len(counting(settings))) == (1, [], 2)


def test_what_a_killed_telling_left_is_joined_by_what_comes_next(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path, objective=THREE)
    told(settings, tmp_path, FIRST)

    def die(_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as once:
        once.setattr(telling, "reached", die)
        with pytest.raises(KeyboardInterrupt):
            told(settings, tmp_path, HEADER + "water,DBU,1,20,50\n")
    told(settings, tmp_path, "solvent,base,step,yield,ee,purity\nwater,DBU,1,20,50,9\n")

    assert len(counting(settings)) == 1
    assert all_values(settings) == [{"yield": 20.0, "ee": 50.0, "purity": 9.0}]
