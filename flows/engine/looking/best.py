"""The honest best of a campaign, from the record: what is believed best, and what was only lucky."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.view import View
from flows.engine.sources.hearing import sources_of
from flows.wiring import open_record
from loop.insight.statements import HonestBest

if TYPE_CHECKING:
    from flows.settings import Settings


def best(settings: Settings, name: str) -> HonestBest:
    """What the campaign believes to be best, from everything that counts.

    Raises:
        NotFound: There is no such campaign.
    """
    with open_record(settings) as ledger:
        return believed(View(ledger, name))


def believed(view: View) -> HonestBest:
    """The same, of a view at hand. The same record gives the same answer."""
    from loop.insight.best import honest_best  # brings torch: seconds, only where it is asked for

    history, _ = history_of(view.spec, view.space, view.counted, ())
    earlier, _, _ = sources_of(view.ledger, view.spec)
    return honest_best(view.spec, history, seed=seed_of(view.spec.planner.seed, view.name, 0), earlier=earlier)
