"""Generality: which parameters are the scope, and how a condition is judged over its substrates.

A candidate is a condition and a substrate. The substrate is chosen for an experiment and not for the answer: the answer
is the condition that is best over the whole scope. A condition is judged over the substrates that the constraints
allow with it; a constraint that takes the hard ones away makes it look better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from loop.objective import Target
from loop.space import Space


class Judgement(StrEnum):
    """What the values over a scope come to for one condition."""

    MEAN = "mean"  # the weighted mean of the target, in its unit
    WORST = "worst"  # the value at the substrate where it is worst, in the target's unit
    SHARE = "share"  # the weighted share of the substrates that reach a threshold, in percent


@dataclass(frozen=True)
class Generality:
    """How a condition is judged.

    Attributes:
        space: Of conditions and substrates together.
        columns: Those of the scope, ``k`` of them, in the order of the space.
        target: What is measured; more or less of it is wanted.
        by: What the values over the scope come to.
        threshold: What a substrate has to reach to count, with ``by`` share.
        substrates: Their coordinates in ``columns``, shape ``(s, k)``.
        weights: Of the substrates, above zero, summing to one, shape ``(s,)``.
    """

    space: Space
    columns: tuple[int, ...]
    target: Target
    by: Judgement
    threshold: float | None
    substrates: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def rest(self) -> list[int]:
        """The columns of a condition."""
        return [c for c in range(len(self.space.parameters)) if c not in self.columns]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters of the scope."""
        return self.space.called(self.columns)

    @property
    def unit(self) -> str:
        """Of what a condition is judged by."""
        return "%" if self.by is Judgement.SHARE else self.target.unit

    @property
    def sign(self) -> float:
        """1 where a condition with more of what it is judged by is better, -1 where one with less is."""
        return 1.0 if self.by is Judgement.SHARE else self.target.sign

    @property
    def said(self) -> str:
        """What a condition is judged by, such as ``mean yield``."""
        if self.by is not Judgement.SHARE:
            return f"{self.by.value} {self.target.name}"
        side = "at least" if self.target.sign > 0 else "at most"
        return f"share with {self.target.name} {side} {self.threshold:g} {self.target.unit}".rstrip()

    @property
    def described(self) -> str:
        """What conditions are judged by and over, such as ``mean yield over 64 substrates (electrophile, base)``."""
        is_even = self.by is Judgement.WORST or bool(np.allclose(self.weights, self.weights[0]))
        told = f"{self.said} over {len(self.substrates)} substrates ({', '.join(self.names)})"
        return told if is_even else f"{told}, by their weights"

    def conditions(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The different conditions among candidates ``x``, ``(n, d)``: shape ``(c, r)``."""
        return np.unique(x[:, self.rest] + 0.0, axis=0)

    def cells(
        self, conditions: NDArray[np.float64], substrates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Every condition with every substrate (or those numbered): ``(c, r)`` to ``(c, s, d)``."""
        scope = self.substrates if substrates is None else self.substrates[substrates]
        x = np.empty((len(conditions), len(scope), len(self.space.parameters)))
        x[:, :, self.rest] = conditions[:, None, :]
        x[:, :, list(self.columns)] = scope[None, :, :]
        return x

    def shares(self, cells: NDArray[np.float64], substrates: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """How much each substrate counts for each condition, ``(c, s, d)`` to ``(c, s)``: 0 where it is not allowed."""
        allowed = self.space.holds(cells.reshape(-1, cells.shape[2])).reshape(cells.shape[:2])
        counted = allowed * (self.weights if substrates is None else self.weights[substrates])
        return np.asarray(counted / np.maximum(counted.sum(axis=1, keepdims=True), 1e-300))

    def first_allowed(self, conditions: NDArray[np.float64]) -> NDArray[np.int64]:
        """The number of the first substrate allowed with each condition, ``(c, r)`` to ``(c,)``; -1 for none."""
        found = np.full(len(conditions), -1, dtype=np.int64)
        for i in range(len(conditions)):
            allowed = self.space.holds(self.cells(conditions[i : i + 1])[0])
            found[i] = int(allowed.argmax()) if allowed.any() else -1
        return found

    def of(self, values: Sequence[float], weights: Sequence[float]) -> float:
        """What measured values at some substrates, with their weights, come to, in ``unit``."""
        w = np.array(weights) / np.sum(weights)
        match self.by:
            case Judgement.MEAN:
                return float(w @ np.array(values))
            case Judgement.WORST:
                return float(min(values) if self.target.sign > 0 else max(values))
            case Judgement.SHARE:
                return 100.0 * float(w @ np.array([self.reaches(v) for v in values]))

    def possible(self, value: float) -> float:
        """What a condition is judged by, within what it can be."""
        return min(max(value, 0.0), 100.0) if self.by is Judgement.SHARE else self.target.possible(value)

    def reaches(self, value: float) -> bool:
        """Whether a substrate with this value counts as one that reaches the threshold."""
        assert self.threshold is not None
        return self.target.sign * value >= self.target.sign * self.threshold

    def settings(self, condition: NDArray[np.float64]) -> dict[str, str | float]:
        """A condition's settings, without the scope, of its coordinates ``(r,)``."""
        whole = self.space.settings(self.cells(condition[None, :], np.array([0]))[0, 0])
        return {name: value for name, value in whole.items() if name not in self.names}

    def substrate(self, number: int) -> dict[str, str | float]:
        """A substrate's settings, without the condition."""
        parameters = [self.space.parameters[c] for c in self.columns]
        return {p.name: p.value(float(v)) for p, v in zip(parameters, self.substrates[number], strict=True)}
