"""A classical design says, before it is made, how large an effect has to be for it to tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loop.design import Wish, lay_out, points_of
from loop.design.power import tellable
from loop.insight.designed import designed
from loop.objective import Goal, Target
from loop.space import Category, Continuous, Space

TWO = Space((Continuous("heat", 40.0, 100.0, "degC"), Continuous("dose", 1.0, 9.0)))
CHOICES = Space((Category("acid", ("a", "b", "c")), Category("base", ("a", "b", "c"))))


@pytest.mark.parametrize(
    ("space", "copies", "term", "raised", "by"),
    [(TWO, 2, "heat", 100.0, 1.0), (TWO, 4, "heat", 100.0, 1.0), (CHOICES, 1, "acid b", 1.0, 1.5)],  # 1.5 less a mean
)
def test_an_effect_of_that_size_is_found_in_eight_cases_of_ten(
    space: Space, copies: int, term: str, raised: float, by: float
) -> None:
    x = np.repeat(points_of(Wish("factorial", 9), space), copies, axis=0)
    size = tellable(space, x)
    assert size is not None
    rng, clear = np.random.default_rng(0), 0
    for _ in range(400):
        y = by * size * (x[:, 0] == raised) + rng.normal(size=len(x))
        found = designed(space, Target("yield", Goal.MAXIMIZE, "%"), "factorial", x, y, order="linear")
        assert found is not None
        clear += next(one.is_clear for one in found.effects if one.term == term)

    assert 0.75 <= clear / 400 <= 0.85


def test_without_anything_left_over_no_size_is_told() -> None:
    assert tellable(TWO, points_of(Wish("factorial", 4), TWO)[:3]) == math.inf
    assert tellable(TWO, points_of(Wish("factorial", 4), TWO)[[0, 0, 1]]) is None


def test_it_is_noted_of_a_design_that_is_laid_out() -> None:
    twice = lay_out(Wish("factorial", 4, copies=2), TWO, None, np.empty((0, 2)), seed=0)
    blocks = lay_out(Wish("factorial", 4, copies=2, blocks=2), TWO, None, np.empty((0, 2)), seed=0)

    sizes = [float(design.notes[-1].split("an effect ")[1].split(" times")[0]) for design in (twice, blocks)]

    assert sizes[0] == pytest.approx(tellable(TWO, np.repeat(twice.points, 2, axis=0)) or 0.0, abs=0.05)
    assert sizes[1] > sizes[0]


def test_of_a_saturated_design_it_is_said_that_nothing_is_left_over() -> None:
    space = Space(tuple(Continuous(name, 0.0, 1.0) for name in "abc"))

    (*_, note) = lay_out(Wish("fractional", 4), space, None, np.empty((0, 3)), seed=0).notes

    assert note == "nothing is left over to tell the scatter by: few, large effects alone will stand out"
