"""A made-up response surface: smooth in numbers, an effect for each option, and interactions; fixed by its seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

from adapters.common.draws import stream


def respond(
    settings: Mapping[str, str | float],
    target: str,
    seed: int,
    ranges: Mapping[str, tuple[float, float]],
    scale: tuple[float, float],
) -> float:
    """The true value of ``target`` at ``settings``, between the two ends of ``scale``, in the scale's unit.

    A number acts as a hump whose place and width the seed decides, an option as a normal effect, and each pair of
    parameters interacts at a third of that strength; a logistic curve brings the sum onto the scale.

    Args:
        settings: Options' labels, and numbers in the parameter's unit.
        target: Each target has a surface of its own.
        seed: The surface; another seed is another chemistry.
        ranges: Where a number is expected to lie, in its unit. Without one it is taken on a logarithmic scale,
            so that a narrow range gives an almost linear response.
        scale: Lowest and highest value, in the target's unit.
    """
    effects = {
        name: _option_effect(seed, target, name, value)
        if isinstance(value, str)
        else _number_effect(seed, target, name, float(value), ranges.get(name))
        for name, value in sorted(settings.items())
    }
    total = sum(effects.values())
    for one, other in combinations(effects, 2):
        total += stream("pair", seed, target, one, other).gauss(0.0, 1 / 3) * effects[one] * effects[other]
    low, high = scale
    return low + (high - low) / (1.0 + math.exp(-total))


def _option_effect(seed: int, target: str, name: str, label: str) -> float:
    return stream("option", seed, target, name, label).gauss(0.0, 1.0)


def _number_effect(seed: int, target: str, name: str, value: float, span: tuple[float, float] | None) -> float:
    # asinh: logarithmic, and defined on both sides of zero
    place = 0.5 + math.asinh(value) / 20.0 if span is None else (value - span[0]) / (span[1] - span[0])
    shape = stream("number", seed, target, name)
    summit, width, height = shape.uniform(0.1, 0.9), shape.uniform(0.25, 0.6), shape.uniform(1.0, 2.5)
    return height * (math.exp(-(((place - summit) / width) ** 2)) - 0.5)
