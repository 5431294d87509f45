"""What each reader makes of space, constraints and objective, and what it says that it leaves behind."""

from __future__ import annotations

import gzip
import json
import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from material import DATA, need, read

from flows.importing import Foreign, ImportFault, Source, campaign_text, read_foreign
from loop.spec import build_space, read_spec


def keys(foreign: Foreign) -> dict[str, Any]:
    """Parameters by name, as a campaign file has them."""
    return {entry.name: dict(entry.keys) for entry in foreign.parameters}


def rules(foreign: Foreign) -> list[dict[str, Any]]:
    return [dict(entry.keys) for entry in foreign.constraints]


def targets(foreign: Foreign) -> dict[str, Any]:
    return {entry.name: dict(entry.keys) for entry in foreign.targets}


def candidates(foreign: Foreign) -> Any:
    """The space that the campaign file makes."""
    return build_space(read_spec(campaign_text(foreign, campaign="c", source="s"), source="c.yaml", read=lambda _: ""))


def test_baybe_parameters_of_every_kind() -> None:
    space = keys(read("baybe_reaction_0.15.0.json"))

    assert space["temperature"] == {"type": "number", "values": [90.0, 105.0, 120.0]}
    assert space["solvent"] == {"type": "component", "options": {"DMAc": "CC(=O)N(C)C", "water": "O"}}
    assert space["additive"] == {"type": "category", "options": ["LiCl", "none"]}
    wanted = {"type": "number", "values": [0.1, 0.5], "unit": "eq", "when": {"additive": ["LiCl"]}}
    assert space["equivalents"] == wanted
    assert keys(read("baybe_process_0.15.0.json"))["flow"] == {"type": "number", "low": 0.2, "high": 3.0}


@pytest.mark.parametrize(
    "name",
    ["baybe_blend_0.15.0.json", "baybe_scores_0.15.0.json", "baybe_reaction_0.15.0.json", "ax_batches_1.3.1.json"],
)
def test_a_description_that_is_a_number_is_read_as_it_is_written(name: str) -> None:
    def described(part: Any) -> Any:
        if isinstance(part, list):
            return [described(one) for one in part]
        if not isinstance(part, dict):
            return part
        changed = {key: described(one) for key, one in part.items()}
        if "metadata" in part and "type" in part:
            changed["metadata"] = {"type": "MeasurableMetadata", "description": 3.5}
        return changed | ({"description": 3.5} if "description" in part else {})

    data = json.dumps(described(json.loads((DATA / name).read_text()))).encode()

    assert "3.5" in campaign_text(read_foreign(Source(Path(name), data, {})), campaign="c", source="s")


def test_what_is_not_active_is_left_out_by_a_constraint_with_a_name() -> None:
    named = {rule.name: dict(rule.keys) for rule in read("baybe_blend_0.15.0.json").constraints if rule.name}

    assert named == {"active site": {"exclude": {"site": ["there"]}}}


def test_baybe_custom_descriptors_describe_the_options() -> None:
    from loop.surrogates.registry import default_members

    blend = read("baybe_blend_0.15.0.json")

    polymer = keys(blend)["polymer"]
    assert (polymer["type"], polymer["options"]) == ("category", ["P1", "P2", "P3"])
    numbers = {"P1": {"d1": 0.1, "d2": 5.0}, "P2": {"d1": 0.2, "d2": 3.0}, "P3": {"d1": 0.9, "d2": 1.0}}
    assert polymer["descriptors"] == numbers
    assert not [item for item in blend.left if item.startswith("polymer")]
    space = candidates(blend)
    assert space.parameters[space.names.index("polymer")].descriptors.values.tolist() == [[0.1, 5], [0.2, 3], [0.9, 1]]
    assert default_members(space)[-1] == "gp-given"


def test_baybe_constraints_of_every_kind() -> None:
    reaction, process, blend = (rules(read(f"baybe_{n}_0.15.0.json")) for n in ("reaction", "process", "blend"))

    assert {"exclude": {"solvent": ["water"], "temperature": [105.0, 120.0]}} in reaction
    assert {"exclude": {"ligand": ["PPh3", "XPhos"]}} in reaction  # what a person excluded
    assert {"sum": {"a": 1.0, "b": 1.0, "c": 1.0}, "equals": 1.0} in process
    assert {"sum": {"a": 2.0, "flow": 1.0}, "at_most": 3.5} in process
    assert {"count": ["a", "b", "c"], "at_least": 1, "at_most": 2} in process
    assert {"sum": {"x": 1.0, "y": 1.0}, "at_most": 4.0} in blend
    assert {"expression": "x * y >= 0.5"} in blend
    assert {"count": ["x", "y"], "at_least": 1} in blend
    assert {"exclude": {"slot 1": ["B"], "slot 2": ["B"]}} in blend
    assert {"exclude": {"site": ["there"]}} in blend
    linked = read("baybe_linked_0.15.0.json")
    assert {"when": {"one": "C"}, "require": {"two": "C"}} in rules(linked)
    assert any("the order of two, three does not matter" in said for said in linked.left)  # as another rule tells them


def test_permutations_of_baybe_are_interchangeable_with_what_depends_on_them() -> None:
    slots = read("baybe_slots_0.15.0.json")

    pairs = [["solvent 1", "share 1"], ["solvent 2", "share 2"]]
    assert {"interchangeable": pairs, "distinct": True} in rules(slots)
    assert {"interchangeable": ["salt 1", "salt 2"], "distinct": True} in rules(slots)
    assert not any("order" in said for said in slots.left)
    space = candidates(slots)
    at = [space.coordinates(row.settings) for row in slots.results]
    assert space.settings(at[0]) == {
        "solvent 1": "DMSO", "share 1": 0.75, "solvent 2": "water", "share 2": 0.25, "salt 1": "KCl", "salt 2": "NaCl",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "size"), [("blend", 108), ("scores", 4), ("linked", 6), ("slots", 36)])
def test_hakken_has_as_many_candidates_as_baybe_lists(name: str, size: int) -> None:
    from loop.space import ProductPool

    assert len(ProductPool(candidates(read(f"baybe_{name}_0.15.0.json")))) == size


def test_baybe_objectives_of_every_kind() -> None:
    blend = read("baybe_blend_0.15.0.json")

    assert blend.tradeoff == "desirability"
    assert targets(blend) == {
        "strength": {"goal": "maximize", "desirable": {"from": 0.0, "to": 50.0}, "weight": 2.0},
        "viscosity": {"goal": "match", "value": 20.0, "within": 10.0},
        "price": {"goal": "minimize", "desirable": {"from": 9.0, "to": 1.0}},
    }
    assert targets(read("baybe_process_0.15.0.json")) == {"output": {"goal": "maximize"}, "waste": {"goal": "minimize"}}
    assert targets(read("baybe_scores_0.15.0.json")) == {"works": {"goal": "maximize", "levels": [0.0, 1.0]}}
    assert targets(read("baybe_linked_0.15.0.json")) == {"yield": {"goal": "minimize"}}


def baybe(target: dict[str, Any], goals: dict[str, str] | None = None, **objective: Any) -> Foreign:
    """The reaction with another objective, as a file would say it."""
    data = json.loads((DATA / "baybe_reaction_0.15.0.json").read_text())
    data["objective"] = {"type": "SingleTargetObjective", "target": {"name": "yield", **target}} | objective
    return read_foreign(Source(Path("b.json"), json.dumps(data).encode(), goals or {}))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"mode": "MAX", "bounds": {"lower": 0, "upper": 9}}, {"goal": "maximize"}),
        ({"mode": "MIN", "bounds": {"lower": "-inf", "upper": "inf"}}, {"goal": "minimize"}),
        (
            {"mode": "MATCH", "bounds": {"lower": 2, "upper": 6}, "transformation": "BELL"},
            {"goal": "match", "value": 4.0},
        ),
        ({"minimize": False, "transformation": {"type": "AffineTransformation", "factor": -2}}, {"goal": "minimize"}),
        ({"minimize": True, "transformation": {"type": "ExponentialTransformation"}}, {"goal": "minimize"}),
        ({"minimize": True, "transformation": {"type": "AbsoluteTransformation"}}, {"goal": "match", "value": 0.0}),
        (
            {"transformation": {"type": "BellTransformation", "center": 5, "sigma": 1}},
            {"goal": "match", "value": 5.0},
        ),
        ({"metadata": {"unit": "%"}, "minimize": False}, {"goal": "maximize", "unit": "%"}),
        (
            {"minimize": True, "transformation": {"type": "LogarithmicTransformation"}},
            {"goal": "minimize", "scale": "log"},
        ),
    ],
)
def test_baybe_targets_of_every_age(target: dict[str, Any], said: dict[str, Any]) -> None:
    assert targets(baybe(target)) == {"yield": said}


BELL = {"type": "BellTransformation", "center": 40.0, "sigma": 5.0}
TRIANGLE = {"type": "TriangularTransformation", "cutoffs": {"lower": 30.0, "upper": 50.0}, "peak": 40.0}
FROM_40 = {"type": "ClampingTransformation", "cutoffs": {"lower": 40.0, "upper": float("inf")}}
UP_TO_40 = {"type": "ClampingTransformation", "cutoffs": {"lower": float("-inf"), "upper": 40.0}}
LESS_40 = {"type": "AffineTransformation", "factor": 1.0, "shift": -40.0}
ABSOLUTE = {"type": "AbsoluteTransformation"}
SQUARE = {"type": "PowerTransformation", "exponent": 2.0}


@pytest.mark.parametrize(
    ("steps", "is_down", "said"),
    [
        ([{"type": "SigmoidTransformation", "center": 50.0, "steepness": 0.05}], False, {"goal": "minimize"}),
        ([{"type": "SigmoidTransformation", "center": 50.0, "steepness": -0.05}], False, {"goal": "maximize"}),
        ([{"type": "SigmoidTransformation", "center": 50.0, "steepness": -0.05}], True, {"goal": "minimize"}),
        ([{"type": "PowerTransformation", "exponent": -1.0}], False, {"goal": "minimize"}),
        ([{"type": "TwoSidedAffineTransformation", "slope_left": -1.0, "slope_right": -2.0}], False,
         {"goal": "minimize"}),
        ([{"type": "AffineTransformation", "factor": -1.0, "shift": 0.0}, BELL | {"center": -40.0}], False,
         {"goal": "match", "value": 40.0}),
        ([{"type": "LogarithmicTransformation"}, {"type": "AffineTransformation", "factor": 2.0, "shift": 1.0}], False,
         {"goal": "maximize", "scale": "log"}),
        ([{"type": "AffineTransformation", "factor": 1.0, "shift": 1.0}, {"type": "LogarithmicTransformation"}], False,
         {"goal": "maximize"}),
        ([LESS_40, ABSOLUTE, SQUARE], True, {"goal": "match", "value": 40.0}),
        ([LESS_40, SQUARE], True, {"goal": "match", "value": 40.0}),
        ([FROM_40, BELL], False, {"goal": "minimize"}),
        ([UP_TO_40, BELL], False, {"goal": "maximize"}),
        ([UP_TO_40, LESS_40, ABSOLUTE], True, {"goal": "maximize"}),
        ([FROM_40, TRIANGLE], False, {"goal": "minimize"}),
        ([UP_TO_40, TRIANGLE], False, {"goal": "maximize"}),
        ([UP_TO_40, BELL], True, {"goal": "minimize"}),
    ],
)  # fmt: skip
def test_a_baybe_target_is_wanted_where_its_transformations_lead(
    steps: list[dict[str, Any]], is_down: bool, said: dict[str, Any]
) -> None:
    how = steps[0] if len(steps) == 1 else {"type": "ChainedTransformation", "transformations": steps}

    assert targets(baybe({"minimize": is_down, "transformation": how})) == {"yield": said}


def test_one_side_of_a_baybe_triangle_is_a_range_of_merit() -> None:
    how = {"type": "ChainedTransformation", "transformations": [UP_TO_40, TRIANGLE]}
    ramp = {"type": "ChainedTransformation", "transformations": [
        {"type": "AffineTransformation", "factor": 0.01, "shift": 0.0},
        {"type": "ClampingTransformation", "cutoffs": {"lower": 0.0, "upper": 1.0}},
    ]}  # fmt: skip
    both = [{"name": "a", "transformation": how}, {"name": "b", "transformation": ramp}]
    data = json.loads((DATA / "baybe_reaction_0.15.0.json").read_text())
    data["objective"] = {"type": "DesirabilityObjective", "targets": both}
    data["measurements_exp"] = None

    found = read_foreign(Source(Path("b.json"), json.dumps(data).encode(), {}))

    assert found.tradeoff == "desirability"
    assert targets(found)["a"] == {"goal": "maximize", "desirable": {"from": 30.0, "to": 40.0}}


@pytest.mark.parametrize(
    ("how", "is_down", "why"),
    [
        ({"type": "WaveletTransformation"}, False, "target 'yield' is read by WaveletTransformation, for which"),
        ({"type": "ChainedTransformation", "transformations": [
            {"type": "AffineTransformation", "factor": 0.0, "shift": 2.0}, FROM_40]}, False,
         "target 'yield' is read by AffineTransformation, ClampingTransformation"),
        ({"type": "PowerTransformation", "exponent": 0.0}, False, "target 'yield' is read by PowerTransformation"),
    ],
)  # fmt: skip
def test_a_baybe_target_without_a_word_asks_for_its_goal(how: dict[str, Any], is_down: bool, why: str) -> None:
    wanted = {"minimize": is_down, "transformation": how}
    with pytest.raises(ImportFault, match=why) as error:
        baybe(wanted)
    assert "--target yield:maximize or --target yield:minimize" in str(error.value)

    assert targets(baybe(wanted, goals={"yield": "minimize"})) == {"yield": {"goal": "minimize"}}


def test_a_shape_that_hakken_does_not_know_is_said() -> None:
    left = baybe({"minimize": False, "transformation": {"type": "SigmoidTransformation"}}).left

    assert "yield: its SigmoidTransformation; values are learnt as measured" in left
    assert (
        "yield: that values beyond 0 and 9 count no more"
        in baybe({"mode": "MAX", "bounds": {"lower": 0, "upper": 9}}).left
    )


def test_a_constraint_without_words_is_said_with_all_it_has() -> None:
    data = json.loads((DATA / "baybe_reaction_0.15.0.json").read_text())
    data["searchspace"]["discrete"]["constraints"].append({"type": "DiscreteBatchConstraint", "parameters": ["ligand"]})

    left = read_foreign(Source(Path("b.json"), json.dumps(data).encode(), {})).left

    assert "constraint DiscreteBatchConstraint of ligand ({}): mend the campaign file by hand" in left


@pytest.mark.parametrize("has_list", [True, False])
def test_a_constraint_without_words_is_kept_where_the_list_of_candidates_tells_it(has_list: bool) -> None:
    data = json.loads((DATA / "baybe_scores_0.15.0.json").read_text())
    discrete = data["searchspace"]["discrete"]
    one = {"type": "SubSelectionCondition", "selection": ["A"]}
    warm = {"type": "ThresholdCondition", "threshold": 30.0, "operator": ">", "tolerance": None}
    odd = {"type": "DiscreteExcludeConstraint", "parameters": ["left", "right", "t"], "combiner": "XOR"}
    discrete["constraints"] = [odd | {"conditions": [one, one, warm]}]
    discrete |= {} if has_list else {"exp_rep": None}

    left = read_foreign(Source(Path("b.json"), json.dumps(data).encode(), {})).left

    assert any("mend the campaign file by hand" in said for said in left) is not has_list


def test_a_placeholder_of_a_parameter_that_does_not_apply_is_left_out_and_said() -> None:
    foreign = read("baybe_reaction_0.15.0.json")

    assert "equivalents" not in foreign.results[3].settings
    assert foreign.notes == ("equivalents is left out of 1 result: it has a value there and does not apply",)


@pytest.mark.parametrize("version", ["1.0.0", "1.3.1"])
def test_ax_reads_alike_in_old_and_new_files(version: str) -> None:
    foreign = read(f"ax_coupling_{version}.json")
    space = keys(foreign)

    assert space["loading"] == {"type": "number", "low": 0.001, "high": 1.0, "scale": "log"}
    assert space["equivalents"] == {"type": "number", "low": 1.0, "high": 5.0, "step": 1.0}
    assert space["concentration"]["values"] == [0.1, 0.2, 0.1 + 0.2, 0.4, 0.5]
    assert space["solvent"] == {"type": "category", "options": ["DMF", "water", "THF"]}
    assert space["dry"] == {"type": "category", "options": ["False", "True"]}
    assert rules(foreign) == [{"sum": {"temperature": 1.0, "equivalents": 10.0}, "at_most": 130.0}]
    assert targets(foreign) == {
        "conversion": {"goal": "maximize"},
        "cost": {"goal": "minimize"},
        "impurity": {"goal": "keep", "at_most": 3.5},
    }
    assert targets(read(f"ax_batches_{version}.json")) == {
        "cost": {"goal": "minimize"},
        "purity": {"goal": "keep", "at_least": 90.0},
    }
    weighted = read(f"ax_weighted_{version}.json")
    assert weighted.tradeoff == "weighted"
    assert targets(weighted)["loss"] == {"goal": "minimize", "weight": 0.5, "desirable": {"from": 1.0, "to": 0.0}}


@pytest.mark.parametrize("kind", ["batches", "weighted"])
def test_ax_is_read_as_it_saved_before_its_first_release(kind: str) -> None:
    old, first = (read(f"ax_{kind}_{version}.json") for version in ("0.4.3", "1.0.0"))

    assert old == first


def test_a_baybe_target_that_is_cut_off_on_one_side_says_where() -> None:
    half = {
        "type": "ChainedTransformation",
        "transformations": [
            {"type": "AffineTransformation", "factor": 2.0, "shift": -3.0},
            {"type": "ClampingTransformation", "cutoffs": {"lower": -math.inf, "upper": 10.0}},
        ],
    }

    foreign = baybe({"minimize": False, "transformation": half})

    assert targets(foreign) == {"yield": {"goal": "maximize"}}
    assert "yield: that values beyond 6.5 count no more" in foreign.left


def test_ax_says_what_stays_behind() -> None:
    left = read("ax_batches_1.3.1.json").left

    assert "flow: rounding to 2 digits" in left
    assert "stirring: always 300.0; what does not vary is no parameter" in left
    assert "site: that it is a task (wanted at here); models see it as any other parameter" in left
    brought = "(numbers come with --keep, once {0} is a target of the campaign file)"
    assert f"metric waste, which is tracked and no target: 3 values {brought.format('waste')}" in left
    assert "the constraint waste <= 10 % relative to the baseline, which was not measured" in left
    said = f"metric colour, which is tracked and no target: 1 value {brought.format('colour')}"
    assert said in read("ax_coupling_1.3.1.json").left


def test_an_arm_of_ax_that_was_abandoned_is_no_result() -> None:
    data = json.loads((DATA / "ax_batches_1.3.1.json").read_text())
    data["trials"]["0"]["abandoned_arms_metadata"] = {"0_1": {"__type": "AbandonedArm", "reason": "spilt"}}

    foreign = read_foreign(Source(Path("a.json"), json.dumps(data).encode(), {}))

    first, second, *_ = foreign.results
    assert first.readings["cost"].value == 4.5
    assert (second.place, second.outcome, dict(second.readings)) == ("trial 0 arm 0_1", "fault:cancelled", {})
    assert second.comment.startswith("abandoned: spilt; cost 4.5")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            [60, 80, 100.5],
            "60, 80, 100.5; type: number with values: [60, 80, 100.5] lets models see which are near each",
        ),
        ([True, False, 1], "True, False, 1"),
        (["none", 80, 100], "80, 100"),
    ],
)
def test_a_choice_between_numbers_says_how_it_becomes_one(values: list[Any], said: str) -> None:
    from flows.importing.parameters import Names, category

    (comment,) = category(Names(), "temperature", values).comments

    assert comment.startswith(f"written as text here: {said}")
    assert ("type: number" in comment) == ("type: number" in said)


def test_ax_parameters_that_hang_on_others_apply_when_they_do() -> None:
    data = json.loads((DATA / "ax_weighted_1.3.1.json").read_text())
    site = next(p for p in data["search_space"]["parameters"] if p["name"] == "site")
    site["dependents"] = {"there": ["flow"]}

    foreign = read_foreign(Source(Path("a.json"), json.dumps(data).encode(), {}))

    assert keys(foreign)["flow"]["when"] == {"site": ["there"]}


@pytest.mark.parametrize(
    ("text", "known", "terms"),
    [
        ("2.0 * a + -1.5 * b", ["a", "b"], (("a", 2.0), ("b", -1.5))),
        ("-a - -b", [], (("a", -1.0), ("b", 1.0))),
        ("1e-3 * yield (%) - cost-per-g", ["cost-per-g", "yield (%)"], (("yield (%)", 1e-3), ("cost-per-g", -1.0))),
    ],
)
def test_sums_of_names_are_read(text: str, known: list[str], terms: Any) -> None:
    from flows.importing.ax.objective import linear

    assert linear(text, known) == terms
    with pytest.raises(ValueError, match="no weighted sum"):
        linear("a * b", ["a", "b"])


def test_optuna_distributions_of_every_kind() -> None:
    space = keys(read("optuna_studies.db", study="coupling"))

    assert space["loading"] == {"type": "number", "low": 0.0001, "high": 1.0, "scale": "log"}
    assert space["equivalents"] == {"type": "number", "low": 1.0, "high": 5.0, "step": 1}
    assert space["stirring"] == {"type": "number", "low": 100.0, "high": 1000.0, "step": 50}
    assert space["temperature"] == {"type": "number", "low": 20.0, "high": 100.0, "step": 0.1}
    assert space["solvent"] == {"type": "category", "options": ["DMF", "water", "None", "3", "True"]}
    assert space["water content"] == {"type": "number", "low": 0.0, "high": 0.2, "when": {"solvent": ["water"]}}


def test_optuna_parameters_of_a_define_by_run_study_hang_on_numbers_too() -> None:
    foreign = read("optuna_journal.log")
    space = keys(foreign)

    assert "when" not in space["width 0"]
    assert space["width 1"]["when"] == {"layers": [2.0, 3.0]}
    assert space["width 2"]["when"] == {"layers": [3.0]}
    assert (space["rate"]["low"], space["rate"]["high"]) == (0.1, 0.75)
    rate = next(entry for entry in foreign.parameters if entry.name == "rate")
    assert rate.comments == ("its range differed between trials: the widest is written",)
    assert [r.outcome for r in foreign.results] == ["", "", "", "", "fault:unknown", "fault:unknown"]


def test_optuna_constraints_become_targets_to_be_kept() -> None:
    assert targets(read("optuna_studies.db", study="front")) == {
        "yield": {"goal": "maximize"},
        "cost": {"goal": "minimize"},
        "constraint 0": {"goal": "keep", "at_most": 0.0},
    }


def journal(*operations: dict[str, Any]) -> Source:
    """A journal file."""
    first = {"op_code": 0, "study_name": "s", "directions": [2]}
    text = "\n".join(json.dumps(op | {"worker_id": "w"}) for op in (first, *operations))
    return Source(Path("j.log"), text.encode(), {})


def test_constraints_of_optuna_5_are_kept_by_their_names() -> None:
    def told(value: float, **limits: float) -> dict[str, Any]:
        attributes = {f"constraints:{name}": at for name, at in limits.items()}
        return trial(1, value, n=(COUNT, 2)) | {"system_attrs": attributes}

    without = trial(1, 6.0, n=(COUNT, 1))
    foreign = read_foreign(journal(told(5.0, heat=-1.5, waste=0.25), without, told(7.0, waste=-2.0)))

    kept = {"goal": "keep", "at_most": 0.0}
    assert targets(foreign) == {"value": {"goal": "maximize"}, "constraint heat": kept, "constraint waste": kept}
    assert [{n: r.value for n, r in result.readings.items()} for result in foreign.results] == [
        {"value": 5.0, "constraint heat": -1.5, "constraint waste": 0.25},
        {"value": 6.0},
        {"value": 7.0, "constraint waste": -2.0},
    ]
    assert not foreign.left


def test_a_constraint_of_optuna_that_gets_another_name_says_which_it_had() -> None:
    told = trial(1, 5.0, n=(COUNT, 2)) | {"system_attrs": {"constraints:sum<=1": -0.5}}

    kept = read_foreign(journal(told)).targets[1]

    assert kept.name == "constraint sum_1"
    assert "called 'constraint sum<=1' where it comes from" in kept.comments


def test_a_number_beside_a_trial_is_measured_further_and_never_in_the_place_of_its_value() -> None:
    foreign = read_foreign(journal(trial(1, 5.0, n=(COUNT, 2)) | {"user_attrs": {"value": 9.0, "ee": 90, "by": "ann"}}))

    (result,) = foreign.results
    assert result.cells() == {"n": "2.0", "value": "5.0"}
    assert result.cells({"value", "ee"}) == {"n": "2.0", "value": "5.0", "ee": "90.0"}
    assert foreign.left == (
        "user attribute 'value' of 1 trial",
        "user attribute 'ee' of 1 trial (numbers come with --keep, once ee is a target of the campaign file)",
        "user attribute 'by' of 1 trial",
    )


def trial(state: int, value: float | None = None, **params: Any) -> dict[str, Any]:
    """A journal's operation that adds a trial; a parameter is its distribution's attributes and its value."""
    kinds = {
        n: json.dumps({"name": "CategoricalDistribution" if "choices" in a else "IntDistribution", "attributes": a})
        for n, (a, _) in params.items()
    }
    values = {n: v for n, (_, v) in params.items()}
    return {
        "op_code": 4, "study_id": 0, "state": state, "values": None if value is None else [value],
        "params": values, "distributions": kinds,
    }  # fmt: skip


KIND = {"choices": ["a", "b"]}
COUNT = {"low": 1, "high": 3, "step": 1, "log": False}


def test_a_value_of_several_that_is_infinite_is_said() -> None:
    half = trial(1, 5.0, kind=(KIND, 0)) | {"values": [math.inf, 2.0]}
    source = journal(half)
    data = source.data.replace(b'"directions": [2]', b'"directions": [1, 2]')

    foreign = read_foreign(replace(source, data=data))

    assert {name: r.value for name, r in foreign.results[0].readings.items()} == {"value 1": 2.0}
    assert foreign.left == ("trial 0: its value of value 0, which is no finite number",)


def test_a_database_of_ax_is_to_be_saved_as_json() -> None:
    connection = sqlite3.connect("ax.db")
    connection.execute("CREATE TABLE experiment_v2 (id INTEGER)")
    connection.commit()
    connection.close()

    with pytest.raises(ImportFault, match="a database of Ax; save the experiment as JSON there, by Client"):
        read_foreign(Source(Path("ax.db"), Path("ax.db").read_bytes(), {}))


def test_a_trial_that_ended_before_it_had_its_settings_is_said_and_not_guessed_at() -> None:
    foreign = read_foreign(journal(trial(1, 5.0, kind=(KIND, 0), n=(COUNT, 2)), trial(3, None, kind=(KIND, 1))))

    assert len(foreign.results) == 1
    assert foreign.left == ("trial 1 (FAIL), as it has no value for n: kind b",)


def test_a_parameter_that_nothing_explains_is_said() -> None:
    foreign = read_foreign(
        journal(
            trial(1, 5.0, kind=(KIND, 0), n=(COUNT, 2)), trial(1, 6.0, kind=(KIND, 0)), trial(1, 7.0, kind=(KIND, 1))
        )
    )

    assert "n: when it applies; only some trials have it, and no one or two others say which" in foreign.left
    assert "trial 1 (COMPLETE), as it has no value for n: kind a" in foreign.left


def test_a_failed_trial_shows_where_a_parameter_applies_too() -> None:
    kind = {"choices": ["a", "b", "c"]}
    failed = trial(3, None, kind=(kind, 2), n=(COUNT, 1))

    foreign = read_foreign(journal(trial(1, 5.0, kind=(kind, 0), n=(COUNT, 2)), trial(1, 6.0, kind=(kind, 1)), failed))

    assert keys(foreign)["n"]["when"] == {"kind": ["a", "c"]}
    space = candidates(foreign)
    assert [space.contains(r.settings) for r in foreign.results] == [True, True, True]


def test_a_parameter_may_hang_on_two_others_at_once() -> None:
    both = {"kind": (KIND, 0), "base": (KIND, 1)}

    foreign = read_foreign(
        journal(
            trial(1, 5.0, **both, n=(COUNT, 2)),
            trial(1, 6.0, kind=(KIND, 0), base=(KIND, 0)),
            trial(1, 7.0, kind=(KIND, 1), base=(KIND, 1)),
        )
    )

    assert keys(foreign)["n"]["when"] == {"kind": ["a"], "base": ["b"]}
    assert len(foreign.results) == 3
    assert not foreign.left


def test_what_hangs_on_a_number_being_large_hangs_on_the_larger_ones_that_no_trial_has() -> None:
    foreign = read_foreign(journal(trial(1, 5.0, layers=(COUNT, 1)), trial(1, 6.0, layers=(COUNT, 2), n=(COUNT, 2))))

    n = next(entry for entry in foreign.parameters if entry.name == "n")
    assert n.keys["when"] == {"layers": [2.0, 3.0]}
    assert n.comments == ("told from the trials; none has 3",)


def test_what_hangs_on_a_number_being_small_hangs_on_no_larger_one() -> None:
    foreign = read_foreign(journal(trial(1, 5.0, layers=(COUNT, 1), n=(COUNT, 2)), trial(1, 6.0, layers=(COUNT, 2))))

    assert keys(foreign)["n"]["when"] == {"layers": [1.0]}


def test_of_two_explanations_that_counts_which_says_the_most_of_pruned_trials_too() -> None:
    def at(state: int, degree: int, **more: Any) -> dict[str, Any]:
        return trial(state, 5.0 if state == 1 else None, kind=(KIND, 0), degree=(COUNT, degree), **more)

    foreign = read_foreign(
        journal(at(1, 3, n=(COUNT, 2)), trial(1, 6.0, kind=(KIND, 1)), at(2, 1), at(2, 2), at(2, 3, n=(COUNT, 1)))
    )

    assert keys(foreign)["n"]["when"] == {"degree": [3.0]}
    assert len(foreign.results) == 5
    assert not foreign.left


def test_choices_that_read_alike_stay_apart() -> None:
    choices = {"choices": [3, "3", None, "None"]}

    foreign = read_foreign(journal(*(trial(1, float(i), k=(choices, i)) for i in range(4))))

    assert [r.settings["k"] for r in foreign.results] == ["3", "3 (str)", "None", "None (str)"]


def test_a_journal_that_is_still_written_is_read_up_to_its_last_whole_line() -> None:
    whole = (DATA / "optuna_journal.log").read_bytes()
    cut = whole.rstrip(b"\n")[:-20]

    foreign = read_foreign(Source(Path("j.log"), cut, {}))

    assert foreign.notes[0].endswith("is cut short and was left out")


def test_a_study_that_was_gone_on_with_from_a_journal_is_one() -> None:
    again = {"op_code": 0, "study_name": "s", "directions": [2]}
    other = {"op_code": 0, "study_name": "t", "directions": [2]}
    of_other = trial(1, 107.0, n=(COUNT, 3)) | {"study_id": 1}

    source = journal(trial(1, 5.0, n=(COUNT, 2)), again, trial(1, 6.0, n=(COUNT, 1)))
    both = journal(trial(1, 5.0, n=(COUNT, 2)), again, other, again, of_other)

    assert [result.readings["value"].value for result in read_foreign(source).results] == [5.0, 6.0]
    assert [result.readings["value"].value for result in read_foreign(replace(both, study="t")).results] == [107.0]


@pytest.mark.parametrize(
    "late",
    [
        {"op_code": 6, "state": 0, "values": None},  # another worker takes it up
        {"op_code": 6, "state": 3, "values": None},  # it is taken for dead
        {"op_code": 6, "state": 1, "values": [9.0]},
        {"op_code": 5, "param_name": "n", "param_value_internal": 3, "distribution": "{}"},
        {"op_code": 9, "system_attr": {"fail_reason": "late"}},
    ],
)
def test_what_a_journal_says_of_a_finished_trial_came_too_late(late: dict[str, Any]) -> None:
    foreign = read_foreign(journal(trial(1, 5.0, n=(COUNT, 2)), late | {"trial_id": 0}))

    (result,) = foreign.results
    assert result.cells() == {"n": "2.0", "value": "5.0"}
    assert not foreign.left


def test_what_a_worker_wrote_of_a_deleted_study_keeps_nobody_from_the_next() -> None:
    begun = {"op_code": 0, "study_name": "s", "directions": [2]}
    of_deleted = trial(1, 5.0, n=(COUNT, 2))

    foreign = read_foreign(
        journal({"op_code": 1, "study_id": 0}, of_deleted, begun, trial(1, 6.0, n=(COUNT, 1)) | {"study_id": 1})
    )

    assert [result.readings["value"].value for result in foreign.results] == [6.0]


def test_a_storage_is_only_read(tmp_path: Path) -> None:
    copy = tmp_path / "s.db"
    copy.write_bytes((DATA / "optuna_studies.db").read_bytes())
    copy.chmod(0o400)
    before = copy.stat().st_mtime_ns

    read_foreign(Source(copy, copy.read_bytes(), {}, study="front"))

    assert copy.stat().st_mtime_ns == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.db"]
    with closing(sqlite3.connect(copy)) as connection, connection:
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (14,)


def test_edbo_columns_of_every_kind() -> None:
    foreign = read("edbo_scope.csv")

    assert keys(foreign) == {
        "base": {
            "type": "component",
            "options": {s: s for s in ("CC(=O)[O-].[K+]", "CC(C)(C)C(=O)[O-].[Cs+]")},
        },
        "solvent": {"type": "component", "options": {"CCCC#N": "CCCC#N", "CC(=O)N(C)C": "CC(=O)N(C)C"}},
        "concentration": {"type": "number", "values": [0.057, 0.1, 0.153]},
        "temperature": {"type": "number", "values": [90.0, 105.0, 120.0], "unit": "degC"},
    }
    assert rules(foreign) == []
    assert "column atmosphere: always N2" in foreign.left


def test_edbo_candidates_outside_the_scope_are_excluded() -> None:
    foreign = read("edbo_two.csv", **{"yield": "maximize", "cost": "minimize"})

    assert rules(foreign) == [{"exclude": {"ligand": "PPh3", "temperature": 80.0}}]
    assert targets(foreign) == {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
    assert foreign.pending == ("ligand dppf, temperature 60",)


def test_one_molecule_written_twice_is_one_option() -> None:
    text = "s_SMILES,t,y,priority\nOCC,1,5,-1\nCCO,2,6,-1\nCCN,1,PENDING,0\nCCN,2,PENDING,1\n"

    foreign = read_foreign(Source(Path("e.csv"), text.encode(), {}))

    assert keys(foreign)["s"]["options"] == {"OCC": "OCC", "CCN": "CCN"}
    assert [r.settings["s"] for r in foreign.results] == ["OCC", "OCC"]
    assert "'CCO' is the same molecule as 'OCC', which stands for both" in foreign.parameters[0].comments


def test_an_experiment_of_ax_that_says_no_goal_takes_the_persons() -> None:
    data = json.loads((DATA / "ax_coupling_1.3.1.json").read_text(encoding="utf-8"))
    data["experiment"]["optimization_config"] = None
    text = json.dumps(data).encode()

    foreign = read_foreign(Source(Path("a.json"), text, {"conversion": "", "cost": "minimize"}))

    assert targets(foreign) == {"conversion": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
    assert foreign.results[0].readings["conversion"].value == 12.5
    asked = "give --target NAME:maximize, or minimize, of its metrics colour, conversion, cost, impurity; or call"
    for goals, why in (({}, asked), ({"yield": ""}, "no target 'yield'; it has colour, conversion, cost, impurity")):
        with pytest.raises(ImportFault, match=why):
            read_foreign(Source(Path("a.json"), text, goals))


def test_an_experiment_of_ax_that_is_only_begun_takes_whatever_target_the_person_names() -> None:
    data = json.loads((DATA / "ax_coupling_1.3.1.json").read_text(encoding="utf-8"))
    begun = data["experiment"]
    begun |= {"optimization_config": None, "tracking_metrics": [], "trials": {}, "data_by_trial": {}, "data": None}
    text = json.dumps(data).encode()

    foreign = read_foreign(Source(Path("a.json"), text, {"ee": "minimize"}))

    assert targets(foreign) == {"ee": {"goal": "minimize"}}
    assert foreign.results == ()
    with pytest.raises(ImportFault, match="or minimize, with the name of what is to be measured; or call"):
        read_foreign(Source(Path("a.json"), text, {}))


def test_a_campaign_of_baybe_without_an_objective_takes_the_persons_targets() -> None:
    data = json.loads((DATA / "baybe_reaction_0.15.0.json").read_text(encoding="utf-8"))
    named = data["objective"]["target"]["name"]
    data["objective"] = None

    foreign = read_foreign(Source(Path("b.json"), json.dumps(data).encode(), {named: "minimize"}))

    assert targets(foreign) == {named: {"goal": "minimize"}}
    before = read("baybe_reaction_0.15.0.json").results
    assert [r.readings for r in foreign.results] == [r.readings for r in before]


def test_ord_reactions_become_components_amounts_and_conditions() -> None:
    need("ord")
    foreign = read("ord_aminations.pb.gz")
    space = keys(foreign)

    assert space["salt"] == {
        "type": "component",
        "role": "reagent",
        "options": {"LiCl": "[Li+].[Cl-]", "none": None},
    }
    assert space["catalyst"]["role"] == "catalyst"
    assert list(space["catalyst"]["options"]) == ["XPhos", "PPh3"]
    assert space["catalyst amount"] == {"type": "number", "values": [1.5, 3.0], "unit": "umol"}
    assert space["temperature"] == {"type": "number", "values": [60.0, 80.5], "unit": "degC"}  # one was in kelvin
    assert space["time"] == {"type": "number", "values": [2.0, 16.0], "unit": "h"}
    assert targets(foreign) == {"yield": {"goal": "maximize", "unit": "%", "low": 0.0, "high": 100.0}}
    for constant in ("amine: always p-toluidine", "amine amount: always 15 umol", "base in DMSO solvent: always DMSO"):
        assert constant in foreign.left
    assert "notes of 6 reactions" in foreign.left
    assert "conversion of 5 reactions: --target conversion makes it a target" in foreign.left


def test_ord_measures_what_is_asked_for() -> None:
    need("ord")
    foreign = read("ord_aminations.json", conversion="")

    assert list(targets(foreign)) == ["conversion"]
    assert foreign.results[3].readings["conversion"].value == pytest.approx(12.395678, rel=1e-6)


def test_ord_measurements_in_other_units_are_said() -> None:
    need("ord")
    text = (DATA / "ord_aminations.json").read_text().replace('"type": "YIELD"', '"type": "AREA"')
    data = json.loads(text)
    for reaction in data["reactions"]:
        for measured in reaction["outcomes"][0]["products"][0].get("measurements", []):
            measured["floatValue"] = {"value": 1000 * measured.pop("percentage")["value"]}

    foreign = read_foreign(Source(Path("areas.json"), json.dumps(data).encode(), {}))

    assert list(targets(foreign)) == ["conversion"]
    assert "area of 5 reactions, which is not in per cent" in foreign.left


def test_ord_amounts_of_what_is_sometimes_absent_apply_only_then() -> None:
    need("ord")
    from ord_schema.proto import dataset_pb2

    dataset = dataset_pb2.Dataset()
    dataset.ParseFromString(gzip.decompress((DATA / "ord_aminations.pb.gz").read_bytes()))
    dataset.reactions[2].inputs["salt"].components[0].amount.moles.value = 7.5

    foreign = read_foreign(Source(Path("o.pb"), dataset.SerializeToString(), {}))

    assert keys(foreign)["salt amount"] == {
        "type": "number",
        "values": [5.0, 7.5],
        "unit": "umol",
        "unless": {"salt": "none"},
    }
    assert [r.settings.get("salt amount") for r in foreign.results] == [None, None, 7.5, None, 5.0]


def test_a_table_keeps_negatives_faults_deviations_and_context() -> None:
    foreign = read("table.csv", **{"yield": ""})

    cells = [r.cells() for r in foreign.results]
    assert cells[0]["yield_sd"] == "0.5"
    assert cells[2] | {"yield": "<1.0", "outcome": "negative", "comment": "no product", "lot": "L2"} == cells[2]
    assert cells[4]["outcome"] == "fault:instrument_fault"
    assert foreign.left == ("column shaker (always on)",)
    assert foreign.notes == ("1 row has no result: it says what can be tried",)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_may_be_separated_otherwise(separator: str) -> None:
    text = "ligand,t [degC],yield [%]\nA,20,5\nB,30,6\n".replace(",", separator)

    foreign = read_foreign(Source(Path("t.csv"), text.encode(), {"yield": ""}, campaign="c", table="t.csv"))

    assert [r.settings for r in foreign.results] == [{"ligand": "A", "t": "20"}, {"ligand": "B", "t": "30"}]


def test_percentages_of_a_mixture_become_fractions() -> None:
    text = "m.a,m.b,yield\n50,50,1\n20,80,2\n30,70,3\n"

    foreign = read_foreign(Source(Path("t.csv"), text.encode(), {"yield": ""}, campaign="c", table="t.csv"))

    assert foreign.results[1].settings == {"m.a": 0.2, "m.b": 0.8}


def test_a_spreadsheet_that_is_no_text_is_called_what_it_is() -> None:
    what = (
        "results.xlsx is an Excel workbook or another archive, and damaged .*; save it anew, or save the sheet as CSV"
    )

    with pytest.raises(ImportFault, match=what):
        read_foreign(Source(Path("results.xlsx"), b"PK\x03\x04" + bytes(200), {}))
