"""Slots as one part of the distance of two candidates: what they hold together, whichever holds what."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from loop.surrogates.blocks import Block
from loop.surrogates.distance_parts import ByRows, NumberPart, OptionPart, Part, PointPart, Weighted, by_rows


@dataclass(frozen=True)
class SlotsPart:
    """Distances of what slots hold together, whichever holds what: of the sums of their contents as points.

    ``parts`` are those of the first slot. Contents of options alone lie as these parts have them; those with numbers
    too are points of the kernel ``exp(-D)`` of their distances ``D``, so that it counts which number stands with which
    option.
    """

    columns: tuple[tuple[int, ...], ...]
    parts: tuple[Part, ...]

    @property
    def has_numbers(self) -> bool:
        return any(isinstance(part, NumberPart | Weighted) for part in self.parts)

    def weighted(self, numbers: float) -> SlotsPart:
        """The same with squared distances of numbers that count ``numbers`` times."""
        parts = (Weighted(part, numbers) if isinstance(part, NumberPart) else part for part in self.parts)
        return replace(self, parts=tuple(parts))

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        if self._of_options is not None and a.dim() == b.dim() == 2:
            return self._looked_up(self._of_options, a, b)(slice(None))
        crossed = self._likeness(a, b)
        return (self._own(a)[..., :, None] + self._own(b)[..., None, :] - 2.0 * crossed).clamp_min(0.0)

    def by_rows(self, a: Tensor, b: Tensor) -> ByRows:
        if self._of_options is not None:
            return self._looked_up(self._of_options, a, b)
        own_a, own_b = self._own(a), self._own(b)
        pairs = [
            [by_rows(part, mine, other) for part in self.parts]
            for mine in self._contents(a)
            for other in self._contents(b)
        ]

        def squared(rows: slice) -> Tensor:
            crossed = sum(self._alike(_added([part(rows) for part in pair])) for pair in pairs)
            return (own_a[rows, None] + own_b - 2.0 * crossed).clamp_min_(0.0)

        return squared

    @property
    def _of_options(self) -> Block | None:
        """Distances by option, where slots hold options of one parameter alone."""
        part = self.parts[0]
        if len(self.parts) > 1 or not isinstance(part, OptionPart | PointPart):
            return None
        return part.between

    def _looked_up(self, between: Block, a: Tensor, b: Tensor) -> ByRows:
        """Of slots of one option each, ``(n, d)`` and ``(m, d)``: what ``b`` holds is added up for each option once."""
        columns = [slot[0] for slot in self.columns]
        mine, mine_at = torch.unique(a[:, columns].detach().round().long(), return_inverse=True)
        other, other_at = torch.unique(b[:, columns].detach().round().long(), return_inverse=True)
        to_all = torch.from_numpy(between(mine.numpy(), other.numpy()))[:, other_at].sum(-1)
        own, own_of_all = _between_slots(between, mine, mine_at), _between_slots(between, other, other_at)

        def squared(rows: slice) -> Tensor:
            total = to_all.index_select(0, mine_at[rows, 0])
            for slot in range(1, len(columns)):
                total += to_all.index_select(0, mine_at[rows, slot])
            return total.sub_(own[rows, None]).sub_(own_of_all).clamp_min_(0.0)

        return squared

    def _contents(self, x: Tensor) -> list[Tensor]:
        """``x`` with what each slot holds in the place of the first."""
        found = []
        for slot in self.columns:
            order = list(range(x.shape[-1]))
            for first, column in zip(self.columns[0], slot, strict=True):
                order[first] = column
            found.append(x[..., order])
        return found

    def _likeness(self, a: Tensor, b: Tensor) -> Tensor:
        """Of all contents of ``a``, ``(*b, n, d)``, to all of ``b``, ``(*b, m, d)``, together: ``(*b, n, m)``."""
        return torch.stack(
            [
                self._alike(_added([part(mine, other) for part in self.parts]))
                for mine in self._contents(a)
                for other in self._contents(b)
            ]
        ).sum(0)

    def _own(self, x: Tensor) -> Tensor:
        """The same of each row with itself: ``(*b, n, d)`` to ``(*b, n)``."""
        return self._likeness(x[..., None, :], x[..., None, :])[..., 0, 0]

    def _alike(self, squared: Tensor) -> Tensor:
        return torch.exp(-squared) if self.has_numbers else -0.5 * squared


def _between_slots(between: Block, options: Tensor, at: Tensor) -> Tensor:
    """Distances of all that a candidate's slots hold from one another, by options ``(o,)`` and places ``(n, k)``."""
    table = torch.from_numpy(between(options.numpy(), options.numpy()))
    total = torch.zeros(len(at), dtype=table.dtype)
    for i, j in itertools.combinations(range(at.shape[1]), 2):
        total += table[at[:, i], at[:, j]]
    return total


def _added(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
