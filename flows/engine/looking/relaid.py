"""Relaid: a plate that waits for approval, and is none as the campaign file, changed since, says it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.looking.view import View
from flows.engine.people.bans import place_of_record
from loop.errors import PlateError
from loop.plate.layout import Plate, unstocked, well_number
from loop.spec import build_plate

NAMED: Final = 5  # wells; the number tells of the rest


def unlike_the_plate(view: View, number: int) -> str:
    """That round ``number`` of an earlier version, which waits for a person, does not go with the section plate as it
    is now; "" where it does, or there is none."""
    plate = build_plate(view.spec, view.space)
    if plate is None:
        return ""
    wells: dict[str, NDArray[np.float64]] = {}
    for p in view.proposals:
        if p.round_number == number and p.approved is not False and p.draft.place is not None:
            place = place_of_record(view.space, p.draft.candidate)
            if place is not None:  # else the file has it no more, and it is not sent
                wells[p.draft.place.well] = np.frombuffer(place)
    if not (wrong := [*_beyond(plate, wells), *_unlike(view, plate, wells)]):
        return ""
    return (
        f"round {number}, which waits for approval, was laid out before the campaign file got another plate: "
        f"{'; '.join(wrong)}. What is approved of it runs all the same, in the wells that it has; refused (hakken "
        f"approve {quote(view.name)} {number} --refuse --meaning again --why REASON), another plate is planned, on "
        "which its candidates may be again"
    )


def _number(well: str, plate: Plate) -> int | None:
    """The number of a well; None where the plate has none of that name."""
    try:
        number = well_number(well, plate.columns)
    except PlateError:
        return None
    return number if number < plate.wells else None


def _beyond(plate: Plate, wells: Mapping[str, NDArray[np.float64]]) -> Iterator[str]:
    if off := sorted(well for well in wells if _number(well, plate) is None):
        more = f" and {len(off) - NAMED} more" if len(off) > NAMED else ""
        has = f"a plate of {plate.rows} x {plate.columns} wells has no"
        yield f"{has} {', '.join(off[:NAMED])}{more}"


def _unlike(view: View, plate: Plate, wells: Mapping[str, NDArray[np.float64]]) -> Iterator[str]:
    """What wells do not share, and of what there are too many."""
    here = {number: x for well, x in wells.items() if (number := _number(well, plate)) is not None}
    for shared in plate.shared if len(here) == len(wells) else ():  # the wells of another plate are in other rows
        group, values = plate.group(shared.scope), defaultdict(set)
        for number, x in here.items():
            values[int(group[number])].add(float(x[shared.column]))
        if any(len(found) > 1 for found in values.values()):
            yield f"{view.space.names[shared.column]} is not the same all over each {shared.scope.value}"
    for column, limit in plate.at_most.items():
        there = {float(x[column]) for x in wells.values()} - unstocked(view.space, column)
        if len(there) > limit:
            yield f"it has {len(there)} of {view.space.names[column]}, and {limit} may be on one"
