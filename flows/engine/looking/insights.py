"""What a page tells in full, beside the record and the believed best: parts that take seconds, each left out where it
would take long or tells nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.looking.designed import designed_of
from flows.engine.looking.explaining import explained, relied
from flows.engine.looking.pairs import contrasts_of
from flows.engine.looking.surfaces import surfaces_of
from flows.engine.looking.view import View
from flows.engine.looking.window import windowed
from loop.insight.explaining import Explanation
from loop.insight.statements import Reliance, Surface, Window

if TYPE_CHECKING:
    from loop.examination import Examination
    from loop.insight.contrasts import Contrast
    from loop.insight.designed import Designed


@dataclass(frozen=True, slots=True)
class Insights:
    """What models, matched pairs and the first design tell of a campaign.

    Attributes:
        examined: The verdict on the models, by target.
        explained: Molecules with what their atoms add.
        rests: What follows which parameter.
        contrasts: What one change does, by experiments that differ in nothing else.
        by_design: What the first design tells by itself.
        window: How far settings of the believed best may be off.
        surfaces: What is believed about it over two parameters at once, by target.
    """

    examined: Mapping[str, Examination] = field(default_factory=dict)
    explained: tuple[Explanation, ...] = ()
    rests: tuple[Reliance, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    by_design: tuple[Designed, ...] = ()
    window: Window | None = None
    surfaces: tuple[Surface, ...] = ()


def insights_of(view: View, folder: Path, examined: Mapping[str, Examination]) -> Insights:
    """All of it, of a view at hand, whose campaign has its files in ``folder``."""
    rests = relied(view, folder)
    return Insights(
        examined,
        explained(view, folder),
        rests,
        contrasts_of(view),
        designed_of(view),
        windowed(view, folder),
        surfaces_of(view, folder, rests),
    )
