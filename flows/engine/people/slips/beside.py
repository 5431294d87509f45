"""What was recorded beside results and is not as declared, cannot be read, or counts for nothing."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from flows.engine.looking.view import View
from flows.engine.people.rows import once_more
from flows.engine.people.slips.wording import remedy
from loop.circumstances import (
    Context,
    Declared,
    is_finite,
    perhaps_days,
    read_actual,
    read_context,
    read_expense,
    unread_expense,
)
from loop.errors import SpaceError
from loop.outcome import Measured, Negative
from loop.plate.layout import row_name
from loop.record import AttemptRecord, ObservationRecord
from loop.sheets.cells import finite, is_number, split_header
from loop.spec import declared_of, levels_of, words_of
from loop.spec.costs import with_fidelities


def beside(view: View, observations: Iterable[ObservationRecord]) -> Iterator[str]:
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
        yield f"result of {view.label(those[0].settings)}{more}: {remark}. {remedy(view, those[0])}"


def derived(view: View, observations: Sequence[ObservationRecord]) -> Iterator[str]:
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
    words, levels = words_of(view.spec), levels_of(view.spec)
    for column, said in o.context.items():
        if not isinstance(said, str):
            continue
        name, text = split_header(column)[0], said.casefold()
        graded = next(
            (t for t, known in words.items() if name.startswith(t) and text in map(str.casefold, known)), None
        )
        target = once_more(name, view.spec.objective) if finite(said) is not None else graded
        if target in words or target in levels:  # of which there is no mean
            yield (
                f"{column!r} beside it is kept and not learnt from; a second judgement of {target} is a row of its "
                "own in a table that is told: the settings and it, without the key of the experiment"
            )
        elif target is not None:
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
