"""Reconciling: what the record says is out there against what the laboratory says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flows.engine.looking.held_up import keep, keep_said, said_of
from flows.engine.sent import NOT_FROM
from flows.engine.session import Session
from flows.engine.steps.judgement import conclude
from flows.engine.steps.judging import Judge
from flows.engine.steps.parts import NAMED, can_work, is_by_person, is_out, others_go_on, unreached, untold
from flows.engine.steps.withdrawing import barred
from loop.checkpoints import reached
from loop.contracts import Absent, AttemptKey, Found, Handle, Phase, Unknown, Work
from loop.errors import AdapterFailed, AdapterUnavailable, AttemptUnavailable, NotSetUp, PartUnavailable
from loop.experiment import Event, State
from loop.limits import broken
from loop.outcome import Fault, FaultKind
from loop.recipe import impossible
from loop.record import AttemptRecord
from loop.spec import build_limits, build_recipe
from loop.wording import plural


@dataclass
class Standing:
    """What the laboratory said: steps to be recorded, and attempts whose results can be fetched."""

    steps: list[Callable[[Work], object]] = field(default_factory=list)
    ended: list[tuple[AttemptRecord, Handle]] = field(default_factory=list)
    wanting: list[tuple[AttemptRecord, str]] = field(default_factory=list)  # what waits for a person, and what for
    said: dict[str, str] = field(default_factory=dict)  # where others stand, by key
    lost: list[tuple[AttemptRecord, str]] = field(default_factory=list)  # for certain, and how
    elsewhere: list[AttemptRecord] = field(default_factory=list)  # not last sent from this folder, and not known here
    untold: list[tuple[AttemptRecord, AdapterUnavailable]] = field(default_factory=list)  # gives no answer of them
    n_told: int = 0  # of which it said where they stand


def reconcile(session: Session) -> list[tuple[AttemptRecord, Handle]]:
    """Look every doubtful attempt up by its key and ask where the others stand; returns those that ended.

    A laboratory that cannot be reached changes nothing: what it said before that is kept. Of several the others are
    asked all the same.
    """
    pending = _with_this_laboratory(session)
    if not pending:
        return []
    standing = Standing()
    judge = Judge(session.view)
    try:
        for attempt in sorted(pending, key=_is_in_doubt):  # a start that is refused keeps no result from coming in
            if is_out(session, attempt):
                continue
            with others_go_on(session):
                if _is_in_doubt(attempt):
                    with _passed_over(session, attempt, standing, AdapterFailed):
                        _look_up(session, attempt, standing)
                else:
                    with _passed_over(session, attempt, standing):
                        _ask(session, attempt, standing, judge)
                        standing.n_told += 1
    except NotSetUp as error:
        session.tally.lacks = str(error)
    except AdapterUnavailable as error:
        session.tally.note(unreached(session, error))
    _note(session, standing)
    if standing.steps:
        with session.work() as work:
            for step in standing.steps:
                step(work)
        session.refresh()
        reached("reconcile.stored")
    return standing.ended


@contextmanager
def _passed_over(
    session: Session, attempt: AttemptRecord, standing: Standing, kind: type[AdapterUnavailable] = AdapterUnavailable
) -> Iterator[None]:
    """Go on with the others where a laboratory that works gives no answer of this one, at most ``NAMED`` times."""
    try:
        yield
    except (NotSetUp, PartUnavailable):
        raise
    except kind as error:
        is_of_one = isinstance(error, AttemptUnavailable) or can_work(session.laboratory)
        if len(standing.untold) == NAMED or not is_of_one:
            raise
        standing.untold.append((attempt, error))


def _note(session: Session, standing: Standing) -> None:
    """Say what waits for a person, what was lost, and what only another folder can tell."""
    if standing.untold and not standing.n_told:
        session.tally.note(unreached(session, standing.untold[0][1]))
    for attempt, error in standing.untold if standing.n_told else ():
        session.tally.note(untold(session, attempt, str(error)))
    for line in said_of(session.view, standing.wanting):
        session.tally.note(line)
    if standing.n_told:
        keep(session.settings, session.name, {attempt.key: wants for attempt, wants in standing.wanting})
        keep_said(session.settings, session.name, standing.said)
    for attempt, how in standing.lost[:NAMED]:
        session.tally.note(f"{session.view.label(attempt.settings)} ({attempt.key}) was lost: {how}")
    if more := len(standing.lost[NAMED:]):
        session.tally.note(f"{plural(more, 'more experiment')} {'was' if more == 1 else 'were'} lost")
    if n := len(standing.elsewhere):
        session.tally.note(
            f"{n} of the experiments under way {'is' if n == 1 else 'are'} not on record as sent from "
            f"{_folder(session)}, and the laboratory "
            "cannot tell here whether they run: go on from the folder that sent them, or bring it here; where that "
            "cannot be, hakken resolve says of each whether it ran"
        )


def _is_in_doubt(attempt: AttemptRecord) -> bool:
    return attempt.state in (State.SENDING, State.AMBIGUOUS) or attempt.handle is None


def _with_this_laboratory(session: Session) -> list[AttemptRecord]:
    """Attempts to ask about. One that another adapter has is left alone: this one never heard of its key."""
    mine = []
    for attempt in session.view.pending:
        if attempt.state is State.READY:
            continue
        if attempt.adapter in (None, session.adapter):
            mine.append(attempt)
        else:
            session.tally.note(
                f"attempt {attempt.key} is with the laboratory {attempt.adapter!r}, and the campaign file names "
                f"{session.adapter!r}; name {attempt.adapter!r} again until it has ended"
            )
    return mine


def _look_up(session: Session, attempt: AttemptRecord, standing: Standing) -> None:
    """Was it sent? The laboratory is asked by key; it is never sent again on doubt."""
    key = AttemptKey(attempt.key)
    found = session.laboratory.find(key)
    reached("reconcile.found")
    match found:
        case Found(handle, started):
            if not started:
                if not session.view.is_active or session.is_halted:
                    return  # it lies there inert, and nothing is to be started now
                if _is_overtaken(session, attempt):
                    _doubt_elsewhere(session, attempt, standing)
                    return
                if not _may_start(session, attempt, handle, standing):
                    return
                session.laboratory.start(handle, key)
                session.tally.sent += 1
                reached("reconcile.started")
            if attempt.state in (State.SUBMITTED, State.RUNNING):
                standing.ended += [(attempt, handle)] if _has_ended(session, handle) else []
                return
            detail = "found by its key" if started else "found prepared, and started"
            standing.steps.append(lambda work: _accept(work, session, attempt, handle, detail))
        case Absent() if not session.sent.is_last(session.ledger.events(key)):
            _doubt_elsewhere(session, attempt, standing)
        case Absent():
            if attempt.state in (State.SENDING, State.AMBIGUOUS):
                standing.steps.append(lambda work: work.move(key, Event.ABSENT, "the laboratory never got it"))
        case Unknown(why):
            if attempt.state is State.SENDING:
                standing.steps.append(lambda work: work.move(key, Event.DOUBTED, why))
                session.tally.note(f"attempt {key} may or may not have run: {why}")


def _ask(session: Session, attempt: AttemptRecord, standing: Standing, judge: Judge) -> None:
    """Where does an attempt stand that the laboratory has?"""
    assert attempt.handle is not None
    key, handle = AttemptKey(attempt.key), Handle(attempt.handle)
    status = session.laboratory.status(handle)
    match status.phase:
        case Phase.PREPARED:
            if not session.view.is_active or session.is_halted:
                return
            if _is_overtaken(session, attempt):
                _doubt_elsewhere(session, attempt, standing)
            elif _may_start(session, attempt, handle, standing):
                session.laboratory.start(handle, key)  # harmless where it was started: idempotent by handle
        case Phase.WAITING | Phase.RUNNING:
            if status.wants:
                standing.wanting.append((attempt, status.wants))
            elif status.detail and not is_by_person(session.laboratory, attempt):
                standing.said[attempt.key] = status.detail
            if status.phase is Phase.RUNNING and attempt.state is State.SUBMITTED:
                standing.steps.append(lambda work: work.move(key, Event.STARTED, status.detail))
        case Phase.ENDED:
            standing.ended.append((attempt, handle))
        case Phase.LOST:
            _lost(session, attempt, status.detail, standing, judge)


def _may_start(session: Session, attempt: AttemptRecord, handle: Handle, standing: Standing) -> bool:
    """Whether what lies prepared may be done as the file and the bans are now; else it is called off.

    Beyond a limit, or where its recipe cannot be made, it ends as a fault. Where a changed file or a ban keeps it out
    it ends as never sent, or as cancelled where the laboratory was told to start it before.
    """
    spec = session.view.spec
    recipe = build_recipe(spec)
    if problems := [*impossible(recipe, attempt.settings), *broken(build_limits(spec), attempt.settings, recipe)]:
        fault = Fault.of(FaultKind.INPUT_ERROR, "; ".join(map(str, problems)))
    elif why := barred(session.view, [attempt])[attempt.key]:
        fault = Fault.of(FaultKind.CANCELLED, why)
    else:
        return True
    if session.laboratory.capabilities().can_cancel:
        session.laboratory.cancel(handle, fault.message)
    session.tally.note(f"{session.view.label(attempt.settings)} was not started: {fault.message}")
    if fault.kind is FaultKind.CANCELLED and attempt.state in (State.SENDING, State.AMBIGUOUS):
        standing.steps.append(lambda work: _withdraw(work, attempt, fault.message))
        return False
    session.tally.faults += 1
    session.tally.accepted += 1
    standing.steps.append(lambda work: conclude(work, attempt, fault))
    return False


def _withdraw(work: Work, attempt: AttemptRecord, why: str) -> None:
    work.move(attempt.key, Event.ABSENT, "prepared, and never started")
    work.move(attempt.key, Event.EXPIRE, why)


def _lost(session: Session, attempt: AttemptRecord, detail: str, standing: Standing, judge: Judge) -> None:
    """The laboratory had it and knows it no more: run again only where it is sure that nothing is left of it."""
    key = AttemptKey(attempt.key)
    match session.laboratory.find(key):
        case Found():
            session.tally.note(f"attempt {key}: the laboratory knows the key but not the handle {attempt.handle!r}")
        case Absent() if not session.sent.is_last(session.ledger.events(key)):
            _doubt_elsewhere(session, attempt, standing)
        case Absent():
            fault = Fault.of(FaultKind.COMPUTE_LOST, detail or "the laboratory no longer knows it")
            retry = judge.wants_retry(attempt, fault)
            session.tally.faults += 1
            session.tally.accepted += 1
            standing.lost.append((attempt, fault.message))
            standing.steps.append(lambda work: conclude(work, attempt, fault, retry=retry))
        case Unknown(why):
            standing.steps.append(lambda work: work.move(key, Event.DOUBTED, why))
            session.tally.note(f"attempt {key} may or may not have run: {why}")


def _is_overtaken(session: Session, attempt: AttemptRecord) -> bool:
    """Whether what lies prepared here was sent from another folder since, on a person's word that it never ran."""
    return session.sent.is_overtaken(session.ledger.events(attempt.key))


def _doubt_elsewhere(session: Session, attempt: AttemptRecord, standing: Standing) -> None:
    """It was not last sent from here, so that a laboratory that remembers here cannot be sure of what runs."""
    standing.elsewhere.append(attempt)
    if attempt.state is not State.AMBIGUOUS:
        why = f"{NOT_FROM} {_folder(session)}"
        standing.steps.append(lambda work: work.move(attempt.key, Event.DOUBTED, why))


def _folder(session: Session) -> str:
    return f"{session.sent.folder} (another folder, or an earlier hakken)"


def _has_ended(session: Session, handle: Handle) -> bool:
    return session.laboratory.status(handle).phase is Phase.ENDED


def _accept(work: Work, session: Session, attempt: AttemptRecord, handle: Handle, detail: str) -> None:
    work.move(attempt.key, Event.ACCEPTED, detail, adapter=session.adapter, handle=handle)
