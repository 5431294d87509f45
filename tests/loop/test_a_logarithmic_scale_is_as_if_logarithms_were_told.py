"""A target with ``scale: log`` is planned for as one whose logarithms were told by hand, and said in its unit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from campaigns import alcohol_yield, mixed_spec, observe, reaction_spec
from earlier import earlier_of, first_batch, settings_of

from loop.examination.examining import examine_briefly
from loop.history import Claim, History
from loop.insight.best import honest_best
from loop.insight.influence import influences
from loop.insight.predicting import predict
from loop.objective import Goal, Objective, Target
from loop.objective.scale import powers_spanned
from loop.outcome import Measured, Measurement, Outcome, Qualifier
from loop.planner import plan
from loop.policy.stopping import reason_to_stop
from loop.rehearsal.believed import believed_worlds
from loop.spec import CampaignSpec, build_objective, build_space
from loop.training import regression_table
from loop.values import on_scale, sure_of
from loop.wording import within_factor

LIMITED = frozenset({4, 7})  # results that are limits


def impurity(settings: Any) -> float:
    """From 10 down to 0.001 %, in percent."""
    return float(10.0 ** (1.0 - alcohol_yield(settings) / 20.0))


def told(value: float, number: int, *, by_hand: bool, sd: float | None = None) -> Measurement:
    qualifier = Qualifier.BELOW if number in LIMITED else Qualifier.EQUAL
    if by_hand:
        sd = None if sd is None else sd / (value * math.log(10))
        value = math.log10(value)
    return Measurement("impurity", value, "", value, sd, sd, 1, qualifier)


def seen(spec: CampaignSpec, *, by_hand: bool, beside: bool = False, states: bool = False) -> History:
    found = []
    for i, settings in enumerate(settings_of(spec)[::3]):
        value = impurity(settings)
        mine = [told(value, i, by_hand=by_hand, sd=0.1 * value if states else None)]
        if beside:
            mine.append(Measurement("yield", alcohol_yield(settings), "", alcohol_yield(settings)))
        outcome: Outcome = Measured(tuple(mine))
        found.append(observe(spec, settings, outcome, f"o{i}"))
    return History(tuple(found))


def both(log: dict[str, Any], by_hand: dict[str, Any], beside: dict[str, Any] | None = None, **more: Any) -> Any:
    """The campaign with a logarithmic scale, and the same with logarithms told by hand."""
    other = {} if beside is None else {"yield": beside}
    planner = more.pop("planner", {})
    specs = []
    for target in ({"scale": "log", "unit": "%", **log}, by_hand):
        spec = reaction_spec({"impurity": target, **other}, **planner).model_dump(exclude_unset=True)
        specs.append(CampaignSpec.from_resolved({**spec, **more}))
    return specs


LOW = ({"goal": "minimize"}, {"goal": "minimize"})
BOUND = ({"goal": "minimize", "at_most": 0.5}, {"goal": "minimize", "at_most": math.log10(0.5)})
KEPT = ({"goal": "keep", "at_most": 0.5, "low": 0}, {"goal": "keep", "at_most": math.log10(0.5)})
WORTH = (
    {"goal": "minimize", "desirable": {"from": 5.0, "to": 0.01}},
    {"goal": "minimize", "desirable": {"from": math.log10(5.0), "to": -2.0}},
)
NEAR = ({"goal": "match", "value": 0.3}, {"goal": "match", "value": math.log10(0.3)})
AROUND = (NEAR[0] | {"within": 3.0}, NEAR[1] | {"within": math.log10(3.0)})
YIELD = {"goal": "maximize"}
WORTHY = {"goal": "maximize", "desirable": {"from": 10, "to": 80}}


@pytest.mark.parametrize(
    ("log", "by_hand", "beside", "more"),
    [
        (*LOW, None, {}),
        (*LOW, None, {"planner": {"acquisition": "thompson"}}),
        (*LOW, None, {"planner": {"acquisition": "ucb"}}),
        (*LOW, None, {"planner": {"replicates": "planned"}}),
        (*BOUND, None, {}),
        (*KEPT, YIELD, {}),
        (*LOW, YIELD, {}),
        (*BOUND, YIELD, {"planner": {"acquisition": "hits"}} | {}),
        (*WORTH, WORTHY, {"tradeoff": "desirability"}),
        (*WORTH, WORTHY, {"tradeoff": "weighted"}),
        (*LOW, None, {"plate": {"rows": 2, "columns": 3, "share": {"temperature": "row"}}}),
        (*NEAR, None, {}),
        (*AROUND, None, {}),
        (*AROUND, None, {"planner": {"acquisition": "thompson"}}),
        (*AROUND, None, {"planner": {"acquisition": "ucb"}}),
        (*AROUND, None, {"planner": {"replicates": "planned"}}),
        (*AROUND, None, {"planner": {"acquisition": "boundary"}}),
        (*NEAR, YIELD, {}),
        (*AROUND, YIELD, {}),
        (*AROUND, WORTHY, {"tradeoff": "desirability"}),
        (*AROUND, WORTHY, {"tradeoff": "weighted"}),
        (*AROUND, None, {"plate": {"rows": 2, "columns": 3, "share": {"temperature": "row"}}}),
    ],
)
def test_the_same_is_proposed_and_believed(
    log: dict[str, Any], by_hand: dict[str, Any], beside: dict[str, Any] | None, more: dict[str, Any]
) -> None:
    if more.get("planner", {}).get("acquisition") == "hits":
        beside = {**YIELD, "at_least": 40} if beside else None
    specs = both(log, by_hand, beside, **more)
    histories = [seen(s, by_hand=h, beside=beside is not None) for s, h in zip(specs, (False, True), strict=True)]

    plans = [plan(s, h, seed=0, experiments=6) for s, h in zip(specs, histories, strict=True)]
    bests = [honest_best(s, h, seed=0) for s, h in zip(specs, histories, strict=True)]

    assert [p.candidate for p in plans[0].proposals] == [p.candidate for p in plans[1].proposals]
    assert plans[0].proposals
    mine, other = ([x for p in one.proposals for x in p.predictions if x.target == "impurity"] for one in plans)
    for one, hand in zip(mine, other, strict=True):
        s = hand.sd * math.log(10)
        assert one.mean == pytest.approx(10**hand.mean * math.exp(s * s / 2))  # of a log-normal distribution
        assert one.sd == pytest.approx(one.mean * math.sqrt(math.exp(s * s) - 1))
    assert [c.settings for c in bests[0].candidates] == [c.settings for c in bests[1].candidates]
    for c, hand_c in zip(bests[0].candidates, bests[1].candidates, strict=True):
        assert c.best_of_tried == hand_c.best_of_tried
        assert c.keeps == hand_c.keeps
        assert c.targets[0].unit == "%"
        for name in ("mean", "low", "high"):
            hand_says = 10 ** getattr(hand_c.targets[0], name)
            assert getattr(c.targets[0], name) == pytest.approx(hand_says, rel=1e-3)  # between draws, on either scale
    if "regret" in plans[0].model:
        regret, of_hand = plans[0].model["regret"], plans[1].model["regret"]
        is_factor = beside is None or (log["goal"] != "keep" and "tradeoff" not in more)
        hand_says = of_hand["epsilon"]  # None where the most that may be missed has no end
        expected = 10**hand_says if is_factor and hand_says is not None else hand_says
        assert regret["epsilon"] == (None if expected is None else pytest.approx(expected))
        assert regret["widened"] == of_hand["widened"]


def test_the_same_is_predicted_and_followed() -> None:
    log, by_hand = both(*LOW)
    histories = seen(log, by_hand=False, states=True), seen(by_hand, by_hand=True, states=True)
    x = np.array([build_space(log).coordinates(s) for s in settings_of(log)[:6]])

    predicted = [predict(s, h, x, seed=0) for s, h in zip((log, by_hand), histories, strict=True)]
    followed = [influences(s, h, seed=0)[0] for s, h in zip((log, by_hand), histories, strict=True)]

    for one, hand in zip(predicted[0].candidates, predicted[1].candidates, strict=True):
        assert one.targets[0].mean == pytest.approx(10 ** hand.targets[0].mean)
        assert one.targets[0].high == pytest.approx(10 ** hand.targets[0].high, rel=1e-3)
    assert followed[0].unit == "log10(%)"
    assert followed[0].parameters == followed[1].parameters


def test_what_was_predicted_is_held_against_results_as_logarithms() -> None:
    target = Target("impurity", Goal.MINIMIZE, "%", is_log=True)
    mean, sd = target.moments_in_unit(-1.5, 0.3)

    (claim,) = on_scale([Claim("impurity", mean, sd, 0.1, voices={"gp": (mean, sd)})], Objective((target,)))

    assert (claim.mean, claim.sd, claim.value) == pytest.approx((-1.5, 0.3, -1.0))
    assert claim.voices["gp"] == pytest.approx((-1.5, 0.3))
    assert on_scale([replace(claim, mean=-0.1), replace(claim, value=0.0)], Objective((target,))) == ()


def test_numbers_over_intervals_are_planned_for_alike() -> None:
    spec = mixed_spec().model_dump(exclude_unset=True)
    plans = []
    for target in ({"goal": "maximize", "scale": "log"}, {"goal": "maximize"}):
        mine = CampaignSpec.from_resolved({**spec, "objective": {"rate": target}})
        rng = np.random.default_rng(0)
        rows = []
        for i in range(8):
            settings = {"x": round(rng.uniform(-1, 1), 2), "y": round(rng.uniform(0, 2), 2), "kind": "ab"[i % 2]}
            value = settings["x"] + settings["y"]
            value = value if target == {"goal": "maximize"} else 10.0**value
            rows.append(observe(mine, settings, Measured((Measurement("rate", value, "", value),)), f"o{i}"))
        plans.append(plan(mine, History(tuple(rows)), seed=0, experiments=2))

    settings = [[p.candidate.settings for p in one.proposals] for one in plans]
    for one, hand in zip(*settings, strict=True):
        assert {k: v for k, v in one.items() if k == "kind"} == {k: v for k, v in hand.items() if k == "kind"}
        assert [one[k] for k in "xy"] == pytest.approx([hand[k] for k in "xy"], abs=0.02)


@pytest.mark.parametrize(
    ("value", "qualifier"), [(0.0, Qualifier.EQUAL), (-0.1, Qualifier.EQUAL), (0.0, Qualifier.BELOW)]
)
def test_what_has_no_logarithm_trains_nothing_and_is_said(value: float, qualifier: Qualifier) -> None:
    (spec, _) = both(*LOW)
    outcome = Measured((Measurement("impurity", value, "%", value, qualifier=qualifier),))
    history = History((observe(spec, settings_of(spec)[0], outcome, "o1"),))

    table, notes = regression_table(
        build_space(spec), Objective((Target("impurity", Goal.MINIMIZE, "%", is_log=True),)), history
    )

    assert len(table) == 0
    assert any("no place on its logarithmic scale" in n and "o1" in n for n in notes)


def test_all_that_lies_below_nought_is_one_note() -> None:
    (spec, _) = both(*LOW)
    values = {"a": -0.1, "b": -2.0, "c": 0.0}
    rows = [
        observe(spec, settings_of(spec)[i], Measured((Measurement("impurity", v, "%", v),)), name)
        for i, (name, v) in enumerate(values.items())
    ]

    _, notes = regression_table(
        build_space(spec), Objective((Target("impurity", Goal.MINIMIZE, "%", is_log=True),)), History(tuple(rows))
    )

    assert [note.split(" has no place")[0] for note in notes] == [
        "observation a and 1 more: impurity below 0",
        "observation c: impurity 0",
    ]


def test_what_was_measured_with_an_option_is_a_mean_of_what_has_a_logarithm() -> None:
    (spec, _) = both(*LOW)
    nothing = observe(spec, settings_of(spec)[1], Measured((Measurement("impurity", 0.0, "%", 0.0),)), "none")
    history = History((*seen(spec, by_hand=False).observations, nothing))

    (followed,) = influences(spec, history, seed=0)

    assert all(math.isfinite(a.measured) for p in followed.parameters for a in p.adds if a.measured is not None)


def test_sources_are_learnt_on_the_scale_of_who_hears_them_in_any_unit() -> None:
    log, by_hand = both(*LOW)
    linear = reaction_spec({"impurity": {"goal": "minimize", "unit": "ppm"}})
    logged = reaction_spec({"impurity": {"goal": "minimize"}})
    told_in_ppm = earlier_of(lambda s: 1e4 * impurity(s), spec=linear)
    told_by_hand = earlier_of(lambda s: math.log10(impurity(s)), spec=logged)

    plans = [first_batch(log, told_in_ppm), first_batch(by_hand, told_by_hand)]

    assert all(p.proposals[0].predictions for p in plans)
    assert [p.candidate for p in plans[0].proposals] == [p.candidate for p in plans[1].proposals]
    for one, hand in zip(plans[0].proposals, plans[1].proposals, strict=True):
        s = hand.predictions[0].sd * math.log(10)
        assert one.predictions[0].mean == pytest.approx(10 ** hand.predictions[0].mean * math.exp(s * s / 2))


def test_a_guess_of_a_prior_is_averaged_as_logarithms() -> None:
    guess = {"base": {"weak": 10.0, "strong": 0.1}}
    log, _ = both(*LOW, prior={"impurity": guess})
    _, by_hand = both(*LOW, prior={"impurity": {"base": {"weak": 1.0, "strong": -1.0}}})

    plans = [first_batch(spec) for spec in (log, by_hand)]

    assert [p.candidate for p in plans[0].proposals] == [p.candidate for p in plans[1].proposals]
    assert plans[0].proposals[0].candidate.settings["base"] == "strong"


def test_worlds_of_a_rehearsal_answer_in_the_unit() -> None:
    log, by_hand = both(*LOW)
    x = np.array([build_space(log).coordinates(s) for s in settings_of(log)])
    truths = []
    for spec, is_hand in ((log, False), (by_hand, True)):
        world = believed_worlds(spec, build_space(spec), seen(spec, by_hand=is_hand), seed=0)(0)
        truths.append([row["impurity"] for row in world.truth(x)])

    assert truths[0] == pytest.approx([10**value for value in truths[1]])


def test_effects_of_days_are_factors() -> None:
    log, by_hand = both(*LOW, noise={"effects": ["day"]})
    notes = []
    for spec, is_hand in ((log, False), (by_hand, True)):
        history = seen(spec, by_hand=is_hand)
        days = [replace(o, context={"day": "mon" if i % 2 else "tue"}) for i, o in enumerate(history.observations)]
        notes.append([n for n in plan(spec, History(tuple(days)), seed=0, experiments=2).notes if "day" in n])

    assert notes[0]
    assert any("log10(%)" in note for note in notes[0])
    assert [n.replace(" log10(%)", "") for n in notes[0]] == notes[1]


@pytest.mark.parametrize(
    ("values", "powers"),
    [
        ([0.01 * 3.0**i for i in range(9)], 3.8),
        ([0.01 * 3.0**i for i in range(7)], None),  # too few to tell
        ([1.0 + i for i in range(20)], None),
        ([0.5, *(40.0 + 3.0 * i for i in range(19))], None),  # one is small, and the others are alike
        ([0.0, *(0.01 * 3.0**i for i in range(9))], None),
    ],
)
def test_values_that_span_powers_of_ten_are_known(values: list[float], powers: float | None) -> None:
    found = powers_spanned(values)

    assert (None if found is None else round(found, 1)) == powers


def test_an_examination_says_that_a_logarithmic_scale_is_for_such_values() -> None:
    log, _ = both(*LOW)
    plain = reaction_spec({"impurity": {"goal": "minimize", "unit": "%"}})
    bounded = reaction_spec({"impurity": {"goal": "maximize", "unit": "%", "high": 100}})
    said = []
    for spec in (plain, log, bounded):
        rows = [
            observe(spec, s, Measured((Measurement("impurity", impurity(s), "%", impurity(s)),)), f"o{i}")
            for i, s in enumerate(settings_of(spec))
        ]
        findings = examine_briefly(spec, build_space(spec), History(tuple(rows)), None, seed=0)["impurity"].findings
        said.append([f.remedy for f in findings if "powers of ten" in f.says])

    assert said == [["scale: log beside its goal, where factors count and not differences"], [], []]


def test_an_examination_says_that_zeros_beside_such_values_are_limits_on_a_logarithmic_scale() -> None:
    spec = reaction_spec({"impurity": {"goal": "minimize", "unit": "%"}})
    values = [0.0 if i % 3 == 0 else impurity(s) for i, s in enumerate(settings_of(spec))]
    rows = [
        observe(spec, s, Measured((Measurement("impurity", v, "%", v),)), f"o{i}")
        for i, (s, v) in enumerate(zip(settings_of(spec), values, strict=True))
    ]

    findings = examine_briefly(spec, build_space(spec), History(tuple(rows)), None, seed=0)["impurity"].findings

    (remedy,) = [f.remedy for f in findings if "powers of ten" in f.says]
    assert f"of {values.count(0.0)} values that are 0 the limit below which they lie" in remedy


@pytest.mark.parametrize(
    ("factor", "said"), [(2.43, "2.4"), (1.96, "2"), (1.13, "1.1"), (1.04, "1.04"), (1.0042, "1.004"), (1.0, "1")]
)
def test_a_factor_close_to_one_is_told_from_one(factor: float, said: str) -> None:
    assert within_factor(0.052, factor, "%") == f"0.052 % (within a factor of {said})"


@pytest.mark.parametrize(("value", "reason"), [(0.0, ""), (0.005, "impurity reached 0.005 %, and at most 0.01 % was")])
def test_a_zero_of_what_is_minimised_is_not_the_best_and_ends_no_campaign(value: float, reason: str) -> None:
    wanted = {"goal": "minimize", "unit": "%", "scale": "log"}
    kept = {"goal": "keep", "unit": "%", "at_most": 1.0, "scale": "log"}
    plain = reaction_spec({"impurity": wanted, "salt": kept})
    spec = CampaignSpec.from_resolved({**plain.resolved(), "stop": [{"target": "impurity", "at_most": 0.01}]})
    outcome = Measured((Measurement("impurity", value, "%", value), Measurement("salt", 0.0, "%", 0.0)))
    history = History((observe(spec, settings_of(spec)[0], outcome, "o"),))

    said, sure = reason_to_stop(spec, history, spent=1), sure_of(outcome, build_objective(spec))

    assert (said[: len(reason)], bool(said)) == (reason, bool(reason))
    assert ("impurity" in sure) is bool(reason)
    assert sure["salt"] == (0.0, "=")  # which keeps its threshold
