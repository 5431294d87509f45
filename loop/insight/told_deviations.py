"""Told deviations: what is said where models take much more for noise than results came with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch

from loop.belief import Belief
from loop.objective import Objective
from loop.surrogates.exact import replicate_groups
from loop.surrogates.protocol import TrainingSet
from loop.units import unit_shown

FEWEST: Final = 6  # values with a deviation
MUCH: Final = 3.0  # times as large
AGAIN: Final = 2.0  # times as much as told that replicates may differ


def more_than_told(objective: Objective, belief: Belief) -> Iterator[str]:
    """A sentence for each target of which most values came with a deviation and the models believe in far more noise.

    Not where replicates differ by more than their deviations, so that there is such noise, nor of what is exact,
    learnt as logarithms or told in levels or words.
    """
    for i, (target, model) in enumerate(zip(objective.targets, belief.models, strict=True)):
        if target.is_exact or target.is_log or target.levels or target.classes or target.expression is not None:
            continue
        data = TrainingSet.of(belief.table, i)
        told = data.sd[~torch.isnan(data.sd)]
        if len(told) < FEWEST or 2 * len(told) <= len(data):
            continue
        usual, noise = float(told.median()), float(model.noise_at(data.x).median())
        if noise <= MUCH * usual or _scatter(data) > AGAIN * usual:
            continue
        unit = unit_shown(target.unit)
        shown, taken = (f"{value:.2g} {unit}".rstrip() for value in (usual, noise))
        yield (
            f"{target.name}: results came with deviations of {shown} (the middle of {len(told)}), and models take "
            f"{taken} for the noise of a measurement, as those may be of its readings alone; where they are all that "
            f"is in doubt of a value, {target.name}: {{exact: true}} under objective says so"
        )


def _scatter(data: TrainingSet) -> float:
    """The deviation of values about the mean of their candidate; 0 where none was measured again."""
    groups = np.asarray(replicate_groups(data.x))
    values, members = data.y.numpy(), np.bincount(groups)
    left = values - (np.bincount(groups, values) / members)[groups]
    free = len(values) - len(members)
    return float(np.sqrt(np.square(left).sum() / free)) if free > 0 else 0.0
