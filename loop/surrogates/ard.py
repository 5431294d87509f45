"""A Gaussian process on one-hot options and scaled numbers with one lengthscale for each input, fitted by BoTorch.

The member for spaces in which numbers decide: some of them matter much, others not at all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.exceptions.warnings import InputDataWarning, OptimizationWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import MaternKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import GammaPrior
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.space import Space
from loop.space.structure import Frame
from loop.surrogates.correction import without_effects
from loop.surrogates.doubt import ROWS, Doubt, Point
from loop.surrogates.effects import Effect, effects_of
from loop.surrogates.encoding import one_hot
from loop.surrogates.exact import (
    USUAL_NOISE,
    Censored,
    ExactPosterior,
    Kernel,
    expected_values,
    noise_weights,
    standardised,
    usual_weight,
)
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.grid import Rows, most_probable
from loop.surrogates.inducing import MANY, PART, a_part, drawn, told_all
from loop.surrogates.learnt import log_posteriors_with, noise_log_prior, shared_covariance
from loop.surrogates.matern import matern52
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation

MODE = 0.6 * math.exp(math.sqrt(2.0) - 3.0)  # of a lengthscale before any data, times sqrt(d); docs/decisions/0008
SHAPE = 3.0  # of the lengthscales' Gamma prior
SHORTEST = 0.025  # lengthscale; the inputs are scaled to 0 to 1
NOISE_MODE, NOISE_SHAPE = math.exp(-5.0), 2.0  # of the noise variance's Gamma prior, for values standardised to 1
LOUDER = 2.0 ** torch.arange(7, dtype=torch.float64)  # times the noise of a fit to imputed values
LOUDEST = 0.5  # noise variance that is looked at there
QUIETEST = 1e-4  # noise variance: an exact table leaves the covariance all but singular
LEVEL = 10.0  # variance of the mean a priori, in those of what effects add, which then say how much it is in doubt
STRETCHES = torch.tensor([0.5, 0.7, 1.0, 1.4, 2.0], dtype=torch.float64)  # of all lengthscales, that are possible too
NOISES = torch.logspace(-4, 0, 13, dtype=torch.float64)  # variances of the noise, likewise
IMPUTATIONS = 2  # fits of the hyper-parameters to what is expected of censored values; more change little


@dataclass(frozen=True)
class ArdGaussianProcess:
    """A recipe: Matérn-5/2, with priors of the lengthscales that grow with the square root of the dimension.

    Source of the scaling: Hvarfner, Hellsten and Nardi, ICML 2024. Gamma priors with the mode of their log-normal ones
    are what BayBE 0.15 uses for numbers; here the mode is 0.6 of that (docs/decisions/0008).
    """

    name: str
    needs: int = 2

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> ExactPosterior:
        """Fit by maximum a posteriori. Raises ``TooFewPoints`` or ``FitError``.

        Of more than a thousand values a part decides the hyper-parameters, and of more than five thousand some stand
        for all (``inducing``).
        """
        if len(data) < self.needs:
            raise TooFewPoints(self.name, self.needs, len(data))
        corrected = without_effects(space, data, seed=seed)
        fitted = self._fit(space, corrected.data, seed=seed)
        if corrected.shared is not None and len(fitted.x) == len(data):  # of thousands of rows, some stand for all
            fitted = doubting_effects(space.frame, fitted, data, corrected.shared)
        # the fit takes all values as equally noisy: what was stated is in its noise, unless its prior held that down
        stated = USUAL_NOISE * (usual_weight(data, fitted.scale) - 1.0)
        usual = max(1.0, stated / fitted.noise_variance)
        return replace(fitted, usual=usual, details={**fitted.details, **corrected.told})

    def _fit(self, space: Space, data: TrainingSet, *, seed: int) -> ExactPosterior:
        shift, scale = standardised(data)
        low, high = ((limit - shift) / scale for limit in data.limits)
        y, weights, censored = (data.y - shift) / scale, noise_weights(data, scale), data.is_censored
        if not censored.any():
            if len(data) > MANY:
                return told_all(self._fit(space, a_part(data, seed), seed=seed), data, seed)
            found = self._learnt(space, data.x, y, seed)
            root = whitening_by_values(found.kernel(data.x, data.x) + found.noise * torch.diag(weights))
            fitted = found.posterior(self.name, data.x, y - found.mean, root, shift, scale, None)
            if len(data) > ROWS:
                return fitted
            return replace(fitted, doubt=_doubt(space.frame, found.lengthscales, data.x, y - found.mean, weights))
        # a first guess from the isotropic process, then what this one expects of the censored values itself
        first = GaussianProcess(self.name, Representation.ONE_HOT).fit(space, data, seed=seed)
        guess = expected_values(first, data)[censored]
        some = torch.arange(len(data)) if len(data) <= MANY else drawn(len(data), PART, seed)
        for _ in range(IMPUTATIONS):
            filled = y.clone()
            filled[censored] = (guess - shift) / scale
            found = self._learnt(space, data.x[some], filled[some], seed)
            rows = Rows(y - found.mean, low - found.mean, high - found.mean, censored, weights)
            with torch.no_grad():
                covariance = found.kernel(data.x, data.x)
            noises = _louder(found.noise)
            one, prior = torch.ones(1, dtype=y.dtype), _log_prior(noises)[None, None]
            settled = most_probable(covariance[None], rows, one, noises, prior)
            found = replace(found, noise=settled.noise)
            fitted = found.posterior(self.name, data.x, settled.y, settled.root, shift, scale, settled.censored)
            guess = expected_values(fitted, data)[censored]
        return fitted

    def _learnt(self, space: Space, x: Tensor, y: Tensor, seed: int) -> _Learnt:
        """The most probable kernel, mean and noise for standardised values."""
        frame = space.frame
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", InputDataWarning)  # we standardise; few points never look standard
            warnings.simplefilter("ignore", OptimizationWarning)  # botorch tries again by itself
            torch.manual_seed(seed)
            model = _model(one_hot(frame, x), y)
            try:
                fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            except (ModelFittingError, NanError, NotPSDError) as error:
                raise FitError(self.name, str(error)) from None
        model.eval()
        kernel = model.covar_module

        def covariance(a: Tensor, b: Tensor) -> Tensor:
            dense: Tensor = kernel(one_hot(frame, a), one_hot(frame, b)).to_dense()
            return dense if a.requires_grad or b.requires_grad else dense.detach()

        mean, noise = float(model.mean_module.constant.detach()), float(model.likelihood.noise.detach())
        return _Learnt(covariance, mean, noise, kernel.lengthscale.detach().flatten().tolist())


def _louder(noise: float) -> Tensor:
    """Noise variances from that of a fit to imputed values upwards: as these scatter about nothing, it is too small."""
    found = noise * LOUDER
    return found[(found <= LOUDEST) | (LOUDER == 1.0)]


def _log_prior(noises: Tensor) -> Tensor:
    """The Gamma prior of noise variances, over their logarithms."""
    return NOISE_SHAPE * noises.log() - (NOISE_SHAPE - 1) / NOISE_MODE * noises


def _model(inputs: Tensor, y: Tensor) -> SingleTaskGP:
    """The process before it is fitted to standardised values ``(n,)`` at ``inputs``, ``(n, d)``."""
    d = inputs.shape[-1]
    mode = MODE * math.sqrt(d)
    kernel = MaternKernel(
        nu=2.5,
        ard_num_dims=d,
        lengthscale_prior=GammaPrior(SHAPE, (SHAPE - 1) / mode),
        lengthscale_constraint=GreaterThan(SHORTEST, transform=None, initial_value=mode),
    )
    likelihood = GaussianLikelihood(
        noise_prior=GammaPrior(NOISE_SHAPE, (NOISE_SHAPE - 1) / NOISE_MODE),
        noise_constraint=GreaterThan(QUIETEST, transform=None, initial_value=NOISE_MODE),
    )
    return SingleTaskGP(inputs, y[:, None], likelihood=likelihood, covar_module=kernel, outcome_transform=None)


@dataclass(frozen=True)
class _Stretched:
    """The Matérn-5/2 correlation with a lengthscale for each input, ``(d,)``, and the variance of the mean; a
    ``Kernel``."""

    frame: Frame
    lengthscales: Tensor
    level: float

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        mine, theirs = (one_hot(self.frame, points) / self.lengthscales for points in (a, b))
        return matern52(torch.cdist(mine, theirs, compute_mode="donot_use_mm_for_euclid_dist")) + self.level


@dataclass(frozen=True)
class _Learnt:
    """Hyper-parameters that were found, standardised."""

    kernel: Kernel
    mean: float
    noise: float
    lengthscales: list[float]

    def posterior(
        self, name: str, x: Tensor, y: Tensor, root: Tensor, shift: float, scale: float, censored: Censored | None
    ) -> ExactPosterior:
        """The posterior for values ``y`` about the mean."""
        return ExactPosterior(
            name=name,
            kernel=self.kernel,
            prior_variance=float(self.kernel(x[:1], x[:1])),
            noise_variance=self.noise,
            x=x,
            y=y,
            root=root,
            shift=shift + self.mean * scale,
            scale=scale,
            details={
                "representation": "one-hot",
                "lengthscales": self.lengthscales,
                "noise_variance": self.noise,
            },
            censored=censored,
        )


def _doubt(
    frame: Frame,
    lengthscales: Sequence[float],
    x: Tensor,
    y: Tensor,
    weights: Tensor,
    effects: tuple[Effect, ...] = (),
    level: float = 0.0,
    shared: Tensor | None = None,
) -> Doubt:
    """What else the hyper-parameters may be, by values ``y`` about the mean: all lengthscales stretched, the noise, and
    what effects add, with the variance of a mean that is in doubt (``level``); deviations rest on what is ``shared``.

    The prior of the noise is that of the isotropic process, since the one by which it is found all but rules out much.
    """
    lengths = torch.tensor(lengthscales, dtype=x.dtype)
    exact = torch.zeros(len(y), dtype=torch.bool)
    kernels = [_Stretched(frame, stretch * lengths, level) for stretch in STRETCHES]

    @cache
    def possible() -> tuple[list[tuple[float, ...]], Tensor]:
        covariances = torch.stack([kernel(x, x) for kernel in kernels])
        mode = MODE * math.sqrt(len(lengths))
        stretched = STRETCHES[:, None] * lengths
        prior = (SHAPE * stretched.log() - (SHAPE - 1) / mode * stretched).sum(1)[:, None] + noise_log_prior(NOISES)
        rows, one = Rows(y, y, y, exact, weights), torch.ones(1, dtype=y.dtype)
        tried, found = log_posteriors_with(effects, covariances, prior[:, None], rows, one, NOISES)
        return tried, found[:, :, 0]

    def at(number: int) -> Point:
        tried, found = possible()
        ratios, kernel, noise = (int(i) for i in np.unravel_index(number, found.shape))
        variance = float(NOISES[noise])
        return Point(kernels[kernel], variance, shared_covariance(effects, [r * variance for r in tried[ratios]]))

    return Doubt(x, y, weights, lambda: possible()[1].flatten(), at, shared)


def doubting_effects(frame: Frame, fitted: ExactPosterior, data: TrainingSet, shared: Tensor) -> ExactPosterior:
    """The process where effects, which were taken off its values, may share ``shared``, ``(n, n)``, among the rows.

    What is expected hardly moves (docs/decisions/0166): the mean about which the surface lies was learnt without a
    prior, so that the values' pulls sum to nought, and it may be in as much doubt as effects leave it.
    """
    kernel, shared = fitted.kernel, shared / fitted.scale**2
    doubt = LEVEL * float(shared.diagonal().max())
    scatter = fitted.noise_variance * noise_weights(data, fitted.scale)
    if fitted.censored is not None:
        scatter[fitted.censored.rows] = fitted.censored.variance
    root = whitening_by_values(kernel(data.x, data.x) + doubt + shared + torch.diag(scatter))
    possible = None
    effects = effects_of(data.effects)
    if fitted.doubt is not None and len(data) * len(effects) <= ROWS:
        y, lengths = (data.y - fitted.shift) / fitted.scale, fitted.details["lengthscales"]
        possible = _doubt(frame, lengths, data.x, y, fitted.doubt.weights, effects, doubt, shared)
    return replace(
        fitted.doubted_by(root),
        kernel=lambda a, b: kernel(a, b) + doubt,
        prior_variance=fitted.prior_variance + doubt,
        doubt=possible,
    )


def whitening_by_values(covariance: Tensor) -> Tensor:
    """``root`` with ``root @ root.T`` the inverse of a covariance, by eigenvalues: it may be all but singular."""
    # a vague value counts for less here; the fit itself takes all values as equally noisy
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors / values.clamp_min(1e-10).sqrt()
    return root
