"""Sifting: which candidates pass, where each has to be made before it is known to; as few as need be are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.space.parameters import Component
from loop.space.polytope import Array
from loop.space.space import Space
from loop.space.united import UnionNames

BLOCK: Final = 256  # rows judged at once; as many again as are wanted where that is more
LOOKED_AT: Final = 20_000  # candidates that are made at the most where some that pass are looked for

Test: TypeAlias = Callable[[Array], NDArray[np.bool_]]  # rows (n, d) to which of them pass (n,)
Key: TypeAlias = tuple[bytes, ...]


def first_that(x: Array, n: int, passes: Test, *, most: int = LOOKED_AT) -> NDArray[np.int64]:
    """Indices of the first ``n`` rows of ``x``, ``(k, d)``, that pass; of the first ``most`` rows at any rate.

    Rows behind them are not judged.
    """
    found: list[NDArray[np.int64]] = []
    have, start, end = 0, 0, min(len(x), most)
    while have < n and start < end:
        stop = min(start + max(BLOCK, n - have), end)
        good = start + np.flatnonzero(passes(x[start:stop]))
        found.append(good)
        have, start = have + len(good), stop
    return np.concatenate(found)[:n] if found else np.empty(0, dtype=np.int64)


def sifted(score: Array, depth: int, x: Array, passes: Test) -> Array:
    """Scores of candidates ``x``, ``(n, d)``, in several ways, ``(k, n)``, with minus infinity for what does not pass.

    That is asked of the ``depth`` highest in each way alone, and of those that take the place of refused ones.
    """
    score = score.copy()
    known = np.zeros(score.shape[1], dtype=bool)
    while True:
        top = np.unique(np.argsort(-score, axis=1, kind="stable")[:, :depth])
        new = top[~known[top] & np.isfinite(score[:, top]).any(axis=0)]
        if not len(new):
            return score
        known[new] = True
        score[:, new[~passes(x[new])]] = -np.inf


@dataclass(frozen=True)
class Twins:
    """What is known already of candidates that give one product by different combinations of reagents.

    Two candidates are twins if their products are the same structure and everything else about them is the same.
    ``passed`` collects the rows that were passed over, so that they can be told.
    """

    space: Space
    known: frozenset[Key]
    passed: set[bytes] = field(default_factory=set)

    @staticmethod
    def of(space: Space, tried: Array) -> Twins | None:
        """Those of ``tried``, ``(t, d)``; None where no two candidates of the space are one."""
        if not _merges(space):
            return None
        return Twins(space, frozenset(_keys(space, tried)))

    def beside(self, taken: Array) -> Twins:
        """The same where ``taken``, ``(t, d)``, is known too."""
        return replace(self, known=self.known | frozenset(_keys(self.space, taken)))

    def are_new(self, x: Array) -> NDArray[np.bool_]:
        """Which rows of ``x``, ``(n, d)``, have no twin that is known: ``(n,)``."""
        new = np.array([key not in self.known for key in _keys(self.space, x)], dtype=bool)
        self.passed.update(row.tobytes() for row in x[~new])
        return new


def firsts(space: Space, x: Array, twins: Twins | None = None) -> NDArray[np.int64]:
    """Indices of the rows of ``x``, ``(n, d)``, without those that have a twin before them; ``twins`` hear of these."""
    if not _merges(space):
        return np.arange(len(x))
    seen: dict[Key, int] = {}
    for i, key in enumerate(_keys(space, x)):
        first = seen.setdefault(key, i)
        if first != i and twins is not None and x[i].tobytes() != x[first].tobytes():
            twins.passed.add(x[i].tobytes())
    return np.array(list(seen.values()), dtype=np.int64)


def _merges(space: Space) -> bool:
    """Whether some candidates are one, though their reagents differ."""
    if space.union is not None and any(made.merges for made in space.union[1].made):
        return True
    return any(p.merges for p in space.products)


def _keys(space: Space, x: Array) -> Iterator[Key]:
    """What tells each row of ``x``, ``(n, d)``, from all that are not its twins."""
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where products are made

    rest = np.ascontiguousarray(x + 0.0)  # -0.0 is 0.0
    parts: list[list[str]] = []
    for products in (p for p in space.products if p.merges):
        made = products.at(space.parameters, rest)
        parts.append([canonical_smiles(t.smiles) if t.smiles else "" for t in made])
        there = np.array([bool(smiles) for smiles in parts[-1]], dtype=bool)
        for column in products.columns:
            rest[there, column] = -1.0  # reagents that give no product are told apart by themselves
    if space.union is not None:
        parts.append(_united(space, *space.union, rest))
    for i, row in enumerate(rest):
        yield (row.tobytes(), *(part[i].encode() for part in parts))


def _united(space: Space, column: int, union: UnionNames, rest: Array) -> list[str]:
    """Structures of a union's candidates, "" where one is told apart by its number; in ``rest`` others lose theirs."""
    p = space.parameters[column]
    assert isinstance(p, Component)
    numbers = np.rint(rest[:, column]).astype(np.int64)
    apart = np.zeros(len(rest), dtype=bool)
    for made, _, mine in union.parted(numbers):
        apart |= mine & (not made.merges)
    found = ["" if alone else p.smiles[i] for i, alone in zip(numbers.tolist(), apart.tolist(), strict=True)]
    rest[np.array([bool(smiles) for smiles in found], dtype=bool), column] = -1.0
    return found
