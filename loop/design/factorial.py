"""Factorial designs: every combination of levels, and regular two-level fractions with their aliases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.candidates import Factor, combinations, factors
from loop.errors import SpaceError, did_you_mean
from loop.space import Category, Component, Ordinal, Parameter, Space
from loop.space.parameters import least_and_most

LARGEST: Final = 100_000  # combinations of a full factorial before constraints; nobody runs so many
MOST: Final = 15  # factors of a fraction: the defining relation doubles with each
TRIED: Final = 20_000  # sets of generators that are compared; where there are more, they are chosen one by one
TURNED: Final = 10  # generated factors whose signs are turned, where a constraint forbids the usual fraction
KEPT: Final = 8  # of the best incomplete sets, when generators are chosen one by one
ROMAN: Final = ("", "", "", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


def full_factorial(space: Space, levels: int | Mapping[str, int] | None) -> tuple[NDArray[np.float64], int]:
    """Every allowed combination of the parameters' levels, shape ``(n, d)``, and how many others there would be.

    What does not apply makes no other combination: of a space in which something may not apply nothing is said to lack.

    Args:
        space: The search space.
        levels: How many values of each number: one count for all, or by name. Where none is given, a continuous
            number has its two ends and a stepped one every value.

    Raises:
        SpaceError: A name or a count cannot be, there are too many combinations, or none is allowed.
    """
    given = levels if isinstance(levels, Mapping) else {}
    whole = factors(space, levels if isinstance(levels, int) else None)
    known = {factor.name: factor for factor in whole}
    for name, count in given.items():
        if name not in known:
            hint = did_you_mean(name, known)
            numbers = ", ".join(n for n, factor in known.items() if not _has_options(space, factor))
            way = f"name a number of it: {numbers}" if numbers else "it has no numbers, leave levels out"
            raise SpaceError(f"levels names {name!r}, which the space lacks{hint}; {way}")
        if _has_options(space, known[name]):
            raise SpaceError(f"levels names {name!r}, which has options; a factorial takes them all, leave it out")
        if count < 2:
            raise SpaceError(f"levels of {name!r} must be 2 or more, got {count}")
    whole = factors(space, levels if isinstance(levels, int) else None, given)
    total = math.prod(len(factor.levels) for factor in whole)
    if total > LARGEST:
        raise SpaceError(
            f"a full factorial of {len(whole)} parameters has {total} combinations, more than the {LARGEST} that can "
            "be laid out; give fewer levels, or use d-optimal"
        )
    from pyDOE3 import fullfact  # brings scipy.stats: only where it is used

    grid = fullfact([len(factor.levels) for factor in whole]).astype(np.int64)
    x = combinations(space, whole, grid)
    if not len(x):
        raise SpaceError(
            f"none of the {total} combinations of a full factorial keeps every constraint; give more levels, or use "
            "d-optimal"
        )
    return x, 0 if space.conditions or space.slots else total - len(x)


def _has_options(space: Space, factor: Factor) -> bool:
    return isinstance(space.parameters[factor.columns[0]], Category | Component | Ordinal)


@dataclass(frozen=True)
class Fraction:
    """A regular two-level fraction of ``2**base`` points in ``factors`` factors.

    ``words`` generate the factors after the first ``base``: sets of base factors, as bits. Those in ``turned`` (numbers
    of factors) have the opposite sign: another fraction of the same family, with the same aliases.
    """

    factors: int
    base: int
    words: tuple[int, ...]
    turned: tuple[int, ...] = ()

    @property
    def relation(self) -> NDArray[np.int64]:
        """The defining relation: every set of factors, as bits, whose product is one; the empty set left out."""
        return _relation([word | 1 << (self.base + j) for j, word in enumerate(self.words)])

    @property
    def resolution(self) -> int | None:
        """The length of the shortest word of the defining relation; None for a full factorial."""
        lengths = _lengths(self.relation, self.factors)
        return int(lengths.min()) if len(lengths) else None

    def signs(self) -> NDArray[np.float64]:
        """Levels -1 and 1, shape ``(2**base, factors)``."""
        from pyDOE3 import ff2n, fracfact  # brings scipy.stats: only where it is used

        if not self.words:
            return np.asarray(ff2n(self.factors))
        letters = [chr(ord("a") + i) for i in range(self.base)]
        generated = ["".join(x for i, x in enumerate(letters) if word >> i & 1) for word in self.words]
        signs = np.asarray(fracfact(" ".join([*letters, *generated])))
        signs[:, list(self.turned)] *= -1.0
        return signs

    def aliases(self, names: Sequence[str]) -> list[str]:
        """Main effects and two-factor interactions that cannot be told apart, such as ``"a = b x c"``."""
        low = [1 << i for i in range(self.factors)]
        low += [a | b for a, b in itertools.combinations(low, 2)]
        relation = self.relation
        found, seen = [], set()
        for effect in low:
            if effect in seen:
                continue
            same = [other for other in low if other in set((relation ^ effect).tolist())]
            seen.update(same)
            if same:
                found.append(" = ".join(_named(e, names) for e in (effect, *same)))
        return found


@lru_cache(maxsize=64)
def best_fraction(factors: int, base: int) -> Fraction:
    """The fraction of ``2**base`` points with the fewest short words in its defining relation.

    Source of the criterion: Fries and Hunter, Technometrics 22 (1980) 601 (minimum aberration). The search is
    exhaustive where that is cheap, else generators are chosen one by one with the best partial choices kept.
    """
    wanted = factors - base
    words = sorted((w for w in range(1, 2**base) if w.bit_count() >= 2), key=lambda w: (-w.bit_count(), w))
    if wanted > len(words) or wanted < 0 or base < 1:
        raise SpaceError(f"no two-level fraction of {2**base} points holds {factors} factors")
    odd = [w for w in words if w.bit_count() % 2]  # these alone make a relation of even words: no word of three
    found = [_best_words(some, wanted, base, factors) for some in (odd, words) if len(some) >= wanted]
    return Fraction(factors, base, min(found, key=lambda some: _pattern(some, base, factors)))


def _best_words(words: Sequence[int], wanted: int, base: int, factors: int) -> tuple[int, ...]:
    if math.comb(len(words), wanted) <= TRIED:
        return min(itertools.combinations(words, wanted), key=lambda some: _pattern(some, base, factors))
    partial: list[tuple[int, ...]] = [()]
    for _ in range(wanted):
        longer = {tuple(sorted({*some, word})) for some in partial for word in words if word not in some}
        partial = sorted(longer, key=lambda some: (_pattern(some, base, factors), some))[:KEPT]
    return partial[0]


def fractional(space: Space, n: int) -> tuple[NDArray[np.float64], Fraction, list[Parameter]]:
    """A two-level fraction of ``n`` points: coordinates ``(n, d)``, the fraction, and the parameters that vary.

    Of the fractions of one family, which differ in signs, the first whose points are all allowed.

    Raises:
        SpaceError: A parameter has not two levels, there is no such fraction, or constraints forbid a point of each.
    """
    varied = two_level(space)
    k = len(varied)
    sizes = fraction_sizes(k)
    if n not in sizes:
        shown = ", ".join(map(str, sizes)) + f" (the last is all of them: {k} parameters at two levels)"
        raise SpaceError(f"a two-level fractional factorial of {k} parameters has one of these sizes: {shown}, not {n}")
    usual = best_fraction(k, n.bit_length() - 1)
    generated = range(usual.base, usual.base + len(usual.words))[:TURNED]
    for size in range(len(generated) + 1):
        for turned in itertools.combinations(generated, size):
            fraction = replace(usual, turned=turned)
            x = _placed(space, varied, fraction.signs())
            if space.allows(x).all() and space.keeps(x).all():
                return x, fraction, varied
    raise SpaceError(_forbidden(space, _placed(space, varied, usual.signs()), len(generated) > 0))


def _placed(space: Space, varied: Sequence[Parameter], signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates of a two-level design, ``(n, d)``, from its signs, ``(n, varied)``."""
    x = np.empty((len(signs), len(space.parameters)))
    column = 0
    for i, p in enumerate(space.parameters):
        low, high = least_and_most(p)
        x[:, i] = low
        if p in varied:
            x[:, i] = np.where(signs[:, column] < 0, low, high)
            column += 1
    return x


def _forbidden(space: Space, x: NDArray[np.float64], is_fraction: bool) -> str:
    """What forbids points of the usual fraction, where no other of its family is allowed as a whole."""
    others = ", and every fraction with other signs has such points" if is_fraction else ""
    if not (allowed := space.allows(x)).all():
        broken = [c.name for c in space.constraints if not c.allows(x).all()]
        return (
            f"{int((~allowed).sum())} of the {len(x)} points of the two-level fraction break constraint "
            f"{broken[0] if broken else ''!r}{others}; use d-optimal, which keeps constraints"
        )
    return (
        f"the filters of products leave out {int((~space.keeps(x)).sum())} of the {len(x)} points of the two-level "
        f"fraction{others}; use d-optimal, which keeps filters"
    )


def two_level(space: Space) -> list[Parameter]:
    """The parameters of a two-level design: numbers at their ends, and choices between two.

    Raises:
        SpaceError: A choice has more options than two, or nothing varies.
    """
    for p in space.parameters:
        if isinstance(p, Category | Component) and p.size > 2:
            raise SpaceError(
                f"a fractional factorial has two levels, and parameter {p.name!r} has {p.size} options; "
                "keep two of them, or use d-optimal"
            )
    if space.mixtures:
        raise SpaceError(
            f"a fractional factorial has two levels, and {space.mixtures[0].name!r} is a mixture; use d-optimal or "
            "factorial"
        )
    if space.conditions:
        name = space.names[space.conditions[0].column]
        raise SpaceError(
            f"a fractional factorial needs parameters that always apply, and {name!r} does not; use d-optimal"
        )
    varied = [p for p in space.parameters if least_and_most(p)[0] != least_and_most(p)[1]]
    if len(varied) < 2:
        raise SpaceError("a fractional factorial needs two parameters that vary; use factorial")
    if len(varied) > MOST:
        raise SpaceError(f"a fractional factorial takes up to {MOST} parameters, not {len(varied)}; use d-optimal")
    return varied


def fraction_sizes(factors: int) -> list[int]:
    """Powers of two with which ``factors`` two-level factors can be told apart."""
    return [2**m for m in range(1, factors + 1) if 2**m > factors]


def _named(effect: int, names: Sequence[str]) -> str:
    return " x ".join(name for i, name in enumerate(names) if effect >> i & 1)


def _relation(generators: Sequence[int]) -> NDArray[np.int64]:
    words = np.zeros(1, dtype=np.int64)
    for generator in generators:
        words = np.concatenate([words, words ^ generator])
    return words[1:]


def _lengths(words: NDArray[np.int64], factors: int) -> NDArray[np.int64]:
    return np.asarray((words[:, None] >> np.arange(factors) & 1).sum(axis=1))


def _pattern(words: Sequence[int], base: int, factors: int) -> tuple[int, ...]:
    """How many words of each length the defining relation has, from length three: fewer short ones is better."""
    relation = _relation([word | 1 << (base + j) for j, word in enumerate(words)])
    return tuple(np.bincount(_lengths(relation, factors), minlength=factors + 1)[3:].tolist())
