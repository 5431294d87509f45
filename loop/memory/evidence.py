"""Does a source know anything? Judged by its own results, before it is heard on anybody else's."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.distributions import StudentT

from loop.surrogates.protocol import FittedSurrogate, TrainingSet

PROOF: Final = 1.0  # how much likelier, in logarithms, held-out results must be; docs/decisions/0009


def own_evidence(fitted: FittedSurrogate, data: TrainingSet) -> float:
    """How much likelier a model makes its own results, each held out, than their mean does; a logarithm.

    Results of which only a limit is known say nothing here; without three others nothing is shown, which is 0.
    """
    exact = ~data.is_censored
    y = data.y[exact]
    if len(y) < 3:
        return 0.0
    return float((fitted.held_out()[exact] - _by_the_others(y)).sum())


def _by_the_others(y: Tensor) -> Tensor:
    """Log density of each value, ``(n,)``, by the mean and spread of the others: Student's t, of a flat response."""
    others = len(y) - 1
    mean = (y.sum() - y) / others
    variance = torch.stack([torch.cat((y[:i], y[i + 1 :])).var() for i in range(len(y))])
    least = torch.finfo(y.dtype).eps * float(y.var()) + torch.finfo(y.dtype).tiny
    scale = (variance.clamp_min(least) * (1.0 + 1.0 / others)).sqrt()
    found: Tensor = StudentT(others - 1, mean, scale).log_prob(y)  # type: ignore[no-untyped-call]
    return found
