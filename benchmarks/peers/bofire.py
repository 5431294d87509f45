"""BoFire: ``SoboStrategy`` for one target, ``MoboStrategy`` for several, with their default acquisition functions.

Substances are ``CategoricalMolecularInput`` (by default described by fingerprints) where all of their options have a
structure, other options ``CategoricalInput``, listed numbers ``DiscreteInput``; continuous numbers, and numbers with
more than ten values in a problem that lists its rows, are ``ContinuousInput``. What has one option only is left out, as
BoFire has no models of it, and each substance has descriptors of its own: by default BoFire chooses those that vary
among one parameter's options, and looks for the next parameter's among them alone. Two substances are two names: of
descriptors that all tell the same it keeps one, and takes none that is alone. A limit becomes a sigmoid objective,
BoFire's way to state an output constraint. Failed experiments are told with ``valid_`` 0.

Problems of combinations and problems with given rows are chosen as BoFire chooses among combinations: greedily over
all that was not tried, by its own acquisition function (``optimize_acqf_discrete``).
"""

from __future__ import annotations

import warnings
from copy import deepcopy
from dataclasses import replace
from typing import Any

import bofire.strategies.api as strategies
import pandas as pd
import torch
from bofire.data_models.constraints.api import LinearEqualityConstraint, LinearInequalityConstraint
from bofire.data_models.domain.api import Constraints, Domain, Inputs, Outputs
from bofire.data_models.features.api import (
    CategoricalInput,
    CategoricalMolecularInput,
    ContinuousInput,
    ContinuousOutput,
    DiscreteInput,
)
from bofire.data_models.objectives.api import (
    MaximizeObjective,
    MaximizeSigmoidObjective,
    MinimizeObjective,
    MinimizeSigmoidObjective,
)
from bofire.data_models.strategies.api import MoboStrategy, SoboStrategy
from bofire.strategies.predictives.acqf_optimization import AcquisitionOptimizer
from botorch.optim.optimize import optimize_acqf_discrete

from peers.question import Parameter, Question, Target, best_observed, complete, distinct

TWO = 2  # substances have too few descriptors for it
MANY = 10  # listed values beyond which a number is continuous when rows are given
warnings.simplefilter("ignore")  # its own advice to its users; not ours to act upon


def planner(question: Question) -> BoFire:
    return BoFire(question)


class BoFire:
    """Keys are x0, x1, ... and y0, y1, ...; molecules are named by their SMILES."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.finite = question.candidates is not None
        self.constant = {p.name: p.options[0] for p in question.parameters if len(p.options) == 1}
        self.varied = [(f"x{i}", _told(p)) for i, p in enumerate(question.parameters) if p.name not in self.constant]
        inputs = [self._input(key, p) for key, p in self.varied]
        outputs = [ContinuousOutput(key=f"y{i}", objective=_objective(t)) for i, t in enumerate(question.targets)]
        self.domain = Domain(
            inputs=Inputs(features=inputs),
            outputs=Outputs(features=outputs),
            constraints=Constraints(constraints=self._constraints()),
        )
        self.rows = None if not self.finite else pd.DataFrame([self._x(row) for row in question.candidates or ()])

    def propose(self, observations: list[dict[str, Any]], q: int, seed: int) -> list[dict[str, Any]]:
        strategy = self._strategy(observations, seed)
        chosen = self._among_rows(strategy, observations, q) if self.rows is not None else strategy.ask(q)
        return [self._settings(row) for row in chosen.to_dict("records")]

    def recommend(self, observations: list[dict[str, Any]], seed: int) -> dict[str, Any]:
        """The tried settings with the highest posterior mean."""
        if len(self.question.targets) > 1:
            return best_observed(self.question, observations)
        strategy = self._strategy(observations, seed)
        tried = distinct(self.question, observations)
        mean = strategy.predict(pd.DataFrame([self._x(row) for row in tried]))["y0_pred"].to_numpy()
        return tried[int((self.question.targets[0].sign * mean).argmax())]

    def _strategy(self, observations: list[dict[str, Any]], seed: int) -> Any:
        torch.manual_seed(seed)
        make = SoboStrategy if len(self.question.aims) == 1 else MoboStrategy  # limits are no aims
        chosen = make(domain=self.domain, seed=seed)
        for spec in chosen.surrogate_specs.surrogates:
            spec.categorical_encodings = {key: deepcopy(e) for key, e in spec.categorical_encodings.items()}
        strategy = strategies.map(chosen)
        told = []
        for o in observations:
            row = self._x(o["settings"])
            for i, t in enumerate(self.question.targets):
                row[f"y{i}"] = o["values"].get(t.name, float("nan"))
                row[f"valid_y{i}"] = int(not o.get("failed") and t.name in o["values"])
            told.append(row)
        if complete(self.question, observations):
            strategy.tell(pd.DataFrame(told))
        return strategy

    def _among_rows(self, strategy: Any, observations: list[dict[str, Any]], q: int) -> pd.DataFrame:
        assert self.rows is not None
        taken = set() if self.question.repeats else {self.question.key(o["settings"]) for o in observations}
        free = [self.question.key(row) not in taken for row in self.question.candidates or ()]
        specs = AcquisitionOptimizer._input_preprocessing_specs(self.domain)
        rest = self.rows[free]
        choices = torch.from_numpy(self.domain.inputs.transform(rest, specs=specs).to_numpy(dtype="float64"))
        found, _ = optimize_acqf_discrete(
            strategy._get_acqfs(q)[0], q=q, choices=choices, unique=True, return_acq_values=False
        )
        picks: list[int] = []
        for x in found:
            same = (choices == x).all(dim=1).nonzero()[:, 0].tolist()
            picks.append(next(i for i in same if i not in picks))
        return rest.iloc[picks]

    def _x(self, row: Any) -> dict[str, Any]:
        plain = self.question.plain(row)
        return {key: p.smiles[plain[p.name]] if p.smiles else plain[p.name] for key, p in self.varied}

    def _settings(self, row: Any) -> dict[str, Any]:
        named: dict[str, Any] = dict(self.constant)
        for key, p in self.varied:
            value = row[key]
            named[p.name] = next(o for o, s in p.smiles.items() if s == value) if p.smiles else value
        return self.question.plain(named)

    def _input(self, key: str, p: Parameter) -> Any:
        if p.is_continuous:
            return ContinuousInput(key=key, bounds=[p.low, p.high])
        if p.is_number and self.finite and len(p.values) > MANY:
            return ContinuousInput(key=key, bounds=[min(p.values), max(p.values)])
        if p.is_number:
            return DiscreteInput(key=key, values=list(p.values))
        if p.smiles:
            return CategoricalMolecularInput(key=key, categories=list(p.smiles.values()))
        return CategoricalInput(key=key, categories=list(p.options))

    def _constraints(self) -> list[Any]:
        keys = {p.name: f"x{i}" for i, p in enumerate(self.question.parameters)}
        made: list[Any] = []
        for c in self.question.constraints:
            features, weights = [keys[n] for n in c.weights], list(c.weights.values())
            if c.at_least is not None and c.at_least == c.at_most:
                made.append(LinearEqualityConstraint(features=features, coefficients=weights, rhs=c.at_least))
                continue
            if c.at_most is not None:
                made.append(LinearInequalityConstraint(features=features, coefficients=weights, rhs=c.at_most))
            if c.at_least is not None:
                against = [-w for w in weights]
                made.append(LinearInequalityConstraint(features=features, coefficients=against, rhs=-c.at_least))
        return made


def _told(p: Parameter) -> Parameter:
    """A parameter as BoFire can be told of it."""
    return replace(p, smiles={}) if len(p.options) == TWO else p


def _objective(t: Target) -> Any:
    if t.sign:
        return MaximizeObjective() if t.sign > 0 else MinimizeObjective()
    bound = t.at_most if t.at_most is not None else t.at_least
    steep = 100.0 / max(abs(bound or 0.0), 1.0)  # from 0.9 to 0.1 within 4 % of the limit
    if t.at_most is not None:
        return MinimizeSigmoidObjective(tp=t.at_most, steepness=steep)
    return MaximizeSigmoidObjective(tp=t.at_least, steepness=steep)
