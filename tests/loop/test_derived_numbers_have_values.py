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
from loop.spec.deriving import without_value

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
@settings(max_examples=150, deadline=None)
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
