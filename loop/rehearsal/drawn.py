"""Drawn worlds: one of the ways in which things may be, by all that a campaign believes.

Of each target one member of the committee is taken, in proportion to its weight, and one function of those that it
holds possible, drawn where it is asked and nowhere else: a point is drawn given all that were drawn before it. So there
is no table of candidates, and a space may be as large as it likes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

import numpy as np
import torch
from linear_operator.utils.cholesky import psd_safe_cholesky
from numpy.typing import NDArray
from torch import Tensor

from loop.belief import Belief
from loop.objective import CLASSES, Objective, Target
from loop.outcome import Measured, Measurement, Outcome
from loop.rehearsal.worlds import Truth
from loop.space.rows import different, key_of
from loop.surrogates.classes import FittedClasses
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.feasibility import CAUTION
from loop.surrogates.levels import FittedLevels, cuts_of
from loop.surrogates.noiseless import Noiseless
from loop.surrogates.protocol import FittedSurrogate
from loop.working import Working

JITTER: Final = 1e-9  # of the mean variance, on the diagonal, so that a point drawn twice is the same


@runtime_checkable
class DrawnJointly(Protocol):
    """A model whose belief is jointly normal, or an ensemble each of whose members has such a one."""

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]: ...


class DrawnWorld:
    """One way in which things may be. What was measured before the play is only believed, too, as its noise allows, but
    for exact values, and for the classes and failures that are known."""

    def __init__(
        self,
        objective: Objective,
        belief: Belief,
        failing: Outcome | None,
        *,
        seed: int,
        labels: Mapping[str, Mapping[bytes, float]] | None = None,
        ran: Mapping[bytes, bool] | None = None,
        workings: Sequence[Working] = (),
    ) -> None:
        """``failing`` is what comes of a candidate that does not run as intended, None where that was never seen.

        What is known of candidates by their keys: ``labels`` are classes, by target, and ``ran`` whether they run.
        Derived targets follow by their ``workings`` from what is drawn of the others.
        """
        self._objective, self._belief, self._failing = objective, belief, failing
        self._rng = np.random.default_rng(seed)
        self._workings = tuple(workings)
        self._targets = [
            _Drawn.of(t, m, self._rng)
            for t, m in zip(objective.targets, belief.models, strict=True)
            if t.expression is None
        ]
        for drawn in self._targets:
            drawn.labels.update((labels or {}).get(drawn.target.name, {}))
        self._is_wrong = bool(self._rng.random() < CAUTION)  # the classifier of what runs, as a whole
        self._runs = dict(ran or {})

    def measure(self, points: NDArray[np.float64]) -> list[Outcome]:
        runs = self._run(points)
        values = [drawn.measured(points, self._rng) for drawn in self._targets]
        outcomes: list[Outcome] = []
        for i, does_run in enumerate(runs):
            row = {drawn.target.name: float(v[i]) for drawn, v in zip(self._targets, values, strict=True)}
            outcomes.append(self._measured(row) if does_run or self._failing is None else self._failing)
        return outcomes

    def _measured(self, row: Truth) -> Measured:
        units = self._objective.measured_units
        return Measured(tuple(Measurement(name, value, units[name], value) for name, value in row.items()))

    def truth(self, points: NDArray[np.float64]) -> list[Truth]:
        runs = self._run(points)
        values = [drawn.true(points) for drawn in self._targets]
        names = [drawn.target.name for drawn in self._targets]
        rows = dict(zip(names, values, strict=True))
        rows |= {w.target.name: np.asarray(w(rows, points)) for w in self._workings}
        told = {n: np.broadcast_to(v, len(points)) for n, v in rows.items()}  # a formula may have no value somewhere
        return [
            {n: float(v[i]) for n, v in told.items() if math.isfinite(v[i])} if does_run else {}
            for i, does_run in enumerate(runs)
        ]

    def _run(self, points: NDArray[np.float64]) -> list[bool]:
        """Whether each candidate runs as intended, which stays so."""
        chances = self._belief.feasibility.chance(torch.from_numpy(points)).tolist()
        for x, chance in zip(points, chances, strict=True):
            if (key := key_of(x)) not in self._runs:
                lot = self._is_wrong if chance == CAUTION else bool(self._rng.random() < chance)
                self._runs[key] = lot
        return [self._runs[key_of(x)] for x in points]


@dataclass
class _Drawn:
    """One function of a target, drawn where it is asked for; where it is exact, with what is each candidate's own."""

    target: Target
    model: FittedSurrogate  # what is read of the latent quantity: levels, classes, or itself
    latent: FittedSurrogate  # the member's
    surface: FittedSurrogate  # the same, without what is each candidate's own
    about: Callable[[Tensor, Tensor], Tensor]  # what a committee makes of a member's draw at points
    spread: float  # what it makes of a member's deviations, the noise's too
    seed: int
    rng: np.random.Generator
    seen: NDArray[np.float64] | None = None  # (k, d)
    values: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))  # (k,), of the surface
    known: dict[bytes, float] = field(default_factory=dict)
    labels: dict[bytes, float] = field(default_factory=dict)  # of classes: which one a candidate is

    @staticmethod
    def of(target: Target, model: FittedSurrogate, rng: np.random.Generator) -> _Drawn:
        member, spread = model, 1.0
        about: Callable[[Tensor, Tensor], Tensor] = lambda x, drawn: drawn  # noqa: ARG005, E731
        if isinstance(model, FittedCommittee):
            member = model.members[int(rng.choice(len(model.members), p=np.array(model.weights)))]
            if model.widening != 1.0 and not isinstance(member, FittedLevels | FittedClasses):
                spread, whole = math.sqrt(model.widening), model

                def about(x: Tensor, drawn: Tensor) -> Tensor:
                    mean = whole.moments(x)[0]
                    return mean + spread * (drawn - mean)

        latent = member.latent if isinstance(member, FittedLevels | FittedClasses) else member
        surface = latent.plain if isinstance(latent, Noiseless) else latent
        return _Drawn(target, member, latent, surface, about, spread, int(rng.integers(2**31)), rng)

    def measured(self, points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """A measurement at each point, ``(n,)``."""
        latent = self._drawn(points)
        if isinstance(self.model, FittedClasses):
            return self._labelled(points, latent)
        x = torch.from_numpy(points)
        noise = self.spread * self.latent.noise_at(x).numpy() * rng.standard_normal(len(points))
        return self._read(latent + noise)

    def true(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The value without noise at each point, ``(n,)``."""
        latent = self._drawn(points)
        return self._labelled(points, latent) if isinstance(self.model, FittedClasses) else self._read(latent)

    def _read(self, latent: NDArray[np.float64]) -> NDArray[np.float64]:
        if isinstance(self.model, FittedLevels):
            cuts = cuts_of(self.model.levels)[1:-1].numpy()
            return np.asarray(self.model.levels)[np.searchsorted(cuts, latent)]
        return np.array([self.target.possible(self.target.in_unit(float(value))) for value in latent])

    def _labelled(self, points: NDArray[np.float64], latent: NDArray[np.float64]) -> NDArray[np.float64]:
        """The class of each candidate, which stays what it is."""
        assert isinstance(self.model, FittedClasses)
        chances = self.model.reading.chance(torch.from_numpy(latent)).tolist()
        for x, chance in zip(points, chances, strict=True):
            self.labels.setdefault(key_of(x), CLASSES[int(self.rng.random() < chance)])
        return np.array([self.labels[key_of(x)] for x in points])

    def _drawn(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The latent function at each point, ``(n,)``; where it was drawn before, as it was."""
        new = [x for x in different(points) if key_of(x) not in self.known]
        if new:
            at = np.array(new)
            x = torch.from_numpy(at)
            drawn = self._given_all_before(at) if isinstance(self.surface, DrawnJointly) else self._as_one(at)
            if isinstance(self.latent, Noiseless):
                own, scatter = torch.from_numpy(self.rng.standard_normal((2, len(at))))
                drawn = self.latent.of_candidates(x, drawn, own, scatter)
            for row, value in zip(at, self.about(x, drawn).tolist(), strict=True):
                self.known[key_of(row)] = value
        return np.array([self.known[key_of(x)] for x in points])

    def _as_one(self, at: NDArray[np.float64]) -> Tensor:
        """Of a model that is drawn as a whole, such as one tree of many: always the same one, ``(n,)``."""
        self.seen = at if self.seen is None else np.vstack([self.seen, at])  # each point has lots of its own
        return self.surface.samples(torch.from_numpy(self.seen), 1, seed=self.seed)[0, -len(at) :]

    def _given_all_before(self, at: NDArray[np.float64]) -> Tensor:
        """A joint draw at new points given what was drawn before, ``(n,)``."""
        assert isinstance(self.surface, DrawnJointly)
        before = 0 if self.seen is None else len(self.seen)
        every = at if self.seen is None else np.vstack([self.seen, at])
        with torch.no_grad():
            mean, covariance = self.surface.joint(torch.from_numpy(every))
            if mean.dim() > 1:  # of an ensemble, always the same member
                mean, covariance = mean[self.seed % len(mean)], covariance[self.seed % len(mean)]
            covariance = covariance + JITTER * covariance.diagonal().mean().clamp_min(1e-12) * torch.eye(len(every))
            factor = psd_safe_cholesky(covariance)
            if before:
                known = torch.linalg.solve_triangular(
                    factor[:before, :before], (self.values - mean[:before])[:, None], upper=False
                )[:, 0]
                centre = mean[before:] + factor[before:, :before] @ known
            else:
                centre = mean
            lots = torch.from_numpy(self.rng.standard_normal(len(at)))
            drawn: Tensor = centre + factor[before:, before:] @ lots
        self.seen, self.values = every, torch.cat([self.values, drawn])
        return drawn
