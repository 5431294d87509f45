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

from loop.design.changes import ALIASED, Change, is_told, joint_changes, main_changes, row_of
from loop.design.terms import Order, Terms, all_terms
from loop.insight.told_apart import Model, lenth, rank_of, told_apart
from loop.objective import Target
from loop.space import Space
from loop.space.rows import is_among, key_of
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
    whole: NDArray[np.float64] | None = None,
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
        whole: Coordinates of all points of the design, shape ``(m, d)``; None where only its results are known.
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
    names = [*terms.names, *[CURVATURE] * bool(chosen.bend.size)]
    every = [*itertools.chain(*main_changes(space, names, x)), *joint_changes(space, names, x, chosen.aliases)]
    if chosen.bend.size:
        every.append(Change(CURVATURE, "in the middle, less what the ends say of it", {CURVATURE: 1.0}))
    read = [(one.term, one.what, row_of(one.sums, names, matrix.shape[1])) for one in every]
    rows = [one for one in read if is_told(one[2], known)]
    untold = [term for term, _, row in read if not is_told(row, known)]
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
        notes=(
            *notes,
            *_on_holes(chosen, x, whole, design, order),
            *beside.notes(beta, known, untold, target.on_scale.unit),
            *_on_search(chosen),
        ),
        is_random=is_random,
        products=_products(space, terms, x),
    )


def _on_holes(
    model: Model, x: NDArray[np.float64], whole: NDArray[np.float64] | None, design: str, order: Order | None
) -> Iterator[str]:
    """What all of a design would tell and its results at ``x``, ``(n, d)``, do not, for want of some of its points."""
    if whole is None or design == "definitive" or not (lost := int((~is_among(whole, x)).sum())):
        return
    all_of_it = told_apart(model.terms.space, design, whole, np.zeros(len(whole)), order, {})
    if all_of_it is not None and all_of_it.terms.order != model.terms.order:
        what = "squares" if model.terms.order == "interactions" else "products of two parameters"
        yield f"{what} are not told, for want of {lost} of the {plural(len(whole), 'point')} of the design"


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
