"""What no other point of a draw beats, found without holding all against all."""

from __future__ import annotations

import pytest
import torch
from botorch.utils.multi_objective.pareto import is_non_dominated

from loop.acquisition import dominance
from loop.acquisition.dominance import unbeaten


@pytest.mark.parametrize("targets", [2, 3, 4])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 60])
def test_they_are_those_that_botorch_finds(targets: int, n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    ties = torch.randint(0, 4, (50, n, targets), generator=generator).double()
    smooth = torch.randn(50, n, targets, generator=generator, dtype=torch.float64)
    for points in (ties, smooth, smooth * torch.tensor([1e-9, 1e9, 1.0, 1.0])[:targets]):
        assert torch.equal(unbeaten(points), is_non_dominated(points, deduplicate=False))


@pytest.mark.parametrize("targets", [2, 3])
def test_what_is_infinitely_bad_is_beaten_and_beats_nothing(targets: int) -> None:
    points = torch.randint(0, 4, (50, 30, targets), generator=torch.Generator().manual_seed(0)).double()
    points[points[..., 0] == 3.0] = -torch.inf
    points[0] = -torch.inf

    found = unbeaten(points)

    assert not found[0].any()
    assert torch.equal(found[1:], is_non_dominated(points[1:], deduplicate=False) & points[1:].isfinite().all(-1))


def test_few_are_held_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    def counted(points: torch.Tensor, *, deduplicate: bool) -> torch.Tensor:
        held.append(points.shape[1])
        return is_non_dominated(points, deduplicate=deduplicate)

    monkeypatch.setattr(dominance, "is_non_dominated", counted)
    points = torch.randn(20, 500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    unbeaten(points)

    assert held
    assert max(held) < 250
