"""BayBE: ``Campaign.to_json()`` of versions 0.13 to 0.15."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from flows.importing.baybe.space import Space, read_space
from flows.importing.baybe.targets import Wanted, read_objective
from flows.importing.foreign import Foreign, Reading, Result, fault, label_of, later
from flows.importing.frames import Cell, FrameError, read_frame
from flows.importing.parameters import Names
from flows.importing.source import Source
from loop.wording import plural

VERSIONS = ("0.13", "0.14", "0.15")
_OWN = ("BatchNr", "FitNr")  # columns that BayBE adds to measurements


def recognises(source: Source) -> bool:
    """A JSON object with a search space, an objective and a recommender."""
    return {"searchspace", "recommender"} <= set(source.peek())


def read(source: Source) -> Foreign:
    """The campaign in the file. Raises ``ImportFault``."""
    data = source.json
    if not recognises(source):
        raise source.fault("not a campaign of BayBE: it has no searchspace and recommender; save Campaign.to_json()")
    try:
        return _campaign(source, data)
    except FrameError as error:
        raise source.fault(f"a data frame inside cannot be read: {error}; save the campaign anew") from None
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise source.misplaced("a campaign of BayBE", error) from error


def _campaign(source: Source, data: Mapping[str, Any]) -> Foreign:
    version = str(data.get("version", "of an unknown version"))
    notes, left = [], []
    if not version.startswith(VERSIONS):
        notes.append(f"saved by BayBE {version}; {', '.join(VERSIONS)} are known, so read the result with care")
    names = Names()
    wanted = read_objective(source, data.get("objective"), names)
    space = read_space(source, data["searchspace"], _frame(data, "searchspace_metadata"), names)
    measured = _frame(data, "measurements_exp") or {}
    extra = [c for c in measured if c not in (*space.rows.columns, *wanted.by_name, *_OWN)]
    results, said = _results(source, measured, space, wanted, names, extra)
    waiting = _frame(data, "cached_recommendation") or {}
    pending = [label_of(row) for _, row in _rows(waiting)]
    left += [*space.left, *wanted.left, *_recommender(data.get("recommender") or {})]
    for column in extra:
        hint = f" {later(names.of_targets()[column])}" if any(map(_is_number, measured[column])) else ""
        left.append(f"column {column} of the measurements, which is neither parameter nor target{hint}")
    if "FitNr" in measured:
        left.append(
            "FitNr of the measurements, which fit of the model came before each (BatchNr stands in their comments)"
        )
    batches = [n for n in measured.get("BatchNr", []) if isinstance(n, int | float)]
    # One batch alone may be whatever was measured before the campaign began.
    size = len(pending) or (sum(n == max(batches) for n in batches) if len(set(batches)) > 1 else 0)
    return Foreign(
        format="baybe",
        described=f"a campaign of BayBE {version}",
        parameters=space.parameters,
        constraints=space.constraints,
        targets=wanted.targets,
        derived=wanted.derived,
        tradeoff=wanted.tradeoff,
        results=tuple(results),
        batch=size or None,
        pending=tuple(pending),
        left=tuple(left),
        notes=(*notes, *wanted.notes, *said),
    )


def _frame(data: Mapping[str, Any], key: str) -> dict[str, list[Cell]] | None:
    """A frame of the campaign; before 0.14 its key began with an underscore."""
    text = data.get(key, data.get(f"_{key}"))
    return read_frame(text)[0] if text else None


def _rows(frame: Mapping[str, Sequence[Cell]]) -> list[tuple[int, dict[str, Cell]]]:
    length = len(next(iter(frame.values()))) if frame else 0
    return [(i, {name: column[i] for name, column in frame.items()}) for i in range(length)]


def _results(
    source: Source,
    frame: Mapping[str, Sequence[Cell]],
    space: Space,
    wanted: Wanted,
    names: Names,
    extra: Sequence[str],
) -> tuple[list[Result], list[str]]:
    results: list[Result] = []
    idle: dict[str, int] = {}
    for i, row in _rows(frame):
        place = f"measurement {i + 1}"
        if missing := [c for c in space.rows.columns if row.get(c) is None]:
            raise source.fault(f"{place} has no value for parameter {missing[0]!r}; save the campaign anew")
        settings, unused = space.rows.settings(row)
        for name in unused:
            idle[name] = idle.get(name, 0) + 1
        readings = {
            names[target]: Reading(value)
            for target in wanted.by_name
            if (value := wanted.value(target, row.get(target))) is not None
        }
        batch = row.get("BatchNr")
        comment = f"batch {batch:g}" if isinstance(batch, int | float) and math.isfinite(batch) else ""
        if readings:
            further = {names.of_targets()[c]: Reading(float(v)) for c in extra if _is_number(v := row.get(c))}
            results.append(Result(place, settings, readings, comment=comment, further=further))
        else:
            results.append(fault(place, settings, "unknown", "no target has a value where it comes from"))
    notes = [
        f"{names[name]} is left out of {plural(n, 'result')}: it has a value there and does not apply"
        for name, n in idle.items()
    ]
    return results, notes


def _is_number(cell: object) -> TypeGuard[float]:
    return isinstance(cell, int | float) and math.isfinite(cell)


def _recommender(data: Mapping[str, Any]) -> list[str]:
    """What chose and modelled, by the names of its parts."""
    parts: list[str] = []

    def look(value: Any, key: str) -> None:
        if isinstance(value, Mapping):
            if kind := value.get("type"):
                parts.append(f"{key} {kind}" if key else str(kind))
            for name, inner in value.items():
                look(inner, name.replace("_or_factory", "").replace("_", " "))
        elif isinstance(value, list):
            for inner in value:
                look(inner, key)

    look(data, "")
    return [f"the recommender and its settings: {', '.join(dict.fromkeys(parts))}"] if parts else []
