"""Reading: how what a laboratory sends is read as an outcome, and how an outcome is written so again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, assert_never

from loop.classes import Classes, are_classes
from loop.errors import OutcomeError, UnitError, did_you_mean
from loop.outcome.kinds import (
    CANNOT,
    CANNOT_KIND,
    Fault,
    FaultKind,
    Measured,
    Measurement,
    Negative,
    Outcome,
    Qualifier,
    too_large,
)
from loop.sheets.cells import (
    finite,
    has_decimal_comma,
    has_thousands,
    hint_of,
    scatter_of,
    without_doubt,
    without_thousands,
)
from loop.sheets.nearly_numbers import instead_of, of_isomers
from loop.units import DIMENSIONLESS, check_unit, convert, is_share, misread

CODE: Final = r"[a-z][a-z0-9_]{0,59}"  # what failed, as programs read it
_KEYS: Final = frozenset({"outcome", "values", "reason", "kind", "message", "informative", "provenance", "context"})
_LONGEST: Final = 4_000  # characters of why something ended so: a cell of a spreadsheet holds 32,767
_NONE: Final = "write a limit such as <1 where nothing was found, or report it as negative or fault"
_NOT_THIS: Final = (  # of several targets
    "write a limit such as <1 where nothing was found, leave it out where it was not measured (on a worksheet an empty "
    "cell, and measured under outcome), or report the whole as negative or fault"
)
_NO_SD: Final = "leave it out where it is not known"
_SIGNS: Final = (Qualifier.BELOW, Qualifier.ABOVE)
_VALUE_KEYS: Final = frozenset({"property", "value", "unit", "sd", "n", "qualifier", "channel"})


def read_outcome(
    payload: Mapping[str, Any],
    units: Mapping[str, str],
    levels: Mapping[str, tuple[float, ...]] | None = None,
    words: Mapping[str, tuple[str, ...]] | None = None,
) -> Outcome:
    """Read a result, as the contract of adapters writes it, as an outcome.

    The payload is ``{"outcome": "measured", "values": [{"property", "value", "unit", ...}]}``,
    ``{"outcome": "negative", "reason": ..., "values": [...]}`` or
    ``{"outcome": "fault", "kind": ..., "message": ...}``; each may carry ``provenance``
    (program, version, wall time, raw output, of a fault its ``code``) and ``context`` (instrument, plate, well, actual
    settings). Of a reason or a message of more than 4,000 characters the outcome has the beginning and the end.

    Args:
        payload: What came back.
        units: Unit of each target of the campaign; a property that is none of them is kept in its own unit.
        levels: What an ordinal target can be, by target; another value is refused.
        words: The words for the levels of a target that has words, by target; either may be reported. Of ``Classes``,
            as any two words are, a result has the number of its word as value, and what it counts as beside it.

    Raises:
        OutcomeError: It cannot be read; the message says which field, and what is expected.
    """
    if unknown := sorted(set(payload) - _KEYS):
        raise OutcomeError(f"unknown key {unknown[0]!r} in a result{_meant(unknown[0], payload, units)}")
    match payload.get("outcome"):
        case "measured":
            values = _read_values(payload, units, levels or {}, words or {})
            if not values:
                raise OutcomeError(
                    "outcome 'measured' without values; report none as 'negative' or 'fault', and what cannot be made "
                    f"as a fault of kind {CANNOT!r}"
                )
            missing = sorted(set(units) - {m.property for m in values})
            if len(missing) == len(units) and units:
                came = ", ".join(f"{m.property}{did_you_mean(m.property, units)}" for m in values)
                known = ", ".join(sorted(units))
                raise OutcomeError(f"no value for any target; the campaign measures {known}, and what came is {came}")
            return Measured(values)
        case "negative":
            reason = payload.get("reason")
            if not isinstance(reason, str) or not reason.strip():
                raise OutcomeError("outcome 'negative' needs a reason, such as 'no conversion'")
            return Negative(_in_short(reason), _read_values(payload, units, levels or {}, words or {}))
        case "fault":
            return _read_fault(payload)
        case other:
            raise OutcomeError(
                f"outcome must be 'measured', 'negative' or 'fault', got {other!r}; negative: it ran as intended and "
                "gave nothing, fault: it did not run as intended"
            )


def read_code(context: Mapping[str, Any]) -> str:
    """What failed, as a result says it to programs in its provenance (``scf_not_converged``); "" where it does not."""
    provenance = context.get("provenance")
    code = provenance.get("code") if isinstance(provenance, Mapping) else None
    return code if isinstance(code, str) and re.fullmatch(CODE, code) else ""


def write_outcome(outcome: Outcome) -> dict[str, Any]:
    """The payload that ``read_outcome`` reads as ``outcome`` again (values as reported)."""
    match outcome:
        case Measured(measurements):
            return {"outcome": "measured", "values": [_write_value(m) for m in measurements]}
        case Negative(reason, measurements):
            return {"outcome": "negative", "reason": reason, "values": [_write_value(m) for m in measurements]}
        case Fault(kind, message, informative):
            return {"outcome": "fault", "kind": kind.value, "message": message, "informative": informative}
        case _:
            assert_never(outcome)


def _write_value(m: Measurement) -> dict[str, Any]:
    return {
        "property": m.property,
        "value": m.value,
        "unit": m.unit,
        "sd": m.sd,
        "n": m.n,
        "qualifier": m.qualifier.value,
        "channel": m.channel,
    }


def _meant(key: str, payload: Mapping[str, Any], units: Mapping[str, str]) -> str:
    """What is meant by a key that a result does not have, where that can be guessed."""
    if key not in units:
        return did_you_mean(key, _KEYS)
    value = {"property": key, "value": payload[key], **({"unit": units[key]} if units[key] else {})}
    as_result = json.dumps({"outcome": "measured", "values": [value]}, default=str)
    return f": {key!r} is a target, whose value stands in values: {as_result[:300]}"


def _read_fault(payload: Mapping[str, Any]) -> Fault:
    kinds = [kind.value for kind in FaultKind]
    name = CANNOT_KIND.value if payload.get("kind") == CANNOT else payload.get("kind")
    if name not in kinds:
        hint = did_you_mean(str(name), kinds)
        raise OutcomeError(
            f"fault kind {name!r} is unknown{hint}; known: {', '.join(kinds)}, and {CANNOT!r} of what cannot be made, "
            f"which is kept as {CANNOT_KIND.value}"
        )
    informative = payload.get("informative")
    if informative is not None and not isinstance(informative, bool):
        raise OutcomeError(f"informative must be true or false, got {informative!r}")
    return Fault.of(FaultKind(name), _in_short(str(payload.get("message") or name)), informative)


def _in_short(text: str) -> str:
    """The beginning and the end of a text that is too long to be read; what came has all of it."""
    between = " ... "
    kept = (_LONGEST - len(between)) // 2
    return text if len(text) <= _LONGEST else f"{text[:kept]}{between}{text[-kept:]}"


def _read_values(
    payload: Mapping[str, Any],
    units: Mapping[str, str],
    levels: Mapping[str, tuple[float, ...]],
    words: Mapping[str, tuple[str, ...]],
) -> tuple[Measurement, ...]:
    rows = payload.get("values") or []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise OutcomeError("values must be a list of objects with property, value and unit")
    found = tuple(_counted(_read_value(_in_numbers(row, levels, words), units), words) for row in rows)
    for m in found:
        if m.property in levels and m.canonical not in levels[m.property]:
            known = ", ".join(words.get(m.property) or (f"{v:g}" for v in levels[m.property]))
            raise OutcomeError(f"{m.property!r}: {m.value:g} is none of its levels {known}; report one of them")
        ends = {Qualifier.ABOVE: -1, Qualifier.BELOW: 0}
        if m.property in levels and m.qualifier in ends and m.canonical == levels[m.property][ends[m.qualifier]]:
            word = words.get(m.property, [f"{v:g}" for v in levels[m.property]])[ends[m.qualifier]]
            raise OutcomeError(
                f"{m.property!r}: no level is {m.qualifier.value} {word}; report {word} where it is that level, or a "
                "limit that leaves some"
            )
    return found


def _in_numbers(
    row: Mapping[str, Any], levels: Mapping[str, tuple[float, ...]], words: Mapping[str, tuple[str, ...]]
) -> Mapping[str, Any]:
    """The row with the number of its level or class where it names one, in whatever case."""
    name, value = row.get("property"), row.get("value")
    if not isinstance(name, str) or name not in words:
        return row
    if are_classes(words[name]):
        return {**row, "value": _number_of_class(name, value, Classes(words[name]))}
    if not isinstance(value, str):
        return row
    known = [word.strip().casefold() for word in words[name]]
    if value.strip().casefold() not in known:
        near, numbers = did_you_mean(value, words[name]), [f"{v:g}" for v in levels[name]]
        raise OutcomeError(
            f"{name!r}: {value!r} is none of its levels {', '.join(words[name])}{near}; report one of them, or "
            f"{numbers[0]} to {numbers[-1]}"
        )
    return {**row, "value": levels[name][known.index(value.strip().casefold())]}


def _number_of_class(name: str, value: object, classes: Classes) -> object:
    """The number of the class that a value names; of more than two a number is none."""
    may_count = classes.may_be_numbers and not isinstance(value, bool)
    number = classes.number(value) if isinstance(value, str) else value if may_count else None
    if number is None and value is not None:
        near = did_you_mean(value, classes) if isinstance(value, str) else ""
        said = f"{value:g}" if isinstance(value, float) else repr(value)
        either = ", or 0 or 1" if classes.may_be_numbers else ""
        if isinstance(value, str) and finite(value) is None and not classes.may_be_numbers:
            either = "; where it is a new one, write it in front of the others in the campaign file"
        raise OutcomeError(
            f"{name!r}: {said} is none of its classes {', '.join(classes)}{near}; report one of them{either}"
        )
    return number


def _counted(m: Measurement, words: Mapping[str, tuple[str, ...]]) -> Measurement:
    """A class with what it counts as, in the place of its number; what is none as it is."""
    said = words.get(m.property, ())
    if not are_classes(said):
        return m
    if m.qualifier is not Qualifier.EQUAL:
        raise OutcomeError(f"{m.property!r}: a class has no limits, got {m.qualifier.value!r}; report it as it is")
    classes = Classes(said)
    if classes.word(m.value) is None:
        raise OutcomeError(f"{m.property!r}: {m.value:g} is none of its classes {', '.join(said)}; report one of them")
    return replace(m, canonical=classes.counts_as(m.value))


def _read_value(row: Mapping[str, Any], units: Mapping[str, str]) -> Measurement:
    if unknown := sorted(set(row) - _VALUE_KEYS):
        hint = did_you_mean(unknown[0], _VALUE_KEYS)
        raise OutcomeError(f"unknown key {unknown[0]!r} in a value{hint}; known: {', '.join(sorted(_VALUE_KEYS))}")
    name = row.get("property")
    if not isinstance(name, str) or not name:
        raise OutcomeError("a value needs a property, such as 'yield'")
    unit = str(row.get("unit") or units.get(name, ""))
    sign = str(row.get("qualifier") or "").strip("=")
    none = _NOT_THIS if len(units) > 1 else _NONE
    value = _number(row.get("value"), f"{name!r}: value", none, unit=unit, sign=sign)
    target_unit = units.get(name, unit)
    if row.get("unit") == DIMENSIONLESS and is_share(target_unit):
        raise OutcomeError(
            f"{name!r}: {row.get('value')} with an empty unit may be a fraction of one or in {target_unit!r}; report "
            f"it in {target_unit!r}, or in 'dimensionless' where it is a fraction of one"
        )
    if unit != target_unit and (problem := misread(unit)):
        raise OutcomeError(f"{name!r}: {problem}")
    try:
        canonical = convert(value, unit, target_unit)
        reported_sd = row.get("sd")
        sd = None if reported_sd is None else _number(reported_sd, f"{name!r}: sd", _NO_SD)
        canonical_sd = None if sd is None else abs(convert(value + sd, unit, target_unit) - canonical)
        if sd is not None and unit == target_unit and math.isfinite(value + sd):
            canonical_sd = sd  # as stated: the difference of two sums is rounded
    except UnitError as error:
        remedy = f"report it in {target_unit!r}" if target_unit else "report it without one, or state the target's unit"
        raise OutcomeError(f"{name!r}: {error}; {remedy}") from None
    qualifiers = [q.value for q in Qualifier]
    qualifier = row.get("qualifier") or "="
    if qualifier not in qualifiers:
        raise OutcomeError(f"{name!r}: qualifier must be one of {', '.join(qualifiers)}, got {qualifier!r}")
    n = 1 if row.get("n") is None else row["n"]
    if not isinstance(n, int) or isinstance(n, bool):
        raise OutcomeError(f"{name!r}: n must be a whole number, got {n!r}")
    channel = row.get("channel")
    found = Measurement(
        name,
        value,
        unit,
        canonical,
        sd,
        canonical_sd,
        n,
        Qualifier(qualifier),
        None if channel is None else str(channel),
    )
    if name in units and (rule := too_large(found)):
        larger = f"a larger unit than {target_unit!r}" if target_unit else "a unit, and a larger one"
        raise OutcomeError(f"{rule}; correct it, or state the target in {larger}")
    return found


def _number(value: object, what: str, none: str = _NONE, *, unit: str | None = None, sign: str = "") -> float:
    """The finite number that was reported; ``unit``, in which it is taken to be, where that is known, and the ``sign``
    of a limit."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else math.nan  # type: ignore[arg-type]  # a number, as was just seen
    except OverflowError:
        raise OutcomeError(f"{what} must be a finite number, got a whole number beyond 1.8e308") from None
    if not math.isfinite(number):
        got = without_doubt(value) if isinstance(value, str) else value
        raise OutcomeError(f"{what} must be a finite number, got {got!r}; {_way_out(value, none, unit, sign)}")
    return number


def _way_out(value: object, none: str, unit: str | None, sign: str) -> str:
    """What to write in place of what is no number in ``unit``, after a ``sign``; ``none``, where nothing tells."""
    if isinstance(value, list):
        return (
            'a value with its deviation is {"value": 50, "sd": 2}, the mean of several {"value": 50, "sd": 2, "n": 3}, '
            "where sd is their scatter"
        )
    if isinstance(value, bool):
        return "yes or no is no measurement; report the number, or give the target classes and report a word of them"
    text = value.strip() if isinstance(value, str) else ""
    if either := hint_of(text):
        return either
    if has_decimal_comma(text):
        return "use a point as decimal sign, and no sign for thousands"
    if has_thousands(text):
        return f"write {without_thousands(text)}, with no sign for thousands"
    if scatter := scatter_of(text):
        return f"write {scatter[0]} alone, and {scatter[1]} as its sd"
    if several := of_isomers(sign + text):
        return several
    if found := re.fullmatch(r"([-+]?\d+(?:[.,]\d+)?)\s*([^\d\s.,+]+)", text):
        return _without_unit(found[1].replace(",", "."), found[2], unit, sign)
    if finite(text) is not None:
        return "send it as a number, without quotes"
    if text[:1] in _SIGNS and finite(text[1:]) is not None:
        return f"write {text[1:].strip()} alone, and {text[0]!r} as its qualifier"
    return instead_of(text) or none


def _without_unit(number: str, said: str, unit: str | None, sign: str) -> str:
    """What to write in place of a number with its unit, or a word, behind it, where one in ``unit`` is read."""
    if unit is None or said == unit:
        return f"write {sign}{number} alone: its unit stands beside it"
    try:
        number = f"{sign}{convert(float(number), check_unit(said), unit):.15g}"
    except UnitError:
        number = "the limit" if sign else "the number"
    return f"write {number} alone: it is read in {unit!r}" if unit else f"write {number} alone: it has no unit"
