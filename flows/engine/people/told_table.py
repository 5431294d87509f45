"""A told table read into envelopes: one for each row, unread, and notes of rows that are not taken."""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flows.engine.looking.view import View
from flows.engine.people.calculations import is_calculations
from flows.engine.people.formats import table_told
from flows.engine.people.fuller import OnRecord
from flows.engine.people.matching import KEY, filled, with_keys
from flows.engine.people.rows import (
    OBSERVATION,
    RETRACTED,
    TELL,
    Line,
    descriptors_of,
    draft_file,
    draft_row,
    is_blank,
    is_exported,
    still_empty,
    without_of,
)
from flows.engine.people.told_again import places
from loop.circumstances import EFFECTS
from loop.errors import HakkenError, did_you_mean
from loop.record import EnvelopeDraft
from loop.sheets.cells import delimiter_of, doubtful, not_as_wide, split_header, without_mark
from loop.sheets.files import NoTable
from loop.sheets.footnotes import is_aside, said_of_asides
from loop.spec import CampaignSpec
from loop.wording import plural

_NO_HEADER: Final = ("{", "[")  # begin JSON, and no table


class NoColumn(HakkenError):
    """A column that is to be left out is not there; name one of those that the message lists."""


@dataclass(frozen=True, slots=True)
class ToldTable:
    """What a file has to tell: rows, notes on those that are not taken, and what was retracted where it comes from."""

    drafts: Sequence[EnvelopeDraft]
    notes: tuple[str, ...] = ()
    withdrawn: frozenset[str] = frozenset()


def read_table(
    file: str, data: bytes, spec: CampaignSpec, record: OnRecord, view: View | None, ignore: Sequence[str] = ()
) -> ToldTable:
    """An envelope for each row, one for the whole file where it is no table; notes of rows that are not taken.

    The campaign's own results are not told to it again, but where more was measured of them since. With a ``view``
    rows get the keys of what waits there. Columns to ``ignore``, by header or name, are left out first.

    Raises:
        NoColumn: One of these is not there.
    """
    try:
        table = table_told(data, spec)
    except NoTable as other:
        problem = _of_another_program(file, data) or f"it is {other}"
        return ToldTable([draft_file(file, data.decode("utf-8-sig", errors="backslashreplace"), problem)])
    text = table.text
    if without_mark(text).lstrip()[:1] in _NO_HEADER and (problem := _of_another_program(file, data)):
        return ToldTable([draft_file(file, text, problem)])
    try:
        lines = lines_of(text)
    except csv.Error as error:
        return ToldTable([draft_file(file, text, f"it is not a CSV file ({error}); save it as CSV")])
    if len(lines) < 2:
        unlike = "it is no Parquet file, whatever its name says, and " if file.lower().endswith(".parquet") else "it "
        return ToldTable(
            [draft_file(file, text, f"{unlike}has no rows; give a header line and one line for each result")]
        )
    entry = ""
    if is_calculations(data):
        entry, lines = "entry ", [(n, cells) for n, (_, cells) in enumerate(lines)]
    as_it_came, unlike_it = lines[0][1], {line for line, cells in lines[1:] if len(cells) != len(lines[0][1])}
    lines = _without_descriptors(without_columns(lines, ignore, file), spec)
    lines, asides = without_asides(lines, spec)
    seen: Counter[str] = Counter()
    header, delimiter = lines[0][1], delimiter_of(without_mark(text))
    if twice := [head for head, count in Counter(header).items() if head and count > 1]:
        problem = f"line 1: column {twice[0]!r} is given twice; rename or remove one"
        return ToldTable([draft_file(file, text, problem)])
    if len(as_it_came) == 1 and all(len(cells) > 1 for _, cells in lines[1:]):
        problem = f"line {lines[1][0]}: {not_as_wide(header, lines[1][1], delimiter)}"
        return ToldTable([draft_file(file, text, problem)])
    doubts = doubtful([cells for line, cells in lines[1:] if line not in unlike_it], delimiter)
    found: tuple[str, ...] = ()
    if view is not None:
        fitting = [line for line in lines if line[0] not in unlike_it]
        matched = with_keys(fitting, view, delimiter=delimiter, doubts=doubts)
        lines = sorted([*matched.lines, *(line for line in lines if line[0] in unlike_it)], key=lambda line: line[0])
        found, doubts = matched.notes, [*doubts, frozenset()]
        header = lines[0][1]
    drafts, waiting, blank, targets = [], [], 0, record.targets
    rows, passed_over, withdrawn = _others(file, header, lines[1:], record)
    keys = record.keys_before(file, header, rows) if view is None else {}
    typed = [row for row in rows if row[0] not in unlike_it and row[0] not in keys]
    known = record.of_rows(file, header, typed, lines[1:])
    if not is_exported(header):
        new = (row for row in typed if row[0] not in known.of and not dict(zip(header, row[1], strict=True)).get("key"))
        known = record.as_read(file, known, {line: _unread(header, cells, doubts, delimiter) for line, cells in new})
    seen.update(known.before)
    wide = header
    for line, cells in rows:
        header = as_it_came if line in unlike_it else wide  # with a column of keys it might fit, and mean another thing
        is_begun = not is_blank(header, cells, targets)
        has_beside = not is_begun and record.lacks_beside(header, cells)
        if not (is_begun or has_beside):
            blank += not record.has_result(header, cells)  # else files of an instrument gave it
        elif is_begun and (left := record.unknown_of(header, cells, still_empty(header, cells, targets))):
            waiting.append((f"{entry}{line}", left))
        else:
            either = [h for h, cell, doubt in zip(header, cells, doubts, strict=False) if cell in doubt]
            source, of = f"{TELL}{file}:{entry}{line}", known.of.get(line)
            if line in keys:  # known, and with its key the same to the letter
                header, cells = filled(header, cells, keys[line])
            draft = draft_row(source, header, cells, seen, delimiter=delimiter, doubtful=either, of=of)
            if of is not None and of.key is None and record.is_as_told(draft, of):
                draft = without_of(draft)
            drafts.append(draft)
    guessed = [said] if (said := table.said(file)) else []
    guessed += [f"{file}: {said_of_asides(asides)}"] if asides else []
    return ToldTable(drafts, (*guessed, *found, *_unfinished(file, waiting, blank), *passed_over), withdrawn)


def lines_of(text: str) -> list[Line]:
    """Cells of every line that holds something, with its number; commas, semicolons and tabs are understood.

    Columns that have neither name nor cell, and Excel's first line, are left out.
    """
    text = without_mark(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    return _without_empty_columns([(line, cells) for line, cells in lines if any(cells)])


def without_asides(lines: Sequence[Line], spec: CampaignSpec) -> tuple[list[Line], list[tuple[int, str]]]:
    """Lines without footnotes and what a spreadsheet works out below, and these by line and first cell.

    A row that names an experiment, or an option, and nothing else is one that has no result yet.
    """
    header = lines[0][1]
    if not header:  # every column is ignored
        return [*lines], []
    said = spec.space.get(split_header(header[0])[0])
    names = {str(name) for name in getattr(said, "options", None) or ()}
    is_of_rows = is_exported(header) or header[0].casefold() in (KEY, *EFFECTS, "well")
    if is_of_rows or (said is not None and said.type != "number" and not names):  # molecules of a file, say
        return [*lines], []
    asides = [
        (line, cells[0])
        for line, cells in lines[1:]
        if len(cells) == len(header) and cells[0] not in names and is_aside(cells)
    ]
    left = {line for line, _ in asides}
    return [lines[0], *(row for row in lines[1:] if row[0] not in left)], asides


def _unread(header: Sequence[str], cells: Sequence[str], doubts: Sequence[Container[str]], delimiter: str) -> str:
    """The payload of a row, whatever other rows say."""
    either = [h for h, cell, doubt in zip(header, cells, doubts, strict=False) if cell in doubt]
    return draft_row("", header, cells, Counter(), delimiter=delimiter, doubtful=either).payload


def without_columns(lines: Sequence[Line], ignore: Sequence[str], file: str) -> list[Line]:
    """Lines, a header first, without the columns that are to be left out, each by its header or its name; those that
    are not as wide as the header, of which no cell is known to be of a column, as they came.

    Raises:
        NoColumn: ``file`` has none that is called so.
    """
    header = lines[0][1]
    names = [(head, split_header(head)[0]) for head in header]
    for name in ignore:
        if not any(name in called for called in names):
            alike = did_you_mean(name, [n for called in names for n in called])
            raise NoColumn(f"{file} has no column {name!r} to ignore{alike}; it has {', '.join(filter(None, header))}")
    kept = [i for i, called in enumerate(names) if not {*called} & {*ignore}]
    return [(line, [cells[i] for i in kept] if len(cells) == len(header) else cells) for line, cells in lines]


def _without_descriptors(lines: list[Line], spec: CampaignSpec) -> list[Line]:
    """Lines without the numbers that describe options, which the campaign has: with them a row of a table of candidates
    would be another than the same row that was imported."""
    header = lines[0][1]
    described = descriptors_of(spec)
    if is_exported(header) or not described & {*header} or any(len(cells) != len(header) for _, cells in lines):
        return lines
    kept = [i for i, head in enumerate(header) if head not in described]
    return [(line, [cells[i] for i in kept]) for line, cells in lines]


def _others(
    file: str, header: Sequence[str], lines: list[Line], record: OnRecord
) -> tuple[list[Line], tuple[str, ...], frozenset[str]]:
    """Lines of an exported table that say something new: another campaign's results, and more of one's own, or
    otherwise; notes on the rest, and which of them were retracted there. Of other tables, all lines."""
    if not is_exported(header):
        return lines, (), frozenset()
    rows = [(line, cells, dict(zip(header, cells, strict=False))) for line, cells in lines]
    own = {line: known for line, _, row in rows if (known := record.own(row)) is not None}
    changed = {line for line, _, row in rows if line in own and record.is_changed(row)}
    others = [r for r in rows if r[0] not in own or r[0] in changed or record.is_fuller(r[2], own[r[0]])]
    kept = [r for r in others if not r[2].get(RETRACTED)]
    unread = [str(line) for line, _, row in others if row.get(RETRACTED) and line in own]
    notes = [
        f"{plural(count, 'row')} passed over: {why}"
        for count, why in (
            (len(rows) - len(others), "results of this very campaign, which has them"),
            (len(others) - len(kept) - len(unread), "retracted in the campaign that they come from"),
        )
        if count
    ]
    if unread:
        were, their = ("was", "its result counts") if len(unread) == 1 else ("were", "their results count")
        notes.append(
            f"{places(file, unread)} {were} changed, and not read: {their} no more, as the column {RETRACTED} says; "
            "change the row of the result that stands in the place, where there is one"
        )
    withdrawn = frozenset(
        row[OBSERVATION] for line, _, row in others if line not in own and row.get(RETRACTED) and OBSERVATION in row
    )
    return [(line, cells) for line, cells, _ in kept], tuple(notes), withdrawn


def _unfinished(file: str, waiting: Sequence[tuple[str, Sequence[str]]], blank: int) -> Iterator[str]:
    """What is said of a worksheet's rows that are not filled in, or in part only."""
    alike: dict[str, list[str]] = {}
    for line, left in waiting:
        alike.setdefault(" and ".join(left), []).append(line)
    for missing, lines in alike.items():
        taken, has, it = ("is", "it has", "it") if len(lines) == 1 else ("are", "each has", "them")
        yield (
            f"{places(file, lines)} {taken} not taken yet: {has} some of the targets, and nothing of {missing}; "
            f"fill that in, or write measured under outcome to report {it} without"
        )
    if blank:
        yield f"{'1 row of the worksheet is' if blank == 1 else f'{blank} rows of the worksheet are'} not filled in yet"


def _without_empty_columns(lines: list[Line]) -> list[Line]:
    """Lines without columns that have neither name nor cell, which spreadsheets leave behind."""
    header = lines[0][1] if lines else []
    empty = {i for i, head in enumerate(header) if not head} - {
        i for _, cells in lines[1:] for i, cell in enumerate(cells) if cell
    }
    fitting = {len(header)} if empty else set()  # a row of another length is said as it is
    return [
        (line, [c for i, c in enumerate(cells) if i not in empty] if len(cells) in fitting else cells)
        for line, cells in lines
    ]


def _of_another_program(file: str, data: bytes) -> str:
    """What a file is that ``hakken import`` reads and ``hakken tell`` does not; "" for any other."""
    from flows.importing.registry import saved_by

    what = saved_by(Path(file), data)
    return f"it is {what}, and no table; hakken import {shlex.quote(file)} brings it in as a campaign" if what else ""
