"""Halting: what a safety stop does to a campaign in flight, and how a person presses and lifts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.engine.looking.view import View
from flows.engine.passes import look, sitting
from flows.engine.people.writing import writing
from flows.engine.steps.cancelling import halted_note, still_run
from flows.wiring import open_record
from loop.contracts import Ledger
from loop.errors import HakkenError, LeaseHeld, LedgerError
from loop.record import CampaignState
from loop.safety import SafetyStop, safety_of, see_that_nothing_halts

if TYPE_CHECKING:
    from flows.settings import Settings


def halt(settings: Settings, name: str, *, by: str, why: str) -> tuple[SafetyStop, tuple[str, ...], tuple[str, ...]]:
    """Stop a campaign for safety, and every campaign of its bench, at once: no lease is waited for.

    A process that is just sending starts nothing more. What runs is cancelled where the campaign files say so: here
    and now where nobody else works on the campaign, else by whoever does.

    Returns:
        The stop, the campaigns that it halts, and notes on what was called off there, what could not be, and what goes
        on all the same.

    Raises:
        NotFound: There is no such campaign.
        LedgerError: Nobody made it, or no reason is given.
    """
    with open_record(settings) as ledger:
        stop = ledger.halt(name, by=by, why=why)
        names = halted_by(ledger, stop)
        cancelling = [n for n in names if safety_of(ledger.campaign(n).spec).get("running") == "cancel"]
        notes = [note for n in names if n not in cancelling and (note := _left_running(View(ledger, n)))]
    for each in cancelling:
        notes += [f"{each}: {note}" for note in _cancelled(settings, each)]
    return stop, names, tuple(notes)


def _left_running(view: View) -> str:
    """What goes on although the campaign is halted, where its file does not have that called off."""
    if not (n := len(view.running())):
        return ""
    return f"{view.name}: {still_run(n)}, as its file has no laboratory.safety.running: cancel; see to them there"


def _cancelled(settings: Settings, name: str) -> Sequence[str]:
    """Call off what a campaign runs; returns what is to be said of that."""
    try:
        with sitting(settings, name, for_safety=True) as session:
            look(session)
            return [note for note in session.tally.notes if note != halted_note(session.view)]
    except LeaseHeld:
        return ["the process that works on it cancels what runs in its next pass"]
    except HakkenError as error:  # the stop is on record, and nothing may hide that
        return [f"what runs could not be cancelled ({error})"]


def halted_by(ledger: Ledger, stop: SafetyStop) -> tuple[str, ...]:
    """Names of the campaigns that a stop holds for, its own first."""
    held = [c.name for c in ledger.campaigns() if any(s.id == stop.id for s in ledger.stops(c.name))]
    return (stop.campaign, *(name for name in held if name != stop.campaign))


def lift(settings: Settings, name: str, *, by: str | None, why: str) -> tuple[SafetyStop, ...]:
    """Lift every safety stop that holds for a campaign; it goes on, and so does its bench.

    Args:
        settings: Where the record is.
        name: The campaign.
        by: The person who takes responsibility; None where nobody was named.
        why: What was found and done.

    Returns:
        The stops that were lifted, none where none was in force.

    Raises:
        Halted: Nobody was named.
        LedgerError: No reason is given, or this person may not lift one of them.
    """
    with open_record(settings) as ledger:
        stops = View(ledger, name).stops
        if not stops:
            return ()
        if by is None:
            see_that_nothing_halts(name, stops)
        assert by is not None  # or it was refused
        for stop in stops:
            _see_that_they_may(stop, by)
        with writing(settings, ledger, name, by) as work:
            work.lift_stops([s.id for s in stops], by, why)
            if ledger.campaign(name).state is CampaignState.STOPPED:
                work.set_state(CampaignState.ACTIVE, why)
        return stops


def let_go(settings: Settings, stops: Sequence[SafetyStop]) -> tuple[str, ...]:
    """Names of the campaigns that these stops held up, and that none holds up any more."""
    ids = {s.id for s in stops}
    with open_record(settings) as ledger:
        return tuple(
            c.name
            for c in ledger.campaigns()
            if not ledger.stops(c.name) and any(s.id in ids for s in ledger.stops(c.name, with_lifted=True))
        )


def _see_that_they_may(stop: SafetyStop, by: str) -> None:
    """The campaign where a stop arose says who may lift it, as its file was then."""
    if stop.may_lift is not None and by not in stop.may_lift:
        raise LedgerError(
            f"{by!r} may not lift a safety stop of campaign {stop.campaign!r}; its file named "
            f"{', '.join(stop.may_lift)} when the stop was made (laboratory.safety.may_lift)"
        )
