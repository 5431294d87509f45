"""Affording: what a proposal that a person changed costs beside all else that is to run, what the budget pays, and what
a batch may come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from shlex import quote

import numpy as np

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from flows.engine.people.bans import place_of_record
from flows.spending import unpaid
from loop.costs import Purse, Spent
from loop.experiment import State
from loop.policy.paying import in_words
from loop.record import AttemptRecord, ProposalRecord
from loop.spec.per_batch import build_batch_limits


def too_dear(view: View, made: ProposalRecord) -> str:
    """What of ``made``, or of what waits for approval beside it, the budget does not pay for; "" for nothing."""
    accounts = view.accounts
    unsent = [a for a in view.attempts if a.state is State.READY]
    left = unpaid(accounts, view.attempts, unsent)
    kept = [a for a in view.attempts if a.key not in left]
    paid = accounts.spending(kept)
    mine = [a for a in unsent if a.proposal_id == made.id and a.key in left]
    raised = "raise the budget in the campaign file before the next pass"
    if mine:
        cost = _of_budget(view, accounts.spending([*kept, mine[0]]).spent.less(paid.spent))
        return (
            f"{view.label(mine[0].settings)} costs {_said(view, cost)}, and of the budget of {_said(view)} are "
            f"{_said(view, paid.purse)} left: the next pass does not send it; {raised}, or pin a cheaper "
            f"candidate in its place (hakken pin {quote(view.name)})"
        )
    together = [*kept, *as_attempts(view)]
    if accounts.spending(together).is_covered:
        return ""
    all_of_it = accounts.spending(together).spent
    return (
        f"with it, what runs and what waits for approval cost {_said(view, _of_budget(view, all_of_it))}, and "
        f"the budget is {_said(view)}: of what is approved, the next pass sends only what that pays for; {raised}, or "
        f"approve as many as it covers (hakken approve {quote(view.name)} {made.round_number} NUMBER...)"
    )


def beyond_batch(view: View, made: ProposalRecord) -> str:
    """That its batch comes to more by ``made`` than a batch may, where the file limits that; "" where it does not."""
    if not (said := _beyond(view, made.round_number)):
        return ""
    return (
        f"with it, the batch comes to {said}, more than planner.per_batch allows, and it runs so all "
        f"the same; hakken approve {quote(view.name)} {made.round_number} NUMBER --refuse --why REASON takes one out"
    )


def beyond_batch_by_now(view: View, number: int) -> str:
    """That round ``number``, which waits for a person, comes to more than a changed file lets a batch; "" if not."""
    if not (said := _beyond(view, number)):
        return ""
    return (
        f"round {number}, which waits for approval, comes to {said}, more than planner.per_batch allows since the "
        f"campaign file was changed: what is approved of it runs all the same; hakken approve {quote(view.name)} "
        f"{number} NUMBER... approves some of it, and with --refuse takes them out"
    )


def _beyond(view: View, number: int) -> str:
    """What round ``number`` comes to of what it may, where that is more; "" where it is not, or nothing limits it."""
    limits = build_batch_limits(view.spec, view.space, view.accounts.learnt.costs)
    if limits is None:
        return ""
    beside = [p for p in view.proposals if p.round_number == number and p.approved is not False]
    ran_last = history_of(view.spec, view.space, view.observations, ())[0].last
    limits = replace(limits, last=ran_last, copies=view.spec.planner.copies)
    places = [place_of_record(view.space, p.draft.candidate) for p in beside]  # none of what the file has no more
    x = np.array([np.frombuffer(place) for place in places if place is not None]).reshape(-1, len(view.space.names))
    return "" if limits.allow(x) else limits.said(x)


def _said(view: View, purse: Purse | None = None) -> str:
    """What a purse has in words; the whole budget where none is given."""
    costs = view.accounts.learnt.costs
    return in_words(purse or view.accounts.budget, "" if costs is None else costs.unit)


def _of_budget(view: View, spent: Spent) -> Purse:
    """Of what was spent, that which the budget limits."""
    budget = view.accounts.budget
    stocks = tuple((what, mine) for (what, _), mine in zip(budget.stocks, spent.stocks, strict=False))
    return Purse(
        None if budget.cost is None else spent.cost,
        None if budget.hours is None else spent.hours,
        stocks,
    )


def as_attempts(view: View) -> Iterator[AttemptRecord]:
    """What waits for a person as the experiments that it would be."""
    for p in view.undecided:
        for replicate in range(p.draft.replicates):
            yield AttemptRecord(
                key=f"{p.id}/{replicate}",
                proposal_id=p.id,
                candidate_id=p.candidate_id,
                round_number=p.round_number,
                position=p.draft.position,
                run_order=p.draft.run_order,
                replicate_no=replicate,
                attempt_no=0,
                settings=p.draft.candidate.settings,
                smiles=p.draft.candidate.smiles,
                state=State.READY,
                adapter=None,
                handle=None,
                updated=view.campaign.created,
            )
