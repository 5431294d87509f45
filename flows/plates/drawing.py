"""A plate drawn: wells coloured by a parameter or a result, shared values along the edges, reserved wells marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from flows.plates.content import NONE, PlateView, Well
from flows.report.svg import drawing, element, shade
from loop.plate.layout import Scope, row_name
from loop.record import Arm

# Colours that stay apart for most eyes (Okabe and Ito), lighter ones after; the letters in the wells stay without them.
COLOURS: Final = (
    "#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#bbbbbb",
    "#a6dcef", "#f5cf87", "#8fd3bd", "#f8f3a6", "#e7bdd3", "#eeb38a", "#8fbbe0", "#dddddd",
)  # fmt: skip
WHITE: Final = "#ffffff"
EDGE: Final = 34.0
SIZE: Final = 44.0  # of a well
MARKED: Final = {Arm.REFERENCE: "control", Arm.REPLICATE: "repeat", Arm.CONTROL: "random"}


@dataclass(frozen=True, slots=True)
class Key:
    """What stands for a value of the parameter that colours the wells."""

    value: str
    code: str
    colour: str

    @property
    def is_dark(self) -> bool:
        """Whether the text on it must be white."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue < 120


def keys_of(plate: PlateView, parameter: str) -> Mapping[str, Key]:
    """Code and colour of each value there is, by its text: letters for options, the number itself for numbers."""
    values = {w.settings[parameter] for w in plate.wells if parameter in w.settings}
    numbers = sorted(v for v in values if not isinstance(v, str))
    options = sorted(v for v in values if isinstance(v, str))
    keys = {}
    for i, option in enumerate(options):
        keys[option] = Key(option, row_name(i).lower(), COLOURS[i % len(COLOURS)])
    for number in numbers:
        text = plate.shown(parameter, number)
        keys[text] = Key(text, f"{number:.3g}", shade(number, numbers[0], numbers[-1]))
    return keys


def draw_plate(plate: PlateView, parameter: str, size: float = SIZE) -> Markup:
    """The plate, one circle for each well, coloured and lettered by ``parameter``."""
    keys = keys_of(plate, parameter)

    def key_of(well: Well) -> tuple[Key, str]:
        text = plate.shown(parameter, well.settings.get(parameter))
        return keys.get(text, Key(text, NONE, WHITE)), ""

    return _drawn(plate, f"coloured by {parameter}", key_of, size)


def draw_values(
    plate: PlateView,
    target: str,
    values: Mapping[str, tuple[float | None, str, str]],
    scale: tuple[float, float],
) -> Markup:
    """The plate, each well coloured by its value of ``target`` between the ends of ``scale``.

    ``values``: by well its value, None without one, the few signs that stand in it, and what more there is to say.
    """
    unit = plate.targets.get(target, "")

    def key_of(well: Well) -> tuple[Key, str]:
        value, text, more = values.get(well.label, (None, "", "no result yet"))
        colour = WHITE if value is None else shade(value, *scale)
        said = text if value is None else f"{text} {unit}".strip()
        return Key(text, text, colour), f"{target}: {', '.join(part for part in (said, more) if part)}"

    return _drawn(plate, f"coloured by {target}", key_of, SIZE)


def _drawn(plate: PlateView, by: str, key_of: Callable[[Well], tuple[Key, str]], size: float) -> Markup:
    right = 12.0 + (90.0 if any(c.scope is Scope.ROW for c in plate.common) else 0.0)
    above = EDGE + 18.0 * sum(c.scope is Scope.BLOCK for c in plate.common)
    below = 10.0 + 15.0 * sum(c.scope is Scope.COLUMN for c in plate.common)
    width, height = EDGE + plate.columns * size + right, above + plate.rows * size + below
    parts = [*_blocks(plate, size, above), *_edges(plate, size, above)]
    at = {(w.row, w.column): w for w in plate.wells}
    for row in range(plate.rows):
        for column in range(plate.columns):
            x, y = EDGE + (column + 0.5) * size, above + (row + 0.5) * size
            well = at.get((row, column))
            parts.append(_empty(x, y, size) if well is None else _well(plate, well, *key_of(well), x, y, size))
    words = f"plate {plate.number} of {plate.campaign}, wells {by}"
    return drawing(width, height, words, *parts, style="plate")


def _well(plate: PlateView, well: Well, key: Key, said: str, x: float, y: float, size: float) -> Markup:
    """A well with what its circle shows (``key``); ``said`` stands before its settings where one points at it."""
    tip = ", ".join(f"{name} {plate.shown(name, value)}" for name, value in well.told.items())
    mark = MARKED.get(well.arm)
    whole = f"{well.label}: {said + '; ' if said else ''}{tip}" + (f" ({mark})" if mark else "")
    inside = [
        element("title", whole),
        element("circle", cx=x, cy=y, r=0.40 * size, fill=key.colour, class_="well"),
    ]
    if mark:
        inside.append(element("circle", cx=x, cy=y, r=0.46 * size, fill="none", class_=f"ring {mark}"))
    style = "code dark" if key.is_dark else "code"
    height = 0.27 * size * min(1.0, 3.4 / max(len(key.code), 1))
    inside.append(
        element("text", key.code, x=x, y=y + 0.1 * size, text_anchor="middle", font_size=height, class_=style)
    )
    return element("g", *inside)


def _empty(x: float, y: float, size: float) -> Markup:
    return element("circle", cx=x, cy=y, r=0.40 * size, class_="empty")


def _edges(plate: PlateView, size: float, above: float) -> list[Markup]:
    """Names of rows and columns, and what these have in common."""
    parts = []
    for column in range(plate.columns):
        x = EDGE + (column + 0.5) * size
        parts.append(element("text", str(column + 1), x=x, y=EDGE - 12, text_anchor="middle", class_="edge"))
    for row in range(plate.rows):
        y = above + (row + 0.5) * size + 4
        parts.append(element("text", row_name(row), x=EDGE - 14, y=y, text_anchor="middle", class_="edge"))
    rows = [c for c in plate.common if c.scope is Scope.ROW]
    for row in range(plate.rows if rows else 0):
        text = ", ".join(c.values.get(row + 1, NONE) for c in rows)
        x, y = EDGE + plate.columns * size + 8, above + (row + 0.5) * size + 4
        parts.append(element("text", text, x=x, y=y, class_="common"))
    for line, c in enumerate(c for c in plate.common if c.scope is Scope.COLUMN):
        for column in range(plate.columns):
            x, y = EDGE + (column + 0.5) * size, above + plate.rows * size + 14 + 15 * line
            text = c.values.get(column + 1, NONE)
            parts.append(element("text", text, x=x, y=y, text_anchor="middle", class_="common small"))
    return parts


def _blocks(plate: PlateView, size: float, above: float) -> list[Markup]:
    """Outlines of blocks; what a block of the top row has in common stands above it, of others inside its corner."""
    parts = []
    height, width = plate.block
    across = plate.columns // width
    shared = [c for c in plate.common if c.scope is Scope.BLOCK]
    for number in range(plate.rows // height * across):
        down, right = divmod(number, across)
        x, y = EDGE + right * width * size, above + down * height * size
        parts.append(
            element(
                "rect",
                x=x + 2,
                y=y + 2,
                width=width * size - 4,
                height=height * size - 4,
                rx=8,
                fill="none",
                class_="block",
            )
        )
        for line, c in enumerate(shared):
            text = c.values.get(number + 1, NONE)
            place = {"x": x + width * size / 2, "text_anchor": "middle"}
            if down:
                place |= {"y": y + 11 + 11 * line, "class_": "common inside"}
            else:
                place |= {"y": above - 6 - 18 * (len(shared) - 1 - line), "class_": "common"}
            parts.append(element("text", text, **place))
    return parts
