"""Surfaces about the believed best, from the record."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from flows.engine.looking.best import believed
from flows.engine.looking.kept import kept, learns_by_own
from flows.engine.looking.learning import learning_of, what_teaches
from flows.engine.looking.view import View
from loop.errors import PlanError, SpaceError
from loop.insight.statements import OnSurface, Reliance, Side, Surface

KEPT: Final = "surface.kept"  # in the campaign's folder: the last answer


def surfaces_of(view: View, folder: Path, rests: Sequence[Reliance]) -> tuple[Surface, ...]:
    """What is believed of each target over the two parameters that it most follows, about the believed best.

    ``rests`` says which these are; nothing where it is empty, where no best is believed, or a best condition of many
    substrates.
    """
    if not rests or view.spec.general is not None:
        return ()
    best = believed(view, folder)
    if not best.candidates:
        return ()
    settings = best.candidates[0].settings
    earlier, read, asked = what_teaches(view)

    def worked_out() -> tuple[Surface, ...]:
        from loop.insight.surface import surfaces  # brings torch: seconds, only where it is asked for

        return surfaces(learning_of(view, earlier, read), rests, view.space.coordinates(settings))

    with suppress(PlanError, SpaceError):
        return kept(
            folder / KEPT,
            (*asked, rests, settings),
            (Surface, Side, OnSurface),
            worked_out,
            by_own=learns_by_own(view.spec),
        )
    return ()
