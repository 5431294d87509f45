"""Ax through its ``Client``, with its default generation strategy after the shared start.

Options are unordered choice parameters and listed numbers ordered ones (Ax knows no structures); continuous numbers,
and numbers with more than ten values in a problem that lists its rows, are range parameters. Failed experiments are
marked so (``mark_trial_failed``), several targets become a multi-objective, limits outcome constraints.

Where candidates are every combination of listed values, Ax chooses by itself (``get_next_trials``). Where they are
fewer, it has no way to be told: then its own model and acquisition function score the candidates
(``Adapter.evaluate_acquisition_function``), and the batch is chosen one by one with those before pending, as Ax does
itself. That is kinder to it than moving its choices to the nearest row.
"""

from __future__ import annotations

import logging
import math
import warnings
from typing import Any

import torch
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.core.observation import ObservationFeatures

from peers import Unsupported
from peers.question import Parameter, Question, best_observed, complete

MANY = 10  # listed values beyond which a number is a range when rows are given
logging.getLogger("ax").setLevel(logging.ERROR)
warnings.simplefilter("ignore")  # its own advice to its users; not ours to act upon


def planner(question: Question) -> Ax:
    return Ax(question)


class Ax:
    """Parameters are called x0, x1, ... and metrics y0, y1, ..., since Ax reads their names as expressions."""

    def __init__(self, question: Question) -> None:
        if any(p.kind == "molecule" for p in question.parameters):
            raise Unsupported("Ax has no parameter for molecules of a library")
        self.question = question
        size = math.prod(len(p.values or p.options) if not p.is_continuous else 0 for p in question.parameters)
        self.rows = None if question.candidates is None or len(question.candidates) == size else question.candidates
        self.parameters = [self._parameter(i, p) for i, p in enumerate(question.parameters)]

    def propose(self, observations: list[dict[str, Any]], q: int, seed: int) -> list[dict[str, Any]]:
        client = self._client(observations, seed)
        if self.rows is None:
            found = list(client.get_next_trials(max_trials=q).values())
            return [self.question.plain({p.name: row[f"x{i}"] for i, p in enumerate(self.question.parameters)})
                    for row in found]  # fmt: skip
        return self._among_rows(client, observations, q)

    def recommend(self, observations: list[dict[str, Any]], seed: int) -> dict[str, Any]:
        """Ax's own notion: the best tried parameterization by its model."""
        if len(self.question.aims) > 1:
            return best_observed(self.question, observations)
        client = self._client(observations, seed)
        client._generation_strategy.fit(client._experiment)
        best, *_ = client.get_best_parameterization(use_model_predictions=True)
        return self.question.plain({p.name: best[f"x{i}"] for i, p in enumerate(self.question.parameters)})

    def _client(self, observations: list[dict[str, Any]], seed: int) -> Client:
        torch.manual_seed(seed)
        client = Client(random_seed=seed)
        client.configure_experiment(parameters=self.parameters, parameter_constraints=self._constraints() or None)
        aims, limits = [], []
        for i, t in enumerate(self.question.targets):
            if t.sign:
                aims.append(f"y{i}" if t.sign > 0 else f"-y{i}")
            limits += [f"y{i} >= {t.at_least}"] * (t.at_least is not None)
            limits += [f"y{i} <= {t.at_most}"] * (t.at_most is not None)
        client.configure_optimization(", ".join(aims), outcome_constraints=limits or None)
        # the shared start is the initial design: model-based from the first question on
        started = bool(complete(self.question, observations))
        client.configure_generation_strategy(
            initialization_budget=0 if started else None, initialize_with_center=False, initialization_random_seed=seed
        )
        for o in observations:
            trial = client.attach_trial(self._x(o["settings"]))
            if o.get("failed"):
                client.mark_trial_failed(trial)
            else:
                values = {f"y{i}": o["values"][t.name] for i, t in enumerate(self.question.targets)}
                client.complete_trial(trial, raw_data=values)
        return client

    def _among_rows(self, client: Client, observations: list[dict[str, Any]], q: int) -> list[dict[str, Any]]:
        assert self.rows is not None
        adapter = client._generation_strategy.fit(client._experiment)
        taken = set() if self.question.repeats else {self.question.key(o["settings"]) for o in observations}
        rest = [row for row in self.rows if self.question.key(row) not in taken]
        features = [ObservationFeatures(parameters=self._x(row)) for row in rest]
        chosen: list[int] = []
        names = [f"y{i}" for i in range(len(self.question.targets))]
        for _ in range(q):
            pending = [features[i] for i in chosen]
            # one acquisition function per pick; scored in pieces that keep memory small
            values = adapter.evaluate_acquisition_function(
                features, pending_observations={n: list(pending) for n in names} if pending else None
            )
            order = sorted(range(len(rest)), key=lambda i: -values[i])
            chosen.append(next(i for i in order if i not in chosen))
        return [self.question.plain(rest[i]) for i in chosen]

    def _x(self, row: Any) -> dict[str, Any]:
        plain = self.question.plain(row)
        return {f"x{i}": plain[p.name] for i, p in enumerate(self.question.parameters)}

    def _parameter(self, i: int, p: Parameter) -> Any:
        if p.is_continuous:
            scaling = "log" if p.is_log else None
            return RangeParameterConfig(f"x{i}", bounds=(p.low, p.high), parameter_type="float", scaling=scaling)
        if p.is_number and self.rows is not None and len(p.values) > MANY:
            return RangeParameterConfig(f"x{i}", bounds=(min(p.values), max(p.values)), parameter_type="float")
        if p.is_number:
            return ChoiceParameterConfig(f"x{i}", values=list(p.values), parameter_type="float", is_ordered=True)
        ordered = p.kind == "ordinal"
        return ChoiceParameterConfig(f"x{i}", values=list(p.options), parameter_type="str", is_ordered=ordered)

    def _constraints(self) -> list[str]:
        names = {p.name: f"x{i}" for i, p in enumerate(self.question.parameters)}
        made = []
        for c in self.question.constraints:
            if c.at_least is not None and c.at_least == c.at_most:
                raise Unsupported("Ax takes no linear equality between parameters")
            total = " + ".join(f"{w} * {names[n]}" for n, w in c.weights.items())
            made += [f"{total} >= {c.at_least}"] * (c.at_least is not None)
            made += [f"{total} <= {c.at_most}"] * (c.at_most is not None)
        return made
