"""``loop`` used alone: what is no result, no point or no batch is refused where it is made, with what is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.costs import Purse
from loop.errors import OutcomeError, PlanError, SpaceError
from loop.history import History, Observation, Pending
from loop.insight.best import honest_best
from loop.outcome import Fault, Measured, Measurement, Negative, Qualifier, too_large
from loop.planner import plan
from loop.spec import build_space, read_spec

SPEC = read_spec(
    """
campaign: notebook
space:
  base: {type: category, options: [KOAc, K3PO4]}
  temperature: {type: number, low: 60, high: 120, step: 5, unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: gp, batch: 3, initial: {experiments: 3}}
budget: {experiments: 30}
laboratory: {adapter: manual}
""",
    source="notebook.yaml",
    read=None,
)
SPACE = build_space(SPEC)


def measured(value: Any = 50.0, **more: Any) -> Measurement:
    return Measurement("yield", value, "%", more.pop("canonical", value), **more)


class TestResults:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"value": "50"}, "the value must be a finite number, got '50'"),
            ({"value": None}, "the value must be a finite number, got None; report an experiment without a number as"),
            ({"canonical": "50"}, "the canonical value must be a finite number, got '50'"),
            ({"sd": "2"}, "sd must be zero or above, got '2'"),
            ({"sd": 2.0}, "sd 2.0 counts only by what it is in the target's unit; give canonical_sd too"),
            ({"canonical_sd": -2.0}, "canonical_sd must be zero or above, got -2.0"),
            ({"n": 2.5}, r"n must be between 1 and 10\^9, and whole, got 2.5"),
            ({"n": "2"}, r"n must be between 1 and 10\^9, and whole, got '2'"),
            ({"qualifier": "<"}, r"qualifier must be one of Qualifier.EQUAL \(=\), Qualifier.BELOW \(<\), .*got '<'"),
        ],
    )
    def test_what_is_no_measurement_is_refused_with_what_is_expected(self, given: Any, message: str) -> None:
        with pytest.raises(OutcomeError, match=f"^'yield': {message}"):
            measured(**given)

    def test_numbers_of_numpy_are_numbers(self) -> None:
        found = measured(np.float32(50.0), sd=np.float64(2.0), canonical_sd=np.float64(2.0), n=np.int64(3))

        assert too_large(found) == ""
        assert found.qualifier is Qualifier.EQUAL

    @pytest.mark.parametrize("outcome", [Measured, lambda given: Negative("no product", given)])
    @pytest.mark.parametrize("given", [measured(), 50.0, (50.0,)])
    def test_what_is_no_tuple_of_measurements_is_refused(self, outcome: Any, given: Any) -> None:
        with pytest.raises(OutcomeError, match=r"must be a tuple of Measurement, such as \(m,\), got"):
            outcome(given)

    def test_a_kind_of_fault_that_there_is_not_is_named_with_those_that_there_are(self) -> None:
        with pytest.raises(OutcomeError, match=r"fault kind 'lost' is unknown; known: input_error, .*compute_lost"):
            Fault.of("lost", "the vial fell")  # type: ignore[arg-type]


def seen(x: Any, **more: Any) -> Observation:
    return Observation("odd", x, Measured((measured(),)), **more)


class TestPoints:
    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (
                {"base": "KOAc", "temperature": 80},
                "must be coordinates, as space.coordinates(settings) gives them, got {",
            ),
            ([0.0, 80.0], "must be coordinates, as space.coordinates(settings) gives them, got [0.0, 80.0]"),
            (np.array([[0.0, 80.0]]), "must be coordinates, as space.coordinates(settings) gives them, got array([["),
            (np.array([0.0, np.nan]), "must be finite numbers, got [0.0, nan]; leave out what was not tried"),
        ],
    )
    def test_what_is_no_point_is_refused_where_it_is_made(self, x: Any, message: str) -> None:
        for make, what in (
            (lambda: seen(x), "observation odd: x "),
            (lambda: seen(np.array([0.0, 80.0]), actual=x), "observation odd: actual "),
            (lambda: Pending("odd", x), "pending odd: x "),
        ):
            with pytest.raises(SpaceError) as refused:
                make()
            assert str(refused.value).startswith(what + message)

    def test_what_is_no_outcome_is_refused_where_it_is_made(self) -> None:
        with pytest.raises(
            OutcomeError, match=r"^observation odd: the outcome must be Measured, Negative or Fault, got 50"
        ):
            Observation("odd", SPACE.coordinates({"base": "KOAc", "temperature": 80}), 50.0)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            ([0.0, 80.0, 3.0], "odd has 3 coordinates, and the space has 2 parameters: base, temperature; space.coord"),
            (
                [7.0, 80.0],
                "odd: base has no option number 7, only 0 to 1; space.coordinates(settings) gives the number",
            ),
            ([0.5, 80.0], "odd: base has no option number 0.5, only 0 to 1"),
        ],
    )
    def test_a_point_of_another_space_is_named(self, x: list[float], message: str) -> None:
        told, runs = History((seen(np.array(x)),)), History(pending=(Pending("odd", np.array(x)),))

        for ask in (
            lambda: plan(SPEC, told, seed=0, experiments=3),
            lambda: plan(SPEC, runs, seed=0, experiments=3),
            lambda: honest_best(SPEC, told, seed=0),
        ):
            with pytest.raises(SpaceError) as refused:
                ask()
            assert message in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"experiments": 0}, "experiments must be a whole number of at least 1, got 0; none need no plan"),
        ({"experiments": -1}, "experiments must be a whole number of at least 1, got -1"),
        ({"experiments": 2.5}, "experiments must be a whole number of at least 1, got 2.5"),
        ({"experiments": "2"}, "experiments must be a whole number of at least 1, got '2'"),
        ({"seed": -1}, "seed must be a whole number from 0 to 4611686018427387904, got -1"),
        ({"seed": None}, "seed must be a whole number from 0 to 4611686018427387904, got None"),
        ({"seed": 2**70}, "seed must be a whole number from 0"),
        ({"left": 0}, "left must be a whole number of at least 1, or None for as many as experiments, got 0"),
        ({"left": 2.5}, "left must be a whole number of at least 1, or None for as many as experiments, got 2.5"),
        ({"left": "20"}, "left must be a whole number of at least 1, or None for as many as experiments, got '20'"),
        ({"purse": 200.0}, r"purse must be a loop.costs.Purse, such as Purse\(cost=200.0\), or None, got 200.0"),
        ({"purse": {"cost": 200}}, "purse must be a loop.costs.Purse, "),
        (
            {"purse": Purse(cost=200.0)},
            r"Purse\(cost=200.0, .*\) is given, and the spec does not say what experiments cost; give costs",
        ),
    ],
)
def test_what_says_no_batch_seed_or_budget_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=f"^{message}"):
        plan(SPEC, History(), **{"seed": 0, "experiments": 3, **asked})


def test_a_text_in_place_of_a_spec_and_a_list_in_place_of_a_history_are_named() -> None:
    with pytest.raises(PlanError, match=r"spec must be a loop.spec.CampaignSpec, as read_spec\(text, .* got str"):
        plan("campaign: heat", History(), seed=0, experiments=3)
    with pytest.raises(PlanError, match=r"history must be a loop.history.History, such as .* got list"):
        plan(SPEC, [], seed=0, experiments=3)


@pytest.mark.parametrize("given", ["200", float("nan"), [200.0]])
def test_a_purse_of_no_number_is_refused_where_it_is_made(given: Any) -> None:
    with pytest.raises(PlanError, match=r"^Purse: hours must be a number, or None for no limit, got "):
        Purse(hours=given)


def test_two_observations_of_one_id_are_named() -> None:
    told = History((seen(np.array([0.0, 80.0])), seen(np.array([1.0, 80.0]))))

    for ask in (
        lambda: plan(SPEC, told, seed=0, experiments=3),
        lambda: honest_best(SPEC, told, seed=0),
    ):
        with pytest.raises(OutcomeError, match=r"^2 observations have the id 'odd'; leave out what is there twice,"):
            ask()


MIXED = build_space(
    read_spec(
        """
campaign: mixed
space:
  solvent: {type: mixture, parts: [water, DMF], step: 0.25}
  temperature: {type: number, low: 60, high: 120, unit: degC}
objective: {yield: {goal: maximize}}
budget: {experiments: 30}
laboratory: {adapter: manual}
""",
        source="mixed.yaml",
        read=None,
    )
)


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"base": "KOAc", "temperature": None}, "'temperature': must be a finite number in 'degC', got 'None'"),
            ({"base": "KOAc", "temperature": [80]}, "'temperature': must be a finite number in 'degC', got '[80]'"),
            ({"base": "KOAc", "temperature": True}, "'temperature': must be a finite number in 'degC', got 'True'"),
            ({"base": "KOAc", "T": 80}, "unknown parameter 'T'; give base, temperature"),
            ({"base": "KOAc", "temprature": 80}, "unknown parameter 'temprature' (did you mean 'temperature'?)"),
            (("KOAc", 80), "settings must map each parameter to its value, such as {'base': ...}, got ('KOAc', 80)"),
        ],
    )
    def test_settings_that_are_none_are_named_with_what_is_expected(self, settings: Any, message: str) -> None:
        with pytest.raises(SpaceError) as refused:
            SPACE.coordinates(settings)

        assert message in str(refused.value)

    def test_a_mixture_is_asked_for_by_its_fractions(self) -> None:
        with pytest.raises(SpaceError) as refused:
            MIXED.coordinates({"solvent": "water", "temperature": 80})

        assert str(refused.value) == (
            "unknown parameter 'solvent': it is a mixture, so give the fraction of each part: "
            "solvent.water, solvent.DMF"
        )


def test_values_of_what_is_no_target_are_said_to_train_nothing() -> None:
    temperatures = (60, 80, 100, 120)
    told = tuple(
        Observation(
            str(t), SPACE.coordinates({"base": "KOAc", "temperature": t}), Measured((Measurement("Yield", t, "%", t),))
        )
        for t in temperatures
    )

    notes = plan(SPEC, History(told), seed=0, experiments=3).notes

    assert notes[0] == (
        "observation 60 and 3 more: measured is Yield (did you mean 'yield'?), and no target (yield): "
        "it counts as done, and its values train nothing"
    )
