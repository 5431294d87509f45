"""``hakken ingest`` and ``hakken reanalyse`` from the command line."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.cli.checks.calibrations import calibrations, calibrations_in
from flows.wiring import open_record

CAMPAIGN = """\
campaign: coupling
space: {temperature: {type: number, low: 40, high: 120, step: 10, unit: degC}}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 4}
analysis:
  yield:
    peak: {at: 4.2, within: 0.1}
    calibration: {points: {0: 0, 100: 1000}, id: c-1, expires: 2020-01-01}
    detection_limit: 1
laboratory: {adapter: manual}
"""


@pytest.fixture
def waiting(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign whose first two experiments are with a person, and a file with both."""
    monkeypatch.chdir(tmp_path)
    Path("campaign.yaml").write_text(CAMPAIGN)
    assert hakken("run", "campaign.yaml").code == 0
    Path("run.csv").write_text("sample,RT,Area\nR1-1,4.2,620\nR1-2,4.2,5\n")
    return tmp_path


@pytest.mark.usefixtures("waiting")
def test_a_file_is_looked_at_then_taken_in_and_analysed_anew(hakken: Any) -> None:
    look = hakken("ingest", "run.csv", "--campaign", "coupling", "--dry-run")
    taken = hakken("ingest", "run.csv", "--campaign", "coupling")
    again = hakken("ingest", "run.csv", "-c", "coupling", "--json")
    Path("campaign.yaml").write_text(CAMPAIGN.replace("100: 1000", "100: 2000"))
    seen = hakken("reanalyse", "campaign.yaml", "--dry-run")
    refused = hakken("reanalyse", "campaign.yaml")
    anew = hakken("reanalyse", "campaign.yaml", "--why", "the standards were mislabelled", "--by", "bob")
    hakken("run", "coupling")
    show = hakken("show", "coupling", "1")

    assert look.code == taken.code == seen.code == anew.code == 0, look.err + taken.err + seen.err + anew.err
    for said in (look, taken):
        assert "run.csv" in said.out
        assert "yield 62" in said.out
        assert "the calibration c-1 expired on 2020-01-01" in said.out
        assert "negative: yield below the limit of detection" in said.out
    assert "2 results would be taken in" in look.out
    assert "next: the same command without --dry-run takes them in" in look.out
    assert "2 results taken in, 0 known already" in taken.out
    assert (again.json["accepted"], again.json["duplicates"]) == (0, 2)
    assert "1 result would be superseded, 1 unchanged" in seen.out
    assert (refused.code, "a re-analysis needs a reason" in refused.err) == (2, True)
    assert "1 result superseded, 1 unchanged" in anew.out
    assert "yield 31" in anew.out
    assert "(retracted: superseded by analysis" in show.out


@pytest.mark.usefixtures("waiting")
def test_another_analysis_in_the_file_is_said_where_files_are_taken_in_and_where_it_is_taken_up(hakken: Any) -> None:
    changed = "note: campaign.yaml was changed; hakken run campaign.yaml takes that up, by its name it goes on"
    hakken("ingest", "run.csv", "--campaign", "coupling")
    Path("campaign.yaml").write_text(CAMPAIGN.replace("100: 1000", "100: 2000"))

    again, by_name = hakken("ingest", "run.csv", "-c", "coupling"), hakken("reanalyse", "coupling", "--dry-run")
    refused, still = hakken("reanalyse", "campaign.yaml"), hakken("status", "coupling")
    taken_up, same = hakken("tick", "campaign.yaml"), hakken("tick", "campaign.yaml")
    Path("campaign.yaml").write_text(CAMPAIGN)
    anew = hakken("reanalyse", "campaign.yaml", "--why", "they were right")

    assert all(changed in one.out for one in (again, by_name, still))
    assert refused.code == 2
    said = "note: 2 results on record came of files by another analysis, and count as they are until hakken reanalyse"
    assert f"{said} campaign.yaml makes them anew by this one (--dry-run shows what comes out)\n" in taken_up.out
    assert said not in same.out
    assert "note: campaign.yaml changes what is on record of coupling" in anew.out
    assert "another analysis" not in anew.out  # theirs


@pytest.mark.usefixtures("waiting")
def test_a_look_at_another_analysis_tells_what_is_put_on_record(hakken: Any) -> None:
    points = "{0: 0, 25: 312, 50: 619, 100: 1251}"  # of which the record has 100 before 25
    text = CAMPAIGN.replace("{0: 0, 100: 1000}", points)
    Path("campaign.yaml").write_text(text)
    hakken("tick", "campaign.yaml")
    hakken("ingest", "run.csv", "--campaign", "coupling")
    Path("campaign.yaml").write_text(text.replace("id: c-1", "id: c-2"))

    seen = hakken("reanalyse", "campaign.yaml", "--dry-run")
    Path("campaign.yaml").write_text(text.replace('unit: "%"', "unit: mg"))
    refused = hakken("reanalyse", "campaign.yaml", "--dry-run")

    assert "0 results would be superseded, 2 unchanged" in seen.out
    assert refused.code == 2
    assert "target 'yield' has results in '%' on record and is in 'mg' now" in refused.err


@pytest.mark.usefixtures("waiting")
def test_a_round_says_what_it_was_planned_from_and_counts_no_more(hakken: Any) -> None:
    hakken("ingest", "run.csv", "--campaign", "coupling")
    hakken("run", "coupling")
    Path("campaign.yaml").write_text(CAMPAIGN.replace("100: 1000", "100: 2000"))

    anew = hakken("reanalyse", "campaign.yaml", "--why", "the standards were mislabelled", "--json")

    assert anew.json["rows"][0]["rounds"] == [2]
    note = "note: 1 result that it was planned from counts no more"
    assert note in hakken("show", "coupling", "2").out
    assert note not in hakken("show", "coupling", "1").out


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(
    ("words", "text", "says"),
    [
        (("ingest", "bad.csv", "--campaign", "coupling"), "RT,Area\n4.2,1\n", "sample 'bad' names no attempt"),
        (("ingest", "bad.csv", "--campaign", "coupling"), "hello\n", "no table is found in it"),
        (("ingest", "none.csv", "--campaign", "coupling"), "", "none.csv cannot be read (No such file or directory)"),
        (("ingest", "bad.csv", "--campaign", "nobody"), "RT,Area\n", "no campaign is called 'nobody'"),
        (("ingest", "bad.csv"), "", "Missing option '--campaign'"),
        (("reanalyse", "nobody", "--why", "x"), "", "no campaign is called 'nobody'"),
    ],
)
def test_what_cannot_be_used_is_said_once(hakken: Any, words: tuple[str, ...], text: str, says: str) -> None:
    Path("bad.csv").write_text(text)

    said = hakken(*words)

    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err + said.out


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(
    ("today", "says"),
    [
        (date(2019, 12, 1), None),
        (date(2019, 12, 30), "calibration c-1 expires in 2 days, on 2020-01-01"),
        (date(2020, 1, 1), "calibration c-1 expires in 0 days, on 2020-01-01"),
        (date(2020, 1, 2), "calibration c-1 expired on 2020-01-01"),
    ],
)
def test_a_calibration_is_spoken_of_before_it_expires(home: Any, today: date, says: str | None) -> None:
    found = list(calibrations(home, today))

    assert [c.found for c in found] == ([] if says is None else [says])
    assert all((c.area, c.subject, c.verdict) == ("calibrations", "coupling, yield", "note") for c in found)


@pytest.mark.usefixtures("waiting")
def test_doctor_names_the_remedy_for_an_expired_calibration(hakken: Any) -> None:
    said = hakken("doctor", "--json").out

    assert "calibration c-1 expired on 2020-01-01" in said
    assert "hakken reanalyse FILE --why REASON" in said


@pytest.fixture
def laid(waiting: Any, hakken: Any) -> None:  # noqa: ARG001
    """A campaign of plates beside it, and what was read of three wells of its first one."""
    laid = CAMPAIGN.replace("coupling", "laid").replace(
        "surrogate: random, batch: 2, initial: {design: random, experiments: 2}", "surrogate: random"
    )
    Path("laid.yaml").write_text(
        laid.replace("budget: {experiments: 4}", "plate: {rows: 2, columns: 2}\nbudget: {experiments: 8}")
    )
    hakken("run", "laid.yaml")
    Path("plate.csv").write_text("plate,well,RT,Area\n1,A1,4.2,620\n1,A2,4.2,300\n1,B1,4.2,400\n")


@pytest.mark.usefixtures("laid")
def test_results_of_a_plate_are_retracted_together_and_what_lies_on_none_by_itself(hakken: Any) -> None:
    key = hakken("ingest", "plate.csv", "-c", "laid", "--json").json["rows"][0]["key"]
    laid_out = hakken("retract", "laid", key, "--plate", "--why", "the plates were swapped")
    by_itself = hakken("ingest", "run.csv", "-c", "coupling", "--json").json["rows"][0]["key"]
    refused = hakken("retract", "coupling", by_itself, "--plate", "--why", "the plates were swapped")

    assert laid_out.code == 0, laid_out.err
    assert f"3 results count no more, all of the plate that {key} names: the plates were swapped" in laid_out.out
    assert refused.code == 2
    assert "lies on no plate; leave --plate out" in refused.err


@pytest.mark.usefixtures("laid")
def test_a_plate_or_a_told_file_whose_results_are_retracted_is_named_by_itself(hakken: Any) -> None:
    hakken("ingest", "plate.csv", "-c", "laid")
    other = hakken("retract", "laid", "--plate", "2", "--why", "the plates were swapped")
    gone = hakken("retract", "laid", "--plate", "1", "--why", "the plates were swapped")

    assert other.code == 2
    assert "no result is of a plate 2, and no observation begins with '2'" in other.err
    assert "3 results count no more, all of the plate that 1 names: the plates were swapped" in gone.out


@pytest.mark.usefixtures("waiting")
def test_what_stands_beside_a_result_that_came_as_a_file_is_told_later(hakken: Any, home: Any) -> None:
    hakken("ingest", "run.csv", "--campaign", "coupling")
    with open_record(home) as ledger:
        one, two = (a.key for a in ledger.attempts("coupling"))
    Path("lots.csv").write_text(f"key,lot\n{one},B17\n{two},B18\n")
    Path("wrong.csv").write_text(f"key,lot\n{one},B19\n{two},B18\n")
    Path("campaign.yaml").write_text(CAMPAIGN.replace("100: 1000", "100: 2000"))

    joined, again, wrong = (hakken("tell", "coupling", f"{name}.csv") for name in ("lots", "lots", "wrong"))
    anew = hakken("reanalyse", "campaign.yaml", "--dry-run")
    with open_record(home) as ledger:
        standing = ledger.observations("coupling")

    assert "note: lot joined 2 results on record" in joined.out, joined.err
    assert {o.key: o.context["lot"] for o in standing} == {one: "B17", two: "B18"}
    assert {type(o.outcome).__name__ for o in standing} == {"Measured", "Negative"}
    assert "not filled in" not in joined.out + again.out
    assert "0 results accepted" in again.out
    assert f"attempt {one} (temperature" in wrong.err
    assert f"is on record with lot B17; to let this count, hakken retract coupling {one} --why" in wrong.err
    assert "1 result would be superseded, 1 unchanged" in anew.out


def test_of_a_worksheet_the_planned_well_is_not_held_against_the_one_that_a_result_was_made_in(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plate = "plate: {rows: 1, columns: 2}\nlab"
    Path("campaign.yaml").write_text(CAMPAIGN.replace("batch: 2, ", "").replace("lab", plate))
    hakken("run", "campaign.yaml")
    with open_record(home) as ledger:
        one, two = (a.key for a in ledger.attempts("coupling"))
    Path("made.csv").write_text(f"key,plate,well,yield\n{one},7,A2,50\n{two},1,A1,40\n")
    hakken("tell", "coupling", "made.csv")
    Path("sheet.csv").write_text(f"key,plate,well,yield [%],lot\n{one},1,A1,,B17\n{two},1,A2,,\n")

    said = hakken("tell", "coupling", "sheet.csv")

    assert said.code == 0, said.err
    assert "note: lot joined 1 result on record" in said.out


def test_of_a_target_without_a_calibration_none_is_spoken_of() -> None:
    spec = {"analysis": {"run_time": {"quantity": "time", "of_all": "largest", "count": 5}}}

    assert not list(calibrations_in("separation", spec, date(2020, 1, 1)))
