"""Censored values: what "< 5 %" and "> 90 %" say of a surface, as Gaussian sites found by expectation propagation.

A censored row says that a measurement ``z = f + noise`` lies between two limits, either of which may be infinite.
Expectation propagation replaces the likelihood of each such row by a Gaussian factor in ``f`` (its site) so that the
posterior keeps its closed form. The likelihood is log-concave, so sites have a precision above zero; with a single
censored row mean, variance and evidence are exact.

Source: Minka, UAI 2001; Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 3.6; the
censored likelihood is Tobin's (Econometrica 26 (1958) 24).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SWEEPS = 60  # at most; ten to twenty do
TOLERANCE = 1e-6  # of the sites, in standardised units
LEAST_PRECISION = 1e-8  # of a site: a row that says nothing still has a finite pseudo-value
STEADY = 0.8  # share of the way that sites go at once; halved where they swing


@dataclass(frozen=True)
class Sites:
    """Gaussian factors that stand for censored rows: of precision ``precision``, centred at ``value``.

    Shapes ``(*b, c)``; ``log_evidence``, shape ``(*b)``, is the log chance that every row lies where it was seen.
    """

    precision: Tensor
    value: Tensor
    log_evidence: Tensor

    @property
    def variance(self) -> Tensor:
        return 1.0 / self.precision


@dataclass(frozen=True)
class Truncated:
    """A normal belief cut off at two limits: log chance of lying between, and what is known then."""

    log_chance: Tensor
    mean: Tensor
    variance: Tensor
    slope: Tensor  # of the log chance in the mean
    curvature: Tensor  # minus its second derivative, zero or above


def truncated(mean: Tensor, variance: Tensor, low: Tensor, high: Tensor) -> Truncated:
    """A normal of ``mean`` and ``variance`` between ``low`` and ``high`` (either may be infinite): any one shape.

    Exact to some ten digits out to 30 deviations; the variance of a belief cut off farther out is kept above zero.
    """
    sd = variance.sqrt()
    a, b = (low - mean) / sd, (high - mean) / sd
    flip = a + b > 0  # work in the lower tail, where the normal's logarithm is exact
    a, b = torch.where(flip, -b, a), torch.where(flip, -a, b)
    upper, lower = torch.special.log_ndtr(b), torch.special.log_ndtr(a)
    log_chance = upper + torch.log1p(-(lower - upper).exp().clamp_max(1.0 - 1e-15))
    at_a, at_b = _log_density(a), _log_density(b)
    near, far = (at_a - log_chance).exp(), (at_b - log_chance).exp()
    first = near - far
    ends = torch.where(torch.isinf(a), torch.zeros_like(a), a * near) - torch.where(
        torch.isinf(b), torch.zeros_like(b), b * far
    )
    ratio = (1.0 + ends - first.square()).clamp(1e-8, 1.0)
    first = torch.where(flip, -first, first)
    return Truncated(log_chance, mean + sd * first, variance * ratio, first / sd, (1.0 - ratio) / variance)


def expectation_propagation(mean: Tensor, covariance: Tensor, low: Tensor, high: Tensor, noise: Tensor) -> Sites:
    """Sites for censored rows under a joint normal belief; the same arguments give the same sites.

    Args:
        mean: Of the surface at the rows before their limits are known, shape ``(*b, c)``.
        covariance: Likewise, shape ``(*b, c, c)``.
        low: Lower limits, minus infinity where there is none, shape ``(c,)``.
        high: Upper limits, shape ``(c,)``.
        noise: Variance of a measurement about the surface, shape ``(*b, c)``.
    """
    prior_variance = covariance.diagonal(dim1=-2, dim2=-1)
    low, high = low - mean, high - mean  # around the prior mean
    precision, shift = torch.zeros_like(mean), torch.zeros_like(mean)
    unit = torch.eye(mean.shape[-1], dtype=mean.dtype)
    step = torch.full_like(mean[..., :1], STEADY)
    before = torch.full_like(step, math.inf)
    for _ in range(SWEEPS):
        centre, variance, _ = _posterior(covariance, precision, shift, unit)
        wanted_precision, wanted_shift = _matched(centre, variance, precision, shift, low, high, noise, prior_variance)
        change = torch.maximum((wanted_precision - precision).abs(), (wanted_shift - shift).abs())
        change = (change * variance).amax(-1, keepdim=True)
        step = torch.where(change > before, (step / 2).clamp_min(0.1), step)
        before = change
        precision = precision + step * (wanted_precision - precision)
        shift = shift + step * (wanted_shift - shift)
        if float(change.max()) < TOLERANCE:
            break
    centre, variance, log_volume = _posterior(covariance, precision, shift, unit)
    outside = _without(variance, precision, prior_variance)
    around = outside * (centre / variance - shift)
    seen = truncated(around, outside + noise, low, high)
    single = seen.log_chance + 0.5 * (
        around.square() / outside + outside.log() - centre.square() / variance - variance.log()
    )
    evidence = 0.5 * (shift * centre).sum(-1) - 0.5 * log_volume + single.sum(-1)
    kept = precision.clamp_min(LEAST_PRECISION)
    return Sites(kept, mean + shift / kept, evidence)


def _posterior(covariance: Tensor, precision: Tensor, shift: Tensor, unit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variances around the prior mean, ``(*b, c)`` each, and the log determinant of ``1 + K T``, ``(*b)``."""
    root = precision.sqrt()
    factor = torch.linalg.cholesky(unit + root[..., :, None] * covariance * root[..., None, :])
    half = torch.linalg.solve_triangular(factor, root[..., :, None] * covariance, upper=False)
    joint = covariance - half.transpose(-1, -2) @ half
    centre = (joint @ shift[..., None])[..., 0]
    volume = 2.0 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return centre, joint.diagonal(dim1=-2, dim2=-1).clamp_min(1e-12), volume


def _without(variance: Tensor, precision: Tensor, prior_variance: Tensor) -> Tensor:
    """Each row's variance without its own site, which is never above what it was a priori."""
    return torch.minimum(1.0 / (1.0 / variance - precision).clamp_min(1e-12), prior_variance)


def _matched(
    centre: Tensor,
    variance: Tensor,
    precision: Tensor,
    shift: Tensor,
    low: Tensor,
    high: Tensor,
    noise: Tensor,
    prior_variance: Tensor,
) -> tuple[Tensor, Tensor]:
    """The sites whose moments match each row's own likelihood, given all other sites."""
    outside = _without(variance, precision, prior_variance)
    around = outside * (centre / variance - shift)
    seen = truncated(around, outside + noise, low, high)
    left = (1.0 - outside * seen.curvature).clamp_min(1e-9)
    return seen.curvature / left, (seen.slope + around * seen.curvature) / left


def _log_density(z: Tensor) -> Tensor:
    return -0.5 * z.square() - 0.5 * math.log(2 * math.pi)
