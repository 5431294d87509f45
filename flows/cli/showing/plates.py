"""A plate in a terminal: a letter for each option, shared values, stock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from loop.plate.layout import row_name
from loop.record import Arm

if TYPE_CHECKING:
    from flows.plates.content import PlateView

SIGNS = {Arm.REFERENCE: "*", Arm.REPLICATE: "'", Arm.CONTROL: "?"}


def plate_lines(plate: PlateView) -> Iterator[str]:
    """The plate as lines of text, by the first parameter that differs from well to well."""
    from flows.plates.content import group_name
    from flows.plates.drawing import keys_of
    from flows.plates.page import coloured_by

    parameter = coloured_by(plate)[0]
    keys = keys_of(plate, parameter)
    at = {(w.row, w.column): w for w in plate.wells}
    wide = max([len(k.code) for k in keys.values()] + [2]) + 1
    yield f"plate {plate.number}, wells by {parameter}:"
    yield "   " + "".join(f"{column + 1:>{wide}} " for column in range(plate.columns))
    for row in range(plate.rows):
        cells = ""
        for column in range(plate.columns):
            well = at.get((row, column))
            if well is None:
                cells += f"{'.':>{wide}} "
                continue
            text = plate.shown(parameter, well.settings.get(parameter))
            cells += f"{keys[text].code if text in keys else '-':>{wide}}{SIGNS.get(well.arm, ' ')}"
        yield f"{row_name(row):>2} {cells}"
    if any(k.code.isalpha() for k in keys.values()):
        yield "   " + ", ".join(f"{k.code} {k.value}" for k in keys.values())
    signs = {Arm.REFERENCE: "* control", Arm.REPLICATE: "' repeat", Arm.CONTROL: "? at random"}
    if there := [text for arm, text in signs.items() if any(w.arm is arm for w in plate.wells)]:
        yield "   " + ", ".join(there)
    for c in plate.common:
        yield f"   {c.parameter}: " + ", ".join(f"{group_name(c.scope, n)} {v}" for n, v in c.values.items())
    for name, options in plate.stocks.items():
        yield f"   stock of {name}: " + ", ".join(f"{option} ({n})" for option, n in options.items())


def table_notes(plate: PlateView, name: str, kept: str) -> Iterator[str]:
    """What is to be said of the plate's table called ``name``; ``kept`` is its text where it was filled in before."""
    from flows.plates.page import changed_since

    if kept and (others := changed_since(kept, plate)):
        yield (
            f"{name} was filled in before and is kept, and {', '.join(others)} {_is(others)} not in it as now; move it "
            "away for a new one"
        )
    if waiting := [w.label for w in plate.wells if not w.key]:
        wells = f"well {waiting[0]} waits" if len(waiting) == 1 else f"{len(waiting)} wells wait"
        yield (
            f"{wells} for approval without a key, and what is told without one is no result of its experiment; the "
            "table leaves such wells out"
        )


def _is(those: Sequence[str]) -> str:
    return "is" if len(those) == 1 else "are"
