"""Effects: what a plate, a day or an instrument adds to every value measured with it.

Each effect is an additive part of the Gaussian process with a variance of its own: one unknown for each label, or for
a recorded number (humidity) a smooth curve that is zero at its recent median. Controls and repeated conditions tell
them from the surface. Predictions are those of the surface: an average plate, at the recent median. What is measured
next lies off them by what its own plate adds, too (``scatter_of``).

Source: random effects as in Henderson, Biometrics 31 (1975) 423, with the surface as one more Gaussian process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from loop.record import members_told
from loop.surrogates.protocol import FittedSurrogate
from loop.wording import plus_minus

Column = tuple[str | float | None, ...]  # what was recorded of one effect, by row; None where nothing was
# Variance of an effect in units of the noise variance. Where instruments differ by much more than they scatter, the
# noise is made larger than it is by whatever the largest does not reach: of a deviation 60 times it, threefold with 30.
RATIOS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
RECENT = 10  # latest recorded numbers whose median predictions are for
BEND = 1.5  # lengthscale of the smooth part of a curve, in standard deviations of the number


@dataclass(frozen=True)
class Effect:
    """One effect on ``n`` rows, at a variance of 1.

    Attributes:
        labels: What is told about, by name: the labels, or two values of a number (a tenth from either end).
        covariance: Of the effects on the rows, shape ``(n, n)``.
        loadings: Covariance of what is told with the rows, shape ``(labels, n)``.
        variances: Of what is told, a priori, shape ``(labels,)``.
    """

    name: str
    labels: tuple[str, ...]
    covariance: Tensor
    loadings: Tensor
    variances: Tensor


@dataclass(frozen=True)
class Size:
    """How much one label adds, in the target's unit."""

    effect: str
    label: str
    mean: float
    sd: float


def effects_of(columns: Mapping[str, Column]) -> tuple[Effect, ...]:
    """The effects that can be told apart from the rows: those with two different labels or values at least."""
    found = []
    for name, column in columns.items():
        if len({v for v in column if v is not None}) < 2:
            continue
        found.append(_curve(name, column) if is_curve(column) else _labelled(name, column))
    return tuple(found)


def is_curve(column: Column) -> bool:
    """Whether what was recorded is a number that differs, such as a humidity, and no label."""
    given = {v for v in column if v is not None}
    return len(given) > 1 and all(isinstance(v, float | int) for v in given)


def recent_median(column: Column) -> float:
    """Median of the latest numbers that were recorded."""
    given = [float(v) for v in column if v is not None][-RECENT:]
    return float(torch.tensor(sorted(given), dtype=torch.float64).quantile(0.5))


def sizes(effects: tuple[Effect, ...], variances: tuple[float, ...], root: Tensor, y: Tensor) -> tuple[Size, ...]:
    """What each label adds, standardised; ``root`` and ``y`` are those of the posterior, ``variances`` standardised."""
    solved = root @ (root.T @ y)
    found: list[Size] = []
    for effect, variance in zip(effects, variances, strict=True):
        found.extend(size_of(effect, variance, effect.loadings @ solved, (effect.loadings @ root).square().sum(-1)))
    return tuple(found)


def size_of(effect: Effect, variance: float, pull: Tensor, explained: Tensor) -> tuple[Size, ...]:
    """What each label of an effect adds, by its loadings on the values and on themselves under the rows' precision."""
    mean = variance * pull
    sd = (variance * effect.variances - variance**2 * explained).clamp_min(0.0).sqrt()
    return tuple(
        Size(effect.name, label, m, s) for label, m, s in zip(effect.labels, mean.tolist(), sd.tolist(), strict=True)
    )


def mixed(each: Sequence[tuple[Size, ...]], chances: Sequence[float]) -> tuple[Size, ...]:
    """What each label adds by several beliefs that are as likely as ``chances``: their mean, and all their doubt."""
    found = []
    for same in zip(*each, strict=True):
        mean = math.fsum(c * s.mean for c, s in zip(chances, same, strict=True))
        square = math.fsum(c * (s.sd**2 + (s.mean - mean) ** 2) for c, s in zip(chances, same, strict=True))
        found.append(Size(same[0].effect, same[0].label, mean, math.sqrt(square)))
    return tuple(found)


def row_effects(effects: tuple[Effect, ...], variances: tuple[float, ...], root: Tensor, y: Tensor) -> Tensor | None:
    """What all effects together are believed to have added to each row, standardised, ``(n,)``; None without any."""
    if not any(variances):
        return None
    solved = root @ (root.T @ y)
    parts = [v * e.covariance @ solved for v, e in zip(variances, effects, strict=True)]
    return torch.stack(parts).sum(0)


def effects_told(
    effects: tuple[Effect, ...],
    ratios: tuple[float, ...],
    expected: tuple[float, ...],
    told: tuple[Size, ...],
    noise_sd: float,
    scale: float,
) -> dict[str, Any]:
    """The effects as plain JSON, in the target's unit: of each its likeliest deviation, that of the ``expected``
    variance, and what each label adds."""
    return {
        effect.name: {
            "sd": math.sqrt(ratio) * noise_sd,
            "expected": math.sqrt(mean) * noise_sd,
            "labels": {s.label: [s.mean * scale, s.sd * scale] for s in told if s.effect == effect.name},
        }
        for effect, ratio, mean in zip(effects, ratios, expected, strict=True)
    }


def wider(told: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """The same effects where every variance is ``factor`` times as large."""
    root = math.sqrt(factor)
    return {
        name: {
            "sd": effect["sd"] * root,
            "expected": effect["expected"] * root,
            "labels": {label: [mean, sd * root] for label, (mean, sd) in effect["labels"].items()},
        }
        for name, effect in told.items()
    }


def scatter_of(model: FittedSurrogate) -> float:
    """By how much a plate, a day or an instrument that is not known yet shifts a new value: a standard deviation.

    In the target's unit; of one model, and no committee. 0 where nothing is told of effects, or they add nothing; of
    levels and classes, too, where they shift a quantity behind these.
    """
    told = model.summary()
    if "levels" in told or "reading" in told:
        return 0.0
    steps = told.get("steps")  # of versions the real thing is the last
    effects = (steps[-1] if steps else told).get("effects", {})
    return math.sqrt(math.fsum(effect["expected"] ** 2 for effect in effects.values()))


def effects_said(
    target: str, unit: str, model: FittedSurrogate, entangled: Mapping[str, Sequence[str]] | None = None
) -> list[str]:
    """What each effect adds to a target, as sentences for the notes; of a committee, by its likeliest member.

    Args:
        target: Its name.
        unit: Its unit.
        model: What was fitted to it.
        entangled: By effect, what cannot be told from it, which is said in place of what is likeliest.
    """
    summary = model.summary()
    members = members_told(summary)
    told = max(members.values(), key=lambda m: float(m["weight"])) if members else summary
    return [
        f"{target} by {name}: "
        + ", ".join(
            f"{label} {'+' if mean >= 0 else ''}{plus_minus(mean, sd)}"
            for label, (mean, sd) in sorted(effect["labels"].items())
        )
        + f" {unit}".rstrip()
        + _doubt(name, effect["sd"], (entangled or {}).get(name, ()))
        for name, effect in told.get("effects", {}).items()
    ]


def _doubt(name: str, sd: float, entangled: Sequence[str]) -> str:
    if entangled:
        return "".join(f"; {said}" for said in entangled)
    return "" if sd else f"; the results cannot tell these apart (likeliest is that {name} adds nothing)"


def _labelled(name: str, column: Column) -> Effect:
    labels = sorted({str(v) for v in column if v is not None})
    loadings = torch.tensor([[float(v is not None and str(v) == label) for v in column] for label in labels])
    loadings = loadings.to(torch.float64)
    unknown = torch.tensor([float(v is None) for v in column], dtype=torch.float64)  # each a label of its own
    covariance = loadings.T @ loadings + torch.diag(unknown)
    return Effect(name, tuple(labels), covariance, loadings, torch.ones(len(labels), dtype=torch.float64))


def _curve(name: str, column: Column) -> Effect:
    given = torch.tensor([float(v) for v in column if v is not None], dtype=torch.float64)
    middle, spread = recent_median(column), float(given.std(correction=0))
    rows = torch.tensor([middle if v is None else float(v) for v in column], dtype=torch.float64)
    told = given.quantile(torch.tensor([0.1, 0.9], dtype=torch.float64))
    at, ends = (rows - middle) / spread, (told - middle) / spread
    return Effect(
        name,
        tuple(f"at {value:g}" for value in told.tolist()),
        _anchored(at, at),
        _anchored(ends, at),
        _anchored(ends, ends).diagonal(),
    )


def _anchored(a: Tensor, b: Tensor) -> Tensor:
    """Covariance of a line and a gentle curve through zero: ``(n,)`` and ``(m,)`` give ``(n, m)``."""

    def bend(u: Tensor, v: Tensor) -> Tensor:
        return (-0.5 * ((u[:, None] - v[None, :]) / BEND).square()).exp()

    zero = torch.zeros(1, dtype=a.dtype)
    return a[:, None] * b[None, :] + 0.5 * (bend(a, b) - bend(a, zero) - bend(zero, b) + bend(zero, zero))


def shares_of_range(ratios: Sequence[float]) -> Tensor:
    """How much of the range of deviations each of several variances, rising, stands for: ``(n,)``."""
    deviations = torch.tensor(ratios, dtype=torch.float64).sqrt()
    middles = (deviations[1:] + deviations[:-1]) / 2
    return torch.cat([middles, deviations[-1:]]) - torch.cat([deviations[:1], middles])


def log_prior(ratio: float) -> float:
    """Of an effect's variance in units of the noise: a half-Cauchy belief in the ratio of the deviations."""
    return -math.log1p(ratio)
