"""What matched pairs of the record tell, without any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from flows.engine.people.decisions import followed_by
from loop.decision import DecisionKind
from loop.spec import build_objective

if TYPE_CHECKING:
    from loop.insight.contrasts import Contrast
    from loop.insight.matched import Pair
    from loop.objective import Target

WITHIN: Final = frozenset({"row", "column"})  # of a plate: where a well lies was drawn by lot


def pairs_of(view: View) -> tuple[tuple[Pair, ...], int]:
    """Pairs that were planned together, and how many results count for none since they were told.

    What is pinned was chosen when it was, for the round that came next then, whenever it ran. What the campaign file
    says has effects, such as days, is the same for both; places on a plate, which were drawn by lot, need not be.
    """
    from loop.insight.matched import Made, matched_pairs

    effects = () if view.spec.noise is None else view.spec.noise.effects
    labels = [name for name in effects if name not in WITHIN]
    history, _ = history_of(view.spec, view.space, view.counted, ())
    pinned = _pinned_for(view)
    rounds = {o.id: pinned.get((o.round_number, o.position), o.round_number) for o in view.counted}
    made = [
        Made(rounds[o.id], o, {name: str(o.context.get(name, "")) for name in labels}) for o in history.observations
    ]
    return matched_pairs(view.space, made), sum(o.is_told for o in history.observations)


def _pinned_for(view: View) -> dict[tuple[int, int], int]:
    """Of proposals that follow a pin, by round and position: the round that came next when it was made."""
    pins = [d for d in view.decisions if d.draft.kind is DecisionKind.PIN]
    return {
        (p.round_number, p.draft.position): pin.after_round + 1
        for p in (view.proposals if pins else ())
        for pin in pins  # the latest counts, of a candidate that was pinned again
        if followed_by(pin, p)
    }


def contrasts_of(view: View) -> tuple[Contrast, ...]:
    """What they tell of each change, for a page; nothing of candidates that are one choice alone."""
    if not is_of_several(view):
        return ()
    from loop.insight.contrasts import contrasts

    pairs, _ = pairs_of(view)
    return contrasts(view.space, targets_of(view), pairs)


def targets_of(view: View) -> list[Target]:
    """The targets of which pairs tell: not of what is measured for a formula alone."""
    return [t for t in build_objective(view.spec).targets if not t.is_only_measured]


def is_of_several(view: View) -> bool:
    """Whether something can stay alike while one thing changes."""
    return len(view.space.shown_names) > 1
