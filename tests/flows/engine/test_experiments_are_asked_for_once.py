"""Ask and tell: each experiment is handed to one, the same request gets the same ones, and every result is kept."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from db.ledger import open_ledger
from flows.engine import (
    AskError,
    ask,
    ban,
    experiment,
    experiments_of,
    give_back,
    halt,
    replay,
    resume,
    status,
    stop,
    tell_own,
    tell_result,
)
from flows.engine.clients.handing import Asked, Experiment
from flows.settings import Settings
from loop.errors import LedgerError, NotFound
from loop.experiment import State
from loop.record import Verdict
from tests.flows.engine.bench import (
    add,
    cheap_planner,
    faulty,
    lift_all,
    measured,
    once,
    outcomes,
    spec_of,
    story_of,
)
from tests.flows.engine.zygote import Zygote

ASKED = {"adapter": "ask_tell"}
ROLLING = {**spec_of()["planner"], "mode": "rolling"}


def asked(settings: Settings, n: int, request: str, by: str = "robot") -> Asked:
    return ask(settings, "small", n, request=request, by=by, planner=cheap_planner)


def keys(answer: Asked) -> list[str]:
    return [one.key for one in answer.experiments]


def told(settings: Settings, one: Experiment | str, payload: str, by: str = "robot") -> Verdict:
    key = one if isinstance(one, str) else one.key
    return tell_result(settings, "small", key, payload, by=by).verdict


def states(settings: Settings) -> Counter[State]:
    with open_ledger(settings.database) as ledger:
        return Counter(a.state for a in ledger.attempts("small"))


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is asked of any database meanwhile."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(" ".join(statement.split()))

    sa.event.listen(Engine, "before_cursor_execute", hear)
    yield said
    sa.event.remove(Engine, "before_cursor_execute", hear)


def test_each_experiment_is_handed_to_one_and_says_all_that_is_needed(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)

    first, second, third = asked(settings, 3, "a"), asked(settings, 3, "b", by="anna"), asked(settings, 3, "c")

    assert (len(keys(first)), len(keys(second)), keys(third)) == (3, 1, [])  # of an initial design of four
    assert len({*keys(first), *keys(second)}) == 4
    one = first.experiments[0]
    assert set(one.settings) == {"solvent", "base", "step"}
    assert (one.targets, one.state, one.handed_to, one.request) == ({"yield": "%"}, "running", "robot", "a")
    assert (one.round, one.arm, one.reason) == (1, "initial", "drawn by lot")
    assert "4 experiments handed out wait for their results" in third.next_step
    assert "planned once all of them have ended (mode: rolling under planner: as results come)" in third.next_step
    assert [e.handed_to for e in experiments_of(settings, "small")] == ["robot", "robot", "robot", "anna"]


@pytest.mark.parametrize(
    ("experiments", "changes", "is_more"),
    [(3, {}, True), (2, {}, False), (3, {"mode": "rolling"}, False)],
    ids=["more in the budget", "the whole budget", "planned as results come"],
)
def test_the_next_step_counts_what_waits_and_what_is_handed_out(
    settings: Settings, tmp_path: Path, experiments: int, changes: dict[str, Any], is_more: bool
) -> None:
    planner = {**spec_of()["planner"], "batch": 2, "initial": {"design": "random", "experiments": 2}, **changes}
    add(settings, tmp_path, laboratory=ASKED, planner=planner, budget={"experiments": experiments})
    steps = [once(settings).next_step]
    for request in "ab":
        asked(settings, 1, request)
        steps.append(status(settings, "small")[0].next_step)

    assert [step.partition(":")[0] for step in steps] == [
        "2 experiments wait to be asked for",
        "1 experiment waits to be asked for and 1 handed out waits for its result",
        "2 experiments handed out wait for their results",
    ]
    assert {"; the next batch is planned once all of them have ended" in step for step in steps} == {is_more}


def test_a_request_that_comes_again_gets_the_same_experiments_as_they_stand_then(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    first = asked(settings, 2, "a")
    told(settings, first.experiments[1], measured(50.0))

    again = asked(settings, 4, "a")

    assert again.is_repeated
    assert not first.is_repeated
    assert keys(again) == keys(first)
    assert [one.state for one in again.experiments] == ["running", "ended"]
    assert states(settings) == {State.RUNNING: 1, State.ENDED: 1, State.SUBMITTED: 2}


def test_a_key_of_somebody_else_hands_nothing_to_two(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    (mine,) = ask(settings, "small", 1, request="run-1", by="robot 1", planner=cheap_planner).experiments

    with pytest.raises(AskError, match="is one that 'robot 1' asked under, who has those experiments"):
        ask(settings, "small", 1, request="run-1", by="robot 2", planner=cheap_planner)
    give_back(settings, "small", mine.key, by="robot 1")
    with pytest.raises(AskError, match="give this request a key of its own"):
        ask(settings, "small", 1, request="run-1", by="robot 2", planner=cheap_planner)

    assert ask(settings, "small", 1, request="run-2", by="robot 2", planner=cheap_planner).experiments


def test_a_request_that_got_none_is_answered_anew(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    first = asked(settings, 4, "a")
    assert keys(asked(settings, 1, "b")) == []
    for one in first.experiments:
        told(settings, one, measured(40.0))

    assert len(keys(asked(settings, 2, "b"))) == 2


def test_a_campaign_is_driven_to_its_end_and_every_batch_can_be_planned_again(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    n = 0
    while (answer := asked(settings, 3, f"request-{n}")).experiments:
        n += 1
        for one in answer.experiments:
            assert told(settings, one, measured(10.0 * float(one.settings["step"]))) is Verdict.ACCEPTED

    assert answer.state == "finished"
    assert "10 experiments" in answer.next_step
    assert len(outcomes(settings)) == 10
    assert status(settings, "small")[0].experiments_done == 10
    with open_ledger(settings.database) as ledger:
        assert ledger.verify_audit().is_intact
        numbers = [r.number for r in ledger.rounds("small")]
    assert [replay(settings, "small", n, planner=cheap_planner).is_identical for n in numbers] == [True] * len(numbers)


def test_in_rolling_mode_more_are_planned_as_results_come(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED, planner=ROLLING)
    first = asked(settings, 4, "a")
    assert keys(asked(settings, 1, "b")) == []
    told(settings, first.experiments[0], measured(50.0))
    told(settings, first.experiments[1], measured(60.0))

    more = asked(settings, 3, "c")

    assert len(keys(more)) == 1  # three at once, of which two still run
    with open_ledger(settings.database) as ledger:
        assert len(ledger.round("small", 2).pending) == 2


def test_who_asks_for_more_than_are_planned_at_a_time_is_told_how_to_get_them(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    said = (
        "6 were asked for, and planner.batch of the campaign file has 3 at a time; batch: 6 has as many chosen together"
    )
    first = asked(settings, 6, "a")
    for one in first.experiments:
        told(settings, one, measured(50.0))

    second, again = asked(settings, 6, "b"), asked(settings, 6, "c")
    enough = asked(settings, 3, "b")

    assert len(keys(first)) == 4  # the initial design
    assert said not in first.notes
    assert [len(keys(second)), len(keys(again))] == [3, 0]
    assert {said} == {*second.notes} & {*again.notes}
    assert said not in enough.notes


def test_what_is_given_back_goes_to_the_next_who_asks(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    first = asked(settings, 4, "a")
    returned = first.experiments[1]

    give_back(settings, "small", returned.key, by="robot", why="the gripper broke")

    assert keys(asked(settings, 4, "a")) == [key for key in keys(first) if key != returned.key]
    again = asked(settings, 4, "b", by="anna")
    assert keys(again) == [returned.key]
    assert again.experiments[0].handed_to == "anna"
    with open_ledger(settings.database) as ledger:
        assert "given back, as it never ran, by robot: the gripper broke" in [
            e.detail for e in ledger.events(returned.key)
        ]
    told(settings, returned, measured(50.0))
    with pytest.raises(LedgerError, match="is ended and not handed out"):
        give_back(settings, "small", returned.key, by="anna")
    with pytest.raises(NotFound, match="no experiment of campaign 'small' has the key 'nobody'"):
        give_back(settings, "small", "nobody", by="anna")


def test_what_was_given_back_before_is_taken_from_nobody(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    one = asked(settings, 1, "a").experiments[0]
    give_back(settings, "small", one.key, by="robot", request="a")
    assert keys(asked(settings, 1, "b", by="anna")) == [one.key]

    late = give_back(settings, "small", one.key, by="robot", request="a")  # its first answer was lost

    assert late.state is State.RUNNING
    assert experiment(settings, "small", one.key).handed_to == "anna"
    with pytest.raises(LedgerError, match="was not handed out under the key 'c'"):
        give_back(settings, "small", one.key, by="robot", request="c")


def test_a_request_of_which_all_was_given_back_gets_no_other(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    give_back(settings, "small", keys(asked(settings, 1, "a"))[0], by="robot")

    late = asked(settings, 1, "a")

    assert late.is_repeated
    assert keys(late) == []


def test_whatever_is_told_is_kept_and_the_answer_says_whether_it_counts(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    first = asked(settings, 4, "a")
    one, other = first.experiments[:2]

    said = [
        told(settings, one, "the yield was fine"),
        told(settings, one, measured(50.0)),
        told(settings, one, measured(50.0)),
        told(settings, one, measured(50.0), by="anna"),
        told(settings, one, measured(60.0)),
        told(settings, "nobody", measured(60.0)),
        told(settings, other, faulty("instrument_fault")),
    ]

    assert said == [
        Verdict.MALFORMED,
        Verdict.ACCEPTED,
        Verdict.DUPLICATE,
        Verdict.DUPLICATE,
        Verdict.CONTRADICTORY,
        Verdict.FOREIGN,
        Verdict.ACCEPTED,
    ]
    with open_ledger(settings.database) as ledger:
        kept = [(e.source, e.payload) for e in ledger.envelopes("small")]
    assert kept == [
        ("client:robot", "the yield was fine"),
        ("client:robot", measured(50.0)),
        ("client:anna", measured(50.0)),
        ("client:robot", measured(60.0)),
        ("client:robot", measured(60.0)),
        ("client:robot", faulty("instrument_fault")),
    ]
    retried = asked(settings, 4, "b").experiments  # a fault that says nothing of the candidate is tried again
    assert [e.settings for e in retried] == [other.settings]
    assert keys(asked(settings, 4, "b")) != [other.key]


def test_the_answer_says_why_a_result_does_not_count(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    one = asked(settings, 1, "a").experiments[0]
    tell_result(settings, "small", one.key, measured(50.0), by="robot")

    def why(payload: str, key: str = one.key) -> str:
        return tell_result(settings, "small", key, payload, by="robot").message

    assert "hakken retract small" in why(measured(60.0))
    assert "this is not JSON" in why("[")
    assert "names attempt 'nobody'" in why(measured(1.0), key="nobody")


@pytest.mark.parametrize("is_halted", [False, True])
def test_nothing_is_handed_out_while_a_campaign_is_stopped_or_halted(
    settings: Settings, tmp_path: Path, is_halted: bool
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    first = asked(settings, 1, "a").experiments[0]
    if is_halted:
        halt(settings, "small", by="tester", why="it smells")
    else:
        stop(settings, "small", by="tester", why="lunch")

    none = asked(settings, 1, "b")
    verdict = told(settings, first, measured(50.0))  # what runs is still taken in

    assert (keys(none), none.state) == ([], "halted" if is_halted else "stopped")
    assert "hakken resume small" in none.next_step
    assert verdict is Verdict.ACCEPTED
    if is_halted:
        lift_all(settings, "small", by="tester", why="it was the lunch")
    else:
        resume(settings, "small", by="tester")
    assert len(keys(asked(settings, 1, "b"))) == 1


def test_a_safety_stop_that_is_told_halts(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    one = asked(settings, 1, "a").experiments[0]

    notes = tell_result(settings, "small", one.key, faulty("safety_stop"), by="robot").notes

    assert any("halted by safety stop 1: " in note for note in notes)
    assert keys(asked(settings, 1, "b")) == []


def test_what_nobody_asked_for_and_is_banned_by_now_is_never_handed_out(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    once(settings)
    with open_ledger(settings.database) as ledger:
        banned = ledger.attempts("small")[0].settings
    ban(settings, "small", [f"{name}={value}" for name, value in banned.items()], by="tester", why="it smells")

    answer = asked(settings, 4, "a")

    assert len(answer.experiments) == 3
    assert banned not in [one.settings for one in answer.experiments]
    assert any("ban 1 keeps it out" in note for note in answer.notes)
    assert states(settings)[State.EXPIRED] == 1


def test_what_breaks_a_limit_by_now_is_never_handed_out(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    once(settings)
    add(settings, tmp_path, laboratory={**ASKED, "limits": {"step": {"at_most": 2, "trim": True}}})

    answer = asked(settings, 4, "a")

    assert answer.experiments  # of a batch that was planned anew, where nothing of the first was left
    assert all(float(one.settings["step"]) <= 2 for one in answer.experiments)
    assert any("step = 5 is none of its values" in note for note in answer.notes)


def test_a_goal_that_is_reached_leaves_nothing_to_ask_for(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED, planner=ROLLING, stop=[{"target": "yield", "at_least": 80}])
    first = asked(settings, 2, "a")
    told(settings, first.experiments[0], measured(90.0))

    none = asked(settings, 2, "b")
    still = status(settings, "small")[0].state
    told(settings, first.experiments[1], measured(10.0))
    over = asked(settings, 2, "c")

    assert (keys(none), still, keys(over), over.state) == ([], "active", [], "finished")
    assert states(settings) == {State.ENDED: 2, State.EXPIRED: 2}


def test_results_of_a_clients_own_experiments_count_once(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    rows: list[dict[str, Any]] = [
        {"solvent": "DMF", "base": "DBU", "step": 3, "yield": 71.5},
        {"solvent": "DMF", "base": "DBU", "step": 4, "yield": "<2"},
        {"solvent": "DMF", "base": "KOH", "step": 4, "yield": 3},
    ]

    first = tell_own(settings, "small", rows, request="tuesday", by="anna")
    again = tell_own(settings, "small", rows, request="tuesday", by="anna")
    replicate = tell_own(settings, "small", rows[:1], request="wednesday", by="anna")

    assert (first.accepted, again.accepted, replicate.accepted) == (2, 0, 1)
    assert "'KOH'" in first.problems[0]
    assert len(outcomes(settings)) == 3


def test_part_of_several_laboratories_may_be_asked(settings: Settings, tmp_path: Path) -> None:
    parts = {"bench": {**ASKED, "when": {"base": ["KOAc", "DBU"]}}, "robot": {"adapter": "simulated"}}
    add(settings, tmp_path, laboratory={"adapter": "several", "laboratories": parts}, planner=ROLLING)

    mine = asked(settings, 10, "a").experiments

    assert mine
    assert all(one.settings["base"] in ("KOAc", "DBU") for one in mine)
    assert told(settings, mine[0], measured(44.0)) is Verdict.ACCEPTED
    once(settings)
    assert "hakken serve" in status(settings, "small")[0].next_step


def test_what_waits_for_nobody_is_not_said_to_run_where_a_campaign_is_halted(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory={**ASKED, "safety": {"running": "cancel"}})
    asked(settings, 1, "a")

    _, _, notes = halt(settings, "small", by="tester", why="smoke")

    assert any("cannot cancel: 1 experiment still runs" in note for note in notes)


def test_who_asks_wrongly_is_told_what_is_right(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    add(settings, tmp_path / "other", laboratory=ASKED, campaign="other")

    with pytest.raises(AskError, match="its laboratory 'simulated' is sent its experiments; write adapter: ask_tell"):
        asked(settings, 1, "a")
    with pytest.raises(NotFound, match="no campaign is called 'nobody'; there are: other, small"):
        ask(settings, "nobody", 1, request="a", by="robot")
    with pytest.raises(AskError, match="a whole number from 1 to 10000, got 0"):
        ask(settings, "other", 0, request="a", by="robot")
    with pytest.raises(AskError, match=r"1 to 120 letters, digits or any of .* got 'two words'"):
        ask(settings, "other", 1, request="two words", by="robot")
    with pytest.raises(AskError, match="who asks must be named"):
        ask(settings, "other", 1, request="a", by=" ")
    with pytest.raises(NotFound, match="no experiment of campaign 'other' has the key 'x'"):
        experiment(settings, "other", "x")
    assert not story_of(settings, "other").attempts


@pytest.mark.parametrize("label", ["propose.stored", "dispatch.accepted", "ask.handed", "work.after-commit"])
def test_killed_while_it_hands_out_it_answers_the_same_request_as_if_nothing_had_happened(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    what = {"request": "a", "experiments": 3}

    died = zygote.ask(settings.home, "ask", arguments=what, environ={"HAKKEN_CRASH_AT": label})
    first = asked(settings, 3, "a")
    second = asked(settings, 3, "b")

    assert died == -signal.SIGKILL
    assert (len(keys(first)), len(keys(second))) == (3, 1)
    assert not {*keys(first)} & {*keys(second)}
    assert states(settings) == {State.RUNNING: 4}


@pytest.mark.parametrize("label", ["client.stored", "client.judged", "work.before-commit", "ask.given-back"])
def test_killed_while_it_is_told_it_counts_the_result_once(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    one, other = asked(settings, 2, "a").experiments
    what = {"key": one.key, "payload": measured(50.0), "back": other.key}

    died = zygote.ask(settings.home, "told", arguments=what, environ={"HAKKEN_CRASH_AT": label})
    again = told(settings, one, measured(50.0))
    left = asked(settings, 4, "b")

    assert died == -signal.SIGKILL
    assert again in (Verdict.ACCEPTED, Verdict.DUPLICATE)
    assert len(outcomes(settings)) == 1
    assert (other.key in keys(left)) is (label == "ask.given-back")


@pytest.mark.parametrize("seed", range(4))
def test_whatever_clients_do_nothing_is_doubled_or_lost(settings: Settings, tmp_path: Path, seed: int) -> None:
    add(settings, tmp_path, laboratory=ASKED, planner=ROLLING if seed % 2 else spec_of()["planner"])
    lot = random.Random(seed)
    has: dict[str, set[str]] = {"robot": set(), "anna": set()}
    ran: Counter[str] = Counter()
    requests: list[tuple[str, str, list[str]]] = []
    for number in range(60):
        who = lot.choice([*has])
        match lot.choice(["ask", "ask", "again", "tell", "tell", "tell twice", "give back"]):
            case "ask":
                answer = asked(settings, lot.randint(1, 3), f"r{number}", by=who)
                requests.append((who, f"r{number}", keys(answer)))
                assert not {*keys(answer)} & (has["robot"] | has["anna"] | set(ran))
                has[who] |= {*keys(answer)}
            case "again" if requests and (asked_before := lot.choice(requests))[2]:
                again = asked(settings, 1, asked_before[1], by=asked_before[0])
                assert {*keys(again)} <= {*asked_before[2]}
            case "tell" | "tell twice" as how if has[who]:
                key = lot.choice(sorted(has[who]))
                has[who].remove(key)
                ran[key] += 1
                for _ in range(2 if how == "tell twice" else 1):
                    told(settings, key, json.dumps(json.loads(measured(30.0))), by=who)
            case "give back" if has[who]:
                key = lot.choice(sorted(has[who]))
                has[who].remove(key)
                give_back(settings, "small", key, by=who)
                requests = [(w, r, [k for k in mine if k != key]) for w, r, mine in requests]

    with open_ledger(settings.database) as ledger:
        results = Counter(o.key for o in ledger.observations("small"))
        assert results == ran
        assert {a.key for a in ledger.attempts("small", [State.RUNNING])} == has["robot"] | has["anna"]
        assert ledger.verify_audit().is_intact
    assert set(ran.values()) <= {1}


def test_an_answer_costs_no_look_at_all_that_ever_came(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=ASKED)
    one = asked(settings, 1, "first").experiments[0]
    with statements() as said:
        told(settings, one, measured(50.0))
    payloads = [text for text in said if "result_envelope.payload" in text]
    with statements() as said:
        asked(settings, 1, "second")

    assert payloads
    assert all("IS NULL" in text or " IN (" in text for text in payloads)  # what is not judged yet, and this one
    assert sum("FROM attempt_event JOIN attempt" in text for text in said) <= 2
    assert all("round.number = " in text for text in said if "FROM prediction" in text)


def test_who_tells_a_result_of_which_nothing_is_learnt_by_now_is_told_so(settings: Settings, tmp_path: Path) -> None:
    space = spec_of()["space"]
    add(settings, tmp_path, laboratory=ASKED)
    one, *_ = asked(settings, 4, "a").experiments
    left = [solvent for solvent in space["solvent"]["options"] if solvent != one.settings["solvent"]]
    add(settings, tmp_path, laboratory=ASKED, space=space | {"solvent": {"type": "category", "options": left}})

    answer = tell_result(settings, "small", one.key, measured(50.0), by="robot")

    assert answer.verdict is Verdict.ACCEPTED
    (note,) = answer.notes
    assert f"parameter 'solvent' has no option '{one.settings['solvent']}') is kept, and nothing is learnt" in note


def with_stocks(settings: Settings, folder: Path, bases: dict[str, str], volume: str = "90 uL") -> None:
    """A campaign of a base, by structure, that a recipe doses; each of the bases is a stock."""
    doses = [{"dispense": "halide", "equivalents": 1}, {"dispense": "base", "equivalents": 2}]
    stocks = {name: {"concentration": "1 mol/L", "solvent": "DMSO"} for name in ("halide", *bases)}
    add(
        settings,
        folder,
        laboratory=ASKED,
        space={"base": {"type": "component", "options": bases}},
        recipe={
            "vessel": {"holds": "200 uL", "closed": True},
            "limiting": {"of": "halide", "amount": "10 umol"},
            "stocks": {**stocks, "halide": {**stocks["halide"], "smiles": "Brc1ccccc1"}, "DMSO": {"smiles": "CS(C)=O"}},
            "steps": [*doses, {"dispense": "DMSO", "to": volume}],
        },
        planner={"surrogate": "random", "batch": 2, "initial": {"experiments": 2}},
    )


def test_what_nobody_has_yet_is_asked_for_by_the_names_of_the_changed_file(settings: Settings, tmp_path: Path) -> None:
    with_stocks(settings, tmp_path, {"TEA": "CCN(CC)CC", "DBU": "C1CCC2=NCCCN2CC1"})
    once(settings)

    with_stocks(settings, tmp_path, {"triethylamine": "CCN(CC)CC", "DBU": "C1CCC2=NCCCN2CC1"})

    given = asked(settings, 2, "a").experiments
    assert {one.settings["base"] for one in given} == {"triethylamine", "DBU"}
    assert all(one.procedure and one.settings["base"] in one.procedure["text"] for one in given)
    assert outcomes(settings) == []  # none ended for want of a stock of its old name


def test_what_is_out_and_the_changed_recipe_cannot_make_is_given_again_without_a_procedure(
    settings: Settings, tmp_path: Path
) -> None:
    with_stocks(settings, tmp_path, {"TEA": "CCN(CC)CC", "DBU": "C1CCC2=NCCCN2CC1"})
    keys_out = set(keys(asked(settings, 2, "a")))

    with_stocks(settings, tmp_path, {"DBU": "C1CCC2=NCCCN2CC1"})

    again = asked(settings, 2, "a")
    made = {one.settings["base"]: one.procedure is not None for one in again.experiments}
    assert set(keys(again)) == keys_out
    assert made == {"TEA": False, "DBU": True}
    assert len(experiments_of(settings, "small")) == 2
    (note,) = (note for note in again.notes if "no procedure" in note)
    assert note.startswith("TEA has no procedure by the recipe of the campaign file, which was changed since")
    assert "base 'TEA': no stock is called so" in note
    assert note.endswith("the one that it was handed out with stands beside it")
    assert {bool(one.handed_with) for one in again.experiments if one.settings["base"] == "TEA"} == {True}


def test_what_is_out_and_the_changed_recipe_makes_otherwise_is_given_again_with_both_procedures(
    settings: Settings, tmp_path: Path
) -> None:
    bases = {"TEA": "CCN(CC)CC", "DBU": "C1CCC2=NCCCN2CC1"}
    with_stocks(settings, tmp_path, bases)
    (first,) = asked(settings, 1, "a").experiments

    with_stocks(settings, tmp_path, bases, volume="80 uL")

    again, new = asked(settings, 1, "a"), asked(settings, 1, "b")
    (one,), (other,) = again.experiments, new.experiments
    assert first.handed_with is None
    assert None not in (first.procedure, one.procedure, other.procedure)
    assert one.handed_with == first.procedure != one.procedure
    assert f"{one.settings['base']} has another procedure by the recipe of the campaign file" in " ".join(again.notes)
    assert other.handed_with is None  # it was handed out by the recipe of now
    assert "another procedure" not in " ".join(new.notes)
    assert experiment(settings, "small", first.key).handed_with == first.procedure


def test_another_name_of_a_stock_alone_is_no_other_procedure(settings: Settings, tmp_path: Path) -> None:
    with_stocks(settings, tmp_path, {"TEA": "CCN(CC)CC", "DBU": "C1CCC2=NCCCN2CC1"})
    asked(settings, 2, "a")

    with_stocks(settings, tmp_path, {"triethylamine": "CCN(CC)CC", "DBU": "C1CCC2=NCCCN2CC1"})

    again = asked(settings, 2, "a")
    assert {one.settings["base"] for one in again.experiments} == {"triethylamine", "DBU"}
    assert [one.handed_with for one in again.experiments] == [None, None]
