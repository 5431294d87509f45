"""Which mark stands for what, the same in every chart and in the legends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flows.report.content import Kind, Result
from flows.report.words import candidate, limited, moment
from loop.objective import Target
from loop.record import Arm

# key: shape, words. The key is also the mark's class in the style sheet.
MARKS: Final = {
    "initial": ("circle", "initial design"),
    "model": ("circle", "chosen by the model"),
    "control": ("square", "control arm (at random)"),
    "replicate": ("diamond", "replicate"),
    "reference": ("plus", "control well (a fixed condition)"),
    "manual": ("up", "told or chosen by a person"),
    "negative": ("down", "negative"),
    "fault": ("cross", "fault"),
    "missing": ("dash", "this target was not measured"),
    "retracted": ("slashed", "retracted"),
}
SERIES_SHAPES: Final = ("circle", "square", "up", "diamond", "down", "plus")


def key_of(result: Result, target: Target) -> str:
    """The mark of a result in the chart of ``target``."""
    if result.retracted is not None:
        return "retracted"
    if result.kind is not Kind.MEASURED:
        return result.kind.value
    if target.name not in result.readings:
        return "missing"
    return "manual" if result.is_told else arm_key(result.arm)


def arm_key(arm: Arm) -> str:
    """The mark of an arm."""
    return arm.value if arm.value in MARKS else "manual"


def tip(result: Result, targets: Iterable[Target]) -> str:
    """What a result's mark says when pointed at."""
    lines = [f"experiment {result.experiment}, {_origin(result)}"]
    lines += [f"{s.name}: {text}" for s in result.settings for text in [candidate([s]).removeprefix(f"{s.name} ")]]
    lines += [
        f"{t.name} {'' if r.shown_sign else '= '}{limited(r, t.unit, t)}"
        for t in targets
        if (r := result.readings.get(t.name))
    ]
    if result.kind is Kind.NEGATIVE:
        lines.append(f"negative: {result.message}")
    if result.kind is Kind.FAULT and result.fault is not None:
        lines.append(f"fault ({result.fault.value}): {result.message}")
    if result.beside:
        lines.append(result.beside)
    if result.retracted is not None:
        lines.append(f"retracted: {result.retracted}")
    lines.append(moment(result.recorded))
    return "\n".join(lines)


def _origin(result: Result) -> str:
    if result.is_told:
        return f"told ({result.source})"
    replicate = f", replicate {result.replicate_no + 1}" if result.replicate_no else ""
    attempt = f", attempt {result.attempt_no + 1}" if result.attempt_no else ""
    return f"round {result.round_number}, {MARKS[arm_key(result.arm)][1]}{replicate}{attempt}"
