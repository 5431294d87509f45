"""What is stated from few values doubts their scale, as Student's t does; from many it is what the model believes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from campaigns import EVERYTHING, SPACE, training
from torch import Tensor

from loop.insight.chances import doubted
from loop.surrogates.noiseless import Known, noiseless
from loop.surrogates.registry import surrogate

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


@pytest.mark.parametrize("name", ["gp", "ard", "trees", ["gp", "trees"]])
@pytest.mark.parametrize("is_exact", [False, True])
def test_limits_are_no_values_that_tell_the_scale(name: str | list[str], is_exact: bool) -> None:
    data = training(12)
    hidden = torch.zeros(12, dtype=torch.bool)
    hidden[data.y.argsort(stable=True)[:8]] = True
    y = torch.where(hidden, torch.full_like(data.y, 35.0), data.y)
    low = torch.where(hidden, torch.full_like(y, -torch.inf), y)
    fitted = surrogate(name, SPACE).fit(SPACE, replace(data, y=y, low=low, high=y), seed=0)
    model = noiseless(fitted, Known.of(data)) if is_exact else fitted

    draws, mean = doubted(model, EVERYTHING, 2_000, seed=1)
    plain = model.samples(EVERYTHING, 2_000, seed=1)

    # four values: draws are stretched by sqrt(3 / chi2(3)), whose median is 1.126, and not by that of twelve, 1.031
    stretch = ((draws - mean).abs().sum(1) / (plain - mean).abs().sum(1)).median()
    assert float(stretch) == pytest.approx(1.126, abs=0.03)
