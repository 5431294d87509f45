"""Descriptors of one's own: numbers that describe the options of a parameter, such as computed properties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError

MOST = 5_000  # descriptors of a parameter; whether two say the same is asked of every pair


@dataclass(frozen=True, slots=True)
class Descriptors:
    """A number of each name for every option, in the options' order; hashable and compared by content.

    An option that adds nothing may have none: its numbers are then not finite, and it is a case of its own.
    """

    names: tuple[str, ...]
    packed: bytes  # float64, row by row: its hash is worked out once

    @staticmethod
    def of(names: Sequence[str], rows: Sequence[Sequence[float] | None]) -> Descriptors:
        """From a row of numbers for each option, None for one that has none. Raises ``SpaceError``."""
        if not names:
            raise SpaceError("descriptors without a name describe nothing; give one or more, or leave descriptors out")
        if len(names) > MOST:
            raise SpaceError(f"{len(names):,} descriptors are more than the {MOST:,} that can be compared; choose some")
        for row in rows:
            if row is not None and len(row) != len(names):
                raise SpaceError(f"{len(row)} numbers for {len(names)} descriptors; give one of each")
            if row is not None and not all(map(math.isfinite, row)):
                raise SpaceError("descriptors must be finite numbers")
        lacking = (math.nan,) * len(names)
        table = np.array([lacking if row is None else row for row in rows], dtype=np.float64)
        return Descriptors(tuple(names), table.tobytes())

    @property
    def values(self) -> NDArray[np.float64]:
        """Shape ``(options, names)``; rows that are not finite have none."""
        return np.frombuffer(self.packed, dtype=np.float64).reshape(-1, len(self.names))

    def reordered(self, rows: Sequence[int]) -> Descriptors:
        """Those of the options at ``rows``, in that order."""
        return Descriptors(self.names, self.values[list(rows)].tobytes())

    @property
    def size(self) -> int:
        """How many options it is about."""
        return len(self.packed) // (8 * len(self.names))
