"""The examination of a campaign, from the record: how far its models can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.view import View
from flows.wiring import open_record

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.examination import Examination

MANY: Final = 300  # results up to which a campaign is examined on the way to its page: seconds


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
        seed = seed_of(view.spec.planner.seed, view.name, 0)
        return _with_unheard(view, of_history(view.spec, view.space, history, pool, seed=seed, tell=tell))


def examined(view: View) -> Mapping[str, Examination]:
    """The same in brief, for a page; nothing where it would take longer than seconds, or there is nothing to say.

    That is where candidates are no molecules, where fewer results than a verdict needs or more than 300 count, and
    where graph networks learn.
    """
    from loop.space import has_molecules
    from loop.surrogates.names import GRAPHS

    named = view.spec.planner.surrogate
    learners = {named} if isinstance(named, str) else set(named)
    if not has_molecules(view.space) or learners & GRAPHS or len(view.counted) > MANY:
        return {}
    from loop.examination import examine_briefly
    from loop.examination.verdict import FEW
    from loop.space import ProductPool

    if len(view.counted) < FEW:
        return {}
    history, _ = history_of(view.spec, view.space, view.counted, ())
    pool = ProductPool(view.space) if view.space.is_finite else None
    seed = seed_of(view.spec.planner.seed, view.name, 0)
    return _with_unheard(view, examine_briefly(view.spec, view.space, history, pool, seed=seed))


def _with_unheard(view: View, found: Mapping[str, Examination]) -> Mapping[str, Examination]:
    return {name: replace(one, unheard=view.heard.get(name, ())) for name, one in found.items()}


def unheard_said(one: Examination) -> str:
    """What the models that were examined did not hear, as a sentence; "" where the planner's hear no more."""
    if not one.unheard:
        return ""
    are = "is" if len(one.unheard) == 1 else "are"
    return (
        f"{' and '.join(one.unheard)} {are} heard when batches are planned, and not here: the models examined learn "
        "from the campaign's own results alone"
    )


def verdict_lines(found: Mapping[str, Examination]) -> tuple[str, ...]:
    """What was found of each target's models, the first finding and whatever is not well, as sentences."""
    from loop.examination.verdict import Standing

    return tuple(
        f"{name}: {f.says}" + (f"; what helps: {f.remedy}" if f.remedy else "")
        for name, one in found.items()
        for place, f in enumerate(one.findings)
        if place == 0 or f.standing is not Standing.GOOD
    ) + tuple(f"{name}: {said}" for name, one in found.items() if (said := unheard_said(one)))
