"""Halting: what a safety stop does to a campaign in flight, and how a person presses and lifts it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Final

from flows.engine.passes import call_off, halted_by
from flows.engine.people.writing import deciding
from flows.wiring import open_record
from loop.contracts import Ledger
from loop.errors import LedgerBusy, LedgerError, LedgerFull, NoRecord, NotFound
from loop.safety import SafetyStop, check_lift, lifting, told

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
        LedgerBusy, LedgerFull, NoRecord, NotALedger, NotLetIn, SchemaTooNew: It could not be put on record, so that
            nothing is halted.
    """
    from db.errors import NotALedger, NotLetIn, SchemaTooNew  # brings SQLAlchemy

    stop = None
    try:
        with open_record(settings) as ledger:
            stop = ledger.halt(name, by=by, why=why)
            names = halted_by(ledger, stop)
    except (LedgerBusy, LedgerFull, NoRecord, NotALedger, NotLetIn, SchemaTooNew) as error:
        if stop is not None:
            raise
        why_not = error.what if isinstance(error, LedgerBusy | LedgerFull) else error
        said = f"{NOTHING_HALTED}: no safety stop is on record, as {why_not}"
        raise type(error)(said) from error
    return stop, names, call_off(settings, [stop])


def lift(
    settings: Settings, name: str, numbers: Collection[int], *, by: str | None, why: str
) -> tuple[SafetyStop, ...]:
    """Lift safety stops that hold for a campaign, these and no other: what a person has not seen they do not lift.

    Where none is left the campaign goes on, and so does its bench; one that had finished or was stopped stays so.

    Args:
        settings: Where the record is.
        name: The campaign.
        numbers: Of the stops.
        by: The person who takes responsibility; None where nobody was named.
        why: What was found and done.

    Returns:
        The stops that were lifted, in the order made.

    Raises:
        NotFound: A stop of that number never held for the campaign, or there is no such campaign.
        LedgerError: No name, no reason or no stop is given, this person may not lift one of them, or somebody lifted
            one before.
    """
    who = by or ""
    with open_record(settings) as ledger:

        def look() -> tuple[SafetyStop, ...]:
            named = _named(ledger, name, numbers)
            check_lift(who, why)
            for stop in named:
                _see_that_they_may(stop, who)
            return named

        with deciding(settings, ledger, name, who, look) as (work, stops):
            work.lift_stops([s.id for s in stops], who, why)
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


def _named(ledger: Ledger, name: str, numbers: Collection[int]) -> tuple[SafetyStop, ...]:
    """The stops of these numbers, each of which is in force for the campaign."""
    known = {s.number: s for s in ledger.stops(name, with_lifted=True)}
    for number in sorted(set(numbers)):
        if number not in known:
            raise NotFound(f"campaign {name!r} has no safety stop {number}; {_what_holds(ledger, name)}")
        if (stop := known[number]).lifted_by is not None:
            raise LedgerError(
                f"safety stop {number} of campaign {name!r} was lifted by {stop.lifted_by} ({stop.lifted_why}) before: "
                f"{stop.text}; {_what_holds(ledger, name)}"
            )
    if not numbers:
        raise LedgerError(f"say which safety stop of campaign {name!r} is lifted; {_what_holds(ledger, name)}")
    return tuple(stop for number, stop in known.items() if number in numbers)


def _what_holds(ledger: Ledger, name: str) -> str:
    """Which stops are in force for a campaign, and the command that lifts them."""
    if not (there := ledger.stops(name)):
        return f"none is in force; hakken status {quote(name)} says how it stands"
    are, them = ("is", "it") if len(there) == 1 else ("are", "them")
    return f"in force {are} {told(name, there)}; {lifting(name, there)} lifts {them}"


def _see_that_they_may(stop: SafetyStop, by: str) -> None:
    """The campaign where a stop arose says who may lift it, as its file was then."""
    if stop.may_lift is not None and by not in stop.may_lift:
        raise LedgerError(
            f"{by!r} may not lift a safety stop of campaign {stop.campaign!r}; its file named "
            f"{', '.join(stop.may_lift)} when the stop was made (laboratory.safety.may_lift)"
        )
