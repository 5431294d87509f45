"""What people decided, as lines of the page."""

from __future__ import annotations

from collections.abc import Sequence

from flows.engine.people.bans import is_for_now, region_text
from flows.report.content import Said
from flows.report.results import with_units
from flows.report.words import candidate
from loop.as_written import written_in
from loop.decision import DecisionKind, DecisionRecord
from loop.record import Json


def read_decisions(decisions: Sequence[DecisionRecord], spec: Json) -> tuple[Said, ...]:
    """One line for each decision, in the order made."""
    numbers = {d.id: d.number for d in decisions}
    lifted = {d.draft.lifts for d in decisions}
    written, lines = written_in(spec.get("space") or {}), []
    for d in decisions:
        if d.draft.kind is DecisionKind.LIFT:
            about = f"decision {numbers[d.draft.lifts or '']}"
        else:
            settings, region = d.draft.settings, d.draft.region
            about = candidate(with_units(settings, spec)) if settings else region_text(region, written)
            about += d.draft.said_times + (", for now" if settings and is_for_now(d) else "")
        kind = d.draft.kind.value.replace("_", " ")
        lines.append(Said(d.number, kind, about, d.draft.by, d.draft.why, d.after_round + 1, d.at, d.id in lifted))
    return tuple(lines)
