"""What a network sees of a candidate: the molecules in it, each in its slot, and the rest as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.errors import SpaceError
from loop.space import Component, Space
from loop.space.structure import Frame
from loop.surrogates.encoding import one_hot


@dataclass(frozen=True)
class Rows:
    """``n`` candidates of ``s`` slots, each of which holds up to ``k`` molecules.

    Attributes:
        molecules: Numbers of molecules in ``Inputs.smiles``, shape ``(n, s, k)``.
        shares: How much of each there is, shape ``(n, s, k)``: 1 of a component, 0 where nothing is, fractions of a
            mixture.
        numbers: Everything without a structure, about 0 to 1, shape ``(n, f)``.
    """

    molecules: NDArray[np.int64]
    shares: Tensor
    numbers: Tensor

    def take(self, which: Tensor) -> Rows:
        """The rows at ``which``, in that order."""
        return Rows(self.molecules[which.numpy()], self.shares[which], self.numbers[which])


@dataclass(frozen=True)
class Inputs:
    """How candidates of one space become inputs. Molecule 0 is always nothing at all."""

    frame: Frame
    smiles: tuple[str, ...]
    tables: tuple[tuple[tuple[int, ...], NDArray[np.int64]], ...]  # of each slot: columns, and molecules by option

    @property
    def slots(self) -> int:
        return len(self.tables)

    def rows(self, x: Tensor) -> Rows:
        """Candidates at ``x``, shape ``(n, d)``."""
        widest = max(len(columns) for columns, _ in self.tables)
        molecules = np.zeros((len(x), self.slots, widest), dtype=np.int64)
        shares = torch.zeros(len(x), self.slots, widest)
        for slot, (columns, table) in enumerate(self.tables):
            if len(columns) == 1:  # a component: its coordinate is an option, negative where it does not apply
                option = x[:, columns[0]].detach().round().long()
                found = np.where(option.numpy() >= 0, table[option.numpy().clip(0)], 0)
                molecules[:, slot, 0] = found
                shares[:, slot, 0] = torch.from_numpy(found > 0).float()
            else:
                molecules[:, slot, : len(columns)] = table
                shares[:, slot, : len(columns)] = x[:, list(columns)].float()
        return Rows(molecules, shares, self._numbers(x))

    def _numbers(self, x: Tensor) -> Tensor:
        structured = frozenset(c for columns, _ in self.tables for c in columns)
        return one_hot(self.frame, x, without=structured).float()


@lru_cache(maxsize=16)
def inputs_of(frame: Frame) -> Inputs:
    """The inputs of a space.

    Raises:
        SpaceError: No parameter of it has a structure.
    """
    numbers: dict[str, int] = {"": 0}
    tables: list[tuple[tuple[int, ...], NDArray[np.int64]]] = []

    def table(smiles: tuple[str, ...]) -> NDArray[np.int64]:
        return np.array([numbers.setdefault(s, len(numbers)) for s in smiles], dtype=np.int64)

    for column, p in enumerate(frame.parameters):
        if isinstance(p, Component):
            tables.append(((column,), table(p.smiles)))
    for mixture in frame.mixtures:
        if mixture.smiles and len(mixture.columns) > 1:
            tables.append((mixture.columns, table(mixture.smiles)))
    if not tables:
        names = ", ".join(p.name for p in frame.parameters)
        raise SpaceError(
            f"a graph network needs a molecule, and no parameter has a structure ({names}); "
            "give options their SMILES, or take another surrogate"
        )
    return Inputs(frame, tuple(numbers), tuple(tables))


def inputs(space: Space) -> Inputs:
    """The inputs of a space. Raises ``SpaceError`` where no parameter has a structure."""
    return inputs_of(space.frame)
