"""BoTorch's own Gaussian process on one-hot options and scaled numbers: one lengthscale for each input.

The member for spaces in which continuous numbers decide; also the yardstick that benchmarks compare with.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.exceptions.warnings import InputDataWarning, OptimizationWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.space import Space
from loop.surrogates.encoding import one_hot
from loop.surrogates.exact import ExactPosterior, noise_weights, standardisation
from loop.surrogates.protocol import TrainingSet


@dataclass(frozen=True)
class ArdGaussianProcess:
    """A recipe: ``SingleTaskGP`` with its dimension-scaled log-normal priors."""

    name: str
    needs: int = 2

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> ExactPosterior:
        """Fit by maximum a posteriori. Raises ``TooFewPoints`` or ``FitError``.

        Source of the priors: Hvarfner, Hellsten and Nardi, ICML 2024.
        """
        if len(data) < self.needs:
            raise TooFewPoints(self.name, self.needs, len(data))
        shift, scale = standardisation(data.y)
        y = (data.y - shift) / scale
        frame = space.frame
        features = one_hot(frame, data.x)
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", InputDataWarning)  # we standardise; few points never look standard
            warnings.simplefilter("ignore", OptimizationWarning)  # botorch tries again by itself
            torch.manual_seed(seed)
            model = SingleTaskGP(features, y[:, None], outcome_transform=None)
            try:
                fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            except (ModelFittingError, NanError, NotPSDError) as error:
                raise FitError(self.name, str(error)) from None
        model.eval()
        kernel, mean = model.covar_module, float(model.mean_module.constant.detach())
        noise = float(model.likelihood.noise.detach())

        def covariance(a: Tensor, b: Tensor) -> Tensor:
            dense: Tensor = kernel(one_hot(frame, a), one_hot(frame, b)).to_dense()
            return dense

        with torch.no_grad():
            # a limit or a vague value counts for less; the fit itself takes all values as equally noisy
            train = covariance(data.x, data.x) + noise * torch.diag(noise_weights(data.sd, scale))
            values, vectors = torch.linalg.eigh(train)
            root = vectors / values.clamp_min(1e-10).sqrt()
            prior = float(covariance(data.x[:1], data.x[:1]))

        def detached(a: Tensor, b: Tensor) -> Tensor:
            result = covariance(a, b)
            return result if a.requires_grad or b.requires_grad else result.detach()

        return ExactPosterior(
            name=self.name,
            kernel=detached,
            prior_variance=prior,
            noise_variance=noise,
            x=data.x,
            y=y - mean,
            root=root,
            shift=shift + mean * scale,
            scale=scale,
            details={
                "representation": "one-hot",
                "lengthscales": kernel.lengthscale.detach().flatten().tolist(),
                "noise_variance": noise,
            },
        )
