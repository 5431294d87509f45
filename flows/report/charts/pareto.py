"""Two targets against each other, with the front of what cannot be bettered in both."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from markupsafe import Markup

from flows.report.charts.marks import MARKS, arm_key
from flows.report.charts.panel import decades, panel
from flows.report.content import Standing
from flows.report.svg import drawing, mark, polyline
from flows.report.words import candidate, heading, number, wanted
from loop.objective import Target
from loop.wording import plural


def pareto(
    standings: Sequence[Standing], first: Target, second: Target, width: float, height: float, *, is_front: bool = True
) -> Markup:
    """Each candidate with both values a mark; a stair joins the front (``is_front``), unless a value is matched."""
    having = [s for s in standings if first.name in s.values and second.name in s.values]
    scaled = [(first.scaled(s.values[first.name]), second.scaled(s.values[second.name])) for s in having]
    both, points = [], []
    for s, point in zip(having, scaled, strict=True):
        if all(map(isfinite, point)):
            both.append(s)
            points.append(point)
    words = [decades(p[i] for p in points) if t.is_log else None for i, t in enumerate((first, second))]
    frame = panel(width, height, [p[0] for p in points], [p[1] for p in points], x_words=words[0], y_words=words[1])
    x, y = frame.x, frame.y
    front = sorted({p for s, p in zip(both, points, strict=True) if s.front == 1})

    stair: list[tuple[float, float]] = []
    for a, b in front if is_front and first.sign and second.sign else ():
        if stair:  # what is certain between two points of a front is the worse of each value
            previous_x, previous_y = stair[-1]
            corner = (x(a), previous_y) if first.sign < 0 else (previous_x, y(b))
            stair.append(corner)
        stair.append((x(a), y(b)))
    marks = []
    for s, (a, b) in zip(both, points, strict=True):
        key = arm_key(s.arm)
        style = key if s.front == 1 else f"{key} behind"
        marks.append(mark(x(a), y(b), MARKS[key][0], style, _tip(s, first, second, is_front=is_front)))
    place = "on the Pareto front" if is_front else "best in the trade-off"
    label = f"{second.name} against {first.name}: {plural(len(both), 'candidate')}, {len(front)} {place}"
    return drawing(
        width,
        height,
        label,
        frame.frame(f"{heading(first.name, first.unit)} ({wanted(first)})"),
        polyline(stair, class_="best") if len(stair) > 1 else "",
        *marks,
        style="pareto",
    )


def _tip(s: Standing, first: Target, second: Target, *, is_front: bool) -> str:
    values = [f"{t.name} = {number(s.values[t.name], unit=t.unit)} {t.unit}".rstrip() for t in (first, second)]
    place = "on the Pareto front" if s.front == 1 else "behind the Pareto front"
    lines = [place] if is_front else [] if s.score is None else [f"score {number(s.score)}"]
    return "\n".join([candidate([setting]) for setting in s.settings] + values + lines)
