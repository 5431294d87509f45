"""Counting: how many candidates a space has, in words; exact where it can be had, else with an interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loop.space.constraints import Constraint, Count, Linear
from loop.space.factors import Counted
from loop.space.parameters import Continuous, Discrete
from loop.space.pool import ProductPool, are_all_made, sample_space
from loop.space.raw import raw_sample
from loop.space.space import Space

DRAWS = 20_000  # for the share of a continuous space that constraints leave
MADE = 1_000  # candidates whose products are made, for the share that filters leave
MADE_SLOW = 100  # the same where each takes tens of milliseconds


def count_candidates(space: Space) -> Counted | None:
    """How many candidates a space has; None for one with continuous numbers.

    What filters of products leave is exact where they are few, else judged by a random sample, the same each time.
    """
    if not space.is_finite:
        return None
    counted = ProductPool(space).counted
    if not space.is_sieved or are_all_made(space) or space.union is not None:  # of the latter at the most so many
        return counted
    share, low, high = sifted_share(space)
    return Counted(round(counted.number * share), round(counted.low * low), round(counted.high * high), False)


def sifted_share(space: Space) -> tuple[float, float, float]:
    """The share of allowed combinations whose products pass every filter, with a 95 % interval, from a sample."""
    open_ = replace(space, products=tuple(replace(p, sieve=None) for p in space.products))
    n = MADE_SLOW if any(p.sieve is not None and p.sieve.is_slow for p in space.products) else MADE
    x = sample_space(open_, n, 0, method="random")
    return wilson(int(space.keeps(x).sum()), len(x))


def allowed_share(space: Space) -> tuple[float, float, float]:
    """The share of a space that its constraints leave, with a 95 % interval, from random points.

    Mixtures and parameters that do not apply are as they must be in every point, so the constraints are what is asked.
    Of fractions in steps every blend counts alike.
    """
    rng = np.random.default_rng(0)
    x = raw_sample(space.frame, DRAWS, rng)
    for m in space.mixtures:
        parts = tuple(space.parameters[c] for c in m.columns)
        if all(isinstance(p, Discrete) for p in parts):
            most = m.at_most if m.at_most is not None else len(parts)
            none = {i: frozenset([0.0]) for i in range(len(parts))}
            rules = (Linear("one", dict.fromkeys(range(len(parts)), 1.0), 1.0, 1.0), Count("parts", none, 0, most))
            pool = ProductPool(Space(parts, rules))
            x[:, list(m.columns)] = pool.take(rng.integers(0, len(pool), DRAWS, dtype=np.int64))
    return wilson(int(space.allows(space.frame.canonical(x)).sum()), DRAWS)


def is_own(rule: Constraint, space: Space) -> bool:
    """Whether a rule only says what a mixture is: its parts sum to one, and only so many are used."""
    said = any(set(rule.columns) == set(m.columns) for m in space.mixtures)
    return said and (isinstance(rule, Count) or (isinstance(rule, Linear) and rule.is_equality))


def _tied(space: Space) -> str | None:
    """The name of an equality of which random draws of continuous numbers keep none."""
    for rule in space.constraints:
        is_continuous = any(isinstance(space.parameters[c], Continuous) for c in rule.columns)
        if isinstance(rule, Linear) and rule.is_equality and is_continuous and not is_own(rule, space):
            return rule.name
    return None


def _percent(share: float) -> str:
    """A share in percent, with digits enough not to round to all where it is less."""
    return f"{100 * share:.{2 if share < 0.995 else 4}g}"


def wilson(kept: int, n: int) -> tuple[float, float, float]:
    """The share of ``n`` that was kept, with a 95 % interval.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    """
    p, z2 = kept / max(n, 1), 1.96**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.96 * (p * (1 - p) / n + z2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    return p, max(centre - half, 0.0), min(centre + half, 1.0)


def said_count(space: Space) -> int | str:
    """The number of candidates, for a person."""
    if space.union is not None and not are_all_made(space):
        alone = len(space.parameters) == 1
        return space.union[1].said_count if alone else f"{ProductPool(space).counted.number} at the most"
    counted = count_candidates(space)
    if counted is None:
        if all(is_own(rule, space) for rule in space.constraints):
            return "continuous"
        share, low, high = allowed_share(space)
        if (tied := _tied(space)) is not None:
            return f"continuous; {tied!r} leaves no share of it that could be told, as it ties numbers by an equality"
        return f"continuous; constraints leave about {_percent(share)} % ({_percent(low)} to {_percent(high)} %)"
    if counted.is_exact:
        return counted.number
    return f"about {counted.number:.3g} (estimated; 95 % interval {counted.low:.3g} to {counted.high:.3g})"
