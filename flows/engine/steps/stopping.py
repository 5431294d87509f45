"""Stopping by itself: after many faults in a row that teach nothing, no more is spent until a person has looked."""

from __future__ import annotations

from flows.engine.looking.failing import why_broken
from flows.engine.session import Session
from loop.checkpoints import reached
from loop.outcome import FaultKind
from loop.record import CampaignState


def stop_where_broken(session: Session) -> None:
    """Stop the campaign where this pass took in one more such fault.

    Only then: what a person resumes sends again, and the first that ends in a fault once more stops it anew.
    """
    called_off = sum(one.fault.kind is FaultKind.CANCELLED for one in session.tally.failed)
    if session.tally.faults > called_off and (why := why_broken(session.view)):
        with session.work() as work:
            work.set_state(CampaignState.STOPPED, f"{why}; see to what causes it first")
        session.refresh()
        reached("look.stopped")
