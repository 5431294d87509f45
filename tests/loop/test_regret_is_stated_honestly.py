"""How much better something untried may be: by independent sums, by the record, and as a reason to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import alcohol_yield, measured, mixed_spec, reaction_spec, run_rounds
from scipy.stats import norm
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.history import Claim, History, Observation, Pending
from loop.insight.regret import distrust, regret_of
from loop.insight.saying import regret_sentence
from loop.insight.statements import CHECKED
from loop.objective import Goal, Objective, Target, Tradeoff
from loop.planner import plan
from loop.policy.stopping import regret_settled, settled_in
from loop.space import Category, PointPool, Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.feasibility import Feasibility

YIELD = Target("yield", Goal.MAXIMIZE, "%")


@dataclass(frozen=True)
class Independent:
    """A belief about options of one category, each by itself: what it says can be summed up by hand."""

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    name: str = "independent"
    noise_sd: float = 0.1

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        i = x[:, 0].long()
        return torch.tensor(self.means)[i].double(), torch.tensor(self.deviations)[i].double()

    def noise_at(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), self.noise_sd, dtype=x.dtype)

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        mean, sd = self.moments(x)
        generator = torch.Generator().manual_seed(seed)
        half = torch.randn((n + 1) // 2, len(x), generator=generator, dtype=x.dtype)
        return mean + torch.cat([half, -half])[:n] * sd

    def held_out(self) -> Tensor:
        return torch.zeros(1)

    def model(self) -> Any:
        raise NotImplementedError

    def summary(self) -> Mapping[str, Any]:
        return {}


def question(belief: Independent, target: Target = YIELD, feasibility: Feasibility | None = None) -> Question:
    """Option 0 was tried, the others were not."""
    n = len(belief.means)
    points = np.arange(n, dtype=float)[:, None]
    return Question(
        space=Space((Category("option", tuple(f"o{i}" for i in range(n))),)),
        objective=Objective((target,)),
        models=(belief,),
        feasibility=feasibility or Feasibility(),
        pool=PointPool(points),
        observed=torch.zeros((1, 1), dtype=torch.float64),
        pending=torch.empty((0, 1), dtype=torch.float64),
        tried=points[:1],
        seed=3,
    )


def right(n: int, target: str = "yield") -> list[Claim]:
    """Predictions that came out better by one deviation as often as worse: a factor of 0.71 in the end."""
    return [Claim(target, 50.0, 10.0, 50.0 + 10.0 * (-1) ** i) for i in range(n)]


NOTHING = torch.empty((0, 1), dtype=torch.float64)
BEST = torch.zeros(1, dtype=torch.float64)
TOLERANCE = 0.04  # 1,024 draws: four standard errors of a chance of 0.1


def test_one_rival_is_better_with_the_chance_that_a_normal_distribution_gives() -> None:
    claims = right(4_000)
    found = regret_of(question(Independent((80.0, 78.0), (0.0, 4.0))), BEST, claims, NOTHING)
    sd = 4.0 * distrust(YIELD, claims)

    assert found.factors["yield"] == pytest.approx(math.sqrt(0.5), abs=0.01)
    for regret in (0.0, 1.0, 2.0):
        assert found.chance(regret) == pytest.approx(1 - norm.cdf((regret + 2.0) / sd), abs=TOLERANCE)
    assert found.within(0.05) == pytest.approx(norm.ppf(0.95) * sd - 2.0, abs=0.5)


def test_a_committee_is_as_wide_as_it_predicts() -> None:
    claims, both = right(4_000), Independent((80.0, 78.0), (0.0, 4.0))
    committee = FittedCommittee("committee", (both, both), (0.5, 0.5), widening=0.36)

    found = regret_of(replace(question(both), models=(committee,)), BEST, claims, NOTHING)

    sd = 0.6 * 4.0 * distrust(YIELD, claims)  # what it says of a candidate, as it is trusted
    assert float(committee.moments(torch.ones((1, 1), dtype=torch.float64))[1]) == pytest.approx(0.6 * 4.0)
    assert found.chance(0.0) == pytest.approx(1 - norm.cdf(2.0 / sd), abs=TOLERANCE)
    assert found.within(0.05) == pytest.approx(norm.ppf(0.95) * sd - 2.0, abs=0.5)


def test_the_search_over_many_candidates_is_counted() -> None:
    claims, n = right(4_000), 100
    found = regret_of(question(Independent((80.0, *[76.0] * n), (0.0, *[3.0] * n))), BEST, claims, NOTHING)
    sd = 3.0 * distrust(YIELD, claims)

    assert found.chance(2.0) == pytest.approx(1 - norm.cdf(6.0 / sd) ** n, abs=TOLERANCE)
    assert (found.scored, found.drawn, found.is_all) == (n, n, True)


def test_the_smallest_regret_is_where_the_chance_falls_to_delta() -> None:
    found = regret_of(question(Independent((50.0, 48.0, 45.0), (1.0, 5.0, 9.0))), BEST, (), NOTHING)

    for delta in (0.01, 0.05, 0.2):
        epsilon = found.within(delta)
        assert found.chance(epsilon) <= delta
        assert found.chance(epsilon - 1e-9) > delta
    assert found.within(0.01) > found.within(0.05) > found.within(0.2)


def test_the_best_itself_is_uncertain() -> None:
    sure = regret_of(question(Independent((80.0, 70.0), (0.0, 0.0))), BEST, (), NOTHING)
    noisy = regret_of(question(Independent((80.0, 70.0), (10.0, 0.0))), BEST, (), NOTHING)

    assert sure.within(0.05) == 0.0
    assert noisy.within(0.05) == pytest.approx(norm.ppf(0.95) * 22.5 - 10.0, abs=2.5)  # nothing was checked


def test_nothing_is_better_than_can_be() -> None:
    wide = Independent((97.0, 90.0), (0.0, 40.0))
    bounded = Target("yield", Goal.MAXIMIZE, "%", low=0, high=100)

    assert regret_of(question(wide), BEST, (), NOTHING).within(0.05) > 50.0
    assert regret_of(question(wide, bounded), BEST, (), NOTHING).within(0.05) == pytest.approx(3.0)


def test_less_is_better_where_it_is_to_be_small_and_nearer_where_it_is_to_be_matched() -> None:
    small, matched = Target("cost", Goal.MINIMIZE), Target("pH", Goal.MATCH, value=7.0)
    cheaper = regret_of(question(Independent((50.0, 20.0), (0.0, 0.0)), small), BEST, (), NOTHING)
    nearer = regret_of(question(Independent((9.0, 6.5), (0.0, 0.0)), matched), BEST, (), NOTHING)

    assert cheaper.within(0.05) == pytest.approx(30.0)
    assert nearer.within(0.05) == pytest.approx(1.5)


def test_what_breaks_a_threshold_is_no_loss() -> None:
    limited = Target("yield", Goal.MAXIMIZE, "%", at_most=85)

    found = regret_of(question(Independent((80.0, 95.0, 82.0), (0.0, 0.0, 0.0)), limited), BEST, (), NOTHING)

    assert found.within(0.05) == pytest.approx(2.0)


def test_a_best_that_breaks_a_threshold_itself_loses_to_whatever_keeps_it() -> None:
    limited = Target("yield", Goal.MAXIMIZE, "%", at_most=85)
    factor = distrust(limited, right(4_000))
    asked = question(Independent((84.0, 60.0), (4.0, 0.0)), limited)

    found = regret_of(asked, BEST, right(4_000), NOTHING)

    broken = 1 - norm.cdf(1.0 / (4.0 * factor))
    assert found.chance(5.0) == pytest.approx(broken, abs=TOLERANCE)
    told = found.told("it", 0.05, [(5.0, 0.05)])
    assert told["epsilon"] is None
    assert regret_sentence(told) == (
        "it may break the thresholds itself, so nothing is said of how much better others may be"
    )
    assert regret_sentence({**told, "checked": CHECKED - 1}).endswith(  # it is doubted three times as much then
        "how much better others may be; few predictions were held against results yet"
    )
    assert regret_settled(stopping(regret=5), {**told, "checked": CHECKED}) == ""
    nowhere = regret_of(question(Independent((84.0, 90.0), (4.0, 0.0)), limited), BEST, right(4_000), NOTHING)
    assert nowhere.within(0.05) == 0.0  # where nothing else keeps it either, there is nothing to be regretted


def test_what_never_runs_is_no_loss() -> None:
    never = Feasibility(Independent((1.0, -1.0), (0.01, 0.01), noise_sd=0.01), 1)

    found = regret_of(question(Independent((80.0, 95.0), (0.0, 0.0)), feasibility=never), BEST, (), NOTHING)

    assert found.chance(5.0) == pytest.approx(0.02, abs=0.02)  # no chance is taken to be smaller than that


def test_much_that_never_runs_is_no_more_of_a_loss_than_one() -> None:
    n = 400
    latent = Independent((1.0, *[-1.0] * n), (0.01,) * (n + 1), noise_sd=0.01)
    believed = Independent((80.0, *[95.0] * n), (0.0,) * (n + 1))

    found = regret_of(question(believed, feasibility=Feasibility(latent, n)), BEST, (), NOTHING)

    assert found.chance(5.0) == pytest.approx(0.02, abs=0.02)  # drawn each by itself, one of them runs in every draw


def test_what_is_running_counts_among_the_rest() -> None:
    asked = question(Independent((80.0, 70.0, 90.0), (0.0, 0.0, 0.0)))
    running = torch.tensor([[2.0]], dtype=torch.float64)
    without = replace(asked, tried=np.array([[0.0], [2.0]]))

    assert regret_of(without, BEST, (), NOTHING).within(0.05) == 0.0
    assert regret_of(without, BEST, (), running).within(0.05) == pytest.approx(10.0)
    assert regret_of(asked, BEST, (), running).drawn == 2  # and once


def test_a_belief_is_trusted_as_far_as_its_predictions_came_true() -> None:
    none, good = distrust(YIELD, ()), distrust(YIELD, right(40))
    few = distrust(YIELD, right(CHECKED - 2))
    surprised = distrust(YIELD, [*right(38), *[Claim("yield", 50.0, 1.0, 60.0)] * 2])
    disappointed = distrust(YIELD, [*right(38), *[Claim("yield", 50.0, 1.0, 40.0)] * 2])

    assert none == pytest.approx(3 * 0.75)
    assert good == pytest.approx(math.sqrt((40 * 0.75**2 + 20) / 80))
    assert few > 2.0
    assert surprised > 2 * good
    assert disappointed <= good
    small = Target("yield", Goal.MINIMIZE, "%")
    assert distrust(small, [Claim("yield", 50.0, 1.0, 40.0)] * 2) > distrust(
        small, [Claim("yield", 50.0, 1.0, 60.0)] * 2
    )


def test_a_value_to_be_matched_is_told_wider_while_nothing_says_how_results_scatter() -> None:
    matched = Target("pH", Goal.MATCH, value=7.0)
    asked = question(Independent((7.0, 7.5), (1.0, 0.0)), matched)
    close = [Claim("pH", 5.0, 1.0, 5.0)] * 40

    untold, told = (regret_of(asked, BEST, close, NOTHING, scattered) for scattered in ((), {"pH"}))

    assert told.factors["pH"] == 1.0
    assert untold.factors["pH"] == 1.25
    assert untold.within(0.05) > told.within(0.05)
    exact = regret_of(replace(asked, objective=Objective((replace(matched, is_exact=True),))), BEST, close, NOTHING)
    assert exact.factors["pH"] < 1.0


def test_surprises_widen_the_statement() -> None:
    asked = question(Independent((80.0, 70.0), (0.0, 5.0)))
    surprises = [Claim("yield", 50.0, 1.0, 55.0)] * 10

    assert regret_of(asked, BEST, surprises, NOTHING).within(0.05) > regret_of(asked, BEST, right(10), NOTHING).within(
        0.05
    )
    assert regret_of(asked, BEST, right(10, "purity"), NOTHING).checked == 0


def test_a_target_that_comes_as_limits_is_named_as_the_one_whose_predictions_were_not_held_against_results() -> None:
    limits = Target("purity", Goal.KEEP, "%", at_least=90)
    belief = Independent((94.0, 92.0), (0.0, 0.0))
    asked = replace(question(belief), objective=Objective((YIELD, limits)), models=(belief, belief))

    some = regret_of(asked, BEST, right(40), NOTHING).told("it", 0.05, [])
    none = regret_of(asked, BEST, (), NOTHING).told("it", 0.05, [])

    assert regret_sentence(some).endswith("; few predictions of purity were held against results yet")
    assert regret_sentence(none).endswith("; few predictions were held against results yet")


def answer(settings: Mapping[str, Any]) -> Any:
    return measured(**{"yield": alcohol_yield(settings)})


def test_every_round_states_it_and_the_same_record_states_the_same() -> None:
    history, plans = run_rounds(reaction_spec(), answer, 4)
    first, *later = [p.model.get("regret") for p in plans]
    again = plan(reaction_spec(), History(history.observations[:4]), seed=1, experiments=3)
    once_more = plan(reaction_spec(), History(history.observations[:4]), seed=1, experiments=3)

    assert first is None  # an initial design has no model
    assert all(told["delta"] == 0.05 and told["epsilon"] >= 0 and told["rules"] == [] for told in later)
    assert all(told["scored"] == 30 - 4 - 3 * i for i, told in enumerate(later))
    assert again.model["regret"] == once_more.model["regret"]
    assert regret_sentence(later[0]).startswith("with probability 0.95 nothing untried is better than ")
    assert regret_sentence(later[0]).endswith("; few predictions were held against results yet")


def test_it_names_the_candidate_believed_best() -> None:
    _, plans = run_rounds(reaction_spec(), answer, 5)

    told = plans[-1].model["regret"]

    assert told["incumbent"] in plans[-1].model["believed_best"]


def test_a_continuous_space_is_told_as_far_as_points_tell() -> None:
    spec = mixed_spec()
    _, plans = run_rounds(spec, lambda s: measured(height=s["x"] + s["y"]), 4)

    told = plans[-1].model["regret"]

    assert not told["is_all"]
    assert told["drawn"] > 300  # what the batch climbed to counts besides
    assert f", as far as {told['scored']:,} points tell" in regret_sentence(told)


def test_claims_and_pending_experiments_reach_the_statement() -> None:
    spec = reaction_spec()
    history, _ = run_rounds(spec, answer, 3)
    last = history.observations[-1]
    fewer = History(history.observations[:-1], (Pending("p", last.x),), claims=tuple(right(12)))

    told = plan(spec, fewer, seed=1, experiments=3).model["regret"]

    assert told["checked"] == 12
    assert told["widened"]["yield"] == pytest.approx(distrust(YIELD, right(12)))
    assert told["drawn"] == told["scored"] + 1  # the one that runs


@pytest.mark.parametrize(
    "changes",
    [
        {"planner": {"surrogate": "random", "initial": {"experiments": 4}}},
        {"objective": {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}}},
        {"objective": {"yield": {"goal": "maximize", "levels": [0, 50, 100]}}},
        {"general": {"over": ["base"]}},
        {"objective": {"yield": {"goal": "maximize", "unit": "%", "at_least": 99}}},  # nothing can be named the best
    ],
    ids=["no-model", "a-front", "levels", "a-scope", "nothing-keeps-the-threshold"],
)
def test_nothing_is_stated_where_it_has_no_meaning(changes: dict[str, Any]) -> None:
    spec = CampaignSpec.from_resolved({**reaction_spec().resolved(), **changes})
    space = build_space(spec)
    rng = np.random.default_rng(0)
    seen = []
    for i, (alcohol, base) in enumerate([("methanol", "weak"), ("ethanol", "strong"), ("butanol", "weak")] * 2):
        settings = {"alcohol": alcohol, "base": base, "temperature": [20, 40][i // 3]}
        values = {name: [0.0, 50.0][i % 2] if name == "yield" else float(rng.random()) for name in spec.objective}
        seen.append(Observation(str(i), space.coordinates(settings), measured(**values)))

    assert "regret" not in plan(spec, History(tuple(seen)), seed=0, experiments=3).model


def test_a_trade_off_is_regretted_as_its_score() -> None:
    objective = {
        "yield": {"goal": "maximize", "low": 0, "high": 100},
        "cost": {"goal": "minimize", "low": 0, "high": 10},
    }
    data = {**reaction_spec(objective).resolved(), "tradeoff": "desirability"}
    spec = CampaignSpec.from_resolved({**data, "stop": [{"target": "desirability", "regret": 0.1, "delta": 0.2}]})
    _, plans = run_rounds(spec, lambda s: measured(cost=s["temperature"] / 10, **{"yield": alcohol_yield(s)}), 3)

    told = plans[-1].model["regret"]

    assert (told["target"], told["unit"], told["delta"]) == ("desirability", "", 0.2)
    assert set(told["widened"]) == {"yield", "cost"}
    assert 0 <= told["epsilon"] <= 1.05
    assert told["rules"][0]["regret"] == 0.1


def test_a_regret_of_a_trade_off_is_a_difference_of_scores_at_the_edges_of_what_is_desirable_too() -> None:
    targets = tuple(Target(name, Goal.MAXIMIZE, "%", low=0, high=100) for name in ("yield", "purity"))
    options = ((81.0, 49.0), (100.0, 64.0), (0.0, 100.0))
    asked = replace(
        question(Independent((0.0,) * 3, (0.0,) * 3)),
        objective=Objective(targets, Tradeoff.DESIRABILITY),
        models=tuple(Independent(tuple(o[i] for o in options), (0.0,) * 3) for i in range(2)),
    )

    found = regret_of(asked, BEST, (), NOTHING)

    assert found.within(0.05) == pytest.approx(math.sqrt(1.00 * 0.64) - math.sqrt(0.81 * 0.49))


def stopping(**rule: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved({**reaction_spec().resolved(), "stop": [{"target": "yield", **rule}]})


def told_of(chance: float, *, checked: int = CHECKED, delta: float = 0.05) -> dict[str, Any]:
    rules = [{"regret": 5.0, "delta": delta, "chance": chance}]
    return {"unit": "%", "incumbent": "butanol, strong", "checked": checked, "rules": rules}


def test_a_regret_is_a_reason_to_stop_once_it_is_unlikely_enough() -> None:
    spec = stopping(regret=5)

    assert regret_settled(spec, told_of(0.04)) == (
        "nothing untried is believed to be better than butanol, strong by more than 5 % "
        "(a chance of 0.04, and 0.05 was allowed)"
    )
    assert regret_settled(spec, {**told_of(0.04), "scatters": False}).endswith(
        "was allowed), if results hardly scatter"
    )
    assert regret_settled(spec, told_of(0.06)) == ""
    assert regret_settled(stopping(regret=5, delta=0.1), told_of(0.06, delta=0.1)) != ""
    assert regret_settled(stopping(regret=4), told_of(0.0)) == ""  # another regret was asked then
    assert regret_settled(stopping(at_least=5), told_of(0.0)) == ""
    assert regret_settled(spec, {}) == ""  # a round of before it was stated


def test_a_reason_is_told_from_what_else_ends_a_campaign() -> None:
    for told in (told_of(0.04), {**told_of(0.04), "scatters": False}):
        settled = regret_settled(stopping(regret=5), told)
        assert settled_in(f"{settled}; believed best: butanol, strong (yield 80 %)") == settled
    assert settled_in("the budget of 10 experiments is spent; believed best: butanol, strong (yield 80 %)") == ""


def test_it_is_not_believed_before_some_predictions_were_held_against_results() -> None:
    assert regret_settled(stopping(regret=5), told_of(0.0, checked=CHECKED - 1)) == ""


def test_members_that_disagree_about_every_target_are_not_better_in_all_of_them_at_once() -> None:
    """Of two targets of which one member says much and the other little, each has a half of the draws."""

    def split(much: float, little: float) -> FittedCommittee:
        members = (Independent((50.0, much), (0.0, 0.0)), Independent((50.0, little), (0.0, 0.0)))
        return FittedCommittee("committee", members, (0.5, 0.5))  # type: ignore[arg-type]

    limited = Target("purity", Goal.KEEP, "%", at_least=40)
    models = (split(80.0, 20.0), split(80.0, 20.0))
    one = question(Independent((50.0, 50.0), (0.0, 0.0)))
    asked = replace(one, objective=Objective((YIELD, limited)), models=models)

    found = regret_of(asked, BEST, [*right(40), *right(40, "purity")], NOTHING)

    assert found.chance(5.0) == pytest.approx(0.25, abs=2 * TOLERANCE)
