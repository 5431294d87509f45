"""The believed best as rows of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loop.insight.saying import believed_line, coverage, facts, lucky_line, measured_line, substrate_lines
from loop.insight.statements import HonestBest

SHOWN: Final = 5  # candidates, besides a longer front


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate: what is believed of it, what was measured, and the chances."""

    label: str
    is_recommended: bool
    stated: str
    measured: str
    facts: str


@dataclass(frozen=True, slots=True)
class Section:
    """The section's rows, and the lines below them."""

    model: str
    is_bound: bool
    rows: tuple[Row, ...]
    lines: tuple[str, ...]
    noun: str = "candidate"  # what is named best: a candidate or a condition


def believed_rows(found: HonestBest | None) -> Section | None:
    """What the section shows; None where no model was asked."""
    if found is None:
        return None
    rows = tuple(
        Row(
            label=one.label,
            is_recommended=place < found.front and found.is_kept,
            stated=believed_line(one, found),
            measured=f"{one.experiments} in all"
            + (f", {coverage(found, one)}" if found.scope else ": " + "; ".join(measured_line(s) for s in one.targets)),
            facts="; ".join(facts(found, one)),
        )
        for place, one in enumerate(found.candidates[: max(SHOWN, found.front)])
    )
    judged = (f"Conditions are judged by {found.scope}.",) if found.scope else ()
    lucky = (lucky_line(lucky, is_front=found.is_front) for lucky in found.luckiest if lucky.is_another)
    return Section(
        found.model, found.is_bound, rows, (*judged, *substrate_lines(found), *lucky, *found.notes), found.noun
    )
