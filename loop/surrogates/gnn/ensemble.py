"""Ensembles of graph networks as a surrogate: trained together, each with a Bayesian last layer, and calibrated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.space import Space
from loop.surrogates.calibration import Calibration, calibrate, log_density
from loop.surrogates.censoring import truncated
from loop.surrogates.correction import without_effects
from loop.surrogates.exact import noise_weights, replicate_groups, standardised
from loop.surrogates.gnn.architectures import ARCHITECTURES
from loop.surrogates.gnn.fitted import FittedGraphEnsemble
from loop.surrogates.gnn.heads import Head, kernel_head, linear_head
from loop.surrogates.gnn.inputs import inputs
from loop.surrogates.gnn.training import Labels, Settings, Training
from loop.surrogates.protocol import TrainingSet

GROWTH = 0.5  # a squared error falls with this power of the number of values, and held-out ones lack a fold

_HEADS: Final[Mapping[str, Callable[[Tensor, Tensor, Tensor], Head]]] = {"linear": linear_head, "matern": kernel_head}


@dataclass(frozen=True)
class GraphEnsemble:
    """A recipe: an architecture, and what stands on its last hidden layer.

    Every member first leaves out its share of the rows (folds, of whole replicates), so that each value is met by one
    member that has not seen it: that gives the held-out densities and the calibration. Then all go on with all rows.

    ``device`` is where networks are trained and asked, such as ``"cuda"``; who makes the recipe knows what there is.
    """

    name: str
    architecture: str
    head: Literal["linear", "matern"] = "linear"
    members: int = 5
    settings: Settings = field(default_factory=Settings)
    device: str = "cpu"

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
        if len(data) < self.needs:
            raise TooFewPoints(self.name, self.needs, len(data))
        seen_by_network = inputs(space)
        data, told = without_effects(space, data, seed=seed)
        order = _canonical(data)
        x = data.x[order]
        folds = self._folds(x, seed)
        shift, scale = standardised(data)
        weights = noise_weights(data, scale)[order]
        labels = _labels(data, order, shift, scale, weights)
        training = Training(
            ARCHITECTURES[self.architecture],
            self.settings,
            seen_by_network,
            x,
            labels,
            [(seed * self.members + member) % 2**62 for member in range(self.members)],
            torch.device(self.device),
        )
        s = self.settings
        away = [torch.nonzero(folds != member)[:, 0] for member in range(self.members)]
        training.run(away, s.epochs, least=s.least_steps, rate=s.rate)
        mean, variance = self._held_out(training, x, labels, folds)
        calibration = _calibrated(mean, variance, labels, weights)
        total = calibration.widening * variance + calibration.noise * weights
        density = _density(mean, total, labels) - math.log(scale) * ~labels.is_censored
        outside = [
            torch.where(labels.is_censored, torch.nan, told) for told in (mean * scale + shift, total.sqrt() * scale)
        ]
        everything = [torch.arange(len(x))] * self.members
        calibration = _with_all(calibration, self.members)
        training.run(everything, s.more_epochs, least=s.more_steps, rate=s.more_rate)
        phi, value = training.trained.features(x)
        if not bool(torch.isfinite(value).all()):
            raise FitError(self.name, "training diverged; look for values far outside the rest")
        head = _HEADS[self.head](phi, _imputed(value, labels), labels.weights.expand_as(value))
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order))
        details = {
            "architecture": self.architecture,
            "head": self.head,
            "members": self.members,
            "noise_sd": math.sqrt(calibration.noise) * scale,
            "widening": calibration.widening,
            **told,
        }
        return FittedGraphEnsemble(
            self.name, training.trained, head, calibration, shift, scale, density[back],
            (outside[0][back], outside[1][back]), details,
        )  # fmt: skip

    def _folds(self, x: Tensor, seed: int) -> Tensor:
        """For each row the member that does not see it, shape ``(n,)``; replicates share one."""
        groups = replicate_groups(x)
        n_groups = int(groups.max()) + 1
        if n_groups < self.members:
            raise FitError(
                self.name,
                f"{self.members} members need as many different candidates, and there are {n_groups}; "
                "measure others first",
            )
        shuffled = torch.randperm(n_groups, generator=torch.Generator().manual_seed(seed))
        return (shuffled % self.members)[groups]

    def _held_out(self, training: Training, x: Tensor, labels: Labels, folds: Tensor) -> tuple[Tensor, Tensor]:
        """What the member that has not seen it says of each value: mean and variance, shape ``(n,)``."""
        phi, value = training.trained.features(x)
        if not bool(torch.isfinite(value).all()):
            raise FitError(self.name, "training diverged; look for values far outside the rest")
        sees = (folds != torch.arange(self.members)[:, None]).double()
        head = _HEADS[self.head](phi, _imputed(value, labels), labels.weights * sees)
        mean, variance = head.moments(phi)
        rows = torch.arange(len(x))
        return mean[folds, rows], variance[folds, rows]


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
    between = truncated(value, level.expand_as(value), labels.low.expand_as(value), labels.high.expand_as(value)).mean
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
