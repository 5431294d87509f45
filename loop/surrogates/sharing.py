"""What rows share, tried at many variances: the evidence of each from one decomposition of every kernel.

Labels are few beside rows, and the curve of a recorded number bends little. So what rows share is of low rank, and
changes a decomposed covariance by a small matrix: the values are those of a decomposition for each variance.

Source: Woodbury's identity, and Sylvester's for the determinant; pivoted Cholesky factors as in Harbrecht, Peters and
Schneider, Appl. Numer. Math. 62 (2012) 428.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from loop.surrogates.grid import Decomposed

RANK: Final = 1 / 3  # of the rows: beyond it a decomposition for each variance takes less memory, and little longer
NEGLIGIBLE: Final = 1e-14  # share of a variance that a factor may leave out: rounding


@dataclass(frozen=True)
class Sharing:
    """Rows that share nothing, decomposed, and factors of what they may share: ``(n, r)`` each, at a variance of 1."""

    alone: Decomposed
    factors: tuple[Tensor, ...]
    noises: Tensor

    @staticmethod
    def of(alone: Decomposed, covariances: Sequence[Tensor], noises: Tensor) -> Sharing | None:
        """None where what rows share is of too high a rank, as of a label for each, and where there are no rows.

        Args:
            alone: The rows without what they share.
            covariances: Of what they share, ``(n, n)`` each, at a variance of 1.
            noises: The grid of the noise variance.
        """
        left, factors = int(RANK * len(alone.weights)), []
        if not len(alone.weights):  # every value is a limit or a level
            return None
        for covariance in covariances:
            factor = low_rank(covariance, left)
            if factor is None:
                return None
            left -= factor.shape[1]
            factors.append(factor)
        return Sharing(alone, tuple(factors), noises)

    def at(self, kernel: int) -> AtKernel:
        """The same at one of the kernels."""
        alone = self.alone
        lifted = torch.cat(self.factors, 1) / alone.weights.sqrt()[:, None]
        turned = alone.vectors[kernel].T @ lifted
        gram, pull = [], []
        for spectrum in alone.spectrum[kernel]:  # of one output scale after the other, which spares memory
            scaled = turned / spectrum[..., None]  # (noises, n, r)
            gram.append(turned.T @ scaled)
            pull.append((scaled * alone.projected[kernel][:, None]).sum(-2))
        widths = tuple(f.shape[1] for f in self.factors)
        return AtKernel(alone, kernel, self.noises, widths, turned, torch.stack(gram), torch.stack(pull))

    def evidence(self, ratios: Sequence[float]) -> Tensor:
        """At every kernel, where what rows share has variances of ``ratios`` times the noise: as of ``Decomposed``."""
        if not any(ratios):
            return self.alone.evidence
        return torch.stack([self.at(kernel).evidence(ratios) for kernel in range(len(self.alone.vectors))])


@dataclass(frozen=True)
class AtKernel:
    """What rows share, held against one decomposed kernel; ``r`` columns of all factors together."""

    alone: Decomposed
    kernel: int
    noises: Tensor
    widths: tuple[int, ...]
    turned: Tensor  # (n, r), the factors in the basis of the decomposition
    gram: Tensor  # (outputs, noises, r, r), of the factors under the precision of the rows alone
    pull: Tensor  # (outputs, noises, r), of the values on the factors, likewise

    def evidence(self, ratios: Sequence[float]) -> Tensor:
        """At every output scale and noise, ``(outputs, noises)``."""
        sizes, alone = self._sizes(ratios), self.alone.evidence[self.kernel]
        factor = torch.linalg.cholesky(self._inner(sizes, self.gram, self.noises[:, None, None]))
        half = torch.linalg.solve_triangular(factor, (sizes * self.pull)[..., None], upper=False)[..., 0]
        volume = 2.0 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        found: Tensor = alone + 0.5 * (self.noises * half.square().sum(-1) - volume)
        return found

    def seen(self, probes: Tensor, ratios: Sequence[float], output: int, noise: int) -> tuple[Tensor, Tensor]:
        """What ``probes``, ``(m, n)``, see at a point: ``probes @ P @ y``, the diagonal of ``probes @ P @ probes.T``.

        ``P`` is the precision of the rows, what they share included.
        """
        alone, sizes = self.alone, self._sizes(ratios)
        spectrum, variance = alone.spectrum[self.kernel, output, noise], self.noises[noise]
        turned = alone.vectors[self.kernel].T @ (probes.T / alone.weights.sqrt()[:, None])
        scaled, shared = turned / spectrum[:, None], sizes * self.turned
        inner = self._inner(sizes, self.gram[output, noise], variance)
        across = shared.T @ scaled
        solved = torch.cholesky_solve(across, torch.linalg.cholesky(inner))
        mean = scaled.T @ alone.projected[self.kernel] - variance * solved.T @ (sizes * self.pull[output, noise])
        return mean, (turned * scaled).sum(0) - variance * (across * solved).sum(0)

    def _sizes(self, ratios: Sequence[float]) -> Tensor:
        """The deviation of each column, in units of the noise."""
        widths = torch.tensor(self.widths)
        return torch.tensor(ratios, dtype=self.gram.dtype).sqrt().repeat_interleave(widths)

    def _inner(self, sizes: Tensor, gram: Tensor, variance: Tensor) -> Tensor:
        unit = torch.eye(len(sizes), dtype=sizes.dtype)
        return unit + variance * sizes[:, None] * gram * sizes[None, :]


def low_rank(covariance: Tensor, most: int) -> Tensor | None:
    """``(n, r)``, whose product with its transpose is ``covariance``; None where ``r`` would be more than ``most``."""
    left = covariance.diagonal().clone()
    least = NEGLIGIBLE * float(left.max())
    found = torch.zeros(len(left), 0, dtype=covariance.dtype)
    while float(left.max()) > least:
        if found.shape[1] == most:
            return None
        pivot = int(left.argmax())
        column = (covariance[:, pivot] - found @ found[pivot]) / left[pivot].sqrt()
        found = torch.cat([found, column[:, None]], 1)
        left = (left - column.square()).clamp_min(0.0)
        left[pivot] = 0.0
    return found
