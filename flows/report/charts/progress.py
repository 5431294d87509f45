"""Best so far against experiments, with every outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from markupsafe import Markup

from flows.report.charts.marks import MARKS, key_of
from flows.report.charts.panel import Panel, decades, panel
from flows.report.content import Kind, Result
from flows.report.standing import running_best, useful
from flows.report.svg import Axis, drawing, element, mark, polyline
from flows.report.words import heading
from flows.report.words import number as shown
from loop.objective import Target
from loop.outcome import Qualifier

FOOT = 40.0
BEYOND = 13.0  # how far a mark of a limit points to where its value lies


def legend_keys(results: Sequence[Result], target: Target) -> list[str]:
    """The marks that occur, in the order of the legend."""
    present = {key_of(result, target) for result in results}
    return [key for key in MARKS if key in present]


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of a target its chart has, and what is to be said of those that lie beyond what it shows."""

    thresholds: tuple[float, ...]
    sought: float | None
    beyond: tuple[str, ...]

    @staticmethod
    def of(target: Target, y: Axis) -> Lines:
        """As one drawing of it shows them; every drawing of a chart has the same values on its axis."""

        def place(number: float) -> str:
            at = target.scaled(number)
            return "" if y.low <= at <= y.high else "above" if at > y.high else "below"

        unit = f" {target.unit}" if target.unit else ""
        kept = [limit for limit in (target.at_least, target.at_most) if limit is not None]
        told = [("threshold", limit) for limit in kept]
        told += [("the value that is wanted", target.value)] if target.value is not None else []
        return Lines(
            tuple(limit for limit in kept if not place(limit)),
            target.value if target.value is not None and not place(target.value) else None,
            tuple(f"{what}, {shown(n)}{unit}: {place(n)} what is drawn" for what, n in told if place(n)),
        )


def lines(results: Sequence[Result], target: Target) -> Lines:
    """The lines of a target's chart."""
    return Lines.of(target, _frame(results, target, 900, 380).y)


def _frame(results: Sequence[Result], target: Target, width: float, height: float) -> Panel:
    """The panel of a target's chart, whose y axis is the target's scale."""
    values = [target.scaled(r.readings[target.name].value) for r in results if _has_value(r, target)]
    last = max((r.experiment for r in results), default=1)
    levels = {level: target.shown(level) or f"{level:g}" for level in target.levels or ()}
    words = decades(values) if target.is_log and values else levels
    return panel(width, height, [1, last], values, foot=FOOT, counts=True, y_words=words)


def progress(
    results: Sequence[Result],
    tips: Sequence[str],
    target: Target,
    targets: Sequence[Target],
    width: float,
    height: float,
) -> Markup:
    """One target's chart: each value a mark, the running best a step line, what has no value at the foot.

    ``tips`` are what the results' marks say when pointed at.
    """
    keys = [key_of(result, target) for result in results]
    frame = _frame(results, target, width, height)
    x, y = frame.x, frame.y

    best = [b for b in running_best(useful(results, targets), target) if isfinite(target.scaled(b.reading.value))]
    line: list[tuple[float, float]] = []
    for step in best:
        here = x(step.result.experiment)
        if line:
            line.append((here, line[-1][1]))
        line.append((here, y(target.scaled(step.reading.value))))
    if line:
        line.append((x.end, line[-1][1]))

    marks, limits, seen = [], [], set()
    for result, key, said in zip(results, keys, tips, strict=True):
        at_value = _has_value(result, target)
        place = y(target.scaled(result.readings[target.name].value)) if at_value else y.start + FOOT / 2
        if not at_value and result.experiment in seen:
            place += 9  # a second failure of one experiment stands below the first
        if not at_value:
            seen.add(result.experiment)
        marks.append(mark(x(result.experiment), place, MARKS[key][0], key, said))
        if at_value and has_limit(result, target):
            limits.append(_pointer(x(result.experiment), place, result.readings[target.name].qualifier))
    there = Lines.of(target, y)
    across = [(limit, "threshold") for limit in there.thresholds]
    across += [(there.sought, "sought")] if there.sought is not None else []
    heights = [(y(target.scaled(n)), kind) for n, kind in across]
    thresholds = [element("line", x1=x.start, x2=x.end, y1=at, y2=at, class_=kind) for at, kind in heights]
    valued = sum(_has_value(r, target) for r in results)
    label = (
        f"{heading(target.name, target.unit)} against experiments: {valued} values, "
        f"{sum(key in ('negative', 'fault') for key in keys)} negatives and faults"
    )
    return drawing(
        width,
        height,
        label,
        element("rect", x=x.start, y=y.start, width=x.end - x.start, height=FOOT, class_="foot"),
        _rounds(results, x, y.end, y.start + FOOT),
        frame.frame("experiment, in the order run", FOOT),
        *thresholds,
        polyline(line, class_="best") if line else "",
        *limits,
        *marks,
        style="progress",
    )


def has_limit(result: Result, target: Target) -> bool:
    """Whether what was reported of the target is a limit, beyond which its value lies."""
    return _has_value(result, target) and result.readings[target.name].qualifier is not Qualifier.EQUAL


def _pointer(x: float, y: float, qualifier: Qualifier) -> Markup:
    """An arrow from a mark to the side on which the value lies."""
    way = -1 if qualifier is Qualifier.ABOVE else 1
    tip_at, wing = y + way * BEYOND, y + way * (BEYOND - 4)
    path = f"M{x:.1f},{y:.1f} V{tip_at:.1f} M{x - 3:.1f},{wing:.1f} L{x:.1f},{tip_at:.1f} L{x + 3:.1f},{wing:.1f}"
    return element("path", d=path, class_="beyond")


def _has_value(result: Result, target: Target) -> bool:
    """Whether the mark stands at a value; a negative's limit is not one, nor what has no place on the scale."""
    if result.kind is not Kind.MEASURED or target.name not in result.readings:
        return False
    return isfinite(target.scaled(result.readings[target.name].value))


def _rounds(results: Sequence[Result], x: Axis, top: float, base: float) -> Markup:
    """Every other round lies on a faint band."""
    spans: dict[int, tuple[int, int]] = {}
    for result in results:
        low, high = spans.get(result.round_number, (result.experiment, result.experiment))
        spans[result.round_number] = min(low, result.experiment), max(high, result.experiment)
    return Markup("").join(
        element(
            "rect",
            x=max(x.start, x(low - 0.5)),
            y=top,
            width=x(high + 0.5) - max(x.start, x(low - 0.5)),
            height=base - top,
            class_="band",
        )
        for number, (low, high) in spans.items()
        if number % 2
    )
