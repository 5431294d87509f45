"""Stocks: what a round takes together is there before any more of it is sent, whoever makes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from flows.engine.looking.view import View
from loop.experiment import State
from loop.recipe import possible, shortages
from loop.record import AttemptRecord
from loop.spec import build_recipe

_MAY_BE_OUT: Final = frozenset({State.SENDING, State.AMBIGUOUS})  # without a handle, and perhaps with the laboratory


def short_rounds(view: View) -> Mapping[int, str]:
    """By round that still has something to send: which stocks do not suffice for it, in words.

    A round begins with the stocks as the campaign file says them. What was sent of it already, retries included, has
    taken its share; what was refused before it was sent has not.
    """
    recipe = build_recipe(view.spec)
    if recipe is None or all(stock.there is None for stock in recipe.stocks.values()):
        return {}
    rounds: dict[int, list[AttemptRecord]] = defaultdict(list)
    for attempt in view.attempts:
        if attempt.state is State.READY or attempt.handle is not None or attempt.state in _MAY_BE_OUT:
            rounds[attempt.round_number].append(attempt)
    found = {}
    for number, attempts in sorted(rounds.items()):
        if any(a.state is State.READY for a in attempts):
            made = [procedure for a in attempts if (procedure := possible(recipe, a.settings)) is not None]
            if problems := shortages(recipe, made):
                found[number] = "; ".join(map(str, problems))
    return found
