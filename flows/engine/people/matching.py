"""Rows without keys given those of the experiments that wait with their settings, as a file of a vendor has none."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from shlex import quote
from typing import Final

from flows.engine.looking.view import View
from flows.engine.people.bans import place_of, place_of_record
from flows.engine.people.in_wells import called, is_by_well, keys_of_wells
from flows.engine.people.rows import Line, draft_row, is_exported, read_beside, read_told
from flows.engine.people.slips import what_it_says
from loop.errors import HakkenError
from loop.experiment import State
from loop.outcome import Measured, Negative, read_outcome
from loop.record import AttemptRecord, ObservationRecord
from loop.spec import levels_of, words_of
from loop.wording import plural

KEY: Final = "key"
SHOWN: Final = 3  # candidates that a note names


@dataclass(frozen=True, slots=True)
class Matched:
    """The lines of a table, the header first, with keys; and what is to be said of them."""

    lines: list[Line]
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    """The rows of one candidate that have no key, and the experiments that are waited for there."""

    label: str
    place: bytes  # where the candidate lies
    rows: list[int] = field(default_factory=list)  # numbers of lines
    waiting: list[AttemptRecord] = field(default_factory=list)
    results: list[ObservationRecord] = field(default_factory=list)  # of experiments there, which say something else


def with_keys(lines: Sequence[Line], view: View, *, delimiter: str, doubts: Sequence[Collection[str]]) -> Matched:
    """Each row without a key that has the settings of an experiment that waits, sent or not, as a result of that one.

    Replicates of one condition are told apart by nothing, so that rows are theirs in their order, if there are no more
    rows than replicates; wells of a plate are by ``plate`` and ``well``, where the table has these, and by these alone
    where it has no settings. A row that says what is on record of an ended experiment already has the key of that one,
    so that the same table may be told again.
    """
    header = lines[0][1]
    if is_exported(header):
        return Matched([*lines])
    at = header.index(KEY) if KEY in header else len(header)
    wide = header if at < len(header) else [*header, KEY]
    if is_by_well(header, view):
        keys, lines, notes = keys_of_wells(lines, view, header, at)
        filled = [_filled(line, cells, at, keys.get(line, ""), len(header)) for line, cells in lines[1:]]
        return Matched([(lines[0][0], wide), *filled], tuple(notes))
    keys = {}
    groups: dict[object, _Found] = {}
    ended, units = _ended(view), {target: said.unit for target, said in view.spec.objective.items()}
    has_places = {"plate", "well"} <= {called(head) for head in header} and view.spec.plate is not None
    for line, cells in lines[1:]:
        if len(cells) != len(header) or (at < len(cells) and cells[at]):
            continue
        either = [h for h, cell, doubt in zip(header, cells, doubts, strict=False) if cell in doubt]
        payload = draft_row("", header, cells, Counter(), delimiter=delimiter, doubtful=either).payload
        with suppress(HakkenError):  # what is wrong with a row is said where it is judged
            told = read_told(payload, view.spec, view.space)
            outcome = read_outcome(told.payload, units, levels_of(view.spec), words_of(view.spec))
            if (place := place_of(view.space, told.settings)) is None:  # so is what cannot be
                continue
            if mine := ended.get(place, {}).get(what_it_says(outcome)):
                keys[line] = mine.pop(0).key or ""
                continue
            beside = read_beside(payload, view.spec, view.space) if has_places else {}
            where = (place, str(beside.get("plate", "")), str(beside.get("well", ""))) if has_places else (place,)
            groups.setdefault(where, _Found(view.label(told.settings), place)).rows.append(line)
    for a in sorted(view.pending, key=lambda a: a.state is State.READY):  # what was not sent yet, after what was
        if (place := place_of_record(view.space, a)) is not None:
            of = ("", "") if a.place is None else (str(a.place.plate), a.place.well)
            if (found := groups.get((place, *of) if has_places else (place,))) is not None:
                found.waiting.append(a)
    for found in groups.values():
        found.results = [o for left in ended.get(found.place, {}).values() for o in left]
    fitting = [found for found in groups.values() if _is_plain(found)]
    new = {line: a.key for found in fitting for line, a in zip(found.rows, found.waiting, strict=False)}
    keys |= new
    filled = [_filled(line, cells, at, keys.get(line, ""), len(header)) for line, cells in lines[1:]]
    return Matched([(lines[0][0], wide), *filled], tuple(_said(view, len(new), groups.values())))


def filled(header: Sequence[str], cells: Sequence[str], key: str) -> tuple[list[str], list[str]]:
    """A header and the cells below it with a key, in a column of its own where there is none."""
    at = [*header, KEY].index(KEY)
    return [*header[:at], KEY, *header[at + 1 :]], [*cells[:at], key, *cells[at + 1 :]]


def _filled(line: int, cells: list[str], at: int, key: str, width: int) -> Line:
    if len(cells) != width:  # said as it is
        return line, cells
    return line, [*cells[:at], key or "".join(cells[at : at + 1]), *cells[at + 1 :]]


def _ended(view: View) -> dict[bytes | None, dict[object, list[ObservationRecord]]]:
    """Results of experiments that ended, by where their candidates lie and what came out."""
    found: dict[bytes | None, dict[object, list[ObservationRecord]]] = defaultdict(lambda: defaultdict(list))
    for o in view.observations:
        if o.key is not None and isinstance(o.outcome, Measured | Negative):
            found[place_of_record(view.space, o)][what_it_says(o.outcome)].append(o)
    return found


def _is_plain(found: _Found) -> bool:
    """Whether it is plain which rows are results of which experiments."""
    n, waiting = len(found.rows), found.waiting
    if not 0 < n <= len(waiting):
        return False
    return n == len(waiting) == 1 or all(a.place is None for a in waiting)


def _said(view: View, matched: int, groups: Collection[_Found]) -> Iterator[str]:
    name = quote(view.name)
    if matched:
        is_one = matched == 1
        yield (
            f"{plural(matched, 'row')} {'is the result' if is_one else 'are results'} of "
            f"{'an experiment that was' if is_one else 'experiments that were'} waited for with "
            f"{'its' if is_one else 'their'} settings"
        )
    if unclear := [found for found in groups if found.waiting and not _is_plain(found)]:
        yield (
            f"which rows of {_shown(unclear)} are whose, the settings do not say: they count beside the experiments "
            f"that are waited for; hakken retract {name} ID --file --why KEYLESS takes them back, and "
            f"hakken export {name} FILE.csv --waiting has the keys"
        )
    if beside := [found for found in groups if not found.waiting]:
        rows = sum(len(found.rows) for found in beside)
        has, they = ("has", "it counts") if rows == 1 else ("have", "they count")
        yield (
            f"{plural(rows, 'row')} {has} the settings of no experiment that is waited for, such as {_shown(beside)}; "
            f"{they} beside what the campaign asks for{_other_results(name, beside)}"
        )


def _other_results(name: str, beside: Sequence[_Found]) -> str:
    """What is to be done where rows stand in the place of results that experiments have already."""
    if not (measured := [found for found in beside if found.results]):
        return ""
    first, more = measured[0], len(measured) - 1
    also = f", and so have {more} more" if more else ""
    return (
        f". The experiment of {first.label} has another result{also}: where a row corrects it, take that back, such as "
        f"hakken retract {name} {first.results[0].id} --why CORRECTED"
    )


def _shown(found: Sequence[_Found]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(one.label for one in found[:SHOWN]) + more
