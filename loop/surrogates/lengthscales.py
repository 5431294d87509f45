"""What is believed of a lengthscale before any data: a grid of values, and how likely each is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from loop.space import Category, Component, Continuous, Discrete, Ordinal, Parameter, Space

_OPTIONS = torch.logspace(math.log10(0.35), math.log10(2.0), 9, dtype=torch.float64)  # times l0
_NUMBERS = torch.logspace(math.log10(0.08), math.log10(2.0), 13, dtype=torch.float64)  # times l0
NUMBERS_MEDIAN, NUMBERS_LOG_SD = 0.25, 0.5  # of l0; measured, see docs/decisions/0008


@dataclass(frozen=True)
class Lengthscales:
    """A grid of lengthscales ``(k,)`` and the log of their prior density ``(k,)``, in log coordinates."""

    values: Tensor
    log_prior: Tensor

    def at(self, value: float) -> Lengthscales:
        """The grid of that lengthscale alone, which must be on it."""
        here = self.values == value
        return Lengthscales(self.values[here], self.log_prior[here])


def typical(dimension: int) -> float:
    """l0 = 0.4 sqrt(d) + 4, the chemistry prior's typical lengthscale for an encoding of ``d`` dimensions.

    Source: Chen, Fleck and Stuyver 2026.
    """
    return 0.4 * math.sqrt(dimension) + 4.0


def usual(space: Space, dimension: int) -> float:
    """The lengthscale that a surface is believed to have before any data: the middle of its prior."""
    return typical(dimension) * (1.0 if has_choices(space) else NUMBERS_MEDIAN)


def lengthscales(space: Space, dimension: int) -> Lengthscales:
    """Gamma(2 l0, 2) where options are chosen; a quarter of it and wider where all parameters are numbers.

    The chemistry prior speaks of one-hot options and descriptors. Numbers scaled to 0 to 1 are at most ``sqrt(d)``
    apart: on its lengthscales, of 4 and more, every surface over them is nearly a parabola.
    """
    l0 = typical(dimension)
    if has_choices(space):
        values = l0 * _OPTIONS
        # a gamma density of shape a and rate b, up to a constant, times the value (log coordinates): a log v - b v
        return Lengthscales(values, 2 * l0 * values.log() - 2.0 * values)
    values = l0 * _NUMBERS
    return Lengthscales(values, -0.5 * ((values / usual(space, dimension)).log() / NUMBERS_LOG_SD).square())


def has_choices(space: Space) -> bool:
    """Whether options are chosen; fidelities are none."""
    return any(_is_choice(p) for p in space.parameters)


def is_numbers_only(space: Space) -> bool:
    """Whether every parameter is a number or ordinal by itself: no option, no fidelity, no mixture."""
    plain = all(isinstance(p, Continuous | Discrete | Ordinal) for p in space.parameters)
    return plain and not space.frame.mixtures


def has_lengthscales(space: Space) -> bool:
    """Whether numbers have lengthscales of their own by default: where one is continuous, or all are numbers."""
    return not space.is_finite or is_numbers_only(space)


def _is_choice(p: Parameter) -> bool:
    return isinstance(p, Component) or (isinstance(p, Category) and not p.is_fidelity)
