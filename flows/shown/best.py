"""What is believed best, as programs read it: at the command line and over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.engine.looking.reports import StatusReport
    from loop.insight.statements import HonestBest


def best_document(found: HonestBest, standing: StatusReport) -> dict[str, Any]:
    """The best, and how much better something untried may be."""
    missed = {"regret": standing.regret, "planned": standing.planned, "settled": standing.settled}
    return {"campaign": standing.campaign, "best": found, **missed}
