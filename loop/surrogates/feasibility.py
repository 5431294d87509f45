"""Feasibility: the chance that an experiment runs as intended, learnt from informative faults.

Faults that say nothing about the candidate (a clogged needle) are not in it. Until both classes were seen, every
candidate counts as feasible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.space import Space
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import FittedSurrogate, TrainingSet, skim
from loop.surrogates.representation import Representation

# No candidate is ruled out for good by a classifier: it is a Gaussian process on labels, and far too sure of itself
# where all labels are alike. As much is left to chance after 48 faults in a row (1 / (n + 2), Laplace's rule of
# succession), which is more than most campaigns see; see docs/decisions/0088.
CAUTION = 0.02


@dataclass(frozen=True)
class Feasibility:
    """The chance of success at coordinates. ``latent`` is None until both classes were seen."""

    latent: FittedSurrogate | None = None
    faults: int = 0

    def chance(self, x: Tensor) -> Tensor:
        """Between 0.02 and 1 at ``x``, shape ``(n, d)``: shape ``(n,)``."""
        if self.latent is None:
            return torch.ones(len(x), dtype=x.dtype)
        mean, sd = skim(self.latent, x)
        # labels are 0 and 1: the chance that the latent lies above the middle, given all its uncertainty
        z = (mean - 0.5) / (sd.square() + self.latent.noise_sd**2).sqrt()
        chance: Tensor = torch.special.ndtr(z)
        return chance.clamp(CAUTION, 1.0)


def runs_in_draws(chances: Tensor, n: int, *, seed: int) -> Tensor:
    """Whether candidates with these chances to run, ``(c,)``, do so in each of ``n`` draws: ``(n, c)``.

    What the classifier rules out has ``CAUTION`` as its chance, which is the doubt in the classifier as a whole: all of
    that runs in the draws in which it is wrong, and none of it in others. Were it drawn for each by itself, some of a
    hundred would run in nearly every draw.
    """
    if bool((chances == 1.0).all()):  # no fault is known of
        return torch.ones(n, len(chances), dtype=torch.bool)
    generator = torch.Generator().manual_seed(seed)
    # as one call would draw them all, without keeping them
    runs = [torch.rand(len(chances), generator=generator, dtype=chances.dtype) < chances for _ in range(n)]
    is_wrong = torch.rand(n, 1, generator=generator, dtype=chances.dtype) < CAUTION
    return torch.where(chances == CAUTION, is_wrong, torch.stack(runs))


def learn_feasibility(space: Space, x: NDArray[np.float64], ran: NDArray[np.bool_], *, seed: int) -> Feasibility:
    """From what ran as intended (``ran``, shape ``(n,)``) at coordinates ``x``, shape ``(n, d)``.

    A Gaussian process on the labels 0 and 1 (least-squares classification): exact, and never without a result.
    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 6.5.
    """
    faults = int((~ran).sum())
    if faults == 0 or faults == len(ran):
        return Feasibility(faults=faults)
    labels = torch.from_numpy(ran.astype(np.float64))
    data = TrainingSet(torch.from_numpy(x.copy()), labels, torch.full_like(labels, torch.nan))
    return Feasibility(GaussianProcess("feasibility", Representation.COUNTS).fit(space, data, seed=seed), faults)
