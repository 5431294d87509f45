from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import approve, ban, pin, replay, resume, retract, run, status, stop
from flows.engine.steps.training import train_round
from flows.settings import Settings
from loop.errors import LedgerError, NotFound
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, once, story_of


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


LIGANDS = {"ligand": {"type": "category", "options": ["XPhos", "SPhos", "PPh3"]}}


def test_a_constraint_and_a_ban_that_leave_nothing_together_are_named_with_what_takes_the_ban_back(
    settings: Settings, tmp_path: Path
) -> None:
    solvents = {"solvent": {"type": "category", "options": ["DMF"]}}
    add(settings, tmp_path, space=LIGANDS | solvents)
    ban(settings, "small", ["ligand=XPhos"], by="tester", why="smells")
    add(
        settings,
        tmp_path,
        space=LIGANDS | solvents,
        constraints=[{"name": "weak", "exclude": {"ligand": ["SPhos", "PPh3"]}}],
    )
    what = "constraint 'ban 1' leaves no candidate beside 'weak' (of 3 combinations); loosen or remove it"

    before, ended = status(settings, "small")[0].next_step, once(settings).reason

    assert f"Nothing is left: {what}; hakken lift small 1 takes ban 1 back. hakken run small ends" in before
    assert ended.startswith(
        f"nothing is left that a person did not refuse: {what}; hakken lift small 1 takes ban 1 back"
    )


@pytest.mark.usefixtures("laboratory")
def test_a_campaign_that_ends_without_what_is_pinned_says_why_that_was_never_run(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, space=LIGANDS)
    pin(settings, "small", ["ligand=XPhos"], by="tester", why="worked for a colleague")
    add(settings, tmp_path, space=LIGANDS, constraints=[{"name": "dear", "exclude": {"ligand": ["XPhos"]}}])
    once(settings)

    ended = once(settings).reason

    assert ended.startswith(
        "every candidate was tried; widen the space; pin 1 is passed over: XPhos breaks 'dear' of the campaign's"
    )


@pytest.mark.usefixtures("laboratory")
def test_what_is_banned_and_what_was_tried_leave_nothing_and_what_is_pinned_leaves_something(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, space=LIGANDS)
    for option in ("XPhos", "SPhos"):
        ban(settings, "small", [f"ligand={option}"], by="tester", why="smells")
    once(settings)
    once(settings)
    resume(settings, "small", by="tester")

    left = status(settings, "small")[0].next_step
    pin(settings, "small", ["ligand=PPh3"], by="tester", why="does it scatter?", again=True)

    assert "or a person refused it; hakken lift small NUMBER takes one of bans 1 and 2 back" in left
    assert status(settings, "small")[0].next_step.startswith("The next batch is due")


def test_what_was_refused_in_another_unit_counts_no_more_once_the_file_has_the_right_one(
    settings: Settings, tmp_path: Path
) -> None:
    def amounts(unit: str) -> dict[str, Any]:
        number = {"type": "number", "values": [5, 10, 20, 40], "unit": unit}
        return {"space": {"amount": number}, "laboratory": {"adapter": "simulated", "approval": "person"}}

    add(settings, tmp_path, **amounts("g"))
    once(settings)
    approve(settings, "small", 1, by="tester", refuse=True, why="milligrams were meant")

    add(settings, tmp_path, **amounts("mg"))
    second = once(settings)

    assert len(second.proposed) == 4
    note = "what was refused in round 1 counts no more: amount was in 'g' then, and is in 'mg' now"
    assert any(note in said for said in second.notes)
    assert replay(settings, "small", 2, planner=cheap_planner).is_identical


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


def test_training_apart_ends_a_campaign_whose_candidates_were_all_refused(settings: Settings, tmp_path: Path) -> None:
    space = {"solvent": {"type": "category", "options": list("abcd")}}
    add(settings, tmp_path, space=space, laboratory={"adapter": "simulated", "approval": "person"})
    train_round(settings, "small", 1, planner=cheap_planner)
    approve(settings, "small", 1, by="tester", refuse=True)

    said = train_round(settings, "small", 2, planner=cheap_planner)

    assert said.startswith("nothing is left that a person did not refuse")
    assert (status(settings, "small")[0].state, story_of(settings).state[1]) == ("finished", said)


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
