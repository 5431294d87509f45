"""Continuous and mixed spaces: acquisition functions on coordinates, climbed from the best of a sample of the space.

One target that is to be large or small has an improvement in closed form; everything else is BoTorch's function.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.monte_carlo import qUpperConfidenceBound
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.objective import GenericMCObjective, LinearMCObjective, MCAcquisitionObjective
from botorch.exceptions.warnings import BotorchWarning
from botorch.optim.optimize import optimize_acqf
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.climbing import SPARING, USUAL, Climber, settled, valued
from loop.acquisition.improvement import improvement_score
from loop.acquisition.pareto import hypervolume_improvement, trade_offs
from loop.acquisition.pool import UCB_BETA, differences
from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.sampled import Beaten, SampledImprovement
from loop.acquisition.streaming import Score, shortlist
from loop.acquisition.utility import believed, joint_model, rivals, utility
from loop.space import Continuous, Discrete, Exclude, Linear, Space, sample_space
from loop.space.constraints import Region
from loop.space.same import is_same

SAMPLES = 64
OTHERS = 256  # random points of the space that parts are taken from
HOPE = 0.5  # power of the chance to keep thresholds, with several targets; docs/decisions/0014
COMBINATIONS = 6  # settings of options and stepped numbers from which to climb
RESTARTS = 3  # points to climb from in each
STEPS = 60  # of the optimiser
OF_BOTORCH = "value of BoTorch's function of what is wanted, scaled by what was observed"


class _WithChance(AcquisitionFunction):
    """A function plus the log ``chance`` of success of its points (per cost, after ``chosen``).

    Added to a logarithm it multiplies the improvement; added to a bound, which is told in standard deviations of what
    was observed, it takes off such deviations. ``power`` is that of the chance.
    """

    def __init__(
        self,
        inner: AcquisitionFunction,
        question: Question,
        chance: Score,
        chosen: Sequence[NDArray[np.float64]] = (),
        power: float = 1.0,
    ) -> None:
        super().__init__(model=inner.model)
        self.inner, self.question, self.chosen = inner, question, tuple(chosen)
        self.chance, self.power = chance, power

    def forward(self, X: Tensor) -> Tensor:
        """The worth of single points: ``(b, 1, d)`` to ``(b,)``."""
        x = X[:, 0, :]
        weight = self.chance(x) ** self.power / self.question.price(x, self.chosen) * self.question.leaning(x)
        value: Tensor = self.inner(X) + weight.log()
        return value


class _InShares(AcquisitionFunction):
    """A function of shares of ranges, from ``low`` on, so that the unit of a number is nothing to an optimiser."""

    def __init__(self, inner: AcquisitionFunction, low: Tensor, span: Tensor) -> None:
        super().__init__(model=inner.model)
        self.inner, self.low, self.span = inner, low, span

    def forward(self, X: Tensor) -> Tensor:
        """The worth of single points: ``(b, 1, d)`` to ``(b,)``."""
        value: Tensor = self.inner(self.low + self.span * X)
        return value


_Beaten: TypeAlias = Tensor | qLogNoisyExpectedHypervolumeImprovement | None


@dataclass(frozen=True)
class Mixed:
    """qLogNEI, qLogNEHVI or qUCB, optimised over a space with continuous parameters."""

    name: str  # improvement, pareto or ucb

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are logarithms for the improvements."""
        space = question.space
        has_thresholds = any(t.has_bounds for t in question.objective.targets)
        if self.name == "pareto" and _is_plain(space) and not has_thresholds:
            return self._by_botorch(question, q)
        sample = self._promising(question).numpy()
        if not len(sample):  # nothing that was looked at can be paid
            return Choice(())
        rng = np.random.default_rng([question.seed, 3])
        others = np.concatenate([sample, sample_space(space, OTHERS, question.seed + 1)])
        climber = Climber.of(space)
        is_exact = self.name == "improvement" and Beaten.suits(question)
        exact = Beaten.of(question) if is_exact else None
        beaten = None if is_exact else self.to_be_beaten(question)
        points: list[Chosen] = []
        for _ in range(q):
            chosen = _stacked(points, len(space.parameters))
            pending = torch.cat([question.pending, chosen])
            earlier = [p.x for p in points]
            function: Callable[[Tensor], Tensor]
            if exact is None:
                function, effort = self.function(question, pending, earlier, beaten), SPARING
            else:
                function, effort = SampledImprovement(exact, pending, earlier), USUAL
            ranked, values = climber.climb(function, sample, others, rng, effort)
            taken = np.vstack([question.tried, chosen.numpy()])
            free = _first_free(question, ranked, taken)
            if free is None:  # the climb ended where something was tried; the best of the sample that is not
                ranked, values = _ranked(function, others)
                free = _first_free(question, ranked, taken)
            if free is None:
                return Choice(tuple(points), ("nothing that was not tried was found; the batch is smaller",))
            meaning = f"log expected improvement{question.per}" if is_exact else f"{self.name}, {OF_BOTORCH}"
            points.append(Chosen(ranked[free], float(values[free]), meaning))
        return Choice(tuple(points))

    def _by_botorch(self, question: Question, q: int) -> Choice:
        """The same with BoTorch's optimiser: several targets without thresholds, in spaces tied by sums and exclusions.

        Its fronts are a little larger there than by climbing; docs/decisions/0014.
        """
        space = question.space
        sample = self._promising(question).numpy()
        if not len(sample):
            return Choice(())
        bounds = torch.tensor([_bounds(space, 0), _bounds(space, 1)], dtype=torch.float64)
        notes: list[str] = []
        points: list[Chosen] = []
        beaten = self.to_be_beaten(question)
        for _ in range(q):
            chosen = _stacked(points, len(space.parameters))
            function = self.function(question, torch.cat([question.pending, chosen]), [p.x for p in points], beaten)
            ranked, values = _ranked(function, sample)
            x, value = _climb(function, bounds, _starts(space, torch.from_numpy(ranked)), _linear(space))
            at = settled(space, x.numpy())
            taken = np.vstack([question.tried, chosen.numpy()])
            if not space.holds(at[None, :])[0] or _first_free(question, at[None, :], taken) is None:
                free = _first_free(question, ranked, taken)
                if free is None:
                    notes.append("the sample of the space holds nothing that was not tried; the batch is smaller")
                    break
                at, value = ranked[free], float(values[free])
                notes.append(
                    "the optimiser ended outside the allowed region, where something was tried or beyond the budget; "
                    "the best other point of a sample was taken instead"
                )
            points.append(Chosen(at, value, f"{self.name}, {OF_BOTORCH}"))
        return Choice(tuple(points), tuple(dict.fromkeys(notes)))

    def to_be_beaten(self, question: Question) -> _Beaten:
        """What an improvement is held against, worked out once for a batch: the rivals, ``(k, d)``, or the front."""
        match self.name:
            case "pareto":
                return hypervolume_improvement(question)
            case "improvement":
                return rivals(question)
        return None

    def function(
        self,
        question: Question,
        pending: Tensor,
        chosen: Sequence[NDArray[np.float64]] = (),
        beaten: _Beaten = None,
    ) -> AcquisitionFunction:
        """The worth of single points, ``(b, 1, d)`` to ``(b,)``, with ``pending``, ``(p, d)``, and after ``chosen``.

        ``beaten`` is what ``to_be_beaten`` says of the question, where it is known already.
        """
        waiting = pending if len(pending) else None
        beaten = self.to_be_beaten(question) if beaten is None else beaten
        if isinstance(beaten, qLogNoisyExpectedHypervolumeImprovement):
            beaten.set_X_pending(waiting)
            return _WithChance(beaten, question, question.chance_if_better, chosen, HOPE)
        target, _ = question.wanted[0]
        model, sampler = joint_model(question, SAMPLES)
        scale = _spread(question)  # BoTorch rounds improvements over a millionth, in whatever unit
        objective: MCAcquisitionObjective
        if len(question.wanted) == 1 and target.sign:
            objective = LinearMCObjective(torch.tensor([target.sign / scale], dtype=torch.float64))
        else:
            objective = GenericMCObjective(lambda values, X: utility(question.objective, values) / scale)  # noqa: ARG005
        if self.name == "ucb":
            bound = qUpperConfidenceBound(model, beta=UCB_BETA, sampler=sampler, objective=objective, X_pending=waiting)
            return _WithChance(bound, question, question.chance)
        assert beaten is not None  # of an improvement
        improvement = qLogNoisyExpectedImprovement(
            model,
            X_baseline=beaten,
            sampler=sampler,
            objective=objective,
            X_pending=waiting,
            prune_baseline=False,
            cache_root=False,
        )
        return _WithChance(improvement, question, question.chance_if_better, chosen)

    def _promising(self, question: Question) -> Tensor:
        """Sampled points of the space that look best, in no particular order: ``(k, d)``."""
        if self.name == "pareto":
            return trade_offs(question, 64)
        return shortlist(
            question, improvement_score(question), 64, weight=partial(question.weight_if_better, skimmed=True)
        )


def _first_free(question: Question, x: NDArray[np.float64], taken: NDArray[np.float64]) -> int | None:
    """The first row of ``x``, ``(n, d)``, that can be paid for and is none of ``taken``, and may be chosen."""
    space, paid = question.space, question.affordable(x)
    for i in np.flatnonzero(paid).tolist():
        if not is_same(space, x[i], taken) and question.admits(x[i][None, :])[0]:
            return int(i)
    return None


def _ranked(
    function: Callable[[Tensor], Tensor], x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points ``x``, shape ``(n, d)``, best first, and what they are worth: ``(n,)``."""
    value = valued(function, x)
    order = np.argsort(-value, kind="stable")
    return x[order], value[order]


def _is_plain(space: Space) -> bool:
    """Whether options, steps and continuous numbers are tied by nothing but bounds on sums, and exclusions."""
    if space.mixtures or space.conditions or any(isinstance(p, Continuous) and p.or_zero for p in space.parameters):
        return False
    return all(
        isinstance(c, Exclude | Region) or (isinstance(c, Linear) and not c.is_equality) for c in space.constraints
    )


def _starts(space: Space, sample: Tensor) -> list[tuple[dict[int, float], Tensor]]:
    """Where to climb from: the settings of what is not continuous that come first in a ``sample``, best first.

    Of each: what is held fixed, by column, and the points to start from, shape ``(k, 1, d)``.
    """
    columns = [i for i, p in enumerate(space.parameters) if not isinstance(p, Continuous)]
    groups: dict[tuple[float, ...], list[Tensor]] = {}
    for row in sample:
        groups.setdefault(tuple(row[columns].tolist()), []).append(row)
    best = list(groups.items())[:COMBINATIONS]
    return [
        (dict(zip(columns, values, strict=True)), torch.stack(rows[:RESTARTS])[:, None, :]) for values, rows in best
    ]


def _climb(
    function: AcquisitionFunction,
    bounds: Tensor,
    starts: Sequence[tuple[dict[int, float], Tensor]],
    constraints: list[tuple[Tensor, Tensor, float]],
) -> tuple[Tensor, float]:
    """The best point found from all starts, shape ``(d,)``, and its value."""
    best_x, best_value = starts[0][1][0, 0], -float("inf")
    low, span = bounds[0], (bounds[1] - bounds[0]).where(bounds[1] > bounds[0], 1.0)
    sums = [(i, w * span[i], least - float(w @ low[i])) for i, w, least in constraints]
    for fixed, points in starts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BotorchWarning)  # an optimiser that stops early still returns its best
            warnings.filterwarnings("ignore", "Optimization failed", RuntimeWarning)  # the same, said by another class
            x, value = optimize_acqf(
                _InShares(function, low, span),
                bounds=(bounds - low) / span,
                q=1,
                num_restarts=len(points),
                batch_initial_conditions=(points - low) / span,
                fixed_features={i: (at - float(low[i])) / float(span[i]) for i, at in fixed.items()} or None,
                inequality_constraints=sums or None,
                options={"maxiter": STEPS},
            )
        if value is not None and float(value) > best_value:
            best_x, best_value = (low + span * x[0].detach()).clamp(bounds[0], bounds[1]), float(value)
            best_x[list(fixed)] = torch.tensor(list(fixed.values()), dtype=best_x.dtype)
    return best_x, best_value


def _bounds(space: Space, side: int) -> list[float]:
    pairs = []
    for p in space.parameters:
        pairs.append((p.low, p.high) if isinstance(p, Discrete | Continuous) else (0.0, float(p.size - 1)))
    return [pair[side] for pair in pairs]


def _linear(space: Space) -> list[tuple[Tensor, Tensor, float]]:
    """Linear constraints as BoTorch wants them: indices, coefficients, and what the sum must reach."""
    found = []
    for c in space.constraints:
        if isinstance(c, Linear):
            indices = torch.tensor(list(c.weights))
            weights = torch.tensor(list(c.weights.values()), dtype=torch.float64)
            if np.isfinite(c.at_least):
                found.append((indices, weights, c.at_least))
            if np.isfinite(c.at_most):
                found.append((indices, -weights, -c.at_most))
    return found


def _stacked(points: Sequence[Chosen], d: int) -> Tensor:
    return torch.from_numpy(np.array([p.x for p in points]).reshape(-1, d))


def _spread(question: Question) -> float:
    """The deviation of what is believed of what was observed; where all is alike, that of a measurement."""
    known = utility(question.objective, believed(question, question.observed))
    if len(question.wanted) == 1:
        return differences(known, question.wanted[0][1])
    return float(known.std(correction=0)) or 1.0
