"""Where a campaign file does not say how many experiments come first, they are a batch (docs/decisions/0185)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.errors import SpecError
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import Plan, plan
from loop.record import Arm
from loop.space import ProductPool
from loop.spec import CampaignSpec, build_space, read_spec

TEXT = """
campaign: block
space:
  ligand: {type: category, options: [A, B, C, D, E, F]}
  base: {type: category, options: [KOAc, CsOAc, DBU, none]}
  temperature: {type: number, values: [20, 40, 60, 80, 100]}
  hours: {type: number, values: [1, 2, 4, 8, 16]}
objective: {conversion rate: {goal: maximize}}
planner: {surrogate: gp, PLANNER}
budget: {experiments: BUDGET}
laboratory: {adapter: manual}
"""


def spec_of(planner: str, budget: int = 100) -> CampaignSpec:
    text = TEXT.replace("PLANNER", planner).replace("BUDGET", str(budget))
    return read_spec(text, source="block.yaml", read=str)


def planned(spec: CampaignSpec, told: int = 0, asked: int = 0) -> Plan:
    space = build_space(spec)
    pool = ProductPool(space)
    rows = pool.take(np.arange(told + asked, dtype=np.int64) * 7)
    seen = tuple(
        Observation(str(i), x, Measured((Measurement("conversion rate", 3.0 * i, "", 3.0 * i),)), is_told=i < told)
        for i, x in enumerate(rows)
    )
    return plan(spec, History(seen), pool, seed=1, experiments=spec.budget.most - asked)


def arms(found: Plan) -> list[Arm]:
    return [p.arm for p in found.proposals]


@pytest.mark.parametrize(
    ("planner", "proposals"),
    [
        ("batch: 1", 5),
        ("batch: 2", 4),
        ("batch: 3", 3),
        ("batch: 8", 8),
        ("batch: 8, initial: {design: lhs}", 8),
        ("batch: 4, replicates: 2", 4),
        ("batch: 4, replicates: planned", 4),
        ("batch: 8, initial: {experiments: 5}", 5),
        ("batch: 8, initial: {experiments: 12}", 12),
    ],
)
def test_a_first_batch_is_a_whole_one(planner: str, proposals: int) -> None:
    spec = spec_of(planner)

    found = planned(spec)

    assert arms(found) == [Arm.INITIAL] * proposals
    assert spec.planner.first == proposals * spec.planner.copies


@pytest.mark.parametrize(("batch", "asked"), [(3, 3), (8, 8), (2, 4)])
def test_a_model_plans_the_second(batch: int, asked: int) -> None:
    found = planned(spec_of(f"batch: {batch}"), asked=asked)

    assert arms(found) == [Arm.MODEL] * batch


@pytest.mark.parametrize(
    ("batch", "told", "arm", "size"),
    [(8, 5, "model", 8), (8, 3, "model", 8), (3, 3, "model", 3), (8, 1, "initial", 8), (20, 2, "initial", 20)],
)
def test_told_results_that_are_a_start_leave_nothing_to_lay_out(batch: int, told: int, arm: str, size: int) -> None:
    found = planned(spec_of(f"batch: {batch}"), told=told)

    assert arms(found) == [Arm(arm)] * size


@pytest.mark.parametrize(
    ("planner", "asked"),
    [("batch: 20", 4), ("batch: 24", 10), ("batch: 4, replicates: 3", 8), ("batch: 8", 6), ("batch: 8", 7)],
)
def test_a_design_that_was_begun_is_not_gone_on_with_where_a_batch_is_larger_by_now(planner: str, asked: int) -> None:
    found = planned(spec_of(planner), asked=asked)

    assert {p.arm for p in found.proposals} == {Arm.MODEL}


def test_a_first_batch_that_its_limits_cut_is_the_whole_design() -> None:
    spec = spec_of("batch: 8, per_batch: {at_most: {ligand: 1}, sums: {hours: 12}}")

    first = planned(spec)

    assert 3 <= len(first.proposals) < 8
    assert {p.arm for p in planned(spec, asked=len(first.proposals)).proposals} == {Arm.MODEL}


def test_a_budget_that_is_smaller_ends_the_first_batch() -> None:
    spec = spec_of("batch: 8", budget=6)

    assert arms(planned(spec)) == [Arm.INITIAL] * 6


def test_a_budget_from_which_no_model_learns_is_refused() -> None:
    with pytest.raises(SpecError, match="budget of 2 experiments ends before a model begins, with 3 results; raise"):
        spec_of("batch: 8", budget=2)


def test_a_record_that_has_the_number_keeps_it() -> None:
    on_record: dict[str, Any] = spec_of("batch: 8").resolved()
    on_record["planner"]["initial"]["experiments"] = 5  # as every record had it before

    assert "experiments" not in spec_of("batch: 8").resolved()["planner"]["initial"]
    assert arms(planned(CampaignSpec.from_resolved(on_record))) == [Arm.INITIAL] * 5


def test_a_large_first_batch_is_whole_too() -> None:
    found = planned(spec_of("batch: 400", budget=500))

    assert len({str(p.candidate.settings) for p in found.proposals}) == 400
