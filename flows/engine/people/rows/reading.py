"""A told row read: what it says of settings and of a result."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flows.engine.people.rows.cells import Cells, NoResult, cell_of, is_missing, together
from flows.engine.people.rows.columns import PLAIN, Column, read_columns, structures_told
from flows.engine.people.rows.drafts import DOUBTFUL, WIDE
from flows.engine.people.rows.exported import FAULT, exported_columns, is_exported, structures_beside
from flows.engine.people.rows.results import beside_of, result_of
from flows.engine.people.rows.settings import check_blends, check_structures, settings_of
from loop.errors import HakkenError, OutcomeError, SpaceError
from loop.sheets.cells import in_doubt, pointed, says_nothing, way_to_fit
from loop.space import Component, Continuous, Discrete, Space
from loop.spec import CampaignSpec, context_of

DIGITS: Final = 1e-9  # what two writings of a number may differ by: spreadsheets keep fifteen digits


@dataclass(frozen=True, slots=True)
class ToldRow:
    """What a row says."""

    settings: Mapping[str, str | float]  # in the units of the parameters; empty where a key names the attempt
    payload: Mapping[str, Any]  # as ``loop.outcome.read_outcome`` reads it


def read_told(payload: str, spec: CampaignSpec, space: Space) -> ToldRow:
    """What a told row says; ``payload`` is what ``draft_row`` wrote.

    Raises:
        OutcomeError: A column or a cell is not as it should be; the message names it and the remedy.
        SpaceError: The settings do not fit the space.
    """
    by_place, _, cells = _by_place(payload, spec, space)
    has_key = bool(cell_of(by_place, "key")[1])
    try:
        settings = settings_of(by_place, spec, space, is_needed=not has_key, is_exported=is_exported(cells))
    except (OutcomeError, SpaceError) as error:
        raise together([error, *_fault_of_result(by_place, spec)]) from None
    if settings and spec.source is None:  # a source says by it what a new name stands for
        check_blends(by_place, settings, space)
        check_structures(_structures(cells, spec, space), settings, spec, space)
    actual = settings if has_key else _actual(by_place, spec, space)
    return ToldRow(settings, result_of(by_place, spec, actual))


def read_beside(payload: str, spec: CampaignSpec, space: Space) -> dict[str, Any]:
    """What a row says beside a result, such as a lot, whatever else it says. Raises as ``read_told``."""
    by_place, _, _ = _by_place(payload, spec, space)
    comment = cell_of(by_place, "comment")[1]
    return {**beside_of(by_place, spec), **({"comment": comment} if comment else {})}


def read_settings(payload: str, spec: CampaignSpec, space: Space) -> dict[str, str | float]:
    """The settings of a row, whatever else it says: each parameter that applies has a cell. Raises as ``read_told``."""
    by_place, _, cells = _by_place(payload, spec, space)
    settings = settings_of(by_place, spec, space, is_needed=True, is_exported=is_exported(cells))
    check_blends(by_place, settings, space)
    return settings


def _by_place(payload: str, spec: CampaignSpec, space: Space) -> tuple[Cells, Mapping[str, Column], Mapping[str, str]]:
    """The cells of a row by what they hold, its columns by header, and all of it as typed."""
    data = json.loads(payload)
    if "problem" in data:
        raise OutcomeError(data["problem"])
    cells = data["cells"]
    if not isinstance(cells, dict):
        if WIDE not in data:  # as earlier releases have put it on record
            way = "quote a cell with a comma"
            raise OutcomeError(f"the row has {len(cells)} cells and the header another number; {way}")
        columns, delimiter = data[WIDE]
        way = way_to_fit(len(cells), columns, delimiter)
        raise OutcomeError(f"the row has {len(cells)} cells and the header {columns}; {way}")
    columns = columns_of(cells, spec, space)
    by_place = {
        (c.thing, c.part): (c, "" if is_missing(c, text := cells[head].strip(), spec, space) else text)
        for head, c in columns.items()
    }
    if spec.source is not None:
        by_place |= _by_structure(by_place, _structures(cells, spec, space), space)
    if data.get("decimal") == "," or DOUBTFUL in data:
        texts = {*PLAIN, *FAULT, *(p.name for p in space.parameters if not isinstance(p, Continuous | Discrete))}
        labels = {c.thing for c, _ in by_place.values() if c.part == "context"} - {
            name for name, said in context_of(spec).items() if said.unit is not None
        }
        doubts = {c.header for c in columns.values() if c.thing not in labels} & {*data.get(DOUBTFUL, ())}
        by_place = {
            at: (c, text if c.thing in texts else in_doubt(text) if c.header in doubts else pointed(text))
            for at, (c, text) in by_place.items()
        }
    return by_place, columns, cells


def _structures(cells: Mapping[str, str], spec: CampaignSpec, space: Space) -> dict[str, tuple[str, str]]:
    """By parameter, the column that holds the structure of what another one names, and the structure."""
    found = structures_beside(cells) if is_exported(cells) else structures_told(list(cells), spec, space.names)
    return {name: (head, cells[head].strip()) for head, name in found.items()}


def _by_structure(
    by_place: Cells, beside: Mapping[str, tuple[str, str]], space: Space
) -> dict[tuple[str, str], tuple[Column, str]]:
    """Cells of substances that a source knows by another name, with the structure beside them in place of the name."""
    found = {}
    for p in space.parameters:
        column, name = cell_of(by_place, p.name)
        _, structure = beside.get(p.name, ("", ""))
        if isinstance(p, Component) and column is not None and name and structure and not p.has(name):
            found[p.name, "value"] = (column, structure)
    return found


def _fault_of_result(cells: Cells, spec: CampaignSpec) -> list[HakkenError]:
    try:
        result_of(cells, spec, None)
    except NoResult:
        return []
    except OutcomeError as error:
        return [error]
    return []


def missing_in(cells: Mapping[str, str], spec: CampaignSpec, space: Space) -> dict[str, str]:
    """By header, the cells of a row that counts which are words for a missing number, and were taken as empty."""
    columns = columns_of(cells, spec, space) if any(says_nothing(text.strip()) for text in cells.values()) else {}
    return {head: text for head, c in columns.items() if is_missing(c, text := cells[head].strip(), spec, space)}


def has_no_result_yet(payload: str, spec: CampaignSpec, space: Space) -> bool:
    """Whether a row gives the settings of an experiment, as they should be, and says nothing else of it."""
    try:
        read_told(payload, spec, space)
    except NoResult:
        cells = json.loads(payload)["cells"]
        columns = columns_of(cells, spec, space)
        filled = [
            c for head, c in columns.items() if (text := cells[head].strip()) and not is_missing(c, text, spec, space)
        ]
        return {c.thing for c in filled} <= set(space.names)
    except HakkenError:  # whoever judges it says why
        return False
    return False


def says_the_same(row: ToldRow, other: ToldRow) -> bool:
    """Whether two rows say the same, up to the digits that a spreadsheet leaves out."""
    return _alike(row.settings, other.settings) and _alike(row.payload, other.payload)


def _alike(a: object, b: object) -> bool:
    match a, b:
        case Mapping(), Mapping():
            return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
        case list() | tuple(), list() | tuple():
            return len(a) == len(b) and all(map(_alike, a, b))
        case int() | float(), int() | float():
            return math.isclose(a, b, rel_tol=DIGITS, abs_tol=DIGITS)
    return a == b


def columns_of(cells: Mapping[str, str], spec: CampaignSpec, space: Space) -> dict[str, Column]:
    """What each column of a row holds, by header. Raises ``OutcomeError``."""
    return exported_columns(cells, spec, space) if is_exported(cells) else read_columns(list(cells), spec, space)


def _actual(cells: Cells, spec: CampaignSpec, space: Space) -> Mapping[str, str | float]:
    """Settings that were not as asked, of an exported row."""
    used = {(thing, "value"): found for (thing, part), found in cells.items() if part == "actual"}
    return settings_of(used, spec, space, is_needed=False)
