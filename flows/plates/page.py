"""The printable page of a plate: one HTML file that asks the network for nothing."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Final

from markupsafe import Markup

from flows.plates.content import PlateView, Well, group_name
from flows.plates.drawing import SIZE, draw_plate, keys_of
from flows.templates import templates_of

_HERE: Final = Path(__file__).parent
_TEMPLATES: Final = templates_of(_HERE)
FIXED: Final = ("key", "run_order", "plate", "well")  # the table's first columns


def render(plate: PlateView) -> str:
    """The page as text: the plate by its first parameter in large, by the others in small, stock, wells to fill in."""
    single = coloured_by(plate)
    drawn = [
        (name, draw_plate(plate, name, SIZE if i else 64.0), tuple(keys_of(plate, name).values()))
        for i, name in enumerate(single)
    ]
    return _TEMPLATES.get_template("plate.html.jinja").render(
        plate=plate,
        style=Markup((_HERE / "plate.css").read_text("utf-8")),
        drawn=drawn,
        results=[*plate.targets.items(), *plate.beside.items()],
        common=[(c, [(group_name(c.scope, n), v) for n, v in c.values.items()]) for c in plate.common],
        wells=_in_order(plate),
        reserved=Counter(w.arm.value for w in plate.wells),
        empty=plate.rows * plate.columns - len(plate.wells),
    )


def _in_order(plate: PlateView) -> list[Well]:
    """As they are made: a robot that fills a plate as a whole goes through it column by column."""
    if plate.robots == "all":
        return sorted(plate.wells, key=lambda w: (w.column, w.row))
    return sorted(plate.wells, key=lambda w: w.run_order)


def coloured_by(plate: PlateView) -> tuple[str, ...]:
    """The parameters that differ from well to well: those with the most options first, numbers last."""
    varied = [n for n in plate.single if len({w.settings.get(n) for w in plate.wells}) > 1] or list(plate.units)
    return tuple(sorted(varied, key=lambda n: -len(plate.stock.get(n, ()))))


def table(plate: PlateView) -> str:
    """The plate as CSV to be filled in and told: key, plate, well, run order, settings, empty cells for results.

    Wells that have no key yet are left out: what is told of them would be no result of their experiments.
    """
    results = _results(plate)
    named = {n: f"{n} [{u}]" if u else n for n, u in plate.units.items()}
    titles = {n: f"setting {title}" if title in (*FIXED, *results) else title for n, title in named.items()}
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([*FIXED, *titles.values(), *results])
    for w in sorted(plate.wells, key=lambda w: w.run_order):
        if w.key:
            values = [_plain(w.settings.get(n)) for n in titles]
            writer.writerow([w.key, w.run_order, plate.number, w.label, *values, *([""] * len(results))])
    return "\ufeff" + file.getvalue()  # the mark makes spreadsheets read UTF-8


def is_untouched(text: str, plate: PlateView) -> bool:
    """Whether a table that was written of the plate, then or earlier, has no result in it."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    results = _results(plate)
    return set(results) <= set(rows.fieldnames or ()) and not any(row[c] for row in rows for c in results)


def changed_since(text: str, plate: PlateView) -> tuple[str, ...]:
    """The wells that have another key in such a table than now, or are not in it."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    keys = {row.get("well"): row.get("key") for row in rows}
    return tuple(w.label for w in plate.wells if keys.get(w.label) != w.key)


def _results(plate: PlateView) -> list[str]:
    """The columns that a person fills in."""
    results = [c for t, u in plate.targets.items() for c in (f"{t} [{u}]" if u else t, f"{t} sd")]
    return [*results, *(f"{n} [{u}]" if u else n for n, u in plate.beside.items()), "outcome", "comment"]


def _plain(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.12g}"
