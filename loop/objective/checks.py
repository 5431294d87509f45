"""What is wrong with a target: sentences on what cannot be, or can never be kept."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

from loop.classes import CLASSES, Classes
from loop.objective.goals import Goal
from loop.sheets.cells import is_number

if TYPE_CHECKING:
    from loop.objective.target import Target

FARTHEST: Final = 100.0  # by which factor a match may be off: a larger one is a distance, written where factors count


def wrong_with(target: Target) -> str:
    """A sentence on the first thing that cannot be, "" where all can."""
    return (
        _wrong_with_exact(target)
        or _wrong_with_classes(target)
        or _wrong_with_levels(target)
        or _wrong_with_goal(target)
        or _wrong_with_worth(target)
        or _wrong_with_scale(target)
        or _wrong_with_caution(target)
    )


def _said(t: Target) -> str:
    """How far from its value a match may be."""
    return f"a factor of {t.within:g}" if t.is_log else f"{t.within:g}"


def out_of_reach(t: Target) -> str:
    """A sentence on thresholds that nothing can ever keep, by what can be measured at all; "" where something can."""
    low, high = (t.low, t.high) if t.levels is None else (t.levels[0], t.levels[-1])
    lowest, highest = ("low", "high") if t.levels is None else ("the lowest level", "the highest level")
    if high is not None and t.at_least is not None and t.at_least > high:
        return f"at_least {t.at_least:g} is above {highest}, {high:g}, so nothing can ever keep it; lower at_least"
    if low is not None and t.at_most is not None and t.at_most < low:
        return f"at_most {t.at_most:g} is below {lowest}, {low:g}, so nothing can ever keep it; raise at_most"
    if t.value is not None and t.within is None and high is not None and t.value > high:
        return f"value {t.value:g} is above high, {high:g}, so nothing can ever reach it; lower value, or raise high"
    if t.value is not None and t.within is None and low is not None and t.value < low:
        return f"value {t.value:g} is below low, {low:g}, so nothing can ever reach it; raise value, or lower low"
    least, most = t.bounds
    if (high is not None and least > high) or (low is not None and most < low):
        return f"nothing within {_said(t)} of {t.value:g} lies between low and high; mend value, or low and high"
    return ""


def _wrong_with_exact(target: Target) -> str:
    """A sentence on what is exact and no number, "" where it is one."""
    if not target.is_exact or target.levels is None:
        return ""
    told = "classes" if target.classes is not None else "levels"
    return f"exact says of a number that it does not scatter, and this is told in {told}; leave out exact"


def _wrong_with_classes(target: Target) -> str:
    """A sentence on classes that nothing can be told apart by, "" where there is none."""
    classes = target.classes
    if classes is None:
        return ""
    known = {c.strip().casefold() for c in classes}
    if len(classes) < 2 or len(known) < len(classes) or "" in known:
        return f"classes are two or more different words, the one that is looked for last, got {list(classes)}"
    if any(is_number(c) for c in classes):
        return f"classes are words, got {list(classes)}; for numbers write levels: [0, 1]"
    if target.goal not in (Goal.MAXIMIZE, Goal.KEEP):
        goal = f"the goal is {target.goal.value}; write goal: maximize, or keep beside another target"
        wanted = Classes(classes).wanted
        if wanted != classes[-1:]:
            return f"of the classes {' or '.join(wanted)} is looked for, and {goal}"
        turned = ", ".join((*classes[1:], classes[0]))
        return (
            f"the last of the classes is what is looked for, and {goal}, and classes: [{turned}] where {classes[0]!r} "
            "is wanted"
        )
    numbers = (target.low, target.high, target.at_least, target.at_most, target.desirable)
    if target.unit or target.levels != CLASSES or any(n is not None for n in numbers):
        return "classes say all that can be measured; leave out unit, levels, low, high, thresholds and desirable"
    return ""


def _wrong_with_levels(target: Target) -> str:
    """A sentence on levels that no ordinal outcome has, "" where there is none."""
    levels, words = target.levels, target.words
    if levels is None:
        return "" if words is None else f"words are for levels; write levels: [{', '.join(words)}]"
    if len(levels) < 2:
        return f"levels must be two or more, got {list(levels)}; leave them out for a number"
    if not all(math.isfinite(v) for v in levels) or any(b <= a for a, b in itertools.pairwise(levels)):
        return f"levels must be different numbers from the lowest to the highest, got {list(levels)}; sort them"
    if target.low is not None or target.high is not None:
        return "levels say what can be measured; leave out low and high"
    if words is not None and (target.classes or len(words) != len(levels) or len(levels) < 3):
        return (
            f"words are for three or more levels, one for each, got {list(words)} for {len(levels)} levels; mend them"
        )
    if words is not None and (
        len({w.strip().casefold() for w in words}) < len(words) or not all(map(str.strip, words))
    ):
        return f"levels are different words from the lowest to the highest, got {list(words)}; mend them"
    if target.goal is Goal.MATCH:
        return "levels are maximised, minimised or kept, not matched; use keep with at_least and at_most"
    return ""


def _wrong_with_goal(t: Target) -> str:
    if t.goal is Goal.MATCH and t.value is None:
        return "goal match needs the value that is wanted; add value: ..."
    if t.goal is not Goal.MATCH and (t.value is not None or t.within is not None):
        return f"value and within go with goal match, and the goal is {t.goal.value}; remove them or change the goal"
    if t.is_log and t.value is not None and not t.value > 0:
        return f"value must be above zero on a logarithmic scale, got {t.value:g}; mend it, or leave out scale"
    if t.within is not None and not t.within > 0:
        return f"within must be above zero, got {t.within:g}"
    if t.within is not None and t.is_log and not 1.0 < t.within <= FARTHEST:
        return (
            f"on a logarithmic scale within is the factor by which a value may be off, above 1 and at most "
            f"{FARTHEST:g}, got {t.within:g}; write 1.1 for a tenth either way"
        )
    if t.goal is Goal.KEEP and not t.has_bounds and not t.is_part:
        return (
            "goal keep needs a threshold to keep; add at_least, at_most or both; what is only recorded with results is "
            "a parameter of type: context"
        )
    low, high = t.bounds
    if not low < high:
        return f"no value lies within {_said(t)} of {t.value:g} and keeps the thresholds; mend one of them"
    return ""


def _wrong_with_worth(t: Target) -> str:
    if not (math.isfinite(t.weight) and t.weight > 0):
        return f"weight must be above zero, got {t.weight:g}; leave a target out, or give it the goal keep"
    if t.desirable is None:
        return ""
    if not t.sign:
        return f"desirable goes with maximize and minimize, and the goal is {t.goal.value}; remove it"
    nothing, everything = t.desirable
    if not t.sign * (everything - nothing) > 0:
        order = "below" if t.sign > 0 else "above"
        return (
            f"desirable runs from what is worth nothing to what is wanted: with goal {t.goal.value}, from must be "
            f"{order} to, got {nothing:g} and {everything:g}"
        )
    return ""


def _wrong_with_scale(t: Target) -> str:
    """A sentence on what has no logarithm where the scale is logarithmic, "" where all has one."""
    if not t.is_log:
        return ""
    if t.levels is not None:
        told = "classes" if t.classes is not None else "levels"
        return f"scale log is for numbers above zero, and this is told in {told}; leave out scale"
    ends = {"high": t.high, "at_least": t.at_least, "at_most": t.at_most}
    if t.desirable is not None:
        ends |= {"desirable from": t.desirable[0], "desirable to": t.desirable[1]}
    if found := next((name for name, end in ends.items() if end is not None and not end > 0), ""):
        return f"{found} must be above zero on a logarithmic scale, got {ends[found]:g}; mend it, or leave out scale"
    return ""


def _wrong_with_caution(t: Target) -> str:
    """A sentence on caution that is no chance, or guards nothing; "" where there is none."""
    if t.cautious is None:
        return ""
    if not 0.5 <= t.cautious < 1.0:
        return (
            f"cautious is the chance with which what is proposed must keep the thresholds, from 0.5 to below 1, got "
            f"{t.cautious:g}; write 0.95 perhaps"
        )
    if t.has_bounds:
        return ""
    word = "goal: keep" if t.classes is not None else "at_least or at_most"
    return f"cautious is for what must be kept, and nothing is asked of it; add {word}, or leave out cautious"
