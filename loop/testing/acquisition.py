"""The conformance suite of acquisition functions over finite pools: what every one promises.

class TestMine(AcquisitionContract):
    @pytest.fixture
    def function(self):
        return Mine()
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from loop.acquisition.protocol import Acquisition, Choice, Question
from loop.generality import Generality, Judgement
from loop.objective import Goal, Objective, Target
from loop.space import ProductPool
from loop.space.rows import is_among
from loop.surrogates.feasibility import Feasibility, learn_feasibility
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.representation import Representation
from loop.testing.surrogate import EVERYTHING, SPACE, training


def question(*, targets: int = 1, goal: Goal = Goal.MAXIMIZE, scope: bool = False) -> Question:
    """36 candidates, 6 of them observed, one of the rest pending; with ``scope``, base and temperature are one."""
    data = training(6)
    recipe = GaussianProcess("gp", Representation.COUNTS)
    models = tuple(recipe.fit(SPACE, training(6, scale=1.0 if i == 0 else -1.0), seed=i) for i in range(targets))
    pending = EVERYTHING[torch.from_numpy(~is_among(EVERYTHING.numpy(), data.x.numpy()))][:1]
    objective = Objective(tuple(Target(f"t{i}", goal) for i in range(targets)))
    substrates = np.array([[base, t] for base in (0.0, 1.0) for t in (20.0, 40.0, 60.0)])
    judged = Generality(SPACE, (1, 2), objective.targets[0], Judgement.MEAN, None, substrates, np.full(6, 1 / 6))
    return Question(
        space=SPACE,
        objective=objective,
        models=models,
        feasibility=Feasibility(),
        pool=ProductPool(SPACE),
        observed=data.x,
        pending=pending,
        tried=torch.cat([data.x, pending]).numpy(),
        seed=11,
        general=judged if scope else None,
    )


class AcquisitionContract:
    """Subclass it, give it a fixture ``function``, and nothing else.

    ``targets`` where it needs several, ``scope`` where it looks for general conditions.
    """

    targets = 1
    scope = False

    @pytest.fixture
    def function(self) -> Acquisition:
        """The function to be examined."""
        raise NotImplementedError("give the acquisition function to be examined in a fixture named function")

    def test_the_same_question_gets_the_same_answer(self, function: Acquisition) -> None:
        first, second = (
            _coordinates(function.choose(question(targets=self.targets, scope=self.scope), 4)) for _ in range(2)
        )

        assert np.array_equal(first, second)

    def test_choices_differ_lie_in_the_space_and_were_not_tried(self, function: Acquisition) -> None:
        asked = question(targets=self.targets, scope=self.scope)
        x = _coordinates(function.choose(asked, 6))

        assert len(np.unique(x, axis=0)) == len(x) == 6
        assert not is_among(x, asked.tried).any()
        assert all(SPACE.contains(SPACE.settings(row)) for row in x)

    def test_what_is_left_is_chosen_when_more_is_asked(self, function: Acquisition) -> None:
        asked = question(targets=self.targets, scope=self.scope)
        x = _coordinates(function.choose(asked, 40))

        assert len(np.unique(x, axis=0)) == len(x) <= 29

    def test_nothing_left_is_an_empty_choice(self, function: Acquisition) -> None:
        asked = replace(question(targets=self.targets, scope=self.scope), tried=EVERYTHING.numpy())

        assert function.choose(asked, 3).points == ()

    def test_every_choice_has_a_finite_value_and_its_meaning(self, function: Acquisition) -> None:
        points = function.choose(question(targets=self.targets, scope=self.scope), 3).points

        assert all(np.isfinite(p.value) and p.meaning for p in points)

    def test_candidates_that_cannot_be_done_are_avoided(self, function: Acquisition) -> None:
        x = EVERYTHING.numpy()
        learnt = learn_feasibility(SPACE, x, x[:, 0] % 2 == 0, seed=0)  # every second alcohol never works
        asked = replace(question(targets=self.targets, scope=self.scope), feasibility=learnt)

        blind = _coordinates(function.choose(question(targets=self.targets, scope=self.scope), 6))[:, 0] % 2
        seeing = _coordinates(function.choose(asked, 6))[:, 0] % 2

        assert seeing.sum() < blind.sum() or seeing.sum() == 0  # a great gain may be worth a small chance


def _coordinates(choice: Choice) -> np.ndarray:
    return np.array([p.x for p in choice.points]).reshape(-1, len(SPACE.parameters))
