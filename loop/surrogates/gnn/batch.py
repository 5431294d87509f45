"""Batches of molecular graphs: for each member of an ensemble its own molecules, as one disjoint graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.molecules.condensed import CondensedGraphs
from loop.molecules.graphs import MolecularGraphs, offsets
from loop.surrogates.gnn.segments import Segments


@dataclass(frozen=True)
class Batch:
    """``n`` molecules for each of ``m`` members, padded to ``v`` atoms and ``e`` directed edges.

    What pads is one more molecule of each member, the last, whose atoms have no features; all padding edges are loops
    at its last atom. So it touches nothing else, and no mask is needed. Edges ``2 k`` and ``2 k + 1`` are the two
    directions of a bond.

    Attributes:
        atoms: Features, shape ``(m, v, a)``.
        edges: Features of bonds, shape ``(m, e, b)``.
        into: Edges by the atom that they point to; atoms are numbered over all members, ``m * v`` of them.
        out_of: Edges by the atom that they come from.
        molecules: Atoms by molecule, ``m * (n + 1)`` of them.
    """

    atoms: Tensor
    edges: Tensor
    into: Segments
    out_of: Segments
    molecules: Segments

    @property
    def members(self) -> int:
        return self.atoms.shape[0]


class GraphStore:
    """Graphs with their features on a device, from which batches are taken."""

    def __init__(self, graphs: MolecularGraphs | CondensedGraphs, device: torch.device) -> None:
        self.graphs, self.device = graphs, device
        self.atoms = torch.from_numpy(graphs.atom_features()).to(device)
        self.edges = torch.from_numpy(np.repeat(graphs.bond_features(), 2, axis=0)).to(device)
        both = np.stack([graphs.ends, graphs.ends[:, ::-1]], axis=1)  # (bonds, direction, from and to)
        self._ends = both.reshape(-1, 2).astype(np.int64)
        self._first_edge = 2 * graphs.first_bond

    def batch(self, which: NDArray[np.int64]) -> Batch:
        """The molecules ``which``, shape ``(members, n)``: one may come several times."""
        members, n = which.shape
        atoms, atom_place, atom_owner, v = self._placed(self.graphs.first_atom, which, spare=1)
        edges, edge_place, edge_owner, e = self._placed(self._first_edge, which, spare=0)
        first = np.full(members * n, 0, dtype=np.int64)  # place of each molecule's first atom
        sizes = self.graphs.n_atoms[which.ravel()]
        starts = np.cumsum(sizes) - sizes
        there = sizes > 0
        first[there] = atom_place[starts[there]]

        loops = np.repeat((np.arange(members) + 1) * v - 1, e)
        source, target = loops.copy(), loops
        source[edge_place] = self._ends[edges, 0] + first[edge_owner]
        target[edge_place] = self._ends[edges, 1] + first[edge_owner]
        order = np.argsort(target, kind="stable")
        begins = offsets(np.bincount(target, minlength=members * v))

        molecule = np.repeat(np.arange(members) * (n + 1) + n, v)
        molecule[atom_place] = atom_owner + atom_owner // n
        owned = offsets(np.bincount(molecule, minlength=members * (n + 1)))
        return Batch(
            self._features(self.atoms, atoms, atom_place, members, v),
            self._features(self.edges, edges, edge_place, members, e),
            self._segments(order, begins, target),
            self._segments(order ^ 1, begins, source),
            self._segments(np.arange(members * v), owned, molecule),
        )

    def _placed(
        self, first: NDArray[np.int64], which: NDArray[np.int64], spare: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
        """Rows of the store, their places in the batch, whose molecule each is, and rows for each member."""
        members, n = which.shape
        sizes = np.diff(first)[which]
        each = sizes.sum(axis=1)
        width = max(int(each.max()) + spare, 2)
        flat = sizes.ravel()
        starts = np.cumsum(flat) - flat
        owner = np.repeat(np.arange(members * n), flat)
        rows = np.arange(len(owner)) + (first[which.ravel()] - starts)[owner]
        place = np.arange(len(owner)) + np.repeat(np.arange(members) * width - (np.cumsum(each) - each), each)
        return rows, place, owner, width

    def _features(
        self, store: Tensor, rows: NDArray[np.int64], place: NDArray[np.int64], members: int, width: int
    ) -> Tensor:
        found = torch.zeros(members * width, store.shape[1], dtype=store.dtype, device=self.device)
        found[self._index(place)] = store[self._index(rows)]
        return found.view(members, width, -1)

    def _segments(self, order: NDArray[np.int64], first: NDArray[np.int64], owner: NDArray[np.int64]) -> Segments:
        return Segments(self._index(order), self._index(first), self._index(owner))

    def _index(self, numbers: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(numbers).to(self.device)


def shared(which: NDArray[np.int64], members: int) -> NDArray[np.int64]:
    """The same molecules for every member: ``(n,)`` to ``(members, n)``."""
    return np.repeat(which[None, :], members, axis=0)


def together(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Lists of molecules as one table, the shorter ones filled up with the first molecule: ``(members, longest)``."""
    table = np.zeros((len(parts), max(map(len, parts))), dtype=np.int64)
    for row, part in zip(table, parts, strict=True):
        row[: len(part)] = part
    return table
