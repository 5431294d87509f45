"""Predicted against measured, with the interval that was stated beforehand."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from flows.report.calibration import interval
from flows.report.charts.marks import MARKS, arm_key
from flows.report.charts.panel import decades, panel
from flows.report.svg import drawing, element, mark
from flows.report.trust import Check
from flows.report.words import candidate, heading, number, plus_minus, within_factor
from loop.objective import Target
from loop.wording import plural


def parity(checks: Sequence[Check], target: Target, width: float, height: float) -> Markup:
    """Each check a mark with its 90 % interval, of a class without; on the diagonal the prediction came true.

    An interval wider than the chart is cut at the frame, and a prediction at what the target can be; whether it held is
    judged by what was frozen.
    """
    scaled = target.on_scale
    said = [scaled.possible(c.mean) for c in checks]
    came = [c.measured for c in checks]
    words = decades([*said, *came]) if target.is_log else None
    frame = panel(width, height, came, said, is_equal=True, x_words=words, y_words=words)
    x, y = frame.x, frame.y
    bars, marks = [], []
    for check, mean in zip(checks, said, strict=True):
        key = arm_key(check.arm)
        if target.classes is not None:
            marks.append(mark(x(check.measured), y(mean), MARKS[key][0], key, _tip_of_class(check, target)))
            continue
        low, high = interval(check, 0.9)
        missed = "" if low <= check.measured <= high else " missed"
        here = x(check.measured)
        ends = [y.clamp(scaled.possible(end)) for end in (low, high)]
        bars.append(element("line", x1=here, x2=here, y1=ends[0], y2=ends[1], class_=f"bar{missed}"))
        marks.append(mark(here, y(mean), MARKS[key][0], key, _tip(check, target, bool(missed))))
    label = f"predicted against measured {heading(target.name, target.unit)}: {plural(len(checks), 'prediction')}"
    return drawing(
        width,
        height,
        label,
        frame.frame(f"measured {heading(target.name, target.unit)}"),
        element("line", x1=x(x.low), y1=y(y.low), x2=x(x.high), y2=y(y.high), class_="diagonal"),
        *bars,
        *marks,
        style="parity",
    )


def _tip_of_class(check: Check, target: Target) -> str:
    said = f"predicted {target.sought} with a chance of {number(check.mean, 2)}"
    came = f"measured {target.shown(check.measured)}"
    return "\n".join([f"round {check.round_number}", *(candidate([s]) for s in check.settings), said, came])


def _tip(check: Check, target: Target, is_missed: bool) -> str:
    if target.is_log:
        said, came = within_factor(check.mean, check.sd, target), number(target.in_unit(check.measured))
        return _lines(check, f"predicted {said}", f"measured {came} {target.unit}".rstrip(), is_missed=is_missed)
    mean = target.possible(check.mean)
    frozen = (
        "" if mean == check.mean else f" ({number(check.mean, unit=target.unit)} by the model, beyond what it can be)"
    )
    said = f"predicted {plus_minus(mean, check.sd, target.unit)}{frozen}"
    came = f"measured {number(check.measured, unit=target.unit)} {target.unit}".rstrip()
    return _lines(check, said, came, is_missed=is_missed)


def _lines(check: Check, said: str, came: str, *, is_missed: bool) -> str:
    verdict = "outside the 90 % interval" if is_missed else "inside the 90 % interval"
    return "\n".join([f"round {check.round_number}", *(candidate([s]) for s in check.settings), said, came, verdict])
