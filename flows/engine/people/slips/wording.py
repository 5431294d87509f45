"""What notes on slips have in common."""

from __future__ import annotations

import shlex

from flows.engine.looking.view import View
from loop.record import ObservationRecord


def span(low: float | None, high: float | None) -> str:
    """From where to where, of which one end may be open."""
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def remedy(view: View, o: ObservationRecord) -> str:
    """How a result that was mistyped is taken back."""
    return (
        f"Where that is a slip: hakken retract {shlex.quote(view.name)} {o.id} --why SLIP, and hakken tell brings in "
        "the right one"
    )
