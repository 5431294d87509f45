"""Of several targets one may be measured days after the others: its value joins the result that is on record."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from db import exchange
from db.ledger import open_ledger
from flows.engine import ingest_files, on_retract, reanalyse, replay, retract, tell
from flows.engine.looking.reports import TellReport
from flows.raw.store import RawStore
from flows.report.build import build
from flows.settings import Settings
from loop.circumstances import COMPLETES
from loop.outcome import Measured
from loop.record import ObservationRecord
from loop.values import values_of
from tests.flows.engine.bench import ANALYSIS, FakeLaboratory, add, cheap_planner, once

TARGETS: dict[str, Any] = {
    "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
    "ee": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
}


def result(**values: float) -> str:
    return json.dumps({"outcome": "measured", "values": [{"property": n, "value": v} for n, v in values.items()]})


def told(settings: Settings, folder: Path, text: str, name: str = "results.csv") -> TellReport:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return tell(settings, "small", path, by="tester")


def counting(settings: Settings) -> tuple[ObservationRecord, ...]:
    with open_ledger(settings.database) as ledger:
        return ledger.observations("small")


def all_values(settings: Settings) -> list[dict[str, float]]:
    return [dict(values_of(o.outcome)) for o in counting(settings)]


@pytest.fixture
def batch(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> list[str]:
    """Keys of four experiments of which the yield is known, and a round that was planned from them."""
    add(settings, tmp_path, objective=TARGETS)
    laboratory.answers = lambda _: [result(**{"yield": 40.0})]
    once(settings)
    keys = list(laboratory.jobs)
    once(settings)
    return keys


def test_a_value_told_under_the_key_joins_the_result(settings: Settings, tmp_path: Path, batch: list[str]) -> None:
    first = {o.key: o.id for o in counting(settings)}
    report = told(settings, tmp_path, f"key,ee,comment\n{batch[0]},91,column B\n{batch[1]},85,\n")

    assert (report.accepted, report.problems, report.notes) == (2, [], ("ee joined 2 results on record",))
    now = {o.key: o for o in counting(settings)}
    assert values_of(now[batch[0]].outcome) == {"yield": 40.0, "ee": 91.0}
    assert now[batch[0]].context == {COMPLETES: first[batch[0]], "comment": "column B"}
    assert [values_of(now[key].outcome) for key in batch[2:]] == [{"yield": 40.0}] * 2
    assert len(now) == len(first)
    assert told(settings, tmp_path, f"key,ee\n{batch[0]},91\n", "again.csv").accepted == 0  # which is known


def test_rounds_planned_before_replay_and_the_page_has_one_result_under_its_number(
    settings: Settings, tmp_path: Path, batch: list[str]
) -> None:
    def numbers() -> dict[str, int]:
        with open_ledger(settings.database) as ledger:
            report = build(ledger, "small", files=RawStore(tmp_path))
        assert all(r.retracted is None for r in report.results)
        return {str([s.value for s in r.settings]): r.experiment for r in report.results}

    before = numbers()
    told(settings, tmp_path, f"key,ee\n{batch[2]},91\n")

    assert numbers() == before
    assert replay(settings, "small", 2, planner=cheap_planner).is_identical


def test_a_laboratory_may_send_it_and_another_value_contradicts(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path, objective=TARGETS)
    laboratory.answers = lambda _: [result(**{"yield": 40.0}), result(ee=90.0), result(**{"yield": 41.0, "ee": 90.0})]
    once(settings)
    report = once(settings)

    assert all_values(settings) == [{"yield": 40.0, "ee": 90.0}] * 4
    assert report.accepted == 4
    assert "ee joined 4 results on record" in report.notes
    assert sum("is contradictory" in note for note in report.notes) == 4


def limits(settings: Settings, key: str | None = None) -> list[str]:
    found = (o.outcome for o in counting(settings) if o.key == key)
    return [f"{m.qualifier.value}{m.value:g}" for o in found if isinstance(o, Measured) for m in o.measurements]


def test_a_limit_is_narrowed_and_ends_as_a_value(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path, objective={"cycles": {"goal": "maximize"}})
    more = '{"outcome": "measured", "values": [{"property": "cycles", "value": 500, "qualifier": ">"}]}'
    laboratory.answers = lambda _: [more]
    once(settings)
    one, other, third, fourth = laboratory.jobs
    once(settings)
    joined = told(settings, tmp_path, f"key,cycles\n{one},>700\n{other},823\n{third},>300\n")
    after = told(settings, tmp_path, f"key,cycles\n{one},901\n{other},>800\n{third},500\n", "later.csv")
    against = told(settings, tmp_path, f"key,cycles\n{one},880\n{other},>830\n{third},<500\n", "last.csv")

    assert (joined.accepted, joined.duplicates, joined.notes) == (2, 1, ("cycles joined 2 results on record",))
    assert (after.accepted, after.duplicates) == (2, 1)
    assert [limits(settings, key) for key in (one, other, third, fourth)] == [["=901"], ["=823"], ["=500"], [">500"]]
    assert [said.partition(" On record is ")[2].partition(";")[0] for said in against.problems] == [
        "cycles 901",
        "cycles 823",
        "cycles 500",
    ]


def test_a_told_limit_is_narrowed_by_its_file_and_counts_once(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective={"cycles": {"goal": "maximize"}})
    header = "solvent,base,step,cycles,day\n"
    told(
        settings, tmp_path, header + "water,DBU,1,>500,2026-01-05\nDMF,DBU,2,>500,\nEtOH,DBU,3,>500,\nEtOH,KOAc,3,40,\n"
    )
    rows = "water,DBU,1,>700,2026-01-05\nDMF,DBU,2,823,\nEtOH,DBU,3,60,\nEtOH,KOAc,3,45,\n"
    report = told(settings, tmp_path, header + rows)

    assert report.accepted == 4
    assert report.notes[0] == "cycles joined 2 results on record"
    assert sorted(limits(settings)) == ["=40", "=45", "=60", "=823", ">500", ">700"]  # what lies outside is another one


def test_what_was_done_on_another_instrument_contradicts(settings: Settings, tmp_path: Path, batch: list[str]) -> None:
    report = told(settings, tmp_path, f"key,ee,instrument\n{batch[0]},91,HPLC-2\n")

    (problem,) = report.problems
    assert "already ended so, but with no instrument (left out of it, this joins); to let this count" in problem


def test_what_stands_beside_a_later_value_and_beside_none_yet_joins_with_it(
    settings: Settings, tmp_path: Path, batch: list[str]
) -> None:
    report = told(settings, tmp_path, f"key,ee,operator,lot\n{batch[0]},91,ada,L1\n{batch[1]},85,,\n")
    other = told(settings, tmp_path, f"key,ee,operator\n{batch[0]},91,bob\n{batch[1]},85,bob\n", "others.csv")

    now = {o.key: o for o in counting(settings)}
    assert set(report.notes) == {"ee, operator and lot joined 1 result on record", "ee joined 1 result on record"}
    assert values_of(now[batch[0]].outcome) == {"yield": 40.0, "ee": 91.0}
    assert {name: now[batch[0]].context[name] for name in ("operator", "lot")} == {"operator": "ada", "lot": "L1"}
    assert other.notes == ("operator joined 1 result on record",)
    assert now[batch[1]].context["operator"] == "bob"
    (problem,) = other.problems
    assert "already ended so, but with operator ada; to let this count" in problem


def test_a_comment_that_is_told_later_joins_its_result_once(
    settings: Settings, tmp_path: Path, batch: list[str]
) -> None:
    text = f"key,yield,comment\n{batch[0]},40,{{}}\n"
    first, again = (told(settings, tmp_path, text.format("glass cracked"), f"{n}.csv") for n in "ab")
    more = told(settings, tmp_path, text.format("oil bath"), "c.csv")

    (now,) = (o for o in counting(settings) if o.key == batch[0])
    assert first.notes == more.notes == ("comment joined 1 result on record",)
    assert (again.accepted, again.duplicates) == (0, 1)
    assert now.context["comment"] == "glass cracked; oil bath"


def test_the_file_told_again_with_a_column_more_counts_no_row_twice(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS)
    told(settings, tmp_path, "solvent,base,step,yield\nwater,DBU,1,20\nDMF,DBU,2,30\nDMF,DBU,2,30\nEtOH,DBU,3,44\n")
    header = "solvent,base,step,yield,ee\n"
    text = header + "water,DBU,1,20,88\nDMF,DBU,2,30,70\nDMF,DBU,2,30,\nEtOH,DBU,3,44,\nEtOH,KOAc,3,44,51\n"
    report = told(settings, tmp_path, text)

    assert (report.accepted, report.duplicates, report.problems) == (3, 2, [])
    assert report.notes == ("ee joined 2 results on record",)
    whole = [{"yield": 20.0, "ee": 88.0}, {"yield": 30.0, "ee": 70.0}, {"yield": 44.0, "ee": 51.0}]
    values = all_values(settings)
    assert [v for v in values if "ee" not in v] == [{"yield": 30.0}, {"yield": 44.0}]
    assert [v for v in values if "ee" in v] == whole
    again = told(settings, tmp_path, text)
    assert (again.accepted, again.duplicates, again.notes) == (0, 5, ())


def test_what_the_file_still_has_is_an_experiment_of_its_own(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS)
    header = "solvent,base,step,yield,ee\n"
    told(settings, tmp_path, header + "water,DBU,1,20,\n")
    report = told(settings, tmp_path, header + "water,DBU,1,20,\nwater,DBU,1,20,88\nwater,DBU,1,21,88\n")

    assert (report.accepted, report.duplicates) == (2, 1)
    assert [v["yield"] for v in all_values(settings)] == [20.0, 20.0, 21.0]
    other = told(settings, tmp_path, header + "water,DBU,1,20,70\n", "other.csv")  # nothing says that it is the same
    assert (other.accepted, len(counting(settings))) == (1, 4)


def test_an_export_filled_in_completes_results_that_ran_and_that_were_told(
    settings: Settings, tmp_path: Path, batch: list[str]
) -> None:
    told(settings, tmp_path, "solvent,base,step,yield\nwater,DBU,1,20\n")
    path = tmp_path / "out.csv"
    with open_ledger(settings.database) as ledger:
        exchange.export(ledger, "small", path, "csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    with path.open("w", newline="") as file:
        sheet = csv.DictWriter(file, [*rows[0], "ee"])
        sheet.writeheader()
        sheet.writerows({**row, "ee": "" if row["key"] == batch[3] else "77"} for row in rows)
    done = len(counting(settings))
    report = tell(settings, "small", path, by="tester")

    assert (report.accepted, report.problems) == (done - 1, [])
    assert report.notes == (
        "1 row passed over: results of this very campaign, which has them",
        f"ee joined {done - 1} results on record",
    )
    assert len(counting(settings)) == done
    assert {o.key for o in counting(settings) if "ee" not in values_of(o.outcome)} == {batch[3]}


def test_a_told_result_that_an_export_contradicts_stays(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS)
    told(settings, tmp_path, "solvent,base,step,yield\nwater,DBU,1,20\n")
    path = tmp_path / "out.csv"
    with open_ledger(settings.database) as ledger:
        exchange.export(ledger, "small", path, "csv")
    (row,) = csv.DictReader(path.read_text().splitlines())
    with path.open("w", newline="") as file:
        sheet = csv.DictWriter(file, [*row, "ee"])
        sheet.writeheader()
        sheet.writerow({**row, "results.yield.value": "25", "ee": "77"})
    (problem,) = tell(settings, "small", path, by="tester").problems

    which = f"result {row['observation']} (water, DBU, step 1)"
    assert f"{which} says otherwise; to let this count, hakken retract small" in problem
    assert all_values(settings) == [{"yield": 20.0}]


def test_a_result_that_was_completed_is_retracted_as_a_whole(
    settings: Settings, tmp_path: Path, batch: list[str]
) -> None:
    told(settings, tmp_path, f"key,ee\n{batch[0]},91\n{batch[1]},85\n")
    (problem,) = told(settings, tmp_path, f"key,ee\n{batch[0]},19\n", "typo.csv").problems
    gone = retract(settings, "small", batch[0], by="tester", why="wrong vial")
    (note,) = on_retract(settings, "small", gone)

    assert "and tell it again: ee 19 %, with yield 40 %, which is retracted with it. On record is ee 91 %" in problem
    assert "before ee joined it, yield 40 % (simulated), counts no more either: tell it again" in note
    assert batch[0] not in {o.key for o in counting(settings)}
    assert told(settings, tmp_path, f"key,yield,ee\n{batch[0]},39,91\n", "anew.csv").accepted == 1


def test_who_retracts_a_result_is_told_what_was_told_beside_it_later(
    settings: Settings, tmp_path: Path, batch: list[str]
) -> None:
    told(settings, tmp_path, f"key,operator\n{batch[0]},ada\n{batch[1]},ada\n")
    gone = [o for key in batch[:2] for o in retract(settings, "small", key, by="tester", why="read twice")]
    (note,) = on_retract(settings, "small", gone)

    assert " and of 1 other, operator, counts no more either: tell it again once there is another result" in note
    for key, later in ((batch[0], "key,yield\n{},39\n"), (batch[0], "key,operator,comment\n{},ada,anew\n")):
        told(settings, tmp_path, later.format(key), f"{len(later)}.csv")
    (mended,) = [o for o in counting(settings) if o.key == batch[0]]
    assert mended.context["operator"] == "ada"


def test_a_reanalysis_keeps_what_joined_the_result_of_files(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective=TARGETS, analysis=ANALYSIS, laboratory={"adapter": "manual"})
    once(settings)
    with open_ledger(settings.database) as ledger:
        keys = {a.run_order: a.key for a in ledger.attempts("small")}
    file = tmp_path / "run-7.csv"
    rows = (f"R1-{i},4.2,{area}\nR1-{i},6.8,1000\n" for i, area in ((1, 620.0), (2, 410.0)))
    file.write_text("sample,RT,Area\n" + "".join(rows), encoding="utf-8")
    ingest_files(settings, "small", [file], by="ada")
    told(settings, tmp_path, f"key,ee\n{keys[0]},91\n")
    steeper = {"yield": {**ANALYSIS["yield"], "calibration": {"points": {0: 0.0, 50: 1.0, 100: 2.0}}}}
    add(settings, tmp_path, objective=TARGETS, analysis=steeper, laboratory={"adapter": "manual"})

    report = reanalyse(settings, "small", by="bob", why="the standards were mislabelled")
    again = reanalyse(settings, "small", by="bob", why="once more")

    assert [(len(r.rows), r.alike, r.problems) for r in (report, again)] == [(2, 0, []), (0, 2, [])]
    assert {frozenset(v) for v in all_values(settings)} == {frozenset({"yield"}), frozenset({"yield", "ee"})}
    assert [v["ee"] for v in all_values(settings) if "ee" in v] == [91.0]
