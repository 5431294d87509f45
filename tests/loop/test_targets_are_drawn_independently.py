"""Models are fitted to each target by itself: what a member says of one tells nothing of what one says of another."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from loop.insight.chances import drawn_each, standing
from loop.objective import Goal, Objective, Target
from loop.surrogates.committee import FittedCommittee

X = torch.zeros((1, 1), dtype=torch.float64)
OBJECTIVE = Objective(
    (
        Target("yield", Goal.MAXIMIZE, "%", at_least=50),
        Target("purity", Goal.KEEP, "%", at_least=50),
        Target("assay", Goal.KEEP, "%", at_least=50),
    )
)


@dataclass(frozen=True)
class Sure:
    """Believes in one value everywhere, from many values."""

    value: float
    name: str = "sure"

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        noise = torch.randn((n, len(x)), generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
        return self.value + noise

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full((len(x),), self.value, dtype=x.dtype), torch.ones(len(x), dtype=x.dtype)

    def held_out(self) -> Tensor:
        return torch.zeros(1_000)


def test_members_that_disagree_about_every_target_do_not_agree_on_all_of_them_at_once() -> None:
    split = FittedCommittee("committee", (Sure(20.0), Sure(80.0)), (0.5, 0.5))  # type: ignore[arg-type]

    draws, _ = drawn_each(OBJECTIVE, (split, split, split), X, seed=3)
    keeps = standing(OBJECTIVE, draws, torch.ones(1, dtype=torch.float64), seed=3).double().mean()

    assert float(keeps) == pytest.approx(0.5**3, abs=0.04)  # four standard errors of 1,024 draws
    assert torch.corrcoef(draws[:, 0].T).triu(1).abs().max() < 0.13
