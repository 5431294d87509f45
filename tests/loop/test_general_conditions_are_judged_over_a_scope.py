"""General conditions: what is chosen for them, what is said of the best, and when it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import measured
from scopes import FORBIDDEN, WEIGHTS, asked, everything, history, judgement, made_up, some, spec_of

from loop.acquisition.general import General
from loop.generality import Judgement
from loop.history import Claim, History, Observation
from loop.insight.best import honest_best
from loop.insight.conditions import best_condition
from loop.insight.predicting import predict
from loop.insight.saying import best_sentence, facts, measured_lines, substrate_line, substrate_lines
from loop.memory.earlier import Earlier
from loop.outcome import Fault, FaultKind, Measurement, Negative, Qualifier
from loop.planner import plan
from loop.planning.situation import situation_of
from loop.policy.stopping import reason_to_stop
from loop.record import Arm
from loop.spec import build_space, read_spec


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("by", [{"by": "mean"}, {"by": "worst"}])
def test_a_condition_that_is_allowed_with_no_substrate_is_never_the_best(goal: str, by: Any) -> None:
    """It was told all the same: somebody tried it before the constraint was written."""
    spec = spec_of(
        by,
        objective={"yield": {"goal": goal, "unit": "%"}},
        constraints=[{"exclude": {"ligand": "PMe3", "base": "weak"}}],
    )
    row = {"ligand": "PMe3", "base": "weak", "bromide": "phenyl", "additive": "none"}
    allowed = [s for s in some(20) if (s["ligand"], s["base"]) != ("PMe3", "weak")]
    seen = history(spec, [*allowed, row], lambda s: made_up(s) + 50.0)

    found = honest_best(spec, seen, seed=0)

    assert {"ligand": "PMe3", "base": "weak"} not in [b.settings for b in found.candidates]
    assert found.candidates[0].targets[0].low < found.candidates[0].targets[0].mean
    assert "left out: 1 condition that is allowed with no substrate, such as PMe3, weak" in found.notes
    assert honest_best(spec, history(spec, [row]), seed=0).candidates == ()


@pytest.mark.parametrize(
    ("general", "surrogate"),
    [({}, "committee"), ({"by": "worst"}, "gp"), ({"by": "share", "at_least": 40}, "gp"), ({}, "trees")],
    ids=["mean", "worst", "share", "mean, no process"],
)
def test_the_most_general_condition_is_found_and_not_the_best_single_result(general: Any, surrogate: str) -> None:
    spec = spec_of(general, planner={"surrogate": surrogate})
    seen = history(spec, some(8, seed=3))
    for turn in range(8 if surrogate == "trees" else 5):  # trees know no likeness between substrates
        batch = plan(spec, seen, seed=turn, experiments=3)
        rows = [dict(p.candidate.settings) for p in batch.proposals]
        tried = [build_space(spec).settings(o.x) for o in seen.observations]
        assert all(row not in tried for row in rows)
        seen = history(spec, [*tried, *rows])

    found = honest_best(spec, seen, seed=0)

    assert found.candidates[0].settings == {"ligand": "PCy3", "base": "strong"}
    assert found.noun == "condition"
    assert {"bromide", "additive"}.isdisjoint(found.candidates[0].settings)
    assert len(found.candidates[0].substrates) == 8
    assert found.candidates[0].best_of_tried is not None
    assert "believed best condition: PCy3, strong" in best_sentence(found)


def test_what_is_said_of_the_best_condition_is_what_was_measured_and_believed() -> None:
    spec = spec_of()
    seen = history(spec, everything())  # all is known

    first, second, *_ = honest_best(spec, seen, seed=0).candidates

    truth = np.mean([made_up(s) for s in everything() if (s["ligand"], s["base"]) == ("PCy3", "strong")])
    assert first.settings == {"ligand": "PCy3", "base": "strong"}
    stated = first.targets[0]
    assert (stated.target, stated.unit) == ("mean yield", "%")
    assert stated.mean == pytest.approx(truth, abs=1.0)
    assert stated.low is not None
    assert stated.high is not None
    assert stated.low < stated.mean < stated.high
    assert (first.covered, first.experiments) == (8, 8)
    assert [len(s.values) for s in first.substrates] == [1] * 8
    assert first.substrates[0].settings["bromide"] == "thienyl"  # the hardest first
    assert [s.mean for s in first.substrates] == sorted(s.mean for s in first.substrates)
    assert second.targets[0].mean < stated.mean


def test_where_less_is_wanted_the_substrate_with_most_is_the_hardest() -> None:
    spec = spec_of(objective={"waste": {"goal": "minimize", "unit": "%"}})
    rows = [(s, 100.0 - made_up(s)) for s in everything()]
    space = build_space(spec)
    seen = History(
        tuple(Observation(str(i), space.coordinates(s), measured(waste=waste)) for i, (s, waste) in enumerate(rows))
    )

    (first, *_) = honest_best(spec, seen, seed=0).candidates

    assert first.settings == {"ligand": "PCy3", "base": "strong"}
    assert first.substrates[0].settings["bromide"] == "thienyl"
    assert [s.mean for s in first.substrates] == sorted((s.mean for s in first.substrates), reverse=True)


def test_of_a_substrate_is_said_what_is_predicted_of_it() -> None:
    spec = spec_of()
    seen = history(spec, some(5))

    first = honest_best(spec, seen, seed=3).candidates[0]
    cells = [{**first.settings, **one.settings} for one in first.substrates]
    predicted = predict(spec, seen, np.array([build_space(spec).coordinates(s) for s in cells]), seed=3)

    for one, of in zip(first.substrates, predicted.candidates, strict=True):
        assert one.mean == pytest.approx(of.targets[0].mean)
        assert (one.low, one.high) == pytest.approx((of.targets[0].low, of.targets[0].high))


@pytest.mark.parametrize("surrogate", ["gp", "random"])
def test_a_condition_is_said_to_be_measured_with_those_that_the_constraints_allow(surrogate: str) -> None:
    spec = spec_of(constraints=FORBIDDEN, planner={"surrogate": surrogate})  # of four bromides two with a strong base
    chosen = [s for s in everything() if s["ligand"] == "PCy3" and s["bromide"] in ("phenyl", "thienyl")]

    found = honest_best(spec, history(spec, chosen), seed=0)

    said = {c.settings["base"]: measured_lines(found, c) for c in found.candidates}
    assert said["weak"].endswith(", with 4 of 8 substrates")
    assert said["strong"].endswith(", with 2 of 4 substrates (constraints allow 4 of 8 with it)")


def test_the_hardest_substrates_are_told_and_the_others_counted() -> None:
    spec = spec_of({"over": ["bromide", "additive", "base"]})

    lines = list(substrate_lines(honest_best(spec, history(spec, some(20)), seed=0)))

    assert lines[0].endswith("with each substrate, the hardest first:")
    assert len(lines) == 10
    assert lines[-1] == "and 8 easier ones"


def test_what_was_answered_without_a_value_is_said_beside_what_is_believed() -> None:
    spec = spec_of()
    mine = {"ligand": "PCy3", "base": "strong", "additive": "none"}
    others = [s for s in everything() if {**s, **mine} != s]
    split = Fault(FaultKind.INPUT_ERROR, "decomposes", informative=True)
    no, limit = Negative("no conversion", ()), Measurement("yield", 5.0, "%", 5.0, qualifier=Qualifier.BELOW)
    told = [("phenyl", no), ("thienyl", split), ("phenyl", no), ("tolyl", Negative("little", (limit,)))]
    space = build_space(spec)
    answers = [
        Observation(f"a{i}", space.coordinates({**mine, "bromide": b}), came) for i, (b, came) in enumerate(told)
    ]
    seen = History((*history(spec, others).observations, *answers))

    found = honest_best(spec, seen, seed=0)

    first = next(c for c in found.candidates if c.settings == {"ligand": "PCy3", "base": "strong"})
    assert (first.unread, first.faults) == (2, 1)
    said = {s.settings["bromide"]: substrate_line(s) for s in first.substrates if s.settings["additive"] == "none"}
    assert said["phenyl"].endswith(" %, answered by no without a limit 2 times")
    assert said["thienyl"].endswith(" %, failed once")
    assert said["tolyl"].endswith(" %, measured < 5")
    assert any(fact.startswith("no value with 2 of its substrates, where every") for fact in facts(found, first))


def test_a_single_easier_substrate_is_one() -> None:
    found = honest_best(spec_of({"over": ["bromide", "additive", "base"]}), history(spec_of(), some(20)), seed=0)
    first = replace(found.candidates[0], substrates=found.candidates[0].substrates[:9])

    assert list(substrate_lines(replace(found, candidates=(first,))))[-1] == "and 1 easier one"


def test_running_experiments_count_as_known() -> None:
    spec = spec_of()
    asking = asked(spec, history(spec, some(10)))
    first = General().choose(asking, 1).points[0]
    pending = torch.from_numpy(first.x)[None]

    waiting = replace(asking, pending=pending, tried=np.vstack([asking.tried, first.x]))
    second = General().choose(waiting, 1).points[0]
    both = General().choose(asking, 2).points

    assert np.array_equal(second.x, both[1].x)
    assert second.value == pytest.approx(both[1].value)
    assert second.value < first.value


def test_a_reason_speaks_of_the_condition_and_of_the_one_in_the_lead() -> None:
    spec = spec_of(planner={"control": 0.34})
    batch = plan(spec, history(spec, some(12)), seed=1, experiments=3).proposals

    model = [p for p in batch if p.arm is Arm.MODEL]
    assert [p.arm for p in batch].count(Arm.CONTROL) == 1
    assert all(p.acquisition == "general" for p in model)
    assert all("which condition is best over the scope" in p.reason for p in model)
    assert all("its condition's mean yield is believed to be" in p.reason for p in model)
    assert all("losses of naming the one in the lead, summed over its rivals: " in p.reason for p in model)
    assert any("the best so far" in p.reason or "behind the condition believed best" in p.reason for p in model)


def test_a_reason_states_what_is_believed_before_any_of_its_batch_is_measured() -> None:
    spec = spec_of()
    asking = asked(spec, history(spec, some(10)))
    running = torch.from_numpy(General().choose(asking, 1).points[0].x)[None]

    batch = General().choose(asking, 6).points
    beside = General().choose(replace(asking, pending=running), 6).points

    said: dict[str, set[str]] = {}
    for point in (*batch, *beside):
        of = str(asking.general.settings(asking.general.conditions(point.x[None])[0]))
        said.setdefault(of, set()).add(point.meaning)
    assert len(said) < 6  # some conditions were chosen more than once
    assert all(len(texts) == 1 for texts in said.values())


def test_a_reason_states_of_a_condition_what_it_can_be() -> None:
    spec = spec_of()
    seen = history(spec, some(14), lambda s: 60.0 * (s["ligand"] == "PCy3" and s["base"] == "strong"))

    points = General().choose(asked(spec, seen), 20).points

    assert any("believed to be 0" in p.meaning for p in points)
    assert not any("believed to be -" in p.meaning for p in points)


def test_a_reason_says_that_another_condition_is_believed_as_good() -> None:
    spec = spec_of(prior={"yield": {"ligand": {"PCy3": 80, "PPh3": 40}}})

    batch = plan(spec, History(), seed=0, experiments=5).proposals

    of_model = [p.reason for p in batch if p.arm is Arm.MODEL]
    assert len(of_model) == 3
    assert all("the best so far" in r or "about as good as the condition believed best (PCy3, " in r for r in of_model)
    assert any("about as good as" in r for r in of_model)


def test_a_share_is_told_in_percent_of_the_scope() -> None:
    spec = spec_of({"by": "share", "at_least": 40})
    found = honest_best(spec, history(spec, some(20)), seed=0)

    assert found.candidates[0].targets[0].target == "share with yield at least 40 %"
    assert found.candidates[0].targets[0].unit == "%"
    assert 0 <= found.candidates[0].targets[0].mean <= 100
    assert found.scope == "share with yield at least 40 % over 8 substrates (bromide, additive)"


def test_to_minimise_the_lowest_condition_is_named() -> None:
    spec = spec_of(objective={"yield": {"goal": "minimize", "unit": "%"}})
    found = honest_best(spec, history(spec, everything()), seed=0)

    assert found.candidates[0].settings == {"ligand": "PMe3", "base": "weak"}
    assert found.candidates[0].targets[0].mean < found.candidates[1].targets[0].mean
    assert found.candidates[0].substrates[0].settings["bromide"] == "phenyl"  # the highest is the hardest


def test_without_a_model_the_measured_substrates_stand_for_the_scope() -> None:
    spec = spec_of(planner={"surrogate": "random"})
    found = honest_best(spec, history(spec, some(20)), seed=0)

    assert found.model == ""
    assert found.candidates[0].best_of_tried is None
    assert "favours the lucky" in found.notes[0]
    values: dict[tuple[Any, Any], list[float]] = {}
    for s in some(20):
        values.setdefault((s["ligand"], s["base"]), []).append(made_up(s))
    assert found.candidates[0].targets[0].mean == pytest.approx(max(float(np.mean(v)) for v in values.values()))


def test_nothing_measured_names_nothing() -> None:
    found = honest_best(spec_of(), History(), seed=0)

    assert found.candidates == ()
    assert found.notes == ("no condition has a value yet",)


def test_faults_and_bans_keep_cells_out_but_not_their_condition() -> None:
    spec = spec_of()
    seen = history(spec, some(10))
    clogged = Observation("f", build_space(spec).coordinates(everything()[0]), Fault.of(FaultKind.INPUT_ERROR, "no"))
    seen = replace(seen, observations=(*seen.observations, clogged))

    batch = plan(spec, seen, seed=0, experiments=3).proposals

    assert all(dict(p.candidate.settings) != everything()[0] for p in batch)


def test_the_chance_to_run_is_that_with_the_substrates_that_are_allowed() -> None:
    """With PMe3 only phenyl is allowed, and fails; with all others everything runs."""
    only = {"name": "only phenyl", "exclude": {"ligand": ["PMe3"], "bromide": ["tolyl", "thienyl", "nitrile"]}}
    spec = spec_of(constraints=[only])
    allowed = [s for s in some(30) if s["ligand"] != "PMe3" or s["bromide"] == "phenyl"]
    fails = [s for s in allowed if s["ligand"] == "PMe3"]
    ran = history(spec, [s for s in allowed if s not in fails[1:]])
    space, no = build_space(spec), Fault(FaultKind.INPUT_ERROR, "no", informative=True)
    failed = tuple(Observation(f"f{i}", space.coordinates(s), no) for i, s in enumerate(fails[1:]))
    seen = replace(ran, observations=(*ran.observations, *failed))
    situation = situation_of(spec, seen, None, seed=0, experiments=10, purse=None)
    assert situation.belief is not None

    found = best_condition(judgement(spec), situation.objective, seen, situation.belief, None, seed=0)

    row = next(c for c in found.candidates if c.settings["ligand"] == "PMe3")
    cells = [{**row.settings, "bromide": "phenyl", "additive": a} for a in ("none", "some")]
    chance = situation.belief.feasibility.chance(torch.from_numpy(np.array([space.coordinates(c) for c in cells])))
    assert row.keeps == pytest.approx(float(chance.mean()))


def test_a_share_to_stop_at_is_a_high_one_whatever_is_wanted_of_the_target() -> None:
    text = """
campaign: times
space: {ligand: {type: category, options: [A, B]}, bromide: {type: category, options: [k, l, m]}}
objective: {time: {goal: minimize, unit: min}}
general: {over: [bromide], by: share, at_most: 90}
stop: [{target: time, at_least: 80}]
budget: {experiments: 20}
laboratory: {adapter: manual}
"""
    spec = read_spec(text, source="times.yaml", read=None)

    believed = {"label": "A", "by": "share with time at most 90 min", "unit": "%", "low": 85.0, "high": 100.0}
    checked = History(claims=(Claim("time", 90.0, 5.0, 92.0),) * 10)
    assert reason_to_stop(spec, checked, 1, believed).startswith("condition A was believed to reach what is wanted")
    assert reason_to_stop(spec, checked, 1, {**believed, "low": 75.0}) == ""


def test_a_stop_rule_is_met_by_the_whole_interval_of_the_best_condition() -> None:
    spec = spec_of(stop=[{"target": "yield", "at_least": 45}])
    judged_best = {"label": "PCy3, strong", "by": "mean yield", "value": 50.0, "low": 44.0, "high": 56.0, "unit": "%"}
    lucky = history(spec, [{"ligand": "PPh3", "bromide": "phenyl", "base": "strong", "additive": "some"}])

    checked = replace(lucky, claims=(Claim("yield", 50.0, 5.0, 52.0),) * 10)

    assert reason_to_stop(spec, checked, 1, None) == ""  # a single yield of 90 meets nothing
    assert reason_to_stop(spec, checked, 1, judged_best) == ""
    assert reason_to_stop(spec, lucky, 1, {**judged_best, "low": 45.5}) == ""  # nothing was held against results yet
    assert reason_to_stop(spec, checked, 1, {**judged_best, "low": 45.5}) == (
        "condition PCy3, strong was believed to reach what is wanted (mean yield at least 45 %, with its whole "
        "interval) when the last batch was planned"
    )
    assert reason_to_stop(spec, lucky, 40, judged_best) == "the budget of 40 experiments is spent"


def test_the_record_of_a_round_has_the_best_condition() -> None:
    spec = spec_of()
    batch = plan(spec, history(spec, everything()[:40]), seed=0, experiments=3)

    assert batch.model["condition"]["by"] == "mean yield"
    assert batch.model["condition"]["low"] < batch.model["condition"]["value"] < batch.model["condition"]["high"]
    assert str(batch.model["believed_best"]).startswith("believed best condition: ")
    assert batch == plan(spec, history(spec, everything()[:40]), seed=0, experiments=3)


def test_a_scope_is_what_the_file_says() -> None:
    over = judgement(spec_of(WEIGHTS))

    assert over.by is Judgement.MEAN
    assert over.names == ("bromide", "additive")
    assert over.substrates.shape == (8, 2)
    assert over.weights.sum() == pytest.approx(1)
    assert over.weights[0] == pytest.approx(over.weights[1] / 2)  # phenyl: without and with the additive
    assert over.substrate(7) == {"bromide": "nitrile", "additive": "some"}
    assert over.settings(np.array([1.0, 1.0])) == {"ligand": "PCy3", "base": "strong"}


def test_numbers_of_a_scope_are_weighed_by_their_values() -> None:
    """As they stand in a file, in quotes or not, where a step makes them too."""
    text = """
campaign: sizes
space:
  ligand: {type: category, options: [A, B]}
  size: {type: number, values: [10, 20.5, 30], unit: nm}
  share: {type: number, low: 0.1, high: 0.3, step: 0.1}
objective: {yield: {goal: maximize}}
general: {over: [size, share], weights: {size: {20.5: 0.5, "30": 2}, share: {0.3: 4}}}
budget: {experiments: 12}
laboratory: {adapter: manual}
"""
    over = judgement(read_spec(text, source="sizes.yaml", read=lambda _: ""))

    product = np.outer([1, 0.5, 2], [1, 1, 4])  # share 0.3 is 0.1 + 2 * 0.1, a little more
    assert over.weights == pytest.approx(product.ravel() / product.sum())


def flattering(s: Mapping[str, Any]) -> float:
    """One condition is middling with every substrate, another splendid with one of them and poor with all others."""
    if (s["ligand"], s["base"]) == ("PCy3", "strong"):
        return 60.0
    return 100.0 if (s["ligand"], s["base"], s["bromide"]) == ("PPh3", "weak", "phenyl") else 5.0


def test_the_first_batch_by_sources_is_for_the_condition_and_not_for_the_best_single_result() -> None:
    spec = spec_of(planner={"batch": 5, "initial": {"experiments": 5}})
    source = Earlier("before", spec, history(spec, everything(), flattering))

    batch = plan(spec, History(), seed=0, experiments=5, earlier=[source])

    heard = [p for p in batch.proposals if p.arm is Arm.MODEL]
    assert [p.acquisition for p in heard] == ["general"] * 3
    conditions = [(p.candidate.settings["ligand"], p.candidate.settings["base"]) for p in heard]
    assert conditions[0] == ("PCy3", "strong")
    assert conditions.count(("PCy3", "strong")) > conditions.count(("PPh3", "weak"))
    assert "its condition's mean yield is believed to be 60 ± 36 %" in heard[0].reason
    assert len(batch.proposals) == 5


def test_the_first_batch_by_a_ranking_is_for_the_condition_too_and_states_no_value() -> None:
    ranking = {"yield": {"ligand": ["PCy3", "PPh3", "PMe3"]}}
    unbounded = {"yield": {"goal": "maximize", "unit": "%"}}
    spec = spec_of(planner={"batch": 5, "initial": {"experiments": 5}}, prior=ranking, objective=unbounded)

    batch = plan(spec, History(), seed=0, experiments=5)

    heard = [p for p in batch.proposals if p.arm is Arm.MODEL]
    assert [p.acquisition for p in heard] == ["general"] * 3
    assert not any(p.predictions for p in batch.proposals)
    assert all("states no value" in p.reason and "believed to be" not in p.reason for p in heard)


def test_no_interval_of_a_condition_is_given_while_all_results_are_equal() -> None:
    spec = spec_of({})

    found = honest_best(spec, history(spec, some(12, seed=3), lambda _: 30.0), seed=0)

    first = found.candidates[0]
    assert (first.targets[0].low, first.targets[0].high) == (None, None)
    assert first.substrates
    assert not any("[" in substrate_line(one) for one in first.substrates)
    assert any("known to differ" in note for note in found.notes)


@pytest.mark.parametrize(("general", "are_lucky"), [({}, False), ({"by": "worst"}, True)])
def test_to_be_the_best_rivals_are_not_all_lucky_as_their_intervals_are(general: Any, are_lucky: bool) -> None:
    """What each condition may be off by as a whole widens its interval, and counts for less in which is the best."""
    spec = spec_of(general)
    found = honest_best(spec, history(spec, some(14, seed=4)), seed=0).candidates
    stated = [one.targets[0] for one in found]

    means = np.array([s.mean for s in stated])
    ends = np.array([(s.low, s.high) for s in stated], dtype=float)
    apart = means + (ends[:, 1] - ends[:, 0]) / 3.29 * np.random.default_rng(0).standard_normal((100_000, len(means)))
    by_intervals = float((apart.argmax(axis=1) == 0).mean())

    chance = found[0].best_of_tried
    assert chance is not None
    assert (chance < by_intervals + 0.1) is are_lucky


def test_a_condition_left_out_for_now_counts_on_and_is_not_run() -> None:
    """PCy3 with a strong base is best by far: what may run now is held against it, and none of it is chosen."""
    rule = {"name": "stock", "exclude": {"ligand": "PCy3"}, "for_now": True}
    spec, free = spec_of(constraints=[rule]), spec_of()
    seen = history(spec, some(20, seed=3))
    assert any(build_space(free).settings(o.x)["ligand"] == "PCy3" for o in seen.observations)

    batch = plan(spec, seen, seed=0, experiments=3)
    best, usual = honest_best(spec, seen, seed=0), honest_best(free, seen, seed=0)

    assert all(p.candidate.settings["ligand"] != "PCy3" for p in batch.proposals)
    assert all("behind the condition believed best (PCy3" in p.reason for p in batch.proposals)
    assert [c.settings for c in best.candidates] == [c.settings for c in usual.candidates]
    assert best.candidates[0].settings["ligand"] == "PCy3"


def test_a_condition_is_judged_with_the_substrates_that_are_left_out_for_now_too() -> None:
    """Without the hard ones the best would seem to reach what ends the campaign."""
    rule = {"name": "stock", "exclude": {"bromide": ["thienyl", "nitrile"]}}
    seen = history(spec_of(), [s for s in everything() if s["ligand"] != "PMe3"])

    free, for_now, for_good = (
        plan(spec_of(constraints=rules), seen, seed=0, experiments=3).model["condition"]
        for rules in ([], [{**rule, "for_now": True}], [rule])
    )

    assert for_now["value"] == pytest.approx(free["value"])
    assert for_good["value"] > for_now["value"] + 5.0
