"""Caution in words: why nothing may be proposed, what was left out for it, and what is believed of what is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from loop.errors import PoolExhausted
from loop.objective import Target
from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.record import Arm
from loop.space.rounding import rounded_where
from loop.space.rows import is_among
from loop.wording import named, plural

LOOKED_THROUGH: Final = 20_000  # candidates of which it is said how many may be proposed
BY_PEOPLE: Final = frozenset({Arm.MANUAL, Arm.REFERENCE})  # what a person or the campaign file names as it is
WAYS: Final = (
    "tell results that keep it, pin what you know to keep it (hakken pin), lower cautious, or end the campaign"
)


def asked(target: Target) -> str:
    """What a target has to keep, such as "pressure at most 5 bar"."""
    if target.classes is not None:
        return named(target.name, target.sought)
    low, high = target.asked
    parts = [
        f"{word} {end:g} {target.unit}".rstrip()
        for word, end in (("at least", low), ("at most", high))
        if np.isfinite(end)
    ]
    return f"{target.name} {' and '.join(parts)}"


def _all_asked(s: Situation) -> str:
    return " and ".join(asked(t) for t in s.objective.targets if t.cautious is not None)


def unproven(s: Situation) -> str:
    """Why a campaign with caution cannot begin, and what lets it."""
    known = f" of {plural(len(s.table), 'result')}" if len(s.table) else ""
    first = "" if s.plate is not None else ", name experiments under planner.initial.first, pin some (hakken pin)"
    return (
        f"nothing is known yet to keep {_all_asked(s)}, which is cautious: nothing is proposed before a model has "
        f"learnt, and none can{known}; tell a few results (hakken tell){first}, or leave out cautious"
    )


def nothing_believed(s: Situation) -> str:
    """What is believed of no candidate that is left."""
    chances = [f"{t.cautious:g}" for t in s.objective.targets if t.cautious is not None]
    return f"is not believed to keep {_all_asked(s)} with the chance that is asked ({', '.join(chances)})"


def carefully(s: Situation, picks: Sequence[Pick], before: Sequence[Pick]) -> tuple[list[Pick], list[str]]:
    """The picks that caution allows; with more digits, as ``before``, where it does not allow them rounded.

    What a person names stays, with a note where it is not believed to keep what is asked.

    Raises:
        PoolExhausted: None of them is allowed.
    """
    caution, found = s.caution, list(picks)
    if caution is None:
        return found, []
    x = np.array([p.x for p in picks])
    allowed = caution.allows(x)
    as_chosen = allowed if s.plate is not None else caution.allows(np.array([p.x for p in before]))
    found = [
        pick if ok or not was_ok else replace(pick, x=rounded_where(s.space, whole.x, s.tried, caution.allows))
        for pick, whole, ok, was_ok in zip(picks, before, allowed, as_chosen, strict=True)
    ]
    kept = [
        pick
        for pick, ok, was_ok in zip(found, allowed, as_chosen, strict=True)
        if ok or was_ok or pick.arm in BY_PEOPLE
    ]
    notes = [*_how_many(s), *_of_pinned(s)]
    if not kept:
        raise PoolExhausted(f"whatever was chosen {nothing_believed(s)}; {WAYS}")
    if dropped := len(found) - len(kept):
        notes.append(f"{plural(dropped, 'proposal')} left out: what was chosen {nothing_believed(s)}")
    return kept, notes


def _how_many(s: Situation) -> Sequence[str]:
    """A note on how many of the candidates that were not tried may be proposed, where they are soon looked through."""
    if s.caution is None or not s.caution.guards or s.pool is None or len(s.pool) > LOOKED_THROUGH:
        return ()
    x = s.pool.take(np.arange(len(s.pool)))
    x = x[~is_among(x, s.tried)]
    chances = ", ".join(f"{t.cautious:g}" for t in s.objective.targets if t.cautious is not None)
    kept = int(s.caution.allows(x).sum())
    return (f"{kept} of {len(x)} untried candidates are believed to keep {_all_asked(s)} with a chance of {chances}",)


def _of_pinned(s: Situation) -> Sequence[str]:
    """A note on each pinned candidate that is not believed to keep what is asked; it is run all the same."""
    caution = s.caution
    if caution is None or not s.history.pinned or not caution.guards:
        return ()
    x = np.array([one.x for one in s.history.pinned])
    chances = caution.chances(x)
    allowed = caution.allows(x)
    return [
        f"{s.space.label(s.space.settings(row))}, pinned, is believed to keep "
        f"{' and '.join(f'{t} with a chance of {c[i]:.2f}' for t, c in chances.items())}, and cautious asks for more; "
        "it is run, since a person asks for it"
        for i, (row, ok) in enumerate(zip(x, allowed, strict=True))
        if not ok
    ]


def believed_kept(s: Situation, pick: Pick) -> str:
    """With what chance a pick is believed to keep what is cautious, to end its reason with; "" where nothing is."""
    if s.caution is None or not s.caution.guards:
        return ""
    chances = s.caution.chances(pick.x[None])
    return "; with caution, " + ", ".join(f"{t} is kept with a chance of {each[0]:.2f}" for t, each in chances.items())
