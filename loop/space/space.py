"""The search space: parameters and constraints, and the one mapping between settings and coordinates.

A candidate's settings map each parameter to an option or a number. Its coordinates are one float per
parameter: the option's index, or the number in the parameter's unit. Everything numeric works on coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError, did_you_mean
from loop.record import Candidate, Settings
from loop.space.constraints import Constraint
from loop.space.parameters import Category, Component, Continuous, Discrete, Finite, Parameter


@dataclass(frozen=True, slots=True)
class Space:
    """All that may be tried: at least one parameter, names unique, and the constraints on them."""

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        if not self.parameters:
            raise SpaceError("the space has no parameters; name at least one")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    @property
    def units(self) -> dict[str, str]:
        """Unit of each numeric parameter."""
        return {p.name: p.unit for p in self.parameters if isinstance(p, Discrete | Continuous)}

    @property
    def is_finite(self) -> bool:
        return not any(isinstance(p, Continuous) for p in self.parameters)

    @property
    def size(self) -> int:
        """Number of combinations before constraints.

        Raises:
            SpaceError: The space has continuous parameters.
        """
        return math.prod(p.size for p in self.finite_parameters())

    @property
    def library(self) -> Component | None:
        """The molecule library, where one is (part of) the space."""
        return next((p for p in self.parameters if isinstance(p, Component) and p.is_library), None)

    def finite_parameters(self) -> tuple[Finite, ...]:
        """The parameters, where all have a finite number of values."""
        finite = tuple(p for p in self.parameters if not isinstance(p, Continuous))
        if len(finite) < len(self.parameters):
            raise SpaceError("a space with continuous parameters has no finite number of candidates")
        return finite

    def coordinates(self, settings: Settings) -> NDArray[np.float64]:
        """Coordinates of a candidate, shape ``(d,)``.

        Raises:
            SpaceError: A parameter is missing or unknown, an option is unknown or a number is not one.
        """
        if unknown := sorted(set(settings) - set(self.names)):
            raise SpaceError(f"unknown parameter {unknown[0]!r}{did_you_mean(unknown[0], self.names)}")
        if missing := [name for name in self.names if name not in settings]:
            raise SpaceError(f"parameter {missing[0]!r} is missing; give every one of {', '.join(self.names)}")
        return np.array([p.index(settings[p.name]) for p in self.parameters])

    def settings(self, x: NDArray[np.float64]) -> dict[str, str | float]:
        """Settings at coordinates ``x``, shape ``(d,)``."""
        return {p.name: p.value(float(value)) for p, value in zip(self.parameters, x, strict=True)}

    def candidate(self, settings: Settings) -> Candidate:
        """The candidate with its structures: canonical SMILES by parameter (InChIKey is added where it is stored)."""
        return Candidate(dict(settings), self.smiles(settings))

    def smiles(self, settings: Mapping[str, str | float]) -> dict[str, str]:
        """Canonical SMILES of the structured settings."""
        return {p.name: p.smiles[round(p.index(settings[p.name]))] for p in self.parameters if isinstance(p, Component)}

    def label(self, settings: Settings) -> str:
        """Settings in one line for a person, with units."""
        parts = []
        for p in self.parameters:
            value = settings[p.name]
            shown = f"{value:g} {p.unit}".strip() if isinstance(value, float | int) else str(value)
            parts.append(shown if isinstance(p, Category | Component) else f"{p.name} {shown}")
        return ", ".join(parts)

    def contains(self, settings: Settings) -> bool:
        """Whether the candidate lies in the space: known options, allowed numbers, every constraint kept."""
        try:
            x = self.coordinates(settings)
        except SpaceError:
            return False
        for p, value in zip(self.parameters, x, strict=True):
            if isinstance(p, Discrete) and value not in p.values:
                return False
            if isinstance(p, Continuous) and not p.low <= value <= p.high:
                return False
        return bool(self.allows(x[None, :])[0])

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, keep every constraint: shape ``(n,)``."""
        allowed = np.ones(len(x), dtype=bool)
        for constraint in self.constraints:
            allowed &= constraint.allows(x)
        return allowed
