"""What a network sees of a candidate: the molecules in it, each in its slot, and the rest as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.errors import SpaceError
from loop.molecules.condensed import CondensedGraphs, condensed_graphs
from loop.molecules.graphs import MolecularGraphs, joined, molecular_graphs
from loop.molecules.structures import Featured
from loop.space import Component, Space
from loop.space.structure import Frame, Mixture, Products
from loop.surrogates.encoding import one_hot

Graphs: TypeAlias = MolecularGraphs | CondensedGraphs
Slot: TypeAlias = int | Mixture | Products  # a component's column, parts in shares, or what reagents become


@dataclass(frozen=True)
class Rows:
    """``n`` candidates of ``s`` slots, each of which holds up to ``k`` molecules.

    Attributes:
        smiles: The different molecules of all of them; the first is nothing at all.
        molecules: Their numbers in ``smiles``, shape ``(n, s, k)``.
        shares: How much of each there is, shape ``(n, s, k)``: 1 of a component, 0 where nothing is, fractions of a
            mixture.
        numbers: Everything without a structure, about 0 to 1, shape ``(n, f)``.
        stored: Where each of ``smiles`` but the first lies in the stored library that is the only slot; else None.
    """

    smiles: tuple[str, ...]
    molecules: NDArray[np.int64]
    shares: Tensor
    numbers: Tensor
    stored: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Inputs:
    """How candidates of one space become inputs. Structures are read only of the rows that are asked for."""

    frame: Frame
    slots: tuple[Slot, ...]
    reacts: bool = False  # a slot holds reactions: then all molecules are graphs of a before and an after

    def graphs(self, rows: Rows) -> Graphs:
        """The graphs of the molecules of some rows, in the order of their SMILES; a stored library's are looked up.

        Raises:
            MoleculeError: A structure cannot be read.
        """
        if self.reacts:
            return condensed_graphs(rows.smiles)
        library = self._library
        if library is None or rows.stored is None:
            return molecular_graphs(rows.smiles)
        return joined([molecular_graphs(rows.smiles[:1]), library[1].graphs().take(rows.stored)])

    @property
    def _library(self) -> tuple[int, Featured] | None:
        """The column and the structures of the stored library that is the only slot."""
        column = self.slots[0]
        if len(self.slots) != 1 or not isinstance(column, int):
            return None
        p = self.frame.parameters[column]
        return (column, p.smiles) if isinstance(p, Component) and isinstance(p.smiles, Featured) else None

    def rows(self, x: Tensor) -> Rows:
        """Candidates at ``x``, shape ``(n, d)``."""
        known: dict[str, int] = {"": 0}
        parts = [self._slot(slot, x.detach(), known) for slot in self.slots]
        stored = None
        if (library := self._library) is not None:  # of one slot, molecules enter by rising number
            stored = np.unique(x[:, library[0]].detach().round().long().numpy())
            stored = stored[stored >= 0]
        widest = max(shares.shape[1] for _, shares in parts)
        molecules = np.zeros((len(x), len(parts), widest), dtype=np.int64)
        shares = torch.zeros(len(x), len(parts), widest)
        for place, (which, share) in enumerate(parts):
            molecules[:, place, : which.shape[1]] = which
            shares[:, place, : which.shape[1]] = share
        return Rows(tuple(known), molecules, shares, self._numbers(x), stored)

    def _slot(self, slot: Slot, x: Tensor, known: dict[str, int]) -> tuple[NDArray[np.int64], Tensor]:
        """Molecules and shares of one slot, ``(n, k)`` each; new molecules enter ``known``."""
        if isinstance(slot, Mixture):
            found = _numbered(slot.smiles, known)
            return np.repeat(found[None, :], len(x), axis=0), x[:, list(slot.columns)].float()
        columns = [slot] if isinstance(slot, int) else list(slot.columns)
        chosen, place = np.unique(x[:, columns].round().long().numpy(), axis=0, return_inverse=True)
        found = _numbered([self._molecule(slot, options) for options in chosen.tolist()], known)
        which = found[place.reshape(-1)][:, None]
        return which, torch.from_numpy((which > 0).astype(np.float32))

    def _molecule(self, slot: int | Products, options: Sequence[int]) -> str:
        """The SMILES of options, those of reagents together; "" where one is nothing or they do not react."""
        columns = (slot,) if isinstance(slot, int) else slot.columns
        found = []
        for column, option in zip(columns, options, strict=True):
            p = self.frame.parameters[column]
            assert isinstance(p, Component)
            found.append(p.smiles[option] if option >= 0 else "")
        if isinstance(slot, int):
            return found[0]
        return slot.of(found).smiles

    def _numbers(self, x: Tensor) -> Tensor:
        structured = frozenset(c for slot in self.slots for c in ([slot] if isinstance(slot, int) else slot.columns))
        return one_hot(self.frame, x, without=structured).float()


def inputs(space: Space) -> Inputs:
    """The inputs of a space: a slot for each component, for each mixture with structures, and for each product.

    Raises:
        SpaceError: No parameter of it has a structure.
    """
    frame = space.frame
    reagents = {c for p in frame.products for c in p.columns}
    slots: list[Slot] = [
        column for column, p in enumerate(frame.parameters) if isinstance(p, Component) and column not in reagents
    ]
    slots += [m for m in frame.mixtures if m.smiles]
    slots += frame.products
    if not slots:
        names = ", ".join(p.name for p in frame.parameters)
        raise SpaceError(
            f"a graph network needs a molecule, and no parameter has a structure ({names}); "
            "give options their SMILES, or take another surrogate"
        )
    components = (p for p in frame.parameters if isinstance(p, Component) and not p.is_stored)
    return Inputs(frame, tuple(slots), any(p.has_reactions for p in components))


def _numbered(smiles: Sequence[str], known: dict[str, int]) -> NDArray[np.int64]:
    return np.array([known.setdefault(s, len(known)) for s in smiles], dtype=np.int64)
