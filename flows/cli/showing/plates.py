"""A plate in a terminal: a letter for each option, shared values, stock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loop.errors import LedgerError
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
    for line in plate.prepare:
        yield f"   to prepare: {line}"
    for line in plate.short:
        yield f"   too little: {line}"


def plate_places(beside: Path, out: Sequence[Path]) -> tuple[Path, Path]:
    """Where the page and the table of a plate are to be written: as ``out`` says, by the endings of its files, else
    ``beside`` the record. Folders are made.

    Raises:
        LedgerError: One of ``out`` is neither page nor table by its name, or two are the same, or a file that is there
            is no table of a plate.
    """
    found = {".html": beside.with_name(f"{beside.name}.html"), ".csv": beside.with_name(f"{beside.name}.csv")}
    for i, file in enumerate(out):
        kind = {".htm": ".html"}.get(file.suffix.lower(), file.suffix.lower())
        if kind not in found or file.is_dir():
            raise LedgerError(
                f"--out {file}: a page is a file that ends in .html, a table one in .csv; name such a file"
            )
        if any(kind in (f.suffix.lower(), f.suffix.lower() + "l") for f in out[:i]):
            raise LedgerError(f"--out {file}: there is one file of this kind for a plate; give --out once for each")
        found[kind] = file
    page, sheet = found[".html"], found[".csv"]
    if sheet in out and sheet.exists() and "key," not in sheet.read_text(encoding="utf-8", errors="replace")[:5]:
        raise LedgerError(
            f"--out {sheet}: this file is there and is no table of a plate; name another, or move it away"
        )
    for file in (page, sheet):
        file.parent.mkdir(parents=True, exist_ok=True)
    return page, sheet


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
