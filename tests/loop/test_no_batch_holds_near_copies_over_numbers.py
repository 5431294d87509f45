"""Over numbers that vary finely, hits and high values are sought in different places, not in one again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from loop.acquisition.nearby import FEW, REACH, Nearby, fine_numbers
from loop.acquisition.protocol import Question
from loop.history import History
from loop.objective import Goal, Objective, Target
from loop.planner import Plan, plan
from loop.space import Category, Continuous, Discrete, Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.feasibility import Feasibility
from tests.loop.campaigns import measured, observe

CLASSES = {"goal": "maximize", "classes": ["amorphous", "form I"]}
LEVELS = {"goal": "maximize", "levels": ["none", "some", "much"]}
NUMBER = {"goal": "maximize", "at_least": 0.9}
TEMPERATURE = {"type": "number", "low": 0, "high": 50}


def spec_of(objective: dict[str, Any], temperature: dict[str, Any] = TEMPERATURE, **more: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "crystals",
            "space": {
                "solvent": {"type": "category", "options": ["water", "ethanol"]},
                "temperature": temperature,
                "amount": {"type": "number", "low": 1, "high": 100, "scale": "log"},
            },
            "objective": {"form": objective},
            "budget": {"experiments": 60},
            "laboratory": {"adapter": "manual"},
            **more,
        }
    )


def height(settings: Any) -> float:
    """One at 30 degrees and an amount of 10 in water, and less around it."""
    off = (settings["temperature"] - 30) / 15, np.log10(settings["amount"]) - 1
    return float(np.exp(-np.square(off).sum())) * (1.0 if settings["solvent"] == "water" else 0.6)


def as_told(spec: CampaignSpec, value: float) -> float:
    (target,) = spec.objective.values()
    if target.classes:
        return float(value > 0.7)
    return 1.0 + (value > 0.4) + (value > 0.7) if target.levels else value


def planned(spec: CampaignSpec, seed: int = 0) -> tuple[Plan, np.ndarray]:
    """A batch after sixteen results, some of them hits; and the coordinates of the results."""
    rng, told = np.random.default_rng(seed), []
    for i in range(16):
        settings = {
            "solvent": ["water", "ethanol"][i % 2],
            "temperature": float(rng.integers(0, 51)) if i > 2 else 28.0 + i,
            "amount": float(10 ** rng.uniform(0, 2)) if i > 2 else 9.0 + i,
        }
        told.append(observe(spec, settings, measured(form=as_told(spec, height(settings))), f"o{i}"))
    return plan(spec, History(tuple(told)), seed=seed, experiments=44), np.array([o.x for o in told])


def shared_worth(spec: CampaignSpec, rows: np.ndarray) -> np.ndarray:
    """How much of their worth rows share with each other by the rule in words, ``(n, n)``; none with themselves."""
    space = build_space(spec)
    s, t, a = (space.names.index(name) for name in ("solvent", "temperature", "amount"))
    place = np.column_stack([rows[:, t] / 50, np.log10(rows[:, a]) / 2]) / REACH
    shared = np.exp(-0.5 * np.square(place[:, None] - place[None]).sum(-1)) * (rows[:, s][:, None] == rows[:, s][None])
    return np.asarray(shared * (1.0 - np.eye(len(rows))))


@pytest.mark.parametrize(
    ("objective", "planner"),
    [
        (CLASSES, {}),
        (LEVELS, {}),
        (NUMBER, {"acquisition": "hits"}),
        (NUMBER, {"acquisition": "top"}),
    ],
    ids=["classes", "levels", "thresholds", "top"],
)
def test_what_a_batch_holds_lies_apart_and_apart_from_what_was_tried(objective, planner) -> None:
    spec = spec_of(objective, planner={"batch": 6, **planner})
    batch, tried = planned(spec)
    chosen = np.array([build_space(spec).coordinates(p.candidate.settings) for p in batch.proposals])

    assert shared_worth(spec, np.vstack([chosen, tried]))[:6].max() < 0.75


@pytest.mark.parametrize(
    ("objective", "planner"),
    [(CLASSES, {}), (LEVELS, {"acquisition": "search"}), (NUMBER, {"acquisition": "top"})],
    ids=["classes", "levels", "top"],
)
def test_what_a_plate_holds_lies_apart(objective, planner) -> None:
    plate = {"rows": 2, "columns": 4, "share": {"solvent": "row"}}
    spec = spec_of(objective, planner=planner, plate=plate)
    batch, tried = planned(spec)
    chosen = np.array([build_space(spec).coordinates(p.candidate.settings) for p in batch.proposals])

    assert len(chosen) == 8
    assert shared_worth(spec, np.vstack([chosen, tried]))[:8].max() < 0.75


def asked(space: Space, tried: np.ndarray, pending: np.ndarray | None = None) -> Question:
    nothing = torch.empty((0, len(space.parameters)), dtype=torch.float64)
    return Question(
        space=space,
        objective=Objective((Target("y", Goal.MAXIMIZE),)),
        models=(),
        feasibility=Feasibility(),
        pool=None,
        observed=nothing,
        pending=nothing if pending is None else torch.from_numpy(pending),
        tried=tried,
        seed=0,
    )


SPACE = Space((Category("base", ("a", "b")), Continuous("t", 0.0, 10.0), Continuous("c", 1.0, 100.0, scale="log")))


def test_worth_is_shared_by_how_far_numbers_lie_apart_on_their_scales() -> None:
    x = torch.tensor([[0.0, 5.0, 10.0], [0.0, 5.8, 10.0], [0.0, 5.0, 10.0 * 10**0.16], [1.0, 5.0, 10.0]]).double()
    near = Nearby.of(asked(SPACE, np.array([[0.0, 5.0, 10.0], [1.0, 6.2, 10.0]]), np.array([[0.0, 6.6, 10.0]])), x)

    assert near is not None
    one = 1.0 - np.exp(-0.5)  # what is left at a distance of 0.08 of a range, one REACH
    assert REACH == 0.08
    assert near.beside(0).numpy() == pytest.approx([0.0, one, one, 1.0])
    far = 1.0 - np.exp(-0.5 * 1.5**2)
    assert near.untried.numpy() == pytest.approx([0.0, one, one, far])


def test_each_of_a_batch_is_of_most_worth_beside_those_before_it() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(np.column_stack([rng.integers(0, 2, 60), rng.uniform(0, 10, 60), 10 ** rng.uniform(0, 2, 60)]))
    worth = torch.from_numpy(rng.random(60))
    near = Nearby.of(asked(SPACE, x[:5].numpy()), x)
    assert near is not None

    taken = near.spread(worth, 7).tolist()

    for k, i in enumerate(taken):
        left = torch.stack([near.untried, *(near.beside(j) for j in taken[:k])]).min(dim=0).values
        others = [j for j in range(60) if j not in taken[:k]]
        assert worth[i] * left[i] == (worth * left)[others].max()


def test_where_all_is_tried_a_batch_is_full_all_the_same() -> None:
    x = torch.tensor([[0.0, 5.0, 10.0]] * 4).double()
    near = Nearby.of(asked(SPACE, x.numpy()), x)

    assert near is not None
    assert sorted(near.spread(torch.ones(4, dtype=torch.float64), 4).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("temperature", "is_fine"),
    [
        (TEMPERATURE, True),
        ({"type": "number", "low": 0, "high": 50, "step": 1}, True),
        ({"type": "number", "low": 0, "high": 50, "step": 5.0}, True),
        ({"type": "number", "low": 0, "high": 45, "step": 5.0}, False),
        ({"type": "number", "values": list(range(51))}, False),
    ],
    ids=["continuous", "many steps", "eleven steps", "ten steps", "listed"],
)
def test_numbers_vary_finely_that_are_continuous_or_go_in_many_steps(temperature, is_fine) -> None:
    space = build_space(spec_of(CLASSES, temperature))

    assert (space.names.index("temperature") in fine_numbers(space)) is is_fine
    assert FEW == 10


def test_a_range_in_steps_stays_one_within_the_limits_of_a_laboratory() -> None:
    limits = {"temperature": {"at_most": 30, "trim": True}}
    steps = {"type": "number", "low": 0, "high": 50, "step": 1}
    spec = spec_of(CLASSES, steps, laboratory={"adapter": "manual", "limits": limits})
    (temperature,) = (p for p in build_space(spec).parameters if p.name == "temperature")

    assert isinstance(temperature, Discrete)
    assert (temperature.in_steps, temperature.high) == (True, 30.0)


def test_of_a_library_alone_nothing_is_near() -> None:
    space = Space((Category("base", ("a", "b", "c")),))

    assert Nearby.of(asked(space, np.array([[0.0]])), torch.tensor([[1.0]]).double()) is None
