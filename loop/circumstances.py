"""Circumstances of a result: what was recorded with it, and the settings that were not as requested."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from loop.costs import Expense
from loop.errors import SpaceError, did_you_mean
from loop.record import Json, Settings
from loop.sheets.cells import as_float, has_decimal_comma, hint_of, without_doubt
from loop.space import Continuous, Discrete, Space
from loop.space.parameters import spelt

NEAR: Final = 0.01  # of a range: what was set is what was asked for, but for how well it can be set
EFFECTS: Final = (
    "plate",
    "day",
    "instrument",
    "row",
    "column",
    "block",
    "lot",
    "operator",
)  # known without being declared
PLACE: Final = ("plate", "row", "column", "block")  # of these, where a result was made
COMPLETES: Final = "completes"  # beside a result: the id of the earlier one that it has all of, and more
HOUR: Final = 3_600.0  # seconds
SUMS: Final = 0.02  # how far from one the fractions of a mixture may be that was weighed in
ROUNDED: Final = 1e-7  # share of a number that is no change of it: spreadsheets write it in eleven characters or so
DATES: Final = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
    "%Y.%m.%d", "%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
    "%b %d %Y", "%B %d %Y",
)  # fmt: skip
_PLAIN: Final = ("%d.%m.%Y", "%Y-%m-%d")  # of these it is known where the day stands
_HOUR: Final = re.compile(  # of a day: 2:30, 14:30:05.250, 2:30 PM, 14:30 Uhr, 02:30 +01:00, 2:30 CEST
    r"(,? +|(?<=\d)T)\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?( ?(Z|[+-]\d\d(:?\d\d)?|[A-Za-z]{1,5}))?"
    r"(\[[\w/+-]+\])?(?= \d{4}$|$)"
)
_WEEKDAY: Final = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +", re.IGNORECASE)
_FIRST: Final = date(1899, 12, 30)  # from which spreadsheets number days
_SERIAL: Final = re.compile(r"([45]\d{4})(\.\d+)?")  # such a number, of 2009 to 2064, and the hour behind it
_WELL: Final = re.compile(r"(?P<row>[A-Za-z]{1,2})0*(?P<column>[1-9]\d?)")

Context: TypeAlias = Mapping[str, str | float]
Declared: TypeAlias = Mapping[str, tuple[str, ...] | None]  # options of a context parameter, () any, None: a number


def read_context(context: Json, declared: Declared) -> tuple[dict[str, str | float], tuple[str, ...]]:
    """What can be used of a recorded context, and notes on what cannot; the record itself keeps all of it.

    Known names are labels, a well also tells row and column, a time tells the day; declared parameters are checked.
    """
    found: dict[str, str | float] = {}
    notes: list[str] = []
    for name, given in context.items():
        value = _number(given) if name in declared and declared[name] is None and isinstance(given, str) else given
        if name == "day" and declared.get(name, ()) is not None and (isinstance(value, str) or is_finite(value)):
            value = value if str(value) in (declared.get(name) or ()) else _day(str(value))
        is_number = is_finite(value)
        if name in declared:
            options = declared[name]
            if options is None and not is_number:
                point = "a number has a point as decimal sign" if has_decimal_comma(str(value)) else ""
                hint = f" ({said})" if (said := hint_of(str(value)) or point) else ""
                got = without_doubt(value) if isinstance(value, str) else value
                notes.append(f"context {name!r} must be a number, got {got!r}{hint}; it is kept and not used")
            elif options == () and not (is_number or (isinstance(value, str) and value)):
                rule = f"must be text or a finite number, got {reprlib.repr(value)}"
                notes.append(f"context {name!r} {rule}; it is kept and not used")
            elif options and str(value) not in options:
                hint = did_you_mean(str(value), options)
                rule = f"is none of {', '.join(options)}{hint}; it is kept and not used until the space declares it"
                notes.append(f"context {name!r} = {value!r} {rule}")
            else:
                found[name] = float(value) if options is None else str(value)
        elif (isinstance(value, str) and value) or is_number:
            found[name] = str(value) if name in (*EFFECTS, "well") else value
    well = _WELL.fullmatch(str(found.get("well", "")))
    if well:
        found.setdefault("row", well["row"].upper())
        found.setdefault("column", well["column"])
    return found, tuple(notes)


def read_actual(space: Space, requested: Settings, context: Json) -> tuple[NDArray[np.float64] | None, str]:
    """Coordinates of the settings that were really used, shape ``(d,)``, and what is wrong with them.

    None and "" where they are the requested ones; None and a sentence where they cannot be read.
    """
    given = context.get("actual")
    if given is None or given == {}:
        return None, ""
    if not isinstance(given, Mapping):
        return None, f"actual settings must be an object such as {{temperature: 78.5}}, got {given!r}"
    for name, value in given.items():
        if not isinstance(value, str) and not is_finite(value):
            rule = f"{name!r} must be text or a finite number, got {reprlib.repr(value)}"
            return None, f"actual settings cannot be read ({rule}; leave out what was as requested)"
    try:
        x = space.coordinates(applying(space, {**requested, **given}, given))
    except SpaceError as error:
        return None, f"actual settings cannot be read ({error})"
    for mixture in space.mixtures:
        total = float(x[list(mixture.columns)].sum())
        if any(space.names[c] in given for c in mixture.columns) and total and abs(total - 1.0) > SUMS:
            return None, (
                f"actual settings cannot be read (the parts of {mixture.name!r} sum to {total:g}; give every part that "
                "was not as requested)"
            )
    return (None, "") if (x == space.coordinates(requested)).all() else (x, "")


def is_another(space: Space, planned: NDArray[np.float64], used: NDArray[np.float64]) -> bool:
    """Whether what was really used, ``(d,)``, is another candidate than what was asked for, ``(d,)``.

    By another option, or by a part of a mixture that only one of them has; a number may stray as far as it does.
    """
    columns = [i for i, p in enumerate(space.parameters) if not isinstance(p, Continuous | Discrete)]
    parts = sorted(space.frame.mixed_columns)
    has_other_parts = ((planned[parts] > 0) != (used[parts] > 0)).any()
    return bool((planned[columns] != used[columns]).any() or has_other_parts)


def actual_of(context: Json) -> Settings:
    """The settings that were really used, as far as they were recorded and can be read."""
    given = context.get("actual")
    if not isinstance(given, Mapping):
        return {}
    return {name: value for name, value in given.items() if isinstance(value, str) or is_finite(value)}


def ran_elsewhere(space: Json, requested: Settings, context: Json) -> bool:
    """Whether an experiment ran so far from what was asked for that no prediction of that tells of it.

    By another option, or a number that is off by more than a hundredth of its range (of its logarithm, where that
    counts). ``space`` is that of a spec, by name.
    """
    return any(
        value != requested.get(name) and not _is_near(space.get(name) or {}, value, requested.get(name))
        for name, value in actual_of(context).items()
    )


def _is_near(parameter: Json, used: str | float, planned: str | float | None) -> bool:
    if isinstance(used, str) or isinstance(planned, str) or planned is None:
        return False
    values = parameter.get("values") or [parameter.get("low", 0.0), parameter.get("high", 1.0)]  # a mixture's fraction
    ends = [used, planned, min(values), max(values)]
    if parameter.get("scale") == "log" and min(ends) > 0.0:
        ends = [math.log(end) for end in ends]
    return bool(abs(ends[0] - ends[1]) <= NEAR * (ends[3] - ends[2]))


def is_as_planned(used: object, planned: object) -> bool:
    """Whether a setting that stands in a table is the planned one, but for the digits that spreadsheets round off and
    blanks at the ends of a name.
    """
    if isinstance(used, str) and isinstance(planned, str):
        return spelt(used) == spelt(planned)
    if isinstance(used, str) or not is_finite(used) or not is_finite(planned):
        return used == planned
    return math.isclose(used, planned, rel_tol=ROUNDED)


def applying(space: Space, settings: Settings, given: Settings) -> Settings:
    """Settings without requested ones, and amounts of 0, that do not apply beside those that were really used."""
    x = np.array([p.index(settings[p.name]) if p.name in settings else 0.0 for p in space.parameters])
    active = space.frame.active(space.frame.canonical(x[None]))[0]
    idle = {p.name for p, applies in zip(space.parameters, active, strict=True) if not applies}
    return {n: v for n, v in settings.items() if n not in idle or (n in given and given[n] != 0)}


def read_expense(context: Mapping[str, Any]) -> Expense:
    """What a result says in its provenance that it took: ``wall_time_s`` and ``cost``, finite and not below zero."""
    provenance = context.get("provenance")
    if not isinstance(provenance, Mapping):
        return Expense()
    seconds, cost = (_amount(provenance.get(name)) for name in ("wall_time_s", "cost"))
    return Expense(None if seconds is None else seconds / HOUR, cost)


def unread_expense(context: Mapping[str, Any]) -> tuple[str, ...]:
    """What a result says in its provenance that it took and ``read_expense`` cannot use, a sentence for each."""
    provenance = context.get("provenance")
    said = provenance if isinstance(provenance, Mapping) else {}
    return tuple(
        f"{name} of the provenance must be a number of zero or above, got {reprlib.repr(said[name])}; it is kept and "
        "not used"
        for name in ("wall_time_s", "cost")
        if said.get(name) is not None and _amount(said[name]) is None
    )


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value on record is a number to reckon with: not true or false, no integer beyond 1.8e308."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _amount(value: object) -> float | None:
    return float(value) if is_finite(value) and value >= 0 else None


def _number(text: str) -> float | str:
    number = as_float(text)
    return text if number is None else number


def _day(text: str) -> str:
    """The day of a date or a time in ISO form, as 28.3.2026 or as a spreadsheet's number, as it stands there.

    Any other date is a label itself, without its hour, and so is any other text.
    """
    for kind in (date, datetime):
        try:
            return kind.fromisoformat(text).isoformat()[:10]
        except ValueError:
            continue
    said = text.strip()
    before = _WEEKDAY.match(said)
    day = _HOUR.sub("", said[before.end() :] if before else said)
    if serial := _SERIAL.fullmatch(day):
        return (_FIRST + timedelta(days=int(serial[1]))).isoformat()
    if plain := _dates(day.replace(". ", "."), _PLAIN):
        return plain[0]
    return day if perhaps_days(day) else text


def perhaps_days(label: str) -> frozenset[str]:
    """The days in ISO form that a label may mean, which 3/4/2026 leaves open; none of a label that is no date."""
    return frozenset(_dates(label.strip(), DATES))


def _dates(text: str, forms: Sequence[str]) -> list[str]:
    found = []
    for form in forms:
        with suppress(ValueError):
            found.append(datetime.strptime(text, form).date().isoformat())
    return found
