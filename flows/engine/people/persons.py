"""What only a person decides: retractions, doubts, and whether a campaign goes on."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from flows.engine.changes.laboratory import to_be_told
from flows.engine.looking.view import WITH_LABORATORY
from flows.engine.people.rows import file_of, is_told
from flows.engine.people.writing import deciding, writing
from flows.not_run import refuse_source
from flows.shown.words import outcome_line
from flows.wiring import open_record
from loop.contracts import Ledger, Work
from loop.errors import LedgerError, NotFound
from loop.experiment import Event, State
from loop.outcome import Fault, FaultKind, write_outcome
from loop.record import AttemptRecord, CampaignState, EnvelopeDraft, ObservationRecord
from loop.safety import see_that_nothing_halts

if TYPE_CHECKING:
    from flows.settings import Settings


def retract(
    settings: Settings,
    name: str,
    id_or_prefix: str,
    *,
    by: str,
    why: str,
    whole_plate: bool = False,
    whole_file: bool = False,
) -> tuple[ObservationRecord, ...]:
    """Let an observation count no more; it stays on record. It is named by its id, its attempt's key, or a beginning.

    ``whole_plate``: every one that counts of its plate, or of the plate that is named in its place; ``whole_file``: of
    the told file that it came in, or that is named. Returns what was retracted.

    Raises:
        NotFound: No observation, plate or file, or more than one, is named so.
        LedgerError: It was retracted before, lies on no plate that was said or came in no told file, or no reason is
            given.
    """
    if not why.strip():
        raise LedgerError("a retraction needs a reason, which stays on record; give it with --why")
    with open_record(settings) as ledger:

        def look() -> tuple[ObservationRecord, ...]:
            if whole_file:
                return _of_a_file(ledger, name, id_or_prefix)
            if whole_plate:
                return _of_a_plate(ledger, name, id_or_prefix)
            return (_observation(ledger, name, id_or_prefix),)

        with deciding(settings, ledger, name, by, look) as (work, retracted):
            for each in retracted:
                work.retract(each.id, by, why)
        return retracted


def _of_a_plate(ledger: Ledger, name: str, said: str) -> tuple[ObservationRecord, ...]:
    """What counts of a plate, the one of that number or name or the one that an observation is of: as it was planned,
    else as the observation says."""
    planned = {a.key: a.place.plate for a in ledger.attempts(name) if a.place is not None}

    def plate_of(o: ObservationRecord) -> int | str | None:
        told = o.context.get("plate")
        return planned.get(o.key or "", None if told is None else str(told))

    plates = dict.fromkeys(plate_of(o) for o in ledger.observations(name, with_retracted=True))
    called = [plate for plate in plates if plate is not None and str(plate) == said]
    if len(called) > 1:
        raise NotFound(
            f"campaign {name!r} planned a plate {said}, and was told results of another that is called so; name a "
            "result of the one that is meant (hakken export lists all)"
        )
    if not called:
        observation = _observation(ledger, name, said, f"no result is of a plate {said}, and ")
        if (its := plate_of(observation)) is None:
            raise LedgerError(f"result {observation.id} lies on no plate; leave --plate out")
        called = [its]
    found = tuple(o for o in ledger.observations(name) if plate_of(o) == called[0])
    if not found:
        raise LedgerError(f"of plate {called[0]} of campaign {name!r} no result counts, so none can be retracted")
    return found


def _of_a_file(ledger: Ledger, name: str, said: str) -> tuple[ObservationRecord, ...]:
    """What counts of a told file, the one of that name or the one that an observation came in."""
    told = [o for o in ledger.observations(name, with_retracted=True) if is_told(o.source)]
    file = Path(said).name
    if file not in {file_of(o.source) for o in told}:
        observation = _observation(ledger, name, said, f"no result came in a file {file!r}, and ")
        if not is_told(observation.source):
            raise LedgerError(f"result {observation.id} came in no told file; leave --file out")
        file = file_of(observation.source)
    found = tuple(o for o in told if file_of(o.source) == file and o.retracted is None)
    if not found:
        raise LedgerError(f"of what {file!r} told campaign {name!r} no result counts, so none can be retracted")
    return found


def resolve(
    settings: Settings, key: str, *, ran: bool, by: str, why: str = "", whole_plate: bool = False
) -> AttemptRecord:
    """Say of an ambiguous attempt whether it ran; returns it as it is then. ``whole_plate``: of all on its plate.

    One that never ran is sent again. One that ran, and whose result is not at hand, ends as a fault of kind
    ``ambiguous``, which says nothing about its candidate. A result at hand is told instead (``tell`` with a ``key``
    column) and ends the attempt by itself.

    Raises:
        NotFound: No attempt has that key.
        LedgerError: The attempt is not ambiguous.
    """
    with open_record(settings) as ledger:
        attempt = _doubtful(ledger, key)
        name = _campaign_of(ledger, attempt)

        def look() -> list[AttemptRecord]:
            now = _doubtful(ledger, attempt.key)
            return _doubtful_on_its_plate(ledger, name, now) if whole_plate else [now]

        with deciding(settings, ledger, name, by, look) as (work, doubtful):
            for each in doubtful:
                _settle_doubt(work, each, ran=ran, by=by, why=why)
        return ledger.attempt(attempt.key)


def _doubtful(ledger: Ledger, key: str) -> AttemptRecord:
    attempt = ledger.attempt(key)
    if attempt.state is not State.AMBIGUOUS:
        is_there = attempt.state in WITH_LABORATORY
        way_out = f"; {to_be_told(_campaign_of(ledger, attempt))}" if is_there else ""
        raise LedgerError(
            f"attempt {attempt.key} is {attempt.state.value}, not ambiguous{_why(ledger, attempt)}; there is nothing "
            f"to resolve{way_out}"
        )
    return attempt


def _why(ledger: Ledger, attempt: AttemptRecord) -> str:
    """In brackets, what brought an attempt to where it is: how it ended, or what another person said of it."""
    name = _campaign_of(ledger, attempt)
    ended = [o.outcome for o in ledger.observations(name, with_retracted=True) if o.key == attempt.key]
    detail = outcome_line(ended[-1], ledger.campaign(name).spec) if ended else ledger.events(attempt.key)[-1].detail
    return f" ({detail})" if detail else ""


def _doubtful_on_its_plate(ledger: Ledger, name: str, attempt: AttemptRecord) -> list[AttemptRecord]:
    """All that are ambiguous of the plate that an attempt is of."""
    if attempt.place is None:
        raise LedgerError(f"attempt {attempt.key} lies on no plate; leave --plate out")
    ambiguous = ledger.attempts(name, [State.AMBIGUOUS])
    return [a for a in ambiguous if a.place is not None and a.place.plate == attempt.place.plate]


def _settle_doubt(work: Work, attempt: AttemptRecord, *, ran: bool, by: str, why: str) -> None:
    said_by = f"{by} ({why})" if why.strip() else by
    if not ran:
        work.move(attempt.key, Event.ABSENT, f"it never ran, says {said_by}")
        return
    fault = Fault.of(FaultKind.AMBIGUOUS, f"it ran, says {said_by}, and its result is not at hand")
    payload = json.dumps(write_outcome(fault), sort_keys=True)
    envelope = work.receive(EnvelopeDraft(f"resolve:{by}", attempt.key, payload))
    work.accept(envelope.id, fault)


def stop(settings: Settings, name: str, *, by: str, why: str) -> None:
    """Propose and send nothing more; what runs is still taken in. ``resume`` goes on from there.

    Raises:
        LedgerError: The campaign is not active.
    """
    _set_state(settings, name, CampaignState.STOPPED, by, f"{why or 'no reason given'} ({by})")


def resume(settings: Settings, name: str, *, by: str, why: str = "") -> None:
    """Let a stopped or finished campaign go on.

    Raises:
        LedgerError: The campaign is active already.
        Halted: A safety stop is in force, which ``flows.engine.lift_halt`` lifts.
    """
    with open_record(settings) as ledger:
        see_that_nothing_halts(name, ledger.stops(name))
    _set_state(settings, name, CampaignState.ACTIVE, by, why or f"resumed by {by}")


def _set_state(settings: Settings, name: str, state: CampaignState, by: str, reason: str) -> None:
    with open_record(settings) as ledger, writing(settings, ledger, name, by) as work:
        campaign = ledger.campaign(name)
        refuse_source(campaign)
        now = campaign.state
        if state is now or (state is CampaignState.STOPPED and now is not CampaignState.ACTIVE):
            why = f" ({campaign.reason})" if campaign.reason else ""
            raise LedgerError(
                f"campaign {name!r} is {now.value} already{why}; hakken status {quote(name)} says how it stands"
            )
        work.set_state(state, reason)


def _observation(ledger: Ledger, name: str, prefix: str, besides: str = "") -> ObservationRecord:
    """The one whose id or key begins so. ``besides``: what else was looked for before, and is not there."""
    everything = ledger.observations(name, with_retracted=True)
    named = [o for o in everything if o.id.startswith(prefix) or (o.key or "").startswith(prefix)] if prefix else []
    if len(named) > 1:
        counting = [o for o in named if o.retracted is None and prefix in (o.id, o.key)]
        named = counting if len(counting) == 1 else named
    if not everything:
        raise NotFound(
            f"campaign {name!r} has no result yet, so none can be retracted; hakken status {quote(name)} says more"
        )
    if len(named) != 1:
        what = f"{len(named)} observations begin" if named else "no observation begins"
        shown = ", ".join(o.id for o in (named or everything)[-5:])
        raise NotFound(
            f"campaign {name!r}: {besides}{what} with {prefix!r}; give the whole id, such as {shown} (hakken export "
            "lists all)"
        )
    return named[0]


def _campaign_of(ledger: Ledger, attempt: AttemptRecord) -> str:
    for campaign in ledger.campaigns():
        if any(a.key == attempt.key for a in ledger.attempts(campaign.name, {attempt.state})):
            return campaign.name
    raise NotFound(f"attempt {attempt.key} belongs to no campaign on record; hakken audit verify looks for damage")
