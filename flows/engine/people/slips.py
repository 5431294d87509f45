"""Slips: results that were probably mistyped. They count as they are, and a person is told."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flows.engine.looking.view import View
from flows.engine.people.rows import once_more
from loop.circumstances import (
    Context,
    Declared,
    actual_of,
    is_finite,
    perhaps_days,
    read_actual,
    read_context,
    read_expense,
    unread_expense,
)
from loop.errors import SpaceError
from loop.outcome import Fault, Measured, Negative, Outcome, Qualifier, as_told
from loop.plate.layout import row_name
from loop.record import AttemptRecord, Json, ObservationRecord, Settings
from loop.sheets.cells import finite, is_number, split_header
from loop.space import Continuous, Discrete, Linear
from loop.space.constraints import Constraint
from loop.space.leaving_out import rules_of
from loop.space.parameters import least_and_most, lies_within, range_said
from loop.spec import build_objective, declared_of
from loop.spec.costs import with_fidelities
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


def slips(view: View, observations: Iterable[ObservationRecord]) -> tuple[str, ...]:
    """A note for each target or parameter with a number beyond what the campaign file says it can be, for what was
    recorded beside results and is not as declared, or cannot be read, for values of derived targets, for wells with
    more than one result, or experiments whose own is still waited for, and for settings that the file has no more."""
    found: dict[str, list[tuple[str, ObservationRecord]]] = {}
    seen = tuple(observations)
    for o in seen:
        for name, said in _beyond(view, o):
            found.setdefault(name, []).append((said, o))
    beyond = (_note(view, name, those) for name, those in found.items())
    return (
        *beyond,
        *_breaking(view, seen),
        *_useless(view, seen),
        *_of_either_sign(view, seen),
        *_fractions(view, seen),
        *_beside(view, seen),
        *_derived(view, seen),
        *_doubled(view, seen),
        *_keyless(view, seen),
        *_told_before(view, seen),
        *_gone(view, seen),
    )


def beyond_other_ends(view: View, before: Json) -> Iterator[str]:
    """A note for each target whose ``low`` or ``high`` is another than in ``before``, a spec, with results beyond."""
    for name, target in view.spec.objective.items():
        was = before["objective"].get(name, {})
        if (was.get("low"), was.get("high")) == (target.low, target.high):
            continue
        said = ((said, o) for o in view.counted for of, said in _beyond_targets(view, o) if of == name)
        if those := list(said):
            yield _note(view, name, those)


def _beyond(view: View, o: ObservationRecord) -> Iterator[tuple[str, str]]:
    """Name of each target and parameter with a number beyond its bounds, and what to say of it."""
    yield from _beyond_targets(view, o)
    yield from _beyond_parameters(view, o)


def _beyond_targets(view: View, o: ObservationRecord) -> Iterator[tuple[str, str]]:
    for name, value in values_of(o.outcome).items():
        if (target := view.spec.objective.get(name)) is None:
            continue
        low, high = target.low, target.high
        slack = SLACK * (high - low) if low is not None and high is not None else 0.0
        if (low is not None and value < low - slack) or (high is not None and value > high + slack):
            can = f"can be ({_range(low, high)})"
            said = f"{name} {value:g} {unit_shown(target.unit)}".rstrip()
            yield name, f"{said} of {view.label(o.settings)} is beyond what it {can}"
        elif is_potency(name, target.unit) and value > STRONGEST:
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
            yield p.name, f"{said}, as really used, is far outside the space ({_range(low, high)})"


def is_potency(name: str, unit: str) -> bool:
    """Whether a target is called like the negative logarithm of a concentration, such as pIC50 or pKi."""
    return not unit and re.match(r"p(([IEAGL]C|[XC]C|D)50|K[idbm])(?![a-z])", name) is not None


def _breaking(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
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
                f"as it is. {_remedy(view, those[0])}"
            )


def _is_weighed_in(rule: Constraint, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a sum that an equality settles is off by no more than what is weighed in may be: ``(n, d)`` to ``(n,)``."""
    if not isinstance(rule, Linear) or not rule.is_equality:
        return np.zeros(len(x), dtype=bool)
    off = x[:, list(rule.weights)] @ np.array(list(rule.weights.values())) - rule.at_least
    return np.asarray(np.abs(off) <= WEIGHED_IN * abs(rule.at_least))


def _useless(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
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
            f"{_remedy(view, those[0])}"
        )


def _of_either_sign(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
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
                    f"from {_range(*ends)} %, since its low and high have both signs"
                )
                found.setdefault(m.property, []).append((said, o))
    for name, those in found.items():
        said, first = those[0]
        more = f", and so may {name} of {len(those) - 1} more" if len(those) > 1 else ""
        yield f"{said}{more}; where next to none of either was meant, 0 with an sd says so. {_remedy(view, first)}"


def _fractions(view: View, observations: Sequence[ObservationRecord]) -> Iterator[str]:
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
                f"({_range(min(others), max(others))} %){more}: perhaps {100 * value:g} %, written as a fraction; it "
                f"counts as it is. {_remedy(view, o)}"
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


def _beside(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """What was recorded with results and is not as the campaign file declares it: one note for equal ones.

    Nothing of a source: nobody declared what stands in a table of others, which is only kept.
    """
    if view.spec.source is not None:
        return
    found: dict[str, list[ObservationRecord]] = {}
    declared = declared_of(view.spec)
    attempts = {a.key: a for a in view.attempts} if view.spec.plate is not None else {}
    told = tuple(observations)
    written = _labels(view, declared, {o.id for o in told})
    for o in told:
        context, remarks = read_context(o.context, declared)
        for remark in (
            *remarks,
            *_once_more(view, o),
            *_misread(view, o),
            *_off_plate(view, o, attempts),
            *_alike(context, written),
        ):
            found.setdefault(remark, []).append(o)
    for remark, those in found.items():
        more = f", and {len(those) - 1} more" if len(those) > 1 else ""
        yield f"result of {view.label(those[0].settings)}{more}: {remark}. {_remedy(view, those[0])}"


def _derived(view: View, observations: Sequence[ObservationRecord]) -> Iterator[str]:
    """A note for each derived target of which a result has a value itself, or a worksheet a column with cells."""
    names = view.spec.derived or {}
    if not names or view.spec.source is not None:
        return
    said = {
        m.property for o in observations if isinstance(o.outcome, Measured | Negative) for m in o.outcome.measurements
    }
    said |= {split_header(column)[0] for o in observations for column in o.context}
    for name in names:
        if name in said:
            yield f"{name!r} is derived, and worked out from what is measured: what was told of it counts for nothing"


def _labels(view: View, declared: Declared, new: Container[str]) -> dict[tuple[str, str], str]:
    """How each label of an effect was written first, by effect and by what is left of the label."""
    first: dict[tuple[str, str], str] = {}
    names = view.spec.noise.effects if view.spec.noise is not None else ()
    for o in sorted(view.observations, key=lambda o: o.id in new) if names else ():
        context = read_context(o.context, declared)[0]
        for name in names:
            if isinstance(label := context.get(name), str):
                for key in _keys(name, label):
                    first.setdefault((name, key), label)
    return first


def _alike(context: Context, written: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """A label that is told apart from another by how it is written alone."""
    for name, label in context.items():
        if not isinstance(label, str):
            continue
        others = (written.get((name, key), label) for key in _keys(name, label))
        first = next((o for o in others if o != label and _may_be_one(name, o, label)), None)
        if first is not None and name == "day":
            yield f"day {label!r} counts as another than {first!r}, and may be the same; write days as 2026-03-28"
        elif first is not None:
            yield f"{name} {label!r} counts as another than {first!r}, which only is written otherwise"


def _keys(name: str, label: str) -> list[str]:
    """What labels of an effect have in common that are told apart by how they are written alone."""
    return sorted(perhaps_days(label) if name == "day" else ()) or [_bare(label)]


def _may_be_one(name: str, one: str, other: str) -> bool:
    """Of days, whether one of the two leaves nothing open: 3/4/2026 and 4/3/2026 are two days of one table."""
    return name != "day" or min(len(perhaps_days(one)), len(perhaps_days(other))) < 2


def _bare(label: str) -> str:
    """A label without case, and without blanks and hyphens, save between digits: 1-11 is not 11-1."""
    return re.sub(r"(?<!\d)[\s_-]+|[\s_-]+(?!\d)", "", label).casefold() or label


def _once_more(view: View, o: ObservationRecord) -> Iterator[str]:
    """Further values of a target that a person put into columns of their own, as on a worksheet."""
    for column, said in o.context.items():
        if isinstance(said, str) and finite(said) is not None:
            target = once_more(split_header(column)[0], view.spec.objective)
            if target is not None:
                yield (
                    f"{column!r} beside it is kept and not learnt from; give the mean of all under {target!r}, how "
                    f"many they are under '{target} n' and their scatter under '{target} sd'"
                )


def _misread(view: View, o: ObservationRecord) -> Iterator[str]:
    """What was typed of the settings that were really used, and of what the experiment took, and cannot be read."""
    try:
        problem = read_actual(view.space, view.space.as_named(o.settings, o.smiles), o.context)[1]
    except SpaceError:  # of a space that was changed meanwhile: the next round says so
        problem = ""
    if problem:
        yield f"{problem}; it counts as tried and trains nothing"
    if with_fidelities(view.spec) is not None or view.spec.budget.hours is not None:
        yield from unread_expense(o.context)
    expense = read_expense(o.context)  # read from the cell already, with a decimal comma perhaps
    taken = {"hours": expense.hours, "wall_time_s": expense.hours, "cost": expense.cost}
    for column, typed in o.context.items():
        name, unit = split_header(column)
        name = name.strip().casefold()
        if name in view.space.names or taken.get(name, 0.0) is not None:
            continue
        if is_finite(typed) or (isinstance(typed, str) and unit is None and is_number(typed) and float(typed) >= 0):
            where = "cost" if name == "cost" else "wall_time_s, in seconds"
            yield (
                f"{name} beside a result's values does not count as what was spent; a device or program says it under "
                f"provenance ({where}), a table in a column {'cost' if name == 'cost' else 'hours'}"
            )
        if not isinstance(typed, str):
            continue
        if unit is None and not is_number(typed):
            yield f"{name} must be a number, got {typed!r}; it is kept and not used"
        elif unit is None and float(typed) < 0:
            yield f"{name} must be zero or above, got {typed!r}; it is kept and not used"
        elif unit is not None:
            unit_of = "h" if name == "hours" else (view.spec.costs and view.spec.costs.unit) or "the unit of the costs"
            yield f"column {column!r} does not count; call it {name}, in {unit_of}, so that what is spent has it"


def _off_plate(view: View, o: ObservationRecord, attempts: Mapping[str, AttemptRecord]) -> Iterator[str]:
    """A result of an attempt, by its key, that says that it was made in a well which its plate does not have."""
    plate, well = view.spec.plate, str(o.context.get("well") or "")
    if plate is None or not well or o.key is None:
        return
    attempt = attempts.get(o.key)
    if attempt is None or attempt.place is None:
        return
    if str(o.context.get("plate", attempt.place.plate)) != str(attempt.place.plate):
        return  # made on a plate of which nobody said how large it is
    place = read_context({"well": well}, {})[0]
    row, column = str(place.get("row", "")), int(place.get("column", 0))
    if row not in map(row_name, range(plate.rows)) or not 1 <= column <= plate.columns:
        yield (
            f"well {well!r} is not on plate {attempt.place.plate}, which has rows A to {row_name(plate.rows - 1)} and "
            f"columns 1 to {plate.columns} (planned was {attempt.place.well}); the result counts, and its "
            "well is kept as it is"
        )


def _doubled(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """A note where new results come from wells that have another one, of the same plate and round."""
    new, declared = {o.id for o in observations}, declared_of(view.spec)
    standing: dict[tuple[int, str, str, str], ObservationRecord] = {}
    found: list[tuple[ObservationRecord, ObservationRecord]] = []
    for o in sorted(view.observations, key=lambda o: o.id in new) if new and view.spec.source is None else ():
        place = read_context(o.context, declared)[0]
        if isinstance(o.outcome, Fault) or not {"plate", "row", "column"} <= place.keys():
            continue
        where = o.round_number, str(place["plate"]), str(place["row"]), str(place["column"])
        if (first := standing.setdefault(where, o)) is not o and o.id in new:
            found.append((first, o))
    if found:
        first, o = found[0]
        well, plate = o.context.get("well"), o.context.get("plate")
        more = f", and so has each of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"result of {view.label(o.settings)}: well {well} of plate {plate} has another one, of "
            f"{view.label(first.settings)}{more}; both count. {_remedy(view, o)}"
        )


def _keyless(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """A note where told results are of experiments that are still waited for, and have not the keys of these."""
    keyless = [o for o in observations if o.key is None]
    pending = view.pending if keyless else ()
    look_up = _waited_wells if view.spec.plate is not None else _waited_experiments
    found = list(look_up(view, keyless, pending))
    if found:
        o, waited, key = found[0]
        more = f", and so are those of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"result of {view.label(o.settings)}: that of {waited} is still waited for{more}, and without its key this "
            f"one counts beside it. Where it is that result: hakken retract {shlex.quote(view.name)} {o.id} --why "
            f"KEYLESS{_with_its_file(len(found))}, and hakken tell brings it in with its key, {key}; or with --match, "
            "which finds the keys by the settings"
        )


def _with_its_file(results: int) -> str:
    return " (--file beside it: all that came in its file)" if results > 1 else ""


def _told_before(view: View, observations: Sequence[ObservationRecord]) -> Iterator[str]:
    """A note where results of experiments, by their keys, say what was told without a key: the same ones, perhaps."""
    new = {o.id: o for o in observations if o.key is not None and view.spec.source is None}
    if not new:
        return
    keyless = {_said(view, o): o for o in view.observations if o.key is None and o.id not in new}
    found = [(o, told) for o in new.values() if (told := keyless.get(_said(view, o))) is not None]
    if found:
        o, told = found[0]
        more = f", and so with each of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"result of {view.label(o.settings)}: the same settings and values were told without a key, and both "
            f"count{more}. Where they are one result: hakken retract {shlex.quote(view.name)} {told.id} --why KEYLESS"
            f"{_with_its_file(len(found))}"
        )


def _gone(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
    """A note where results are of experiments whose settings the campaign file, changed since, cannot read any more."""
    found = []
    for o in observations if view.campaign.version > 1 else ():
        if o.key is not None and not isinstance(o.outcome, Fault):
            try:
                view.space.coordinates(view.space.as_named(o.settings, o.smiles))
            except SpaceError as error:
                found.append(f"{view.label(o.settings)} ({str(error).partition('; ')[0]})")
    if found:
        more = f", and of {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"the result of {found[0]}{more} is kept, and nothing is learnt from it, as the campaign file was changed "
            "since: put back what was taken out, and exclude it by a constraint"
        )


def what_it_says(outcome: Outcome) -> tuple[object, ...]:
    """What a result says, to be compared: its values to nine digits with their signs."""
    measured = outcome.measurements if isinstance(outcome, Measured | Negative) else ()
    values = sorted((m.property, m.qualifier.value, f"{as_told(m):.9g}") for m in measured)
    return type(outcome).__name__, tuple(values)


def _said(view: View, o: ObservationRecord) -> tuple[object, ...]:
    settings = sorted((n, f"{v:.9g}" if isinstance(v, float) else v) for n, v in _named(view, o).items())
    return tuple(settings), what_it_says(o.outcome)


Waited: TypeAlias = Iterator[tuple[ObservationRecord, str, str]]  # a result, what is waited for, and what its key is


def _waited_wells(view: View, keyless: Sequence[ObservationRecord], pending: Sequence[AttemptRecord]) -> Waited:
    waited = {(str(a.place.plate), a.place.well): _named(view, a) for a in pending if a.place is not None}
    for o in keyless:
        place = read_context(o.context, {})[0]
        plate, well = str(place.get("plate")), f"{place.get('row', '')}{place.get('column', '')}"
        if waited.get((plate, well)) == _named(view, o):
            yield o, f"well {well} of plate {plate}", f"which hakken plate {shlex.quote(view.name)} {plate} writes"


def _waited_experiments(view: View, keyless: Sequence[ObservationRecord], pending: Sequence[AttemptRecord]) -> Waited:
    waited = {frozenset(_named(view, a).items()): a for a in pending}
    for o in keyless:
        if (a := waited.get(frozenset(_named(view, o).items()))) is not None:
            shown = f"hakken show {shlex.quote(view.name)} {a.round_number}"
            yield o, f"an experiment of round {a.round_number}", f"{a.key} in a column key ({shown} has them all)"


def _named(view: View, known: AttemptRecord | ObservationRecord) -> Settings:
    return view.space.as_named(known.settings, known.smiles)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def _note(view: View, name: str, those: list[tuple[str, ObservationRecord]]) -> str:
    said, first = those[0]
    more = f", and so is {name} of {len(those) - 1} more" if len(those) > 1 else ""
    target = view.spec.objective.get(name)
    has_ends = target is not None and (target.low is not None or target.high is not None)
    mend = f"; where {name} can be so, mend its low or high in the campaign file" if has_ends else ""
    return f"{said}{more}; it counts as it is. {_remedy(view, first)}{mend}"


def _remedy(view: View, o: ObservationRecord) -> str:
    return (
        f"Where that is a slip: hakken retract {shlex.quote(view.name)} {o.id} --why SLIP, and hakken tell brings in "
        "the right one"
    )
