"""Numbers and limits that nothing can be, that break what the campaign file says, or that look like slips."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.looking.view import View
from flows.engine.people.slips.wording import remedy, span
from loop.circumstances import actual_of, is_finite
from loop.errors import SpaceError
from loop.outcome import Fault, Measured, Negative, Outcome, Qualifier
from loop.record import Json, ObservationRecord
from loop.space import Continuous, Discrete, Linear
from loop.space.constraints import Constraint
from loop.space.leaving_out import rules_of
from loop.space.parameters import least_and_most, lies_within, range_said
from loop.spec import build_objective
from loop.training import lacking, useless_limits
from loop.units import unit_shown
from loop.values import values_of

SLACK: Final = 0.05  # of a target's range: so far beyond it noise and rounding may bring a value, as a yield of 103 %
WEIGHED_IN: Final = 0.02  # of a sum, as of the parts of a mixture
STRONGEST: Final = 18.0  # of a pIC50: binding at one attomole per litre is beyond any that was measured
ONE: Final = 1.0  # %, above which no value is taken for a fraction that was typed among percents
# A value below one is rare where so many others are all at least so large: on three tables of measured yields, of which
# 3 to 7 % lie between 0 and 1 %, 0.05 to 1.5 % of random campaigns of 60 experiments had the note.
MANY: Final = 5
LARGE: Final = 10.0  # %
USED: Final = 0.1  # of a parameter's range: what is really used is seldom what was asked for


def beyond_other_ends(view: View, before: Json) -> Iterator[str]:
    """A note for each target whose ``low`` or ``high`` is another than in ``before``, a spec, with results beyond."""
    for name, target in view.spec.objective.items():
        was = before["objective"].get(name, {})
        if (was.get("low"), was.get("high")) == (target.low, target.high):
            continue
        said = ((said, o) for o in view.counted for of, said in _beyond_targets(view, o) if of == name)
        if those := list(said):
            yield _note(view, name, those)


def beyond(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """What lies beyond what the campaign file says that it can be: one note for each target and parameter."""
    found: dict[str, list[tuple[str, ObservationRecord]]] = {}
    for o in observations:
        for name, said in (*_beyond_targets(view, o), *_beyond_parameters(view, o)):
            found.setdefault(name, []).append((said, o))
    yield from (_note(view, name, those) for name, those in found.items())


def _beyond_targets(view: View, o: ObservationRecord) -> Iterator[tuple[str, str]]:
    for name, value in values_of(o.outcome).items():
        if (target := view.spec.objective.get(name)) is None:
            continue
        low, high = target.low, target.high
        slack = SLACK * (high - low) if low is not None and high is not None else 0.0
        if (low is not None and value < low - slack) or (high is not None and value > high + slack):
            can = f"can be ({span(low, high)})"
            said = f"{name} {value:g} {unit_shown(target.unit)}".rstrip()
            yield name, f"{said} of {view.label(o.settings)} is beyond what it {can}"
        elif _is_potency(name, target.unit) and value > STRONGEST:
            said = f"{name} {value:g} of {view.label(o.settings)} is beyond what any -log10 of mol/L is"
            yield name, f"{said} (of {value:g} nM it is {9 - math.log10(value):.2f})"


def _beyond_parameters(view: View, o: ObservationRecord) -> Iterator[tuple[str, str]]:
    for p in view.space.parameters:
        if o.key is None and isinstance(p, Continuous | Discrete) and p.name in o.settings:  # else the planner's own
            value = float(o.settings[p.name])
            if not lies_within(p, np.array(value)):
                yield p.name, f"{p.name} {value:g} {p.unit}".rstrip() + f" is outside the space ({range_said(p)})"
    actual = actual_of(o.context)
    for p in view.space.parameters:
        used = actual.get(p.name)
        if not isinstance(p, Continuous | Discrete) or not is_finite(used):
            continue
        low, high = least_and_most(p)
        slack = USED * (high - low)
        if not low - slack <= used <= high + slack:
            said = f"{p.name} {used:g} {p.unit}".rstrip()
            yield p.name, f"{said}, as really used, is far outside the space ({span(low, high)})"


def _is_potency(name: str, unit: str) -> bool:
    """Whether a target is called like the negative logarithm of a concentration, such as pIC50 or pKi."""
    return not unit and re.match(r"p(([IEAGL]C|[XC]C|D)50|K[idbm])(?![a-z])", name) is not None


def breaking(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """Which constraints told settings break: one note for each. The planner's own kept them when they were planned."""
    rules, told, places = rules_of(view.space), list[ObservationRecord](), list[NDArray[np.float64]]()
    for o in observations if rules else ():
        if o.key is None:
            with suppress(SpaceError):  # what cannot be read was said where it was told
                places.append(view.space.coordinates(view.space.as_named(o.settings, o.smiles)))
                told.append(o)
    if not told:
        return
    x = np.array(places)
    for rule in rules:
        those = [told[i] for i in np.flatnonzero(~rule.allows(x) & ~_is_weighed_in(rule, x)).tolist()]
        if those:
            others = len(those) - 1
            more = f", and so {'does' if others == 1 else 'do'} {others} more" if others else ""
            yield (
                f"{view.label(those[0].settings)} breaks {rule.name!r} of the campaign's constraints{more}; it counts "
                f"as it is. {remedy(view, those[0])}"
            )


def _is_weighed_in(rule: Constraint, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a sum that an equality settles is off by no more than what is weighed in may be: ``(n, d)`` to ``(n,)``."""
    if not isinstance(rule, Linear) or not rule.is_equality:
        return np.zeros(len(x), dtype=bool)
    off = x[:, list(rule.weights)] @ np.array(list(rule.weights.values())) - rule.at_least
    return np.asarray(np.abs(off) <= WEIGHED_IN * abs(rule.at_least))


def useless(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """What limits are said that no value can keep, such as a yield > 150 %: one note for equal ones."""
    objective = build_objective(view.spec)
    found: dict[str, list[ObservationRecord]] = {}
    for o in observations:
        for note in useless_limits(o.outcome, objective):
            found.setdefault(note, []).append(o)
    for note, those in found.items():
        more = f", and {len(those) - 1} more" if len(those) > 1 else ""
        yield (
            f"result of {view.label(those[0].settings)}{more}: {note}. Until then it is on record and trains nothing. "
            f"{remedy(view, those[0])}"
        )


def of_either_sign(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """Which limits leave an excess, of which the sign says whose it is, on either side: one note for each target."""
    found: dict[str, list[tuple[str, ObservationRecord]]] = {}
    for o in observations:
        for m in o.outcome.measurements if isinstance(o.outcome, Measured | Negative) else ():
            target = view.spec.objective.get(m.property)
            if target is None or target.unit != "%" or (target.low or 0.0) >= 0.0 or (target.high or 0.0) <= 0.0:
                continue
            if (m.qualifier is Qualifier.BELOW and m.canonical >= 0.0) or (
                m.qualifier is Qualifier.ABOVE and m.canonical <= 0.0
            ):
                ends = (target.low, m.canonical) if m.qualifier is Qualifier.BELOW else (m.canonical, target.high)
                said = (
                    f"{m.property} {m.qualifier.value}{m.canonical:g} % of {view.label(o.settings)} may be anything "
                    f"from {span(*ends)} %, since its low and high have both signs"
                )
                found.setdefault(m.property, []).append((said, o))
    for name, those in found.items():
        said, first = those[0]
        more = f", and so may {name} of {len(those) - 1} more" if len(those) > 1 else ""
        yield f"{said}{more}; where next to none of either was meant, 0 with an sd says so. {remedy(view, first)}"


def fractions(view: View, observations: Sequence[ObservationRecord]) -> Iterator[str]:
    """Values in percent of which all others say that they are fractions: one note for each target.

    Where a small value, a limit or a negative shows that little is found at times, none is."""
    new = {o.id for o in observations if view.spec.source is None}
    for name, target in view.spec.objective.items() if new else ():
        if target.unit != "%":
            continue
        told = [(o, value) for o in view.observations for value in _of_target(o.outcome, name)]
        small = [(o, value) for o, value in told if o.id in new and 0.0 < value <= ONE and name in values_of(o.outcome)]
        others = [value for told_in, value in told if all(told_in is not o for o, _ in small)]
        if not small or len(others) < MANY or min(others) < LARGE:
            continue
        most = 100.0 if target.high is None else target.high
        those = [(o, value) for o, value in small if min(others) <= 100.0 * value <= most]
        if those:
            o, value = those[0]
            more = f", and so {'is' if len(those) == 2 else 'are'} {name} of {len(those) - 1} more" if those[1:] else ""
            yield (
                f"{name} {value:g} % of {view.label(o.settings)} is a hundredth of what the {len(others)} others are "
                f"({span(min(others), max(others))} %){more}: perhaps {100 * value:g} %, written as a fraction; it "
                f"counts as it is. {remedy(view, o)}"
            )


def _of_target(outcome: Outcome, name: str) -> list[float]:
    """What a result says of a target, limits too; 0 of a negative that says nothing of it."""
    if isinstance(outcome, Fault):
        return []
    said = [m.canonical for m in outcome.measurements if m.property == name]
    return said or [0.0] * isinstance(outcome, Negative)


def bare_negatives(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """What negatives that were told without a limit leave open; each round says it too."""
    bare = [o for o in observations if isinstance(o.outcome, Negative) and not o.outcome.measurements]
    more = f", and {len(bare) - 1} more" if len(bare) > 1 else ""
    for note in lacking(build_objective(view.spec), ()) if bare else ():
        yield f"result of {view.label(bare[0].settings)}{more}: {note}"


def _note(view: View, name: str, those: list[tuple[str, ObservationRecord]]) -> str:
    said, first = those[0]
    more = f", and so is {name} of {len(those) - 1} more" if len(those) > 1 else ""
    target = view.spec.objective.get(name)
    has_ends = target is not None and (target.low is not None or target.high is not None)
    mend = f"; where {name} can be so, mend its low or high in the campaign file" if has_ends else ""
    return f"{said}{more}; it counts as it is. {remedy(view, first)}{mend}"
