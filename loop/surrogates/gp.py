"""The Gaussian process of small data: an isotropic Matérn-5/2 kernel with the chemistry prior.

Its three hyper-parameters are found on a grid, exactly and at any number of observations, instead of by an
optimiser that can fail: one eigendecomposition for each lengthscale gives the evidence of every output scale
and noise. The whole fit takes some 10 ms at 50 observations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.fidelity import fidelity_column
from loop.space import Space
from loop.surrogates.distance_parts import Part
from loop.surrogates.effects import RATIOS, Effect, Size, effects_of, effects_told, mixed, row_effects, sizes
from loop.surrogates.effects import log_prior as ratio_prior
from loop.surrogates.exact import USUAL_NOISE, ExactPosterior, noise_weights, standardised
from loop.surrogates.grid import Found, Rows, most_probable, whitening
from loop.surrogates.inducing import MANY, a_part, filled, near_the_real, told_all
from loop.surrogates.lengthscales import Lengthscales, has_choices, lengthscales, typical
from loop.surrogates.metric import Metric, has_numbers, metric
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation
from loop.surrogates.scatter import WIDEST, NoiseCurve, noise_curve

OUTPUT_SCALES = torch.logspace(math.log10(0.25), math.log10(20.0), 9, dtype=torch.float64)
NOISES = torch.tensor([1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1], dtype=torch.float64)
NOISE_LOG_MEDIAN, NOISE_LOG_SD = (
    math.log(USUAL_NOISE),
    1.0,
)  # log-normal prior of the noise variance, values standardised
SWEEPS = 3  # over the effects, at most
APART = (0.1, 1.0, 4.0, 16.0, 64.0, 400.0)  # of fidelities, in distances of two options: from alike to unrelated
WEIGHTS = (1.0, 4.0, 16.0, 64.0)  # of numbers beside options: lengthscales of a half, a quarter, an eighth
WEIGHT = "weight_of_numbers"  # the one that was taken, in what is told
DOUBT = 0.5  # log prior odds against each e-fold of that distance: few points say nothing, and cheap ones must be tried
MEAN_VARIANCE = 1.0  # prior variance of the constant mean, in output scales


@dataclass(frozen=True)
class GaussianProcess:
    """A recipe: which representation the kernel sees."""

    name: str
    representation: Representation
    needs: int = 2
    learns_noise: bool = False  # as a function of the conditions, where the data say so
    calibrates: bool = False  # by the errors that each value is met with when it is left out
    weighs_numbers: bool = False  # beside options, by the evidence; docs/decisions/0055
    device: str = "cpu"  # where pools are looked over

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> ExactPosterior:
        """The process at the most probable grid point. Raises ``TooFewPoints`` or ``FitError``.

        Prior (Chen, Fleck and Stuyver 2026): l0 = 0.4 sqrt(d) + 4, lengthscale ~ Gamma(2 l0, 2), output scale ~
        Gamma(l0, 1), with d the nominal dimension of the encoding; numbers alone have lengthscales of their own (see
        ``lengthscales``). Where the space has fidelities, how far they are apart, and so how much they have in common,
        is one more thing that the evidence decides. Of more than a thousand values a part decides the
        hyper-parameters, and of more than five thousand some stand for all (``inducing``).

        A process that ``calibrates`` has all its variances scaled so that left-out values lie about it as it says; its
        mean is not moved by that.
        """
        if len(data) < self.needs:
            raise TooFewPoints(self.name, self.needs, len(data))
        fitted = self._most_probable(space, data, seed)
        return scaled(fitted) if self.calibrates and fitted.censored is None else fitted

    def _most_probable(self, space: Space, data: TrainingSet, seed: int) -> ExactPosterior:
        if fidelity_column(space) is None:
            return self.fit_alone(space, data, seed=seed)
        some = near_the_real(space, data, seed)
        if len(some) < len(data):
            return filled(self._of_versions(space, data.rows(some)), data, some)
        return self._of_versions(space, data)

    def fit_alone(self, space: Space, data: TrainingSet, *, seed: int, beside: Part | None = None) -> ExactPosterior:
        """The same of rows that all are of one version; with ``beside`` one more part of the distance."""
        if len(data) <= MANY:
            return self._of_weights(space, data, 1.0, beside)
        part = self._of_weights(space, a_part(data, seed), 1.0, beside)
        is_plain = not data.effects and not self.learns_noise and not bool(data.is_censored.any())
        if is_plain:
            return told_all(part, data, seed)
        length, weight = float(part.details["lengthscale"]), part.details.get(WEIGHT)
        found = self._fitted(space, data, 1.0, beside, lengthscale=length, weight=weight or 1.0)
        return found if weight is None else replace(found, details={**found.details, WEIGHT: weight})

    def _of_versions(self, space: Space, data: TrainingSet) -> ExactPosterior:
        fitted = [self._fitted(space, data, apart, is_trial=True) for apart in APART]
        told = [
            float(f.details["log_evidence"]) - DOUBT * math.log(a / APART[0])
            for a, f in zip(APART, fitted, strict=True)
        ]
        apart = APART[told.index(max(told))]
        found = self._of_weights(space, data, apart)
        return replace(found, details={**found.details, "fidelities_apart": apart})

    def _of_weights(self, space: Space, data: TrainingSet, apart: float, beside: Part | None = None) -> ExactPosterior:
        """The process whose numbers count as much beside options as the evidence says, where it is to weigh them."""
        if not self.weighs_numbers or not has_choices(space) or not has_numbers(space, self.representation):
            return self._fitted(space, data, apart, beside)
        fitted = [self._fitted(space, data, apart, beside, weight=weight, is_trial=True) for weight in WEIGHTS]
        told = [
            float(f.details["log_evidence"]) - DOUBT * math.log(weight)
            for weight, f in zip(WEIGHTS, fitted, strict=True)
        ]
        which = told.index(max(told))
        # a trial tells nothing of the doubt about effects, which takes longer than the fit
        found = self._fitted(space, data, apart, beside, weight=WEIGHTS[which]) if data.effects else fitted[which]
        return replace(found, details={**found.details, WEIGHT: WEIGHTS[which]})

    def _fitted(
        self,
        space: Space,
        data: TrainingSet,
        apart: float,
        beside: Part | None = None,
        lengthscale: float | None = None,
        weight: float = 1.0,
        is_trial: bool = False,
    ) -> ExactPosterior:
        distance = metric(space, self.representation, apart, weight)
        if beside is not None:
            distance = Metric((*distance.parts, beside), distance.dimension + 1)
        shift, scale = standardised(data)
        low, high = ((limit - shift) / scale for limit in data.limits)
        y = (data.y - shift) / scale
        weights = noise_weights(data, scale)
        l0, lengths = typical(distance.dimension), lengthscales(space, distance.dimension)
        if lengthscale is not None:
            lengths = lengths.at(lengthscale)
        radius = distance.squared(data.x, data.x).clamp_min(0.0).sqrt()
        covariances = matern52(radius / lengths.values[:, None, None]) + MEAN_VARIANCE
        rows = Rows(y, low, high, data.is_censored, weights)
        effects = effects_of(data.effects)
        grid = _Grid(covariances, _log_prior(l0, lengths))
        curve: NoiseCurve | None = None
        try:
            ratios, found = grid.with_effects(rows, effects)
            if self.learns_noise:
                # the curve is as smooth as the surface is believed to be before any data
                curve = grid.curve(found, rows, matern52(radius / l0), effects, ratios)
                if curve is not None:
                    rows = replace(rows, weights=weights * curve.at_rows.exp())
                    ratios, found = grid.with_effects(rows, effects)
            nought = {
                e.name: grid.undecided(rows, effects, ratios, found, i)
                for i, e in enumerate(effects)
                if not (ratios[i] or is_trial)
            }
        except RuntimeError as error:  # LAPACK did not converge
            raise FitError(self.name, f"the covariance could not be decomposed ({error})") from None
        length, output, noise = float(lengths.values[found.kernel]), found.output, found.noise
        told = sizes(effects, tuple(r * noise for r in ratios), found.root, found.y)
        told = tuple(s for s in told if s.effect not in nought) + tuple(s for own in nought.values() for s in own)
        details: dict[str, Any] = {
            "representation": self.representation.value,
            "lengthscale": length,
            "output_scale": output,
            "noise_variance": noise,
            "log_evidence": found.log_evidence,
        }
        if data.effects:
            details["effects"] = effects_told(effects, ratios, told, math.sqrt(noise) * scale, scale)
        if self.learns_noise:
            spread = None if curve is None else curve.at_rows.exp().sqrt()
            details["noise"] = "constant" if spread is None else [float(spread.min()), float(spread.max())]
        if self.device != "cpu":
            details["device"] = self.device
        return ExactPosterior(
            name=self.name,
            device=self.device,
            kernel=Covariance(distance, length, output),
            prior_variance=output * (1.0 + MEAN_VARIANCE),
            noise_variance=noise,
            x=data.x,
            y=found.y,
            root=found.root,
            shift=shift,
            scale=scale,
            details=details,
            censored=found.censored,
            row_effects=row_effects(effects, tuple(r * noise for r in ratios), found.root, found.y),
            noise_factor=None if curve is None else _factor(distance, l0, data.x, curve.weights),
        )


@dataclass(frozen=True)
class _Grid:
    """The grid of one fit: covariances of all lengthscales at an output scale of 1, and the prior."""

    covariances: Tensor
    prior: Tensor

    def at(self, rows: Rows) -> Found:
        return most_probable(self.covariances, rows, OUTPUT_SCALES, NOISES, self.prior)

    def with_effects(self, rows: Rows, effects: tuple[Effect, ...]) -> tuple[tuple[float, ...], Found]:
        """The variance of each effect in units of the noise, one after the other, and the most probable point then."""
        found = self.at(rows)
        if not effects:
            return (), found
        ratios = [0.0] * len(effects)
        for _ in range(SWEEPS):
            before = tuple(ratios)
            here = _Grid(self.covariances[found.kernel][None], self.prior[found.kernel][None])
            for which in range(len(effects)):
                tried = [(*ratios[:which], ratio, *ratios[which + 1 :]) for ratio in RATIOS]
                values = [here.at(shared_by(rows, effects, r)).log_posterior + ratio_prior(r[which]) for r in tried]
                ratios[which] = RATIOS[values.index(max(values))]
            found = self.at(shared_by(rows, effects, tuple(ratios)))
            if tuple(ratios) == before:
                break
        return tuple(ratios), found

    def undecided(
        self, rows: Rows, effects: tuple[Effect, ...], ratios: tuple[float, ...], found: Found, which: int
    ) -> tuple[Size, ...]:
        """What labels may add although nought is the likeliest variance of their effect: over all variances.

        At nought itself each label would add exactly nothing, which few results cannot show.
        """
        here = _Grid(self.covariances[found.kernel][None], self.prior[found.kernel][None])
        tried = [(*ratios[:which], ratio, *ratios[which + 1 :]) for ratio in RATIOS]
        fits = [here.at(shared_by(rows, effects, r)) for r in tried]
        chances = torch.tensor([f.log_posterior + ratio_prior(r[which]) for f, r in zip(fits, tried, strict=True)])
        each = [sizes((effects[which],), (r[which] * f.noise,), f.root, f.y) for f, r in zip(fits, tried, strict=True)]
        return mixed(each, torch.softmax(chances.to(torch.float64), 0).tolist())

    def curve(
        self, found: Found, rows: Rows, correlation: Tensor, effects: tuple[Effect, ...], ratios: tuple[float, ...]
    ) -> NoiseCurve | None:
        """How the noise varies over the rows, the other hyper-parameters being as found."""
        whole = shared_by(rows, effects, ratios)
        covariance = found.output * self.covariances[found.kernel]
        if whole.shared is not None:
            covariance = covariance + found.noise * whole.shared
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


def shared_by(rows: Rows, effects: tuple[Effect, ...], ratios: tuple[float, ...]) -> Rows:
    """The rows with what effects of these variances (in units of the noise) let them share."""
    if not any(ratios):
        return rows
    parts = [ratio * effect.covariance for ratio, effect in zip(ratios, effects, strict=True)]
    return replace(rows, shared=torch.stack(parts).sum(0))


def scaled(fitted: ExactPosterior) -> ExactPosterior:
    """The process with every variance multiplied by what left-out values say; only where none is censored.

    Source of the idea: Sundararajan and Keerthi, Neural Computation 13 (2001) 1103 (the scale of highest left-out
    density, in closed form).
    """
    assert isinstance(fitted.kernel, Covariance)
    factor, kernel, outside = fitted.misjudged(), fitted.kernel, fitted.outside
    told = {"output_scale": kernel.output * factor, "noise_variance": fitted.noise_variance * factor}
    return replace(
        fitted,
        kernel=replace(kernel, output=kernel.output * factor),
        prior_variance=fitted.prior_variance * factor,
        noise_variance=fitted.noise_variance * factor,
        root=fitted.root / math.sqrt(factor),
        outside=None if outside is None else (*outside[:2], outside[2] * factor),
        quick=None if fitted.quick is None else (fitted.quick[0], fitted.quick[1] / math.sqrt(factor)),
        details={**fitted.details, **told, "widening": factor},
    )


def _factor(distance: Metric, l0: float, rows: Tensor, weights: Tensor) -> Callable[[Tensor], Tensor]:
    def factor(x: Tensor) -> Tensor:
        squared = distance.squared(x, rows.expand(*x.shape[:-2], *rows.shape)).clamp_min(0.0)
        return (matern52((squared + 1e-14).sqrt() / l0) @ weights).clamp(-WIDEST, WIDEST).exp()

    return factor


def matern52(r: Tensor) -> Tensor:
    """The Matérn-5/2 correlation at scaled distance ``r``, any shape."""
    a = math.sqrt(5.0) * r
    return (1.0 + a + a.square() / 3.0) * (-a).exp()


@dataclass(frozen=True)
class Covariance:
    """The prior covariance at one point of the grid; a ``Kernel``."""

    distance: Metric
    lengthscale: float
    output: float

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Covariances of ``a``, ``(*b, n, d)``, with ``b``, ``(*b, m, d)``: ``(*b, n, m)``."""
        squared = self.distance.squared(a, b).clamp_min(0.0)
        radius = (squared + 1e-14).sqrt()  # the root has no gradient at zero
        return self.output * (matern52(radius / self.lengthscale) + MEAN_VARIANCE)

    def single(self, a: Tensor, b: Tensor) -> Tensor:
        """The same in single precision and in place, for pools: a quarter of the time, and no gradient."""
        return self._of(self.distance.squared(a, b).float())

    def on(self, device: torch.device, b: Tensor) -> Callable[[Tensor], Tensor]:
        """Single-precision covariances with ``b``, ``(m, d)``, by a device: ``(n, d)`` to ``(n, m)`` there."""
        squared = self.distance.on(device, b)
        return lambda a: self._of(squared(a))

    def _of(self, squared: Tensor) -> Tensor:
        """Covariances at squared distances, which are overwritten."""
        radius = squared.clamp_min_(0.0).sqrt_().mul_(math.sqrt(5.0) / self.lengthscale)
        decay = radius.neg().exp_()
        polynomial = radius.square().div_(3.0).add_(radius).add_(1.0)
        return polynomial.mul_(decay).add_(MEAN_VARIANCE).mul_(self.output)


def _log_prior(l0: float, lengths: Lengthscales) -> Tensor:
    """Log prior on the grid, in log coordinates: shape ``(lengthscales, outputs, noises)``."""
    output = l0 * OUTPUT_SCALES.log() - OUTPUT_SCALES  # Gamma(l0, 1)
    noise = -0.5 * ((NOISES.log() - NOISE_LOG_MEDIAN) / NOISE_LOG_SD).square()
    return lengths.log_prior[:, None, None] + output[None, :, None] + noise[None, None, :]
