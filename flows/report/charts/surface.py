"""What is believed over two parameters: a field of colours, hatched where they say little, and what was tried there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import cos, radians, sin
from typing import Final

from markupsafe import Markup

from flows.report.charts.panel import LETTER, shortened
from flows.report.svg import drawing, element, mark, shade
from flows.report.words import after, heading, number
from loop.insight.statements import OnSurface, Side, Surface
from loop.objective import Target
from loop.wording import in_places

WIDTH: Final = 440.0  # of the drawing
ROWS: Final = 300.0, 26.0, 44.0  # height of all rows together, the least and the most of one
TURNED: Final = 35.0  # degrees by which names across are turned
RIGHT, TOP = 14.0, 10.0
OVERLAP: Final = 0.6  # of cells, so that no seams are seen between them


def extent(surface: Surface) -> tuple[float, float]:
    """The least and the most that is believed anywhere on it, which the palest and the darkest colour stand for."""
    means = [mean for row in surface.means for mean in row if mean is not None]
    return min(means), max(means)


def draw_surface(surface: Surface, target: Target) -> Markup:
    """The field, a ring where the candidate lies that it is about, and a mark for each that was tried."""
    return _Field(surface, target).drawn()


def is_open(surface: Surface, target: Target, row: int, column: int) -> bool:
    """Whether the interval of a place is wider than all that colours tell apart."""
    low, high = surface.lows[row][column], surface.highs[row][column]
    if surface.means[row][column] is None or low is None or high is None:
        return False
    least, most = (target.scaled(end) for end in extent(surface))
    return target.scaled(high) - target.scaled(low) > most - least


class _Field:
    def __init__(self, surface: Surface, target: Target) -> None:
        self.surface, self.target = surface, target
        self.left = 22.0 + LETTER * max(len(text) for text in _texts(surface.up))
        self.step = (WIDTH - self.left - RIGHT) / len(surface.across.values)
        whole, least, most = ROWS
        self.row = min(max(whole / len(surface.up.values), least), most)
        self.base = TOP + self.row * len(surface.up.values)

    def drawn(self) -> Markup:
        surface = self.surface
        turned = 0.0 if _is_number(surface.across) else max(map(len, _texts(surface.across))) * LETTER
        below = 46.0 if not turned else 40.0 + turned * sin(radians(TURNED))
        over = f"{surface.across.parameter} and {surface.up.parameter}"
        words = f"{heading(surface.target, surface.unit)} believed over {over}, all else as in {surface.label}"
        return drawing(
            WIDTH,
            self.base + below,
            words,
            element(
                "rect", x=self.left, y=TOP, width=WIDTH - RIGHT - self.left, height=self.base - TOP, class_="frame"
            ),
            *self._cells(),
            self._hatches(),
            *self._edges(below),
            element("circle", cx=self._x(surface.across.at), cy=self._y(surface.up.at), r=8, class_="about"),
            self._dots(),
            *(self._mark(one) for one in surface.tried),
            style="surface",
        )

    def _x(self, place: float) -> float:
        return self.left + (place + 0.5) * self.step

    def _y(self, place: float) -> float:
        """Numbers grow upwards; of options the first stands at the top."""
        from_top = len(self.surface.up.values) - 1 - place if _is_number(self.surface.up) else place
        return TOP + (from_top + 0.5) * self.row

    def _places(self) -> Iterator[tuple[int, int, float]]:
        """Row, column and mean of each place that is a candidate."""
        for row, column in product(range(len(self.surface.up.values)), range(len(self.surface.across.values))):
            mean = self.surface.means[row][column]
            if mean is not None:
                yield row, column, mean

    def _cells(self) -> Iterator[Markup]:
        ends = [self.target.scaled(end) for end in extent(self.surface)]
        for row, column, mean in self._places():
            yield element(
                "rect",
                element("title", self._tip(row, column, mean)),
                x=self._x(column) - self.step / 2,
                y=self._y(row) - self.row / 2,
                width=self.step + OVERLAP,
                height=self.row + OVERLAP,
                fill=shade(self.target.scaled(mean), *ends),
            )

    def _hatches(self) -> Markup:
        lines = [
            f"M{self._x(column) - self.step / 3:.1f},{self._y(row) + self.row / 3:.1f}"
            f"L{self._x(column) + self.step / 3:.1f},{self._y(row) - self.row / 3:.1f}"
            for row, column, _ in self._places()
            if is_open(self.surface, self.target, row, column)
        ]
        return element("path", d="".join(lines), class_="open") if lines else Markup("")

    def _dots(self) -> Markup:
        at = [f"M{self._x(x) - 2:.1f},{self._y(y):.1f}a2,2 0 1,0 4,0a2,2 0 1,0 -4,0" for x, y in self.surface.elsewhere]
        return element("path", d="".join(at), class_="elsewhere") if at else Markup("")

    def _edges(self, below: float) -> Iterator[Markup]:
        """Values along both sides, and what these are."""
        across, up = self.surface.across, self.surface.up
        texts = _texts(up)
        for place in range(0, len(texts), _every(14.0, self.row)):
            y = self._y(place) + 4
            yield element("text", texts[place], x=self.left - 8, y=y, text_anchor="end", class_="tick")
        texts = _texts(across)
        if _is_number(across):
            for place in range(0, len(texts), _every((1 + max(map(len, texts))) * LETTER, self.step)):
                x = self._x(place)
                yield element("text", texts[place], x=x, y=self.base + 18, text_anchor="middle", class_="tick")
        else:
            for place, text in enumerate(texts):
                x, y = self._x(place) + 4 * cos(radians(TURNED)), self.base + 14
                turn = f"rotate(-{TURNED:g} {x:.1f} {y:.1f})"
                yield element("text", text, x=x, y=y, text_anchor="end", class_="tick", transform=turn)
        middle = (self.left + WIDTH - RIGHT) / 2
        which = "upwards" if _is_number(up) else "rows:"
        title = f"{heading(across.parameter, across.unit)}, {which} {heading(up.parameter, up.unit)}"
        yield element("text", title, x=middle, y=self.base + below - 8, text_anchor="middle", class_="title")

    def _mark(self, one: OnSurface) -> Markup:
        is_fault = not (one.values or one.limits)
        came = [number(v) for v in one.values] + list(one.limits)
        said = ", ".join(came) + after(self.surface.unit) if came else "no value"
        failed = f"\nfaults: {one.faults}" if one.faults else ""
        tip = f"{one.label}\nmeasured {self.surface.target}: {said}{failed}"
        shape, style = ("cross", "fault") if is_fault else ("circle", "tried")
        return mark(self._x(one.across), self._y(one.up), shape, style, tip)

    def _tip(self, row: int, column: int, mean: float) -> str:
        surface = self.surface
        low, high = surface.lows[row][column], surface.highs[row][column]
        doubt = 0.0 if low is None or high is None else (high - low) / 2
        within = ""
        if low is not None and high is not None and doubt:
            within = f" [{in_places(low, doubt)} to {in_places(high, doubt)}]"
        sides = ((surface.across, column), (surface.up, row))
        settings = ", ".join(f"{side.parameter} {_shown(side, i)}{after(side.unit)}" for side, i in sides)
        return f"{settings}\n{surface.target} {in_places(mean, doubt)}{within}{after(surface.unit)}"


def _is_number(side: Side) -> bool:
    return not any(isinstance(value, str) for value in side.values)


def _shown(side: Side, place: int) -> str:
    value = side.values[place]
    return value if isinstance(value, str) else number(value, 3)


def _texts(side: Side) -> list[str]:
    return [shortened(_shown(side, place)) for place in range(len(side.values))]


def _every(room: float, step: float) -> int:
    """Every how manieth value is written, so that none runs into the next."""
    return max(1, -int(-room // step))
