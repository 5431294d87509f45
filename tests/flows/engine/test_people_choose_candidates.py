"""People choose: refusals with a meaning, edits, pins and bans; all on record, and each round planned again from it."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from db.exchange import table
from db.ledger import open_ledger
from flows.engine import (
    approve,
    ban,
    decisions,
    edit,
    lift,
    on_ban,
    on_edit,
    on_lift,
    on_pin,
    pin,
    replay,
    resume,
    tell,
    tick,
)
from flows.engine.looking.view import View
from flows.engine.people.bans import keeps_out
from flows.engine.people.conditions import read_candidate
from flows.engine.people.decisions import decided, decided_next
from flows.engine.steps.planning import next_inputs
from flows.report import build
from flows.report.page import render
from flows.settings import Settings
from loop.contracts import Phase
from loop.decision import DecisionDraft, DecisionKind, DecisionRecord
from loop.errors import LedgerError, SpaceError
from loop.record import Arm, ProposalRecord
from loop.space import sample_space
from loop.space.rows import is_among
from loop.spec import CampaignSpec, build_space
from loop.training import feasibility_table
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, once, spec_of

PERSON = {"adapter": "simulated", "approval": "person"}


def proposals(settings: Settings, number: int) -> tuple[ProposalRecord, ...]:
    with open_ledger(settings.database) as ledger:
        return ledger.proposals("small", number)


def inputs(settings: Settings) -> Any:
    with open_ledger(settings.database) as ledger:
        return next_inputs(View(ledger, "small"), 9)


def go_on(settings: Settings, rounds: int) -> None:
    """Passes until so many rounds are on record; the last of them is out."""
    for _ in range(4 * rounds):
        once(settings)
        with open_ledger(settings.database) as ledger:
            if View(ledger, "small").round_number >= rounds:
                return


def untried(settings: Settings) -> list[dict[str, Any]]:
    """Candidates that no round has proposed."""
    with open_ledger(settings.database) as ledger:
        proposed = [dict(p.draft.candidate.settings) for p in ledger.proposals("small")]
    everything = itertools.product(("water", "DMF", "MeCN"), ("KOAc", "DBU"), (1.0, 5.0))
    return [s for s in ({"solvent": a, "base": b, "step": c} for a, b, c in everything) if s not in proposed]


@pytest.fixture
def small(settings: Settings, tmp_path: Path) -> Settings:
    """A campaign whose first round is out."""
    add(settings, tmp_path, budget={"experiments": 30})
    go_on(settings, 1)
    return settings


def test_what_cannot_be_made_is_kept_out_and_teaches(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    first, second, *_ = sorted(proposals(settings, 1), key=lambda p: p.draft.run_order)

    approve(settings, "small", 1, by="ada", refuse=True, only=[1], meaning="cannot", why="it decomposes")
    approve(settings, "small", 1, by="ada", refuse=True, only=[2], meaning="preference", why="too dear")
    approve(settings, "small", 1, by="ada")

    assert [p.approved for p in proposals(settings, 1)].count(True) == 2
    now = inputs(settings)
    d = len(now.space.parameters)
    impossible, dear = (now.space.coordinates(p.draft.candidate.settings) for p in (first, second))
    assert is_among(np.array([impossible, dear]), now.history.tried(d)).all()
    x, ran = feasibility_table(now.history, d)
    assert x[~ran].tolist() == [impossible.tolist()]
    kinds = [(m.draft.kind, m.draft.by, m.draft.why) for m, _, _ in decisions(settings, "small")]
    assert kinds == [(DecisionKind.CANNOT, "ada", "it decomposes"), (DecisionKind.PREFERENCE, "ada", "too dear")]


def test_what_was_made_although_somebody_said_it_cannot_be_teaches_that_it_can(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    first, *_ = sorted(proposals(settings, 1), key=lambda p: p.draft.run_order)
    approve(settings, "small", 1, by="ada", refuse=True, only=[1], meaning="cannot", why="it decomposes")
    wanted = dict(first.draft.candidate.settings)
    table = tmp_path / "made.csv"
    table.write_text(f"solvent,base,step,yield\n{wanted['solvent']},{wanted['base']},{wanted['step']},81\n")

    tell(settings, "small", table, by="bob")

    now = inputs(settings)
    x = now.space.coordinates(wanted)
    at, ran = feasibility_table(now.history, len(x))
    assert [bool(r) for place, r in zip(at, ran, strict=True) if place.tolist() == x.tolist()] == [True]
    with open_ledger(settings.database) as ledger:
        notes = decided_next(View(ledger, "small")).notes
    assert any("teaches nothing more, as it was made: hakken lift small 1" in note for note in notes)


def test_a_lifted_refusal_lets_the_candidate_come_again(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    approve(settings, "small", 1, by="ada", refuse=True, meaning="cannot", why="no glassware")
    before = inputs(settings).history

    lift(settings, "small", 1, by="bob", why="glassware came")

    after = inputs(settings).history
    assert (len(before.impossible), len(before.kept_out)) == (4, 4)
    assert (len(after.impossible), len(after.kept_out)) == (3, 3)
    assert [now for _, now, _ in decisions(settings, "small")] == [False, True, True, True, False]


def test_an_edited_proposal_runs_in_place_of_the_one_it_came_from(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON, budget={"experiments": 20})
    once(settings)
    old = next(p for p in proposals(settings, 1) if p.draft.run_order == 1)
    before = old.draft.candidate.settings
    step = 5.0 if before["step"] != 5.0 else 4.0

    made = edit(settings, "small", 1, 2, [f"step={step:g}"], by="ada", why="the pump is too slow")
    approve(settings, "small", 1, by="ada")

    assert made.draft.candidate.settings == {**before, "step": step}
    assert (made.draft.arm, made.draft.run_order, made.approved) == (Arm.MANUAL, 1, True)
    assert "the pump is too slow" in made.draft.reason
    assert replay(settings, "small", 1, planner=cheap_planner).is_identical
    go_on(settings, 2)
    with open_ledger(settings.database) as ledger:
        ran = {tuple(o.settings.values()): o.arm for o in ledger.observations("small")}
        page = render(build(ledger, "small"))
        exported = [row for row in table(ledger, "small") if row["edited_by"] is not None]
    assert [(row["settings.step"], row["edited_from"], row["edited_why"]) for row in exported] == [
        (step, old.draft.position, "the pump is too slow")
    ]
    assert ran[tuple(made.draft.candidate.settings.values())] is Arm.MANUAL
    assert tuple(before.values()) not in ran
    assert "the pump is too slow" in page


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["blend.w=0.7"], "breaks 'blend: its parts sum to one' of the campaign's constraints; the sum is 1.2"),
        (["blend.w=0.1", "blend.o=0.9"], "breaks 'little oil' of the campaign's constraints; the sum is 0.9"),
    ],
)
def test_a_sum_that_a_change_breaks_is_told(changes: list[str], says: str) -> None:
    space = {"blend": {"type": "mixture", "parts": ["w", "o"]}}
    little = {"name": "little oil", "sum": {"blend.o": 1}, "at_most": 0.6}
    built = build_space(CampaignSpec.from_resolved(spec_of(space=space, constraints=[little])))

    with pytest.raises(SpaceError, match=re.escape(says)):
        read_candidate(built, changes, {"blend.w": 0.5, "blend.o": 0.5})


def test_what_is_left_out_is_counted_once_and_edits_are_not(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    edit(settings, "small", 1, 1, ["step=4"], by="ada", why="the pump is too slow")
    edited = inputs(settings).notes
    approve(settings, "small", 1, by="ada", refuse=True, only=[2], meaning="cannot", why="it decomposes")
    approve(settings, "small", 1, by="ada", refuse=True, only=[3], meaning="preference", why="too dear")

    said = inputs(settings).notes

    assert not any("left out" in note for note in edited)
    assert "1 candidate that a person refused or banned left out" in said
    assert "1 candidate that cannot be made, a person says" in said
    assert len(inputs(settings).history.kept_out) == 3  # the edited one does not come again either


def test_a_pinned_candidate_runs_in_the_next_batch_and_once(small: Settings) -> None:
    wanted = untried(small)[0]

    pin(small, "small", [f"{k}={v}" for k, v in wanted.items()], by="ada", why="my hunch")
    waits = [now for _, now, _ in decisions(small, "small")]
    go_on(small, 3)

    assert (waits, [now for _, now, _ in decisions(small, "small")]) == ([True], [False])  # it was followed
    second, third = proposals(small, 2), proposals(small, 3)
    mine = [p for p in second if p.draft.arm is Arm.MANUAL]
    assert [dict(p.draft.candidate.settings) for p in mine] == [wanted]
    assert mine[0].draft.reason == "manual: my hunch"
    assert len(second) == 3  # it takes one place of the batch
    assert not [p for p in third if p.draft.arm is Arm.MANUAL]
    assert all(replay(small, "small", n, planner=cheap_planner).is_identical for n in (1, 2, 3))


def test_what_waits_for_a_person_is_not_pinned_as_well(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    waits = next(p for p in proposals(settings, 1) if p.draft.run_order == 1).draft.candidate.settings

    with pytest.raises(LedgerError, match="waits for approval as proposal 2 of round 1; to run it: hakken approve"):
        pin(settings, "small", [f"{k}={v}" for k, v in waits.items()], by="ada", why="a hunch")

    assert not inputs(settings).history.pinned


def test_a_proposal_is_not_edited_into_what_is_pinned(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON, budget={"experiments": 20})
    once(settings)
    wanted = [f"{k}={v}" for k, v in untried(settings)[0].items()]
    made = pin(settings, "small", wanted, by="ada", why="a hunch")

    with pytest.raises(LedgerError, match="is pinned and runs in the next batch; lift the pin first"):
        edit(settings, "small", 1, 1, wanted, by="bob", why="better")
    lift(settings, "small", made.number, by="ada", why="bob has it run now")
    edit(settings, "small", 1, 1, wanted, by="bob", why="better")

    assert not inputs(settings).history.pinned


def test_a_proposal_is_not_edited_into_what_waits_or_is_at_work(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    _, second, third, *_ = sorted(proposals(settings, 1), key=lambda p: p.draft.run_order)
    waits, sent = ([f"{k}={v}" for k, v in p.draft.candidate.settings.items()] for p in (second, third))
    approve(settings, "small", 1, by="ada", only=[3])

    with pytest.raises(LedgerError, match="waits for approval as proposal 2 of round 1; to run it: hakken approve"):
        edit(settings, "small", 1, 1, waits, by="bob", why="better")
    with pytest.raises(LedgerError, match="is being run now; wait for its result"):
        edit(settings, "small", 1, 1, sent, by="bob", why="better")

    assert [p.approved for p in sorted(proposals(settings, 1), key=lambda p: p.draft.run_order)[:3]] == [
        None,
        None,
        True,
    ]


def test_a_person_is_told_that_a_candidate_was_measured_or_refused_before(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    first, second, *_ = sorted(proposals(settings, 1), key=lambda p: p.draft.run_order)
    measured, dear = ([f"{k}={v}" for k, v in p.draft.candidate.settings.items()] for p in (first, second))
    approve(settings, "small", 1, by="ada", refuse=True, only=[2], meaning="preference", why="too dear")
    approve(settings, "small", 1, by="ada")
    go_on(settings, 2)

    pinned = pin(settings, "small", dear, by="bob", why="it is worth it")
    edited = edit(settings, "small", 2, 1, measured, by="bob", why="is it so?")
    untouched = edit(settings, "small", 2, 2, [f"{k}={v}" for k, v in untried(settings)[0].items()], by="b", why="new")

    (of_pin,), (of_edit,) = on_pin(settings, "small", pinned), on_edit(settings, "small", edited)
    assert "was refused in round 1 by ada (too dear); it is to be run all the same" in of_pin
    assert "was measured once already, and is measured once more" in of_edit
    assert on_edit(settings, "small", untouched) == ()
    lift(settings, "small", 1, by="ada", why="it got cheap")
    assert on_pin(settings, "small", pinned) == ()


def test_more_pins_than_places_are_all_run(small: Settings) -> None:
    for wanted in untried(small)[:5]:
        pin(small, "small", [f"{k}={v}" for k, v in wanted.items()], by="ada", why="all of them")

    go_on(small, 2)

    assert [p.draft.arm for p in proposals(small, 2)] == [Arm.MANUAL] * 5
    assert replay(small, "small", 2, planner=cheap_planner).is_identical


def test_a_pinned_candidate_that_is_banned_later_waits_until_the_ban_is_lifted(small: Settings) -> None:
    wanted = untried(small)[0]
    pin(small, "small", [f"{k}={v}" for k, v in wanted.items()], by="ada", why="my hunch")
    ban(small, "small", [f"solvent={wanted['solvent']}", f"base={wanted['base']}"], by="bob", why="it foams")

    go_on(small, 2)
    lift(small, "small", 2, by="bob", why="there is a larger flask")
    go_on(small, 3)

    second, third = proposals(small, 2), proposals(small, 3)
    assert wanted not in [dict(p.draft.candidate.settings) for p in second]
    assert [dict(p.draft.candidate.settings) for p in third if p.draft.arm is Arm.MANUAL] == [wanted]
    with open_ledger(small.database) as ledger:
        (said,) = (n for n in ledger.round("small", 2).notes if n.startswith("pin 1 is passed over: ban 2 keeps out "))
    assert said.endswith("; lift one of the two")
    assert all(replay(small, "small", n, planner=cheap_planner).is_identical for n in (2, 3))


def test_who_lifts_a_pin_that_was_followed_is_told_where_its_candidate_is(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    prepared = laboratory.prepare

    def running(spec: Any, key: Any) -> Any:
        handle = prepared(spec, key)
        laboratory.jobs[handle].phase = Phase.RUNNING if followed else Phase.ENDED
        return handle

    laboratory.prepare, followed = running, False  # type: ignore[method-assign]
    add(settings, tmp_path, laboratory=PERSON, budget={"experiments": 30})
    once(settings)
    wanted = [dict(p) for p in untried(settings)[:4]]
    for one in wanted:
        pin(settings, "small", [f"{k}={v}" for k, v in one.items()], by="ada", why="my hunch")
    early = on_lift(settings, "small", lift(settings, "small", 1, by="ada", why="no"))
    approve(settings, "small", 1, by="ada")
    go_on(settings, 2)

    batch = {frozenset(p.draft.candidate.settings.items()): p.draft.run_order + 1 for p in proposals(settings, 2)}
    numbers = {decision: batch[frozenset(wanted[decision - 1].items())] for decision in (2, 3, 4)}
    waits = on_lift(settings, "small", lift(settings, "small", 2, by="ada", why="no"))
    approve(settings, "small", 2, by="ada", only=[numbers[3]])
    ready = on_lift(settings, "small", lift(settings, "small", 3, by="ada", why="no"))
    followed = True
    approve(settings, "small", 2, by="ada", only=[numbers[4]])
    once(settings)
    there = on_lift(settings, "small", lift(settings, "small", 4, by="ada", why="no"))

    assert early == ()
    assert f"is proposal {numbers[2]} of round 2 by now and waits for approval: hakken approve small 2 " in waits[0]
    assert ready[0].endswith("is sent in the next pass: a ban of it (hakken ban small) keeps it back")
    assert "and the laboratory has it (" in there[0]


def test_a_ban_of_what_is_pinned_says_so(small: Settings) -> None:
    wanted, other = untried(small)[:2]
    where = [f"{k}={v}" for k, v in wanted.items()]
    pin(small, "small", where, by="ada", why="my hunch")
    pin(small, "small", [f"{k}={v}" for k, v in other.items()], by="ada", why="no hunch")
    lift(small, "small", 2, by="ada", why="not that one")

    said = on_ban(small, "small", ban(small, "small", where, by="bob", why="it foams"))
    of_another = on_ban(small, "small", ban(small, "small", [f"{k}={v}" for k, v in other.items()], by="bob", why="x"))

    (about_pins,) = (note for note in said if "pinned" in note)
    assert about_pins.startswith("it keeps out what is pinned, which waits until one of the two is lifted: ")
    assert about_pins.endswith("(decision 1, by ada)")
    assert not any("pinned" in note for note in of_another)


def test_of_what_two_people_banned_both_are_told_that_one_lift_lets_nothing_come_again(small: Settings) -> None:
    where = [f"{k}={v}" for k, v in untried(small)[0].items()]
    first = on_ban(small, "small", ban(small, "small", where, by="ada", why="it foams"))

    second = on_ban(small, "small", ban(small, "small", where, by="bob", why="it smells"))
    ban(small, "small", where[:1], by="eve", why="none left")
    kept = on_lift(small, "small", lift(small, "small", 1, by="ada", why="a larger flask"))
    of_region = on_lift(small, "small", lift(small, "small", 3, by="eve", why="it came"))
    free = on_lift(small, "small", lift(small, "small", 2, by="bob", why="a fume hood"))

    assert not any("kept out" in note for note in first)
    assert any(
        note.endswith("is kept out already by decision 1 (ada: it foams); it may come again when all are lifted")
        for note in second
    )
    assert [note.partition(" is kept out ")[2] for note in kept] == [
        "all the same by decisions 2 (bob: it smells) and 3 (eve: none left)"
    ]
    assert (of_region, free) == ((), ())


@pytest.mark.parametrize("where", [["step>3", "step>1"], ["step>1", "step>3"], ["step=2..5", "step>3"]])
def test_of_conditions_on_one_number_all_hold_at_once(small: Settings, where: list[str]) -> None:
    made = ban(small, "small", where, by="ada", why="the frit clogs")

    space = build_space(CampaignSpec.from_resolved(spec_of()))
    steps = {s: keeps_out(CampaignSpec.from_resolved(spec_of()), space, made, at(s)) for s in (1.0, 2.0, 3.0, 4.0, 5.0)}
    assert steps == {1.0: False, 2.0: False, 3.0: False, 4.0: True, 5.0: True}


def at(step: float) -> dict[str, Any]:
    return {"solvent": "water", "base": "DBU", "step": step}


def test_a_pinned_candidate_that_was_withdrawn_before_it_was_sent_is_pinned_still(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory=PERSON, budget={"experiments": 30})
    once(settings)
    approve(settings, "small", 1, by="ada")
    wanted = untried(settings)[0]
    where = [f"{k}={v}" for k, v in wanted.items()]
    pin(settings, "small", where, by="ada", why="my hunch")
    go_on(settings, 2)
    approve(settings, "small", 2, by="ada")
    ban(settings, "small", where, by="bob", why="it foams")
    go_on(settings, 3)
    lift(settings, "small", 2, by="bob", why="there is a larger flask")
    waits = [now for _, now, _ in decisions(settings, "small")]
    approve(settings, "small", 3, by="ada")
    go_on(settings, 4)

    assert waits == [True, False, False]
    pinned = [[dict(p.draft.candidate.settings) for p in proposals(settings, n)].count(wanted) for n in range(1, 5)]
    assert pinned == [0, 1, 0, 1]
    assert [now for _, now, _ in decisions(settings, "small")] == [False, False, False]
    assert all(replay(settings, "small", n, planner=cheap_planner).is_identical for n in (2, 3, 4))


@pytest.mark.parametrize("ahead", [0, 10, -10], ids=["one clock", "ahead", "behind"])
@pytest.mark.parametrize("again", [False, True])
def test_a_pinned_candidate_that_was_told_since_is_not_run_once_more_unless_asked(
    again: bool, ahead: int, small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = untried(small)[0]
    where = [f"{k}={v}" for k, v in wanted.items()]
    pin(small, "small", where, by="ada", why="my hunch")
    told = tmp_path / "told.csv"
    told.write_text(f"{','.join(wanted)},yield\n{','.join(map(str, wanted.values()))},40\n", encoding="utf-8")
    with monkeypatch.context() as on_another_machine:
        on_another_machine.setattr("db.ledger.datetime", clock_ahead(ahead))
        tell(small, "small", told, by="bob")
    if again:
        pin(small, "small", where, by="ada", why="is it so?", again=True)
    go_on(small, 2)

    ran = [dict(p.draft.candidate.settings) for p in proposals(small, 2)]
    assert ran.count(wanted) == again
    with open_ledger(small.database) as ledger:
        notes = ledger.round("small", 2).notes
    assert any(n.startswith("pin 1 is passed over: ") and "was told since; hakken pin with --again" in n for n in notes)
    assert replay(small, "small", 2, planner=cheap_planner).is_identical


def test_a_pinned_candidate_that_a_changed_space_has_no_more_is_passed_over_and_never_moved() -> None:
    numbers = {
        "t": {"type": "number", "low": 30, "high": 100, "unit": "degC"},
        "additive": {"type": "number", "low": 5, "high": 50, "or_zero": True},
    }
    rule = {"name": "not too harsh", "expression": "t * additive <= 1000"}
    spec = CampaignSpec.from_resolved(spec_of(space=numbers, constraints=[rule]))
    pins = (
        record(1, settings={"t": 25.0, "additive": 10.0}, kind=DecisionKind.PIN),
        record(2, settings={"t": 60.0, "additive": 2.0}, kind=DecisionKind.PIN),
        record(3, settings={"t": 90.0, "additive": 40.0}, kind=DecisionKind.PIN),
        record(4, settings={"t": 90.0, "additive": 0.0}, kind=DecisionKind.PIN),
    )

    said = decided(spec, build_space(spec), (), pins, 1)

    assert [p.x.tolist() for p in said.pinned] == [[90.0, 0.0]]
    assert said.notes[0].startswith("pin 1 is passed over: t = 25 lies outside 30 to 100 degC")
    assert said.notes[1].startswith("pin 2 is passed over: additive = 2 lies outside 0 or 5 to 50")
    assert said.notes[2].startswith("pin 3 is passed over: ")
    assert "breaks 'not too harsh'" in said.notes[2]


def test_a_ban_counts_from_the_next_round_until_it_is_lifted(small: Settings) -> None:
    ban(small, "small", ["solvent=water,DMF", "step>2"], by="ada", why="the fume hood is broken")
    go_on(small, 2)
    lift(small, "small", 1, by="bob", why="it is mended")
    go_on(small, 3)

    for p in proposals(small, 2):
        s = p.draft.candidate.settings
        assert not (s["solvent"] in ("water", "DMF") and float(s["step"]) > 2)
    assert all(replay(small, "small", n, planner=cheap_planner).is_identical for n in (1, 2, 3))
    with open_ledger(small.database) as ledger:
        notes = [r.notes for r in ledger.rounds("small")]
        assert ledger.verify_audit().is_intact
    assert "ban 1 is in force: solvent = water or DMF and step > 2 (the fume hood is broken)" in notes[1]
    assert not any("ban" in note for note in (*notes[0], *notes[2]))


def test_a_campaign_that_ended_for_want_of_candidates_goes_on_when_a_ban_is_lifted(
    settings: Settings, tmp_path: Path
) -> None:
    space = {"solvent": {"type": "category", "options": list("abcdef")}}
    add(settings, tmp_path, space=space)
    go_on(settings, 1)
    left = sorted(set("abcdef") - {str(p.draft.candidate.settings["solvent"]) for p in proposals(settings, 1)})
    for letter in left:
        ban(settings, "small", [f"solvent={letter}"], by="ada", why="out of stock")
    assert once(settings).state == "finished"

    lift(settings, "small", 1, by="ada", why="delivered")
    resume(settings, "small", by="ada")
    once(settings)

    assert [p.draft.candidate.settings for p in proposals(settings, 2)] == [{"solvent": left[0]}]


def test_a_number_beyond_its_bounds_is_refused_and_never_moved(settings: Settings, tmp_path: Path) -> None:
    space = {
        "t": {"type": "number", "low": 60, "high": 120, "unit": "degC"},
        "additive": {"type": "number", "low": 1, "high": 5, "or_zero": True},
    }
    add(settings, tmp_path, space=space, laboratory=PERSON)
    tick(settings, "small")
    (first, *_) = proposals(settings, 1)

    outside = r"lies outside 60 to 120 degC; .*widen its bounds"
    for wanted, why in (("200", outside), ("-1", outside), ("nan", "is not a number")):
        with pytest.raises(SpaceError, match=why):
            edit(settings, "small", 1, 1, [f"t={wanted}"], by="ada", why="hotter")
        with pytest.raises(SpaceError, match=why):
            pin(settings, "small", [f"t={wanted}", "additive=2"], by="ada", why="hotter")
    with pytest.raises(SpaceError, match=r"additive = 0.5 lies outside 0 or 1 to 5"):
        pin(settings, "small", ["t=90", "additive=0.5"], by="ada", why="less")
    assert proposals(settings, 1)[0] == first
    assert pin(settings, "small", ["t=90", "additive=0"], by="ada", why="none").draft.settings["additive"] == 0.0


def test_bans_hold_in_continuous_and_in_huge_spaces() -> None:
    numbers = {f"x{i}": {"type": "number", "low": 0, "high": 1} for i in range(3)}
    huge = {f"c{i}": {"type": "category", "options": [f"o{j}" for j in range(10)]} for i in range(12)}
    continuous = CampaignSpec.from_resolved(
        spec_of(space={**numbers, "kind": {"type": "category", "options": ["a", "b"]}})
    )
    space = build_space(continuous)
    region = {"exclude": {"kind": ["a"]}, "where": {"x0": {"above": 0.2}, "x1": {"at_most": 0.9}}}
    spot = {"x0": 0.5, "x1": 0.5, "x2": 0.5, "kind": "b"}
    said = decided(continuous, space, (), (record(1, region=region), record(2, settings=spot)), 1)

    narrowed = build_space(said.spec)
    x = sample_space(narrowed, 2_000, 0)
    assert not ((x[:, 3] == 0) & (x[:, 0] > 0.2) & (x[:, 1] <= 0.9)).any()
    assert narrowed.contains({**spot, "x0": 0.2, "kind": "a"})
    assert not narrowed.contains({**spot, "x0": 0.505})
    assert narrowed.contains({**spot, "x0": 0.52})

    large = CampaignSpec.from_resolved(spec_of(space=huge))
    where = build_space(large)
    banned = {f"c{i}": "o3" for i in range(12)}
    said = decided(large, where, (), (record(1, settings=banned),), 1)
    assert said.spec is large  # no constraint, and so nothing to enumerate
    assert is_among(where.coordinates(banned)[None], said.history(inputs_free()).tried(12)).all()


def clock_ahead(minutes: int) -> type[datetime]:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # plain, so that it can be stored
            return datetime.now(tz) + timedelta(minutes=minutes)

    return Ahead


def inputs_free() -> Any:
    from loop.history import History

    return History()


def record(
    number: int, settings: Any = None, region: Any = None, kind: DecisionKind = DecisionKind.BAN
) -> DecisionRecord:
    draft = DecisionDraft(kind, "ada", "why", settings or {}, region or {})
    return DecisionRecord(f"d{number}", number, draft, None, 0, datetime(2026, 1, 1, tzinfo=UTC))
