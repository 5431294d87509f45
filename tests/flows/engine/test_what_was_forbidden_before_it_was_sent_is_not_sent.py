"""What was not sent yet, and a changed file or a ban keeps out by now, is never sent; what is out goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.cli.screen import Screen
from flows.cli.showing.rounds import print_round
from flows.engine import View, approve, ban, lift, on_ban, status, tick
from flows.settings import Settings
from flows.shown.rounds import document
from loop.experiment import State
from loop.outcome import Fault, FaultKind
from loop.record import AttemptRecord
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, faulty, spec_of

SPACE: dict[str, Any] = spec_of()["space"]


def attempts(settings: Settings, round_number: int = 1) -> tuple[AttemptRecord, ...]:
    with open_ledger(settings.database) as ledger:
        return tuple(a for a in View(ledger, "small").attempts if a.round_number == round_number)


def a_pass(settings: Settings) -> str:
    return "\n".join(tick(settings, "small", planner=cheap_planner).notes)


def excluded(attempt: AttemptRecord) -> dict[str, Any]:
    return {"name": "unstable", "exclude": {name: [value] for name, value in attempt.settings.items()}}


@pytest.fixture
def first(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> tuple[AttemptRecord, ...]:
    """Four experiments of which the laboratory has one and takes no other before its result is there."""
    laboratory.abilities = replace(laboratory.abilities, max_parallel=1)
    add(settings, tmp_path)
    a_pass(settings)
    found = attempts(settings)
    assert [a.state for a in found] == [State.SUBMITTED, *[State.READY] * 3]
    return found


def test_what_a_changed_file_excludes_is_not_sent_and_the_record_says_why(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    gone = first[2]
    add(settings, tmp_path, constraints=[excluded(gone)])
    assert status(settings, "small")[0].forbidden == ()

    notes = a_pass(settings)

    why = "the campaign file was changed since (breaks 'unstable' of the campaign's constraints)"
    assert f"was not sent yet and will not be: {why}" in notes
    for _ in range(6):
        a_pass(settings)
    assert gone.key not in laboratory.jobs
    assert {a.key for a in first} - {gone.key} <= set(laboratory.jobs)
    assert next(a for a in attempts(settings) if a.key == gone.key).state is State.EXPIRED
    with open_ledger(settings.database) as ledger:
        assert why in [s.detail for s in ledger.steps("small") if s.key == gone.key]


def test_so_it_is_with_an_option_that_is_gone(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    gone = first[1].settings["solvent"]
    options = [o for o in SPACE["solvent"]["options"] if o != gone]
    add(settings, tmp_path, space=SPACE | {"solvent": {"type": "category", "options": options}})

    for _ in range(6):
        a_pass(settings)

    assert not [
        j for j in laboratory.jobs.values() if j.spec.settings["solvent"] == gone and j.spec.key != first[0].key
    ]


def test_what_a_lowered_budget_has_no_room_for_is_not_sent_and_what_was_begun_is_made_again(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    planner = spec_of()["planner"]
    fewer = {**planner, "initial": {**planner["initial"], "experiments": 2}}
    laboratory.jobs[first[0].key].payloads = [faulty("instrument_fault")]
    add(settings, tmp_path, budget={"experiments": 2}, planner=fewer)

    notes = a_pass(settings)
    for _ in range(8):
        a_pass(settings)

    assert notes.count("was not sent yet and will not be: the budget of 2 experiments leaves no room for it") == 2
    again = [a for a in attempts(settings) if a.attempt_no > 0]
    assert [(a.proposal_id, a.state) for a in again] == [(first[0].proposal_id, State.ENDED)]
    assert set(laboratory.jobs) == {first[0].key, again[0].key, first[1].key}
    (report,) = status(settings, "small")
    assert (report.experiments_done, report.state) == (2, "finished")


def test_a_later_ban_keeps_it_from_being_sent_and_one_that_is_lifted_does_not(
    settings: Settings, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    banned, spared = first[1], first[2]
    conditions = [[f"{name}={value}" for name, value in a.settings.items()] for a in (banned, spared)]
    ban(settings, "small", conditions[0], by="ada", why="smells")
    slip = ban(settings, "small", conditions[1], by="ada", why="a slip")
    lift(settings, "small", slip.number, by="ada", why="a slip")

    notes = a_pass(settings)
    for _ in range(6):
        a_pass(settings)

    assert "was not sent yet and will not be: ban 1 keeps it out" in notes
    assert banned.key not in laboratory.jobs
    assert spared.key in laboratory.jobs


def test_whoever_bans_is_told_what_is_withdrawn_and_what_goes_on(
    settings: Settings, first: tuple[AttemptRecord, ...]
) -> None:
    out = ban(settings, "small", [f"{n}={v}" for n, v in first[0].settings.items()], by="ada", why="smells")
    unsent = ban(settings, "small", [f"{n}={v}" for n, v in first[1].settings.items()], by="ada", why="smells")

    (goes_on,), (withdrawn,) = on_ban(settings, "small", out), on_ban(settings, "small", unsent)

    assert goes_on.startswith("the laboratory has 1 experiment that meets it: ")
    assert goes_on.endswith(f"({first[0].key}); it goes on unless called off there")
    assert withdrawn == "1 experiment that was not sent yet meets it: the next pass withdraws it"


def test_what_the_laboratory_forgot_to_start_is_not_started_again(
    settings: Settings, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    sent = first[0]
    laboratory.jobs[sent.key].started = 0  # it lies prepared there, as after a queue that forgot what was released
    ban(settings, "small", [f"{name}={value}" for name, value in sent.settings.items()], by="ada", why="smells")

    notes = a_pass(settings)

    assert "was not started: ban 1 keeps it out" in notes
    assert laboratory.starts[sent.key] == 1
    with open_ledger(settings.database) as ledger:
        (ended,) = ledger.observations("small")
    assert ended.key == sent.key
    assert ended.outcome == Fault(FaultKind.CANCELLED, "ban 1 keeps it out", informative=False)


def test_a_fault_whose_next_try_was_withdrawn_is_the_last_word(
    settings: Settings, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    fault = {"outcome": "fault", "kind": "resource_error", "message": "out of memory", "informative": True}
    laboratory.jobs[first[0].key].payloads = [json.dumps(fault)]
    a_pass(settings)
    ban(settings, "small", [f"{n}={v}" for n, v in first[0].settings.items()], by="ada", why="smells")

    notes = a_pass(settings)

    assert "is not sent once more: ban 1 keeps it out" in notes
    with open_ledger(settings.database) as ledger:
        assert first[0].key in [o.key for o in View(ledger, "small").counted]


def test_of_a_fault_whose_candidate_was_banned_meanwhile_nobody_says_that_it_may_be_proposed_again(
    settings: Settings, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    ban(settings, "small", [f"{n}={v}" for n, v in first[0].settings.items()], by="ada", why="smells")
    fault = {"outcome": "fault", "kind": "instrument_fault", "message": "no peak"}
    laboratory.jobs[first[0].key].payloads = [json.dumps(fault)]

    notes = a_pass(settings)

    assert "is not sent once more: ban 1 keeps it out" in notes
    assert "ended in a fault (instrument_fault): no peak; it is not tried again" in notes
    assert "proposed again" not in notes


def test_show_says_why_it_was_not_sent(
    settings: Settings, first: tuple[AttemptRecord, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ban(settings, "small", [f"{name}={value}" for name, value in first[1].settings.items()], by="ada", why="smells")
    a_pass(settings)

    with open_ledger(settings.database) as ledger:
        print_round(Screen(False), ledger, "small", 1)
        told = document(ledger, "small", 1)["never_sent"]

    assert told == {first[1].key: "ban 1 keeps it out"}
    assert f"attempt {first[1].key}: expired, not sent: ban 1 keeps it out\n" in capsys.readouterr().out


def test_the_page_says_why_it_was_not_sent(settings: Settings, page: Path, first: tuple[AttemptRecord, ...]) -> None:
    ban(settings, "small", [f"{name}={value}" for name, value in first[1].settings.items()], by="ada", why="smells")

    tick(settings, "small", planner=cheap_planner)

    batch, failures = page.read_text(encoding="utf-8").split('<section id="failures">')
    assert batch.count("expired, not sent: ban 1 keeps it out") == 1
    assert failures.count("expired, not sent: ban 1 keeps it out") == 1


def test_what_was_approved_before_the_file_forbade_it_is_not_sent(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    person = {"adapter": "simulated", "approval": "person"}
    add(settings, tmp_path, laboratory=person)
    a_pass(settings)
    with open_ledger(settings.database) as ledger:
        waiting = View(ledger, "small").undecided
    gone = waiting[0].draft.candidate.settings
    rule = {"name": "unstable", "exclude": {name: [value] for name, value in gone.items()}}
    add(settings, tmp_path, laboratory=person, constraints=[rule])
    approve(settings, "small", 1, by="ada")

    a_pass(settings)

    sent = [dict(j.spec.settings) for j in laboratory.jobs.values()]
    assert dict(gone) not in sent
    assert len(sent) == len(waiting) - 1


def test_a_file_that_has_it_still_changes_nothing(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, first: tuple[AttemptRecord, ...]
) -> None:
    add(settings, tmp_path, space=SPACE | {"step": {"type": "number", "values": [1, 2, 3, 4, 5, 6]}})

    for _ in range(6):
        a_pass(settings)

    assert {a.key for a in first} <= set(laboratory.jobs)


def test_a_ban_of_a_continuous_candidate_as_it_is_shown_keeps_it_from_being_sent(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    person = {"adapter": "simulated", "approval": "person"}
    heat, rest = ({"type": "number", "low": low, "high": low + 120, "unit": "degC"} for low in (20, 0))
    tied = [{"sum": {"step": 1.2345678, "rest": 1}, "equals": 140}]  # which few digits do not keep
    planner = {"surrogate": "random", "batch": 3, "initial": {"experiments": 4}, "seed": 7}
    space = {**SPACE, "step": heat, "rest": rest}
    add(settings, tmp_path, space=space, constraints=tied, planner=planner, laboratory=person)
    tick(settings, "small")
    approve(settings, "small", 1, by="ada")
    gone = attempts(settings)[0]
    shown = [f"{n}={v:g}" if isinstance(v, float) else f"{n}={v}" for n, v in gone.settings.items()]
    assert float(f"{gone.settings['step']:g}") != gone.settings["step"]
    ban(settings, "small", shown, by="ada", why="explodes")

    notes = "\n".join(tick(settings, "small").notes)

    assert "was not sent yet and will not be: ban 1 keeps it out" in notes
    assert set(laboratory.jobs) == {a.key for a in attempts(settings)} - {gone.key}


@pytest.mark.usefixtures("first")
def test_a_ban_of_an_option_that_is_gone_stops_neither_what_was_not_sent_nor_the_next_batch(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    banned = ["solvent=water", "base=KOAc,DBU"]
    ban(settings, "small", banned, by="ada", why="smells")
    ban(settings, "small", ["step>4"], by="ada", why="too long")
    solvents = {"type": "category", "options": ["DMF", "MeCN", "EtOH"]}
    steps = {"type": "category", "options": ["short", "long"]}
    add(settings, tmp_path, space=SPACE | {"solvent": solvents, "step": steps}, budget={"experiments": 6})

    notes = "\n".join(a_pass(settings) for _ in range(10))

    assert "ban 1 keeps out nothing: the space has none of solvent = water and base = KOAc or DBU" in notes
    assert "ban 2 is passed over: it gives a range of 'step', which has options by now; ban anew" in notes
    planned_anew = [j for j in laboratory.jobs.values() if j.spec.settings["step"] in steps["options"]]
    assert len(planned_anew) == 5
    assert status(settings, "small")[0].reason == "the budget of 6 experiments is spent"
