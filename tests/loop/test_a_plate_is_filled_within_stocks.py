"""A plate of which something is short: what there is not enough for leaves its well to another candidate."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from loop.costs import Purse
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import Plan, plan
from loop.plate.supply import Stocked
from loop.record import Arm
from loop.spec import CampaignSpec, build_costs, build_space
from loop.spec.stock import budget_of

SPACE: dict[str, Any] = {
    "ligand": {"type": "category", "options": ["A", "B", "C", "D"]},
    "base": {"type": "category", "options": ["u", "v", "w"]},
    "time": {"type": "number", "low": 1, "high": 4, "step": 1, "unit": "h"},
}
PLATE: dict[str, Any] = {"rows": 3, "columns": 4, "blocks": {"rows": 3, "columns": 2}, "share": {"base": "block"}}


def spec(stock: dict[str, Any], plate: dict[str, Any] | None = None, **planner: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "short",
            "space": SPACE,
            "objective": {"yield": {"goal": "maximize", "unit": "%"}},
            "planner": {"surrogate": "gp", **planner},
            "budget": {"experiments": 200, "stock": stock},
            "laboratory": {"adapter": "manual"},
            "plate": PLATE if plate is None else plate,
        }
    )


def whole(said: CampaignSpec) -> Purse:
    return budget_of(said, build_costs(said, build_space(said)))


def some(said: CampaignSpec) -> History:
    """Results by which ligand A is by far the best."""
    rows = [(a, b, t) for a, t in zip("ABCDABCD", (1, 2, 3, 4, 4, 3, 2, 1), strict=True) for b in "uv"]
    found = []
    for i, (ligand, base, time) in enumerate(rows):
        x = build_space(said).coordinates({"ligand": ligand, "base": base, "time": time})
        value = 60.0 * (ligand == "A") + 5.0 * (base == "v") + time
        found.append(Observation(f"o{i}", x, Measured((Measurement("yield", value, "%", value),))))
    return History(tuple(found))


def taken(found: Plan) -> Counter[str]:
    return Counter(str(p.candidate.settings["ligand"]) for p in found.proposals)


@pytest.mark.parametrize("acquisition", ["improvement", "exploration", "random"])
def test_others_fill_the_wells_of_what_is_short(acquisition: str) -> None:
    said = spec({"ligand": {"A": 2, "B": 3}}, acquisition=acquisition)

    found = plan(said, some(said), seed=1, experiments=100, purse=whole(said))

    assert len(found.proposals) == 12
    assert taken(found)["A"] <= 2
    assert taken(found)["B"] <= 3
    if acquisition == "improvement":
        assert taken(found)["A"] == 2  # the best that there is


@pytest.mark.parametrize("design", ["spread", "random", "lhs"])
def test_a_first_plate_is_full_too(design: str) -> None:
    said = spec({"ligand": {"A": 1, "B": 1}}, initial={"design": design, "experiments": 12})

    found = plan(said, History(), seed=0, experiments=100, purse=whole(said))

    assert len(found.proposals) == 12
    assert max(taken(found)["A"], taken(found)["B"]) <= 1


def test_what_blocks_share_goes_where_there_is_enough_for_them() -> None:
    said = spec({"base": {"v": 4, "w": 6}})  # the better base has not enough for a block of six

    found = plan(said, some(said), seed=1, experiments=100, purse=whole(said))
    bases = Counter(str(p.candidate.settings["base"]) for p in found.proposals)

    assert len(found.proposals) == 12
    assert bases["v"] == 0
    assert bases["w"] <= 6


def test_controls_and_repeats_take_of_it_too() -> None:
    controls = {"wells": 2, "settings": {"ligand": "A", "time": 2}}
    said = spec({"ligand": {"A": 3, "B": 4}}, {**PLATE, "controls": controls, "replicates": 2}, control=0.2)

    found = plan(said, some(said), seed=2, experiments=100, purse=whole(said))
    arms = Counter(p.arm for p in found.proposals)

    assert len(found.proposals) == 12
    assert arms[Arm.REFERENCE] == 2
    assert arms[Arm.REPLICATE] == 2
    assert taken(found)["A"] <= 3
    assert taken(found)["B"] <= 4


def test_wells_that_nothing_is_left_for_stay_empty_and_it_is_said() -> None:
    said = spec({"ligand": {"A": 2, "B": 2, "C": 1, "D": 2}})

    found = plan(said, some(said), seed=1, experiments=100, purse=whole(said))

    assert taken(found) == {"A": 2, "B": 2, "C": 1, "D": 2}
    assert "5 wells stay empty: nothing untried that there is enough left for fits their shared values" in found.notes


def test_what_is_left_of_a_number_is_summed() -> None:
    stocks = Stocked(lambda x: x[:, :1], np.array([10.0]))
    supply = stocks.supply(np.array([[4.0], [8.0], [0.0]]))

    assert supply.enough.tolist() == [True, True, True]
    assert supply.less(0).enough.tolist() == [True, False, True]
    assert supply.less(0).less(1).enough.tolist() == [False, False, True]  # who takes nothing needs nothing
    assert stocks.less(np.array([[4.0], [6.0]])).left.tolist() == [0.0]
    assert not stocks.less(np.array([[4.0], [5.0]])).have(np.array([4.0]))
