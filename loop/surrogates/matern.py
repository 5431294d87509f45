"""The prior covariance of a Gaussian process: a Matérn-5/2 correlation and an unknown constant mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from loop.surrogates.metric import Metric

MEAN_VARIANCE = 1.0  # prior variance of the constant mean, in output scales
BLOCK = 65_536  # covariances worked out at once: 512 kB, what a processor keeps for itself

# Note [In place]
# Of thousands of rows a matrix takes 100 MB, and fresh memory for it takes longer than the arithmetic. So where no
# gradient is wanted, it is made block by block, each of which stays near the processor, and each step overwrites what
# the last one made: the same numbers in a quarter of the time that whole matrices would take.


def matern52(r: Tensor) -> Tensor:
    """The Matérn-5/2 correlation at scaled distance ``r``, any shape."""
    a = math.sqrt(5.0) * r
    if a.requires_grad:
        return (1.0 + a + a.square() / 3.0) * (-a).exp()
    decay, square = a.neg().exp_(), a.square().div_(3.0)  # the same in place: Note [In place]
    return a.add_(1.0).add_(square).mul_(decay)


@dataclass(frozen=True)
class Covariance:
    """The prior covariance at one point of the grid; a ``Kernel``."""

    distance: Metric
    lengthscale: float
    output: float

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Covariances of ``a``, ``(*b, n, d)``, with ``b``, ``(*b, m, d)``: ``(*b, n, m)``."""
        if a.dim() == b.dim() == 2 and not (a.requires_grad or b.requires_grad):
            return self._by_rows(a, b, a.dtype, self._exact)
        return self._exact(self.distance.squared(a, b))

    def single(self, a: Tensor, b: Tensor) -> Tensor:
        """The same of ``(n, d)`` and ``(m, d)`` in single precision, for pools: in some 0.6 of the time."""
        return self._by_rows(a, b, torch.float32, lambda squared: self._of(squared.float()))

    def _by_rows(self, a: Tensor, b: Tensor, dtype: torch.dtype, made: Callable[[Tensor], Tensor]) -> Tensor:
        """What is ``made`` of squared distances, ``(n, m)``, some rows after others: Note [In place]."""
        squared, found = self.distance.by_rows(a, b), torch.empty((len(a), len(b)), dtype=dtype)
        at_once = max(BLOCK // max(len(b), 1), 1)
        for start in range(0, len(a), at_once):
            rows = slice(start, start + at_once)
            found[rows] = made(squared(rows))
        return found

    def on(self, device: torch.device, b: Tensor) -> Callable[[Tensor], Tensor]:
        """Single-precision covariances with ``b``, ``(m, d)``, by a device: ``(n, d)`` to ``(n, m)`` there."""
        squared = self.distance.on(device, b)
        return lambda a: self._of(squared(a))

    def _exact(self, squared: Tensor) -> Tensor:
        """Covariances at squared distances, any shape."""
        squared = squared.clamp_min(0.0)
        if squared.requires_grad:
            radius = (squared + 1e-14).sqrt()  # the root has no gradient at zero
            return self.output * (matern52(radius / self.lengthscale) + MEAN_VARIANCE)
        radius = squared.add_(1e-14).sqrt_().div_(self.lengthscale)
        return matern52(radius).add_(MEAN_VARIANCE).mul_(self.output)

    def _of(self, squared: Tensor) -> Tensor:
        """Single-precision covariances at squared distances, which are overwritten."""
        radius = squared.clamp_min_(0.0).sqrt_().mul_(math.sqrt(5.0) / self.lengthscale)
        decay = radius.neg().exp_()
        polynomial = radius.square().div_(3.0).add_(radius).add_(1.0)
        return polynomial.mul_(decay).add_(MEAN_VARIANCE).mul_(self.output)
