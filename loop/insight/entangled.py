"""Entangled: effects that changed together with one another or with what was chosen, which no result tells apart.

A model shares what it sees out among all that may have caused it, the one it happened to ask first before the others.
Where two of them never changed one without the other, its numbers say nothing of which it was; a person has to know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.space import Space
from loop.surrogates.effects import Column
from loop.surrogates.protocol import TrainingSet

AS_ONE: Final = 0.999  # correlation of two recorded numbers, from which on they say the same
AGAIN: Final = 2  # rows that each value of a parameter has on average; of what is never repeated nothing is asked

Groups = NDArray[np.int64]  # which rows have the same label


def entangled(target: str, space: Space, data: TrainingSet) -> Mapping[str, tuple[str, ...]]:
    """By effect, what cannot be told from what it adds to ``target``, as sentences; only effects with one."""
    found: dict[str, list[str]] = {}
    told = {name: c for name, c in data.effects.items() if len({v for v in c if v is not None}) > 1}
    for name, column in told.items():
        if _is_never_again(column):
            found.setdefault(name, []).append(
                f"every {name} came once, so that what it adds to {target} cannot be told from noise; let each come "
                "again, or leave it out of effects"
            )
            continue
        for parameter in _entangled_with(space, data, name, column):
            found.setdefault(name, []).append(
                f"every {parameter} came with one {name} only, so that what {name} adds to {target} cannot be told "
                f"from what {parameter} does; measure some {parameter} with another {name}"
            )
    for a, b in combinations(told, 2):
        if _is_one(told[a], told[b]):
            for name in (a, b):
                found.setdefault(name, []).append(
                    f"{a} and {b} changed together in every result, so that nothing tells which of them shifts "
                    f"{target}, and what stands by one may be the other's; change one without the other"
                )
    return {name: tuple(said) for name, said in found.items()}


def _is_never_again(column: Column) -> bool:
    given = [v for v in column if v is not None]
    return all(isinstance(v, str) for v in given) and len(set(given)) == len(given)


def _entangled_with(space: Space, data: TrainingSet, name: str, column: Column) -> Sequence[str]:
    """Parameters of which no value was measured under two labels, though values came again."""
    rows = [i for i, v in enumerate(column) if v is not None]
    label = _groups([column[i] for i in rows])
    found = []
    for k, parameter in enumerate(space.parameters):
        value = _groups([None if np.isnan(v) else v for v in data.x[rows, k].tolist()])
        n = int(value.max()) + 1
        if (
            parameter.name != name
            and n > 1
            and len(rows) >= AGAIN * n
            and len(np.unique([value, label], axis=1).T) == n
        ):
            found.append(k)
    return space.called(found)


def _is_one(a: Column, b: Column) -> bool:
    """Whether two effects part the rows alike, or are numbers that rise and fall together."""
    both = [(v, w) for v, w in zip(a, b, strict=True) if v is not None and w is not None]
    first, second = _groups([v for v, _ in both]), _groups([w for _, w in both])
    n = len(set(first.tolist()))
    if n < 2:
        return False
    if all(isinstance(v, float | int) for pair in both for v in pair):
        correlation = np.asarray(np.corrcoef(np.array(both, dtype=np.float64).T))[0, 1]
        return n > 2 and bool(abs(correlation) >= AS_ONE)
    return len(both) > n == len(set(second.tolist())) == len(set(zip(first.tolist(), second.tolist(), strict=True)))


def _groups(values: Sequence[str | float | None]) -> Groups:
    numbers: dict[str | float | None, int] = {}
    return np.array([numbers.setdefault(v, len(numbers)) for v in values], dtype=np.int64)
