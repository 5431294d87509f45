"""Handing out: experiments given to whoever asks, each to one, and the same ones to a request that comes again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from flows.engine.changes.versions import said_of_edits
from flows.engine.holding import PATIENCE
from flows.engine.last_round import note_handout
from flows.engine.looking.experiments import experiment_spec
from flows.engine.looking.handouts import as_run, waiting
from flows.engine.looking.procedures import Procedures
from flows.engine.looking.view import View
from flows.engine.looking.whose import has_asked
from flows.engine.passes import one_pass, report_of, sitting
from flows.engine.session import Session
from flows.engine.steps.judgement import conclude
from flows.engine.steps.planners import Planner
from flows.handed import ASK_TELL, Handout, asker, handed, handouts
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.errors import HakkenError, LedgerError, NotFound
from loop.experiment import Event, State
from loop.limits import broken
from loop.outcome import Fault, FaultKind
from loop.recipe import impossible
from loop.record import Arm, AttemptRecord, ProposalRecord
from loop.spec import build_limits, build_recipe

if TYPE_CHECKING:
    from flows.settings import Settings

REQUEST: Final = r"[A-Za-z0-9_.:~%-]{1,120}"  # a key under which experiments are asked for
MOST: Final = 10_000  # experiments of one request
PASSES: Final = 3  # at most, until a request is answered
FEW: Final = 4  # rounds that are read by themselves


class AskError(HakkenError):
    """What is asked cannot be answered as it is: mend the request, or the laboratory section of the campaign."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as whoever asks for it gets it.

    Attributes:
        key: Under which its result is told.
        state: Of its attempt: ``submitted`` waits to be asked for, ``running`` was handed out, ``ended`` has a result.
        handed_to: Who has it, or had it when it ended; "" where nobody was given it.
        request: Under which key it was asked for.
        arm: Why it was chosen: by a model, by the initial design, as a control, ...
        reason: The same in a sentence.
        settings: Each parameter's option, by the name that it has now, or number.
        units: Of the numbers.
        smiles: Canonical SMILES of the settings that are structures.
        targets: What is to be measured, and in which unit it is wanted.
        place: Plate, well, row, column and block, where the batch is a plate.
        predicted: Of each target, mean and standard deviation as they were believed, in its unit.
        procedure: What is done at the bench, ``{"text", "steps"}``, where the campaign has a recipe and that, which may
            have been changed since, can make it.
        handed_with: The procedure that it was handed out with, where it is still out and that is another one by now.
    """

    campaign: str
    key: str
    state: str
    handed_to: str
    request: str
    round: int
    replicate_no: int
    arm: str
    reason: str
    settings: Mapping[str, str | float]
    units: Mapping[str, str]
    smiles: Mapping[str, str]
    targets: Mapping[str, str]
    place: Mapping[str, str]
    predicted: Mapping[str, Mapping[str, float]]
    procedure: Mapping[str, Any] | None
    handed_with: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to a request.

    Attributes:
        request: The key of the request.
        experiments: What is handed out, in the order in which it is to be run; of a request that was answered before,
            the same, as they stand now.
        is_repeated: Whether the request was answered before.
        state: Of the campaign: active, finished, stopped or halted.
        next_step: What comes next, in a sentence; why there are no more experiments, where there are fewer.
        notes: What the pass that was made has to say, and that the campaign file says something else by now.
    """

    campaign: str
    request: str
    experiments: tuple[Experiment, ...]
    is_repeated: bool
    state: str
    next_step: str
    notes: tuple[str, ...] = ()


def ask(
    settings: Settings,
    name: str,
    experiments: int,
    *,
    request: str,
    by: str,
    planner: Planner | None = None,
    patience: float = PATIENCE,
) -> Asked:
    """Hand out at most so many experiments of a laboratory that is asked, planning the next batch where one is due.

    They are on record as handed out before they are returned, all or none. The same request again, by the same, gives
    the same experiments, and plans nothing; one that was answered with none is answered anew.

    Args:
        settings: Where the record is.
        name: The campaign.
        experiments: At most so many; fewer where fewer wait and no batch is due before results are told.
        request: A key of the client's own: letters, digits and ``_.:~%-``, at most 120.
        by: Who asks, as it stands in the record.
        planner: Plans the batch; ``loop.planner.plan`` when left out.
        patience: Seconds to wait for whoever works on the campaign.

    Raises:
        NotFound: There is no such campaign.
        AskError: Its laboratory is not asked for experiments, the request is wrong, or its key is somebody else's.
        LeaseHeld: Somebody else works on it and gives no way.
    """
    if isinstance(experiments, bool) or not isinstance(experiments, int) or not 1 <= experiments <= MOST:
        raise AskError(f"experiments must be a whole number from 1 to {MOST}, got {experiments!r}")
    check_request(request, by)
    edited = said_of_edits(settings, name)
    with sitting(settings, name, planner=planner, patience=patience) as session:
        if not has_asked(session.view.campaign.spec):
            raise AskError(
                f"campaign {name!r}: its laboratory {session.adapter!r} is sent its experiments; write adapter: "
                f"{ASK_TELL} under laboratory where they are to be asked for"
            )
        before = asker(session.ledger.steps(name), request)
        if before not in ("", by):
            raise AskError(
                f"the key {request!r} is one that {before!r} asked under, who has those experiments; give this request "
                "a key of its own"
            )
        is_repeated = bool(before)
        notes = () if is_repeated else _prepare(session, experiments)
        if not is_repeated:
            _hand_out(session, experiments, request, by)
        report = report_of(session)
        out = handouts(session.ledger.steps(name))
        given = _described(session.view, [key for key, its in out.items() if its.request == request], out)
        fewer = () if is_repeated else _why_fewer(session.view, len(given), experiments)
        remade = [note for e in given if e.state == State.RUNNING and (note := other_procedure(session.view, e))]
        return Asked(
            name,
            request,
            given,
            is_repeated,
            report.state,
            report.next_step,
            tuple(dict.fromkeys((*([edited] if edited else []), *notes, *fewer, *remade, *report.notes))),
        )


def give_back(
    settings: Settings,
    name: str,
    key: str,
    *,
    by: str,
    request: str | None = None,
    why: str = "",
    patience: float = PATIENCE,
) -> AttemptRecord:
    """Take an experiment back that was handed out and, on the word of ``by``, never ran: the next who asks gets it.

    ``request`` is the one under which it was handed out. Where it was given back from there before, nothing changes: it
    may be with somebody else by now. A person who looked may leave it out.

    Raises:
        NotFound: The campaign has no such experiment.
        LedgerError: It is not handed out now, or never was under that request.
        LeaseHeld: Somebody else works on the campaign and gives no way.
    """
    with sitting(settings, name, patience=patience) as session:
        attempt = _attempt(session.view, key)
        steps = session.ledger.steps(name)
        out = handouts(steps).get(attempt.key)
        if request is not None and (out is None or out.request != request):
            if asker([step for step in steps if step.key == attempt.key], request):
                return attempt
            raise LedgerError(
                f"experiment {attempt.key} was not handed out under the key {request!r}; give back what was handed out "
                "under it"
            )
        if out is None or attempt.state is not State.RUNNING:
            raise LedgerError(
                f"experiment {attempt.key} is {attempt.state.value} and not handed out, so it cannot be given back; "
                "what ran and failed is told as a fault"
            )
        said = f"given back, as it never ran, by {by}" + (f": {why.strip()}" if why.strip() else "")
        with session.work(actor=by) as work:
            work.move(attempt.key, Event.ABSENT, said)
        reached("ask.given-back")
        return session.ledger.attempt(attempt.key)


def experiments_of(settings: Settings, name: str, states: Sequence[State] | None = None) -> tuple[Experiment, ...]:
    """Every experiment of a campaign in these states, those that have not ended when left out. Writes nothing.

    Raises:
        NotFound: There is no such campaign.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        chosen = view.pending if states is None else [a for a in view.attempts if a.state in states]
        return _described(view, [a.key for a in chosen])


def experiment(settings: Settings, name: str, key: str) -> Experiment:
    """One experiment, named by its key or a beginning of it. Writes nothing.

    Raises:
        NotFound: The campaign has no such experiment.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        return _described(view, [_attempt(view, key).key])[0]


def other_procedure(view: View, experiment: Experiment) -> str:
    """That what was handed out has no procedure, or another one, since the campaign file was changed; "" elsewhere."""
    label = view.label(experiment.settings)
    with_that = "; the one that it was handed out with stands beside it" if experiment.handed_with else ""
    changed = "by the recipe of the campaign file, which was changed since it was handed out"
    if experiment.procedure is not None:
        return f"{label} has another procedure {changed}{with_that}" if with_that else ""
    if found := impossible(build_recipe(view.spec), experiment.settings):
        return f"{label} has no procedure {changed}: {'; '.join(map(str, found))}{with_that}"
    return f"{label} has no procedure, as the campaign file has no recipe any more{with_that}" if with_that else ""


def check_request(request: str, by: str) -> None:
    """Raises ``AskError`` where a request has no key by which it is known again, or nobody makes it."""
    if not (isinstance(request, str) and re.fullmatch(REQUEST, request)):
        raise AskError(
            f"the key of a request must be 1 to 120 letters, digits or any of _.:~%-, got {request!r}; a UUID will do"
        )
    if not by.strip():
        raise AskError("who asks must be named, as it stands in the record; set HAKKEN_USER")


def _attempt(view: View, key: str) -> AttemptRecord:
    found = [a for a in view.attempts if a.key == key] or [
        a for a in view.attempts if key and a.key.lower().startswith(key.lower())
    ]
    if not found:
        raise NotFound(
            f"no experiment of campaign {view.name!r} has the key {key!r}; hakken export {quote(view.name)} todo.csv "
            "--waiting writes those that wait, with their keys"
        )
    if len(found) > 1:
        raise NotFound(
            f"{len(found)} experiments of campaign {view.name!r} have keys that begin with {key!r}; give one whole"
        )
    return found[0]


def _why_fewer(view: View, given: int, wanted: int) -> Iterator[str]:
    """That the campaign file has fewer planned at a time than were asked for, where it is that which kept them back."""
    at_a_time = view.spec.planner.batch
    if given >= wanted or at_a_time >= wanted or view.spec.plate is not None or len(view.pending) < at_a_time:
        return
    if all(p.draft.arm is not Arm.INITIAL for p in view.ledger.proposals(view.name, view.round_number)):
        yield (
            f"{wanted} were asked for, and planner.batch of the campaign file has {at_a_time} at a time; batch: "
            f"{wanted} has as many chosen together"
        )


def _prepare(session: Session, experiments: int) -> tuple[str, ...]:
    """Make passes until enough wait, or one changes nothing; returns what they had to say.

    A second one is due where the first took back all that waited.
    """
    notes: list[str] = []
    for _ in range(PASSES):
        one_pass(session)
        notes += session.tally.notes
        if len(waiting(session.view)) >= experiments or not session.tally.has_moved:
            break
    return tuple(notes)


def _hand_out(session: Session, experiments: int, request: str, by: str) -> None:
    """Put on record that the first of what waits is handed out; what breaks a limit by now ends as a fault instead."""
    view = session.view
    if not view.is_active or session.is_halted:
        return
    spec, kept = view.spec, list[AttemptRecord]()
    limits, recipe = build_limits(spec), build_recipe(spec)
    refused: list[tuple[AttemptRecord, Fault]] = []
    for attempt in waiting(view):
        if len(kept) == experiments:
            break
        named = view.space.as_named(attempt.settings, attempt.smiles)
        if found := [*impossible(recipe, named), *broken(limits, named, recipe)]:
            refused.append((attempt, Fault.of(FaultKind.INPUT_ERROR, "; ".join(map(str, found)))))
        else:
            kept.append(attempt)
    if not kept and not refused:
        return
    with session.work(actor=by) as work:
        for attempt, fault in refused:
            conclude(work, attempt, fault)
        for attempt in kept:
            work.move(attempt.key, Event.STARTED, handed(by, request))
    if kept:
        _note_handout(session, kept[-1].key, request)
    for attempt, fault in refused:
        session.tally.faults += 1
        session.tally.accepted += 1
        session.tally.note(f"{view.label(attempt.settings)} is not handed out: {fault.message}")
    session.refresh()
    reached("ask.handed")


def _note_handout(session: Session, key: str, request: str) -> None:
    """Note it beside the record, so that an older copy of that is known; it is on record, and given all the same."""
    try:
        note_handout(session.settings, session.name, key, request)
    except OSError as error:
        session.tally.note(
            f"what is handed out could not be noted in {session.settings.folder(session.name)} ({error.strerror}); an "
            "older copy of the record that is put back would have it handed out once more"
        )


def _described(view: View, keys: Sequence[str], out: Mapping[str, Handout] | None = None) -> tuple[Experiment, ...]:
    """Experiments in the order in which they are to be run; ``out`` are all handouts, read here when left out."""
    if not keys:
        return ()
    out = handouts(view.ledger.steps(view.name)) if out is None else out
    chosen = set(keys)
    mine = sorted((a for a in view.attempts if a.key in chosen), key=as_run)
    proposals = {p.id: p for p in _proposals(view, sorted({a.round_number for a in mine}))}
    procedures = Procedures(view)
    return tuple(_experiment(view, a, proposals[a.proposal_id], out.get(a.key), procedures) for a in mine)


def _proposals(view: View, rounds: Sequence[int]) -> Iterable[ProposalRecord]:
    """Those of some rounds at least; of a few rounds no others are read, with all that was predicted of them."""
    if len(rounds) > FEW:
        return view.proposals
    return (p for number in rounds for p in view.ledger.proposals(view.name, number))


def _experiment(
    view: View, attempt: AttemptRecord, proposal: ProposalRecord, out: Handout | None, procedures: Procedures
) -> Experiment:
    by_now = replace(attempt, settings=view.space.as_named(attempt.settings, attempt.smiles))
    spec = experiment_spec(view.spec, by_now)
    whole = [p for p in proposal.draft.predictions if p.member == "committee"] or proposal.draft.predictions
    return Experiment(
        campaign=view.name,
        key=attempt.key,
        state=attempt.state.value,
        handed_to="" if out is None else out.by,
        request="" if out is None else out.request,
        round=attempt.round_number,
        replicate_no=attempt.replicate_no,
        arm=proposal.draft.arm.value,
        reason=proposal.draft.reason,
        settings=spec.settings,
        units=spec.units,
        smiles=spec.smiles,
        targets=spec.targets,
        place=spec.place,
        predicted={p.target: {"mean": p.mean, "sd": p.sd} for p in whole if p.target in spec.targets},
        procedure=procedures.now(spec.settings),
        handed_with=procedures.then(attempt, out),
    )
