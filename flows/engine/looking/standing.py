"""Standing: where campaigns stand, read from the record alone and fast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.registry import measurers_in
from flows.asleep import asleep
from flows.engine.changes.versions import said_of_edits
from flows.engine.last_round import said_of_older
from flows.engine.looking.doubts import doubts_of
from flows.engine.looking.failing import failing
from flows.engine.looking.forbidden import forbidden
from flows.engine.looking.held import standstill
from flows.engine.looking.held_up import held_up
from flows.engine.looking.left_pinned import left_pinned
from flows.engine.looking.next_step import next_step
from flows.engine.looking.outgrown import outgrown, ran_out_of
from flows.engine.looking.overdue import overdue
from flows.engine.looking.reports import StatusReport
from flows.engine.looking.unsent import unsent
from flows.engine.looking.view import View, rounds_of
from flows.engine.looking.whose import brings_person, pending_with
from flows.wiring import open_laboratory, open_record
from loop.errors import HakkenError, LedgerError, NoRecord
from loop.experiment import State
from loop.history import History
from loop.outcome import Fault
from loop.record import CampaignState
from loop.spec import declared_of
from loop.spec.sieving import told_of_products

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.settings import Settings


def status(
    settings: Settings, name: str | None = None, file_as: Callable[[Path], str] | None = None
) -> tuple[StatusReport, ...]:
    """Where one campaign stands, or every campaign, oldest first. Writes nothing.

    A laboratory is built only where a plate lies ready for it, to say whether it can be made.

    Args:
        settings: Where the record is.
        name: The campaign; every one when left out.
        file_as: How campaign files are called, which are then read, and said to be ``edited`` where they are; not read
            when left out.

    Raises:
        NotFound: There is no such campaign.
    """
    try:
        with open_record(settings) as ledger:
            names = [name] if name is not None else [c.name for c in ledger.campaigns()]
            reports = tuple(_status(settings, View(ledger, n)) for n in names)
    except NoRecord:
        if name is None:
            return ()
        raise
    if file_as is None:
        return reports
    return tuple(replace(r, edited=said_of_edits(settings, r.campaign, file_as)) for r in reports)


def _status(settings: Settings, view: View) -> StatusReport:
    """All that can be told; where a library is gone, the campaign's folder cannot be read, or the record is an older
    copy, what the record alone tells, and how to have the rest: what is wrong with one campaign hides no other.
    """
    recorded = _recorded(view)
    if older := said_of_older(settings, view.name, view.ledger):
        return replace(recorded, next_step=older)
    try:
        held = standstill(view, lambda: open_laboratory(settings, view.spec))
        sentence, _ = next_step(settings, view, by_person=_by_person(view), held=held)
        return replace(
            recorded,
            next_step=sentence,
            left_out=(*best_left_out(view), *outgrown_in(view)),
            spending=view.spending.text,
            forbidden=forbidden(view),
            held_up=(*held_up(settings, view), *unsent(settings, view), *_asleep(settings, view)),
            left_pinned=left_pinned(view),
            to_resolve=tuple(a.key for a in doubts_of(settings, view).nowhere),
        )
    except LedgerError:
        raise
    except HakkenError as error:
        return replace(recorded, next_step=str(error))
    except OSError as error:
        folder = settings.folder(view.name)
        return replace(
            recorded, next_step=f"{error.filename or folder} cannot be read here ({error.strerror}); mend its rights"
        )


def _recorded(view: View) -> StatusReport:
    """What no search space has to be built for."""
    campaign, observations = view.campaign, view.observations
    ambiguous = tuple(a.key for a in view.pending if a.state is State.AMBIGUOUS)
    return StatusReport(
        campaign=view.name,
        state=view.state,
        reason=view.reason,
        version=campaign.version,
        created=campaign.created,
        laboratory=view.spec.laboratory.adapter,
        round=view.round_number,
        experiments_done=view.done,
        budget=view.spec.budget.experiments,
        observations=len(observations),
        told=sum(o.key is None for o in observations),
        faults=sum(isinstance(o.outcome, Fault) for o in observations),
        measured=view.measured,
        pending=view.pending_by_state,
        running=view.running(),
        to_approve=rounds_of(view.undecided),
        ambiguous=ambiguous,
        to_resolve=ambiguous,
        unjudged=len(view.unjudged),
        best=view.best,
        believed=view.believed,
        next_step="",
        nearest=view.nearest,
        regret=view.regret,
        settled=view.settled,
        planned=view.planned,
        changed=_changed(view),
        hits=view.hits,
        overdue=overdue(view, datetime.now(UTC)),
        failing=failing(view),
        resources=tuple(r for r in view.figures if r.is_used),
        measured_by=measurers_in(view.spec.laboratory.adapter, view.spec.laboratory.options),
        products=told_of_products(view.spec),
        at_work=view.at_work(),
        source_of=None if view.spec.source is None else view.spec.source.of,
    )


def _changed(view: View) -> datetime:
    """When something of it was last put on record: a batch that waits for a person, and what people decide, too."""
    moments = [view.campaign.created]
    moments += [a.updated for a in view.attempts]
    moments += [o.recorded for o in view.observations]
    moments += [r.created for r in (view.last_round,) if r is not None]
    moments += [d.at for d in view.decisions]
    moments += [s.at for s in view.stops]
    return max(moments)


def _by_person(view: View) -> frozenset[str]:
    """Keys of pending attempts that a person brings the results of, as the campaign file has their laboratories."""
    return frozenset(a.key for a in pending_with(view, brings_person))


def _asleep(settings: Settings, view: View) -> tuple[str, ...]:
    return asleep(settings, view.name) if view.state == CampaignState.ACTIVE.value else ()


def outgrown_in(view: View) -> tuple[str, ...]:
    """Which versions of what ran out of time or memory are not proposed; see decision 0195."""
    if not any(isinstance(o.outcome, Fault) and ran_out_of(o.outcome, o.context) for o in view.counted):
        return ()
    history = History.of(view.space, view.counted, (), declared_of(view.spec))
    return outgrown(view.spec, view.space, view.counted, history).notes


def best_left_out(view: View) -> tuple[str, ...]:
    """Of the best single values, which candidates the campaign file leaves out, and by which rule."""
    named = {best.label: best.settings for best in view.best}
    return tuple(f"{label} was measured and {why}" for label, has in named.items() if (why := view.left_out(has)))
