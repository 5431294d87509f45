"""Influence: how much of what is believed over a space follows each parameter, and what each of its values adds.

The share of a parameter is its total-effect index by Jansen's estimator (M. J. W. Jansen, Comput. Phys. Commun. 117
(1999) 35): half the mean square of what a response changes by when that parameter alone takes the value that another
candidate has, over the variance of the response. Interactions are in it, so that shares may sum to more than one. It is
taken of joint draws of the response, since few results leave open what they follow. What a value adds is its partial
dependence (J. H. Friedman, Ann. Stat. 29 (2001) 1189), with the interval that joint draws give; the variance of these
over that of the response is the share that follows the parameter by itself (the first-order index: I. M. Sobol', Math.
Comput. Simul. 55 (2001) 271), and the rest of its share follows it together with others. Members of a committee
that predict about as well may rest on other parameters: the range of their shares is told (model class reliance:
A. Fisher, C. Rudin and F. Dominici, J. Mach. Learn. Res. 20 (2019) 177).

All of it speaks of models, and of associations in what was chosen to be tried. It shows no cause.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.fidelity import as_real, is_real
from loop.history import History
from loop.insight.asking import Learning
from loop.insight.chances import doubted, drawn_in_parts, has_parts
from loop.insight.changing import Way, ways
from loop.insight.differing import without_scale
from loop.insight.statements import LEVEL, Adds, Influence, Reliance
from loop.insight.tried import Tried, all_tried
from loop.memory.earlier import Earlier
from loop.objective import Target
from loop.space import Continuous, Discrete, Parameter, Space
from loop.space.pool import sample_space
from loop.space.rounding import few_digits
from loop.space.rows import different
from loop.spec import CampaignSpec, build_objective, build_space
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.mixture import apportion
from loop.surrogates.protocol import FittedSurrogate, drawn
from loop.units import unit_shown

Floats: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[..., tuple[Tensor, Tensor]]  # as ``loop.surrogates.protocol.drawn``
SAMPLE: Final = 2_048  # candidates that stand for the space
MADE: Final = 512  # of those with molecules, which take time to describe
CHANGED: Final = 256  # of them that are changed in one set, to see what follows a parameter
PAIRS: Final = 512  # of what they were and became
SETS: Final = 4  # of these, of which each process of a mixture is drawn at one
LARGER: Final = 2  # times as large is the one set at which a single process is drawn
ALIKE: Final = 8  # times as many pairs, where they become one another and so bring no further point to be drawn
BACKGROUND: Final = 64  # of them over which what a value adds is averaged
DRAWS: Final = 512  # joint draws of that
LEVELS: Final = 7  # values of a number that are looked at
LISTED: Final = 12  # values of a stepped number that are all looked at, so that each has its own results beside it
LEFT: Final = 0.9  # of more values; where fewer lie between those of the sampled candidates, a limit leaves out others
OPTIONS: Final = 24  # options of a parameter that are looked at
HEARD: Final = 0.05  # weight from which a member's share counts in the range
ROUNDING: Final = 1e-6  # of a scale
ENDS: Final = torch.tensor([0.5 - LEVEL / 2, 0.5 + LEVEL / 2], dtype=torch.float64)  # of an interval


def influences(
    spec: CampaignSpec,
    history: History,
    *,
    seed: int,
    earlier: Sequence[Earlier] = (),
    learning: Learning | None = None,
) -> tuple[Reliance, ...]:
    """What the belief of each target rests on; the same arguments give the same answer.

    Args:
        spec: A resolved spec.
        history: What was observed.
        seed: Decides the fit, the sample of candidates and the draws.
        earlier: Earlier campaigns that may tell something of this one.
        learning: What these arguments teach, where others ask for it too; None to learn it.

    Raises:
        TooFewPoints: A target has too few values.
        FitError: No model could be fitted.
        PlanError: The campaign uses none.
    """
    learning = learning or Learning(spec, history, seed=seed, earlier=earlier)
    space, objective, history, belief = build_space(spec), build_objective(spec), learning.worked_out, learning.belief
    alike = {*without_scale(objective, belief.table), *belief.unscaled}
    x = _sample(space, seed)
    real = [o for o in history.observations if is_real(space, o.made[None])[0]]
    tried = all_tried(space, objective, real)
    return tuple(
        _reliance(space, target, model, x, tried, seed + 31 * i, has_scale=target.name not in alike)
        for i, (target, model) in enumerate(zip(objective.targets, belief.models, strict=True))
    )


def _sample(space: Space, seed: int) -> Floats:
    n = SAMPLE if space.molecule is None else MADE
    return different(as_real(space, sample_space(space, n, seed)))


def _reliance(
    space: Space,
    target: Target,
    model: FittedSurrogate,
    x: Floats,
    tried: Sequence[Tried],
    seed: int,
    *,
    has_scale: bool,
) -> Reliance:
    rng = np.random.default_rng(seed)
    doubts = target.levels is None and not target.classes
    sets = _sets(x, rng, has_parts(model, doubts=doubts))
    changed = np.vstack([some.base for some in sets])
    members = _members(model)
    draw = doubted if doubts else drawn
    found, settled = [], []
    with torch.no_grad():
        at = model.moments(torch.from_numpy(x))[0]
        varied = [way for way in ways(space) if len(np.unique(x[:, list(way.columns)], axis=0)) > 1]
        for way in varied if has_scale else ():
            pairs = [_pairs(space, some, way, rng) for some in sets]
            if not any(_moves(space, p) for p in pairs) and len(np.unique(changed[:, list(way.columns)], axis=0)) > 1:
                settled += [way.name] if way.blend is None else []  # of parts the whole is told
                continue
            share = _shares(model, pairs, seed, doubts=doubts)
            by_member = [float(share[mine].median()) for mine in members.values()] or [float(share.median())]
            low, high = torch.quantile(share, ENDS).tolist()
            adds, of, alone = _adds(space, target, draw, model, x, way, tried, rng, seed)
            middle = float(share.median())
            alone = None if alone is None else min(alone, middle)
            found.append(Influence(way.name, middle, low, high, min(by_member), max(by_member), adds, of, alone))
    told = {one.parameter for one in found}
    return Reliance(
        target=target.name,
        unit=target.on_scale.unit,
        model=model.name,
        members=tuple(members),
        candidates=len(x),
        results=sum(len(t.values[target.name]) + len(t.limits[target.name]) for t in tried),
        mean=float(at.mean()),
        spread=float(at.std(correction=0)),
        parameters=tuple(sorted(found, key=lambda one: -one.share)),
        settled=tuple(settled),
        parts=tuple(way.name for way in varied if way.blend is not None and way.name in told),
    )


def _members(model: FittedSurrogate) -> dict[str, slice]:
    """Which of the draws of a committee are those of each member that counts; nothing of another model."""
    found: dict[str, slice] = {}
    if isinstance(model, FittedCommittee):
        ends = np.cumsum([0, *apportion(model.weights, DRAWS)]).tolist()
        for m, weight, start, end in zip(model.members, model.weights, ends, ends[1:], strict=False):
            if weight >= HEARD and end > start:
                found[m.name] = slice(start, end)
    return found


@dataclass(frozen=True)
class _Pairs:
    """Different points, ``(p, d)``; where among them the sample is, and each changed candidate with what it was."""

    points: Tensor
    sample: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


@dataclass(frozen=True)
class _Set:
    """Candidates that are changed, ``(n, d)``, and how many pairs are made of them."""

    base: Floats
    pairs: int


def _sets(x: Floats, rng: np.random.Generator, has_parts: bool) -> list[_Set]:
    """The sets of candidates that are changed: several small ones, or one where a model is a single process."""
    if not has_parts:
        return [_Set(x[rng.permutation(len(x))[: LARGER * CHANGED]], LARGER * PAIRS)]
    order = np.concatenate([rng.permutation(len(x)) for _ in range(SETS)])  # of few candidates each set has all
    size = min(CHANGED, len(x))
    return [_Set(x[order[i * size : (i + 1) * size]], PAIRS) for i in range(SETS)]


def _pairs(space: Space, some: _Set, way: Way, rng: np.random.Generator) -> _Pairs:
    """Every candidate of a set changed to what every other one has, or some."""
    if space.molecule is None and not space.is_sieved:
        many = _paired(space, some.base, way, ALIKE * some.pairs, rng)
        if len(many.points) <= len(some.base) + some.pairs:
            return many
    return _paired(space, some.base, way, some.pairs, rng)


def _paired(space: Space, base: Floats, way: Way, most: int, rng: np.random.Generator) -> _Pairs:
    n = len(base)
    if n * n <= most:
        one, other = (i.ravel() for i in np.indices((n, n)))
    else:
        times = max(most // n, 1)  # each as often as any other, on both sides
        one, other = np.tile(np.arange(n), times), np.concatenate([rng.permutation(n) for _ in range(times)])
    made, kept = way.changed(space, base[one], base[other])
    points, place = np.unique(np.vstack([base, made[kept]]), axis=0, return_inverse=True)
    place = place.ravel()
    return _Pairs(torch.from_numpy(points), place[:n], place[:n][one[kept]], place[n:])


def _moves(space: Space, pairs: _Pairs) -> bool:
    """Whether any candidate changed by more than an equality of sums rounds."""
    at = space.frame.on_scales(pairs.points.numpy())
    return bool((np.abs(at[pairs.after] - at[pairs.before]) > ROUNDING).any())


def _shares(model: FittedSurrogate, pairs: Sequence[_Pairs], seed: int, *, doubts: bool) -> Tensor:
    """The total-effect index in each joint draw, ``(s,)``; more than all, which pairs by lot may give, is all."""
    pairs = [p for p in pairs if len(p.after)]
    if not pairs:
        return torch.zeros(1, dtype=torch.float64)
    found = torch.empty(DRAWS, dtype=torch.float64)
    parts = drawn_in_parts(model, [p.points for p in pairs], DRAWS, seed=seed, doubts=doubts)
    for (which, draws), some in zip(parts, pairs, strict=False):
        spread = draws[:, some.sample].var(dim=1, correction=0)
        index = (draws[:, some.after] - draws[:, some.before]).square().mean(dim=1) / (2.0 * spread)
        found[torch.from_numpy(which)] = index.nan_to_num(0.0, posinf=0.0).clamp(max=1.0)
    return found


def _adds(
    space: Space,
    target: Target,
    draw: Draw,
    model: FittedSurrogate,
    x: Floats,
    way: Way,
    tried: Sequence[Tried],
    rng: np.random.Generator,
    seed: int,
) -> tuple[tuple[Adds, ...], int, float | None]:
    """What each value of a parameter adds, how many values it has, and its share by itself; nothing of a whole mixture,
    and no share where some of its options are not looked at.

    Of slots it is what an option adds that takes the place of what one of them holds; no share is told.
    """
    held = way.held or way.columns
    if len(held) > 1 and not way.held:
        return (), 0, None
    p = space.parameters[held[0]]
    have, seen_in = _held(space, x, held), [(t, {*_held(space, t.x[None], held).tolist()}) for t in tried]
    values, of = _values(p, have, [v for _, its in seen_in for v in its], rng)
    base = x[rng.permutation(len(x))[:BACKGROUND]]
    column = np.array(held)[rng.integers(0, len(held), len(base))] if way.held else np.full(len(base), held[0])
    parts: list[Floats] = [base]
    rows: list[NDArray[np.int64]] = []
    for value in values:
        z = base.copy()
        z[np.arange(len(z)), column] = value
        made, kept = way.changed(space, base, z)
        applies = (space.frame.active(made)[:, held] & (way.held == () or made[:, held] == value)).any(axis=1)
        rows.append(np.flatnonzero(kept & applies))
        parts.append(made[rows[-1]])
    draws, means = draw(model, torch.from_numpy(np.vstack(parts)), DRAWS, seed=seed)
    stands_for_all = isinstance(p, Continuous | Discrete) or len(values) == p.size
    whole = torch.vstack([draws, means])
    whole = _over_values(whole, rows, len(base)) if stands_for_all else whole[:, : len(base)]
    before, believed = whole[:-1], whole[-1]
    offered = {v: mine for v, mine in zip(values, rows, strict=True) if len(mine)}  # what constraints leave
    found, start = [], len(base)
    for value, mine in offered.items():
        there = slice(start, start + len(mine))
        start += len(mine)
        added = (draws[:, there] - before[:, mine]).mean(dim=1)
        mean = float((means[there] - believed[mine]).mean())
        low, high = torch.quantile(added, ENDS).tolist()
        seen = [t for t, its in seen_in if any(_nearest([*offered], v, p) == value for v in its)]
        read = [y for t in seen for v in t.values[target.name] if math.isfinite(y := target.scaled(v))]
        found.append(
            Adds(
                str(p.value(value)) if not isinstance(p, Continuous | Discrete) else float(value),
                _label(p, value),
                mean,
                min(low, mean),
                max(high, mean),
                sum(t.experiments for t in seen),
                float(np.mean(read)) if read else None,
                sum(len(t.limits[target.name]) for t in seen),
            )
        )
    if not isinstance(p, Continuous | Discrete):
        found.sort(key=lambda one: -one.mean)
    if not stands_for_all or way.held:
        return tuple(found), of, None
    return tuple(found), of, _alone(draws[:, len(base) :], [*offered.values()], _counts(p, [*offered], have))


def _held(space: Space, x: Floats, columns: Sequence[int]) -> Floats:
    """All that rows of ``x``, ``(n, d)``, have in some columns where these apply: ``(k,)``."""
    return x[:, columns][space.frame.active(x)[:, columns]]


def _counts(p: Parameter, values: Sequence[float], there: Floats) -> list[int]:
    """How many of the candidates, which have the values ``there``, each value stands for: those it is nearest to."""
    count = Counter(_nearest(values, value, p) for value in there.tolist())
    return [count[value] for value in values]


def _alone(draws: Tensor, rows: Sequence[NDArray[np.int64]], counts: Sequence[int]) -> float | None:
    """The first-order index in the middle of joint draws ``(s, p)``: the variance between values over all there is.

    They are of candidates by value, as many as each of ``rows`` has, that count as ``counts`` says; None where no
    value may be.
    """
    told = [(some, n) for some, n in zip(torch.split(draws, [len(mine) for mine in rows], dim=1), counts, strict=True)]
    told = [(some, n) for some, n in told if some.shape[1] and n]
    if not told:
        return None
    weights = torch.tensor([n for _, n in told], dtype=draws.dtype)
    weights /= weights.sum()
    means = torch.stack([some.mean(dim=1) for some, _ in told])
    within = weights @ torch.stack([some.var(dim=1, correction=0) for some, _ in told])
    between = weights @ (means - weights @ means).square()
    return float((between / (between + within)).nan_to_num(0.0).median())


def _over_values(said: Tensor, rows: Sequence[NDArray[np.int64]], n: int) -> Tensor:
    """The mean over the values that each of ``n`` candidates may have, so that what they add sums to nothing.

    ``said``, ``(s, p)``, is of the candidates, then of those of ``rows`` with each value; so ``(s, n)``.
    """
    total, count, start = torch.zeros(len(said), n, dtype=said.dtype), torch.zeros(n, dtype=said.dtype), n
    for mine in rows:
        total[:, mine] += said[:, start : start + len(mine)]
        count[mine] += 1.0
        start += len(mine)
    return total / count  # where no value may be, none is asked


def _values(p: Parameter, there: Floats, tried: Sequence[float], rng: np.random.Generator) -> tuple[list[float], int]:
    """Coordinates of the values of a parameter that are looked at, and how many there are (0: without number).

    ``there`` are those that it has over the space, where it applies.
    """
    if isinstance(p, Continuous):
        amounts = there[there > p.low / 2] if p.or_zero else there
        levels = np.quantile(amounts, np.linspace(0, 1, LEVELS)[1:-1]) if len(amounts) else np.empty(0)
        between = few_digits(p, levels).tolist()
        return sorted({*([0.0] if p.or_zero else ()), p.low, *between, p.high}), 0
    if isinstance(p, Discrete):
        every = sorted(p.values)
        left = [v for v in every if there.min() <= v <= there.max()] if len(there) else every
        if len(left) < LEFT * len(every) > LEFT * LISTED:  # a limit leaves fewer
            every = left
        looked_at = len(every) if len(every) <= LISTED else LEVELS
        places = np.unique(np.linspace(0, len(every) - 1, looked_at).round().astype(int))
        return [float(every[i]) for i in places], len(every)
    if p.size <= OPTIONS:
        return [float(i) for i in range(p.size)], p.size
    known = sorted({*tried})[:OPTIONS]
    others = [v for v in dict.fromkeys(rng.permutation(there).tolist()) if v not in known and 0 <= v < p.size]
    return sorted([*known, *others[: OPTIONS - len(known)]]), p.size


def _nearest(values: Sequence[float], value: float, p: Parameter) -> float | None:
    if isinstance(p, Continuous | Discrete):
        at = p.position(value)
        return min(values, key=lambda v: abs(float(p.position(v) - at)))
    return value if value in values else None


def _label(p: Parameter, value: float) -> str:
    if isinstance(p, Continuous | Discrete):
        return f"{value:.4g} {unit_shown(p.unit)}".rstrip()
    return str(p.value(value))
