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

from loop.design.terms import Order, Terms, all_terms, contrasts, terms_of
from loop.objective import Target
from loop.space import Category, Component, Parameter, Space
from loop.space.parameters import least_and_most
from loop.space.rows import key_of
from loop.wording import in_digits

SURE: Final = 0.95  # of the intervals
FREE: Final = 2  # degrees of freedom that a larger model has to leave
MANY: Final = 10  # orthogonal effects that tell the scatter where nothing is left over, since most are nought
FEWEST: Final = 4  # results
CURVATURE: Final = "curvature"
ALIASED: Final = 1e-6  # of a coefficient
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
    chosen = _told_apart(space, design, x, order, groups or {})
    if chosen is None:
        return None
    terms, beside = chosen
    matrix, is_centre = terms.matrix(x), _at_the_middle(space, x)
    bends = terms.order != "quadratic" and 0 < is_centre.sum() < len(x) and _is_new(matrix, is_centre)
    if bends:
        matrix = np.column_stack([matrix, is_centre])
    matrix = np.column_stack([matrix, beside.columns])
    pseudo = np.linalg.pinv(matrix)
    beta = pseudo @ y
    left = y - matrix @ beta
    freedom = len(y) - _rank(matrix)
    squares = float(left @ left)
    scatter = math.sqrt(squares / freedom) if freedom else None
    known = pseudo @ matrix  # what it leaves as it is of the coefficients, or of a sum of them, is told
    every = [*_read_off(space, terms, matrix.shape[1])]
    if bends:
        every.append((CURVATURE, "in the middle, less what the ends say of it", np.eye(matrix.shape[1])[len(terms)]))
    rows = [one for one in every if _is_told(one[2], known)]
    untold = [term for term, _, row in every if not _is_told(row, known)]
    changes = np.array([row @ beta for _, _, row in rows])
    errors = np.array([float(np.linalg.norm(row @ pseudo)) for _, _, row in rows])
    if scatter is not None:
        deviations, degrees = scatter * errors, float(freedom)
    else:
        deviations, degrees = _lenth(changes), len(changes) / 3
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
        notes=(*notes, *beside.notes(beta, known, untold, target.on_scale.unit)),
        is_random=is_random,
        products=_products(space, terms, x),
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """What else differed, as columns of the model, and what cannot be told from the parameters.

    Attributes:
        tables: By name, the labels and what each has in its columns, ``(labels, labels - 1)``.
        columns: Of each result, shape ``(n, k)``.
        mixed: Names of what goes with a parameter, so that it is left out.
    """

    tables: Mapping[str, tuple[tuple[str, ...], NDArray[np.float64]]]
    columns: NDArray[np.float64]
    mixed: tuple[str, ...] = ()

    def notes(
        self, beta: NDArray[np.float64], known: NDArray[np.float64], untold: Sequence[str], unit: str
    ) -> list[str]:
        """What is to be said of it, by the model's coefficients, ``(p,)``, of which ``known``, ``(p, p)``, are told."""
        found, first = [], len(beta) - sum(table.shape[1] for _, table in self.tables.values())
        for name, (labels, table) in self.tables.items():
            rows = np.zeros((len(labels), len(beta)))
            rows[:, first : first + table.shape[1]] = table
            first += table.shape[1]
            apart = rows @ beta
            least, most = int(apart.argmin()), int(apart.argmax())
            said = f"differences by {name} are taken out"
            if _is_told(rows[most] - rows[least], known):
                by = f"{in_digits(float(apart[most] - apart[least]), 2)} {unit}".rstrip()
                said += f": {name} {labels[most]} lies {by} above {name} {labels[least]}"
            found.append(said)
        if untold:
            found.append(f"not told from differences by {' and '.join(self.tables)}: {', '.join(untold)}")
        found += [f"differences by {name} cannot be told from effects, and may be in them" for name in self.mixed]
        return found


def _told_apart(
    space: Space, design: str, x: NDArray[np.float64], order: Order | None, groups: Mapping[str, Sequence[str]]
) -> tuple[Terms, _Beside] | None:
    """The largest model whose terms the results tell apart, and what it takes out beside them.

    None where not even main effects are told. Of products and squares some may not be told from what is taken out.
    """
    every: tuple[Order, ...] = ("quadratic", "interactions", "linear")
    if order is not None:
        every = every[every.index(order) :]
    elif design == "definitive" or design == "plackett-burman":
        every = ("linear",)
    main = terms_of(space, "linear", x)
    if main.left_out:
        return None
    beside = _taken_out(main, x, groups)
    for wanted in every:
        terms = terms_of(space, wanted, x)
        matrix = np.column_stack([terms.matrix(x), beside.columns])
        free = len(x) - _rank(matrix)
        enough = free >= FREE or wanted == "linear" or (free == 0 and _are_many(terms.matrix(x), beside.columns))
        is_told = [name in main.names for name in terms.names] + [False] * beside.columns.shape[1]
        if not terms.left_out and enough and _are_told(matrix, is_told):
            return terms, beside
    return None


def _are_many(terms: NDArray[np.float64], beside: NDArray[np.float64]) -> bool:
    """Whether terms, ``(n, p)``, are many and all orthogonal, also to what is taken out beside them."""
    gram = terms.T @ np.column_stack([terms, beside])
    np.fill_diagonal(gram, 0.0)
    return terms.shape[1] > MANY and bool(np.abs(gram).max() <= ALIASED * len(terms))


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


def _taken_out(main: Terms, x: NDArray[np.float64], groups: Mapping[str, Sequence[str]]) -> _Beside:
    """Of what else differed that which can be told from main effects, and leaves something to tell the scatter."""
    tables, mixed, matrix = {}, [], main.matrix(x)
    spare = min(FREE, len(x) - len(main))
    for name, labels in groups.items():
        different = tuple(sorted(set(labels), key=lambda label: (len(label), label)))
        if len(different) < 2:
            continue
        table = contrasts(len(different))
        wider = np.column_stack([matrix, table[[different.index(label) for label in labels]]])
        is_main = [True] * len(main) + [False] * (wider.shape[1] - len(main))
        rank, is_told = _rank(wider), _are_told(wider, is_main)
        if is_told and rank == _rank(matrix):
            continue  # what came before takes it out
        if is_told and len(x) - rank >= spare:
            tables[name], matrix = (different, table), wider
        else:
            mixed.append(name)
    return _Beside(tables, matrix[:, len(main) :], tuple(mixed))


def _are_told(matrix: NDArray[np.float64], which: Sequence[bool]) -> bool:
    """Whether the coefficients of some columns can be told from all others."""
    return _is_told(np.eye(matrix.shape[1])[list(which)], np.linalg.pinv(matrix) @ matrix)


def _is_told(sums: NDArray[np.float64], known: NDArray[np.float64]) -> bool:
    """Whether sums of coefficients, ``(..., p)``, are what results tell: those that ``known``, ``(p, p)``, leaves."""
    return bool(np.allclose(sums @ known, sums, atol=ALIASED))


def _rank(matrix: NDArray[np.float64]) -> int:
    return int(np.linalg.matrix_rank(matrix))


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
    return _rank(np.column_stack([matrix, column])) > _rank(matrix)


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
    x: NDArray[np.float64], beside: NDArray[np.float64], y: NDArray[np.float64], squares: float, freedom: int
) -> tuple[float | None, float | None]:
    """The deviation among replicates, but for what is taken out, and the chance of so much misfit by it alone."""
    places = {key: i for i, key in enumerate(dict.fromkeys(key_of(row) for row in x))}
    cells = np.eye(len(places))[[places[key_of(row)] for row in x]]
    matrix = np.column_stack([cells, beside])
    left = y - matrix @ np.linalg.lstsq(matrix, y, rcond=None)[0]
    pure, degrees = float(left @ left), len(y) - _rank(matrix)
    if not degrees:
        return None, None
    replicated = math.sqrt(pure / degrees)
    beyond = freedom - degrees
    if beyond < 1 or pure <= ROUNDED * float(np.var(y)):
        return replicated, None
    ratio = max(squares - pure, 0.0) / beyond / (pure / degrees)
    return replicated, float(stats.f.sf(ratio, beyond, degrees))
