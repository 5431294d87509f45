"""Outcomes, units, the life of an attempt, histories: what is read, refused, and learnt from."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from campaigns import measured, observe, reaction_spec
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import OutcomeError, TransitionError, UnitError
from loop.experiment import FINAL, TRANSITIONS, Event, State, step
from loop.history import History
from loop.objective import Goal, Objective, Target
from loop.outcome import (
    FAULT_RULES,
    Fault,
    FaultKind,
    Measured,
    Measurement,
    Negative,
    Qualifier,
    read_outcome,
    write_outcome,
)
from loop.spec import build_objective, build_space
from loop.training import feasibility_table, regression_table
from loop.units import convert
from loop.values import values_of

UNITS = {"yield": "%", "time": "h"}
READINGS = st.builds(
    lambda v, sd, n, q: {"property": "time", "value": v, "unit": "min", "sd": sd, "n": n, "qualifier": q},
    st.floats(-1e6, 1e6),
    st.none() | st.floats(0, 1e3),
    st.integers(1, 9),
    st.sampled_from(["=", "<", ">"]),
)


@given(READINGS)
def test_what_is_read_is_written_as_it_was(reading):
    payload = {"outcome": "measured", "values": [reading | {"channel": None}]}

    outcome = read_outcome(payload, UNITS)

    assert write_outcome(outcome) == payload
    assert read_outcome(write_outcome(outcome), UNITS) == outcome
    assert outcome.measurements[0].canonical == pytest.approx(reading["value"] / 60)


@pytest.mark.parametrize("payload", [{"outcome": "negative", "reason": ""}, {"outcome": "fault", "kind": "unknown"}])
def test_a_reason_of_many_pages_is_kept_by_its_beginning_and_its_end(payload):
    said = f"first{'-' * 200_000}last"

    outcome = read_outcome({**payload, "reason" if "reason" in payload else "message": said}, UNITS)
    kept = outcome.reason if isinstance(outcome, Negative) else outcome.message

    assert (kept[:6], kept[-5:]) == ("first-", "-last")
    assert " ... " in kept
    assert len(kept) < 32_767  # what a cell of a spreadsheet holds
    assert read_outcome(write_outcome(outcome), UNITS) == outcome


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (25.0, "degC", "K", 298.15),  # SI: 0 degC is 273.15 K
        (1.0, "hartree", "eV", 27.211386245988),  # CODATA 2018
        (1.0, "debye", "C*m", 3.33564e-30),
        (50.0, "%", "", 0.5),
        (1.5, "h", "min", 90.0),
        (250.0, "mmol/L", "mol/L", 0.25),
    ],
)
def test_units_convert_as_published(value, unit, to, expected):
    assert convert(value, unit, to) == pytest.approx(expected, rel=1e-6)


def test_a_deviation_is_converted_as_a_difference():
    outcome = read_outcome(
        {"outcome": "measured", "values": [{"property": "t", "value": 25, "unit": "degC", "sd": 2}]}, {"t": "K"}
    )

    assert outcome.measurements[0].canonical == pytest.approx(298.15)
    assert outcome.measurements[0].canonical_sd == pytest.approx(2.0)


def test_a_deviation_in_the_targets_own_unit_is_kept_as_it_was_stated():
    outcome = read_outcome({"outcome": "measured", "values": [{"property": "yield", "value": 45.3, "sd": 1.2}]}, UNITS)

    assert outcome.measurements[0].canonical_sd == 1.2  # and not 1.2000000000000028, the difference of two sums


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"outcome": "succeeded"}, "must be 'measured', 'negative' or 'fault'"),
        ({"outcome": "measured"}, "without values"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": "high"}]}, "must be a finite number"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": math.nan}]}, "must be a finite number"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": True}]}, "must be a finite number"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 1, "unit": "kg"}]}, "report it in '%'"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 1, "qualifier": "~"}]}, "one of =, <, >"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 1, "sd": -1}]}, "sd must be zero or above"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 1, "n": 0.5}]}, "n must be a whole number"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 1, "n": 0}]}, "n must be between 1"),
        (
            {"outcome": "measured", "values": [{"property": "yield", "value": 1, "n": 10**20}]},
            "n must be between 1",
        ),
        (
            {"outcome": "measured", "values": [{"property": "yield", "value": 1, "n": False}]},
            "n must be a whole number",
        ),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 10**400}]}, "value must be a finite number"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 1, "sd": 10**400}]}, "sd must be a finite"),
        ({"outcome": "measured", "values": [{"property": "yield", "value": 1e308, "sd": 1e308}]}, "sd is too large"),
        ({"outcome": "measured", "values": [{"property": "colour", "value": 1}]}, "no value for any target"),
        ({"outcome": "measured", "values": [{"propety": "yield"}]}, "did you mean 'property'"),
        ({"outcome": "measured", "valeus": []}, "did you mean 'values'"),
        ({"outcome": "negative"}, "needs a reason"),
        ({"outcome": "fault", "kind": "time_out"}, "did you mean 'timeout'"),
        ({"outcome": "fault", "kind": "timeout", "informative": "yes"}, "true or false"),
        ({"outcome": "measured", "values": "many"}, "must be a list"),
        (
            {"outcome": "measured", "values": [{"property": "yield", "value": "76.0"}]},
            "got '76.0'; send it as a number, without quotes$",
        ),
        (
            {"outcome": "measured", "values": [{"property": "yield", "value": "> 99"}]},
            "got '> 99'; write 99 alone, and '>' as its qualifier$",
        ),
        (
            {"outcome": "measured", "values": [{"property": "yield", "value": 76, "sd": "1.5"}]},
            "sd must be a finite number, got '1.5'; send it as a number, without quotes$",
        ),
        (
            {"outcome": "measured", "values": [{"property": "yield", "value": 76, "sd": math.nan}]},
            "sd must be a finite number, got nan; leave it out where it is not known$",
        ),
        (
            {"outcome": "measured", "values": [{"property": "Yield", "value": 76}, {"property": "purity", "value": 9}]},
            r"the campaign measures time, yield, and what came is Yield \(did you mean 'yield'\?\), purity$",
        ),
        ({"outcome": "measured", "values": [{"property": "colour", "value": 1}]}, "yield, and what came is colour$"),
        ({"yield": 76.0}, '\'yield\' is a target, whose value stands in values: .*"yield", "value": 76.0'),
        (
            {"outcome": "measured", "values": [{"property": "yield", "value": 76}, {"property": "yield", "value": 77}]},
            "names 'yield' twice; give each its own channel, or their mean with sd and n",
        ),
    ],
)
def test_what_cannot_be_read_is_named(payload, message):
    with pytest.raises(OutcomeError, match=message):
        read_outcome(payload, UNITS)


def test_a_unit_of_a_target_without_one_is_refused_with_what_to_do():
    payload = {"outcome": "measured", "values": [{"property": "pIC50", "value": 1, "unit": "nmol/L"}]}

    with pytest.raises(
        OutcomeError, match="in 'nmol/L' cannot be given without a unit; report it without one, or state"
    ):
        read_outcome(payload, {"pIC50": ""})


def test_measurements_refuse_what_cannot_be():
    with pytest.raises(OutcomeError, match="finite"):
        Measurement("yield", math.inf, "%", math.inf)
    with pytest.raises(OutcomeError, match="names 'yield' twice"):
        Measured((Measurement("yield", 1, "%", 1), Measurement("yield", 2, "%", 2)))
    with pytest.raises(OutcomeError, match="at least one value"):
        Measured(())


def test_every_kind_of_fault_has_a_rule():
    assert set(FAULT_RULES) == set(FaultKind)
    assert Fault.of(FaultKind.CONVERGENCE_ERROR, "x").informative
    assert not Fault.of(FaultKind.INSTRUMENT_FAULT, "x").informative
    assert Fault.of(FaultKind.INSTRUMENT_FAULT, "x", informative=True).informative


def test_an_attempt_ends_once_and_for_all():
    assert not [pair for pair in TRANSITIONS if pair[0] in FINAL]
    for state in State:
        for event in Event:
            if (state, event) not in TRANSITIONS:
                with pytest.raises(TransitionError, match="it can take"):
                    step(state, event)


def test_every_state_can_be_left_and_reached():
    reached = {State.READY} | set(TRANSITIONS.values())

    assert reached == set(State)
    assert {s for s, _ in TRANSITIONS} == set(State) - FINAL


@pytest.mark.parametrize("unit", ["%", "mol%", "ppm"])
def test_an_empty_unit_is_refused_where_it_may_be_a_fraction_of_one(unit):
    def read(**said):
        return read_outcome(
            {"outcome": "measured", "values": [{"property": "yield", "value": 0.83, **said}]}, {"yield": unit}
        )

    with pytest.raises(OutcomeError, match=r"'yield': 0\.83 with an empty unit may be a fraction of one or in"):
        read(unit="")
    for left_out in ({}, {"unit": None}, {"unit": unit}):
        assert read(**left_out).measurements[0].canonical == 0.83
    assert read(unit="dimensionless").measurements[0].canonical > 80.0


@pytest.mark.parametrize("unit", ["", "equiv", "degC", "eV", "degree"])
def test_an_empty_unit_is_the_targets_own_where_nothing_else_can_be_meant(unit):
    payload = {"outcome": "measured", "values": [{"property": "y", "value": 0.83, "unit": ""}]}

    assert read_outcome(payload, {"y": unit}).measurements[0].canonical == 0.83


def test_an_unknown_unit_is_refused_with_examples():
    with pytest.raises(UnitError, match="use a symbol such as"):
        convert(1, "furlongs per", "m")


SPEC = reaction_spec()
SPACE, OBJECTIVE = build_space(SPEC), build_objective(SPEC)
HERE = {"alcohol": "ethanol", "base": "weak", "temperature": 20}


def reading(value, qualifier=Qualifier.EQUAL, sd=None):
    return Measurement("yield", value, "%", value, sd, sd, 1, qualifier)


def test_a_limit_is_an_interval_that_what_the_target_can_be_closes():
    history = History((observe(SPEC, HERE, Negative("traces", (reading(6.0, Qualifier.BELOW),)), "o"),))

    table, notes = regression_table(SPACE, OBJECTIVE, history)

    assert (table.low[0, 0], table.high[0, 0]) == (0.0, 6.0)
    assert notes == ()


def test_a_limit_without_a_bound_is_open_on_its_other_side():
    objective = Objective((Target("yield", Goal.MAXIMIZE, "%"),))
    history = History((observe(SPEC, HERE, Negative("traces", (reading(6.0, Qualifier.BELOW),)), "o"),))

    table, notes = regression_table(SPACE, objective, history)

    assert (table.low[0, 0], table.high[0, 0]) == (-math.inf, 6.0)
    assert notes == ()


def test_two_limits_close_an_interval_and_those_that_contradict_are_named():
    def of(low, high):
        two = (
            Measurement("yield", low, "%", low, None, None, 1, Qualifier.ABOVE, "UV"),
            Measurement("yield", high, "%", high, None, None, 1, Qualifier.BELOW, "MS"),
        )
        return regression_table(SPACE, OBJECTIVE, History((observe(SPEC, HERE, Measured(two), "o"),)))

    table, notes = of(20, 30)
    nothing, told = of(30, 20)

    assert (table.low[0, 0], table.high[0, 0], notes) == (20.0, 30.0, ())
    assert len(nothing) == 0
    assert "leaves nothing between the limits; retract" in told[0]


def test_a_bare_negative_counts_as_possible_and_says_so():
    history = History((observe(SPEC, HERE, Negative("no conversion"), "o"),))

    table, notes = regression_table(SPACE, OBJECTIVE, history)
    _, ran = feasibility_table(history, 3)

    assert len(table) == 0
    assert notes[0].endswith(
        "it counts as done, and as possible, so that its like may come next; report a limit such as '< 1', or outcome "
        "'cannot' where it cannot be made"
    )
    assert ran.tolist() == [True]  # it ran as intended; the answer was no


def test_only_informative_faults_train_feasibility():
    faults = [Fault.of(k, "x") for k in (FaultKind.CONVERGENCE_ERROR, FaultKind.INSTRUMENT_FAULT)]
    history = History(tuple(observe(SPEC, HERE, f, f"o{i}") for i, f in enumerate(faults)))

    _, ran = feasibility_table(history, 3)

    assert ran.tolist() == [False]


def test_channels_are_averaged_and_their_deviations_combined():
    two = Measured(
        (
            Measurement("yield", 10, "%", 10, 3, 3, 1, Qualifier.EQUAL, "UV"),
            Measurement("yield", 14, "%", 14, 4, 4, 1, Qualifier.EQUAL, "MS"),
        )
    )

    table, _ = regression_table(SPACE, OBJECTIVE, History((observe(SPEC, HERE, two, "o"),)))

    assert table.y[0, 0] == 12.0
    assert table.sd[0, 0] == pytest.approx(2.5)  # sqrt(9 + 16) / 2
    assert values_of(two) == {"yield": 12.0}


def test_a_target_that_was_not_measured_is_missing_not_zero():
    objective = Objective((Target("yield", Goal.MAXIMIZE, "%"), Target("cost", Goal.MINIMIZE)))

    table, _ = regression_table(SPACE, objective, History((observe(SPEC, HERE, measured(cost=2.0), "o"),)))

    assert np.isnan(table.y[0, 0])
    assert table.y[0, 1] == 2.0


def test_the_best_keeps_thresholds_and_fronts_do_not_depend_on_order():
    objective = Objective((Target("a", Goal.MAXIMIZE, at_least=1.0), Target("b", Goal.MINIMIZE)))
    rows = [{"a": 3.0, "b": 3.0}, {"a": 2.0, "b": 1.0}, {"a": 2.0, "b": 2.0}, {"a": 0.5, "b": 0.0}, {"a": 9.0}]

    for order in permutations(range(5)):
        best = {order[i] for i in objective.best([rows[k] for k in order])}

        assert best == {0, 1}


@pytest.mark.parametrize(
    ("value", "unit", "to", "same"),
    [
        (25.0, "C", "K", 298.15),
        (77.0, "F", "degC", 25.0),
        (25.0, "deg C", "degC", 25.0),
        (25.0, "\N{DEGREE CELSIUS}", "K", 298.15),
        (2.0, "C", "mC", 2000.0),
    ],
)
def test_degrees_are_a_charge_only_where_one_is_wanted(value, unit, to, same):
    assert convert(value, unit, to) == pytest.approx(same)


@pytest.mark.parametrize(("unit", "remedy"), [("", "in a unit, and a larger one"), ("m", "in a larger unit than 'm'")])
def test_a_value_too_large_is_refused_with_the_unit_to_be_changed(unit: str, remedy: str) -> None:
    payload = {"outcome": "measured", "values": [{"property": "length", "value": 1e155, "unit": unit}]}

    with pytest.raises(OutcomeError, match=remedy):
        read_outcome(payload, {"length": unit})
