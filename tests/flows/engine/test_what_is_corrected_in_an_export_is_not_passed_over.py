"""A table that ``export`` wrote, corrected in a spreadsheet and told to its own campaign: no correction is lost."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from db import exchange
from db.ledger import open_ledger
from flows.engine import retract, tell
from flows.engine.looking.reports import TellReport
from flows.settings import Settings
from loop.values import values_of
from tests.flows.engine.bench import FakeLaboratory, add, once
from tests.flows.engine.test_exported_results_are_told_to_another_campaign import MANUAL, told
from tests.flows.engine.test_what_is_measured_later_joins_its_result import all_values, counting, result


def corrected(settings: Settings, file: Path, line: int, **changes: str) -> TellReport:
    """The campaign's export with one line changed, told to it."""
    if not file.exists():
        with open_ledger(settings.database) as ledger:
            exchange.export(ledger, "small", file)
    with file.open(encoding="utf-8-sig", newline="") as before:
        rows = list(csv.DictReader(before))
    rows[line - 2] |= changes
    with file.open("w", encoding="utf-8", newline="") as after:
        writer = csv.DictWriter(after, list(dict.fromkeys(head for row in rows for head in row)))
        writer.writeheader()
        writer.writerows(rows)
    return tell(settings, "small", file, by="tester")


@pytest.fixture
def export(settings: Settings, tmp_path: Path) -> Path:
    """Where the export of a campaign lies that was told two results."""
    told(settings, tmp_path, "solvent,temperature,yield,operator\nwater,50,20,ada\nDMF,60,30,\n")
    return tmp_path / "out.csv"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"results.yield.value": "25"}, "says otherwise"),
        ({"results.yield.qualifier": "<"}, "says otherwise"),
        ({"outcome": "negative"}, "says otherwise"),
        ({"settings.temperature": "55"}, "says otherwise"),
        ({"context.operator": "bob"}, "says so, but with operator ada"),
    ],
)
def test_it_contradicts_what_was_told_and_counts_once_that_is_retracted(
    settings: Settings, export: Path, changes: dict[str, str], what: str
) -> None:
    report = corrected(settings, export, 2, **changes)
    (problem,) = report.problems
    named = re.search(r"hakken retract small (\S+) ", problem)

    assert named is not None
    assert "out.csv line 2: result " in problem
    assert what in problem
    assert report.notes == ("1 row passed over: results of this very campaign, which has them",)
    assert len(counting(settings)) == 2
    retract(settings, "small", named[1], by="tester", why="typed wrongly")
    again = corrected(settings, export, 2)
    assert (again.accepted, again.problems, len(counting(settings))) == (1, [], 2)
    assert corrected(settings, export, 2).accepted == 0


@pytest.fixture
def batch(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> list[str]:
    """Keys of four experiments that a laboratory has run."""
    add(settings, tmp_path)
    laboratory.answers = lambda _: [result(**{"yield": 40.0})]
    for _ in range(2):
        once(settings)
    return list(laboratory.jobs)[:4]


def test_it_contradicts_the_result_of_an_experiment(settings: Settings, tmp_path: Path, batch: list[str]) -> None:
    export = tmp_path / "out.csv"
    report = corrected(settings, export, 2, **{"results.yield.value": "14"})
    (problem,) = report.problems
    key = re.search(r"hakken retract small (\S+) ", problem)

    assert key is not None
    assert key[1] in batch
    assert "already ended otherwise" in problem
    retract(settings, "small", key[1], by="tester", why="typed wrongly")
    assert corrected(settings, export, 2).accepted == 1
    assert {"yield": 14.0} in all_values(settings)


@pytest.mark.usefixtures("batch")
def test_settings_that_were_planned_stay_and_a_column_says_what_was_used(settings: Settings, tmp_path: Path) -> None:
    export = tmp_path / "out.csv"
    with open_ledger(settings.database) as ledger:
        exchange.export(ledger, "small", export)
        planned = {o.key: o.settings["base"] for o in ledger.observations("small")}
    with export.open(encoding="utf-8-sig", newline="") as file:
        key = next(csv.DictReader(file))["key"]
    other = "DBU" if planned[key] != "DBU" else "KOAc"
    (problem,) = corrected(settings, export, 2, **{"settings.base": other}).problems

    assert f"attempt {key} ran with base {planned[key]}, and the table has something else" in problem
    assert "write what was really used into a column 'actual.base'" in problem
    (problem,) = corrected(settings, export, 2, **{"settings.base": str(planned[key]), "actual.base": other}).problems
    assert f"already ended so, but with base {planned[key]}; to let this count, hakken retract small {key}" in problem
    retract(settings, "small", key, by="tester", why="the other bottle")
    assert corrected(settings, export, 2).accepted == 1
    (found,) = [o for o in counting(settings) if o.key == key]
    assert found.context["actual"] == {"base": other}


def test_a_row_that_counts_no_more_is_named_where_it_was_changed(settings: Settings, export: Path) -> None:
    spilt = counting(settings)[0]
    retract(settings, "small", spilt.id, by="tester", why="spilt")
    report = corrected(settings, export, 2, **{"results.yield.value": "25", "retracted": "spilt"})

    assert report.problems == []
    assert report.notes[-1].startswith("out.csv line 2 was changed, and not read: its result counts no more")
    assert [values_of(o.outcome) for o in counting(settings)] == [{"yield": 30.0}]


def test_what_a_spreadsheet_wrote_otherwise_is_no_change(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, **MANUAL)
    (tmp_path / "results.csv").write_text("solvent,temperature,yield,operator,lot\nwater,50,20.123456789012,ada,007\n")
    tell(settings, "small", tmp_path / "results.csv", by="tester")
    changes = {"results.yield.value": "20.123456789", "context.lot": "7", "outcome": "MEASURED", "context.operator": ""}
    report = corrected(settings, tmp_path / "out.csv", 2, **changes)

    assert (report.accepted, report.duplicates, report.problems) == (0, 0, [])
    assert report.notes == ("1 row passed over: results of this very campaign, which has them",)
