"""Splits: which observations train and which are held out, so that the same question is not asked twice.

Replicates of one candidate are never on both sides. By chance alone, though, a held-out molecule has brothers among
those that train; what a campaign asks of its model is harder. So molecules are held out by scaffold or by cluster as
well, substances of a reaction by the option that nobody has seen, and everything by time.

Of versions of a measurement only the real thing is asked for. Cheap ones train: at random those of a held-out candidate
too, as they do in the campaign, otherwise none of what is held out together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.fidelity import fidelity_column, is_real
from loop.molecules.clusters import clusters
from loop.space import Category, Component, Space, has_molecules, molecules_at

Rows: TypeAlias = NDArray[np.int64]
Parts: TypeAlias = tuple[tuple[Rows, Rows], ...]  # of each part: which rows train, and which are held out
ALWAYS: Final = -1  # in the place of a part: a row that trains whatever is held out
APART: Final = 0.6  # count Tanimoto distance within a cluster; neighbours at 0.4 are still alike to a chemist


class Split(StrEnum):
    """By what observations are held out together."""

    RANDOM = "random"  # candidates
    SCAFFOLD = "scaffold"  # Bemis-Murcko scaffolds of a library, or of products
    CLUSTER = "cluster"  # clusters of these by count Tanimoto similarity
    OPTION = "option"  # options of the parameter that has most of them
    TIME = "time"  # what came later


def splits_of(space: Space) -> tuple[Split, ...]:
    """The splits that a space allows, the kindest first."""
    if space.products:
        return (Split.RANDOM, Split.SCAFFOLD, Split.CLUSTER, Split.OPTION, Split.TIME)
    if has_molecules(space):
        return (Split.RANDOM, Split.SCAFFOLD, Split.CLUSTER, Split.TIME)
    if _most_options(space) is not None:
        return (Split.RANDOM, Split.OPTION, Split.TIME)
    return (Split.RANDOM, Split.TIME)


def parts_of(split: Split, space: Space, x: NDArray[np.float64], n: int, *, seed: int) -> Parts:
    """Up to ``n`` parts of observations at ``x``, shape ``(k, d)``, in the order in which they came.

    Every observation of the real thing is held out once; by time, all but those of the first of ``n + 1`` stretches,
    each after training on what came before it. Fewer parts come where there are fewer groups, none where there is one.

    Raises:
        SpaceError: The space does not allow this split.
    """
    if split not in splits_of(space):
        raise SpaceError(f"split {split.value!r} needs what this space lacks; use one of {', '.join(splits_of(space))}")
    _, candidate = np.unique(x + 0.0, axis=0, return_inverse=True)
    candidate, asked, rng = candidate.ravel(), is_real(space, x), np.random.default_rng(seed)
    if split is Split.TIME:
        found = _by_time(candidate, n)
    else:
        fold = np.full(len(x), ALWAYS)
        if split is Split.RANDOM:
            fold[asked] = _balanced(candidate[asked], n, rng)
        else:
            fold = _balanced(_GROUPS[split](space, x), n, rng)
        found = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n)]
    real = [(train, held[asked[held]]) for train, held in found]
    return tuple((train, held) for train, held in real if asked[train].any() and len(held))


def scaffold(smiles: str) -> str:
    """The Bemis-Murcko scaffold of a structure as SMILES; "" of one without rings, and of none."""
    if not smiles:
        return ""
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles  # 0.3 s

    return str(MurckoScaffoldSmiles(smiles))  # type: ignore[no-untyped-call]


def _by_time(candidate: Rows, n: int) -> list[tuple[Rows, Rows]]:
    """Consecutive stretches; a candidate that was seen before is no test of anything, and is left out."""
    stretches = np.array_split(np.arange(len(candidate)), n + 1)
    found = []
    for k in range(1, len(stretches)):
        train = np.concatenate(stretches[:k])
        held = stretches[k][~np.isin(candidate[stretches[k]], candidate[train])]
        found.append((train, held))
    return found


def _balanced(groups: Rows, n: int, rng: np.random.Generator) -> Rows:
    """The part of each row: whole groups, the largest first, each to the part with fewest rows so far."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, part = np.zeros(n, dtype=np.int64), np.empty(len(sizes), dtype=np.int64)
    for g in order:
        part[g] = filled.argmin()
        filled[part[g]] += sizes[g]
    return np.asarray(part[group.ravel()])


def _scaffolds(space: Space, x: NDArray[np.float64]) -> Rows:
    return _numbered([scaffold(s) for s in molecules_at(space, x)])


def _clusters(space: Space, x: NDArray[np.float64]) -> Rows:
    smiles = molecules_at(space, x)
    different = sorted(set(smiles) - {""})
    number = dict(zip(different, clusters(different, APART).tolist(), strict=True))
    return np.array([number.get(s, -1) for s in smiles])  # -1: what has no structure is like nothing else


def _options(space: Space, x: NDArray[np.float64]) -> Rows:
    column = _most_options(space)
    assert column is not None
    return np.asarray(x[:, column].astype(np.int64))


def _most_options(space: Space) -> int | None:
    """The column of the parameter with most options, components before categories; None without two options.

    Versions of a measurement are no options that somebody might not have seen.
    """
    versions = fidelity_column(space)
    for kind in (Component, Category):
        sizes = {
            i: p.size for i, p in enumerate(space.parameters) if isinstance(p, kind) and p.size > 1 and i != versions
        }
        if sizes:
            return max(sizes, key=lambda i: (sizes[i], -i))
    return None


def _numbered(names: Sequence[str]) -> Rows:
    return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1].ravel()


_GROUPS: Final[Mapping[Split, Callable[[Space, NDArray[np.float64]], Rows]]] = {
    Split.SCAFFOLD: _scaffolds,
    Split.CLUSTER: _clusters,
    Split.OPTION: _options,
}
