"""Ways to choose the next batch, all asked the same question. A new method is one line in ``METHODS``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import harness  # noqa: F401 - sets the threads before torch is loaded
import numpy as np
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf_discrete
from gpytorch.mlls import ExactMarginalLogLikelihood
from tables import Table

from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.surrogates.encoding import one_hot

Method = Callable[[Table, Sequence[int], int, int], list[int]]  # table, rows observed, seed, q -> rows


def hakken(**planner: Any) -> Method:
    """hakken's own planner with these settings."""

    def choose(table: Table, observed: Sequence[int], seed: int, q: int) -> list[int]:
        history = history_of(table, observed)
        result = plan(table.planner_spec(**planner), history, table.pool, seed=seed, experiments=q)
        return [table.row(table.space.coordinates(p.candidate.settings)) for p in result.proposals]

    return choose


def stock(table: Table, observed: Sequence[int], seed: int, q: int) -> list[int]:
    """BoTorch's stock route: SingleTaskGP on one-hot inputs, qLogNEI, ``optimize_acqf_discrete``."""
    everything = one_hot(table.space.frame, torch.from_numpy(table.pool.points))
    known = list(observed)
    x, y = everything[known], torch.from_numpy(table.values[known])[:, None]
    rest = np.setdiff1d(np.arange(len(table.values)), known)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the yardstick may warn as it likes
        model = SingleTaskGP(x, y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        function = qLogNoisyExpectedImprovement(model, X_baseline=x, prune_baseline=True)
        with torch.no_grad():
            chosen, _ = optimize_acqf_discrete(function, q=q, choices=everything[rest], max_batch_size=512)
    return [int(rest[(everything[rest] == c).all(dim=1).nonzero()[0, 0]]) for c in chosen]


def own_start(table: Table, seed: int, q: int) -> list[int]:
    """hakken's initial design."""
    return hakken(initial={"experiments": q})(table, [], seed, q)


def random_start(table: Table, seed: int, q: int) -> list[int]:
    """The random start that all methods share."""
    return [int(i) for i in np.random.default_rng(seed).choice(len(table.values), q, replace=False)]


def history_of(table: Table, observed: Sequence[int]) -> History:
    """Rows of a table as observations."""
    unit = "%"
    return History(
        tuple(
            Observation(
                str(row),
                table.pool.points[row],
                Measured((Measurement("yield", float(table.values[row]), unit, float(table.values[row])),)),
            )
            for row in observed
        )
    )


SINGLES = ("gp", "gp-descriptors", "gp-mordred", "tanimoto", "ard", "trees")
METHODS: dict[str, Method] = {
    "random": hakken(surrogate="random"),
    "stock": stock,
    **{name: hakken(surrogate=name) for name in SINGLES},
    "committee": hakken(),
}
STARTS: dict[str, Callable[[Table, int, int], list[int]]] = {"random": random_start, "own": own_start}
