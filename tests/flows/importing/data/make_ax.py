"""Experiments of Ax as it saves them; run with the Python of an environment that has Ax 1.0 to 1.3.

Ax 0.4.3 has no such client, and makes the experiments alone.

``python make_ax.py FOLDER`` writes ``coupling`` (a client), ``batches`` and ``weighted`` (experiments) with Ax's
version in the name. The values are made up; what the tests expect of them stands in ``expected.py``.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.core.arm import Arm
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.metric import Metric
from ax.core.objective import Objective, ScalarizedObjective
from ax.core.optimization_config import OptimizationConfig
from ax.core.outcome_constraint import OutcomeConstraint
from ax.core.parameter import ChoiceParameter, FixedParameter, ParameterType, RangeParameter
from ax.core.search_space import SearchSpace
from ax.core.types import ComparisonOp
from ax.storage.json_store.save import save_experiment


def coupling(file: Path) -> None:
    """Two objectives, a limit, every kind of parameter, and a trial of every status."""
    client = Client()
    client.configure_experiment(
        name="amide coupling",
        description="made up",
        parameters=[
            RangeParameterConfig(name="temperature", bounds=(20.0, 120.0), parameter_type="float"),
            RangeParameterConfig(name="loading", bounds=(0.001, 1.0), parameter_type="float", scaling="log"),
            RangeParameterConfig(name="equivalents", bounds=(1, 5), parameter_type="int"),
            RangeParameterConfig(name="concentration", bounds=(0.1, 0.5), parameter_type="float", step_size=0.1),
            ChoiceParameterConfig(
                name="solvent", values=["DMF", "water", "THF"], parameter_type="str", is_ordered=False
            ),
            ChoiceParameterConfig(name="stages", values=[1, 2, 4], parameter_type="int", is_ordered=True),
            ChoiceParameterConfig(name="dry", values=[True, False], parameter_type="bool"),
        ],
        parameter_constraints=["temperature + 10*equivalents <= 130"],
    )
    client.configure_optimization(objective="conversion, -cost", outcome_constraints=["impurity <= 3.5"])
    has_tracking = hasattr(client, "configure_tracking_metrics")  # since 1.1
    if has_tracking:
        client.configure_tracking_metrics(["colour"])

    def trial(temperature: float, solvent: str = "DMF", concentration: float = 0.3) -> int:
        rest = {"loading": 0.1, "equivalents": 2, "concentration": concentration, "stages": 4, "dry": True}
        return client.attach_trial({"temperature": temperature, "solvent": solvent, **rest})

    values = {"conversion": (12.5, 0.25), "cost": (3.0, 0.0), "impurity": (1.0, 0.05)}
    client.complete_trial(trial(33.333333333333336), raw_data=values)
    client.complete_trial(
        trial(33.333333333333336), raw_data={**values, "conversion": 13.75, **({"colour": 2.0} if has_tracking else {})}
    )
    client.complete_trial(trial(60.0, "water", 0.1 + 0.2), raw_data={"conversion": 0.0, "cost": 1e-05, "impurity": 0.0})
    client.mark_trial_failed(trial(70.0, "THF"), **({"failed_reason": "needle clogged"} if has_tracking else {}))
    client.mark_trial_abandoned(trial(80.0))
    stopped = trial(90.0)
    client.attach_data(stopped, {"conversion": 2.0}, progression=1)
    client.attach_data(stopped, {"conversion": 2.5}, progression=2)
    client.mark_trial_early_stopped(stopped)
    trial(100.0)
    client.save_to_json_file(str(file))


def experiment(objective: Objective, *constraints: OutcomeConstraint) -> Experiment:
    """Ranges, a hidden constant, and a task."""
    space = SearchSpace(
        [
            RangeParameter("x 1", ParameterType.FLOAT, 0.0, 2.0),
            RangeParameter("flow", ParameterType.FLOAT, 0.1, 10.0, digits=2),
            FixedParameter("stirring", ParameterType.FLOAT, 300.0),
            ChoiceParameter("site", ParameterType.STRING, ["here", "there"], is_task=True, target_value="here"),
        ]
    )
    config = OptimizationConfig(objective, outcome_constraints=list(constraints))
    return Experiment(name="batches", search_space=space, optimization_config=config)


def rows(index: int, values: dict[str, dict[str, float]]) -> Data:
    """Data of one trial: values by arm and metric."""
    found = [
        {"trial_index": index, "arm_name": arm, "metric_name": m, "mean": v, "sem": 0.1}
        | ({"metric_signature": m} if version("ax-platform") >= "1.1" else {})
        for arm, some in values.items()
        for m, v in some.items()
    ]
    return Data(df=pd.DataFrame(found))


def batches(file: Path) -> None:
    """One objective to be minimised, a threshold on it, another relative to a baseline; batch trials."""
    cost, purity = Metric("cost", lower_is_better=True), Metric("purity")
    made = experiment(
        Objective(metric=cost, minimize=True),
        OutcomeConstraint(metric=purity, op=ComparisonOp.GEQ, bound=90.0, relative=False),
        OutcomeConstraint(metric=Metric("waste"), op=ComparisonOp.LEQ, bound=10.0, relative=True),
    )
    base = {"flow": 1.5, "stirring": 300.0, "site": "here"}
    made.status_quo = Arm({"x 1": 1.0, **base}, name="baseline")
    for shift in (0.0, 0.5):
        trial = made.new_batch_trial()
        trial.add_arms_and_weights(
            [Arm({"x 1": 0.25 + shift, **base}), Arm({"x 1": 1.25 + shift, **base, "site": "there"})]
        )
        trial.mark_running(no_runner_required=True)
        values = {arm.name: {"cost": 4.5 + shift, "purity": 95.0 - 40 * shift, "waste": 3.0} for arm in trial.arms}
        if shift:
            del values[trial.arms[1].name]  # nothing came back for it
        made.attach_data(rows(trial.index, values))
        trial.mark_completed()
    save_experiment(made, str(file))


def weighted(file: Path) -> None:
    """Two metrics made one by weights."""
    objective = ScalarizedObjective(metrics=[Metric("gain"), Metric("loss")], weights=[2.0, -0.5], minimize=False)
    made = experiment(objective)
    trial = made.new_trial()
    trial.add_arm(Arm({"x 1": 0.25, "flow": 1.5, "stirring": 300.0, "site": "here"}))
    trial.mark_running(no_runner_required=True)
    made.attach_data(rows(0, {trial.arm.name: {"gain": 4.5, "loss": 1.0}}))
    trial.mark_completed()
    save_experiment(made, str(file))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for make in (coupling, batches, weighted):
        make(Path(sys.argv[1]) / f"ax_{make.__name__}_{version('ax-platform')}.json")
