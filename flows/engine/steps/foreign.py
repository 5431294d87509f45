"""Foreign results: of no attempt of a campaign; whose they are, as far as the record tells."""

from __future__ import annotations

import shlex

from flows.engine.looking.view import View
from loop.errors import NotFound


def why_foreign(view: View, key: str | None) -> str:
    """That a result is of no attempt of the campaign, and what is to be done with it."""
    owner = None if key is None else _owner(view, key)
    if owner is not None:
        return (
            f"attempt {key} is of campaign {owner!r}, and its result counts there; where it has none yet, bring it to "
            f"that one (hakken tell {shlex.quote(owner)})"
        )
    what = "names no attempt" if key is None else f"names attempt {key!r}"
    rule = f"the result {what}, and campaign {view.name!r} knows none such"
    return f"{rule}; correct the key, or tell it as an observation"


def _owner(view: View, key: str) -> str | None:
    """The campaign on the same record that has an attempt of exactly this key."""
    try:
        if view.ledger.attempt(key).key != key:  # a beginning will do there
            return None
    except NotFound:
        return None
    names = (campaign.name for campaign in view.ledger.campaigns())
    return next((name for name in names if any(a.key == key for a in view.ledger.attempts(name))), None)
