"""Honest best: beliefs, not luck; intervals, chances, thresholds, failures, fronts, and life without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import ALCOHOLS, alcohol_yield, measured, mixed_spec, observe, reaction_spec, run_rounds

from loop.explain import nearest
from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.insight.chances import _shares
from loop.insight.predicting import predict
from loop.insight.saying import best_sentence, chance_of, facts, lucky_line, stated_line
from loop.insight.statements import HonestBest, Stated
from loop.objective import Goal, Objective, Target
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Qualifier
from loop.spec import CampaignSpec, build_space

SPEC = reaction_spec()


def settings(alcohol: str, base: str = "strong", temperature: float = 60) -> dict[str, str | float]:
    return {"alcohol": alcohol, "base": base, "temperature": temperature}


def history(spec: CampaignSpec, rows: Sequence[tuple[Mapping[str, str | float], object]]) -> History:
    made: list[Observation] = [observe(spec, s, o, f"o{i}") for i, (s, o) in enumerate(rows)]  # type: ignore[arg-type]
    return History(tuple(made))


def whole_surface(noise: Mapping[str, Sequence[float]] | None = None) -> History:
    """Every condition once, and more or other values where ``noise`` says so for a strong base at 60 degC."""
    rows = []
    for alcohol in ALCOHOLS:
        for base in ("weak", "strong"):
            for t in (20.0, 40.0, 60.0):
                s = settings(alcohol, base, t)
                extra = (noise or {}).get(alcohol, [0.0]) if (base, t) == ("strong", 60.0) else [0.0]
                rows += [(s, measured(**{"yield": alcohol_yield(s) + e})) for e in extra]
    return history(SPEC, rows)


def test_a_single_lucky_value_does_not_beat_a_candidate_measured_often() -> None:
    # propanol is 10 below butanol; one reading of it is 12 too high, five of butanol are as they should be
    found = honest_best(SPEC, whole_surface({"propanol": [12.0, -3.0, -2.0], "butanol": [0.5, -1, 0, 1, -0.5]}), seed=0)

    assert found.candidates[0].settings["alcohol"] == "butanol"
    assert found.candidates[0].experiments == 5
    assert found.candidates[0].targets[0].values == pytest.approx((80.5, 79, 80, 81, 79.5))
    assert found.luckiest[0].value == pytest.approx(82)
    assert found.luckiest[0].is_another
    assert "of another: " in lucky_line(found.luckiest[0], is_front=found.is_front)
    assert "propanol" in lucky_line(found.luckiest[0], is_front=found.is_front)


def test_the_interval_narrows_and_the_chance_grows_with_replicates() -> None:
    rng = np.random.default_rng(3)
    noisy = {a: [float(rng.normal(0, 8))] for a in ALCOHOLS}
    once = honest_best(SPEC, whole_surface(noisy), seed=0)
    often = honest_best(SPEC, whole_surface({**noisy, "butanol": [-6.0, 6.0] * 8}), seed=0)

    def of_butanol(found: object) -> tuple[float, float]:
        one = next(c for c in found.candidates if c.settings == settings("butanol", temperature=60.0))  # type: ignore[attr-defined]
        return one.targets[0].high - one.targets[0].low, one.best_of_tried

    assert of_butanol(often)[0] < of_butanol(once)[0]
    assert 0.0 <= of_butanol(once)[1] <= 1.0
    assert sum(c.best_of_tried or 0 for c in once.candidates) == pytest.approx(1.0)


def test_among_all_candidates_the_chance_is_never_larger_than_among_the_tried() -> None:
    seen, _ = run_rounds(SPEC, lambda s: measured(**{"yield": alcohol_yield(s)}), 3)

    found = honest_best(SPEC, seen, seed=1)

    assert found.untried == 30 - len(found.candidates)
    assert not found.is_bound
    for c in found.candidates:
        assert c.best_of_tried is not None
        assert c.best_of_all is not None
        assert c.best_of_all <= c.best_of_tried + 1e-12


def test_nothing_is_said_of_all_candidates_of_a_continuous_space() -> None:
    spec = mixed_spec()
    seen, _ = run_rounds(spec, lambda s: measured(height=-((float(s["x"]) - 1) ** 2)), 4)

    found = honest_best(spec, seen, seed=1)

    assert found.model == "committee"
    assert all(c.best_of_all is None for c in found.candidates)


def test_the_same_arguments_give_the_same_answer() -> None:
    seen, _ = run_rounds(SPEC, lambda s: measured(**{"yield": alcohol_yield(s)}), 3)

    assert honest_best(SPEC, seen, seed=5) == honest_best(SPEC, seen, seed=5)


def test_what_breaks_a_threshold_is_not_the_best() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "at_most": 60}})

    found = honest_best(spec, whole_surface(), seed=0)

    assert found.candidates[0].targets[0].mean <= 60
    assert (found.candidates[0].keeps or 0) >= 0.5
    hopeless = honest_best(reaction_spec({"yield": {"goal": "maximize", "at_least": 200}}), whole_surface(), seed=0)
    assert any("keeps the thresholds" in note for note in hopeless.notes)


def test_the_luckiest_value_is_of_what_keeps_every_threshold() -> None:
    spec = reaction_spec(
        {"yield": {"goal": "maximize", "unit": "%"}, "impurity": {"goal": "keep", "unit": "%", "at_most": 5}}
    )
    rows: list[tuple[Mapping[str, str | float], object]] = [
        (settings(a, base, t), measured(**{"yield": alcohol_yield(settings(a, base, t)), "impurity": t / 6}))
        for a in ALCOHOLS
        for base in ("weak", "strong")
        for t in (20.0, 40.0, 60.0)
    ]

    (luckiest,) = honest_best(spec, history(spec, rows), seed=0).luckiest

    assert luckiest.value == pytest.approx(60)  # 80 at 60 degC has an impurity of 10 %, and none keeps 5 % but 20 degC
    assert not luckiest.is_another


@pytest.mark.parametrize("wanted", [("yield", "purity"), ("purity",)])
def test_where_no_draw_keeps_a_threshold_the_likeliest_to_is_what_misses_it_least(wanted) -> None:
    goals = {"yield": {"goal": "maximize"}, "purity": {"goal": "maximize"}, "metal": {"goal": "keep", "at_most": 1}}
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": {"t": {"type": "number", "values": [20, 40, 60, 80, 100]}},
            "objective": {name: goals[name] for name in (*wanted, "metal")},
            "planner": {"surrogate": "gp"},
            "budget": {"experiments": 9},
            "laboratory": {"adapter": "simulated"},
        }
    )
    space = build_space(spec)
    rows = []
    for t in (20, 40, 60, 80, 100):  # the more is made, the more metal is in it: twenty times what is allowed, or more
        for extra in (-0.1, 0.1):
            values = {"yield": float(t), "purity": t / 2, "metal": 20 + t + extra}
            found = tuple(Measurement(n, values[n], "", values[n]) for n in (*wanted, "metal"))
            rows.append(Observation(f"{t} {extra}", space.coordinates({"t": t}), Measured(found)))

    found = honest_best(spec, History(tuple(rows)), seed=0)

    assert found.candidates[0].settings == {"t": 20.0}
    assert found.front == 1
    assert best_sentence(found).startswith("nothing tried is believed to keep the thresholds; likeliest to: t 20")


def test_faults_lower_the_chance_and_negatives_are_no_best() -> None:
    spec = reaction_spec()
    rows = [
        (settings(a), measured(**{"yield": y})) for a, y in (("methanol", 20.0), ("ethanol", 30.0), ("phenol", 25.0))
    ]
    failed = Fault(FaultKind.CONVERGENCE_ERROR, "never ends", informative=True)
    limit = Negative("no conversion", (Measurement("yield", 5.0, "%", 5.0, qualifier=Qualifier.BELOW),))
    seen = history(
        spec, [*rows, (settings("phenol"), failed), (settings("propanol"), failed), (settings("butanol"), limit)]
    )

    found = honest_best(spec, seen, seed=0)

    named = {c.settings["alcohol"]: c for c in found.candidates}
    assert set(named) == {"methanol", "ethanol", "phenol"}
    assert named["phenol"].faults == 1
    assert named["phenol"].keeps == pytest.approx(0.5, abs=0.05)  # one of two ran
    assert any("failed once in a way" in fact for fact in facts(found, named["phenol"]))
    limited = honest_best(reaction_spec({"yield": {"goal": "maximize", "at_least": 1}}), seen, seed=0)
    (doubtful,) = (c for c in limited.candidates if c.settings["alcohol"] == "phenol")
    ran = [fact for fact in facts(found, named["phenol"]) if "to run as intended" in fact]
    ran_and_kept = [fact for fact in facts(limited, doubtful) if "to run as intended" in fact]
    assert [fact.partition(" to ")[2] for fact in ran] == ["run as intended"]  # there are no thresholds to keep
    assert [fact.partition(" to ")[2] for fact in ran_and_kept] == ["run as intended within the thresholds"]


@pytest.mark.parametrize("turned", [False, True])
def test_candidates_with_one_and_the_same_value_have_one_and_the_same_chance(turned: bool) -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "exact": True}})
    equal = [(settings(a), measured(**{"yield": 80.0})) for a in ("butanol", "phenol")]
    others = [(settings(a), measured(**{"yield": y})) for a, y in (("methanol", 20), ("ethanol", 40), ("propanol", 60))]
    rows = [*equal, *others]

    found = honest_best(spec, history(spec, rows[::-1] if turned else rows), seed=0)

    chances = {c.settings["alcohol"]: c.best_of_tried for c in found.candidates}
    assert chances == {"butanol": 0.5, "phenol": 0.5, "methanol": 0.0, "ethanol": 0.0, "propanol": 0.0}


def test_a_trade_off_names_the_highest_score_at_the_edges_of_what_is_desirable_too() -> None:
    one = {"goal": "maximize", "low": 0, "high": 100, "exact": True}
    spec = CampaignSpec.from_resolved(
        {**reaction_spec({"yield": one, "purity": one}).resolved(), "tradeoff": "desirability"}
    )
    values = {"methanol": (90, 90), "ethanol": (100, 82), "propanol": (0, 95), "butanol": (30, 60), "phenol": (50, 40)}
    rows = [(settings(a), measured(**{"yield": y, "purity": p})) for a, (y, p) in values.items()]

    found = honest_best(spec, history(spec, rows), seed=0)

    scores = [c.score[1] for c in found.candidates if c.score]
    assert found.candidates[0].settings["alcohol"] == "ethanol"  # sqrt(1.00 * 0.82) = 0.906, and 0.900 of methanol
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx([0.9055, 0.9, 0.4472, 0.4243, 0.0], abs=1e-3)
    assert found.candidates[0].best_of_tried == 1.0


def test_several_targets_have_a_front_with_the_chance_of_each_to_be_on_it() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}})
    rng = np.random.default_rng(0)

    def respond(s: Mapping[str, str | float]) -> Measured:
        return measured(**{"yield": alcohol_yield(s) + rng.normal(), "cost": float(s["temperature"]) + rng.normal()})

    seen, _ = run_rounds(spec, respond, 5)
    found = honest_best(spec, seen, seed=0)

    assert 1 <= found.front < len(found.candidates)
    chances = [c.best_of_tried or 0 for c in found.candidates[: found.front]]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert best_sentence(found).startswith("believed front: ")


def test_a_front_says_that_only_what_was_measured_in_every_target_counts() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}})
    rows = [(settings(a), measured(**{"yield": 10.0 * i, "cost": float(i)})) for i, a in enumerate(ALCOHOLS)]
    found = honest_best(spec, history(spec, [*rows, (settings("phenol", "weak"), measured(**{"yield": 90.0}))]), seed=0)

    said = list(facts(found, found.candidates[0]))

    assert any(s.endswith(f"on the true front of the {len(rows)} of which every target was measured") for s in said)


def test_a_share_of_fronts_is_counted_draw_by_draw() -> None:
    rng = np.random.default_rng(4)
    draws = torch.from_numpy(rng.normal(0, 0.3, (40, 25, 2)) + rng.normal(0, 1, (25, 2)))
    stands = torch.from_numpy(rng.random((40, 25)) < 0.8)
    objective = Objective((Target("y", Goal.MAXIMIZE), Target("z", Goal.MINIMIZE)))
    worth = draws * torch.tensor([1.0, -1.0], dtype=torch.float64)

    found = _shares(objective, draws, stands)

    for k in range(25):
        count = 0
        for values, there in zip(worth, stands, strict=True):
            beaten = (values >= values[k]).all(1) & (values > values[k]).any(1) & there
            count += bool(there[k] and not beaten.any())
        assert found[k] == pytest.approx(count / 40)
    assert (found == 0).any()  # some are beaten in every draw
    assert (found > 0.5).any()


def test_without_a_model_the_means_are_named_and_that_is_said() -> None:
    rows = [(settings("ethanol"), measured(**{"yield": 50.0}))]
    alone = honest_best(SPEC, history(SPEC, rows), seed=0)
    several = honest_best(
        reaction_spec(surrogate="random"),
        history(
            SPEC,
            [
                *rows,
                (settings("ethanol"), measured(**{"yield": 40.0})),
                (settings("phenol"), measured(**{"yield": 46.0})),
            ],
        ),
        seed=0,
    )

    assert alone.model == several.model == ""
    assert "no model could be fitted" in alone.notes[0]
    assert (alone.candidates[0].targets[0].low, alone.candidates[0].best_of_tried) == (None, None)
    assert several.candidates[0].settings["alcohol"] == "phenol"
    ethanol = several.candidates[1].targets[0]
    assert (ethanol.mean, ethanol.low, ethanol.high) == (45.0, 40.0, 50.0)
    assert several.luckiest[0].is_another
    assert "was measured of one off the front: " in lucky_line(several.luckiest[0], is_front=True)


@pytest.mark.parametrize(
    ("can_be", "ends"), [({}, (None, None)), ({"low": 0.0}, (None, None)), ({"low": 0.0, "high": 100.0}, (80.0, 100.0))]
)
def test_without_a_model_a_limit_states_both_ends_or_none(can_be: dict[str, float], ends: tuple[Any, Any]) -> None:
    resolved = reaction_spec(surrogate="random").resolved()
    wanted = {k: v for k, v in resolved["objective"]["yield"].items() if k not in ("low", "high")}
    spec = CampaignSpec.from_resolved({**resolved, "objective": {"yield": {**wanted, **can_be}}})
    above = Measured((Measurement("yield", 80.0, "%", 80.0, qualifier=Qualifier.ABOVE),))

    found = honest_best(spec, history(spec, [(settings("ethanol"), above)]), seed=0)

    (stated,) = found.candidates[0].targets
    assert (stated.low, stated.high) == ends
    assert stated.limits == ("> 80",)


def test_nothing_measured_is_no_best() -> None:
    found = honest_best(SPEC, History(), seed=0)

    assert found.candidates == ()
    assert best_sentence(found) == ""


def test_no_yield_above_all_there_is_is_believed() -> None:
    rows = [
        (settings(a, b, t), measured(**{"yield": 99.5}))
        for a in ("ethanol", "phenol")
        for b in ("weak", "strong")
        for t in (20.0, 40.0)
    ]
    rows += [(settings("methanol", "weak", 20.0), measured(**{"yield": 10.0}))]

    found = honest_best(SPEC, history(SPEC, rows), seed=0)

    assert all((c.targets[0].high or 0) <= 100 for c in found.candidates)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (Stated("yield", "%", 100.0, 99.9873, 100.0, ()), "yield 100.0 [90%: 100.0 to 100.0] %"),
        (Stated("share", "%", 99.961, 99.961, 100.0, ()), "share 99.96 [90%: 99.96 to 100.00] %"),
        (Stated("yield", "%", 0.0, 0.0, 66.7, ()), "yield 0 [90%: 0 to 67] %"),
        (Stated("yield", "%", 95.47, 90.44, 100.0, ()), "yield 95.5 [90%: 90.4 to 100.0] %"),
    ],
)
def test_what_lies_at_the_end_of_what_can_be_has_no_more_digits_than_a_value(stated: Stated, said: str) -> None:
    assert stated_line(stated, HonestBest("committee", (), 0)) == said


@pytest.mark.parametrize(
    ("chance", "said"),
    [
        (0.0, "below 0.001"),
        (0.018, "of 0.018"),
        (0.5, "of 0.5"),
        (0.9849, "of 0.98"),
        (0.99, "of 0.99"),
        (0.9951, "of 0.995"),
        (0.99878, "of 0.999"),
        (0.9995, "above 0.999"),
    ],
)
def test_a_chance_is_told_with_as_many_digits_as_it_has(chance: float, said: str) -> None:
    assert chance_of(chance) == f"a chance {said}"


def test_what_was_tried_beyond_the_space_is_named_as_it_was_tried() -> None:
    """A range may be narrowed once results are on record; they are of what was run, and of nothing else."""
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "narrowed",
            "space": {
                "temperature": {"type": "number", "low": 30, "high": 100, "unit": "degC"},
                "additive": {"type": "number", "low": 10, "high": 50, "or_zero": True},
            },
            "objective": {"yield": {"goal": "maximize"}},
            "budget": {"experiments": 20},
            "laboratory": {"adapter": "manual"},
        }
    )
    rows = [({"temperature": 20.0, "additive": 4.0}, 90.0)]  # 20 degC lies below the range, 4 in its gap
    rows += [({"temperature": t, "additive": a}, t / 10) for t in (30.0, 60.0, 90.0) for a in (0.0, 20.0)]
    seen = history(spec, [(s, measured(**{"yield": y})) for s, y in rows])

    found = honest_best(spec, seen, seed=0)
    best = found.candidates[0]
    near = nearest(build_space(spec), np.array([22.0, 4.0]), seen)

    assert best.settings == {"temperature": 20.0, "additive": 4.0}
    assert best.label == "temperature 20 degC, additive 4"
    assert near.label == best.label
    assert found.notes == (
        "temperature 20 degC, additive 4 was measured and lies outside the space as the campaign file has it: "
        "temperature is 30 to 100 degC",
    )


def test_a_best_that_a_constraint_leaves_out_is_said_to_be() -> None:
    rule = {"name": "it foams", "exclude": {"alcohol": "butanol", "base": "strong"}}
    spec = CampaignSpec.from_resolved({**SPEC.resolved(), "constraints": [rule]})

    found = honest_best(spec, whole_surface(), seed=0)
    usual = honest_best(SPEC, whole_surface(), seed=0)

    assert found.candidates[0].settings == usual.candidates[0].settings == settings("butanol")
    assert found.notes[-1] == (
        f"{found.candidates[0].label} was measured and is left out by the campaign file as it is: it breaks 'it foams'"
    )
    assert not any("left out by the campaign file" in note for note in usual.notes)


@pytest.mark.parametrize("sign", [None, Qualifier.BELOW])
def test_no_interval_is_given_while_no_two_results_are_known_to_differ(sign: Qualifier | None) -> None:
    places = [settings(a, base, 20.0) for a in list(ALCOHOLS)[:4] for base in ("weak", "strong")]
    alike = measured(**{"yield": 7.0})
    if sign is not None:
        alike = Measured((Measurement("yield", 7.0, "%", 7.0, qualifier=sign),))
    same = [(s, alike) for s in places]
    other = (settings(list(ALCOHOLS)[4], "weak", 60.0), measured(**{"yield": 9.0}))

    found = honest_best(SPEC, history(SPEC, same), seed=0)
    parted = honest_best(SPEC, history(SPEC, [*same, other]), seed=0)

    assert found.model
    assert all((one.targets[0].low, one.targets[0].high) == (None, None) for one in found.candidates)
    assert "[" not in best_sentence(found)
    assert any("no two results of yield are known to differ" in note for note in found.notes)
    assert all(one.targets[0].low is not None for one in parted.candidates)
    assert not any("known to differ" in note for note in parted.notes)


def test_a_candidate_has_the_interval_that_a_prediction_of_it_has() -> None:
    # with few values the ends of an interval lie in the tails, which two sets of draws do not tell alike
    seen, _ = run_rounds(SPEC, lambda s: measured(**{"yield": alcohol_yield(s)}), 2)
    found = honest_best(SPEC, seen, seed=0)
    space = build_space(SPEC)

    said = predict(SPEC, seen, np.array([space.coordinates(c.settings) for c in found.candidates]), seed=0).candidates

    assert len(said) > 3
    for best, predicted in zip(found.candidates, said, strict=True):
        assert best.targets[0].low == pytest.approx(predicted.targets[0].low, rel=1e-9)
        assert best.targets[0].high == pytest.approx(predicted.targets[0].high, rel=1e-9)


def test_a_single_result_beside_a_prior_has_the_interval_that_the_prior_leaves() -> None:
    spec = SPEC.from_resolved({**SPEC.resolved(), "prior": {"yield": {"alcohol": list(ALCOHOLS)}}})
    first, second, *_ = map(settings, ALCOHOLS)
    one = history(spec, [(first, measured(**{"yield": 30.0}))])
    at = build_space(spec).coordinates
    asked = np.array([at(first), at(second)])

    best = honest_best(spec, one, seed=0)
    tried, untried = (c.targets[0] for c in predict(spec, one, asked, seed=0).candidates)

    assert best.candidates[0].targets[0] == tried
    assert tried.low is not None
    assert untried.low is not None
    assert tried.low < 30 < tried.high
    assert untried.high - untried.low > tried.high - tried.low
    assert not any("are known to differ" in note for note in best.notes)
