"""A safety stop: nothing is proposed or sent, whoever works, until a named person lifts it; no restart does."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db.errors import NotLetIn
from db.ledger import SqlLedger, open_ledger
from flows.engine import halt, ingest_files, let_go, lift_halt, resume, retract, run, status, stop, tell, tick
from flows.engine.holding import holding
from flows.engine.passes import dispatch, propose, sitting
from flows.engine.steps.training import train_round
from flows.settings import Settings
from flows.wiring import open_record
from loop.contracts import AttemptKey, Envelope, ExperimentSpec, Handle, Health, Phase, Status
from loop.errors import Halted, LedgerError, LedgerFull, NotFound, PartUnavailable
from loop.experiment import State
from loop.history import History
from loop.outcome import Fault, FaultKind
from loop.record import EnvelopeDraft, Verdict
from loop.space import Pool
from loop.spec import CampaignSpec
from tests.flows.engine.bench import (
    ANALYSIS,
    FakeLaboratory,
    Plan,
    add,
    cheap_planner,
    executions,
    faulty,
    lift_all,
    measured,
    once,
    story_of,
)
from tests.flows.engine.parts import in_parts
from tests.flows.engine.zygote import Zygote

SAFETY_STOP = faulty("safety_stop")


def ends_with(*payloads: str) -> Any:
    """A laboratory's answers, one for each start in turn; the last for all others."""
    left = list(payloads)
    return lambda _: [left.pop(0) if len(left) > 1 else left[0]]


def add_named(settings: Settings, folder: Path, name: str, **changes: Any) -> str:
    return add(settings, folder / name, campaign=name, **changes)


ON_BENCH = {"adapter": "simulated", "safety": {"bench": "hood 2"}}


def test_a_stop_for_which_the_disk_has_no_room_is_said_to_halt_nothing(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        with pytest.raises(LedgerFull, match=r"^nothing is halted, so stop the bench by hand: .*, as the disk of"):
            halt(settings, "small", by="ada", why="smoke")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with open_ledger(settings.database) as ledger:
        assert not ledger.stops("small")


def test_a_stop_by_somebody_who_may_only_look_is_said_to_halt_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)

    def refuse(*_: Any, **__: Any) -> None:
        raise NotLetIn("the ledger lets this user not do that (permission denied for table safety_stop)")

    monkeypatch.setattr(SqlLedger, "halt", refuse)

    with pytest.raises(NotLetIn, match=r"^nothing is halted, so stop the bench by hand: .*, as .* lets this user not"):
        halt(settings, "small", by="ada", why="smoke")


@pytest.mark.parametrize("left", [None, b"a photo"])
def test_a_stop_where_the_record_is_gone_is_said_to_halt_nothing(
    settings: Settings, tmp_path: Path, left: bytes | None
) -> None:
    add(settings, tmp_path)
    record = Path(settings.database.removeprefix("sqlite:///"))
    for file in record.parent.glob(f"{record.name}*"):
        file.unlink()
    if left is not None:
        record.write_bytes(left)

    with pytest.raises(
        LedgerError, match=r"^nothing is halted, so stop the bench by hand: no safety stop is on record"
    ):
        halt(settings, "small", by="ada", why="smoke")


def test_a_result_of_that_kind_halts_and_the_reason_is_told(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    laboratory.answers = ends_with(SAFETY_STOP, measured(50.0))
    once(settings)

    report = run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)

    (now,) = status(settings, "small")
    assert (report.state, now.state) == ("halted", "halted")
    assert "a safety_stop for the test (simulated, campaign small" in report.reason
    assert "Halted by safety stop 1: " in report.next_step
    assert "hakken resume small --stop 1 --by NAME --why REASON" in report.next_step
    assert report.round == 1
    assert len(laboratory.jobs) == 4
    story = story_of(settings)
    assert sum(isinstance(o[-1], Fault) for o in story.results) == 1
    assert len(story.results) == 4  # what ran was taken in


def test_no_pass_and_no_other_command_proposes_or_sends_until_it_is_lifted(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    laboratory.abilities = replace(laboratory.abilities, max_parallel=2)
    once(settings)
    halt(settings, "small", by="ada", why="it smells of gas")

    reports = [once(settings) for _ in range(3)]
    trained = train_round(settings, "small", 2, planner=cheap_planner)
    stop(settings, "small", by="bob", why="lunch")
    with pytest.raises(Halted, match=r"it smells of gas \(ada.*--by NAME"):
        resume(settings, "small", by="bob", why="after lunch")
    add(settings, tmp_path, budget={"experiments": 12})  # a changed file lifts nothing

    assert len(laboratory.jobs) == 2
    assert trained == "round 2 is not due"
    assert {r.state for r in reports} == {"halted"}
    assert reports[-1].pending == {"ready": 2}
    with pytest.raises(LedgerError, match="named person and for a reason: --by NAME"):
        lift_all(settings, "small", by=None, why="I forgot")
    with pytest.raises(LedgerError, match="named person and for a reason"):
        lift_all(settings, "small", by="ada", why=" ")
    assert [s.why for s in lift_all(settings, "small", by="ada", why="the valve was closed")] == ["it smells of gas"]
    assert status(settings, "small")[0].state == "stopped"  # lunch goes on
    resume(settings, "small", by="bob")
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)
    assert status(settings, "small")[0].state == "finished"
    with open_ledger(settings.database) as ledger:
        (stopped,) = ledger.stops("small", with_lifted=True)
        assert (stopped.by, stopped.lifted_by, stopped.lifted_why) == ("ada", "ada", "the valve was closed")
        actions = [(e.actor, e.action) for e in ledger.audit()]
        assert ("ada", "safety_stop") in actions
        assert ("ada", "safety_lift") in actions
        assert ledger.verify_audit().is_intact


def test_who_is_just_sending_starts_nothing_more(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    began = laboratory.start

    def press_after_the_first(handle: Handle, key: AttemptKey) -> None:
        began(handle, key)
        if sum(laboratory.starts.values()) == 1:
            halt(settings, "small", by="ada", why="it smells of gas")  # while this pass holds the lease

    laboratory.start = press_after_the_first  # type: ignore[method-assign]
    once(settings)

    assert sum(laboratory.starts.values()) == 1
    states = sorted(a.state.value for a in _attempts(settings))
    assert states == ["ready", "ready", "ready", "submitted"]
    lift_all(settings, "small", by="bob", why="aired")
    once(settings)
    assert set(laboratory.starts.values()) == {1}
    assert len(laboratory.starts) == 4


def test_what_was_prepared_and_not_started_lies_inert_until_it_is_lifted(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    prepared = laboratory.prepare

    def press(spec: ExperimentSpec, key: AttemptKey) -> Handle:
        handle = prepared(spec, key)
        if len(laboratory.jobs) == 2:
            halt(settings, "small", by="ada", why="it smells of gas")
        return handle

    laboratory.prepare = press  # type: ignore[method-assign]
    once(settings)
    once(settings)
    laboratory.prepare = prepared  # type: ignore[method-assign]

    assert len(laboratory.jobs) == 2
    assert sum(laboratory.starts.values()) == 1
    lift_all(settings, "small", by="bob", why="aired")
    once(settings)
    assert set(laboratory.starts.values()) == {1}
    assert len(laboratory.starts) == 4


def test_a_stop_that_comes_while_a_batch_is_planned_or_claimed_is_heard(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)

    def slow(spec: CampaignSpec, history: History, pool: Pool | None, *, seed: int, experiments: int) -> Plan:
        halt(settings, "small", by="ada", why="it smells of gas")
        return cheap_planner(spec, history, pool, seed=seed, experiments=experiments)

    report = tick(settings, "small", planner=slow)
    assert "round 1: a safety stop came while it was planned; it is left out" in report.notes
    assert report.round == 0

    lift_all(settings, "small", by="bob", why="aired")
    with sitting(settings, "small", planner=cheap_planner) as session:
        propose(session)
        assert session.view.is_active  # as it was when the pass looked
        halt(settings, "small", by="ada", why="again")
        dispatch(session)
        assert any("is halted by safety stop 2: again" in note for note in session.tally.notes)
    assert laboratory.jobs == {}
    assert {a.state for a in _attempts(settings)} == {State.READY}


def cancelling(laboratory: FakeLaboratory) -> list[str]:
    """Let the laboratory cancel what runs there; the handles of what it was told to."""
    cancelled: list[str] = []

    def cancel(handle: Handle, _: str) -> None:
        cancelled.append(handle)
        laboratory.jobs[handle].payloads = [faulty("cancelled")]
        laboratory.jobs[handle].phase = Phase.ENDED

    laboratory.abilities = replace(laboratory.abilities, can_cancel=True)
    laboratory.cancel = cancel  # type: ignore[method-assign]
    return cancelled


def test_what_runs_is_left_or_cancelled_as_the_file_says(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    cancelled = cancelling(laboratory)
    prepared = laboratory.prepare

    def running(spec: ExperimentSpec, key: AttemptKey) -> Handle:
        handle = prepared(spec, key)
        laboratory.jobs[handle].phase = Phase.RUNNING
        return handle

    laboratory.prepare = running  # type: ignore[method-assign]
    add_named(settings, tmp_path, "leaves")
    add_named(settings, tmp_path, "cancels", laboratory={"adapter": "simulated", "safety": {"running": "cancel"}})
    for name in ("leaves", "cancels"):
        once(settings, name)

    _, _, silent = halt(settings, "leaves", by="ada", why="it smells of gas")
    once(settings, "leaves")
    untouched = list(cancelled)
    note = settings.folder("cancels") / "last-round.txt"
    note.write_text("9 of a newer record")  # an older one sends nothing; what runs is called off
    _, _, notes = halt(settings, "cancels", by="ada", why="it smells of gas")

    assert untouched == []
    assert silent == (
        "leaves: 4 experiments still run, as its file has no laboratory.safety.running: cancel; see to them there",
    )
    assert len(cancelled) == 4
    assert notes == ("cancels: 4 experiments called off",)
    with open_ledger(settings.database) as ledger:
        outcomes = [o.outcome for o in ledger.observations("cancels")]
    assert {o.kind for o in outcomes if isinstance(o, Fault)} == {FaultKind.CANCELLED}
    assert len(outcomes) == 4
    laboratory.abilities = replace(laboratory.abilities, can_cancel=False)
    add_named(settings, tmp_path, "cannot", laboratory={"adapter": "simulated", "safety": {"running": "cancel"}})
    once(settings, "cannot")
    _, _, notes = halt(settings, "cannot", by="ada", why="it smells of gas")
    assert any("cannot cancel: 4 experiments still run; see to them there" in note for note in notes)


@pytest.mark.parametrize("way", ["a person tells it", "a pass takes it in", "files come when it is not judged yet"])
def test_a_stop_that_comes_as_a_result_calls_off_what_runs_on_the_whole_bench(
    way: str, settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    cancelled = cancelling(laboratory)
    section = {"adapter": "simulated", "safety": {"bench": "hood 2", "running": "cancel"}}
    for name in ("one", "two"):
        add_named(settings, tmp_path, name, laboratory=section, analysis=ANALYSIS)
        once(settings, name)
    for job in laboratory.jobs.values():
        job.phase = Phase.RUNNING
    key = next(iter(laboratory.jobs))  # of the first campaign

    if way == "a person tells it":
        table = tmp_path / "now.csv"
        table.write_text(f"key,yield,outcome,comment\n{key},,fault:safety_stop,the hood is off\n")
        notes = tell(settings, "one", table, by="ada").notes
        assert "one: 3 experiments called off" in notes
    elif way == "files come when it is not judged yet":  # such as what a killed pass had only stored
        with open_record(settings) as ledger, holding(ledger, settings, "one") as held, ledger.work(held.lease) as work:
            work.receive(EnvelopeDraft("simulated", key, SAFETY_STOP))
        table = tmp_path / "run-7.csv"
        table.write_text("sample,RT,Area\nblank,4.2,6\nblank,6.8,1000\n")
        notes = ingest_files(settings, "one", [table], by="ada").notes
        assert "campaign 'one' is halted by safety stop 1: a safety_stop for the test" in "; ".join(notes)
        assert "one: 3 experiments called off" in notes
    else:
        laboratory.jobs[key].payloads, laboratory.jobs[key].phase = [SAFETY_STOP], Phase.ENDED
        notes = once(settings, "one").notes
        assert "3 experiments called off" in notes

    assert set(cancelled) == set(laboratory.jobs) - {key}
    assert "two: 4 experiments called off" in notes
    assert once(settings, "two").pending == {}


def test_one_of_several_laboratories_that_cannot_cancel_keeps_no_other_from_it(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    called_off = running_in_parts(settings, tmp_path, laboratory)
    parts = {"left": laboratory, "right": FakeLaboratory()}  # the right one cannot cancel
    laboratory.parts = lambda: parts  # type: ignore[attr-defined]

    _, _, notes = halt(settings, "small", by="ada", why="it smells of gas")

    assert len(called_off["left"]) == 2
    assert called_off["right"] == []
    assert notes == (
        "small: the laboratory 'simulated', of which 'right' has them, cannot cancel: 2 experiments still run; see to "
        "them there",
        "small: 2 experiments called off",
    )


@pytest.mark.parametrize("is_up", [False, True])
def test_an_experiment_that_cannot_be_called_off_keeps_no_other_from_it(
    is_up: bool, settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    called_off = running_in_parts(settings, tmp_path, laboratory)
    other = FakeLaboratory()
    other.abilities = laboratory.abilities
    other.health = lambda: Health(is_up, "")  # type: ignore[method-assign]
    laboratory.parts = lambda: {"left": laboratory, "right": other}  # type: ignore[attr-defined]
    refused: list[str] = []
    told = laboratory.cancel

    def cancel(handle: Handle, why: str) -> None:
        if laboratory.part_of(handle) == "right" and not refused:  # type: ignore[attr-defined]
            refused.append(handle)
            raise PartUnavailable("right", "it answered 500")
        told(handle, why)

    laboratory.cancel = cancel  # type: ignore[method-assign]

    _, _, notes = halt(settings, "small", by="ada", why="it smells of gas")
    at_once = {part: len(handles) for part, handles in called_off.items()}
    once(settings)

    assert at_once == {"left": 2, "right": 1 if is_up else 0}  # one that cannot work is not asked again and again
    left = "1 experiment" if is_up else "2 experiments"
    assert (
        f"small: the laboratory 'simulated', of which 'right' has them, was not told to cancel {left} (right: it "
        "answered 500); it is tried again, and a person should look"
    ) in notes
    assert {len(handles) for handles in called_off.values()} == {2}  # the next pass called off the rest


def test_what_may_run_and_was_not_called_off_is_said(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path, laboratory={"adapter": "simulated", "safety": {"running": "cancel"}})
    laboratory.loses_reply_of_start = True
    once(settings)
    laboratory.cannot_tell = True
    once(settings)  # now it is in doubt

    _, _, notes = halt(settings, "small", by="ada", why="it smells of gas")

    assert sum(a.state is State.AMBIGUOUS for a in _attempts(settings)) == 2
    said = "small: of 2 experiments nobody can tell whether they run, and they were not called off; look at the "
    assert notes[-1] == f"{said}laboratory"


def running_in_parts(settings: Settings, folder: Path, laboratory: FakeLaboratory) -> dict[str, list[str]]:
    """Two experiments run in each of two parts; what is called off in each, from now on."""
    in_parts(laboratory, {"left": 2, "right": 2}, lambda _: ["left", "right"])
    called_off: dict[str, list[str]] = {"left": [], "right": []}
    prepared = laboratory.prepare

    def running(spec: ExperimentSpec, key: AttemptKey) -> Handle:
        handle = prepared(spec, key)
        laboratory.jobs[handle].phase = Phase.RUNNING
        return handle

    def cancel(handle: Handle, _: str) -> None:
        laboratory.jobs[handle].payloads = [faulty("cancelled")]
        laboratory.jobs[handle].phase = Phase.ENDED
        called_off[laboratory.part_of(handle)].append(handle)  # type: ignore[attr-defined]

    laboratory.prepare, laboratory.cancel = running, cancel  # type: ignore[method-assign]
    laboratory.abilities = replace(laboratory.abilities, can_cancel=True)
    add(settings, folder, laboratory={"adapter": "simulated", "safety": {"running": "cancel"}})
    once(settings)
    return called_off


def test_a_laboratory_that_moves_on_by_itself_has_no_leave_while_halted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.engine import session

    class MovesOn(FakeLaboratory):
        """Sets an experiment going while it is asked where that stands, as a robot does with a plate."""

        def __init__(self) -> None:
            super().__init__()
            self.moved: set[str] = set()

        def ask_leave(self, has_leave: Callable[[], bool]) -> None:
            self.has_leave = has_leave

        def status(self, handle: Handle) -> Status:
            if not self.has_leave():
                return Status(Phase.WAITING)
            self.moved.add(handle)
            return super().status(handle)

    fake = MovesOn()
    monkeypatch.setattr(session, "open_laboratory", lambda *_args, **_keywords: fake)
    add(settings, tmp_path)
    once(settings)
    halt(settings, "small", by="ada", why="it smells of gas")
    once(settings)
    held = set(fake.moved)
    lift_all(settings, "small", by="bob", why="aired")
    once(settings)

    assert held == set()
    assert len(fake.moved) == 4


@pytest.mark.usefixtures("laboratory")
def test_campaigns_of_one_bench_halt_together_and_one_lift_lets_both_go_on(settings: Settings, tmp_path: Path) -> None:
    for name in ("one", "two"):
        add_named(settings, tmp_path, name, laboratory=ON_BENCH)
    add_named(settings, tmp_path, "three")
    once(settings, "one")

    _, names, _ = halt(settings, "one", by="ada", why="it smells of gas")

    assert names == ("one", "two")
    assert [r.state for r in status(settings)] == ["halted", "halted", "active"]
    assert once(settings, "two").round == 0
    assert once(settings, "three").round == 1
    add_named(settings, tmp_path, "four", laboratory=ON_BENCH)
    assert once(settings, "four").state == "halted"
    lifted = lift_all(settings, "two", by="bob", why="the valve was closed")
    assert let_go(settings, lifted) == ("one", "two", "four")
    assert [r.state for r in status(settings)] == ["active"] * 4
    assert once(settings, "two").round == 1


@pytest.mark.usefixtures("laboratory")
def test_a_person_lifts_only_the_stops_that_they_name(settings: Settings, tmp_path: Path) -> None:
    for name in ("one", "two"):
        add_named(settings, tmp_path, name, laboratory=ON_BENCH)
    add_named(settings, tmp_path, "three")
    halt(settings, "one", by="bob", why="it smells of gas")
    halt(settings, "two", by="carl", why="the shaker smokes")
    halt(settings, "three", by="eve", why="a broken flask")

    with pytest.raises(Halted) as refused:
        resume(settings, "one", by="ada", why="the valve was closed")
    lifted = lift_halt(settings, "one", [1], by="ada", why="the valve was closed")
    with pytest.raises(NotFound, match=r"campaign 'one' has no safety stop 3; in force is safety stop 2: the shaker"):
        lift_halt(settings, "one", [2, 3], by="ada", why="the valve was closed")
    with pytest.raises(LedgerError, match=r"say which safety stop .* in force is safety stop 2: .* --stop 2 --by NAME"):
        lift_halt(settings, "one", [], by="ada", why="the valve was closed")

    assert "campaign 'one' is halted by 2 safety stops: 1: it smells of gas (bob, campaign one, " in str(refused.value)
    assert " UTC) and 2: the shaker smokes (carl, campaign two, " in str(refused.value)
    assert str(refused.value).endswith("lifts each: hakken resume one --stop 1-2 --by NAME --why REASON")
    assert [s.number for s in lifted] == [1]
    assert let_go(settings, lifted) == ()
    assert [(r.state, r.reason.partition(" (")[0]) for r in status(settings)[:2]] == [
        ("halted", "the shaker smokes")
    ] * 2


@pytest.mark.usefixtures("laboratory")
def test_who_lifts_what_another_lifted_before_takes_up_no_campaign_that_had_ended(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)
    halt(settings, "small", by="bob", why="it smells of gas")
    lift_halt(settings, "small", [1], by="ada", why="the valve was closed")

    with pytest.raises(LedgerError) as refused:
        lift_halt(settings, "small", [1], by="dan", why="the valve was closed")

    assert "safety stop 1 of campaign 'small' was lifted by ada (the valve was closed) before" in str(refused.value)
    assert "none is in force; hakken status small says how it stands" in str(refused.value)
    assert status(settings, "small")[0].state == "finished"


@pytest.mark.usefixtures("laboratory")
def test_of_a_plate_of_stops_some_are_told_and_one_command_names_all(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    for well in range(1, 14):
        halt(settings, "small", by="robot", why=f"well {well} is hot")

    said = status(settings, "small")[0].next_step

    assert "Halted by 13 safety stops: 1: well 1 is hot (robot" in said
    assert "10: well 10 is hot" in said
    assert "11: well 11" not in said
    assert "and 3 more (hakken decisions small lists them). Nothing is proposed" in said
    assert "hakken resume small --stop 1-13 --by NAME --why REASON." in said
    lift_halt(settings, "small", [2, 3, 7], by="ada", why="cooled")
    assert "--stop 1 --stop 4-6 --stop 8-13 --by NAME" in status(settings, "small")[0].next_step


@pytest.mark.usefixtures("laboratory")
def test_only_those_whom_the_file_names_may_lift_it_also_through_another_campaign(
    settings: Settings, tmp_path: Path
) -> None:
    strict = {"adapter": "simulated", "safety": {"bench": "hood 2", "may_lift": ["ada"]}}
    add_named(settings, tmp_path, "strict", laboratory=strict)
    add_named(settings, tmp_path, "lax", laboratory=ON_BENCH)
    halt(settings, "strict", by="bob", why="it smells of gas")

    for name in ("strict", "lax"):
        with pytest.raises(
            LedgerError, match="'bob' may not lift a safety stop of campaign 'strict'; its file named ada"
        ):
            lift_all(settings, name, by="bob", why="it is fine")

    assert len(lift_all(settings, "lax", by="ada", why="the valve was closed")) == 1


@pytest.mark.usefixtures("laboratory")
def test_a_file_changed_while_it_is_in_force_frees_no_bench_mate_and_names_nobody_else(
    settings: Settings, tmp_path: Path
) -> None:
    strict = {"adapter": "simulated", "safety": {"bench": "hood 2", "may_lift": ["ada"]}}
    add_named(settings, tmp_path, "one", laboratory=strict)
    add_named(settings, tmp_path, "two", laboratory=ON_BENCH)
    halt(settings, "one", by="bob", why="it smells of gas")

    add_named(settings, tmp_path, "two")  # names no bench any more
    mallory = {"adapter": "simulated", "safety": {"bench": "hood 3", "may_lift": ["mallory"]}}
    add_named(settings, tmp_path, "one", laboratory=mallory)

    assert [r.state for r in status(settings)] == ["halted", "halted"]
    assert once(settings, "two").round == 0
    with pytest.raises(LedgerError, match=r"'mallory' may not lift .* its file named ada when the stop was made"):
        lift_all(settings, "one", by="mallory", why="it is fine")
    assert len(lift_all(settings, "two", by="ada", why="the valve was closed")) == 1
    _, names, _ = halt(settings, "one", by="bob", why="again")
    assert names == ("one",)  # who left the bench before a stop is not concerned


def test_a_stop_is_heard_from_a_late_or_contradictory_or_foreign_message(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    laboratory.abilities = replace(laboratory.abilities, max_parallel=1)
    once(settings)
    laboratory.fetch = lambda handle: [  # type: ignore[method-assign]
        Envelope(AttemptKey(handle), measured(50.0)),
        Envelope(AttemptKey("nobody-knows-this"), SAFETY_STOP),
    ]

    report = once(settings)

    assert report.state == "halted"
    assert report.reason.startswith("a safety_stop for the test (foreign) (simulated, campaign small")
    assert len(laboratory.jobs) == 1
    with open_ledger(settings.database) as ledger:
        assert sorted(e.verdict or "" for e in ledger.envelopes("small")) == [Verdict.ACCEPTED, Verdict.FOREIGN]


@pytest.mark.usefixtures("laboratory")
def test_history_that_is_told_and_retractions_neither_halt_nor_lift(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    past = tmp_path / "past.csv"
    past.write_text("solvent,base,step,yield,outcome\nwater,DBU,1,,fault:safety_stop\n")
    tell(settings, "small", past, by="ada")
    assert status(settings, "small")[0].state == "active"
    once(settings)
    key = _attempts(settings)[0].key
    now = tmp_path / "now.csv"
    now.write_text(f"key,yield,outcome,comment\n{key},,fault:safety_stop,the hood is off\n")
    tell(settings, "small", now, by="ada")
    assert status(settings, "small")[0].state == "halted"

    retract(settings, "small", key, by="bob", why="I do not believe it")

    assert status(settings, "small")[0].state == "halted"


STOPPING = {"adapter": "simulated", "failures": {"safety_stop": 0.4}, "safety": {"running": "cancel"}}


@pytest.mark.parametrize(
    "label",
    [
        "ingest.stored",
        "ingest.judged",
        "dispatch.claimed",
        "dispatch.started",
        "work.before-commit",
        "work.after-commit",
        "halt.cancelled",
    ],
)
def test_killed_anywhere_it_halts_all_the_same_and_a_restart_lifts_nothing(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    parallel = {"delay": [0.0, 1.0]} if label == "halt.cancelled" else {}
    add(settings, tmp_path, laboratory=STOPPING | parallel)
    count = 1
    while zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": label, "HAKKEN_CRASH_COUNT": str(count)}) != 0:
        count = min(count + 1, 3)
        if status(settings, "small")[0].state == "halted":
            break

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)
    before = (executions(settings), len(story_of(settings).attempts))
    for _ in range(2):
        assert zygote.ask(settings.home) == 0

    assert status(settings, "small")[0].state == "halted"
    assert (executions(settings), len(story_of(settings).attempts)) == before
    with open_ledger(settings.database) as ledger:
        stops = ledger.stops("small")
        faults = [o for o in ledger.observations("small") if _is_stop(o.outcome)]
        assert sorted(s.observation or "" for s in stops) == sorted(o.id for o in faults)


@pytest.mark.parametrize(("label", "is_there"), [("halt.before-commit", False), ("halt.after-commit", True)])
def test_a_pressed_stop_is_whole_or_not_there(
    label: str, is_there: bool, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    add(settings, tmp_path)

    died = zygote.ask(settings.home, "halt", environ={"HAKKEN_CRASH_AT": label})

    assert died == -signal.SIGKILL
    assert (status(settings, "small")[0].state == "halted") == is_there
    halt(settings, "small", by="ada", why="it smells of gas")
    lift_all(settings, "small", by="bob", why="aired")
    assert status(settings, "small")[0].state == "active"


def _is_stop(outcome: object) -> bool:
    return isinstance(outcome, Fault) and outcome.kind is FaultKind.SAFETY_STOP


def _attempts(settings: Settings) -> Sequence[Any]:
    with open_ledger(settings.database) as ledger:
        return ledger.attempts("small")
