"""Domains and strategies of BoFire as it saves them; run with the Python of an environment that has BoFire 0.5.

``python make_bofire.py FOLDER`` writes ``blend`` (a domain) and ``product`` (a strategy) with BoFire's version in the
name, and ``blend``'s experiments as a data frame saved as CSV. The values are made up.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from bofire.data_models.constraints.api import (
    CategoricalExcludeConstraint,
    InterpointEqualityConstraint,
    LinearEqualityConstraint,
    LinearInequalityConstraint,
    NChooseKConstraint,
    NonlinearInequalityConstraint,
    ProductInequalityConstraint,
    SelectionCondition,
    ThresholdCondition,
)
from bofire.data_models.domain.api import Constraints, Domain, Inputs, Outputs
from bofire.data_models.features.api import (
    CategoricalDescriptorInput,
    CategoricalInput,
    CategoricalMolecularInput,
    ContinuousInput,
    ContinuousOutput,
    DiscreteInput,
)
from bofire.data_models.objectives.api import (
    CloseToTargetObjective,
    IncreasingDesirabilityObjective,
    MaximizeObjective,
    MaximizeSigmoidObjective,
    MinimizeObjective,
    MinimizeSigmoidObjective,
    PeakDesirabilityObjective,
    TargetObjective,
)
from bofire.data_models.strategies.api import MultiplicativeSoboStrategy


def blend() -> Domain:
    """A mixture and its process: inputs and constraints of every kind with a word in hakken, and one without."""
    inputs = [
        ContinuousInput(key="A", bounds=(0, 1)),
        ContinuousInput(key="B", bounds=(0, 1)),
        ContinuousInput(key="C", bounds=(0.1, 0.6), allow_zero=True),
        ContinuousInput(key="T", bounds=(20, 120), unit="°C", stepsize=5),
        DiscreteInput(key="passes", values=[1, 2, 5]),
        CategoricalInput(key="mixer", categories=["slow", "fast", "broken"], allowed=[True, True, False]),
        CategoricalDescriptorInput(
            key="resin", categories=["R1", "R2"], descriptors=["Mw", "OH"], values=[[1.5, 20], [3, 40]]
        ),
        CategoricalMolecularInput(key="solvent", categories=["CCO", "Cc1ccccc1"]),
    ]
    outputs = [
        ContinuousOutput(key="strength", unit="MPa", objective=MaximizeObjective()),
        ContinuousOutput(key="cost", objective=MinimizeObjective()),
        ContinuousOutput(key="viscosity", objective=CloseToTargetObjective(target_value=50, exponent=2)),
        ContinuousOutput(key="purity", objective=MaximizeSigmoidObjective(tp=90, steepness=5)),
        ContinuousOutput(key="odour", objective=MinimizeSigmoidObjective(tp=2, steepness=5)),
        ContinuousOutput(key="pH", objective=TargetObjective(target_value=7, tolerance=0.5, steepness=5)),
        ContinuousOutput(key="colour", objective=None),
    ]
    constraints = [
        LinearEqualityConstraint(features=["A", "B", "C"], coefficients=[1, 1, 1], rhs=1),
        LinearInequalityConstraint(features=["A", "T"], coefficients=[100, 1], rhs=150),
        NChooseKConstraint(features=["A", "B", "C"], min_count=1, max_count=2, none_also_valid=False),
        NonlinearInequalityConstraint(expression="A**2*T - 50*B - 20", features=["A", "B", "T"]),
        ProductInequalityConstraint(features=["A", "T"], exponents=[1, -0.5], rhs=-0.01, sign=-1),
        CategoricalExcludeConstraint(
            features=["mixer", "T"],
            conditions=[SelectionCondition(selection=["fast"]), ThresholdCondition(threshold=100, operator=">")],
        ),
        InterpointEqualityConstraint(features=["T"], multiplicity=2),
    ]
    return Domain(
        inputs=Inputs(features=inputs),
        outputs=Outputs(features=outputs),
        constraints=Constraints(constraints=constraints),
    )


def product() -> MultiplicativeSoboStrategy:
    """Rewards that are multiplied: a ramp, a curved ramp, an uneven peak, a soft limit."""
    outputs = [
        ContinuousOutput(key="yield", objective=IncreasingDesirabilityObjective(bounds=(20, 80), w=0.5)),
        ContinuousOutput(key="ee", objective=IncreasingDesirabilityObjective(bounds=(50, 100), log_shape_factor=1)),
        ContinuousOutput(key="pH", objective=PeakDesirabilityObjective(bounds=(4, 10), peak_position=6)),
        ContinuousOutput(key="odour", objective=MinimizeSigmoidObjective(tp=2, steepness=5)),
    ]
    inputs = Inputs(features=[ContinuousInput(key="t", bounds=(0, 1))])
    return MultiplicativeSoboStrategy(domain=Domain(inputs=inputs, outputs=Outputs(features=outputs)))


def experiments() -> pd.DataFrame:
    """As BoFire's strategies are told: a value that is not valid, and one that is missing."""
    first = {"A": 0.3, "B": 0.7, "C": 0.0, "T": 60.0, "passes": 2.0, "mixer": "slow", "resin": "R1", "solvent": "CCO"}
    values = {"strength": 12.5, "cost": 3.0, "viscosity": 40.0, "purity": 95.0, "odour": 1.0, "pH": 7.1}
    rows = [
        first | values,
        first | values | {"T": 80.0, "strength": 99.0, "valid_strength": 0},
        first | values | {"T": 100.0, "cost": None},
    ]
    return pd.DataFrame(rows).fillna({"valid_strength": 1}).assign(valid_cost=1)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for make in (blend, product):
        text = make().model_dump_json()
        (folder / f"bofire_{make.__name__}_{version('bofire')}.json").write_text(text, encoding="utf-8")
    experiments().to_csv(folder / "bofire_experiments.csv", index=False)
