"""Dispatching: approved attempts go to the laboratory, the intent on record before anything moves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from flows.engine.last_round import note_last, note_sending
from flows.engine.looking.experiments import experiment_spec
from flows.engine.looking.held import held_rounds, judge_rounds
from flows.engine.looking.unsent import keep_unsent
from flows.engine.looking.view import WITH_LABORATORY
from flows.engine.session import Session
from flows.engine.steps.judgement import conclude
from flows.engine.steps.judging import Judge
from flows.engine.steps.parts import can_work, others_go_on, part_having, unreached, why_of
from flows.engine.steps.resting import ALL
from flows.engine.steps.sharing import Rooms, sent_now
from flows.engine.steps.withdrawing import withdraw
from loop.checkpoints import reached
from loop.contracts import (
    AttemptKey,
    Capabilities,
    Delivery,
    ExperimentSpec,
    Handle,
    HasParts,
    Problem,
    SupportsAnnouncement,
)
from loop.errors import AdapterFailed, AdapterUnavailable, AttemptUnavailable, Halted, NotSetUp, PartUnavailable
from loop.experiment import Event, State
from loop.outcome import Fault, FaultKind
from loop.recipe import impossible
from loop.record import AttemptRecord
from loop.resources import expected_hours
from loop.spec import build_recipe

HELD: Final = "nothing more is sent"
LOOKED_UP: Final = "what was sent is looked up"


def dispatch(session: Session) -> None:
    """Send what is ready and still wanted, in run order, as far as the laboratory has room."""
    session.unsent = ""
    _dispatch(session)
    keep_unsent(session.settings, session.name, session.view.campaign.version, session.unsent)


def _dispatch(session: Session) -> None:
    withdraw(session)
    view = session.view
    # Retries come last, so that the order of first attempts does not depend on when a fault became known.
    ready = sorted((a for a in view.pending if a.state is State.READY), key=lambda a: (a.round_number, a.attempt_no))
    if not ready or not view.is_active or _cannot_be_used(session):
        return
    note_last(session.settings, session.name, session.ledger, view.round_number)
    try:
        judge_rounds(view, session.laboratory)
        reached("dispatch.judged")
        held = held_rounds(view, session.laboratory)
    except NotSetUp as error:
        session.refused = (view.campaign.version, str(error))
        _cannot_be_used(session)
        return
    except AdapterUnavailable as error:
        session.unsent = unreached(session, error, "nothing is sent")
        session.tally.note(session.unsent)
        return
    for round_ in held.values():
        session.tally.note(f"of round {round_.number} {HELD}: {round_.why}")
    ready = _rested(session, [a for a in ready if a.round_number not in held])
    if not ready:
        return
    capabilities = session.laboratory.capabilities()
    taken = [a for a in view.pending if a.state in WITH_LABORATORY]
    chosen = ready[: _room(capabilities, len(taken))]
    if isinstance(session.laboratory, HasParts):
        chosen = _with_room(session, session.laboratory, ready, taken)
    # A blind laboratory cannot be asked afterwards: one intent at a time, so that a killed pass leaves one doubt.
    size = 1 if capabilities.delivery is Delivery.BLIND else len(chosen)
    for start in range(0, len(chosen), max(size, 1)):
        if not _send(session, chosen[start : start + size]):
            break
    if chosen:
        session.refresh()
        _cannot_be_used(session)


def _cannot_be_used(session: Session) -> bool:
    """Whether it is known that the laboratory cannot be used from here before a person has done something.

    While it has something that goes on, the campaign does too; else it waits for that person.
    """
    if session.refused is None or session.refused[0] != session.view.campaign.version:
        session.unsent = session.tally.lacks or session.unsent
        return bool(session.tally.lacks)
    why = session.unsent = session.refused[1]
    if any(a.state in (State.SUBMITTED, State.RUNNING) for a in session.view.pending):
        session.tally.note(f"nothing more is sent: {why}")
    else:
        session.tally.lacks = why
    return True


def _rested(session: Session, ready: Sequence[AttemptRecord]) -> list[AttemptRecord]:
    """What may be sent now: nothing while the laboratory rests, and no attempt that rests (``Resting``)."""
    if why := session.resting.why(ALL):
        session.unsent = why
        session.tally.note(why)
        return []
    resting = {a.key: why for a in ready if (why := session.resting.why(a.key))}
    for why in resting.values():
        session.tally.note(why)
    return [a for a in ready if a.key not in resting]


def _room(capabilities: Capabilities, taken: int) -> int | None:
    return None if capabilities.max_parallel is None else max(capabilities.max_parallel - taken, 0)


def _with_room(
    session: Session, laboratory: HasParts, ready: Sequence[AttemptRecord], taken: Sequence[AttemptRecord]
) -> list[AttemptRecord]:
    """What of ``ready`` the parts of a laboratory have room for; one that nobody takes goes on, to be refused.

    A part that cannot work gets nothing new. In batch mode an experiment may wait for a quick part although a slow one
    is free; in rolling mode nothing waits for room that is there.
    """
    spec, unable = session.view.spec, dict(laboratory.unable())
    for part in laboratory.limits().keys() - unable.keys():
        if why := session.resting.why(part):
            unable[part] = why
    expected = expected_hours(session.view.figures)
    laboratory.prefer(expected)
    limits = laboratory.limits()
    room = {part: math.inf if limit is None else limit for part, limit in limits.items()}
    for attempt in taken:
        known = part_having(session.laboratory, attempt)
        takers = laboratory.takers(experiment_spec(spec, attempt)) if known is None else [known]
        for part in takers:  # while nobody knows where it went, it may be with any of them
            room[part] -= 1
    every = [laboratory.takers(experiment_spec(spec, attempt)) for attempt in ready]
    there = [[part for part in takers if part not in unable] for takers in every]
    is_sent = sent_now(there, Rooms(limits, room, expected), may_wait=spec.planner.mode == "batch")
    for part in sorted({part for takers in every for part in takers} & unable.keys()):
        what = f"of the laboratory {session.adapter!r}, {part!r} cannot work now and gets nothing new"
        session.tally.note(f"{what}{why_of(unable[part])}")
    return [a for a, takers, goes in zip(ready, every, is_sent, strict=True) if goes or not takers]


def _send(session: Session, attempts: Sequence[AttemptRecord]) -> bool:
    """Claim, prepare and start these; False when the laboratory cannot be reached."""
    specs = {a.key: experiment_spec(session.view.spec, a) for a in attempts}
    recipe = build_recipe(session.view.spec)
    problems = dict[str, Sequence[Problem]]()
    for attempt in attempts:
        with others_go_on(session):
            try:
                refused = session.laboratory.validate(specs[attempt.key])
            except PartUnavailable:
                raise
            except AdapterUnavailable as error:  # before it is claimed: it stays as it is
                session.tally.note(unreached(session, error))
                continue
            problems[attempt.key] = [*impossible(recipe, attempt.settings), *refused]
    attempts = [a for a in attempts if a.key in problems]
    if not attempts:
        return True
    if not _claim(session, attempts, problems):
        return False
    reached("dispatch.claimed")
    return _start(session, [a for a in attempts if not problems[a.key]], specs)


def _claim(session: Session, attempts: Sequence[AttemptRecord], problems: Mapping[str, Sequence[Problem]]) -> bool:
    """Put the intent on record, and end what cannot be sent; False where a safety stop came first."""
    judge = Judge(session.view)
    sending = session.sent.begin()
    try:
        with session.work() as work:
            for attempt in attempts:
                work.move(attempt.key, Event.CLAIMED, sending, adapter=session.adapter)
                if found := problems[attempt.key]:
                    fault = _refused(found)
                    conclude(work, attempt, fault, retry=judge.wants_retry(attempt, fault))
                    session.tally.accepted += 1
                    session.tally.faults += 1
                    session.tally.note(f"{session.view.label(attempt.settings)} was not sent: {fault.message}")
    except Halted as error:  # since this pass began; nothing was claimed
        session.tally.note(str(error))
        session.refresh()
        return False
    note_sending(session.settings, session.name, attempts[0].key, sending)
    return True


def _start(session: Session, sound: Sequence[AttemptRecord], specs: Mapping[str, ExperimentSpec]) -> bool:
    """Prepare and start what was claimed, and put on record what came of it; False when that could not be all."""
    accepted: list[tuple[AttemptRecord, Handle]] = []
    untouched = list(sound)
    try:
        if session.is_halted:
            return False
        if len(sound) > 1 and isinstance(session.laboratory, SupportsAnnouncement):
            untouched.clear()  # it is told of all of them: whatever comes is looked up
            try:
                with _given_back(untouched, sound):
                    session.laboratory.announce([(specs[a.key], AttemptKey(a.key)) for a in sound])
            except AdapterFailed as error:  # of no consequence: each is prepared by itself
                session.tally.note(unreached(session, error, "each is sent by itself"))
        for n, attempt in enumerate(sound):
            if session.is_halted:  # a stop is pressed without waiting for this pass to end
                return False
            key = AttemptKey(attempt.key)
            if attempt in untouched:
                untouched.remove(attempt)
            with others_go_on(session), _noted(session, attempt):
                with _given_back(untouched, sound[n:]):
                    handle = session.laboratory.prepare(specs[attempt.key], key)
                reached("dispatch.prepared")
                if session.is_halted:  # it lies there inert, and is found by its key when the stop is lifted
                    return False
                session.laboratory.start(handle, key)
                reached("dispatch.started")
                accepted.append((attempt, handle))
                lab = session.laboratory
                session.resting.work(lab.part_of(handle) if isinstance(lab, HasParts) else ALL)
    except NotSetUp as error:
        session.refused = (session.view.campaign.version, str(error))
        return False
    except AdapterUnavailable as error:
        session.unsent = unreached(session, error, LOOKED_UP)
        session.tally.note(session.unsent)
        return False
    finally:  # also on a fault of our own: what is known is put on record
        _record(session, accepted, untouched)
    return True


@contextmanager
def _noted(session: Session, attempt: AttemptRecord) -> Iterator[None]:
    """Note that an attempt could not be sent, lest that be tried in every pass.

    Where code of one's own fails of one attempt, and the laboratory says that it works, the others go on.
    """
    try:
        yield
    except (NotSetUp, AttemptUnavailable):
        raise
    except PartUnavailable as error:
        session.resting.fail(error.part, error.why)
        raise
    except AdapterUnavailable as error:
        said = unreached(session, error, LOOKED_UP)
        if not isinstance(error, AdapterFailed) or not can_work(session.laboratory):
            session.resting.fail(ALL, said)
            raise
        session.resting.fail(attempt.key, said)
        session.tally.note(said)


@contextmanager
def _given_back(untouched: list[AttemptRecord], attempts: Sequence[AttemptRecord]) -> Iterator[None]:
    """Where the laboratory cannot be used from here, these were not shown to it (``loop.errors.NotSetUp``)."""
    try:
        yield
    except NotSetUp:
        untouched[:] = attempts
        raise


def _record(
    session: Session, accepted: Sequence[tuple[AttemptRecord, Handle]], untouched: Sequence[AttemptRecord]
) -> None:
    if accepted or untouched:
        with session.work() as work:
            for attempt, handle in accepted:
                work.move(attempt.key, Event.ACCEPTED, adapter=session.adapter, handle=handle)
            for attempt in untouched:  # claimed, and never shown to the laboratory: no doubt about it
                work.move(attempt.key, Event.ABSENT, "not sent: a safety stop, or the laboratory could not be used")
    session.tally.sent += len(accepted)
    reached("dispatch.accepted")


def _refused(problems: Sequence[Problem]) -> Fault:
    return Fault.of(FaultKind.INPUT_ERROR, "; ".join(str(problem) for problem in problems))
