"""Pausing: a laboratory's runs held up by a person, and going on again. The record is not touched: nothing ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.looking.held_up import forget
from flows.wiring import open_laboratory, open_record
from loop.contracts import CanPause, HasParts
from loop.errors import AdapterError
from loop.safety import see_that_nothing_halts
from loop.spec import CampaignSpec

if TYPE_CHECKING:
    from flows.settings import Settings


def pause_runs(settings: Settings, name: str) -> int:
    """Hold up what a campaign's laboratory runs now; returns how many runs that were.

    Raises:
        NotFound: There is no such campaign.
        AdapterError: Its laboratory cannot pause, or cannot be reached.
    """
    return _laboratory(settings, name).pause()


def resume_runs(settings: Settings, name: str) -> int:
    """Let them go on; returns how many runs that were.

    Raises:
        Halted: A safety stop is in force.
        NotFound: There is no such campaign.
        AdapterError: Its laboratory cannot pause, or cannot be reached.
    """
    resumed = _laboratory(settings, name, may_move=True).resume()
    if resumed:
        forget(settings, name)
    return resumed


def cannot_pause(settings: Settings, name: str) -> tuple[str, ...]:
    """Which of a campaign's several laboratories cannot pause, so that what they run goes on.

    Raises as ``pause_runs``.
    """
    laboratory = _laboratory(settings, name)
    parts = laboratory.parts() if isinstance(laboratory, HasParts) else {}
    return tuple(name for name, part in parts.items() if not isinstance(part, CanPause))


def _laboratory(settings: Settings, name: str, *, may_move: bool = False) -> CanPause:
    with open_record(settings) as ledger:
        spec = CampaignSpec.from_record(ledger.campaign(name).spec)
        if may_move:
            see_that_nothing_halts(name, ledger.stops(name))
    laboratory = open_laboratory(settings, spec)
    its, theirs = (f"; hakken stop sends no more to {whom}" for whom in ("it", "them"))
    if may_move:
        its = theirs = ", so that nothing is held up"
    if not isinstance(laboratory, CanPause):
        raise AdapterError(f"the laboratory {spec.laboratory.adapter!r} cannot pause what it runs{its}")
    if isinstance(laboratory, HasParts) and not any(isinstance(p, CanPause) for p in laboratory.parts().values()):
        names = ", ".join(laboratory.parts())
        raise AdapterError(f"none of the laboratories {names} can pause what it runs{theirs}")
    return laboratory
