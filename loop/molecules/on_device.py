"""Count Tanimoto similarity of a stored library to some of its molecules, by torch on a device such as a GPU.

The sum of minima of two count vectors is a sum of rows of a table: one row for each code (a feature at a level), one
column for each of the ``m`` molecules compared with. Entries of the library are sent over as they are stored, and
become codes there. All numbers are whole and below 2**24, so single precision is exact until the last division.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.molecules.packed import PackedCounts, codes_of


@dataclass(frozen=True, eq=False)
class ComparedOnDevice:
    """What is needed of ``m`` molecules of a library to compare any others with them on a device.

    Attributes:
        counts: The library's fingerprints.
        first: Of each feature its first code, shape ``(features,)``.
        levels: How many codes it has, shape ``(features,)``; 0 where none of the molecules has it.
        table: Which of the molecules have a code, ``(codes, m)``, 0 or 1.
        totals: Sums of their counts, shape ``(m,)``.
    """

    counts: PackedCounts
    first: Tensor
    levels: Tensor
    table: Tensor
    totals: Tensor

    @staticmethod
    def of(counts: PackedCounts, b: NDArray[np.int64], device: torch.device) -> ComparedOnDevice:
        """To compare with the molecules at ``b``, shape ``(m,)``."""
        known = codes_of(counts.rows(b), len(counts.vocabulary))
        table = torch.zeros((known.size, len(b)), dtype=torch.float32, device=device)
        table[_sent(known.codes, device), _sent(known.molecules, device)] = 1.0
        return ComparedOnDevice(
            counts,
            _sent(known.first, device),
            _sent(known.levels.astype(np.int64), device),
            table,
            _sent(counts.totals[b].astype(np.float32), device),
        )

    def similarity(self, a: NDArray[np.int64]) -> Tensor:
        """Similarity of the molecules at ``a`` to the ``m``: shape ``(len(a), m)``, single precision, on the device."""
        device = self.table.device
        pointers, features, counts = self.counts.rows(a)
        place = _sent(features.astype(np.int32), device).long()
        repeats = torch.minimum(_sent(counts.astype(np.int32), device).long(), self.levels[place])
        ends = torch.cat([repeats.new_zeros(1), repeats.cumsum(0)])
        codes = torch.repeat_interleave(self.first[place] - ends[:-1], repeats)
        codes = codes + torch.arange(len(codes), device=device)
        offsets = ends[_sent(pointers[:-1].astype(np.int64), device)]
        if not len(self.table):  # the molecules have no feature at all
            shared = self.table.new_zeros((len(a), self.table.shape[1]))
        else:
            shared = torch.nn.functional.embedding_bag(codes, self.table, offsets, mode="sum")
        union = _sent(self.counts.totals[a].astype(np.float32), device)[:, None] + self.totals - shared
        return torch.where(union > 0, shared / union, torch.ones_like(shared))


def _sent(values: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)
