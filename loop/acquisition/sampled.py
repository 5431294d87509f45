"""Expected improvement given joint draws at what is known, in closed form for one more point.

Draws of the response at the observed and pending points decide what there is to beat; given them, the response
elsewhere is still Gaussian, so the improvement of one more point has a formula: no sampling noise, slopes everywhere,
and no Cholesky factor of all points at each look.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from botorch.acquisition.analytic import _log_ei_helper
from botorch.utils.safe_math import logmeanexp
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.acquisition.streaming import members_of
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.mixture import apportion

DRAWS = 128  # what there is to beat is known to a tenth of its spread


class SampledImprovement:
    """Log expected improvement of single points, ``(b, 1, d)`` to ``(b,)``, for one target of which more or less is
    wanted, believed by exact Gaussian processes; per cost, after ``chosen``, where cost counts.

    Source: Letham, Karrer, Ottoni and Bakshy, Bayesian Analysis 14 (2019) 495; logarithms as in Ament et al. 2023.
    """

    def __init__(self, question: Question, pending: Tensor, chosen: Sequence[NDArray[np.float64]] = ()) -> None:
        (target, model), *_ = question.wanted
        self.question, self.sign, self.chosen = question, target.sign, tuple(chosen)
        keeping = question.keeping
        base = torch.cat([keeping, pending]) if len(keeping) or len(pending) else question.observed
        members = members_of(model)
        shares = apportion([w for w, _ in members], DRAWS)
        self.parts: list[_Part] = []
        for i, ((_, member), share) in enumerate(zip(members, shares, strict=True)):
            if share:
                assert isinstance(member, ExactPosterior)
                self.parts.append(_Part(member, base, share, self.sign, question.seed + i))
        if not len(keeping):  # whatever keeps the thresholds improves on the worst that is known
            with torch.no_grad():
                worst = float((self.sign * model.moments(question.observed)[0]).min())
            for part in self.parts:
                part.best = part.best.clamp_max(worst)

    @staticmethod
    def suits(question: Question) -> bool:
        """Whether the formula holds: one target, more or less of it wanted, Gaussian members."""
        if len(question.wanted) != 1 or not question.wanted[0][0].sign:
            return False
        return all(isinstance(m, ExactPosterior) for _, m in members_of(question.wanted[0][1]))

    def __call__(self, x: Tensor) -> Tensor:
        points = x[..., 0, :]
        logs = torch.cat([part.log_improvements(points) for part in self.parts])
        weight = self.question.chance_if_better(points) / self.question.price(points, self.chosen)
        value: Tensor = logmeanexp(logs, dim=0) + weight.log()
        return value


class _Part:
    """One member: its draws at the base points, and its belief elsewhere given each of them."""

    def __init__(self, member: ExactPosterior, base: Tensor, draws: int, sign: float, seed: int) -> None:
        self.member, self.base, self.sign = member, base, sign
        with torch.no_grad():
            mean, covariance = member.joint(base)
            self.root = torch.linalg.cholesky(covariance)
            generator = torch.Generator().manual_seed(seed)
            half = torch.randn((draws + 1) // 2, len(base), generator=generator, dtype=base.dtype)
            self.normal = torch.cat([half, -half])[:draws]
            self.best = (sign * (mean + self.normal @ self.root.T)).max(dim=1).values
            self.known = member.kernel(base, member.x) @ member.root  # (base, n)

    def log_improvements(self, x: Tensor) -> Tensor:
        """Log expected improvement at ``x``, ``(b, d)``, given each draw: ``(draws, b)``."""
        m = self.member
        projected = m.kernel(x, m.x) @ m.root
        mean = m.mean(x, projected)
        shared = (m.kernel(x, self.base) - projected @ self.known.T) * m.scale**2
        gain = torch.linalg.solve_triangular(self.root, shared.T, upper=False)  # (base, b)
        variance = (m.prior_variance - projected.square().sum(-1)) * m.scale**2 - gain.square().sum(0)
        sd = variance.clamp_min(1e-10 * m.scale**2).sqrt()
        given = self.sign * (mean + self.normal @ gain)
        logs: Tensor = _log_ei_helper((given - self.best[:, None]) / sd) + sd.log()
        return logs
