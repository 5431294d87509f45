"""Nothing is proposed at which a derived number cannot be computed, and what that leaves out is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.space import Computable, Expression, ProductPool, sample_space
from loop.spec import build_space, read_spec
from loop.spec.checks.deriving import without_any_value, without_value
from tests.loop.spaces import spec_of

SPEC = """\
campaign: c
space:
  a: {type: number, low: 0, high: 10%s}
  k: {type: category, options: [u, v]}
  b: {type: number, low: 0, high: 4, when: {k: u}}
  d: {type: derived, expression: "%s"}
objective: {y: {goal: maximize}}
planner: {initial: {design: %s, experiments: 8}, batch: 3}
budget: {experiments: 40}
laboratory: {adapter: manual}
"""


def read(expression, step="", design="sobol", more=""):
    return read_spec(SPEC % (step, expression, design) + more, source="c.yaml", read=str)


def leaf():
    return st.sampled_from(["x", "y", "2", "0.5", "-3"])


def grown(inner):
    pairs = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner)
    calls = st.tuples(st.sampled_from(["abs", "exp", "log", "sqrt", "sin", "tanh", "log10"]), inner)
    both = st.tuples(st.sampled_from(["max", "min"]), inner, inner)
    return st.one_of(
        pairs.map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        calls.map(lambda c: f"{c[0]}({c[1]})"),
        both.map(lambda c: f"{c[0]}({c[1]}, {c[2]})"),
        inner.map(lambda i: f"({i} - {i})"),
        inner.map(lambda i: f"({i} * {i})"),
        inner.map(lambda i: f"{i} ** 2"),
    )


ends = st.tuples(st.floats(-4, 4), st.floats(-4, 4)).map(lambda pair: (min(pair), max(pair)))


@given(st.recursive(leaf(), grown, max_leaves=6), ends, ends, st.integers(0, 2**31))
@settings(max_examples=150)
def test_what_is_said_to_lie_between_two_values_does(text, x, y, seed):
    expression = Expression(text)
    found = expression.between({"x": x, "y": y})
    rng = np.random.default_rng(seed)
    points = {n: np.concatenate([rng.uniform(*r, 40), r]) for n, r in (("x", x), ("y", y))}
    values = np.broadcast_to(expression(points), 42)

    if found is not None:
        slack = 1e-9 * max(1.0, *map(abs, found))
        assert np.isfinite(values).all()
        assert (values >= found[0] - slack).all()
        assert (values <= found[1] + slack).all()


@pytest.mark.parametrize(
    ("text", "between"),
    [
        ("log10(x * exp((y - 100) / 14.75))", True),
        ("x / y", True),
        ("log(x - 1)", False),
        ("1 / (x - 2)", False),
        ("1 / (x - x)", False),
        ("sqrt(x * x + 1)", True),
        ("exp(exp(y))", False),
        ("(x - 2) ** 0.5", False),
        ("(x - 2) ** -1", False),
        ("min(x, 3) ** -2", True),
    ],
)
def test_an_expression_is_sure_to_have_a_value_or_is_not(text, between):
    assert (Expression(text).between({"x": (1.0, 3.0), "y": (20.0, 120.0)}) is not None) is between


def test_a_number_that_always_has_a_value_adds_no_constraint():
    assert not [c for c in build_space(read("log(a + 1) * b")).constraints if isinstance(c, Computable)]


@pytest.mark.parametrize("design", ["spread", "medoid", "sobol", "lhs", "random", "d-optimal"])
@pytest.mark.parametrize("step", ["", ", step: 0.5"])
def test_no_design_has_a_point_without_a_value(design, step):
    spec = read("log(a - 5)", step, design)
    found = plan(spec, History(), seed=0, experiments=8).proposals

    assert len(found) == 8
    assert all(p.candidate.settings["a"] > 5 for p in found)


def test_no_model_chooses_a_point_without_a_value_though_it_would_be_best():
    spec = read("log(a - 5)", more="")
    space = build_space(spec)
    rng = np.random.default_rng(0)
    seen = []
    for i in range(10):
        a = float(rng.uniform(5.01, 10))
        x = space.coordinates({"a": a, "k": "v"})
        seen.append(Observation(str(i), x, Measured((Measurement("y", -a, "", -a),))))  # the less the better
    found = plan(spec, History(tuple(seen)), seed=0, experiments=3)

    assert all(p.candidate.settings["a"] > 5 for p in found.proposals)
    assert all(space.contains(p.candidate.settings) for p in found.proposals)


def test_a_listed_space_leaves_out_what_has_no_value():
    text = SPEC.replace("  b: {type: number, low: 0, high: 4, when: {k: u}}\n", "")
    space = build_space(read_spec(text % (", step: 1", "1 / (a - 3)", "spread"), source="c.yaml", read=str))
    pool = ProductPool(space)

    assert len(pool) == 20
    assert 3.0 not in pool.take(np.arange(20))[:, 0]


def test_what_does_not_apply_needs_no_value():
    space = build_space(read("log(b)"))  # b is 0 where it does not apply
    x = sample_space(space, 64, 0)

    assert (x[:, 1] == 1.0).any()
    assert not space.contains({"a": 1.0, "k": "u", "b": 0.0})
    assert space.contains({"a": 1.0, "k": "v"})


def test_what_it_takes_away_is_said_until_a_constraint_says_it():
    (note,) = without_value(build_space(read("log(a - 5)")))
    told = read("log(a - 5)", more='constraints: [{expression: "a > 5"}]\n')

    assert note.startswith("d: 'log(a - 5)' has no value in about ")
    assert " % of the space, such as a " in note
    assert note.endswith("say so by a constraint, or write an expression that has a value there")
    assert without_value(build_space(told)) == ()


def space_of(expression, *rules, **more):
    numbers = {n: {"type": "number", "low": 0, "high": 10} for n in "ab"}
    return build_space(spec_of({**numbers, **more, "d": {"type": "derived", "expression": expression}}, list(rules)))


def test_a_value_that_few_draws_find_is_searched_for_before_a_space_is_refused():
    read("log(a - 9.9995)")  # not refused
    space = space_of("log(a - 9.999999)")
    (note,) = without_value(space)

    assert without_any_value(space) == ""
    assert "has no value in nearly all of the space (at none of 4,096 draws), such as a " in note


@pytest.mark.parametrize(
    "expression",
    ["log(a - 10)", "sqrt(-1 - a)", "1 / (a - a)", "2 * sqrt(0 - a * b - 1) + b", "max(b, log(a - 11))", "b / (a - a)"],
)
def test_that_there_is_no_value_anywhere_is_said_where_it_is_proven(expression):
    assert "has no value anywhere in the space, such as " in without_any_value(space_of(expression))


@pytest.mark.parametrize("expression", ["log(a - a * 1.0)", "log(sin(a) ** 2 + cos(a) ** 2 - 1.001)"])
def test_that_no_value_was_found_is_not_said_to_be_a_proof(expression):
    said = without_any_value(space_of(expression))

    assert "has no value anywhere in the space, as far as 4,096 draws and a search tell (not a proof), such as" in said
    assert said.endswith("or loosen constraints on that, or add one that keeps to where there is a value")


@given(st.recursive(leaf(), grown, max_leaves=6), ends, ends, st.integers(0, 2**31))
@settings(max_examples=150)
def test_what_is_said_to_have_no_value_has_none(text, x, y, seed):
    expression = Expression(text)
    rng = np.random.default_rng(seed)
    points = {n: np.concatenate([rng.uniform(*r, 40), r]) for n, r in (("x", x), ("y", y))}

    if expression.is_nowhere({"x": x, "y": y}):
        with np.errstate(all="ignore"):
            assert not np.isfinite(np.broadcast_to(expression(points), 42)).any()


def test_what_is_infinite_on_the_way_may_still_have_a_value():
    ranges = {"x": (1.0, 2.0)}

    assert not Expression("1 / (1 / (x - x))").is_nowhere(ranges)
    assert not Expression("exp(log(x - x))").is_nowhere(ranges)
    assert not Expression("log(x - 3) ** 0").is_nowhere(ranges)
    assert Expression("1 + log(x - 3)").is_nowhere(ranges)


def test_what_an_equality_leaves_is_looked_at_for_values_too():
    (note,) = without_value(space_of("log(a - 5)", {"sum": {"a": 1, "b": 1}, "equals": 10}))
    share = float(note.partition("about ")[2].partition(" %")[0])

    assert 45 < share < 55


def test_nearly_all_of_a_space_is_no_power_of_ten():
    (note,) = without_value(space_of("log(a - 9.97)"))

    (more,) = without_value(space_of("log(a - 9.9995)"))

    assert 99.5 <= float(note.partition("about ")[2].partition(" %")[0]) <= 99.9
    assert " has no value in more than 99.9 % of the space" in more
