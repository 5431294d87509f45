"""Left pinned: candidates that a person pinned and that a campaign, which has ended, never ran."""

from __future__ import annotations

from shlex import quote

from flows.engine.looking.view import View
from flows.engine.people.decisions import still_pinned
from loop.decision import DecisionKind
from loop.record import CampaignState


def left_pinned(view: View) -> tuple[str, ...]:
    """A sentence on them; nothing while the campaign goes on, which runs them next."""
    if view.campaign.state is not CampaignState.FINISHED:
        return ()
    if not any(d.draft.kind is DecisionKind.PIN for d in view.decisions) or not (pins := still_pinned(view)):
        return ()
    first, n = pins[0], len(pins)
    more, them = (f" and {n - 1} more", "them first, and hakken lift takes each back") if n > 1 else ("", "it first")
    lift = "" if n > 1 else f", and hakken lift {quote(view.name)} {first.number} takes it back"
    return (
        f"{view.label(first.draft.settings)}{more} {'was' if n == 1 else 'were'} pinned and never ran (decision "
        f"{first.number}, by {first.draft.by}: {first.draft.why}): where the campaign goes on, it runs {them}{lift}",
    )
