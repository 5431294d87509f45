"""Replicates are planned where they change which candidate is named best, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import ALCOHOLS, SPACE, alcohol_yield, measured, mixed_spec, observe, reaction_spec, run_rounds

from loop.acquisition.protocol import Question
from loop.costs import Costs, Purse
from loop.errors import PoolExhausted
from loop.history import History, Pending, Said
from loop.objective import Goal, Objective, Target
from loop.outcome import Fault, FaultKind
from loop.planner import Plan, plan
from loop.policy.replicate import LATE, OPTIONS, _promising, _State, _Voice, normal_nodes, spend
from loop.record import Arm
from loop.space import ProductPool
from loop.spec import CampaignSpec
from loop.spec.space_models import ExcludeSpec
from loop.surrogates.feasibility import Feasibility
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation

PLANNED = reaction_spec(replicates="planned")


def history(spec: CampaignSpec, rows: Sequence[tuple[Mapping[str, Any], float]]) -> History:
    return History(tuple(observe(spec, s, measured(**{"yield": y}), f"o{i}") for i, (s, y) in enumerate(rows)))


def two_rivals(times: int, sd: float = 8.0) -> History:
    """Everything was tried but two; several conditions are alike at the top, ``times`` readings each, with noise."""
    rng = np.random.default_rng(0)
    rows: list[tuple[Mapping[str, Any], float]] = []
    for alcohol in ALCOHOLS:
        for base in ("weak", "strong"):
            for t in (20.0, 40.0, 60.0):
                s = {"alcohol": alcohol, "base": base, "temperature": t}
                if (alcohol, base, t) in (("methanol", "weak", 20.0), ("methanol", "weak", 40.0)):
                    continue
                n = times if alcohol in ("butanol", "propanol") and base == "strong" else 1
                rows += [(s, min(alcohol_yield(s), 62.0) + float(rng.normal(0, sd))) for _ in range(n)]
    return history(PLANNED, rows)


def arms(made: Plan) -> list[Arm]:
    return [p.arm for p in made.proposals]


def test_where_only_hopeless_candidates_are_left_the_rivals_are_measured_again() -> None:
    made = plan(PLANNED, two_rivals(2), seed=0, experiments=30)

    again = [p for p in made.proposals if p.arm is Arm.REPLICATE]
    assert len(made.proposals) == 3  # two new ones are left, and a batch is three
    assert all(p.reason.startswith("replicate: measured ") for p in again)
    assert all("expected to raise the value of what is named best by" in p.reason for p in again)
    assert all(p.acquisition == "replicate" and (p.acquisition_value or 0) > 0 for p in again)
    assert all(p.predictions for p in made.proposals)


def again_of(made: Plan) -> list[Mapping[str, Any]]:
    return [p.candidate.settings for p in made.proposals if p.arm is Arm.REPLICATE]


def test_what_a_constraint_or_a_ban_keeps_out_by_now_is_not_measured_again() -> None:
    seen = two_rivals(2)
    banned = again_of(plan(PLANNED, seen, seed=0, experiments=30))[0]
    rule = ExcludeSpec.model_validate({"name": "ban 1", "exclude": {"alcohol": [banned["alcohol"]]}})

    made = plan(PLANNED.model_copy(update={"constraints": [rule]}), seen, seed=0, experiments=30)

    assert again_of(made)
    assert banned["alcohol"] not in {p.candidate.settings["alcohol"] for p in made.proposals}


def test_what_a_person_refused_is_not_measured_again() -> None:
    seen = two_rivals(2)
    refused = again_of(plan(PLANNED, seen, seed=0, experiments=30))
    said = tuple(Said(SPACE.coordinates(settings), "too dear") for settings in refused)

    made = again_of(plan(PLANNED, replace(seen, kept_out=said), seed=0, experiments=30))

    assert made
    assert not [settings for settings in made if settings in refused]


def test_nothing_is_measured_again_where_there_is_no_noise_and_much_to_find() -> None:
    rows = [({"alcohol": a, "base": "weak", "temperature": t}, t / 2) for a in ALCOHOLS for t in (20.0, 40.0)]
    exact = [(s, y) for s, y in rows for _ in range(2)]  # what was measured twice came out the same

    made = plan(PLANNED, history(PLANNED, exact), seed=1, experiments=30)

    assert arms(made) == [Arm.MODEL] * 3


def test_the_plan_is_a_function_of_its_arguments_and_plain_specs_are_left_alone() -> None:
    seen = two_rivals(2)

    assert plan(PLANNED, seen, seed=3, experiments=30) == plan(PLANNED, seen, seed=3, experiments=30)
    assert set(arms(plan(reaction_spec(), seen, seed=3, experiments=30))) == {Arm.MODEL}


def test_a_batch_of_planned_replicates_is_never_larger_than_asked() -> None:
    made = plan(PLANNED, two_rivals(2), seed=0, experiments=2)

    assert len(made.proposals) == 2
    assert all(p.replicates == 1 for p in made.proposals)


def untried() -> dict[str, Any]:
    return {"alcohol": "methanol", "base": "weak", "temperature": 20.0}


def question_of(seen: History) -> Question:
    x = torch.from_numpy(np.array([o.x for o in seen.observations]))
    y = torch.tensor([float(o.outcome.measurements[0].canonical) for o in seen.observations])  # type: ignore[union-attr]
    data = TrainingSet(x, y.double(), torch.full((len(x),), torch.nan, dtype=torch.float64))
    model = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, data, seed=0)
    return Question(
        space=SPACE,
        objective=Objective((Target("yield", Goal.MAXIMIZE, "%"),)),
        models=(model,),
        feasibility=Feasibility(),
        pool=ProductPool(SPACE),
        observed=torch.unique(x, dim=0),
        pending=torch.empty((0, x.shape[1]), dtype=torch.float64),
        tried=x.numpy(),
        seed=0,
    )


@pytest.mark.parametrize("gap", [0.0, 0.5, 2.0])
def test_the_value_of_a_replicate_agrees_with_its_closed_form(gap: float) -> None:
    # two independent candidates: measuring the second moves its mean by N(0, s^2), and the best rises by
    # s (phi(u) - u Phi(-u)) with u = gap / s (Jones, Schonlau and Welch 1998)
    variance, noise = 1.5, 0.75
    voice = _Voice(
        1.0,
        torch.tensor([[gap, 0.0]], dtype=torch.float64),
        variance * torch.eye(2, dtype=torch.float64)[None],
        torch.full((1, 2), noise, dtype=torch.float64),
    )
    both, one = torch.ones(2, dtype=torch.bool), torch.ones(1, 1, dtype=torch.float64)
    state = _State(question_of(two_rivals(2)), [voice], both, *normal_nodes(), one)
    s = variance / (variance + noise) ** 0.5
    u = torch.tensor(gap / s, dtype=torch.float64)
    density = torch.exp(-0.5 * u**2) / (2 * torch.pi) ** 0.5
    expected = float(s * (density - u * torch.special.ndtr(-u)))

    found = float(state.gains(torch.tensor([1]))[0])

    assert found == pytest.approx(expected, rel=0.01)  # what NODES promises
    voice.decide(1)
    assert float(state.gains(torch.tensor([1]))[0]) < found


def test_what_is_believed_to_match_is_among_the_most_promising() -> None:
    n = OPTIONS + 1  # all but the last may match at the end of their range, and one has to be left out
    mean, sd = torch.full((1, n), 9.0, dtype=torch.float64), torch.full((n,), 0.95, dtype=torch.float64)
    mean[0, -1] = 7.0
    voice = _Voice(1.0, mean, torch.diag(sd**2)[None], torch.ones((1, n), dtype=torch.float64))
    matched = Objective((Target("pH", Goal.MATCH, value=7.0, within=0.1),))
    question = replace(question_of(two_rivals(2)), objective=matched)
    everything, one = torch.ones(n, dtype=torch.bool), torch.ones(1, 1, dtype=torch.float64)

    found = _promising(_State(question, [voice], everything, *normal_nodes(), one), np.ones(n, dtype=bool))

    assert len(found) == OPTIONS
    assert int(found[0]) == n - 1


def test_what_is_running_already_is_not_measured_again_at_once() -> None:
    question = question_of(two_rivals(2))
    fresh = [torch.from_numpy(SPACE.coordinates(untried()))]
    first = spend(question, fresh, 1)[0]
    assert first.is_replicate
    waiting = question.observed[[first.index]].repeat(20, 1)

    later = spend(replace(question, pending=waiting), fresh, 1)[0]

    assert (later.index, later.is_replicate) != (first.index, True)


def test_several_targets_and_continuous_spaces_are_planned_for_too() -> None:
    rng = np.random.default_rng(1)
    two = reaction_spec({"yield": {"goal": "maximize"}, "waste": {"goal": "minimize"}}, replicates="planned")
    seen, plans = run_rounds(
        two,
        lambda s: measured(
            **{"yield": alcohol_yield(s) + rng.normal(0, 40), "waste": s["temperature"] + rng.normal(0, 40)}
        ),
        9,
    )
    _, mixed = run_rounds(
        mixed_spec(replicates="planned"), lambda s: measured(height=-((s["x"] - 1) ** 2) + rng.normal(0, 1)), 5
    )

    assert len(seen.observations) == sum(len(p.proposals) for p in plans)
    assert {a for p in (*plans, *mixed) for a in arms(p)} <= {Arm.INITIAL, Arm.MODEL, Arm.REPLICATE}
    assert any(Arm.REPLICATE in arms(p) for p in (*plans, *mixed))


def few(values: Mapping[str, float], *, same: bool, **more: Any) -> tuple[CampaignSpec, History]:
    """Four options, each measured once: y, and z that is the same for all."""
    options = {"a": {"type": "category", "options": list(values)}}
    objective = {"y": {"goal": "maximize"}, **({"z": {"goal": "minimize"}} if same else {})}
    planner = {"replicates": "planned", "batch": 2, "initial": {"experiments": 4}}
    resolved = reaction_spec().resolved() | {"space": options, "objective": objective, "planner": planner} | more
    spec = CampaignSpec.from_resolved(resolved)
    rows = [observe(spec, {"a": o}, measured(y=y, **({"z": 3.0} if same else {})), o) for o, y in values.items()]
    return spec, History(tuple(rows))


def test_a_target_of_which_all_values_are_equal_does_not_decide_what_is_measured_again() -> None:
    spec, seen = few({"k": 51.0, "l": 53.9, "m": 65.1, "n": 65.8}, same=True)
    made = plan(spec, seen, seed=1, experiments=9).proposals

    assert {p.candidate.settings["a"] for p in made} <= {"m", "n"}  # not those that y rules out
    assert all(p.acquisition_value is not None and p.acquisition_value < 10 for p in made)


def test_beside_a_front_a_target_that_is_only_kept_weighs_nothing() -> None:
    values = {"k": 51.0, "l": 53.9, "m": 65.1, "n": 65.8}
    plain, seen = few(values, same=True)
    kept = plain.resolved()["objective"] | {"pressure": {"goal": "keep", "at_most": 100}}
    spec = CampaignSpec.from_resolved(plain.resolved() | {"objective": kept})
    rows = [observe(spec, {"a": o}, measured(y=y, z=3.0, pressure=5.0), o) for o, y in values.items()]

    campaigns = ((plain, seen), (spec, History(tuple(rows))))
    before, after = (plan(s, h, seed=1, experiments=9).proposals for s, h in campaigns)

    assert [p.candidate.settings for p in after] == [p.candidate.settings for p in before]


def test_a_new_candidate_is_favoured_less_where_little_comes_after_it() -> None:
    values = {"a": [60], "b": [62], "c": [2, 24, 6, 20], "d": [10], "e": [12], "f": [8], "g": [14], "untried": []}
    spec, _ = few(dict.fromkeys(values, 0.0), same=False)
    spec = spec.model_copy(update={"planner": spec.planner.model_copy(update={"batch": 1})})
    each = [(o, y) for o, told in values.items() for y in told]
    seen = History(tuple(observe(spec, {"a": o}, measured(y=float(y)), f"{o}{i}") for i, (o, y) in enumerate(each)))

    last, early = (plan(spec, seen, seed=0, experiments=1, left=left).proposals[0] for left in (LATE, LATE + 1))

    assert (last.arm, last.candidate.settings["a"] in "ab") == (Arm.REPLICATE, True)
    assert (early.arm, early.candidate.settings["a"]) == (Arm.MODEL, "untried")


def test_an_end_for_want_of_replicates_worth_it_says_so() -> None:
    spec, seen = few({"k": 0.0, "l": 30.0, "m": 60.0, "n": 90.0}, same=False)

    with pytest.raises(PoolExhausted, match="every candidate was tried or is being tried, and no replicate is worth"):
        plan(spec, seen, seed=1, experiments=30)


def test_before_the_end_the_best_is_measured_again_where_it_was_measured_once() -> None:
    spec, seen = few({"k": 0.0, "l": 30.0, "m": 60.0, "n": 90.0}, same=False)
    twice = History((*seen.observations, observe(spec, {"a": "n"}, measured(y=89.0), "n again")))
    running = replace(seen, pending=(Pending("n again", seen.observations[-1].x),))

    (again,) = plan(spec, seen, seed=1, experiments=9).proposals

    assert (again.candidate.settings["a"], again.arm) == ("n", Arm.REPLICATE)
    why = "to see whether it is truly the best, once more before the budget ends. It is expected to raise"
    assert again.reason.startswith(f"replicate: measured 1 time so far; {why}")
    for known in (twice, running):
        with pytest.raises(PoolExhausted):
            plan(spec, known, seed=1, experiments=9)


def priced(**planner: Any) -> tuple[CampaignSpec, History]:
    """Two rivals that cost 310 EUR each, hopeless ones of 10 EUR, and one of 10 EUR that was not tried."""
    resolved = reaction_spec().resolved() | {
        "space": {"a": {"type": "category", "options": list("ABCDEFGH")}},
        "objective": {"y": {"goal": "maximize", "unit": "%"}},
        "planner": {"batch": 2, "initial": {"experiments": 4}, **planner},
        "costs": {"unit": "EUR", "experiment": 10, "options": {"a": {"A": 300, "B": 300}}},
    }
    spec = CampaignSpec.from_resolved(resolved)
    seen = {"A": [90], "B": [92], "C": [2, 34, 6, 40], "D": [1, 10], "E": [1, 9], "F": [1, 9], "G": [1, 9]}
    each = [(o, y) for o, values in seen.items() for y in values]
    rows = [observe(spec, {"a": o}, measured(y=float(y)), f"{o}{i}") for i, (o, y) in enumerate(each)]
    return spec, History(tuple(rows))


def test_a_replicate_that_cannot_be_paid_for_leaves_the_budget_to_what_can() -> None:
    spec, seen = priced(replicates="planned", batch=1)
    rich = plan(spec, seen, seed=0, experiments=30, purse=Purse(cost=9000.0))
    poor = plan(spec, seen, seed=0, experiments=30, purse=Purse(cost=50.0))

    assert [(p.candidate.settings["a"] in "AB", p.arm) for p in rich.proposals] == [(True, Arm.REPLICATE)]
    assert [(p.candidate.settings["a"], p.arm) for p in poor.proposals] == [("H", Arm.MODEL)]


def test_where_no_tried_candidate_can_be_paid_for_new_ones_are_bought() -> None:
    spec, seen = priced(replicates="planned")
    dear = tuple(o for o in seen.observations if o.id[0] in "AB")
    resolved = spec.resolved() | {"planner": {"batch": 2, "initial": {"experiments": 2}, "replicates": "planned"}}

    made = plan(CampaignSpec.from_resolved(resolved), History(dear), seed=0, experiments=30, purse=Purse(cost=25.0))

    assert [p.arm for p in made.proposals] == [Arm.MODEL] * 2
    assert all(p.candidate.settings["a"] not in "AB" for p in made.proposals)


def test_what_can_be_paid_for_once_but_not_with_its_copies_is_not_chosen() -> None:
    spec, seen = priced(replicates=2, acquisition="ucb")
    untried = History(tuple(o for o in seen.observations if o.id[0] != "B"))
    prices = {"unit": "EUR", "experiment": 10, "options": {"a": {"B": 30}}}
    spec = CampaignSpec.from_resolved(spec.resolved() | {"costs": prices, "budget": {"experiments": 40, "cost": 999}})

    made = plan(spec, untried, seed=0, experiments=2, purse=Purse(cost=45.0))

    assert [(p.candidate.settings["a"], p.replicates) for p in made.proposals] == [("H", 2)]


def test_the_reason_of_a_replicate_says_what_its_worth_is_divided_by() -> None:
    spec, seen = priced(replicates="planned", per_cost=True)
    resolved = spec.resolved() | {"costs": {"unit": "EUR", "experiment": 10}}
    made = plan(CampaignSpec.from_resolved(resolved), seen, seed=0, experiments=30)
    reasons = [p.reason for p in made.proposals if p.arm is Arm.REPLICATE]

    assert reasons
    assert all(reason.endswith(" % per EUR") for reason in reasons)


def test_the_reason_of_a_replicate_tells_what_was_measured_from_what_failed() -> None:
    seen = two_rivals(2)
    fault = Fault.of(FaultKind.CONSUMABLE_MISSING, "no vial")
    failed = [replace(o, id=f"{o.id} failed", outcome=fault) for o in seen.observations]

    made = plan(PLANNED, replace(seen, observations=(*seen.observations, *failed)), seed=0, experiments=30)

    again = [p.reason for p in made.proposals if p.arm is Arm.REPLICATE]
    assert again
    assert all(re.match(r"replicate: measured (\d) times? so far, \1 more failed; ", reason) for reason in again)


@pytest.mark.parametrize("paid", [{"cost": 10.0}, {"hours": 2.0}])
def test_money_and_hours_say_that_the_end_is_near(paid: dict[str, float]) -> None:
    costs = {"costs": {"unit": "EUR", "experiment": 10, "hours": 2}}
    spec, seen = few({"k": 0.0, "l": 30.0, "m": 60.0, "n": 90.0}, same=False, **costs)
    nine, more = (Purse(**{name: n * each for name, each in paid.items()}) for n in (9, 90))

    (again,) = plan(spec, seen, seed=1, experiments=999, purse=nine, left=999).proposals

    assert (again.candidate.settings["a"], again.arm) == ("n", Arm.REPLICATE)
    assert "once more before the budget ends" in again.reason
    with pytest.raises(PoolExhausted):
        plan(spec, seen, seed=1, experiments=999, purse=more, left=999)


def test_of_versions_the_real_thing_says_how_many_a_budget_pays_for() -> None:
    costs = Costs("EUR", 1.0, 0.0, 0.0, options=((0, np.array([0.0, 49.0])), (1, np.array([5.0, 2.0]))))

    assert Purse(cost=260.0).times(costs.cheapest({0: 1})) == 5  # 52 each
    assert Purse(cost=260.0).times(costs.cheapest()) == 86  # 3 each
    assert Purse(cost=260.0, hours=1.0).times(costs.cheapest({0: 1})) == 5
    assert Purse(hours=1.0).times(costs.cheapest()) is None
