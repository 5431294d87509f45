"""Spaces of which constraints leave next to nothing are drawn from all the same; empty ones are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from loop.errors import SpaceError
from loop.history import History
from loop.planner import plan
from loop.space import sample_space
from loop.space.drawing import draw, refuse_empty
from loop.space.filling import fill
from loop.space.parts import Part
from loop.spec import build_space
from tests.loop.spaces import spec_of

UNIT = {"type": "number", "low": 0, "high": 1}
EIGHT = {f"x{i}": UNIT for i in range(8)}
SLAB = {
    "k": {"type": "category", "options": ["A", "B"]},
    "t": {"type": "number", "low": 0, "high": 10},
    "f": {"type": "mixture", "parts": ["w", "e"]},
}
THIN = {
    "two of a few per cent each": (EIGHT, [f"{'*'.join(f'x{i}' for i in s)} >= 0.5" for s in (range(4), range(4, 8))]),
    "a corner of one in 300,000": (dict.fromkeys("abcd", UNIT), ["a * b * c * d >= 0.95"]),
    "a slab of one in ten thousand": (SLAB, ["abs(t - 3) <= 0.0005", "t + 2 * `f.w` <= 5"]),
    "a ball of one in 10^8": (
        {f"x{i}": {"type": "number", "low": -1, "high": 1} for i in range(10)},
        [" + ".join(f"(x{i} - 0.3)**2" for i in range(10)) + " <= 0.1"],
    ),
    "a curve of one in 10^9": (dict.fromkeys("abc", UNIT), ["abs(a * b - c * 0.3) <= 1e-9"]),
}


def built(section: dict, expressions: list[str]):
    rules = [{"name": f"rule {i}", "expression": text} for i, text in enumerate(expressions)]
    return spec_of(section, rules, planner={"initial": {"design": "spread", "experiments": 4}})


@pytest.mark.parametrize("case", THIN)
def test_what_little_is_left_is_found_and_drawn_from(case):
    spec = built(*THIN[case])
    space = build_space(spec)
    refuse_empty(space)
    x = sample_space(space, 200, 3)

    assert len(np.unique(x, axis=0)) > 150
    assert space.holds(x).all()
    batch = plan(spec, History(), seed=0, experiments=4)
    assert all(space.contains(p.candidate.settings) for p in batch.proposals)


def test_points_of_a_thin_space_are_spread_over_all_of_it():
    space = build_space(built(*THIN["two of a few per cent each"]))
    x = sample_space(space, 1_000, 3)

    # of numbers whose product is at least a half, with L the sum of their negative logarithms uniform over a simplex
    # weighted by exp(-L): mean of each, by adding up its distribution over a fine grid
    grid = np.linspace(0, np.log(2), 4_001)
    left = np.log(2) - grid  # what the other three share
    weight = np.exp(-grid) * (1 - np.exp(-left) * (1 + left + left**2 / 2))
    expected = float((np.exp(-grid) * weight).sum() / weight.sum())
    assert abs(x.mean() - expected) < 0.02
    assert x.min() < 0.56


@pytest.mark.parametrize(
    ("section", "expressions", "name"),
    [
        (EIGHT, ["x0 * x1 >= 0.5", "x2 + x3 >= 2.5"], "rule 1"),
        (SLAB, ["abs(t - 3) + abs(t - 4) <= 0.999"], "rule 0"),
        (dict.fromkeys("ab", UNIT), ["a * b >= 0.5", "a + b <= 1.41"], "rule"),
    ],
)
def test_a_space_that_is_empty_is_still_refused_by_name(section, expressions, name):
    with pytest.raises(
        SpaceError, match=f"constraint '{name}.*leaves no candidate as far as .* draws tell .* a search"
    ):
        refuse_empty(build_space(built(section, expressions)))


@pytest.fixture
def unlucky(monkeypatch):
    """No part of a space is found by drawing it alone."""
    monkeypatch.setattr(Part, "draw", lambda self, n, _: (np.empty((0, len(self.columns))), n))


@pytest.mark.usefixtures("unlucky")
@pytest.mark.parametrize("method", ["sobol", "lhs"])
@pytest.mark.parametrize("admits", [None, lambda x: x[:, 0] > 2.0])
def test_a_filling_whose_draws_find_nothing_names_the_constraint(method, admits):
    space = build_space(built(dict.fromkeys("ab", UNIT), ["a * b >= 0.9999"]))

    with pytest.raises(SpaceError, match=r"constraint 'rule 0' leaves no candidate as far as .* draws tell"):
        fill(space, 5, 0, method, admits=admits)


@pytest.mark.usefixtures("unlucky")
def test_what_was_found_is_kept_where_no_more_turns_up():
    space = build_space(built(dict.fromkeys("ab", UNIT), ["a * b >= 0.95"]))
    x = draw(space, 64, np.random.default_rng(0))

    assert 0 < len(x) < 64
    assert space.holds(x).all()


def test_what_an_equality_leaves_is_what_other_constraints_are_judged_by():
    rules = [
        {"name": "whole", "sum": {"a": 1, "b": 1}, "equals": 1},
        {"name": "low", "expression": "a <= 0.9"},
        {"name": "both", "expression": "a * b >= 0.3"},
    ]
    space = build_space(spec_of(dict.fromkeys("ab", UNIT), rules))

    with pytest.raises(SpaceError, match=r"constraint 'both' leaves no candidate .* 0 % of what the equalities leave"):
        refuse_empty(space)


def test_a_sample_by_an_unknown_method_is_refused():
    space = build_space(built(dict.fromkeys("ab", UNIT), []))

    with pytest.raises(SpaceError, match=r"method 'lhs' .*'sobol' or 'random'.*fill"):
        sample_space(space, 5, 0, method="lhs")
    with pytest.raises(SpaceError, match=r"method 'latin' .*'sobol' or 'lhs'"):
        fill(space, 5, 0, "latin")
