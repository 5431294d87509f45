"""Operating window: how far each setting of a candidate may be off before what is asked of it is in doubt.

A setting is in the window where the chance that the truth there keeps every threshold, and loses no more than may be
lost, is high enough. Source: Peterson, Journal of Biopharmaceutical Statistics 18 (2008) 959 (the design space of ICH
Q8 as such a chance), here of the true values, without the noise of a new measurement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import qmc
from torch import Tensor

from loop.belief import Belief
from loop.insight.chances import doubted
from loop.insight.losing import losses
from loop.insight.statements import Range, Window
from loop.objective import Objective, Target
from loop.space import Category, Component, Discrete, Ordinal, Space
from loop.space.blends import blends_of
from loop.space.parameters import Number, zero_of
from loop.surrogates.feasibility import runs_in_draws
from loop.surrogates.mixture import shuffle_targets
from loop.surrogates.protocol import drawn
from loop.tolerance import Tolerances

STEPS: Final = 80  # places along the range of a number
DRAWS: Final = 2_048  # a chance of 0.9 is known to 0.007
CORNERS: Final = 8  # numbers, up to which every corner of a box is looked at
INSIDE: Final = 64  # places in a box besides its corners
SHARES: Final = tuple(s / 20 for s in range(20, 0, -1))  # of the ranges, for all of them at once
RUNNING: Final = "running as intended"
OPTIONS: Final = 100  # of a choice, up to which others are looked at


def window(
    space: Space,
    objective: Objective,
    belief: Belief,
    at: NDArray[np.float64],
    *,
    loses: Mapping[str, float],
    chance: float,
    seed: int,
    went: float | None = None,
) -> Window:
    """The operating window about a candidate.

    Args:
        space: The campaign's.
        objective: What is asked: every threshold is to be kept.
        belief: What was learnt.
        at: Coordinates of the candidate, shape ``(d,)``.
        loses: By target, how much worse than at the candidate it may be, in its unit; on a logarithmic scale by which
            factor.
        chance: How sure that has to be, between 0 and 1.
        seed: Decides the draws.
        went: Which share of the candidate's own experiments ran as intended; None where none was made.

    Raises:
        PlanError: Nothing is asked, or a target that may lose is not wanted.
    """
    asked = _Asked(objective, belief.as_measured(), at, losses(objective, loses), seed, went)
    here = float(asked.chances(at[None])[0])
    numbers = [space.names.index(p.name) for p in space.shown if isinstance(p, Number)]
    numbers = [c for c in numbers if _can_be_off(space, c, at)]
    ranges: list[Range] = []
    if here >= chance:
        ranges = [_range(space, asked, c, at, chance) for c in numbers]
    columns = {r.name: space.names.index(r.name) for r in ranges}
    together, worst = _together(asked, at, [(columns[r.name], r.low, r.high) for r in ranges], chance)
    return Window(
        label=space.label(space.as_tried(at)),
        settings=space.as_tried(at),
        model=belief.models[0].name,
        chance=chance,
        here=here,
        doubt="" if here >= chance else asked.breaking(at),
        ranges=tuple(ranges),
        together=together,
        boxed={r.name: (r.at - together * (r.at - r.low), r.at + together * (r.high - r.at)) for r in ranges},
        instead=_instead(space, asked, at, chance) if here >= chance else {},
        asked=tuple(asked.said()),
        worst=_candidate(space, at, worst),
        strayed=None if belief.used is None else float(asked.chances(_strayed(belief.used.tolerances, at)).min()),
        straying="" if belief.used is None else belief.used.tolerances.said(),
    )


class _Asked:
    """What is asked of the true values at some places, in joint draws with those at the candidate."""

    def __init__(
        self,
        objective: Objective,
        belief: Belief,
        at: NDArray[np.float64],
        loses: Mapping[str, float],
        seed: int,
        went: float | None,
    ) -> None:
        self.objective, self.belief, self.at, self.loses = objective, belief, at, loses
        self.seed, self.went = seed, went

    def said(self) -> list[str]:
        """What is asked, one sentence each."""
        found = []
        for t in self.objective.targets:
            if t.has_bounds:
                low, high = t.asked
                at_least = "" if t.classes is not None else "at least "
                least = [f"{at_least}{t.shown(low) or f'{low:g}'}"] if math.isfinite(low) else []
                most = [f"at most {t.shown(high) or f'{high:g}'}"] if math.isfinite(high) else []
                found.append(f"{t.name} {' and '.join(least + most)} {t.unit}".rstrip())
            if t.name in self.loses:
                lost = self.loses[t.name]
                much = f"a factor of {10**lost:.3g}" if t.is_log else f"{lost:g} {t.unit}".rstrip()
                found.append(f"{t.name} worse by {much} at most")
        return [*found, RUNNING] if self.belief.feasibility.latent is not None else found

    def chances(self, x: NDArray[np.float64]) -> Tensor:
        """The chance that all of it holds, at ``x``, ``(n, d)``: ``(n,)``."""
        return self._holds(x).double().mean(0)

    def breaking(self, x: NDArray[np.float64]) -> str:
        """What is most in doubt at one place, ``(d,)``."""
        draws = self._draws(x[None])
        likely = {
            t.name: float(self._holds_of(i, t, draws).double().mean()) for i, t in enumerate(self.objective.targets)
        }
        least = min(likely, key=lambda name: likely[name])
        return RUNNING if float(self._runs(x[None])[0]) < likely[least] else least

    def _runs(self, x: NDArray[np.float64]) -> Tensor:
        """The chance that places ``x``, ``(n, d)``, run as intended: at the candidate as it went, ``(n,)``."""
        runs = self.belief.feasibility.chance(torch.from_numpy(x))
        is_here = torch.from_numpy((x == self.at).all(axis=1))
        return runs if self.went is None else torch.where(is_here, self.went, runs)

    def _holds(self, x: NDArray[np.float64]) -> Tensor:
        draws = self._draws(x)
        holds = runs_in_draws(self._runs(x), len(draws), seed=self.seed + 7)
        for i, target in enumerate(self.objective.targets):
            holds &= self._holds_of(i, target, draws)
        return holds

    def _holds_of(self, i: int, target: Target, draws: Tensor) -> Tensor:
        """Whether a target is as it is asked to be in draws ``(s, 1 + n, m)``, the candidate's first: ``(s, n)``."""
        on_scale, values = target.on_scale, draws[:, 1:, i]
        low, high = on_scale.bounds
        holds = (values >= low) & (values <= high)
        if target.name in self.loses:
            holds &= on_scale.worth(draws[:, :1, i]) - on_scale.worth(values) <= self.loses[target.name]
        return holds

    def _draws(self, x: NDArray[np.float64]) -> Tensor:
        """Joint draws at the candidate and at ``x``, ``(n, d)``, on scale: ``(s, 1 + n, m)``."""
        everything = torch.from_numpy(np.vstack([self.at[None], x]))
        with torch.no_grad():
            parts = [
                (doubted if t.levels is None else drawn)(m, everything, DRAWS, seed=self.seed + 31 * i)[0]
                for i, (m, t) in enumerate(zip(self.belief.models, self.objective.targets, strict=True))
            ]
            draws = torch.stack(parts, dim=-1)
        shuffle_targets(draws, self.seed)
        return draws


def _can_be_off(space: Space, column: int, at: NDArray[np.float64]) -> bool:
    """Whether a number of a candidate applies, is used, and may be changed by itself: nothing with a fixed sum."""
    p = space.parameters[column]
    assert isinstance(p, Number), "nothing else can be a little off"
    is_part = any(column in blend.columns for blend in blends_of(space))
    is_none = p.or_zero and at[column] == 0.0
    return p.high > p.low and not is_part and not is_none and bool(space.frame.active(at[None])[0][column])


def _strayed(tolerances: Tolerances, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The candidate and where its settings may be, ``(k, d)``."""
    lots = np.vstack([np.zeros((1, len(tolerances.each))), _lots(len(tolerances.each))])
    x = np.repeat(at[None], len(lots), axis=0)
    for i, one in enumerate(tolerances.each):
        x[:, one.column] = one.strayed(at[one.column], lots[:, i])
    return x


def _candidate(space: Space, at: NDArray[np.float64], x: NDArray[np.float64]) -> Mapping[str, str | float] | None:
    """What can be set that is nearest to ``x``, ``(d,)``, on the side of ``at``; None where it is that itself."""
    found = at.copy()
    for column, p in enumerate(space.parameters):
        if x[column] == at[column]:
            continue
        if isinstance(p, Discrete):
            low, high = sorted((x[column], at[column]))
            between = [v for v in p.values if low <= v <= high]
            found[column] = min(between, key=lambda v: abs(v - x[column]), default=at[column])
        else:
            found[column] = _rounded(float(x[column]), float(at[column]))
    is_other = not np.array_equal(found, at) and bool(space.holds(found[None])[0])
    return space.settings(found) if is_other else None


def _rounded(value: float, at: float) -> float:
    """A value with fewer digits, nearer to ``at`` by less than a tenth of what it is away."""
    step = 10.0 ** (math.floor(math.log10(abs(value - at))) - 1)
    whole = math.floor(value / step) if value > at else math.ceil(value / step)
    return float(np.clip(float(f"{whole * step:.12g}"), min(value, at), max(value, at)))


def _range(space: Space, asked: _Asked, column: int, at: NDArray[np.float64], chance: float) -> Range:
    p = space.parameters[column]
    assert isinstance(p, Number)
    low = min(v for v in p.values if v != 0.0 or not p.or_zero) if isinstance(p, Discrete) else p.low
    between = np.geomspace if p.scale == "log" else np.linspace
    places = between(low, p.high, STEPS + 1)
    if isinstance(p, Discrete):
        places = np.union1d(places, [v for v in p.values if v >= low])
    places = np.union1d(places, at[column])
    x = np.repeat(at[None], len(places), axis=0)
    x[:, column] = places
    good = (asked.chances(x) >= chance).numpy()
    here = int(np.searchsorted(places, at[column]))
    good[here] = True
    below, above = np.flatnonzero(~good[:here]), np.flatnonzero(~good[here:])
    first = int(below[-1]) + 1 if len(below) else 0
    last = here + int(above[0]) - 1 if len(above) else len(places) - 1
    return Range(
        name=p.name,
        unit=p.unit,
        at=float(at[column]),
        low=float(places[first]),
        high=float(places[last]),
        low_breaks=asked.breaking(x[first - 1]) if first else "",
        high_breaks=asked.breaking(x[last + 1]) if last < len(places) - 1 else "",
        least=low,
        most=p.high,
        is_log=p.scale == "log",
    )


def _together(
    asked: _Asked, at: NDArray[np.float64], ends: Sequence[tuple[int, float, float]], chance: float
) -> tuple[float, NDArray[np.float64]]:
    """The share of the ranges that all numbers may use at once, and the place in it where the chance is least."""
    if not ends:
        return 0.0, at
    lots = _lots(len(ends))
    for share in SHARES:
        x = np.repeat(at[None], len(lots), axis=0)
        for i, (column, low, high) in enumerate(ends):
            up, down = lots[:, i].clip(min=0.0), lots[:, i].clip(max=0.0)
            x[:, column] += share * (up * (high - at[column]) + down * (at[column] - low))
        chances = asked.chances(x)
        if bool((chances >= chance).all()):
            return share, x[int(chances.argmin())]
    return 0.0, at


def _lots(n: int) -> NDArray[np.float64]:
    """Places in a box from -1 to 1 of ``n`` numbers, its corners among them (some of many): ``(k, n)``."""
    inside = 2.0 * qmc.Sobol(n, seed=0).random(INSIDE) - 1.0
    if n <= CORNERS:
        return np.vstack([np.array(np.meshgrid(*[[-1.0, 1.0]] * n)).reshape(n, -1).T, inside])
    return np.vstack([np.ones((1, n)), -np.ones((1, n)), np.sign(inside), inside])


def _instead(space: Space, asked: _Asked, at: NDArray[np.float64], chance: float) -> dict[str, tuple[str, ...]]:
    """By choice, the other options with which the chance is enough, where they are candidates; none of long lists."""
    found = {}
    for column, p in enumerate(space.parameters):
        if not isinstance(p, Category | Component | Ordinal) or not 1 < p.size <= OPTIONS:
            continue
        if isinstance(p, Category) and p.is_fidelity:
            continue
        others = [i for i in range(p.size) if i != round(at[column]) and i != zero_of(p)]
        x = np.repeat(at[None], len(others), axis=0)
        x[:, column] = others
        x = x[(space.frame.canonical(x) == x).all(axis=1) & space.allows(x)]
        if len(x):
            good = x[(asked.chances(x) >= chance).numpy()]
            found[p.name] = tuple(str(p.value(float(row[column]))) for row in good)
    return found
