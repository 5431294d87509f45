"""Lines over rounds: committee weights, disagreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from flows.report.charts.marks import SERIES_SHAPES
from flows.report.charts.panel import panel
from flows.report.svg import drawing, mark, polyline
from flows.report.words import after, number


def series(
    rounds: Sequence[int],
    lines: Mapping[str, Sequence[float | None]],
    label: str,
    unit: str,
    width: float,
    height: float,
) -> Markup:
    """One line for each name over ``rounds``, from 0 up; a gap where a round has no value.

    Args:
        rounds: Round numbers, rising.
        lines: Values by name, one for each round.
        label: What the chart shows, in words.
        unit: Of the values.
        width, height: Of the drawing.
    """
    values = [v for line in lines.values() for v in line if v is not None]
    frame = panel(width, height, rounds, values, counts=True, y_from_zero=True)
    drawn = []
    for place, (name, line) in enumerate(lines.items()):
        style = f"series s{place % 6}"
        shape = SERIES_SHAPES[place % len(SERIES_SHAPES)]
        stretch: list[tuple[float, float]] = []
        marks = []
        for number_, value in [*zip(rounds, line, strict=True), (0, None)]:
            if value is None:
                if len(stretch) > 1:
                    drawn.append(polyline(stretch, class_=style))
                stretch = []
                continue
            point = frame.x(number_), frame.y(value)
            stretch.append(point)
            marks.append(mark(*point, shape, style, f"round {number_}\n{name}: {number(value, 3, unit)}{after(unit)}"))
        drawn += marks
    return drawing(width, height, label, frame.frame("round"), *drawn, style="series-chart")
