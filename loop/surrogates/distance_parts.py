"""Parts of the distance of two candidates: one for each parameter, mixture, product or derived number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.space import Component
from loop.space.structure import Derived, Frame, Products
from loop.surrogates.blocks import SAMPLE, Block, Scaled, feature_block, one_hot_block
from loop.surrogates.encoding import derived_position, position

Part = Callable[[Tensor, Tensor], Tensor]  # coordinates (*b, n, d) and (*b, m, d) to squared distances (*b, n, m)
ByRows = Callable[[slice], Tensor]  # some of n rows to their squared distances, (k, m)


def by_rows(part: Part, a: Tensor, b: Tensor) -> ByRows:
    """A part's distances of ``a``, ``(n, d)``, with ``b``, ``(m, d)``, of some rows after others, without gradients.

    Parts that can work them out by rows do so. Whatever the rows, the numbers are those of the whole.
    """
    if (found := getattr(part, "by_rows", None)) is not None:
        made: ByRows = found(a, b)
        return made
    whole = part(a, b)
    return lambda rows: whole[rows]


@dataclass(frozen=True)
class NumberPart:
    """Squared differences of a number's positions within its range."""

    frame: Frame
    column: int

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        mine, theirs = (position(self.frame, self.column, x[..., self.column]) for x in (a, b))
        return (mine[..., :, None] - theirs[..., None, :]) ** 2

    def by_rows(self, a: Tensor, b: Tensor) -> ByRows:
        mine, theirs = (position(self.frame, self.column, x[:, self.column]) for x in (a, b))
        return lambda rows: (mine[rows, None] - theirs).square_()


@dataclass(frozen=True)
class DerivedPart:
    """The same of a derived number."""

    frame: Frame
    number: Derived

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        mine, theirs = (derived_position(self.frame, self.number, x) for x in (a, b))
        return (mine[..., :, None] - theirs[..., None, :]) ** 2

    def by_rows(self, a: Tensor, b: Tensor) -> ByRows:
        mine, theirs = (derived_position(self.frame, self.number, x) for x in (a, b))
        return lambda rows: (mine[rows, None] - theirs).square_()


@dataclass(frozen=True)
class Weighted:
    """A part that counts more than it would."""

    part: Part
    weight: float

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.weight * self.part(a, b)

    def by_rows(self, a: Tensor, b: Tensor) -> ByRows:
        plain = by_rows(self.part, a, b)
        return lambda rows: self.weight * plain(rows)


@dataclass(frozen=True)
class MixturePart:
    """Distances of fraction-weighted means, from those ``D`` of the parts: -(f - g)' D (f - g) / 2."""

    columns: tuple[int, ...]
    table: Tensor

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        f, g = (self._shares(x[..., list(self.columns)]) for x in (a, b))
        own_f, own_g = ((x @ self.table * x).sum(-1) for x in (f, g))
        crossed = f @ self.table @ g.transpose(-1, -2)
        own = own_f[..., :, None] + own_g[..., None, :]
        if crossed.requires_grad or own.requires_grad:
            return (crossed - 0.5 * own).clamp_min(0.0)
        return crossed.sub_(own.mul_(0.5)).clamp_min_(0.0)  # the same in place: Note [In place]

    def _shares(self, x: Tensor) -> Tensor:
        """Fractions that sum to one, as measured settings may not; absence is a part of its own where it can be."""
        total = x.sum(-1, keepdim=True)
        shares: Tensor = x / total.clamp_min(1e-12)
        return shares if len(self.table) == len(self.columns) else torch.cat([shares, (total == 0.0).to(x.dtype)], -1)


@dataclass(frozen=True)
class ProductPart:
    """Distances of products by count fingerprints, each product made once."""

    columns: tuple[int, ...]
    similarity: Block  # numbers of reagents, (n, lists) and (m, lists), to (n, m)
    scale: float

    @staticmethod
    def of(products: Products, frame: Frame, kinds: tuple[str, ...]) -> ProductPart:
        """Scaled to a mean squared distance of 2 between products at random."""
        from loop.molecules.products import product_fingerprints

        lists = [frame.parameters[c] for c in products.columns]
        reagents = tuple(p.smiles for p in lists if isinstance(p, Component))
        known = product_fingerprints(products.reaction, reagents, kinds, products.sieve)
        some = np.unique(known.sample(SAMPLE, 0), axis=0)
        apart = 1.0 - known.similarity(some, some)
        pairs = len(some) * (len(some) - 1)
        mean = float(apart.sum()) / pairs if pairs else 0.0
        return ProductPart(products.columns, known.similarity, 2.0 / mean if mean > 0 else 2.0)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        columns = list(self.columns)
        mine, a_place = torch.unique(a[..., columns].detach().round().long().flatten(0, -2), dim=0, return_inverse=True)
        other, b_place = torch.unique(
            b[..., columns].detach().round().long().flatten(0, -2), dim=0, return_inverse=True
        )
        table = torch.from_numpy(self.scale * (1.0 - self.similarity(mine.numpy(), other.numpy())))
        a_place, b_place = a_place.reshape(a.shape[:-1]), b_place.reshape(b.shape[:-1])
        found: Tensor = table[a_place[..., :, None], b_place[..., None, :]]
        return found


def _looked_up(between: Block, a: Tensor, b: Tensor) -> Tensor:
    """Distances of options by number, ``(*b, n)`` and ``(*b, m)`` to ``(*b, n, m)``, each pair worked out once."""
    if a.dim() == b.dim() == 1:  # half the time of looking up pair by pair
        return _rows_looked_up(between, a, b)(slice(None))
    table, a_place, b_place = _table(between, a, b)
    found: Tensor = table[a_place[..., :, None], b_place[..., None, :]]
    return found


def _rows_looked_up(between: Block, a: Tensor, b: Tensor) -> ByRows:
    """The same of some rows of ``a``, ``(n,)``, after others, with ``b``, ``(m,)``."""
    table, a_place, b_place = _table(between, a, b)
    of_each = table.index_select(1, b_place)
    return lambda rows: of_each.index_select(0, a_place[rows])


def _table(between: Block, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances of the options that there are, and the place in them of each of ``a`` and of ``b``, any shape."""
    a_options, a_place = torch.unique(a.detach().round().long(), return_inverse=True)
    b_options, b_place = torch.unique(b.detach().round().long(), return_inverse=True)
    return torch.from_numpy(between(a_options.numpy(), b_options.numpy())), a_place, b_place


@dataclass(frozen=True)
class PointPart:
    """Distances of options that are points, the last of them for what does not apply (whose coordinate is -1)."""

    column: int
    points: NDArray[np.float64]

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return _looked_up(self.between, a[..., self.column], b[..., self.column])

    def by_rows(self, a: Tensor, b: Tensor) -> ByRows:
        return _rows_looked_up(self.between, a[:, self.column], b[:, self.column])

    def between(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Squared distances of options by number: ``(a,)`` and ``(b,)`` to ``(a, b)``."""
        n = len(self.points)
        return feature_block(self.points)(a % n, b % n)


@dataclass(frozen=True)
class OptionPart:
    """Distances of options, looked up; what adds nothing or does not apply is as far from all as two options are."""

    column: int
    block: Block
    nothing: int | None = None

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return _looked_up(self.between, a[..., self.column], b[..., self.column])

    def by_rows(self, a: Tensor, b: Tensor) -> ByRows:
        return _rows_looked_up(self.between, a[:, self.column], b[:, self.column])

    def between(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Squared distances of options by number: ``(a,)`` and ``(b,)`` to ``(a, b)``."""
        is_plain = self.nothing is None and not (a < 0).any() and not (b < 0).any()
        if is_plain:
            return self.block(a, b)
        apart = (a < 0) | (a == self.nothing), (b < 0) | (b == self.nothing)
        known = self.block(a.clip(0), b.clip(0))
        return np.where(apart[0][:, None] | apart[1][None, :], one_hot_block(a, b), known)


@dataclass(frozen=True)
class LibraryPart:
    """The same of a stored library, in which a molecule seldom comes twice: rows are compared as they come."""

    options: OptionPart

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        if a.dim() != 2 or b.dim() != 2:
            return self.options(a, b)
        return torch.from_numpy(self.options.between(self._numbers(a), self._numbers(b)))

    def on(self, device: torch.device, b: Tensor) -> Callable[[Tensor], Tensor] | None:
        """Distances to rows ``b``, ``(m, d)``, by a device, ``(n, d)`` to ``(n, m)``; None where that cannot be."""
        theirs = self._numbers(b)
        if not isinstance(self.options.block, Scaled) or self.options.nothing is not None or (theirs < 0).any():
            return None
        distances = self.options.block.on(device, theirs)
        return None if distances is None else lambda a: distances(self._numbers(a))

    def _numbers(self, x: Tensor) -> NDArray[np.int64]:
        return x[:, self.options.column].detach().round().long().numpy()
