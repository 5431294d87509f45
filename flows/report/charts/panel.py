"""A panel: the frame, grid and ticks that every chart stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from markupsafe import Markup

from flows.report.svg import Axis, axis, element, tick_texts
from flows.report.words import number

LETTER: Final = 7.2  # width of a digit at the size the style sheet gives ticks, in the drawing's units
LONGEST: Final = 14  # letters of a label that are written; the rest shows when pointed at


@dataclass(frozen=True, slots=True)
class Panel:
    """A frame of ``width`` by ``height`` with its two axes; the y axis grows upwards."""

    width: float
    height: float
    x: Axis
    y: Axis
    x_ticks: tuple[float, ...]
    x_texts: tuple[str, ...]  # one for each tick
    y_ticks: tuple[float, ...]
    y_texts: tuple[str, ...]  # likewise

    def frame(self, x_title: str, foot: float = 0) -> Markup:
        """Grid, ticks and the title below; ``foot`` is the height of a strip under the y axis."""
        left, right = self.x.start, self.x.end
        bottom, base = self.y.start, self.y.start + foot
        parts = []
        for tick, text in zip(self.y_ticks, self.y_texts, strict=True):
            y = self.y(tick)
            parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(element("text", text, x=left - 8, y=y + 4, text_anchor="end", class_="tick"))
        for tick, text in zip(self.x_ticks, self.x_texts, strict=True):
            x = self.x(tick)
            parts.append(element("line", x1=x, x2=x, y1=base, y2=base + 4, class_="rule"))
            parts.append(element("text", text, x=x, y=base + 18, text_anchor="middle", class_="tick"))
        parts.append(element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="rule"))
        if foot:
            parts.append(element("line", x1=left, x2=right, y1=base, y2=base, class_="rule"))
        parts.append(element("text", x_title, x=(left + right) / 2, y=base + 38, text_anchor="middle", class_="title"))
        return Markup("").join(parts)


def whole_ticks(axis: Axis, about: int) -> tuple[float, ...]:
    """Round ticks that are whole numbers, from 1."""
    return tuple(tick for tick in axis.ticks(about) if tick == round(tick) and tick >= 1)


def panel(
    width: float,
    height: float,
    xs: Iterable[float],
    ys: Iterable[float],
    *,
    foot: float = 0,
    counts: bool = False,
    y_from_zero: bool = False,
    is_equal: bool = False,
    x_words: Mapping[float, str] | None = None,
    y_words: Mapping[float, str] | None = None,
) -> Panel:
    """A panel that holds the points.

    Args:
        width, height: Of the whole drawing.
        xs, ys: What has to fit.
        foot: Height of a strip under the y axis.
        counts: The x axis counts from 1 in whole steps.
        y_from_zero: The y axis starts at 0 exactly.
        is_equal: Both axes show the same range.
        x_words, y_words: Where there are some, the only ticks of that axis, all of which it shows.
    """
    xs, ys, words = [*xs, *(x_words or {})], [*ys, *(y_words or {})], y_words or {}
    if is_equal:
        xs = ys = xs + ys
    top, bottom = 10.0, height - 46 - foot
    y = axis(ys, bottom, top)
    if y_from_zero:
        y = Axis(0, 1.06 * max([*ys, 1e-12]), bottom, top)
    y_ticks = list(words) or (y.ticks(6) if ys else [])  # without a value the scale would be made up
    y_texts = list(words.values()) or tick_texts(y_ticks)
    left = 20 + LETTER * max((len(text) for text in y_texts), default=1)
    right = width - 14
    if counts:
        x = Axis(min([0.4, *xs]), max([1.0, *xs]) + 0.6, left, right)
        x_ticks = whole_ticks(x, 10 if width > 600 else 5)
    else:
        x = axis(xs, left, right)
        x_ticks = tuple(x.ticks(6 if width > 600 else 4))
    x_ticks = tuple(x_words) if x_words else x_ticks
    x_texts = x_words.values() if x_words else tick_texts(list(x_ticks))
    return Panel(width, height, x, y, x_ticks, tuple(x_texts), tuple(y_ticks), tuple(y_texts))


def shortened(label: str) -> str:
    """A label as it is written beside an axis."""
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def decades(logarithms: Iterable[float]) -> dict[float, str]:
    """Ticks for decadic logarithms with the numbers they are of: powers of ten about them, or 1, 2 and 5 times these.

    At most seven, of thousands of decades every so many.
    """
    values = list(logarithms) or [0.0]
    low, high = floor(min(values)), ceil(max(values))
    if high - low > 2:
        step = ceil((high - low) / 6)
        return {float(k): number(10.0**k) for k in range(low, high + step, step)}
    ticks = [k + at for k in range(low, max(high, low + 1) + 1) for at in (0.0, log10(2), log10(5))]
    below = max((t for t in ticks if t <= min(values)), default=ticks[0])
    above = min((t for t in ticks if t >= max(values)), default=ticks[-1])
    return {t: number(10.0**t) for t in ticks if below <= t <= above}
