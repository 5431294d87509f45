"""The most probable hyper-parameters of a Gaussian process on a grid, with exact and with censored values.

One eigendecomposition for each kernel gives the evidence of every output scale and noise for the exact rows. Censored
rows have no closed form: what they add is found by expectation propagation, given the exact rows, at the grid points
around the best so far until none of them is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loop.surrogates.censoring import Sites, expectation_propagation
from loop.surrogates.exact import Censored

NEIGHBOURS = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
AT_ONCE = 4_000_000  # elements of covariances that are worked on at once: 32 MB
CROWD = 60  # rows above which only the neighbours along one axis are tried
JITTER = 1e-8  # of the covariance of censored rows, which may be replicates of exact ones

Point = tuple[int, int, int]  # numbers of the kernel, the output scale and the noise


@dataclass(frozen=True)
class Rows:
    """What is known of ``n`` rows, standardised.

    Attributes:
        y: Values, shape ``(n,)``; of no meaning where censored.
        low, high: Limits, shape ``(n,)``.
        censored: Which rows know only limits, shape ``(n,)``.
        weights: Noise of each row in units of the noise variance, shape ``(n,)``.
        shared: What rows have in common beside the surface (effects), in the same units, shape ``(n, n)``.
    """

    y: Tensor
    low: Tensor
    high: Tensor
    censored: Tensor
    weights: Tensor
    shared: Tensor | None = None


@dataclass(frozen=True)
class Found:
    """The most probable grid point, and what an exact posterior is made of there."""

    kernel: int
    output: float
    noise: float
    log_evidence: float
    log_posterior: float
    y: Tensor  # (n,), pseudo-values where censored
    root: Tensor  # (n, n); root @ root.T inverts the covariance of the rows, noise included
    censored: Censored | None = None
    posterior: Tensor | None = None  # the log of it at every point, up to a constant; None where rows are censored


def most_probable(
    covariances: Tensor,
    rows: Rows,
    outputs: Tensor,
    noises: Tensor,
    log_prior: Tensor,
    evidence: Tensor | None = None,
) -> Found:
    """The point of the grid with the highest posterior.

    Args:
        covariances: One for each kernel at an output scale of 1, shape ``(kernels, n, n)``.
        rows: What was measured.
        outputs: Output scales, shape ``(outputs,)``.
        noises: Noise variances, shape ``(noises,)``.
        log_prior: Of each point, shape ``(kernels, outputs, noises)``.
        evidence: Of the exact rows at each point, where it is known and some rows are censored: of the same shape.

    Raises:
        RuntimeError: LAPACK did not converge.
    """
    if evidence is None or not rows.censored.any():
        grid = decomposed(covariances, rows, outputs, noises)
        evidence = grid.evidence
    posterior = evidence + log_prior
    if not rows.censored.any():
        i, j, k = _unravelled(int(posterior.argmax()), posterior)
        return Found(
            i, float(outputs[j]), float(noises[k]), float(grid.evidence[i, j, k]), float(posterior[i, j, k]), rows.y,
            grid.root(i, j, k), posterior=posterior,
        )  # fmt: skip
    (((i, j, k), sites, value),) = _Search(covariances, rows, outputs, noises, posterior[None], (rows.shared,)).run()
    output, noise = float(outputs[j]), float(noises[k])
    y = rows.y.clone()
    y[rows.censored] = sites.value
    scatter = noise * rows.weights
    scatter[rows.censored] = sites.variance
    numbers = torch.nonzero(rows.censored)[:, 0]
    limits = rows.low[numbers], rows.high[numbers]
    covariance = output * covariances[i] + (0.0 if rows.shared is None else noise * rows.shared)
    return Found(
        i, output, noise, value - float(log_prior[i, j, k]), value, y, whitening(covariance, scatter),
        Censored(numbers, *limits, noise * rows.weights[numbers], sites.variance),
    )  # fmt: skip


def log_posteriors(
    covariances: Tensor,
    rows: Rows,
    outputs: Tensor,
    noises: Tensor,
    log_prior: Tensor,
    evidence: Tensor,
    shared: Sequence[Tensor | None],
) -> list[float]:
    """The highest log posterior on the grid where rows, some of them censored, share each of several things instead.

    Args:
        covariances, rows, outputs, noises, log_prior: As of ``most_probable``.
        evidence: Of the exact rows at each point, for each of what is shared: ``(s, kernels, outputs, noises)``.
        shared: What rows have in common beside the surface, ``(n, n)`` each; None for nothing.
    """
    found = _Search(covariances, rows, outputs, noises, evidence + log_prior, shared).run()
    return [value for _, _, value in found]


def decomposed(covariances: Tensor, rows: Rows, outputs: Tensor, noises: Tensor) -> Decomposed:
    """The exact rows among ``rows``, for each of the kernels."""
    exact = ~rows.censored
    shared = None if rows.shared is None else rows.shared[exact][:, exact]
    return Decomposed.of(
        covariances[:, exact][:, :, exact], rows.y[exact], rows.weights[exact], shared, outputs, noises
    )


def whitening(covariance: Tensor, scatter: Tensor) -> Tensor:
    """``root`` with ``root @ root.T`` the inverse of ``covariance + diag(scatter)``, however large the scatter is."""
    half = scatter.rsqrt()
    inner = half[:, None] * covariance * half[None, :] + torch.eye(len(scatter), dtype=scatter.dtype)
    factor = torch.linalg.cholesky(inner)
    root: Tensor = torch.linalg.solve_triangular(factor, torch.diag(half), upper=False).T
    return root


@dataclass(frozen=True)
class Decomposed:
    """The evidence of exact values at every grid point, from one eigendecomposition for each kernel."""

    evidence: Tensor  # (kernels, outputs, noises)
    spectrum: Tensor  # (kernels, outputs, noises, n), eigenvalues of the whitened covariances
    vectors: Tensor  # (kernels, n, n)
    weights: Tensor
    projected: Tensor  # (kernels, n), whitened values on the vectors
    factor: Tensor | None  # (n, n), of the noise and what is shared; None where rows share nothing

    @staticmethod
    def of(
        covariances: Tensor, y: Tensor, weights: Tensor, shared: Tensor | None, outputs: Tensor, noises: Tensor
    ) -> Decomposed:
        factor = None
        if shared is None:
            whitened = covariances / (weights.sqrt()[:, None] * weights.sqrt()[None, :])
            white, volume = y / weights.sqrt(), weights.log().sum()
        else:
            factor = torch.linalg.cholesky(torch.diag(weights) + shared)
            half = torch.linalg.solve_triangular(factor, covariances, upper=False)
            whitened = torch.linalg.solve_triangular(factor, half.transpose(1, 2), upper=False)
            whitened = 0.5 * (whitened + whitened.transpose(1, 2))
            white = torch.linalg.solve_triangular(factor, y[:, None], upper=False)[:, 0]
            volume = 2.0 * factor.diagonal().log().sum()
        values, vectors = torch.linalg.eigh(whitened)
        values = values.clamp_min(0.0)
        projected = (vectors.transpose(1, 2) @ white[:, None])[..., 0]
        spectrum = outputs[None, :, None, None] * values[:, None, None, :] + noises[None, None, :, None]
        evidence = -0.5 * (projected[:, None, None, :].square() / spectrum + spectrum.log()).sum(-1)
        evidence = evidence - 0.5 * volume - 0.5 * len(y) * math.log(2 * math.pi)
        return Decomposed(evidence, spectrum, vectors, weights, projected, factor)

    def root(self, i: int, j: int, k: int) -> Tensor:
        scaled = self.vectors[i] / self.spectrum[i, j, k].sqrt()
        if self.factor is None:
            return scaled / self.weights.sqrt()[:, None]
        root: Tensor = torch.linalg.solve_triangular(self.factor.T, scaled, upper=True)
        return root


@dataclass(frozen=True)
class _Search:
    """Climbing over the grid, from point to better neighbour, for each of several things that rows may share."""

    covariances: Tensor
    rows: Rows
    outputs: Tensor
    noises: Tensor
    posteriors: Tensor  # of the exact rows alone, (s, kernels, outputs, noises)
    shared: Sequence[Tensor | None]

    def run(self) -> list[tuple[Point, Sites, float]]:
        """The best point reached, the sites there, and its log posterior, for each of what is shared."""
        few = len(self.rows.y) <= CROWD
        steps = NEIGHBOURS if few else [s for s in NEIGHBOURS if sum(map(abs, s)) <= 1]
        here = [_unravelled(int(posterior.argmax()), posterior) for posterior in self.posteriors]
        known: list[dict[Point, tuple[float, Sites]]] = [{} for _ in here]
        climbing = list(range(len(here)))
        while climbing:
            fresh = [
                (s, point)
                for s in climbing
                for a, b, c in steps
                if self._is_inside(point := (here[s][0] + a, here[s][1] + b, here[s][2] + c)) and point not in known[s]
            ]
            for (s, point), result in zip(fresh, self._examined(fresh), strict=True):
                known[s][point] = result
            best = {s: max(known[s], key=lambda p: known[s][p][0]) for s in climbing}
            climbing = [s for s in climbing if best[s] != here[s]]
            for s in climbing:
                here[s] = best[s]
        return [(point, known[s][point][1], known[s][point][0]) for s, point in enumerate(here)]

    def _is_inside(self, point: Point) -> bool:
        return all(0 <= at < size for at, size in zip(point, self.posteriors.shape[1:], strict=True))

    def _examined(self, points: Sequence[tuple[int, Point]]) -> Iterator[tuple[float, Sites]]:
        """Log posterior and sites at each of some points, as many at once as there is room for."""
        at_once = max(1, AT_ONCE // len(self.rows.y) ** 2)
        for begin in range(0, len(points), at_once):
            yield from self._at(points[begin : begin + at_once])

    def _at(self, points: Sequence[tuple[int, Point]]) -> Iterator[tuple[float, Sites]]:
        which = [s for s, _ in points]
        i, j, k = (torch.tensor(axis) for axis in zip(*(point for _, point in points), strict=True))
        rows, c, e = self.rows, self.rows.censored, ~self.rows.censored
        whole = self.outputs[j][:, None, None] * self.covariances[i]
        noise = self.noises[k][:, None]
        for s in sorted(set(which)):
            if (shared := self.shared[s]) is not None:
                here = torch.tensor([other == s for other in which])
                whole[here] += noise[here][..., None] * shared
        own, across = whole[:, c][:, :, c], whole[:, e][:, :, c]
        factor = torch.linalg.cholesky(whole[:, e][:, :, e] + torch.diag_embed(noise * rows.weights[e]))
        half = torch.linalg.solve_triangular(factor, across, upper=False)
        seen = torch.linalg.solve_triangular(factor, rows.y[e].expand(len(points), -1)[..., None], upper=False)
        mean = (half.transpose(1, 2) @ seen)[..., 0]
        unit = torch.eye(int(c.sum()), dtype=whole.dtype)
        covariance = own - half.transpose(1, 2) @ half + JITTER * self.outputs[j][:, None, None] * unit
        sites = expectation_propagation(mean, covariance, rows.low[c], rows.high[c], noise * rows.weights[c])
        total = self.posteriors[torch.tensor(which), i, j, k] + sites.log_evidence
        for v, p, s, z in zip(total, sites.precision, sites.value, sites.log_evidence, strict=True):
            yield float(v), Sites(p, s, z)


def _unravelled(index: int, grid: Tensor) -> Point:
    i, j, k = (int(at) for at in np.unravel_index(index, grid.shape))  # torch's loads 0.8 s of symbolic shapes
    return i, j, k
