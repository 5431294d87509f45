"""A belief in a derived target: the formula, which is known, of beliefs in what is measured.

Nothing of the formula has to be learnt from results, and nothing of it is doubted: how a yield falls with time is
believed, how a productivity follows from both is known. Source: Astudillo and Frazier, ICML 2019 (composite functions).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import torch
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from botorch.sampling.get_sampler import GetSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor, nn
from torch.quasirandom import SobolEngine

from loop.objective import Target
from loop.surrogates.calibration import log_density
from loop.surrogates.committee import FittedCommittee, drawn_apart, left_out
from loop.surrogates.coordinate_model import CoordinateModel
from loop.surrogates.protocol import FittedSurrogate, SupportsLeavingOut, normal_between, skim
from loop.working import Working

NODES: Final = 256  # of a Sobol sequence, over which the formula is averaged
STEP: Final = 101  # between the seeds of parts
SMOOTH: Final = 0.1  # of the distance of the quarters, by which each node is smoothed: 0.13 of a normal deviation
FAR_OFF: Final = 1e-3  # share of a normal belief in the chance to keep to bounds


@dataclass(frozen=True, eq=False)
class FittedDerived:
    """What is believed of a derived target; a ``FittedSurrogate``.

    Attributes:
        working: How it follows from its parts.
        parts: What is believed of each, in the order of ``working.parts``.
        rows: Coordinates of its training values, shape ``(n, d)``: where every part was measured.
        y: These values, on its scale, shape ``(n,)``.
        places: By part, which of its own training values these are: shape ``(n,)`` each.
    """

    working: Working
    parts: tuple[FittedSurrogate, ...]
    rows: Tensor
    y: Tensor
    places: tuple[Tensor, ...]

    @property
    def name(self) -> str:
        return "derived"

    def of_parts(self, parts: Sequence[FittedSurrogate]) -> FittedDerived:
        """The same of other beliefs in its parts."""
        return replace(self, parts=tuple(parts))

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The least and the most of its training values, on its scale; nought where it has none."""
        return (float(self.y.min()), float(self.y.max())) if len(self.y) else (0.0, 0.0)

    @property
    def noise_sd(self) -> float:
        return float(self.noise_at(self.rows).square().mean().sqrt()) if len(self.rows) else 0.0

    def noise_at(self, x: Tensor) -> Tensor:
        """What is left of a new value's standard deviation when its true value is known: ``(n, d)`` to ``(n,)``."""
        beliefs = [part.moments(x) for part in self.parts]
        noises = [part.noise_at(x) for part in self.parts]
        new = [(mean, (sd.square() + s.square()).sqrt()) for (mean, sd), s in zip(beliefs, noises, strict=True)]
        variance = self._over(new, x)[1].square() - self._over(beliefs, x)[1].square()
        alone = self._over([(mean, s) for (mean, _), s in zip(beliefs, noises, strict=True)], x)[1]
        return torch.where(variance > 0.0, variance, alone.square()).sqrt()

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation at ``x``, ``(n, d)``, on its scale: two of shape ``(n,)``."""
        return self._over([part.moments(x) for part in self.parts], x)

    def skimmed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``moments`` by parts that are skimmed where they can be: two of shape ``(n,)``."""
        return self._over([skim(part, x) for part in self.parts], x)

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws at ``x``, ``(p, d)``, on its scale: shape ``(n, p)``."""
        return self.of_draws([part.samples(x, n, seed=seed + STEP * i) for i, part in enumerate(self.parts)], x, seed)

    def apart(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` draws that are right at each of ``x``, ``(p, d)``, and say nothing of two together: ``(n, p)``."""
        draws = [drawn_apart(part, x, n, seed=seed + STEP * i)[0] for i, part in enumerate(self.parts)]
        return self.of_draws(draws, x, seed)

    def model(self) -> Model:
        return DerivedModel(self.working, [part.model() for part in self.parts], self.ends)

    def held_out(self) -> Tensor:
        """Log density of each training value by what its parts were believed to be without it: shape ``(n,)``."""
        if not len(self.rows):
            return torch.zeros(0, dtype=torch.float64)
        beliefs = [_left_out(part, self.rows, places) for part, places in zip(self.parts, self.places, strict=True)]
        mean, sd = self._over(beliefs, self.rows)
        return log_density(self.y - mean, sd.square().clamp_min(1e-300))

    def summary(self) -> Mapping[str, Any]:
        assert self.working.target.expression is not None
        return {"expression": self.working.target.expression.text, "parts": [p.name for p in self.working.parts]}

    @cached_property
    def _nodes(self) -> Tensor:
        """Standard normal points, symmetric so that lines are exact: shape ``(NODES, parts)``."""
        engine: Any = SobolEngine
        points: Tensor = engine(len(self.parts), scramble=True, seed=0).draw(NODES // 2, dtype=torch.float64)
        half = torch.special.ndtri(points.clamp(1e-6, 1 - 1e-6))
        half = half / half.square().mean(0).sqrt()
        return torch.cat([half, -half])

    def _over(self, beliefs: Sequence[tuple[Tensor, Tensor]], x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the formula over normal beliefs in its parts, ``(*b)`` each: two of ``(*b)``."""
        found = self._spread(beliefs, x)
        return found.mean(0), found.std(dim=0, correction=0)

    def _spread(self, beliefs: Sequence[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
        """The formula at the nodes of normal beliefs in its parts, ``(*b)`` each: shape ``(NODES, *b)``."""
        return evaluated(self.working, self._at_nodes(beliefs), x, [mean for mean, _ in beliefs], self.ends)

    def _at_nodes(self, beliefs: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
        shape = (-1, *[1] * beliefs[0][0].dim())
        return [mean + sd * self._nodes[:, i].reshape(shape) for i, (mean, sd) in enumerate(beliefs)]

    def between(self, low: float, high: float, x: Tensor, *, is_new: bool = False, skimmed: bool = False) -> Tensor:
        """The chance that its value at ``x``, ``(n, d)``, lies between two bounds on its scale: shape ``(n,)``.

        A cost per yield is far from normal where there may be no yield, so each node counts by itself, smoothed a
        little so that there is a slope; and a normal belief a little too, so that there is one far off.
        """
        beliefs = [skim(part, x) if skimmed else part.moments(x) for part in self.parts]
        if is_new:
            noises = [part.noise_at(x) for part in self.parts]
            beliefs = [(mean, (sd.square() + s.square()).sqrt()) for (mean, sd), s in zip(beliefs, noises, strict=True)]
        found, plain = self._spread(beliefs, x), _formula(self.working, self._at_nodes(beliefs), x)
        quarters = torch.quantile(found.detach(), torch.tensor([0.25, 0.75], dtype=found.dtype), dim=0)
        width = (SMOOTH * (quarters[1] - quarters[0])).clamp_min(1e-300)
        normal = normal_between(low, high, found.mean(0), found.std(dim=0, correction=0).clamp_min(1e-300))
        kept = normal_between(low, high, found, width)
        never = torch.isinf(plain) & ((plain > high) | (plain < low))
        return (1 - FAR_OFF) * torch.where(never, 0.0, kept).mean(0) + FAR_OFF * normal

    def of_draws(self, draws: Sequence[Tensor], x: Tensor, seed: int) -> Tensor:
        """The formula at ``x``, ``(p, d)``, of draws of its parts, ``(n, p)`` each: shape ``(n, p)``.

        Draws of the parts are put together at random, since a committee's are by one member after the other.
        """
        generator = torch.Generator().manual_seed(seed)
        mixed = [d if i == 0 else d[torch.randperm(len(d), generator=generator)] for i, d in enumerate(draws)]
        return evaluated(self.working, mixed, x, [d.mean(0) for d in draws], self.ends)


def evaluated(
    working: Working, values: Sequence[Tensor], x: Tensor, middles: Sequence[Tensor], ends: tuple[float, float]
) -> Tensor:
    """The formula on its target's scale, of parts' ``values`` on theirs, ``(s, *b)``, at ``x``, ``(*b, d)``.

    Parts lie within what they can be. Where there is no value, as of a logarithm of less than nothing, it is that of
    the ``middles``, ``(*b)``. What is infinitely bad, as a cost per yield where there is none, is no better than the
    worst of ``ends``, between which measured values lie, and breaks a threshold; and what has no value in the middle
    either is no better. Shape ``(s, *b)``.
    """
    found = _formula(working, values, x)
    if bool(torch.isfinite(found).all()):
        return found
    target = working.target.on_scale
    middle = _formula(working, [m[None] for m in middles], x)
    middle = torch.where(torch.isfinite(middle), middle, torch.full_like(middle, _worst(target, ends)))
    plain = torch.where(torch.isfinite(found), found, middle)
    low, high = target.bounds
    if target.sign <= 0.0:
        worst = ends[1] if high == math.inf else max(ends[1], math.nextafter(high, math.inf))
        plain = torch.where(found == torch.inf, middle.clamp_min(worst), plain)
    if target.sign >= 0.0:
        worst = ends[0] if low == -math.inf else min(ends[0], math.nextafter(low, -math.inf))
        plain = torch.where(found == -torch.inf, middle.clamp_max(worst), plain)
    return plain


def _worst(target: Target, ends: tuple[float, float]) -> float:
    """The end that is worth less, or that is nearer to breaking the thresholds of a target that is only kept."""
    low, high = target.bounds
    return min(ends, key=lambda end: target.worth(end) if target.is_wanted else min(end - low, high - end))


def _formula(working: Working, values: Sequence[Tensor], x: Tensor) -> Tensor:
    named = {}
    for part, value in zip(working.parts, values, strict=True):
        plain = part.in_unit(value)
        has_ends = part.low is not None or part.high is not None
        named[part.name] = plain.clamp(part.low, part.high) if has_ends else plain
    found = working(named, x)
    low, high = working.target.low, working.target.high
    if low is not None or high is not None:
        found = found.clamp(low, high)
    scaled: Tensor = working.target.scaled(found.expand(values[0].shape))
    return scaled


def _left_out(part: FittedSurrogate, rows: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """What was believed of a part's values without them, noise included; with them, of a model that cannot say it."""
    said = None
    if isinstance(part, FittedCommittee):
        if (mixture := left_out(part.members, part.weights)) is not None:
            said = mixture[0], (part.widening * mixture[1]).sqrt()
    elif isinstance(part, SupportsLeavingOut):
        said = part.left_out()
    mean, sd = part.moments(rows)
    sd = (sd.square() + part.noise_at(rows).square()).sqrt()
    if said is None:
        return mean, sd
    known = torch.isfinite(said[0][places])
    return torch.where(known, said[0][places], mean), torch.where(known, said[1][places], sd)


class DerivedPosterior(Posterior):
    """The formula of posteriors of its parts, ``(*b, q, 1)`` each; base samples have one column for each part."""

    def __init__(self, working: Working, x: Tensor, parts: Sequence[Any], ends: tuple[float, float]) -> None:
        self.working, self.x, self.parts, self.ends = working, x, tuple(parts), ends

    @property
    def device(self) -> torch.device:
        return torch.device(self.parts[0].device)

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = self.parts[0].dtype
        return found

    @property
    def base_sample_shape(self) -> torch.Size:
        return torch.Size([*self.parts[0].base_sample_shape, len(self.parts)])

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size(self.parts[0].batch_shape)

    @property
    def batch_range(self) -> tuple[int, int]:
        """The batch axes of ``base_sample_shape``: samplers give all rows of a batch the same base samples."""
        return 0, -2

    def _extended_shape(self, sample_shape: torch.Size = torch.Size()) -> torch.Size:  # noqa: B008 - BoTorch's default
        return torch.Size([*sample_shape, *self.x.shape[:-1], 1])

    @property
    def mean(self) -> Tensor:
        """Mean over draws that are always the same, shape ``(*b, q, 1)``."""
        return self._draws.mean(0)

    @property
    def variance(self) -> Tensor:
        """Variance over them, shape ``(*b, q, 1)``."""
        return self._draws.var(dim=0, correction=0)

    @cached_property
    def _draws(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        half = torch.randn(NODES // 2, *self.base_sample_shape, generator=generator, dtype=self.dtype)
        return self.rsample_from_base_samples(torch.Size([NODES]), torch.cat([half, -half]))

    def rsample(self, sample_shape: torch.Size | None = None) -> Tensor:
        """Draws of shape ``sample_shape + (*b, q, 1)``."""
        shape = torch.Size([1]) if sample_shape is None else sample_shape
        return self.rsample_from_base_samples(shape, torch.randn(*shape, *self.base_sample_shape, dtype=self.dtype))

    def rsample_from_base_samples(self, sample_shape: torch.Size, base_samples: Tensor) -> Tensor:
        """Draws from standard normal base samples of shape ``sample_shape + base_sample_shape``."""
        drawn = [
            part.rsample_from_base_samples(sample_shape, base_samples[..., i])[..., 0]
            for i, part in enumerate(self.parts)
        ]
        found = evaluated(self.working, drawn, self.x, [d.mean(0) for d in drawn], self.ends)
        return found[..., None]


class DerivedModel(CoordinateModel):
    """A derived target as a BoTorch model of coordinates."""

    def __init__(self, working: Working, parts: Sequence[Model], ends: tuple[float, float]) -> None:
        super().__init__()
        self.working, self.ends = working, ends
        self.parts = nn.ModuleList(parts)

    def belief(self, x: Tensor, *, with_noise: bool) -> DerivedPosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, on the target's scale."""
        parts = [m.posterior(x, observation_noise=with_noise) for m in self.parts if isinstance(m, Model)]
        return DerivedPosterior(self.working, x, parts, self.ends)


def _derived_sampler(
    posterior: DerivedPosterior,  # noqa: ARG001 - given by BoTorch
    sample_shape: torch.Size,
    *,
    seed: int | None = None,
) -> SobolQMCNormalSampler:
    return SobolQMCNormalSampler(sample_shape=sample_shape, seed=seed)


GetSampler.add((DerivedPosterior,), _derived_sampler)  # BoTorch dispatches on the posterior's class
