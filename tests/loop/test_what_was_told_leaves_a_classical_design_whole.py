"""Results that were told make no hole into a factorial or a fraction of one, unless they are points of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from campaigns import measured

from loop.history import History, Observation
from loop.planner import Plan, plan
from loop.record import Arm
from loop.spec import CampaignSpec, build_space

NAMES = ("temperature", "time", "loading", "stirring", "dilution")


def spec_with(replicates: int = 1, **initial: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "fraction",
            "space": {name: {"type": "number", "low": 0, "high": 1} for name in NAMES},
            "objective": {"yield": {"goal": "maximize"}},
            "planner": {"initial": initial, "batch": 4, "replicates": replicates},
            "budget": {"experiments": 60},
            "laboratory": {"adapter": "manual"},
        }
    )


def at(spec: CampaignSpec, *values: float, is_told: bool = True) -> Observation:
    x = build_space(spec).coordinates(dict(zip(NAMES, values, strict=True)))
    return Observation(str(values), x, measured(**{"yield": 50.0}), is_told=is_told)


@pytest.mark.parametrize(("design", "n"), [("fractional", 16), ("factorial", 32)])
def test_centre_points_that_were_told_leave_all_of_it(design: str, n: int) -> None:
    spec = spec_with(design=design, experiments=n)
    centre = tuple(replace(at(spec, *(0.5,) * 5), id=str(i)) for i in range(6))

    alone = plan(spec, History(), seed=0, experiments=60)
    beside = plan(spec, History(centre), seed=0, experiments=60)

    assert len(beside.proposals) == len(alone.proposals) == n
    assert {p.arm for p in beside.proposals} == {Arm.INITIAL}
    assert not any("drawn at random" in note for note in beside.notes)


def test_a_told_point_of_the_design_is_not_made_again_and_one_of_the_campaign_counts_wherever_it_lies() -> None:
    spec = spec_with(design="fractional", experiments=16)
    first = plan(spec, History(), seed=0, experiments=60).proposals
    corner = tuple(float(first[0].candidate.settings[name]) for name in NAMES)
    own = [at(spec, *(float(p.candidate.settings[n]) for n in NAMES), is_told=False) for p in first]

    rest = plan(spec, History((at(spec, *corner),)), seed=0, experiments=60)
    off = plan(spec, History((*own[:-1], at(spec, *(0.5,) * 5, is_told=False))), seed=0, experiments=60)

    assert len(rest.proposals) == 15
    assert corner not in {tuple(p.candidate.settings[n] for n in NAMES) for p in rest.proposals}
    assert len(off.proposals) == 4  # as many were made as the design has, and the models go on
    assert Arm.INITIAL not in {p.arm for p in off.proposals}


def test_other_designs_count_what_was_told() -> None:
    spec = spec_with(design="lhs", experiments=8)
    seen = tuple(at(spec, *np.random.default_rng(i).random(5)) for i in range(6))

    assert len(plan(spec, History(seen), seed=0, experiments=60).proposals) == 2


def corners(batch: Plan) -> list[tuple[float, ...]]:
    return [tuple(float(p.candidate.settings[name]) for name in NAMES) for p in batch.proposals]


@pytest.mark.parametrize("told", [8, 12])
def test_what_is_left_of_a_fraction_is_of_the_same_fraction(told: int) -> None:
    spec = spec_with(design="fractional", experiments=16)
    whole = corners(plan(spec, History(), seed=0, experiments=60))

    rest = plan(spec, History(tuple(at(spec, *c) for c in whole[:told])), seed=0, experiments=60)

    assert sorted(corners(rest)) == sorted(whole[told:])
    assert "two-level fraction of 16 points, resolution V" in rest.notes[0]


@pytest.mark.parametrize("replicates", [1, 2])
def test_a_point_that_was_told_twice_takes_the_place_of_one(replicates: int) -> None:
    spec = spec_with(design="fractional", experiments=16 * replicates, replicates=replicates)
    whole = corners(plan(spec, History(), seed=0, experiments=60))
    told = at(spec, *whole[0])

    rest = plan(spec, History((told, replace(told, id="again"))), seed=0, experiments=60)

    assert sorted(corners(rest)) == sorted(whole[1:])
    assert not any("drawn at random" in note for note in rest.notes)


def test_where_each_point_is_made_twice_one_that_was_told_counts_as_made() -> None:
    spec = spec_with(design="fractional", experiments=32, replicates=2)
    whole = corners(plan(spec, History(), seed=0, experiments=60))
    told = at(spec, *whole[0])
    own = [replace(at(spec, *c, is_told=False), id=f"{c} {i}") for c in whole[1:] for i in range(2)]

    after = plan(spec, History((told, *own)), seed=0, experiments=28)

    assert Arm.INITIAL not in {p.arm for p in after.proposals}
