"""Encoding: coordinates as numbers of like size, for metrics and models; one place for every kind of parameter."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from loop.space.parameters import GAP, NOTHING, Category, Component, Continuous, Discrete, Ordinal
from loop.space.raw import raw_sample
from loop.space.slots import Slots
from loop.space.structure import Derived, Frame

SAMPLE = 512  # points that the range of a derived number is taken from


def position(frame: Frame, column: int, x: Tensor) -> Tensor:
    """Where coordinates of a number or ordinal lie in its range, any shape: 0 to 1, ``-GAP`` what does not apply."""
    p = frame.parameters[column]
    assert isinstance(p, Ordinal | Discrete | Continuous)
    scaled: Tensor = p.position(x)
    return scaled.clamp_min(-GAP) if column in frame.conditional else scaled


def derived_position(frame: Frame, number: Derived, x: Tensor) -> Tensor:
    """A derived number at ``x``, ``(*b, d)``, scaled by its range over a sample: ``(*b,)``, about 0 to 1."""
    low, high = derived_range(frame, number)
    value: Tensor = number.formula(x).nan_to_num(nan=low, posinf=high, neginf=low)
    return ((value - low) / ((high - low) or 1.0)).clamp(-1.0, 2.0)


def one_hot(frame: Frame, x: Tensor, *, without: frozenset[int] = frozenset()) -> Tensor:
    """Coordinates as inputs: options one-hot, the rest scaled to 0 to 1: ``(*b, d)`` to ``(*b, features)``.

    Parameters at the columns ``without`` are left out. Of slots there is how many hold each option, and beside numbers
    how much of these stands with it.
    """
    pooled = [slots for slots in frame.pooled if without.isdisjoint(slots.every)]
    columns = [x[..., :0], *(_of_slots(frame, slots, x) for slots in pooled)]
    done = without.union(*(slots.every for slots in pooled))
    for i, p in enumerate(frame.parameters):
        if i in done:
            continue
        match p:
            case Category() | Component():
                columns.append(_options(x[..., i].detach().round().long(), p.size, i in frame.conditional).to(x.dtype))
            case Discrete() | Continuous() | Ordinal():
                columns.append(position(frame, i, x[..., i])[..., None])
    columns.extend(derived_position(frame, number, x)[..., None] for number in frame.derived)
    return torch.cat(columns, dim=-1)


def _of_slots(frame: Frame, slots: Slots, x: Tensor) -> Tensor:
    total = x.new_zeros(())
    for slot in slots.columns:
        numbers = [c for c in slot if isinstance(frame.parameters[c], Discrete | Continuous | Ordinal)]
        options = torch.cat(
            [
                _options(x[..., c].detach().round().long(), p.size, c in frame.conditional).to(x.dtype)
                for c in slot
                if isinstance(p := frame.parameters[c], Category | Component)
            ],
            dim=-1,
        )
        amounts = [options * position(frame, c, x[..., c]).clamp_min(0.0)[..., None] for c in numbers]
        total = total + torch.cat([options, *amounts], dim=-1)
    return total


def _options(index: Tensor, size: int, is_conditional: bool) -> Tensor:
    """One-hot; all zeros where the parameter does not apply."""
    if not is_conditional:
        return torch.nn.functional.one_hot(index, size)
    return torch.nn.functional.one_hot(index.clamp_min(0), size) * (index != int(NOTHING))[..., None]


@lru_cache(maxsize=64)
def derived_range(frame: Frame, number: Derived) -> tuple[float, float]:
    """Between which values a derived number lies at a sample of points; 0 and 1 where it has none there."""
    values = number.formula(raw_sample(frame, SAMPLE, np.random.default_rng(0)))
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
