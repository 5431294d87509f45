"""A Gaussian process of many rows: hyper-parameters from a part of them, and every row as exactly as can be afforded.

Up to some thousands of rows the posterior is exact. Of more, the prior is conditioned on the surface at ``m`` of them
(inducing rows); what these do not determine of another row is noise of its own. The result is an ``ExactPosterior`` of
``m`` pseudo-values, so everything that works on one works on the other. On fingerprints the other rows tell little
more, so there are as many inducing rows as would be exact.

Source: Snelson and Ghahramani, NIPS 18 (2006) 1257 (the fully independent training conditional, FITC).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from loop.fidelity import is_real
from loop.space import Space
from loop.surrogates.exact import JITTER, ExactPosterior, noise_weights, replicate_groups
from loop.surrogates.grid import whitening
from loop.surrogates.protocol import TrainingSet

MANY = 1_000  # rows from which a part decides the hyper-parameters; the grid takes some 3 s for 1,000, 80 for 3,000
PART = 800  # rows of that part
EXACT = 5_000  # rows that all count exactly, in some 6 s of processor time; of more, so many stand for all
SKIMMING = 2_000  # rows by which the deviations of a pool are skimmed; its means know all
CHUNK = 2_048  # rows looked at together
OF_VERSIONS = 300  # rows of all versions that are seen together: how far versions are apart takes six fits
LEAST = 1e-8  # of the variance of a direction in which the rows say nothing, which they are taken to tell


def a_part(data: TrainingSet, seed: int) -> TrainingSet:
    """The rows that decide the hyper-parameters."""
    return data.rows(drawn(len(data), PART, seed))


def drawn(n: int, size: int, seed: int) -> Tensor:
    """Numbers of ``size`` rows of ``n``, at random and in order."""
    rows = np.random.default_rng(seed).choice(n, min(size, n), replace=False)
    return torch.from_numpy(np.sort(rows))


def told_all(part: ExactPosterior, data: TrainingSet, seed: int) -> ExactPosterior:
    """The posterior of all rows of ``data``, with the hyper-parameters that ``part`` of them decided.

    Every value of ``data`` must be exact, and free of effects.
    """
    if len(data) > EXACT:
        whole = induced(part, data, drawn(len(data), EXACT, seed))
    else:
        covariance = torch.cat([part.kernel(rows, data.x) for rows in torch.split(data.x, CHUNK)])
        root = whitening(covariance, part.noise_variance * noise_weights(data, part.scale))
        y = (data.y - part.shift) / part.scale
        details = {**part.details, "rows": len(data), "rows_of_hyper_parameters": len(part.x)}
        whole = replace(part, x=data.x, y=y, root=root, details=details, doubt=None)
    if len(data) <= SKIMMING:
        return whole
    return replace(whole, quick=cache(lambda: _quick(part, data, seed)))  # which takes seconds, and not all skim


def _quick(part: ExactPosterior, data: TrainingSet, seed: int) -> tuple[Tensor, Tensor]:
    """Some rows, ``(m, d)``, and their root, ``(m, m)``, that are told of all the others."""
    found = induced(part, data, drawn(len(data), SKIMMING, seed), leaves_out=False)
    return found.x, found.root


def induced(part: ExactPosterior, data: TrainingSet, rows: Tensor, *, leaves_out: bool = True) -> ExactPosterior:
    """The posterior of all rows of ``data`` by some of them, with the hyper-parameters of ``part``.

    Args:
        part: A fit to any of the rows.
        data: Every value exact, and free of effects.
        rows: Numbers of the inducing rows, shape ``(m,)``.
        leaves_out: Whether ``left_out_values`` of all rows will be asked for.
    """
    z = torch.unique(data.x[rows], dim=0)
    y = (data.y - part.shift) / part.scale
    noise = part.noise_variance * noise_weights(data, part.scale)
    unit = torch.eye(len(z), dtype=z.dtype)
    factor = torch.linalg.cholesky(part.kernel(z, z) + JITTER * part.prior_variance * unit)

    def blocks() -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Of some rows after others: which, in terms of m independent standard normals ``(m, b)``, scatter ``(b,)``."""
        for start in range(0, len(data), CHUNK):
            here = slice(start, start + CHUNK)
            seen = torch.linalg.solve_triangular(factor, part.kernel(z, data.x[here]), upper=False)
            yield here, seen, noise[here] + (part.prior_variance - seen.square().sum(0)).clamp_min(0.0)

    precision, told = torch.zeros_like(factor), torch.zeros_like(z[:, 0])
    for here, seen, scatter in blocks():
        precision += (seen / scatter) @ seen.T
        told += seen @ (y[here] / scatter)
    left = torch.linalg.cholesky(precision + unit)  # of what the rows leave open of the normals
    whitened = torch.linalg.solve_triangular(left, unit, upper=False)
    known = torch.linalg.cholesky((1.0 + LEAST) * unit - whitened.T @ whitened)
    root = torch.linalg.solve_triangular(factor.T, known, upper=True)
    weights = torch.cholesky_solve(told[:, None], left)
    pseudo = factor @ torch.cholesky_solve(weights, known)[:, 0]
    details = {**part.details, "rows": len(data), "rows_of_hyper_parameters": len(part.x), "inducing_rows": len(z)}
    found = replace(part, x=z, y=pseudo, root=root, details=details, doubt=None)
    if not leaves_out:
        return found
    mean, variance, own = torch.empty_like(y), torch.empty_like(y), torch.empty_like(y)
    for here, seen, scatter in blocks():
        mean[here] = seen.T @ weights[:, 0]
        variance[here] = (whitened @ seen).square().sum(0)
        own[here] = scatter
    # of each row, how much the others say without it and its replicates: the leverage of a Bayesian linear model
    groups = replicate_groups(data.x)
    precise, pull = (torch.bincount(groups, part)[groups] for part in (1.0 / own, y / own))
    rest = (1.0 - variance * precise).clamp_min(1e-6)
    return replace(found, outside=(y, y - (mean - variance * pull) / rest, own + variance / rest))


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
    return replace(few, outside=(found[0], found[1], found[2]), censored=limited, details=details, doubt=None)
