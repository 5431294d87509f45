"""Confirming: the best once more, before a regret ends a campaign of which nothing says whether results scatter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from loop.planning.batch import may_run_again
from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.policy.stopping import CONFIRMS, is_to_be_confirmed, regret_settled
from loop.record import HEADS, Arm, Json
from loop.space.rows import is_among

TIMES: Final = 3  # that a candidate is tried at most, where no second value comes of it: a fault each time, or a limit
WHY: Final = (
    "nothing on record says whether they do, so it is measured once more before that ends the campaign (confirm: false "
    "in the rule leaves that out)"
)
NOTE: Final = "the best is measured once more before a regret ends the campaign"


def confirming(s: Situation, model: Json, picks: Sequence[Pick]) -> tuple[Sequence[Pick], Json, tuple[str, ...]]:
    """The best once more in place of ``picks`` where that is due, ``model`` with a word of it in its regret, and notes.

    While the best is running again, the batch stays as it is. Nothing is confirmed on plates, which are run whole, nor
    what is no candidate any longer, was banned, cannot be paid, or was tried again in vain.
    """
    told = model.get("regret", {})
    if s.plate is not None or not is_to_be_confirmed(s.spec, told):
        return picks, model, ()
    x = s.space.coordinates(told["settings"])
    confirmed = {**model, "regret": {**told, CONFIRMS: True}}
    waiting = np.array([p.x for p in s.history.pending]).reshape(-1, len(x))
    if is_among(x[None], waiting)[0]:
        return picks, confirmed, ()
    times = sum(bool((o.made == x).all()) for o in s.history.observations)
    if times >= TIMES or not (may_run_again(s, x[None])[0] and s.pays(x[None])[0]):
        return picks, model, ()
    reason = f"{HEADS[Arm.REPLICATE]}{regret_settled(s.spec, told)}; {WHY}"
    return [Pick(x, Arm.REPLICATE, "replicate", None, reason)], confirmed, (NOTE,)
