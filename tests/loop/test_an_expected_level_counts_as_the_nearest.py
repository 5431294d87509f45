"""Thresholds of levels: what is believed lies between levels, and keeps a threshold where the nearest one does."""

from __future__ import annotations

import math

import pytest
import torch

from loop.belief import level_chances, predictions_of
from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.insight.nearest import misses
from loop.objective import Goal, Objective, Target
from loop.outcome import Measured, Measurement
from loop.planning.situation import situation_of
from loop.spec import build_space, read_spec

WORDS = ("clear", "powder", "small", "large")
SPEC = read_spec(
    """
campaign: crystals
space: {molarity: {type: number, low: 0.1, high: 2, step: 0.1, unit: mol/L}}
objective:
  yield: {goal: maximize}
  crystals: {goal: keep, levels: [clear, powder, small, large], at_most: small}
planner: {surrogate: gp, initial: {experiments: 4}}
budget: {experiments: 50}
laboratory: {adapter: manual}
""",
    source="crystals.yaml",
    read=None,
)
SPACE = build_space(SPEC)
SEEN = {0.1: 3, 0.4: 3, 0.7: 3, 1.0: 3, 1.3: 3, 1.6: 4, 1.9: 4}
HISTORY = History(
    tuple(
        Observation(
            str(m),
            SPACE.coordinates({"molarity": m}),
            Measured((Measurement("yield", 10 * m, "", 10 * m), Measurement("crystals", g, "", g))),
        )
        for m, g in SEEN.items()
    )
)


def grade(**asked: float) -> Target:
    return Target("crystals", Goal.KEEP, levels=(1.0, 2.0, 3.0, 4.0), words=WORDS, **asked)


@pytest.mark.parametrize(
    ("asked", "bounds"),
    [
        ({"at_least": 3.0}, (2.5, math.inf)),
        ({"at_most": 3.0}, (-math.inf, 3.5)),
        ({"at_least": 2.0, "at_most": 3.0}, (1.5, 3.5)),
        ({"at_least": 1.0}, (0.5, math.inf)),
        ({"at_most": 4.0}, (-math.inf, 4.5)),
    ],
)
def test_thresholds_lie_half_way_to_the_next_level(asked: dict[str, float], bounds: tuple[float, float]) -> None:
    target = grade(**asked)

    assert target.bounds == bounds
    low, high = target.asked
    assert [target.meets(level) for level in target.levels or ()] == [low <= x <= high for x in target.levels or ()]


def test_levels_that_lie_apart_unevenly_have_their_own_half_ways() -> None:
    target = Target("grade", Goal.MAXIMIZE, levels=(0.0, 1.0, 5.0, 10.0), at_least=5.0, at_most=9.0)

    assert target.bounds == (3.0, 7.5)


def test_numbers_without_levels_have_the_thresholds_that_are_stated() -> None:
    assert Target("yield", Goal.MAXIMIZE, at_least=40.0).bounds == (40.0, math.inf)


def test_what_a_result_misses_is_said_as_it_was_asked_and_in_words() -> None:
    assert misses(
        Objective((grade(at_least=3.0), Target("yield", Goal.MAXIMIZE))), {"crystals": 1.0, "yield": 5.0}
    ) == ("crystals clear, and at least small is wanted")


def test_the_chance_that_is_stated_is_that_of_the_levels() -> None:
    situation = situation_of(SPEC, HISTORY, None, seed=0, experiments=2, purse=None)
    x = torch.tensor([[0.5]], dtype=torch.float64)
    assert situation.belief is not None
    chances = level_chances(situation.objective, situation.belief, x)[0]["crystals"]
    said = next(p for p in predictions_of(situation.objective, situation.belief, x)[0] if p.target == "crystals")

    kept = float(situation.question.chance(x))

    assert sum(chances[:3]) > 0.9  # hardly ever a large one
    assert kept == pytest.approx(sum(chances[:3]), abs=0.1)
    assert said.mean == pytest.approx(3.0, abs=0.2)  # at the threshold, of which half the chance was said to be lost


def test_what_was_measured_at_the_threshold_again_and_again_is_named_as_keeping_it() -> None:
    found = honest_best(SPEC, HISTORY, seed=0)

    first = found.candidates[0]
    assert found.is_kept
    assert first.settings["molarity"] == 1.3  # the most yield of those that are small
    assert (first.keeps or 0.0) > 0.5
