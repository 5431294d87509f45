"""What an acquisition function is given, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.objective import Objective
from loop.space import Pool, Space
from loop.surrogates.feasibility import Feasibility
from loop.surrogates.protocol import FittedSurrogate

UNLIKELIEST = 1e-9  # chances are not told apart below it; their logarithm stays finite


@dataclass(frozen=True)
class Question:
    """What is to be decided: which points next, given what the models believe.

    Attributes:
        models: One fitted surrogate for each target, in the objective's order.
        pool: The finite candidate set, or None for a space with continuous parameters.
        observed: Coordinates with a value for every target, shape ``(n, d)``.
        pending: Coordinates of running experiments and of choices made already, shape ``(p, d)``.
        tried: Coordinates that are not to be chosen again, shape ``(t, d)``.
    """

    space: Space
    objective: Objective
    models: Sequence[FittedSurrogate]
    feasibility: Feasibility
    pool: Pool | None
    observed: Tensor
    pending: Tensor
    tried: NDArray[np.float64]
    seed: int

    def chance(self, x: Tensor) -> Tensor:
        """The chance that a candidate runs as intended and keeps every threshold, at ``x``, ``(n, d)``: ``(n,)``."""
        total = self.feasibility.chance(x)
        for target, model in zip(self.objective.targets, self.models, strict=True):
            if target.at_least is None and target.at_most is None:
                continue
            mean, sd = model.moments(x)
            low = -math.inf if target.at_least is None else target.at_least
            high = math.inf if target.at_most is None else target.at_most
            kept: Tensor = torch.special.ndtr((high - mean) / sd) - torch.special.ndtr((low - mean) / sd)
            total = total * kept.clamp_min(UNLIKELIEST)
        return total

    @property
    def baseline(self) -> Tensor:
        """The observed coordinates whose believed values keep every threshold; all of them where none does."""
        keeps = torch.ones(len(self.observed), dtype=torch.bool)
        for target, model in zip(self.objective.targets, self.models, strict=True):
            if target.at_least is not None or target.at_most is not None:
                mean = model.moments(self.observed)[0].tolist()
                keeps &= torch.tensor([target.meets(value) for value in mean])
        return self.observed[keeps] if keeps.any() else self.observed

    @property
    def signs(self) -> Tensor:
        """Shape ``(m,)``: multiply values by it and larger is better."""
        return torch.from_numpy(self.objective.signs)


@dataclass(frozen=True)
class Chosen:
    """One point with its acquisition value, in the unit that ``meaning`` states."""

    x: NDArray[np.float64]  # (d,)
    value: float
    meaning: str


@dataclass(frozen=True)
class Choice:
    """A batch, in the order of choosing, and notes on what was not as asked."""

    points: tuple[Chosen, ...]
    notes: tuple[str, ...] = field(default=())


class Acquisition(Protocol):
    """The worth of trying a batch next, maximised over a pool or a continuous space."""

    @property
    def name(self) -> str: ...

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points, fewer when nothing else is left."""
        ...
