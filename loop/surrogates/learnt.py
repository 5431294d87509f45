"""What a process learns of its rows: hyper-parameters, what each effect adds, and how the noise varies.

Output scale and noise lie on a grid with the lengthscale; the variances of effects and the curve of the noise are
found in turn with the most probable point of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from loop.surrogates.effects import RATIOS, Effect, Size, mixed, row_effects, shares_of_range, size_of, sizes
from loop.surrogates.effects import log_prior as ratio_prior
from loop.surrogates.exact import USUAL_NOISE
from loop.surrogates.grid import AT_ONCE, Found, Rows, decomposed, log_posteriors, most_probable, whitening
from loop.surrogates.lengthscales import Lengthscales
from loop.surrogates.scatter import NoiseCurve, noise_curve
from loop.surrogates.sharing import Sharing

OUTPUT_SCALES = torch.logspace(math.log10(0.25), math.log10(20.0), 9, dtype=torch.float64)
NOISES = torch.tensor([1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 6e-1, 1.0], dtype=torch.float64)  # 1: nothing else
NOISE_LOG_MEDIAN, NOISE_LOG_SD = math.log(USUAL_NOISE), 1.0  # log-normal prior of the noise variance, standardised
SWEEPS = 3  # over the effects, at most
# Of each of the variances that are tried: its log prior, and how much of the range of deviations it stands for.
_DENSITY = torch.tensor([ratio_prior(r) for r in RATIOS], dtype=torch.float64)
_SHARES = shares_of_range(RATIOS).log()


@dataclass(frozen=True)
class Learnt:
    """The most probable hyper-parameters of some rows, and what belongs to them.

    Attributes:
        found: The point of the grid.
        effects: What rows have in common beside the surface.
        ratios: The likeliest variance of each effect, in units of the noise: what is expected of the surface and of
            labels rests on it.
        expected: The mean over all variances that it may have, likewise: how much that is doubted rests on it.
        doubting: As the ``root`` of ``found``, with the expected variances.
        undecided: Of effects whose likeliest variance is nought, by name: what their labels may add all the same.
        curve: How the noise varies; None where it is constant.
        log_evidence: Of the values, what a curve costs taken off.
    """

    found: Found
    effects: tuple[Effect, ...]
    ratios: tuple[float, ...]
    expected: tuple[float, ...]
    doubting: Tensor
    undecided: Mapping[str, tuple[Size, ...]]
    curve: NoiseCurve | None
    log_evidence: float

    def sizes(self) -> tuple[Size, ...]:
        """What each label adds, standardised."""
        found = self.found
        likeliest = sizes(self.effects, self._variances(self.ratios), found.root, found.y)
        doubted = sizes(self.effects, self._variances(self.expected), self.doubting, found.y)
        each = (replace(size, sd=doubt.sd) for size, doubt in zip(likeliest, doubted, strict=True))
        undecided = (size for own in self.undecided.values() for size in own)
        return (*(size for size in each if size.effect not in self.undecided), *undecided)

    def row_effects(self) -> Tensor | None:
        """What all effects together are believed to have added to each row, standardised, ``(n,)``; None for none."""
        return row_effects(self.effects, self._variances(self.ratios), self.found.root, self.found.y)

    def _variances(self, ratios: tuple[float, ...]) -> tuple[float, ...]:
        """Of the effects, standardised."""
        return tuple(ratio * self.found.noise for ratio in ratios)


def learn(
    covariances: Tensor,
    prior: Tensor,
    rows: Rows,
    effects: tuple[Effect, ...],
    correlation: Tensor | None,
    *,
    noises: Tensor = NOISES,
    is_trial: bool,
) -> Learnt:
    """The most probable hyper-parameters of ``rows``.

    Args:
        covariances: Of the rows, one for each lengthscale at an output scale of 1: ``(lengthscales, n, n)``.
        prior: As ``log_prior`` has it.
        rows: What was measured.
        effects: What rows have in common beside the surface.
        correlation: A priori between the rows' log noise, ``(n, n)``; None for noise that is constant.
        noises: The grid of its variance, standardised, as ``prior`` has it.
        is_trial: The fit is only compared with others, so that the doubt about effects can be spared: their variances
            are the likeliest.

    Raises:
        RuntimeError: LAPACK did not converge.
    """
    grid = _Grid(covariances, prior, noises)
    shared = grid.with_effects(rows, effects)
    evidence = shared.found.log_evidence
    curve = None if correlation is None else grid.curve(shared.found, rows, correlation, effects, shared.ratios)
    if curve is not None:
        evidence += curve.gain
        rows = replace(rows, weights=rows.weights * curve.at_rows.exp())
        shared = grid.with_effects(rows, effects)
    expected = shared.ratios if is_trial else grid.expected(rows, effects, shared)
    found = shared.found
    doubting = found.root if expected == shared.ratios else grid.doubting(rows, effects, found, expected)
    undecided = {
        effect.name: grid.undecided(rows, effects, shared, which)
        for which, effect in enumerate(effects)
        if not (shared.ratios[which] or is_trial)
    }
    return Learnt(found, effects, shared.ratios, expected, doubting, undecided, curve, evidence)


def log_prior(l0: float, lengths: Lengthscales, noises: Tensor = NOISES) -> Tensor:
    """Log prior on the grid, in log coordinates: shape ``(lengthscales, outputs, noises)``."""
    output = l0 * OUTPUT_SCALES.log() - OUTPUT_SCALES  # Gamma(l0, 1)
    return lengths.log_prior[:, None, None] + output[None, :, None] + noise_log_prior(noises)[None, None, :]


def noise_log_prior(noises: Tensor) -> Tensor:
    """The log prior of variances of the noise, standardised, in log coordinates: shape ``(noises,)``."""
    return -0.5 * ((noises.log() - NOISE_LOG_MEDIAN) / NOISE_LOG_SD).square()


def log_posteriors_with(
    effects: tuple[Effect, ...], covariances: Tensor, prior: Tensor, rows: Rows, outputs: Tensor, noises: Tensor
) -> tuple[list[tuple[float, ...]], Tensor]:
    """What the variances of effects may be, in units of the noise, and with each of that the log posterior of a grid.

    Each variance counts as much as the range of deviations that it stands for. Of two effects every other of the grid
    is looked at, of three every third.

    Args:
        effects: What rows have in common beside the surface.
        covariances: Of the rows, which are exact, one for each kernel: ``(kernels, n, n)``.
        prior: Log prior of the grid, ``(kernels, outputs, noises)``.
        rows: What was measured.
        outputs: Output scales, shape ``(outputs,)``.
        noises: Noise variances, standardised, shape ``(noises,)``.

    Returns:
        The variances, and log posteriors of shape ``(variances, kernels, outputs, noises)``.
    """
    alone = decomposed(covariances, rows, outputs, noises)
    if not effects:
        return [()], (alone.evidence + prior)[None]
    some = RATIOS[:: len(effects)]
    tried = list(itertools.product(some, repeat=len(effects)))
    sharing = Sharing.of(alone, [e.covariance for e in effects], noises)
    if sharing is None:
        shared = (_shared_by(rows, effects, ratios) for ratios in tried)
        evidence = torch.stack([decomposed(covariances, each, outputs, noises).evidence for each in shared])
    else:
        kernels = [sharing.at(kernel) for kernel in range(len(covariances))]
        evidence = torch.stack([torch.stack([one.evidence(ratios) for one in kernels]) for ratios in tried])
    shares = shares_of_range(some).log().tolist()
    believed = {ratio: ratio_prior(ratio) + share for ratio, share in zip(some, shares, strict=True)}
    beside = torch.tensor([math.fsum(believed[r] for r in ratios) for ratios in tried], dtype=evidence.dtype)
    return tried, evidence + prior + beside[:, None, None, None]


def shared_covariance(effects: tuple[Effect, ...], variances: Sequence[float]) -> Tensor | None:
    """What effects of these variances let rows share, ``(n, n)``; None where that is nothing."""
    if not any(variances):
        return None
    return torch.stack([v * effect.covariance for v, effect in zip(variances, effects, strict=True)]).sum(0)


Tried: TypeAlias = dict[tuple[int, tuple[float, ...]], float]  # log posteriors, by kernel and variances of effects


@dataclass(frozen=True)
class Shared:
    """The variance of each effect in units of the noise, the point of the grid, and what was worked out for both."""

    ratios: tuple[float, ...]
    found: Found
    sharing: Sharing | None
    tried: Tried


@dataclass(frozen=True)
class _Grid:
    """The grid of one fit: covariances of all lengthscales at an output scale of 1, and the prior."""

    covariances: Tensor
    prior: Tensor
    noises: Tensor

    def at(self, rows: Rows, evidence: Tensor | None = None) -> Found:
        return most_probable(self.covariances, rows, OUTPUT_SCALES, self.noises, self.prior, evidence)

    def _at_kernel(self, kernel: int) -> _Grid:
        return _Grid(self.covariances[kernel][None], self.prior[kernel][None], self.noises)

    def with_effects(self, rows: Rows, effects: tuple[Effect, ...]) -> Shared:
        """The variance of each effect in units of the noise, one after the other, and the most probable point then."""
        if not effects:
            return Shared((), self.at(rows), None, {})
        sharing = self._sharing(rows, effects)
        posteriors: Tried = {}
        ratios = [0.0] * len(effects)
        kernel = self._kernel(rows, effects, tuple(ratios), sharing)
        for _ in range(SWEEPS):
            before = tuple(ratios)
            for which in range(len(effects)):
                tried = _with_each(tuple(ratios), which)
                fits = self._tried(rows, effects, tried, kernel, sharing, posteriors)
                values = [fit + ratio_prior(r[which]) for fit, r in zip(fits, tried, strict=True)]
                ratios[which] = RATIOS[values.index(max(values))]
            kernel = self._kernel(rows, effects, tuple(ratios), sharing)
            if tuple(ratios) == before:
                break
        found = self._at_kernel(kernel).at(_shared_by(rows, effects, tuple(ratios)))
        return Shared(tuple(ratios), replace(found, kernel=kernel), sharing, posteriors)

    def doubting(self, rows: Rows, effects: tuple[Effect, ...], found: Found, ratios: tuple[float, ...]) -> Tensor:
        """As ``root`` of the point that was found, where effects have these variances instead: ``(n, n)``."""
        covariance = self._covariance(found, _shared_by(rows, effects, ratios))
        scatter = found.noise * rows.weights
        if found.censored is not None:
            scatter[found.censored.rows] = found.censored.variance
        return whitening(covariance, scatter)

    def _covariance(self, found: Found, rows: Rows) -> Tensor:
        """Of the rows at the point that was found, without their noise: ``(n, n)``."""
        covariance = found.output * self.covariances[found.kernel]
        return covariance if rows.shared is None else covariance + found.noise * rows.shared

    def expected(self, rows: Rows, effects: tuple[Effect, ...], shared: Shared) -> tuple[float, ...]:
        """The mean of the variance of each effect over all that it may have, in units of the noise.

        Few labels tell little of it, and the likeliest is less than the mean: with two plates the surface would seem
        known by far better than it is (docs/decisions/0138).
        """
        found = []
        for which in range(len(effects)):
            tried = _with_each(shared.ratios, which)
            fits = self._tried(rows, effects, tried, shared.found.kernel, shared.sharing, shared.tried)
            chances = torch.softmax(torch.tensor(fits, dtype=torch.float64) + _DENSITY + _SHARES, 0).tolist()
            found.append(math.fsum(c * r[which] for c, r in zip(chances, tried, strict=True)))
        return tuple(found)

    def _sharing(self, rows: Rows, effects: tuple[Effect, ...]) -> Sharing | None:
        exact = ~rows.censored
        alone = decomposed(self.covariances, rows, OUTPUT_SCALES, self.noises)
        return Sharing.of(alone, [e.covariance[exact][:, exact] for e in effects], self.noises)

    def _kernel(
        self, rows: Rows, effects: tuple[Effect, ...], ratios: tuple[float, ...], sharing: Sharing | None
    ) -> int:
        """The kernel of the most probable point where effects have these variances."""
        whole = _shared_by(rows, effects, ratios)
        if sharing is None:
            return self.at(whole).kernel
        evidence = sharing.evidence(ratios)
        if rows.censored.any():
            return self.at(whole, evidence).kernel
        return int((evidence + self.prior).amax((1, 2)).argmax())

    def _tried(
        self,
        rows: Rows,
        effects: tuple[Effect, ...],
        tried: list[tuple[float, ...]],
        kernel: int,
        sharing: Sharing | None,
        known: Tried,
    ) -> list[float]:
        """The log posterior of the most probable point at one kernel, for each of several variances of the effects.

        What is ``known`` is looked up, and what is found is put there.
        """
        new = [ratios for ratios in tried if (kernel, ratios) not in known]
        here, factored = self._at_kernel(kernel), None if sharing is None or not new else sharing.at(kernel)
        at_once = max(1, AT_ONCE // len(rows.y) ** 2)
        for begin in range(0, len(new), at_once):
            some = new[begin : begin + at_once]
            if factored is not None:
                evidence = torch.stack([factored.evidence(ratios) for ratios in some])
            else:
                evidence = torch.stack([here.exact(_shared_by(rows, effects, ratios)) for ratios in some])
            if rows.censored.any():
                shared = [_shared_by(rows, effects, ratios).shared for ratios in some]
                found = log_posteriors(
                    here.covariances, rows, OUTPUT_SCALES, self.noises, here.prior, evidence[:, None], shared
                )
            else:
                found = [float(posterior.max()) for posterior in evidence + here.prior[0]]
            known.update(((kernel, ratios), fit) for ratios, fit in zip(some, found, strict=True))
        return [known[kernel, ratios] for ratios in tried]

    def exact(self, rows: Rows) -> Tensor:
        """The evidence of the exact rows at the first kernel, ``(outputs, noises)``."""
        return decomposed(self.covariances, rows, OUTPUT_SCALES, self.noises).evidence[0]

    def undecided(self, rows: Rows, effects: tuple[Effect, ...], shared: Shared, which: int) -> tuple[Size, ...]:
        """What labels may add although nought is the likeliest variance of their effect: over all variances.

        At nought itself each label would add exactly nothing, which few results cannot show.
        """
        tried, effect, kernel = _with_each(shared.ratios, which), effects[which], shared.found.kernel
        here = self._at_kernel(kernel)
        known = None if shared.sharing is None else shared.sharing.at(kernel)
        chances, each = [], []
        for ratios in tried:
            if known is None or rows.censored.any():
                fit = here.at(
                    _shared_by(rows, effects, ratios), None if known is None else known.evidence(ratios)[None]
                )
                chances.append(fit.log_posterior)
                each.append(sizes((effect,), (ratios[which] * fit.noise,), fit.root, fit.y))
                continue
            posterior = known.evidence(ratios) + here.prior[0]
            output, noise = divmod(int(posterior.argmax()), posterior.shape[1])
            chances.append(float(posterior[output, noise]))
            variance = ratios[which] * float(self.noises[noise])
            each.append(size_of(effect, variance, *known.seen(effect.loadings, ratios, output, noise)))
        likely, doubted = (
            mixed(each, torch.softmax(torch.tensor(chances, dtype=torch.float64) + prior, 0).tolist())
            for prior in (_DENSITY, _DENSITY + _SHARES)
        )
        return tuple(replace(size, sd=doubt.sd) for size, doubt in zip(likely, doubted, strict=True))

    def curve(
        self, found: Found, rows: Rows, correlation: Tensor, effects: tuple[Effect, ...], ratios: tuple[float, ...]
    ) -> NoiseCurve | None:
        """How the noise varies over the rows, the other hyper-parameters being as found."""
        covariance = self._covariance(found, _shared_by(rows, effects, ratios))
        added = torch.zeros_like(rows.weights)
        if found.censored is not None:  # a limit tells little of the noise: its site stays
            added[found.censored.rows] = found.censored.variance

        def solve(scatter: Tensor) -> tuple[Tensor, Tensor, float]:
            root = whitening(covariance, torch.where(rows.censored, added, scatter))
            weighted = root @ (root.T @ found.y)
            volume = 2.0 * torch.linalg.slogdet(root)[1]
            evidence = float(-0.5 * (found.y * weighted).sum() + 0.5 * volume)
            diagonal = root.square().sum(-1)
            # a residual as large as expected moves nothing
            return diagonal, torch.where(rows.censored, diagonal.sqrt(), weighted), evidence

        scatter = found.noise * rows.weights
        return noise_curve(correlation, solve, scatter, solve(scatter)[2])


def _with_each(ratios: tuple[float, ...], which: int) -> list[tuple[float, ...]]:
    """The variances of effects, with each that is tried in the place of one of them."""
    return [(*ratios[:which], ratio, *ratios[which + 1 :]) for ratio in RATIOS]


def _shared_by(rows: Rows, effects: tuple[Effect, ...], ratios: tuple[float, ...]) -> Rows:
    """The rows with what effects of these variances (in units of the noise) let them share."""
    shared = shared_covariance(effects, ratios)
    return rows if shared is None else replace(rows, shared=shared)
