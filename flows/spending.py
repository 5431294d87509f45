"""Spending: what a campaign has cost by its record, in money and hours, and what its budget leaves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from loop.costs import Costs, Purse, Spent
from loop.errors import SpaceError
from loop.experiment import State
from loop.record import AttemptRecord, EnvelopeRecord
from loop.space import Space
from loop.spec import CampaignSpec, build_costs

HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent and what is left; ``costs`` is None where the campaign states none."""

    costs: Costs | None
    spent: Spent
    budget: Purse

    @property
    def purse(self) -> Purse | None:
        """What may still be spent, None where nothing limits it."""
        if self.budget == Purse():
            return None
        cost, hours = self.budget.cost, self.budget.hours
        return Purse(
            None if cost is None else max(cost - self.spent.cost, 0.0),
            None if hours is None else max(hours - self.spent.hours, 0.0),
        )

    @property
    def text(self) -> str:
        """In words, such as "spent 420 of 3000 EUR and 12.5 of 100 h"; "" where nothing costs anything."""
        if self.costs is None:
            return ""
        unit = self.costs.unit or "in money"
        parts = [(self.spent.cost, self.budget.cost, unit)] if self.costs.has_money else []
        if self.costs.hours or self.spent.hours:
            parts.append((self.spent.hours, self.budget.hours, "h"))
        said = [f"{mine:.6g}{'' if limit is None else f' of {limit:g}'} {what}" for mine, limit, what in parts]
        return "spent " + " and ".join(said) if said else ""


def spending_of(
    spec: CampaignSpec, space: Space, attempts: Sequence[AttemptRecord], envelopes: Iterable[EnvelopeRecord]
) -> Spending:
    """What every attempt that was planned or sent costs, those made again after a fault too, in the order run.

    Hours are those that a result says it took (``wall_time_s`` in its provenance), else the declared ones. Attempts
    that were never sent cost nothing.
    """
    costs = build_costs(spec, space)
    budget = Purse(spec.budget.cost, spec.budget.hours)
    if costs is None:
        return Spending(None, Spent(), budget)
    took = reported_hours(envelopes)
    rows, hours, elsewhere = [], [], 0
    for a in sorted(attempts, key=lambda a: (a.round_number, a.run_order, a.position, a.replicate_no, a.attempt_no)):
        if a.state is State.EXPIRED:
            continue
        try:
            rows.append(space.coordinates(a.settings))
        except SpaceError:  # of a space that was changed meanwhile: it cost what the cheapest costs, at least
            elsewhere += 1
            continue
        hours.append(took.get(a.key))
    spent = costs.spent(np.array(rows), None, hours) if rows else Spent()
    least = costs.cheapest()
    return Spending(costs, Spent(spent.cost + elsewhere * least.cost, spent.hours + elsewhere * least.hours), budget)


def reported_hours(envelopes: Iterable[EnvelopeRecord]) -> dict[str, float]:
    """Hours by attempt, of the results that say how long they took."""
    found: dict[str, float] = {}
    for envelope in envelopes:
        if envelope.key is None or "wall_time_s" not in envelope.payload:
            continue
        try:
            said = json.loads(envelope.payload)["provenance"]["wall_time_s"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said < float("inf"):
            found.setdefault(envelope.key, float(said) / HOUR)
    return found
