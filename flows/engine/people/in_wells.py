"""Rows without settings given the keys of the experiments in their wells: a plate reader knows plate and well alone."""

from __future__ import annotations

from collections.abc import Sequence

from flows.engine.looking.view import WITH_LABORATORY, View
from flows.engine.people.rows import Line
from flows.engine.people.rows.columns import WELLS
from loop.analysis.readings import plate_name, well_name
from loop.errors import AnalysisError
from loop.experiment import State
from loop.record import AttemptRecord
from loop.sheets.cells import split_header
from loop.wording import plural

PLATE, WELL = WELLS
SHOWN = 3  # wells that a note names


def called(head: str) -> str:
    """What a column is called; plate and well in small letters, however a plate reader writes them."""
    name = split_header(head)[0]
    return lower if (lower := name.casefold()) in (PLATE, WELL) else name


def is_by_well(header: Sequence[str], view: View) -> bool:
    """Whether a table tells plate and well, and nothing of what is in them."""
    names = {called(head) for head in header}
    settings = {name + tail for name in view.space.names for tail in ("", "_smiles")}
    return view.spec.plate is not None and {PLATE, WELL} <= names and not names & settings


def keys_of_wells(
    lines: Sequence[Line], view: View, header: Sequence[str], at: int
) -> tuple[dict[int, str], list[Line], list[str]]:
    """Keys by number of line, of rows that have none at ``at``; the lines with plate and well as the campaign calls
    them; and what is to be said. A well that was made again is its last attempt."""
    plate, well = (next(i for i, head in enumerate(header) if called(head) == name) for name in (PLATE, WELL))
    attempts = _by_well(view)
    keys: dict[int, str] = {}
    found, nowhere, waited = [lines[0]], [], 0
    for line, cells in lines[1:]:
        if len(cells) != len(header) or (at < len(cells) and cells[at]) or not (cells[plate] and cells[well]):
            found.append((line, cells))
            continue
        attempt = attempts.get(_place(cells[plate], cells[well]))
        if attempt is None or attempt.place is None:
            nowhere.append(f"{cells[well]} of plate {cells[plate]}")
            found.append((line, cells))
            continue
        keys[line] = attempt.key
        waited += attempt.state in WITH_LABORATORY
        own = {plate: str(attempt.place.plate), well: attempt.place.well}
        found.append((line, [own.get(i, cell) for i, cell in enumerate(cells)]))
    return keys, found, [*_matched(waited), *_nowhere(nowhere)]


def _by_well(view: View) -> dict[tuple[str, str], AttemptRecord]:
    """The attempt in each well: one that the laboratory has, else the last that ended."""
    found: dict[tuple[str, str], AttemptRecord] = {}
    for a in view.attempts:
        if a.place is None or a.state not in WITH_LABORATORY | {State.ENDED}:
            continue
        place = str(a.place.plate), well_name(a.place.well)
        if a.state in WITH_LABORATORY or place not in found or found[place].state not in WITH_LABORATORY:
            found[place] = a
    return found


def _place(plate: str, well: str) -> tuple[str, str]:
    try:
        return plate_name(plate), well_name(well)
    except AnalysisError:  # it is no well, and so in none
        return plate, well


def _matched(n: int) -> list[str]:
    if not n:
        return []
    one = "is the result of an experiment that was waited for in its well"
    many = "are results of experiments that were waited for in their wells"
    return [f"{plural(n, 'row')} {one if n == 1 else many}"]


def _nowhere(wells: Sequence[str]) -> list[str]:
    if not wells:
        return []
    more = f" and {len(wells) - SHOWN} more" if len(wells) > SHOWN else ""
    which = "; ".join(wells[:SHOWN]) + more
    return [f"in {plural(len(wells), 'row')} no experiment of the campaign lies in the well: {which}"]
