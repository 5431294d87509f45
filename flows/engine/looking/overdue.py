"""Overdue: experiments that a laboratory has had for longer than the campaign file says they may take."""

from __future__ import annotations

from datetime import datetime, timedelta

from flows.due import handed_over
from flows.engine.looking.view import View
from flows.handed import waits_to_be_asked
from loop.record import CampaignState


def overdue(view: View, now: datetime) -> tuple[str, ...]:
    """A sentence for each experiment whose result is overdue, the oldest first; none of a finished campaign."""
    within = view.spec.laboratory.due_after
    if within is None or view.campaign.state is CampaignState.FINISHED:
        return ()
    labels = {a.key: view.label(a.settings) for a in view.pending}
    found = []
    mine = [a for a in view.pending if not waits_to_be_asked(view.campaign.spec, a)]
    for key, since in sorted(handed_over(view.ledger, mine).items(), key=lambda item: item[1]):
        hours = (now - since) / timedelta(hours=1)
        if hours > within:
            shown = f"{hours:.2g} h" if hours < 48 else f"{hours / 24:.0f} days"
            found.append(f"{labels[key]} ({key}) is overdue: with the laboratory for {shown}, due after {within:g} h")
    return tuple(found)
