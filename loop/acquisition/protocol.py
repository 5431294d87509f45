"""What an acquisition function is given, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.costs import Costs, Pays, Purse, pays_all
from loop.generality import Generality
from loop.objective import Objective, Target
from loop.resources import Site
from loop.space import Pool, Space
from loop.space.sifting import Twins
from loop.surrogates.feasibility import Feasibility
from loop.surrogates.protocol import FittedSurrogate, chance_between, skim

if TYPE_CHECKING:
    from loop.acquisition.caution import Caution

NO_LIMIT = Purse()
UNLIKELIEST = 1e-9  # chances are not told apart below it; their logarithm stays finite


@dataclass(frozen=True)
class Purchase:
    """What a batch costs, and what there is to pay for it.

    Attributes:
        last: Coordinates of what was run last, from which the first change of a slow parameter is counted, ``(d,)``.
        per_cost: Whether the worth of a candidate is divided by what it costs.
        sites: Where experiments go, with what accidents and waiting there add to what they cost.
    """

    costs: Costs
    last: NDArray[np.float64] | None = None
    purse: Purse = NO_LIMIT
    per_cost: bool = False
    sites: tuple[Site, ...] = ()

    def expected(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each of ``x``, ``(n, d)``, is expected to cost by itself, accidents and waiting included: ``(n,)``.

        In the unit of ``Costs.own``: waiting counts at the price of an hour, as hours where nothing costs money. Of
        several sites that take an experiment the cheapest counts. What it costs by its own results, where none does.
        """
        own = self.costs.own(x)
        if not self.sites:
            return own
        hour = self.costs.hour if self.costs.has_money else 1.0
        each = np.array([np.where(s.has(x), s.tries * own + hour * s.waited, np.inf) for s in self.sites])
        least = each.min(axis=0)
        return np.where(np.isfinite(least), least, own)

    def marginal(self, x: NDArray[np.float64], chosen: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each of ``x``, ``(n, d)``, adds to the cost of a batch ``chosen``, ``(k, d)``: ``(n,)``."""
        return self.costs.marginal(x, chosen, self.last) - self.costs.own(x) + self.expected(x)

    def pays(self, x: NDArray[np.float64], copies: int = 1) -> NDArray[np.bool_]:
        """Which of ``x``, ``(n, d)``, the purse has enough for, each ``copies`` times and by itself: ``(n,)``."""
        if self.purse == Purse():
            return pays_all(x)
        return self.purse.has(*self.costs.each(x, self.last, copies))


@dataclass(frozen=True)
class Question:
    """What is to be decided: which points next, given what the models believe.

    Attributes:
        models: One fitted surrogate for each target, in the objective's order.
        pool: The finite candidate set, or None for a space with continuous parameters.
        observed: Coordinates with a value for every target, shape ``(n, d)``.
        pending: Coordinates of running experiments and of choices made already, shape ``(p, d)``.
        tried: Coordinates that are not to be chosen again, shape ``(t, d)``.
        purchase: What experiments cost, None where nothing is said of it.
        general: How conditions are judged over a scope, None where one best candidate is looked for.
        most_similar: How similar two molecules of a batch may be (count Tanimoto), 1 for as similar as they like.
        copies: How many experiments are made of each choice.
        twins: What is tried of candidates that give one product, None where no two candidates are one.
        later: How many choices the budget leaves after this batch, None where that is not known.
        room: Which candidates, each by itself, a batch has room for beside some more, ``(k, d)``; None for all.
        caution: What has to be believed of whatever is proposed; None where nothing is asked.
    """

    space: Space
    objective: Objective
    models: Sequence[FittedSurrogate]
    feasibility: Feasibility
    pool: Pool | None
    observed: Tensor
    pending: Tensor
    tried: NDArray[np.float64]
    seed: int
    purchase: Purchase | None = None
    general: Generality | None = None
    most_similar: float = 1.0
    copies: int = 1
    twins: Twins | None = None
    later: int | None = None
    room: Callable[[NDArray[np.float64]], Pays] | None = None
    caution: Caution | None = None

    @property
    def wanted(self) -> tuple[tuple[Target, FittedSurrogate], ...]:
        """The targets of which more, less or a value is wanted, each with its model."""
        pairs = zip(self.objective.targets, self.models, strict=True)
        return tuple((target, model) for target, model in pairs if target.is_wanted)

    @cached_property
    def of_observed(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """What each model says of ``observed``, skimmed, once for all that ask: mean and deviation ``(n,)``."""
        return tuple(skim(model, self.observed) for model in self.models)

    def skimmed(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
        """What the model of each wanted target says at ``x``, ``(n, d)``, skimmed: mean and deviation ``(n,)``."""
        if x is self.observed:
            return tuple(said for t, said in zip(self.objective.targets, self.of_observed, strict=True) if t.is_wanted)
        return tuple(skim(model, x) for _, model in self.wanted)

    def chance(self, x: Tensor, *, skimmed: bool = False) -> Tensor:
        """The chance that a candidate runs as intended and keeps every threshold, at ``x``, ``(n, d)``: ``(n,)``.

        ``skimmed``, here as below: quicker, to rank the candidates of a pool by.
        """
        return self._chance(x, [t.bounds for t in self.objective.targets], skimmed)

    def chance_if_best(self, x: Tensor, *, skimmed: bool = False) -> Tensor:
        """The same of a candidate that is better than all that keeps the thresholds, and so keeps some of them."""
        return self._chance(x, [self.objective.breakable(t) for t in self.objective.targets], skimmed)

    def chance_if_better(self, x: Tensor, *, skimmed: bool = False) -> Tensor:
        """What an improvement is multiplied by: the chance that it runs as intended and keeps the thresholds: ``(n,)``.

        Where nothing keeps them yet an improvement on the worst may break each; a front is counted from its thresholds
        even then (docs/decisions/0118).
        """
        is_above = len(self.keeping) > 0 or not self.objective.is_scalar
        return self.chance_if_best(x, skimmed=skimmed) if is_above else self.chance(x, skimmed=skimmed)

    def _chance(self, x: Tensor, bounds: Sequence[tuple[float, float]], skimmed: bool) -> Tensor:
        total = self.feasibility.chance(x)
        for (low, high), model in zip(bounds, self.models, strict=True):
            if (low, high) == (-math.inf, math.inf):
                continue
            kept = chance_between(model, low, high, x, skimmed=skimmed)
            total = total * kept.clamp_min(UNLIKELIEST)
        return total

    def price(self, x: Tensor, chosen: Sequence[NDArray[np.float64]] = ()) -> Tensor | float:
        """What the worth of each of ``x``, ``(n, d)``, is divided by: 1, or what it adds to the cost of the batch."""
        if self.purchase is None or not self.purchase.per_cost:
            return 1.0
        before = np.array(chosen).reshape(-1, x.shape[1])
        price = torch.from_numpy(self.purchase.marginal(x.detach().numpy(), before))
        return price + _slope(self.purchase.costs, x) if x.requires_grad else price

    def weight(self, x: Tensor, *, skimmed: bool = False) -> Tensor:
        """What the worth of a candidate by itself is multiplied by: its chance, over its price: ``(n,)``."""
        return self.chance(x, skimmed=skimmed) / self.price(x)

    def weight_if_better(self, x: Tensor, *, skimmed: bool = False) -> Tensor:
        """What the improvement of a candidate by itself is multiplied by: its chance then, over its price: ``(n,)``."""
        return self.chance_if_better(x, skimmed=skimmed) / self.price(x)

    def affordable(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of ``x``, ``(n, d)``, can be paid and have room, each by itself with all its copies: ``(n,)``.

        And where caution is asked for, are believed to keep what they must.
        """
        paid = pays_all(x) if self.purchase is None else self.purchase.pays(x, self.copies)
        paid = paid if self.room is None else paid & self.room(x[:0])(x)
        if self.caution is not None and paid.any():
            paid = np.array(paid)
            paid[paid] = self.caution.allows(x[paid])
        return paid

    def leaning(self, x: Tensor) -> Tensor | float:
        """What a climb multiplies the worth of ``x``, ``(n, d)``, by, to stay where caution allows it: ``(n,)``."""
        return 1.0 if self.caution is None else self.caution.leaning(x)

    @property
    def is_sifted(self) -> bool:
        """Whether some candidates may not be chosen, and have to be made before that is known."""
        return self.space.is_sieved or self.twins is not None

    def admits(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of ``x``, ``(n, d)``, may be chosen as far as their products tell: ``(n,)``.

        These pass every filter, and no other combination that gives the same was tried.
        """
        kept = self.space.keeps(x)
        if self.twins is not None:
            kept[kept] = self.twins.are_new(x[kept])
        return kept

    @property
    def per(self) -> str:
        """`` per EUR`` where worth is divided by cost, for what a value means; else nothing."""
        bought = self.purchase
        return f" per {bought.costs.shown_unit}" if bought is not None and bought.per_cost else ""

    @cached_property
    def keeping(self) -> Tensor:
        """The observed coordinates whose believed values keep every threshold, perhaps none: ``(k, d)``."""
        keeps = torch.ones(len(self.observed), dtype=torch.bool)
        for i, target in enumerate(self.objective.targets):
            if target.has_bounds:
                mean = self.of_observed[i][0].tolist()
                keeps &= torch.tensor([target.meets(value) for value in mean], dtype=torch.bool)
        return self.observed if bool(keeps.all()) else self.observed[keeps]

    @property
    def baseline(self) -> Tensor:
        """The observed coordinates whose believed values keep every threshold; all of them where none does."""
        keeping = self.keeping
        return keeping if len(keeping) else self.observed

    @property
    def signs(self) -> Tensor:
        """Shape ``(m,)``: multiply values by it and larger is better; 0 where a value is matched or only kept."""
        return torch.from_numpy(self.objective.signs)


def _slope(costs: Costs, x: Tensor) -> Tensor:
    """Zero at each of ``x``, ``(n, d)``, with the gradient of what rises with a number of it: ``(n,)``."""
    there = x.detach().numpy()
    total = torch.zeros(len(x), dtype=x.dtype)
    for times, amount in costs.varying:
        total = total + times * torch.from_numpy(amount.per_unit(there)) * amount.of(x)
    return total - total.detach()


@dataclass(frozen=True)
class Chosen:
    """One point with its acquisition value, in the unit that ``meaning`` states."""

    x: NDArray[np.float64]  # (d,)
    value: float
    meaning: str
    also: str = ""  # what else is to be said of its choice
    by: str = ""  # the acquisition function that chose it, where it is not the one that was asked


@dataclass(frozen=True)
class Choice:
    """A batch, in the order of choosing, and notes on what was not as asked."""

    points: tuple[Chosen, ...]
    notes: tuple[str, ...] = field(default=())


class Acquisition(Protocol):
    """The worth of trying a batch next, maximised over a pool or a continuous space."""

    @property
    def name(self) -> str: ...

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points, fewer when nothing else is left."""
        ...
