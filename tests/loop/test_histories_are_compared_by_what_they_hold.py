"""Histories and what is in them are equal where they hold the same, whichever arrays hold it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loop.history import History, Observation, Pending, Said
from loop.outcome import Fault, FaultKind, Measured, Measurement


def observed(x: list[float], value: float = 30.0, **more: object) -> Observation:
    return Observation("o0", np.array(x), Measured((Measurement("yield", value, "%", value),)), **more)  # type: ignore[arg-type]


def test_what_holds_the_same_is_equal() -> None:
    first, second = observed([1.0, 2.0]), observed([1.0, 2.0])

    assert first == second
    assert History((first,), last=first.x) == History((second,), last=second.x)
    assert Pending("k", np.zeros(2)) == Pending("k", np.zeros(2))
    assert Said(np.zeros(2), "toxic") == Said(np.zeros(2), "toxic")


@pytest.mark.parametrize(
    "other",
    [
        observed([1.0, 3.0]),
        observed([1.0, 2.0], value=31.0),
        observed([1.0, 2.0], actual=np.array([1.0, 2.5])),
        replace(observed([1.0, 2.0]), outcome=Fault(FaultKind.UNKNOWN, "spilled", informative=False)),
        Pending("o0", np.array([1.0, 2.0])),
        None,
    ],
)
def test_what_differs_is_not(other: object) -> None:
    assert observed([1.0, 2.0]) != other
    assert History((observed([1.0, 2.0]),)) != History((other,))  # type: ignore[arg-type]
