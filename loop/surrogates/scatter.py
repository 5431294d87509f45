"""Noise that depends on the conditions: its logarithm is a second Gaussian process, shrunk to a constant.

The rows' own residuals and replicates say how noisy each was; scoring steps towards the most probable smooth curve
through them, and the evidence (Laplace's) decides how much the curve may vary, or not at all. Its mean over the rows is
nought: the level of the noise has a prior of its own.

Source: Kersting, Plagemann, Pfaff and Burgard, ICML 2007 (most likely heteroscedastic process); the steps are the
restricted scoring of Smyth, J. Comput. Graph. Stat. 11 (2002) 836.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

VARIANCES = (0.3, 1.0, 3.0)  # of the logarithm of the noise variance; 0 (constant) is always among them
STEPS = 12  # of scoring for each
STRIDE = 0.6  # share of a step that is gone
WIDEST = 4.0  # largest departure of the logarithm from its mean
JITTER = 1e-6


@dataclass(frozen=True)
class NoiseCurve:
    """Log of the noise variance relative to its level, at the rows, and the weights that predict it elsewhere."""

    at_rows: Tensor  # (n,)
    weights: Tensor  # (n,): at x it is correlation(x, rows) @ weights - level
    level: float
    gain: float  # what it adds to the log evidence, penalties included


def noise_curve(
    correlation: Tensor, solve: Callable[[Tensor], tuple[Tensor, Tensor, float]], scatter: Tensor, constant: float
) -> NoiseCurve | None:
    """The most probable curve; None when a constant is as probable.

    Args:
        correlation: A priori between the rows' log noise, shape ``(n, n)``.
        solve: From each row's noise variance, ``(n,)``: the inverse covariance's diagonal and product with the
            values, ``(n,)`` each, and the log evidence.
        scatter: Each row's noise variance when the noise is constant, shape ``(n,)``.
        constant: The log evidence then.
    """
    best: NoiseCurve | None = None
    n = len(scatter)
    unit = torch.eye(n, dtype=scatter.dtype)
    middle = correlation.mean(0)
    centred = correlation - middle[:, None] - middle[None, :] + middle.mean()
    for variance in VARIANCES:
        prior = variance * (centred + JITTER * unit)
        curve = torch.zeros(n, dtype=scatter.dtype)
        diagonal, weighted, evidence = solve(scatter)
        for _ in range(STEPS):
            share = (scatter * curve.exp() * diagonal).clamp(0.02, 1.0)  # of a left-out residual that is noise
            working = curve + (weighted.square() / diagonal - 1.0) / share
            information = 0.5 * share.square()
            wanted = prior @ torch.linalg.solve(prior + torch.diag(1.0 / information), working)
            curve = (curve + STRIDE * (wanted - curve)).clamp(-WIDEST, WIDEST)
            diagonal, weighted, evidence = solve(scatter * curve.exp())
        weights = torch.linalg.solve(prior, curve)
        half = information.sqrt()
        volume = torch.linalg.slogdet(unit + half[:, None] * prior * half[None, :])[1]
        gain = float(evidence - constant - 0.5 * curve @ weights - 0.5 * volume)
        if gain > 0 and (best is None or gain > best.gain):
            best = NoiseCurve(curve, variance * weights, variance * float(middle @ weights), gain)
    return best
