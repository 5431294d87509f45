"""Seekers: which of some candidates to begin with, so that they lie apart or stand for all."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from loop.space import Space
from loop.surrogates.lengthscales import typical
from loop.surrogates.matern import matern52
from loop.surrogates.metric import metric
from loop.surrogates.representation import Representation

LOOKED_AT = 300  # of them, a spread is sought among so many
MOVES = 50  # of the medoids; few need ten
MEDOID_LOOKED_AT = 800  # of them, medoids are sought among so many
SPREAD_LENGTHSCALE = 0.5  # times the chemistry prior's
CERTAIN = 2e-2  # variance below which all is known: twice what is left of a point once it is measured
CLOSEST = 1e-3  # of the usual lengthscale
SPREAD_NOISE = 1e-2  # variance of a measurement, the prior's being one


def spread(space: Space, options: NDArray[np.float64], tried: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """One point at random, then each time the one that a prior process is most uncertain about.

    The process has the chemistry prior's kernel on fingerprint distances, at half its usual lengthscale; it knows
    what was tried. Where that leaves it certain of everything, as few numbers soon do, it looks closer: at half the
    lengthscale, and so on (docs/decisions/0163). Looking only among a few hundred random candidates keeps the design
    from running after outliers, which is what makes farthest-point designs brilliant on one table and bad on the next
    (docs/decisions/0005).

    Source of the criterion: Ko, Lee and Queyranne, Operations Research 43 (1995) 684 (maximum entropy sampling).
    """
    return options[_spread(space, options, tried, n)[0]]


def closeness(space: Space, options: NDArray[np.float64], tried: NDArray[np.float64], n: int) -> float:
    """How close a spread of ``n`` points looks in the end: by how much of the usual lengthscale."""
    return _spread(space, options, tried, n)[1]


def _spread(space: Space, options: NDArray[np.float64], tried: NDArray[np.float64], n: int) -> tuple[list[int], float]:
    x = torch.from_numpy(options[:LOOKED_AT])
    scale, picked = 1.0, list[int]()
    if not len(x):
        return picked, scale
    if n > LOOKED_AT:  # as good as at random, and they are in random order
        return list(range(min(n, len(options)))), scale
    covariance = spread_covariance(space, x, tried)
    for turn in range(min(n, len(x))):
        variance = _left(covariance, picked)
        while float(variance.max()) < CERTAIN and scale > CLOSEST:
            scale /= 2
            covariance = spread_covariance(space, x, np.vstack([tried, options[picked]]), scale=scale)
            variance = _left(covariance, picked)
        choice = 0 if turn == 0 and not len(tried) else int(variance.argmax())
        picked.append(choice)
        column = covariance[:, choice]
        covariance = covariance - torch.outer(column, column) / (column[choice] + SPREAD_NOISE)
    return picked, scale


def _left(covariance: torch.Tensor, picked: list[int]) -> torch.Tensor:
    """The variance that is left at each point, ``(n,)``, below nought at those that were picked."""
    variance = covariance.diagonal().clone()
    variance[picked] = -1.0
    return variance


def spread_covariance(space: Space, x: torch.Tensor, tried: NDArray[np.float64], *, scale: float = 1.0) -> torch.Tensor:
    """What the prior process believes of ``x``, shape ``(n, d)``, once ``tried`` was measured: ``(n, n)``.

    Its lengthscale is ``scale`` times as long as usual.
    """
    distance = metric(space, Representation.COUNTS)
    lengthscale = scale * SPREAD_LENGTHSCALE * typical(distance.dimension)

    def prior(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return matern52(distance.squared(a, b).clamp_min(0.0).sqrt() / lengthscale)

    covariance = prior(x, x)
    if len(tried):
        known = torch.from_numpy(tried)
        noisy = prior(known, known) + SPREAD_NOISE * torch.eye(len(known), dtype=x.dtype)
        cross = torch.linalg.solve_triangular(torch.linalg.cholesky(noisy), prior(known, x), upper=False)
        covariance = covariance - cross.T @ cross
    return covariance


def medoids(space: Space, options: NDArray[np.float64], tried: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Points such that every candidate is near one of them or one that was tried: the middles of ``n`` clusters.

    Each is chosen for the distance that it takes off the others, then moved to the middle of what is nearest to it
    until none moves.

    Source: Kaufman and Rousseeuw, Finding Groups in Data (1990), chapter 2 (build); Park and Jun, Expert Systems with
    Applications 36 (2009) 3336 (moves).
    """
    x = torch.from_numpy(options[:MEDOID_LOOKED_AT])
    if len(x) <= n:
        return options[:MEDOID_LOOKED_AT]
    distance = metric(space, Representation.COUNTS)

    def apart(a: torch.Tensor, b: torch.Tensor) -> NDArray[np.float64]:
        return np.asarray(distance.squared(a, b).clamp_min(0.0).sqrt().numpy())

    between = apart(x, x)
    covered = apart(x, torch.from_numpy(tried)).min(axis=1) if len(tried) else np.full(len(x), between.max())
    middles: list[int] = []
    nearest = covered.copy()
    for _ in range(n):
        taken_off = np.maximum(nearest[:, None] - between, 0.0).sum(axis=0)
        taken_off[middles] = -1.0
        middles.append(int(taken_off.argmax()))
        nearest = np.minimum(nearest, between[:, middles[-1]])
    for _ in range(MOVES):
        own = between[:, middles]
        cluster = np.where(own.min(axis=1) <= covered, own.argmin(axis=1), -1)  # -1: something tried is nearer
        moved = [
            int(members[between[np.ix_(members, members)].sum(axis=1).argmin()]) if len(members) else medoid
            for k, medoid in enumerate(middles)
            for members in [np.flatnonzero(cluster == k)]
        ]
        if moved == middles:
            break
        middles = moved
    return np.asarray(options[middles])


SEEKERS = {"spread": spread, "medoid": medoids}
