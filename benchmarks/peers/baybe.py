"""BayBE with what its documentation recommends: a ``Campaign`` with the default recommender.

Substances are ``SubstanceParameter`` with Mordred descriptors (its default encoding), finite problems with given rows
are ``SearchSpace.from_dataframe``, several targets a ``ParetoObjective``. A limit on a further target has no
counterpart; it becomes a target of the Pareto objective that is clamped at the limit, so that nothing is gained
beyond it. Failed experiments carry no value and are left out of the measurements, but are not proposed again.
The variants take RDKit's descriptors in place of Mordred's, or the names of substances alone; where no option has a
structure they are BayBE as it is.
"""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
from baybe import Campaign
from baybe.constraints import ContinuousLinearConstraint
from baybe.exceptions import SearchSpaceMatchWarning
from baybe.objectives import ParetoObjective, SingleTargetObjective
from baybe.parameters import (
    CategoricalParameter,
    NumericalContinuousParameter,
    NumericalDiscreteParameter,
    SubstanceParameter,
)
from baybe.searchspace import SearchSpace
from baybe.settings import Settings
from baybe.targets import NumericalTarget

from peers.question import Parameter, Question, Target, best_observed, complete, distinct

warnings.simplefilter("ignore", SearchSpaceMatchWarning)


ENCODINGS = {"baybe": "MORDRED", "baybe-rdkit": "RDKIT2DDESCRIPTORS", "baybe-one-hot": None}


def planner(question: Question, variant: str = "baybe") -> BayBE:
    return BayBE(question, ENCODINGS[variant])


class BayBE:
    """One search space, prepared once; a new campaign for each batch, since a batch follows from its arguments."""

    def __init__(self, question: Question, encoding: str | None = "MORDRED") -> None:
        self.question = question
        parameters = [_parameter(p, encoding) for p in question.parameters]
        if question.candidates is not None:
            rows = pd.DataFrame([question.plain(row) for row in question.candidates])[question.names]
            self.space = SearchSpace.from_dataframe(rows.drop_duplicates(), parameters)
        else:
            self.space = SearchSpace.from_product(parameters, _constraints(question) or None)
        targets = [_target(t) for t in question.targets]
        self.objective = SingleTargetObjective(targets[0]) if len(targets) == 1 else ParetoObjective(targets)

    def propose(self, observations: list[dict[str, Any]], q: int, seed: int) -> list[dict[str, Any]]:
        with Settings(random_seed=seed):
            campaign = self._campaign(observations)
            chosen = campaign.recommend(q)
        return [self.question.plain(row) for row in chosen.to_dict("records")]

    def recommend(self, observations: list[dict[str, Any]], seed: int) -> dict[str, Any]:
        """The tried settings with the highest posterior mean."""
        if len(self.question.targets) > 1:
            return best_observed(self.question, observations)
        with Settings(random_seed=seed):
            campaign = self._campaign(observations)
            tried = distinct(self.question, observations)
            mean = campaign.posterior_stats(pd.DataFrame(tried)[self.question.names], ["mean"])
        (target,) = self.question.targets
        column = mean[f"{target.name}_mean"].to_numpy()
        return tried[int((target.sign * column).argmax())]

    def _campaign(self, observations: list[dict[str, Any]]) -> Campaign:
        finite = all(not p.is_continuous for p in self.question.parameters)
        repeats = {"allow_recommending_already_measured": self.question.repeats} if finite else {}
        campaign = Campaign(self.space, self.objective, **repeats)
        known, names = complete(self.question, observations), [t.name for t in self.question.targets]
        if known:
            campaign.add_measurements(
                pd.DataFrame([self.question.plain(o["settings"]) | {n: o["values"][n] for n in names} for o in known])
            )
        failed = [self.question.plain(o["settings"]) for o in observations if o.get("failed")]
        if failed and finite:
            campaign.toggle_discrete_candidates(pd.DataFrame(failed)[self.question.names], exclude=True)
        return campaign


def _parameter(p: Parameter, encoding: str | None) -> Any:
    if p.is_continuous:
        return NumericalContinuousParameter(p.name, bounds=(p.low, p.high))
    if p.is_number:
        return NumericalDiscreteParameter(p.name, values=p.values)
    if p.smiles and encoding:
        return SubstanceParameter(p.name, data=dict(p.smiles), encoding=encoding)
    return CategoricalParameter(p.name, values=p.options, encoding="INT" if p.kind == "ordinal" else "OHE")


def _constraints(question: Question) -> list[ContinuousLinearConstraint]:
    made = []
    for c in question.constraints:
        names, weights = list(c.weights), [float(w) for w in c.weights.values()]
        if c.at_least is not None and c.at_least == c.at_most:
            made.append(ContinuousLinearConstraint(names, "=", weights, c.at_least))
            continue
        if c.at_least is not None:
            made.append(ContinuousLinearConstraint(names, ">=", weights, c.at_least))
        if c.at_most is not None:
            made.append(ContinuousLinearConstraint(names, "<=", weights, c.at_most))
    return made


def _target(t: Target) -> NumericalTarget:
    if t.sign:
        return NumericalTarget(t.name, minimize=t.sign < 0)
    if t.at_most is not None:
        return NumericalTarget(t.name, minimize=True).clamp(min=t.at_most)
    return NumericalTarget(t.name).clamp(max=t.at_least)
