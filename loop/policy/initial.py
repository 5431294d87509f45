"""Initial designs: the first experiments, before any model."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.streaming import POOL_LIMIT, is_among
from loop.errors import PoolExhausted
from loop.space import PointPool, Pool, Space, sample_space
from loop.space.pool import LargePool
from loop.surrogates.gp import matern52, prior_lengthscale
from loop.surrogates.metric import Representation, metric

CANDIDATES = 4_096  # untried points drawn at random
LOOKED_AT = 300  # of them, a spread is sought among so many
SPREAD_LENGTHSCALE = 0.5  # times the chemistry prior's
SPREAD_NOISE = 1e-2  # variance of a measurement, the prior's being one


def initial_design(
    design: str, space: Space, pool: Pool | None, tried: NDArray[np.float64], n: int, *, seed: int
) -> NDArray[np.float64]:
    """Coordinates of up to ``n`` untried points, shape ``(k, d)``.

    Args:
        design: ``spread``, ``sobol``, ``lhs`` or ``random``.
        space: The search space.
        pool: The finite candidate set, None for a space with continuous parameters.
        tried: Coordinates that are taken, shape ``(t, d)``; a spread keeps away from them.
        n: How many.
        seed: Decides every random choice.

    Raises:
        PoolExhausted: Nothing untried is left.
    """
    rng = np.random.default_rng(seed)
    if design in ("sobol", "lhs"):
        drawn = sample_space(space, n + len(tried), seed, method=design)
        points = drawn[~is_among(drawn, tried)][:n]
    else:
        options = _untried_sample(space, pool, tried, rng)
        points = options[:n] if design == "random" else _spread(space, options, tried, n)
    if not len(points):
        raise PoolExhausted("every candidate was tried or is being tried; widen the space or end the campaign")
    return points


def _untried_sample(
    space: Space, pool: Pool | None, tried: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Up to 4,096 untried points in random order, shape ``(k, d)``."""
    if pool is None:
        pool = PointPool(sample_space(space, CANDIDATES, int(rng.integers(2**31))))
    if len(pool) <= 4 * CANDIDATES:
        x = pool.take(rng.permutation(len(pool)).astype(np.int64))
    elif len(pool) > POOL_LIMIT and isinstance(pool, LargePool):
        x = pool.sample(2 * CANDIDATES, rng)
        x = x[rng.permutation(len(x))]
    else:
        x = pool.take(np.unique(rng.integers(0, len(pool), 2 * CANDIDATES, dtype=np.int64)))
        x = x[rng.permutation(len(x))]
    return x[~is_among(x, tried)][:CANDIDATES]


def _spread(space: Space, options: NDArray[np.float64], tried: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """One point at random, then each time the one that a prior process is most uncertain about.

    The process has the chemistry prior's kernel on fingerprint distances, at half its usual lengthscale; it knows
    what was tried. Looking only among a few hundred random candidates keeps the design from running after outliers,
    which is what makes farthest-point designs brilliant on one table and bad on the next (docs/decisions/0005).

    Source of the criterion: Ko, Lee and Queyranne, Operations Research 43 (1995) 684 (maximum entropy sampling).
    """
    x = torch.from_numpy(options[:LOOKED_AT])
    if not len(x):
        return options
    covariance = spread_covariance(space, x, tried)
    picked: list[int] = []
    for turn in range(min(n, len(x))):
        variance = covariance.diagonal().clone()
        variance[picked] = -1.0
        choice = 0 if turn == 0 and not len(tried) else int(variance.argmax())
        picked.append(choice)
        column = covariance[:, choice]
        covariance = covariance - torch.outer(column, column) / (column[choice] + SPREAD_NOISE)
    return options[picked]


def spread_covariance(space: Space, x: torch.Tensor, tried: NDArray[np.float64]) -> torch.Tensor:
    """What the prior process believes of ``x``, shape ``(n, d)``, once ``tried`` was measured: ``(n, n)``."""
    distance = metric(space, Representation.COUNTS)
    lengthscale = SPREAD_LENGTHSCALE * prior_lengthscale(distance.dimension)

    def prior(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return matern52(distance.squared(a, b).clamp_min(0.0).sqrt() / lengthscale)

    covariance = prior(x, x)
    if len(tried):
        known = torch.from_numpy(tried)
        noisy = prior(known, known) + SPREAD_NOISE * torch.eye(len(known), dtype=x.dtype)
        cross = torch.linalg.solve_triangular(torch.linalg.cholesky(noisy), prior(known, x), upper=False)
        covariance = covariance - cross.T @ cross
    return covariance
