"""Metrics: how far apart two candidates are, parameter by parameter, in one representation.

The squared distance of two candidates is the sum over parameters of the squared distance of their settings.
For options it is looked up: whatever the representation (one-hot, descriptors, count fingerprints), options are a
finite set. So a metric works on coordinates, and pools of any size need no table of features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.space import Category, Component, Continuous, Discrete, Parameter, Space

Block = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
SAMPLE = 400  # options that the typical distance of a large library is taken from
LIBRARY_DIMENSION = 32  # nominal dimension of a library; thousands of options are not thousands of dimensions


class Representation(StrEnum):
    """How options with a structure are seen. Options without one are always one-hot."""

    ONE_HOT = "one-hot"
    DESCRIPTORS = "descriptors"
    COUNTS = "counts"


@dataclass(frozen=True)
class Metric:
    """Squared distances between coordinates, and the nominal dimension ``d`` that priors are scaled by."""

    parts: tuple[Callable[[Tensor, Tensor], Tensor], ...]
    dimension: int

    def squared(self, a: Tensor, b: Tensor) -> Tensor:
        """Squared distances: ``a`` of ``(*b, n, d)`` and ``b`` of ``(*b, m, d)`` give ``(*b, n, m)``."""
        total = self.parts[0](a[..., 0], b[..., 0])
        for column, part in enumerate(self.parts[1:], start=1):
            total = total + part(a[..., column], b[..., column])
        return total


def metric(space: Space, representation: Representation) -> Metric:
    """The metric of a space in one representation.

    Squared distances of differing options are 2 on average (what one-hot gives), so that every parameter weighs
    alike a priori; numbers are scaled to 0 to 1 over their range.
    """
    return _metric(space.parameters, representation)


@lru_cache(maxsize=16)  # a campaign's rounds share the look-up tables
def _metric(parameters: tuple[Parameter, ...], representation: Representation) -> Metric:
    parts = tuple(_part(p, representation) for p in parameters)
    return Metric(parts, sum(_dimension(p) for p in parameters))


def _dimension(p: Parameter) -> int:
    if isinstance(p, Category | Component):
        return min(p.size, LIBRARY_DIMENSION)
    return 1


def _part(p: Parameter, representation: Representation) -> Callable[[Tensor, Tensor], Tensor]:
    match p:
        case Discrete() | Continuous():
            return _NumberPart(p.low, (p.high - p.low) or 1.0)
        case Component() if representation is Representation.COUNTS:
            return _OptionPart(_normalised(_tanimoto_block(p.smiles), p.size))
        case Component() if representation is Representation.DESCRIPTORS:
            return _OptionPart(_normalised(_descriptor_block(p.smiles), p.size))
        case _:
            return _OptionPart(_one_hot_block)


@dataclass(frozen=True)
class _NumberPart:
    low: float
    span: float

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return ((a[..., :, None] - b[..., None, :]) / self.span) ** 2


@dataclass(frozen=True)
class _OptionPart:
    block: Block

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        a_options, a_place = torch.unique(a.detach().round().long(), return_inverse=True)
        b_options, b_place = torch.unique(b.detach().round().long(), return_inverse=True)
        table = torch.from_numpy(self.block(a_options.numpy(), b_options.numpy()))
        block: Tensor = table[a_place[..., :, None], b_place[..., None, :]]
        return block


def _one_hot_block(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(2.0 * (a[:, None] != b[None, :]), dtype=np.float64)


def _tanimoto_block(smiles: tuple[str, ...]) -> Block:
    from loop.molecules.fingerprints import count_fingerprints

    fingerprints = count_fingerprints(smiles)
    return lambda a, b: 2.0 * (1.0 - fingerprints.similarity(a, b))


def _descriptor_block(smiles: tuple[str, ...]) -> Block:
    from loop.molecules.descriptors import descriptor_features

    features = descriptor_features(smiles)
    squares = (features**2).sum(axis=1)
    return lambda a, b: (
        np.maximum(squares[a][:, None] + squares[b][None, :] - 2.0 * features[a] @ features[b].T, 0.0)
        * (a[:, None] != b[None, :])
    )


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
    return lambda a, b: block(a, b) * scale
