"""Failing: the last experiments all ended in faults of one kind, as where a laboratory is broken or told wrongly."""

from __future__ import annotations

from itertools import takewhile
from shlex import quote
from typing import Final

from flows.engine.looking.view import View
from loop.outcome import Fault
from loop.record import CampaignState

MANY: Final = 5  # in a row that are no chance


def failing(view: View) -> tuple[str, ...]:
    """A sentence that says so, with the last message and the way out; none where some other outcome came since."""
    counted = view.counted
    if view.campaign.state is not CampaignState.ACTIVE or not counted:
        return ()
    faults = [o.outcome for o in takewhile(lambda o: isinstance(o.outcome, Fault), reversed(counted))]
    last = faults[0] if faults else None
    if not isinstance(last, Fault):
        return ()
    alike = list(takewhile(lambda one: isinstance(one, Fault) and one.kind is last.kind, faults))
    if len(alike) < MANY:
        return ()
    since = "none has had a result yet" if len(alike) == len(counted) else "none has had a result since"
    return (
        f"the last {len(alike)} experiments ended in a fault, and {since} ({last.kind.value}, the last: {last.message})"
        f". See to what causes it before more is spent; hakken stop {quote(view.name)} sends nothing more until hakken "
        "resume",
    )
