"""Pools: finite candidate sets, never written out as a table.

A product space is index arithmetic: candidate ``i`` is ``i`` written in the mixed radix of the parameters' sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.space.parameters import Discrete
from loop.space.raw import stretched
from loop.space.space import Space

CHUNK = 262_144  # rows of coordinates handled at once; 5 parameters take 10 MB
ENUMERABLE = 2_000_000  # up to this many combinations, constraints are settled once and for all


class Pool(Protocol):
    """A finite candidate set: how many, and the coordinates of some of them."""

    def __len__(self) -> int: ...

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Coordinates of the candidates at ``indices``, shape ``(n, d)``."""
        ...


@dataclass(frozen=True)
class ProductPool:
    """Every allowed combination of a finite space, by index arithmetic."""

    space: Space
    _kept: NDArray[np.int64] | None = field(init=False, repr=False)  # allowed indices, where constraints remove some

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept", self._allowed() if self.space.constraints else None)

    def __len__(self) -> int:
        return self.space.size if self._kept is None else len(self._kept)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Coordinates of the candidates at ``indices``, shape ``(n, d)``."""
        rest = np.asarray(indices, dtype=np.int64)
        if self._kept is not None:
            rest = self._kept[rest]
        return self._unpack(rest)

    def _unpack(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        parameters = self.space.finite_parameters()
        x = np.empty((len(numbers), len(parameters)))
        rest = numbers
        for column in range(len(parameters) - 1, -1, -1):
            parameter = parameters[column]
            rest, digit = np.divmod(rest, parameter.size)
            x[:, column] = np.asarray(parameter.values)[digit] if isinstance(parameter, Discrete) else digit
        return x

    def _allowed(self) -> NDArray[np.int64]:
        size = self.space.size
        if size > ENUMERABLE:
            raise SpaceError(
                f"the space has {size} combinations and constraints; constrained spaces of more than {ENUMERABLE} "
                "are not supported yet: remove options, or the constraints"
            )
        kept = [
            chunk[self.space.allows(self._unpack(chunk))]
            for chunk in np.split(np.arange(size, dtype=np.int64), range(CHUNK, size, CHUNK))
        ]
        allowed = np.concatenate(kept)
        if not len(allowed):
            raise SpaceError(_which_empties(self))
        return allowed


def _which_empties(pool: ProductPool) -> str:
    """Name the first constraint with which nothing is left."""
    left = np.ones(pool.space.size, dtype=bool)
    everything = pool._unpack(np.arange(pool.space.size, dtype=np.int64))
    for constraint in pool.space.constraints:
        left &= constraint.allows(everything)
        if not left.any():
            return (
                f"constraint {constraint.name!r} leaves no candidate (of {pool.space.size} combinations); "
                "loosen or remove it"
            )
    raise AssertionError("some candidate is left")


@dataclass(frozen=True)
class PointPool:
    """A pool of given points, such as a sample of a continuous space. Coordinates have shape ``(n, d)``."""

    points: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.points)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.points[indices]


def sample_space(space: Space, n: int, seed: int, *, method: str = "sobol") -> NDArray[np.float64]:
    """Up to ``n`` different allowed points that fill the space evenly: coordinates ``(n, d)``.

    Args:
        space: Any space, with or without continuous parameters.
        n: How many are wanted; a small finite space may hold fewer.
        seed: Scrambles the sequence.
        method: ``"sobol"``, ``"lhs"`` (Latin hypercube) or ``"random"``.

    Raises:
        SpaceError: No allowed point turned up in 64 times as many as wanted.
    """
    from scipy.stats import qmc  # 1 s: only where a space is sampled

    d = len(space.parameters)
    rng = np.random.default_rng(seed)
    found = np.empty((0, d))
    drawn = 0
    while len(found) < n and drawn < 64 * max(n, 64):
        size = int(max(n, 64))
        if method == "sobol":
            unit = qmc.Sobol(d, rng=rng).random_base2(int(np.ceil(np.log2(size))))
        elif method == "lhs":
            unit = qmc.LatinHypercube(d, rng=rng).random(n if drawn == 0 and not space.constraints else size)
        else:
            unit = rng.random((size, d))
        drawn += len(unit)
        x = _stretch(space, unit)
        found = _unique_rows(np.vstack([found, x[space.allows(x)]]))
    if not len(found):
        raise SpaceError("no point that keeps every constraint turned up; loosen the constraints")
    return found[:n]


def _stretch(space: Space, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.column_stack([stretched(p, unit[:, column]) for column, p in enumerate(space.parameters)])
    return space.frame.canonical(x)


def _unique_rows(x: NDArray[np.float64]) -> NDArray[np.float64]:
    _, first = np.unique(x, axis=0, return_index=True)
    return x[np.sort(first)]
