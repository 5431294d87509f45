"""Factorial, fractional, D- and I-optimal designs: in the space, as large as asked, and as good as known optima."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from campaigns import measured, observe
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.design import Wish, lay_out, propose_size, why_not
from loop.design.exchange import Criterion, assign_blocks
from loop.design.factorial import best_fraction
from loop.design.optimal import efficiency_of, mean_variance
from loop.design.terms import contrasts, terms_of
from loop.errors import SpaceError
from loop.history import History
from loop.planner import plan
from loop.policy.initial import initial_design
from loop.space import Category, Component, Continuous, Discrete, Exclude, Linear, ProductPool, Space, sample_space
from loop.spec import CampaignSpec, build_space


def untried(d):
    return np.empty((0, d))


def numbers(k, low=0.0, high=10.0):
    return Space(tuple(Continuous(f"p{i}", low, high) for i in range(k)))


def pool_of(space):
    return ProductPool(space) if space.is_finite else None


def spec_of(space, constraints=(), **initial):
    return CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": space,
            "constraints": list(constraints),
            "objective": {"y": {"goal": "maximize"}},
            "planner": {"initial": initial},
            "budget": {"experiments": 200},
            "laboratory": {"adapter": "manual"},
        }
    )


# --- known optima -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factors", "n"), [(3, 4), (7, 8), (3, 8), (11, 12)])
def test_two_level_main_effects_reach_hadamards_bound(factors, n):
    """|X'X| of n two-level rows and p columns is at most n^p, reached where a Hadamard matrix of order n exists."""
    x = lay_out(Wish("d-optimal", n), numbers(factors), None, untried(factors), seed=1).points
    coded = np.column_stack([np.ones(n), x / 5 - 1])

    assert np.linalg.det(coded.T @ coded) == pytest.approx(float(n) ** (factors + 1))


def test_a_quadratic_in_one_number_takes_both_ends_and_the_middle():
    """The D-optimal design on -1 to 1 has its points at -1, 0 and 1: Fedorov (1972), chapter 2."""
    x = lay_out(Wish("d-optimal", 3, model="quadratic"), numbers(1, -5, 5), None, untried(1), seed=0).points

    assert sorted(x[:, 0]) == pytest.approx([-5, 0, 5], abs=0.002)


def test_a_quadratic_mixture_takes_pure_parts_and_halves():
    """The D-optimal design of Scheffe's quadratic model is the simplex-lattice {3, 2}: Kiefer (1961)."""
    spec = spec_of({"m": {"type": "mixture", "parts": ["a", "b", "c"]}})
    space = build_space(spec)

    x = lay_out(Wish("d-optimal", 6, model="quadratic"), space, None, untried(3), seed=0).points

    lattice = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    assert all(np.abs(x - row).max(axis=1).min() < 1e-6 for row in np.array(lattice))


def test_two_factors_quadratic_in_nine_runs_is_the_three_by_three_factorial():
    """Box and Draper, Biometrika 58 (1971) 345: |X'X| / n^p of the exact design is 0.00978 to three figures."""
    x = lay_out(Wish("d-optimal", 9, model="quadratic"), numbers(2, -1, 1), None, untried(2), seed=3).points
    a, b = x.T
    coded = np.column_stack([np.ones(9), a, b, a * b, a**2, b**2])

    assert np.linalg.det(coded.T @ coded / 9) == pytest.approx(0.00976, abs=3e-5)


def test_exchange_finds_the_best_of_all_subsets():
    space = Space((Discrete("a", (0.0, 1.0, 2.0)), Category("b", tuple("xyz"))), (Exclude("no", {0: {2.0}, 1: {2.0}}),))
    pool = ProductPool(space)
    everything = pool.take(np.arange(len(pool)))
    model = terms_of(space, "linear", everything)
    subsets = [everything[list(s)] for s in itertools.combinations(range(len(everything)), 5)]
    best_d = max(efficiency_of(model.matrix(x)) for x in subsets)
    best_i = min(
        mean_variance(model.matrix(x), model.matrix(everything)) for x in subsets if efficiency_of(model.matrix(x)) > 0
    )

    d = lay_out(Wish("d-optimal", 5), space, pool, untried(2), seed=0).points
    i = lay_out(Wish("i-optimal", 5), space, pool, untried(2), seed=0).points

    assert efficiency_of(model.matrix(d)) == pytest.approx(best_d)
    assert mean_variance(model.matrix(i), model.matrix(everything)) == pytest.approx(best_i)


def test_blocks_are_the_best_of_all_assignments():
    rng = np.random.default_rng(0)
    features = np.column_stack([np.ones(8), rng.normal(size=(8, 3))])
    none = Criterion(np.zeros((4, 4)))

    def worth(labels):
        x = np.column_stack([features, contrasts(2)[labels]])
        return np.linalg.slogdet(x.T @ x)[1]

    every = [np.isin(np.arange(8), half).astype(int) for half in itertools.combinations(range(8), 4)]
    labels, value = assign_blocks(features, none, 2, rng, 10)

    assert worth(labels) == pytest.approx(max(map(worth, every)))
    assert value == pytest.approx(-worth(labels), abs=1e-4)  # the ridge
    assert sorted(np.bincount(labels)) == [4, 4]


def test_a_blocked_factorial_spares_all_products_of_two():
    """The best two blocks of a 2^3 confound the product of all three: Box, Hunter and Hunter (1978), chapter 10."""
    laid = lay_out(Wish("factorial", 8, blocks=2), numbers(3, -1, 1), None, untried(3), seed=0)

    product = laid.points.prod(axis=1)
    assert set(zip(product, laid.blocks, strict=True)) in ({(-1, 1), (1, 2)}, {(-1, 2), (1, 1)})
    assert "the interactions model keeps 100 % of its D-efficiency" in laid.notes[1]


def test_products_that_differ_between_blocks_are_named():
    """No two blocks of a 2^(5-1) spare all ten products: 15 terms and a block are too many for 16 points."""
    laid = lay_out(Wish("fractional", 16, blocks=2), numbers(5, -1, 1), None, untried(5), seed=0)

    side, names = 2 * laid.blocks - 3, [p.name for p in numbers(5, -1, 1).parameters]
    mixed = [
        f"{names[i]} x {names[j]}"
        for i, j in itertools.combinations(range(5), 2)
        if abs((laid.points[:, i] * laid.points[:, j] * side).sum()) > 1e-9
    ]
    assert mixed
    assert laid.notes[1].endswith(f"; what differs between blocks adds to {', '.join(mixed)} as well")


# Highest resolutions of two-level fractions: Montgomery, Design and Analysis of Experiments, table 8.14.
@pytest.mark.parametrize(
    ("factors", "n", "resolution"),
    [
        *((3, 4, 3), (4, 8, 4), (5, 8, 3), (5, 16, 5), (6, 8, 3), (6, 16, 4), (6, 32, 6), (7, 8, 3), (7, 16, 4)),
        *((7, 32, 4), (7, 64, 7), (8, 16, 4), (8, 32, 4), (8, 64, 5), (9, 16, 3), (9, 32, 4), (9, 128, 6)),
        *((10, 32, 4), (11, 32, 4), (12, 32, 4), (15, 16, 3), (15, 32, 4)),
    ],
)
def test_fractions_have_the_resolutions_of_the_tables(factors, n, resolution):
    fraction = best_fraction(factors, n.bit_length() - 1)
    signs = fraction.signs()

    assert fraction.resolution == resolution
    assert signs.shape == (n, factors)
    assert (signs.T @ signs == n * np.eye(factors)).all()


def test_where_a_constraint_forbids_a_corner_another_fraction_of_the_family_is_taken():
    all_high = Linear("heat", {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, at_most=35.0)
    space = Space(numbers(4).parameters, (all_high,))

    laid = lay_out(Wish("fractional", 8), space, None, untried(4), seed=0)
    free = lay_out(Wish("fractional", 8), numbers(4), None, untried(4), seed=0)

    signs = np.where(laid.points > 5, 1, -1)
    assert bool((free.points.sum(axis=1) == 40).any())  # the usual fraction has that corner
    assert bool((laid.points.sum(axis=1) <= 35).all())
    assert (signs.T @ signs == 8 * np.eye(4)).all()
    assert laid.notes[0] == free.notes[0]  # the same aliases
    assert laid.notes[1] == "with the signs of p3 turned: the usual fraction breaks a constraint"


def test_aliases_are_columns_that_are_the_same():
    names = list("abcdef")
    fraction = best_fraction(6, 4)
    signs = fraction.signs()

    for said in fraction.aliases(names):
        columns = [signs[:, [names.index(f) for f in effect.split(" x ")]].prod(axis=1) for effect in said.split(" = ")]
        assert all((c == columns[0]).all() for c in columns)
    assert len(fraction.aliases(names)) == 7  # 15 products of two on 7 columns, in resolution IV


# --- what holds for all of them ---------------------------------------------------------------------------------

ALCOHOLS = {"methanol": "CO", "ethanol": "CCO", "propanol": "CCCO"}
KINDS = {
    "solvent": {"type": "component", "options": ALCOHOLS},
    "base": {"type": "category", "options": ["weak", "strong"]},
    "pace": {"type": "ordinal", "options": ["low", "medium", "high"]},
    "temperature": {"type": "number", "values": [20, 40, 60, 80]},
    "hours": {"type": "number", "low": 1, "high": 24, "scale": "log"},
    "flow": {"type": "number", "low": 0, "high": 5},
    "additive": {"type": "number", "low": 0.5, "high": 3, "or_zero": True},
    "mix": {"type": "mixture", "parts": ["water", "glycol", "toluene"], "at_most": 2, "least": 0.1},
    "loading": {"type": "number", "low": 1, "high": 5, "when": {"base": ["strong"]}},
}
RULES = {
    ("solvent", "base"): {"exclude": {"solvent": "ethanol", "base": "weak"}},
    ("temperature", "flow"): {"sum": {"temperature": 1, "flow": 10}, "at_most": 95},
    ("hours", "flow"): {"expression": "hours * (flow + 1) <= 60"},
    ("base", "pace"): {"when": {"base": ["strong"]}, "require": {"pace": ["low", "medium"]}},
    ("additive", "flow"): {"count": ["additive", "flow"], "at_most": 1},
}


@st.composite
def campaigns(draw):
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4, unique=True))
    if "loading" in names and "base" not in names:
        names.append("base")
    rules = [rule for over, rule in RULES.items() if set(over) <= set(names) and draw(st.booleans())]
    return {name: KINDS[name] for name in names}, rules


@given(
    campaigns(),
    st.sampled_from(["d-optimal", "i-optimal"]),
    st.sampled_from(["linear", "interactions", "quadratic"]),
    st.integers(1, 3),
    st.integers(0, 99),
)
@settings(max_examples=8)
def test_optimal_designs_lie_in_the_space_whatever_it_is(campaign, design, model, blocks, seed):
    space = build_space(spec_of(*campaign))
    d = len(space.parameters)
    wish = Wish(design, 6, blocks, model)

    laid = lay_out(wish, space, pool_of(space), untried(d), seed=seed)

    assert space.holds(laid.points).all()
    assert all(space.contains(space.settings(x)) for x in laid.points)
    if space.is_finite:
        assert len(np.unique(laid.points, axis=0)) == len(laid.points)
    size = len(pool_of(space)) if space.is_finite else 6
    assert len(laid.points) == min(6, size)
    if blocks > 1:
        counts = np.bincount(laid.blocks)[1:]
        assert counts.sum() == len(laid.points)
        assert counts.max() - counts.min() <= 1
    again = lay_out(wish, space, pool_of(space), untried(d), seed=seed)
    assert (again.points == laid.points).all()


@given(campaigns(), st.integers(0, 9))
@settings(max_examples=30)
def test_a_full_factorial_is_every_allowed_combination_once(campaign, seed):
    space = build_space(spec_of(*campaign))
    d = len(space.parameters)
    try:
        n = propose_size(Wish("factorial", 0), space, pool_of(space))
    except SpaceError:  # ends alone may break a constraint, all of them
        return

    laid = lay_out(Wish("factorial", n), space, pool_of(space), untried(d), seed=seed)

    assert len(np.unique(laid.points, axis=0)) == len(laid.points) == n
    assert space.holds(laid.points).all()
    if space.is_finite and not space.conditions:
        assert n == len(ProductPool(space))


@pytest.mark.parametrize("order", ["d-optimal", "i-optimal"])
def test_a_design_adds_to_what_was_tried(order):
    space = numbers(2, -1, 1)
    tried = np.array([[-1.0, -1.0], [1.0, 1.0]])

    x = lay_out(Wish(order, 2), space, None, tried, seed=0).points

    assert sorted(map(tuple, x)) == [(-1, 1), (1, -1)]


def test_a_factorial_goes_on_where_it_was_left():
    space = Space((Category("a", ("x", "y")), Discrete("t", (1.0, 2.0, 3.0))))
    first = lay_out(Wish("factorial", 4), space, ProductPool(space), untried(2), seed=0).points

    rest = lay_out(Wish("factorial", 6), space, ProductPool(space), first, seed=1).points

    assert len(np.unique(np.vstack([first, rest]), axis=0)) == 6 == len(first) + len(rest)


def test_better_is_found_than_by_chance():
    space = Space(
        (Component("s", ("a", "b", "c"), ("C", "CC", "CCC")), *numbers(3).parameters),
        (Linear("sum", {1: 1.0, 2: 1.0, 3: 1.0}, at_most=18.0),),
    )
    x = lay_out(Wish("d-optimal", 18, model="quadratic"), space, None, untried(4), seed=0).points
    model = terms_of(space, "quadratic", sample_space(space, 500, 1))
    chance = [efficiency_of(model.matrix(sample_space(space, 18, seed))) for seed in range(20)]

    assert efficiency_of(model.matrix(x)) > 2 * max(chance)


def test_medoids_are_near_everything():
    space = Space((Continuous("a", 0, 1), Continuous("b", 0, 1)))

    everything = sample_space(space, 1_000, 9)

    def distance(design, seed):
        x = initial_design(design, space, None, untried(2), 5, seed=seed)
        return np.linalg.norm(everything[:, None] - x[None], axis=2).min(axis=1).mean()

    for design in ("spread", "sobol", "random"):
        assert all(distance("medoid", seed) < distance(design, seed) for seed in range(5))


def test_medoids_keep_away_from_what_was_tried():
    space = Space((Continuous("a", 0, 1),))

    x = initial_design("medoid", space, None, np.array([[0.2], [0.3]]), 1, seed=0)

    assert x[0, 0] > 0.5


# --- a campaign with such a design ------------------------------------------------------------------------------


def test_blocks_are_in_the_reasons_and_run_one_after_the_other():
    space = {f"p{i}": {"type": "number", "low": 0, "high": 1} for i in range(3)}
    spec = spec_of(space, design="d-optimal", experiments=12, blocks=3, model="interactions")

    batch = plan(spec, History(), seed=3, experiments=50)

    blocks = [int(re.search(r"block (\d)", p.reason)[1]) for p in batch.proposals]
    in_order = [b for _, b in sorted(zip((p.run_order for p in batch.proposals), blocks, strict=True))]
    assert sorted(blocks) == in_order == [1] * 4 + [2] * 4 + [3] * 4
    assert (
        "in the order of running block 1 is 1 to 4, block 2 is 5 to 8, block 3 is 9 to 12; a block is run together, "
        "such as on one day" in batch.notes
    )
    assert sorted(p.run_order for p in batch.proposals) == list(range(12))
    assert any("7 terms of the interactions model" in note for note in batch.notes)
    assert all("tells the terms of the model best" in p.reason for p in batch.proposals)


def test_a_fraction_says_its_resolution_and_aliases():
    space = {f"p{i}": {"type": "number", "low": 0, "high": 1} for i in range(5)}

    batch = plan(spec_of(space, design="fractional", experiments=8), History(), seed=0, experiments=50)

    assert len(batch.proposals) == 8
    assert any("resolution III; aliased: p" in note for note in batch.notes)


def test_a_factorial_says_what_constraints_leave_out_of_it():
    space = {n: {"type": "category", "options": ["x", "y"]} for n in "abc"}
    forbidden = [{"exclude": {"a": "x", "b": "y"}}]

    laid = lay_out(Wish("factorial", 6), build_space(spec_of(space, forbidden)), None, untried(3), seed=0)
    whole = lay_out(Wish("factorial", 8), build_space(spec_of(space)), None, untried(3), seed=0)

    said = "full factorial of 6 combinations, without 2 that constraints or bans leave out: some effects are told less"
    assert laid.notes[0].startswith(said)
    assert whole.notes[0] == "full factorial of 8 combinations"


def test_when_the_factorial_is_done_and_no_model_can_be_had_a_spread_goes_on():
    space = {"a": {"type": "category", "options": ["x", "y"]}, "t": {"type": "number", "low": 0, "high": 1}}
    spec = spec_of(space, design="factorial", experiments=4)
    every = build_space(spec)
    points = lay_out(Wish("factorial", 4), every, None, untried(2), seed=0).points
    done = tuple(observe(spec, every.settings(x), measured(other=1.0), f"o{i}") for i, x in enumerate(points))

    batch = plan(spec, History(done), seed=0, experiments=3)

    assert any("every point of the factorial design was tried" in note for note in batch.notes)
    assert {p.reason for p in batch.proposals} == {
        "initial design: farthest from everything tried before, to see the whole space"
    }


@pytest.mark.parametrize(
    ("space", "wish", "says"),
    [
        (numbers(4), Wish("d-optimal", 3), "the linear model has 5 terms, and 3 experiments cannot"),
        (numbers(2), Wish("i-optimal", 6, 2, "quadratic"), "in 2 blocks has 7 terms, and 6 experiments"),
        (numbers(3), Wish("factorial", 6), "8 allowed combinations and experiments says 6; write 8"),
        (numbers(3), Wish("fractional", 6), "one of these sizes: 4, 8 (the last is all of them"),
        (Space((Category("b", tuple("xyz")), *numbers(2).parameters)), Wish("fractional", 4), "'b' has 3 options"),
        (numbers(30), Wish("factorial", 8), "combinations, more than the 100000"),
        (numbers(20), Wish("fractional", 32), "takes up to 15 parameters, not 20"),
        (numbers(2), Wish("factorial", 4, levels={"p9": 2}), "levels names 'p9', which the space lacks"),
        (numbers(2), Wish("d-optimal", 5, 4), "4 blocks of 5 experiments leave fewer than two in a block"),
        (
            Space(numbers(3).parameters, (Linear("heat", {0: 1.0, 1: 1.0}, at_most=15.0),)),
            Wish("fractional", 4),
            "1 of the 4 points of the two-level fraction break constraint 'heat', and every fraction with other "
            "signs has such points; use d-optimal",
        ),
    ],
)
def test_what_cannot_be_is_said_with_the_way_out(space, wish, says):
    assert says in why_not(wish, space, pool_of(space))


@pytest.mark.parametrize(
    ("space", "constraints"),
    [
        ({"t": {"type": "number", "low": 60, "high": 120}, "h": {"type": "number", "low": 0, "high": 1}}, []),
        ({"m": {"type": "mixture", "parts": ["w", "e", "d"]}}, []),
        ({name: {"type": "number", "low": 1, "high": 10} for name in "ab"}, [{"sum": {"a": 1, "b": 1}, "equals": 8}]),
        ({name: {"type": "number", "low": 1, "high": 10} for name in "ab"}, [{"expression": "a >= 2 * b"}]),
    ],
)
def test_where_experiments_are_best_repeated_they_are_replicates_and_can_be_set(space, constraints):
    spec = spec_of(space, constraints, design="d-optimal", experiments=12)
    built = build_space(spec)
    span = np.array([p.high - p.low for p in built.parameters])

    for seed in range(3):
        batch = plan(spec, History(), seed=seed, experiments=12)

        rows = np.array([list(p.candidate.settings.values()) for p in batch.proposals])
        different, counts = np.unique(rows, axis=0, return_counts=True)
        assert len(different) < 12
        apart = np.abs((different[:, None] - different[None]) / span).max(axis=2)[~np.eye(len(different), dtype=bool)]
        assert apart.min() > 0.05  # what is made alike is made wholly alike
        said = [p.reason for p in batch.proposals]
        assert sum("made alike" in reason for reason in said) == counts[counts > 1].sum()
        assert built.holds(rows).all()
        if not any(rule.get("equals") for rule in constraints):
            assert (np.abs(np.round(rows, 6) - rows) < 1e-12).all()
