"""Whatever ties a space, what is designed and proposed lies in it, differs, and repeats nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.errors import SpaceError
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.policy.initial import initial_design
from loop.space import ProductPool, Space, sample_space
from loop.spec import build_space
from tests.loop.spaces import sections, spec_of

FEW = settings(max_examples=5, suppress_health_check=list(HealthCheck))


def observed(space: Space, n: int, targets: tuple[str, ...] = ("y",)) -> History:
    """Made-up values at random points of the space."""
    x = sample_space(space, n, 7, method="random")
    values = np.stack([np.sin(x + k).sum(axis=1) for k in range(len(targets))], axis=1)
    outcomes = [
        Measured(tuple(Measurement(t, v, "", v) for t, v in zip(targets, row, strict=True))) for row in values.tolist()
    ]
    return History(tuple(Observation(str(i), row, o) for i, (row, o) in enumerate(zip(x, outcomes, strict=True))))


@given(st.booleans().flatmap(lambda finite: sections(is_finite=finite)), st.sampled_from(["spread", "sobol", "lhs"]))
@FEW
def test_designs_and_batches_lie_in_the_space(section, design):
    spec = spec_of(*section, planner={"batch": 3})
    space = build_space(spec)
    try:
        pool = ProductPool(space) if space.is_finite else None
        history = observed(space, 8)
    except SpaceError:
        return  # one space in many is empty
    if pool is not None and len(pool) < 20:
        return
    x = initial_design(design, space, pool, history.tried(len(space.parameters)), 4, seed=1)

    batch = plan(spec, history, seed=1, experiments=10)

    assert space.holds(x).all()
    assert len(batch.proposals) == 3
    for proposal in batch.proposals:
        assert space.contains(proposal.candidate.settings)
    found = np.array([space.coordinates(p.candidate.settings) for p in batch.proposals])
    seen = np.array([o.x for o in history.observations])
    assert len(np.unique(np.vstack([found, seen]), axis=0)) == len(found) + len(seen)


UNION = {
    "type": "union",
    "of": {
        "stock": {"type": "molecule", "options": {"acetanilide": "CC(=O)Nc1ccccc1", "phenol": "Oc1ccccc1"}},
        "made": {
            "type": "products",
            "reaction": "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]",
            "order": ["acid", "amine"],
            "reagents": {
                "acid": {"options": {"acetic": "CC(=O)O", "benzoic": "O=C(O)c1ccccc1"}},
                "amine": {"options": {"aniline": "Nc1ccccc1", "methyl": "CN", "none": "CN(C)C"}},
            },
        },
    },
}


@given(sections(is_finite=True), st.sampled_from(["spread", "medoid", "random", "sobol", "lhs"]), st.booleans())
@FEW
def test_unions_beside_whatever_ties_a_space_are_kept_to(section, design, is_large):
    parameters, rules = section
    spec = spec_of({**parameters, "molecule": UNION}, rules, planner={"batch": 3})
    space = build_space(spec)
    with pytest.MonkeyPatch.context() as patched:
        for module in ("loop.acquisition.streaming", "loop.policy.initial"):
            patched.setattr(f"{module}.POOL_LIMIT", 50 if is_large else 300_000)
        try:
            pool = ProductPool(space)
            history = observed(space, 8)
        except SpaceError:
            return  # one space in many is empty
        if len(pool) < 40 or len(history.observations) < 8:
            return
        x = initial_design(design, space, pool, history.tried(len(space.parameters)), 4, seed=1, pays=space.keeps)

        batch = plan(spec, history, pool, seed=1, experiments=10)

    assert space.holds(x).all()
    assert len(batch.proposals) == 3
    names = [p.candidate.settings["molecule"] for p in batch.proposals]
    assert not {"made: acetic + aniline", "made: acetic + none", "made: benzoic + none"} & set(names)
    assert all(space.contains(p.candidate.settings) for p in batch.proposals)


@pytest.mark.parametrize("acquisition", ["improvement", "ucb", "thompson", "exploration", "pareto"])
def test_every_acquisition_keeps_equalities_counts_and_expressions(acquisition):
    section = {
        "a": {"type": "number", "low": 0.1, "high": 1, "or_zero": True},
        "b": {"type": "number", "low": 0.1, "high": 1, "or_zero": True},
        "c": {"type": "number", "low": 0.1, "high": 1, "or_zero": True},
        "s": {"type": "mixture", "parts": {"w": "O", "e": "CCO", "d": "CS(C)=O"}, "at_most": 2},
        "t": {"type": "number", "low": 1, "high": 100, "scale": "log"},
    }
    rules = [
        {"count": ["a", "b", "c"], "at_least": 1, "at_most": 2},
        {"sum": {"a": 1, "b": 1, "c": 1}, "equals": 0.9},
        {"expression": "t * s.w <= 20"},
    ]
    targets = ("y", "z") if acquisition == "pareto" else ("y",)
    goals = {t: {"goal": "maximize"} for t in targets}
    spec = spec_of(section, rules, objective=goals, planner={"batch": 1, "acquisition": acquisition})
    space = build_space(spec)

    batch = plan(spec, observed(space, 10, targets), seed=3, experiments=10)

    assert batch.proposals
    for proposal in batch.proposals:
        there = proposal.candidate.settings
        assert space.contains(there)
        assert sum(v != 0 for n, v in there.items() if n in "abc") in (1, 2)
        assert abs(there["a"] + there["b"] + there["c"] - 0.9) < 1e-6
        assert sum(there[f"s.{p}"] != 0 for p in "wed") <= 2
        assert there["t"] * there["s.w"] <= 20 + 1e-6


def test_a_climb_ends_at_the_best_corner_that_constraints_leave():
    section = {f"n{i}": {"type": "number", "low": 0, "high": 1} for i in range(3)}
    spec = spec_of(section, [{"sum": {"n0": 1, "n1": 1}, "at_most": 1.2}, {"expression": "n0 * n2 <= 0.5"}])
    space = build_space(spec)

    from loop.acquisition.climbing import Climber

    starts = sample_space(space, 32, 1)
    x, value = Climber.of(space).climb(
        lambda x: 2 * x[:, 0, 0] + x[:, 0, 1] + x[:, 0, 2], starts, starts, np.random.default_rng(0)
    )

    assert space.holds(x).all()
    assert value[0] == pytest.approx(2 * 1 + 0.2 + 0.5, abs=1e-4)  # n0 = 1, n1 = 0.2, n2 = 0.5
