"""Calibration: how much wider a belief must be to have had the errors that it made on values it had not seen.

Intervals of 80 and of 95 % ask for different widths where errors have heavy tails; the mean square of the errors, in
their stated deviations, lies between them, and serves the density too. Evidence: docs/decisions/0021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

WIDENINGS = torch.logspace(-1, 2, 25, dtype=torch.float64)
NOISES = torch.logspace(-3, 0.2, 33, dtype=torch.float64)  # of the mean squared error
DOUBT = 1.5  # deviation of the logarithm of the widening a priori
LEAST = 1e-4  # variance of the noise, values standardised
USUAL = 20.0  # errors' worth of belief that a stated deviation is right


@dataclass(frozen=True)
class Calibration:
    """Variance of a value about its prediction: ``widening * variance + noise * weight``."""

    widening: float
    noise: float


def calibrate(error: Tensor, variance: Tensor, weights: Tensor) -> Calibration:
    """The most probable widening and noise.

    Args:
        error: Of values that the model had not seen, shape ``(n,)``, standardised.
        variance: What it said of each, shape ``(n,)``.
        weights: How much noisier than usual each value is, shape ``(n,)``.
    """
    mean_square = max(float(error.square().mean()), LEAST)
    noises = (NOISES * mean_square).clamp_min(LEAST)
    total = WIDENINGS[:, None, None] * variance + noises[None, :, None] * weights
    likelihood = -0.5 * (total.log() + error.square() / total).sum(-1)
    likelihood -= 0.5 * (WIDENINGS.log() / DOUBT).square()[:, None]
    best = divmod(int(likelihood.argmax()), len(noises))
    return Calibration(float(WIDENINGS[best[0]]), float(noises[best[1]]))


def misjudged(error: Tensor, variance: Tensor) -> float:
    """By which factor stated variances are too small, from errors of values that were not seen, both ``(n,)``.

    The mean of squared errors in stated variances, drawn towards 1 where there are few. NaN counts for nothing.
    """
    squares = error.square() / variance
    known = ~torch.isnan(squares)
    return (float(squares[known].sum()) + USUAL) / (int(known.sum()) + USUAL)


def log_density(error: Tensor, variance: Tensor) -> Tensor:
    """Of a normal error, shape ``(n,)``."""
    return -0.5 * (2 * math.pi * variance).log() - 0.5 * error.square() / variance
