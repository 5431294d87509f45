"""Who waits for a run or another person to give way decides on the record as it is then, and not as it was before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import approve, ban, decisions, edit, halt, lift, pin, resolve, resume, stop, stops
from flows.engine.people import writing
from flows.settings import Settings
from loop.decision import DecisionKind
from loop.errors import LedgerError
from loop.experiment import State
from loop.record import ProposalRecord
from tests.flows.engine.bench import (
    FakeLaboratory,
    add,
    lift_all,
    once,
)

FOUR = {
    "solvent": {"type": "category", "options": ["water", "DMF"]},
    "base": {"type": "category", "options": ["KOAc", "DBU"]},
}
PERSON = {"adapter": "simulated", "approval": "person"}
Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Has something done to the campaign while the next command waits for it."""
    held, waiting = writing.holding, []

    @contextmanager
    def late(*given: Any, **more: Any) -> Iterator[Any]:
        if waiting:
            waiting.pop()()
        with held(*given, **more) as held_then:
            yield held_then

    monkeypatch.setattr(writing, "holding", late)
    return waiting.append


@pytest.fixture
def waits(settings: Settings, tmp_path: Path) -> Settings:
    """A campaign whose first round waits for a person."""
    add(settings, tmp_path, laboratory=PERSON)
    once(settings)
    return settings


def proposals(settings: Settings) -> list[ProposalRecord]:
    """Those of the first round, by their numbers."""
    with open_ledger(settings.database) as ledger:
        return sorted(ledger.proposals("small", 1), key=lambda p: p.draft.run_order)


def conditions(proposal: ProposalRecord) -> list[str]:
    return [f"{name}={value}" for name, value in proposal.draft.candidate.settings.items()]


def kinds(settings: Settings) -> list[DecisionKind]:
    return [made.draft.kind for made, _, _ in decisions(settings, "small")]


def test_a_candidate_that_two_people_pin_is_pinned_once(waits: Settings, meanwhile: Meanwhile) -> None:
    approve(waits, "small", 1, by="ada", refuse=True)
    wanted = conditions(proposals(waits)[0])
    meanwhile(lambda: pin(waits, "small", wanted, by="ada", why="it worked"))

    with pytest.raises(LedgerError, match="is pinned already"):
        pin(waits, "small", wanted, by="bob", why="it worked")

    assert kinds(waits) == [DecisionKind.PIN]


def test_a_candidate_that_was_planned_meanwhile_is_not_pinned_as_well(
    settings: Settings, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    add(settings, tmp_path, space=FOUR, laboratory=PERSON)
    meanwhile(lambda: once(settings))

    with pytest.raises(LedgerError, match="waits for approval as proposal"):
        pin(settings, "small", ["solvent=water", "base=DBU"], by="ada", why="it worked")

    assert not kinds(settings)


def test_a_candidate_that_was_banned_meanwhile_is_not_pinned(waits: Settings, meanwhile: Meanwhile) -> None:
    approve(waits, "small", 1, by="ada", refuse=True)
    wanted = conditions(proposals(waits)[0])
    meanwhile(lambda: ban(waits, "small", wanted, by="ada", why="it smells"))

    with pytest.raises(LedgerError, match=r"is banned \(decision 1: it smells\); lift that first"):
        pin(waits, "small", wanted, by="bob", why="it worked")

    assert kinds(waits) == [DecisionKind.BAN]


def test_a_proposal_is_not_edited_into_what_was_sent_meanwhile(waits: Settings, meanwhile: Meanwhile) -> None:
    wanted = conditions(proposals(waits)[1])
    edit(waits, "small", 1, 2, ["step=4" if "step=4.0" not in wanted else "step=3"], by="ada", why="the pump")
    meanwhile(lambda: edit(waits, "small", 1, 3, wanted, by="ada", why="better"))

    with pytest.raises(LedgerError, match="is being run now; wait for its result"):
        edit(waits, "small", 1, 1, wanted, by="bob", why="better")

    assert kinds(waits) == [DecisionKind.EDIT, DecisionKind.EDIT]


def test_of_two_verdicts_the_first_stands_and_the_other_is_told_so(waits: Settings, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: approve(waits, "small", 1, by="ada", why="looks safe", only=[1]))

    stands = r"proposal 1 of round 1 was approved already and a decision stands \(by ada: looks safe\); pin"
    with pytest.raises(LedgerError, match=stands):
        approve(waits, "small", 1, by="bob", refuse=True, only=[1])
    meanwhile(lambda: approve(waits, "small", 1, by="eve", refuse=True))
    none = r"round 1 of campaign 'small' waits for no decision \(decided by ada and eve\); nothing does"
    with pytest.raises(LedgerError, match=none):
        approve(waits, "small", 1, by="bob", refuse=True)

    assert [p.approved for p in proposals(waits)] == [True, False, False, False]


def test_a_safety_stop_that_somebody_lifted_meanwhile_is_said_to_be_lifted_by_them(
    waits: Settings, meanwhile: Meanwhile
) -> None:
    halt(waits, "small", by="eve", why="it smells of gas")
    meanwhile(lambda: lift_all(waits, "small", by="ada", why="the valve was closed"))

    lifted = r"^safety stop 1 of campaign 'small' was lifted by ada \(the valve was closed\) before: it smells of gas"
    with pytest.raises(LedgerError, match=lifted):
        lift_all(waits, "small", by="bob", why="the room was aired")

    assert [s.lifted_by for s in stops(waits, "small")] == ["ada"]


def test_who_comes_second_is_told_who_was_first_and_why(
    waits: Settings, meanwhile: Meanwhile, laboratory: FakeLaboratory
) -> None:
    approve(waits, "small", 1, by="eve")
    laboratory.loses_reply_of_start = True
    once(waits)
    laboratory.cannot_tell = True
    once(waits)
    with open_ledger(waits.database) as ledger:
        key = next(a.key for a in ledger.attempts("small", [State.AMBIGUOUS]))
    ban(waits, "small", ["solvent=water"], by="eve", why="none left")

    meanwhile(lambda: stop(waits, "small", by="ada", why="a worn column"))
    with pytest.raises(LedgerError, match=r"'small' is stopped already \(a worn column \(ada\)\); hakken status"):
        stop(waits, "small", by="bob", why="lunch")
    meanwhile(lambda: resume(waits, "small", by="ada", why="a new column"))
    with pytest.raises(LedgerError, match=r"'small' is active already; hakken status"):
        resume(waits, "small", by="bob", why="lunch is over")
    meanwhile(lambda: lift(waits, "small", 1, by="ada", why="it came"))
    with pytest.raises(LedgerError, match=r"decision 1 was lifted before \(by ada: it came\); hakken decisions"):
        lift(waits, "small", 1, by="bob", why="it came")
    meanwhile(lambda: resolve(waits, key, ran=True, by="ada", why="the flask is full"))
    with pytest.raises(LedgerError, match=r"is ended, not ambiguous \(.*it ran, says ada \(the flask is full\), and"):
        resolve(waits, key, ran=False, by="bob", why="the flask is empty")


def test_what_two_people_say_cannot_be_made_teaches_once(waits: Settings, meanwhile: Meanwhile) -> None:
    refuse = {"refuse": True, "only": [1], "meaning": "cannot", "why": "it decomposes"}
    meanwhile(lambda: approve(waits, "small", 1, by="ada", **refuse))

    with pytest.raises(LedgerError, match="proposal 1 of round 1 was refused already and a decision stands"):
        approve(waits, "small", 1, by="bob", **refuse)

    assert kinds(waits) == [DecisionKind.CANNOT]


def test_two_bans_that_leave_nothing_are_not_both_kept(
    settings: Settings, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    add(settings, tmp_path, space=FOUR)
    meanwhile(lambda: ban(settings, "small", ["solvent=water"], by="ada", why="it smells"))

    with pytest.raises(LedgerError, match="nothing would be left to try"):
        ban(settings, "small", ["solvent=DMF"], by="bob", why="it is toxic")

    assert kinds(settings) == [DecisionKind.BAN]
