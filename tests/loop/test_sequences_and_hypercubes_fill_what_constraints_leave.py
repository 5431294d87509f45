"""Sobol sequences and Latin hypercubes under every constraint: in the space, evener than chance, honest about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.costs import Purse
from loop.errors import PoolExhausted, SpaceError
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.policy import initial
from loop.policy.initial import initial_design
from loop.space import Continuous, ProductPool, Space, sample_space
from loop.spec import build_space
from tests.loop.spaces import spaces, spec_of

UNIT = {"type": "number", "low": 0, "high": 1}
STEPS = {"type": "number", "low": 0, "high": 9, "step": 1}
MIXED = {"type": "mixture", "parts": ["x", "y", "z"]}
ZERO = {"type": "number", "low": 0.1, "high": 1, "or_zero": True}
TIED = {
    "mixture": ({"a": UNIT, "s": MIXED}, []),
    "mixture of few": ({"s": {"type": "mixture", "parts": list("vwxyz"), "at_most": 3, "least": 0.05}}, []),
    "equality": (dict.fromkeys("abc", UNIT), [{"sum": {"a": 1, "b": 1}, "equals": 1}]),
    "equality of five": (dict.fromkeys("abcde", UNIT), [{"sum": dict.fromkeys("abcde", 1), "equals": 2}]),
    "two equalities": (
        dict.fromkeys("abcde", UNIT),
        [{"sum": dict.fromkeys(s, 1), "equals": 1} for s in ("abc", "cde")],
    ),
    "sum": (dict.fromkeys("abc", UNIT), [{"sum": dict.fromkeys("abc", 1), "at_most": 1.2}]),
    "expression": (dict.fromkeys("abc", UNIT), [{"expression": "a * b <= 0.5"}]),
    "eight numbers": (
        {f"x{i}": UNIT for i in range(8)},
        [{"sum": {f"x{i}": 1 for i in range(8)}, "at_most": 3}],
    ),
    "count": (dict.fromkeys("abcd", ZERO), [{"count": list("abcd"), "at_most": 2}]),
    "steps": ({f"p{i}": STEPS for i in range(9)}, [{"sum": {"p3": 1, "p4": 1}, "equals": 9}]),
    "options": (
        {
            "k": {"type": "category", "options": list("abcd")},
            "b": {"type": "category", "options": list("xyz")},
            "t": UNIT,
        },
        [{"exclude": {"k": "a", "b": "x"}}],
    ),
}


def unevenness(x: np.ndarray, everything: np.ndarray) -> float:
    """How far the distribution of points is from that of all that is allowed, at worst; mean over the columns."""
    worst = []
    for mine, whole in zip(x.T, everything.T, strict=True):
        at = np.unique(np.concatenate([mine, whole]))
        shares = [np.searchsorted(np.sort(v), at, side="right") / len(v) for v in (mine, whole)]
        worst.append(np.abs(shares[0] - shares[1]).max())
    return float(np.mean(worst))


def design(space: Space, name: str, n: int, seed: int, tried: np.ndarray | None = None) -> np.ndarray:
    pool = ProductPool(space) if space.is_finite else None
    taken = np.empty((0, len(space.parameters))) if tried is None else tried
    return initial_design(name, space, pool, taken, n, seed=seed)


def planned(case: str, name: str, n: int, seen: int = 0):
    section, rules = TIED[case]
    spec = spec_of(section, rules, planner={"initial": {"design": name, "experiments": n + seen}})
    space = build_space(spec)
    rows = sample_space(space, seen, 5, method="random") if seen else []
    told = tuple(Observation(str(i), x, Measured((Measurement("y", 1.0, "", 1.0),))) for i, x in enumerate(rows))
    batch = plan(spec, History(told), seed=3, experiments=n + seen)
    return space, np.array([space.coordinates(p.candidate.settings) for p in batch.proposals]), batch


@pytest.mark.parametrize("case", TIED)
@pytest.mark.parametrize(("name", "least_gain"), [("sobol", 0.95), ("lhs", 0.7)])
def test_designs_are_evener_than_chance_under_every_constraint(case, name, least_gain):
    space = build_space(spec_of(*TIED[case]))
    everything = sample_space(space, 4_000, 99, method="random")
    found, chance = [], []
    for seed in range(8 if name == "sobol" else 3):
        x = design(space, name, 12, seed)
        assert len(np.unique(x, axis=0)) == 12
        assert space.holds(x).all()
        found.append(unevenness(x, everything))
        chance.append(unevenness(sample_space(space, 12, seed, method="random"), everything))

    assert np.mean(found) < least_gain * np.mean(chance)


@pytest.mark.parametrize("case", TIED)
def test_the_two_designs_are_not_one_another_nor_random_draws(case):
    space = build_space(spec_of(*TIED[case]))
    drawn = {name: design(space, name, 8, 5) for name in ("sobol", "lhs")}
    drawn["random"] = sample_space(space, 8, 5, method="random")

    assert not any(
        np.array_equal(drawn[a], drawn[b]) for a, b in (("sobol", "lhs"), ("sobol", "random"), ("lhs", "random"))
    )
    assert (design(space, "lhs", 8, 5) == drawn["lhs"]).all()


@pytest.mark.parametrize("case", ["mixture", "equality", "sum", "expression", "eight numbers"])
def test_a_hypercube_under_constraints_meets_every_share_once_as_its_reason_says(case):
    space, x, batch = planned(case, "lhs", 8)
    everything = sample_space(space, 20_000, 7, method="random")

    reasons = {p.reason for p in batch.proposals}
    assert reasons == {
        "initial design: a point of a Latin hypercube of what the constraints leave: every 8th of it once, "
        "parameter by parameter"
    }
    assert not any("Latin" in note for note in batch.notes)
    for column in range(x.shape[1]):  # one in each eighth is an eighth off at most; shares are known from samples
        assert unevenness(x[:, [column]], everything[:, [column]]) < 1 / 8 + 0.03


@pytest.mark.parametrize("name", ["sobol", "lhs"])
@pytest.mark.parametrize("salt", ["a salt", "the salt"])  # before and after its amount in the alphabet, as on record
def test_options_are_met_equally_often_however_many_steps_go_with_them(name, salt):
    section = {
        salt: {"type": "category", "options": ["LiPF6", "LiFSI", "none"]},
        "molarity": {"type": "number", "low": 0.1, "high": 2, "step": 0.1, "unless": {salt: "none"}},
        "wash": {"type": "number", "low": 0, "high": 9, "step": 1},
    }
    rules = [{"count": [salt, "wash"], "at_most": 1}]
    space = build_space(spec_of(dict(sorted(section.items())), rules))
    found = [space.settings(x)[salt] for x in design(space, name, 12, 0)]

    spare = 2 if name == "sobol" else 0  # no three options have equal shares of twelve points of a sequence
    assert all(abs(found.count(option) - 4) <= spare for option in ("LiPF6", "LiFSI", "none"))


def test_what_no_constraint_touches_is_still_met_once_in_each_range():
    for case, columns in {"mixture": [0], "equality": [2], "expression": [2]}.items():
        _, x, _ = planned(case, "lhs", 8)

        for column in columns:
            assert sorted((x[:, column] * 8).astype(int)) == list(range(8))
    _, x, _ = planned("steps", "lhs", 10)
    for column in (0, 1, 2, 5, 6, 7, 8):
        assert sorted(x[:, column]) == list(range(10))
    assert sorted(x[:, 3]) == list(range(10))  # and of the two that sum to nine, each pair once


def test_a_free_hypercube_meets_every_range_once():
    space = Space((Continuous("a", 0, 1), Continuous("b", 0, 1)))
    x = design(space, "lhs", 8, 3)

    assert all(sorted((x[:, c] * 8).astype(int)) == list(range(8)) for c in range(2))


def test_a_hypercube_goes_on_from_what_was_tried():
    space = Space((Continuous("a", 0, 1), Continuous("b", 0, 1)))
    first = design(space, "lhs", 8, 3)
    more = design(space, "lhs", 8, 4, tried=first)
    both = np.vstack([first, more])

    for column in range(2):
        parts = (more[:, column] * 16).astype(int)
        assert len(set(parts)) == 8
        assert not set(parts) & set((first[:, column] * 16).astype(int))
        assert len(set((both[:, column] * 16).astype(int))) >= 15  # two of the first may share a sixteenth
    _, x, batch = planned("sum", "lhs", 6, seen=4)
    assert len(x) == 6
    assert all(
        "goes on from what was tried: in a 10th of what the constraints leave" in p.reason for p in batch.proposals
    )


def test_what_could_not_be_kept_is_said():
    space, x, batch = planned("two equalities", "lhs", 24)
    reason = "one of a choice that meets every 24th of what the constraints leave as evenly as was found"
    assert space.holds(x).all()
    assert all(reason in p.reason for p in batch.proposals)
    assert any("no Latin hypercube of what the constraints leave was found, but nearly one" in n for n in batch.notes)

    thin = spec_of(
        dict.fromkeys("abcd", UNIT),
        [{"expression": "a * b * c * d >= 0.95"}],
        planner={"initial": {"design": "sobol", "experiments": 8}},
    )
    batch = plan(thin, History(), seed=0, experiments=8)
    assert len(batch.proposals) == 8
    assert all("a point of a Latin hypercube of what the constraints leave" in p.reason for p in batch.proposals)
    assert any("points of a Sobol sequence were allowed" in n and "instead" in n for n in batch.notes)


def test_a_sequence_under_constraints_says_what_it_is():
    for case in ("mixture", "equality", "sum"):
        _, _, batch = planned(case, "sobol", 8)

        assert {p.reason for p in batch.proposals} == {
            "initial design: a point of a Sobol sequence laid over what the constraints leave"
        }


def test_a_hypercube_of_what_can_be_paid_for_is_one_of_that():
    section = {"a": UNIT, "k": {"type": "category", "options": ["cheap", "dear"]}}
    spec = spec_of(
        section,
        planner={"initial": {"design": "lhs", "experiments": 6}},
        costs={"experiment": 1, "options": {"k": {"dear": 100}}},
        budget={"experiments": 20, "cost": 50},
    )
    batch = plan(spec, History(), seed=1, experiments=6, purse=Purse(50.0))
    a = [p.candidate.settings["a"] for p in batch.proposals]

    assert {p.candidate.settings["k"] for p in batch.proposals} == {"cheap"}
    assert len({int(6 * v) for v in a}) >= 5
    assert all("a point of a Latin hypercube of what can be paid for" in p.reason for p in batch.proposals)


@pytest.mark.parametrize(("name", "is_called"), [("sobol", "Sobol sequence"), ("lhs", "Latin hypercube")])
@pytest.mark.parametrize("case", ["sum", "options"])
def test_points_at_random_say_so_where_a_design_is_cut_short(monkeypatch, name, is_called, case):
    whole = initial.fill

    def short(*args, **more):
        found = whole(*args, **more)
        return replace(found, points=found.points[:3])

    monkeypatch.setattr(initial, "fill", short)
    _, _, batch = planned(case, name, 5)
    reasons = [p.reason for p in batch.proposals]

    assert sum("drawn at random" in r for r in reasons) == 2
    assert sum(f"a point of a {is_called}" in r and "random" not in r for r in reasons) == 3
    assert any(f"2 of 5 points of the {name} design were drawn at random" in n for n in batch.notes)


def test_on_a_plate_wells_are_near_to_the_points_and_say_so():
    for name, said in {"lhs": "a point of a Latin hypercube", "sobol": "a point of a Sobol sequence"}.items():
        spec = spec_of(
            {"p": UNIT, "q": UNIT},
            planner={"initial": {"design": name, "experiments": 6}},
            plate={"rows": 2, "columns": 3},
        )
        batch = plan(spec, History(), seed=0, experiments=6)

        assert {p.reason for p in batch.proposals} == {f"initial design: as near as the plate allows to {said}"}


@given(spaces(is_finite=False), st.sampled_from(["sobol", "lhs"]), st.integers(0, 99))
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
def test_designs_of_generated_spaces_lie_in_them(space, name, seed):
    try:
        x = design(space, name, 8, seed)
        tried, x = x, design(space, name, 8, seed + 1, tried=x)
    except SpaceError as error:
        assert "leaves no candidate" in str(error)  # noqa: PT017 - one space in many is empty
        return

    assert len(np.unique(np.vstack([tried, x]), axis=0)) == len(tried) + len(x) == 16
    for row in x:
        assert space.contains(space.settings(row))


@given(spaces(is_finite=True), st.sampled_from(["sobol", "lhs"]), st.integers(0, 99))
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
def test_designs_of_small_spaces_hold_all_there_is(space, name, seed):
    try:
        pool = ProductPool(space)
    except SpaceError:
        return
    n = min(len(pool), 40)
    x = initial_design(name, space, pool, pool.take(np.arange(0)), n, seed=seed)

    assert len(np.unique(x, axis=0)) == len(x) == n
    assert space.holds(x).all()
    if n == len(pool):
        with pytest.raises(PoolExhausted):
            initial_design(name, space, pool, x, 4, seed=seed)
