"""The Gaussian process of small data: an isotropic Matérn-5/2 kernel with the chemistry prior.

Its three hyper-parameters are found on a grid, exactly and at any number of observations, instead of by an
optimiser that can fail: one eigendecomposition for each lengthscale gives the evidence of every output scale
and noise. The whole fit takes some 10 ms at 50 observations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.fidelity import fidelity_column
from loop.space import Space
from loop.surrogates.distance_parts import Part
from loop.surrogates.doubt import ROWS, Doubt, Point, among, log_widths
from loop.surrogates.effects import effects_of, effects_told, wider
from loop.surrogates.exact import ExactPosterior, noise_weights, standardised, usual_weight
from loop.surrogates.grid import Rows
from loop.surrogates.inducing import MANY, a_part, drawn, filled, near_the_real, told_all
from loop.surrogates.learnt import (
    NOISES,
    OUTPUT_SCALES,
    Learnt,
    learn,
    log_posteriors_with,
    log_prior,
    shared_covariance,
)
from loop.surrogates.lengthscales import Lengthscales, has_choices, lengthscales, typical, usual
from loop.surrogates.matern import MEAN_VARIANCE, Covariance, matern52
from loop.surrogates.metric import Metric, has_numbers, metric
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation
from loop.surrogates.scatter import WIDEST, NoiseCurve

APART = (0.1, 1.0, 4.0, 16.0, 64.0, 400.0)  # of fidelities, in distances of two options: from alike to unrelated
WEIGHTS = (1.0, 4.0, 16.0, 64.0)  # of numbers beside options: lengthscales of a half, a quarter, an eighth
WEIGHED = 400  # rows that decide that at most: four fits, of 1,000 rows 8 s in all
WEIGHT = "weight_of_numbers"  # the one that was taken, in what is told
FEW = 8  # results, below which those of different candidates do not tell noise from a rough surface
UNTOLD_NOISE = 0.1  # that may be believed of so few, as a share of the variance; docs/decisions/0125
DOUBT = 0.5  # log prior odds against each e-fold of that distance: few points say nothing, and cheap ones must be tried


@dataclass(frozen=True)
class GaussianProcess:
    """A recipe: which representation the kernel sees."""

    name: str
    representation: Representation
    needs: int = 2
    learns_noise: bool = False  # as a function of the conditions, where the data say so
    calibrates: bool = False  # by the errors that each value is met with when it is left out
    weighs_numbers: bool = False  # beside options, by the evidence; docs/decisions/0055
    most_noise: float = 1.0  # that it may take its values for, as a share of their variance; docs/decisions/0081
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
            return filled(self._of_versions(space, data.rows(some), seed), data, some)
        return self._of_versions(space, data, seed)

    def fit_to_all(self, space: Space, data: TrainingSet, *, seed: int) -> ExactPosterior:
        """The same of every row of versions that are learnt from a part of them, so that what each row shares is told.

        How far versions are apart, and the lengthscale, are those of the part.
        """
        found = self.fit(space, data, seed=seed)
        if found.row_effects is None or len(found.row_effects) == len(data):
            return found
        apart, length = float(found.details["fidelities_apart"]), float(found.details["lengthscale"])
        return self._fitted(space, data, apart, lengthscale=length)

    def fit_alone(self, space: Space, data: TrainingSet, *, seed: int, beside: Part | None = None) -> ExactPosterior:
        """The same of rows that all are of one version; with ``beside`` one more part of the distance."""
        if len(data) <= MANY:
            return self._of_weights(space, data, 1.0, seed, beside)
        part = self._of_weights(space, a_part(data, seed), 1.0, seed, beside)
        is_plain = not data.effects and not self.learns_noise and not bool(data.is_censored.any())
        if is_plain:
            return told_all(part, data, seed)
        length, weight = float(part.details["lengthscale"]), part.details.get(WEIGHT)
        found = self._fitted(space, data, 1.0, beside, lengthscale=length, weight=weight or 1.0)
        return found if weight is None else replace(found, details={**found.details, WEIGHT: weight})

    def _of_versions(self, space: Space, data: TrainingSet, seed: int) -> ExactPosterior:
        fitted = [self._fitted(space, data, apart, is_trial=True) for apart in APART]
        told = [
            float(f.details["log_evidence"]) - DOUBT * math.log(a / APART[0])
            for a, f in zip(APART, fitted, strict=True)
        ]
        apart = APART[told.index(max(told))]
        found = self._of_weights(space, data, apart, seed)
        return replace(found, details={**found.details, "fidelities_apart": apart})

    def _of_weights(
        self, space: Space, data: TrainingSet, apart: float, seed: int, beside: Part | None = None
    ) -> ExactPosterior:
        """The process whose numbers count as much beside options as the evidence says, where it is to weigh them."""
        if not self.weighs_numbers or not has_choices(space) or not has_numbers(space, self.representation):
            return self._fitted(space, data, apart, beside)
        some = data if len(data) <= WEIGHED else data.rows(drawn(len(data), WEIGHED, seed))
        fitted = [self._fitted(space, some, apart, beside, weight=weight, is_trial=True) for weight in WEIGHTS]
        told = [
            float(f.details["log_evidence"]) - DOUBT * math.log(weight)
            for weight, f in zip(WEIGHTS, fitted, strict=True)
        ]
        which = told.index(max(told))
        # a trial tells nothing of the doubt about effects, which takes longer than the fit
        is_final = some is data and not data.effects
        found = fitted[which] if is_final else self._fitted(space, data, apart, beside, weight=WEIGHTS[which])
        doubt = None
        if some is data and found.doubt is not None:
            doubts = [f.doubt for f in fitted if f.doubt is not None]
            doubt = among(doubts, [-DOUBT * math.log(w) for w in WEIGHTS], found.doubt.shared)
        return replace(found, details={**found.details, WEIGHT: WEIGHTS[which]}, doubt=doubt)

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
        l0, lengths = typical(distance.dimension), lengthscales(space, distance.dimension)
        smooth = usual(space, distance.dimension)
        if lengthscale is not None:
            lengths = lengths.at(lengthscale)
        radius = distance.squared(data.x, data.x).clamp_min(0.0).sqrt()
        covariances = _covariances(radius, lengths)
        # the noise is as smooth as the surface is believed to be before any data
        correlation = matern52(radius / smooth) if self.learns_noise else None
        shift, scale = standardised(data)
        low, high = ((limit - shift) / scale for limit in data.limits)
        rows = Rows((data.y - shift) / scale, low, high, data.is_censored, noise_weights(data, scale))
        effects = effects_of(data.effects)
        noises = NOISES[_most_noise(data, self.most_noise) >= NOISES]
        try:
            prior = log_prior(l0, lengths, noises)
            learnt = learn(covariances, prior, rows, effects, correlation, noises=noises, is_trial=is_trial)
        except RuntimeError as error:  # LAPACK did not converge
            raise FitError(self.name, f"the covariance could not be decomposed ({error})") from None
        found, curve = learnt.found, learnt.curve
        length = float(lengths.values[found.kernel])
        likeliest = ExactPosterior(
            name=self.name,
            device=self.device,
            kernel=Covariance(distance, length, found.output),
            prior_variance=found.output * (1.0 + MEAN_VARIANCE),
            noise_variance=found.noise,
            x=data.x,
            y=found.y,
            root=found.root,
            shift=shift,
            scale=scale,
            details=self._told(data, learnt, length, scale),
            censored=found.censored,
            row_effects=learnt.row_effects(),
            noise_factor=None if curve is None else _factor(distance, smooth, data.x, curve),
            usual=usual_weight(data, scale),
            doubt=_doubt(data.x, rows, distance, lengths, noises, prior, learnt),
        )
        return likeliest.doubted_by(learnt.doubting)

    def _told(self, data: TrainingSet, learnt: Learnt, length: float, scale: float) -> dict[str, Any]:
        """What was learnt, as plain JSON; the effects in the target's unit, which is ``scale`` times the other."""
        found = learnt.found
        details: dict[str, Any] = {
            "representation": self.representation.value,
            "lengthscale": length,
            "output_scale": found.output,
            "noise_variance": found.noise,
            "log_evidence": learnt.log_evidence,
        }
        if data.effects:
            noise_sd = math.sqrt(found.noise) * scale
            details["effects"] = effects_told(
                learnt.effects, learnt.ratios, learnt.expected, learnt.sizes(), noise_sd, scale
            )
        if self.learns_noise:
            spread = None if learnt.curve is None else learnt.curve.at_rows.exp().sqrt()
            details["noise"] = "constant" if spread is None else [float(spread.min()), float(spread.max())]
        if self.device != "cpu":
            details["device"] = self.device
        return details


def _most_noise(data: TrainingSet, most: float) -> float:
    """The largest share of the variance that noise may be: of few results without replicates little, since these tell
    nothing of it, and a surface that is rough in one parameter would be taken for it."""
    is_told = len(data) >= FEW or len(torch.unique(data.x, dim=0)) < len(data)
    return most if is_told else min(most, UNTOLD_NOISE)


def _doubt(
    x: Tensor, rows: Rows, distance: Metric, lengths: Lengthscales, noises: Tensor, prior: Tensor, learnt: Learnt
) -> Doubt | None:
    """What else the hyper-parameters may be; not said where rows are limits, or are many."""
    posterior, curve, effects = learnt.found.posterior, learnt.curve, learnt.effects
    if posterior is None or len(x) * max(len(effects), 1) > ROWS:
        return None
    rows = rows if curve is None else replace(rows, weights=rows.weights * curve.at_rows.exp())
    spans = log_widths(OUTPUT_SCALES)[:, None] + log_widths(noises)

    @cache
    def possible() -> tuple[list[tuple[float, ...]], Tensor]:
        if not effects:
            return [()], posterior[None] + spans
        covariances = _covariances(distance.squared(x, x).clamp_min(0.0).sqrt(), lengths)
        tried, found = log_posteriors_with(effects, covariances, prior, rows, OUTPUT_SCALES, noises)
        return tried, found + spans

    def at(number: int) -> Point:
        tried, found = possible()
        ratios, kernel, output, noise = (int(i) for i in np.unravel_index(number, found.shape))
        variance = float(noises[noise])
        return Point(
            Covariance(distance, float(lengths.values[kernel]), float(OUTPUT_SCALES[output])),
            variance,
            shared_covariance(effects, [ratio * variance for ratio in tried[ratios]]),
        )

    expected = shared_covariance(effects, [ratio * learnt.found.noise for ratio in learnt.expected])
    return Doubt(x, rows.y, rows.weights, lambda: possible()[1].flatten(), at, expected)


def _covariances(radius: Tensor, lengths: Lengthscales) -> Tensor:
    """Of rows so far apart, ``(n, n)``, at an output scale of 1: ``(lengthscales, n, n)``."""
    return matern52(radius / lengths.values[:, None, None]) + MEAN_VARIANCE


def scaled(fitted: ExactPosterior) -> ExactPosterior:
    """The process with every variance multiplied by what left-out values say; only where none is censored.

    Source of the idea: Sundararajan and Keerthi, Neural Computation 13 (2001) 1103 (the scale of highest left-out
    density, in closed form).
    """
    assert isinstance(fitted.kernel, Covariance)
    factor, kernel, outside = fitted.misjudged(), fitted.kernel, fitted.outside
    told: dict[str, Any] = {"output_scale": kernel.output * factor, "noise_variance": fitted.noise_variance * factor}
    if "effects" in fitted.details:
        told["effects"] = wider(fitted.details["effects"], factor)
    return replace(
        fitted,
        kernel=replace(kernel, output=kernel.output * factor),
        prior_variance=fitted.prior_variance * factor,
        noise_variance=fitted.noise_variance * factor,
        root=fitted.root / math.sqrt(factor),
        pull=None if fitted.pull is None else fitted.pull / math.sqrt(factor),
        outside=None if outside is None else (*outside[:2], outside[2] * factor),
        quick=None if fitted.quick is None else partial(_narrowed, fitted.quick, math.sqrt(factor)),
        details={**fitted.details, **told, "widening": factor},
        doubt=None,
    )


def _narrowed(quick: Callable[[], tuple[Tensor, Tensor]], by: float) -> tuple[Tensor, Tensor]:
    rows, root = quick()
    return rows, root / by


def _factor(distance: Metric, length: float, rows: Tensor, curve: NoiseCurve) -> Callable[[Tensor], Tensor]:
    def factor(x: Tensor) -> Tensor:
        squared = distance.squared(x, rows.expand(*x.shape[:-2], *rows.shape)).clamp_min(0.0)
        logarithm = matern52((squared + 1e-14).sqrt() / length) @ curve.weights - curve.level
        return logarithm.clamp(-WIDEST, WIDEST).exp()

    return factor
