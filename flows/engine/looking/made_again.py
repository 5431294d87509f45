"""Made again: what it means that experiments are tried again by themselves, after the rest of their plate or batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from flows.engine.looking.failing import Failed
from flows.engine.looking.view import View
from loop.experiment import PENDING
from loop.record import AttemptRecord
from loop.wording import amount_text, time_text


def made_again(view: View, came: Sequence[Failed]) -> tuple[str, ...]:
    """A sentence on those of ``came`` that are tried again: that wells are made alone, and what changes of slow
    parameters to them cost. None where there are no wells and no such changes.
    """
    retried = {one.experiment for one in came if one.is_retried}
    again = [a for a in view.attempts if a.state in PENDING and (a.proposal_id, a.replicate_no) in retried]
    if not again:
        return ()
    changes = _changes(view, again)
    wells = [a.place for a in again if a.place is not None]
    if not (wells or changes):
        return ()
    n = len(again)
    what = f"{n} experiments are" if n > 1 else "it is"
    if wells:
        named = ", ".join(f"{place.well} of plate {place.plate}" for place in wells)
        what = f"{named} {'is' if n == 1 else 'are'}"
    alone = "by itself" if n == 1 else "by themselves"
    them = "its row" if n == 1 else "their rows"
    cost = f", and costs {changes} for the change of slow parameters to {'it' if n == 1 else 'them'}" if changes else ""
    return (
        f"{what} made again {alone}, after the others of the round{cost}; where that is not worth it, tell "
        f"{them} with outcome cancelled",
    )


def _changes(view: View, again: Sequence[AttemptRecord]) -> str:
    """What changes of slow parameters to these cost, in money and hours; "" for nothing."""
    costs = view.spending.costs
    if costs is None or not costs.switch:
        return ""
    keys = {a.key for a in again}
    every = view.accounts.spending(view.attempts).spent
    others = view.accounts.spending(a for a in view.attempts if a.key not in keys).spent
    own = reduce(add, (view.accounts.spending([a]).spent for a in again))
    cost, hours = every.cost - others.cost - own.cost, every.hours - others.hours - own.hours
    money = f"{amount_text(cost)} {costs.unit or 'in money'}"
    return " and ".join([money] * (cost > 1e-9) + [time_text(hours)] * (hours > 1e-9))
