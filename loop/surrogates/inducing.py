"""A Gaussian process of many rows, by a few of them: the cost grows with the rows, not with their cube.

The prior is conditioned on the surface at ``m`` inducing rows; what these do not determine of a row is noise of its
own. The result is an ``ExactPosterior`` of ``m`` pseudo-values, so everything that works on one works on the other.

Source: Snelson and Ghahramani, NIPS 18 (2006) 1257 (the fully independent training conditional, FITC).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from loop.fidelity import is_real
from loop.space import Space
from loop.surrogates.exact import JITTER, ExactPosterior, noise_weights
from loop.surrogates.protocol import TrainingSet

MANY = 1_000  # rows from which a few stand for all; an exact fit of 1,000 takes some 3 s, of 3,000 some 80
INDUCING = 800  # rows that stand for all
CHUNK = 4_096  # rows looked at together
OF_VERSIONS = 300  # rows of all versions that are seen together: how far versions are apart takes six fits
LEAST = 1e-9  # share of the largest eigenvalue below which the rows say nothing in a direction


def stands_for_all(data: TrainingSet, seed: int) -> Tensor:
    """Numbers of the rows that hyper-parameters are fitted to: a quarter at either end, the rest at random."""
    order = torch.argsort(data.y, stable=True)
    quarter = INDUCING // 4
    ends = torch.cat([order[:quarter], order[-quarter:]])
    between = order[quarter:-quarter]
    drawn = np.random.default_rng(seed).choice(len(between), INDUCING - 2 * quarter, replace=False)
    return torch.cat([ends, between[torch.from_numpy(drawn)]]).sort().values


def widened(few: ExactPosterior, data: TrainingSet) -> ExactPosterior:
    """The posterior of all rows of ``data``, induced from those that ``few`` was fitted to, with its hyper-parameters.

    Every value of ``data`` must be exact, and free of effects.
    """
    z = torch.unique(few.x, dim=0)
    y = (data.y - few.shift) / few.scale
    inner = few.kernel(z, z)
    inner = inner + JITTER * few.prior_variance * torch.eye(len(z), dtype=z.dtype)
    factor = torch.linalg.cholesky(inner)
    parts = [few.kernel(z, data.x[start : start + CHUNK]) for start in range(0, len(data), CHUNK)]
    seen = torch.linalg.solve_triangular(
        factor, torch.cat(parts, dim=1), upper=False
    )  # (m, n): the rows in terms of m independent standard normals
    left = (few.prior_variance - seen.square().sum(0)).clamp_min(0.0)
    scatter = few.noise_variance * noise_weights(data, few.scale) + left
    precision = (seen / scatter) @ seen.T
    told = seen @ (y / scatter)
    values, vectors = torch.linalg.eigh(precision)
    values = values.clamp_min(LEAST * float(values[-1]))
    turned = torch.linalg.solve_triangular(factor.T, vectors, upper=True)  # (m, m), L^-T U
    root = turned * (values / (1.0 + values)).sqrt()
    pseudo = factor @ (vectors @ ((vectors.T @ told) / values))
    # of each row, how much the others say without it: the leverage of a Bayesian linear model
    projected = vectors.T @ seen
    mean = projected.T @ ((vectors.T @ told) / (1.0 + values))
    leverage = (projected.square() / (1.0 + values)[:, None]).sum(0) / scatter
    variance = scatter / (1.0 - leverage).clamp_min(1e-6)
    residual = (y - mean) / (1.0 - leverage).clamp_min(1e-6)
    details = {**few.details, "rows": len(data), "inducing_rows": len(z)}
    return replace(few, x=z, y=pseudo, root=root, details=details, outside=(y, residual, variance))


def near_the_real(space: Space, data: TrainingSet, seed: int) -> Tensor:
    """Numbers of the rows from which versions are learnt together: real ones first, others at random, in order."""
    if len(data) <= OF_VERSIONS:
        return torch.arange(len(data))
    real = is_real(space, data.x.numpy())
    order = np.random.default_rng(seed).permutation(len(data))
    order = order[np.argsort(~real[order], kind="stable")][:OF_VERSIONS]
    return torch.from_numpy(np.sort(order))


def filled(few: ExactPosterior, data: TrainingSet, rows: Tensor) -> ExactPosterior:
    """The posterior of some ``rows`` of ``data`` with what it says of the others, which it did not see.

    A censored row that was not seen counts as its limit.
    """
    unseen = torch.ones(len(data), dtype=torch.bool)
    unseen[rows] = False
    others = data.rows(torch.nonzero(unseen)[:, 0])
    mean, sd = few.moments(others.x)
    parts = few.left_out_values()
    found = tuple(torch.empty(len(data), dtype=data.y.dtype) for _ in parts)
    scatter = few.noise_variance * noise_weights(others, few.scale)
    said = (others.y - few.shift) / few.scale, (others.y - mean) / few.scale, (sd / few.scale).square() + scatter
    for whole, seen, other in zip(found, parts, said, strict=True):
        whole[rows], whole[unseen] = seen, other
    limited = None if few.censored is None else replace(few.censored, rows=rows[few.censored.rows])
    details = {**few.details, "rows": len(data), "rows_seen": len(rows)}
    return replace(few, outside=(found[0], found[1], found[2]), censored=limited, details=details)
