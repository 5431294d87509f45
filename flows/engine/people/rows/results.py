"""The result of a told row: what came out and what stands beside it, as ``loop.outcome.read_outcome`` reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from flows.engine.people.rows.cells import Cells, NoResult, cell_of, in_unit, number_of, together
from flows.engine.people.rows.columns import TAKEN
from loop.circumstances import HOUR
from loop.errors import HakkenError, OutcomeError, did_you_mean
from loop.outcome import CANNOT, CANNOT_KIND, FaultKind
from loop.sheets.cells import finite, is_number
from loop.sheets.nearly_numbers import ABOVE, BELOW, UNMEASURED
from loop.spec import CampaignSpec, context_of
from loop.spec.models import TargetSpec

_AT_LEAST: Final = re.compile(f"[<>]=|[{ABOVE}{BELOW}]")  # with which people write limits too
_WHOLE: Final = re.compile(r"[0-9]{1,9}(\.0*)?")  # 3.0 too, as pandas writes a column that has empty cells
_KINDS: Final = tuple(kind.value for kind in FaultKind)
_FAULT: Final = re.compile(rf"fault\s*:?\s*(?P<kind>\w*)|(?P<alone>{'|'.join(_KINDS)})")


def result_of(cells: Cells, spec: CampaignSpec, actual: Mapping[str, str | float] | None) -> dict[str, Any]:
    """The payload of a row; ``actual`` are settings that were not as asked. Raises ``OutcomeError``."""
    comment = cell_of(cells, "comment")[1]
    reason = cell_of(cells, "reason")[1] or comment  # the former of an exported row, as what follows of its faults
    said = cell_of(cells, "outcome")[1].lower()
    values = _values(cells, spec)
    context: dict[str, Any] = {"comment": comment} if comment else {}
    context |= beside_of(cells, spec)
    if actual:
        context["actual"] = dict(actual)
    extra: dict[str, Any] = {"context": context} if context else {}
    if taken := _taken(cells, spec):
        extra["provenance"] = taken
    if said == "negative":
        return {"outcome": "negative", "reason": reason or "told as negative", "values": values, **extra}
    if fault := _FAULT.fullmatch("fault " + CANNOT_KIND.value if said == CANNOT else said):
        kind = fault["kind"] or cell_of(cells, "fault")[1] or fault["alone"] or "unknown"
        if values:
            raise OutcomeError("a fault has no value: it did not run as intended; empty one of the two cells")
        if informative := cell_of(cells, "informative")[1].lower():
            extra["informative"] = informative == "true"
        if code := cell_of(cells, "fault_code")[1]:
            extra["provenance"] = {**taken, "code": code}
        return {
            "outcome": "fault",
            "kind": kind,
            "message": reason or ("it cannot be made" if said == CANNOT else kind),
            **extra,
        }
    if said not in ("", "measured"):
        raise OutcomeError(
            f"outcome {said!r} is unknown{did_you_mean(said, ['measured', 'negative', CANNOT, 'fault', *_KINDS])}; "
            f"use measured, negative, {CANNOT}, cancelled or fault:KIND"
        )
    if not values:
        names = " or ".join(repr(name) for name in spec.objective)
        kinds = f"outcome: negative, {CANNOT}, cancelled or fault:KIND"
        raise NoResult(f"no value for {names}, and no outcome; fill one in ({kinds})")
    return {"outcome": "measured", "values": values, **extra}


def beside_of(cells: Cells, spec: CampaignSpec) -> dict[str, str | float]:
    """What was recorded beside the result; a number of the campaign's in its own unit where it can be read as one."""
    declared = context_of(spec)
    found: dict[str, str | float] = {}
    for (name, part), (column, text) in cells.items():
        if part != "context" or not text:
            continue
        unit = declared[name].unit if name in declared else None
        if unit is not None and (number := finite(text)) is not None:
            found[name] = in_unit(number, column, unit)
        else:
            found[name] = text  # what is not as declared is kept all the same, and the next round notes it
    return found


def _taken(cells: Cells, spec: CampaignSpec) -> dict[str, float]:
    """What the experiment took, as provenance: seconds, and money in the unit of the campaign's costs."""
    found: dict[str, float] = {}
    for name in TAKEN:
        column, text = cell_of(cells, name, "taken")
        if column is None or not text:
            continue
        number = number_of(column.header, text)
        if number < 0:
            raise OutcomeError(f"column {column.header!r} must be zero or above, got {text!r}; correct the cell")
        if name == "hours":
            found["wall_time_s"] = in_unit(number, column, "h") * HOUR
            continue
        unit = "" if spec.costs is None else spec.costs.unit
        if column.unit not in (None, unit):
            raise OutcomeError(f"column {column.header!r} must be in the unit of the costs, {unit!r}; convert it")
        found["cost"] = number
    return found


def _is_valid(cells: Cells, target: str) -> bool:
    """Whether a target's value counts: what stands beside it may say 0."""
    column, text = cell_of(cells, target, "valid")
    if column is None or not text:
        return True
    if (said := finite(text)) not in (0.0, 1.0):
        raise OutcomeError(
            f"column {column.header!r} says whether the value of {target} counts, 1 or 0, got {text!r}; correct the "
            "cell"
        )
    return said == 1.0


def _values(cells: Cells, spec: CampaignSpec) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = []
    faults: list[HakkenError] = []
    for name, target in spec.objective.items():
        try:
            counts = _is_valid(cells, name)
            values += [value] if counts and (value := _value(cells, name, target)) is not None else []
        except OutcomeError as error:
            faults.append(error)
    if faults:
        raise together(faults)
    return values


def _value(cells: Cells, target: str, said: TargetSpec) -> dict[str, Any] | None:
    """The value of a target, with all that its other columns add; None where the row has none."""
    column, text = cell_of(cells, target)
    qualifier = cell_of(cells, target, "qualifier")[1]
    if column is None or not text:
        _check_none_without_value(cells, target)
        return None
    if match := _AT_LEAST.match(text):
        sign = ">" if match[0][0] in (">", *ABOVE) else "<"
        raise OutcomeError(
            f"column {column.header!r} has {text!r}; write a limit as {sign}{text[match.end() :].strip()}"
        )
    sign = ""
    if text[0] in "<>" and not qualifier:  # "<5", as analysts write it
        if not text[1:].strip():
            raise OutcomeError(
                f"column {column.header!r} has {text!r} without a limit; write {text}5, if that is the limit"
            )
        qualifier = sign = text[0]
        text = text[1:].strip()
    is_word = (said.classes or said.words) and not is_number(text)
    # "[]" says that it is a plain fraction; an empty unit in a payload would stand for the target's.
    unit = said.unit if column.unit is None else column.unit or "dimensionless"
    value: dict[str, Any] = {
        "property": target,
        "value": text if is_word else number_of(column.header, text, UNMEASURED, sign),
        "unit": unit,
    }
    if (deviation := _deviation(cells, target, unit)) is not None:
        value["sd"] = deviation
    if (readings := _readings(cells, target)) is not None:
        value["n"] = readings
    if qualifier:
        value["qualifier"] = qualifier
    return value


def _check_none_without_value(cells: Cells, target: str) -> None:
    """See that nothing is said of a value that is not there. Raises ``OutcomeError``."""
    deviation, qualifier, readings = (cell_of(cells, target, part)[1] for part in ("sd", "qualifier", "n"))
    if deviation or qualifier or readings:
        what = "a deviation or a qualifier" if deviation or qualifier else "a number of readings"
        raise OutcomeError(f"{target!r} has {what} but no value; fill it in")


def _deviation(cells: Cells, target: str, unit: str) -> float | None:
    """The standard deviation of a value in ``unit``; None where none is given."""
    column, text = cell_of(cells, target, "sd")
    if column is None or not text:
        return None
    if column.unit not in (None, unit):
        raise OutcomeError(f"column {column.header!r} must have the unit of its value, {unit!r}")
    return number_of(column.header, text)


def _readings(cells: Cells, target: str) -> int | None:
    """How many readings stand behind a value; None where it is not said."""
    column, text = cell_of(cells, target, "n")
    if column is None or not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise OutcomeError(
            f"column {column.header!r} must hold how many readings there were, got {text!r}; "
            "write a whole number, or leave it empty"
        )
    return int(text.partition(".")[0])
