"""An operating window in words, for the screen and for the page."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loop.insight.statements import Range, Window


def asked_line(found: Window) -> str:
    return f"asked: {'; '.join(found.asked)}; with a chance of at least {found.chance:g} ({found.here:.2f} there)"


def range_words(one: Range) -> tuple[str, str, str, str, str]:
    """Its name, what it is set to, the ends of its range, and what breaks first beyond them."""
    unit = f" {one.unit}" if one.unit else ""
    breaks = [f"{b} {side}" for b, side in ((one.low_breaks, "below"), (one.high_breaks, "above")) if b]
    low, high = (f"{_shown(end, one)}{unit}" for end in (one.low, one.high))
    return one.name, f"{one.at:.6g}{unit}", low, high, ", ".join(breaks) or "nothing within the space"


def together_line(found: Window) -> str:
    if not found.together:
        return "all of them at once: not even by a twentieth of these ranges"
    parts = []
    for one in found.ranges:
        low, high = (_shown(end, one) for end in found.boxed[one.name])
        parts.append(f"{one.name} {low} to {high} {one.unit}".rstrip())
    return f"all of them at once: by {found.together:.0%} of these ranges ({', '.join(parts)})"


def strayed_line(found: Window) -> Iterator[str]:
    """What the chance is where settings stray; nothing where the campaign file says nothing of it."""
    if found.strayed is not None:
        yield f"where settings stray ({found.straying} by the campaign file), it is {found.strayed:.2f} or more"


def instead_lines(found: Window) -> Iterator[str]:
    """Of each choice, which other options would do."""
    for name, options in found.instead.items():
        yield f"{name}: {' or '.join(options)} would do as well" if options else f"{name}: no other would do"


def _shown(value: float, one: Range) -> str:
    """A value in four digits, or as many as tell a hundredth of a range apart."""
    width = abs(value) / (one.high - one.low) if one.high > one.low else 1.0
    digits = max(4, math.ceil(math.log10(width)) + 3) if width > 0.0 else 4
    return f"{float(f'{value:.{digits}g}'):.12g}"
