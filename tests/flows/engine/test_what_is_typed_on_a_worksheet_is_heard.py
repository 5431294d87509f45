from __future__ import annotations

import csv
import html
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.cli.screen import Screen
from flows.cli.showing.rounds import print_round
from flows.engine import best, replay, retract, run, status, tell
from flows.engine.looking.view import View
from flows.settings import Settings
from loop.circumstances import Expense, is_as_planned, read_context, read_expense
from loop.contracts import ExperimentSpec
from loop.history import History
from loop.spec import declared_of
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, measured, once, outcomes, spec_of, write


@pytest.mark.parametrize(("step", "is_told"), [(50, True), (5.3, False)])
def test_settings_really_used_that_are_far_outside_the_space_are_said(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, step: float, is_told: bool
) -> None:
    add(settings, tmp_path)
    told = json.dumps({**json.loads(measured(45.0)), "context": {"actual": {"step": step}}})
    laboratory.answers = lambda _: [told]
    once(settings)
    report = once(settings)

    said = [n for n in report.notes if n.startswith("step 50, as really used, is far outside the space (1 to 5)")]
    assert len(said) == is_told
    assert all("; it counts as it is. Where that is a slip: hakken retract small" in note for note in said)


def test_what_ran_by_another_option_is_the_best_under_that_option(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    used = {"KOAc": "CsOPiv", "CsOPiv": "DBU", "DBU": "KOAc"}
    asked: list[dict[str, Any]] = []

    def by_another_base(spec: ExperimentSpec) -> list[str]:
        asked.append(dict(spec.settings))
        actual = {"base": used[str(spec.settings["base"])]}
        return [json.dumps({**json.loads(measured(45.0)), "context": {"actual": actual}})]

    laboratory.answers = by_another_base
    add(settings, tmp_path)
    once(settings)
    once(settings)

    named = [one.settings for one in best(settings, "small").candidates]

    assert len(named) == 4
    assert all({**one, "base": used[str(one["base"])]} in named for one in asked[:4])


def test_a_worksheet_row_is_the_result_of_its_attempt(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    for job in laboratory.jobs.values():
        job.phase = job.phase.RUNNING
    keys = list(laboratory.jobs)
    sheet = "key,run_order,yield [%],yield sd,outcome,comment\n" + "".join(
        f"{key},{i},{'' if i == 3 else i * 10},,,\n" for i, key in enumerate(keys)
    )

    report = tell(settings, "small", write(tmp_path, sheet), by="tester")

    assert (report.accepted, report.problems) == (3, [])
    assert report.notes == ("1 row of the worksheet is not filled in yet",)
    assert status(settings, "small")[0].experiments_done == 3


def test_a_row_of_another_campaign_on_one_worksheet_is_said_to_be_that_ones(settings: Settings, tmp_path: Path) -> None:
    section = {"adapter": "manual", "worksheet": "sheet.csv"}
    for name in ("small", "other"):
        add(settings, tmp_path, campaign=name, laboratory=section)
        once(settings, name)
    sheet = tmp_path / "sheet.csv"
    rows = list(csv.DictReader(sheet.read_text("utf-8-sig").splitlines()))
    filled = [{**row, "yield [%]": "50"} if i in (0, 4) else row for i, row in enumerate(rows)]
    sheet.write_text("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in filled), ""]))
    report = once(settings)

    assert report.accepted == 1
    assert (
        f"an envelope from manual is foreign: attempt {rows[4]['key']} is of campaign 'other', and its result counts "
        "there; where it has none yet, bring it to that one (hakken tell other)" in report.notes
    )
    assert once(settings, "other").accepted == 1


def test_a_manual_campaign_waits_for_its_worksheet_and_goes_on_from_it(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory={"adapter": "manual"}, budget={"experiments": 4})
    report = run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, max_seconds=20)
    sheet = settings.folder("small") / "laboratory" / "worksheet.csv"

    assert report.waits_for_person
    assert str(sheet) in report.next_step
    assert status(settings)[0].next_step == report.next_step

    header, *rows = sheet.read_text(encoding="utf-8-sig").splitlines()
    place = header.split(",").index("yield [%]")
    filled = [",".join("42" if i == place else cell for i, cell in enumerate(row.split(","))) for row in rows]
    sheet.write_text("\n".join([header, *filled]), encoding="utf-8")

    report = run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, max_seconds=20)
    assert (report.state, report.experiments_done) == ("finished", 4)


def test_a_correction_on_the_worksheet_is_heard_and_counts_once_the_first_entry_is_retracted(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory={"adapter": "manual", "worksheet": "sheets/form.csv"}, budget={"experiments": 4})
    sheet = tmp_path / "sheets" / "form.csv"
    assert str(sheet) in once(settings).next_step
    assert str(sheet) in status(settings)[0].next_step

    def fill(*values: str) -> None:
        with sheet.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        with sheet.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "yield [%]": value} for row, value in zip(rows, values, strict=True))

    fill("45", "", "", "")
    once(settings)
    fill("54", "30", "", "")
    (note,) = (n for n in once(settings).notes if "contradictory" in n)
    with open_ledger(settings.database) as ledger:
        (key,) = (o.key or "" for o in ledger.observations("small") if o.outcome.measurements[0].value == 45)
    assert f"hakken retract small {key} --why REASON" in note
    retract(settings, "small", key, by="tester", why="misread")

    told = tell(settings, "small", sheet, by="tester")

    assert (told.accepted, told.duplicates, told.problems) == (1, 1, [])
    assert sorted(o.measurements[0].value for o in outcomes(settings)) == [30, 54]


RECORDED: dict[str, Any] = {
    "lot": {"type": "context", "options": ["L1", "L2"]},
    "humidity": {"type": "context", "unit": "%"},
}


def recording(settings: Settings, folder: Path, *rows: dict[str, str]) -> Path:
    """A campaign that asks for lot and humidity, with the first rows of its worksheet filled in."""
    space = {**spec_of()["space"], **RECORDED}
    add(settings, folder, laboratory={"adapter": "manual"}, budget={"experiments": 4}, space=space)
    once(settings)
    (sheet,) = settings.home.rglob("worksheet.csv")
    refill(sheet, *rows)
    return sheet


def refill(sheet: Path, *rows: dict[str, str], delimiter: str = ",") -> None:
    with sheet.open(newline="", encoding="utf-8-sig") as file:
        kept = list(csv.DictReader(file))
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(
            file, list(dict.fromkeys(name for row in (*kept, *rows) for name in row)), delimiter=delimiter
        )
        writer.writeheader()
        writer.writerows({**row, **(rows[i] if i < len(rows) else {})} for i, row in enumerate(kept))


def test_what_is_typed_beside_a_result_is_recorded_as_a_told_table_would_have_it(
    settings: Settings, tmp_path: Path
) -> None:
    sheet = recording(settings, tmp_path, {"yield [%]": "45", "lot": "L1", "humidity [%]": "40"})
    once(settings)
    refill(sheet, {}, {"yield [%]": "50", "lot": "L2", "humidity [%]": "30"})
    told = tell(settings, "small", sheet, by="tester")

    with open_ledger(settings.database) as ledger:
        seen = [{n: o.context[n] for n in ("lot", "humidity")} for o in ledger.observations("small")]
    assert (told.accepted, told.duplicates, told.problems) == (1, 1, [])
    assert sorted(seen, key=str) == [{"lot": "L1", "humidity": 40.0}, {"lot": "L2", "humidity": 30.0}]


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"lot": "L3"}, "context 'lot' = 'L3' is none of L1, L2; it is kept and not used until the space declares it"),
        ({"humidity [%]": "damp"}, "context 'humidity' must be a number, got 'damp'; it is kept and not used"),
    ],
)
def test_what_is_recorded_otherwise_than_declared_is_said_at_once_and_kept(
    settings: Settings, tmp_path: Path, cells: dict[str, str], rule: str
) -> None:
    recording(settings, tmp_path, {"yield [%]": "45", **cells})

    (note,) = (n for n in once(settings).notes if "context" in n)

    assert rule in note
    with open_ledger(settings.database) as ledger:
        (o,) = ledger.observations("small")
    assert f"hakken retract small {o.id} --why SLIP" in note
    assert next(iter(cells.values())) in o.context.values()


@pytest.mark.parametrize("outcome", ["", "measured"])
def test_a_deviation_without_its_value_is_asked_about_and_not_lost(
    settings: Settings, tmp_path: Path, outcome: str
) -> None:
    percent = {"goal": "maximize", "unit": "%"}
    objective = {"yield": percent, "ee": percent}
    add(settings, tmp_path, laboratory={"adapter": "manual", "worksheet": "sheet.csv"}, objective=objective)
    once(settings)
    sheet = tmp_path / "sheet.csv"
    refill(sheet, {"yield [%]": "50", "ee sd": "2", "outcome": outcome})

    asked = once(settings)
    refill(sheet, {"ee [%]": "90"})
    heard = once(settings)

    assert asked.accepted == 0
    assert any(
        note.endswith(
            "has 2 under 'ee sd' on sheet.csv, and no value beside it: fill that in, or move or empty that cell"
        )
        for note in asked.notes
    )
    assert heard.accepted == 1


def test_an_entry_that_cannot_be_read_is_said_once_a_pass_with_its_key(settings: Settings, tmp_path: Path) -> None:
    recording(settings, tmp_path, {"yield [%]": "much"}, {"yield [%]": "40"})
    with open_ledger(settings.database) as ledger:
        attempts = ledger.attempts("small")

    first, second = once(settings), once(settings)

    for report in (first, second):
        (note,) = (n for n in report.notes if "much" in n)
        assert note.startswith("the entry for ")
        assert any(f"({a.key}) waits: " in note for a in attempts)


def test_entries_that_cannot_be_read_for_one_reason_are_said_once(settings: Settings, tmp_path: Path) -> None:
    recording(settings, tmp_path, {"yield [%]": "n.d."}, {"yield [%]": "n.d."}, {"yield [%]": "much"})

    notes = once(settings).notes

    (alike,) = (n for n in notes if "n.d." in n)
    assert alike.startswith("the entries for 2 experiments, such as ")
    assert ", wait: 'yield'" in alike
    (other,) = (n for n in notes if "much" in n)
    assert other.startswith("the entry for ")


def test_a_value_that_cannot_be_read_may_be_left_out_instead(settings: Settings, tmp_path: Path) -> None:
    two = {"yield": {"goal": "maximize", "unit": "%"}, "ee": {"goal": "maximize", "unit": "%"}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, budget={"experiments": 4}, objective=two)
    once(settings)
    (sheet,) = settings.home.rglob("worksheet.csv")
    refill(sheet, *[{"yield [%]": "0", "ee [%]": "n.d."}] * 3)
    asked = once(settings)
    refill(sheet, *[{"yield [%]": "0", "ee [%]": ""}] * 3)
    heard = once(settings)

    assert asked.accepted == 0
    assert any("leave it out where it was not measured" in note for note in asked.notes)
    assert heard.accepted == 3
    assert not any("n.d." in note for note in heard.notes)


def test_a_round_says_once_what_is_to_be_said_of_several_results(settings: Settings, tmp_path: Path) -> None:
    recording(settings, tmp_path, *[{"yield [%]": f"{i}", "lot": "L3"} for i in range(4)])
    once(settings)
    with open_ledger(settings.database) as ledger:
        stored = ledger.observations("small")
        view = View(ledger, "small")
        history = History.of(view.space, stored, (), declared_of(view.spec))

    assert len(stored) > 1
    (note,) = history.notes
    assert note.startswith(f"observation {stored[0].id} and {len(stored) - 1} more: context 'lot' = 'L3' is none of")


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"base": "DBX"}, "actual settings cannot be read (parameter 'base' has no option 'DBX'"),
        ({"step": "RT"}, "it counts as tried and trains nothing"),
        ({"hours": "2:30"}, "hours must be a number, got '2:30'; it is kept and not used"),
        ({"cost": "-5"}, "cost must be zero or above, got '-5'; it is kept and not used"),
        ({"cost [USD]": "77.7"}, "column 'cost [USD]' does not count; call it cost, in the unit of the costs, so that"),
        (
            {"Hours [mol]": "2"},
            "column 'Hours [mol]' does not count; call it hours, in h, so that",
        ),
    ],
)
def test_what_was_typed_of_how_it_was_done_and_cannot_be_read_is_said_at_once(
    settings: Settings, tmp_path: Path, cells: dict[str, str], rule: str
) -> None:
    recording(settings, tmp_path, {"yield [%]": "45", **cells})

    (note,) = (n for n in once(settings).notes if rule in n)

    assert note.startswith("result of ")
    assert "Where that is a slip: hakken retract small" in note


def test_hours_and_cost_with_a_decimal_comma_are_used_and_not_said_to_be_unread(
    settings: Settings, tmp_path: Path
) -> None:
    sheet = recording(settings, tmp_path)
    refill(sheet, {"yield [%]": "45", "hours": "12,5", "cost": "7,25"}, delimiter=";")

    notes = once(settings).notes

    with open_ledger(settings.database) as ledger:
        (context,) = (o.context for o in ledger.observations("small"))
    assert read_expense(context) == Expense(12.5, 7.25)
    assert not [n for n in notes if "must be a number" in n]


@pytest.mark.parametrize("value", [None, [1], {"at": 2}, True, 10**400], ids=["null", "list", "object", "true", "huge"])
def test_actual_settings_that_are_neither_text_nor_number_stop_no_campaign(
    settings: Settings,
    tmp_path: Path,
    laboratory: FakeLaboratory,
    page: Path,
    capsys: pytest.CaptureFixture[str],
    value: object,
) -> None:
    context = {"actual": {"step": value}, "humidity": value, "lot": value, "operator": "Ada"}
    laboratory.answers = lambda _: [json.dumps({**json.loads(measured(50.0)), "context": context})]
    add(settings, tmp_path, space={**spec_of()["space"], **RECORDED})

    said = [n for _ in range(3) for n in once(settings).notes]

    with open_ledger(settings.database) as ledger:
        print_round(Screen(False), ledger, "small", 1)
        second = next(r for r in ledger.rounds("small") if r.number == 2)
        assert {repr(o.context["actual"]["step"]) for o in ledger.observations("small")} == {repr(value)}
    beside = f"really step {value}"
    assert any(n.startswith("result of ") and "'step' must be text or a finite number" in n for n in said)
    (note,) = (n for n in second.notes if "it counts as tried and trains nothing" in n)
    assert re.match(r"observation \S+ and 3 more: actual settings cannot be read \('step' must be text", note)
    assert beside in capsys.readouterr().out
    assert beside in html.unescape(page.read_text(encoding="utf-8"))
    assert replay(settings, "small", 2, planner=cheap_planner).is_identical


def test_an_instrument_that_is_written_in_two_ways_is_said(settings: Settings, tmp_path: Path) -> None:
    space = {**spec_of()["space"], **RECORDED}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, space=space, noise={"effects": ["instrument", "lot"]})
    once(settings)
    (sheet,) = settings.home.rglob("worksheet.csv")
    refill(sheet, {"yield [%]": "45", "instrument": "HPLC-1"}, {"yield [%]": "50", "instrument": "HPLC-2"})
    before = once(settings).notes
    refill(sheet, {}, {}, {"yield [%]": "55", "instrument": "hplc 1"})

    (note,) = (n for n in once(settings).notes if "instrument" in n)

    assert not any("written otherwise" in n for n in before)
    assert "instrument 'hplc 1' counts as another than 'HPLC-1', which only is written otherwise" in note
    assert "Where that is a slip: hakken retract small" in note


def test_an_option_whose_letters_are_parted_is_the_one_that_was_asked_for() -> None:
    parted = unicodedata.normalize("NFD", "Ärger")

    assert parted != "Ärger"
    assert is_as_planned(f"{parted} ", "Ärger")
    assert not is_as_planned("Arger", "Ärger")


def test_a_day_that_is_written_in_two_ways_is_one_or_is_said(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory={"adapter": "manual"}, noise={"effects": ["day"]})
    table = tmp_path / "days.csv"
    rows = ["2026-03-28", "28.03.2026", "28.3.2026 14:30", "28.3.2026 late", "3/4/2026", "4/3/2026", "28/03/2026"]
    table.write_text("solvent,base,step,yield,day\n" + "".join(f"DMF,DBU,2,{i},{d}\n" for i, d in enumerate(rows)))

    notes = [n for n in tell(settings, "small", table, by="tester").notes if " day " in n]

    with open_ledger(settings.database) as ledger:
        days = [read_context(o.context, {})[0]["day"] for o in ledger.observations("small")]
    assert days == ["2026-03-28"] * 3 + rows[3:]
    (note,) = notes
    assert "day '28/03/2026' counts as another than '2026-03-28', and may be the same; write days as 2026" in note


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2026-03-29 02:30", "2026-03-29"),  # which Berlin's clocks skip
        ("2026-10-25T02:30:00Z", "2026-10-25"),
        ("2026-10-25T23:30:00-04:00", "2026-10-25"),
        ("2026-10-25T02:30:00+02:00[Europe/Berlin]", "2026-10-25"),
        ("2026-10-25 2:30:00 CEST", "2026-10-25"),
        ("2026-3-9 9:05", "2026-03-09"),
        ("25.10.2026 14:30 Uhr", "2026-10-25"),
        ("25. 10. 2026, 2:30:05 PM", "2026-10-25"),
        ("46320", "2026-10-25"),
        ("46320.6041666667", "2026-10-25"),
        (46320.6041666667, "2026-10-25"),
        (20261025, "2026-10-25"),
        ("03/04/2026 14:30", "03/04/2026"),
        ("28-Mar-2026 09:00:12", "28-Mar-2026"),
        ("Sun, 25 Oct 2026 02:30:00 +0200", "25 Oct 2026"),
        ("Sun Oct 25 02:30:00 2026", "Oct 25 2026"),
        ("Sunday 14:30", "Sunday 14:30"),
        ("day 3", "day 3"),
        ("3", "3"),
        (3, "3"),
        ("run 14:30", "run 14:30"),
    ],
)
def test_the_hour_of_a_result_makes_no_day_of_its_own(typed: str | float, day: str) -> None:
    context, _ = read_context({"day": typed}, {})

    assert context == {"day": day}


@pytest.mark.parametrize(
    ("options", "day"),
    [((), "2026-10-25"), (("2026-10-25",), "2026-10-25"), (("25.10.2026 14:30",), "25.10.2026 14:30")],
)
def test_a_day_that_the_space_declares_has_no_hour_either(options: tuple[str, ...], day: str) -> None:
    assert read_context({"day": "25.10.2026 14:30"}, {"day": options}) == ({"day": day}, ())


def test_a_day_that_is_declared_as_a_number_is_one() -> None:
    assert read_context({"day": "45000"}, {"day": None}) == ({"day": 45000.0}, ())


def test_a_setting_that_is_put_right_after_its_result_was_taken_in_is_heard(settings: Settings, tmp_path: Path) -> None:
    sheet = recording(settings, tmp_path, {"yield [%]": "45"})
    once(settings)
    with open_ledger(settings.database) as ledger:
        step = ledger.observations("small")[0].settings["step"]
    refill(sheet, {"step": "2.5"}, {"yield [%]": "50"})

    (note,) = (n for n in once(settings).notes if "contradictory" in n)

    assert f"ended so, but with step {step}; to let this count, hakken retract small" in note


def test_a_lot_that_is_typed_after_its_result_was_taken_in_is_heard(settings: Settings, tmp_path: Path) -> None:
    sheet = recording(settings, tmp_path, {"yield [%]": "45", "lot": "L1"})
    once(settings)
    refill(sheet, {"humidity [%]": "40", "lot": "L2"}, {"yield [%]": "50"})

    (note,) = (n for n in once(settings).notes if "contradictory" in n)

    assert re.search("ended so, but with lot L1; to let this count, hakken retract small", note)


def test_a_lot_that_is_typed_where_none_was_joins_the_result(settings: Settings, tmp_path: Path) -> None:
    sheet = recording(settings, tmp_path, {"yield [%]": "45", "lot": "L1"})
    once(settings)
    refill(sheet, {"humidity [%]": "40"}, {"yield [%]": "50"})

    report = once(settings)

    with open_ledger(settings.database) as ledger:
        (first,) = (o for o in ledger.observations("small") if o.context.get("lot") == "L1")
    assert "humidity joined 1 result on record" in report.notes
    assert float(first.context["humidity"]) == 40


def test_what_was_typed_and_cannot_be_used_is_no_gap_to_be_filled(settings: Settings, tmp_path: Path) -> None:
    sheet = recording(settings, tmp_path, {"yield [%]": "45", "humidity [%]": "moist"})
    once(settings)
    refill(sheet, {"humidity [%]": "40"}, {"yield [%]": "50"})

    (note,) = (n for n in once(settings).notes if "contradictory" in n)

    assert "ended so, but with humidity moist; to let this count, hakken retract small" in note
