"""Experiments of Ax with baselines, relative limits, sums, and the words of older versions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from material import DATA, on_record, read

from flows.importing import Foreign, Source, campaign_text, read_foreign
from flows.settings import Settings
from loop.spec import build_objective, read_spec

OLD, NEW = "ax_batches_1.0.0.json", "ax_batches_1.3.1.json"


def changed(name: str, change: Callable[[dict[str, Any]], None]) -> Foreign:
    """An experiment of ``data`` with something changed, read."""
    data = json.loads((DATA / name).read_text())
    change(data)
    return read_foreign(Source(Path("a.json"), json.dumps(data).encode(), {}))


def targets(foreign: Foreign) -> dict[str, Any]:
    return {entry.name: dict(entry.keys) for entry in foreign.targets}


def measured_of_baseline(data: dict[str, Any], waste: float, sem: float = 0.5) -> None:
    """One more value in the data of the first trial."""
    frame = data["data_by_trial"]["0"]["value"][-1][1]["df"]
    cells = json.loads(frame["value"])
    row = {"trial_index": 0, "arm_name": "baseline", "metric_name": "waste", "mean": waste, "sem": sem}
    at = str(len(cells["mean"]))
    for column, values in cells.items():
        values[at] = row.get(column)
    frame["value"] = json.dumps(cells)


def test_the_baseline_of_a_batch_of_ax_1_0_is_one_of_its_arms() -> None:
    def change(data: dict[str, Any]) -> None:
        data["trials"]["0"]["status_quo"] = data["status_quo"]
        measured_of_baseline(data, 3.0)

    foreign = changed(OLD, change)

    baseline = [r for r in foreign.results if r.place == "trial 0 arm baseline"]
    assert [dict(r.settings) for r in baseline] == [{"x 1": 1.0, "flow": 1.5, "site": "here"}]
    assert baseline[0].readings["waste"].value == 3.0
    assert len(foreign.results) == len(read(OLD).results) + 1


def test_an_error_that_ax_did_not_know_is_none() -> None:
    def change(data: dict[str, Any]) -> None:
        data["trials"]["0"]["status_quo"] = data["status_quo"]
        measured_of_baseline(data, 3.0, sem=math.nan)

    (baseline,) = [r for r in changed(OLD, change).results if r.place == "trial 0 arm baseline"]

    assert baseline.readings["waste"].sd is None


def test_a_baseline_that_was_not_run_in_a_batch_is_no_result() -> None:
    def change(data: dict[str, Any]) -> None:  # as Ax 1.1 and later name it in every batch
        for trial in data["trials"].values():
            trial["status_quo"] = data["status_quo"]

    assert len(changed(NEW, change).results) == len(read(NEW).results)


def test_a_limit_of_ax_relative_to_a_measured_baseline_is_one() -> None:
    def change(data: dict[str, Any]) -> None:
        measured_of_baseline(data, -20.0)

    foreign = changed(NEW, change)

    assert targets(foreign)["waste"] == {"goal": "keep", "at_most": -18.0}
    assert not [said for said in foreign.left if "relative" in said]


def test_a_sum_of_metrics_of_which_ax_saves_the_first_is_no_limit_of_that() -> None:
    def change(data: dict[str, Any]) -> None:
        data["optimization_config"]["outcome_constraints"][0]["__type"] = "ScalarizedOutcomeConstraint"

    foreign = changed(NEW, change)

    assert list(targets(foreign)) == ["cost"]
    assert [said for said in foreign.left if said.startswith("the constraint on a sum of metrics")] == [
        "the constraint on a sum of metrics that begins with purity >= 90: Ax did not save the others and their weights"
    ]


def test_orders_and_sums_of_ax_1_0_are_constraints() -> None:
    def change(data: dict[str, Any]) -> None:
        data["search_space"]["parameter_constraints"] = [
            {"__type": "OrderConstraint", "lower_name": "x 1", "upper_name": "flow"},
            {"__type": "SumConstraint", "parameter_names": ["x 1", "flow"], "is_upper_bound": True, "bound": 9.5},
            {"__type": "SumConstraint", "parameter_names": ["x 1", "flow"], "is_upper_bound": False, "bound": 0.25},
        ]

    assert [dict(rule.keys) for rule in changed(OLD, change).constraints] == [
        {"sum": {"x 1": 1.0, "flow": -1.0}, "at_most": 0.0},
        {"sum": {"x 1": 1.0, "flow": 1.0}, "at_most": 9.5},
        {"sum": {"x 1": 1.0, "flow": 1.0}, "at_least": 0.25},
    ]


def test_why_a_trial_of_ax_1_0_failed_is_told() -> None:
    def change(data: dict[str, Any]) -> None:
        for index, status, reason in (("0", "FAILED", "failed_reason"), ("1", "ABANDONED", "abandoned_reason")):
            data["trials"][index] |= {"status": {"__type": "TrialStatus", "name": status}, reason: "spilt"}

    said = {r.comment.partition("; ")[0] for r in changed(OLD, change).results}

    assert said == {"failed: spilt", "abandoned: spilt"}


def test_what_a_running_trial_has_so_far_is_said() -> None:
    def change(data: dict[str, Any]) -> None:
        data["trials"]["1"]["status"]["name"] = "RUNNING"

    first, second = changed(NEW, change).pending

    assert first == "x 1 0.75, flow 1.5, site here (so far cost 5, purity 75, waste 3)"
    assert second == "x 1 1.75, flow 1.5, site there"  # nothing came back for it yet


def test_earlier_steps_are_said_to_stay_behind() -> None:
    assert "values of earlier steps of 1 experiment: the last counts" in read("ax_coupling_1.3.1.json").left


def test_sums_of_metrics_are_derived_targets() -> None:
    def change(data: dict[str, Any]) -> None:
        config = data["experiment"]["optimization_config"]
        config["objective"]["expression"] = "conversion - 2*cost, -impurity"

    foreign = changed("ax_coupling_1.3.1.json", change)

    assert targets(foreign) == {
        "conversion": {"goal": "keep"},
        "cost": {"goal": "keep"},
        "impurity": {"goal": "minimize", "at_most": 3.5},
    }
    assert {entry.name: dict(entry.keys) for entry in foreign.derived} == {
        "sum of conversion and cost": {"expression": "conversion - 2 * cost", "goal": "maximize"}
    }
    spec = read_spec(campaign_text(foreign, campaign="c", source="s"), source="c.yaml", read=lambda _: "")
    assert list(build_objective(spec).names) == ["conversion", "cost", "impurity", "sum of conversion and cost"]


def test_a_limit_of_ax_1_0_on_a_sum_of_metrics_is_a_derived_target_to_be_kept() -> None:
    def change(data: dict[str, Any]) -> None:
        limit = data["optimization_config"]["outcome_constraints"][0]
        limit |= {"__type": "ScalarizedOutcomeConstraint", "metrics": [limit.pop("metric"), {"name": "cost"}]}
        limit |= {"weights": [1.0, -0.5]}

    foreign = changed(OLD, change)

    assert targets(foreign) == {"cost": {"goal": "minimize"}, "purity": {"goal": "keep"}}
    assert [dict(entry.keys) for entry in foreign.derived] == [
        {"expression": "purity - 0.5 * cost", "goal": "keep", "at_least": 90.0}
    ]


def test_a_limit_that_ax_saved_of_a_sum_is_none_of_its_first_metric() -> None:
    def change(data: dict[str, Any]) -> None:  # as Ax 1.3 saves "impurity + 2*colour <= 3.5"
        tracked = data["experiment"]["tracking_metrics"]
        next(m for m in tracked if m["name"] == "colour")["__type"] = "MapMetric"

    foreign = changed("ax_coupling_1.3.1.json", change)

    assert targets(foreign) == {"conversion": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
    assert [said for said in foreign.left if said.startswith("the constraint")] == [
        "the constraint impurity <= 3.5: of a sum of metrics Ax saves the first alone, and colour, which it has for a "
        "limit, is in none; write what was meant into the campaign file (a sum stands under derived:), and import "
        "once more with --keep"
    ]


@pytest.mark.usefixtures("_here")
def test_a_metric_that_became_a_target_of_the_campaign_file_is_brought_in(hakken: Any, home: Settings) -> None:
    hakken("import", DATA / NEW)
    file = Path("campaign.yaml")
    file.write_text(file.read_text().replace("  purity:", "  waste: {goal: keep, at_most: 9}\n  purity:"))

    said = hakken("import", DATA / NEW, "--keep", "--json")

    assert said.code == 0, said.err
    assert "waste joined 3 results on record" in said.json["notes"]
    assert not [item for item in said.json["left"] if "tracked and no target" in item]
    measured = [values["waste"] for _, values in on_record(home, "batches") if isinstance(values, dict)][-3:]
    assert measured == [(3.0, 0.1)] * 3
    assert hakken("import", DATA / NEW, "--keep", "--json").json["accepted"] == 0
