"""Derived targets: worked out from results, learnt through what they follow from, and planned for like any other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import alcohol_yield, mixed_spec, observe, reaction_spec
from earlier import settings_of

from loop.derived import derived
from loop.history import History
from loop.insight.asking import belief_of
from loop.insight.best import honest_best
from loop.insight.influence import influences
from loop.insight.predicting import predict
from loop.insight.scattering import scattered
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.planner import plan
from loop.policy.stopping import reason_to_stop
from loop.rehearsal.believed import believed_worlds
from loop.spec import CampaignSpec, build_objective, build_space
from loop.surrogates.derived import FittedDerived
from loop.surrogates.protocol import TrainingSet, chance_between
from loop.surrogates.within import within
from loop.tolerance import Tolerance, Tolerances
from loop.values import limits_of, sure_of, values_of
from loop.working import workings_of

PART = {"yield": {"goal": "keep", "unit": "%", "low": 0, "high": 100}}
RATE = {"expression": "yield / temperature", "goal": "maximize", "unit": "%/degC"}


def with_derived(derived: Mapping[str, Any], objective: Mapping[str, Any] | None = None, **more: Any) -> CampaignSpec:
    planner = more.pop("planner", {})
    spec = reaction_spec(objective or PART, **planner).model_dump(exclude_unset=True)
    return CampaignSpec.from_resolved({**spec, "derived": derived, **more})


def seen(spec: CampaignSpec, **changes: Outcome) -> History:
    rows = []
    for i, settings in enumerate(settings_of(spec)[::3]):
        value = alcohol_yield(settings)
        rows.append(observe(spec, settings, changes.get(f"o{i}", yielded(value)), f"o{i}"))
    return History(tuple(rows))


def yielded(value: float, sd: float | None = None, qualifier: Qualifier = Qualifier.EQUAL) -> Measured:
    return Measured((Measurement("yield", value, "%", value, sd, sd, 1, qualifier),))


def test_values_deviations_and_limits_follow() -> None:
    spec = with_derived({"rate": RATE})
    told = seen(
        spec,
        o0=yielded(30.0, sd=2.0),
        o1=yielded(5.0, qualifier=Qualifier.BELOW),
        o2=Negative("nothing", yielded(2.0, qualifier=Qualifier.BELOW).measurements),
        o3=Fault(FaultKind.UNKNOWN, "it broke", False),
        o4=yielded(95.0, qualifier=Qualifier.ABOVE),
    )
    known = derived(spec, told).observations
    t = [o.x[build_space(spec).names.index("temperature")] for o in known]

    assert values_of(known[0].outcome)["rate"] == pytest.approx(30.0 / t[0])
    assert isinstance(known[0].outcome, Measured)
    assert known[0].outcome.measurements[-1].canonical_sd == pytest.approx(2.0 / t[0])
    assert limits_of(known[1].outcome)["rate"] == pytest.approx((-math.inf, 5.0 / t[1]))
    assert isinstance(known[2].outcome, Negative)
    assert {m.property for m in known[2].outcome.measurements} == {"yield", "rate"}
    assert known[3].outcome == told.observations[3].outcome
    assert limits_of(known[4].outcome)["rate"] == pytest.approx((95.0 / t[4], math.inf))
    assert derived(spec, derived(spec, told)) == derived(spec, told)


@pytest.mark.parametrize("qualifier", [Qualifier.EQUAL, Qualifier.BELOW, Qualifier.ABOVE])
def test_what_settings_alone_decide_is_a_value_beside_a_limit_too(qualifier: Qualifier) -> None:
    spec = with_derived({"price": {"expression": "2 * temperature + 0 * yield", "goal": "minimize"}})

    found = derived(spec, seen(spec, o0=yielded(30.0, qualifier=qualifier))).observations[0].outcome

    assert values_of(found)["price"] == 2 * settings_of(spec)[0]["temperature"]


def test_what_the_formula_can_be_at_all_is_no_limit_unless_it_keeps_a_threshold() -> None:
    told = {"o1": yielded(95.0, qualifier=Qualifier.ABOVE)}
    plain, kept = with_derived({"rate": RATE}), with_derived({"rate": {**RATE, "at_most": 100.0}})
    t = settings_of(plain)[3]["temperature"]

    found, sure = (derived(spec, seen(spec, **told)).observations[1].outcome for spec in (plain, kept))

    assert limits_of(found)["rate"] == (pytest.approx(95.0 / t), math.inf)
    assert limits_of(sure)["rate"] == pytest.approx((95.0 / t, 100.0 / t))
    assert sure_of(sure, build_objective(kept))["rate"] == (pytest.approx(95.0 / t), ">")
    little = derived(plain, seen(plain, o1=yielded(5.0, qualifier=Qualifier.BELOW))).observations[1].outcome
    assert "rate" not in sure_of(little, build_objective(plain))  # more than nothing is no value


def test_a_limit_of_what_is_learnt_as_logarithms_lies_above_nothing() -> None:
    parts = {**PART, "impurity": {"goal": "keep", "unit": "%", "scale": "log"}}
    share = {"expression": "yield / (yield + impurity)", "goal": "maximize"}
    spec = with_derived({"share": share}, parts)
    below = Measurement("impurity", 0.5, "%", 0.5, qualifier=Qualifier.BELOW)

    known = derived(spec, seen(spec, o0=Measured((*yielded(9.5).measurements, below)))).observations[0]

    assert limits_of(known.outcome)["share"] == (pytest.approx(0.95), math.inf)


@pytest.mark.parametrize(
    ("formula", "limits"),
    [
        ("yield / (yield + impurity)", (-math.inf, 1.0 / 3.0)),  # of a name that occurs twice
        ("100 / yield", (20.0, math.inf)),  # of what is infinite where nothing is formed
        ("(yield - 2.5) ** 2 + impurity", (-math.inf, 16.25)),  # of what neither rises nor falls all along
        ("(yield - 4.96) ** 2 + impurity", (-math.inf, 34.6016)),  # nor this one, close to the end
        ("abs(yield - 4.99) + impurity", (-math.inf, 14.99)),
        ("sqrt(yield - 3) + impurity", None),  # of what has no value somewhere
    ],
)
def test_a_limit_follows_as_far_as_the_formula_tells(formula: str, limits: tuple[float, float] | None) -> None:
    parts = {**PART, "impurity": {"goal": "minimize", "unit": "%", "low": 0, "high": 100}}
    spec = with_derived({"figure": {"expression": formula, "goal": "maximize"}}, parts)
    impurity = Measurement("impurity", 10.0, "%", 10.0)
    told = Measured((*yielded(5.0, qualifier=Qualifier.BELOW).measurements, impurity))

    known = derived(spec, seen(spec, o0=told)).observations[0]

    expected = None if limits is None else pytest.approx(limits)
    assert limits_of(known.outcome).get("figure") == expected


def test_nothing_follows_from_a_limit_that_no_value_keeps_and_a_value_beyond_what_can_be_counts() -> None:
    parts = {**PART, "purity": {"goal": "keep", "unit": "%", "low": 0, "high": 100}}
    spec = with_derived({"both": {"expression": "yield * purity / 100", "goal": "maximize"}}, parts)
    beyond = Measurement("purity", 150.0, "%", 150.0, qualifier=Qualifier.ABOVE)
    below = Measurement("purity", 50.0, "%", 50.0, qualifier=Qualifier.BELOW)
    told = {
        "o0": Measured((*yielded(9.5).measurements, beyond)),
        "o1": Measured((*yielded(102.0).measurements, below)),
    }

    known = derived(spec, seen(spec, **told)).observations

    assert "both" not in limits_of(known[0].outcome)
    assert limits_of(known[1].outcome)["both"] == (-math.inf, pytest.approx(51.0))


def test_what_was_told_of_it_before_it_was_derived_is_no_value_of_it() -> None:
    spec = with_derived({"rate": RATE})
    by_hand = Measurement("rate", 77.0, "%/degC", 77.0)
    told = seen(spec, o0=Measured((by_hand,)), o1=Measured((*yielded(30.0).measurements, by_hand)))

    alone, beside, *_ = derived(spec, told).observations

    assert values_of(alone.outcome) == {"rate, as it was told": 77.0}
    assert values_of(beside.outcome)["rate"] == pytest.approx(30.0 / settings_of(spec)[3]["temperature"])
    assert derived(spec, derived(spec, told)) == derived(spec, told)


def test_what_really_was_set_counts() -> None:
    spec = with_derived({"rate": RATE})
    (first, *rest) = seen(spec).observations
    column = build_space(spec).names.index("temperature")
    actual = first.x.copy()
    actual[column] = 33.0

    known = derived(spec, History((replace(first, actual=actual), replace(rest[0], is_off=True))))

    value = alcohol_yield(build_space(spec).settings(first.x))
    assert values_of(known.observations[0].outcome)["rate"] == pytest.approx(value / 33.0)
    assert "rate" not in values_of(known.observations[1].outcome)  # at other settings than any that are told


def test_a_belief_is_the_formula_of_beliefs() -> None:
    twice = {"twice": {"expression": "2 * yield + temperature", "goal": "maximize"}}
    for one in (with_derived(twice), with_derived(twice, {"yield": {"goal": "keep", "unit": "%"}})):
        space, objective = build_space(one), build_objective(one)
        belief = belief_of(one, space, objective, seen(one), (), seed=0)
        part, whole = belief.models
        assert isinstance(whole, FittedDerived)
        x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(one)]))
        mean, sd = part.moments(x)
        t = x[:, space.names.index("temperature")]
        inside = (mean - 4 * sd > 0) & (mean + 4 * sd < 100)  # else cut off at what the yield can be
        assert inside.any()
        found = whole.moments(x)
        assert torch.allclose(found[0][inside], (2 * mean + t)[inside], atol=0.05)
        assert torch.allclose(found[1][inside], 2 * sd[inside], rtol=0.03)
        assert torch.allclose(whole.noise_at(x)[inside], 2 * part.noise_at(x)[inside], rtol=0.15)
        draws = whole.samples(x, 4096, seed=1)
        assert torch.allclose(draws.mean(0)[inside], found[0][inside], atol=float(6 * found[1].max() / 64))
        assert torch.allclose(draws.std(0)[inside], found[1][inside], rtol=0.1)
        joint = whole.model().posterior(x[:, None, :])
        assert torch.allclose(joint.mean[:, 0, 0][inside], found[0][inside], atol=float(0.3 * found[1].max()))
        assert whole.held_out().shape == whole.y.shape
        assert bool(torch.isfinite(whole.held_out()).all())


def test_a_formula_that_is_the_part_itself_changes_no_belief_of_the_best() -> None:
    plain = reaction_spec({"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}})
    same = with_derived({"worth": {"expression": "yield", "goal": "maximize", "unit": "%", "low": 0, "high": 100}})

    bests = [honest_best(spec, seen(spec), seed=0) for spec in (plain, same)]
    plans = [plan(spec, seen(spec), seed=0, experiments=3) for spec in (plain, same)]

    first, other = (found.candidates[0] for found in bests)
    assert other.settings == first.settings
    assert other.targets[1].mean == pytest.approx(first.targets[0].mean, abs=0.5)
    assert other.targets[1].low == pytest.approx(first.targets[0].low or 0.0, abs=2.0)
    assert other.best_of_tried == pytest.approx(first.best_of_tried or 0.0, abs=0.05)
    assert plans[1].proposals[0].candidate == plans[0].proposals[0].candidate
    assert plans[1].model["regret"]["target"] == "worth"


@pytest.mark.parametrize(
    ("planner", "more"),
    [
        ({}, {}),
        ({"acquisition": "thompson"}, {}),
        ({"acquisition": "ucb"}, {}),
        ({"acquisition": "exploration"}, {}),
        ({"replicates": "planned"}, {}),
        ({}, {"plate": {"rows": 2, "columns": 3, "share": {"temperature": "row"}}}),
        ({}, {"costs": {"experiment": 2}, "budget": {"cost": 40}}),
        ({}, {"noise": {"effects": ["day"]}}),
    ],
)
def test_a_derived_target_is_planned_for(planner: dict[str, Any], more: dict[str, Any]) -> None:
    spec = with_derived({"rate": RATE}, planner=planner, **more)

    planned = plan(spec, seen(spec), seed=0, experiments=6)

    assert planned.surrogate
    said = [p for p in planned.proposals[0].predictions if p.target == "rate"]
    assert [p.member for p in said] == ["derived"]
    assert said[0].sd > 0
    assert any("rate" in p.reason for p in planned.proposals)


@pytest.mark.parametrize("more", [{}, {"tradeoff": "desirability"}])
def test_it_stands_beside_others(more: dict[str, Any]) -> None:
    ends = {"desirable": {"from": 0, "to": 2}} if more else {}
    objective = {
        "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
        "purity": {"goal": "keep", "at_least": 10, "unit": "%", "scale": "log"},
    }
    spec = with_derived(
        {"rate": {**RATE, **ends}, "loss": {"expression": "log10(purity) - yield / 50", "goal": "keep", "at_most": 3}},
        objective,
        **more,
    )
    history = seen(spec)
    history = replace(
        history,
        observations=tuple(
            replace(o, outcome=Measured((*o.outcome.measurements, Measurement("purity", 20.0 + i, "%", 20.0 + i))))
            for i, o in enumerate(history.observations)
            if isinstance(o.outcome, Measured)
        ),
    )

    planned = plan(spec, history, seed=0, experiments=3)
    best = honest_best(spec, history, seed=0)

    assert {p.target for p in planned.proposals[0].predictions} == {"yield", "purity", "rate", "loss"}
    assert [t.target for t in best.candidates[0].targets] == ["yield", "purity", "rate", "loss"]


def over_numbers(goal: str, results: int) -> tuple[CampaignSpec, History]:
    """A height that is wanted or only measured, of which a gain is derived that falls with x; and some results."""
    spec = mixed_spec().model_dump(exclude_unset=True) | {
        "objective": {"height": {"goal": goal}},
        "derived": {"gain": {"expression": "height - 3 * x", "goal": "maximize"}},
    }
    found = CampaignSpec.from_resolved(spec)
    rng = np.random.default_rng(0)
    rows = []
    for i in range(results):
        settings = {"x": round(rng.uniform(-1, 1), 2), "y": round(rng.uniform(0, 2), 2), "kind": "ab"[i % 2]}
        value = 2 * settings["x"] - (settings["y"] - 1) ** 2
        rows.append(observe(found, settings, Measured((Measurement("height", value, "", value),)), f"o{i}"))
    return found, History(tuple(rows))


def test_over_numbers_a_derived_target_is_climbed() -> None:
    planned = plan(*over_numbers("keep", 12), seed=0, experiments=2)

    # height alone rises with x, and what is gained of it falls
    assert min(float(p.candidate.settings["x"]) for p in planned.proposals) == pytest.approx(-1.0, abs=0.1)


def test_two_targets_over_numbers_have_a_front() -> None:
    planned = plan(*over_numbers("maximize", 10), seed=0, experiments=2)

    assert len(planned.proposals) == 2
    assert planned.proposals[0].acquisition == "pareto"


def test_it_is_predicted_followed_stopped_by_and_played() -> None:
    spec = with_derived({"rate": RATE}, stop=[{"target": "rate", "at_least": 1.0}])
    space, history = build_space(spec), seen(spec)
    x = np.array([space.coordinates(s) for s in settings_of(spec)[:4]])

    (one, *_) = predict(spec, history, x, seed=0).candidates
    followed = influences(spec, history, seed=0)[1]
    world = believed_worlds(spec, space, history, seed=0)(0)
    truths, results = world.truth(x), world.measure(x)

    assert [t.target for t in one.targets] == ["yield", "rate"]
    assert followed.target == "rate"
    assert followed.parameters
    for row, point in zip(truths, x, strict=True):
        assert row["rate"] == pytest.approx(row["yield"] / point[space.names.index("temperature")])
    assert all({m.property for m in r.measurements} == {"yield"} for r in results if isinstance(r, Measured))
    assert "rate reached" in reason_to_stop(spec, history, 10)
    assert "rate" in scattered(derived(spec, seen(spec, o0=yielded(30.0, sd=2.0))), build_objective(spec))


def test_a_formula_without_a_value_somewhere_is_that_of_what_is_expected() -> None:
    spec = with_derived({"shape": {"expression": "log10(yield - 30)", "goal": "maximize"}})
    space, objective = build_space(spec), build_objective(spec)

    whole = belief_of(spec, space, objective, seen(spec), (), seed=0).models[1]
    x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(spec)]))

    for found in (*whole.moments(x), whole.samples(x, 64, seed=0)):
        assert bool(torch.isfinite(found).all())
    assert plan(spec, seen(spec), seed=0, experiments=3).proposals


def test_derived_numbers_of_the_space_may_stand_in_it() -> None:
    spec = with_derived({"rate": {"expression": "yield / kelvin", "goal": "maximize"}}).model_dump(exclude_unset=True)
    spec["space"]["kelvin"] = {"type": "derived", "expression": "temperature + 273.15", "unit": "K"}
    found = CampaignSpec.from_resolved(spec)

    (working,) = workings_of(build_objective(found), build_space(found))
    x = build_space(found).coordinates(settings_of(found)[0])

    assert working({"yield": 50.0}, x) == pytest.approx(
        50.0 / (x[build_space(found).names.index("temperature")] + 273.15)
    )
    assert math.isfinite(plan(found, seen(found), seed=0, experiments=2).proposals[0].predictions[-1].mean)


@pytest.mark.parametrize(
    ("formula", "goal", "scale"),
    [
        ("5 / yield", "minimize", "linear"),
        ("5 / yield", "minimize", "log"),
        ("-log10(yield)", "minimize", "linear"),
        ("yield / 5", "maximize", "log"),
        ("yield / (temperature - 60)", "maximize", "linear"),
    ],
)
def test_what_has_no_value_is_not_held_for_good(formula: str, goal: str, scale: str) -> None:
    said = {"expression": formula, "goal": goal, "scale": scale}
    spec = with_derived({"figure": said})
    space, objective, told = build_space(spec), build_objective(spec), half_without_yield(spec)
    at = next(o.at for o in told.observations if values_of(o.outcome) == {"yield": 0.0}).copy()
    at[space.names.index("temperature")] = 60.0

    belief = belief_of(spec, space, objective, derived(spec, told), (), seed=0)

    figure, x = belief.models[1], torch.from_numpy(at)[None]
    assert isinstance(figure, FittedDerived)
    target = objective.targets[1].on_scale
    worst = min(figure.ends, key=target.worth)
    best = max(figure.ends, key=target.worth)
    draws = torch.cat([figure.samples(x, 512, seed=0), figure.apart(x, 512, seed=0)])
    assert float(target.worth(figure.moments(x)[0])) < float(target.worth((worst + best) / 2))
    assert float((target.worth(draws) <= target.worth(worst) + 1e-9).double().mean()) > 0.3


@pytest.mark.parametrize(
    "figure",
    [
        {"expression": "50 / yield", "goal": "keep", "at_most": 2},
        {"expression": "50 / yield", "goal": "keep", "at_most": 2, "scale": "log"},
        {"expression": "yield / (yield + 1)", "goal": "keep", "at_least": 0.95},
        {"expression": "50 / yield", "goal": "keep", "at_most": 100},  # measured is none that breaks it
    ],
)
def test_a_threshold_is_kept_as_likely_as_draws_keep_it(figure: dict[str, Any]) -> None:
    spec = with_derived({"figure": figure}, {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}})
    space, objective = build_space(spec), build_objective(spec)
    told = [yielded(alcohol_yield(s)) for s in settings_of(spec)]
    history = History(tuple(observe(spec, s, told[i], f"o{i}") for i, s in enumerate(settings_of(spec)) if i % 5 == 0))
    model = belief_of(spec, space, objective, history, (), seed=0).models[1]
    assert isinstance(model, FittedDerived)
    x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(spec)]))
    low, high = objective.targets[1].on_scale.bounds

    chance = chance_between(model, low, high, x)
    draws = model.samples(x, 4096, seed=1)

    kept = ((draws >= low) & (draws <= high)).double().mean(0)
    assert torch.allclose(chance, kept, atol=0.04)  # of 256 nodes, against draws of a committee
    for p in plan(spec, history, seed=0, experiments=2).proposals:
        at = torch.from_numpy(space.coordinates(p.candidate.settings))[None]
        is_new = float(chance_between(model, low, high, at, is_new=True))
        assert f"kept within its thresholds with a chance of {100 * is_new:.0f} %" in p.reason


def test_where_settings_stray_a_threshold_is_kept_as_likely_as_at_the_worst_place() -> None:
    figure = {"expression": "(50 + temperature) / yield", "goal": "keep", "at_most": 3}
    spec = with_derived({"figure": figure}, {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}})
    space, objective = build_space(spec), build_objective(spec)
    belief = belief_of(spec, space, objective, seen(spec), (), seed=0)
    model, target = belief.models[1], objective.targets[1]
    x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(spec)]))
    column = space.names.index("temperature")
    off = torch.zeros(x.shape[1], dtype=torch.float64)
    off[column] = 8.0

    strays = within(model, target, Tolerances((Tolerance("temperature", column, 8.0, "degC"),)))
    chance = chance_between(strays, -math.inf, 3.0, x)

    places = torch.stack([x - off, x + off])
    worst = torch.stack([model.moments(one)[0] for one in places]).argmax(0)
    at_worst = places[worst, torch.arange(len(x))]
    assert torch.allclose(chance, chance_between(model, -math.inf, 3.0, at_worst))


def test_what_is_believed_of_a_cost_stays_above_nothing() -> None:
    spec = with_derived({"cost": {"expression": "5 / yield", "goal": "minimize"}}, planner={"batch": 3})
    told = half_without_yield(spec)

    made = plan(spec, told, seed=0, experiments=3)
    found = predict(spec, told, np.array([build_space(spec).coordinates(s) for s in settings_of(spec)]), seed=0)

    regret = made.model["regret"]
    known = min(values_of(o.outcome).get("cost", math.inf) for o in derived(spec, told).observations)
    assert regret["epsilon"] <= 1.5 * known  # which is nearly all that is left to be gained
    assert all(stated.low >= 0.0 for one in found.candidates for stated in one.targets if stated.low is not None)
    assert all(p.predictions[-1].mean < 0.5 for p in made.proposals)  # and not 1e9, of what yields nothing


def half_without_yield(spec: CampaignSpec) -> History:
    told = []
    for i, settings in enumerate(settings_of(spec)[::2]):
        value = alcohol_yield(settings) if settings["base"] == "strong" else 0.0
        told.append(observe(spec, settings, yielded(value), f"o{i}"))
    return History(tuple(told))


def test_a_value_without_a_logarithm_is_told_by_what_it_follows_from() -> None:
    spec = with_derived({"rate": {**RATE, "scale": "log"}})

    notes = plan(spec, seen(spec, o0=yielded(0.0)), seed=0, experiments=1).notes

    (said,) = [note for note in notes if "logarithmic" in note]
    assert "rate 0, by 'yield / temperature', has no place on its logarithmic scale" in said
    assert "what it follows from was not found, tell that as the limit it lies below" in said


def test_a_value_from_a_part_that_trains_nothing_is_held_against_no_belief_in_another() -> None:
    spec = with_derived(
        {"sum": {"expression": "yield + rest", "goal": "maximize"}},
        {**PART, "rest": {"goal": "keep", "unit": "%", "scale": "log"}},
    )
    rows = [
        (*yielded(alcohol_yield(s)).measurements, Measurement("rest", float(i), "%", float(i)))
        for i, s in enumerate(settings_of(spec)[:8])  # the first has no logarithm
    ]
    told = [observe(spec, s, Measured(rows[i]), f"o{i}") for i, s in enumerate(settings_of(spec)[:8])]
    space, objective = build_space(spec), build_objective(spec)

    belief = belief_of(spec, space, objective, History(tuple(told)), (), seed=0)

    whole = belief.models[2]
    assert isinstance(whole, FittedDerived)
    sets = [TrainingSet.of(belief.table, i) for i in (0, 1)]
    parts = [data.y[places] for data, places in zip(sets, whole.places, strict=True)]
    assert torch.allclose(parts[0] + 10 ** parts[1], whole.y)
    assert [len(data) for data in sets] == [8, 7]


def test_a_limit_that_says_nothing_on_a_logarithmic_scale_does_not_hide_the_other() -> None:
    spec = with_derived({"rate": {**RATE, "scale": "log"}})
    told = derived(spec, seen(spec, o1=yielded(5.0, qualifier=Qualifier.BELOW)))

    (limited,) = [o for o in told.observations if o.id == "o1"]
    temperature = limited.at[build_space(spec).names.index("temperature")]
    assert limits_of(limited.outcome)["rate"] == (-math.inf, pytest.approx(5.0 / temperature))
    assert not [note for note in plan(spec, told, seed=0, experiments=1).notes if "logarithmic" in note]


def test_a_world_has_no_value_where_the_formula_has_none() -> None:
    spec = with_derived({"figure": {"expression": "yield / (temperature - 60)", "goal": "maximize"}})
    space = build_space(spec)
    points = np.array([space.coordinates(s) for s in settings_of(spec)])

    world = believed_worlds(spec, space, seen(spec), seed=0)(0)

    is_there = points[:, space.names.index("temperature")] != 60.0
    assert [("figure" in row) for row in world.truth(points)] == is_there.tolist()
    assert not is_there.all()
