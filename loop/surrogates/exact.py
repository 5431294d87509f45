"""The posterior of an exact Gaussian process in closed form, on coordinates and in target units.

BoTorch's batched posterior is some 70 times slower over a pool than a matrix product, so pools are scored here;
``RememberingModel`` is the same belief as a BoTorch model, for its acquisition functions and optimisers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import torch
from botorch.models.model import Model
from linear_operator.utils.cholesky import psd_safe_cholesky
from linear_operator.utils.warnings import NumericalWarning
from torch import Tensor

from loop.surrogates.calibration import misjudged
from loop.surrogates.censoring import truncated
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.remembering import RememberingModel

if TYPE_CHECKING:
    from loop.surrogates.doubt import Doubt, Possible

Kernel = Callable[[Tensor, Tensor], Tensor]
USUAL_NOISE = math.exp(-4.0)  # variance of the noise a priori, values standardised
ALIKE = 1e-9  # values that differ by a smaller share of themselves are all alike
QUIETEST = 0.01  # share of the usual noise that no number of repeats takes off: they have causes in common
SKIMMED = 500  # rows from which a pool is looked over in single precision; below, double takes less than the kernel
AT_ONCE = 2_048  # candidates, so that a block of covariances stays near the processor
AT_ONCE_THERE = 8_192  # on another device, which has room, and is asked less often
REMEMBERED = 64  # blocks of a pool that were skimmed: more than there are of the largest that is looked over whole
MENDINGS = 5  # of a covariance that is none, each with ten times as much on its diagonal
JITTER = 1e-6  # share of the prior variance; what float64 needs at distances of zero


@dataclass(frozen=True)
class Censored:
    """Which training rows are pseudo-values, and what they stand for; standardised.

    Attributes:
        rows: Their numbers, shape ``(c,)``.
        low, high: Limits of a measurement, shape ``(c,)``.
        noise: Variance of a measurement about the surface, shape ``(c,)``.
        variance: Of the pseudo-value about the surface, shape ``(c,)``.
    """

    rows: Tensor
    low: Tensor
    high: Tensor
    noise: Tensor
    variance: Tensor


@dataclass(frozen=True)
class ExactPosterior:
    """A fitted Gaussian process; a ``FittedSurrogate``.

    Inside, values are standardised: ``(y - shift) / scale``. ``kernel`` is the prior covariance of standardised
    values; ``root @ root.T`` is the inverse of the covariance of the ``n`` training values, noise included.
    """

    name: str
    kernel: Kernel  # (*b, n, d) and (*b, m, d) to (*b, n, m)
    prior_variance: float  # the kernel at distance zero
    noise_variance: float  # standardised
    x: Tensor  # (n, d)
    y: Tensor  # (n,), standardised
    root: Tensor  # (n, n)
    shift: float
    scale: float
    details: Mapping[str, Any]
    censored: Censored | None = None
    noise_factor: Callable[[Tensor], Tensor] | None = None  # (*b, n, d) to (*b, n): of the noise variance, where learnt
    usual: float = 1.0  # noise of a new measurement in units of ``noise_variance``: see ``usual_weight``

    row_effects: Tensor | None = None  # (n,), standardised: what plate, day, ... are believed to have added
    trend: Callable[[Tensor], Tensor] | None = None  # (*b, n, d) to (*b, n), target units: what the process is about
    pull: Tensor | None = None  # (n,): ``whitened``, where it is not what ``root`` makes of ``y``
    outside: tuple[Tensor, Tensor, Tensor] | None = None  # ``left_out_values``, where ``x`` and ``root`` do not tell
    quick: Callable[[], tuple[Tensor, Tensor]] | None = None  # (m, d), (m, m): some rows and their root, to skim by
    device: str = "cpu"  # where pools are skimmed
    doubt: Doubt | None = None  # what else the hyper-parameters may be; None where only these are known
    _skimmers: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    # what was skimmed, by a digest of the points; the points of ``moments`` last, and what was said of them
    _skimmed: dict[bytes, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _told: list[Tensor] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def noise_sd(self) -> float:
        if self.noise_factor is not None:
            return math.sqrt(float(self.noise_at(self.x).square().mean()))
        return math.sqrt(self.noise_variance * self.usual) * self.scale

    @property
    def whitened(self) -> Tensor:
        """What whitened covariances with the rows are multiplied by for the mean, standardised: ``(n,)``."""
        return self.root.T @ self.y if self.pull is None else self.pull

    def doubted_by(self, root: Tensor) -> ExactPosterior:
        """The process with the deviations of another ``root``, ``(n, n)``, which rests on the same kernel.

        What is expected, and what is said of left-out values, stay.
        """
        if root is self.root:
            return self
        weights = self.root @ self.whitened
        pull = torch.linalg.solve(root, weights[:, None])[:, 0]
        return replace(self, root=root, pull=pull, outside=self.left_out_values())

    def where(self, possible: Possible) -> ExactPosterior:
        """The process with other hyper-parameters that its rows leave possible."""
        prior_variance = float(possible.kernel(self.x[:1], self.x[:1]))
        found = replace(
            self,
            kernel=possible.kernel,
            prior_variance=prior_variance,
            noise_variance=possible.noise,
            y=possible.y,
            root=possible.root,
            pull=None,
            outside=None,
            doubt=None,
        )
        return found.doubted_by(possible.doubting)

    @property
    def jitter(self) -> float:
        """What a joint covariance has on its diagonal beside it, standardised."""
        return JITTER * self.prior_variance

    def noise_at(self, x: Tensor) -> Tensor:
        """Standard deviation of the noise of one new measurement at ``x``, ``(*b, n, d)``: shape ``(*b, n)``."""
        factor = torch.ones(x.shape[:-1], dtype=x.dtype) if self.noise_factor is None else self.noise_factor(x)
        return (self.noise_variance * self.usual * factor).sqrt() * self.scale

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (without noise) at ``x``, shape ``(n, d)``: two of shape ``(n,)``."""
        before = [*self._told]  # a derived target and its parts are asked of the same points
        if before and before[0] is x and not x.requires_grad and torch.equal(before[1], x):
            return before[2].clone(), before[3].clone()
        return self._moments(x, self.kernel(x, self.x) @ self.root)

    def _moments(self, x: Tensor, projected: Tensor) -> tuple[Tensor, Tensor]:
        """``moments`` at points whose whitened covariance with the rows is ``projected``, ``(n, rows)``."""
        variance = (self.prior_variance - projected.square().sum(-1)).clamp_min(1e-12)
        mean, deviation = self.mean(x, projected), variance.sqrt() * self.scale
        if not mean.requires_grad:
            self._told[:] = [x, x.clone(), mean, deviation]  # the points too, since whoever has them may change them
        return mean.clone(), deviation.clone()

    def skimmed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``moments`` in single precision, where many rows make them dear: two of shape ``(n,)``, double again.

        Good for ranking a pool: with a noise of 1e-4 of the variance and 1,000 rows, deviations are some 0.1 % off. Of
        some thousands of rows the mean knows all, deviations those of ``quick``, and are too large by what these lack.
        """
        if len(self.x) < SKIMMED:
            return self.moments(x)
        key = blake2b(x.detach().numpy().tobytes(), digest_size=16).digest()
        if key not in self._skimmed:  # a pool is looked over for a worth and a chance, for a batch and what it may miss
            if len(self._skimmed) == REMEMBERED:
                self._skimmed.clear()
            self._skimmed[key] = self._skim(x)
        mean, deviation = self._skimmed[key]
        return mean.clone(), deviation.clone()

    def _skim(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.device not in self._skimmers:
            self._skimmers[self.device] = self._skimmer(torch.device(self.device))
        at_once = AT_ONCE if self.device == "cpu" else AT_ONCE_THERE
        means, deviations = zip(*map(self._skimmers[self.device], torch.split(x, at_once)), strict=True)
        mean = torch.cat(means).cpu().double() * self.scale + self.shift
        if self.trend is not None:
            mean = mean + self.trend(x)
        return mean, torch.cat(deviations).cpu().double() * self.scale

    def _skimmer(self, device: torch.device) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Standardised mean and deviation of some rows by a device, ``(n, d)`` to two of ``(n,)`` there."""
        some, root = (self.x, self.root) if self.quick is None else self.quick()
        root = root.float().to(device)
        weights = (self.root @ self.whitened).float().to(device)
        to_all, to_some = self._single(device, self.x), None if self.quick is None else self._single(device, some)

        def skim(rows: Tensor) -> tuple[Tensor, Tensor]:
            covariance = to_all(rows)
            seen = covariance if to_some is None else to_some(rows)
            explained = (seen @ root).square().sum(-1)
            deviation = (self.prior_variance - explained).clamp_min(1e-6 * self.prior_variance).sqrt()
            return covariance @ weights, deviation

        return skim

    def _single(self, device: torch.device, b: Tensor) -> Callable[[Tensor], Tensor]:
        """Covariances with rows ``b`` in single precision on a device, the quickest way that the kernel has."""
        if device.type != "cpu" and (there := getattr(self.kernel, "on", None)) is not None:
            found: Callable[[Tensor], Tensor] = there(device, b)
            return found
        single = getattr(self.kernel, "single", None)  # kernels that have one say what it is good for
        if single is not None:
            return lambda a: single(a, b).to(device)
        return lambda a: self.kernel(a, b).float().to(device)

    def mean(self, x: Tensor, projected: Tensor) -> Tensor:
        """Mean at ``x``, ``(*b, q, d)``, whose whitened covariance with the rows is ``(*b, q, n)``: ``(*b, q)``."""
        found = (projected @ self.whitened) * self.scale + self.shift
        return found if self.trend is None else found + self.trend(x)

    def expected(self, x: Tensor) -> Tensor:
        """The mean of ``moments`` at ``x``, ``(n, d)``, alone, for which nothing is whitened: ``(n,)``."""
        found = self.kernel(x, self.x) @ (self.root @ self.whitened) * self.scale + self.shift
        return found if self.trend is None else found + self.trend(x)

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean ``(*b, q)`` and covariance ``(*b, q, q)`` at ``x``, shape ``(*b, q, d)``, without noise."""
        train = self.x.expand(*x.shape[:-2], *self.x.shape)
        return self.jointly(x, self.kernel(x, train) @ self.root)

    def jointly(self, x: Tensor, projected: Tensor) -> tuple[Tensor, Tensor]:
        """``joint`` at ``x``, ``(*b, q, d)``, whose whitened covariance with the rows is ``(*b, q, n)``."""
        covariance = self.kernel(x, x) - projected @ projected.transpose(-1, -2)
        if covariance.requires_grad:
            jitter = self.jitter * torch.eye(x.shape[-2], dtype=x.dtype)
            return self.mean(x, projected), (covariance + jitter) * self.scale**2
        covariance.diagonal(dim1=-2, dim2=-1).add_(self.jitter)  # the same in place: Note [In place]
        return self.mean(x, projected), covariance.mul_(self.scale**2)

    def summed(self, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Of sums over the points ``x``, ``(n, k, d)``, that count ``weights``, ``(k,)``, which sum to one: the mean,
        ``(n,)``, and the whitened covariance with the rows, ``(n, rows)``.

        Summed before anything is whitened, which takes a ``k``-th of the time.
        """
        covariance: Tensor = weights @ self.kernel(x.flatten(0, 1), self.x).reshape(*x.shape[:2], len(self.x))
        projected = covariance @ self.root
        mean = (projected @ self.whitened) * self.scale + self.shift
        return (mean if self.trend is None else mean + self.trend(x) @ weights), projected

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws (without noise, in antithetic pairs) at ``x``, ``(p, d)``: shape ``(n, p)``."""
        return self.drawn(x, n, seed=seed)[0]

    def drawn(self, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """The same, and their mean: shapes ``(n, p)`` and ``(p,)``."""
        projected = self.kernel(x, self.x) @ self.root
        self._moments(x, projected)  # whoever draws may ask for them next
        mean, covariance = self.jointly(x, projected)
        generator = torch.Generator().manual_seed(seed)
        half = torch.randn((n + 1) // 2, len(x), generator=generator, dtype=x.dtype)
        draws = torch.cat([half, -half])[:n]
        return mean + draws @ self.factor(covariance).T, mean

    def factor(self, covariance: Tensor) -> Tensor:
        """The Cholesky factor of a joint covariance, ``(p, p)``; where thousands of rows round it to no covariance any
        more, with as much on its diagonal as it takes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NumericalWarning)
            found: Tensor = psd_safe_cholesky(covariance, jitter=self.jitter * self.scale**2, max_tries=MENDINGS)
        return found

    def held_out(self) -> Tensor:
        """Log density of each training value under the model without it, in target units: shape ``(n,)``.

        Replicates are left out together: a model must not be praised for remembering a twin. Of a censored row, the
        log chance of what was seen.
        """
        value, residual, variance = self.left_out_values()
        density: Tensor = -0.5 * (2 * math.pi * variance).log() - 0.5 * residual.square() / variance
        density = density - math.log(self.scale)
        if self.censored is not None:
            c = self.censored
            around = (variance[c.rows] - c.variance).clamp_min(1e-12) + c.noise
            density[c.rows] = truncated(value[c.rows] - residual[c.rows], around, c.low, c.high).log_chance
        return density

    def left_out(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, noise included, of each training value under the model without it, ``(n,)``."""
        value, residual, variance = self.left_out_values()
        mean, sd = (value - residual) * self.scale + self.shift, variance.sqrt() * self.scale
        if self.trend is not None and self.outside is None:
            mean = mean + self.trend(self.x)
        if self.censored is not None:
            mean[self.censored.rows], sd[self.censored.rows] = torch.nan, torch.nan
        return mean, sd

    def misjudged(self) -> float:
        """By which factor its variances are too small, as left-out values tell; none may be censored."""
        _, residual, variance = self.left_out_values()
        return misjudged(residual, variance)

    def left_out_values(self) -> tuple[Tensor, Tensor, Tensor]:
        """Each value, how far it lies above what is said without it, and the variance of that, standardised: ``(n,)``.

        Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), equations 5.10 to 5.12.
        """
        if self.outside is not None:
            return self.outside
        weighted = self.root @ (self.root.T @ self.y)
        variance = 1.0 / self.root.square().sum(-1)
        residual = weighted * variance
        groups = replicate_groups(self.x)
        for group in torch.nonzero(torch.bincount(groups) > 1)[:, 0]:
            rows = torch.nonzero(groups == group)[:, 0]
            covariance = torch.linalg.inv(self.root[rows] @ self.root[rows].T)
            variance[rows] = covariance.diagonal()
            residual[rows] = covariance @ weighted[rows]
        return self.y, residual, variance

    def model(self) -> Model:
        return RememberingModel(self)

    def summary(self) -> Mapping[str, Any]:
        return self.details


def standardised(data: TrainingSet) -> tuple[float, float]:
    """Where the values of a training set lie and how far they spread, ``(shift, scale)``; only a choice of units.

    A value between two limits counts with the moments of a uniform belief, one with an open side with its limit.
    """
    censored = data.is_censored
    if not censored.any():
        return standardisation(data.y)
    low, high = data.limits
    closed = censored & torch.isfinite(low) & torch.isfinite(high)
    width = torch.where(closed, high - low, torch.zeros_like(low))
    y = torch.where(closed, low + width / 2, data.y)
    shift, scale = standardisation(y)
    spread = math.sqrt(float(y.var(correction=0) + (width.square() / 12).mean()))
    return shift, spread if spread > ALIKE * float(y.abs().max()) else scale


def expected_values(fitted: ExactPosterior, data: TrainingSet) -> Tensor:
    """What a model fitted to ``data`` expects of each of its values, in target units: exact ones as they are."""
    mean, sd = fitted.moments(data.x)
    low, high = data.limits
    level = fitted.noise_variance * fitted.scale**2 * noise_weights(data, fitted.scale)
    # the site of a row is in the posterior already: what is left to add is that noise keeps to the limits too
    expected = truncated(mean, sd.square() + level, low, high).mean
    return torch.where(data.is_censored, expected, data.y)


def standardisation(y: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of values, the latter 1 where all are alike."""
    scale = float(y.std(correction=0))
    return float(y.mean()), scale if scale > ALIKE * float(y.abs().max()) else 1.0


def noise_weights(data: TrainingSet, scale: float) -> Tensor:
    """Variance of the noise of each value in units of that of a usual one: shape ``(n,)``, from ``QUIETEST``.

    A known deviation, in target units, adds to it. A mean of ``n`` measurements of unknown deviation has ``1 / n`` of
    the noise of one; usual is what most of these values are (the median ``n``), for so will be the next. The level of
    the noise is learnt; this says only how much more, or less, a value scatters.
    """
    weights, unknown = _stated(data, scale), torch.isnan(data.sd)
    if data.repeats is None or not unknown.any():
        return weights
    usual = data.repeats[unknown].median()
    return torch.where(unknown, (usual / data.repeats).clamp_min(QUIETEST), weights)


def usual_weight(data: TrainingSet, scale: float) -> float:
    """Variance of the noise of the next value in the units of ``noise_weights``: that of most values so far.

    Where most came with a deviation, what comes next will scatter so too.
    """
    return float(_stated(data, scale).median()) if len(data) else 1.0


def _stated(data: TrainingSet, scale: float) -> Tensor:
    """What known deviations make of the noise of each value, in units of that without one: shape ``(n,)``."""
    return 1.0 + torch.nan_to_num((data.sd / scale).square() / USUAL_NOISE, nan=0.0)


def replicate_groups(x: Tensor) -> Tensor:
    """Which rows of ``x``, shape ``(n, d)``, are the same candidate: a number for each row, shape ``(n,)``."""
    groups: Tensor = torch.unique(x, dim=0, return_inverse=True)[1]
    return groups
