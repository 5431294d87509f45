"""Safety stops in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from db.memory.campaign import CampaignData, HeldCampaign
from loop.errors import LedgerError
from loop.safety import (
    SafetyStop,
    bench_of,
    benches_of,
    check_lift,
    check_stop,
    lifters_of,
    see_that_nothing_halts,
)


def see_that_it_may_act(held: HeldCampaign) -> None:
    """Raise ``Halted`` where a stop is in force for the campaign, by its own or by its bench's."""
    see_that_nothing_halts(held.name, _in_force(held))


def stop(held: HeldCampaign, by: str, why: str, observation: str | None = None) -> SafetyStop:
    """Put a stop on record; raises ``LedgerError`` where nobody made it, or for no reason."""
    check_stop(by, why)
    made = new_stop(held.new_id(), len(held.stops) + 1, held.data, observation, by, why, held.now())
    held.stops.append(made)
    held.say("safety_stop", by=by, why=why, observation=observation)
    return made


def lift(held: HeldCampaign, stops: Collection[str], by: str, why: str) -> None:
    """Lift these stops; raises ``LedgerError`` as the database does."""
    check_lift(by, why)
    known = {s.id for s in _in_force(held)}
    if unknown := [s for s in stops if s not in known]:
        raise LedgerError(f"campaign {held.name!r} has no safety stop {unknown[0]!r} in force; it was lifted before")
    for place, s in enumerate(held.stops):
        if s.id in stops:
            held.stops[place] = replace(s, lifted_by=by, lifted_why=why, lifted_at=held.now())
    held.say("safety_lift", stops=list(dict.fromkeys(stops)), by=by, why=why)


def new_stop(
    stop_id: str, number: int, campaign: CampaignData, observation: str | None, by: str, why: str, at: datetime
) -> SafetyStop:
    """A stop with what the campaign's spec says of it now, which stays so."""
    record = campaign.record
    may_lift = lifters_of(record.spec)
    return SafetyStop(stop_id, number, record.name, bench_of(record.spec), observation, by, why, at, may_lift=may_lift)


def holding(stops: Sequence[SafetyStop], campaign: CampaignData) -> list[SafetyStop]:
    """Those of all stops, in the order made, that hold for a campaign."""
    name = campaign.record.name
    return [s for n, s in enumerate(stops) if s.holds_for(name, benches_of(campaign.specs_since(n)))]


def _in_force(held: HeldCampaign) -> list[SafetyStop]:
    return [s for s in holding(held.stops, held.data) if s.is_in_force]
