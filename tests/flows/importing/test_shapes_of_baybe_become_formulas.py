"""What BayBE makes of a target by transformations that are neither a direction, a range nor a value to be matched."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from material import DATA

from flows.importing import Foreign, Source, campaign_text, read_foreign
from flows.importing.baybe.shapes import formula_of
from loop.objective import Objective
from loop.space import Expression
from loop.spec import build_objective, read_spec

MEASURED = np.array([10.0, 25.0, 40.0, 55.0, 90.0])
BELL = {"type": "BellTransformation", "center": 40.0, "sigma": 15.0}
UNEVEN = {"type": "TriangularTransformation", "cutoffs": {"lower": 20.0, "upper": 80.0}, "peak": 30.0}
LOG = {"type": "LogarithmicTransformation"}


def affine(factor: float = 1.0, shift: float = 0.0) -> dict[str, Any]:
    return {"type": "AffineTransformation", "factor": factor, "shift": shift}


def clamped(lower: float, upper: float) -> dict[str, Any]:
    return {"type": "ClampingTransformation", "cutoffs": {"lower": lower, "upper": upper}}


def read_with(**objective: Any) -> Foreign:
    """A campaign of BayBE with another objective and nothing measured."""
    data = json.loads((DATA / "baybe_reaction_0.15.0.json").read_text())
    data |= {"objective": objective, "measurements_exp": None}
    return read_foreign(Source(Path("b.json"), json.dumps(data).encode(), {}))


def target(name: str, *steps: dict[str, Any], minimize: bool = False) -> dict[str, Any]:
    how = steps[0] if len(steps) == 1 else {"type": "ChainedTransformation", "transformations": list(steps)}
    return {"name": name, "minimize": minimize, "transformation": how}


def objective_of(foreign: Foreign) -> Objective:
    return build_objective(
        read_spec(campaign_text(foreign, campaign="c", source="s"), source="c.yaml", read=lambda _: "")
    )


def derived(foreign: Foreign) -> dict[str, Any]:
    return {entry.name: dict(entry.keys) for entry in foreign.derived}


@pytest.mark.parametrize(
    ("steps", "values"),  # by BayBE 0.15.0, of what was MEASURED
    [
        ([BELL], [0.135335283, 0.60653066, 1.0, 0.60653066, 0.00386592014]),
        ([UNEVEN], [0.0, 0.5, 0.8, 0.5, 0.0]),
        ([{"type": "SigmoidTransformation", "center": 50.0, "steepness": -0.1}],
         [0.01798621, 0.07585818, 0.268941421, 0.622459331, 0.98201379]),
        ([{"type": "TwoSidedAffineTransformation", "slope_left": 1.0, "slope_right": -0.25, "midpoint": 40.0}],
         [-30.0, -15.0, 0.0, -3.75, -12.5]),
        ([LOG, {"type": "TriangularTransformation", "cutoffs": {"lower": 2.0, "upper": 5.0}, "peak": 3.5}],
         [0.201723395, 0.812583883, 0.874080364, 0.661777877, 0.33346022]),
        ([{"type": "AdditiveTransformation", "transformations": [BELL, {
            "type": "MultiplicativeTransformation",
            "transformations": [affine(0.01), {"type": "AbsoluteTransformation"}],
          }]}], [1.13533528, 6.85653066, 17.0, 30.8565307, 81.0038659]),
        ([affine(shift=-40.0), {"type": "PowerTransformation", "exponent": 3}],
         [-27000.0, -3375.0, 0.0, 3375.0, 125000.0]),
        ([clamped(20.0, 60.0), affine(0.05), {"type": "ExponentialTransformation"}],
         [2.71828183, 3.49034296, 7.3890561, 15.6426319, 20.0855369]),
    ],
)  # fmt: skip
def test_a_formula_gives_what_baybe_gives(steps: list[dict[str, Any]], values: list[float]) -> None:
    found = Expression(formula_of(steps, "`pH 7`"))({"pH 7": MEASURED})

    np.testing.assert_allclose(found, values, rtol=1e-8)


def test_a_step_that_is_not_known_has_no_formula() -> None:
    assert formula_of([BELL, {"type": "WaveletTransformation"}], "y") == ""


@pytest.mark.parametrize(
    ("wanted", "goal"),
    [
        (target("yield", UNEVEN), "maximize"),
        (target("yield", BELL, minimize=True), "minimize"),
        (target("yield", {"type": "AdditiveTransformation", "transformations": [BELL, affine(0.1)]}), "maximize"),
    ],
    ids=["an uneven match", "a mismatch", "a sum"],
)
def test_a_shape_without_a_word_is_a_derived_target(wanted: dict[str, Any], goal: str) -> None:
    foreign = read_with(type="SingleTargetObjective", target=wanted)

    assert [dict(entry.keys) for entry in foreign.targets] == [{"goal": "keep"}]
    assert derived(foreign)["merit of yield"]["goal"] == goal
    assert [t.name for t in objective_of(foreign).wanted] == ["merit of yield"]


def test_a_desirability_keeps_shapes_that_are_no_ramps() -> None:
    ramp = [affine(0.01), clamped(0.0, 1.0)]
    foreign = read_with(
        type="DesirabilityObjective", targets=[target("pH", BELL), target("yield", *ramp)], weights=[3, 1]
    )

    assert foreign.tradeoff == "desirability"
    assert derived(foreign) == {
        "merit of pH": {
            "expression": "exp(-0.5 * ((pH - 40) / 15) ** 2)",
            "goal": "maximize",
            "low": 0.0,
            "high": 1.0,
            "weight": 3.0,
        }
    }
    assert not [said for said in foreign.left if "desirability" in said]
    score = objective_of(foreign).score({"pH": 55.0, "yield": 50.0, "merit of pH": 0.60653066})
    assert math.isclose(score, (0.60653066**3 * 0.5) ** 0.25, rel_tol=1e-9)


def test_a_mean_counts_nothing_beyond_where_baybe_cuts_it_off() -> None:
    fall = [affine(-1 / 60, 80 / 60), clamped(0.0, 1.0)]
    foreign = read_with(
        type="DesirabilityObjective", targets=[target("cost", *fall), target("yield", BELL)], scalarizer="MEAN"
    )

    assert foreign.tradeoff == "weighted"
    assert derived(foreign)["merit of cost"]["expression"] == "max(0, min(1, (80 - cost) / 60))"


def test_a_mean_of_what_was_measured_stays_one() -> None:
    foreign = read_with(
        type="DesirabilityObjective",
        targets=[target("yield", affine(0.5)), target("cost", LOG, minimize=True)],
        weights=[4, 1],
        scalarizer="MEAN",
        require_normalization=False,
    )

    assert (foreign.tradeoff, foreign.derived) == ("weighted", ())
    assert {entry.name: dict(entry.keys) for entry in foreign.targets} == {
        "yield": {"goal": "maximize", "desirable": {"from": 0.0, "to": 1.0}, "weight": 2.0},
        "cost": {"goal": "minimize", "scale": "log", "desirable": {"from": math.e, "to": 1.0}},
    }
    better, worse = ({"yield": 60.0, "cost": 20.0}, {"yield": 59.0, "cost": 5.0})
    objective = objective_of(foreign)
    assert math.isclose(
        3 * (objective.score(better) - objective.score(worse)),  # the weights add up to three
        2 * (60.0 - 59.0) - (math.log(20.0) - math.log(5.0)),
    )


def test_a_geometric_mean_without_normalisation_is_one_formula() -> None:
    foreign = read_with(
        type="DesirabilityObjective",
        targets=[target("yield", clamped(0.0, math.inf)), target("rate", LOG, {"type": "ExponentialTransformation"})],
        weights=[3, 1],
        require_normalization=False,
    )

    assert foreign.tradeoff == ""
    assert derived(foreign) == {
        "merit of all": {"expression": "(max(0, yield)) ** 0.75 * (exp(log(rate))) ** 0.25", "goal": "maximize"}
    }


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([affine(100.0), LOG], {"goal": "maximize", "scale": "log"}),
        ([LOG, affine(-2.0, 1.0)], {"goal": "minimize", "scale": "log"}),
        ([clamped(1.0, 50.0), LOG], {"goal": "maximize", "scale": "log"}),
        ([affine(1.0, 1.0), LOG], {"goal": "maximize"}),
    ],
    ids=["scaled before", "scaled after", "cut off", "shifted before"],
)
def test_a_logarithm_of_what_was_measured_is_a_scale(steps: list[dict[str, Any]], said: dict[str, Any]) -> None:
    foreign = read_with(type="SingleTargetObjective", target=target("yield", *steps))

    assert [dict(entry.keys) for entry in foreign.targets] == [said]


def test_a_ramp_of_a_logarithm_is_a_range_on_that_scale() -> None:
    steps = [clamped(1.0, 50.0), LOG, affine(1 / math.log(50.0))]
    foreign = read_with(type="DesirabilityObjective", targets=[target("a", *steps), target("b", *steps)])

    assert (foreign.tradeoff, foreign.derived) == ("desirability", ())
    assert dict(foreign.targets[0].keys) == {
        "goal": "maximize", "scale": "log", "desirable": {"from": 1.0, "to": 50.0}
    }  # fmt: skip
