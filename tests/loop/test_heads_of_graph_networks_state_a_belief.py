"""The last layer of graph networks: its posterior against independent sums, and how wide it is."""

from __future__ import annotations

import pytest
import torch

from loop.surrogates.calibration import calibrate
from loop.surrogates.gnn import heads
from loop.surrogates.gnn.heads import kernel_head, linear_head


@pytest.mark.parametrize("make", [linear_head, kernel_head])
def test_a_head_gives_the_posterior_of_independent_sums(make):
    generator = torch.Generator().manual_seed(0)
    phi = torch.randn(2, 12, 4, generator=generator, dtype=torch.float64)
    y = phi[..., 0] + 0.1 * torch.randn(2, 12, generator=generator, dtype=torch.float64)
    new = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)

    head = make(phi, y, torch.ones(2, 12, dtype=torch.float64))
    mean, variance = head.moments(new)
    joint = head.covariance(new)

    torch.testing.assert_close(joint.diagonal(dim1=-2, dim2=-1), variance)
    assert float((mean - new[..., 0]).abs().max()) < 0.5
    assert float(torch.linalg.eigvalsh(joint).min()) > -1e-9
    at_rows = head.moments(phi)[1].mean()
    far = head.moments(10.0 * new)[1].mean()
    assert float(at_rows) < float(far)


def test_of_many_rows_some_stand_for_all_in_a_kernel_head(monkeypatch):
    """Through all of its rows the head is the exact one; through a sixth of them it still knows a smooth function."""
    generator = torch.Generator().manual_seed(0)
    phi = torch.rand(1, 240, 2, generator=generator, dtype=torch.float64)
    phi = phi[:, torch.argsort(phi[0, :, 0])]
    smooth = torch.sin(4 * phi[..., 0]) + phi[..., 1]
    y = smooth + 0.05 * torch.randn(1, 240, generator=generator, dtype=torch.float64)
    weights = torch.ones_like(y)
    weights[:, ::2] = 0.5
    new = torch.rand(1, 60, 2, generator=generator, dtype=torch.float64)
    exact = kernel_head(phi, y, weights)

    monkeypatch.setattr(heads, "MANY", 100)
    monkeypatch.setattr(heads, "STAND", 240)
    through_all = kernel_head(phi, y, weights)
    monkeypatch.setattr(heads, "STAND", 40)
    through_some = kernel_head(phi, y, weights)

    assert through_all.length == pytest.approx(exact.length)
    for mine, theirs in zip(through_all.moments(new), exact.moments(new), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0.02, atol=1e-3)
    torch.testing.assert_close(through_all.covariance(new), exact.covariance(new), rtol=0.05, atol=1e-3)
    assert through_some.root[0].shape == (40, 40)
    mean, variance = through_some.moments(new)
    truth = torch.sin(4 * new[..., 0]) + new[..., 1]
    assert float((mean - truth).square().mean().sqrt()) < 0.05
    assert bool((variance > 0).all())
    far = through_some.moments(new + 10.0)[1]
    assert float(far.min()) > float(variance.max())  # what the rows do not explain stays in doubt


def test_rows_that_are_not_seen_do_not_move_a_head():
    generator = torch.Generator().manual_seed(0)
    phi = torch.randn(1, 12, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(1, 12, generator=generator, dtype=torch.float64)
    weights = torch.ones(1, 12, dtype=torch.float64)
    weights[:, 8:] = 0.0

    for make in (linear_head, kernel_head):
        hidden = make(phi, y, weights).moments(phi)
        gone = make(phi[:, :8], y[:, :8], weights[:, :8]).moments(phi)
        for a, b in zip(hidden, gone, strict=True):
            torch.testing.assert_close(a, b)


def test_errors_twice_as_large_as_stated_double_the_belief():
    generator = torch.Generator().manual_seed(0)
    variance = torch.rand(4000, generator=generator, dtype=torch.float64) * 0.2 + 0.001
    error = 2.0 * variance.sqrt() * torch.randn(4000, generator=generator, dtype=torch.float64)

    found = calibrate(error, variance, torch.ones(4000, dtype=torch.float64))

    assert 3.2 < found.widening < 4.9  # of variances; the grid's steps are a third
    assert found.noise < 0.05
