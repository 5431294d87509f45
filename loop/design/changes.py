"""What is read off a fitted model: changes of the response, as sums of the coefficients of its terms.

Of a number from its lowest value to its highest, of one of two options in place of the other, of each of several beside
their mean. Parts of a mixture, and other numbers with a fixed sum, cannot change alone: each goes from the least to the
most that the design has of it, while the others keep the proportions that they have on average (Cox's direction), and
of two the blend midway is held against them both. Source of the latter: Cornell, Experiments with Mixtures (2002),
chapters 2 and 5.
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
from loop.space.blends import Blend, blends_of
from loop.space.parameters import least_and_most
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


def terms_with_blends(space: Space, order: Order, x: NDArray[np.float64]) -> Terms:
    """The terms of a model that results at ``x``, ``(n, d)``, tell apart, and where something is mixed all of them.

    Parts have a fixed sum, so that no single coefficient of theirs is told; changes are. Their squares follow from the
    products of two.
    """
    blends = blends_of(space)
    if not blends:
        return terms_of(space, order, x)
    squares = {f"{space.parameters[c].name}{SQUARED}" for blend in blends for c in blend.columns}
    names, _ = all_terms(space, order, x)
    kept = [i for i, name in enumerate(names) if name not in squares]
    return Terms(space, order, np.array(kept), tuple(names[i] for i in kept), ())


def main_changes(space: Space, names: Sequence[str], x: NDArray[np.float64]) -> list[tuple[Change, ...]]:
    """What each parameter that has a term does at the middle of all others, in their order; parts of a blend together.

    The middle of a blend is the mean of the design's.

    Args:
        space: The search space.
        names: The terms of the model.
        x: Coordinates of the experiments, shape ``(n, d)``.
    """
    places, found, middles = set(names), [], dict[str, float]()
    mixed = {c: blend for blend in blends_of(space) for c in blend.columns}
    for column, p in enumerate(space.parameters):
        if column not in mixed:
            if p.name in places or f"{p.name} 1" in places:
                found.append(tuple(_of_parameter(p)))
        elif column == min(mixed[column].columns) and len(mixed[column].made(space, x)):
            found.append(tuple(_of_blend(space, mixed[column], places, x)))
            middles |= _coded(space, mixed[column], mixed[column].made(space, x).mean(axis=0))
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
    for blend in blends_of(space):
        yield from _of_pairs(space, blend, places, x)
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
    """A change where the parts of other blends are as they are on average, in ``middles`` as their terms have them."""
    beside = {
        name: value * middle
        for (own, value), (part, middle) in itertools.product(change.main.items(), middles.items())
        for name in (f"{own}{PRODUCT}{part}", f"{part}{PRODUCT}{own}")
        if name in places and name not in change.sums
    }
    return replace(change, sums={**change.sums, **beside})


def _of_blend(space: Space, blend: Blend, places: set[str], x: NDArray[np.float64]) -> Iterator[Change]:
    """From the least of each part to the most, the others in the proportions that they have on average."""
    made = blend.made(space, x)
    mean = made.mean(axis=0)
    for i, column in enumerate(blend.columns):
        p, low, high, others = space.parameters[column], made[:, i].min(), made[:, i].max(), np.delete(mean, i).sum()
        if high - low < DIFFERENT or others < DIFFERENT:
            continue
        first, last = (mean * (1.0 - share) / others for share in (low, high))
        first[i], last[i] = low, high
        before, after = _coded(space, blend, first), _coded(space, blend, last)
        main = {name: after[name] - before[name] for name in before if name in places}
        pairs = {
            name: after[n] * after[m] - before[n] * before[m]
            for n, m in itertools.combinations(before, 2)
            if (name := f"{n}{PRODUCT}{m}") in places
        }
        ends = (in_digits(float(blend.values(shares)[i]), 3) for shares in (first, last))
        what = f"{f'from {next(ends)} to {next(ends)} {p.unit}'.rstrip()}, the others in proportion"
        yield Change(p.name, what, {**main, **pairs}, main)


def _of_pairs(space: Space, blend: Blend, places: set[str], x: NDArray[np.float64]) -> Iterator[Change]:
    """Of two parts that take each other's place, midway beyond the mean of both ends."""
    made, names = blend.made(space, x), [space.parameters[c].name for c in blend.columns]
    if not len(made):
        return
    nothing = _coded(space, blend, np.zeros(len(names)))
    for i, k in itertools.combinations(range(len(names)), 2):
        name, reach = f"{names[i]}{PRODUCT}{names[k]}", float(np.ptp(made[:, [i, k]], axis=0).min())
        if name in places and reach > DIFFERENT:
            there = _coded(space, blend, np.full(len(names), reach))
            bent = math.prod((there[names[j]] - nothing[names[j]]) / 2 for j in (i, k))
            yield Change(name, "midway between the two, beyond the mean of both", {name: bent})


def _coded(space: Space, blend: Blend, shares: NDArray[np.float64]) -> dict[str, float]:
    """Shares of its parts, ``(parts,)``, as their terms have them: by name, from -1 to 1 over each range."""
    found = {}
    for column, value in zip(blend.columns, blend.values(shares).tolist(), strict=True):
        low, high = least_and_most(space.parameters[column])
        found[space.parameters[column].name] = 2.0 * (value - low) / (high - low or 1.0) - 1.0
    return found


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
