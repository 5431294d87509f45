"""A person's prior as a hint: what each option is expected to add, from guessed values or from a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loop.memory.hint import Hint, spread_of
from loop.objective import Target
from loop.space import Continuous, Discrete, Space
from loop.space.structure import Frame
from loop.spec.checks.prior import column_of, coordinate_of

RANKED = 0.15  # standard deviation over the options of what a ranked parameter adds, as a share of the target's range


def guessed(
    space: Space, target: Target, prior: Mapping[str, Sequence[str] | Mapping[str, float]], *, seed: int
) -> Hint:
    """What a person expects of a target: the mean of all guesses, and what each parameter adds to it.

    Guessed values are in the target's unit, and averaged on its scale. A ranking gives normal scores about the middle
    of the target's range: only its order is taken, and where there is no range its size and level are left to the
    results. Options that are left out of a ranking come after all that are in it, options without a guess are average,
    and so is a parameter where it does not apply; numbers are interpolated.

    Raises:
        SpaceError: A parameter, option or number is unknown.
    """
    prior = {
        name: {o: target.scaled(float(v)) for o, v in g.items()} if isinstance(g, Mapping) else g
        for name, g in prior.items()
    }
    target = target.on_scale
    guesses = {name: g for name, g in prior.items() if isinstance(g, Mapping)}
    middle, unit, has_range = 0.0, 1.0, False
    if target.low is not None and target.high is not None:
        middle, unit, has_range = (target.low + target.high) / 2, RANKED * (target.high - target.low), True
    if guesses:
        middle = float(np.mean([np.mean(list(g.values())) for g in guesses.values()]))
    if guesses and not has_range:
        unit = float(np.mean([np.std(list(g.values())) for g in guesses.values()])) or 1.0
    parts: list[_Part] = []
    for name, guess in prior.items():
        column = column_of(space, name)
        p = space.parameters[column]
        at = {option: coordinate_of(p, option) for option in guess}
        if isinstance(guess, Mapping):
            mean = float(np.mean(list(guess.values())))
            values = {at[option]: value - mean for option, value in guess.items()}
            rest = 0.0
        else:
            scores, rest = _scores(len(guess), len(guess) if isinstance(p, Discrete | Continuous) else p.size)
            values = {at[o]: target.sign * unit * s for o, s in zip(guess, scores, strict=True)}
            rest *= target.sign * unit
        parts.append(_part(space, column, values, rest))
    mean_of = _Sum(middle, tuple(parts))
    spread = spread_of(space, mean_of, seed=seed)
    told = "expected of " + ", ".join(prior)
    share = len(parts) / len(space.parameters)
    columns = frozenset(p.column for p in parts)
    return Hint("prior", "prior", mean_of, spread, 0, share, told, columns, is_scaled=bool(guesses) or has_range)


def _scores(ranked: int, options: int) -> tuple[list[float], float]:
    """Normal scores of the ranked, the best first, and of the others alike; mean 0 and deviation 1 over all."""
    places = (np.arange(options) + 0.5) / options
    scores = torch.special.ndtri(torch.from_numpy(1.0 - places)).numpy()
    if options > ranked:
        scores[ranked:] = scores[ranked:].mean()
    scores = (scores - scores.mean()) / (scores.std() or 1.0)
    return scores[:ranked].tolist(), float(scores[-1]) if options > ranked else 0.0


@dataclass(frozen=True)
class _Part:
    """What one parameter adds: looked up for options, interpolated between numbers."""

    column: int
    at: Tensor  # (k,), rising positions of numbers; every index of options
    values: Tensor  # (k,)
    number: Discrete | Continuous | None
    gates: Frame | None = None  # of a number that does not always apply: they say where

    def __call__(self, x: Tensor) -> Tensor:
        own = x[..., self.column]
        if self.number is None:
            index = own.detach().round().long()
            found = self.values[index.clamp(0, len(self.values) - 1)]
            return torch.where(index < 0, torch.zeros_like(found), found)
        where = torch.as_tensor(self.number.position(own))
        right = torch.searchsorted(self.at, where.detach().contiguous()).clamp(1, len(self.at) - 1)
        share = ((where - self.at[right - 1]) / (self.at[right] - self.at[right - 1])).clamp(0.0, 1.0)
        found = self.values[right - 1] + share * (self.values[right] - self.values[right - 1])
        if self.gates is None:
            return found
        applies = self.gates.active(x.detach().reshape(-1, x.shape[-1]).numpy())[:, self.column]
        return torch.where(torch.from_numpy(applies).reshape(found.shape), found, torch.zeros_like(found))


def _part(space: Space, column: int, values: Mapping[float, float], rest: float) -> _Part:
    p = space.parameters[column]
    if isinstance(p, Discrete | Continuous):
        points = torch.tensor(sorted(values), dtype=torch.float64)
        heights = torch.tensor([values[v] for v in points.tolist()], dtype=torch.float64)
        gates = space.frame if column in space.frame.conditional else None
        return _Part(column, torch.as_tensor(p.position(points)), heights, p, gates)
    table = torch.full((p.size,), rest, dtype=torch.float64)
    for index, value in values.items():
        table[round(index)] = value
    return _Part(column, torch.arange(p.size, dtype=torch.float64), table, None)


@dataclass(frozen=True)
class _Sum:
    middle: float
    parts: tuple[_Part, ...]

    def __call__(self, x: Tensor) -> Tensor:
        total = torch.full(x.shape[:-1], self.middle, dtype=x.dtype)
        for part in self.parts:
            total = total + part(x)
        return total
