"""Stress: refits that differ in nothing but the seed, at home and on what is unlike the training data.

Models that agree at home may part where nothing holds them (underspecification): then a single one's prediction there
is an accident of its seed.

Source of the idea: D'Amour et al., J. Mach. Learn. Res. 23 (2022) 226.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from loop.errors import FitError, TooFewPoints
from loop.examination.parts import Parts, Split
from loop.space import Space
from loop.surrogates.committee import Committee
from loop.surrogates.protocol import Surrogate, TrainingSet

REFITS: Final = 5
LAST_DIGITS: Final = 1e-12  # of what is predicted; a smaller spread is what sums in another order make of one model


@dataclass(frozen=True, slots=True)
class Stress:
    """Spread of one model's predictions between refits (root mean square, in the target's unit).

    Attributes:
        model: The surrogate, or a member of the committee.
        split: The one that took the training data away from what is predicted.
        home: On candidates held out at random.
        away: On candidates held out by the split.
        error_away: Root mean square error there, of the mean of the refits; None where all that is held out is limits.
    """

    model: str
    split: Split
    home: float
    away: float
    error_away: float | None


def stress(
    recipe: Surrogate, space: Space, data: TrainingSet, home: Parts, away: Parts, split: Split, *, seed: int
) -> tuple[Stress, ...]:
    """What refits differ by, for each model of the recipe that could be fitted."""
    recipes: Sequence[Surrogate] = recipe.members if isinstance(recipe, Committee) else (recipe,)
    found = []
    for one in recipes:
        try:
            at_home, away_from_home = (_spread(one, space, data, parts, seed) for parts in (home, away))
        except (TooFewPoints, FitError):
            continue
        found.append(Stress(one.name, split, at_home[0], *away_from_home))
    return tuple(found)


def _spread(recipe: Surrogate, space: Space, data: TrainingSet, parts: Parts, seed: int) -> tuple[float, float | None]:
    """Spread between refits, and the error of their mean, on the largest held-out part."""
    train, held = max(parts, key=lambda p: len(p[1]))
    known, asked = data.rows(torch.from_numpy(train)), data.rows(torch.from_numpy(held))
    fitted = [recipe.fit(space, known, seed=seed + 1 + k) for k in range(REFITS)]
    with torch.no_grad():
        drawn = torch.stack([f.moments(asked.x)[0] for f in fitted]).numpy()
    exact = ~asked.is_censored.numpy()
    missed = asked.y.numpy()[exact] - drawn.mean(axis=0)[exact]
    error = float(np.sqrt(np.mean(missed**2))) if exact.any() else None
    spread = float(np.sqrt(drawn.var(axis=0, ddof=1).mean()))
    return (0.0 if spread <= LAST_DIGITS * float(np.abs(drawn).max()) else spread), error  # what is no number stays so
