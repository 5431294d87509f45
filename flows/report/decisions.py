"""What people decided, as lines of the page."""

from __future__ import annotations

from collections.abc import Sequence

from flows.engine.people.bans import region_text
from flows.report.content import Said
from flows.report.results import with_units
from flows.report.words import candidate
from loop.decision import DecisionKind, DecisionRecord
from loop.record import Json


def read_decisions(decisions: Sequence[DecisionRecord], spec: Json) -> tuple[Said, ...]:
    """One line for each decision, in the order made."""
    numbers = {d.id: d.number for d in decisions}
    lifted = {d.draft.lifts for d in decisions}
    lines = []
    for d in decisions:
        if d.draft.kind is DecisionKind.LIFT:
            about = f"decision {numbers[d.draft.lifts or '']}"
        else:
            about = candidate(with_units(d.draft.settings, spec)) if d.draft.settings else region_text(d.draft.region)
            about += d.draft.said_times
        kind = d.draft.kind.value.replace("_", " ")
        lines.append(Said(d.number, kind, about, d.draft.by, d.draft.why, d.after_round + 1, d.at, d.id in lifted))
    return tuple(lines)
