"""A number with a best value inside its range, beside options: its hump is seen, and not taken for noise."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.outcome import Measured, Measurement
from loop.space import ProductPool
from loop.spec import CampaignSpec, build_space, read_spec
from loop.surrogates.gp import WEIGHTS
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

LIGANDS, TEMPERATURES = ("PPh3", "XPhos", "SPhos"), (60.0, 75.0, 90.0, 105.0, 120.0)
CAMPAIGN = """\
campaign: hump
space:
  ligand: {type: category, options: [PPh3, XPhos, SPhos]}
  temperature: {type: number, values: [60, 75, 90, 105, 120], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
budget: {experiments: 30}
laboratory: {adapter: manual}
"""
EVERY = tuple(product(LIGANDS, TEMPERATURES))


def true_yield(ligand: str, temperature: float) -> float:
    return 60 + 3 * LIGANDS.index(ligand) - abs(temperature - 90) / 2


def campaign() -> CampaignSpec:
    return read_spec(CAMPAIGN, source="hump.yaml", read=lambda _: "")


def measured(spec: CampaignSpec, numbers: list[int], scatter: float, seed: int = 0) -> History:
    space, noise = build_space(spec), np.random.default_rng(seed).normal(0.0, 1.0, len(EVERY))
    found = []
    for i in numbers:
        ligand, temperature = EVERY[i]
        value = true_yield(ligand, temperature) + scatter * float(noise[i])
        settings = {"ligand": ligand, "temperature": temperature}
        outcome = Measured((Measurement("yield", value, "%", value),))
        found.append(Observation(str(i), space.coordinates(settings), outcome))
    return History(tuple(found))


@pytest.mark.parametrize(("tried", "scatter"), [(8, 0.0), (12, 1.0), (15, 1.0)])
def test_the_best_named_is_on_the_hump(tried: int, scatter: float) -> None:
    spec = campaign()
    for seed in range(4):
        numbers = np.random.default_rng(seed).permutation(len(EVERY))[:tried].tolist()
        history = measured(spec, numbers, scatter, seed)

        best = honest_best(spec, history, ProductPool(build_space(spec)), seed=seed).candidates[0].settings

        assert best["temperature"] == max(EVERY[i][1] for i in numbers if true_yield(*EVERY[i]) == _highest(numbers))


def _highest(numbers: list[int]) -> float:
    return max(true_yield(*EVERY[i]) for i in numbers)


def test_where_numbers_go_straight_they_count_as_options_do() -> None:
    spec = campaign()
    space = build_space(spec)
    x = np.array([space.coordinates({"ligand": a, "temperature": t}) for a, t in EVERY])
    straight = np.array([3.0 * LIGANDS.index(a) + t / 10 for a, t in EVERY])
    hump = np.array([true_yield(a, t) for a, t in EVERY])

    weights = [
        surrogate("gp", space).fit(space, _of(x, y), seed=0).summary()["weight_of_numbers"] for y in (straight, hump)
    ]

    assert weights[0] == 1.0
    assert weights[1] > 1.0


def test_the_weight_is_told_where_a_part_decided_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.surrogates.gp.MANY", 10)
    space = build_space(campaign())
    x = np.array([space.coordinates({"ligand": a, "temperature": t}) for a, t in EVERY])
    data = _of(x, np.array([true_yield(a, t) for a, t in EVERY]))
    plated = replace(data, effects={"plate": tuple("AB"[i % 2] for i in range(len(EVERY)))})

    told = surrogate("gp", space).fit(space, plated, seed=0).summary()

    assert told["weight_of_numbers"] in WEIGHTS


def test_of_many_rows_some_decide_the_weight_and_all_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.surrogates.gp.WEIGHED", 12)
    space = build_space(campaign())
    x = np.array([space.coordinates({"ligand": a, "temperature": t}) for a, t in EVERY])
    data = _of(x, np.array([true_yield(a, t) for a, t in EVERY]))

    fitted = surrogate("gp", space).fit(space, data, seed=0)

    assert fitted.summary()["weight_of_numbers"] > 1.0
    assert len(fitted.held_out()) == len(EVERY) > 12
    assert float((fitted.moments(data.x)[0] - data.y).abs().max()) < 2.0


def _of(x: np.ndarray, y: np.ndarray) -> TrainingSet:
    import torch

    return TrainingSet(torch.from_numpy(x), torch.from_numpy(y), torch.full((len(y),), torch.nan, dtype=torch.float64))
