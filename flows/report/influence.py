"""Parameters with what follows them, as rows of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from flows.report.words import MINUS, after
from loop.insight.saying import reliance_notes
from loop.insight.statements import Adds, Influence, Reliance
from loop.wording import in_places, signed_in_places

FEW = 4  # values that are all named
ENDS = 2  # values at either end that are named of more
WIDTH, HEIGHT = 120, 12  # of the mark of a share, which spans 0 to 1


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter: its share with its interval, as a mark and in words, and what its values add."""

    parameter: str
    share: str
    within: str
    by_model: str  # "" where there is one
    by_itself: str  # "" where nothing is said of it
    mark: Markup
    adds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The parameters of one target."""

    target: str
    unit: str
    results: int
    candidates: str
    model: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    box: str = f"0 0 {WIDTH} {HEIGHT}"


def rows_of(reliances: Sequence[Reliance]) -> tuple[Rows, ...]:
    """Every target's parameters, the one that most follows first."""
    return tuple(
        Rows(
            one.target,
            one.unit,
            one.results,
            f"{one.candidates:,}",
            one.model,
            tuple(_row(p, one) for p in one.parameters),
            tuple(reliance_notes(one)),
        )
        for one in reliances
    )


def _row(p: Influence, of: Reliance) -> Row:
    low, high, share = (min(max(value, 0.0), 1.0) * WIDTH for value in (p.low, p.high, p.share))
    middle = HEIGHT / 2
    mark = Markup(
        f'<line class="axis" x1="0" y1="{middle:g}" x2="{WIDTH}" y2="{middle:g}"/>'
        f'<line class="interval" x1="{low:.1f}" y1="{middle:g}" x2="{high:.1f}" y2="{middle:g}"/>'
        f'<circle class="share" cx="{share:.1f}" cy="{middle:g}" r="3.5"/>'
    )
    several = f"{p.least:.2f} to {p.most:.2f}" if len(of.members) > 1 else ""
    adds = p.adds if p.is_of_number or len(p.adds) <= FEW else (*p.adds[:ENDS], *p.adds[-ENDS:])
    near = " near it" if p.is_nearest else ""
    said = tuple(_said(a, of, near) for a in adds)
    by_itself = "" if p.alone is None else f"{p.alone:.2f}"
    return Row(p.parameter, f"{p.share:.2f}", f"{p.low:.2f} to {p.high:.2f}", several, by_itself, mark, said)


def _said(one: Adds, of: Reliance, near: str) -> str:
    doubt = (one.high - one.low) / 2
    signed = signed_in_places(one.mean, doubt)
    low, high = in_places(one.low, doubt), in_places(one.high, doubt)
    times = f"tried {one.tried} times" if one.tried > 1 else "tried once" if one.tried else "not tried"
    said = f"{signed} [{low} to {high}]".replace("-", MINUS)
    return f"{one.label}: {said}{after(of.unit)}, {times}{near}"
