"""Metrics: how far apart two candidates are, parameter by parameter, in one representation.

The squared distance of two candidates is the sum over parameters of the squared distance of their settings.
For options it is looked up: whatever the representation (one-hot, descriptors, count fingerprints), options are a
finite set. So a metric works on coordinates, and pools of any size need no table of features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.space import Category, Component, Parameter, Space
from loop.space.structure import Frame, Mixture
from loop.surrogates.blocks import (
    WHOLE,
    feature_block,
    features_of,
    normalised,
    one_hot_block,
    points_of,
    structure_block,
)
from loop.surrogates.distance_parts import (
    ByRows,
    DerivedPart,
    LibraryPart,
    MixturePart,
    NumberPart,
    OptionPart,
    Part,
    PointPart,
    ProductPart,
    Weighted,
    by_rows,
)
from loop.surrogates.representation import Representation
from loop.surrogates.slots_part import SlotsPart

FEW_OPTIONS = 300  # with a structure, in all; Mordred takes up to half a second for each
LIBRARY_DIMENSION = 32  # nominal dimension of a library; thousands of options are not thousands of dimensions


@dataclass(frozen=True)
class Metric:
    """Squared distances between coordinates, and the nominal dimension ``d`` that priors are scaled by."""

    parts: tuple[Part, ...]
    dimension: int

    def squared(self, a: Tensor, b: Tensor) -> Tensor:
        """Squared distances: ``a`` of ``(*b, n, d)`` and ``b`` of ``(*b, m, d)`` give ``(*b, n, m)``."""
        if len(self.parts) == 1:
            return self.parts[0](a, b)
        total = self.parts[0](a, b) + self.parts[1](a, b)
        for part in self.parts[2:]:
            more = part(a, b)
            total = total + more if total.requires_grad or more.requires_grad else total.add_(more)
        return total

    def by_rows(self, a: Tensor, b: Tensor) -> ByRows:
        """The same of ``a``, ``(n, d)``, and ``b``, ``(m, d)``, of some rows after others, without gradients."""
        parts = [by_rows(part, a, b) for part in self.parts]

        def squared(rows: slice) -> Tensor:
            total = parts[0](rows)
            for count, part in enumerate(parts[1:]):
                total = total.add_(part(rows)) if count else total + part(rows)
            return total

        return squared

    def on(self, device: torch.device, b: Tensor) -> Callable[[Tensor], Tensor]:
        """Squared distances to rows ``b``, ``(m, d)``, by a device in single precision: ``(n, d)`` to ``(n, m)`` there.

        Parts that cannot be computed there are computed here and sent over.
        """
        found = [part.on(device, b) if isinstance(part, LibraryPart) else None for part in self.parts]

        def squared(a: Tensor) -> Tensor:
            total = torch.zeros((len(a), len(b)), dtype=torch.float32, device=device)
            for part, there in zip(self.parts, found, strict=True):
                total += part(a, b).to(device, torch.float32) if there is None else there(a)
            return total

        return squared


def metric(space: Space, representation: Representation, apart: float = 1.0, numbers: float = 1.0) -> Metric:
    """The metric of a space in one representation.

    Squared distances of differing options are 2 on average (what one-hot gives), so that every parameter weighs
    alike a priori; numbers are scaled to 0 to 1 over their range, or over its logarithm. A mixture is the mean of its
    parts, weighted by their fractions, so that two pure parts are as far apart as two options. Neighbouring fidelities
    are ``apart`` times as far from each other as two options. Squared distances of numbers count ``numbers`` times.
    """
    found = _metric(space.frame, representation, apart)
    if numbers == 1.0:
        return found
    return Metric(tuple(_weighted(part, numbers) for part in found.parts), found.dimension)


def _weighted(part: Part, numbers: float) -> Part:
    if isinstance(part, SlotsPart):
        return part.weighted(numbers)
    return Weighted(part, numbers) if isinstance(part, NumberPart | DerivedPart) else part


def has_numbers(space: Space, representation: Representation) -> bool:
    """Whether a metric of the space has numbers among its parts."""
    return any(
        part.has_numbers if isinstance(part, SlotsPart) else isinstance(part, NumberPart | DerivedPart)
        for part in _metric(space.frame, representation, 1.0).parts
    )


@lru_cache(maxsize=32)  # a campaign's rounds share the look-up tables
def _metric(frame: Frame, representation: Representation, apart: float) -> Metric:
    mixed = frame.mixed_columns
    whole = frame.products if representation in WHOLE else ()  # others see the reagents, one by one
    made = {c for p in whole for c in p.columns}
    pooled = {c for slots in frame.pooled for c in slots.every}
    parts: list[Part] = [
        _part(frame, column, representation, apart)
        for column in range(len(frame.parameters))
        if column not in mixed and column not in made and column not in pooled
    ]
    parts.extend(
        SlotsPart(slots.columns, tuple(_part(frame, column, representation, apart) for column in slots.columns[0]))
        for slots in frame.pooled
    )
    parts.extend(ProductPart.of(p, frame, WHOLE[representation]) for p in whole)
    parts.extend(MixturePart(m.columns, _table(m, representation, frame)) for m in frame.mixtures)
    parts.extend(DerivedPart(frame, number) for number in frame.derived)
    of_sets = {c for slots in frame.pooled for slot in slots.columns[1:] for c in slot}  # all see the first one's
    single = [p for column, p in enumerate(frame.parameters) if column not in mixed | made | of_sets]
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
            return OptionPart(column, one_hot_block)
        case Component() if not p.is_stored and (features := features_of(p.smiles, _made(representation, frame))):
            return _described_part(frame, column, *features)
        case Component():
            looked_up = OptionPart(column, structure_block(p.smiles, _made(representation, frame)), p.nothing)
            return LibraryPart(looked_up) if p.is_stored else looked_up
        case Category(is_fidelity=True):
            return OptionPart(column, lambda a, b: 2.0 * apart * np.abs(a[:, None] - b[None, :]).astype(np.float64))
        case Category():
            return OptionPart(column, one_hot_block)
        case _:
            return NumberPart(frame, column)


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
        return OptionPart(column, normalised(feature_block(features), len(features)))
    points = points_of(features, there)
    return OptionPart(column, one_hot_block) if points is None else PointPart(column, points)


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


def _table(mixture: Mixture, representation: Representation, frame: Frame) -> Tensor:
    """Squared distances between the pure parts, ``(parts, parts)``.

    A mixture that does not always apply has one part more, its absence, as far from the others as two options are.
    """
    everything = np.arange(len(mixture.parts))
    is_plain = representation is Representation.ONE_HOT or not mixture.smiles
    is_conditional = mixture.columns[0] in frame.conditional
    if is_conditional and not is_plain and (features := features_of(mixture.smiles, _made(representation, frame))):
        points = points_of(*features)
        if points is not None:
            number = np.arange(len(points))
            return torch.from_numpy(feature_block(points)(number, number))
        is_plain = True
    block = one_hot_block if is_plain else structure_block(mixture.smiles, _made(representation, frame))
    table = np.ascontiguousarray(block(everything, everything), dtype=np.float64)
    if is_conditional:
        table = np.pad(table, (0, 1), constant_values=2.0)
        table[-1, -1] = 0.0
    return torch.from_numpy(table)
