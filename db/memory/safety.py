"""Safety stops in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from db.memory.campaign import HeldCampaign
from loop.errors import LedgerError
from loop.safety import SafetyStop, bench_of, check_lift, check_stop, see_that_nothing_halts


def see_that_it_may_act(held: HeldCampaign) -> None:
    """Raise ``Halted`` where a stop is in force for the campaign, by its own or by its bench's."""
    see_that_nothing_halts(held.name, _holding(held))


def stop(held: HeldCampaign, by: str, why: str, observation: str | None = None) -> SafetyStop:
    """Put a stop on record; raises ``LedgerError`` where nobody made it, or for no reason."""
    check_stop(by, why)
    made = SafetyStop(held.new_id(), held.name, _bench(held), observation, by, why, held.now())
    held.stops.append(made)
    held.say("safety_stop", by=by, why=why, observation=observation)
    return made


def lift(held: HeldCampaign, stops: Collection[str], by: str, why: str) -> None:
    """Lift these stops; raises ``LedgerError`` as the database does."""
    check_lift(by, why)
    known = {s.id for s in _holding(held)}
    if unknown := [s for s in stops if s not in known]:
        raise LedgerError(f"campaign {held.name!r} has no safety stop {unknown[0]!r} in force; it was lifted before")
    for place, s in enumerate(held.stops):
        if s.id in stops:
            held.stops[place] = replace(s, lifted_by=by, lifted_why=why, lifted_at=held.now())
    held.say("safety_lift", stops=list(dict.fromkeys(stops)), by=by, why=why)


def _holding(held: HeldCampaign) -> list[SafetyStop]:
    bench = _bench(held)
    return [s for s in held.stops if s.is_in_force and s.holds_for(held.name, bench)]


def _bench(held: HeldCampaign) -> str | None:
    return bench_of(held.data.record.spec)
