"""What a surrogate is: a recipe, and what it becomes when it is fitted.

Recipes see one target at a time; coordinates are those of ``loop.space`` (option indices and numbers), so that
members with different representations can be asked about the same candidates. Values are in target units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from botorch.models.model import Model
from torch import Tensor

from loop.space import Space
from loop.training import Table


@dataclass(frozen=True)
class TrainingSet:
    """Observations of one target, in its unit.

    Attributes:
        x: Coordinates, shape ``(n, d)``, float64.
        y: Values, shape ``(n,)``; of a censored row one of its limits, which is no value: see ``is_censored``.
        sd: Known standard deviations, shape ``(n,)``; NaN where unknown.
        low, high: What each value lies between, shape ``(n,)``: both ``y`` itself where it is exact, infinite where
            a side is open. None where every value is exact.
        effects: What was recorded of each effect (plate, instrument, humidity), by row; None where nothing was.
        repeats: How many measurements of unknown deviation each value is the mean of, shape ``(n,)``; None where each
            is one.
    """

    x: Tensor
    y: Tensor
    sd: Tensor
    low: Tensor | None = None
    high: Tensor | None = None
    effects: Mapping[str, tuple[str | float | None, ...]] = field(default_factory=dict)
    repeats: Tensor | None = None

    @staticmethod
    def of(table: Table, target: int, effects: Sequence[str] = ()) -> TrainingSet:
        """The rows of a table in which target number ``target`` was measured, with what was recorded of ``effects``."""
        columns = (table.y, table.sd, table.low, table.high, table.repeats)
        y, sd, low, high, n = (torch.from_numpy(a[:, target].copy()) for a in columns)
        known = ~torch.isnan(y)
        x = torch.from_numpy(table.x.copy())[known]
        contexts = [c for c, is_known in zip(table.context, known.tolist(), strict=True) if is_known]
        recorded = {name: tuple(c.get(name) for c in contexts) for name in effects}
        y, sd, low, high, n = y[known], sd[known], low[known], high[known], n[known]
        repeats = None if bool((n == 1).all()) else n
        if bool((low == high).all()):
            return TrainingSet(x, y, sd, effects=recorded, repeats=repeats)
        return TrainingSet(x, y, sd, low, high, recorded, repeats)

    def rows(self, numbers: Tensor) -> TrainingSet:
        """Some of the rows, by their ``numbers``, shape ``(k,)``, in that order."""
        some = {name: None if (a := getattr(self, name)) is None else a[numbers] for name in ("low", "high", "repeats")}
        effects = {name: tuple(values[i] for i in numbers.tolist()) for name, values in self.effects.items()}
        return TrainingSet(self.x[numbers], self.y[numbers], self.sd[numbers], effects=effects, **some)

    def less(self, expected: Tensor) -> TrainingSet:
        """The same less what is expected of each row, shape ``(n,)``."""
        limits = (None, None) if self.low is None or self.high is None else (self.low - expected, self.high - expected)
        return replace(self, y=self.y - expected, low=limits[0], high=limits[1])

    @property
    def is_censored(self) -> Tensor:
        """Which rows know only limits, shape ``(n,)``."""
        if self.low is None or self.high is None:
            return torch.zeros(len(self.y), dtype=torch.bool)
        return self.low < self.high

    @property
    def limits(self) -> tuple[Tensor, Tensor]:
        """``low`` and ``high``, ``y`` itself where every value is exact: two of shape ``(n,)``."""
        return (self.y if self.low is None else self.low), (self.y if self.high is None else self.high)

    def __len__(self) -> int:
        return len(self.y)


class FittedSurrogate(Protocol):
    """What a recipe believes after fitting. Frozen: no mode is switched."""

    @property
    def name(self) -> str: ...

    @property
    def noise_sd(self) -> float:
        """Standard deviation of the noise of one new measurement, in the target's unit; its mean level."""
        ...

    def noise_at(self, x: Tensor) -> Tensor:
        """The same at ``x``, shape ``(n, d)``: shape ``(n,)``; it differs where the noise is learnt."""
        ...

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (without noise) at ``x``, shape ``(n, d)``: two of shape ``(n,)``.

        In closed form and in one pass: meant for whole pools, in chunks.
        """
        ...

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws (without noise) at ``x``, shape ``(p, d)``: shape ``(n, p)``."""
        ...

    def model(self) -> Model:
        """The same belief as a BoTorch model of coordinates: ``posterior(x)`` for ``x`` of ``(*b, q, d)``."""
        ...

    def held_out(self) -> Tensor:
        """Log density of each training value under the model fitted without it: shape ``(n,)``.

        Of a censored row the log chance that a measurement lies between its limits.
        """
        ...

    def summary(self) -> Mapping[str, Any]:
        """Hyper-parameters and evidence, as plain JSON, for the record."""
        ...


@runtime_checkable
class SupportsSkimming(Protocol):
    """A model that can look over a large pool quicker than ``moments`` would, nearly as well."""

    def skimmed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation at ``x``, shape ``(n, d)``, to rank candidates by: two of shape ``(n,)``."""
        ...


def skim(model: FittedSurrogate, x: Tensor) -> tuple[Tensor, Tensor]:
    """``skimmed`` where the model can and no slope is wanted, else ``moments``: two of shape ``(n,)``."""
    if isinstance(model, SupportsSkimming) and not x.requires_grad:
        return model.skimmed(x)
    return model.moments(x)


@runtime_checkable
class SupportsDrawing(Protocol):
    """A model that has its mean at hand when it draws, so that both take one look at the points."""

    def drawn(self, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """``samples``, and the mean of ``moments``, at ``x``, shape ``(p, d)``: ``(n, p)`` and ``(p,)``."""
        ...


def drawn(model: FittedSurrogate, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Joint draws at ``x``, ``(p, d)``, and the mean: ``(n, p)`` and ``(p,)``, as ``samples`` and ``moments`` say."""
    if isinstance(model, SupportsDrawing):
        return model.drawn(x, n, seed=seed)
    return model.samples(x, n, seed=seed), model.moments(x)[0]


@runtime_checkable
class SupportsDrawingApart(Protocol):
    """A model whose belief at a point is not normal, and that draws each point by itself as it is."""

    def apart(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` draws that are right at each of ``x``, ``(p, d)``, and say nothing of two together: ``(n, p)``."""
        ...


@runtime_checkable
class SupportsBetween(Protocol):
    """A model whose belief at a point is not normal, and that says by itself how likely it keeps to thresholds."""

    def between(self, low: float, high: float, x: Tensor, *, is_new: bool = False, skimmed: bool = False) -> Tensor:
        """The chance that what is true at ``x``, ``(n, d)``, lies between two bounds, or that a new measurement does.

        Either bound may be infinite; both are on the target's scale. ``skimmed``: quicker, to rank candidates by.
        Shape ``(n,)``.
        """
        ...


def chance_between(
    model: FittedSurrogate, low: float, high: float, x: Tensor, *, is_new: bool = False, skimmed: bool = False
) -> Tensor:
    """``between`` where the model can, else of a normal belief: shape ``(n,)``."""
    if isinstance(model, SupportsBetween):
        return model.between(low, high, x, is_new=is_new, skimmed=skimmed)
    mean, sd = skim(model, x) if skimmed else model.moments(x)
    return normal_between(low, high, mean, (sd.square() + model.noise_at(x).square()).sqrt() if is_new else sd)


def normal_between(low: float, high: float, mean: Tensor, sd: Tensor | float) -> Tensor:
    """The chance that a normal value lies between two bounds, either of which may be infinite: shape of ``mean``."""
    # an infinite bound has no slope, and would leave NaN in its place
    below = torch.special.ndtr((high - mean) / sd) if math.isfinite(high) else torch.ones_like(mean)
    return below - torch.special.ndtr((low - mean) / sd) if math.isfinite(low) else below


@runtime_checkable
class SupportsLeavingOut(Protocol):
    """A model that can say what it believed of its training values without them, and not only how likely they were."""

    def left_out(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, noise included, of each training value under the model fitted without it.

        Two of shape ``(n,)``, in the target's unit; of a censored row both are NaN.
        """
        ...


@runtime_checkable
class SupportsTogether(Protocol):
    """A recipe that can learn several targets as one, where it is asked to (``shares``)."""

    @property
    def shares(self) -> bool: ...

    def fit_together(self, space: Space, sets: Sequence[TrainingSet], *, seed: int) -> Sequence[FittedSurrogate]:
        """A model for each target's training set; a candidate need not have a value of every target.

        Raises:
            TooFewPoints: A target has too few values.
            FitError: No usable model came out.
        """
        ...


class Surrogate(Protocol):
    """A recipe: frozen settings and no data."""

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> int:
        """Smallest number of observations it can learn from."""
        ...

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedSurrogate:
        """Learn from ``data``; the same data and seed give the same model.

        Raises:
            TooFewPoints: The recipe needs more; the caller falls back to an initial design and says so.
            FitError: No usable model came out.
        """
        ...
