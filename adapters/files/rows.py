"""Rows of results: how the columns of a table are called, and what one row says of an experiment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.files.worksheet import KEY, Sheet, SheetError
from loop.as_written import in_order
from loop.circumstances import HOUR, is_as_planned
from loop.contracts import ExperimentSpec
from loop.errors import UnitError
from loop.outcome import CANNOT, CANNOT_KIND, FaultKind
from loop.sheets.cells import finite, in_doubt, says_nothing, split_header
from loop.units import convert, unit_shown

RUN_ORDER: Final = "run_order"
OUTCOME: Final = "outcome"
COMMENT: Final = "comment"
PLACE: Final = ("plate", "well")  # columns of a batch that is a plate
FILE: Final = "file"  # column of what was attached: names of files beside the worksheet, with ; between them
PROCEDURE: Final = "procedure"  # what is done at the bench, where the campaign has a recipe
TAKEN: Final = {"hours": ("wall_time_s", HOUR), "cost": ("cost", 1.0)}  # columns of what it took
_PARTING: Final = r"[.'\s\u2019]"  # what may stand between thousands
# What may stand before a decimal comma, its thousands parted or not.
_WHOLE: Final = re.compile(rf"[<>=]?\s*[-+]?(\d+|\d{{1,3}}({_PARTING}\d{{3}})+)")
_KINDS: Final = frozenset(kind.value for kind in FaultKind) - {"cancelled"}
_OWN: Final = frozenset({KEY, RUN_ORDER, OUTCOME, COMMENT, FILE, PROCEDURE, *PLACE})


@dataclass(frozen=True, slots=True)
class Columns:
    """How settings, results and what is recorded beside them are called on the worksheet."""

    settings: Mapping[str, str]  # column by parameter
    values: Mapping[str, str]  # column by target
    deviations: Mapping[str, str]
    place: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)  # column by name
    units: Mapping[str, str | None] = field(default_factory=dict)  # of what is recorded beside; None for a label
    has_procedure: bool = False
    structures: Mapping[str, str] = field(default_factory=dict)  # column by molecule that is not called by its SMILES
    idle: Mapping[str, str] = field(default_factory=dict)  # column by number that does not apply as planned

    @staticmethod
    def of(
        spec: ExperimentSpec | None,
        targets: Mapping[str, str],
        recorded: Mapping[str, str | None] | None = None,
        *,
        has_procedure: bool = False,
        molecules: Sequence[str] = (),
        order: Sequence[str] = (),
    ) -> Columns:
        values = {target: titled(target, unit) for target, unit in targets.items()}
        deviations = {target: f"{target} sd" for target in targets}
        taken = _OWN | set(values.values()) | set(deviations.values())
        names = () if spec is None else in_order(dict.fromkeys((*spec.settings, *spec.units)), order)
        named = {name: titled(name, spec.units.get(name, "")) for name in names if spec is not None}
        free = {name: f"setting {title}" if title in taken else title for name, title in named.items()}
        settings = {name: title for name, title in free.items() if spec is not None and name in spec.settings}
        idle = {name: title for name, title in free.items() if name not in settings}
        place = tuple(name for name in PLACE if spec is not None and name in spec.place)
        units = {name: unit for name, unit in (recorded or {}).items() if name not in place}
        taken |= set(free.values())
        titles = {name: titled(name, unit or "") for name, unit in units.items()}
        beside = {name: f"context {title}" if title in taken else title for name, title in titles.items()}
        taken |= set(beside.values())
        structures = {
            n: t for n in _structured(spec, molecules) if (t := f"{n}_smiles") not in taken and t not in units
        }
        return Columns(settings, values, deviations, place, beside, units, has_procedure, structures, idle)

    def told(self) -> list[str]:
        """The columns of what is to be done: where, with which settings, of which structure, and how at the bench."""
        settings = [*self.settings.values(), *self.idle.values()]
        return [*self.place, *settings, *self.structures.values(), *[PROCEDURE] * self.has_procedure]

    def all(self) -> list[str]:
        """Every column, in the order of the worksheet."""
        results = [column for t in self.values for column in (self.values[t], self.deviations[t])]
        return [KEY, RUN_ORDER, *self.told(), *results, *self.beside.values(), OUTCOME, COMMENT]

    def known(self) -> set[str]:
        """Every column that has a meaning of its own, those that a person may add among them."""
        return {*self.all(), FILE, *self._parts()}

    def of_numbers(self, header: Iterable[str], spec: ExperimentSpec | None) -> set[str]:
        """Those that can hold nothing but a number: not the values of targets, which may be words."""
        settings = {} if spec is None else spec.settings
        varied = {self.settings[name] for name, value in settings.items() if not isinstance(value, str)}
        named = {title: name for name, title in self.beside.items()}
        beside = {c for c in header if self.units.get(named.get(c) or split_header(c)[0]) is not None}
        return {*self._parts(), *varied, *beside, *TAKEN.keys() - {*self.all()}}

    def _parts(self) -> set[str]:
        """What a person may call the deviations of targets, and how many readings a value is the mean of."""
        return {title for t in self.values for title in (self.deviations[t], f"{t} n", f"{t}_n", f"{t}_sd")}


def _structured(spec: ExperimentSpec | None, molecules: Sequence[str]) -> list[str]:
    """Those whose structure is told: the molecules of libraries, and a substance where an experiment has no other.

    None of several substances: those of a reaction are known by their names. Nor a part of a mixture, of which the
    setting is a fraction, nor what is called by its structure.
    """
    if spec is None:
        return []
    named = [name for name in spec.smiles if not isinstance(spec.settings.get(name), float | int)]
    told = [name for name in named if name in molecules] or (named if len(spec.smiles) == 1 else [])
    return [name for name in told if spec.smiles[name] not in spec.settings.values()]


def files_of(row: Mapping[str, str]) -> list[str]:
    """The names of files that a row attaches."""
    return [name for part in row.get(FILE, "").split(";") if (name := part.strip())]


def targets_of(row: Mapping[str, str], columns: Columns) -> tuple[list[str], list[str]]:
    """The targets of which a row gives a value, and those of which it does not."""
    given = [target for target, column in columns.values.items() if row.get(column, "").strip()]
    return given, [target for target in columns.values if target not in given]


def deviations_alone(row: Mapping[str, str], columns: Columns) -> list[str]:
    """The columns in which a row, that may say what was measured, has a deviation of a target without its value."""
    if row.get(OUTCOME, "").strip().lower() not in ("", "measured"):
        return []
    cells = {column: "" if says_nothing(text.strip()) else text for column, text in row.items()}
    _, left = targets_of(cells, columns)
    return [column for target in left if (column := _first(cells, columns.deviations[target], f"{target}_sd"))]


def check_row(row: Mapping[str, str], columns: Columns, sheet: Sheet) -> None:
    """Refuse a row in which it cannot be told what a target's number is.

    Raises:
        SheetError: A target's column is there twice, or 61,5 stands as two cells between commas.
    """
    names = [*row]
    for column in (c for c in (*columns.values.values(), *columns.deviations.values()) if c in row):
        if column in sheet.doubled:
            raise SheetError(f"has two columns {column!r}; rename or remove one")
        first, rest = row[column].strip(), names[names.index(column) + 1 :]
        second = row[rest[0]].strip() if rest else ""
        if sheet.delimiter == "," and _WHOLE.fullmatch(first) and second.isdecimal() and row in sheet.overlong:
            one = f"{re.sub(_PARTING, '', first)}.{second}"
            raise SheetError(
                f"has a row of more cells than its header, with {first} and {second} side by side from {column!r} on; "
                f"write {one} where that is one number, else take out the cells beyond the header"
            )


def checked(sheet: Sheet, columns: Columns) -> Sheet:
    """The sheet, every row of which passed ``check_row``: written anew, its rows are as long as its header."""
    for row in sheet.rows:
        check_row(row, columns, sheet)
    return sheet


def read_row(
    row: Mapping[str, str],
    columns: Columns,
    targets: Mapping[str, str],
    spec: ExperimentSpec | None,
    sheet: Sheet,
    *,
    in_parts: bool = False,
) -> dict[str, Any] | None:
    """What a row says, as a payload; None while it is not complete, or, ``in_parts``, while it says nothing.

    Numbers become numbers; whatever is not one is passed on as the text that was typed, for the reader to refuse.

    Raises:
        SheetError: It cannot be told what a number in it is (``check_row``).
    """
    check_row(row, columns, sheet)
    cells = {column: text.strip() for column, text in row.items()}
    said = cells.get(OUTCOME, "")
    kind, detail = (part.strip().lower() for part in said.partition(":")[::2])
    numbers = columns.of_numbers(row, spec) | ({*columns.values.values()} if kind not in ("", "measured") else set())
    cells = {column: "" if column in numbers and says_nothing(text) else text for column, text in cells.items()}
    given, left = targets_of(cells, columns)
    if not said and (not given or (left and not in_parts)):
        return None
    values = []
    for target in given:
        column = columns.values[target]
        text = cells[column]
        qualifier = text[0] if text[0] in "<>" else "="
        plain = text.lstrip("<>=").strip() if qualifier != "=" else text
        number = as_number(plain, sheet, column)
        value = {"property": target, "value": number, "unit": targets[target], "qualifier": qualifier}
        if deviation := _first(cells, columns.deviations[target], f"{target}_sd"):
            value["sd"] = as_number(cells[deviation], sheet, deviation)
        if readings := _first(cells, f"{target} n", f"{target}_n"):
            number = as_number(cells[readings], sheet, readings)
            value["n"] = int(number) if isinstance(number, float) and number.is_integer() else number
        values.append(value)
    comment = cells.get(COMMENT, "")
    provenance = {"program": "worksheet", "row": dict(row), **_taken(cells, columns, sheet)}
    payload: dict[str, Any] = {"provenance": provenance}
    if kind in _KINDS and not detail:  # which fault it was says that it was one
        kind, detail = "fault", kind
    match kind, detail:
        case (("" | "measured"), ""):
            payload |= {"outcome": "measured", "values": values}
        case "negative", "":
            payload |= {"outcome": "negative", "reason": comment or "reported as negative", "values": values}
        case "cancelled", "":
            payload |= {"outcome": "fault", "kind": "cancelled", "message": comment or "cancelled on the worksheet"}
        case word, "" if word == CANNOT:
            payload |= {"outcome": "fault", "kind": CANNOT_KIND.value, "message": comment or "it cannot be made"}
        case "fault", fault:
            payload |= {"outcome": "fault", "kind": fault or "unknown", "message": comment or said}
        case _:
            payload |= {"outcome": said, "values": values}
    if payload["outcome"] == "fault" and given:
        typed = ", ".join(f"{target} {cells[columns.values[target]]}" for target in given)
        payload["message"] += f" (it did not run as intended, so {typed} on its row does not count)"
    if context := _context(cells, columns, spec, sheet):
        payload["context"] = context
    return payload


def _first(cells: Mapping[str, str], *columns: str) -> str:
    """The first of these columns that says something, "" for none; a told table may call them either way."""
    return next((column for column in columns if cells.get(column, "")), "")


def _context(cells: Mapping[str, str], columns: Columns, spec: ExperimentSpec | None, sheet: Sheet) -> dict[str, Any]:
    """What the person noted beside the result: a comment, columns of their own, settings that were not as planned."""
    known = columns.known() - {*columns.beside.values()}
    context: dict[str, Any] = {}
    titles = {title: name for name, title in columns.beside.items()}
    said: dict[str, str] = {}  # by name, the column that it was found in
    for column, text in cells.items():
        if column in known or not text:
            continue
        name, unit = (titles[column], None) if column in titles else split_header(column)
        if name not in columns.units:
            context[column] = text
        elif name in said:
            raise SheetError(f"says {name} twice, in columns {said[name]!r} and {column!r}; empty or remove one")
        else:
            said[name] = column
            context[name] = _beside(text, columns.units[name], unit, column, sheet)
    place = {name: text for name in columns.place if (text := cells.get(name, ""))}
    if spec is not None and place.items() - spec.place.items():  # elsewhere: on the plate that stands beside the well
        context |= place
    if comment := cells.get(COMMENT, ""):
        context[COMMENT] = comment
    actual: dict[str, Any] = {}
    for name, planned in spec.settings.items() if spec is not None else ():
        text = cells.get(columns.settings[name], "")
        value = text if isinstance(planned, str) else as_number(text, sheet)
        if text and not is_as_planned(value, planned):
            actual[name] = text if isinstance(planned, str) else as_number(text, sheet, columns.settings[name])
    for name, column in columns.idle.items():  # filled in where another setting was changed
        number = as_number(cells.get(column, ""), sheet, column)
        if isinstance(number, float):
            actual[name] = number
        elif number:
            context[column] = cells[column]
    return {**context, "actual": actual} if actual else context


def _beside(text: str, wanted: str | None, unit: str | None, column: str, sheet: Sheet) -> str | float:
    """What a cell beside the result says: a number in the unit ``wanted``, where it is one, else the text as typed."""
    if wanted is None or isinstance(number := as_number(text, sheet, column), str):
        return text  # what is no number is kept all the same, and a note says so
    try:
        return number if unit is None else convert(number, unit, wanted)
    except UnitError as error:
        raise SheetError(f"has a column {column!r}: {error}; give it in {wanted!r}") from None


def _taken(cells: Mapping[str, str], columns: Columns, sheet: Sheet) -> dict[str, float]:
    """What it took, where the person added a column ``hours`` or ``cost`` that is no setting and no target.

    Hours may be in another unit of time. Which money the campaign counts is not known here, so ``cost [USD]`` is kept
    as it is, and the pass says so.
    """
    found: dict[str, float] = {}
    own = columns.known()
    for column, text in cells.items():
        name, unit = split_header(column)
        name = name.strip().casefold()
        if column in own or name not in TAKEN or name in own:
            continue
        key, factor = TAKEN[name]
        number = as_number(text, sheet, column)
        if not isinstance(number, float) or number < 0 or (unit is not None and name == "cost"):
            continue
        try:
            hours_or_money = number if unit is None else convert(number, unit, "h")
        except UnitError:
            continue  # kept as it is, and the pass says so
        found.setdefault(key, hours_or_money * factor)
    return found


def as_number(text: str, sheet: Sheet, column: str | None = None) -> float | str:
    """The number in a cell, else its text; marked where the other cells of its ``column`` leave it in doubt."""
    if column is not None and (column, text) in sheet.doubtful:
        return in_doubt(text)
    plain = text.replace(",", ".") if sheet.has_decimal_commas and text.count(",") == 1 and "." not in text else text
    number = finite(plain)
    return text if number is None else number


def titled(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit_shown(unit) else name


def shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"
