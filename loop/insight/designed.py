"""What a classical design tells by itself: effects of what was changed, by least squares, with their doubt.

The models of a campaign rest on all of its experiments, most of which were chosen to find the best, so that what they
say of a parameter is an association. A design's experiments were fixed beforehand and run in random order: what
differs between their halves is an effect. Sources: Box, Hunter and Hunter, Statistics for Experimenters (2005),
chapters 5, 6 and 11; Lenth, Technometrics 31 (1989) 469, where no degree of freedom is left to tell the scatter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loop.design.terms import Order, Terms, contrasts, terms_of
from loop.objective import Target
from loop.space import Category, Component, Parameter, Space
from loop.space.parameters import least_and_most
from loop.space.rows import key_of

SURE: Final = 0.95  # of the intervals
FREE: Final = 2  # degrees of freedom that a larger model has to leave
FEWEST: Final = 4  # results
CURVATURE: Final = "curvature"


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


def designed(
    space: Space,
    target: Target,
    design: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    order: Order | None = None,
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
        notes: What was left out of ``x`` and ``y``.
        is_random: Whether it is known to have been run in random order.
    """
    if len(y) < FEWEST or float(np.ptp(y)) == 0.0:
        return None
    terms = _told_apart(space, design, x, order)
    if terms is None:
        return None
    matrix, is_centre = terms.matrix(x), _at_the_middle(space, x)
    bends = terms.order != "quadratic" and 0 < is_centre.sum() < len(x) and _is_new(matrix, is_centre)
    if bends:
        matrix = np.column_stack([matrix, is_centre])
    inverse = np.linalg.inv(matrix.T @ matrix)
    beta = inverse @ matrix.T @ y
    left = y - matrix @ beta
    freedom = len(y) - matrix.shape[1]
    squares = float(left @ left)
    scatter = math.sqrt(squares / freedom) if freedom else None
    rows = [*_read_off(space, terms, matrix.shape[1])]
    if bends:
        rows.append((CURVATURE, "in the middle, less what the ends say of it", np.eye(matrix.shape[1])[-1]))
    changes = np.array([row @ beta for _, _, row in rows])
    errors = np.array([math.sqrt(max(float(row @ inverse @ row), 0.0)) for _, _, row in rows])
    if scatter is not None:
        deviations, degrees = scatter * errors, float(freedom)
    else:
        deviations, degrees = _lenth(changes), len(changes) / 3
    reach = float(stats.t.ppf((1 + SURE) / 2, degrees)) * deviations
    effects = [
        Effect(term, what, float(c), float(c - r), float(c + r), _chance(float(c), float(d), degrees))
        for (term, what, _), c, r, d in zip(rows, changes, reach, deviations, strict=True)
    ]
    replicated, lacking = _by_replicates(x, y, squares, freedom)
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
        notes=tuple(notes),
        is_random=is_random,
    )


def _told_apart(space: Space, design: str, x: NDArray[np.float64], order: Order | None) -> Terms | None:
    """The largest model whose terms the results tell apart; None where not even main effects are."""
    every: tuple[Order, ...] = ("quadratic", "interactions", "linear")
    if order is not None:
        every = every[every.index(order) :]
    elif design == "definitive" or design == "plackett-burman":
        every = ("linear",)
    for wanted in every:
        terms = terms_of(space, wanted, x)
        spare = FREE if wanted != "linear" else 0
        if not terms.left_out and len(x) - len(terms) >= spare:
            return terms
    return None


def _at_the_middle(space: Space, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where every number of three values or more lies between its ends, 0 elsewhere: shape ``(n,)``."""
    inside, has_some = np.ones(len(x), dtype=bool), False
    for column, p in enumerate(space.parameters):
        low, high = least_and_most(p)
        if not isinstance(p, Category | Component) and len(np.unique(x[:, column])) > 2:
            inside &= (x[:, column] > low) & (x[:, column] < high)
            has_some = True
    return (inside & has_some).astype(float)


def _is_new(matrix: NDArray[np.float64], column: NDArray[np.float64]) -> bool:
    return bool(np.linalg.matrix_rank(np.column_stack([matrix, column])) > matrix.shape[1])


def _read_off(space: Space, terms: Terms, size: int) -> Iterator[tuple[str, str, NDArray[np.float64]]]:
    """Each thing that is told: its name, what its change is of, and which sum of coefficients it is, ``(size,)``."""
    places = {name: i for i, name in enumerate(terms.names)}
    varied = [p for p in space.parameters if p.name in places or f"{p.name} 1" in places]
    for p in varied:
        for name, parts in _steps(p):
            yield name, _of_what(p), _sum_of(parts, places, size)
    for first, second in itertools.combinations(varied, 2):
        for (a, ones), (b, others) in itertools.product(_steps(first), _steps(second)):
            half = 0.5 if len(ones) == len(others) == 1 else 1.0  # of two levels half the difference of differences
            both = {f"{n} x {m}": half * v * w for (n, v), (m, w) in itertools.product(ones.items(), others.items())}
            if all(name in places for name in both):
                yield f"{a} x {b}", "together, beyond what each does", _sum_of(both, places, size)
    for p in varied:
        if (name := f"{p.name} squared") in places:
            yield name, "at the ends, beyond the middle", _sum_of({name: 1.0}, places, size)


def _steps(p: Parameter) -> list[tuple[str, dict[str, float]]]:
    """What is told of a parameter: a number from its lowest value to its highest, each option beside their mean."""
    if not isinstance(p, Category | Component):
        return [(p.name, {p.name: 2.0})]
    if p.size == 2:
        return [(f"{p.name} {p.options[1]}", {p.name: 2.0})]
    table, names = contrasts(p.size), [f"{p.name} {k}" for k in range(1, p.size)]
    return [(f"{p.name} {o}", dict(zip(names, table[i].tolist(), strict=True))) for i, o in enumerate(p.options)]


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


def _lenth(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pseudo standard error of effects most of which are nought, for each: shape ``(k,)``."""
    sizes = np.abs(changes)
    first = 1.5 * float(np.median(sizes))
    small = sizes[sizes < 2.5 * first]
    return np.full(len(changes), 1.5 * float(np.median(small)) if len(small) else 0.0)


def _by_replicates(
    x: NDArray[np.float64], y: NDArray[np.float64], squares: float, freedom: int
) -> tuple[float | None, float | None]:
    """The deviation among replicates, and the chance of so much misfit by it alone."""
    groups: dict[bytes, list[float]] = {}
    for row, value in zip(x, y, strict=True):
        groups.setdefault(key_of(row), []).append(float(value))
    pure = sum(float(np.var(values)) * len(values) for values in groups.values())
    degrees = sum(len(values) - 1 for values in groups.values())
    if not degrees:
        return None, None
    replicated = math.sqrt(pure / degrees)
    beyond = freedom - degrees
    if beyond < 1 or pure <= 0.0:
        return replicated, None
    ratio = max(squares - pure, 0.0) / beyond / (pure / degrees)
    return replicated, float(stats.f.sf(ratio, beyond, degrees))
