"""Fidelities: cheap and dear versions of one measurement, of which only the last is the real thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.space import Category, Space


def fidelity_column(space: Space) -> int | None:
    """The column of the fidelity, None where a space has none."""
    return next((i for i, p in enumerate(space.parameters) if isinstance(p, Category) and p.is_fidelity), None)


def real_version(space: Space) -> str:
    """What the real thing is called; "" where there are no fidelities."""
    column = fidelity_column(space)
    top = None if column is None else space.parameters[column]
    return str(top.options[-1]) if isinstance(top, Category) else ""


def real_option(space: Space) -> dict[int, int]:
    """The column of the fidelity with the number of the real thing; nothing where a space has none."""
    found = enumerate(space.parameters)
    return {i: p.size - 1 for i, p in found if isinstance(p, Category) and p.is_fidelity}


def is_real(space: Space, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of ``x``, ``(n, d)``, are the real thing: ``(n,)``; all of them where there are no fidelities."""
    column = fidelity_column(space)
    if column is None:
        return np.ones(len(x), dtype=bool)
    top = space.parameters[column]
    assert isinstance(top, Category)
    return np.asarray(x[:, column] == top.size - 1)


def as_real(space: Space, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same candidates ``x``, ``(n, d)``, as the real thing: ``(n, d)``."""
    column = fidelity_column(space)
    if column is None:
        return x
    top = space.parameters[column]
    assert isinstance(top, Category)
    real = x.copy()
    real[:, column] = top.size - 1.0
    return real


def counts(spec: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether settings are of the real thing, by a resolved spec as it is on record."""
    for name, entry in (spec.get("space") or {}).items():
        if entry.get("type") == "fidelity" and settings.get(name, entry.get("earlier")) != entry["options"][-1]:
            return False
    return True
