"""Files of instruments that a person brings: matched, kept by hash, judged once; and results made anew from them."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import IngestError, ingest_files, reanalyse, retract, status, tick
from flows.settings import Settings
from flows.wiring import raw_files
from loop.errors import LedgerError
from loop.outcome import Fault, Measured, Negative
from loop.record import AttemptRecord, Verdict
from tests.flows.engine.bench import ANALYSIS, FakeLaboratory, add, cheap_planner
from tests.flows.engine.zygote import Zygote

STEEPER: dict[str, Any] = {"yield": {**ANALYSIS["yield"], "calibration": {"points": {0: 0.0, 50: 1.0, 100: 2.0}}}}
MANUAL = {"adapter": "manual"}


def attempts(settings: Settings) -> list[AttemptRecord]:
    with open_ledger(settings.database) as ledger:
        return sorted(ledger.attempts("small"), key=lambda a: (a.round_number, a.run_order))


def write(folder: Path, text: str, name: str = "run-7.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def peaks(*rows: tuple[str, float]) -> str:
    """A table with the product's and the standard's peak of each sample."""
    lines = [f"{sample},4.2,{area}\n{sample},6.8,1000" for sample, area in rows]
    return "\n".join(["sample,RT,Area", *lines, ""])


@pytest.fixture
def waiting(settings: Settings, tmp_path: Path) -> Settings:
    """A campaign whose four first experiments are with a person."""
    add(settings, tmp_path, analysis=ANALYSIS, laboratory=MANUAL)
    tick(settings, "small", planner=cheap_planner)
    return settings


@pytest.mark.parametrize("is_one_of_several", [False, True])
def test_a_campaign_that_waits_for_an_instrument_names_its_folder(
    settings: Settings, tmp_path: Path, is_one_of_several: bool
) -> None:
    one: dict[str, Any] = {"adapter": "instrument", "folder": "hplc"}
    section = {"adapter": "several", "laboratories": {"hplc-2": one}} if is_one_of_several else one
    (tmp_path / "hplc").mkdir()
    add(settings, tmp_path, analysis=ANALYSIS, laboratory=section)
    report = tick(settings, "small", planner=cheap_planner)

    assert report.next_step == status(settings, "small")[0].next_step
    assert report.next_step == (
        f"4 experiments wait for their results: let the instrument's files come into {tmp_path / 'hplc'}, "
        "then hakken run small."
    )


def values(settings: Settings) -> list[float]:
    with open_ledger(settings.database) as ledger:
        outcomes = [o.outcome for o in ledger.observations("small")]
    return sorted(m.value for o in outcomes if isinstance(o, Measured | Negative) for m in o.measurements)


def everything(settings: Settings) -> tuple[object, ...]:
    with open_ledger(settings.database) as ledger:
        return (
            ledger.observations("small", with_retracted=True),
            ledger.envelopes("small"),
            ledger.artifacts("small"),
            ledger.campaign("small").data_version,
        )


def test_a_file_is_matched_kept_and_judged_and_the_same_again_changes_nothing(
    waiting: Settings, tmp_path: Path
) -> None:
    first, second, third, _ = attempts(waiting)
    file = write(tmp_path, peaks(("R1-1", 620.0), ("R1-2", 2.0), (third.key, 410.0)))

    report = ingest_files(waiting, "small", [file], by="ada")
    before = everything(waiting)
    again = ingest_files(waiting, "small", [file], by="bob")

    assert (report.accepted, report.duplicates, report.problems) == (3, 0, [])
    assert [r.key for r in report.rows] == [first.key, second.key, third.key]
    assert values(waiting) == pytest.approx([1, 41, 62])
    assert (again.accepted, again.duplicates, again.problems) == (0, 3, [])
    assert everything(waiting) == before
    with open_ledger(waiting.database) as ledger:
        (artifact, *others) = ledger.artifacts("small")
        assert raw_files(waiting).get(artifact.sha) == file.read_bytes()
        assert {a.key for a in (artifact, *others)} == {first.key, second.key, third.key}
        assert ledger.verify_audit().is_intact


@pytest.mark.parametrize(("day", "doubts"), [("03.12.2020 09:00", 1), ("12/30/2020 9:00 AM", 1), ("30.11.2020", 0)])
def test_a_local_date_tells_that_a_calibration_had_expired(
    settings: Settings, tmp_path: Path, day: str, doubts: int
) -> None:
    calibration = {**ANALYSIS["yield"]["calibration"], "expires": "2020-12-01"}
    add(settings, tmp_path, analysis={"yield": {**ANALYSIS["yield"], "calibration": calibration}}, laboratory=MANUAL)
    tick(settings, "small", planner=cheap_planner)
    lines = ["sample,acquired,RT,Area", f"r1-1,{day},4.2,620", f"r1-1,{day},6.8,1000", f"Cal 25,{day},6.8,1000", ""]

    report = ingest_files(settings, "small", [write(tmp_path, "\n".join(lines))], by="ada")

    assert len(report.rows[0].doubts) == doubts
    (problem,) = report.problems
    assert "sample 'Cal 25' names no attempt of the campaign (samples are called R3-7 (round, experiment)" in problem


@pytest.mark.parametrize(("area", "n"), [(620.0, 1), (621.0, 2)])
def test_an_injection_that_was_exported_twice_is_one_reading(
    waiting: Settings, tmp_path: Path, area: float, n: int
) -> None:
    first = write(tmp_path, peaks(("R1-1", 620.0)))
    again = write(tmp_path, f"exported: today\n\n{peaks(('R1-1', area))}", "run-7 (1).csv")

    report = ingest_files(waiting, "small", [first, again], by="ada")

    outcome = report.rows[0].outcome
    assert isinstance(outcome, Measured)
    assert outcome.measurements[0].n == n


def test_a_file_that_may_be_cut_off_leaves_a_doubt(waiting: Settings, tmp_path: Path) -> None:
    report = ingest_files(waiting, "small", [write(tmp_path, peaks(("R1-1", 620.0)).rstrip("\n"))], by="ada")

    (doubt,) = report.rows[0].doubts
    assert doubt.startswith("run-7.csv: its last line does not end, so the rest of a number may be missing; compare it")


def test_the_same_content_under_another_name_is_a_duplicate(waiting: Settings, tmp_path: Path) -> None:
    text = peaks(("R1-1", 620.0))
    ingest_files(waiting, "small", [write(tmp_path, text)], by="ada")

    report = ingest_files(waiting, "small", [write(tmp_path, text, "copy of run-7.csv")], by="ada")

    assert (report.accepted, report.duplicates) == (0, 1)
    assert values(waiting) == pytest.approx([62])


def test_a_dry_run_says_what_would_come_out_and_writes_nothing(waiting: Settings, tmp_path: Path) -> None:
    before = everything(waiting)
    file = write(tmp_path, peaks(("R1-1", 620.0), ("R9-9", 5.0)))

    report = ingest_files(waiting, "small", [file], by="ada", dry_run=True)

    assert report.dry_run
    assert isinstance(report.rows[0].outcome, Measured)
    assert report.rows[0].outcome.measurements[0].value == pytest.approx(62)
    assert report.rows[0].experiment
    assert "sample 'R9-9' names no attempt" in report.problems[0]
    assert everything(waiting) == before
    assert not raw_files(waiting).folder.exists()


@pytest.mark.parametrize(
    ("text", "verdict", "says"),
    [
        (peaks(("R1-1x", 5.0)), Verdict.FOREIGN, "line 2: sample 'R1-1x' names no attempt of the campaign"),
        ("key,sample,RT,Area\nFIRST,R1-2,4.2,5\n", Verdict.FOREIGN, "names two attempts"),
        ("well,RT,Area\nA1,4.2,5\n", Verdict.FOREIGN, "well A1 is of no plate; name the plate in the file, or with"),
        ("RT,Area\n4.2,5\n", Verdict.FOREIGN, "sample 'run-7' names no attempt"),
        ("nothing of use\n", Verdict.MALFORMED, "run-7.csv: no table is found in it"),
        ("sample,RT,Area\nR1-1,4.2,much\n", Verdict.MALFORMED, "line 2: area must be a finite number, got 'much'"),
    ],
)
def test_what_is_nobodys_or_unreadable_is_kept_and_never_guessed(
    waiting: Settings, tmp_path: Path, text: str, verdict: Verdict, says: str
) -> None:
    file = write(tmp_path, text.replace("FIRST", attempts(waiting)[0].key))

    report = ingest_files(waiting, "small", [file], by="ada")

    assert report.accepted == 0
    assert says in report.problems[0]
    with open_ledger(waiting.database) as ledger:
        (envelope,) = ledger.envelopes("small")
        (artifact,) = ledger.artifacts("small")
    assert (envelope.verdict, envelope.key, artifact.key) == (verdict, None, None)
    assert raw_files(waiting).get(artifact.sha) == file.read_bytes()


def test_one_reading_that_is_nobodys_spoils_no_other(waiting: Settings, tmp_path: Path) -> None:
    report = ingest_files(waiting, "small", [write(tmp_path, peaks(("R1-1", 620.0), ("R7-1", 5.0)))], by="ada")

    assert report.accepted == 1
    assert "sample 'R7-1'" in report.problems[0]
    assert values(waiting) == pytest.approx([62])


def test_a_failed_analysis_ends_the_attempt_as_a_fault(waiting: Settings, tmp_path: Path) -> None:
    report = ingest_files(waiting, "small", [write(tmp_path, "sample,RT,Area\nR1-1,4.2,5\n")], by="ada")

    assert report.accepted == 1
    assert isinstance(report.rows[0].outcome, Fault)
    assert "no internal standard peak" in report.rows[0].outcome.message


def test_another_result_of_an_ended_attempt_is_contradictory_until_the_first_is_retracted(
    waiting: Settings, tmp_path: Path
) -> None:
    ingest_files(waiting, "small", [write(tmp_path, peaks(("R1-1", 620.0)))], by="ada")
    other = write(tmp_path, peaks(("R1-1", 310.0)), "run-8.csv")

    refused = ingest_files(waiting, "small", [other], by="ada")
    retract(waiting, "small", attempts(waiting)[0].key, by="ada", why="the wrong vial")
    accepted = ingest_files(waiting, "small", [other], by="ada")

    assert "already ended otherwise; to let this count, hakken retract small" in refused.problems[0]
    assert accepted.accepted == 1
    assert values(waiting) == pytest.approx([31])


def test_all_files_of_an_attempt_come_together(waiting: Settings, tmp_path: Path) -> None:
    one = write(tmp_path, peaks(("R1-1", 600.0)), "a.csv")
    two = write(tmp_path, peaks(("R1-1", 640.0)), "b.csv")

    report = ingest_files(waiting, "small", [two, one], by="ada")
    again = ingest_files(waiting, "small", [one, two], by="ada")

    assert (report.accepted, again.accepted, again.duplicates) == (1, 0, 1)
    assert isinstance(report.rows[0].outcome, Measured)
    (measurement,) = report.rows[0].outcome.measurements
    assert (measurement.value, measurement.n) == (pytest.approx(62), 2)
    assert measurement.sd is not None


def test_wells_name_attempts_of_a_plate(settings: Settings, tmp_path: Path) -> None:
    from flows.engine import run

    plate = {"rows": 2, "columns": 3}
    planner = {"surrogate": "random", "initial": {"design": "random", "experiments": 6}}
    add(settings, tmp_path, analysis=ANALYSIS, laboratory=MANUAL, plate=plate, planner=planner)
    run(settings, "small", on_tick=lambda _: None)
    placed = {a.place.well: a.key for a in attempts(settings) if a.place}
    text = "well,RT,Area\n" + "".join(f"{w[0]}0{w[1:]},4.2,{i}00\n{w},6.8,1000\n" for i, w in enumerate(placed, 1))

    wrong = ingest_files(settings, "small", [write(tmp_path, text)], by="ada", plate="2")
    report = ingest_files(settings, "small", [write(tmp_path, text)], by="ada", plate="P1")

    assert "plate 2, well A1 names no attempt" in wrong.problems[0]
    assert {r.key for r in report.rows} == set(placed.values())
    assert values(settings) == pytest.approx([10, 20, 30, 40, 50, 60])
    said = write(tmp_path, "plate,well,RT,Area\n2,A1,4.2,1\n", "run-9.csv")
    told = ingest_files(settings, "small", [said], by="ada", plate="1")
    assert "is of plate 2 and plate 1 was said; give the right one" in told.problems[0]


@pytest.mark.usefixtures("laboratory")
def test_a_campaign_without_an_analysis_and_a_file_that_is_not_there_are_refused(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    assert laboratory.jobs == {}
    add(settings, tmp_path)

    with pytest.raises(IngestError, match="'small' says nothing of how files become values; add a section analysis"):
        ingest_files(settings, "small", [write(tmp_path, "a")], by="ada")
    with pytest.raises(IngestError, match=r"nothing\.csv cannot be read"):
        ingest_files(settings, "small", [tmp_path / "nothing.csv"], by="ada")
    with pytest.raises(LedgerError, match="'small' has no analysis"):
        reanalyse(settings, "small", by="ada", why="to see")


def test_a_reanalysis_supersedes_in_new_rows_and_names_the_rounds_that_rested_on_the_old(
    waiting: Settings, tmp_path: Path
) -> None:
    rows = [(f"R1-{i}", area) for i, area in enumerate((620.0, 2.0, 410.0, 1500.0), start=1)]
    ingest_files(waiting, "small", [write(tmp_path, peaks(*rows))], by="ada")
    tick(waiting, "small", planner=cheap_planner)  # a second round, planned from those
    add(waiting, tmp_path, analysis=STEEPER, laboratory=MANUAL)
    before = everything(waiting)

    seen = reanalyse(waiting, "small", by="bob", why="", dry_run=True)
    unchanged = everything(waiting)
    report = reanalyse(waiting, "small", by="bob", why="the standards were mislabelled")
    again = reanalyse(waiting, "small", by="bob", why="once more")

    assert unchanged == before
    assert [(len(r.rows), r.alike) for r in (seen, report, again)] == [(3, 1), (3, 1), (0, 4)]
    assert {r.rounds for r in report.rows} == {(2,)}
    assert values(waiting) == pytest.approx([1, 20.5, 31, 75])  # what was beyond the old range is inside the new
    with open_ledger(waiting.database) as ledger:
        everyone = ledger.observations("small", with_retracted=True)
        gone = [o for o in everyone if o.retracted]
        assert {o.id for o in gone} == {r.superseded for r in report.rows}
        assert all("superseded by analysis" in (o.retracted or "") for o in gone)
        assert all("the standards were mislabelled" in (o.retracted or "") for o in gone)
        new = [e for e in ledger.envelopes("small") if e.source == "reanalyse:bob"]
        assert {o.id for o in gone} == {e.payload.split('"supersedes": "')[1].split('"')[0] for e in new}
        assert {o.context["provenance"]["analysis"] for o in everyone if o.source == "reanalyse:bob"} != {
            o.context["provenance"]["analysis"] for o in gone
        }
        assert ledger.verify_audit().is_intact


def test_a_reanalysis_wants_a_reason_and_leaves_what_it_cannot_read(waiting: Settings, tmp_path: Path) -> None:
    ingest_files(waiting, "small", [write(tmp_path, peaks(("R1-1", 620.0)))], by="ada")
    add(waiting, tmp_path, analysis={"yield": {"signal": "450", "calibration": {"slope": 1}}}, laboratory=MANUAL)

    report = reanalyse(waiting, "small", by="bob", why="another instrument")

    assert "needs a signal 450" in report.problems[0]
    assert values(waiting) == pytest.approx([62])
    with pytest.raises(LedgerError, match="needs a reason"):
        reanalyse(waiting, "small", by="bob", why=" ")


def test_what_is_wrong_with_a_file_for_several_experiments_is_said_once(waiting: Settings, tmp_path: Path) -> None:
    file = write(tmp_path, "sample,signal\nR1-1,620\nR1-2,310\nR1-3,5\n")

    report = ingest_files(waiting, "small", [file], by="ada")

    (problem,) = report.problems
    assert "'yield' needs a chromatogram, spectrum or peaks" in problem
    assert problem.endswith("(so it is of 3 experiments)")
    assert [r.verdict for r in report.rows] == ["malformed"] * 3


@pytest.mark.parametrize("label", ["raw.kept", "raw.brought", "raw.received", "work.before-commit", "ingest.judged"])
def test_files_are_taken_in_once_wherever_it_was_killed(
    label: str, waiting: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    file = write(tmp_path, peaks(("R1-1", 620.0), ("R1-2", 310.0)))
    died = zygote.ask(waiting.home, "ingest", arguments={"file": str(file)}, environ={"HAKKEN_CRASH_AT": label})

    ingest_files(waiting, "small", [file], by="tester")

    assert died == -signal.SIGKILL
    assert values(waiting) == pytest.approx([31, 62])
    with open_ledger(waiting.database) as ledger:
        assert len(ledger.envelopes("small")) == 2
    stray = [p.name for p in raw_files(waiting).folder.rglob("*") if p.is_file() and len(p.name) != 64]
    assert stray == []


@pytest.mark.parametrize("label", ["work.before-commit", "work.after-commit", "reanalyse.stored"])
def test_a_reanalysis_is_whole_or_not_there_wherever_it_was_killed(
    label: str, waiting: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    ingest_files(waiting, "small", [write(tmp_path, peaks(("R1-1", 620.0), ("R1-2", 310.0)))], by="ada")
    add(waiting, tmp_path, analysis=STEEPER, laboratory=MANUAL)
    died = zygote.ask(waiting.home, "reanalyse", environ={"HAKKEN_CRASH_AT": label})
    between = values(waiting)

    reanalyse(waiting, "small", by="tester", why="a new calibration")

    assert died == -signal.SIGKILL
    assert between == pytest.approx([31, 62] if label == "work.before-commit" else [15.5, 31])
    assert values(waiting) == pytest.approx([15.5, 31])
