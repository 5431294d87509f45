"""What each label of an effect adds to a target: one line for each, with its interval, around zero."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from flows.report.charts.panel import LETTER, shortened
from flows.report.content import Offset, Shift
from flows.report.svg import axis, drawing, element, mark, tick_texts
from flows.report.words import heading, number

ROW: Final = 26.0  # height of a line, in the drawing's units
SHOWN: Final = 24  # labels; of more, those that add or take most


def shown_offsets(shift: Shift) -> tuple[Offset, ...]:
    """The labels that are drawn, in their order."""
    kept = sorted(shift.offsets, key=lambda o: -abs(o.mean))[:SHOWN]
    return tuple(o for o in shift.offsets if o in kept)


def offsets(shift: Shift, width: float) -> Markup:
    """One effect's chart, ``width`` units wide and as high as it has labels."""
    rows = shown_offsets(shift)
    written = [shortened(o.label) for o in rows]
    left = 22 + LETTER * max(len(text) for text in written)
    base = 12 + ROW * len(rows)
    x = axis([v for o in rows for v in (o.low, o.high)] + [0.0], left, width - 14)
    ticks = x.ticks(6 if width > 600 else 4)
    parts = []
    for tick, text in zip(ticks, tick_texts(ticks), strict=True):
        parts.append(element("line", x1=x(tick), x2=x(tick), y1=6, y2=base, class_="grid"))
        parts.append(element("text", text, x=x(tick), y=base + 18, text_anchor="middle", class_="tick"))
    parts.append(element("line", x1=x(0.0), x2=x(0.0), y1=6, y2=base, class_="diagonal"))
    parts.append(element("line", x1=left, x2=width - 14, y1=base, y2=base, class_="rule"))
    for i, (o, text) in enumerate(zip(rows, written, strict=True)):
        y = 12 + ROW * (i + 0.5)
        parts.append(element("text", text, x=left - 10, y=y + 4, text_anchor="end", class_="tick"))
        parts.append(element("line", x1=x(o.low), x2=x(o.high), y1=y, y2=y, class_="bar offset"))
        parts.append(mark(x(o.mean), y, "circle", "offset", _tip(o, shift)))
    title = f"added to {heading(shift.target, shift.unit)}"
    parts.append(element("text", title, x=(left + width - 14) / 2, y=base + 38, text_anchor="middle", class_="title"))
    label = f"what each {shift.name} adds to {heading(shift.target, shift.unit)}: {len(rows)} with 90 % intervals"
    return drawing(width, base + 46, label, *parts, style="offsets")


def _tip(o: Offset, shift: Shift) -> str:
    unit = f" {shift.unit}".rstrip()
    return f"{shift.name} {o.label}\n{number(o.mean, 3)}{unit}\n90 %: {number(o.low, 3)} to {number(o.high, 3)}{unit}"
