"""Templates: how a device names what it is told and what it answers; columns are mapped both ways, with units."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.csv_folder.options import CommandTemplate, ResponseTemplate, StatusTemplate
from adapters.files.rows import COMMENT, OUTCOME, Columns, as_number, check_row, read_row, shown, targets_of, titled
from adapters.files.worksheet import Sheet, SheetError
from loop.as_written import in_order
from loop.contracts import AttemptKey, ExperimentSpec, Problem
from loop.errors import UnitError, did_you_mean
from loop.units import convert

_PROGRAM: Final = "csv_folder"


@dataclass(frozen=True, slots=True)
class Doubt:
    """The device itself cannot tell whether an experiment ran."""

    why: str


class Template:
    """Both templates of one device, for the targets of one campaign."""

    def __init__(
        self,
        command: CommandTemplate,
        response: ResponseTemplate,
        targets: Mapping[str, str],
        beside: Mapping[str, str | None],
    ) -> None:
        """Both as they were read; see ``faults_of`` for what a campaign may not have of them."""
        self._command, self._response = command, response
        plain = Columns.of(None, targets, beside)
        given = response.columns
        reported = {t: given[t].unit_of(unit) if t in given else None for t, unit in targets.items()}
        # An empty unit in a result stands for the target's own, so a bare fraction is called by its name.
        self._units = {t: unit if (r := reported[t]) is None else r or "dimensionless" for t, unit in targets.items()}
        self._columns = replace(
            plain,
            values={t: given[t].column if t in given else titled(t, targets[t]) for t in targets},
            deviations={t: (given[t].sd if t in given else None) or plain.deviations[t] for t in targets},
        )

    def command(
        self,
        spec: ExperimentSpec,
        key: AttemptKey,
        number: int,
        *,
        order: Sequence[str] = (),
        procedure_file: str = "",
        procedure: str = "",
    ) -> bytes:
        """A command file, parameters in that order; of what is to be done it names the file and says the words, if any.

        Raises:
            UnitError: A setting has no value in the device's unit; ``problems`` says so before.
        """
        cells = {self._command.key: str(key)}
        if self._command.number is not None:
            cells[self._command.number] = str(number)
        told = {self._command.procedure_file: procedure_file, self._command.procedure: procedure}
        last = {column: text for column, text in told.items() if column is not None and text}
        for name in in_order(spec.settings, order):
            title, text = self._cell(spec, name, spec.settings[name])
            cells[title if title not in cells | last else f"setting {title}"] = text
        for name in ("plate", "well"):
            if name in spec.place:
                cells.setdefault(name, spec.place[name])
        cells |= self._command.constants | last
        return self._written([cells.keys(), cells.values()])

    def _written(self, rows: Iterable[Iterable[str]]) -> bytes:
        """Rows as the device reads them; a letter that it has not is ``?`` (``problems`` says so before)."""
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=self._command.delimiter, lineterminator="\r\n")
        writer.writerows(rows)
        return file.getvalue().encode(self._command.encoding, errors="replace")

    def problems(self, spec: ExperimentSpec) -> list[Problem]:
        """What of an experiment the template cannot say."""
        found = []
        for name, column in self._command.columns.items():
            what = f"parameter {name!r}"
            if name not in spec.settings:
                rule = f"the command has a column for it, and the campaign has none{did_you_mean(name, spec.settings)}"
                found.append(Problem(what, rule, f"correct laboratory.command.columns.{name}"))
                continue
            value = spec.settings[name]
            if column.names and str(shown(value)) not in column.names:
                rule = f"the device has no name for {shown(value)!r}"
                found.append(Problem(what, rule, f"add it to laboratory.command.columns.{name}.names"))
            if column.smiles and name not in spec.smiles:
                found.append(
                    Problem(what, "it has no structure", f"leave laboratory.command.columns.{name}.smiles out")
                )
            try:
                self._cell(spec, name, value)
            except UnitError as error:
                found.append(Problem(what, str(error), f"correct laboratory.command.columns.{name}.unit"))
        for name, really in self._response.actual.items():
            wanted = spec.units.get(name)
            unit = None if wanted is None else really.unit_of(wanted)
            if unit is not None and wanted is not None and not isinstance(spec.settings.get(name), str):
                try:
                    convert(1.0, unit, wanted)
                except UnitError as error:
                    remedy = f"correct laboratory.response.actual.{name}.unit"
                    found.append(Problem(f"what was really set of {name!r}", str(error), remedy))
        return [*found, *self._lacking_letters(spec)]

    def _lacking_letters(self, spec: ExperimentSpec) -> Iterator[Problem]:
        """What of an experiment has letters that the device cannot read."""
        encoding = self._command.encoding
        for name, value in spec.settings.items():
            with suppress(UnitError):
                cells = "".join(self._cell(spec, name, value))
                if cells.encode(encoding, errors="ignore").decode(encoding) != cells:
                    rule = f"{cells!r} has letters that are none of {encoding} (laboratory.command.encoding)"
                    remedy = f"say other words for it under laboratory.command.columns.{name} (column, names)"
                    yield Problem(f"parameter {name!r}", rule, remedy)

    def key_of(self, row: Mapping[str, str]) -> str | None:
        """The key that a row of a response names; None where its file's name tells."""
        return None if self._response.key is None else row.get(self._response.key, "").strip() or None

    def is_begun(self, row: Mapping[str, str]) -> bool:
        """Whether a row of a response has some of the values."""
        return bool(targets_of(row, self._columns)[0])

    def read(self, row: Mapping[str, str], sheet: Sheet, spec: ExperimentSpec | None) -> dict[str, Any] | Doubt | None:
        """What a row of a response says: a payload, or that the device does not know; None while it lacks something.

        ``spec`` is that of the row's attempt, None for a key that nobody knows.

        Raises:
            SheetError: A column is missing or there twice, or holds what no unit fits, what may be two numbers, or a
                word that no status names.
        """
        cells, status = {column: text.strip() for column, text in row.items()}, self._response.status
        telling = {} if status is None else self._told(cells, status)
        if telling.get(OUTCOME) == "unknown":
            return Doubt(f"the device does not know whether it ran: {telling[COMMENT]}")
        if telling.get(OUTCOME) == "unmapped":
            assert status is not None
            word = cells[status.column]
            raise SheetError(
                f"has {word!r} in column {status.column!r}, which no status names; add it to laboratory.response.status"
            )
        missing = [column for column in self._columns.values.values() if column not in row]
        if missing and telling.get(OUTCOME, cells.get(OUTCOME, "")) in ("", "measured"):
            raise SheetError(
                f"has no column {missing[0]!r}, where a result is looked for; it has {', '.join(row)}: call it so "
                "there, or name it under response.columns"
            )
        check_row(row, self._columns, sheet)
        actual = {c.column for c in self._response.actual.values()}
        own = {self._response.key, self._command.number, *self._command.constants} | actual
        own |= {self._command.procedure_file, self._command.procedure}
        own |= {c.column for c in self._command.columns.values()}
        own |= set() if status is None else {status.column, status.reason}
        kept = {column: text for column, text in cells.items() if column not in own - {OUTCOME, COMMENT}}
        payload = read_row({**kept, **telling}, self._columns, self._units, None, sheet)
        if payload is not None:
            if status is None and (word := payload["outcome"]) not in ("measured", "negative", "fault"):
                raise SheetError(
                    f"has {word!r} in column {OUTCOME!r}, which is none of measured, negative and fault:KIND; say "
                    "under laboratory.response.status what the device's words mean"
                )
            payload["provenance"] |= {"program": _PROGRAM, "row": dict(row)}
            if set_ := self._actual(cells, sheet, spec):
                payload["context"] = {**payload.get("context", {}), "actual": set_}
        return payload

    def _cell(self, spec: ExperimentSpec, name: str, value: str | float) -> tuple[str, str]:
        """Column and text of a setting."""
        unit = spec.units.get(name, "")
        column = self._command.columns.get(name)
        if column is None:
            title, figure = titled(name, unit), value
        else:
            title = column.column
            theirs = column.unit_of(unit)
            figure = value if isinstance(value, str) or theirs is None else convert(value, unit, theirs)
            if column.smiles and name in spec.smiles:
                figure = spec.smiles[name]
            figure = column.names.get(shown(value), figure)
        text = shown(figure)
        is_number = not isinstance(figure, str)
        return title, text.replace(".", ",") if is_number and self._command.decimal == "," else text

    def _told(self, cells: Mapping[str, str], status: StatusTemplate) -> dict[str, str]:
        """Outcome and comment in the worksheet's words."""
        said = cells.get(status.column, "")
        words = {word.casefold(): "measured" for word in status.measured}
        words |= {word.casefold(): "negative" for word in status.negative}
        words |= {word.casefold(): f"fault:{kind}" for word, kind in status.fault.items()}
        words |= {word.casefold(): "unknown" for word in status.unknown}
        more = cells.get(status.reason, "") if status.reason is not None else ""
        outcome = words.get(said.casefold(), "unmapped") if said else ""
        return {OUTCOME: outcome, COMMENT: ": ".join(filter(None, (said if outcome != "measured" else "", more)))}

    def _actual(self, cells: Mapping[str, str], sheet: Sheet, spec: ExperimentSpec | None) -> dict[str, float | str]:
        """What was really set, in the campaign's units."""
        found: dict[str, float | str] = {}
        for name, column in self._response.actual.items():
            if not (text := cells.get(column.column, "")):
                continue
            value = as_number(text, sheet, column.column)
            wanted = None if spec is None else spec.units.get(name)
            unit = None if wanted is None else column.unit_of(wanted)
            if unit is not None and wanted is not None and not isinstance(value, str):
                try:
                    value = convert(value, unit, wanted)
                except UnitError as error:
                    raise SheetError(f"has a column {column.column!r}: {error}") from None
            found[name] = value
        return found


def faults_of(response: ResponseTemplate, targets: Mapping[str, str]) -> list[str]:
    """What a response template says that does not fit the targets of the campaign."""
    found = []
    for name, column in response.columns.items():
        if name not in targets:
            known = ", ".join(targets)
            found.append(f"response.columns: {name!r} is no target{did_you_mean(name, targets)}; known: {known}")
        elif column.unit is not None:
            try:
                convert(1.0, column.unit, targets[name])
            except UnitError as error:
                found.append(f"response.columns.{name}.unit: {error}")
    return [*found, *_doubled([c.column for c in response.columns.values()])]


def _doubled(columns: Iterable[str]) -> list[str]:
    every = list(columns)
    return [
        f"response.columns: column {c!r} is given to two targets" for c in dict.fromkeys(every) if every.count(c) > 1
    ]
