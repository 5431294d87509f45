"""Blocks: squared distances between the options of one parameter, by number, in one representation.

Options are a finite set, so a distance is looked up or worked out from stored features; the mean of differing options
is 2, what one-hot gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.surrogates.representation import Representation

Block = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
SAMPLE = 400  # options that the typical distance of a large library is taken from


def features_of(
    smiles: Sequence[str], representation: Representation
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Features of the structures that are there, and which are; None where a representation is no list of features."""
    there = [s for s in smiles if s]
    if representation not in (Representation.DESCRIPTORS, Representation.MORDRED) or len(there) < 2:
        return None
    from loop.molecules.descriptors import descriptor_features, mordred_features

    make = mordred_features if representation is Representation.MORDRED else descriptor_features
    return make(there), np.array([bool(s) for s in smiles])


def structure_block(smiles: Sequence[str], representation: Representation) -> Block:
    """Distances of structures; those of options without one ("") mean nothing, and are set elsewhere."""
    make = _BLOCKS[representation]
    if "" not in smiles:
        return normalised(make(smiles), len(smiles))
    there = [s for s in smiles if s]
    if len(there) < 2:
        return one_hot_block
    rows = np.cumsum([bool(s) for s in smiles]) - 1  # of each option among those that are something
    block = normalised(make(tuple(there)), len(there))
    return lambda a, b: block(rows[a].clip(0), rows[b].clip(0))


def points_of(features: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """A point for each option, and last one for what does not apply; None where features tell nothing apart.

    Options are 2 apart on average. What is not there lies over their middle, in a dimension of its own and so high
    that it is as far from them on average: at one distance from all of them there need be no point, and a covariance
    of such distances is none.
    """
    block = normalised(feature_block(features), len(features))
    if block is one_hot_block:
        return None
    some = np.unique(np.linspace(0, len(features) - 1, min(len(features), SAMPLE)).astype(np.int64))
    pairs = len(some) * (len(some) - 1)
    scaled = features * np.sqrt(2.0 * pairs / feature_block(features)(some, some).sum())
    scaled = scaled - scaled.mean(axis=0)
    height = np.sqrt(max(2.0 - (scaled**2).sum(axis=1).mean(), 1.0))
    absent = np.flatnonzero(~np.append(there, False))
    points = np.zeros((len(there) + 1, features.shape[1] + len(absent)))
    points[np.flatnonzero(there), : features.shape[1]] = scaled
    points[absent, features.shape[1] + np.arange(len(absent))] = height
    return points


def one_hot_block(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Any two different options are 2 apart: ``(a,)`` and ``(b,)`` to ``(a, b)``."""
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
    return feature_block(descriptor_features(smiles))


def _mordred_block(smiles: Sequence[str]) -> Block:
    from loop.molecules.descriptors import mordred_features

    return feature_block(mordred_features(smiles))


def feature_block(features: NDArray[np.float64]) -> Block:
    """Squared Euclidean distances of features, ``(options, k)``."""
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


def normalised(block: Block, size: int) -> Block:
    """The same block, scaled to a mean squared distance of 2 between different options; one-hot if all are alike."""
    some = np.unique(np.linspace(0, size - 1, min(size, SAMPLE)).astype(np.int64))
    table = block(some, some)
    pairs = len(some) * (len(some) - 1)
    mean = table.sum() / pairs if pairs else 0.0
    if mean <= 0:
        return one_hot_block
    scale = 2.0 / mean
    small = size <= SAMPLE  # then ``some`` is every option, in order
    if small:
        whole = table * scale
        return lambda a, b: np.asarray(whole[np.ix_(a, b)])
    return Scaled(block, scale)


@dataclass(frozen=True)
class Scaled:
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


WHOLE: Mapping[Representation, tuple[str, ...]] = {  # representations that see a product as a whole, by fingerprints
    Representation.COUNTS: ("morgan",),
    Representation.SEVERAL: ("morgan", "morgan-features", "atom-pair"),
}
_BLOCKS: Mapping[Representation, Callable[[Sequence[str]], Block]] = {
    **{representation: _counts_block(kinds) for representation, kinds in WHOLE.items()},
    Representation.DESCRIPTORS: _descriptor_block,
    Representation.MORDRED: _mordred_block,
}
