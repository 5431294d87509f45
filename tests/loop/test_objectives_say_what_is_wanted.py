"""Objectives: matching, keeping, desirability and weights, from a line in a spec to the batch and the end."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import measured, observe, reaction_spec, run_rounds, training
from hypothesis import given
from hypothesis import strategies as st

from loop.acquisition.hypervolume import Front
from loop.acquisition.improvement import Improvement
from loop.acquisition.pareto import Pareto, reference_point
from loop.acquisition.utility import score, utility
from loop.errors import ObjectiveError
from loop.history import History
from loop.objective import Goal, Objective, Target, Tradeoff, out_of_reach
from loop.outcome import Measured, Measurement, Qualifier
from loop.planner import plan
from loop.policy.stopping import reason_to_stop
from loop.spec import CampaignSpec, build_objective
from loop.testing.acquisition import question

YIELD = Target("yield", Goal.MAXIMIZE, "%", desirable=(20.0, 90.0), weight=2.0)
COST = Target("cost", Goal.MINIMIZE, desirable=(40.0, 5.0))
ACIDITY = Target("pH", Goal.MATCH, value=7.0, within=1.0)
IMPURITY = Target("impurity", Goal.KEEP, "%", at_most=2.0)
numbers = st.floats(-1e3, 1e3)


def test_a_target_to_be_matched_is_worth_most_at_its_value_and_of_no_use_too_far_from_it():
    assert ACIDITY.worth(7.0) == 0.0
    assert ACIDITY.worth(6.5) == ACIDITY.worth(7.5) == -0.5
    assert ACIDITY.merit(7.5) == pytest.approx(0.5)
    assert ACIDITY.meets(8.0)
    assert not ACIDITY.meets(8.1)


@pytest.mark.parametrize(("goal", "merits"), [(Goal.MAXIMIZE, [0.0, 0.75, 1.0]), (Goal.MINIMIZE, [1.0, 0.25, 0.0])])
def test_the_ends_of_levels_are_worth_nothing_and_all_that_is_wanted(goal: Goal, merits: list[float]):
    score = Target("score", goal, levels=(1.0, 2.0, 3.0, 4.0, 5.0))

    assert [score.merit(level) for level in (1.0, 4.0, 5.0)] == merits
    assert Objective((score, YIELD), Tradeoff.WEIGHTED).is_scalar
    assert replace(score, desirable=(2.0, 4.0) if score.sign > 0 else (4.0, 2.0)).merit(3.0) == 0.5


def test_desirability_is_the_weighted_geometric_mean_of_merits():
    objective = Objective((YIELD, COST), Tradeoff.DESIRABILITY)

    # by hand: merits (55 - 20) / 70 = 0.5 of weight 2, (40 - 12) / 35 = 0.8 of weight 1
    assert objective.score({"yield": 55.0, "cost": 12.0}) == pytest.approx((0.5**2 * 0.8) ** (1 / 3))
    assert objective.score({"yield": 10.0, "cost": 12.0}) == 0.0
    assert objective.score({"yield": 99.0, "cost": 1.0}) == 1.0


def test_a_weighted_sum_counts_what_lies_below_nothing_and_above_everything():
    objective = Objective((YIELD, COST), Tradeoff.WEIGHTED)

    assert objective.score({"yield": 55.0, "cost": 12.0}) == pytest.approx((2 * 0.5 + 0.8) / 3)
    assert objective.score({"yield": 6.0, "cost": 40.0}) == pytest.approx(2 * -0.2 / 3)


@pytest.mark.parametrize(("goal", "ends", "merit"), [(Goal.MINIMIZE, (5.0, 0.05), 1.0), (Goal.MAXIMIZE, (0.1, 9), 0.0)])
def test_nought_has_the_merit_of_the_end_of_a_logarithmic_scale_that_it_lies_beyond(goal, ends, merit):
    rate = Target("rate", goal, desirable=ends, is_log=True)
    objective = Objective((YIELD, rate), Tradeoff.WEIGHTED)

    assert objective.score({"yield": 55.0, "rate": 0.0}) == pytest.approx((2 * 0.5 + merit) / 3)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8), st.sampled_from(list(Tradeoff)))
def test_the_tensor_forms_are_the_exact_score_and_one_with_rounded_edges(pairs, tradeoff):
    objective = Objective((YIELD, COST) if tradeoff is not Tradeoff.PARETO else (YIELD, IMPURITY), tradeoff)
    names = [t.name for t in objective.wanted]
    rows = [dict(zip(names, pair, strict=False)) for pair in pairs]
    values = torch.tensor([[row[n] for n in names] for row in rows], dtype=torch.float64)
    soft, plain = utility(objective, values), score(objective, values)
    exact = np.array([objective.score(row) for row in rows])

    # the rounding of the edges is worth at most a twentieth of a merit
    slack = 0.05 if tradeoff is Tradeoff.DESIRABILITY else 1e-9 * (1 + np.abs(exact).max())
    assert np.abs(soft.numpy() - exact).max() <= slack * (4 if tradeoff is Tradeoff.DESIRABILITY else 1)
    assert plain.numpy() == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_a_kept_target_is_no_part_of_the_front_and_what_breaks_it_is_passed_over():
    objective = Objective((YIELD, COST, IMPURITY))
    rows = [
        {"yield": 90.0, "cost": 9.0, "impurity": 3.0},
        {"yield": 80.0, "cost": 9.0, "impurity": 1.0},
        {"yield": 70.0, "cost": 9.0, "impurity": 0.0},
        {"yield": 60.0, "cost": 5.0},  # its impurity is not known
    ]

    assert objective.best(rows) == (1,)
    assert objective.best(rows[:1]) == (0,)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"goal": Goal.MATCH}, "needs the value that is wanted"),
        ({"goal": Goal.MATCH, "value": 1.0, "within": 0.0}, "within must be above zero"),
        ({"goal": Goal.MATCH, "value": 1.0, "within": 1.0, "at_least": 3.0}, "keeps the thresholds"),
        ({"goal": Goal.KEEP}, "needs a threshold to keep"),
        ({"goal": Goal.MAXIMIZE, "value": 1.0}, "go with goal match"),
        ({"goal": Goal.MAXIMIZE, "weight": 0.0}, "weight must be above zero"),
        ({"goal": Goal.MINIMIZE, "desirable": (1.0, 2.0)}, "from must be above to"),
        ({"goal": Goal.KEEP, "at_most": 1.0, "desirable": (1.0, 2.0)}, "desirable goes with maximize and minimize"),
    ],
)
def test_what_cannot_be_wanted_is_refused(target, message):
    with pytest.raises(ObjectiveError, match=message):
        Target("t", **target)


@pytest.mark.parametrize("tradeoff", ["desirability", "weighted"])
def test_a_trade_off_is_planned_for_and_found(tradeoff):
    wanted = {
        "yield": {"goal": "maximize", "low": 0, "high": 60},
        "temperature_match": {"goal": "match", "value": 40, "within": 30},
    }
    spec = reaction_spec(objective=wanted, batch=2).model_copy(update={"tradeoff": Tradeoff(tradeoff)})
    history, plans = run_rounds(
        spec,
        lambda s: measured(
            **{"yield": 20.0 * (s["base"] == "strong") + (30.0 if s["alcohol"] == "butanol" else 0.0)},
            temperature_match=s["temperature"],
        ),
        6,
    )
    objective = build_objective(spec)
    rows = [{m.property: m.value for m in o.outcome.measurements} for o in history.observations]

    assert objective.score(rows[objective.best(rows)[0]]) == objective.score({"yield": 50.0, "temperature_match": 40.0})
    assert plans[-1].proposals[0].acquisition == "improvement"
    assert "from the wanted 40" in plans[-1].proposals[0].reason
    assert objective.tradeoff.value.split()[0] in plans[-1].proposals[0].reason


def test_a_constraint_on_an_outcome_keeps_the_batch_away_from_what_breaks_it():
    free = {"yield": {"goal": "maximize"}}
    bound = {**free, "impurity": {"goal": "keep", "at_most": 2.0}}

    def response(settings):
        hot = settings["temperature"] / 10.0
        return measured(**{"yield": 10.0 * hot + 5.0 * (settings["base"] == "strong"), "impurity": hot - 2.0})

    _, freely = run_rounds(reaction_spec(objective=free), response, 4)
    _, bounded = run_rounds(reaction_spec(objective=bound), response, 4)
    hottest = [
        sum(p.candidate.settings["temperature"] == 60 for plan in plans[2:] for p in plan.proposals)
        for plans in (freely, bounded)
    ]

    assert hottest[0] > 2 * hottest[1]
    assert "kept within its thresholds with a chance of" in bounded[-1].proposals[0].reason


@pytest.mark.parametrize("w", [2, 3])
def test_the_volume_that_a_point_adds_agrees_with_counting(w):
    rng = np.random.default_rng(w)
    front, point = rng.random((1, 5, w)), rng.random((1, 3, w))
    held = Front.of(torch.from_numpy(front), torch.full((w,), 0.1, dtype=torch.float64))
    gain = held.improvements(torch.from_numpy(point))[0].numpy()
    darts = 0.1 + 0.9 * rng.random((200_000, w))
    below = lambda p: (darts[:, None, :] <= p[None]).all(-1)  # noqa: E731 - one line says it
    counted = (below(point[0]) & ~below(front[0]).any(1)[:, None]).mean(0) * 0.9**w

    assert np.abs(gain - counted).max() < 0.005  # three standard errors of a share of 200,000


@pytest.mark.parametrize("w", [2, 3])
def test_each_draw_has_a_front_of_its_own_whatever_the_size_of_the_others(w):
    rng = np.random.default_rng(w)
    points = torch.from_numpy(rng.random((5, 30, w)))
    points[2] = points[2].sort(dim=0).values  # one point beats all others there
    reference = torch.full((w,), 0.2, dtype=torch.float64)
    asked = torch.from_numpy(rng.random((5, 7, w)))

    together = Front.of(points, reference).improvements(asked)
    alone = torch.cat([Front.of(points[i, None], reference).improvements(asked[i, None]) for i in range(5)])

    assert torch.allclose(together, alone, rtol=1e-12, atol=1e-15)
    assert (together > 0).any()


def test_an_empty_front_leaves_everything_above_the_reference():
    held = Front.of(torch.empty(2, 0, 2, dtype=torch.float64), torch.tensor([1.0, 1.0], dtype=torch.float64))
    points = torch.tensor([[[3.0, 2.0], [0.0, 9.0]]], dtype=torch.float64).expand(2, -1, -1)

    assert held.improvements(points).tolist() == [[2.0, 0.0], [2.0, 0.0]]


@pytest.mark.parametrize("function", [Improvement(), Pareto()])
def test_where_nothing_keeps_the_thresholds_the_chance_of_keeping_them_decides(function):
    asked = question(targets=2)
    keep = Target("t1", Goal.KEEP, at_least=1e6)
    third = training(6)
    targets = (asked.objective.targets[0], keep)
    models = asked.models
    if isinstance(function, Pareto):
        targets = (*targets, Target("t2", Goal.MATCH, value=30.0, within=50.0))
        models = (*models, models[0])
    asked = replace(asked, objective=Objective(targets), models=models, observed=third.x)

    points = function.choose(asked, 2).points

    assert not len(asked.keeping)
    assert len(points) == 2
    assert all(np.isfinite(p.value) for p in points)


def test_the_reference_of_a_matched_target_is_how_far_off_it_may_be():
    asked = question(targets=2)
    targets = (asked.objective.targets[0], Target("t1", Goal.MATCH, value=0.0, within=4.0))

    assert reference_point(replace(asked, objective=Objective(targets)))[1] == -4.0


def test_a_campaign_stops_at_a_score_and_only_for_results_that_are_of_use():
    wanted = {
        "yield": {"goal": "maximize", "low": 0, "high": 100},
        "purity": {"goal": "maximize", "low": 0, "high": 100},
        "lead": {"goal": "keep", "at_most": 1.0},
    }
    spec = reaction_spec(objective=wanted).model_copy(update={"tradeoff": Tradeoff.DESIRABILITY})
    rule = {"target": "desirability", "at_least": 0.7}
    spec = type(spec).model_validate({**spec.resolved(), "stop": [rule]})

    def reason(**values):
        history, _ = run_rounds(spec, lambda _: measured(**values), 1)
        return reason_to_stop(spec, History(history.observations[:1]), 1)

    assert reason(**{"yield": 90.0, "purity": 60.0, "lead": 0.0}).startswith("desirability reached 0.73")
    assert reason(**{"yield": 90.0, "purity": 60.0, "lead": 2.0}) == ""
    assert reason(**{"yield": 90.0, "purity": 20.0, "lead": 0.0}) == ""


@pytest.mark.parametrize(("goal", "rule", "value"), [("minimize", "at_most", 5), ("maximize", "at_least", 30)])
def test_one_result_among_others_that_is_good_enough_ends_a_campaign(goal, rule, value):
    spec = reaction_spec(objective={"waste": {"goal": goal}})
    spec = type(spec).model_validate({**spec.resolved(), "stop": [{"target": "waste", rule: value}]})
    values = iter((20.0, 5.0, 30.0))
    history, _ = run_rounds(spec, lambda _: measured(waste=next(values, 20.0)), 1)

    assert reason_to_stop(spec, History(history.observations[:1]), 1) == ""
    assert reason_to_stop(spec, History(history.observations[:3]), 3).startswith(f"waste reached {value}, and")


@pytest.mark.parametrize(
    ("sign", "said"),
    [(Qualifier.ABOVE, "desirability reached > 0.924662, and at least 0.9 was wanted"), (Qualifier.BELOW, "")],
)
def test_a_limit_that_leaves_no_doubt_of_a_score_stops_as_a_value_does(sign, said):
    wanted = {n: {"goal": "maximize", "low": 0, "high": 100} for n in ("yield", "purity")}
    spec = reaction_spec(objective=wanted).model_copy(update={"tradeoff": Tradeoff.DESIRABILITY})
    spec = type(spec).model_validate({**spec.resolved(), "stop": [{"target": "desirability", "at_least": 0.9}]})
    history, _ = run_rounds(spec, lambda _: measured(**{"yield": 90.0}), 1)
    (amount,) = history.observations[0].outcome.measurements
    outcome = Measured((amount, Measurement("purity", 95.0, "%", 95.0, qualifier=sign)))

    assert reason_to_stop(spec, History((replace(history.observations[0], outcome=outcome),)), 1) == said


@pytest.mark.parametrize("bounds", [{"at_least": 20.0}, {"at_most": 20.0}, {"at_least": 10.0, "at_most": 30.0}])
def test_the_chance_to_keep_a_threshold_has_a_slope_that_can_be_climbed(bounds):
    asked = question()
    asked = replace(asked, objective=Objective((Target("t0", Goal.MAXIMIZE, **bounds),)))
    x = asked.observed.clone().requires_grad_()

    asked.chance(x).log().sum().backward()

    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() > 0


def test_a_threshold_out_of_reach_is_refused_in_a_file_and_read_where_it_is_on_record():
    spec = reaction_spec(objective={"yield": {"goal": "maximize", "low": 0.0, "high": 100.0, "at_least": 120.0}})

    (target,) = build_objective(spec).targets

    assert target.at_least == 120.0
    assert out_of_reach(target) == "at_least 120 is above high, 100, so nothing can ever keep it; lower at_least"
    assert out_of_reach(replace(target, at_least=90.0)) == ""


@pytest.mark.parametrize(("at_most", "best"), [(5.0, 40.0), (9.0, 80.0)])
def test_a_reason_holds_a_candidate_against_the_best_that_keeps_the_thresholds(at_most, best):
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "impure",
            "space": {"t": {"type": "number", "low": 0, "high": 10, "step": 1}},
            "objective": {"yield": {"goal": "maximize"}, "impurity": {"goal": "keep", "at_most": at_most}},
            "planner": {"surrogate": "gp"},
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "manual"},
        }
    )
    seen = [  # the more yield, the less pure
        observe(spec, {"t": t}, measured(**{"yield": 10.0 * t, "impurity": float(t)}), str(t)) for t in (0, 2, 3, 4, 8)
    ]

    reason = plan(spec, History(tuple(seen)), seed=0, experiments=1).proposals[0].reason

    told = re.search(r"best believed so far within the thresholds \((\d+)\b", reason)
    assert told is not None
    assert float(told[1]) == pytest.approx(best, abs=5.0)
