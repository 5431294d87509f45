"""A threshold of two targets lies far out of reach: no hypervolume improves, and a batch is due all the same."""

from __future__ import annotations

import numpy as np
import pytest

from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

HILLS = (16.0, 84.0)


def batch(unit: str, per_percent: float, seed: int) -> list[tuple[float, float]]:
    """Five proposals where conversion has two equal hills and the impurity is told in ``unit``."""
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "far",
            "space": {n: {"type": "number", "low": 0, "high": 100, "step": 2} for n in ("t", "u")},
            "objective": {
                "conversion": {"goal": "maximize", "unit": "%", "at_least": 300},
                "impurity": {"goal": "minimize", "unit": unit, "at_most": 0.001 * per_percent},
            },
            "planner": {"batch": 5},
            "budget": {"experiments": 60},
            "laboratory": {"adapter": "manual"},
        }
    )
    space, rng, rows = build_space(spec), np.random.default_rng(0), []
    for t, u in rng.choice(51, (24, 2)) * 2.0:
        conversion = 60 - min(abs(t - hill) for hill in HILLS) - 0.2 * abs(u - 50)
        impurity = (0.3 + 0.001 * abs(u - 50)) * per_percent
        values = (
            Measurement("conversion", conversion, "%", conversion),
            Measurement("impurity", impurity, unit, impurity),
        )
        rows.append(Observation(str(len(rows)), space.coordinates({"t": t, "u": u}), Measured(values)))
    planned = plan(spec, History(tuple(rows)), seed=seed, experiments=5)
    said = "comes nearest to what adds hypervolume, which nothing is believed to"
    assert all(p.reason.startswith(said) for p in planned.proposals), planned.proposals[0].reason
    return [tuple(p.candidate.settings[n] for n in ("t", "u")) for p in planned.proposals]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_batch_looks_at_more_than_one_place_and_whatever_the_units_are(seed: int) -> None:
    in_percent, in_counts = batch("%", 1.0, seed), batch("mAU", 8192.0, seed)  # a power of two: no digit differs

    assert in_percent == in_counts
    assert {min(HILLS, key=lambda hill: abs(hill - t)) for t, _ in in_percent} == set(HILLS)
    for t, _ in in_percent:
        assert min(abs(t - hill) for hill in HILLS) <= 20
