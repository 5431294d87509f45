"""What the first design tells by itself, as rows of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from flows.report.influence import HEIGHT, WIDTH
from flows.report.words import MINUS
from loop.insight.saying import design_notes, why_effects
from loop.wording import in_places, signed_in_places

if TYPE_CHECKING:
    from loop.insight.designed import Designed, Effect

SHOWN = 20  # effects of a target, the clearest; of more the command tells


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One effect: what it is of, its change with its interval, as a mark and in words."""

    term: str
    what: str
    change: str
    within: str
    mark: Markup
    chance: str
    is_clear: bool


@dataclass(frozen=True, slots=True)
class EffectRows:
    """The effects of one target."""

    target: str
    unit: str
    design: str
    why: str
    experiments: int
    rows: tuple[EffectRow, ...]
    left_out: int
    notes: tuple[str, ...]
    box: str = f"0 0 {WIDTH} {HEIGHT}"


def effect_rows(told: Sequence[Designed]) -> tuple[EffectRows, ...]:
    """Every target's effects, the clearest first."""
    return tuple(
        EffectRows(
            one.target,
            one.unit,
            one.design,
            why_effects(one),
            one.experiments,
            tuple(_row(effect, _reach(one.effects)) for effect in one.effects[:SHOWN]),
            max(0, len(one.effects) - SHOWN),
            tuple(design_notes(one)),
        )
        for one in told
    )


def _reach(effects: Sequence[Effect]) -> float:
    return max((abs(end) for e in effects for end in (e.low, e.high)), default=0.0) or 1.0


def _row(one: Effect, reach: float) -> EffectRow:
    low, high, at = ((end / reach + 1.0) / 2.0 * WIDTH for end in (one.low, one.high, one.change))
    middle, doubt = HEIGHT / 2, (one.high - one.low) / 2
    mark = Markup(
        f'<line class="axis" x1="{WIDTH / 2:g}" y1="0" x2="{WIDTH / 2:g}" y2="{HEIGHT}"/>'
        f'<line class="interval" x1="{low:.1f}" y1="{middle:g}" x2="{high:.1f}" y2="{middle:g}"/>'
        f'<circle class="share" cx="{at:.1f}" cy="{middle:g}" r="3.5"/>'
    )
    signed = signed_in_places(one.change, doubt)
    within = f"{in_places(one.low, doubt)} to {in_places(one.high, doubt)}"
    chance = "" if one.chance is None else f"{one.chance:.2g}"
    return EffectRow(
        one.term, one.what, signed.replace("-", MINUS), within.replace("-", MINUS), mark, chance, one.is_clear
    )
