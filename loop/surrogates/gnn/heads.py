"""Last layers with a closed form: what each member believes of a value, given the features that it has learnt.

Both kinds are a Gaussian process on the last hidden layer, about a constant: with a linear kernel it is Bayesian
linear regression, worked out in the features; with a Matérn kernel, in the rows. The evidence is highest at the
noise and scale that are used; it is found on a grid, so that nothing has to converge.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), sections 2.1 and 5.4; on the last layer
of a network: Snoek et al., ICML 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from loop.surrogates.matern import matern52

RATIOS = torch.logspace(-7, 1, 33, dtype=torch.float64)  # noise variance over that of the strongest direction
LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)  # lengthscales in median distances of two rows
MANY = 1_000  # rows up to which a kernel head is exact: its cost grows with their number cubed, ten times over
STAND = 800  # rows that stand for all above that, evenly spaced in an order that does not depend on how they came
JITTER = 1e-6  # of the kernel between these, which may lie close together
TINY = 1e-12


class Head(Protocol):
    """What was learnt of values on top of features, by member; values standardised."""

    def moments(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance at features ``(members, n, width)``: two of shape ``(members, n)``."""
        ...

    def covariance(self, phi: Tensor) -> Tensor:
        """Joint covariance at features ``(members, *b, q, width)``: shape ``(members, *b, q, q)``."""
        ...


@dataclass(frozen=True)
class LinearHead:
    """Bayesian linear regression: ``noise * (rows @ rows.T + 1 / count)`` with ``rows = (phi - centre) @ root``."""

    centre: Tensor  # (members, 1, width)
    root: Tensor  # (members, width, width)
    weights: Tensor  # (members, width, 1)
    intercept: Tensor  # (members, 1)
    noise: Tensor  # (members,)
    count: Tensor  # (members,)

    def moments(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        off = phi - self.centre
        mean = (off @ self.weights)[..., 0] + self.intercept
        variance = (off @ self.root).square().sum(-1) + 1.0 / self.count[:, None]
        return mean, variance * self.noise[:, None]

    def covariance(self, phi: Tensor) -> Tensor:
        flat = phi.reshape(len(phi), -1, phi.shape[-1])
        rows = ((flat - self.centre) @ self.root).view(phi.shape)
        shape = (-1, *([1] * (rows.ndim - 1)))
        return self.noise.view(shape) * (rows @ rows.transpose(-1, -2) + 1.0 / self.count.view(shape))


def linear_head(phi: Tensor, y: Tensor, weights: Tensor) -> LinearHead:
    """Fit by evidence.

    Args:
        phi: Features of the rows, shape ``(members, n, width)``.
        y: Their values, shape ``(members, n)``.
        weights: How much each row counts, shape ``(members, n)``; a row of weight 0 is not seen.
    """
    count = (weights > 0).sum(1).double()
    total = weights.sum(1, keepdim=True)
    centre = (weights[..., None] * phi).sum(1, keepdim=True) / total[..., None]
    intercept = (weights * y).sum(1, keepdim=True) / total
    root = weights.sqrt()
    off, value = root[..., None] * (phi - centre), root * (y - intercept)
    strengths, vectors = torch.linalg.eigh(off.transpose(1, 2) @ off)
    strengths = strengths.clamp_min(0.0)
    along = (vectors.transpose(1, 2) @ (off.transpose(1, 2) @ value[..., None]))[..., 0]
    ridge, noise = _most_probable(strengths, along.square(), value.square().sum(1), count)
    shrunk = strengths + ridge[:, None]
    return LinearHead(
        centre, vectors / shrunk.sqrt()[:, None, :], vectors @ (along / shrunk)[..., None], intercept, noise, count
    )


def _most_probable(strengths: Tensor, along: Tensor, total: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The ridge and the noise variance of highest evidence, the noise being at its best for each ridge.

    Args:
        strengths: Eigenvalues of the features' scatter, shape ``(members, k)``.
        along: Squared products of values with its directions, shape ``(members, k)``.
        total: Sums of squared values, shape ``(members,)``.
        count: Rows, shape ``(members,)``.
    """
    ridges = RATIOS * strengths.max(dim=1).values.clamp_min(TINY)[:, None]  # (members, ratios)
    shrunk = strengths[:, None, :] + ridges[..., None]
    misfit = (total[:, None] - (along[:, None, :] / shrunk).sum(-1)).clamp_min(TINY)
    free = (count - 1.0).clamp_min(1.0)
    evidence = -0.5 * free[:, None] * misfit.log() - 0.5 * (shrunk / ridges[..., None]).log().sum(-1)
    best = evidence.argmax(1, keepdim=True)
    return ridges.gather(1, best)[:, 0], misfit.gather(1, best)[:, 0] / free


@dataclass(frozen=True)
class KernelHead:
    """A Gaussian process with a Matérn-5/2 kernel; one entry of each tuple for each member.

    Of at most 1,000 rows it is exact, and ``k`` is their number; of more, 800 of them stand for all of them.
    """

    phi: tuple[Tensor, ...]  # (k, width)
    length: tuple[float, ...]
    output: tuple[float, ...]
    root: tuple[Tensor, ...]  # (k, k): what the rows take of the prior variance is the square of ``kernel @ root``
    weights: tuple[Tensor, ...]  # (k,)
    intercept: tuple[float, ...]

    def moments(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        parts = [self._moments(member, features) for member, features in enumerate(phi)]
        return torch.stack([p[0] for p in parts]), torch.stack([p[1] for p in parts])

    def _moments(self, member: int, phi: Tensor) -> tuple[Tensor, Tensor]:
        shared = _kernel(phi, self.phi[member], self.length[member])
        variance = self.output[member] * (1.0 - (shared @ self.root[member]).square().sum(-1)).clamp_min(TINY)
        return shared @ self.weights[member] + self.intercept[member], variance

    def covariance(self, phi: Tensor) -> Tensor:
        found = []
        for member, features in enumerate(phi):
            shared = _kernel(features, self.phi[member], self.length[member]) @ self.root[member]
            prior = _kernel(features, features, self.length[member])
            found.append(self.output[member] * (prior - shared @ shared.transpose(-1, -2)))
        return torch.stack(found)


def kernel_head(phi: Tensor, y: Tensor, weights: Tensor) -> KernelHead:
    """Fit by evidence; arguments as of ``linear_head``."""
    fitted = [_kernel_member(*member) for member in zip(phi, y, weights, strict=True)]
    return KernelHead(*(tuple(part) for part in zip(*fitted, strict=True)))


def _kernel_member(phi: Tensor, y: Tensor, weights: Tensor) -> tuple[Tensor, float, float, Tensor, Tensor, float]:
    seen = weights > 0
    phi, y, noise = phi[seen], y[seen], 1.0 / weights[seen]
    if len(y) > MANY:
        return _standing_in(phi, y, noise)
    intercept = float(y.mean())
    value = (y - intercept) / noise.sqrt()
    median = float(torch.cdist(phi, phi).median()) or 1.0
    best: tuple[float, float, float, Tensor, Tensor] | None = None
    for length in LENGTHS:
        covariance = _kernel(phi, phi, length * median) / (noise.sqrt()[:, None] * noise.sqrt())
        strengths, vectors = torch.linalg.eigh(covariance)
        strengths, along = strengths.clamp_min(0.0), vectors.T @ value
        shrunk = strengths + (RATIOS * float(strengths.max()))[:, None]
        misfit = (along.square() / shrunk).sum(-1).clamp_min(TINY)
        evidence = -0.5 * len(y) * misfit.log() - 0.5 * shrunk.log().sum(-1)
        which = int(evidence.argmax())
        if best is None or float(evidence[which]) > best[0]:
            output = float(misfit[which]) / len(y)
            best = float(evidence[which]), length * median, output, shrunk[which], vectors
    assert best is not None
    _, length, output, diagonal, vectors = best
    root = vectors / diagonal.sqrt() / noise.sqrt()[:, None]
    return phi, length, output, root, root @ (root.T @ (y - intercept)), intercept


def _standing_in(phi: Tensor, y: Tensor, noise: Tensor) -> tuple[Tensor, float, float, Tensor, Tensor, float]:
    """The same of many rows, seen through some of them: regression on the kernel's features at these, by evidence.

    The variance keeps what they do not explain (deterministic training conditional).

    Source: Quiñonero-Candela and Rasmussen, J. Mach. Learn. Res. 6 (2005) 1939.
    """
    n = len(y)
    some = phi[torch.linspace(0, n - 1, min(STAND, n)).round().long()]
    intercept = float(y.mean())
    value = (y - intercept) / noise.sqrt()
    median = float(torch.cdist(some, some).median()) or 1.0
    total = float(value.square().sum())
    best: tuple[float, float, float, Tensor, Tensor] | None = None
    for length in LENGTHS:
        own = _kernel(some, some, length * median) + JITTER * torch.eye(len(some), dtype=phi.dtype)
        lower = torch.linalg.cholesky(own)
        seen = torch.linalg.solve_triangular(lower, _kernel(some, phi, length * median) / noise.sqrt(), upper=False)
        strengths, vectors = torch.linalg.eigh(seen @ seen.T)
        strengths = strengths.clamp_min(0.0)
        along = vectors.T @ (seen @ value)
        ridges = RATIOS * float(strengths.max())
        shrunk = strengths + ridges[:, None]
        misfit = ((total - (along.square() / shrunk).sum(-1)) / ridges).clamp_min(TINY)
        rest = n - len(some)  # directions in which these rows explain nothing
        evidence = -0.5 * n * misfit.log() - 0.5 * (shrunk.log().sum(-1) + rest * ridges.log())
        which = int(evidence.argmax())
        if best is None or float(evidence[which]) > best[0]:
            back = torch.linalg.solve_triangular(lower.T, vectors, upper=True)
            root = back * (strengths / shrunk[which]).sqrt()
            best = (
                float(evidence[which]),
                length * median,
                float(misfit[which]) / n,
                root,
                back @ (along / shrunk[which]),
            )
    assert best is not None
    _, length, output, root, towards = best
    return some, length, output, root, towards, intercept


def _kernel(a: Tensor, b: Tensor, length: float) -> Tensor:
    return matern52(torch.cdist(a, b) / length)
