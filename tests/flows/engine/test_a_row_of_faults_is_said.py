"""Where experiment after experiment ends in the same kind of fault, it is said, and the campaign stops by itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from db.ledger import open_ledger
from flows.engine import resume, retract, status, stop, tick
from flows.engine.looking.failing import Failed, failed
from flows.settings import Settings
from loop.contracts import Phase
from loop.outcome import Fault, FaultKind
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, measured, spec_of


def fault(kind: str, message: str) -> str:
    return json.dumps({"outcome": "fault", "kind": kind, "message": message})


def a_pass(settings: Settings) -> list[str]:
    return [n for n in tick(settings, "small", planner=cheap_planner).notes if "and none has had a result" in n]


def test_it_is_said_from_the_fifth_on_with_the_cause_and_the_way_out_until_something_else_comes(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.answers = lambda _: [fault("analysis_failed", "'ok' is no number")]
    planner = {**spec_of()["planner"], "batch": 2}
    add(settings, tmp_path, budget={"experiments": 30}, planner=planner)
    a_pass(settings)
    assert a_pass(settings) == []  # four

    (note,) = a_pass(settings)  # six

    assert note == (
        "the last 6 experiments ended in a fault, and none has had a result yet (analysis_failed, the last: 'ok' is no "
        "number). See to what causes it before more is spent; hakken stop small sends nothing more until hakken "
        "resume, and after 10 in a row the campaign stops by itself"
    )
    assert status(settings, "small")[0].failing == (note,)
    laboratory.answers = lambda _: [measured(50.0)]
    a_pass(settings)  # what was sent before
    assert a_pass(settings) == []
    laboratory.answers = lambda _: [fault("analysis_failed", "'ok' is no number")]
    found = [note for _ in range(4) for note in a_pass(settings)]
    assert found
    assert "none has had a result since" in found[0]


def test_one_that_tells_of_its_candidate_among_the_last_ten_keeps_them_from_stopping_it(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    accident = fault("analysis_failed", "a bubble")
    told = [json.dumps({**json.loads(accident), "message": "a mixture of isomers", "informative": True})]
    laboratory.answers = lambda _: [told.pop() if told else accident]
    add(settings, tmp_path, budget={"experiments": 60})

    reports = [tick(settings, "small", planner=cheap_planner) for _ in range(6)]

    assert [(r.experiments_done, r.state) for r in reports[3:5]] == [(10, "active"), (13, "stopped")]


def test_the_fifth_in_a_row_is_enough(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    laboratory.answers = lambda _: [fault("consumable_missing", "no vials")]
    add(settings, tmp_path, planner={**spec_of()["planner"], "batch": 1})
    said = [a_pass(settings) for _ in range(3)]

    assert said[:2] == [[], []]
    assert [note.partition(" ended in")[0] for note in said[2]] == ["the last 5 experiments"]


def test_of_a_fault_that_tells_of_its_candidate_no_way_back_is_said() -> None:
    tells, lasts = (Failed("A", Fault(FaultKind.TIMEOUT, "runs on", tells), False, key="k") for tells in (True, False))

    assert failed("small", [tells]) == ("A ended in a fault (timeout): runs on; it is not tried again",)
    assert "it is not tried again, nor proposed again: where its time was too short" in failed("small", [lasts])[0]


def test_of_a_calculation_that_did_not_converge_is_said_what_to_do_where_it_was_allowed_too_little() -> None:
    one = Failed("A", Fault(FaultKind.CONVERGENCE_ERROR, "still above 0.02", True), False, key="k")

    (said,) = failed("small", [one])
    (kept_out,) = failed("small", [replace(one, is_kept_out=True)])

    assert said.endswith(
        "it is not tried again; where the calculation was allowed too little, such as steps, allow more and retract "
        "this: hakken retract small k --why 'too few steps'"
    )
    assert kept_out.endswith("it is not tried again")


def test_a_message_in_one_word_is_cut_in_two_where_it_is_too_long() -> None:
    whole, cut = (failed("small", [Failed("A", Fault(FaultKind.UNKNOWN, "x" * n, True), False)]) for n in (300, 301))

    assert f": {'x' * 300};" in whole[0]
    assert f": {'x' * 150} ... {'x' * 150};" in cut[0]


def test_of_a_long_message_both_ends_are_said_in_one_line_in_the_reason_that_is_kept_too(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    trace = "Traceback:\n" + "  in driver.py, move\n" * 60 + "DriverError: the lid is open"
    laboratory.answers = lambda _: [fault("consumable_missing", trace)]
    add(settings, tmp_path, budget={"experiments": 60})
    reports = [tick(settings, "small", planner=cheap_planner) for _ in range(5)]

    (note, *_) = [n for r in reports for n in r.notes if "none has had a result" in n]
    for said in (note, reports[-1].reason):
        assert "the last: Traceback: in driver.py, move in" in said
        assert "DriverError: the lid is open)" in said
        assert "\n" not in said
        assert len(said) < 700


def test_after_ten_nothing_more_is_sent_and_what_is_resumed_stops_at_the_next_such_fault(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.answers = lambda _: [fault("consumable_missing", "no vials")]
    add(settings, tmp_path, budget={"experiments": 60})
    reports = [tick(settings, "small", planner=cheap_planner) for _ in range(8)]

    assert [r.state for r in reports].index("stopped") == 3  # batches of 4, 3, 3: after all of these
    assert reports[-1].experiments_done == 10
    assert reports[-1].reason == (
        "the last 10 experiments ended in a fault, and none has had a result yet (consumable_missing, the last: no "
        "vials); see to what causes it first"
    )
    assert reports[-1].next_step.endswith("Go on with hakken resume small.")
    assert status(settings, "small")[0].failing == ()  # the reason says it

    resume(settings, "small", by="ada")
    reports = [tick(settings, "small", planner=cheap_planner) for _ in range(4)]
    assert (reports[-1].state, reports[-1].experiments_done) == ("stopped", 13)

    resume(settings, "small", by="ada", why="there are vials")
    laboratory.answers = lambda _: [measured(50.0)]
    reports = [tick(settings, "small", planner=cheap_planner) for _ in range(4)]
    assert {r.state for r in reports} == {"active"}
    assert reports[-1].experiments_done > 13


def test_a_result_that_comes_after_faults_of_later_places_in_the_batch_ends_their_row(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.answers = lambda _: [fault("consumable_missing", "no vials")]
    planner = {**spec_of()["planner"], "batch": 12, "initial": {"design": "random", "experiments": 12}}
    add(settings, tmp_path, budget={"experiments": 30}, planner=planner)
    a_pass(settings)
    with open_ledger(settings.database) as ledger:
        first = [laboratory.jobs[a.key] for a in ledger.attempts("small") if a.position < 4]
    for job in first:
        job.phase, job.payloads = Phase.RUNNING, [measured(50.0)]

    before = a_pass(settings)
    for job in first:
        job.phase = Phase.ENDED
    after = a_pass(settings)

    assert before[0].startswith("the last 8 experiments ended in a fault, and none has had a result yet")
    assert after == []


def test_faults_that_tell_of_candidates_or_come_from_a_person_stop_nothing(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    told = {**json.loads(fault("analysis_failed", "a mixture of isomers")), "informative": True}  # says this laboratory
    answers = {kind: fault(kind, "for the test") for kind in ("convergence_error", "cancelled")}
    for kind, answer in {**answers, "analysis_failed": json.dumps(told)}.items():
        laboratory.answers = lambda _, answer=answer: [answer]
        add(settings, tmp_path, campaign=kind, budget={"experiments": 40})
        for _ in range(10):
            report = tick(settings, kind, planner=cheap_planner)
        assert report.experiments_done > 15
        assert report.state == "active"
        assert not any("stops by itself" in note for note in report.notes)


def test_faults_of_several_kinds_are_taken_for_chance_and_of_a_stopped_campaign_nothing_is_said(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    kinds = iter(["analysis_failed", "consumable_missing"] * 20)
    laboratory.answers = lambda _: [fault(next(kinds), "for the test")]
    add(settings, tmp_path, budget={"experiments": 30})
    for _ in range(5):
        assert a_pass(settings) == []
    laboratory.answers = lambda _: [fault("consumable_missing", "for the test")]
    for _ in range(3):
        found = a_pass(settings)
    assert found
    stop(settings, "small", by="ada", why="no vials")

    assert status(settings, "small")[0].failing == ()


def test_each_kind_of_fault_that_a_pass_took_in_is_said_once_with_its_reason_and_whether_it_is_tried_again(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path, budget={"experiments": 30})
    answers = iter(["compute_lost", "compute_lost", "consumable_missing", "timeout", *["cancelled"] * 10])
    laboratory.answers = lambda _: [fault(kind := next(answers), f"why it was\n{kind}")]
    labels = tick(settings, "small", planner=cheap_planner).running
    notes = tick(settings, "small", planner=cheap_planner).notes
    said = [re.sub("|".join(map(re.escape, labels)), "LABEL", note) for note in notes if "ended in a fault" in note]

    assert said == [
        "2 experiments ended in a fault (compute_lost), the last LABEL: why it was compute_lost; all are tried again",
        (
            "LABEL ended in a fault (consumable_missing): why it was consumable_missing; it is not tried again now, "
            "and may be proposed again"
        ),
        "LABEL ended in a fault (timeout): why it was timeout; it is tried again",
    ]


def test_of_what_ran_out_of_time_twice_it_is_said_that_it_is_not_proposed_again_and_how_it_can_be(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.answers = lambda _: [fault("timeout", "ended after 600 s")]
    planner = {**spec_of()["planner"], "batch": 2, "initial": {"design": "random", "experiments": 2}}
    add(settings, tmp_path, budget={"experiments": 30}, planner=planner)
    notes = [n for _ in range(3) for n in tick(settings, "small", planner=cheap_planner).notes]

    (said,) = (n for n in notes if "none of them is tried again" in n)
    assert "none of them is tried again, nor proposed again: where its time was too short, allow more and" in said
    key = re.search(r"retract this timeout: hakken retract small (\S+) --why 'too short'$", said)
    assert key is not None
    kept = retract(settings, "small", key[1], by="tester", why="too short")
    assert [type(o.outcome).__name__ for o in kept] == ["Fault"]


def test_what_was_called_off_tells_nothing_of_the_laboratory(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    kind = "cancelled"
    laboratory.answers = lambda _: [fault(kind, "safety stop: it smells of gas")]
    add(settings, tmp_path, budget={"experiments": 60})
    said = [a_pass(settings) for _ in range(4)]
    kind = "consumable_missing"
    said += [a_pass(settings) for _ in range(3)]  # the first takes in what was sent before
    kind = "cancelled"
    said += [a_pass(settings) for _ in range(2)]

    assert [len(notes) for notes in said] == [0] * 6 + [1] * 3
    assert [notes[0].split(" (")[0] for notes in said[-3:]] == [
        "the last 6 experiments ended in a fault, and none has had a result yet",
        "the last 9 experiments ended in a fault, and none has had a result yet",
        "the last 9 experiments that were not called off ended in a fault, and none has had a result yet",
    ]


def test_a_pass_that_took_in_what_was_called_off_stops_nothing_that_was_resumed(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    kind = "consumable_missing"
    laboratory.answers = lambda _: [fault(kind, "no vials")]
    add(settings, tmp_path, budget={"experiments": 60})
    while tick(settings, "small", planner=cheap_planner).state == "active":
        pass
    resume(settings, "small", by="ada")
    kind = "cancelled"
    after = [tick(settings, "small", planner=cheap_planner).state for _ in range(3)]
    kind = "consumable_missing"
    tick(settings, "small", planner=cheap_planner)

    assert after == ["active"] * 3
    assert tick(settings, "small", planner=cheap_planner).state == "stopped"


def test_a_long_message_is_said_by_its_beginning_and_its_end_where_a_traceback_has_the_cause(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    traceback = f"Traceback (most recent call last): {'File in line 3, ' * 40}OSError: [Errno 27] File too large"
    laboratory.answers = lambda _: [fault("random_error", f"tool ended with code 1; its last words: {traceback}")]
    add(settings, tmp_path, budget={"experiments": 30})
    notes = [note for _ in range(2) for note in tick(settings, "small", planner=cheap_planner).notes]
    (said, *_) = [note for note in notes if "ended in a fault (random_error)" in note]

    assert "tool ended with code 1; its last words: Traceback" in said
    assert "OSError: [Errno 27] File too large; " in said
    assert len(said) < 450
