"""Few results of different candidates do not tell noise from a rough surface; replicates do."""

from __future__ import annotations

from typing import Any

import pytest

from loop.history import History, Observation
from loop.insight.asking import belief_of
from loop.insight.best import honest_best
from loop.outcome import Measured, Measurement
from loop.spec import CampaignSpec, build_objective, build_space

SPEC = CampaignSpec.from_resolved(
    {
        "campaign": "heat",
        "space": {
            "T": {"type": "number", "values": [20, 50, 80, 100], "unit": "degC"},
            "ligand": {"type": "category", "options": ["A", "B"]},
        },
        "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
        "budget": {"experiments": 20},
        "laboratory": {"adapter": "manual"},
    }
)
SPACE = build_space(SPEC)


def seen(*values: tuple[float, float]) -> History:
    return History(
        tuple(
            Observation(
                str(n), SPACE.coordinates({"T": t, "ligand": "A"}), Measured((Measurement("yield", y, "%", y),))
            )
            for n, (t, y) in enumerate(values)
        )
    )


def noise_of(history: History) -> float:
    model: Any = belief_of(SPEC, SPACE, build_objective(SPEC), history, (), seed=0).models[0]
    return getattr(model, "members", [model])[0].summary()["noise_variance"]


@pytest.mark.parametrize("yields", [(5, 50, 90, 1), (5, 20, 90, 10), (0, 0, 90, 0)])
def test_the_best_measured_of_four_temperatures_is_believed_best(yields: tuple[float, ...]) -> None:
    history = seen(*zip((20, 50, 80, 100), yields, strict=True))

    found = honest_best(SPEC, history, seed=0)

    assert found.candidates[0].settings["T"] == 80
    assert (found.candidates[0].best_of_tried or 0.0) > 0.5
    assert noise_of(history) <= 0.1


def test_replicates_that_differ_show_noise_however_few() -> None:
    assert noise_of(seen((20, 5), (50, 50), (80, 90), (80, 10), (50, 5))) >= 0.3
