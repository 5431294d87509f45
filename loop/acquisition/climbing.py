"""Climbing to the best point of a mixed space under everything that ties it, never leaving it.

Three moves, all from points of the space to points of the space: a point takes over an independent part (a component
of columns) of another; its numbers are shaken and brought back onto the linear constraints; and its free numbers are
optimised with gradients (SciPy), options, zeros and what does not apply held fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from loop.space import Comparison, Continuous, Count, Linear, Space
from loop.space.polytope import inside
from loop.space.skeleton import TINY, components

Array = NDArray[np.float64]
Function = Callable[[Tensor], Tensor]  # points (b, 1, d) to the worth of each (b,)

CHUNK = 512  # points looked at together


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried."""

    shakes: tuple[float, ...]  # size of the shaking in each round, in ranges
    parents: int  # best points that others are made from in a round
    children: int  # of each parent and kind
    polished: int  # best points, different in their options if possible, that are optimised
    steps: int  # of the optimiser


USUAL = Effort((0.2, 0.08, 0.03), 12, 16, 3, 30)
SPARING = Effort((0.2, 0.05), 6, 8, 1, 12)  # for functions that take some milliseconds a point


@dataclass(frozen=True)
class Climber:
    """The space, and how its columns hang together."""

    space: Space
    parts: tuple[tuple[int, ...], ...]
    rules: tuple[Linear, ...]
    comparisons: tuple[Comparison, ...]
    counted: frozenset[int]

    @staticmethod
    def of(space: Space) -> Climber:
        rules = tuple(c for c in space.constraints if isinstance(c, Linear))
        comparisons = tuple(c for c in space.constraints if isinstance(c, Comparison))
        counted = frozenset(x for c in space.constraints if isinstance(c, Count) for x in c.columns)
        return Climber(space, components(space), rules, comparisons, counted)

    def climb(
        self, function: Function, starts: Array, others: Array, rng: np.random.Generator, effort: Effort = USUAL
    ) -> tuple[Array, Array]:
        """Points that look best, best first, shape ``(k, d)``, and their values ``(k,)``; all lie in the space.

        Args:
            starts: Points of the space to begin with, shape ``(n, d)``.
            others: Points of the space to take parts from, shape ``(m, d)``.
        """
        x = starts
        value = valued(function, x)
        for size in effort.shakes:
            order = np.argsort(-value, kind="stable")[: effort.parents]
            children = self._children(x[order], others, size, effort.children, rng)
            if len(children):
                x = np.concatenate([x, children])
                value = np.concatenate([value, valued(function, children)])
            order = np.argsort(-value, kind="stable")[: len(starts)]
            x, value = x[order], value[order]
        polished = [self._polished(function, x[i], effort.steps) for i in self._different(x, effort.polished)]
        x = np.concatenate([x, *(p[None, :] for p in polished)])
        value = np.concatenate([value, valued(function, np.array(polished))])
        order = np.argsort(-value, kind="stable")
        return x[order], value[order]

    def _children(self, parents: Array, others: Array, size: float, each: int, rng: np.random.Generator) -> Array:
        taken = np.repeat(parents, each, axis=0)
        donors = others[rng.integers(0, len(others), len(taken))]
        which = rng.integers(0, len(self.parts), len(taken))
        for i, part in enumerate(self.parts):
            rows = np.flatnonzero(which == i)
            where = np.ix_(rows, np.array(part))
            taken[where] = donors[where]
        shaken = np.concatenate([np.repeat(parents, each, axis=0), taken])
        low, high = self.free(shaken)
        few = rng.random(shaken.shape) < max(2.0 / shaken.shape[1], 0.3)
        shaken = shaken + np.where(few, rng.normal(size=shaken.shape) * size * (high - low), 0.0)
        shaken = inside(self.rules, low, high, shaken) if self.rules else np.clip(shaken, low, high)
        children = self.space.frame.arranged(np.concatenate([taken, shaken]))
        return np.asarray(children[self.space.holds(children)])

    def free(self, x: Array) -> tuple[Array, Array]:
        """Between what each coordinate of points ``x``, ``(n, d)``, may move without changing what is used."""
        low, high = x.copy(), x.copy()
        active = self.space.frame.active(x)
        for column, p in enumerate(self.space.parameters):
            if isinstance(p, Continuous):
                is_zero = (x[:, column] == 0.0) & (p.or_zero or (column in self.counted and p.low == 0.0))
                moves = active[:, column] & ~is_zero
                floor = TINY * p.high if column in self.counted and p.low == 0.0 else p.low
                low[moves, column], high[moves, column] = floor, p.high
        return low, high

    def _different(self, x: Array, n: int) -> list[int]:
        """The best points, those that differ in what stays fixed first."""
        low, high = self.free(x)
        kinds: dict[bytes, int] = {}
        for i in range(len(x)):
            kinds.setdefault(np.where(high[i] > low[i], 0.0, x[i]).tobytes(), i)
        first = list(kinds.values())[: max(n - 1, 1)]
        rest = [i for i in range(len(x)) if i not in first]
        return sorted({0, *first, *rest[: n - len(first)]})[:n]

    def _polished(self, function: Function, start: Array, steps: int) -> Array:
        """The best point near ``start``, shape ``(d,)``, with options and zeros as they are; in the space."""
        bounds = self.free(start[None, :])
        low, high = bounds[0][0], bounds[1][0]
        columns = np.flatnonzero(high > low)
        if not len(columns):
            return start
        span = high[columns] - low[columns]

        def whole(u: Tensor) -> Tensor:
            x = torch.from_numpy(start).clone()
            return x.index_copy(
                0, torch.from_numpy(columns), u * torch.from_numpy(span) + torch.from_numpy(low[columns])
            )

        def slope(of: Callable[[Tensor], Tensor], u: Array) -> tuple[float, Array]:
            point = torch.from_numpy(np.asarray(u, dtype=np.float64).copy()).requires_grad_()
            with torch.enable_grad():
                result = of(whole(point))
                (gradient,) = torch.autograd.grad(result, point, allow_unused=True)
            found = np.zeros(len(u)) if gradient is None else np.nan_to_num(gradient.numpy(), posinf=0.0, neginf=0.0)
            return float(result.detach()), found

        def worth(u: Array) -> tuple[float, Array]:
            value, gradient = slope(lambda x: function(x[None, None, :])[0], u)
            return -value, -gradient

        conditions = self._conditions(start, columns, span, low, slope)
        found = minimize(
            worth,
            (start[columns] - low[columns]) / span,
            jac=True,
            bounds=[(0.0, 1.0)] * len(columns),
            method="SLSQP" if conditions else "L-BFGS-B",
            constraints=conditions,
            options={"maxiter": steps},
        )
        end = start.copy()
        end[columns] = np.clip(low[columns] + np.clip(np.nan_to_num(found.x), 0, 1) * span, low[columns], high[columns])
        return self._brought_back(end, start)

    def _conditions(
        self,
        start: Array,
        columns: NDArray[np.int64],
        span: Array,
        low: Array,
        slope: Callable[[Callable[[Tensor], Tensor], Array], tuple[float, Array]],
    ) -> list[dict[str, object]]:
        """The constraints that the free numbers take part in, as SciPy wants them."""
        found: list[dict[str, object]] = []
        for rule in self.rules:
            if not set(rule.columns) & set(columns.tolist()):
                continue
            weights = np.zeros(len(start))
            weights[list(rule.weights)] = list(rule.weights.values())
            a = weights[columns] * span
            rest = float(weights @ start - weights[columns] @ (start[columns] - low[columns]))
            if rule.is_equality:
                found.append(_affine("eq", a, rest - rule.at_least))
                continue
            if np.isfinite(rule.at_least):
                found.append(_affine("ineq", a, rest - rule.at_least))
            if np.isfinite(rule.at_most):
                found.append(_affine("ineq", -a, rule.at_most - rest))
        for comparison in self.comparisons:
            if set(comparison.columns) & set(columns.tolist()):
                for side in comparison.sides:
                    found.append(
                        {
                            "type": "ineq",
                            "fun": lambda u, side=side: slope(side, u)[0],
                            "jac": lambda u, side=side: slope(side, u)[1],
                        }
                    )
        return found

    def _brought_back(self, end: Array, start: Array) -> Array:
        """``end``, or the first point on the way back to ``start`` that lies in the space (as it is rounded)."""
        for share in (0.0, 1e-7, 1e-5, 1e-3, 0.03, 0.25, 1.0):
            x = settled(self.space, end + share * (start - end))
            if self.space.holds(x[None, :])[0]:
                return x
        return start


def settled(space: Space, x: Array) -> Array:
    """A point as it will be on record: continuous numbers to a billionth of their range (of themselves on a logarithmic
    scale), the rest as they are."""
    x = x.copy()
    for i, p in enumerate(space.parameters):
        if isinstance(p, Continuous) and x[i] != 0.0:
            span = p.high - p.low
            value = float(f"{x[i]:.10g}") if p.scale == "log" else p.low + round((x[i] - p.low) / span, 9) * span
            x[i] = min(max(value, p.low), p.high)
    return x


def valued(function: Function, x: Array) -> Array:
    """Values of ``function`` at points ``x``, ``(n, d)``, without slopes: ``(n,)``; what has none counts least."""
    with torch.no_grad():
        points = torch.from_numpy(np.ascontiguousarray(x))[:, None, :]
        parts = [function(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
    return np.asarray(np.nan_to_num(torch.cat(parts).numpy(), nan=-np.inf))


def _affine(kind: str, a: Array, b: float) -> dict[str, object]:
    return {"type": kind, "fun": lambda u: a @ u + b, "jac": lambda u: a}  # noqa: ARG005 - SciPy gives the point
