"""Skill: how well models predict what was held out, beside what needs no model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.examination.parts import Parts, Rows, Split
from loop.fidelity import is_real
from loop.space import Space
from loop.surrogates.committee import FittedCommittee, of_new_values
from loop.surrogates.metric import Metric, metric
from loop.surrogates.protocol import Surrogate, TrainingSet
from loop.surrogates.representation import Representation

LEVELS: Final = (0.8, 0.95)  # of the intervals that are checked
FIRST: Final = 0.05  # of the list, whose hits are held against as many at random
ALPHA: Final = 20.0  # of BEDROC: the first 8 % make up 80 % of it
PAIRS: Final = 2_000_000  # distances that are held at once: 16 MB
ALIKE: Final = 1e-9  # squared distance below which two candidates are one to every fingerprint
SEED_STEP: Final = 101  # between the seeds of parts


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well chances of held-out candidates tell hits from others, of a target with classes.

    Attributes:
        area: Under the curve of true against false hits; a coin gives 0.5.
        bedroc: The same with the first few per cent of the list counting most (Truchon and Bayly, alpha 20).
        enrichment: How many times as many hits are among the likeliest 5 % as among as many at random.
        expected: Hits that the chances add up to.
        found: Hits that there are.
    """

    area: float
    bedroc: float
    enrichment: float
    expected: float
    found: int


@dataclass(frozen=True, slots=True)
class Skill:
    """Errors on held-out values of one target, in its unit, over all parts of a split.

    Attributes:
        split: By what was held out.
        parts: How many models were fitted.
        tested: How many values were predicted; limits are not.
        model: Root mean square error of the surrogate.
        nearest: Of the value of the nearest training candidate, of several values and of several equally near ones
            their mean; of versions of a measurement, of the real thing.
        mean: Of the training mean, likewise. Limits count in neither, unless nothing else trains.
        members: Of each member of a committee.
        density: Mean log density of the held-out values, noise included.
        coverage: Share of them inside the 80 % and the 95 % interval.
        ranking: Of a target with classes, where both were held out; its errors are those of chances.
        nearest_area: Then also the area under the curve of who takes the candidates nearest to a known hit first; None
            where nothing trained was a hit.
    """

    split: Split
    parts: int
    tested: int
    model: float
    nearest: float
    mean: float
    members: Mapping[str, float]
    density: float
    coverage: tuple[float, float]
    ranking: Ranking | None = None
    nearest_area: float | None = None


def skill(
    recipe: Surrogate,
    space: Space,
    data: TrainingSet,
    split: Split,
    parts: Parts,
    *,
    seed: int,
    has_classes: bool = False,
) -> Skill | None:
    """The skill of a recipe on the parts of a split; None where nothing could be predicted."""
    rows: list[_Predicted] = []
    apart: list[NDArray[np.float64]] = []
    near = metric(space, Representation.COUNTS)
    for k, (train, held) in enumerate(parts):
        exact = held[~data.is_censored[torch.from_numpy(held)].numpy()]
        if not len(exact):
            continue
        try:
            rows.append(_predicted(recipe, space, data, train, exact, near, seed + SEED_STEP * k))
            if has_classes:
                apart.append(_from_hits(data, train, exact, near))
        except (TooFewPoints, FitError):
            continue
    if not rows:
        return None
    y, mean, sd, nearest, middle = (np.concatenate([getattr(r, name) for r in rows]) for name in _Predicted.COLUMNS)
    names = set.intersection(*(set(r.members) for r in rows))
    within = [float((np.abs(y - mean) <= NormalDist().inv_cdf((1 + level) / 2) * sd).mean()) for level in LEVELS]
    density = -0.5 * ((y - mean) / sd) ** 2 - np.log(sd) - 0.5 * math.log(2 * math.pi)
    return Skill(
        split=split,
        parts=len(rows),
        tested=len(y),
        model=_rmse(y, mean),
        nearest=_rmse(y, nearest),
        mean=_rmse(y, middle),
        members={name: _rmse(y, np.concatenate([r.members[name] for r in rows])) for name in sorted(names)},
        density=float(density.mean()),
        coverage=(within[0], within[1]),
        ranking=ranking(y, mean) if has_classes else None,
        nearest_area=_area(y, -np.concatenate(apart)) if has_classes else None,
    )


def ranking(hits: NDArray[np.float64], chance: NDArray[np.float64]) -> Ranking | None:
    """How chances ``(n,)`` tell hits (1) from others (0); None without both. Equal chances share their ranks.

    Where chances are equal, what counts by places (all but the area) takes them in the order that is worst for hits.
    """
    is_hit = hits > 0.5
    if is_hit.all() or not is_hit.any():
        return None
    from rdkit.ML.Scoring.Scoring import CalcBEDROC

    order = np.lexsort((is_hit, -chance))
    first = order[: max(1, round(FIRST * len(order)))]
    area = _area(hits, chance)
    assert area is not None
    return Ranking(
        area=area,
        bedroc=float(CalcBEDROC([[bool(h)] for h in is_hit[order]], 0, ALPHA)),  # type: ignore[no-untyped-call]
        enrichment=float(is_hit[first].mean() / is_hit.mean()),
        expected=float(chance.sum()),
        found=int(is_hit.sum()),
    )


def real_rows(space: Space, data: TrainingSet) -> TrainingSet:
    """The rows of the real thing; all of them where a measurement has no versions."""
    return data.rows(torch.from_numpy(np.flatnonzero(is_real(space, data.x.numpy()))))


def _values(data: TrainingSet) -> TrainingSet:
    """The rows that are values; all of them where all are limits."""
    exact = torch.nonzero(~data.is_censored)[:, 0]
    return data.rows(exact) if len(exact) else data


def nearest_rows(near: Metric, x: Tensor, others: Tensor) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each row of ``x``, ``(n, d)``, the nearest of ``others``, ``(m, d)``, and its squared distance: ``(n,)``."""
    step = max(1, PAIRS // max(len(others), 1))
    found = [near.squared(x[i : i + step], others).min(dim=1) for i in range(0, max(len(x), 1), step)]
    return torch.cat([f.indices for f in found]).numpy(), torch.cat([f.values for f in found]).numpy()


def _nearest_values(near: Metric, x: Tensor, known: TrainingSet) -> NDArray[np.float64]:
    """Of each row of ``x``, ``(n, d)``, the mean value of the ``known`` rows that are nearest: ``(n,)``."""
    step, found = max(1, PAIRS // max(len(known), 1)), []
    for part in torch.split(x, step):
        squared = near.squared(part, known.x)
        is_nearest = (squared <= squared.min(dim=1, keepdim=True).values + ALIKE).to(known.y.dtype)
        found.append(is_nearest @ known.y / is_nearest.sum(dim=1))
    return torch.cat(found).numpy()


def _area(hits: NDArray[np.float64], worth: NDArray[np.float64]) -> float | None:
    """The area under the curve of an order by ``worth``, ``(n,)``; None without both classes."""
    from sklearn.metrics import roc_auc_score

    is_hit = hits > 0.5
    if is_hit.all() or not is_hit.any() or not np.isfinite(worth).any():
        return None
    known = np.isfinite(worth)
    return float(roc_auc_score(is_hit, np.where(known, worth, worth[known].min() - 1.0)))


def _from_hits(data: TrainingSet, train: Rows, held: Rows, near: Metric) -> NDArray[np.float64]:
    """Squared distance of each held-out row from the nearest hit that trains, ``(n,)``; inf where none does."""
    known = data.rows(torch.from_numpy(train))
    hits = known.x[(known.y > 0.5) & ~known.is_censored]
    if not len(hits):
        return np.full(len(held), np.inf)
    return nearest_rows(near, data.x[torch.from_numpy(held)], hits)[1]


@dataclass(frozen=True, slots=True)
class _Predicted:
    """What is said of the held-out rows of one part, ``(n,)`` each; ``sd`` is that of a new measurement."""

    y: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    nearest: NDArray[np.float64]
    middle: NDArray[np.float64]
    members: Mapping[str, NDArray[np.float64]]

    COLUMNS = ("y", "mean", "sd", "nearest", "middle")


def _predicted(
    recipe: Surrogate, space: Space, data: TrainingSet, train: Rows, held: Rows, near: Metric, seed: int
) -> _Predicted:
    known, asked = data.rows(torch.from_numpy(train)), data.rows(torch.from_numpy(held))
    fitted = recipe.fit(space, known, seed=seed)
    members = fitted.members if isinstance(fitted, FittedCommittee) else ()
    with torch.no_grad():
        mean, total = of_new_values(fitted, asked.x)
        means = {m.name: m.moments(asked.x)[0].numpy() for m in members}
    plain = _values(real_rows(space, known))
    return _Predicted(
        y=asked.y.numpy(),
        mean=mean.numpy(),
        sd=total.numpy(),
        nearest=_nearest_values(near, asked.x, plain),
        middle=np.full(len(held), float(plain.y.mean())),
        members=means,
    )


def _rmse(y: NDArray[np.float64], guess: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((y - guess) ** 2)))
