"""Spending: what a campaign has cost by its record, in money and hours, and what its budget leaves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.webhooks.message import is_message, result_said
from loop.circumstances import read_expense
from loop.costs import Costs, Expense, Purse, Spent
from loop.errors import SpaceError
from loop.experiment import State
from loop.history import place_in_order
from loop.learnt_costs import Learnt, Taken, learn_costs
from loop.outcome import Fault, FaultKind
from loop.record import AttemptRecord, EnvelopeRecord, ObservationRecord, Verdict
from loop.space import Space
from loop.spec import CampaignSpec
from loop.spec.stock import budget_of
from loop.wording import amount_of, amount_text, part_of

NAMED: Final = 6  # things bought that are named


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent and what is left; ``costs`` is None where the campaign has none."""

    costs: Costs | None
    spent: Spent
    budget: Purse
    learnt: str = ""  # costs that are known from the record alone, in words
    bought: tuple[tuple[str, float], ...] = ()  # what was used for the first time and cost something then, and how much

    @property
    def purse(self) -> Purse | None:
        """What may still be spent, None where nothing limits it."""
        return None if self.budget == Purse() else self.budget.less(self.spent).positive

    @property
    def is_covered(self) -> bool:
        """Whether the budget covers what was spent."""
        return self.spent.fits(self.budget)

    @property
    def text(self) -> str:
        """In words, such as "spent 420 of 3000 EUR and 12.5 of 100 h"; "" where nothing costs anything."""
        if self.costs is None:
            return ""
        unit = self.costs.unit or "in money"
        parts = [(self.spent.cost, self.budget.cost, unit)] if self.costs.has_money else []
        if self.costs.has_hours or self.spent.hours:
            parts.append((self.spent.hours, self.budget.hours, "h"))
        said = [part_of(mine, limit, what) for mine, limit, what in parts]
        spent = "spent " + " and ".join(said) if said else ""
        used = [
            f"{amount_text(mine)} of {amount_of(much, what)}"
            for mine, (what, much) in zip(self.spent.stocks, self.budget.stocks, strict=False)
        ]
        if used:
            spent += ("; " if spent else "") + f"used {', '.join(used)}"
        if self.bought:
            named = [f"{name} {amount_text(price)}" for name, price in self.bought[:NAMED]]
            named += [f"{more} more"] if (more := len(self.bought) - NAMED) > 0 else []
            total = amount_text(sum(price for _, price in self.bought))
            spent += f", of which {total} {unit} for what was bought once: {', '.join(named)}"
        return "; ".join(part for part in (spent, self.learnt and f"by the record: {self.learnt}") if part)


@dataclass(frozen=True)
class Accounts:
    """What the record tells of costs, from which the spending of any of the campaign's attempts is summed up."""

    space: Space
    learnt: Learnt
    budget: Purse
    took: Mapping[str, Expense]  # what attempts really took, by key
    refused: frozenset[str]  # keys of what a laboratory refused

    def spending(self, attempts: Iterable[AttemptRecord]) -> Spending:
        """What these attempts cost, those made again after a fault too, in the order run."""
        costs = self.learnt.costs
        if costs is None:
            return Spending(None, Spent(), self.budget)
        rows, expenses, elsewhere = [], [], 0
        for a in sorted(attempts, key=place_in_order):
            if a.state is State.EXPIRED or (a.handle is None and a.key in self.refused):
                continue
            try:
                rows.append(self.space.coordinates(self.space.as_named(a.settings, a.smiles)))
            except SpaceError:  # of a space that was changed meanwhile: it cost what the cheapest costs, at least
                elsewhere += 1
                continue
            expenses.append(self.took.get(a.key, Expense()))
        spent = costs.spent(np.array(rows).reshape(len(rows), -1), None, expenses) if rows else Spent()
        least = costs.cheapest()
        whole = spent + Spent(elsewhere * least.cost, elsewhere * least.hours)
        bought = costs.bought(np.array(rows)) if rows else ()
        named = tuple((str(self.space.parameters[column].value(option)), price) for column, option, price in bought)
        return Spending(costs, whole, self.budget, self.learnt.text, named)


def accounts_of(
    spec: CampaignSpec, space: Space, envelopes: Iterable[EnvelopeRecord], observations: Iterable[ObservationRecord]
) -> Accounts:
    """What a result says that it took counts, else what the campaign states or what was learnt from other results.

    Attempts that were never sent cost nothing, those that a laboratory refused beforehand among them.
    """
    observations = tuple(observations)
    learnt = learn_costs(spec, space, _taken(space, observations), _elsewhere(space, observations))
    budget = budget_of(spec, learnt.costs)
    if learnt.costs is None:
        return Accounts(space, learnt, budget, {}, frozenset())
    faults = ((o.key, o.outcome) for o in observations if o.key is not None and isinstance(o.outcome, Fault))
    refused = frozenset(key for key, fault in faults if fault.kind is FaultKind.INPUT_ERROR)
    told = {o.key: read_expense(o.context) for o in observations if o.key is not None and o.retracted is None}
    took = {key: expense for key, expense in told.items() if expense != Expense()} | reported(envelopes)
    return Accounts(space, learnt, budget, took, refused)


def unpaid(accounts: Accounts, attempts: Sequence[AttemptRecord], unsent: Sequence[AttemptRecord]) -> dict[str, Purse]:
    """Those of ``unsent`` that the budget does not pay for beside the rest of ``attempts``: by key, what it leaves.

    A batch is planned within the budget; an experiment that is made again after a fault, edited into a dearer one, or
    took more than was foreseen comes on top, and a changed file may leave less. What would run first is paid first.
    """
    if accounts.spending(attempts).is_covered:
        return {}
    waiting, found = {a.key for a in unsent}, {}
    kept = [a for a in attempts if a.key not in waiting]
    for attempt in sorted(unsent, key=place_in_order):
        if accounts.spending([*kept, attempt]).is_covered:
            kept.append(attempt)
        else:
            found[attempt.key] = accounts.spending(kept).purse or Purse()
    return found


def reported(envelopes: Iterable[EnvelopeRecord]) -> dict[str, Expense]:
    """What attempts took, by key, of the results that say it; the first word of each counts."""
    found: dict[str, Expense] = {}
    for envelope in envelopes:
        if envelope.key is None or "provenance" not in envelope.payload:
            continue
        if is_message(envelope.source):  # anybody may have sent it: what was accepted counts
            said: object = result_said(envelope.payload) if envelope.verdict is Verdict.ACCEPTED else None
        else:
            try:
                said = json.loads(envelope.payload)
            except ValueError:
                continue
        expense = read_expense(said) if isinstance(said, Mapping) else Expense()
        if expense != Expense():
            found.setdefault(envelope.key, expense)
    return found


def _elsewhere(space: Space, observations: Iterable[ObservationRecord]) -> list[NDArray[np.float64]]:
    """Coordinates ``(d,)`` of results of experiments that nobody proposed: what they used was there already."""
    found = []
    for o in observations:
        if o.key is None and o.retracted is None:
            with suppress(SpaceError):  # of a space that was changed meanwhile
                found.append(space.coordinates(space.as_named(o.settings, o.smiles)))
    return found


def _taken(space: Space, observations: Iterable[ObservationRecord]) -> tuple[Taken, ...]:
    found = []
    for o in observations:
        expense = read_expense(o.context)
        if o.retracted is not None or isinstance(o.outcome, Fault) or expense == Expense():
            continue
        try:
            found.append((space.coordinates(space.as_named(o.settings, o.smiles)), expense))
        except SpaceError:  # of a space that was changed meanwhile
            continue
    return tuple(found)
