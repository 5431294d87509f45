"""SVG as text: escaped elements, axes with round ticks, and marks that differ by shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from markupsafe import Markup, escape

AIR: Final = 0.06  # on both ends of an axis, as a share of what it holds
# Outlines around (0, 0) that stay apart without colour; the page's style sheet says which are filled.
SHAPES: Final = {
    "circle": "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z",
    "square": "M-4,-4H4V4H-4Z",
    "diamond": "M0,-6L6,0L0,6L-6,0Z",
    "up": "M0,-5.5L5.5,4.5H-5.5Z",
    "down": "M0,5.5L5.5,-4.5H-5.5Z",
    "cross": "M-4.5,-4.5L4.5,4.5M-4.5,4.5L4.5,-4.5",
    "plus": "M-5,0H5M0,-5V5",
    "slashed": "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0ZM-6,6L6,-6",
    "dash": "M-4,0H4",
}

PALE, DARK = (239, 243, 255), (33, 102, 172)  # ends of the colours of a number


def shade(value: float, low: float, high: float) -> str:
    """The colour of a number between the palest, of ``low``, and the darkest, of ``high``."""
    share = min(max((value - low) / ((high - low) or 1.0), 0.0), 1.0)
    return "#{:02x}{:02x}{:02x}".format(*(round(a + (b - a) * share) for a, b in zip(PALE, DARK, strict=True)))


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """One element, contents and values escaped; ``class_`` becomes ``class``, ``text_anchor`` ``text-anchor``."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{written}>{''.join(map(escape, content))}</{tag}>")


def polyline(points: Iterable[tuple[float, float]], **attributes: object) -> Markup:
    """Straight lines through ``points``, in the drawing's units."""
    return element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), fill="none", **attributes)


def mark(x: float, y: float, shape: str, style: str, tip: str = "") -> Markup:
    """A mark whose text shows when pointed at; the unseen circle makes it easy to hit."""
    title = (element("title", tip), element("circle", r=9, class_="hit")) if tip else ()
    return element(
        "g", *title, element("path", d=SHAPES[shape]), class_=f"mark {style}", transform=f"translate({x:.1f},{y:.1f})"
    )


def drawing(width: float, height: float, label: str, *content: object, style: str = "") -> Markup:
    """A whole drawing that scales with the page; ``label`` says in words what it shows."""
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
        class_=f"chart {style}".strip(),
        style=f"max-width:{1.2 * width:g}px",
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """A straight scale: values from ``low`` to ``high`` lie between ``start`` and ``end`` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def clamp(self, value: float) -> float:
        """The place of ``value``, or the nearest edge."""
        return self(min(max(value, self.low), self.high))

    def ticks(self, about: int) -> list[float]:
        """Round values inside the axis, about so many."""
        step = _round_step((self.high - self.low) / max(1, about))
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def axis(values: Iterable[float], start: float, end: float) -> Axis:
    """An axis that holds ``values`` with some air; around one value or none it still has a width."""
    values = list(values) or [0.0, 1.0]
    low, high = min(values), max(values)
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # no visible spread
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    air = AIR * (high - low)
    return Axis(low - air, high + air, start, end)


def tick_texts(ticks: list[float]) -> list[str]:
    """Ticks with as many decimals as tell them apart."""
    if len(ticks) < 2:
        return [f"{tick:.4g}" for tick in ticks]
    step = ticks[1] - ticks[0]
    largest = max(abs(tick) for tick in ticks)
    if largest >= 1e6 or step < 1e-4:
        return [f"{tick:.3g}" for tick in ticks]
    places = max(0, -floor(log10(step) + 1e-9))
    return [f"{tick:.{places}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks]


def _round_step(rough: float) -> float:
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)


def _short(value: object) -> object:
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
