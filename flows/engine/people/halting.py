"""Halting: what a safety stop does to a campaign in flight, and how a person presses and lifts it."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Final

from flows.engine.looking.view import View
from flows.engine.passes import call_off, halted_by
from flows.engine.people.writing import deciding
from flows.wiring import open_record
from loop.contracts import Ledger
from loop.errors import LedgerBusy, LedgerError, LedgerFull
from loop.record import CampaignState
from loop.safety import SafetyStop, see_that_nothing_halts

if TYPE_CHECKING:
    from flows.settings import Settings

NOTHING_HALTED: Final = "nothing is halted, so stop the bench by hand"


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
        LedgerBusy, LedgerFull, NotLetIn: It could not be put on record, so that nothing is halted.
    """
    from db.errors import NotLetIn  # brings SQLAlchemy

    stop = None
    try:
        with open_record(settings) as ledger:
            stop = ledger.halt(name, by=by, why=why)
            names = halted_by(ledger, stop)
    except (LedgerBusy, LedgerFull, NotLetIn) as error:
        if stop is not None:
            raise
        why_not = error if isinstance(error, NotLetIn) else error.what
        said = f"{NOTHING_HALTED}: no safety stop is on record, as {why_not}"
        raise type(error)(said) from error
    return stop, names, call_off(settings, [stop])


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
        LedgerError: No reason is given, this person may not lift one of them, or somebody lifted one meanwhile.
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
        with deciding(settings, ledger, name, by, lambda: _see_that_they_hold(ledger, name, stops)) as (work, _):
            work.lift_stops([s.id for s in stops], by, why)
            if ledger.campaign(name).state is CampaignState.STOPPED:
                work.set_state(CampaignState.ACTIVE, why)
        return stops


def stops(settings: Settings, name: str) -> tuple[SafetyStop, ...]:
    """The safety stops that hold or held for a campaign, in the order made, with who lifted each."""
    with open_record(settings) as ledger:
        ledger.campaign(name)
        return tuple(ledger.stops(name, with_lifted=True))


def let_go(settings: Settings, stops: Sequence[SafetyStop]) -> tuple[str, ...]:
    """Names of the campaigns that these stops held up, and that none holds up any more."""
    ids = {s.id for s in stops}
    with open_record(settings) as ledger:
        return tuple(
            c.name
            for c in ledger.campaigns()
            if not ledger.stops(c.name) and any(s.id in ids for s in ledger.stops(c.name, with_lifted=True))
        )


def _see_that_they_hold(ledger: Ledger, name: str, stops: Sequence[SafetyStop]) -> None:
    """Somebody else may have lifted them meanwhile."""
    now = {s.id: s for s in ledger.stops(name, with_lifted=True)}
    for stop in stops:
        if (lifted := now[stop.id].lifted_by) is not None:
            raise LedgerError(
                f"the safety stop {stop.text} was lifted by {lifted} ({now[stop.id].lifted_why}) meanwhile; hakken "
                f"status {quote(name)} says how campaign {name!r} stands"
            )


def _see_that_they_may(stop: SafetyStop, by: str) -> None:
    """The campaign where a stop arose says who may lift it, as its file was then."""
    if stop.may_lift is not None and by not in stop.may_lift:
        raise LedgerError(
            f"{by!r} may not lift a safety stop of campaign {stop.campaign!r}; its file named "
            f"{', '.join(stop.may_lift)} when the stop was made (laboratory.safety.may_lift)"
        )
