"""Targets that went or came in a changed campaign file: what is on record of them, and what is at work without them."""

from __future__ import annotations

from collections.abc import Iterator

from flows.engine.looking.handouts import n_at_work
from flows.engine.looking.view import View
from loop.outcome import Fault, Outcome
from loop.record import Json
from loop.wording import plural


def other_targets(known: View, before: Json, now: Json) -> Iterator[str]:
    """What is to be said of results and of experiments under way where targets went or came.

    Args:
        known: The campaign.
        before: The spec that was on record.
        now: The one by which it goes on.
    """
    derived = now.get("derived") or {}
    gone = [name for name in before["objective"] if name not in now["objective"] and name not in derived]
    new = [name for name in now["objective"] if name not in before["objective"]]
    out = n_at_work(known) if gone or new else 0
    were = f"{plural(out, 'experiment')} under way {'was' if out == 1 else 'were'}"
    for name in gone:
        results = sum(_has(o.outcome, name) for o in known.observations)
        kept = (
            f"what {plural(results, 'result')} on record {'says' if results == 1 else 'say'} of it counts for nothing"
        )
        said = [kept] * bool(results) + [f"{were} asked for it"] * bool(out)
        back = f"; where {' or '.join(new)} is {name} under another name, keep the name {name}" if new else ""
        if said:
            yield f"{name} is no target any more: {', and '.join(said)}{back}"
    if new and out:
        lacks = "its result lacks" if out == 1 else "their results lack"
        yield f"{were} not asked for {' and '.join(new)}: {lacks} it unless it is measured and told all the same"


def _has(outcome: Outcome, name: str) -> bool:
    """Whether an outcome says something of a property."""
    return not isinstance(outcome, Fault) and any(m.property == name for m in outcome.measurements)
