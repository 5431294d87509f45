"""Mixtures that apply only with some options: absent elsewhere, and whole where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from campaigns import measured

from loop.errors import SpaceError
from loop.history import History, Observation
from loop.planner import plan
from loop.space import ProductPool, sample_space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.metric import metric
from loop.surrogates.representation import Representation
from loop.surrogates.trees import tree_features
from tests.loop.spaces import brute_count, spec_of

GATE = {"unless": {"mode": "neat"}}


def section(*, step: float | None = None, **mixture: Any) -> dict[str, Any]:
    parts = {"water": "O", "ethanol": "CCO", "DMSO": "CS(C)=O"}
    return {
        "mode": {"type": "category", "options": ["solution", "slurry", "neat"]},
        "t": {"type": "number", "low": 20, "high": 100, **({"step": 20} if step else {})},
        "solvent": {"type": "mixture", "parts": parts, **GATE, **({"step": step} if step else {}), **mixture},
    }


def value(settings: Any) -> float:
    """Best in water and ethanol alike, hot; neat is a little worse than that."""
    there = settings["mode"] != "neat"
    blend = 4 * settings.get("solvent.water", 0) * settings.get("solvent.ethanol", 0)
    return float(settings["t"] / 100 + (blend if there else 0.9))


def seen(spec: CampaignSpec, n: int = 14) -> History:
    space = build_space(spec)
    rows = sample_space(space, n, 3)
    return History(tuple(Observation(f"o{k}", x, measured(y=value(space.settings(x)))) for k, x in enumerate(rows)))


def test_it_is_absent_where_it_does_not_apply_and_sums_to_one_where_it_does() -> None:
    space = build_space(spec_of(section(step=0.25, at_most=2)))
    pool = ProductPool(space)
    found = [space.settings(x) for x in pool.take(np.arange(len(pool)))]
    neat = [s for s in found if s["mode"] == "neat"]

    # 12 blends of at most two of three parts in quarters, by hand: 3 pure, and 3 of each of 3 pairs
    assert len(pool) == brute_count(space) == 5 * (2 * 12 + 1)
    assert [sorted(s) for s in neat] == [["mode", "t"]] * 5
    assert space.smiles(neat[0]) == {}
    assert space.label(neat[0]) == "neat, t 20"
    with pytest.raises(SpaceError, match=r"'solvent\.water' does not apply with these settings; leave it out"):
        space.coordinates({**neat[0], "solvent.water": 1.0, "solvent.ethanol": 0.0, "solvent.DMSO": 0.0})
    with pytest.raises(SpaceError, match=r"'solvent\.water' is missing; it applies"):
        space.coordinates({"mode": "slurry", "t": 20.0})
    nothing = {"solvent.water": 0.0, "solvent.ethanol": 0.0, "solvent.DMSO": 0.0}
    assert not space.contains({"mode": "slurry", "t": 20.0, **nothing})


def test_absence_is_as_far_from_pure_parts_as_two_options_are() -> None:
    space = build_space(spec_of(section()))
    fractions = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0, 0]]
    x = torch.tensor([[0.0, 20.0, *row] for row in fractions], dtype=torch.float64)
    x[-1, 0] = 2.0
    for representation in (Representation.ONE_HOT, Representation.COUNTS, Representation.DESCRIPTORS):
        apart = metric(space, representation).squared(x, x) - 2.0 * (x[:, None, 0] != x[None, :, 0])

        assert float(apart[-1, :3].mean()) == pytest.approx(2.0)  # of features on average: points have to be somewhere
        assert representation is Representation.DESCRIPTORS or apart[-1, :3].tolist() == pytest.approx([2.0] * 3)
        assert apart[-1, -1] == 0.0
        assert torch.linalg.eigvalsh(torch.exp(-apart)).min() > -1e-9  # distances of points in some space
    assert (tree_features(space, x)[-1, 4:] == 0).all()


@pytest.mark.parametrize("least", [{}, {"least": 0.1}, {"at_most": 2}, {"at_most": 2, "least": 0.2}])
def test_batches_in_continuous_spaces_lie_in_them_with_it_and_without(least: dict[str, Any]) -> None:
    planner = {"batch": 3, "surrogate": "gp", "initial": {"experiments": 10}}
    spec = spec_of(section(**least), [{"sum": {"solvent.DMSO": 1}, "at_most": 0.5}], planner=planner)
    space = build_space(spec)
    first = plan(spec, History(), seed=0, experiments=40).proposals
    later = [plan(spec, seen(spec), seed=s, experiments=40).proposals for s in (1, 2)]
    settings = [p.candidate.settings for p in (*first, *later[0], *later[1])]

    assert all(space.contains(s) for s in settings)
    assert {len(s) for s in settings[:10]} == {2, 5}
    assert max(value(s) for s in settings[10:]) > 1.7  # hot, and either nearly the best blend, or neat


@pytest.mark.parametrize("acquisition", ["improvement", "thompson", "exploration"])
def test_batches_from_a_lattice_lie_in_it(acquisition: str) -> None:
    planner = {"batch": 4, "acquisition": acquisition, "initial": {"experiments": 5}}
    spec = spec_of(section(step=0.25), planner=planner)
    found = plan(spec, seen(spec), seed=1, experiments=40).proposals

    assert all(build_space(spec).contains(p.candidate.settings) for p in found)


@pytest.mark.parametrize(
    "design", ["spread", "medoid", "sobol", "lhs", "random", "factorial", "d-optimal", "i-optimal"]
)
@pytest.mark.parametrize("step", [0.5, None])
def test_every_design_but_the_fractional_knows_it(design: str, step: float | None) -> None:
    spec = spec_of(section(step=step), planner={"initial": {"design": design, "experiments": 12}})
    space = build_space(spec)
    found = plan(spec, History(), seed=0, experiments=40).proposals

    assert len(found) == 12
    assert all(space.contains(p.candidate.settings) for p in found)
    if design != "factorial":  # a part of a factorial is whatever comes first of it
        assert {"solvent.water" in p.candidate.settings for p in found} == {True, False}


def test_a_mixture_may_depend_on_what_depends_itself() -> None:
    space = build_space(
        spec_of(
            {
                "ligand": {"type": "component", "options": {"L": "CCO", "none": None}},
                "additive": {"type": "category", "options": ["a", "b"], "unless": {"ligand": "none"}},
                "blend": {"type": "mixture", "parts": ["p", "q"], "step": 0.5, "when": {"additive": "a"}},
            }
        )
    )
    pool = ProductPool(space)

    assert len(pool) == brute_count(space) == 3 + 1 + 1
