"""Judging conditions: what models believe of each over the scope, and how that would move with one more experiment.

A member that is a Gaussian process believes of a mean over the scope in closed form. Of anything else (another member,
the worst substrate, a share) joint draws give mean and covariance, which are taken for those of a Gaussian belief.
Either way it is known how the belief narrows with an experiment, whatever its result: nothing has to be imagined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.streaming import CHUNK, members_of
from loop.generality import Generality, Judgement
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.mixture import apportion
from loop.surrogates.protocol import FittedSurrogate

CELLS = 3_200  # of conditions and substrates that are looked at together: 24 MB for a few vectors, seconds for the sums
LOOKED_AT = 100  # substrates that stand for a larger scope within one batch
JITTER = 1e-8  # share of the prior variance; what float64 needs where all is known
LEADING = 8  # conditions whose hardest substrates stand for a larger scope where the worst counts
OFFSETS = 7_919  # beyond every member's seed
DRAWS = 1_024  # from which a covariance is estimated where there is no closed form: 3 % error


@dataclass(frozen=True)
class Field:
    """Conditions over substrates: all the cells whose beliefs are held together.

    Attributes:
        general: How conditions are judged.
        conditions: Their coordinates, shape ``(c, r)``.
        substrates: Numbers of those that are looked at, shape ``(s,)``.
        cells: Every condition with each of them, shape ``(c * s, d)``.
        shares: How much each substrate counts for each condition, shape ``(c, s)``; 0 where it is not allowed.
        is_cut: Whether there are conditions besides.
    """

    general: Generality
    conditions: NDArray[np.float64]
    substrates: NDArray[np.int64]
    cells: Tensor
    shares: Tensor
    is_cut: bool = False

    @staticmethod
    def of(
        general: Generality, conditions: NDArray[np.float64], substrates: NDArray[np.int64], *, is_cut: bool = False
    ) -> Field:
        """The field of some substrates, and of one more for each condition that none of them is allowed with."""
        cells = general.cells(conditions, substrates)
        shares = general.shares(cells, substrates)
        if not shares.any(axis=1).all():
            first = general.first_allowed(conditions[~shares.any(axis=1)])
            more = np.setdiff1d(first[first >= 0], substrates)
            if len(more):
                return Field.of(general, conditions, np.union1d(substrates, more), is_cut=is_cut)
        flat = torch.from_numpy(cells.reshape(-1, cells.shape[2]))
        return Field(general, conditions, substrates, flat, torch.from_numpy(shares), is_cut)

    @property
    def is_whole(self) -> bool:
        """Whether every substrate of the scope is looked at."""
        return len(self.substrates) == len(self.general.substrates)

    @property
    def weights(self) -> Tensor:
        """From cells to conditions: a mean over the scope is ``values @ weights``; shape ``(c * s, c)``."""
        c, s = self.shares.shape
        spread = torch.zeros(c, s, c, dtype=torch.float64)
        spread[torch.arange(c), :, torch.arange(c)] = self.shares
        return spread.reshape(c * s, c)


@dataclass
class Voice:
    """What one member believes; everything narrows as experiments are decided on.

    Attributes:
        weight: Of the member.
        mean: Of what each condition is worth, larger is better, shape ``(c,)``.
        covariance: Of the same, shape ``(c, c)``.
        cross: Covariance of cells and conditions, shape ``(n, c)``.
        variance, noise: Of the cells, and of a measurement there, shape ``(n,)``.
        column: The covariance of all cells with one of them before anything was decided: ``(n,)``.
    """

    weight: float
    mean: Tensor
    covariance: Tensor
    cross: Tensor
    variance: Tensor
    noise: Tensor
    column: Callable[[int], Tensor]
    decided: list[Tensor] = field(default_factory=list)

    def slopes(self) -> Tensor:
        """How conditions move per standard deviation of the result at each cell: ``(n, c)``."""
        return self.cross / (self.variance + self.noise).clamp_min(1e-300).sqrt()[:, None]

    def decide(self, j: int) -> None:
        """An experiment at cell ``j`` will be known."""
        column = self.column(j)
        for earlier in self.decided:
            column = column - earlier * earlier[j]
        spread = (self.variance[j] + self.noise[j]).clamp_min(1e-300).sqrt()
        moved, shift = column / spread, self.cross[j] / spread
        self.cross = self.cross - torch.outer(moved, shift)
        self.covariance = self.covariance - torch.outer(shift, shift)
        self.variance = (self.variance - moved.square()).clamp_min(0.0)
        self.decided.append(moved)


def voices(model: FittedSurrogate, scene: Field, others: Tensor, *, seed: int) -> list[Voice]:
    """What each member believes of the conditions of a field, and of its cells and ``others``, ``(p, d)``.

    The others are numbered behind the cells: experiments elsewhere that are to be known.
    """
    x = torch.cat([scene.cells, others])
    return [
        _exactly(weight, member, scene, x)
        if isinstance(member, ExactPosterior) and scene.general.by is Judgement.MEAN
        else _from_draws(weight, member, scene, x, seed + 31 * i)
        for i, (weight, member) in enumerate(members_of(model))
    ]


def judged(scene: Field, values: Tensor) -> Tensor:
    """What values at the cells, ``(*b, c * s)``, make each condition worth, larger is better: ``(*b, c)``."""
    general = scene.general
    worth = general.target.sign * values.reshape(*values.shape[:-1], *scene.shares.shape)
    match general.by:
        case Judgement.MEAN:
            found = (worth * scene.shares).sum(-1)
        case Judgement.WORST:
            found = worth.masked_fill(scene.shares <= 0.0, torch.inf).amin(-1)
        case Judgement.SHARE:
            assert general.threshold is not None
            reached = worth >= general.target.sign * general.threshold
            found = 100.0 * (reached * scene.shares).sum(-1)
    return found


def judged_draws(model: FittedSurrogate, scene: Field, n: int, *, seed: int, astray: Tensor | None = None) -> Tensor:
    """``n`` joint draws of what conditions are worth, larger is better, from members by their weights: ``(n, c)``.

    ``astray`` is by how much each condition may be off with all its substrates together, beyond what the model knows of
    itself: standard deviations in the target's unit, ``(c,)``.
    """
    members = members_of(model)
    shares = apportion([w for w, _ in members], n)
    offsets = torch.split(_offsets(scene, n, astray, seed), list(shares))
    parts = []
    for i, ((_, member), share, offset) in enumerate(zip(members, shares, offsets, strict=True)):
        if not share:
            continue
        if isinstance(member, ExactPosterior) and scene.general.by is Judgement.MEAN:
            voice = _exactly(1.0, member, scene, scene.cells)
            jitter = JITTER * member.prior_variance * member.scale**2
            root = torch.linalg.cholesky(voice.covariance + jitter * torch.eye(len(voice.mean), dtype=torch.float64))
            generator = torch.Generator().manual_seed(seed + i)
            half = torch.randn((share + 1) // 2, len(voice.mean), generator=generator, dtype=torch.float64)
            parts.append(voice.mean + torch.cat([half, -half])[:share] @ root.T + offset)
        else:
            values = member.samples(scene.cells, share, seed=seed + i)
            parts.append(judged(scene, values + offset.repeat_interleave(scene.shares.shape[1], dim=1)))
    return torch.cat(parts)


def _offsets(scene: Field, n: int, astray: Tensor | None, seed: int) -> Tensor:
    """``n`` draws of what all substrates of a condition have in common beyond the model, about zero: ``(n, c)``."""
    c = len(scene.conditions)
    if astray is None:
        return torch.zeros((n, c), dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed + OFFSETS)
    draws = torch.randn(n, c, generator=generator, dtype=torch.float64)
    return astray * (draws - draws.mean(0))


def hopes(model: FittedSurrogate, general: Generality, conditions: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """What conditions are believed to be worth over the whole scope, and at best: two of shape ``(c,)``.

    One pass over the cells in chunks, each cell by itself: at best all substrates deviate together by two standard
    deviations, which no joint belief goes beyond.
    """
    everything = np.arange(len(general.substrates))
    step = max(1, CHUNK // len(everything))
    usual, best = [], []
    for start in range(0, len(conditions), step):
        part = Field.of(general, conditions[start : start + step], everything)
        mean, sd = model.moments(part.cells)
        usual.append(judged(part, mean))
        best.append(judged(part, mean + 2.0 * general.target.sign * sd))
    return torch.cat(usual), torch.cat(best)


def expected_shares(model: FittedSurrogate, general: Generality, conditions: NDArray[np.float64]) -> Tensor:
    """The believed mean of what conditions are worth by a share, over the whole scope: ``(c,)``."""
    assert general.threshold is not None
    everything, found = np.arange(len(general.substrates)), []
    step = max(1, CHUNK // len(everything))
    for start in range(0, len(conditions), step):
        part = Field.of(general, conditions[start : start + step], everything)
        reached = torch.zeros(len(part.cells), dtype=part.cells.dtype)
        for weight, member in members_of(model):
            mean, sd = member.moments(part.cells)
            reached += weight * torch.special.ndtr(general.target.sign * (mean - general.threshold) / sd)
        found.append(100.0 * (reached.reshape(part.shares.shape) * part.shares).sum(-1))
    return torch.cat(found)


def some_substrates(
    general: Generality, model: FittedSurrogate, conditions: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Numbers of the substrates to look at, in order: all, or of a large scope some.

    These are drawn at random, except where the worst counts: among random ones it would be too good. There the ones
    are taken that are believed hardest with some of the leading ``conditions``, ``(c, r)``.
    """
    n = len(general.substrates)
    if n <= LOOKED_AT:
        return np.arange(n)
    if general.by is not Judgement.WORST:
        return np.sort(rng.choice(n, LOOKED_AT, replace=False))
    usual, _ = hopes(model, general, conditions)
    leading = conditions[torch.argsort(usual, descending=True, stable=True)[:LEADING].numpy()]
    part = Field.of(general, leading, np.arange(n))
    mean, sd = model.moments(part.cells)
    worst = (general.target.sign * mean - sd).reshape(part.shares.shape).masked_fill(part.shares <= 0.0, torch.inf)
    place = worst.argsort(dim=1, stable=True).argsort(dim=1, stable=True)  # of each substrate with each condition
    return np.sort(place.amin(0).argsort(stable=True)[:LOOKED_AT].numpy())


def _exactly(weight: float, member: ExactPosterior, scene: Field, x: Tensor) -> Voice:
    """A Gaussian process, of a mean over the scope: everything in closed form."""
    sign, w = scene.general.target.sign, scene.weights
    mean, sd = member.moments(x)
    root = member.kernel(x, member.x) @ member.root
    n = len(w)
    prior = torch.cat([_prior(member, scene), member.kernel(x[n:], scene.cells) @ w])
    cross = (prior - root @ (root[:n].T @ w)) * member.scale**2 * sign

    def column(j: int) -> Tensor:
        return (member.kernel(x, x[j : j + 1])[:, 0] - root @ root[j]) * member.scale**2

    return Voice(
        weight, sign * (mean[:n] @ w), sign * (w.T @ cross[:n]), cross, sd.square(), member.noise_at(x).square(), column
    )


def _prior(member: ExactPosterior, scene: Field) -> Tensor:
    """The prior covariance of cells and conditions, ``(c * s, c)``; each pair of conditions is looked at once."""
    c, s = scene.shares.shape
    cells = scene.cells.reshape(c, s, -1)
    found = torch.empty((c, s, c), dtype=torch.float64)
    for i in range(c):
        block = member.kernel(cells[i], cells[i:].reshape((c - i) * s, -1)).reshape(s, c - i, s)
        found[i, :, i:] = (block * scene.shares[None, i:]).sum(-1)
        found[i:, :, i] = torch.einsum("s,sct->ct", scene.shares[i], block)
    return found.reshape(c * s, c)


def _from_draws(weight: float, member: FittedSurrogate, scene: Field, x: Tensor, seed: int) -> Voice:
    draws = member.samples(x, DRAWS, seed=seed)
    worth = judged(scene, draws[:, : len(scene.cells)])
    around = draws - draws.mean(0)
    of_worth = worth - worth.mean(0)
    n = len(draws) - 1
    return Voice(
        weight,
        worth.mean(0),
        of_worth.T @ of_worth / n,
        around.T @ of_worth / n,
        around.square().sum(0) / n,
        member.noise_at(x).square(),
        lambda j: around.T @ around[:, j] / n,
    )
