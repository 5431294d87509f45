"""What is stated from few values doubts their scale, as Student's t does; from many it is what the model believes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from loop.insight.chances import doubted

X = torch.zeros((3, 1), dtype=torch.float64)
N = 40_000


@dataclass(frozen=True)
class Standard:
    """Believes in 10 and a deviation of 1 everywhere, from so many values."""

    values: int

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        return 10.0 + torch.randn((n, len(x)), generator=torch.Generator().manual_seed(seed), dtype=x.dtype)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full((len(x),), 10.0, dtype=x.dtype), torch.ones(len(x), dtype=x.dtype)

    def held_out(self) -> Tensor:
        return torch.zeros(self.values)


@pytest.mark.parametrize(("values", "quantile"), [(2, 6.314), (3, 2.920), (5, 2.132), (11, 1.812), (1_000, 1.646)])
def test_quantiles_are_those_of_tables_of_t(values: int, quantile: float) -> None:
    draws, _ = doubted(Standard(values), X, N, seed=1)  # type: ignore[arg-type]

    found = torch.quantile(draws.flatten(), torch.tensor([0.05, 0.95], dtype=draws.dtype)) - 10.0

    assert found.tolist() == pytest.approx([-quantile, quantile], rel=0.05)


def test_a_draw_keeps_its_shape_so_that_who_is_first_in_it_stays_so() -> None:
    plain = Standard(4).samples(X, N, seed=1) - 10.0
    draws, mean = doubted(Standard(4), X, N, seed=1)  # type: ignore[arg-type]
    stretch = (draws - mean) / plain

    assert torch.allclose(stretch, stretch[:, :1].expand(-1, 3))
    assert float(stretch.min()) > 0


def test_the_same_seed_gives_the_same_draws() -> None:
    one, again, other = (doubted(Standard(4), X, 10, seed=s)[0] for s in (1, 1, 2))  # type: ignore[arg-type]

    assert torch.equal(one, again)
    assert not torch.equal(one, other)
