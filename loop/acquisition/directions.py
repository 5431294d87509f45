"""Several targets as one number for each joint draw: how high it reaches along a random direction."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from loop.acquisition.pareto import reference_point, spans
from loop.acquisition.protocol import Question

MEANING = "expected growth of the hypervolume, targets scaled by their ranges"


def growth(question: Question, values: Tensor) -> Tensor:
    """Draws of the worth of all wanted targets, ``(s, n, w)``, as heights above the reference point: ``(s, n)``.

    Targets are scaled by the ranges of what was observed.
    """
    return heights((values - reference_point(question)) / spans(question), question.seed)


def heights(above: Tensor, seed: int) -> Tensor:
    """Draws of all targets above the reference point, ``(s, n, m)``, along one random direction each: ``(s, n)``.

    The mean over directions of how much a set raises the highest of them is the hypervolume that it adds: Deng and
    Zhang, IEEE Trans. Evol. Comput. 23 (2019) 843.
    """
    m = above.shape[-1]
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(len(above), m, generator=generator, dtype=above.dtype).abs().clamp_min(1e-3)
    direction = normal / normal.norm(dim=1, keepdim=True)
    constant = math.pi ** (m / 2) / (2**m * math.gamma(m / 2 + 1))
    reached = (above.clamp_min(0.0) / direction[:, None, :]).min(dim=-1).values
    return torch.as_tensor(constant * reached.pow(m))
