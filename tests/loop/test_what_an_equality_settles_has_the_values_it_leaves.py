"""The solvent that makes up a volume follows from the rest: no experiment comes twice for how a sum is rounded."""

import itertools

import numpy as np
import pytest

from loop.errors import PoolExhausted
from loop.history import History
from loop.planner import plan
from loop.space import Continuous, Discrete, ProductPool
from loop.spec import build_space
from tests.loop.campaigns import measured, observe
from tests.loop.spaces import spec_of

STEPS = {"type": "number", "low": 0, "high": 30, "step": 10}
VOLUMES = {"a": STEPS, "b": STEPS, "solvent": {"type": "number", "low": 0, "high": 100}}
WHOLE = [{"sum": {"a": 1, "b": 1, "solvent": 1}, "equals": 100}]
EVERY = {(a, b, 100.0 - a - b) for a, b in itertools.product((0.0, 10.0, 20.0, 30.0), repeat=2)}


@pytest.mark.parametrize("design", ["spread", "medoid", "sobol", "lhs", "random", "d-optimal"])
def test_no_design_has_an_experiment_twice(design):
    spec = spec_of(VOLUMES, WHOLE, planner={"initial": {"design": design, "experiments": 14}})

    for seed in range(4):
        batch = plan(spec, History(), seed=seed, experiments=14)

        recipes = {tuple(p.candidate.settings.values()) for p in batch.proposals}
        assert len(recipes) == len(batch.proposals) == 14
        assert recipes <= EVERY


def test_every_candidate_is_tried_once_and_then_none_is_left():
    spec = spec_of(VOLUMES, WHOLE, planner={"batch": 6, "surrogate": "gp"})
    settings = [dict(zip(VOLUMES, one, strict=True)) for one in sorted(EVERY)]
    seen = tuple(observe(spec, s, measured(y=s["a"] - 0.1 * s["b"]), str(i)) for i, s in enumerate(settings))

    batch = plan(spec, History(seen[:12]), seed=0, experiments=6)

    assert {tuple(p.candidate.settings.values()) for p in batch.proposals} == {tuple(s.values()) for s in settings[12:]}
    with pytest.raises(PoolExhausted):
        plan(spec, History(seen), seed=0, experiments=6)


def test_steps_that_no_float_holds_are_told_apart_as_written():
    tenths = {"type": "number", "low": 0, "high": 0.3, "step": 0.1}
    space = build_space(
        spec_of(
            {"a": tenths, "b": tenths, "rest": {"type": "number", "low": 0, "high": 1}},
            [{"sum": {"a": 1, "b": 1, "rest": 1}, "equals": 1}],
        )
    )

    assert space.parameters[2].values == (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert len(ProductPool(space)) == 16


def test_one_settled_number_settles_the_next():
    space = build_space(
        spec_of(
            {"a": STEPS, "b": {"type": "number", "low": 0, "high": 50}, "c": {"type": "number", "low": 0, "high": 90}},
            [{"sum": {"b": 1, "c": 1}, "equals": 60}, {"sum": {"a": 1, "b": -2}, "equals": 0}],
        )
    )

    assert {tuple(x) for x in ProductPool(space).take(np.arange(4)).tolist()} == {
        (0, 0, 60),
        (10, 5, 55),
        (20, 10, 50),
        (30, 15, 45),
    }


def test_nothing_or_an_amount_stays_one_or_the_other():
    amount = {"type": "number", "low": 5, "high": 30, "or_zero": True}
    space = build_space(
        spec_of(
            {"a": {**STEPS, "low": 10}, "b": STEPS, "rest": amount},
            [{"sum": {"a": 1, "b": 1, "rest": 1}, "equals": 33}],
        )
    )

    assert space.parameters[2] == Discrete("rest", (13.0, 23.0), in_steps=True)  # 3 is less than the least amount


def test_a_number_that_does_not_always_apply_is_settled_where_it_does():
    kind = {"type": "category", "options": ["neat", "diluted"]}
    solvent = {**VOLUMES["solvent"], "when": {"kind": "diluted"}}
    space = build_space(
        spec_of(
            {"kind": kind, "a": {**STEPS, "high": 40}, "solvent": solvent},
            [{"sum": {"a": 1, "solvent": 1}, "equals": 40}],
        )
    )

    pool = ProductPool(space)
    settings = [space.settings(x) for x in pool.take(np.arange(len(pool)))]
    assert {"kind": "neat", "a": 40.0} in settings
    assert {s["solvent"] for s in settings if s["kind"] == "diluted"} == {0.0, 10.0, 20.0, 30.0, 40.0}
    assert len(settings) == 6


@pytest.mark.parametrize(
    ("name", "changed", "rule"),
    [
        ("solvent", {"a": {"type": "number", "low": 0, "high": 30}}, WHOLE),  # two numbers are free
        ("solvent", {}, [{"sum": {"a": 1, "b": 1, "solvent": 1}, "at_most": 100}]),
        ("m.w", {"m": {"type": "mixture", "parts": ["w", "e", "d"]}}, [{"sum": {"m.w": 1}, "equals": 0.5}]),
    ],
)
def test_what_is_not_settled_stays_a_range(name, changed, rule):
    space = build_space(spec_of(VOLUMES | changed, rule))

    assert isinstance(space.parameters[space.names.index(name)], Continuous)
