"""What a classical design tells by itself: effects of what was changed, by least squares, with their doubt.

The models of a campaign rest on all of its experiments, most of which were chosen to find the best, so that what they
say of a parameter is an association. A design's experiments were fixed beforehand and run in random order: what
differs between their halves is an effect. What else is known to have differed, such as blocks or days, is taken out
where the design tells it apart. Sources: Box, Hunter and Hunter, Statistics for Experimenters (2005),
chapters 5, 6 and 11; Lenth, Technometrics 31 (1989) 469, where no degree of freedom is left to tell the scatter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loop.design.terms import PRODUCT, Order, Terms, all_terms, steps
from loop.insight.told_apart import ALIASED, Model, is_told, lenth, rank_of, told_apart
from loop.objective import Target
from loop.space import Category, Component, Parameter, Space
from loop.space.parameters import least_and_most
from loop.space.rows import key_of
from loop.wording import plural

SURE: Final = 0.95  # of the intervals
FEWEST: Final = 4  # results
CURVATURE: Final = "curvature"
ROUNDED: Final = 1e-20  # of a variance: what least squares leaves of replicates that are equal


@dataclass(frozen=True, slots=True)
class Effect:
    """What one thing does to a target.

    Attributes:
        term: A parameter, an option of one, a product of two, a square, or ``curvature``.
        what: What ``change`` is of, in words.
        change: On the target's scale.
        low, high: Its interval; the same as ``change`` where nothing tells the scatter.
        chance: That so large a change comes by scatter alone; None where that cannot be told.
    """

    term: str
    what: str
    change: float
    low: float
    high: float
    chance: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out nought."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True, slots=True)
class Designed:
    """What a design tells of a target.

    Attributes:
        unit: Of the target's scale.
        design: Its name.
        experiments: With a value of the target.
        order: The model whose terms are told apart.
        effects: The clearest first.
        scatter: Standard deviation of one experiment about the model; None where nothing is left to tell it.
        freedom: Degrees of freedom behind it.
        replicated: Standard deviation among replicates; None without any.
        lacking: Chance that the model misses so much by scatter alone; None where replicates do not tell.
        notes: What was left out.
        is_random: Whether it is known to have been run in random order.
        products: Where products of two parameters are that the model has not: ``mixed`` with its effects, or in its
            ``scatter``; "" where it has them, or there are none.
    """

    target: str
    unit: str
    design: str
    experiments: int
    order: Order
    effects: tuple[Effect, ...]
    scatter: float | None
    freedom: int
    replicated: float | None
    lacking: float | None
    notes: tuple[str, ...] = ()
    is_random: bool = True
    products: Literal["", "mixed", "scatter"] = ""


def designed(
    space: Space,
    target: Target,
    design: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    order: Order | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    notes: Sequence[str] = (),
    is_random: bool = True,
) -> Designed | None:
    """What a design's results tell; None of fewer than four, or where nothing differs.

    Args:
        space: The campaign's.
        target: What was measured.
        design: The design's name.
        x: Coordinates, shape ``(n, d)``.
        y: Values on the target's scale, shape ``(n,)``.
        order: The model; None for the largest that the results tell with a degree of freedom or two to spare.
        groups: By what else differed (``block``, ``day``), what each result was made in, ``n`` labels.
        notes: What was left out of ``x`` and ``y``.
        is_random: Whether it is known to have been run in random order.
    """
    if len(y) < FEWEST or float(np.ptp(y)) == 0.0:
        return None
    chosen = told_apart(space, design, x, y, order, groups or {})
    if chosen is None:
        return None
    terms, beside = chosen.terms, chosen.beside
    matrix = np.column_stack([terms.matrix(x), chosen.bend, beside.columns])
    pseudo = np.linalg.pinv(matrix)
    beta = pseudo @ y
    left = y - matrix @ beta
    freedom = len(y) - rank_of(matrix)
    squares = float(left @ left)
    scatter = math.sqrt(squares / freedom) if freedom else None
    known = pseudo @ matrix  # what it leaves as it is of the coefficients, or of a sum of them, is told
    every = [*_read_off(space, chosen, matrix.shape[1])]
    if chosen.bend.size:
        every.append((CURVATURE, "in the middle, less what the ends say of it", np.eye(matrix.shape[1])[len(terms)]))
    rows = [one for one in every if is_told(one[2], known)]
    untold = [term for term, _, row in every if not is_told(row, known)]
    changes = np.array([row @ beta for _, _, row in rows])
    errors = np.array([float(np.linalg.norm(row @ pseudo)) for _, _, row in rows])
    if scatter is not None:
        deviations, degrees = scatter * errors, float(freedom)
    else:
        deviations, degrees = np.full(len(changes), lenth(changes)), len(changes) / 3
    reach = float(stats.t.ppf((1 + SURE) / 2, degrees)) * deviations
    effects = [
        Effect(term, what, float(c), float(c - r), float(c + r), _chance(float(c), float(d), degrees))
        for (term, what, _), c, r, d in zip(rows, changes, reach, deviations, strict=True)
    ]
    replicated, lacking = _by_replicates(x, beside.columns, y, squares, freedom)
    return Designed(
        target=target.name,
        unit=target.on_scale.unit,
        design=design,
        experiments=len(y),
        order=terms.order,
        effects=tuple(sorted(effects, key=lambda e: 1.0 if e.chance is None else e.chance)),
        scatter=scatter,
        freedom=freedom,
        replicated=replicated,
        lacking=lacking,
        notes=(*notes, *beside.notes(beta, known, untold, target.on_scale.unit), *_on_search(chosen)),
        is_random=is_random,
        products=_products(space, terms, x),
    )


def _on_search(model: Model) -> Iterator[str]:
    """What was looked for beyond main effects, where a design has more of that than results."""
    if model.looked_through:
        which = "those told here stood out" if model.terms.order == "quadratic" else "none stood out"
        looked = plural(model.looked_through, "product or square", "products and squares")
        yield f"{looked} of parameters with clear main effects were looked through, and {which}"


def _products(space: Space, terms: Terms, x: NDArray[np.float64]) -> Literal["", "mixed", "scatter"]:
    """Where products of two parameters are that a model has not."""
    if terms.order != "linear":
        return ""
    main = terms.matrix(x)
    products = all_terms(space, "interactions", x)[1][:, len(all_terms(space, "linear", x)[0]) :]
    products = products - products.mean(axis=0)
    products = products[:, np.linalg.norm(products, axis=0) > ALIASED]
    if not products.shape[1]:
        return ""
    return "mixed" if float(np.abs(np.linalg.pinv(main) @ products)[1:].max()) > ALIASED else "scatter"


def _read_off(space: Space, model: Model, size: int) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """Each thing that is told: its name, what its change is of, and which sum of coefficients it is, ``(size,)``."""
    places = {name: i for i, name in enumerate(model.terms.names)}
    varied = [p for p in space.parameters if p.name in places or f"{p.name} 1" in places]
    for p in varied:
        for name, parts in steps(p):
            yield name, _of_what(p), _sum_of(parts, places, size)
    called = {}  # products of two numbers or choices between two, as they are told
    for first, second in itertools.combinations(varied, 2):
        for (a, ones), (b, others) in itertools.product(steps(first), steps(second)):
            if len(ones) == len(others) == 1:
                called[f"{first.name}{PRODUCT}{second.name}"] = f"{a}{PRODUCT}{b}"
    for first, second in itertools.combinations(varied, 2):
        for (a, ones), (b, others) in itertools.product(steps(first), steps(second)):
            half = 0.5 if len(ones) == len(others) == 1 else 1.0  # of two levels half the difference of differences
            both = {
                f"{n}{PRODUCT}{m}": half * v * w for (n, v), (m, w) in itertools.product(ones.items(), others.items())
            }
            if all(name in places for name in both):
                same = [(sign, called[name]) for of in both for sign, name in model.aliases.get(of, ())]
                added = "".join(f" {'+' if sign > 0 else '-'} {name}" for sign, name in same)
                what = "their sum, which it does not tell apart" if same else "together, beyond what each does"
                yield f"{a}{PRODUCT}{b}{added}", what, _sum_of(both, places, size)
    for p in varied:
        if (name := f"{p.name} squared") in places:
            yield name, "at the ends, beyond the middle", _sum_of({name: 1.0}, places, size)


def _of_what(p: Parameter) -> str:
    if not isinstance(p, Category | Component):
        low, high = least_and_most(p)
        first, last = (str(p.value(end)) if isinstance(p.value(end), str) else f"{end:g}" for end in (low, high))
        return f"from {first} to {last} {p.unit}".rstrip()
    return f"in place of {p.options[0]}" if p.size == 2 else "beside the mean of the options"


def _sum_of(parts: dict[str, float], places: dict[str, int], size: int) -> NDArray[np.float64]:
    row = np.zeros(size)
    for name, value in parts.items():
        row[places[name]] = value
    return row


def _chance(change: float, deviation: float, degrees: float) -> float | None:
    return None if deviation <= 0.0 else float(2 * stats.t.sf(abs(change) / deviation, degrees))


def _by_replicates(
    x: NDArray[np.float64], beside: NDArray[np.float64], y: NDArray[np.float64], squares: float, freedom: int
) -> tuple[float | None, float | None]:
    """The deviation among replicates, but for what is taken out, and the chance of so much misfit by it alone."""
    places = {key: i for i, key in enumerate(dict.fromkeys(key_of(row) for row in x))}
    if len(places) == len(x):
        return None, None
    cells = np.eye(len(places))[[places[key_of(row)] for row in x]]
    matrix = np.column_stack([cells, beside])
    left = y - matrix @ np.linalg.lstsq(matrix, y, rcond=None)[0]
    pure, degrees = float(left @ left), len(y) - rank_of(matrix)
    if not degrees:
        return None, None
    replicated = math.sqrt(pure / degrees)
    beyond = freedom - degrees
    if beyond < 1 or pure <= ROUNDED * float(np.var(y)):
        return replicated, None
    ratio = max(squares - pure, 0.0) / beyond / (pure / degrees)
    return replicated, float(stats.f.sf(ratio, beyond, degrees))
