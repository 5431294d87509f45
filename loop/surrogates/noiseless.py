"""Values that do not scatter: what was measured is known, and what a model calls noise is the surface's own.

A model of smooth surfaces learns a noise in any case: it holds all that it cannot explain. Where the same candidate
gives the same number again, as a deterministic calculation does, that remainder belongs to the candidate: it is known
where a value is, and part of the doubt where none is. Source: the nugget of kriging, Cressie, Statistics for Spatial
Data (1993), section 3.2. A value that came with a deviation of its own is as doubtful as that says, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from torch import Tensor

from loop.space.rows import places_among
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.coordinate_model import CoordinateModel
from loop.surrogates.exact import ExactPosterior, replicate_groups
from loop.surrogates.gnn.fitted import FittedGraphEnsemble
from loop.surrogates.protocol import FittedSurrogate, TrainingSet, skim
from loop.surrogates.trees import FittedTrees

FAR = 3.0  # deviations
ALIKE = 1e-3  # of the spread of all values: two of one candidate that differ by less are the same but for rounding


@dataclass(frozen=True)
class Known:
    """Candidates whose value is known.

    Attributes:
        x: Their coordinates, each once, shape ``(k, d)``.
        y: Their values in the target's unit, shape ``(k,)``.
        sd: Their deviations as stated with them, 0 where none was: shape ``(k,)``.
        rounding: In the target's unit, in place of a deviation of nought, which divides by nought.
        contradicted: Those whose values differ or lie beyond a limit that was told too, which are not known: shape
            ``(c, d)``.
    """

    x: Tensor
    y: Tensor
    sd: Tensor
    rounding: float
    contradicted: Tensor

    @staticmethod
    def of(data: TrainingSet) -> Known:
        """Every candidate with a value, but none with limits alone, nor one whose values scatter all the same.

        Of several values the surest counts. One with a deviation contradicts another, or a limit, where it lies more
        than ``FAR`` deviations off.
        """
        is_value = ~data.is_censored
        spread = float(data.y[is_value].std(correction=0)) if is_value.any() else 0.0
        sd = torch.where(is_value, torch.nan_to_num(data.sd, nan=0.0), torch.zeros_like(data.y))
        low, high = data.limits[0] - FAR * sd, data.limits[1] + FAR * sd
        groups, known, values, contradicted = replicate_groups(data.x), [], [], []
        for group in range(int(groups.max()) + 1 if len(groups) else 0):
            same = groups == group
            rows = torch.nonzero(same & is_value)[:, 0]
            if not len(rows):
                continue
            if float(low[same].max() - high[same].min()) > ALIKE * spread:
                contradicted.append(int(rows[0]))
            else:
                surest = rows[sd[rows] == sd[rows].min()]
                known.append(int(surest[0]))
                values.append(data.y[surest].mean())
        y = torch.stack(values) if values else data.y[:0]
        return Known(data.x[known], y, sd[known], ALIKE * (spread or 1.0), data.x[contradicted])

    def places(self, x: Tensor) -> Tensor:
        """Which of the known candidates stands at each of ``x``, ``(*b, d)``; -1 for none: shape ``(*b,)``."""
        flat = x.detach().reshape(-1, x.shape[-1]).numpy()
        return torch.from_numpy(places_among(flat, self.x.numpy())).reshape(x.shape[:-1])

    def is_certain(self, x: Tensor) -> Tensor:
        """Whether the value at each of ``x``, ``(*b, d)``, is known without a deviation: shape ``(*b,)``."""
        places = self.places(x)
        return (places >= 0) & (self.sd[places] == 0) if len(self.sd) else places >= 0

    def weight(self, places: Tensor, variance: Tensor) -> Tensor:
        """How much a belief of ``variance`` counts at candidates in ``places``, beside their values: ``(*b,)``.

        Nothing beside a value without a deviation, one half beside one that is as doubtful as the belief.
        """
        stated = self.sd[places].square()
        return stated / (stated + variance)


@dataclass(frozen=True)
class Noiseless:
    """A fitted surrogate of values that do not scatter; a ``FittedSurrogate`` itself."""

    plain: FittedSurrogate
    known: Known

    @property
    def name(self) -> str:
        return self.plain.name

    @property
    def noise_sd(self) -> float:
        return 0.0

    def noise_at(self, x: Tensor) -> Tensor:
        return torch.zeros(x.shape[:-1], dtype=x.dtype)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._told(x, *self.plain.moments(x))

    def skimmed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._told(x, *skim(self.plain, x))

    def _told(self, x: Tensor, mean: Tensor, sd: Tensor) -> tuple[Tensor, Tensor]:
        variance, places = sd.square() + self.plain.noise_at(x).square(), self.known.places(x)
        if (places < 0).all():
            return mean, variance.sqrt()
        weight, known = self.known.weight(places, variance), self.known.y[places]
        sharpened = (weight * variance).sqrt().clamp_min(self.known.rounding)
        is_known = places >= 0
        return (
            torch.where(is_known, known + weight * (mean - known), mean),
            torch.where(is_known, sharpened, variance.sqrt()),
        )

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws at ``x``, ``(p, d)``: the surface and what is each candidate's own, shape ``(n, p)``."""
        places, groups = self.known.places(x), replicate_groups(x)
        surface = self.plain.samples(x, n, seed=seed)
        generator = torch.Generator().manual_seed(seed + 1)
        own = torch.randn(n, len(x), generator=generator, dtype=surface.dtype)[:, groups]
        if not len(self.known.y):
            return surface + self.plain.noise_at(x) * own
        scatter = torch.randn(n, len(self.known.y), generator=generator, dtype=surface.dtype)[:, places]
        return self.of_candidates(x, surface, own, scatter)

    def of_candidates(self, x: Tensor, surface: Tensor, own: Tensor, scatter: Tensor) -> Tensor:
        """What candidates at ``x``, ``(p, d)``, have where a surface is drawn there, ``(n, p)`` or ``(p,)``.

        ``own`` and ``scatter`` are standard normal lots, shaped as the surface: what each candidate has of its own, and
        by how much a value that was measured lies off, in the deviations that were stated of it.
        """
        drawn = surface + self.plain.noise_at(x) * own
        if not len(self.known.y):
            return drawn
        # Matheron's rule: a draw is drawn to the value, which scatters by what was stated of it
        places = self.known.places(x)
        weight = self.known.weight(places, self.plain.moments(x)[1].square() + self.plain.noise_at(x).square())
        value = self.known.y[places] + scatter * self.known.sd[places]
        return torch.where(places >= 0, value + weight * (drawn - value), drawn)

    def model(self) -> Model:
        return _NoiselessModel(self)

    def held_out(self) -> Tensor:
        return self.plain.held_out()

    def summary(self) -> Mapping[str, Any]:
        return self.plain.summary()


class _NoiselessModel(CoordinateModel):
    """The same as a BoTorch model, with gradients where the plain one has them."""

    def __init__(self, fitted: Noiseless) -> None:
        super().__init__()
        self.fitted, self.plain = fitted, fitted.plain.model()

    def belief(self, x: Tensor, *, with_noise: bool) -> GPyTorchPosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, in target units."""
        found: Any = self.plain.posterior(x)
        mean, covariance = found.distribution.mean, found.distribution.covariance_matrix
        own, places = self.fitted.plain.noise_at(x), self.fitted.known.places(x)
        fixed = x.detach()
        is_same = (fixed[..., :, None, :] == fixed[..., None, :, :]).all(-1)
        covariance = covariance + own[..., :, None] * own[..., None, :] * is_same
        if len(self.fitted.known.y):
            is_known = places >= 0
            known, variance = self.fitted.known, covariance.diagonal(dim1=-2, dim2=-1)
            weight, value = known.weight(places, variance), known.y[places]
            certain = torch.diag_embed((weight * variance).clamp_min(known.rounding**2))
            covariance = torch.where(is_known[..., :, None] | is_known[..., None, :], certain, covariance)
            mean = torch.where(is_known, value + weight * (mean - value), mean)
        return GPyTorchPosterior(MultivariateNormal(mean, covariance))


def noiseless(model: FittedSurrogate, known: Known) -> FittedSurrogate:
    """A fitted model, or each member of a committee, of values that do not scatter."""
    if isinstance(model, FittedCommittee):
        return replace(model, members=tuple(Noiseless(_as_without_deviations(m), known) for m in model.members))
    return Noiseless(_as_without_deviations(model), known)


def _as_without_deviations(model: FittedSurrogate) -> FittedSurrogate:
    """The same with the noise of a value that came without a deviation: what was stated is no candidate's own."""
    if isinstance(model, ExactPosterior | FittedTrees | FittedGraphEnsemble):
        return replace(model, usual=1.0)
    return model
