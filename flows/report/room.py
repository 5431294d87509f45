"""How far settings of the believed best may be off, as rows of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from flows.report.influence import HEIGHT, WIDTH
from flows.shown.windows import asked_line, instead_lines, range_words, strayed_line, together_line
from loop.insight.statements import Range, Window


@dataclass(frozen=True, slots=True)
class RoomRow:
    """One number: its range within the space, as a mark and in words."""

    name: str
    at: str
    low: str
    high: str
    breaks: str
    mark: Markup


@dataclass(frozen=True, slots=True)
class Room:
    """The section's rows, and the lines below them."""

    label: str
    asked: str
    model: str
    rows: tuple[RoomRow, ...]
    lines: tuple[str, ...]
    box: str = f"0 0 {WIDTH} {HEIGHT}"


def room_of(found: Window | None) -> Room | None:
    """What the section shows; None without a window."""
    if found is None:
        return None
    lines = (*map(_begun, (together_line(found), *strayed_line(found))), *instead_lines(found))
    rows = tuple(RoomRow(*range_words(one), _mark(one, *found.boxed[one.name])) for one in found.ranges)
    return Room(found.label, _begun(asked_line(found)), found.model, rows, lines)


def _begun(line: str) -> str:
    return line[0].upper() + line[1:]


def _mark(one: Range, low: float, high: float) -> Markup:
    """The space as a line, the range on it, all at once as a bar in it, and what it is set to."""
    ends = (_place(value, one) for value in (one.low, one.high, low, high, one.at))
    first, last, box, end, at = (f"{WIDTH * place:.1f}" for place in ends)
    middle = f"{HEIGHT / 2:g}"
    return Markup(
        f'<line class="axis" x1="0" y1="{middle}" x2="{WIDTH}" y2="{middle}"/>'
        f'<line class="interval" x1="{first}" y1="{middle}" x2="{last}" y2="{middle}"/>'
        f'<line class="box" x1="{box}" y1="{middle}" x2="{end}" y2="{middle}"/>'
        f'<circle class="share" cx="{at}" cy="{middle}" r="3.5"/>'
    )


def _place(value: float, one: Range) -> float:
    """Where a value lies in the space, from 0 to 1, on the parameter's scale."""
    on = math.log if one.is_log else float
    return (on(value) - on(one.least)) / (on(one.most) - on(one.least))
