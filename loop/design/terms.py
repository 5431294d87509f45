"""Terms of a polynomial model: from coordinates to the columns of a model matrix.

Numbers run from -1 to 1 over their range or their scale, ordinals by rank. Options have contrasts that sum to zero and
are orthogonal, scaled so that each has a mean square of one over the options: two options are -1 and 1. So in a
balanced two-level design the information matrix of the main effects is ``n`` times the identity. What does not apply
in a row has no effect there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.space import Category, Component, Parameter, Space
from loop.space.parameters import least_and_most

Order: TypeAlias = Literal["linear", "interactions", "quadratic"]
PRODUCT: Final = " x "  # in the name of a product of two
SQUARED: Final = " squared"  # after the name of a number
DEPENDENT: Final = 1e-7  # of a column's length: less left than this, and others already say what it says

Columns: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """The terms of a model that the allowed candidates can tell apart.

    Attributes:
        space: What ``x`` are coordinates of.
        order: Which terms there are before any is left out.
        kept: Which of them stay.
        names: Of those that stay, one for each column of ``matrix``.
        left_out: Names of terms that others determine everywhere in the space.
    """

    space: Space
    order: Order
    kept: NDArray[np.int64]
    names: tuple[str, ...]
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.kept)

    def matrix(self, x: NDArray[np.float64]) -> Columns:
        """The model matrix of coordinates ``x``, shape ``(n, d)``: shape ``(n, p)``, the first column all ones."""
        return all_terms(self.space, self.order, x)[1][:, self.kept]


def terms_of(space: Space, order: Order, candidates: NDArray[np.float64]) -> Terms:
    """The model's terms, less those that constraints (fractions that sum to one, say) make follow from others.

    Which of several dependent terms goes changes neither a D- nor an I-optimal design: predictions are the same.

    Args:
        space: The search space.
        order: ``linear``, ``interactions`` (products of two parameters too) or ``quadratic`` (squares too).
        candidates: Coordinates of candidates, shape ``(n, d)``, that stand for the whole space.
    """
    names, full = all_terms(space, order, candidates)
    kept, gone = [], []
    basis = np.empty((len(full), 0))
    for column, values in enumerate(full.T):
        rest = values - basis @ (basis.T @ values)
        rest -= basis @ (basis.T @ rest)  # once more: rounding
        length = float(np.linalg.norm(rest))
        if length <= DEPENDENT * max(float(np.linalg.norm(values)), 1e-12):
            gone.append(column)
        else:
            kept.append(column)
            basis = np.column_stack([basis, rest / length])
    return Terms(
        space,
        order,
        np.array(kept, dtype=np.int64),
        tuple(names[c] for c in kept),
        tuple(names[c] for c in gone),
    )


def aliases_of(terms: Terms, x: NDArray[np.float64]) -> dict[str, tuple[tuple[int, str], ...]] | None:
    """By term, the terms left out that are the same at all of ``x``, ``(n, d)``, each with its sign, -1 or 1.

    None where one of those left out follows from others in another way, or is that of a parameter alone.
    """
    names, full = all_terms(terms.space, terms.order, x)
    found: dict[str, tuple[tuple[int, str], ...]] = {}
    for name in terms.left_out:
        column = full[:, names.index(name)]
        same = [(k, s) for k in terms.kept for s in (-1, 1) if np.allclose(column, s * full[:, k], atol=DEPENDENT)]
        of = names[same[0][0]] if len(same) == 1 else ""
        if PRODUCT not in of or PRODUCT not in name:
            return None
        found[of] = (*found.get(of, ()), (same[0][1], name))
    return found


def all_terms(space: Space, order: Order, x: NDArray[np.float64]) -> tuple[list[str], Columns]:
    """Every term of a model, main effects first, dependent or not: names, and columns at ``x``, shape ``(n, p)``."""
    active = space.frame.active(x)
    effects = [
        (p, names, columns * active[:, [i]])  # what does not apply has no effect
        for i, p in enumerate(space.parameters)
        for names, columns in [_main(p, x[:, i])]
        if names  # a parameter that takes one value has none either
    ]
    names, blocks = ["1"], [np.ones((len(x), 1))]
    for _, own, columns in effects:
        names += own
        blocks.append(columns)
    if order in ("interactions", "quadratic"):
        for (_, first, a), (_, second, b) in itertools.combinations(effects, 2):
            names += [f"{n}{PRODUCT}{m}" for n in first for m in second]
            blocks.append((a[:, :, None] * b[:, None, :]).reshape(len(x), a.shape[1] * b.shape[1]))
    if order == "quadratic":
        for p, own, columns in effects:
            if not isinstance(p, Category | Component):
                names.append(f"{own[0]}{SQUARED}")
                blocks.append(columns**2)
    return names, np.hstack(blocks)


def _main(p: Parameter, x: NDArray[np.float64]) -> tuple[list[str], Columns]:
    """Main effects of a parameter: the names of its columns, and these at coordinates ``x``, shape ``(n,)``."""
    if isinstance(p, Category | Component):
        table = contrasts(p.size)
        names = [p.name] if p.size == 2 else [f"{p.name} {k}" for k in range(1, p.size)]
        return names, table[np.rint(x).astype(np.int64).clip(0)]
    low, high = least_and_most(p)
    return ([p.name], 2.0 * p.position(x)[:, None] - 1.0) if low < high else ([], np.empty((len(x), 0)))


def contrasts(size: int) -> NDArray[np.float64]:
    """Orthogonal contrasts of ``size`` options that sum to zero: shape ``(size, size - 1)``, mean squares one."""
    table = np.zeros((size, size - 1))
    for k in range(1, size):
        table[:k, k - 1], table[k, k - 1] = -1.0, float(k)
    return table / np.sqrt((table**2).mean(axis=0)) if size > 1 else table
