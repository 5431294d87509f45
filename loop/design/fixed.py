"""Designs that are what they are for so many parameters: for responses that bend, and for screening many parameters.

Numbers of three values or more have their lowest value, their middle and their highest; what has no middle, options and
numbers of two values, is crossed with that in every combination, or is one more two-level parameter where the design
has two levels. Sources: Box and Wilson, J. R. Stat. Soc. B 13 (1951) 1; Box and Behnken, Technometrics 2 (1960) 455;
Plackett and Burman, Biometrika 33 (1946) 305; Jones and Nachtsheim, J. Qual. Technol. 43 (2011) 1 (definitive ones).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.centre import middles_of
from loop.design.factorial import best_fraction, two_level
from loop.errors import SpaceError
from loop.space import Category, Continuous, Parameter, Space
from loop.space.parameters import least_and_most
from loop.space.rounding import rounded

CENTRES: Final = {"central-composite": 3, "box-behnken": 3, "definitive": 1, "plackett-burman": 0}
FIXED: Final = frozenset(CENTRES)
MOST: Final = 2_000  # points; nobody runs so many
CUBE: Final = 8  # parameters of a cube with a star
CLEAR: Final = 5  # resolution from which products of two parameters are told apart
BLOCKS: Final = {  # of parameters that are varied together, in a Box-Behnken design; of fewer every two of them
    6: ((0, 1, 3), (1, 2, 4), (2, 3, 5), (0, 3, 4), (1, 4, 5), (0, 2, 5)),
    7: ((3, 4, 5), (0, 5, 6), (1, 4, 6), (0, 1, 3), (2, 3, 6), (0, 2, 4), (1, 2, 5)),
}
ORDERS: Final = (4, 6, 8, 10, 12, 14)  # of conference matrices, from prime powers
WAY: Final = {
    "central-composite": "use i-optimal with model: quadratic",
    "box-behnken": "use i-optimal with model: quadratic",
    "definitive": "use d-optimal with model: quadratic",
    "plackett-burman": "use d-optimal",
}


def fixed(design: str, space: Space) -> tuple[NDArray[np.float64], str]:
    """Points of a design without its centre points, shape ``(n, d)``, in settable numbers, and a note on it.

    Raises:
        SpaceError: There is no such design of so many parameters, or constraints forbid a point of it.
    """
    if design == "plackett-burman":
        x, told = _screening(space)
    else:
        x, told = _with_middles(design, space)
    kept = space.holds(x)
    if not kept.all():
        broken = [c.name for c in space.constraints if not c.allows(x).all()]
        what = f"break constraint {broken[0]!r}" if broken else "are no candidates"
        raise SpaceError(
            f"{int((~kept).sum())} of the {len(x)} points of the {design} design {what}; {WAY[design]}, which keeps "
            "constraints"
        )
    return x, told


def _screening(space: Space) -> tuple[NDArray[np.float64], str]:
    from pyDOE3 import pbdesign  # brings scipy.stats: only where it is used

    try:
        varied = two_level(space)
    except SpaceError as error:
        raise SpaceError(str(error).replace("fractional factorial", "Plackett-Burman design")) from None
    signs = np.asarray(pbdesign(len(varied)))
    x = np.array([[least_and_most(p)[0] for p in space.parameters]] * len(signs))
    for p, sign in zip(varied, signs.T, strict=True):
        low, high = least_and_most(p)
        x[:, space.parameters.index(p)] = np.where(sign < 0, low, high)
    return x, (
        f"Plackett-Burman design of {len(x)} points in {len(varied)} parameters: main effects are told apart, and each "
        "is mixed with parts of many products of two, so that few effects should be at work"
    )


def _with_middles(design: str, space: Space) -> tuple[NDArray[np.float64], str]:
    _check_plain(design, space)
    middles = [middles_of(p) for p in space.parameters]
    bent = [i for i, (p, m) in enumerate(zip(space.parameters, middles, strict=True)) if len(m) == 1 and _varies(p)]
    crossed = [i for i, m in enumerate(middles) if len(m) > 1]
    if design == "definitive" and crossed:
        name = space.parameters[crossed[0]].name
        raise SpaceError(
            f"a definitive screening design is of numbers with a middle, and {name!r} has none; {WAY[design]}"
        )
    signs = {"central-composite": _composite, "box-behnken": _behnken, "definitive": _definitive}[design](len(bent))
    sizes = [len(middles[i]) for i in crossed]
    if len(signs) * math.prod(sizes) > MOST:
        raise SpaceError(
            f"the {design} design has {len(signs)} points with each of {math.prod(sizes)} combinations of options, "
            f"more than {MOST} in all; {WAY[design]}"
        )
    grid = np.indices(sizes).reshape(len(sizes), -1).T if sizes else np.zeros((1, 0), dtype=np.int64)
    x = np.empty((len(signs) * len(grid), len(space.parameters)))
    for column, p in enumerate(space.parameters):
        if column in bent:
            low, high = _ends(p)
            at = np.repeat(signs[:, bent.index(column)], len(grid))
            x[:, column] = np.select([at < 0, at > 0], [low, high], middles[column][0])
        elif column in crossed:
            x[:, column] = np.tile(middles[column][grid[:, crossed.index(column)]], len(signs))
        else:
            x[:, column] = middles[column][0]
    told = _told(design, len(bent), len(signs))
    if crossed:
        names = " x ".join(space.parameters[i].name for i in crossed)
        told += f", with each of the {len(grid)} combinations of {names}" if len(grid) > 1 else ""
    return rounded(space, x, x[:0]), told


def _check_plain(design: str, space: Space) -> None:
    """Refuse what such a design is not of."""
    what = ""
    if space.mixtures:
        what = f"is of parameters that vary by themselves, and {space.mixtures[0].name!r} is a mixture"
    elif space.conditions:
        what = f"needs parameters that always apply, and {space.names[space.conditions[0].column]!r} does not"
    elif any(isinstance(p, Category) and p.is_fidelity for p in space.parameters):
        raise SpaceError(f"the {design} design is of experiments of one kind, and there are cheap versions; use spread")
    if what:
        raise SpaceError(f"the {design} design {what}; {WAY[design]}")


def _varies(p: Parameter) -> bool:
    low, high = _ends(p)
    return low != high


def _ends(p: Parameter) -> tuple[float, float]:
    """The lowest and highest value; of what may be none as well, of the amounts."""
    low, high = least_and_most(p)
    if isinstance(p, Continuous) and p.or_zero:
        return p.low, high
    if getattr(p, "or_zero", False):
        return p.values[1], high  # type: ignore[union-attr] # only numbers may be none
    return low, high


def _told(design: str, k: int, n: int) -> str:
    if design == "central-composite":
        return (
            f"central composite design of {n} points in {k} parameters: {n - 2 * k} at the ends of all and {2 * k} at "
            "the ends of one with the others in the middle, so that curvature and products of two are told apart"
        )
    if design == "box-behnken":
        together = len(BLOCKS[k][0]) if k in BLOCKS else 2
        return (
            f"Box-Behnken design of {n} points in {k} parameters: {together} at their ends, the others in the middle, "
            "so that curvature and products of two are told apart, and no corner is run"
        )
    return (
        f"definitive screening design of {n} points in {k} parameters: main effects are free of products of two and of "
        "curvature, which are told apart where few are at work"
    )


@cache
def _composite(k: int) -> NDArray[np.float64]:
    """Corners, a fraction of them where that tells products of two apart, and the star on the faces: ``(n, k)``."""
    if not 2 <= k <= CUBE:
        raise SpaceError(
            f"a central composite design is of 2 to {CUBE} numbers with a middle, and the space has {k}; "
            f"{WAY['central-composite'] if k > CUBE else 'use factorial'}"
        )
    bases = (b for b in range(1, k + 1) if 2**b > k and (b == k or (best_fraction(k, b).resolution or 0) >= CLEAR))
    return np.vstack([best_fraction(k, next(bases)).signs(), np.eye(k), -np.eye(k)])


@cache
def _behnken(k: int) -> NDArray[np.float64]:
    if not 3 <= k <= max(BLOCKS):
        raise SpaceError(
            f"a Box-Behnken design is of 3 to {max(BLOCKS)} numbers with a middle, and the space has {k}; "
            f"{WAY['box-behnken'] if k > max(BLOCKS) else 'use central-composite'}"
        )
    found = []
    for block in BLOCKS.get(k, tuple(itertools.combinations(range(k), 2))):
        corners = np.array(list(itertools.product((-1.0, 1.0), repeat=len(block))))
        points = np.zeros((len(corners), k))
        points[:, block] = corners
        found.append(points)
    return np.vstack(found)


@cache
def _definitive(k: int) -> NDArray[np.float64]:
    if not 3 <= k <= max(ORDERS):
        raise SpaceError(
            f"a definitive screening design is of 3 to {max(ORDERS)} numbers with a middle, and the space has {k}; "
            f"{WAY['definitive'] if k > max(ORDERS) else 'use central-composite'}"
        )
    order = next(n for n in ORDERS if n >= k)
    half = conference(order)[:, :k]
    return np.vstack([half, -half])


def conference(order: int) -> NDArray[np.float64]:
    """A conference matrix: nought on its diagonal, else -1 or 1, orthogonal rows; shape ``(order, order)``.

    Of one more than a prime power. Source: Paley, J. Math. Phys. 12 (1933) 311.
    """
    field, minus, squares = _field(order - 1)
    q = len(field)
    chi = np.array([[0 if i == j else (1 if minus[i][j] in squares else -1) for j in range(q)] for i in range(q)])
    found = np.zeros((order, order))
    found[0, 1:] = 1.0
    found[1:, 0] = 1.0 if q % 4 == 1 else -1.0
    found[1:, 1:] = chi
    return found


def _field(q: int) -> tuple[Sequence[tuple[int, int]], list[list[tuple[int, int]]], set[tuple[int, int]]]:
    """The elements of a field, their differences, and its squares; of nine elements numbers a + b i modulo three."""
    p = 3 if q == 9 else q
    field = [(a, b) for a in range(p) for b in (range(p) if q == 9 else (0,))]
    minus = [[((a - c) % p, (b - d) % p) for c, d in field] for a, b in field]
    squares = {((a * a - b * b) % p, 2 * a * b % p) for a, b in field if (a, b) != (0, 0)}
    return field, minus, squares
