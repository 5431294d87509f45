"""``tell --match``: a table without keys, of a vendor or another program, is results of the experiments that wait."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from flows.engine import retract, status, tell, tick
from flows.engine.looking.reports import TellReport
from flows.settings import Settings
from flows.wiring import open_record
from loop.experiment import State
from loop.record import AttemptRecord
from tests.flows.engine.bench import add, once

Rows = list[dict[str, str]]


def begun(settings: Settings, folder: Path, **changes: Any) -> list[AttemptRecord]:
    """A batch that a person has to run."""
    tick(settings, add(settings, folder, laboratory={"adapter": "manual"}, **changes))
    with open_record(settings) as ledger:
        return list(ledger.attempts("small"))


def row(attempt: AttemptRecord, value: str, **more: str) -> dict[str, str]:
    return {**{n: str(v) for n, v in attempt.settings.items()}, "yield [%]": value, **more}


def told(settings: Settings, folder: Path, rows: Rows, *, is_matched: bool = True) -> TellReport:
    path = folder / "vendor.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    return tell(settings, "small", path, by="tester", is_matched=is_matched)


def values(settings: Settings) -> dict[str | None, float]:
    with open_record(settings) as ledger:
        return {o.key: o.outcome.measurements[0].value for o in ledger.observations("small")}  # type: ignore[union-attr]


def test_each_row_is_the_result_of_the_experiment_with_its_settings(settings: Settings, tmp_path: Path) -> None:
    waiting = begun(settings, tmp_path)
    rows = [row(a, str(10 * i)) for i, a in enumerate(waiting)]

    report = told(settings, tmp_path, rows[::-1])
    once(settings)

    assert report.accepted == len(waiting)
    assert report.notes == (f"{len(waiting)} rows are results of experiments that were waited for with their settings",)
    assert {k: v for k, v in values(settings).items() if v < 10 * len(waiting)} == {
        a.key: 10.0 * i for i, a in enumerate(waiting)
    }
    (standing,) = status(settings, "small")
    assert standing.experiments_done == len(waiting)


def test_a_row_that_is_wider_than_its_header_is_refused_and_no_cell_of_it_is_a_key(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = begun(settings, tmp_path)[:2]
    names = [*first.settings]
    lines = [",".join([*names, "yield", "comment"])]
    for attempt, cells in ((first, "12,5,"), (second, "7,")):
        lines.append(",".join([*(str(attempt.settings[n]) for n in names), cells]))
    (tmp_path / "vendor.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    report = tell(settings, "small", tmp_path / "vendor.csv", by="tester", is_matched=True)
    once(settings)

    cells, width = len(names) + 3, len(names) + 2
    assert report.problems == [
        f"vendor.csv line 2: the row has {cells} cells and the header {width}; quote a cell that holds a comma"
    ]
    assert values(settings)[second.key] == 7.0
    assert not {12.0, 5.0} & {*values(settings).values()}


def test_what_is_refused_is_not_said_to_count_beside(settings: Settings, tmp_path: Path) -> None:
    space = {
        "base": {"type": "category", "options": ["DBU", "none"]},
        "amount": {"type": "number", "values": [1, 2, 3], "unless": {"base": "none"}},
    }
    first = next(a for a in begun(settings, tmp_path, space=space) if a.settings["base"] == "DBU")

    report = told(settings, tmp_path, [row(first, "7"), {**row(first, "9"), "base": "none"}])

    assert (report.accepted, len(report.problems)) == (1, 1)
    assert "parameter 'amount' does not apply with these settings" in report.problems[0]
    assert report.notes == ("1 row is the result of an experiment that was waited for with its settings",)


def test_the_same_table_again_adds_nothing_also_when_rows_were_added(settings: Settings, tmp_path: Path) -> None:
    waiting = begun(settings, tmp_path)
    rows = [row(a, str(10 * i)) for i, a in enumerate(waiting)]
    told(settings, tmp_path, rows[:2])
    once(settings)

    again = told(settings, tmp_path, rows)
    once_more = told(settings, tmp_path, [*reversed(rows)])

    assert (again.accepted, again.duplicates) == (len(waiting) - 2, 2)
    assert (once_more.accepted, once_more.duplicates, once_more.notes) == (0, len(waiting), ())
    assert None not in values(settings)


def test_a_table_that_was_matched_adds_nothing_when_it_is_told_without(settings: Settings, tmp_path: Path) -> None:
    waiting = begun(settings, tmp_path)
    rows = [row(a, str(10 * i)) for i, a in enumerate(waiting)]
    told(settings, tmp_path, rows[:2])
    once(settings)

    plain = told(settings, tmp_path, [*reversed(rows[:2])], is_matched=False)
    added = told(settings, tmp_path, [*rows[:2], rows[1]], is_matched=False)

    assert (plain.accepted, plain.duplicates, plain.notes) == (0, 2, ())
    assert (added.accepted, added.duplicates) == (1, 2)
    assert {k: v for k, v in values(settings).items() if k} == {a.key: 10.0 * i for i, a in enumerate(waiting[:2])}


def test_a_matched_row_that_was_retracted_can_be_told_without_a_match(settings: Settings, tmp_path: Path) -> None:
    first = begun(settings, tmp_path)[0]
    told(settings, tmp_path, [row(first, "10")])
    once(settings)
    retract(settings, "small", first.key, by="tester", why="of another experiment")

    plain = told(settings, tmp_path, [row(first, "10")], is_matched=False)

    assert (plain.accepted, plain.duplicates) == (1, 0)
    assert values(settings)[None] == 10.0


def test_replicates_are_theirs_in_order_and_more_rows_than_those_are_left_to_a_person(
    settings: Settings, tmp_path: Path
) -> None:
    waiting = begun(settings, tmp_path, planner={"batch": 1, "replicates": 2, "initial": {"experiments": 1}})
    assert len({tuple(sorted(a.settings.items())) for a in waiting}) == 1
    first = waiting[0]

    three = told(settings, tmp_path, [row(first, "10"), row(first, "20"), row(first, "30")])

    (note, *_) = three.notes
    assert "are whose, the settings do not say: they count beside the experiments" in note
    assert [*values(settings)] == [None]


def test_two_replicates_are_filled(settings: Settings, tmp_path: Path) -> None:
    first, second = begun(settings, tmp_path, planner={"batch": 1, "replicates": 2, "initial": {"experiments": 1}})

    report = told(settings, tmp_path, [row(first, "10"), row(first, "12")])

    assert report.notes[0] == "2 rows are results of experiments that were waited for with their settings"
    assert values(settings) == {first.key: 10.0, second.key: 12.0}


def test_what_was_planned_and_not_sent_is_waited_for_too_after_what_was_sent(
    settings: Settings, tmp_path: Path
) -> None:
    laboratory = {"adapter": "csv_folder", "folder": str(tmp_path), "heartbeat": None, "at_once": 1}
    planner = {"batch": 1, "replicates": 2, "initial": {"experiments": 1}}
    tick(settings, add(settings, tmp_path, laboratory=laboratory, planner=planner))
    with open_record(settings) as ledger:
        by_state = {a.state: a for a in ledger.attempts("small")}
    sent, unsent = by_state[State.SUBMITTED], by_state[State.READY]

    first = told(settings, tmp_path, [row(sent, "10")])
    second = told(settings, tmp_path, [row(sent, "10"), row(sent, "12")])

    note = "1 row is the result of an experiment that was waited for with its settings"
    assert [report.notes[0] for report in (first, second)] == [note, note]
    assert values(settings) == {sent.key: 10.0, unsent.key: 12.0}


def test_what_nobody_waits_for_is_told_beside_and_said(settings: Settings, tmp_path: Path) -> None:
    waiting = begun(settings, tmp_path)
    with open_record(settings) as ledger:
        spec = ledger.campaign("small").spec
    other = {**{n: str(v) for n, v in waiting[0].settings.items()}}
    name, said = next((n, p) for n, p in spec["space"].items() if p["type"] == "number")
    free = {a.settings[name] for a in waiting}
    other[name] = str(next(v for v in said["values"] if v not in free))

    report = told(settings, tmp_path, [{**other, "yield [%]": "5"}, row(waiting[0], "50")])

    assert report.accepted == 2
    assert report.notes[0].startswith("1 row is the result of an experiment that was waited for with its settings")
    assert "1 row has the settings of no experiment that is waited for, such as" in report.notes[1]
    assert values(settings) == {None: 5.0, waiting[0].key: 50.0}


def test_a_row_in_the_place_of_a_result_that_an_experiment_has_is_said(settings: Settings, tmp_path: Path) -> None:
    waiting = begun(settings, tmp_path)[:2]
    told(settings, tmp_path, [row(waiting[0], "10"), row(waiting[1], "20")])
    with open_record(settings) as ledger:
        (corrected,) = (o.id for o in ledger.observations("small") if o.key == waiting[1].key)

    (note, *_) = told(settings, tmp_path, [row(waiting[0], "10"), row(waiting[1], "25")]).notes

    assert note.startswith("1 row has the settings of no experiment that is waited for, such as")
    assert "has another result: where a row corrects it, take that back, such as" in note
    assert note.endswith(f"hakken retract small {corrected} --why CORRECTED")


def test_a_row_with_its_key_and_one_that_cannot_be_read_stay_as_they_are(settings: Settings, tmp_path: Path) -> None:
    first, second, third, *_ = begun(settings, tmp_path)

    report = told(
        settings,
        tmp_path,
        [row(first, "50", key=first.key), row(second, "fifty", key=""), row(third, "30", key="")],
    )

    assert report.accepted == 2
    assert "line 3" in report.problems[0]
    assert values(settings) == {first.key: 50.0, third.key: 30.0}


@pytest.mark.parametrize("has_wells", [True, False])
def test_wells_are_matched_by_plate_and_well_or_where_only_one_has_the_settings(
    settings: Settings, tmp_path: Path, has_wells: bool
) -> None:
    control = {"wells": 2, "settings": {"solvent": "DMF", "base": "DBU", "step": 3}}
    plate = {"rows": 2, "columns": 3, "controls": control}
    waiting = begun(settings, tmp_path, plate=plate, planner={"surrogate": "random"})
    wells = {a.key: a.place for a in waiting if a.place is not None}
    rows = [
        row(a, str(i), **({"plate": str(wells[a.key].plate), "well": wells[a.key].well} if has_wells else {}))
        for i, a in enumerate(waiting)
    ]
    twice = [a for a in waiting if sum(a.settings == b.settings for b in waiting) > 1]
    assert 0 < len(twice) < len(waiting)

    report = told(settings, tmp_path, rows[::-1])

    keyed = {k: v for k, v in values(settings).items() if k is not None}
    expected = {a.key: float(i) for i, a in enumerate(waiting) if has_wells or a not in twice}
    assert keyed == expected
    assert any("are whose, the settings do not say" in note for note in report.notes) is not has_wells


def on_plate(settings: Settings, folder: Path) -> list[AttemptRecord]:
    control = {"wells": 2, "settings": {"solvent": "DMF", "base": "DBU", "step": 3}}
    return begun(
        settings,
        folder,
        plate={"rows": 2, "columns": 3, "controls": control},
        planner={"surrogate": "random"},
        noise={"effects": ["plate"]},
    )


def well_of(attempt: AttemptRecord) -> str:
    assert attempt.place is not None
    return attempt.place.well


@pytest.mark.parametrize(("plate", "well"), [("plate", "well"), ("Plate", "Well")])
def test_a_table_without_settings_is_matched_by_plate_and_well(
    settings: Settings, tmp_path: Path, plate: str, well: str
) -> None:
    waiting = on_plate(settings, tmp_path)
    rows = [
        {plate: "P01", well: f"{well_of(a)[0].lower()}0{well_of(a)[1:]}", "yield [%]": str(i)}
        for i, a in enumerate(waiting)
    ]

    report = told(settings, tmp_path, rows[::-1])
    again = told(settings, tmp_path, rows)

    assert report.notes == (f"{len(waiting)} rows are results of experiments that were waited for in their wells",)
    assert values(settings) == {a.key: float(i) for i, a in enumerate(waiting)}
    with open_record(settings) as ledger:  # as the campaign calls them, so that an effect has one label
        found = {(o.key, o.context["plate"], o.context["well"]) for o in ledger.observations("small")}
    assert found == {(a.key, "1", well_of(a)) for a in waiting}
    assert (again.accepted, again.duplicates, again.problems) == (0, len(waiting), [])


def test_a_well_that_no_experiment_lies_in_is_named(settings: Settings, tmp_path: Path) -> None:
    first, *_ = on_plate(settings, tmp_path)

    report = told(
        settings,
        tmp_path,
        [
            {"plate": "1", "well": well_of(first), "yield [%]": "5"},
            {"plate": "1", "well": "H12", "yield [%]": "6"},
            {"plate": "2", "well": "A1", "yield [%]": "7"},
        ],
    )

    assert values(settings) == {first.key: 5.0}
    assert "in 2 rows no experiment of the campaign lies in the well: H12 of plate 1; A1 of plate 2" in report.notes
    assert len(report.problems) == 1


def test_where_plate_and_well_stand_and_no_settings_the_way_out_is_told(settings: Settings, tmp_path: Path) -> None:
    first, *_ = on_plate(settings, tmp_path)
    (tmp_path / "reader.csv").write_text(f"plate,well,yield [%]\n1,{well_of(first)},5\n")

    report = tell(settings, "small", tmp_path / "reader.csv", by="tester")

    (problem,) = report.problems
    assert problem.endswith("or the key of an attempt; hakken tell --match finds that by plate and well")
