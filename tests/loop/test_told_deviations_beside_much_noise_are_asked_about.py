"""Where results came with small deviations and models take far more for noise, ``best`` says what to do about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.outcome import Measured, Measurement
from loop.space import sample_space
from loop.spec import build_space
from tests.loop.spaces import spec_of

SPACE = {name: {"type": "number", "low": 0, "high": 1} for name in "abc"}


def notes(sd: float | None, *, again: float | None = None, **wanted: Any) -> str:
    """What is noted of a rough surface, told with deviations, perhaps with one condition told twice ``again`` apart."""
    spec = spec_of(SPACE, planner={"surrogate": "ard"}, objective={"y": {"goal": "maximize", "unit": "mS/cm"} | wanted})
    x = sample_space(build_space(spec), 14, 1)
    values = 5 + np.random.default_rng(3).normal(size=len(x))  # as rough as can be
    told = [(row, value) for row, value in zip(x, values.tolist(), strict=True)]
    told += [] if again is None else [(x[0], told[0][1] + again), (x[1], told[1][1] - again)]
    results = tuple(
        Observation(str(i), row, Measured((Measurement("y", value, "mS/cm", value, sd, sd),)))
        for i, (row, value) in enumerate(told)
    )
    return " ".join(honest_best(spec, History(results), seed=0).notes)


def test_it_is_said_with_the_remedy() -> None:
    said = notes(0.02)

    assert "y: results came with deviations of 0.02 mS/cm (the middle of 14), and models take" in said
    assert "y: {exact: true} under objective says so" in said


@pytest.mark.parametrize(
    ("sd", "rest"),
    [(None, {}), (0.9, {}), (0.02, {"exact": True}), (0.02, {"scale": "log"})],
    ids=["no deviations", "deviations as large", "exact", "logarithms"],
)
def test_it_is_not_said_where_nothing_is_amiss(sd: float | None, rest: dict[str, Any]) -> None:
    assert "came with deviations" not in notes(sd, **rest)


def test_replicates_that_differ_show_that_there_is_such_noise() -> None:
    assert "came with deviations" not in notes(0.02, again=0.8)
