"""Matched pairs: planned together, alike in all but one thing; what they differ by, and how surely, without a model."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from scipy import stats

from loop.design.side_by_side import side_by_side
from loop.history import Observation
from loop.insight.contrasts import Contrast, Step, contrasts, spreads
from loop.insight.matched import Made, Pair, column_of, matched_pairs
from loop.objective import Goal, Target
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.space import Space
from loop.spec import build_space, read_spec

YIELD = Target("yield", Goal.MAXIMIZE, "%")
HEATED: dict[str, Any] = {
    "ligand": {"type": "category", "options": ["XPhos", "SPhos", "PPh3"]},
    "base": {"type": "category", "options": ["KOAc", "K2CO3"]},
    "temperature": {"type": "number", "values": [60, 80, 100], "unit": "degC"},
}


def space_of(space: dict[str, Any], **more: Any) -> Space:
    spec = {
        "campaign": "pairs",
        "space": space,
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "budget": {"experiments": 40},
        "laboratory": {"adapter": "manual"},
        **more,
    }
    return build_space(read_spec(json.dumps(spec), source="pairs.yaml", read=None))


SPACE = space_of(HEATED)


def value(y: float, qualifier: Qualifier = Qualifier.EQUAL) -> Measured:
    return Measured((Measurement("yield", y, "%", y, qualifier=qualifier),))


def made(
    round_number: int, settings: dict[str, Any], outcome: Outcome | float, space: Space = SPACE, **more: Any
) -> Made:
    ended = outcome if isinstance(outcome, Measured | Negative | Fault) else value(outcome)
    name = f"{round_number} {settings} {ended}"
    return Made(round_number, Observation(name, space.coordinates(settings), ended), more)


def at(ligand: str, base: str = "KOAc", temperature: float = 60) -> dict[str, Any]:
    return {"ligand": ligand, "base": base, "temperature": temperature}


def found(*experiments: Made, space: Space = SPACE, target: Target = YIELD) -> tuple[Contrast, ...]:
    return contrasts(space, [target], matched_pairs(space, experiments))


def four_pairs() -> list[Made]:
    differences = (12.0, 7.0, 15.0, 10.0)
    return [
        one
        for i, more in enumerate(differences)
        for one in (made(i, at("XPhos"), 40.0 + more), made(i, at("SPhos"), 40.0))
    ]


def test_what_pairs_differ_by_has_the_interval_of_student() -> None:
    (one,) = found(*four_pairs())

    interval = stats.ttest_1samp([12.0, 7.0, 15.0, 10.0], 0.0).confidence_interval(0.95)
    assert (one.parameter, one.first, one.second, one.pairs) == ("ligand", "XPhos", "SPhos", 4)
    assert one.difference == pytest.approx(11.0)
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high))
    assert (one.higher, one.lower, one.equal) == (4, 0, 0)
    assert one.is_clear


def test_experiments_of_two_rounds_are_no_pair() -> None:
    assert found(made(1, at("XPhos"), 52.0), made(2, at("SPhos"), 40.0)) == ()


def test_two_things_that_changed_are_no_pair() -> None:
    assert found(made(1, at("XPhos"), 52.0), made(1, at("SPhos", temperature=80), 40.0)) == ()


def test_two_days_are_no_pair() -> None:
    first = made(1, at("XPhos"), 52.0, day="Monday")

    assert found(first, made(1, at("SPhos"), 40.0, day="Tuesday")) == ()
    assert len(found(first, made(1, at("SPhos"), 40.0, day="Monday"))) == 1


def test_one_pair_has_no_interval() -> None:
    (one,) = found(*four_pairs()[:2])

    assert (one.difference, one.low, one.high) == (12.0, None, None)
    assert not one.is_clear


def test_replicates_are_one_side_of_a_pair() -> None:
    (one,) = found(made(1, at("XPhos"), 50.0), made(1, at("XPhos"), 54.0), made(1, at("SPhos"), 40.0))

    assert (one.pairs, one.difference) == (1, 12.0)


def test_a_limit_tells_which_is_higher_and_not_by_how_much() -> None:
    below = value(5.0, Qualifier.BELOW)
    (told,) = found(made(1, at("XPhos"), 52.0), made(1, at("SPhos"), below))
    (open_,) = found(made(1, at("XPhos"), 2.0), made(1, at("SPhos"), below))

    assert (told.pairs, told.difference, told.higher, told.untold) == (0, None, 1, 0)
    assert (open_.higher, open_.lower, open_.untold) == (0, 0, 1)


def test_a_limit_among_replicates_is_not_left_out() -> None:
    below = made(1, at("XPhos"), value(5.0, Qualifier.BELOW))
    (told,) = found(below, made(1, at("XPhos"), 8.0), made(1, at("SPhos"), 7.0))

    assert (told.pairs, told.difference) == (0, None)  # 8 and less than 5 are less than 6.5 on average
    assert (told.higher, told.lower) == (0, 1)


@pytest.mark.parametrize(
    ("ended", "without"),
    [
        (Negative("no conversion"), (0, 1)),
        (Fault.of(FaultKind.CONVERGENCE_ERROR, "diverged"), (0, 1)),
        (Fault.of(FaultKind.INSTRUMENT_FAULT, "clogged"), None),
    ],
    ids=["no", "tells of the candidate", "an accident"],
)
def test_what_gave_nothing_is_counted_and_an_accident_is_not(ended: Outcome, without: tuple[int, int] | None) -> None:
    told = found(made(1, at("XPhos"), 52.0), made(1, at("SPhos"), ended))

    assert [one.without for one in told] == ([] if without is None else [without])


def test_the_higher_number_is_held_against_the_lower_and_no_experiment_counts_twice() -> None:
    whole, *each = found(
        *(made(1, at("XPhos", temperature=t), y) for t, y in ((60, 10.0), (80, 25.0), (100, 30.0))),
        *(made(2, at("XPhos", temperature=t), y) for t, y in ((60, 12.0), (80, 20.0))),
    )

    assert (whole.first, whole.second, whole.pairs) == ("higher", "lower", 2)  # 100 for 60, and 80 for 60 of round 2
    assert whole.difference == pytest.approx((20.0 + 8.0) / 2)
    assert whole.step == Step(20.0, 30.0, 40.0, "degC")
    assert [(one.first, one.second, one.pairs) for one in each] == [("80", "60", 2), ("100", "60", 1), ("100", "80", 1)]


def test_what_gave_nothing_takes_no_pair_from_what_did() -> None:
    whole, *_ = found(
        *(made(1, at("XPhos", temperature=t), y) for t, y in ((60, 10.0), (80, 25.0), (100, Negative("charred")))),
        *(made(2, at("XPhos", temperature=t), y) for t, y in ((60, 12.0), (80, 20.0))),
    )

    assert (whole.pairs, whole.difference, whole.without) == (2, pytest.approx((15.0 + 8.0) / 2), (1, 0))
    assert whole.step == Step(20.0, 20.0, 20.0, "degC")  # of what tells by how much
    assert whole.telling == 3


def test_numbers_come_before_limits_where_an_experiment_is_in_several_pairs() -> None:
    below = value(5.0, Qualifier.BELOW)
    whole, *_ = found(*(made(1, at("XPhos", temperature=t), y) for t, y in ((60, 10.0), (80, 25.0), (100, below))))

    assert (whole.pairs, whole.difference, whole.untold) == (1, 15.0, 0)


@pytest.mark.parametrize(
    ("amount", "step"),
    [
        (
            {"type": "number", "low": 0.01, "high": 10, "scale": "log", "unit": "mol/L"},
            Step(10.0, 100.0, 1000.0, "", True),
        ),
        ({"type": "ordinal", "options": ["0.01", "0.1", "1", "10"]}, Step(1.0, 2.0, 3.0, "in rank")),
    ],
    ids=["logarithmic", "ordinal"],
)
def test_a_step_is_a_factor_on_a_logarithmic_scale_and_a_rank_of_what_has_none(
    amount: dict[str, Any], step: Step
) -> None:
    space = space_of({"amount": amount, "base": HEATED["base"]})
    ends = ((1, ("0.01", "10")), (2, ("0.1", "1")))
    as_given = str if amount["type"] == "ordinal" else float
    whole, *_ = found(
        *(made(n, {"amount": as_given(v), "base": "KOAc"}, 9.0, space) for n, both in ends for v in both), space=space
    )

    assert whole.step is not None
    assert astuple(whole.step) == pytest.approx(astuple(step))


def test_numbers_of_a_change_have_the_digits_of_their_range() -> None:
    space = space_of({"temperature": {"type": "number", "low": 60, "high": 100}, "base": HEATED["base"]})
    heated = (made(1, {"temperature": t, "base": "KOAc"}, t, space) for t in (61.28374655, 80.1234567))
    (one,) = found(*heated, space=space)

    assert (one.first, one.second) == ("80.1", "61.3")


def test_what_depends_on_the_change_belongs_to_it() -> None:
    space = space_of(
        {
            "ligand": {"type": "category", "options": ["XPhos", "none"]},
            "loading": {"type": "number", "values": [1, 2], "unless": {"ligand": "none"}},
            "base": {"type": "category", "options": ["KOAc", "K2CO3"]},
        }
    )
    bare = made(1, {"ligand": "none", "base": "KOAc"}, 5.0, space)
    (one,) = found(bare, made(1, {"ligand": "XPhos", "loading": 2, "base": "KOAc"}, 60.0, space), space=space)

    assert (one.parameter, one.first, one.second, one.difference) == ("ligand", "XPhos", "none", 55.0)
    assert found(bare, made(1, {"ligand": "XPhos", "loading": 2, "base": "K2CO3"}, 60.0, space), space=space) == ()


def test_one_experiment_that_several_are_held_against_makes_one_pair() -> None:
    space = space_of(
        {
            "ligand": {"type": "category", "options": ["XPhos", "none"]},
            "loading": {"type": "number", "values": [1, 2, 3], "unless": {"ligand": "none"}},
            "base": HEATED["base"],
        }
    )
    bare = made(1, {"ligand": "none", "base": "KOAc"}, 5.0, space)
    some = (made(1, {"ligand": "XPhos", "loading": n, "base": "KOAc"}, 60.0 + n, space) for n in (1, 2, 3))
    (one,) = [c for c in found(bare, *some, space=space) if c.parameter == "ligand"]

    assert (one.pairs, one.difference, one.low) == (1, 57.0, None)  # the scatter of "none" is in all of it


def test_what_is_interchangeable_is_a_pair_wherever_it_stands() -> None:
    option = {"type": "category", "options": ["A", "B", "C", "D"]}
    space = space_of(
        {"one": option, "other": option, "base": HEATED["base"]}, constraints=[{"interchangeable": ["one", "other"]}]
    )
    first = made(1, {"one": "C", "other": "D", "base": "KOAc"}, 20.0, space)
    (told,) = found(first, made(1, {"one": "D", "other": "A", "base": "KOAc"}, 50.0, space), space=space)

    assert (told.first, told.second, told.difference) == ("A", "C", 30.0)
    assert found(first, made(1, {"one": "A", "other": "B", "base": "KOAc"}, 50.0, space), space=space) == ()


def test_cheaper_versions_of_a_measurement_make_no_pairs() -> None:
    space = space_of(
        {
            "version": {"type": "fidelity", "options": ["cheap", "real"]},
            "base": {"type": "category", "options": ["KOAc", "K2CO3"]},
        },
        costs={"options": {"version": {"cheap": 1, "real": 10}}},
    )
    cheap, real = ({"version": v, "base": "KOAc"} for v in ("cheap", "real"))
    other = {"version": "cheap", "base": "K2CO3"}

    assert found(made(1, cheap, 10.0, space), made(1, real, 20.0, space), space=space) == ()
    assert found(made(1, cheap, 10.0, space), made(1, other, 20.0, space), space=space) == ()


def test_on_a_logarithmic_scale_they_differ_by_a_factor() -> None:
    target = Target("yield", Goal.MAXIMIZE, "%", is_log=True)
    (one,) = found(
        *(made(i, at("XPhos"), 2.0 * k) for i, k in ((1, 10.0), (2, 40.0))),
        *(made(i, at("SPhos"), 10.0 * i) for i in (1, 2)),
        target=target,
    )

    assert one.is_factor
    assert one.difference == pytest.approx((2.0 * 4.0) ** 0.5)


def test_classes_are_counted_and_at_no_distance() -> None:
    target = Target("yield", Goal.MAXIMIZE, levels=(0.0, 1.0), classes=("no", "yes"))
    (one,) = found(made(1, at("XPhos"), 1.0), made(1, at("SPhos"), 0.0), target=target)

    assert (one.difference, one.higher, one.pairs) == (None, 1, 0)


def test_the_change_that_pairs_tell_is_told_with_that_chance() -> None:
    (spread,) = spreads([YIELD], matched_pairs(SPACE, four_pairs()))

    assert spread.sd == pytest.approx(float(np.std([12.0, 7.0, 15.0, 10.0], ddof=1)))
    for n in (4, 8, 20):
        away = spread.told_by(n) * n**0.5 / spread.sd
        power = float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, away))
        assert power == pytest.approx(0.8, abs=0.06)


def test_too_few_pairs_tell_of_no_scatter() -> None:
    assert spreads([YIELD], matched_pairs(SPACE, four_pairs()[:6])) == ()


def planned(n: int, **more: Any) -> list[Pair]:
    contexts = [at("PPh3", base, t) for base in ("KOAc", "K2CO3") for t in (60, 80, 100)]
    asked = {"wanted": n, "is_free": lambda _: True, "seed": 3, **more}
    pairs = side_by_side(SPACE, contexts, "ligand", ("XPhos", "SPhos"), **asked)
    return [
        pair
        for a, b in pairs
        for pair in matched_pairs(
            SPACE, [Made(1, Observation(str(i), x, value(1.0)), {}) for i, x in enumerate((a.x, b.x))]
        )
    ]


def test_planned_pairs_differ_in_what_was_asked_alone() -> None:
    pairs = planned(4)

    assert len(pairs) == 4
    assert {(pair.column, pair.values) for pair in pairs} == {(0, (0.0, 1.0))}


def test_either_comes_first_in_half_of_the_pairs() -> None:
    assert [pair.first[0].id for pair in planned(6)].count("0") == 3


def test_a_pair_that_is_not_paid_whole_is_not_planned() -> None:
    pairs = planned(6, pays=lambda x: len(x) <= 5)

    assert len(pairs) == 2


def test_what_must_not_run_is_in_no_planned_pair() -> None:
    taken = SPACE.coordinates(at("XPhos"))

    assert len(planned(6, is_free=lambda x: not (x == taken).all())) == 5


def test_of_interchangeable_slots_the_asked_values_are_told_wherever_they_stand() -> None:
    option = {"type": "category", "options": ["A", "B", "C", "D"]}
    space = space_of(
        {"one": option, "other": option, "base": HEATED["base"]}, constraints=[{"interchangeable": ["one", "other"]}]
    )
    ((first, second),) = side_by_side(
        space,
        [{"one": "B", "other": "C", "base": "KOAc"}],
        "one",
        ("A", "D"),
        wanted=1,
        is_free=lambda _: True,
        seed=0,
    )

    assert {first.value, second.value} == {"A", "D"}
    assert {str(side.settings["other"]) for side in (first, second)} == {"C"}
    assert [space.settings(side.x)["other"] for side in sorted((first, second), key=lambda s: str(s.value))] == [
        "C",
        "D",
    ]
    assert column_of(space, "other") == column_of(space, "one") == 0
