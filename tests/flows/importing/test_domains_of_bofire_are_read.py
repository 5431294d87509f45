"""Domains and strategies of BoFire: spaces, constraints, limits and rewards; experiments come by ``hakken tell``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from material import DATA, on_record, read

from flows.importing import Foreign, ImportFault, Source, campaign_text, read_foreign
from flows.settings import Settings
from loop.spec import CampaignSpec, build_objective, build_space, read_spec

BLEND, PRODUCT = "bofire_blend_0.5.0.json", "bofire_product_0.5.0.json"
ALLOWED = {
    "A": 0.3, "B": 0.7, "C": 0.0, "T": 60.0, "passes": 2.0, "mixer": "slow", "resin": "R1", "solvent": "CCO",
}  # fmt: skip


def keys(entries: Any) -> dict[str, Any]:
    return {entry.name: dict(entry.keys) for entry in entries}


def spec_of(foreign: Foreign) -> CampaignSpec:
    return read_spec(campaign_text(foreign, campaign="c", source="s"), source="c.yaml", read=lambda _: "")


def with_outputs(*outputs: dict[str, Any], strategy: str = "") -> Foreign:
    """The blend with other outputs, as ``strategy`` would have them."""
    domain = json.loads((DATA / BLEND).read_text())
    domain["outputs"]["features"] = [{"type": "ContinuousOutput", "unit": None, **output} for output in outputs]
    data = {"type": strategy, "domain": domain} if strategy else domain
    return read_foreign(Source(Path("b.json"), json.dumps(data).encode(), {}))


def test_inputs_of_every_kind() -> None:
    space = keys(read(BLEND).parameters)

    assert space["A"] == {"type": "number", "low": 0.0, "high": 1.0}
    assert space["C"] == {"type": "number", "low": 0.1, "high": 0.6, "or_zero": True}
    assert space["T"] == {"type": "number", "low": 20.0, "high": 120.0, "step": 5.0, "unit": "°C"}
    assert space["passes"] == {"type": "number", "values": [1.0, 2.0, 5.0]}
    assert space["mixer"] == {"type": "category", "options": ["slow", "fast", "broken"]}
    assert space["resin"]["descriptors"] == {"R1": {"Mw": 1.5, "OH": 20.0}, "R2": {"Mw": 3.0, "OH": 40.0}}
    assert space["solvent"]["type"] == "component"


@pytest.mark.parametrize(
    ("changed", "is_allowed"),
    [
        ({}, True),
        ({"B": 0.6}, False),  # they sum to one
        ({"T": 121.0 - 1.0, "A": 0.31, "B": 0.69}, False),  # 100 A + T is 150 at most
        ({"A": 0.3, "B": 0.5, "C": 0.2}, False),  # two of three
        ({"mixer": "broken"}, False),
        ({"mixer": "fast", "T": 105.0}, False),
        ({"mixer": "fast", "T": 100.0}, True),
        ({"A": 0.9, "B": 0.1, "T": 35.0}, False),  # A**2 T - 50 B is 20 at most
        ({"A": 0.0, "B": 0.7, "C": 0.3}, False),  # A / sqrt(T) is 0.01 at least
    ],
)
def test_constraints_allow_what_bofire_allows(changed: dict[str, Any], is_allowed: bool) -> None:
    space = build_space(spec_of(read(BLEND)))
    x = space.coordinates(ALLOWED | changed)[None]

    assert bool(np.all([constraint.allows(x) for constraint in space.constraints])) is is_allowed


def with_constraint(**rule: Any) -> Foreign:
    """The blend with one constraint alone."""
    domain = json.loads((DATA / BLEND).read_text())
    domain["constraints"]["constraints"] = [rule]
    return read_foreign(Source(Path("b.json"), json.dumps(domain).encode(), {}))


@pytest.mark.parametrize(
    ("operator", "kept"),
    [("<", [2, 5]), ("<=", [5]), (">", [1, 2]), (">=", [1]), ("==", [1, 5]), ("!=", [2])],
)
def test_a_threshold_leaves_out_the_values_that_meet_it(operator: str, kept: list[float]) -> None:
    rules = [
        {"type": "SelectionCondition", "selection": ["fast"]},
        {"type": "ThresholdCondition", "threshold": 2.0, "operator": operator},
    ]
    space = build_space(
        spec_of(with_constraint(type="CategoricalExcludeConstraint", features=["mixer", "passes"], conditions=rules))
    )

    fast = [space.coordinates(ALLOWED | {"mixer": "fast", "passes": float(n)}) for n in (1, 2, 5)]
    slow = [space.coordinates(ALLOWED | {"mixer": "slow", "passes": float(n)}) for n in (1, 2, 5)]
    assert [n for n, ok in zip((1, 2, 5), space.allows(np.array(fast)), strict=True) if ok] == kept
    assert space.allows(np.array(slow)).all()


def test_at_least_so_many_or_none_at_all_has_no_word() -> None:
    rule = {"type": "NChooseKConstraint", "features": ["A", "B", "C"], "min_count": 2, "max_count": 3}

    strict, loose = (with_constraint(**rule, none_also_valid=is_loose) for is_loose in (False, True))

    counted = {"count": ["A", "B", "C"], "at_least": 2}
    assert [counted in [dict(entry.keys) for entry in one.constraints] for one in (strict, loose)] == [True, False]
    assert not any("NChooseK" in line for line in strict.left)
    assert any(line.startswith("constraint NChooseKConstraint of A, B, C") for line in loose.left)


def test_what_has_no_word_is_said() -> None:
    left = read(BLEND).left

    said = "that T has one value in every 2 experiments of a batch: give it a step, and write "
    assert f"{said}per_batch: {{at_most: {{T: N}}}} under planner, N being batch divided by 2" in left
    assert "colour, an output without an objective: make it a target of the campaign file where it is wanted" in left
    assert "pH: that its limit is soft (a steepness of 5); here it holds as it is" in left


def test_limits_are_thresholds_and_several_aims_a_front() -> None:
    foreign = read(BLEND)

    assert keys(foreign.targets) == {
        "strength": {"goal": "maximize", "unit": "MPa"},
        "cost": {"goal": "minimize"},
        "viscosity": {"goal": "match", "value": 50.0},
        "purity": {"goal": "keep", "at_least": 90.0},
        "odour": {"goal": "keep", "at_most": 2.0},
        "pH": {"goal": "keep", "at_least": 6.5, "at_most": 7.5},
    }
    assert foreign.notes[0] == (
        "the front of strength, cost, viscosity is sought: a domain does not say how they are weighed"
    )


def test_a_product_of_rewards_is_a_desirability() -> None:
    foreign = read(PRODUCT)
    objective = build_objective(spec_of(foreign))
    merits = {"merit of ee": 0.4**math.e, "merit of pH": 0.75, "merit of odour": 1 / (1 + math.exp(-5.0))}

    assert foreign.tradeoff == "desirability"
    measured = {"yield": 50.0, "ee": 70.0, "pH": 7.0, "odour": 1.0}
    product = 0.5**0.5 * math.prod(merits.values())
    assert math.isclose(objective.score(measured | merits), product ** (1 / 3.5), rel_tol=1e-9)
    assert keys(foreign.derived)["merit of pH"]["expression"] == (
        "min(max(0, min(1, (pH - 4) / 2)), max(0, min(1, (10 - pH) / 4)))"
    )


def test_a_sum_of_rewards_is_weighted_and_keeps_limits() -> None:
    foreign = with_outputs(
        {"key": "gain", "objective": {"type": "MaximizeObjective", "w": 1.0, "bounds": [0.0, 100.0]}},
        {"key": "cost", "objective": {"type": "MinimizeObjective", "w": 0.5, "bounds": [2.0, 4.0]}},
        {"key": "odour", "objective": {"type": "MinimizeSigmoidObjective", "w": 1.0, "tp": 2.0, "steepness": 5.0}},
        strategy="AdditiveSoboStrategy",
    )

    assert (foreign.tradeoff, foreign.derived) == ("weighted", ())
    assert keys(foreign.targets) == {
        "gain": {"goal": "maximize", "desirable": {"from": 0.0, "to": 100.0}},
        "cost": {"goal": "minimize", "desirable": {"from": 4.0, "to": 2.0}, "weight": 0.5},
        "odour": {"goal": "keep", "at_most": 2.0},
    }


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ({"type": "MaximizeSigmoidObjective", "tp": 2.0, "steepness": 5.0}, {"goal": "maximize"}),
        ({"type": "TargetObjective", "target_value": 7.0, "tolerance": 1.0, "steepness": 5.0},
         {"goal": "match", "value": 7.0}),
        ({"type": "DecreasingDesirabilityObjective", "bounds": [0.0, 9.0]}, {"goal": "minimize"}),
        ({"type": "PeakDesirabilityObjective", "bounds": [0.0, 9.0], "peak_position": 4.5},
         {"goal": "match", "value": 4.5}),
        ({"type": "PeakDesirabilityObjective", "bounds": [0.0, 9.0], "peak_position": 2.0}, {"goal": "keep"}),
    ],
)  # fmt: skip
def test_an_output_alone_is_wanted(objective: dict[str, Any], said: dict[str, Any]) -> None:
    foreign = with_outputs({"key": "y", "objective": objective}, strategy="SoboStrategy")

    assert keys(foreign.targets) == {"y": said}
    assert len(build_objective(spec_of(foreign)).wanted) == 1


def test_a_product_of_what_has_no_range_is_a_front() -> None:
    foreign = with_outputs(
        {"key": "y", "objective": {"type": "CloseToTargetObjective", "target_value": 5.0, "exponent": 2.0}},
        {"key": "z", "objective": {"type": "IncreasingDesirabilityObjective", "bounds": [0.0, 9.0]}},
        strategy="MultiplicativeSoboStrategy",
    )

    assert foreign.tradeoff == ""
    assert keys(foreign.targets) == {"y": {"goal": "match", "value": 5.0}, "z": {"goal": "maximize"}}
    assert any("y has no range from worth nothing to worth everything" in said for said in foreign.left)
    spec_of(foreign)


def test_a_domain_without_an_aim_asks_for_one() -> None:
    limit = {"type": "MaximizeSigmoidObjective", "tp": 2.0, "steepness": 5.0}

    with pytest.raises(ImportFault, match="nothing says what is wanted"):
        with_outputs({"key": "y", "objective": limit}, {"key": "z", "objective": limit})


def test_an_objective_that_is_not_known_asks_for_its_goal() -> None:
    with pytest.raises(ImportFault, match="an objective of kind 'WaveletObjective', which hakken does not know"):
        with_outputs({"key": "y", "objective": {"type": "WaveletObjective"}})


@pytest.mark.usefixtures("_here")
def test_experiments_are_told_and_count_where_they_are_valid(hakken: Any, home: Settings) -> None:
    said = hakken("import", DATA / BLEND)
    told = hakken("tell", "campaign.yaml", DATA / "bofire_experiments.csv", "--json")

    assert said.code == 0, said.err
    assert "hakken tell brings it in" in said.out
    assert told.json["accepted"] == 3
    values = [values for _, values in on_record(home, "bofire_blend_0.5.0")]
    rest = {"viscosity": 40.0, "purity": 95.0, "odour": 1.0, "pH": 7.1}
    assert values == [{"strength": 12.5, "cost": 3.0} | rest, {"cost": 3.0} | rest, {"strength": 12.5} | rest]


@pytest.mark.usefixtures("_here")
def test_whether_a_value_counts_is_1_or_0(hakken: Any) -> None:
    hakken("import", DATA / BLEND)
    table = (DATA / "bofire_experiments.csv").read_text().replace(",0.0,1\n", ",perhaps,1\n")
    Path("experiments.csv").write_text(table)

    said = hakken("tell", "campaign.yaml", "experiments.csv")

    assert "column 'valid_strength' says whether the value of strength counts, 1 or 0, got 'perhaps'" in said.err
