from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.cli.rounds import print_round
from flows.cli.screen import Screen
from flows.engine import approve, preview_file, replay, resume, retract, run, status, stop, tell, tick
from flows.engine.looking.view import View
from flows.engine.people.telling import TellError
from flows.engine.steps.training import train_round
from flows.settings import Settings
from flows.wiring import campaign_file
from loop.circumstances import Expense, read_expense
from loop.errors import LedgerError, NotFound, PoolExhausted, SpecError
from loop.history import History
from loop.outcome import Fault, Measured, Negative
from loop.record import Verdict
from loop.spec import declared_of
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, measured, spec_of, story_of

HEADER = "solvent,base,step,yield [%],yield_sd,outcome,comment\n"


def write(folder: Path, text: str, name: str = "results.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def once(settings: Settings) -> Any:
    return tick(settings, "small", planner=cheap_planner)


def outcomes(settings: Settings) -> list[Any]:
    return [o[-1] for o in story_of(settings).results]


def test_told_rows_count_with_units_limits_negatives_and_faults(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    file = write(
        tmp_path,
        "solvent,base,step,yield [],yield_sd,outcome,comment\n"
        "water,DBU,1,0.5,0.01,,\n"
        "DMF,DBU,2,<0.05,,,\n"
        "DMF,KOAc,2,,,negative,no conversion\n"
        "EtOH,KOAc,3,,,fault:instrument_fault,needle clogged\n",
    )

    report = tell(settings, "small", file, by="tester")

    assert (report.accepted, report.duplicates, report.problems) == (4, 0, [])
    first, limit, negative, fault = outcomes(settings)
    assert isinstance(first, Measured)
    assert (first.measurements[0].canonical, first.measurements[0].canonical_sd) == pytest.approx((50.0, 1.0))
    assert isinstance(limit, Measured)
    assert limit.measurements[0].qualifier.value == "<"
    assert negative == Negative("no conversion")
    assert isinstance(fault, Fault)
    assert (fault.kind.value, fault.message) == ("instrument_fault", "needle clogged")


def test_telling_says_how_far_it_is(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    file = write(tmp_path, HEADER + "water,DBU,1,50,1,,\nDMF,DBU,2,5,1,,\n")
    said: list[tuple[str, int]] = []

    tell(settings, "small", file, by="tester", progress=lambda what, done: said.append((what, done)))

    assert said == [("rows put on record", 1), ("rows put on record", 2), ("results judged", 1), ("results judged", 2)]


def test_a_told_row_says_readings_limits_and_what_was_recorded_beside_it(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    file = write(
        tmp_path,
        "solvent,base,step,yield,yield_sd,yield_n,plate,well,instrument,day\n"
        "water,DBU,1,50,6,9,P1,B03,HPLC1,2026-11-24\n"
        "DMF,DBU,2,>90,,,P2,,,\n",
    )

    report = tell(settings, "small", file, by="tester")

    assert (report.accepted, report.problems) == (2, [])
    with open_ledger(settings.database) as ledger:
        first, second = ledger.observations("small")
    assert isinstance(first.outcome, Measured)
    assert (first.outcome.measurements[0].sd, first.outcome.measurements[0].n) == (6.0, 9)
    assert dict(first.context) == {"plate": "P1", "well": "B03", "instrument": "HPLC1", "day": "2026-11-24"}
    assert dict(second.context) == {"plate": "P2"}


def test_telling_a_file_twice_adds_nothing_also_where_rows_were_added_above(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,10,,,\nwater,DBU,1,10,,,\nDMF,DBU,2,20,,,\n"
    first = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")

    again = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")
    above = tell(settings, "small", write(tmp_path, HEADER + "EtOH,DBU,3,30,,,\n" + rows), by="tester")
    below = tell(settings, "small", write(tmp_path, HEADER + rows + "water,DBU,1,10,,,\n"), by="tester")

    assert [(r.accepted, r.duplicates) for r in (first, again, above, below)] == [(3, 0), (0, 3), (1, 3), (1, 3)]
    assert len(outcomes(settings)) == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            HEADER + "water,DBU,1,ten,,,\n",
            "results.csv line 2: column 'yield [%]' must hold a finite number, got 'ten'",
        ),
        (HEADER + "water,DBU,1,nan,,,\n", "line 2: column 'yield [%]' must hold a finite number"),
        (HEADER + 'water,DBU,1,"12,5",,,\n', "use a point as decimal sign"),
        (HEADER + "water,DBU,1,,,,\n", "line 2: no value for 'yield', and no outcome"),
        (HEADER + "water,DBU,1,,2,,\n", "'yield' has a deviation or a qualifier but no value"),
        (HEADER + "water,DBU,1,5,-2,,\n", "sd must be zero or above"),
        (HEADER + "watr,DBU,1,5,,,\n", "parameter 'solvent' has no option 'watr' (did you mean 'water'?)"),
        (HEADER + "water,,1,5,,,\n", "line 2: column 'base' is empty; every parameter needs a value"),
        (HEADER + "water,DBU,1,5,,positive,\n", "outcome 'positive' is unknown"),
        (HEADER + "water,DBU,1,,,fault:neddle,\n", "fault kind 'neddle' is unknown"),
        (HEADER + "water,DBU,1,5,,fault:timeout,\n", "a fault has no value"),
        (HEADER + "\nwater,DBU,1,5,,\n", "line 3: the row has 6 cells"),
        ("solvent,base,step,yeild\nwater,DBU,1,5\n", "line 1: column 'yeild' is unknown (did you mean 'yield'?)"),
        (
            "Solvent,base,Step (M),yield\nwater,DBU,1,5\n",
            "1: columns 'Solvent' (did you mean 'solvent'?), 'Step (M)' (did you mean 'step'?) are unknown; known: ",
        ),
        (HEADER + "water,DBU,1,>=95,,,\n", "column 'yield [%]' has '>=95'; write a limit as >95"),
        (HEADER + "water,DBU,1,≤ 0.5,,,\n", "column 'yield [%]' has '≤ 0.5'; write a limit as <0.5"),
        (HEADER + 'water,DBU,1,"45,5 %",,,\n', "(the number alone; its unit belongs in the header, as in 'yield (%)')"),
        (HEADER + "water,DBU,1,4O,,,\n", "must hold a finite number, got '4O'; correct the cell"),
        (HEADER + "water,DBU,1,65*,,,\n", "must hold a finite number, got '65*'; correct the cell"),
        ("solvent,base,yield\nwater,DBU,5\n", "parameter 'step' has no value: its column is missing"),
        (
            "solvent,base,step,yield,yield [%]\nwater,DBU,1,5,5\n",
            "line 1: columns 'yield' and 'yield [%]' hold the same",
        ),
        ("solvent,base,step,yield [mol]\nwater,DBU,1,5\n", "a value in 'mol' cannot be given in '%'"),
        ("solvent,base,step,yield [furlong/x]\nwater,DBU,1,5\n", "unit 'furlong/x' is unknown"),
        (HEADER, "results.csv: it has no rows"),
        ("", "results.csv: it has no rows"),
        (HEADER + '"water,DBU\n', "results.csv: it is not a CSV file"),
        ("key,yield\n01a2,5\n", "names attempt '01a2', and campaign 'small' knows none such"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_and_named_with_line_and_remedy(
    settings: Settings, tmp_path: Path, text: str, problem: str
) -> None:
    add(settings, tmp_path)

    report = tell(settings, "small", write(tmp_path, text), by="tester")

    assert report.accepted == 0
    assert len(report.problems) == 1
    assert problem in report.problems[0]
    assert outcomes(settings) == []
    with open_ledger(settings.database) as ledger:
        verdicts = {e.verdict for e in ledger.envelopes("small")}
    assert verdicts <= {Verdict.MALFORMED, Verdict.FOREIGN}
    assert verdicts


def test_rows_that_were_refused_count_once_when_told_again_after_the_campaign_was_mended(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    path = write(tmp_path, HEADER + "water,DBU,1,10,,,\nMeOH,DBU,1,20,,,\nMeOH,DBU,1,20,,,\n")
    refused = tell(settings, "small", path, by="tester")
    space = spec_of()["space"]
    more = space["solvent"] | {"options": [*space["solvent"]["options"], "MeOH"]}
    add(settings, tmp_path, space=space | {"solvent": more})

    mended, again = (tell(settings, "small", path, by="tester") for _ in range(2))

    assert (refused.accepted, len(refused.problems)) == (1, 1)  # of two rows
    assert (mended.accepted, mended.duplicates, mended.problems) == (2, 1, [])
    assert (again.accepted, again.duplicates, again.problems) == (0, 3, [])
    assert len(outcomes(settings)) == 3


def test_a_row_that_is_refused_again_says_why_now(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    path = write(tmp_path, HEADER + "MeOH,DBU,1,20,,,\n")
    tell(settings, "small", path, by="tester")
    space = spec_of()["space"]
    add(settings, tmp_path, space=space | {"solvent": {"type": "category", "options": ["water", "MeCN", "meoh"]}})

    (problem,) = tell(settings, "small", path, by="tester").problems

    assert "options: water, MeCN, meoh" in problem
    with open_ledger(settings.database) as ledger:
        assert len(ledger.envelopes("small")) == 1


def test_a_row_that_contradicted_a_result_counts_when_told_again_after_that_was_retracted(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    once(settings)
    with open_ledger(settings.database) as ledger:
        key = ledger.attempts("small")[0].key
    (wrong,) = tell(settings, "small", write(tmp_path, f"key,yield\n{key},7\n"), by="tester").observations
    path = write(tmp_path, f"key,yield\n{key},77\n")
    refused = tell(settings, "small", path, by="tester")
    retract(settings, "small", wrong, by="tester", why="another vial")

    told, again = (tell(settings, "small", path, by="tester") for _ in range(2))

    assert refused.accepted == 0
    assert f"hakken retract small {key} --why REASON and tell it again" in refused.problems[0]
    assert (told.accepted, told.problems) == (1, [])
    assert (again.accepted, again.duplicates, again.problems) == (0, 1, [])
    with open_ledger(settings.database) as ledger:
        (result,) = (o for o in ledger.observations("small") if o.key == key)
    assert result.outcome.measurements[0].canonical == 77.0


def test_a_retracted_row_that_is_told_again_does_not_count_and_that_is_said(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    first = tell(settings, "small", write(tmp_path, HEADER + "water,DBU,1,10,,,\nDMF,DBU,1,20,,,\n"), by="tester")
    retract(settings, "small", first.observations[1], by="tester", why="wrong flask")

    again = tell(settings, "small", tmp_path / "results.csv", by="tester")
    text = HEADER + "water,DBU,1,10,,,\nDMF,DBU,1,20,,,it was the right flask\n"
    changed = tell(settings, "small", write(tmp_path, text), by="tester")

    assert (again.accepted, again.duplicates, again.problems) == (0, 2, [])
    assert "retracted, and so known and of no effect: line 3. To let such a result count again" in again.notes[0]
    assert (changed.accepted, changed.duplicates, changed.notes) == (1, 1, ())


def test_numbers_beyond_what_can_be_count_and_are_said(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,678,,,\nDMF,DBU,1,-11,,,\nMeCN,DBU,1,104,,,\nEtOH,DBU,50,20,,,\nEtOH,DBU,1.5,>90,,,\n"
    told = tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")
    laboratory.answers = lambda _: [measured(145.0)]
    once(settings)
    report = once(settings)

    assert (told.accepted, told.problems) == (5, [])
    value, setting = told.notes
    assert value.startswith("yield 678 % of DBU, water, step 1 is beyond what it can be (0 to 100), and so is yield of")
    assert f"hakken retract small {told.observations[0]} --why" in value
    assert setting.startswith("step 50 is outside the space (1 to 5); it counts as it is")
    assert [n for n in report.notes if n.startswith("yield 145 % of ")]


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


def test_decimal_commas_are_read_between_semicolons_and_texts_stay_as_they_are(
    settings: Settings, tmp_path: Path
) -> None:
    space = {"ligand": {"type": "category", "options": ["1,2", "1,4"]}, "step": {"type": "number", "low": 0, "high": 5}}
    add(settings, tmp_path, space=space)
    rows = "ligand;step (dimensionless);yield (%);yield_sd;comment;;\n1,4;2,5;12,5;0,5;1,5;;\n1,2;3;<5,5;;;;\n"

    told = tell(settings, "small", write(tmp_path, rows), by="tester")

    assert (told.accepted, told.problems) == (2, [])
    with open_ledger(settings.database) as ledger:
        first, second = ledger.observations("small")
        payload = ledger.envelopes("small")[0].payload
    assert dict(first.settings) == {"ligand": "1,4", "step": 2.5}
    assert (first.outcome.measurements[0].value, first.outcome.measurements[0].sd) == (12.5, 0.5)
    assert dict(first.context) == {"comment": "1,5"}
    assert (second.outcome.measurements[0].value, second.outcome.measurements[0].qualifier.value) == (5.5, "<")
    assert "12,5" in payload  # as typed


def test_an_empty_column_with_a_cell_in_it_is_named(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    told = tell(settings, "small", write(tmp_path, "solvent,base,step,yield,\nwater,DBU,1,5,see page 3\n"), by="tester")

    assert "column '' is unknown" in told.problems[0]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_a_table_is_told_as_spreadsheets_save_it(settings: Settings, tmp_path: Path, encoding: str) -> None:
    add(settings, tmp_path)
    path = tmp_path / "results.csv"
    path.write_bytes(f"{HEADER}water,DBU,1,5,,,caf\xe9\n".encode(encoding))

    report = tell(settings, "small", path, by="tester")

    assert (report.accepted, report.problems) == (1, [])
    is_assumed = "results.csv is not in UTF-8, and was read as Windows-1252" in report.notes
    assert is_assumed == (encoding == "cp1252")
    with open_ledger(settings.database) as ledger:
        assert "caf\xe9" in ledger.envelopes("small")[0].payload


def test_a_file_that_is_no_table_is_kept_whole_and_called_what_it_is(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    path = tmp_path / "results.csv"
    path.write_bytes(b"PK\x03\x04\x14\x00 caf")
    workbook = tell(settings, "small", path, by="tester").problems
    path.write_bytes(b"MZ\x90\x00\x03")
    program = tell(settings, "small", path, by="tester").problems

    assert workbook == [
        "results.csv: it is an Excel workbook or another archive, and no text; save the sheet as CSV (UTF-8)"
    ]
    assert program == ["results.csv: it is no text; save it as CSV"]
    with open_ledger(settings.database) as ledger:
        assert "caf" in ledger.envelopes("small")[0].payload
    with pytest.raises(TellError, match="check the path"):
        tell(settings, "small", tmp_path / "nothing.csv", by="tester")


def test_rows_with_one_fault_are_named_together(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    blank = "".join(
        f"{solvent},{base},{step},,,,\n"
        for solvent in ("water", "DMF")
        for base in ("DBU", "KOAc")
        for step in (1, 2, 3)
    )

    report = tell(settings, "small", write(tmp_path, f"{HEADER}{blank}DMF,DBU,1,high,,,\n"), by="tester")

    first, second = report.problems
    assert first.startswith("results.csv lines 2, 3, 4, 5, 6, 7, 8, 9 and 4 more: no value for 'yield', and no outcome")
    assert second.startswith("results.csv line 14: column 'yield [%]' must hold a finite number, got 'high'")


def test_good_rows_count_although_others_are_bad(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    text = HEADER + "water,DBU,1,ten,,,\nDMF,DBU,2,20,,,\nwater,DBU,x,1,,,\n"

    report = tell(settings, "small", write(tmp_path, text), by="tester")

    assert report.accepted == 1
    assert [p.split(":")[0] for p in report.problems] == ["results.csv line 2", "results.csv line 4"]


def test_told_observations_cost_no_budget_and_precede_the_first_round(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    tell(settings, "small", write(tmp_path, HEADER + "water,DBU,1,10,,,\n"), by="tester")

    report = once(settings)

    assert (report.experiments_done, report.sent) == (0, 3)
    with open_ledger(settings.database) as ledger:
        assert len(ledger.round("small", 1).observations) == 1


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


def test_an_entry_that_cannot_be_read_is_said_once_a_pass_with_its_key(settings: Settings, tmp_path: Path) -> None:
    recording(settings, tmp_path, {"yield [%]": "much"}, {"yield [%]": "40"})
    with open_ledger(settings.database) as ledger:
        attempts = ledger.attempts("small")

    first, second = once(settings), once(settings)

    for report in (first, second):
        (note,) = (n for n in report.notes if "much" in n)
        assert note.startswith("the entry for ")
        assert any(f"({a.key}) waits: " in note for a in attempts)


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

    assert re.search("ended so, but with no humidity, lot L1; to let this count, hakken retract small", note)


def test_a_retracted_observation_counts_no_more_and_the_round_planned_from_it_still_replays(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    once(settings)
    once(settings)
    with open_ledger(settings.database) as ledger:
        first = ledger.observations("small")[0]

    retract(settings, "small", first.id, by="tester", why="wrong vial")

    with open_ledger(settings.database) as ledger:
        assert first.id not in [o.id for o in ledger.observations("small")]
    assert replay(settings, "small", 2, planner=cheap_planner).is_identical
    with pytest.raises(NotFound, match="no observation begins with 'zz'"):
        retract(settings, "small", "zz", by="tester", why="x")
    with pytest.raises(LedgerError, match="needs a reason"):
        retract(settings, "small", first.id, by="tester", why=" ")


@pytest.mark.usefixtures("laboratory")
def test_nothing_is_sent_before_a_person_approves(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory={"adapter": "simulated", "approval": "person"})

    waiting = once(settings)
    again = once(settings)

    assert (waiting.sent, waiting.round, again.round) == (0, 1, 1)
    assert waiting.waits_for_person
    assert "hakken approve small 1" in waiting.next_step
    assert status(settings)[0].to_approve == (1,)
    assert approve(settings, "small", 1, by="tester") == 4
    assert once(settings).sent == 4
    with pytest.raises(LedgerError, match="round 1 of campaign 'small' waits for no decision"):
        approve(settings, "small", 1, by="tester")


def test_refused_candidates_are_not_proposed_again_and_cost_nothing(settings: Settings, tmp_path: Path) -> None:
    space = {"solvent": {"type": "category", "options": list("abcdef")}}
    add(settings, tmp_path, space=space, laboratory={"adapter": "simulated", "approval": "person"})
    first = once(settings)
    approve(settings, "small", 1, by="tester", refuse=True, why="too dear")

    second = once(settings)

    assert len(first.proposed) == 4
    assert len(second.proposed) == 2
    assert not set(first.proposed) & set(second.proposed)
    assert replay(settings, "small", 2, planner=cheap_planner).is_identical
    approve(settings, "small", 2, by="tester", refuse=True)
    assert once(settings).state == "finished"


@pytest.mark.usefixtures("laboratory")
def test_a_stopped_campaign_takes_results_in_and_sends_nothing(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    once(settings)
    stop(settings, "small", by="tester", why="the fume hood is broken")

    report = once(settings)

    assert (report.accepted, report.sent, report.proposed) == (4, 0, ())
    assert "the fume hood is broken" in report.next_step
    with pytest.raises(LedgerError, match="is stopped already"):
        stop(settings, "small", by="tester", why="again")
    resume(settings, "small", by="tester")
    assert once(settings).sent == 3


def test_a_changed_file_is_a_new_version_and_a_larger_budget_lets_a_finished_campaign_go_on(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, budget={"experiments": 4})
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner)
    add(settings, tmp_path, budget={"experiments": 4})
    assert status(settings, "small")[0].version == 1

    add(settings, tmp_path, budget={"experiments": 6})

    assert (status(settings, "small")[0].version, status(settings, "small")[0].state) == (2, "active")
    report = run(settings, "small", on_tick=lambda _: None, planner=cheap_planner)
    assert (report.state, report.experiments_done) == ("finished", 6)


def test_a_name_that_differs_in_capitals_only_is_refused(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    for opened in (add, preview_of):
        with pytest.raises(SpecError, match=r"campaign 'Small': the record has 'small', .*; write campaign: small to"):
            opened(settings, tmp_path, campaign="Small")
    assert add(settings, tmp_path) == "small"
    assert add(settings, tmp_path, campaign="smaller") == "smaller"
    assert not settings.folder("Small").exists()


def preview_of(settings: Settings, folder: Path, **changes: Any) -> None:
    """What ``hakken run --dry-run FILE`` looks at."""
    path = folder / "preview.yaml"
    path.write_text(json.dumps(spec_of(**changes)), encoding="utf-8")
    preview_file(settings, path, planner=cheap_planner)


def test_a_campaign_file_may_lie_in_a_folder_whose_name_is_no_utf8(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path / "caf\udce9", budget={"experiments": 4})

    assert campaign_file(settings, "small") == tmp_path / "caf\udce9" / "campaign.yaml"


def test_a_key_that_a_later_release_writes_besides_makes_no_new_version(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, budget={"experiments": 4})
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        earlier = json.loads(json.dumps(ledger.campaign("small").spec))
        del earlier["planner"]["mode"], earlier["description"]
        ledger.open_campaign("small", earlier, by="tester")  # as a release wrote it that had no such keys

    add(settings, tmp_path, budget={"experiments": 4})

    with open_ledger(settings.database) as ledger:
        after = ledger.campaign("small")
    assert (after.version, after.state.value, after.spec) == (2, "finished", earlier)


@pytest.mark.usefixtures("laboratory")
def test_a_spec_changed_while_a_round_is_planned_leaves_it_to_the_next_pass(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    fewer = spec_of()["planner"] | {"initial": {"design": "random", "experiments": 3}}

    def slow_planner(*args: Any, **keywords: Any) -> Any:
        add(settings, tmp_path, planner=fewer)
        return cheap_planner(*args, **keywords)

    dropped = tick(settings, "small", planner=slow_planner)

    assert (dropped.round, dropped.sent, dropped.proposed) == (0, 0, ())
    assert "round 1: the spec was changed while it was planned" in " ".join(dropped.notes)
    assert len(once(settings).proposed) == 3
    assert [n[2] for n in story_of(settings).notes] == [2]


def test_a_space_widened_while_it_is_found_exhausted_does_not_end_the_campaign(
    settings: Settings, tmp_path: Path
) -> None:
    def slow_planner(*_args: Any, **_keywords: Any) -> Any:
        add(settings, tmp_path, space={"solvent": {"type": "category", "options": list("abcdef")}})
        raise PoolExhausted("every candidate was tried")

    add(settings, tmp_path, space={"solvent": {"type": "category", "options": list("ab")}})

    assert tick(settings, "small", planner=slow_planner).state == "active"
    assert len(once(settings).proposed) == 4


def test_training_apart_ends_a_campaign_whose_candidates_were_all_refused(settings: Settings, tmp_path: Path) -> None:
    space = {"solvent": {"type": "category", "options": list("abcd")}}
    add(settings, tmp_path, space=space, laboratory={"adapter": "simulated", "approval": "person"})
    train_round(settings, "small", 1, planner=cheap_planner)
    approve(settings, "small", 1, by="tester", refuse=True)

    said = train_round(settings, "small", 2, planner=cheap_planner)

    assert said.startswith("nothing is left that a person did not refuse")
    assert (status(settings, "small")[0].state, story_of(settings).state[1]) == ("finished", said)


def test_a_change_after_which_old_results_mean_something_else_is_refused(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={**spec_of()["space"], "room": {"type": "context", "unit": "degC"}})
    tell(settings, "small", write(tmp_path, HEADER + "water,DBU,1,10,,,\n"), by="tester")

    with pytest.raises(SpecError, match="target 'yield' has results in '%' on record and is in '' now"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize"}})
    with pytest.raises(SpecError, match="results on record are of target 'yield', and none has a value of 'product'"):
        add(settings, tmp_path, objective={"product": {"goal": "maximize", "unit": "%"}})
    with pytest.raises(SpecError, match="parameter 'room' has results in 'degC' on record and is in 'K' now"):
        add(settings, tmp_path, space={**spec_of()["space"], "room": {"type": "context", "unit": "K"}})
    with pytest.raises(SpecError, match=r"the changed space no longer reads observation .* no option 'water'"):
        add(settings, tmp_path, space={**spec_of()["space"], "solvent": {"type": "category", "options": ["DMF"]}})
    with pytest.raises(
        SpecError, match=r"nothing says what hours was before, .* another name: with memory: \[small\] it"
    ):
        add(settings, tmp_path, space={**spec_of()["space"], "hours": {"type": "number", "values": [1, 4]}})
    assert status(settings, "small")[0].version == 1


@pytest.mark.parametrize(
    ("was", "told", "now", "says"),
    [
        ({"classes": ["dead", "alive"]}, "alive", {"classes": ["alive", "dead"]}, "were 'alive' and would be 'dead'"),
        (
            {"levels": ["poor", "fair", "good"]},
            "fair",
            {"levels": ["awful", "poor", "fair", "good"]},
            "keep 2 for fair",
        ),
        ({"levels": ["poor", "fair", "good"]}, "good", {"levels": [1, 2]}, "are good, which is none of 1, 2"),
        ({}, "0.5", {"classes": ["dead", "alive"]}, "are 0.5, which is none of dead, alive"),
        (
            {"levels": ["poor", "fair", "good"]},
            "good",
            {"levels": ["awful", "poor", "fair"]},
            "would be 'fair'; keep 3",
        ),
    ],
)
def test_words_that_results_on_record_would_lose_are_refused(
    settings: Settings, tmp_path: Path, was: dict[str, Any], told: str, now: dict[str, Any], says: str
) -> None:
    add(settings, tmp_path, objective={"yield": {"goal": "maximize"} | was})
    tell(settings, "small", write(tmp_path, f"solvent,base,step,yield\nwater,DBU,1,{told}\n"), by="tester")

    with pytest.raises(SpecError, match=rf"target 'yield' has results on record that .*{says}.*another name"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize"} | now})


def test_levels_may_be_added_and_renamed_where_each_keeps_its_number(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective={"yield": {"goal": "maximize", "levels": ["poor", "fair", "good"]}})
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield\nwater,DBU,1,fair\n"), by="tester")

    for levels in (
        {"levels": ["poor", "fair", "good", "best"]},
        {"levels": ["bad", "medium", "good"]},
        {"levels": ["poor", "fair", "good"]},
        {"levels": [0, 1, 2, 3], "words": ["awful", "poor", "fair", "good"]},
        {"levels": [1, 2, 3]},
        {},
    ):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize"} | levels})

    assert status(settings, "small")[0].version == 7


def test_a_unit_that_nobody_means_is_refused_in_a_file_and_a_table_and_a_record_that_has_it_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    def space(unit: str, high: int = 9) -> dict[str, Any]:
        return {"volume": {"type": "number", "low": 1, "high": high, "step": 1, "unit": unit}}

    with pytest.raises(
        SpecError, match=r"campaign.yaml line \d+: space.volume.unit: unit 'ML' is read as megaliter, .*; write 'mL'"
    ):
        add(settings, tmp_path, space=space("ML"))
    add(settings, tmp_path, space=space("mL"))
    refused = tell(settings, "small", write(tmp_path, "volume [ML],yield\n5,10\n"), by="tester")
    assert refused.accepted == 0
    assert "column 'volume [ML]': unit 'ML' is read as megaliter" in " ".join(refused.problems)
    with open_ledger(settings.database) as ledger:  # as an earlier release took it
        earlier = json.loads(json.dumps(ledger.campaign("small").spec))
        earlier["space"]["volume"]["unit"] = "ML"
        ledger.open_campaign("small", earlier, by="tester")

    add(settings, tmp_path, space=space("ML", 20))
    told = tell(settings, "small", write(tmp_path, "volume [ML],yield\n5,10\n"), by="tester")

    assert (status(settings, "small")[0].version, told.accepted) == (3, 1)
    assert len(once(settings).proposed) == 3


LIGANDS = {"XPhos": "CC(C)c1cccc(C(C)C)c1", "KOAc": "CC(=O)O[K]", "none": None}


@pytest.mark.parametrize(
    ("was", "used", "now", "says"),
    [
        (
            {"type": "component", "options": LIGANDS},
            {"solvent": "XPhos"},
            {"type": "component", "options": LIGANDS | {"XPhos": "CCCO"}},
            r"'XPhos' of 'solvent' is CC\(C\)c1cccc\(C\(C\)C\)c1 in .* and CCCO in .*give CCCO a name of its own",
        ),
        (
            {"type": "component", "options": LIGANDS},
            {"solvent": "none"},
            {"type": "component", "options": LIGANDS | {"none": "CCCO"}},
            "'none' of 'solvent' is nothing in .* and CCCO in",
        ),
        (
            {"type": "molecule", "name": "name", "options": {"a": "CCO", "b": "CCN"}},
            {"solvent": "b"},
            {"type": "molecule", "name": "name", "options": {"a": "CCN", "b": "CCO"}},
            "'b' of 'solvent' is CCN in .* and CCO in",
        ),
        (
            {"type": "mixture", "parts": {"water": "O", "ethanol": "CCO"}},
            {"solvent.water": "0.5", "solvent.ethanol": "0.5"},
            {"type": "mixture", "parts": {"water": "O", "ethanol": "CO"}},
            "'ethanol' of 'solvent' is CCO in .* and CO in",
        ),
        (
            {"type": "products", "reaction": "[N:1].[C:2]Br>>[N:1][C:2]", "reagents": {
                "amine": {"options": {"a": "CN"}}, "bromide": {"options": {"m": "CBr", "e": "CCBr"}}}},
            {"solvent.amine": "a", "solvent.bromide": "m"},
            {"type": "products", "reaction": "[N:1].[C:2]Br>>[N:1][C:2]", "reagents": {
                "amine": {"options": {"a": "CN"}}, "bromide": {"options": {"m": "CCCBr", "e": "CCBr"}}}},
            "'m' of 'solvent.bromide' is CBr in .* and CCCBr in",
        ),
    ],
)  # fmt: skip
def test_another_structure_of_an_option_with_results_is_refused(
    settings: Settings, tmp_path: Path, was: dict[str, Any], used: dict[str, str], now: dict[str, Any], says: str
) -> None:
    add(settings, tmp_path, space={"solvent": was})
    table = ",".join([*used, "yield"]) + "\n" + ",".join([*used.values(), "10"]) + "\n"
    tell(settings, "small", write(tmp_path, table), by="tester")

    with pytest.raises(SpecError, match=f"campaign 'small': {says}.*give the campaign another name and tell it"):
        add(settings, tmp_path, space={"solvent": now})
    assert status(settings, "small")[0].version == 1


def test_a_structure_is_written_otherwise_added_or_changed_where_nothing_was_measured(
    settings: Settings, tmp_path: Path
) -> None:
    names = [{"solvent": {"type": "category", "options": list(LIGANDS)}}]
    options = [LIGANDS, LIGANDS | {"KOAc": "[K+].CC([O-])=O"}, LIGANDS | {"XPhos": "CCCO"}, LIGANDS | {"new": "CCN"}]
    spaces = [*names, *({"solvent": {"type": "component", "options": some}} for some in options), *names]
    add(settings, tmp_path, space=spaces[0])
    tell(settings, "small", write(tmp_path, "solvent,yield\nKOAc,10\nnone,20\n"), by="tester")

    for space in spaces:
        add(settings, tmp_path, space=space)

    assert status(settings, "small")[0].version == 6


def test_what_another_way_of_standardising_makes_of_a_library_is_taken_and_another_molecule_refused(
    settings: Settings, tmp_path: Path
) -> None:
    def library(first: str, **more: Any) -> dict[str, Any]:
        write(tmp_path, f"name,smiles\na,{first}\nb,CCC\n", "library.csv")
        return {"solvent": {"type": "molecule", "file": "library.csv", "name": "name", **more}}

    add(settings, tmp_path, space=library("CCN.Cl"))
    tell(settings, "small", write(tmp_path, "solvent,yield\na,10\n"), by="tester")

    add(settings, tmp_path, space=library("CCN.Cl", standardise={"salts": "strip"}))
    with pytest.raises(SpecError, match=r"'a' of 'solvent' is CCN in .* and CCO in"):
        add(settings, tmp_path, space=library("CCO", standardise={"salts": "strip"}))

    assert status(settings, "small")[0].version == 2


@pytest.mark.usefixtures("laboratory")
def test_another_structure_of_what_is_at_work_is_refused_and_the_one_on_record_taken_back(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = ({"solvent": {"type": "component", "options": {"a": c, "b": "CCN"}}} for c in ("CCO", "CCCO"))
    add(settings, tmp_path, space=first)
    once(settings)
    with pytest.raises(SpecError, match="'a' of 'solvent' is CCO in the experiments on record and CCCO in"):
        add(settings, tmp_path, space=second)
    with open_ledger(settings.database) as ledger:  # as an earlier release believed it
        spec = json.loads(json.dumps(ledger.campaign("small").spec))
        spec["space"]["solvent"]["options"]["a"] = "CCCO"
        ledger.open_campaign("small", spec, by="tester")

    add(settings, tmp_path, space=first)

    assert status(settings, "small")[0].version == 3


@pytest.mark.usefixtures("laboratory")
def test_the_laboratory_is_not_changed_while_it_has_attempts(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    once(settings)

    for changed, what in (
        ({"adapter": "manual"}, "the laboratory cannot be changed while 4 attempts are with 'simulated'"),
        ({"adapter": "simulated", "noise": 2.0}, "the laboratory's options cannot be changed"),
    ):
        with pytest.raises(SpecError, match=f"{what}.*hakken stop small.*hakken resolve"):
            add(settings, tmp_path, laboratory=changed)
    assert status(settings, "small")[0].version == 1
    add(settings, tmp_path, laboratory={"adapter": "simulated", "approval": "person"})  # concerns what is not sent yet
    add(settings, tmp_path, budget={"experiments": 4})
    once(settings)

    add(settings, tmp_path, laboratory={"adapter": "manual"})

    assert status(settings, "small")[0].version == 4


def test_a_person_is_let_through_between_two_passes_of_a_run(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    """``stop`` from another thread reaches a run that would otherwise keep its lease until the end."""
    import threading

    add(settings, tmp_path)
    laboratory.answers = lambda _: []
    started = threading.Event()
    real = laboratory.status
    laboratory.status = lambda handle: type(real(handle))(real(handle).phase.RUNNING)  # type: ignore[method-assign]
    person = threading.Thread(target=lambda: (started.wait(), stop(settings, "small", by="tester", why="enough")))
    person.start()

    report = run(settings, "small", on_tick=lambda _: started.set(), planner=cheap_planner, poll=0.02, max_seconds=60)
    person.join()

    assert report.state == "stopped"
    assert "enough" in report.reason


def test_nothing_can_be_retracted_where_there_is_no_result(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    with pytest.raises(NotFound, match="campaign 'small' has no result yet, so none can be retracted; hakken status"):
        retract(settings, "small", "01a2", by="tester", why="a slip")


def test_rows_told_again_under_another_name_are_named_with_how_each_is_taken_back(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    rows = [f"water,DBU,1,{value},,,\n" for value in range(10)]
    tell(settings, "small", write(tmp_path, HEADER + rows[0], "first.csv"), by="tester")
    tell(settings, "small", write(tmp_path, HEADER + "".join(rows[1:]), "second.csv"), by="tester")

    again = tell(
        settings, "small", write(tmp_path, HEADER + "DMF,DBU,1,7,,,\n" + "".join(rows), "both.csv"), by="tester"
    )

    (note,) = again.notes
    twins = again.observations[1:]
    assert note.startswith("10 of these rows say what rows of 'first.csv', 'second.csv' say that are on record")
    assert f"line 3 ({twins[0]}), line 4 ({twins[1]})" in note
    assert f"({twins[7]}) and 2 more, which hakken export lists with their source. " in note
    assert twins[8] not in note
    assert note.endswith(f"take each back, such as hakken retract small {twins[0]} --why COPY")
    retract(settings, "small", twins[0], by="tester", why="COPY")
    assert status(settings, "small")[0].observations == 20
