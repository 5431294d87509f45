"""Metrics: how far apart two candidates are, parameter by parameter, in one representation.

The squared distance of two candidates is the sum over parameters of the squared distance of their settings.
For options it is looked up: whatever the representation (one-hot, descriptors, count fingerprints), options are a
finite set. So a metric works on coordinates, and pools of any size need no table of features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.space import Category, Component, Parameter, Space
from loop.space.structure import Derived, Frame, Mixture, Products
from loop.surrogates.encoding import derived_position, position

Part = Callable[[Tensor, Tensor], Tensor]  # coordinates (*b, n, d) and (*b, m, d) to squared distances (*b, n, m)
Block = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
FEW_OPTIONS = 300  # with a structure, in all; Mordred takes up to half a second for each
SAMPLE = 400  # options that the typical distance of a large library is taken from
LIBRARY_DIMENSION = 32  # nominal dimension of a library; thousands of options are not thousands of dimensions


class Representation(StrEnum):
    """How options with a structure are seen. Options without one are one-hot, unless descriptors are given."""

    ONE_HOT = "one-hot"
    DESCRIPTORS = "descriptors"  # RDKit's
    MORDRED = "mordred"
    COUNTS = "counts"
    SEVERAL = "several"  # the mean of several count fingerprints
    GIVEN = "given"  # by descriptors of one's own; what has none by Mordred's, or counts where that are many


@dataclass(frozen=True)
class Metric:
    """Squared distances between coordinates, and the nominal dimension ``d`` that priors are scaled by."""

    parts: tuple[Part, ...]
    dimension: int

    def squared(self, a: Tensor, b: Tensor) -> Tensor:
        """Squared distances: ``a`` of ``(*b, n, d)`` and ``b`` of ``(*b, m, d)`` give ``(*b, n, m)``."""
        total = self.parts[0](a, b)
        for part in self.parts[1:]:
            total = total + part(a, b)
        return total

    def on(self, device: torch.device, b: Tensor) -> Callable[[Tensor], Tensor]:
        """Squared distances to rows ``b``, ``(m, d)``, by a device in single precision: ``(n, d)`` to ``(n, m)`` there.

        Parts that cannot be computed there are computed here and sent over.
        """
        found = [part.on(device, b) if isinstance(part, _LibraryPart) else None for part in self.parts]

        def squared(a: Tensor) -> Tensor:
            total = torch.zeros((len(a), len(b)), dtype=torch.float32, device=device)
            for part, there in zip(self.parts, found, strict=True):
                total += part(a, b).to(device, torch.float32) if there is None else there(a)
            return total

        return squared


def metric(space: Space, representation: Representation, apart: float = 1.0) -> Metric:
    """The metric of a space in one representation.

    Squared distances of differing options are 2 on average (what one-hot gives), so that every parameter weighs
    alike a priori; numbers are scaled to 0 to 1 over their range, or over its logarithm. A mixture is the mean of its
    parts, weighted by their fractions, so that two pure parts are as far apart as two options. Neighbouring fidelities
    are ``apart`` times as far from each other as two options.
    """
    return _metric(space.frame, representation, apart)


@lru_cache(maxsize=32)  # a campaign's rounds share the look-up tables
def _metric(frame: Frame, representation: Representation, apart: float) -> Metric:
    mixed = frame.mixed_columns
    whole = frame.products if representation in _WHOLE else ()  # others see the reagents, one by one
    made = {c for p in whole for c in p.columns}
    parts: list[Part] = [
        _part(frame, column, representation, apart)
        for column in range(len(frame.parameters))
        if column not in mixed and column not in made
    ]
    parts.extend(_ProductPart.of(p, frame, _WHOLE[representation]) for p in whole)
    parts.extend(_MixturePart(m.columns, _table(m, representation, frame)) for m in frame.mixtures)
    parts.extend(_DerivedPart(frame, number) for number in frame.derived)
    single = [p for column, p in enumerate(frame.parameters) if column not in mixed and column not in made]
    dimension = sum(_dimension(p) for p in single) + LIBRARY_DIMENSION * len(whole)
    return Metric(tuple(parts), dimension + sum(len(m.parts) for m in frame.mixtures) + len(frame.derived))


def _dimension(p: Parameter) -> int:
    if isinstance(p, Category | Component):
        return min(p.size, LIBRARY_DIMENSION)
    return 1


def _part(frame: Frame, column: int, representation: Representation, apart: float) -> Part:
    match p := frame.parameters[column]:
        case Component() | Category(is_fidelity=False) if representation is Representation.GIVEN and p.descriptors:
            return _given_part(frame, column, p)
        case Component() if representation is Representation.ONE_HOT:
            return _OptionPart(column, _one_hot_block)
        case Component() if not p.is_stored and (features := _features(p.smiles, _made(representation, frame))):
            return _described_part(frame, column, *features)
        case Component():
            looked_up = _OptionPart(column, _structures(p.smiles, _made(representation, frame)), p.nothing)
            return _LibraryPart(looked_up) if p.is_stored else looked_up
        case Category(is_fidelity=True):
            return _OptionPart(column, lambda a, b: 2.0 * apart * np.abs(a[:, None] - b[None, :]).astype(np.float64))
        case Category():
            return _OptionPart(column, _one_hot_block)
        case _:
            return _NumberPart(frame, column)


def _given_part(frame: Frame, column: int, p: Component | Category) -> Part:
    """By the descriptors that are given."""
    from loop.molecules.descriptors import OF_GIVEN, told_apart

    assert p.descriptors is not None
    raw = p.descriptors.values
    there = np.asarray(np.isfinite(raw).all(axis=1))
    return _described_part(frame, column, told_apart(raw[there], OF_GIVEN).of(raw[there]), there)


def _described_part(frame: Frame, column: int, features: NDArray[np.float64], there: NDArray[np.bool_]) -> Part:
    """By features of the options that are ``there``; the others, and what does not apply, are nothing of the kind."""
    if there.all() and column not in frame.conditional:
        return _OptionPart(column, _normalised(_feature_block(features), len(features)))
    points = _points(features, there)
    return _OptionPart(column, _one_hot_block) if points is None else _PointPart(column, points)


def _points(features: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """A point for each option, and last one for what does not apply; None where features tell nothing apart.

    Options are 2 apart on average. What is not there lies over their middle, in a dimension of its own and so high
    that it is as far from them on average: at one distance from all of them there need be no point, and a covariance
    of such distances is none.
    """
    block = _normalised(_feature_block(features), len(features))
    if block is _one_hot_block:
        return None
    some = np.unique(np.linspace(0, len(features) - 1, min(len(features), SAMPLE)).astype(np.int64))
    pairs = len(some) * (len(some) - 1)
    scaled = features * np.sqrt(2.0 * pairs / _feature_block(features)(some, some).sum())
    scaled = scaled - scaled.mean(axis=0)
    height = np.sqrt(max(2.0 - (scaled**2).sum(axis=1).mean(), 1.0))
    absent = np.flatnonzero(~np.append(there, False))
    points = np.zeros((len(there) + 1, features.shape[1] + len(absent)))
    points[np.flatnonzero(there), : features.shape[1]] = scaled
    points[absent, features.shape[1] + np.arange(len(absent))] = height
    return points


def _made(representation: Representation, frame: Frame) -> Representation:
    """How structures are seen: where descriptors are given, those without are seen by Mordred's, if they are few."""
    if representation is not Representation.GIVEN:
        return representation
    without = [p for p in frame.parameters if isinstance(p, Component) and p.descriptors is None]
    are_few = sum(p.size for p in without) <= FEW_OPTIONS and not any(p.is_stored for p in without)
    return Representation.MORDRED if are_few else Representation.COUNTS


def is_described(frame: Frame) -> bool:
    """Whether descriptors are given of the options of some parameter."""
    return any(isinstance(p, Category | Component) and p.descriptors is not None for p in frame.parameters)


def _features(
    smiles: Sequence[str], representation: Representation
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Features of the structures that are there, and which are; None where a representation is no list of features."""
    there = [s for s in smiles if s]
    if representation not in (Representation.DESCRIPTORS, Representation.MORDRED) or len(there) < 2:
        return None
    from loop.molecules.descriptors import descriptor_features, mordred_features

    make = mordred_features if representation is Representation.MORDRED else descriptor_features
    return make(there), np.array([bool(s) for s in smiles])


def _structures(smiles: Sequence[str], representation: Representation) -> Block:
    make = _BLOCKS[representation]
    if "" not in smiles:
        return _normalised(make(smiles), len(smiles))
    there = [s for s in smiles if s]
    if len(there) < 2:
        return _one_hot_block
    rows = np.cumsum([bool(s) for s in smiles]) - 1  # of each option among those that are something
    block = _normalised(make(tuple(there)), len(there))
    return lambda a, b: block(rows[a].clip(0), rows[b].clip(0))


def _table(mixture: Mixture, representation: Representation, frame: Frame) -> Tensor:
    """Squared distances between the pure parts, ``(parts, parts)``.

    A mixture that does not always apply has one part more, its absence, as far from the others as two options are.
    """
    everything = np.arange(len(mixture.parts))
    is_plain = representation is Representation.ONE_HOT or not mixture.smiles
    is_conditional = mixture.columns[0] in frame.conditional
    if is_conditional and not is_plain and (features := _features(mixture.smiles, _made(representation, frame))):
        points = _points(*features)
        if points is not None:
            number = np.arange(len(points))
            return torch.from_numpy(_feature_block(points)(number, number))
        is_plain = True
    block = _one_hot_block if is_plain else _structures(mixture.smiles, _made(representation, frame))
    table = np.ascontiguousarray(block(everything, everything), dtype=np.float64)
    if is_conditional:
        table = np.pad(table, (0, 1), constant_values=2.0)
        table[-1, -1] = 0.0
    return torch.from_numpy(table)


@dataclass(frozen=True)
class _NumberPart:
    frame: Frame
    column: int

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        mine, theirs = (position(self.frame, self.column, x[..., self.column]) for x in (a, b))
        return (mine[..., :, None] - theirs[..., None, :]) ** 2


@dataclass(frozen=True)
class _DerivedPart:
    frame: Frame
    number: Derived

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        mine, theirs = (derived_position(self.frame, self.number, x) for x in (a, b))
        return (mine[..., :, None] - theirs[..., None, :]) ** 2


@dataclass(frozen=True)
class _MixturePart:
    """Distances of fraction-weighted means, from those ``D`` of the parts: -(f - g)' D (f - g) / 2."""

    columns: tuple[int, ...]
    table: Tensor

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        f, g = (self._shares(x[..., list(self.columns)]) for x in (a, b))
        own_f, own_g = ((x @ self.table * x).sum(-1) for x in (f, g))
        crossed = f @ self.table @ g.transpose(-1, -2)
        squared: Tensor = (crossed - 0.5 * (own_f[..., :, None] + own_g[..., None, :])).clamp_min(0.0)
        return squared

    def _shares(self, x: Tensor) -> Tensor:
        """Fractions that sum to one, as measured settings may not; absence is a part of its own where it can be."""
        total = x.sum(-1, keepdim=True)
        shares: Tensor = x / total.clamp_min(1e-12)
        return shares if len(self.table) == len(self.columns) else torch.cat([shares, (total == 0.0).to(x.dtype)], -1)


@dataclass(frozen=True)
class _ProductPart:
    """Distances of products by count fingerprints, each product made once."""

    columns: tuple[int, ...]
    similarity: Block  # numbers of reagents, (n, lists) and (m, lists), to (n, m)
    scale: float

    @staticmethod
    def of(products: Products, frame: Frame, kinds: tuple[str, ...]) -> _ProductPart:
        """Scaled to a mean squared distance of 2 between products at random."""
        from loop.molecules.products import product_fingerprints

        lists = [frame.parameters[c] for c in products.columns]
        reagents = tuple(p.smiles for p in lists if isinstance(p, Component))
        known = product_fingerprints(products.reaction, reagents, kinds, products.sieve)
        some = np.unique(known.sample(SAMPLE, 0), axis=0)
        apart = 1.0 - known.similarity(some, some)
        pairs = len(some) * (len(some) - 1)
        mean = float(apart.sum()) / pairs if pairs else 0.0
        return _ProductPart(products.columns, known.similarity, 2.0 / mean if mean > 0 else 2.0)

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
    a_options, a_place = torch.unique(a.detach().round().long(), return_inverse=True)
    b_options, b_place = torch.unique(b.detach().round().long(), return_inverse=True)
    table = torch.from_numpy(between(a_options.numpy(), b_options.numpy()))
    found: Tensor = table[a_place[..., :, None], b_place[..., None, :]]
    return found


@dataclass(frozen=True)
class _PointPart:
    """Distances of options that are points, the last of them for what does not apply (whose coordinate is -1)."""

    column: int
    points: NDArray[np.float64]

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        n, block = len(self.points), _feature_block(self.points)
        return _looked_up(lambda i, j: block(i % n, j % n), a[..., self.column], b[..., self.column])


@dataclass(frozen=True)
class _OptionPart:
    """Distances of options, looked up; what adds nothing or does not apply is as far from all as two options are."""

    column: int
    block: Block
    nothing: int | None = None

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return _looked_up(self.between, a[..., self.column], b[..., self.column])

    def between(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Squared distances of options by number: ``(a,)`` and ``(b,)`` to ``(a, b)``."""
        is_plain = self.nothing is None and not (a < 0).any() and not (b < 0).any()
        if is_plain:
            return self.block(a, b)
        apart = (a < 0) | (a == self.nothing), (b < 0) | (b == self.nothing)
        known = self.block(a.clip(0), b.clip(0))
        return np.where(apart[0][:, None] | apart[1][None, :], _one_hot_block(a, b), known)


@dataclass(frozen=True)
class _LibraryPart:
    """The same of a stored library, in which a molecule seldom comes twice: rows are compared as they come."""

    options: _OptionPart

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        if a.dim() != 2 or b.dim() != 2:
            return self.options(a, b)
        return torch.from_numpy(self.options.between(self._numbers(a), self._numbers(b)))

    def on(self, device: torch.device, b: Tensor) -> Callable[[Tensor], Tensor] | None:
        """Distances to rows ``b``, ``(m, d)``, by a device, ``(n, d)`` to ``(n, m)``; None where that cannot be."""
        theirs = self._numbers(b)
        if not isinstance(self.options.block, _Scaled) or self.options.nothing is not None or (theirs < 0).any():
            return None
        distances = self.options.block.on(device, theirs)
        return None if distances is None else lambda a: distances(self._numbers(a))

    def _numbers(self, x: Tensor) -> NDArray[np.int64]:
        return x[:, self.options.column].detach().round().long().numpy()


def _one_hot_block(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(2.0 * (a[:, None] != b[None, :]), dtype=np.float64)


def _counts_block(kinds: Sequence[str]) -> Callable[[Sequence[str]], Block]:
    """Distances by the mean similarity of some kinds of count fingerprint."""

    def block(smiles: Sequence[str]) -> Block:
        from loop.molecules.fingerprints import count_fingerprints
        from loop.molecules.structures import Featured

        if isinstance(smiles, Featured):
            from loop.surrogates.library import TanimotoDistances

            return TanimotoDistances.of(smiles, kinds)
        known = [count_fingerprints(smiles, kind).similarity for kind in kinds]
        return lambda a, b: 2.0 * (1.0 - np.mean([similarity(a, b) for similarity in known], axis=0))

    return block


def _descriptor_block(smiles: Sequence[str]) -> Block:
    from loop.molecules.descriptors import descriptor_features
    from loop.molecules.structures import Featured

    if isinstance(smiles, Featured):
        from loop.surrogates.library import described

        return _described_block(described(smiles))
    return _feature_block(descriptor_features(smiles))


def _mordred_block(smiles: Sequence[str]) -> Block:
    from loop.molecules.descriptors import mordred_features

    return _feature_block(mordred_features(smiles))


def _feature_block(features: NDArray[np.float64]) -> Block:
    squares = (features**2).sum(axis=1)
    return lambda a, b: (
        np.maximum(squares[a][:, None] + squares[b][None, :] - 2.0 * features[a] @ features[b].T, 0.0)
        * (a[:, None] != b[None, :])
    )


def _described_block(features: Callable[[NDArray[np.int64]], NDArray[np.float64]]) -> Block:
    def block(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        mine, theirs = features(a), features(b)
        squared = (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1)[None, :] - 2.0 * mine @ theirs.T
        return np.asarray(np.maximum(squared, 0.0) * (a[:, None] != b[None, :]))

    return block


def _normalised(block: Block, size: int) -> Block:
    """The same block, scaled to a mean squared distance of 2 between different options; one-hot if all are alike."""
    some = np.unique(np.linspace(0, size - 1, min(size, SAMPLE)).astype(np.int64))
    table = block(some, some)
    pairs = len(some) * (len(some) - 1)
    mean = table.sum() / pairs if pairs else 0.0
    if mean <= 0:
        return _one_hot_block
    scale = 2.0 / mean
    small = size <= SAMPLE  # then ``some`` is every option, in order
    if small:
        whole = table * scale
        return lambda a, b: np.asarray(whole[np.ix_(a, b)])
    return _Scaled(block, scale)


@dataclass(frozen=True)
class _Scaled:
    """A block times a number."""

    block: Block
    scale: float

    def __call__(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.block(a, b) * self.scale

    def on(self, device: torch.device, b: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Tensor] | None:
        """Distances to options ``b`` by a device, ``(a,)`` to ``(a, b)``; None where the block cannot."""
        from loop.surrogates.library import TanimotoDistances

        if not isinstance(self.block, TanimotoDistances):
            return None
        distances = self.block.on(device, b)
        return None if distances is None else lambda a: distances(a).mul_(self.scale)


_WHOLE: Mapping[Representation, tuple[str, ...]] = {  # representations that see a product as a whole, by fingerprints
    Representation.COUNTS: ("morgan",),
    Representation.SEVERAL: ("morgan", "morgan-features", "atom-pair"),
}
_BLOCKS: Mapping[Representation, Callable[[Sequence[str]], Block]] = {
    **{representation: _counts_block(kinds) for representation, kinds in _WHOLE.items()},
    Representation.DESCRIPTORS: _descriptor_block,
    Representation.MORDRED: _mordred_block,
}
