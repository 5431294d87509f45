"""Every kind of parameter and constraint: what is drawn lies in the space, counts are those of brute force."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from loop.errors import SpaceError
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.space import ProductPool, sample_space
from loop.space import pool as pool_module
from loop.space.counting import allowed_share, count_candidates, said_count
from loop.space.factors import Drawn, factors
from loop.spec import build_space, read_spec
from tests.loop.spaces import brute_count, spaces, spec_of

QUICK = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])


@given(spaces(is_finite=True))
@QUICK
def test_a_pool_holds_every_allowed_candidate_once(space):
    assume(space.size <= 800)  # brute force takes its time
    expected = brute_count(space)
    if not expected:
        with pytest.raises(SpaceError, match="leaves no candidate"):
            ProductPool(space)
        return
    pool = ProductPool(space)
    x = pool.take(np.arange(len(pool)))

    assert len(pool) == len(np.unique(x, axis=0)) == expected == count_candidates(space).number
    assert all(space.contains(space.settings(row)) for row in x)
    assert np.prod([f.count.number for f in factors(space)]) == expected


@given(spaces(is_finite=False), st.sampled_from(["sobol", "random"]), st.integers(0, 99))
@QUICK
def test_samples_of_mixed_spaces_lie_in_them(space, method, seed):
    try:
        x = sample_space(space, 16, seed, method=method)
    except SpaceError as error:
        assert "leaves no candidate" in str(error)  # noqa: PT017 - one space in many is empty
        return

    assert len(np.unique(x, axis=0)) == len(x) > 0
    for row in x:
        there = space.settings(row)
        assert space.contains(there)
        assert np.allclose(space.coordinates(there), row, atol=1e-9)
        assert space.settings(space.coordinates(there)) == there


@given(spaces(is_finite=True), st.integers(0, 99))
@QUICK
def test_neighbours_lie_in_the_space_and_are_others(space, seed):
    try:
        pool = ProductPool(space)
    except SpaceError:
        return
    rng = np.random.default_rng(seed)
    x = pool.sample(3, rng)

    for row in x:
        near = pool.neighbours(row, rng)
        assert space.holds(near).all()
        assert not (near == row).all(axis=1).any()


def test_what_does_not_apply_is_absent_and_counts_once():
    space = build_space(
        spec_of(
            {
                "ligand": {"type": "component", "options": {"L": "CCO", "none": None}},
                "loading": {"type": "number", "values": [1, 2, 3], "unless": {"ligand": "none"}},
            }
        )
    )
    pool = ProductPool(space)

    found = [space.settings(x) for x in pool.take(np.arange(len(pool)))]

    assert found == [*({"ligand": "L", "loading": v} for v in (1.0, 2.0, 3.0)), {"ligand": "none"}]
    assert space.smiles(found[-1]) == {}
    with pytest.raises(SpaceError, match="'loading' does not apply with these settings; leave it out"):
        space.coordinates({"ligand": "none", "loading": 1})
    with pytest.raises(SpaceError, match="'loading' is missing; it applies"):
        space.coordinates({"ligand": "L"})


def test_a_lattice_of_fractions_has_as_many_points_as_the_formula_says():
    parts = list("abcdef")
    space = build_space(spec_of({"s": {"type": "mixture", "parts": parts, "step": 0.05}}))

    assert count_candidates(space).number == 53_130  # 25 over 5: stars and bars


@pytest.mark.parametrize(
    ("parts", "steps", "at_most"),
    [(5, 100, 3), (10, 20, 3), (20, 20, 2), (7, 20, 7)],  # raw combinations: 10^10, 10^13, 10^26 and 10^9
)
def test_a_pool_holds_every_blend_of_a_mixture_in_steps(parts, steps, at_most):
    mixture = {"type": "mixture", "parts": [f"p{i}" for i in range(parts)], "step": 1 / steps, "at_most": at_most}
    pool = ProductPool(build_space(spec_of({"s": mixture})))
    x = pool.take(np.arange(len(pool)))

    # which parts, and where a row of steps is cut into as many pieces
    assert len(pool) == sum(math.comb(parts, k) * math.comb(steps - 1, k - 1) for k in range(1, at_most + 1))
    assert pool.counted.is_exact
    assert len(np.unique(x, axis=0)) == len(x)
    assert np.allclose(x.sum(axis=1), 1.0)


def test_a_pool_holds_every_blend_of_a_mixture_that_does_not_always_apply():
    mixture = {"type": "mixture", "parts": list("abcde"), "step": 0.01, "at_most": 3, "unless": {"mode": "neat"}}
    pool = ProductPool(build_space(spec_of({"mode": {"type": "category", "options": ["wet", "neat"]}, "s": mixture})))

    assert len(pool) == 5 + 10 * 99 + 10 * (99 * 98 // 2) + 1
    assert pool.counted.is_exact


def test_of_more_blends_than_can_be_written_out_a_large_part_is_drawn_from_and_the_estimate_holds():
    mixture = {"type": "mixture", "parts": [f"p{i}" for i in range(10)], "step": 0.05}
    pool = ProductPool(build_space(spec_of({"s": mixture})))
    x = pool.take(np.arange(100_000))

    assert len(np.unique(x, axis=0)) > 90_000
    assert pool.counted.low <= math.comb(29, 9) <= pool.counted.high


def test_a_space_is_refused_for_what_its_constraints_leave_and_not_for_what_they_forbid():
    text = "campaign: c\nspace: {{s: {{type: mixture, parts: [{}], step: 0.05, at_most: {}}}}}\n"
    text += "objective: {{y: {{goal: maximize}}}}\nbudget: {{experiments: 9}}\nlaboratory: {{adapter: simulated}}\n"
    parts = ", ".join(f"p{i}" for i in range(20))

    assert read_spec(text.format(parts, 2), source="c.yaml", read=lambda name: name).campaign == "c"


def test_a_pool_holds_every_candidate_of_the_few_that_an_expression_leaves():
    section = {f"p{i}": {"type": "number", "low": 1, "high": 60, "step": 1} for i in range(4)}
    space = build_space(spec_of(section, [{"expression": "p0 * p1 + p2 * p3 <= 60"}]))
    pool = ProductPool(space)
    x = pool.take(np.arange(len(pool)))
    products = np.bincount(np.multiply.outer(np.arange(1, 61), np.arange(1, 61)).ravel(), minlength=61)[:61]

    assert len(pool) == len(np.unique(x, axis=0)) == np.convolve(products, products)[:61].sum()  # of 12,960,000
    assert pool.counted.is_exact
    assert space.holds(x).all()


def test_of_a_thin_component_that_nobody_goes_through_more_than_one_look_is_kept():
    section = {f"p{i}": {"type": "number", "low": 1, "high": 90, "step": 1} for i in range(4)}
    pool = ProductPool(build_space(spec_of(section, [{"expression": "p0 * p1 + p2 * p3 <= 60"}])))  # 25,000 of 6e7
    x = pool.take(np.arange(len(pool)))

    assert not pool.counted.is_exact
    assert len(np.unique(x, axis=0)) > 1_000  # one look keeps one candidate in 300


def test_a_billion_with_constraints_is_not_written_out():
    section = {f"p{i}": {"type": "number", "low": 0, "high": 9, "step": 1} for i in range(9)}
    constraints = [{"sum": {"p0": 1, "p1": 1, "p2": 1}, "equals": 9}, {"exclude": {"p3": 0, "p4": [1, 2]}}]
    space = build_space(spec_of(section, constraints))
    pool = ProductPool(space)

    assert len(pool) == 55 * 98 * 10**4
    assert pool.counted.is_exact
    x = pool.sample(500, np.random.default_rng(0))
    assert len(x) == 500
    assert space.holds(x).all()
    assert space.holds(pool.take(np.array([0, len(pool) - 1]))).all()


@pytest.mark.parametrize(
    ("constraint", "lowest", "highest"),
    [
        ({"sum": {f"p{i}": 1 for i in range(9)}, "at_most": 40}, 4.6e8, 5.2e8),  # about half; the mean is 40.5
        (
            {"sum": {f"p{i}": 1 for i in range(9)}, "at_most": 12},
            2.85e5,
            2.97e5,
        ),  # 21 over 9, less those above 9: exact
        ({"count": [f"p{i}" for i in range(9)], "at_most": 2}, 2998, 2998),  # 1 + 9 * 9 + 36 * 81
    ],
)
def test_one_component_of_a_billion_is_counted_and_drawn_from(constraint, lowest, highest):
    section = {f"p{i}": {"type": "number", "low": 0, "high": 9, "step": 1} for i in range(9)}
    space = build_space(spec_of(section, [constraint]))
    pool = ProductPool(space)

    counted = pool.counted

    assert lowest <= counted.number <= highest
    assert counted.low <= counted.number <= counted.high
    x = pool.sample(300, np.random.default_rng(1))
    assert len(x) > 250
    assert space.holds(x).all()
    again = pool.take(np.array([5, 17]))
    assert space.holds(again).all()
    assert (again == pool.take(np.array([5, 17]))).all()


def test_estimates_say_so_and_shares_have_an_interval():
    section = {f"p{i}": {"type": "number", "low": 0, "high": 9, "step": 1} for i in range(9)}
    space = build_space(spec_of(section, [{"sum": {f"p{i}": 1 for i in range(9)}, "at_most": 40}]))
    half = build_space(
        spec_of(
            {"a": {"type": "number", "low": 0, "high": 1}, "b": {"type": "number", "low": 0, "high": 1}},
            [{"sum": {"a": 1, "b": 1}, "at_most": 1}],
        )
    )

    assert "estimated; 95 % interval" in said_count(space)
    share, low, high = allowed_share(half)
    assert low < 0.5 < high
    assert low < share < high
    assert said_count(build_space(spec_of({"a": {"type": "number", "low": 0, "high": 1}}))) == "continuous"


def test_rounds_state_how_many_candidates_there_are_no_surer_than_it_is_known():
    section = {f"p{i}": {"type": "number", "low": 0, "high": 9, "step": 1} for i in range(9)}
    notes = {}
    for name, columns in {"estimated": range(9), "exact": range(3)}.items():
        rules = [{"sum": {f"p{i}": 1 for i in columns}, "at_most": 4 * len(columns) + 4}]
        spec = spec_of(section, rules, planner={"surrogate": "gp"})
        rows = sample_space(build_space(spec), 6, 0)
        seen = [Observation(str(i), x, Measured((Measurement("y", x[0], "", x[0]),))) for i, x in enumerate(rows)]
        notes[name] = plan(spec, History(tuple(seen)), seed=0, experiments=1).notes
        size = said_count(build_space(spec))

    assert any(re.search(r"sample of [\d,]+ of about \d\.\d+e\+08 candidates, and", n) for n in notes["estimated"])
    assert any(f"of the {size:,} candidates, and" in n for n in notes["exact"])


def test_large_pools_are_drawn_from_as_they_are_enumerated():
    assert isinstance(
        ProductPool(build_space(spec_of({"a": {"type": "category", "options": ["x"]}}))), pool_module.LargePool
    )


def test_minus_one_counts_as_used_and_what_does_not_apply_as_not():
    coded = {name: {"type": "number", "values": [-1, 0, 1]} for name in "abc"}
    one = build_space(spec_of(coded, [{"count": ["a", "b", "c"], "at_most": 1}]))
    gated = {
        "ligand": {"type": "category", "options": ["none", "L", "M"]},
        "loading": {"type": "number", "low": 1, "high": 5, "step": 1, "unless": {"ligand": "none"}},
        "extra": {"type": "category", "options": ["x", "none"], "when": {"ligand": "L"}},
        "salt": {"type": "number", "values": [0, 1]},
    }
    few = build_space(spec_of(gated, [{"count": ["loading", "extra", "salt"], "at_most": 1}]))

    assert len(ProductPool(one)) == 1 + 3 * 2
    # no ligand: salt or none; L: loading, so neither x nor salt; M: loading, so no salt
    assert len(ProductPool(few)) == 2 + 5 + 5
    assert few.contains({"ligand": "none", "salt": 1})
    assert not few.contains({"ligand": "M", "loading": 1, "salt": 1})


def test_below_is_not_at_most():
    section = {"t": {"type": "number", "values": [80, 100, 120]}, "u": {"type": "number", "values": [0.1, 0.2, 0.3]}}

    def kept(text: str) -> int:
        return len(ProductPool(build_space(spec_of(section, [{"expression": text}]))))

    assert kept("t < 100") == 3
    assert kept("t <= 100") == 6
    assert kept("t > 100") == kept("120 > t > 80") == 3
    assert kept("t / 100 + u * 10 - 2 > 1") == 4  # 100 with 0.2 is 1 but for rounding, and not above it
    assert kept("u * 3 >= 0.9") == 3  # 0.3 * 3 is 0.8999999999999999


@pytest.mark.parametrize("rule", [{"expression": "a + b <= 3e-9"}, {"sum": {"a": 1, "b": 1}, "at_most": 3e-9}])
def test_small_amounts_are_held_to_their_limits_as_large_ones_are(rule):
    amounts = {"type": "number", "values": [1e-9, 2e-9, 2.5e-9], "scale": "log", "unit": "mol"}
    space = build_space(spec_of({"a": amounts, "b": amounts}, [rule]))

    assert len(ProductPool(space)) == 3  # one of each, and one of one with two of the other


def test_an_equality_of_small_amounts_is_one():
    amounts = {"type": "number", "low": 1e-6, "high": 9e-6, "step": 1e-6, "unit": "mol"}
    space = build_space(spec_of({"a": amounts, "b": amounts}, [{"sum": {"a": 1, "b": 1}, "equals": 1e-5}]))

    assert len(ProductPool(space)) == 9


def test_the_share_of_a_mixture_counts_rules_on_all_of_its_parts():
    section = {"s": {"type": "mixture", "parts": ["w", "e"]}}
    rule = {"sum": {"s.w": 1, "s.e": 3}, "at_most": 2}  # at most a half of e: half of the blends and one of two pure
    _, low, high = allowed_share(build_space(spec_of(section, [rule])))

    assert low < 0.5 < high


def test_a_parameter_may_be_called_like_a_constant_in_backquotes():
    section = {"e": {"type": "number", "values": [1, 2, 3]}, "x": {"type": "derived", "expression": "`e` * 2"}}
    space = build_space(spec_of(section, [{"expression": "x + `e` <= 6"}]))

    assert len(ProductPool(space)) == 2
    derived = {**section, "y": {"type": "derived", "expression": "e"}}
    for plain in (spec_of(section, [{"expression": "e <= 2"}]), spec_of(derived)):
        with pytest.raises(SpaceError, match="'e', a constant, and the space has a parameter of this name; write `e`"):
            build_space(plain)


def test_what_does_not_apply_meets_no_condition_of_an_exclusion():
    section = {
        "ligand": {"type": "category", "options": ["none", "L"]},
        "loading": {"type": "number", "values": [0, 0.5, 1, 5], "when": {"ligand": "L"}},
        "t": {"type": "number", "values": [20, 40]},
    }
    rules = [{"exclude": {"t": 40}, "where": {"loading": {"below": 1}}}, {"exclude": {"t": 20, "loading": 0}}]
    space = build_space(spec_of(section, rules))

    assert space.contains({"ligand": "none", "t": 40})
    assert space.contains({"ligand": "none", "t": 20})
    assert len(ProductPool(space)) == 2 + 2 + 3  # no ligand; 1 and 5 at 40; 0.5, 1 and 5 at 20


def test_what_does_not_apply_meets_no_condition_of_a_dependency():
    section = {
        "mode": {"type": "category", "options": ["neat", "solution"]},
        "water": {"type": "number", "values": [0, 1], "when": {"mode": "solution"}},
    }

    def left(rule):
        pool = ProductPool(space := build_space(spec_of(section, [rule])))
        return [space.settings(x) for x in pool.take(np.arange(len(pool)))]

    neat = {"mode": "neat"}  # has no water, which is not 0 of it
    assert neat in left({"when": {"water": 0}, "require": {"mode": "solution"}})
    assert neat not in left({"when": {"mode": ["neat", "solution"]}, "require": {"water": 0}})


def test_a_thin_component_is_not_drawn_from_by_chance():
    section = {f"p{i}": {"type": "number", "low": 0, "high": 9, "step": 1} for i in range(9)}
    space = build_space(spec_of(section, [{"sum": {f"p{i}": 1 for i in range(9)}, "at_most": 17}]))  # 0.3 % of 10^9
    (factor,) = factors(space)

    assert factor.count.low <= 3_021_590 <= factor.count.high
    # 4,096 draws miss with a chance of 4e-6, and 300,000 candidates are drawn for a batch
    assert not isinstance(factor, Drawn)
    x = ProductPool(space).sample(1_000, np.random.default_rng(0))
    assert space.holds(x).all()
    assert len(x) > 900


def test_the_share_of_blends_in_steps_counts_each_blend_alike():
    section = {
        "s": {"type": "mixture", "parts": ["w", "e", "d"], "step": 0.25, "at_most": 2},
        "a": {"type": "number", "low": 0, "high": 1},
    }
    wet = build_space(spec_of(section, [{"exclude": {}, "where": {"s.w": {"above": 0.5}}}]))
    half = build_space(spec_of(section, [{"exclude": {"s.w": [0.5]}}]))

    for space, left in ((wet, 9 / 12), (half, 10 / 12)):  # of twelve blends three have more, and two have a half
        share, low, high = allowed_share(space)
        assert low < left < high
        assert low < share < high


def test_what_is_left_is_told_in_plain_numbers():
    two = {"a": {"type": "number", "low": 0, "high": 1}, "b": {"type": "number", "low": 0, "high": 1}}
    blend = {"s": {"type": "mixture", "parts": ["w", "e"]}}

    assert said_count(build_space(spec_of(blend))) == "continuous"  # no constraint of a person's
    assert said_count(build_space(spec_of(two, [{"sum": {"a": 1, "b": 1}, "at_most": 3}]))) == (
        "continuous; constraints leave about 100 % (99.98 to 100 %)"
    )
    assert said_count(build_space(spec_of(two, [{"name": "one", "sum": {"a": 1, "b": 1}, "equals": 1}]))) == (
        "continuous; 'one' leaves no share of it that could be told, as it ties numbers by an equality"
    )
