"""What ``export`` writes of one campaign can be told to another: nothing is lost, doubled, or misunderstood."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from db import exchange
from db.ledger import open_ledger
from flows.engine import retract, run, tell, tell_source, tick
from flows.engine.people.telling import TellError
from flows.settings import Settings
from loop.circumstances import Expense, read_expense
from loop.outcome import Fault, FaultKind, read_code
from loop.record import ObservationRecord
from tests.flows.engine.bench import add, cheap_planner

SPACE = {
    "solvent": {"type": "component", "options": {"water": "O", "DMF": "CN(C)C=O"}},
    "temperature": {"type": "number", "low": 20, "high": 100, "unit": "degC"},
    "humidity": {"type": "context", "unit": "%"},
}
OBJECTIVE = {"yield": {"goal": "maximize", "unit": "%"}, "purity": {"goal": "maximize"}}
MANUAL: dict[str, Any] = {"space": SPACE, "objective": OBJECTIVE, "laboratory": {"adapter": "manual"}}
TOLD = """\
solvent,temperature [K],yield [],yield_sd,yield_n,purity,outcome,comment,humidity,plate,hours
water,323.15,0.5,0.01,3,0.9,,as planned,40,P1,1.5
water,323.15,0.52,,,,,,,P1,
water,323.15,0.52,,,,,,,P1,
DMF,350,<0.05,,,0.1,,,,P2,
DMF,351,>0.99,,,,,,,,
DMF,352,,,,,negative,"no conversion, at all",,,
DMF,353,<0.01,,,,negative,below detection,,,
DMF,354,,,,,fault:instrument_fault,needle clogged,,,2
DMF,355,,,,,cancelled,,,,
"""


def told(settings: Settings, folder: Path, text: str = TOLD, **changes: Any) -> None:
    """A campaign with results of every kind."""
    add(settings, folder, **MANUAL | changes)
    (folder / "results.csv").write_text(text, encoding="utf-8")
    assert not tell(settings, "small", folder / "results.csv", by="tester").problems


def exported(settings: Settings, file: Path, name: str = "small") -> Path:
    with open_ledger(settings.database) as ledger:
        exchange.export(ledger, name, file, overwrite=True)
    return file


def observations(settings: Settings, name: str) -> list[ObservationRecord]:
    with open_ledger(settings.database) as ledger:
        return sorted(ledger.observations(name), key=lambda o: repr((o.settings, o.outcome, o.context)))


def said(found: list[ObservationRecord]) -> list[tuple[Any, ...]]:
    """All that a result says, without where it stood in its campaign."""
    return [
        (o.settings, o.smiles, o.outcome, without(o.context, "comment", "provenance"), read_expense(o.context))
        for o in found
    ]


def without(context: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name not in names}


def edited(file: Path, edit: Callable[[dict[str, str]], dict[str, str]]) -> Path:
    """The exported table with each of its rows edited."""
    with file.open(encoding="utf-8", newline="") as before:
        rows = [edit(row) for row in csv.DictReader(before)]
    with file.open("w", encoding="utf-8", newline="") as after:
        writer = csv.DictWriter(after, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_results_of_every_kind_say_the_same_in_the_other_campaign(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")

    report = tell(settings, "second", exported(settings, tmp_path / "small.csv"), by="tester")

    assert (report.accepted, report.duplicates, report.problems) == (9, 0, [])
    assert said(observations(settings, "second")) == said(observations(settings, "small"))
    comments = [[o.context.get("comment") for o in observations(settings, name)] for name in ("small", "second")]
    assert comments[0] == comments[1]


def test_results_of_a_run_are_carried_to_another_record_and_known_there_from_a_later_export_too(
    settings: Settings, tmp_path: Path
) -> None:
    other = Settings(tmp_path / "elsewhere", by="tester")
    laboratory = {"adapter": "simulated", "failures": {"convergence_error": 0.2}, "detection_limit": {"yield": 60.0}}
    add(settings, tmp_path, laboratory=laboratory)
    add(other, tmp_path / "elsewhere", laboratory=laboratory)
    for _ in range(2):  # send a batch, take it in
        tick(settings, "small", planner=cheap_planner)
    first = tell(other, "small", exported(settings, tmp_path / "monday.csv"), by="tester")
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)

    second = tell(other, "small", exported(settings, tmp_path / "friday.csv"), by="tester")

    assert second.problems == []
    assert 0 < first.accepted == second.duplicates
    assert said(observations(other, "small")) == said(observations(settings, "small"))
    kinds = {type(o.outcome).__name__ for o in observations(other, "small")}
    assert kinds == {"Measured", "Negative", "Fault"}


def test_what_is_said_of_a_fault_goes_with_it(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    more = {"fault_code": "tip_lost", "informative": "True"}
    file = exported(settings, tmp_path / "small.csv")
    edited(file, lambda row: row | more if row["fault"] == "instrument_fault" else {**row, "fault_code": ""})

    tell(settings, "second", file, by="tester")

    (found,) = [o for o in observations(settings, "second") if "tip_lost" in str(o.context)]
    assert found.outcome == Fault(FaultKind.INSTRUMENT_FAULT, "needle clogged", informative=True)
    assert (read_code(found.context), read_expense(found.context)) == ("tip_lost", Expense(hours=2.0))


def test_settings_that_were_not_as_asked_and_other_units_go_along(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path, "solvent,temperature,yield\nwater,50,20\n")
    kelvin = SPACE | {"temperature": {"type": "number", "low": 290, "high": 380, "unit": "K"}}
    add(settings, tmp_path / "other", **MANUAL | {"space": kelvin}, campaign="second")
    file = edited(exported(settings, tmp_path / "small.csv"), lambda row: row | {"actual.temperature": "51.5"})

    report = tell(settings, "second", file, by="tester")

    assert report.problems == []
    (found,) = observations(settings, "second")
    assert found.settings["temperature"] == pytest.approx(323.15)
    assert found.context["actual"] == {"temperature": pytest.approx(324.65)}


def test_a_campaign_is_not_told_its_own_results_nor_what_was_retracted(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    gone = observations(settings, "small")[0]
    retract(settings, "small", gone.id, by="tester", why="spilt")
    file = exported(settings, tmp_path / "small.csv")

    own = tell(settings, "small", file, by="tester")
    other = tell(settings, "second", file, by="tester")

    assert (own.accepted, own.notes) == (0, ("9 rows passed over: results of this very campaign, which has them",))
    assert other.accepted == 8
    assert other.notes[0] == "1 row passed over: retracted in the campaign that they come from"
    assert len(observations(settings, "small")) == 8


def test_what_was_told_before_it_was_retracted_is_named_while_it_counts(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    tell(settings, "second", exported(settings, tmp_path / "small.csv"), by="tester")
    gone, *_ = observations(settings, "small")
    retract(settings, "small", gone.id, by="tester", why="spilt")
    file = exported(settings, tmp_path / "later.csv")

    report = tell(settings, "second", file, by="tester")
    (copy,) = [o.id for o in observations(settings, "second") if f"hakken retract second {o.id} " in report.notes[1]]
    retract(settings, "second", copy, by="tester", why="spilt")
    once_more = tell(settings, "second", file, by="tester")

    assert report.notes[0] == "1 row passed over: retracted in the campaign that they come from"
    assert report.notes[1].startswith("1 of them was told before, and counts here: line ")
    assert once_more.notes == report.notes[:1]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (
            lambda row: row | {"settings.tmeperature": "7"},
            "column 'settings.tmeperature': the campaign has no parameter 'tmeperature' (did you mean 'temperature'?)",
        ),
        (lambda row: row | {"settings.solvent.smiles": "CCO"}, "is not the structure of 'water', which is O; correct"),
        (
            lambda row: row | {"settings.temperature.unit": "h"},
            "column 'settings.temperature': a value in 'h' cannot be given in 'degC'",
        ),
        (
            lambda row: row | {"results.yield[uv].value": "7"},
            "rename 'results.yield[uv]' to 'results.yield' in the header where it is the one that counts",
        ),
        (lambda row: row | {"operatr": "B"}, "column 'operatr' is unknown (did you mean 'operator'?)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(edit: Any, problem: str, settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path, "solvent,temperature,yield\nwater,50,20\n")
    add(settings, tmp_path / "other", **MANUAL, campaign="second")

    report = tell(settings, "second", edited(exported(settings, tmp_path / "small.csv"), edit), by="tester")

    assert report.accepted == 0
    assert problem in report.problems[0]


def test_it_is_not_taken_for_a_table_of_others(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path)

    with pytest.raises(TellError, match=r"was written by hakken export.* name it under memory: in this one's"):
        tell_source(settings, "small", exported(settings, tmp_path / "small.csv"), "mine", by="tester")


def test_a_spreadsheet_may_have_saved_it_with_decimal_commas(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    file = exported(settings, tmp_path / "small.csv")
    with file.open(encoding="utf-8", newline="") as before:
        rows = [[re.sub(r"^(\d+)\.(\d+)$", r"\1,\2", cell) for cell in row] for row in csv.reader(before)]
    with file.open("w", encoding="utf-8", newline="") as after:
        csv.writer(after, delimiter=";").writerows(rows)

    report = tell(settings, "second", file, by="tester")

    assert report.problems == []
    assert said(observations(settings, "second")) == said(observations(settings, "small"))


def saved_anew(file: Path) -> Path:
    """The table as a spreadsheet with decimal commas and fifteen digits saves it, under another name."""
    with file.open(encoding="utf-8", newline="") as before:
        rows = [[_german(cell) for cell in row] for row in csv.reader(before)]
    new = file.with_name(f"anew_{file.name}")
    with new.open("w", encoding="utf-16", newline="") as after:
        csv.writer(after, delimiter=";").writerows(rows)
    return new


def _german(cell: str) -> str:
    return f"{float(cell):.15g}".replace(".", ",") if re.fullmatch(r"-?\d+\.\d+", cell) else cell


@pytest.mark.parametrize("first", ["as exported", "saved anew"])
def test_a_table_that_a_spreadsheet_saved_anew_brings_nothing_in_twice(
    settings: Settings, tmp_path: Path, first: str
) -> None:
    told(settings, tmp_path)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    plain = exported(settings, tmp_path / "small.csv")
    files = [plain, saved_anew(plain)] if first == "as exported" else [saved_anew(plain), plain]

    reports = [tell(settings, "second", file, by="tester") for file in files]

    assert [(r.accepted, r.duplicates, r.problems) for r in reports] == [(9, 0, []), (0, 9, [])]
    assert len(observations(settings, "second")) == 9


def test_a_value_that_was_edited_in_a_table_comes_in_and_the_one_that_was_there_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    told(settings, tmp_path, "solvent,temperature,yield\nwater,50,20\nDMF,50,30\n")
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    file = exported(settings, tmp_path / "small.csv")
    tell(settings, "second", file, by="tester")
    edited(file, lambda row: row | {"results.yield.value": row["results.yield.value"].replace("20", "25")})

    report = tell(settings, "second", file, by="tester")

    assert (report.accepted, report.duplicates) == (1, 1)
    assert "in the place of what 'small.csv' had when it was told before" in " ".join(report.notes)


@pytest.mark.parametrize("first", ["csv", "parquet"])
def test_a_parquet_table_says_what_the_csv_table_says_and_brings_nothing_in_twice(
    settings: Settings, tmp_path: Path, first: str
) -> None:
    told(settings, tmp_path)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    with open_ledger(settings.database) as ledger:
        for kind in ("csv", "parquet"):
            exchange.export(ledger, "small", tmp_path / f"small.{kind}", kind)
    files = sorted(tmp_path.glob("small.*"), key=lambda file: file.suffix != f".{first}")

    reports = [tell(settings, "second", file, by="tester") for file in files]

    assert [(r.accepted, r.duplicates, r.problems) for r in reports] == [(9, 0, []), (0, 9, [])]
    assert said(observations(settings, "second")) == said(observations(settings, "small"))


def test_a_parquet_table_of_another_program_is_told_as_any_table(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, **MANUAL)
    columns = {
        "solvent": ["water", "DMF"],
        "temperature": pyarrow.array([50.1, 60], pyarrow.float32()),
        "yield": pyarrow.array([20, None], pyarrow.int64()),
        "purity": [0.5, float("nan")],
        "outcome": ["measured", "negative"],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "theirs.parquet")

    report = tell(settings, "small", tmp_path / "theirs.parquet", by="tester")
    _, heard = tell_source(settings, "small", tmp_path / "theirs.parquet", "Smith 2021", by="tester")

    assert (report.accepted, report.problems, heard.accepted) == (2, [], 2)
    assert {o.settings["temperature"] for o in observations(settings, "small")} == {50.1, 60.0}
    assert [type(o.outcome).__name__ for o in observations(settings, "small")] == ["Negative", "Measured"]


def test_a_parquet_table_of_pandas_is_told_without_the_numbers_of_its_rows_and_with_days_as_a_csv_table_has_them(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, **MANUAL)
    table = pyarrow.table(
        {
            "solvent": ["water", "DMF"],
            "temperature": [50, 60],
            "yield": [20, 30],
            "purity": [0.5, 0.6],
            "day": pyarrow.array([datetime(2026, 3, 12), None], pyarrow.timestamp("ns")),
            "operator": pyarrow.array([datetime(2026, 3, 12, 9, 30)] * 2, pyarrow.timestamp("us")),
            "__index_level_0__": [4, 9],  # what a frame has of which some rows were chosen
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "theirs.parquet")

    report = tell(settings, "small", tmp_path / "theirs.parquet", by="tester")

    assert (report.accepted, report.problems) == (2, [])
    found = {o.settings["solvent"]: o.context for o in observations(settings, "small")}
    assert (found["water"]["day"], found["water"]["operator"]) == ("2026-03-12", "2026-03-12T09:30:00")
    assert "day" not in found["DMF"]


@pytest.mark.parametrize(("comment", "has_mark"), [("schwarz, ein Öl", True), ("black, an oil", False)])
def test_letters_beyond_ascii_are_marked_for_spreadsheets_and_told_as_they_are(
    settings: Settings, tmp_path: Path, comment: str, has_mark: bool
) -> None:
    add(settings, tmp_path, **MANUAL)
    add(settings, tmp_path / "other", **MANUAL, campaign="second")
    row = f'solvent,temperature,yield,purity,comment\nwater,50,20,0.5,"{comment}"\n'
    (tmp_path / "told.csv").write_text(row, encoding="utf-8")
    tell(settings, "small", tmp_path / "told.csv", by="tester")

    file = exported(settings, tmp_path / "small.csv")
    report = tell(settings, "second", file, by="tester")

    assert file.read_bytes().startswith(codecs.BOM_UTF8) is has_mark
    assert (report.accepted, report.problems) == (1, [])
    assert observations(settings, "second")[0].context["comment"] == comment


def test_a_file_that_is_only_called_parquet_is_refused_as_such(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, **MANUAL)
    (tmp_path / "theirs.parquet").write_bytes(b"PAR2 of another kind")

    report = tell(settings, "small", tmp_path / "theirs.parquet", by="tester")

    assert "it is no Parquet file, whatever its name says, and has no rows" in report.problems[0]


def test_a_parquet_table_that_is_cut_off_is_kept_and_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    told(settings, tmp_path)
    with open_ledger(settings.database) as ledger:
        exchange.export(ledger, "small", tmp_path / "small.parquet", "parquet")
    whole = (tmp_path / "small.parquet").read_bytes()
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])

    report = tell(settings, "small", tmp_path / "half.parquet", by="tester")

    assert report.accepted == 0
    assert "it is a Parquet file that is damaged, or is not read here; write it anew, or as CSV" in report.problems[0]
