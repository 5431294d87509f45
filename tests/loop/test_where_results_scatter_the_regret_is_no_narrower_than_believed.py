"""Of a target whose results are known to scatter, what is stated of the regret is no narrower than its models say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from campaigns import alcohol_yield, measured, observe, reaction_spec, run_rounds

from loop.history import Claim, History, Observation
from loop.insight.regret import distrust
from loop.insight.saying import regret_sentence
from loop.insight.scattering import measured_again, scattered
from loop.objective import Goal, Target
from loop.outcome import Fault, FaultKind, Measured, Measurement, Qualifier
from loop.planner import plan
from loop.spec import build_objective

SPEC = reaction_spec()
SETTINGS = {"alcohol": "methanol", "base": "weak"}
RIGHT = tuple(Claim("yield", 50.0, 10.0, 50.0 + 10.0 * (-1) ** i) for i in range(40))


def told(*values: Measurement, temperatures: tuple[int, ...] = (20, 20)) -> frozenset[str]:
    """What is known of yields at these temperatures, one for each value."""
    seen = [
        observe(SPEC, {**SETTINGS, "temperature": t}, Measured((v,)), f"o{i}")
        for i, (v, t) in enumerate(zip(values, temperatures, strict=False))
    ]
    fault = observe(SPEC, {**SETTINGS, "temperature": 60}, Fault.of(FaultKind.TIMEOUT, "late"), "late")
    return scattered(History((*seen, fault)), build_objective(SPEC))


def value(number: float, **more: object) -> Measurement:
    return Measurement("yield", number, "%", number, **more)


def test_a_deviation_readings_or_replicates_that_differ_tell_that_results_scatter() -> None:
    assert told(value(50, sd=2.0, canonical_sd=2.0)) == {"yield"}
    assert told(value(50, n=3)) == {"yield"}
    assert told(value(50), value(52)) == {"yield"}

    assert told(value(50, sd=0.0, canonical_sd=0.0)) == frozenset()
    assert told(value(50), value(50)) == frozenset()  # made again and the same
    assert told(value(50), value(52), temperatures=(20, 40)) == frozenset()
    assert told(value(50), value(40, qualifier=Qualifier.ABOVE)) == frozenset()  # both may be 50


def test_actual_settings_that_differ_are_no_replicates() -> None:
    seen = [observe(SPEC, {**SETTINGS, "temperature": 20}, measured(**{"yield": v}), f"o{v}") for v in (50, 52)]
    warm = observe(SPEC, {**SETTINGS, "temperature": 40}, measured(**{"yield": 52}), "warm")
    warmer = replace(seen[1], actual=warm.x)
    objective = build_objective(SPEC)

    assert scattered(History(tuple(seen)), objective) == {"yield"}
    assert scattered(History((seen[0], warmer)), objective) == frozenset()
    assert scattered(History((seen[0], replace(seen[1], is_off=True))), objective) == frozenset()


def test_predictions_that_came_true_narrow_the_statement_only_where_nothing_scatters() -> None:
    target = Target("yield", Goal.MAXIMIZE, "%")
    surprises = [Claim("yield", 50.0, 1.0, 55.0)] * 40

    assert distrust(target, RIGHT) < 0.75
    assert distrust(target, RIGHT, may_narrow=False) == 1.0
    assert distrust(target, surprises, may_narrow=False) == distrust(target, surprises) > 1.0
    assert distrust(target, (), may_narrow=False) == 3.0


@pytest.mark.parametrize(("sd", "widened"), [(None, distrust(Target("yield", Goal.MAXIMIZE, "%"), RIGHT)), (3.0, 1.0)])
def test_a_plan_states_it_so(sd: float | None, widened: float) -> None:
    history, _ = run_rounds(SPEC, lambda s: measured(**{"yield": alcohol_yield(s)}), 3)
    stated = tuple(
        replace(o, outcome=Measured(tuple(replace(m, sd=sd, canonical_sd=sd) for m in o.outcome.measurements)))
        for o in history.observations
        if isinstance(o.outcome, Measured)
    )

    batch = plan(SPEC, History(stated, claims=RIGHT), seed=1, experiments=3)

    assert batch.model["regret"]["widened"]["yield"] == pytest.approx(widened)
    assert np.isfinite(batch.model["regret"]["epsilon"])
    assert (", if results hardly scatter" in regret_sentence(batch.model["regret"])) is (sd is None)


def test_two_channels_of_one_experiment_are_no_candidate_measured_again() -> None:
    def read(name: str, *channels: str) -> Observation:
        outcome = Measured(tuple(value(50.0, channel=c) for c in channels))
        return observe(SPEC, {**SETTINGS, "temperature": 20}, outcome, name)

    objective = build_objective(SPEC)

    assert measured_again(History((read("a", "nmr", "hplc"),)), objective) == frozenset()
    assert measured_again(History((read("a", "nmr"), read("b", "nmr"))), objective) == {"yield"}
