"""Ensembles of graph networks as a surrogate: trained together, each with a Bayesian last layer, and calibrated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.space import Space
from loop.surrogates.calibration import Calibration, calibrate, log_density
from loop.surrogates.censoring import truncated
from loop.surrogates.correction import Corrected, without_effects
from loop.surrogates.exact import noise_weights, replicate_groups, standardised, usual_weight
from loop.surrogates.gnn.architectures import ARCHITECTURES
from loop.surrogates.gnn.fitted import FittedGraphEnsemble
from loop.surrogates.gnn.heads import Head, kernel_head, linear_head
from loop.surrogates.gnn.inputs import inputs
from loop.surrogates.gnn.training import Labels, Settings, Training, expected, is_mixed
from loop.surrogates.protocol import TrainingSet

GROWTH = 0.5  # a squared error falls with this power of the number of values, and held-out ones lack a fold

_HEADS: Final[Mapping[str, Callable[[Tensor, Tensor, Tensor], Head]]] = {"linear": linear_head, "matern": kernel_head}


@dataclass(frozen=True)
class GraphEnsemble:
    """A recipe: an architecture, and what stands on its last hidden layer.

    Every member first leaves out its share of the rows (folds, of whole replicates), so that each value is met by one
    member that has not seen it: that gives the held-out densities and the calibration. Then all go on with all rows.

    Where several targets are learnt, ``shares`` asks for one encoder for all of them.

    ``device`` is where networks are trained and asked, such as ``"cuda"``; who makes the recipe knows what there is.
    """

    name: str
    architecture: str
    head: Literal["linear", "matern"] = "linear"
    members: int = 5
    settings: Settings = field(default_factory=Settings)
    device: str = "cpu"
    shares: bool = False

    @property
    def needs(self) -> int:
        return self.members

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedGraphEnsemble:
        """Train the networks.

        Raises:
            TooFewPoints: There are fewer values than members.
            FitError: There are fewer different candidates than members, or training diverged.
            SpaceError: No parameter has a structure.
        """
        return self.fit_together(space, [data], seed=seed)[0]

    def fit_together(self, space: Space, sets: Sequence[TrainingSet], *, seed: int) -> tuple[FittedGraphEnsemble, ...]:
        """Train networks of one encoder for several targets, with a head for each; a model for each training set.

        A candidate need not have a value of every target: what is missing pulls nowhere.

        Raises:
            TooFewPoints: A target has fewer values than there are members.
            FitError: A target has fewer different candidates than there are members, or training diverged.
            SpaceError: No parameter has a structure.
        """
        for data in sets:
            if len(data) < self.needs:
                raise TooFewPoints(self.name, self.needs, len(data))
        seen_by_network = inputs(space)
        plain = [without_effects(space, data, seed=seed) for data in sets]
        x, targets = _stacked([corrected.data for corrected in plain])
        folds = self._folds(x, targets, seed)
        training = Training(
            ARCHITECTURES[self.architecture],
            self.settings,
            seen_by_network,
            x,
            _table(len(x), targets),
            [(seed * self.members + member) % 2**62 for member in range(self.members)],
            torch.device(self.device),
        )
        s = self.settings
        away = [torch.nonzero(folds != member)[:, 0] for member in range(self.members)]
        training.run(away, s.epochs, least=s.least_steps, rate=s.rate)
        phi, value = self._features(training, x)
        held_out = [self._held_out(t, phi[:, t.rows], value[:, t.rows, i], folds) for i, t in enumerate(targets)]
        training.run([torch.arange(len(x))] * self.members, s.more_epochs, least=s.more_steps, rate=s.more_rate)
        phi, value = self._features(training, x)
        fitted = []
        for i, (target, (mean, variance), corrected) in enumerate(zip(targets, held_out, plain, strict=True)):
            seen = target.labels
            own = value[:, target.rows, i]
            head = _HEADS[self.head](phi[:, target.rows], _imputed(own, seen), seen.weights.expand_as(own))
            fitted.append(self._fitted(training, target, head, mean, variance, corrected, len(targets)))
        return tuple(fitted)

    def _fitted(
        self,
        training: Training,
        target: _Target,
        head: Head,
        mean: Tensor,
        variance: Tensor,
        corrected: Corrected,
        targets: int,
    ) -> FittedGraphEnsemble:
        """One target's model; ``mean`` and ``variance`` are what is said of its values without them, ``(k,)``."""
        labels, scale, back = target.labels, target.scale, torch.argsort(target.order)
        calibration = _calibrated(mean, variance, labels, target.noise)
        total = calibration.widening * variance + calibration.noise * target.noise
        density = _density(mean, total, labels) - math.log(scale) * ~labels.is_censored
        told_mean, told_sd = (
            torch.where(labels.is_censored, torch.nan, said)[back]
            for said in (mean * scale + target.shift, total.sqrt() * scale)
        )
        now = _with_all(calibration, self.members)
        details = {
            "architecture": self.architecture,
            "head": self.head,
            "networks": self.members,
            **({"targets_together": targets} if targets > 1 else {}),
            "device": self.device,
            "precision": "bfloat16" if is_mixed(torch.device(self.device)) else "float32",
            "noise_sd": math.sqrt(now.noise * target.usual) * scale,
            "widening": now.widening,
            **corrected.told,
        }
        return FittedGraphEnsemble(
            self.name,
            training.trained,
            head,
            now,
            target.shift,
            scale,
            density[back],
            (told_mean, told_sd),
            details,
            target.usual,
            corrected.level,
        )

    def _folds(self, x: Tensor, targets: Sequence[_Target], seed: int) -> Tensor:
        """For each row the member that does not see it, shape ``(n,)``; replicates share one.

        Candidates that have values of the same targets are spread evenly, so that no member lacks all of a target.
        """
        groups = replicate_groups(x)
        n_groups = int(groups.max()) + 1
        known = torch.zeros(n_groups, len(targets), dtype=torch.long)
        for i, target in enumerate(targets):
            known[groups[target.rows], i] = 1
        if (fewest := int(known.sum(0).min())) < self.members:
            raise FitError(
                self.name,
                f"{self.members} members need as many different candidates, and there are {fewest}; "
                "measure others first",
            )
        shuffled = torch.randperm(n_groups, generator=torch.Generator().manual_seed(seed))
        pattern = torch.unique(known, dim=0, return_inverse=True)[1]
        place = torch.empty_like(shuffled)
        place[torch.argsort(pattern * n_groups + shuffled)] = torch.arange(n_groups)
        return (place % self.members)[groups]

    def _features(self, training: Training, x: Tensor) -> tuple[Tensor, Tensor]:
        """Last hidden layer and values at the rows: ``(members, n, width)`` and ``(members, n, targets)``."""
        phi, value = training.trained.features(x)
        if not bool(torch.isfinite(value).all()):
            raise FitError(self.name, "training diverged; look for values far outside the rest")
        return phi, value

    def _held_out(self, target: _Target, phi: Tensor, value: Tensor, folds: Tensor) -> tuple[Tensor, Tensor]:
        """What the member that has not seen it says of each value of a target: mean and variance, ``(k,)``."""
        whose = folds[target.rows]
        sees = (whose != torch.arange(self.members)[:, None]).double()
        head = _HEADS[self.head](phi, _imputed(value, target.labels), target.labels.weights * sees)
        mean, variance = head.moments(phi)
        rows = torch.arange(len(whose))
        return mean[whose, rows], variance[whose, rows]


@dataclass(frozen=True)
class _Target:
    """The ``k`` values of one target, standardised, in an order that does not depend on that in which they came.

    Attributes:
        order: Their numbers in the training set, shape ``(k,)``.
        rows: Which row of all targets each stands in, shape ``(k,)``.
        labels: Values, limits and how much each counts, shapes ``(k,)``.
        noise: How much noisier than usual each is, shape ``(k,)``.
        shift, scale: Of the standardised values.
        usual: How much noisier the next value will be.
    """

    order: Tensor
    rows: Tensor
    labels: Labels
    noise: Tensor
    shift: float
    scale: float
    usual: float


def _stacked(sets: Sequence[TrainingSet]) -> tuple[Tensor, tuple[_Target, ...]]:
    """Coordinates of ``n`` rows, ``(n, d)``, that hold all values: the first of each target at a candidate in one row,
    the second in another, and so on."""
    orders = [_canonical(data) for data in sets]
    keys = []
    for data, order in zip(sets, orders, strict=True):
        x = data.x[order]
        first = torch.cat([torch.ones(1, dtype=torch.bool), (x[1:] != x[:-1]).any(1)])
        number = torch.arange(len(x))
        began = torch.cummax(torch.where(first, number, 0), dim=0).values
        keys.append(torch.cat([x, (number - began)[:, None].to(x.dtype)], dim=1))
    rows, places = torch.unique(torch.cat(keys), dim=0, return_inverse=True)
    targets = []
    for data, order, place in zip(sets, orders, torch.split(places, [len(d) for d in sets]), strict=True):
        shift, scale = standardised(data)
        noise = noise_weights(data, scale)[order]
        labels = _labels(data, order, shift, scale, noise)
        targets.append(_Target(order, place, labels, noise, shift, scale, usual_weight(data, scale)))
    return rows[:, :-1].contiguous(), tuple(targets)


def _table(n: int, targets: Sequence[_Target]) -> Labels:
    """The labels of all targets side by side, ``(n, targets)``."""
    columns = []
    for name in ("y", "low", "high", "weights"):
        column = torch.zeros(n, len(targets), dtype=torch.float64)
        for i, target in enumerate(targets):
            column[target.rows, i] = getattr(target.labels, name)
        columns.append(column)
    return Labels(*columns)


def _canonical(data: TrainingSet) -> Tensor:
    """The order of rows that does not depend on the order in which they came, shape ``(n,)``."""
    low, high = data.limits
    keys = [high, low, data.y, *(data.x[:, i] for i in reversed(range(data.x.shape[1])))]
    return torch.from_numpy(np.lexsort([k.numpy() for k in keys]))


def _labels(data: TrainingSet, order: Tensor, shift: float, scale: float, weights: Tensor) -> Labels:
    # the last digits must not decide: rounding makes values that were scaled train the same network
    y, low, high = (((v[order] - shift) / scale).round(decimals=6) for v in (data.y, *data.limits))
    return Labels(y, low, high, 1.0 / weights)


def _imputed(value: Tensor, labels: Labels) -> Tensor:
    """The values, and what each member expects of those that are known by limits: shape ``(members, n)``."""
    y = labels.y.expand_as(value)
    if not bool(labels.is_censored.any()):
        return y
    level = (value - y)[:, ~labels.is_censored].square().mean().nan_to_num(nan=1.0).clamp_min(1e-4)
    level = level.expand_as(value)
    between = expected(value, level, labels.low.expand_as(value), labels.high.expand_as(value), labels.reach)
    return torch.where(labels.is_censored, between, y)


def _calibrated(mean: Tensor, variance: Tensor, labels: Labels, weights: Tensor) -> Calibration:
    exact = ~labels.is_censored
    if not bool(exact.any()):
        return Calibration(1.0, 1.0)
    return calibrate((labels.y - mean)[exact], variance[exact], weights[exact])


def _with_all(found: Calibration, folds: int) -> Calibration:
    """The calibration of members that have seen all rows, from that of members which lacked one of ``folds``."""
    share = (1.0 - 1.0 / folds) ** GROWTH
    return Calibration(found.widening * share, found.noise * share)


def _density(mean: Tensor, total: Tensor, labels: Labels) -> Tensor:
    """Log density of each value, standardised; of a censored one the log chance of what was seen: ``(n,)``."""
    chance = truncated(mean, total, labels.low, labels.high).log_chance
    return torch.where(labels.is_censored, chance, log_density(labels.y - mean, total))
