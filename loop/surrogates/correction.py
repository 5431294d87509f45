"""Effects for recipes that have no random effects of their own: estimated beside a Gaussian process, then taken off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loop.space import Space
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation


def without_effects(space: Space, data: TrainingSet, *, seed: int) -> tuple[TrainingSet, dict[str, Any]]:
    """The rows less what their plate, day or instrument added, and the effects as a summary tells them."""
    if not data.effects:
        return data, {}
    beside = GaussianProcess("effects", Representation.ONE_HOT).fit_to_all(space, data, seed=seed)
    if beside.row_effects is None:
        return replace(data, effects={}), {"effects": beside.details["effects"]}
    added = beside.row_effects * beside.scale
    limits = (None, None) if data.low is None or data.high is None else (data.low - added, data.high - added)
    plain = replace(data, y=data.y - added, low=limits[0], high=limits[1], effects={})
    return plain, {"effects": beside.details["effects"]}
