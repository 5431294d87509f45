"""The Gaussian process of small data: an isotropic Matérn-5/2 kernel with the chemistry prior.

Its three hyper-parameters are found on a grid, exactly and at any number of observations, instead of by an
optimiser that can fail: one eigendecomposition for each lengthscale gives the evidence of every output scale
and noise. The whole fit takes some 10 ms at 50 observations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.space import Space
from loop.surrogates.exact import USUAL_NOISE, ExactPosterior, Kernel, noise_weights, standardised
from loop.surrogates.grid import Rows, most_probable
from loop.surrogates.metric import Metric, Representation, metric
from loop.surrogates.protocol import TrainingSet

LENGTHSCALES = torch.logspace(math.log10(0.35), math.log10(2.0), 9, dtype=torch.float64)  # times the prior's l0
OUTPUT_SCALES = torch.logspace(math.log10(0.25), math.log10(20.0), 9, dtype=torch.float64)
NOISES = torch.tensor([1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1], dtype=torch.float64)
NOISE_LOG_MEDIAN, NOISE_LOG_SD = (
    math.log(USUAL_NOISE),
    1.0,
)  # log-normal prior of the noise variance, values standardised
MEAN_VARIANCE = 1.0  # prior variance of the constant mean, in output scales


@dataclass(frozen=True)
class GaussianProcess:
    """A recipe: which representation the kernel sees."""

    name: str
    representation: Representation
    needs: int = 2

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> ExactPosterior:
        """The process at the most probable grid point. Raises ``TooFewPoints`` or ``FitError``.

        Prior (Chen, Fleck and Stuyver 2026): l0 = 0.4 sqrt(d) + 4, lengthscale ~ Gamma(2 l0, 2),
        output scale ~ Gamma(l0, 1), with d the nominal dimension of the encoding.
        """
        if len(data) < self.needs:
            raise TooFewPoints(self.name, self.needs, len(data))
        distance = metric(space, self.representation)
        shift, scale = standardised(data)
        low, high = ((limit - shift) / scale for limit in data.limits)
        y = (data.y - shift) / scale
        weights = noise_weights(data.sd, scale)
        l0 = prior_lengthscale(distance.dimension)
        lengthscales = l0 * LENGTHSCALES
        radius = distance.squared(data.x, data.x).clamp_min(0.0).sqrt()
        covariances = matern52(radius / lengthscales[:, None, None]) + MEAN_VARIANCE
        rows = Rows(y, low, high, data.is_censored, weights)
        try:
            found = most_probable(covariances, rows, OUTPUT_SCALES, NOISES, _log_prior(l0, lengthscales))
        except RuntimeError as error:  # LAPACK did not converge
            raise FitError(self.name, f"the covariance could not be decomposed ({error})") from None
        lengthscale, output, noise = float(lengthscales[found.kernel]), found.output, found.noise
        return ExactPosterior(
            name=self.name,
            kernel=_kernel(distance, lengthscale, output),
            prior_variance=output * (1.0 + MEAN_VARIANCE),
            noise_variance=noise,
            x=data.x,
            y=found.y,
            root=found.root,
            shift=shift,
            scale=scale,
            details={
                "representation": self.representation.value,
                "lengthscale": lengthscale,
                "output_scale": output,
                "noise_variance": noise,
                "log_evidence": found.log_evidence,
            },
            censored=found.censored,
        )


def prior_lengthscale(dimension: int) -> float:
    """The chemistry prior's typical lengthscale for an encoding of so many dimensions."""
    return 0.4 * math.sqrt(dimension) + 4.0


def matern52(r: Tensor) -> Tensor:
    """The Matérn-5/2 correlation at scaled distance ``r``, any shape."""
    a = math.sqrt(5.0) * r
    return (1.0 + a + a.square() / 3.0) * (-a).exp()


def _kernel(distance: Metric, lengthscale: float, output: float) -> Kernel:
    def covariance(a: Tensor, b: Tensor) -> Tensor:
        squared = distance.squared(a, b).clamp_min(0.0)
        radius = (squared + 1e-14).sqrt()  # the root has no gradient at zero
        return output * (matern52(radius / lengthscale) + MEAN_VARIANCE)

    return covariance


def _log_prior(l0: float, lengthscales: Tensor) -> Tensor:
    """Log prior on the grid, in log coordinates: shape ``(lengthscales, outputs, noises)``."""
    # gamma densities of shape a and rate b, up to a constant, times the value (log coordinates): a log v - b v
    length = 2 * l0 * lengthscales.log() - 2.0 * lengthscales
    output = l0 * OUTPUT_SCALES.log() - OUTPUT_SCALES
    noise = -0.5 * ((NOISES.log() - NOISE_LOG_MEDIAN) / NOISE_LOG_SD).square()
    return length[:, None, None] + output[None, :, None] + noise[None, None, :]
