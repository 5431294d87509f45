"""The examination of a campaign, from the record: how far its models can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.view import View
from flows.wiring import open_record

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.examination import Examination


def examine(
    settings: Settings, name: str, *, tell: Callable[[str], None] = lambda _: None
) -> Mapping[str, Examination]:
    """Every target's examination, from everything that counts. The same record gives the same findings.

    Raises:
        NotFound: There is no such campaign.
    """
    from loop.examination import examine as of_history  # brings torch: seconds, only where it is asked for
    from loop.space import ProductPool

    with open_record(settings) as ledger:
        view = View(ledger, name)
        history, _ = history_of(view.spec, view.space, view.counted, ())
        pool = ProductPool(view.space) if view.space.is_finite else None
        return of_history(
            view.spec, view.space, history, pool, seed=seed_of(view.spec.planner.seed, view.name, 0), tell=tell
        )
