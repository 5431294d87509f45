"""Exchange of a design's rows for better ones: Fedorov's algorithm, row by row, for D- and I-optimality, with blocks.

Every exchange is judged for all candidates at once by a rank-two update, of a determinant or of a trace.

Source: Fedorov, Theory of Optimal Experiments (1972); Cook and Nachtsheim, Technometrics 22 (1980) 315 (row by row);
Cook and Nachtsheim, Technometrics 31 (1989) 339 (blocks).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.terms import contrasts

Matrix = NDArray[np.float64]

RIDGE: Final = 1e-6  # added to the information, so that a start with too few rows can be judged; told by no number
PASSES: Final = 30  # over the rows; few designs need ten
GAIN: Final = 1e-9  # in the logarithm of the criterion: less is rounding


@dataclass(frozen=True)
class Criterion:
    """What is sought: much information (D), or little variance of predictions on average (I).

    Attributes:
        known: Information of rows that are there already, shape ``(p, p)``.
        moments: Mean of ``f f'`` over the space, shape ``(p, p)``; None for D-optimality.
    """

    known: Matrix
    moments: Matrix | None = None

    def value(self, information: Matrix) -> NDArray[np.float64]:
        """Smaller is better: minus the log determinant, or the log of the mean variance; for a stack of matrices."""
        information = information + RIDGE * np.eye(information.shape[-1])
        if self.moments is None:
            return np.asarray(-np.linalg.slogdet(information)[1])
        return np.asarray(np.log(np.trace(np.linalg.solve(information, self.moments), axis1=-2, axis2=-1)))


@dataclass
class Rows:
    """A design in the making: which candidate each row is, in which block, and the inverse information.

    The columns are those of the model, then one less than there are blocks for the blocks.
    """

    features: Matrix  # (N, p) of the candidates
    criterion: Criterion
    chosen: NDArray[np.int64]  # (n,)
    labels: NDArray[np.int64]  # (n,) from 0
    blocks: int
    inverse: Matrix = field(init=False)

    def __post_init__(self) -> None:
        self.update()

    def row(self, features: Matrix, label: int) -> Matrix:
        """Features with the columns of the block ``label``: shape ``(n, p + blocks - 1)``."""
        if self.blocks == 1:
            return features
        own = contrasts(self.blocks)[label]
        return np.hstack([features, np.broadcast_to(own, (len(features), self.blocks - 1))])

    def matrix(self) -> Matrix:
        return np.hstack([self.features[self.chosen], contrasts(self.blocks)[self.labels]])

    @property
    def moments(self) -> Matrix | None:
        """The criterion's, with blocks counting nothing: predictions are made for the average block."""
        return None if self.criterion.moments is None else _padded(self.criterion.moments, self.blocks - 1)

    def information(self) -> Matrix:
        rows = self.matrix()
        return rows.T @ rows + _padded(self.criterion.known, self.blocks - 1)

    def value(self) -> float:
        """The criterion's value; smaller is better."""
        return float(Criterion(self.criterion.known, self.moments).value(self.information()))

    def update(self) -> None:
        information = self.information()
        self.inverse = np.asarray(np.linalg.inv(information + RIDGE * np.eye(len(information))))

    def gains(self, i: int, offers: Matrix) -> NDArray[np.float64]:
        """What the criterion gains when row ``i`` becomes each of ``offers``, shape ``(N, p)``: shape ``(N,)``."""
        old = self.row(self.features[self.chosen[i]][None], self.labels[i])[0]
        return self.gains_for(old, self.row(offers, self.labels[i]))

    def gains_for(self, old: Matrix, offers: Matrix) -> NDArray[np.float64]:
        """The same, from and to whole rows."""
        inverse, moments = self.inverse, self.moments
        projected = offers @ inverse
        q, r, s = (projected * offers).sum(axis=1), projected @ old, float(old @ inverse @ old)
        factor = (1 + q) * (1 - s) + r**2  # by which the determinant changes
        usable = factor > 1e-12
        factor = np.where(usable, factor, 1.0)
        if moments is None:
            return np.where(usable, np.log(factor), -np.inf)
        spread = inverse @ moments @ inverse
        weighed = offers @ spread
        a, share = (weighed * offers).sum(axis=1), r / (1 + q)
        lost = float(old @ spread @ old) - 2 * share * (weighed @ old) + share**2 * a
        now = float((inverse * moments).sum())
        after = now - a / (1 + q) + lost * (1 + q) / factor
        return np.where(usable & (after > 0), np.log(now / np.maximum(after, 1e-300)), -np.inf)


def search(
    features: Matrix, criterion: Criterion, n: int, blocks: int, rng: np.random.Generator, starts: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and blocks of the best design found from several starts: candidates' numbers ``(n,)``, labels ``(n,)``.

    No candidate comes twice. Blocks differ in size by one at most.

    Args:
        features: Rows of the model matrix of the candidates, shape ``(N, p)``, with ``N >= n``.
        criterion: What is sought.
        n: How many.
        blocks: How many blocks; 1 for none.
        rng: Decides where the search begins.
        starts: How often it begins anew.
    """
    best: Rows | None = None
    for _ in range(starts):
        rows = Rows(features, criterion, _start(features, criterion, n, rng), _deal(n, blocks, rng), blocks)
        _improve(rows)
        if best is None or rows.value() < best.value() - GAIN:
            best = rows
    assert best is not None
    return best.chosen, best.labels


def assign_blocks(
    features: Matrix, criterion: Criterion, blocks: int, rng: np.random.Generator, starts: int
) -> tuple[NDArray[np.int64], float]:
    """Blocks for the rows of a design that stays as it is: labels ``(n,)`` from 0, and the criterion's value."""
    n = len(features)
    best: tuple[float, NDArray[np.int64]] | None = None
    for _ in range(starts):
        rows = Rows(features, criterion, np.arange(n), _deal(n, blocks, rng), blocks)
        for _ in range(PASSES):
            if not _swap_blocks(rows):
                break
        if best is None or rows.value() < best[0] - GAIN:
            best = rows.value(), rows.labels
    assert best is not None
    return best[1], best[0]


def _improve(rows: Rows) -> None:
    for _ in range(PASSES):
        exchanged = _exchange_rows(rows)
        swapped = rows.blocks > 1 and _swap_blocks(rows)
        if not exchanged and not swapped:
            return


def _exchange_rows(rows: Rows) -> bool:
    """Each row once for the candidate that serves best; whether any was exchanged."""
    changed = False
    for i in range(len(rows.chosen)):
        gains = rows.gains(i, rows.features)
        gains[rows.chosen] = -np.inf
        best = int(gains.argmax())
        if gains[best] > GAIN:
            rows.chosen[i] = best
            rows.update()
            changed = True
    return changed


def _swap_blocks(rows: Rows) -> bool:
    """Each row once with the row of another block that serves best; whether any were swapped.

    The rows stay, so only a small matrix changes: with the model's terms eliminated, the blocks' information is
    ``B' (I - H) B`` of the block columns ``B`` and the hat matrix ``H``, and their share of the mean variance is
    ``tr(S^-1 B' W B)``.
    """
    features = rows.features[rows.chosen]
    inverse = np.linalg.inv(features.T @ features + rows.criterion.known + RIDGE * np.eye(features.shape[1]))
    residual = np.eye(len(features)) - features @ inverse @ features.T
    moments, codes = rows.criterion.moments, contrasts(rows.blocks)
    weights = None if moments is None else features @ inverse @ moments @ inverse @ features.T
    constant = 0.0 if moments is None else float((inverse * moments).sum())

    def value(information: Matrix, spread: Matrix | None) -> NDArray[np.float64]:
        information = information + RIDGE * np.eye(rows.blocks - 1)
        if spread is None:
            return np.asarray(-np.linalg.slogdet(information)[1])
        return np.asarray(np.log(constant + np.trace(np.linalg.solve(information, spread), axis1=-2, axis2=-1)))

    changed = False
    labels = rows.labels.copy()
    for i in range(len(labels)):
        others = np.flatnonzero(labels != labels[i])
        own = codes[labels]
        trials = [None if m is None else _swapped(m, own, i, others) for m in (residual, weights)]
        values = value(*trials)  # type: ignore[arg-type]  # the residual is never None
        now = value(own.T @ residual @ own, None if weights is None else own.T @ weights @ own)
        best = int(values.argmin())
        if values[best] < now - GAIN:
            labels[[i, others[best]]] = labels[[others[best], i]]
            changed = True
    rows.labels = labels
    rows.update()
    return changed


def _swapped(matrix: Matrix, own: Matrix, i: int, others: NDArray[np.int64]) -> Matrix:
    """``B' M B`` after row ``i`` of ``B``, shape ``(n, c)``, changes places with each of ``others``: ``(k, c, c)``."""
    change = own[others] - own[i]
    product = matrix @ own
    pull = product[i] - product[others]
    cross = change[:, :, None] * pull[:, None, :]
    weight = matrix[i, i] + matrix[others, others] - 2 * matrix[i, others]
    square = change[:, :, None] * change[:, None, :] * weight[:, None, None]
    return np.asarray(own.T @ product + cross + cross.transpose(0, 2, 1) + square)


def _start(features: Matrix, criterion: Criterion, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A few candidates at random, then each time the one that adds most information."""
    order = rng.permutation(len(features))
    chosen = list(order[: max(1, min(n, features.shape[1]) // 3)])
    information = features[chosen].T @ features[chosen] + criterion.known
    inverse = np.linalg.inv(information + RIDGE * np.eye(len(information)))
    while len(chosen) < n:
        variance = ((features @ inverse) * features).sum(axis=1)
        variance[chosen] = -np.inf
        pick = int(order[variance[order].argmax()])  # ties go to whichever comes first at random
        chosen.append(pick)
        column = inverse @ features[pick]
        inverse = inverse - np.outer(column, column) / (1 + features[pick] @ column)
    return np.array(chosen, dtype=np.int64)


def _deal(n: int, blocks: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(np.arange(n) % blocks)


def _padded(matrix: Matrix, by: int) -> Matrix:
    return np.pad(matrix, ((0, by), (0, by))) if by else matrix
