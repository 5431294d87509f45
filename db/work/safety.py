"""Safety stops under a lease: one that comes with a result, one that is lifted, and what they forbid."""

from __future__ import annotations

from collections.abc import Collection

from db import reading
from db import tables as t
from db.rows import Rows
from db.work.campaign import HeldCampaign
from loop.errors import LedgerError
from loop.safety import SafetyStop, bench_of, check_lift, check_stop, see_that_nothing_halts


def see_that_it_may_act(held: HeldCampaign) -> None:
    """Raise ``Halted`` where a stop is in force for the campaign, by its own or by its bench's."""
    see_that_nothing_halts(held.name, _in_force(held))


def stop(held: HeldCampaign, by: str, why: str, observation: str | None = None) -> SafetyStop:
    """Put a stop on record.

    Raises:
        LedgerError: Nobody made it, or there is no reason.
    """
    check_stop(by, why)
    row = stop_row(held.writer.new_id(), held.id, _bench(held), by, why, observation) | {"at": held.writer.now()}
    held.write("safety_stop", {"by": by, "why": why, "observation": observation}, (t.SafetyStop, [row]))
    return reading.stops(held.session, t.SafetyStop.id == row["id"])[0]


def stop_row(
    stop_id: str, campaign_id: str, bench: str | None, by: str, why: str, observation: str | None = None
) -> dict[str, object]:
    """The row of a stop, save its time."""
    return {
        "id": stop_id,
        "campaign_id": campaign_id,
        "bench": bench,
        "outcome_id": observation,
        "by": by,
        "why": why,
    }


def lift(held: HeldCampaign, stops: Collection[str], by: str, why: str) -> None:
    """Lift these stops, of this campaign or of its bench.

    Raises:
        LedgerError: No name or reason is given, or one of them does not hold for the campaign, or was lifted before.
    """
    check_lift(by, why)
    known = {s.id for s in _in_force(held)}
    if unknown := [s for s in stops if s not in known]:
        raise LedgerError(f"campaign {held.name!r} has no safety stop {unknown[0]!r} in force; it was lifted before")
    rows: Rows = [{"stop_id": s, "by": by, "why": why, "at": held.writer.now()} for s in dict.fromkeys(stops)]
    held.write("safety_lift", {"stops": [r["stop_id"] for r in rows], "by": by, "why": why}, (t.SafetyLift, rows))


def _in_force(held: HeldCampaign) -> tuple[SafetyStop, ...]:
    return reading.stops_of(held.session, held.name, t.SafetyLift.stop_id.is_(None))


def _bench(held: HeldCampaign) -> str | None:
    return bench_of(reading.spec_version(held.session, held.id, held.name, held.row.version))
