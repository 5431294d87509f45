"""Effects for recipes that have no random effects of their own: estimated beside a Gaussian process, then taken off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from loop.space import Space
from loop.surrogates.effects import effects_of
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation


@dataclass(frozen=True)
class Corrected:
    """Rows less what their plate, day or instrument added, and what that leaves in doubt.

    Attributes:
        data: The rows, which have no effects any more.
        told: The effects as a summary tells them.
        shared: Covariance of what effects may have added to the rows, of their expected variances, in the target's unit
            squared: ``(n, n)``; None where there are none.
        level: By how much all rows may be off together since effects are in doubt: a standard deviation in the target's
            unit.
    """

    data: TrainingSet
    told: Mapping[str, Any] = field(default_factory=dict)
    shared: Tensor | None = None
    level: float = 0.0


def without_effects(space: Space, data: TrainingSet, *, seed: int) -> Corrected:
    """The rows less what their plate, day or instrument is believed to have added."""
    if not data.effects:
        return Corrected(data)
    beside = GaussianProcess("effects", Representation.ONE_HOT).fit_to_all(space, data, seed=seed)
    told = {"effects": beside.details["effects"]}
    plain = replace(data, effects={})
    if beside.row_effects is not None:
        plain = plain.less(beside.row_effects * beside.scale)
    parts = [told["effects"][e.name]["expected"] ** 2 * e.covariance for e in effects_of(data.effects)]
    if not parts:
        return Corrected(plain, told)
    shared = torch.stack(parts).sum(0)
    return Corrected(plain, told, shared, _level(beside, shared))


def _level(beside: ExactPosterior, shared: Tensor) -> float:
    """What the rows leave in doubt of the mean of their effects, whose covariance a priori is ``shared``."""
    seen = shared.mean(0) @ beside.root / beside.scale
    return math.sqrt(max(float(shared.mean() - seen.square().sum()), 0.0))
