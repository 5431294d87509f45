"""Simulating: batches played without a laboratory, in a record that is thrown away, to see what would go where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal

from adapters.stand_in import MadeUp, stand_in
from flows.engine.campaigns import add_campaign
from flows.engine.holding import holding
from flows.engine.looking.held import held_rounds
from flows.engine.looking.reports import _Report
from flows.engine.looking.resources import resources_of
from flows.engine.looking.whose import leaves_all_to_be_asked
from flows.engine.passes import look
from flows.engine.session import Session
from flows.engine.steps.dispatching import HELD, dispatch
from flows.engine.steps.planners import Planner
from flows.engine.steps.proposing import propose
from flows.settings import Settings
from flows.wiring import open_laboratory, open_record
from loop.contracts import Capabilities, Handle, HasParts
from loop.experiment import State
from loop.outcome import Outcome
from loop.record import AttemptRecord, ObservationRecord
from loop.spec import build_objective

if TYPE_CHECKING:
    from loop.spec import CampaignSpec

WHY: Final = "played by hakken lab simulate"
LONGEST: Final = 10_000  # passes; a batch of which one experiment runs at a time takes as many as it has experiments


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the play, as it would be for the laboratory."""

    what: Literal["proposed", "approved", "sent", "refused", "held", "waits", "result", "note"]
    text: str  # the experiment in one line, or what happened
    resource: str = ""  # where it went, or would go
    detail: str = ""  # why it was proposed, under which key it was sent, why it was refused or held back
    outcome: Outcome | None = None  # of a result; made up


@dataclass(frozen=True, slots=True)
class Play(_Report):
    """What a batch would do, step by step."""

    campaign: str
    laboratory: str
    resources: dict[str, Capabilities]  # as declared
    objective: dict[str, Any]  # the targets as the campaign has them: the words for levels
    steps: tuple[Step, ...]
    is_asked: bool = False  # whether every experiment waits until somebody asks for it


def simulate(settings: Settings, spec_path: Path | str, *, rounds: int = 1, planner: Planner | None = None) -> Play:
    """Play the first ``rounds`` batches of a campaign file: proposals, approvals, dispatch and results.

    The laboratory that it declares is asked what it can do and what it refuses, and nothing else. Record, files and
    libraries are made in a folder that is gone when this returns; the project's own are neither read nor written.

    Raises:
        SpecError: The file cannot be read, or is wrong.
        AdapterError: Its laboratory cannot be built.
    """
    with TemporaryDirectory(prefix="hakken-") as folder:
        apart = Settings(home=Path(folder) / "runs", by=settings.by, device=settings.device)
        name = add_campaign(apart, spec_path)
        with open_record(apart) as ledger, holding(ledger, apart, name) as held:
            view = Session(apart, name, ledger, held).view
            spec, objective = view.spec, view.campaign.spec["objective"]
            declared = open_laboratory(apart, spec)
            played = stand_in(declared, _made_up(spec), Path(folder) / "played")
            session = Session(apart, name, ledger, held, planner=planner, laboratory=played)
            steps = tuple(step for number in range(1, rounds + 1) for step in _round(session, number))
        parts = resources_of(declared, spec.laboratory.adapter)
        resources = {n: a.capabilities() for n, a in parts.items()}
        return Play(name, spec.laboratory.adapter, resources, objective, steps, leaves_all_to_be_asked(spec))


def _made_up(spec: CampaignSpec) -> MadeUp:
    targets = build_objective(spec).measured
    return MadeUp(
        {t.name: t.unit for t in targets},
        spec.planner.seed,
        {t.name: (t.low, t.high) for t in targets if t.low is not None and t.high is not None},
        {t.name: t.levels for t in targets if t.levels is not None},
    )


def _round(session: Session, number: int) -> Iterator[Step]:
    """One batch, from its plan to its last result."""
    noted = len(session.tally.notes)
    propose(session)
    yield from (Step("note", note) for note in session.tally.notes[noted:])
    view = session.view
    if view.round_number < number:
        yield Step("note", view.campaign.reason or "no further batch is due")
        return
    for p in view.ledger.proposals(view.name, number):
        yield Step("proposed", view.label(p.draft.candidate.settings), detail=p.draft.reason)
    if undecided := view.undecided:
        with session.work(actor=session.settings.by) as work:
            for p in undecided:
                work.decide(p.id, True, session.settings.by, WHY)
        session.refresh()
        yield Step("approved", f"{_waits(len(undecided), 'of them')} for a person", detail="taken as approved here")
    for _ in range(LONGEST):
        steps = list(_pass(session))
        yield from steps
        moves = any(s.what in ("sent", "refused", "result") for s in steps)
        pending = session.view.pending
        if not pending or not steps or (not moves and all(a.state is State.READY for a in pending)):
            return


def _pass(session: Session) -> Iterator[Step]:
    """One pass: what is sent, what is refused, what waits, what comes back."""
    before, known = {a.key: a for a in session.view.attempts}, {o.id for o in session.view.observations}
    noted = len(session.tally.notes)
    dispatch(session)
    view = session.view
    refused = {o.key: o for o in view.observations if o.id not in known}
    for a in view.attempts:
        if (o := refused.get(a.key)) is not None:
            yield Step("refused", view.label(a.settings), detail=str(getattr(o.outcome, "message", "")))
        elif a.handle is not None and before[a.key].handle is None:
            where = "" if a.place is None else f"well {a.place.well}, "
            yield Step("sent", view.label(a.settings), _resource(session, a), f"{where}under the key {a.key}")
    ready = [a.round_number for a in view.pending if a.state is State.READY]
    held = held_rounds(view, session.laboratory) if ready else {}
    for number, round_ in held.items():
        n = ready.count(number)
        many = _waits(n, f"of round {number}")
        yield Step("held", f"{many} for {round_.waits_for}", detail=f"{round_.why}; {round_.then}")
    if waits := sum(number not in held for number in ready):
        yield Step("waits", f"{_waits(waits)} until there is room")
    look(session)
    attempts = {a.key: a for a in session.view.attempts}
    for o in session.view.observations:
        if o.id not in known and o.key not in refused:
            yield Step("result", session.view.label(o.settings), _of(session, attempts, o), outcome=o.outcome)
    told = (" was not sent: ", HELD)  # as steps of their own
    said = [n for n in session.tally.notes[noted:] if not any(words in n for words in told)]
    yield from (Step("note", note) for note in said)


def _of(session: Session, attempts: dict[str, AttemptRecord], observation: ObservationRecord) -> str:
    return _resource(session, attempts[observation.key]) if observation.key in attempts else ""


def _resource(session: Session, attempt: AttemptRecord) -> str:
    """Where an attempt went."""
    laboratory = session.laboratory
    if isinstance(laboratory, HasParts) and attempt.handle is not None:
        return laboratory.part_of(Handle(attempt.handle))
    return session.adapter


def _waits(n: int, of: str = "") -> str:
    """How many wait, such as "1 of round 2 waits"."""
    return f"{n} {of}".rstrip() + (" waits" if n == 1 else " wait")
