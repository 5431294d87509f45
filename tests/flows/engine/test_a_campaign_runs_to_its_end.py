from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import preview, replay, run, status, tick
from flows.engine.holding import holding
from flows.engine.passes import one_pass
from flows.engine.session import Session
from flows.settings import Settings
from loop.errors import NotFound, NothingToGain
from loop.experiment import State
from loop.outcome import Fault
from loop.record import Verdict
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, executions, measured, spec_of, story_of


def go(settings: Settings, name: str = "small", **keywords: Any) -> Any:
    keywords = {"on_tick": lambda _: None, "planner": cheap_planner, "poll": 0.01, "max_seconds": 30} | keywords
    return run(settings, name, **keywords)


def test_a_campaign_spends_its_budget_and_says_so(settings: Settings, tmp_path: Path, page: Path) -> None:
    add(settings, tmp_path)

    report = go(settings)

    assert (report.state, report.reason) == ("finished", "the budget of 10 experiments is spent")
    assert (report.experiments_done, report.round, report.pending) == (10, 3, {})
    assert report.best[0].value == max(story_values(settings))
    assert page.is_file()
    assert report.report == str(page)
    assert "hakken report small" in report.next_step
    assert json.loads(json.dumps(report.as_json()))["campaign"] == "small"


def story_values(settings: Settings) -> list[float]:
    return [outcome.measurements[0].canonical for *_, outcome in story_of(settings).results]


def test_each_tick_does_one_step_and_the_next_goes_on(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    first, second = tick(settings, "small", planner=cheap_planner), tick(settings, "small", planner=cheap_planner)

    assert (first.round, first.sent, first.accepted, len(first.proposed)) == (1, 4, 0, 4)
    assert (second.round, second.sent, second.accepted, len(second.proposed)) == (2, 3, 4, 3)


def test_a_tick_without_training_costs_at_most_twelve_durable_commits(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory={"adapter": "simulated", "failures": {"random_error": 0.5}})
    tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        with holding(ledger, settings, "small") as held:
            session = Session(settings, "small", ledger, held, planner=cheap_planner)
            one_pass(session)
        commits = ledger.commits

    assert session.tally.accepted == 4
    assert session.tally.sent > 0
    assert commits <= 12


def test_a_pass_in_which_nothing_happens_writes_nothing(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)
    for job in laboratory.jobs.values():
        job.phase = job.phase.RUNNING
    tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger, holding(ledger, settings, "small") as held:
        session = Session(settings, "small", ledger, held, planner=cheap_planner)
        before = ledger.commits
        one_pass(session)

        assert ledger.commits == before
        assert not session.tally.has_moved


def test_two_runs_of_the_same_seed_tell_the_same_story(tmp_path: Path) -> None:
    stories = []
    for place in ("one", "two"):
        settings = Settings(tmp_path / place)
        add(settings, tmp_path / place)
        go(settings)
        stories.append(story_of(settings))

    assert stories[0] == stories[1]


def test_the_goal_ends_a_campaign_before_its_budget(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, stop=[{"target": "yield", "at_least": 1}])

    report = go(settings)

    assert report.state == "finished"
    assert "and at least 1 % was wanted" in report.reason
    assert report.experiments_done == 4


def test_an_exhausted_space_ends_a_campaign(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={"solvent": {"type": "category", "options": list("abcdef")}})

    report = go(settings)

    assert (report.state, report.experiments_done) == ("finished", 6)
    assert "every candidate was tried" in report.reason


def test_replicates_are_experiments_and_count_against_the_budget(settings: Settings, tmp_path: Path) -> None:
    planner = {"batch": 2, "replicates": 2, "initial": {"design": "random", "experiments": 2}}
    add(settings, tmp_path, planner=planner, budget={"experiments": 8})

    report = go(settings)

    assert report.experiments_done == 8
    assert {a[2] for a in story_of(settings).attempts} == {0, 1}


def test_rolling_mode_refills_while_others_still_run(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    planner = {"batch": 3, "mode": "rolling", "initial": {"design": "random", "experiments": 3}}
    add(settings, tmp_path, planner=planner)
    tick(settings, "small", planner=cheap_planner)
    slow = next(iter(laboratory.jobs.values()))
    slow.phase = slow.phase.RUNNING

    report = tick(settings, "small", planner=cheap_planner)

    assert (report.accepted, len(report.proposed), report.sent) == (2, 2, 2)
    assert sum(report.pending.values()) == 3
    with open_ledger(settings.database) as ledger:
        assert len(ledger.round("small", 2).pending) == 1


def test_batch_mode_waits_for_the_last_of_a_batch(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)
    slow = next(iter(laboratory.jobs.values()))
    slow.phase = slow.phase.RUNNING

    report = tick(settings, "small", planner=cheap_planner)

    assert (report.accepted, report.proposed, report.pending) == (3, (), {"running": 1})


def test_a_laboratory_gets_no_more_at_once_than_it_takes(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    from dataclasses import replace

    laboratory.abilities = replace(laboratory.abilities, max_parallel=2)
    add(settings, tmp_path)

    first = tick(settings, "small", planner=cheap_planner)
    second = tick(settings, "small", planner=cheap_planner)

    assert (first.sent, first.pending) == (2, {"ready": 2, "submitted": 2})
    assert (second.sent, second.pending) == (2, {"submitted": 2})
    order = [a.key for a in attempts(settings) if a.round_number == 1]
    assert list(laboratory.jobs)[:4] == order


def attempts(settings: Settings) -> Any:
    with open_ledger(settings.database) as ledger:
        return ledger.attempts("small")


@pytest.mark.parametrize(
    ("kind", "tries"), [("input_error", 1), ("timeout", 2), ("random_error", 3), ("compute_lost", 4)]
)
def test_a_fault_is_tried_again_as_often_as_its_kind_allows(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, kind: str, tries: int
) -> None:
    laboratory.answers = lambda _: [json.dumps({"outcome": "fault", "kind": kind, "message": "for the test"})]
    add(settings, tmp_path, budget={"experiments": 4})

    report = go(settings)

    assert (report.state, report.experiments_done) == ("finished", 4)
    assert max(a.attempt_no for a in attempts(settings)) + 1 == tries
    assert len(laboratory.jobs) == 4 * tries


def test_only_the_last_word_on_an_experiment_reaches_the_planner(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    replies = iter(["resource_error", *["ok"] * 100])
    fault = json.dumps({"outcome": "fault", "kind": "resource_error", "informative": True})
    laboratory.answers = lambda _: [fault if next(replies) == "resource_error" else measured(40)]
    add(settings, tmp_path)

    go(settings)

    with open_ledger(settings.database) as ledger:
        assert len(ledger.observations("small")) == 11
        assert len(ledger.round("small", 2).observations) == 4


def test_what_the_laboratory_excludes_ends_as_input_error_before_anything_moves(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    from loop.contracts import Problem

    laboratory.problems = [Problem("solvent", "this line has none", "fill it")]
    add(settings, tmp_path)

    report = tick(settings, "small", planner=cheap_planner)

    assert (report.sent, report.faults, report.experiments_done) == (0, 4, 4)
    assert laboratory.jobs == {}
    assert "this line has none; fill it" in " ".join(report.notes)


def test_a_malformed_result_is_kept_and_the_attempt_ends_as_analysis_failed(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    texts = iter(['{"outcome": "meas', '{"outcome": "measured"}', "NaN", '["a"]', *[measured(1)] * 99])
    laboratory.answers = lambda _: [next(texts)]
    add(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)

    report = tick(settings, "small", planner=cheap_planner)

    assert (report.faults, report.experiments_done) == (4, 4)
    with open_ledger(settings.database) as ledger:
        envelopes = ledger.envelopes("small")
        verdicts = [e.verdict for e in envelopes if e.source == "simulated"]
        assert verdicts == [Verdict.MALFORMED] * 4
        assert sum(e.source == "engine" for e in envelopes) == 4
        assert {o.outcome.kind.value for o in ledger.observations("small")} == {"analysis_failed"}


def test_of_an_attempt_that_ended_without_a_result_a_note_says_what_becomes_of_it(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    texts = iter([[], *[[measured(1)]] * 99])
    laboratory.answers = lambda _: next(texts)
    add(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)

    report = tick(settings, "small", planner=cheap_planner)

    (note,) = [note for note in report.notes if "no readable result" in note]
    with open_ledger(settings.database) as ledger:
        (lost,) = [o for o in ledger.observations("small") if isinstance(o.outcome, Fault)]
    assert lost.outcome.kind.value == "analysis_failed"
    assert f"attempt {lost.key} (" in note
    assert "it counts as a fault (analysis_failed)" in note
    assert f"hakken retract small {lost.key} --why REASON" in note


@pytest.mark.parametrize("batch", [1, 12])
def test_of_results_that_cannot_be_read_a_note_says_what_becomes_of_them(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, batch: int
) -> None:
    quoted = json.dumps({"outcome": "measured", "values": [{"property": "yield", "value": "7"}]})
    laboratory.answers = lambda _: [quoted]
    planner = {**spec_of()["planner"], "batch": batch, "initial": {"experiments": batch}}
    add(settings, tmp_path, budget={"experiments": 40}, planner=planner)
    tick(settings, "small", planner=cheap_planner)

    report = tick(settings, "small", planner=cheap_planner)

    (note,) = [note for note in report.notes if "analysis_failed" in note and "retract" in note]
    said = [note for note in report.notes if "is malformed: 'yield': value must be a finite number, got '7'" in note]
    with open_ledger(settings.database) as ledger:
        keys = [o.key for o in ledger.observations("small")]
    assert any(f"hakken retract small {key} --why REASON" in note for key in keys)
    if batch == 1:
        assert "and what came with it cannot be read: it counts as a fault" in note
        assert len(said) == 1
    else:
        assert note.startswith("12 attempts ended, the last ")
        assert len(said) == 8
        assert "4 more envelopes are malformed; hakken report small says why" in report.notes


def test_an_envelope_that_no_reader_foresaw_is_malformed_and_blocks_nothing(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.engine.steps import judging

    real, values = judging.read_outcome, iter([13.0, *[1.0] * 99])

    def read_outcome(payload: Any, *more: Any) -> Any:
        if payload["outcome"] == "measured" and payload["values"][0]["value"] == 13.0:
            raise OverflowError("int too large to convert to float")
        return real(payload, *more)

    monkeypatch.setattr(judging, "read_outcome", read_outcome)
    laboratory.answers = lambda _: [measured(next(values))]
    add(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)

    report = tick(settings, "small", planner=cheap_planner)

    assert (report.faults, report.experiments_done) == (1, 4)
    with open_ledger(settings.database) as ledger:
        (bad,) = [e for e in ledger.envelopes("small") if e.verdict is Verdict.MALFORMED]
    assert bad.message == "it cannot be judged (OverflowError: int too large to convert to float)"


def test_a_person_may_correct_a_result_that_cannot_be_read(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    from dataclasses import replace

    laboratory.abilities = replace(laboratory.abilities, needs_person=True)
    laboratory.answers = lambda _: ['{"outcome": "measured", "values": [{"property": "yield", "value": "ten"}]}']
    add(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)
    before = tick(settings, "small", planner=cheap_planner)
    for job in laboratory.jobs.values():
        job.payloads.append(measured(10))

    after = tick(settings, "small", planner=cheap_planner)

    assert (before.experiments_done, before.pending, before.waits_for_person) == (0, {"submitted": 4}, True)
    assert "must be a finite number, got 'ten'" in " ".join(before.notes)
    assert (after.accepted, after.faults, after.experiments_done) == (4, 0, 4)


def test_duplicates_contradictions_and_strangers_are_kept_and_do_not_count(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path, budget={"experiments": 4})
    laboratory.answers = lambda _: [measured(50), measured(0.5), measured(60)]
    tick(settings, "small", planner=cheap_planner)

    report = tick(settings, "small", planner=cheap_planner)

    assert (report.received, report.accepted, report.experiments_done) == (12, 4, 4)
    with open_ledger(settings.database) as ledger:
        verdicts = [e.verdict for e in ledger.envelopes("small")]
        assert [verdicts.count(v) for v in (Verdict.ACCEPTED, Verdict.CONTRADICTORY)] == [4, 8]


def test_a_campaign_nobody_knows_is_named_with_those_there_are(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    for call in (tick, status, preview):
        with pytest.raises(NotFound, match="small"):
            call(settings, "smal")
    assert not settings.folder("smal").exists()


def test_a_preview_is_the_round_that_comes_and_writes_nothing(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    planned = preview(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        assert ledger.rounds("small") == ()

    tick(settings, "small", planner=cheap_planner)

    with open_ledger(settings.database) as ledger:
        stored = [dict(p.draft.candidate.settings) for p in ledger.proposals("small")]
    assert [dict(p.candidate.settings) for p in planned.proposals] == stored


def test_every_round_comes_out_again_from_the_record_alone(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    go(settings)

    reports = [replay(settings, "small", number, planner=cheap_planner) for number in (1, 2, 3)]

    assert all(r.is_identical for r in reports)
    assert [r.proposals for r in reports] == [4, 3, 3]


def test_a_replay_names_what_differs_and_which_package_changed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.engine.looking import replaying

    add(settings, tmp_path)
    go(settings)
    real: Callable[[], Any] = replaying.environment
    monkeypatch.setattr(replaying, "environment", lambda: {**real(), "torch": "9.9"})

    def other_planner(*args: Any, seed: int, experiments: int) -> Any:
        return cheap_planner(*args, seed=seed + 1, experiments=experiments)

    report = replay(settings, "small", 2, planner=other_planner)

    assert not report.is_identical
    assert any("proposal 0" in d and "was" in d and "now" in d for d in report.differences)
    assert len(report.versions) == 1
    assert report.versions[0].startswith("torch was ")
    assert report.versions[0].endswith("now 9.9")


def test_what_runs_is_running_once(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory={"adapter": "simulated", "lost_replies": 0.4, "lost_requests": 0.4})

    report = go(settings)

    assert report.experiments_done == 10
    assert sum(executions(settings).values()) == len(attempts(settings)) == 10
    assert {a.state for a in attempts(settings)} == {State.ENDED}


@pytest.mark.usefixtures("laboratory")
def test_where_a_result_is_good_enough_a_preview_says_so_and_plans_nothing(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)
    tick(settings, "small", planner=cheap_planner)  # the four first results, 50 % each
    add(settings, tmp_path, stop=[{"target": "yield", "at_least": 40}])

    with pytest.raises(NothingToGain, match=r"campaign 'small': yield reached 50 %.*take the rule out of stop"):
        preview(settings, "small", planner=cheap_planner)
