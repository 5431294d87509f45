"""A pin with ``times``: so many experiments of one candidate, each a proposal of its own, and none of them doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import approve, ban, decisions, lift, on_lift, on_pin, pin, replay
from flows.report import build
from flows.settings import Settings
from loop import checkpoints
from loop.decision import DecisionRecord
from loop.errors import LedgerError
from loop.record import Arm, ProposalRecord
from tests.flows.engine.bench import add, cheap_planner, once

WHERE = ["solvent=EtOH", "base=DBU", "step=5"]
WANTED = {"solvent": "EtOH", "base": "DBU", "step": 5.0}
PERSON = {"adapter": "simulated", "approval": "person"}


def want(settings: Settings, times: int, **more: Any) -> DecisionRecord:
    return pin(settings, "small", WHERE, by="ada", why="a hunch", times=times, **more)


def mine(settings: Settings) -> list[ProposalRecord]:
    """The proposals that follow the pin, in the order of running."""
    with open_ledger(settings.database) as ledger:
        found = [p for p in ledger.proposals("small") if p.draft.arm is Arm.MANUAL]
    assert all(dict(p.draft.candidate.settings) == WANTED for p in found)
    return sorted(found, key=lambda p: (p.round_number, p.draft.run_order))


def go_on(settings: Settings, passes: int = 4) -> None:
    for _ in range(passes):
        once(settings)


def in_force(settings: Settings) -> list[bool]:
    return [now for _, now, _ in decisions(settings, "small")]


@pytest.fixture
def small(settings: Settings, tmp_path: Path) -> Settings:
    """A campaign of which nothing was planned."""
    add(settings, tmp_path, budget={"experiments": 30})
    return settings


def test_each_is_an_experiment_of_its_own_in_the_next_batch(small: Settings) -> None:
    want(small, 3)
    before = in_force(small)
    once(small)

    with open_ledger(small.database) as ledger:
        attempts = [a for a in ledger.attempts("small") if dict(a.settings) == WANTED]
        notes = ledger.round("small", 1).notes
    assert [p.round_number for p in mine(small)] == [1, 1, 1]
    assert [p.draft.reason for p in mine(small)] == [f"manual: a hunch ({n} of 3)" for n in (1, 2, 3)]
    assert len({a.key for a in attempts}) == len({a.proposal_id for a in attempts}) == 3
    assert "1 candidate pinned by a person, for 3 experiments" in notes
    assert (before, in_force(small)) == ([True], [False])
    assert replay(small, "small", 1, planner=cheap_planner).is_identical


def test_the_same_command_again_doubles_nothing(small: Settings) -> None:
    want(small, 3)
    with pytest.raises(LedgerError, match="is pinned already; hakken lift small 1 takes it back"):
        want(small, 3)
    go_on(small)
    with pytest.raises(LedgerError, match="was measured 3 times already; add --again to measure it 2 times more"):
        want(small, 2)
    go_on(small)

    assert len(mine(small)) == 3


@pytest.mark.parametrize("label", ["propose.planned", "work.before-commit", "propose.stored", "dispatch.claimed"])
def test_a_pass_that_is_killed_plans_none_of_them_twice(
    small: Settings, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    want(small, 3)
    reached: list[str] = []

    def stop(at: str) -> None:
        reached.append(at)
        if at == label and reached.count(at) == (2 if label == "work.before-commit" else 1):
            raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(checkpoints, "on_reached", stop)
        with pytest.raises(KeyboardInterrupt):
            go_on(small, 2)
    go_on(small)

    assert label in reached
    assert len(mine(small)) == 3
    with open_ledger(small.database) as ledger:
        keys = [a.key for a in ledger.attempts("small") if dict(a.settings) == WANTED]
    assert len(keys) == 3


def test_what_the_budget_does_not_reach_stays_pinned(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, budget={"experiments": 6})
    once(settings)  # four of the initial design
    said = on_pin(settings, "small", want(settings, 3))
    go_on(settings)
    short = len(mine(settings)), in_force(settings)
    add(settings, tmp_path, budget={"experiments": 7})
    go_on(settings)

    assert said[0].startswith("the budget leaves 2 experiments, fewer than 3: the rest stays pinned until")
    assert short == (2, [True])
    assert [p.draft.reason for p in mine(settings)] == [f"manual: a hunch ({n} of 3)" for n in (1, 2, 3)]
    assert in_force(settings) == [False]


def test_in_rolling_mode_they_come_as_places_are_freed(settings: Settings, tmp_path: Path) -> None:
    rolling = {"surrogate": "random", "batch": 2, "mode": "rolling", "initial": {"design": "random", "experiments": 2}}
    add(settings, tmp_path, budget={"experiments": 30}, planner=rolling)
    once(settings)
    want(settings, 5)
    go_on(settings, 12)

    rounds = [p.round_number for p in mine(settings)]
    assert len(rounds) == 5
    assert all(rounds.count(n) <= 2 for n in rounds)


def test_lifting_it_takes_back_what_was_not_planned_yet(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, budget={"experiments": 5})
    once(settings)
    made = want(settings, 3)
    go_on(settings)
    said = on_lift(settings, "small", lift(settings, "small", made.number, by="ada", why="enough"))
    add(settings, tmp_path, budget={"experiments": 20})
    go_on(settings)

    assert len(mine(settings)) == 1
    assert "is proposal 1 of round 2 by now, and was run" in said[0]


def test_those_that_were_withdrawn_before_they_were_sent_are_pinned_still(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=PERSON, budget={"experiments": 30})
    want(settings, 3)
    once(settings)
    first = mine(settings)
    approve(settings, "small", 1, by="ada", only=[first[0].draft.run_order + 1])
    go_on(settings, 2)
    approve(settings, "small", 1, by="ada")
    ban(settings, "small", WHERE, by="bob", why="it foams")
    go_on(settings, 2)
    lift(settings, "small", 2, by="bob", why="there is a larger flask")
    approve(settings, "small", 2, by="ada")
    go_on(settings, 4)

    again = mine(settings)[3:]
    assert [p.draft.reason for p in again] == ["manual: a hunch (2 of 3)", "manual: a hunch (3 of 3)"]
    assert {p.round_number for p in again} == {3}


def test_how_often_stands_where_decisions_are_listed(small: Settings) -> None:
    want(small, 3)

    ((_, _, about),) = decisions(small, "small")
    with open_ledger(small.database) as ledger:
        (line,) = build(ledger, "small").decisions

    assert about == "EtOH, DBU, step 5 (3 times)"
    assert line.about.endswith(" (3 times)")


@pytest.mark.parametrize(("times", "hints"), [(1, 1), (2, 0), (3, 0)])
def test_who_pins_beside_replicates_is_told_that_a_pin_is_one_experiment(
    settings: Settings, tmp_path: Path, times: int, hints: int
) -> None:
    planner = {"surrogate": "random", "batch": 3, "replicates": 2, "initial": {"design": "random", "experiments": 4}}
    add(settings, tmp_path, budget={"experiments": 30}, planner=planner)

    said = on_pin(settings, "small", want(settings, times))
    once(settings)

    assert len([note for note in said if "pin it with --times 2" in note]) == hints
    assert [p.draft.replicates for p in mine(settings)] == [1] * times


@pytest.mark.parametrize("times", [0, -1, 1001])
def test_a_pin_of_no_or_too_many_experiments_is_refused(small: Settings, times: int) -> None:
    with pytest.raises(LedgerError, match=f"a pin asks for 1 to 1000 experiments, .* got {times}"):
        want(small, times)

    assert decisions(small, "small") == ()


@pytest.mark.parametrize(
    ("batch", "initial", "times", "by_design"),
    [(8, {}, 3, 5), (3, {}, 1, 2), (3, {}, 3, 0), (2, {}, 1, 3), (1, {}, 2, 5), (3, {"experiments": 4}, 2, 4)],
)
@pytest.mark.usefixtures("laboratory")
def test_it_is_part_of_a_first_batch_whose_size_the_file_leaves_open(
    settings: Settings, tmp_path: Path, batch: int, initial: dict[str, int], times: int, by_design: int
) -> None:
    planner = {"surrogate": "random", "batch": batch, "initial": {"design": "random", **initial}}
    add(settings, tmp_path, planner=planner, budget={"experiments": 30})
    want(settings, times)

    once(settings)

    with open_ledger(settings.database) as ledger:
        arms = [p.draft.arm for p in ledger.proposals("small")]
    assert arms.count(Arm.MANUAL) == times
    assert arms.count(Arm.INITIAL) == by_design
