"""A pass (a tick): reconcile, ingest, propose, dispatch, close plates, report. Short, stateless, may be killed.

Thousands of them make a campaign. Whatever a killed pass left half done is on record, and the next one finds it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.engine.holding import holding
from flows.engine.last_round import check_last
from flows.engine.looking.audited import Audited, audited
from flows.engine.looking.examining import examined
from flows.engine.looking.failing import failed, failing
from flows.engine.looking.handouts import n_at_work
from flows.engine.looking.held import standstill
from flows.engine.looking.insights import Insights, insights_of
from flows.engine.looking.left_pinned import left_pinned
from flows.engine.looking.made_again import made_again
from flows.engine.looking.next_step import next_step
from flows.engine.looking.overdue import overdue
from flows.engine.looking.reports import TickReport
from flows.engine.looking.view import View
from flows.engine.session import Session, Tally
from flows.engine.steps.cancelling import cancel_what_runs, halted_note, still_run
from flows.engine.steps.closing import close_plates
from flows.engine.steps.correcting import with_corrections
from flows.engine.steps.dispatching import dispatch
from flows.engine.steps.ingesting import ingest, judge_all
from flows.engine.steps.parts import is_by_person
from flows.engine.steps.planners import Planner
from flows.engine.steps.proposing import propose
from flows.engine.steps.reconciling import reconcile
from flows.engine.steps.stopping import stop_where_broken
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.contracts import Adapter, Handle, Ledger, RunsTogether
from loop.errors import AdapterUnavailable, HakkenError, LeaseHeld
from loop.safety import SafetyStop, safety_of

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.examination import Examination


def tick(settings: Settings, name: str, *, planner: Planner | None = None) -> TickReport:
    """One pass over a campaign.

    Args:
        settings: Where the record is.
        name: The campaign.
        planner: Plans the batch; ``loop.planner.plan`` when left out.

    Raises:
        NotFound: There is no such campaign.
        LeaseHeld: Somebody else works on it now.
        OlderRecord: The record lacks a round that a pass in this folder saw.
        AdapterError: Its laboratory cannot be built.
    """
    with sitting(settings, name, planner=planner) as session:
        one_pass(session)
        page = write_page(session) if session.tally.has_moved else None
        return report_of(session, page)


@contextmanager
def sitting(
    settings: Settings, name: str, *, planner: Planner | None = None, patience: float = 0.0, for_safety: bool = False
) -> Iterator[Session]:
    """The record opened and the campaign held for the length of the block; raises as ``tick`` does.

    ``for_safety``, to call off what runs, an older record serves as well.
    """
    with open_record(settings) as ledger, holding(ledger, settings, name, patience=patience) as held:
        if not for_safety:
            check_last(settings, name, ledger)
        yield Session(settings, name, ledger, held, planner=planner)


def one_pass(session: Session) -> None:
    """Everything that one pass does, save the page and the report."""
    session.tally = Tally()
    session.refresh()
    session.take_up_mended()
    look(session)
    propose(session)
    dispatch(session)
    close_plates(session)


def look(session: Session) -> None:
    """Take in what happened: what a killed pass left unjudged, then what the laboratory says now.

    Where too many experiments in a row ended in a fault that teaches nothing, the campaign stops. Where a safety stop
    is in force, what runs is called off if the campaign file says so.
    """
    if session.view.unjudged:  # first, lest a result that is on record be looked up, or its attempt sent again
        judge_all(session)
    _take_in(session)
    stop_where_broken(session)
    if cancel_what_runs(session):
        _take_in(session)  # what that came to


def _take_in(session: Session) -> None:
    ingest(session, with_corrections(session, reconcile(session)))


def call_off(settings: Settings, stops: Sequence[SafetyStop], *, but: str = "") -> tuple[str, ...]:
    """Call off what runs in each campaign that these stops halt and whose file says so; no lease is waited for.

    Args:
        settings: Where the record is.
        stops: Safety stops that have just been made.
        but: A campaign that did so already.

    Returns:
        Notes on what was called off, what could not be, and what goes on all the same.
    """
    if not stops:
        return ()
    with open_record(settings) as ledger:
        names = dict.fromkeys(name for stop in stops for name in halted_by(ledger, stop) if name != but)
        cancelling = [n for n in names if safety_of(ledger.campaign(n).spec).get("running") == "cancel"]
        notes = [note for n in names if n not in cancelling and (note := _left_running(View(ledger, n)))]
    for each in cancelling:
        notes += [f"{each}: {note}" for note in _called_off(settings, each)]
    return tuple(notes)


def halted_by(ledger: Ledger, stop: SafetyStop) -> tuple[str, ...]:
    """Names of the campaigns that a stop holds for, its own first."""
    held = [c.name for c in ledger.campaigns() if any(s.id == stop.id for s in ledger.stops(c.name))]
    return (stop.campaign, *(name for name in held if name != stop.campaign))


def _left_running(view: View) -> str:
    """What goes on although the campaign is halted, where its file does not have that called off."""
    if not (n := n_at_work(view)):
        return ""
    return f"{view.name}: {still_run(n)}, as its file has no laboratory.safety.running: cancel; see to them there"


def _called_off(settings: Settings, name: str) -> Sequence[str]:
    """Call off what a campaign runs; returns what is to be said of that."""
    try:
        with sitting(settings, name, for_safety=True) as session:
            look(session)
            return [note for note in session.tally.notes if note != halted_note(session.view)]
    except LeaseHeld:
        return ["the process that works on it cancels what runs in its next pass"]
    except HakkenError as error:  # the stop is on record, and nothing may hide that
        return [f"what runs could not be cancelled ({error})"]


def write_page(session: Session, *, in_full: bool = False) -> str | None:
    """The campaign's page, drawn anew; its path, or None where it could not be drawn.

    ``in_full`` adds what takes seconds more and changes little from pass to pass: what atoms or parameters add, and
    the verdict on the models, which the session keeps too.
    """
    from flows.report import build, write  # brings RDKit and templates: only where a page is drawn

    path = session.settings.folder(session.name) / "report.html"
    try:
        believed = None if session.judge is None else session.judge(session.view)
        is_asked = in_full and session.judge is not None
        session.examined = _examined(session) if is_asked else {}
        folder = session.settings.folder(session.name)
        insights = insights_of(session.view, folder, session.examined) if is_asked else Insights()
        found = Audited(session.ledger.verify_audit()) if in_full else audited(session.settings, session.ledger)
        page = build(
            session.ledger,
            session.name,
            believed,
            insights,
            session.files,
            session.view.left_out,
            found.report,
            found.at,
            path,
        )
        write(page, path)
    except Exception as error:  # a page that cannot be drawn must not stop experiments; the record has everything
        why = " ".join(f"{type(error).__name__}: {error}".split())
        anew = f"hakken report {shlex.quote(session.name)} writes it anew"
        session.tally.note(f"the page {path} could not be written ({why}); {anew}")
        return None
    reached("report.written")
    return str(path)


def _examined(session: Session) -> Mapping[str, Examination]:
    """The verdict on the models; without one the page is drawn all the same."""
    try:
        return examined(session.view)
    except Exception as error:
        session.tally.note(f"the models could not be examined ({type(error).__name__}: {error})")
        return {}


def _by_person(view: View, laboratory: Callable[[], Adapter]) -> frozenset[str]:
    """Keys of pending attempts whose results a person brings; none while a run goes on that a person waits for."""
    if not view.pending:
        return frozenset()
    with suppress(AdapterUnavailable):  # of one that cannot tell whether it is at work nobody says that a person is
        there = [Handle(a.handle) for a in view.pending if a.handle]
        if not (isinstance(it := laboratory(), RunsTogether) and it.is_at_work(there)):
            return frozenset(a.key for a in view.pending if is_by_person(it, a))
    return frozenset()


def report_of(session: Session, page: str | None = None) -> TickReport:
    """What the pass did, and what comes next."""
    view, tally = session.view, session.tally
    by_person = _by_person(view, lambda: session.laboratory)
    held = standstill(view, lambda: session.laboratory)
    sentence, waits = next_step(
        session.settings,
        view,
        by_person=by_person,
        held=held,
        lacks=tally.lacks,
        is_exhausted=session.exhausted is not None,
    )
    faults = failing(view) or (*failed(view.name, tally.failed), *made_again(view, tally.failed))
    for line in (*overdue(view, datetime.now(UTC)), *faults, *left_pinned(view)):
        tally.note(line)
    for line in call_off(session.settings, session.stops_since(), but=view.name):
        tally.note(line)
    return TickReport(
        campaign=view.name,
        state=view.state,
        reason=view.reason,
        round=view.round_number,
        experiments_done=view.done,
        measured=view.measured,
        budget=view.spec.budget.experiments,
        sent=tally.sent,
        received=tally.received,
        accepted=tally.accepted,
        faults=tally.faults,
        proposed=tuple(tally.proposed),
        pending=view.pending_by_state,
        running=view.running(),
        best=view.best,
        notes=tuple(tally.notes),
        next_step=sentence,
        waits_for_person=waits,
        spending=view.spending.text,
        nearest=view.nearest,
        regret=view.regret if tally.proposed else "",
        hits=view.hits,
        report=page,
    )
