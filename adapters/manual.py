"""The manual laboratory: a worksheet that a person fills in.

A row is complete when every target has a value, or when ``outcome`` says how the experiment ended: ``measured``,
``negative``, ``cancelled``, ``fault`` or ``fault:KIND``, such as ``fault:instrument_fault``. A value may be given as a
limit, such as ``<1``; further columns may say how many readings a value is the mean of (``yield n``), and whatever was
recorded beside it (``plate``, ``well``, ``instrument``). What the campaign asks to be recorded with each result (lot,
operator, humidity) has columns from the start, which may stay empty; their unit may be written anew. What was read of a
row is stored at once and never changes; a row edited later gives a further envelope, which goes out with the next
attempt that ends. Rows that cannot be understood are passed on as they are.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from adapters.durable import write_once
from adapters.errors import AdapterUnavailable, UnknownHandle
from adapters.folder import Jobs, handle_of, reachable, read_json
from adapters.instant import dump
from adapters.limits import excluded
from adapters.options import Options, read_options, resolve
from adapters.worksheet import KEY, Sheet, SheetError, change_sheet, read_sheet, with_mark, with_rows
from loop.cells import split_header
from loop.checkpoints import reached
from loop.circumstances import HOUR
from loop.contracts import (
    Absent,
    AdapterContext,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
)
from loop.errors import UnitError
from loop.outcome import Fault, FaultKind, write_outcome
from loop.recipe import Recipe, in_words
from loop.units import convert

EXAMPLE: Final = """\
laboratory:
  adapter: manual
  worksheet: bench.csv
  approval: person
"""
RUN_ORDER: Final = "run_order"
OUTCOME: Final = "outcome"
COMMENT: Final = "comment"
PLACE: Final = ("plate", "well")  # columns of a batch that is a plate
PROCEDURE: Final = "procedure"  # what is done at the bench, where the campaign has a recipe
_OWN: Final = frozenset({KEY, RUN_ORDER, OUTCOME, COMMENT, PROCEDURE, *PLACE})


class ManualOptions(Options):
    """What a campaign file may say of a manual laboratory."""

    worksheet: str | None = None  # CSV file, as seen from the campaign file; in the laboratory's folder when left out


class Manual:
    """Puts each started attempt on the worksheet, and reads there how it ended."""

    def __init__(
        self,
        jobs: Jobs,
        worksheet: Path,
        targets: Mapping[str, str],
        beside: Mapping[str, str | None] | None = None,
        recipe: Recipe | None = None,
    ) -> None:
        self._recipe = recipe
        self._jobs, self._path, self._targets, self._beside = jobs, worksheet, dict(targets), dict(beside or {})
        self._looked_through: Sheet | None = None  # for rows that nobody asks for

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=Delivery.KEYED,  # one row for each key, however often it is sent
            max_parallel=None,
            can_cancel=True,
            is_simulated=False,
            properties=self._targets,
            needs_person=True,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return excluded(spec, self.capabilities())

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Put the attempt on the worksheet; a row that is there stays as it is.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: The worksheet cannot be written.
        """
        if not self._jobs.knows(handle) or self._jobs.key(handle) != key:
            raise UnknownHandle(handle)
        if self._jobs.cancelled(handle) is not None:
            return
        if self._jobs.started(handle) is None:
            self._jobs.start(handle, {"ordinal": self._jobs.place(handle).ordinal})
        if not self._stored(handle):
            self._write_row(handle)

    def find(self, key: AttemptKey) -> Found | Absent:
        return self._jobs.find(key)

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self._jobs.root}")
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return Status(Phase.ENDED, f"cancelled: {cancelled['reason']}")
        self._collect(handle)
        if self._stored(handle):
            return Status(Phase.ENDED)
        if self._jobs.started(handle) is None:
            return Status(Phase.PREPARED)
        self._write_row(handle)  # a row that got lost comes back
        return Status(Phase.WAITING, f"waits for row {self._jobs.key(handle)} of {self._path} to be filled in")

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        self._collect(handle)
        self._collect_foreign(handle)
        key = self._jobs.key(handle)
        cancelled = self._jobs.cancelled(handle)
        own = ([] if cancelled is None else [cancelled["payload"]]) + self._stored(handle)
        return (*(Envelope(key, payload) for payload in own), *self._foreign(handle))

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the attempt off and say so in its row; one whose row is filled in stays as it is."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        payload = dump(write_outcome(Fault.of(FaultKind.CANCELLED, reason)))
        self._jobs.cancel(handle, {"reason": reason, "payload": payload})
        key = self._jobs.key(handle)
        with self._sheet_alone():
            if self._path.exists():
                change_sheet(self._path, lambda sheet: with_mark(sheet, key, OUTCOME, "cancelled"))

    def health(self) -> Health:
        return Health(True, f"results come when a person fills in {self._path}")

    def _write_row(self, handle: Handle) -> None:
        spec, key = self._jobs.spec(handle), self._jobs.key(handle)
        started = self._jobs.started(handle) or {}
        columns = self._columns(spec)
        row = {KEY: key, RUN_ORDER: str(started.get("ordinal", 0) + 1)}
        row |= {name: spec.place[name] for name in columns.place}
        row |= {columns.settings[name]: _show(value) for name, value in spec.settings.items()}
        if self._recipe is not None:
            row[PROCEDURE] = in_words(self._recipe, spec.settings)
        with self._sheet_alone():
            if change_sheet(self._path, lambda sheet: with_rows(sheet, columns.all(), [row])):
                reached("manual.sheet-written")

    def _collect(self, handle: Handle) -> None:
        """Store what the attempt's rows say, unless it is stored."""
        with self._sheet_alone():
            sheet = read_sheet(self._path)
            key, spec = self._jobs.key(handle), self._jobs.spec(handle)
            columns = self._columns(spec)
            is_cancelled = self._jobs.cancelled(handle) is not None
            for row in sheet.rows:
                if row.get(KEY, "").strip() != key or (is_cancelled and row.get(OUTCOME, "").strip() == "cancelled"):
                    continue
                payload = read_row(row, columns, self._targets, spec, sheet)
                missing = [c for c in columns.values.values() if c not in sheet.columns]
                if payload is None and missing:  # it would wait for ever
                    raise AdapterUnavailable(
                        f"{self._path} has no column {missing[0]!r}, where a result is looked for; "
                        f"give it that name again: it has {', '.join(sheet.columns)}"
                    )
                stored = self._stored(handle)
                if payload is not None and (text := dump(payload)) not in stored:
                    path = self._jobs.folder(handle) / f"envelope-{len(stored):03}.json"
                    write_once(path, dump({"payload": text}))

    def _collect_foreign(self, handle: Handle) -> None:
        """Store what other rows say that nobody will ask for; it goes out with ``handle``, which is fetched just now.

        These are rows under unknown keys, and rows that were corrected after their attempt had ended.
        """
        with self._sheet_alone():
            sheet = read_sheet(self._path)
            if sheet == self._looked_through:
                return
            folder = self._jobs.root / "foreign"
            for row in sheet.rows:
                key = AttemptKey(row.get(KEY, "").strip())
                other = handle_of(key)
                if other == handle:
                    continue
                spec = self._jobs.spec(other) if self._jobs.knows(other) else None
                payload = read_row(row, self._columns(spec), self._targets, spec, sheet)
                if payload is None or (spec is not None and not self._is_correction(other, row, payload)):
                    continue
                folder.mkdir(exist_ok=True)
                name = hashlib.sha256(f"{key}\n{dump(payload)}".encode()).hexdigest()[:32]
                write_once(folder / f"{name}.json", dump({"with": handle, "key": key, "payload": dump(payload)}))
            self._looked_through = sheet

    def _is_correction(self, handle: Handle, row: Mapping[str, str], payload: Mapping[str, Any]) -> bool:
        """Whether a row says something else than what its attempt ended with: it was typed anew since."""
        if self._jobs.cancelled(handle) is not None:
            return row.get(OUTCOME, "").strip() != "cancelled"
        stored = self._stored(handle)
        return bool(stored) and _said(payload) not in [_said(json.loads(text)) for text in stored]

    def _columns(self, spec: ExperimentSpec | None) -> Columns:
        return Columns.of(spec, self._targets, self._beside, has_procedure=self._recipe is not None)

    def _stored(self, handle: Handle) -> list[str]:
        folder = self._jobs.folder(handle)
        with reachable(folder):
            paths = sorted(folder.glob("envelope-*.json"))
        return [str((read_json(path) or {})["payload"]) for path in paths]

    def _foreign(self, handle: Handle) -> list[Envelope]:
        folder = self._jobs.root / "foreign"
        with reachable(folder):
            found = [read_json(path) or {} for path in sorted(folder.glob("*.json"))]
        return [Envelope(AttemptKey(f["key"]), f["payload"]) for f in found if f["with"] == handle]

    @contextmanager
    def _sheet_alone(self) -> Iterator[None]:
        """Alone among our own processes; the person's programs are met by Note [A sheet that changes under us]."""
        with self._jobs.locked("sheet.lock"), reachable(self._path):
            try:
                yield
            except csv.Error as error:
                raise AdapterUnavailable(f"{self._path} is not a CSV file ({error}); save it as CSV") from None
            except SheetError as error:
                raise AdapterUnavailable(f"{self._path} {error}") from None


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

    @staticmethod
    def of(
        spec: ExperimentSpec | None,
        targets: Mapping[str, str],
        recorded: Mapping[str, str | None] | None = None,
        *,
        has_procedure: bool = False,
    ) -> Columns:
        values = {target: _titled(target, unit) for target, unit in targets.items()}
        deviations = {target: f"{target} sd" for target in targets}
        taken = _OWN | set(values.values()) | set(deviations.values())
        settings = {}
        for name in spec.settings if spec is not None else ():
            title = _titled(name, spec.units.get(name, "") if spec is not None else "")
            settings[name] = f"setting {title}" if title in taken else title
        place = tuple(name for name in PLACE if spec is not None and name in spec.place)
        units = {name: unit for name, unit in (recorded or {}).items() if name not in place}
        taken |= set(settings.values())
        titles = {name: _titled(name, unit or "") for name, unit in units.items()}
        beside = {name: f"context {title}" if title in taken else title for name, title in titles.items()}
        return Columns(settings, values, deviations, place, beside, units, has_procedure)

    def all(self) -> list[str]:
        """Every column, in the order of the worksheet."""
        results = [column for t in self.values for column in (self.values[t], self.deviations[t])]
        told = [*self.place, *self.settings.values(), *([PROCEDURE] if self.has_procedure else [])]
        return [KEY, RUN_ORDER, *told, *results, *self.beside.values(), OUTCOME, COMMENT]


def read_row(
    row: Mapping[str, str], columns: Columns, targets: Mapping[str, str], spec: ExperimentSpec | None, sheet: Sheet
) -> dict[str, Any] | None:
    """What a row says, as a payload; None while it is not complete.

    Numbers become numbers; whatever is not one is passed on as the text that was typed, for the reader to refuse.
    """
    cells = {column: text.strip() for column, text in row.items()}
    said = cells.get(OUTCOME, "")
    given = [target for target in targets if cells.get(columns.values[target], "")]
    if not said and (len(given) < len(targets) or not given):
        return None
    values = []
    for target in given:
        text = cells[columns.values[target]]
        qualifier = text[0] if text[0] in "<>" else "="
        plain = text.lstrip("<>=").strip() if qualifier != "=" else text
        value = {"property": target, "value": _number(plain, sheet), "unit": targets[target], "qualifier": qualifier}
        if deviation := cells.get(columns.deviations[target], ""):
            value["sd"] = _number(deviation, sheet)
        if readings := cells.get(f"{target} n", ""):
            number = _number(readings, sheet)
            value["n"] = int(number) if isinstance(number, float) and number.is_integer() else number
        values.append(value)
    comment = cells.get(COMMENT, "")
    provenance = {"program": "worksheet", "row": dict(row), **_taken(cells, columns, sheet)}
    payload: dict[str, Any] = {"provenance": provenance}
    kind, _, detail = said.partition(":")
    match kind.strip().lower(), detail.strip().lower():
        case (("" | "measured"), ""):
            payload |= {"outcome": "measured", "values": values}
        case "negative", "":
            payload |= {"outcome": "negative", "reason": comment or "reported as negative", "values": values}
        case "cancelled", "":
            payload |= {"outcome": "fault", "kind": "cancelled", "message": comment or "cancelled on the worksheet"}
        case "fault", fault:
            payload |= {"outcome": "fault", "kind": fault or "unknown", "message": comment or said}
        case _:
            payload |= {"outcome": said, "values": values}
    if context := _context(cells, columns, spec, sheet):
        payload["context"] = context
    return payload


def build(options: Mapping[str, Any], context: AdapterContext) -> Manual:
    """A manual laboratory from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown or of the wrong type.
    """
    settings = read_options(ManualOptions, "manual", options)
    name = settings.worksheet
    path = Path(context.folder) / "worksheet.csv" if name is None else resolve(context.base, name)
    return Manual(Jobs(context.folder), path, context.targets, context.beside, context.recipe)


def _context(cells: Mapping[str, str], columns: Columns, spec: ExperimentSpec | None, sheet: Sheet) -> dict[str, Any]:
    """What the person noted beside the result: a comment, columns of their own, settings that were not as planned."""
    known = {*columns.all(), *(f"{target} n" for target in columns.values)} - {*columns.beside.values()}
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
    planned_place = {} if spec is None else spec.place
    context |= {name: text for name in columns.place if (text := cells.get(name, "")) not in ("", planned_place[name])}
    if comment := cells.get(COMMENT, ""):
        context[COMMENT] = comment
    actual: dict[str, Any] = {}
    for name, planned in spec.settings.items() if spec is not None else ():
        text = cells.get(columns.settings[name], "")
        value = text if isinstance(planned, str) else _number(text, sheet)
        if text and value != planned and text != _show(planned):
            actual[name] = value
    return {**context, "actual": actual} if actual else context


def _beside(text: str, wanted: str | None, unit: str | None, column: str, sheet: Sheet) -> str | float:
    """What a cell beside the result says: a number in the unit ``wanted``, where it is one, else the text as typed."""
    if wanted is None or isinstance(number := _number(text, sheet), str):
        return text  # what is no number is kept all the same, and a note says so
    try:
        return number if unit is None else convert(number, unit, wanted)
    except UnitError as error:
        raise SheetError(f"has a column {column!r}: {error}; give it in {wanted!r}") from None


def _taken(cells: Mapping[str, str], columns: Columns, sheet: Sheet) -> dict[str, float]:
    """What it took, where the person added a column ``hours`` or ``cost`` that is no setting and no target."""
    found = {}
    for name, key, factor in (("hours", "wall_time_s", HOUR), ("cost", "cost", 1.0)):
        number = "" if name in columns.all() else _number(cells.get(name, ""), sheet)
        if isinstance(number, float) and number >= 0:
            found[key] = number * factor
    return found


def _said(payload: Mapping[str, Any]) -> Any:
    """What a payload says of the experiment, without how the row looked."""
    return {name: part for name, part in payload.items() if name != "provenance"}


def _number(text: str, sheet: Sheet) -> float | str:
    plain = text.replace(",", ".") if sheet.has_decimal_commas and text.count(",") == 1 and "." not in text else text
    try:
        value = float(plain)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _titled(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def _show(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"
