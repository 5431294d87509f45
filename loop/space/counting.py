"""Counting: how many candidates a space has, in words; exact where it can be had, else with an interval."""

from __future__ import annotations

import numpy as np

from loop.space.factors import Counted
from loop.space.pool import ProductPool
from loop.space.raw import raw_sample
from loop.space.space import Space

DRAWS = 20_000  # for the share of a continuous space that constraints leave


def count_candidates(space: Space) -> Counted | None:
    """How many candidates a space has; None for one with continuous numbers."""
    return ProductPool(space).counted if space.is_finite else None


def allowed_share(space: Space) -> tuple[float, float, float]:
    """The share of a space that its constraints leave, with a 95 % interval, from random points.

    Mixtures and parameters that do not apply are as they must be in every point, so the constraints are what is asked.

    Source of the interval: Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    """
    x = raw_sample(space.frame, DRAWS, np.random.default_rng(0))
    p, z2 = float(space.allows(x).mean()), 1.96**2
    centre = (p + z2 / (2 * DRAWS)) / (1 + z2 / DRAWS)
    half = 1.96 * (p * (1 - p) / DRAWS + z2 / (4 * DRAWS**2)) ** 0.5 / (1 + z2 / DRAWS)
    return p, max(centre - half, 0.0), min(centre + half, 1.0)


def said_count(space: Space) -> int | str:
    """The number of candidates, for a person."""
    counted = count_candidates(space)
    if counted is None:
        if not space.constraints:
            return "continuous"
        share, low, high = allowed_share(space)
        return f"continuous; constraints leave about {100 * share:.2g} % ({100 * low:.2g} to {100 * high:.2g} %)"
    if counted.is_exact:
        return counted.number
    return f"about {counted.number:.3g} (estimated; 95 % interval {counted.low:.3g} to {counted.high:.3g})"
