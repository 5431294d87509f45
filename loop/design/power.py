"""Power: how large an effect has to be for a design to tell it from the scatter of single results."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.changes import is_told, main_changes, rows_of, terms_with_blends
from loop.design.terms import contrasts
from loop.space import Space

SURE: Final = 0.95  # of the interval that has to leave out nought
LOTS: Final = 2_000  # values of the scatter that may be found
POWER: Final = 0.8  # the chance of that


def tellable(space: Space, x: NDArray[np.float64], blocks: NDArray[np.int64] | None = None) -> float | None:
    """The smallest main effect that is told with a chance of 0.8, in standard deviations of a single result.

    From the lowest value of a number to its highest, or of an option in place of the other or of the mean; the largest
    of all parameters. Products, squares and curvature are taken to be nought. Source: the noncentral t distribution
    (NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.2.2), by quadrature.

    Args:
        space: The search space.
        x: Coordinates of all experiments, shape ``(n, d)``.
        blocks: The block of each, shape ``(n,)``; None without.

    Returns:
        Infinity where nothing is left over to tell the scatter; None where main effects are not told apart.
    """
    from scipy import optimize, stats

    terms = terms_with_blends(space, "linear", x)
    if terms.left_out:
        return None
    matrix = terms.matrix(x)
    if blocks is not None and len(found := np.unique(blocks)) > 1:
        matrix = np.column_stack([matrix, contrasts(len(found))[np.searchsorted(found, blocks)]])
    changes = [change for one in main_changes(space, terms.names, x) for change in one]
    rows = np.pad(rows_of(changes, terms.names), ((0, 0), (0, matrix.shape[1] - len(terms))))
    rank, pseudo = int(np.linalg.matrix_rank(matrix)), np.linalg.pinv(matrix)
    if not len(rows) or not is_told(rows, pseudo @ matrix):
        return None
    if rank == len(x):
        return math.inf
    error = float(np.linalg.norm(rows @ pseudo, axis=1).max())
    freedom = len(x) - rank
    beyond = float(stats.t.ppf((1 + SURE) / 2, freedom))
    lots = (np.arange(LOTS) + 0.5) / LOTS
    scatters = np.sqrt(stats.chi2.ppf(lots, freedom) / freedom)  # as they may be found, each as likely as another

    def lacking(size: float) -> float:
        return POWER - float(
            np.mean(stats.norm.sf(beyond * scatters - size) + stats.norm.cdf(-beyond * scatters - size))
        )

    return error * float(optimize.brentq(lacking, 0.0, 3.0 * beyond + 3.0))


def power_notes(space: Space, x: NDArray[np.float64], blocks: NDArray[np.int64] | None, copies: int) -> tuple[str, ...]:
    """What a design of experiments at ``x``, ``(n, d)``, each made ``copies`` times, can tell of main effects."""
    each = None if blocks is None else np.repeat(blocks, copies)
    size = tellable(space, np.repeat(x, copies, axis=0), each)
    if size is None:
        return ()
    if math.isinf(size):
        return ("nothing is left over to tell the scatter by: few, large effects alone will stand out",)
    return (
        f"an effect {size:.2g} times as large as the deviation of single results, from one end of a parameter to the "
        "other, is told from scatter (95 %) with a chance of 0.8",
    )
