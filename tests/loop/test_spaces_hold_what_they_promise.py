"""Spaces, constraints and pools: round trips, index arithmetic, samples and designs lie in the space."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.errors import SpaceError, UnitError
from loop.policy.initial import initial_design
from loop.space import Category, Component, Continuous, Discrete, Exclude, Linear, ProductPool, Space, sample_space

NUMBERS = st.lists(st.integers(-50, 50), min_size=1, max_size=4, unique=True).map(
    lambda v: tuple(map(float, sorted(v)))
)


@st.composite
def finite_spaces(draw):
    parameters = []
    for i in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            parameters.append(Category(f"p{i}", tuple("abcd"[: draw(st.integers(1, 4))])))
        else:
            parameters.append(Discrete(f"p{i}", draw(NUMBERS)))
    return Space(tuple(parameters))


@st.composite
def mixed_spaces(draw):
    finite = draw(finite_spaces())
    return Space((*finite.parameters, Continuous("t", 0.0, draw(st.floats(0.1, 100))), Continuous("u", -1.0, 1.0)))


@given(finite_spaces())
@settings(max_examples=40)
def test_a_pool_is_the_product_each_candidate_once(space):
    pool = ProductPool(space)
    x = pool.take(np.arange(len(pool)))
    expected = set(
        itertools.product(*(getattr(p, "values", None) or getattr(p, "options", ()) for p in space.parameters))
    )

    found = [tuple(space.settings(row).values()) for row in x]

    assert len(found) == space.size
    assert set(found) == expected


@given(finite_spaces(), st.data())
@settings(max_examples=40)
def test_settings_and_coordinates_are_a_round_trip(space, data):
    pool = ProductPool(space)
    index = data.draw(st.integers(0, len(pool) - 1))
    there = space.settings(pool.take(np.array([index]))[0])

    assert space.contains(there)
    assert space.settings(space.coordinates(there)) == there


@given(mixed_spaces(), st.sampled_from(["sobol", "random"]), st.integers(0, 99))
@settings(max_examples=40)
def test_samples_lie_in_the_space_and_differ(space, method, seed):
    x = sample_space(space, 12, seed, method=method)

    assert len(np.unique(x, axis=0)) == len(x) == 12
    assert all(space.contains(space.settings(row)) for row in x)


@given(finite_spaces(), st.sampled_from(["spread", "sobol", "lhs", "random"]), st.integers(0, 99))
@settings(max_examples=40)
def test_designs_lie_in_the_space_and_repeat_nothing(space, design, seed):
    pool = ProductPool(space)
    tried = pool.take(np.array([0]))
    if len(pool) == 1:
        return

    x = initial_design(design, space, pool, tried, 5, seed=seed)

    assert 1 <= len(x) <= min(5, len(pool) - 1)
    assert len(np.unique(np.vstack([tried, x]), axis=0)) == len(x) + 1
    assert all(space.contains(space.settings(row)) for row in x)


def test_a_spread_sees_every_option_before_it_repeats_one():
    space = Space((Category("a", tuple("abcde")), Category("b", tuple("vwxyz"))))

    x = initial_design("spread", space, ProductPool(space), np.empty((0, 2)), 5, seed=1)

    assert len(set(x[:, 0])) == len(set(x[:, 1])) == 5


def test_constraints_remove_exactly_what_they_name():
    space = Space(
        (Category("a", ("x", "y")), Discrete("t", (90.0, 105.0, 120.0))),
        (
            Exclude("hot x", {0: frozenset({0.0}), 1: frozenset({105.0, 120.0})}),
            Linear("cool", {1: 1.0}, at_most=105.0),
        ),
    )
    pool = ProductPool(space)

    left = {tuple(space.settings(x).values()) for x in pool.take(np.arange(len(pool)))}

    assert left == {("x", 90.0), ("y", 90.0), ("y", 105.0)}
    assert not space.contains({"a": "x", "t": 105.0})


def test_a_constraint_that_leaves_nothing_is_named():
    space = Space(
        (Discrete("t", (1.0, 2.0)),),
        (Linear("fine", {0: 1.0}, at_least=0.0), Linear("too strict", {0: 1.0}, at_least=9.0)),
    )

    with pytest.raises(SpaceError, match="'too strict' leaves no candidate"):
        ProductPool(space)


def test_a_billion_candidates_are_index_arithmetic():
    space = Space(tuple(Discrete(f"p{i}", tuple(float(v) for v in range(10))) for i in range(9)))
    pool = ProductPool(space)

    x = pool.take(np.array([0, 123_456_789, 999_999_999]))

    assert len(pool) == 10**9
    assert x[1].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Continuous("t", 2, 1), "low must be below high"),
        (lambda: Continuous("t", float("nan"), 1), "low must be below high"),
        (lambda: Discrete("t", (2.0, 1.0)), "must rise"),
        (lambda: Discrete("t", ()), "at least one value"),
        (lambda: Category("c", ("a", "a")), "'a' is given twice"),
        (lambda: Category("c", ()), "at least one option"),
        (lambda: Component("c", ("a", "b"), ("CO", "CO")), "same molecule"),
        (lambda: Space(()), "no parameters"),
        (lambda: Continuous("t", 0, 1, "parsecc"), "unit 'parsecc' is unknown"),
    ],
)
def test_what_is_wrong_is_refused_when_it_is_made(make, message):
    with pytest.raises((SpaceError, UnitError), match=message):
        make()


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"a": "z", "t": 90}, "no option 'z'"),
        ({"a": "x"}, "'t' is missing"),
        ({"a": "x", "t": 90, "p": 1}, "unknown parameter 'p'"),
        ({"a": "x", "t": "warm"}, "must be a finite number"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings_, message):
    space = Space((Category("a", ("x", "y")), Discrete("t", (90.0, 105.0), "degC")))

    with pytest.raises(SpaceError, match=message):
        space.coordinates(settings_)


def test_the_plain_core_loads_no_torch():
    code = "import sys, loop.space, loop.outcome, loop.experiment, loop.record, loop.contracts, loop.spec; "
    code += "print([m for m in ('torch', 'rdkit', 'pint', 'sklearn', 'scipy.stats') if m in sys.modules])"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == "[]"
