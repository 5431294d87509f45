"""What the results of a view teach, learnt once for all that a page says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.view import View
from flows.engine.sources.hearing import sources_of

if TYPE_CHECKING:
    from flows.engine.sources.hearing import Read
    from loop.insight.asking import Learning
    from loop.memory.earlier import Earlier

MANY: Final = 1_000  # results of which a page asks for the best alone, so that nothing is kept for another
_LEARNT: WeakKeyDictionary[View, tuple[Read, Learning]] = WeakKeyDictionary()  # and what was read of sources


def what_teaches(view: View) -> tuple[Sequence[Earlier], Read, tuple[object, ...]]:
    """Earlier campaigns that are heard, what was read of them, and all that decides what a view's results teach."""
    earlier, read, _ = sources_of(view.ledger, view.spec)
    return earlier, read, (view.name, view.campaign.spec, view.counted, read, [source.spec for source in earlier])


def learning_of(view: View, earlier: Sequence[Earlier], read: Read) -> Learning:
    """What everything that counts teaches, with ``earlier`` campaigns, of which ``read`` is what was read.

    Of up to ``MANY`` results the same for each who asks while the view is there.
    """
    from loop.insight.asking import Learning  # brings torch: seconds, only where it is asked for

    known = _LEARNT.get(view)
    if known is not None and known[0] == read:
        return known[1]
    history, _ = history_of(view.spec, view.space, view.counted, ())
    found = Learning(view.spec, history, seed=seed_of(view.spec.planner.seed, view.name, 0), earlier=earlier)
    if len(view.counted) <= MANY:
        _LEARNT[view] = read, found
    return found
