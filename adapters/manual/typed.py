"""What people type: rows of a worksheet and of what its form gave back, stored as they are read.

What was read of a row is stored at once and never changes; a row edited later gives a further envelope.
"""

from __future__ import annotations

import csv
import glob
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace
from adapters.common.folder import Jobs, handle_of, reachable
from adapters.common.instant import dump
from adapters.common.returned import Returned
from adapters.errors import AdapterUnavailable
from adapters.files.rows import (
    OUTCOME,
    PROCEDURE,
    RUN_ORDER,
    TAKEN,
    Columns,
    checked,
    deviations_alone,
    files_of,
    read_row,
    shown,
    targets_of,
)
from adapters.files.worksheet import (
    KEY,
    Sheet,
    SheetError,
    change_sheet,
    parse_sheet,
    read_sheet,
    with_cells,
    with_columns,
    with_mark,
    with_rows,
)
from adapters.manual.attachments import AttachmentError, Attachments, with_files
from adapters.manual.form import form
from loop.checkpoints import reached
from loop.circumstances import EFFECTS
from loop.contracts import AttemptKey, Envelope, ExperimentSpec, Handle
from loop.errors import PartUnavailable
from loop.recipe import Recipe, in_words
from loop.sheets.cells import has_decimal_comma, split_header

_OTHER_BOOKS: Final = (".ods", ".xls", ".xlsb", ".xlsm", ".numbers")  # in which people save a worksheet


@dataclass(frozen=True, slots=True)
class Collected:
    """What an attempt's rows are found to be."""

    wants: str  # what a row that was begun still lacks, "" where there is none
    has_row: bool  # on the worksheet
    says: bool  # whether one of them says, now, how the attempt ended


class Typed:
    """A worksheet, its form and what was given back beside it; ``returned`` is what was read of them."""

    def __init__(
        self,
        jobs: Jobs,
        worksheet: Path,
        targets: Mapping[str, str],
        beside: Mapping[str, str | None] | None = None,
        recipe: Recipe | None = None,
        campaign: str = "",
        words: Mapping[str, Sequence[str]] | None = None,
        molecules: Sequence[str] = (),
        order: Sequence[str] = (),
        derived: Sequence[str] = (),
    ) -> None:
        self._recipe, self._campaign, self._words, self._molecules = recipe, campaign, dict(words or {}), molecules
        self._order, self._derived = order, derived
        self._jobs, self._path, self._targets, self._beside = jobs, worksheet, dict(targets), dict(beside or {})
        self.returned, self._attachments = Returned(jobs), Attachments(jobs.root / "files")
        # For rows that nobody asks for: the sheets, and of which attempts that ended otherwise.
        self._looked_through: tuple[list[tuple[Path, Sheet]], frozenset[Handle]] | None = None

    def envelopes(self, handle: Handle) -> Sequence[Envelope]:
        """What was read of the attempt's rows, then what nobody will ask for, each with its files."""
        every = (*self.returned.envelopes(handle), *self.returned.give_out(handle))
        return tuple(Envelope(e.key, e.payload, self._attachments.named_in(e.payload)) for e in every)

    def check(self) -> None:
        """Raises ``AdapterUnavailable`` where the worksheet, or what was given back beside it, cannot be read."""
        with self._readable():
            self._sheets()

    def say_cancelled(self, key: AttemptKey) -> None:
        """Say in an attempt's row that it was called off."""
        with self._sheet_alone():
            if self._path.exists():
                change_sheet(self._path, lambda sheet: with_mark(sheet, key, OUTCOME, "cancelled"))

    def put_on(self, handle: Handle) -> None:
        """Put an attempt on the worksheet, where it has no row there yet."""
        spec, key = self._jobs.spec(handle), self._jobs.key(handle)
        started = self._jobs.started(handle) or {}
        columns = self._columns(spec)
        row = {KEY: key, RUN_ORDER: str(started.get("ordinal", 0) + 1)}
        row |= {name: spec.place[name] for name in columns.place}
        row |= {columns.settings[name]: shown(value) for name, value in spec.settings.items()}
        row |= {column: spec.smiles[name] for name, column in columns.structures.items()}
        if self._recipe is not None:
            row[PROCEDURE] = in_words(self._recipe, spec.settings)
        with self._sheet_alone():
            if change_sheet(
                self._path, lambda sheet: with_rows(checked(sheet, columns), self._wanted(sheet, columns), [row])
            ):
                reached("manual.sheet-written")
                self._write_form(read_sheet(self._path), columns)

    def collect(self, handle: Handle) -> Collected:
        """Store what the attempt's rows say, on the worksheet and on what was given back, unless it is stored."""
        wants = unread = ""
        says = False
        with self._sheet_alone():
            key, spec = self._jobs.key(handle), self._jobs.spec(handle)
            columns = self._columns(spec)
            is_cancelled = self._jobs.cancelled(handle) is not None
            sheets = self._sheets()
            checked(sheets[0][1], columns)
            if any([self._add_targets(sheets[0][1], columns), self._add_parts(handle, sheets, columns)]):
                sheets = self._sheets()
            has_row = self._path.exists() and sheets[0][1].row(key) is not None
            was_read = bool(self.returned.of(handle))  # and refused: what is left of the row counts
            for path, sheet in sheets:
                for row in sheet.rows:
                    if row.get(KEY, "").strip() != key or (
                        is_cancelled and row.get(OUTCOME, "").strip() == "cancelled"
                    ):
                        continue
                    in_parts = was_read and path == self._path
                    payload = read_row(row, columns, self._targets, spec, sheet, in_parts=in_parts)
                    if payload is not None and not deviations_alone(row, columns):
                        self._keep(handle, row, payload, path, sheet)
                        says = True
                        continue
                    never, asked = self._lacking(path, sheet, row, columns)
                    unread, wants = never or unread, wants or asked
            other = "" if says or wants else self._unread_beside()
        if unread and not says:  # it would wait for ever
            raise PartUnavailable(str(self._path), unread)
        if other:
            wants = (
                f"has no result on {self._path.name}, and {other} beside it is not read: save it as an Excel workbook, "
                f"{self._path.stem}.xlsx, or take it away"
            )
        return Collected(wants, has_row, says)

    def _lacking(self, path: Path, sheet: Sheet, row: Mapping[str, str], columns: Columns) -> tuple[str, str]:
        """Of a row without a result: why none would ever be read there, and what a person is asked for; "" for none."""
        if alone := deviations_alone(row, columns):
            said = f"has {row[alone[0]].strip()} under {alone[0]!r} on {path.name}, and no value beside it"
            return "", f"{said}: fill that in, or move or empty that cell"
        given, left = targets_of(row, columns)
        missing = [c for c in columns.values.values() if c not in sheet.columns]
        is_renamed = bool(missing) and any(row[c].strip() for c in self._strange(sheet, columns))
        lacks = (
            f"no column {missing[0]!r}, where a result is looked for; give it that name again, or add it: "
            f"it has {', '.join(sheet.columns)}"
            if missing
            else ""
        )
        never = f"it has {lacks}" if path == self._path and (is_renamed or (given and missing)) else ""
        if given:
            asked = (
                f"has {' and '.join(given)} on {path.name}, and nothing of {' and '.join(left)} yet: fill "
                f"that in, or write measured under {OUTCOME} to report it without"
            )
            return never, asked
        worked_out = [c for c in sheet.columns if split_header(c)[0] in self._derived and row.get(c, "").strip()]
        if worked_out and not never:
            said = f"has {row[worked_out[0]].strip()} under {worked_out[0]!r} on {path.name}, which is worked out"
            return "", f"{said} and counts for nothing, and nothing of {' and '.join(left)} yet: fill that in"
        return never, f"has a row on {path.name} and {lacks}" if is_renamed and not never else ""

    def _add_targets(self, sheet: Sheet, columns: Columns) -> bool:
        """Columns for targets that the campaign file has since the worksheet was written; whether any were added."""
        wanted = self._wanted(sheet, columns)
        if not sheet.columns or set(columns.values.values()) & set(wanted) <= set(sheet.columns):
            return False
        change_sheet(self._path, lambda sheet: with_columns(sheet, wanted))
        self._write_form(read_sheet(self._path), columns)
        return True

    def _wanted(self, sheet: Sheet, columns: Columns) -> list[str]:
        """The columns that a sheet has once a row is added.

        None for a target that it lacks, where it has a column that means nothing to us: that may be the one, renamed.
        """
        lacking = {c for c in columns.values.values() if c not in sheet.columns} if sheet.columns else set()
        left_out = lacking if lacking and self._strange(sheet, columns) else set()
        return [c for c in columns.all() if c not in left_out]

    def _strange(self, sheet: Sheet, columns: Columns) -> list[str]:
        """Columns of a sheet that mean nothing to us; in one that was renamed a result may be.

        A setting, or the structure of a molecule, need not be there in every experiment: those of all rows count.
        """
        beside = {*columns.units, *EFFECTS, *TAKEN} - set(columns.values)
        rows = [handle_of(AttemptKey(row.get(KEY, "").strip())) for row in sheet.rows]
        told = {c for other in rows if self._jobs.knows(other) for c in self._columns(self._jobs.spec(other)).told()}
        known = columns.known() | told
        return [c for c in sheet.columns if c not in known and split_header(c)[0] not in beside]

    def _add_parts(self, handle: Handle, sheets: Sequence[tuple[Path, Sheet]], columns: Columns) -> bool:
        """Put on the worksheet what was given back of some targets only, to be completed there; whether it changed."""
        has_changed, key, spec = False, self._jobs.key(handle), self._jobs.spec(handle)
        if self.returned.is_over(handle):
            return False
        for _, sheet in sheets[1:]:
            row = sheet.row(key)
            if row is None or not targets_of(row, columns)[0]:
                continue
            if read_row(row, columns, self._targets, spec, sheet) is None:
                completed = partial(with_cells, key=key, cells=_with_points(row, sheet))
                if completed(sheets[0][1]) != sheets[0][1]:
                    has_changed |= change_sheet(self._path, completed)
        if has_changed:
            self._write_form(read_sheet(self._path), columns)
        return has_changed

    def _keep(self, handle: Handle, row: Mapping[str, str], payload: dict[str, Any], path: Path, sheet: Sheet) -> None:
        """Store what a row says with the files that it attaches; what was given back is shown on the worksheet too."""
        key = self._jobs.key(handle)
        try:
            attached = self._attachments.of(path.parent, files_of(row))
        except AttachmentError as error:
            if self.returned.of(handle):  # it was kept when it was there
                return
            raise PartUnavailable(f"the row of {key}", f"{path} {error}") from None
        payload = with_files(payload, attached)
        if _read_as(payload) in [_read_as(json.loads(text)) for text in self.returned.of(handle)]:
            return
        self.returned.keep(handle, dump(payload))
        if path != self._path:
            cells = _with_points(row, sheet)
            change_sheet(self._path, lambda there: with_cells(there, key, cells))
        self._write_form(read_sheet(self._path), self._columns(self._jobs.spec(handle)))

    def late(self, handles: Collection[Handle]) -> Sequence[Envelope]:
        """What rows say of attempts that ended otherwise, and what is kept beside others and has not gone out yet."""
        mine = [h for h in handles if self._jobs.knows(h) and self._jobs.cancelled(h) is None]
        self.collect_beside(ended=frozenset(mine))
        return tuple(
            Envelope(e.key, e.payload, self._attachments.named_in(e.payload)) for e in self.returned.late(mine)
        )

    def collect_beside(self, handle: Handle | None = None, ended: frozenset[Handle] = frozenset()) -> None:
        """Store what rows other than those of ``handle`` say that nobody will ask for.

        These are rows under unknown keys, rows that were corrected after their attempt had ended, and rows of attempts
        that ``ended`` otherwise: of these also some targets alone, as the others may be known by what ended them.
        """
        with self._sheet_alone():
            sheets = self._sheets()
            if (sheets, ended) == self._looked_through:
                return
            for path, sheet in sheets:
                for row in sheet.rows:
                    key = AttemptKey(row.get(KEY, "").strip())
                    other = handle_of(key)
                    if other == handle:
                        continue
                    spec = self._jobs.spec(other) if self._jobs.knows(other) else None
                    in_parts = other in ended or (spec is not None and bool(self.returned.of(other)))
                    payload = read_row(row, self._columns(spec), self._targets, spec, sheet, in_parts=in_parts)
                    if payload is None:
                        continue
                    with suppress(AttachmentError):  # said when that attempt is asked about
                        payload = with_files(payload, self._attachments.of(path.parent, files_of(row)))
                        if other in ended and not self.returned.of(other):
                            self.returned.keep(other, dump(payload))
                        elif spec is None or self._is_correction(other, row, payload):
                            self.returned.keep_beside(key, dump(payload))
            self._looked_through = sheets, ended

    def _sheets(self) -> list[tuple[Path, Sheet]]:
        """The worksheet, then every file that was given back beside it, such as ``worksheet-returned (1).csv``, also as
        a workbook, and the worksheet saved as one."""
        found = [(self._path, read_sheet(self._path))]
        stem = glob.escape(self._path.stem)
        beside = (f"{stem}-returned*.csv", f"{stem}-returned*.xlsx", f"{stem}.xlsx")
        for path in sorted(path for name in beside for path in self._path.parent.glob(name)):
            try:
                found.append((path, parse_sheet(path.read_bytes())))
            except (SheetError, csv.Error) as error:
                raise AdapterUnavailable(f"{path} {error}") from None
        return found

    def _unread_beside(self) -> str:
        """The name of a file beside the worksheet that is called as it is, or as what is given back, and cannot be
        read, such as one of LibreOffice; "" where there is none."""
        stem, parent = glob.escape(self._path.stem), self._path.parent
        names = (path.name for pattern in (f"{stem}.*", f"{stem}-returned*") for path in parent.glob(pattern))
        return min((name for name in names if name.lower().endswith(_OTHER_BOOKS)), default="")

    def _write_form(self, sheet: Sheet, columns: Columns) -> None:
        """The page beside the worksheet, with the rows that have no result yet."""
        handles = [handle_of(AttemptKey(row.get(KEY, "").strip())) for row in sheet.rows]
        is_open = self.returned.still_open(handles)
        waiting = [row for row, handle in zip(sheet.rows, handles, strict=True) if handle in is_open]
        stem = self._path.stem
        page = form(self._campaign, self._path.name, f"{stem}-returned.csv", columns, waiting, self._words)
        replace(self._path.with_name(f"{stem}-form.html"), page, is_durable=False)

    def _is_correction(self, handle: Handle, row: Mapping[str, str], payload: Mapping[str, Any]) -> bool:
        """Whether a row says something else than what its attempt ended with: it was typed anew since."""
        if self._jobs.cancelled(handle) is not None:
            return row.get(OUTCOME, "").strip() != "cancelled"
        stored = self.returned.of(handle)
        return bool(stored) and _said(payload) not in [_said(json.loads(text)) for text in stored]

    def _columns(self, spec: ExperimentSpec | None) -> Columns:
        return Columns.of(
            spec,
            self._targets,
            self._beside,
            has_procedure=self._recipe is not None,
            molecules=self._molecules,
            order=self._order,
        )

    @contextmanager
    def _sheet_alone(self) -> Iterator[None]:
        """Alone among our own processes; the person's programs are met by Note [A sheet that changes under us]."""
        with self._jobs.locked("sheet.lock"), self._readable():
            yield

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """What cannot be read inside the block is ``AdapterUnavailable``."""
        with reachable(self._path):
            try:
                yield
            except csv.Error as error:
                raise AdapterUnavailable(f"{self._path} is not a CSV file ({error}); save it as CSV") from None
            except SheetError as error:
                raise AdapterUnavailable(f"{self._path} {error}") from None


def _with_points(row: Mapping[str, str], sheet: Sheet) -> dict[str, str]:
    """A row as every worksheet can have it: a decimal comma is one only beside semicolons or tabs."""
    return {
        column: text.replace(",", ".") if sheet.has_decimal_commas and has_decimal_comma(text.strip()) else text
        for column, text in row.items()
    }


def _read_as(payload: Mapping[str, Any]) -> Any:
    """What was read of a row, wherever it was typed."""
    provenance = {name: part for name, part in payload.get("provenance", {}).items() if name != "row"}
    return {**payload, "provenance": provenance}


def _said(payload: Mapping[str, Any]) -> Any:
    """What a payload says of the experiment, without how the row looked."""
    return {name: part for name, part in payload.items() if name != "provenance"}
