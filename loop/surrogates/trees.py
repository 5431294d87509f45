"""Extremely randomised trees on count fingerprints: the classical baseline, and the committee's odd one out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from numpy.typing import NDArray
from torch import Tensor

from loop.errors import TooFewPoints
from loop.space import Category, Component, Continuous, Discrete, Parameter, Space
from loop.space.parameters import least_and_most
from loop.space.slots import Slots
from loop.surrogates.calibration import Calibration, calibrate, log_density
from loop.surrogates.censoring import truncated
from loop.surrogates.coordinate_model import CoordinateModel
from loop.surrogates.correction import without_effects
from loop.surrogates.encoding import derived_range
from loop.surrogates.exact import noise_weights, replicate_groups, standardised, usual_weight
from loop.surrogates.protocol import TrainingSet

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor

TREES = 100
IMPUTATIONS = 2  # times that censored values are imputed anew by the trees that did not see them
FLOOR = 0.05  # smallest standard deviation, in those of the data: trees agree too easily


@dataclass(frozen=True)
class ExtraTrees:
    """A recipe: bootstrapped extremely randomised trees.

    Source: Geurts, Ernst and Wehenkel, Machine Learning 63 (2006) 3.
    """

    name: str
    needs: int = 3

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedTrees:
        """Grow the trees. Raises ``TooFewPoints``."""
        if len(data) < self.needs:
            raise TooFewPoints(self.name, self.needs, len(data))
        corrected = without_effects(space, data, seed=seed)
        data = corrected.data
        features = tree_features(space, data.x)
        groups = replicate_groups(data.x).numpy()
        shift, scale = standardised(data)
        low, high = (((limit - shift) / scale) for limit in data.limits)
        y, censored = (data.y - shift) / scale, data.is_censored
        weights = noise_weights(data, scale)
        if not censored.any():
            grown = _grow(features, y, weights, groups, seed)
        else:
            # imputed by what is expected of each value between its limits: first by a belief as wide as the data,
            # then by the trees that did not see it
            belief = torch.zeros_like(y), torch.ones_like(y)
            for _ in range(IMPUTATIONS + 1):
                between = truncated(belief[0], belief[1], low, high)
                filled = torch.where(censored, between.mean.clamp(low, high), y)
                grown = _grow(features, filled, weights, groups, seed)
                belief = grown.mean, grown.variance
        log_chance = truncated(grown.mean, grown.variance, low, high).log_chance
        density = torch.where(censored, log_chance, log_density(y - grown.mean, grown.variance) - math.log(scale))
        mean = torch.where(censored, torch.nan, grown.mean * scale + shift)
        outside = mean, torch.where(censored, torch.nan, grown.variance.sqrt() * scale)
        return FittedTrees(
            self.name,
            space,
            grown.forest,
            shift,
            scale,
            grown.calibration,
            density,
            corrected.told,
            outside=outside,
            usual=usual_weight(data, scale),
            level=corrected.level,
        )


@dataclass(frozen=True)
class _Grown:
    """A forest and what it says of each value that it did not see, standardised."""

    forest: ExtraTreesRegressor
    calibration: Calibration
    mean: Tensor
    variance: Tensor  # of the value about the mean


def _grow(features: NDArray[np.float32], y: Tensor, weights: Tensor, groups: NDArray[np.int64], seed: int) -> _Grown:
    from sklearn.ensemble import ExtraTreesRegressor  # 1 s: only where trees are grown

    forest = ExtraTreesRegressor(TREES, bootstrap=True, min_samples_leaf=1, random_state=seed % 2**32, n_jobs=1)
    values = np.round(y.numpy(), 9)  # the last digits must not decide between equal splits
    forest.fit(features, values, sample_weight=(1.0 / weights).numpy() if bool((weights != 1).any()) else None)
    outside = _out_of_bag(forest, features, groups)
    unmet = np.isnan(outside).all(axis=0)  # every tree has seen them: nothing but the values' own spread is known
    outside[:, unmet] = values.mean()
    mean = torch.from_numpy(np.nanmean(outside, axis=0))
    spread = torch.from_numpy(np.where(unmet, values.var(), np.nanvar(outside, axis=0)))
    found = calibrate(torch.from_numpy(values) - mean, spread, weights)
    return _Grown(forest, found, mean, found.widening * spread + FLOOR**2 + found.noise * weights)


@dataclass(frozen=True)
class FittedTrees:
    """A forest; a ``FittedSurrogate``. Each tree is one draw of the response, drawn in towards the mean of all.

    By how much, the out-of-bag errors say: trees differ more than their mean is wrong.
    """

    name: str
    space: Space
    forest: ExtraTreesRegressor  # of standardised values, (y - shift) / scale
    shift: float
    scale: float
    calibration: Calibration
    density: Tensor  # out-of-bag log densities, (n,)
    told: Mapping[str, Any] = field(default_factory=dict)
    outside: tuple[Tensor, Tensor] = field(kw_only=True)  # what ``left_out`` says
    usual: float = 1.0  # noise of a new measurement in units of the calibration's
    level: float = 0.0  # standard deviation of what all is off by together, since effects are in doubt, target's unit

    @property
    def noise_sd(self) -> float:
        return math.sqrt(self.calibration.noise * self.usual) * self.scale

    @property
    def floor(self) -> float:
        """Smallest standard deviation, in the target's unit."""
        return FLOOR * self.scale

    def noise_at(self, x: Tensor) -> Tensor:
        """The same everywhere: ``(n, d)`` to ``(n,)``."""
        return torch.full(x.shape[:-1], self.noise_sd, dtype=x.dtype)

    def by_tree(self, x: Tensor) -> Tensor:
        """Each tree's prediction at ``x``, ``(n, d)``: shape ``(trees, n)``."""
        if not len(x):  # scikit-learn refuses to predict nothing
            return torch.empty((len(self.forest.estimators_), 0), dtype=x.dtype)
        features = tree_features(self.space, x)
        # straight to the grown tree: its estimator would look through all features again for what is not finite
        values = np.array([tree.tree_.predict(features).reshape(-1) for tree in self.forest.estimators_])
        return torch.from_numpy(values) * self.scale + self.shift

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over trees at ``x``, ``(n, d)``: two of shape ``(n,)``."""
        values = self.by_tree(x)
        if not len(x):
            return x.new_empty(0), x.new_empty(0)
        widening = self.calibration.widening
        return values.mean(0), (widening * values.var(0, correction=0) + self.floor**2 + self.level**2).sqrt()

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` draws: trees in random order, with the floor as independent noise: ``(p, d)`` to ``(n, p)``."""
        return self.drawn(x, n, seed=seed)[0]

    def drawn(self, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """The same, and the mean over trees: shapes ``(n, p)`` and ``(p,)``."""
        generator = torch.Generator().manual_seed(seed)
        by_tree = self.by_tree(x)
        values = self.drawn_in(by_tree)
        order = torch.cat([torch.randperm(len(values), generator=generator) for _ in range(math.ceil(n / len(values)))])
        jitter = torch.randn(n, len(x), generator=generator, dtype=values.dtype)
        draws = values[order[:n]] + self.floor * jitter
        if self.level:
            draws += self.level * torch.randn(n, 1, generator=generator, dtype=values.dtype)
        return draws, by_tree.mean(0)

    def held_out(self) -> Tensor:
        """Out-of-bag log density of each training value: shape ``(n,)``."""
        return self.density

    def left_out(self) -> tuple[Tensor, Tensor]:
        """Out-of-bag mean and standard deviation, noise included, of each training value: two of shape ``(n,)``."""
        return self.outside

    def drawn_in(self, values: Tensor) -> Tensor:
        """Trees' predictions, ``(trees, n)``, about their mean as far apart as the mean is in doubt."""
        mean = values.mean(0)
        return mean + math.sqrt(self.calibration.widening) * (values - mean)

    def model(self) -> Model:
        return _TreesModel(self)

    def summary(self) -> Mapping[str, Any]:
        return {"trees": TREES, "noise_sd": self.noise_sd, "widening": self.calibration.widening, **self.told}


class _TreesModel(CoordinateModel):
    """The forest as a BoTorch model: a normal posterior with the trees' mean and covariance.

    A committee mixes it with Gaussian processes, whose draws come from normal base samples too. It has no gradients:
    use it on finite sets.
    """

    def __init__(self, fitted: FittedTrees) -> None:
        super().__init__()
        self.fitted = fitted

    def belief(self, x: Tensor, *, with_noise: bool) -> GPyTorchPosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, in target units."""
        flat = self.fitted.drawn_in(self.fitted.by_tree(x.detach().reshape(-1, x.shape[-1])))
        values = flat.reshape(len(flat), *x.shape[:-1]).movedim(0, -1)  # (*b, q, trees)
        mean = values.mean(-1)
        centred = values - mean[..., None]
        noise = self.fitted.noise_sd**2 if with_noise else 0.0
        diagonal = (self.fitted.floor**2 + noise) * torch.eye(x.shape[-2], dtype=x.dtype)
        covariance = centred @ centred.transpose(-1, -2) / values.shape[-1] + diagonal + self.fitted.level**2
        return GPyTorchPosterior(MultivariateNormal(mean, covariance))


def tree_features(space: Space, x: Tensor) -> NDArray[np.float32]:
    """Inputs of the trees: fingerprint counts of structures, one-hot categories, numbers: ``(n, features)``.

    A mixture with structures is the mean of its parts' counts, weighted by their fractions. Options and structures that
    are not there have zeros. Numbers are shares of their range, or places on a logarithmic scale, so that their unit
    decides nothing.
    """
    rows = x.detach().numpy()
    pooled = space.frame.pooled
    columns = [_of_slots(space, slots, rows) for slots in pooled]
    done = {c for slots in pooled for c in slots.every}
    columns.extend(_of_parameter(space, i, rows) for i in range(len(space.parameters)) if i not in done)
    for mixture in space.mixtures:
        if mixture.smiles:
            columns.append(rows[:, list(mixture.columns)].astype(np.float32) @ _structure_features(mixture.smiles))
    columns.extend(_within(d.formula(rows), *derived_range(space.frame, d)) for d in space.derived)
    return np.concatenate(columns, axis=1)


def _of_parameter(space: Space, column: int, rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """What trees see of one parameter: ``(n, d)`` to ``(n, features)``."""
    p = space.parameters[column]
    if isinstance(p, Category | Component):
        index = np.rint(rows[:, column]).astype(np.int64)
        return np.asarray(_features_at(p, index.clip(0)) * (index >= 0)[:, None].astype(np.float32))
    is_log = isinstance(p, Continuous | Discrete) and p.scale == "log"
    return _within(p.position(rows[:, column])) if is_log else _within(rows[:, column], *least_and_most(p))


def _of_slots(space: Space, slots: Slots, rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Of what slots hold together: sums of features, and of features times the numbers beside them."""
    total = np.zeros((len(rows), 1), dtype=np.float32)
    for slot in slots.columns:
        seen = [_of_parameter(space, c, rows) for c in slot]
        has_options = [isinstance(space.parameters[c], Category | Component) for c in slot]
        options = np.concatenate([f for f, has in zip(seen, has_options, strict=True) if has], axis=1)
        amounts = [options * f for f, has in zip(seen, has_options, strict=True) if not has]
        total = total + np.concatenate([options, *amounts], axis=1)
    return total


def _within(values: NDArray[np.float64], low: float = 0.0, high: float = 1.0) -> NDArray[np.float32]:
    """Numbers ``(n,)`` as shares of a range, ``(n, 1)``: trees take those for one that differ by less than 1e-7."""
    shares = (values - low) / ((high - low) or 1.0)
    return np.nan_to_num(shares, posinf=1e30, neginf=-1e30).astype(np.float32)[:, None]


def _features_at(p: Category | Component, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    if isinstance(p, Component) and p.is_stored:
        from loop.molecules.structures import Featured
        from loop.surrogates.library import folded_counts_at

        assert isinstance(p.smiles, Featured)
        return folded_counts_at(p.smiles, indices)
    return np.asarray(_option_features(p)[indices])


@lru_cache(maxsize=64)
def _option_features(p: Parameter) -> NDArray[np.float32]:
    if isinstance(p, Category):
        return np.eye(p.size, dtype=np.float32)
    assert isinstance(p, Component)
    return _structure_features(p.smiles)


@lru_cache(maxsize=64)
def _structure_features(smiles: Sequence[str]) -> NDArray[np.float32]:
    from loop.molecules.fingerprints import folded_counts

    there = np.array([bool(s) for s in smiles])
    found = folded_counts([s for s in smiles if s])
    counts = np.zeros((len(smiles), found.shape[1] if found.ndim > 1 else 1), dtype=np.float32)
    counts[there] = found
    varying = counts[:, counts.std(axis=0) > 0]
    return varying if varying.shape[1] else np.zeros((len(smiles), 1), dtype=np.float32)


def _out_of_bag(
    forest: ExtraTreesRegressor, features: NDArray[np.float32], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Predictions of trees for the rows they did not see, nor any replicate of them, NaN elsewhere: ``(trees, n)``."""
    outside = np.full((len(forest.estimators_), len(features)), np.nan)
    for row, (tree, seen) in enumerate(zip(forest.estimators_, forest.estimators_samples_, strict=True)):
        known = np.zeros(groups.max() + 1, dtype=bool)
        known[groups[seen]] = True
        unseen = np.flatnonzero(~known[groups])
        if len(unseen):
            outside[row, unseen] = tree.tree_.predict(features[unseen]).reshape(-1)  # straight to it, as in ``by_tree``
    return outside
