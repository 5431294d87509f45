"""What is read off a fitted model: changes of the response, as sums of the coefficients of its terms.

Of a number from its lowest value to its highest, of one of two options in place of the other, of each of several beside
their mean. The parts of a mixture cannot change alone: each goes from the least to the most that the design has of it,
while the others keep the proportions that they have on average (Cox's direction), and of two the blend midway is held
against them both. Source of the latter: Cornell, Experiments with Mixtures (2002), chapters 2 and 5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.terms import PRODUCT, SQUARED, Order, Terms, all_terms, contrasts, terms_of
from loop.space import Category, Component, Parameter, Space
from loop.space.parameters import least_and_most
from loop.space.structure import Mixture
from loop.wording import in_digits

DIFFERENT: Final = 1e-9  # of a fraction
ALIASED: Final = 1e-6  # of a coefficient


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the response.

    Attributes:
        term: A parameter, an option of one, a part of a mixture, a product of two, or a square.
        what: Of what it is, in words.
        sums: The sum of coefficients that it is, by the names of their terms.
        main: The same without what parts of a mixture do together; by this, other parameters alter it.
        is_whole: Whether it is from one end to the other, and not beside a mean.
    """

    term: str
    what: str
    sums: Mapping[str, float]
    main: Mapping[str, float] = field(default_factory=dict)
    is_whole: bool = True


def terms_with_mixtures(space: Space, order: Order, x: NDArray[np.float64]) -> Terms:
    """The terms of a model that results at ``x``, ``(n, d)``, tell apart, and where there is a mixture all of them.

    Fractions sum to one, so that no single coefficient of theirs is told; changes are. Their squares follow from the
    products of two.
    """
    if not space.mixtures:
        return terms_of(space, order, x)
    parts = {space.parameters[c].name for m in space.mixtures for c in m.columns}
    names, _ = all_terms(space, order, x)
    kept = [i for i, name in enumerate(names) if not (name.endswith(SQUARED) and name.removesuffix(SQUARED) in parts)]
    return Terms(space, order, np.array(kept), tuple(names[i] for i in kept), ())


def main_changes(space: Space, names: Sequence[str], x: NDArray[np.float64]) -> list[tuple[Change, ...]]:
    """What each parameter that has a term, and each mixture, does at the middle of all others, in their order.

    The middle of a mixture is the mean of the design's.

    Args:
        space: The search space.
        names: The terms of the model.
        x: Coordinates of the experiments, shape ``(n, d)``.
    """
    places, mixed, found = set(names), {c: m for m in space.mixtures for c in m.columns}, []
    for column, p in enumerate(space.parameters):
        if column in mixed:
            if column == mixed[column].columns[0]:
                found.append(tuple(_of_mixture(space, mixed[column], places, x)))
        elif p.name in places or f"{p.name} 1" in places:
            found.append(tuple(_of_parameter(p)))
    middles = {
        space.parameters[c].name: float(_coded(space.parameters[c], np.array([mean]))[0])
        for m in space.mixtures
        for c, mean in zip(m.columns, _mean(space, m, x), strict=True)
    }
    return [tuple(_at(change, middles, places) for change in one) for one in found if one]


def joint_changes(
    space: Space, names: Sequence[str], x: NDArray[np.float64], aliases: Mapping[str, Sequence[tuple[int, str]]]
) -> Iterator[Change]:
    """What two together do beyond each, and what bends; ``aliases`` are the same as a product, by its name."""
    places, mains = set(names), main_changes(space, names, x)
    pairs = [(a, b) for first, second in itertools.combinations(mains, 2) for a, b in itertools.product(first, second)]
    called = {
        f"{n}{PRODUCT}{m}": f"{a.term}{PRODUCT}{b.term}"
        for a, b in pairs
        for n, m in itertools.product(a.main, b.main)
        if len(a.main) == len(b.main) == 1
    }
    for a, b in pairs:
        both = _products(a, b, places)
        if not both:
            continue
        same = [(sign, called[name]) for of in both for sign, name in aliases.get(of, ())]
        added = "".join(f" {'+' if sign > 0 else '-'} {name}" for sign, name in same)
        what = "their sum, which it does not tell apart" if same else "together, beyond what each does"
        yield Change(f"{a.term}{PRODUCT}{b.term}{added}", what, both)
    for mixture in space.mixtures:
        for first, second in itertools.combinations(mixture.columns, 2):
            yield from _of_blend(space, first, second, places, x)
    for p in space.parameters:
        if (name := f"{p.name}{SQUARED}") in places:
            yield Change(name, "at the ends, beyond the middle", {name: 1.0})


def row_of(change: Mapping[str, float], names: Sequence[str], size: int) -> NDArray[np.float64]:
    """A sum of coefficients as a row, shape ``(size,)``; those of ``names`` come first."""
    row = np.zeros(size)
    for name, value in change.items():
        row[names.index(name)] = value
    return row


def rows_of(changes: Sequence[Change], names: Sequence[str]) -> NDArray[np.float64]:
    """Sums of coefficients as rows, shape ``(k, p)``."""
    return np.array([row_of(change.sums, names, len(names)) for change in changes]).reshape(-1, len(names))


def is_told(sums: NDArray[np.float64], known: NDArray[np.float64]) -> bool:
    """Whether sums of coefficients, ``(..., p)``, are what results tell: those that ``known``, ``(p, p)``, leaves."""
    return bool(np.allclose(sums @ known, sums, atol=ALIASED))


def _of_parameter(p: Parameter) -> Iterator[Change]:
    if not isinstance(p, Category | Component):
        low, high = least_and_most(p)
        first, last = (str(p.value(end)) if isinstance(p.value(end), str) else f"{end:g}" for end in (low, high))
        yield Change(p.name, f"from {first} to {last} {p.unit}".rstrip(), {p.name: 2.0}, {p.name: 2.0})
    elif p.size == 2:
        yield Change(f"{p.name} {p.options[1]}", f"in place of {p.options[0]}", {p.name: 2.0}, {p.name: 2.0})
    else:
        table, names = contrasts(p.size), [f"{p.name} {k}" for k in range(1, p.size)]
        for i, option in enumerate(p.options):
            sums = dict(zip(names, table[i].tolist(), strict=True))
            yield Change(f"{p.name} {option}", "beside the mean of the options", sums, sums, is_whole=False)


def _at(change: Change, middles: Mapping[str, float], places: set[str]) -> Change:
    """A change where the parts of mixtures, as their terms have them, are as they are on average."""
    beside = {
        name: value * middle
        for (own, value), (part, middle) in itertools.product(change.main.items(), middles.items())
        for name in (f"{own}{PRODUCT}{part}", f"{part}{PRODUCT}{own}")
        if name in places and name not in change.sums
    }
    return replace(change, sums={**change.sums, **beside})


def _mean(space: Space, mixture: Mixture, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean blend of experiments at ``x``, ``(n, d)``, shape ``(parts,)``; equal parts where none has one."""
    used = x[space.frame.active(x)[:, mixture.columns[0]]][:, list(mixture.columns)]
    return used.mean(axis=0) if len(used) else np.full(len(mixture.columns), 1.0 / len(mixture.columns))


def _of_mixture(space: Space, mixture: Mixture, places: set[str], x: NDArray[np.float64]) -> Iterator[Change]:
    """From the least of each part to the most, the others in the proportions that they have on average."""
    columns, mean = list(mixture.columns), _mean(space, mixture, x)
    there = x[space.frame.active(x)[:, columns[0]]]
    for i, column in enumerate(columns):
        low, high = float(there[:, column].min(initial=1.0)), float(there[:, column].max(initial=0.0))
        others = np.delete(mean, i).sum()
        if high - low < DIFFERENT or others < DIFFERENT:
            continue
        ends = np.repeat(mean[None], 2, axis=0)
        for row, share in zip(ends, (low, high), strict=True):
            row *= (1.0 - share) / others
            row[i] = share
        coded = [_coded(space.parameters[c], ends[:, k]) for k, c in enumerate(columns)]
        names = [space.parameters[c].name for c in columns]
        main = {n: float(z[1] - z[0]) for n, z in zip(names, coded, strict=True) if n in places}
        blends = {
            name: float(a[1] * b[1] - a[0] * b[0])
            for (n, a), (m, b) in itertools.combinations(zip(names, coded, strict=True), 2)
            if (name := f"{n}{PRODUCT}{m}") in places
        }
        what = f"from {in_digits(low, 3)} to {in_digits(high, 3)}, the others in proportion"
        yield Change(space.parameters[column].name, what, {**main, **blends}, main)


def _of_blend(space: Space, first: int, second: int, places: set[str], x: NDArray[np.float64]) -> Iterator[Change]:
    """Of two parts of a mixture that take each other's place, midway beyond the mean of both ends."""
    a, b = space.parameters[first], space.parameters[second]
    name = f"{a.name}{PRODUCT}{b.name}"
    reach = min(float(np.ptp(x[:, first])), float(np.ptp(x[:, second])))
    if name in places and reach > DIFFERENT:
        bent = math.prod(float(np.diff(_coded(p, np.array([0.0, reach])))[0]) / 2 for p in (a, b))
        yield Change(name, "midway between the two, beyond the mean of both", {name: bent})


def _coded(p: Parameter, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of a part, ``(n,)``, as its terms have them: from -1 to 1 over its range."""
    low, high = least_and_most(p)
    return 2.0 * (shares - low) / (high - low or 1.0) - 1.0


def _products(a: Change, b: Change, places: set[str]) -> dict[str, float]:
    """By how much one change alters another, by the terms of the products; none where the model has not all of them.

    Of two that go from one end to the other half the difference of differences.
    """
    half = 0.5 if a.is_whole and b.is_whole else 1.0
    both = {}
    for (n, v), (m, w) in itertools.product(a.main.items(), b.main.items()):
        name = f"{n}{PRODUCT}{m}" if f"{n}{PRODUCT}{m}" in places else f"{m}{PRODUCT}{n}"
        if name not in places:
            return {}
        both[name] = half * v * w
    return both
