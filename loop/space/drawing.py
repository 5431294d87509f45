"""Drawing points of a space with everything that ties it: built to be allowed, not drawn and thrown away."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.space.constraints import Constraint, Linear
from loop.space.parts import BLOCK, Part, has_numbers, part_of
from loop.space.polytope import inside, walk
from loop.space.raw import filled, raw_sample
from loop.space.skeleton import Skeleton, components, enumerate_rows
from loop.space.space import Space

SKELETON = 100_000  # combinations of options, steps and zeros that are kept of each component
NAMED = 3  # constraints that a message names beside the one that leaves nothing
TRIES = 64  # blocks; after a quarter of them, components are drawn apart if most of the points are still missing


@dataclass(frozen=True)
class Plan:
    """How a space is drawn from: its skeleton, component by component."""

    space: Space
    skeletons: tuple[Skeleton, ...]

    def bounds(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """For each of ``n`` points the interval of each coordinate: two of shape ``(n, d)``."""
        d = len(self.space.parameters)
        low, high = np.empty((n, d)), np.empty((n, d))
        for part in self.skeletons:
            rows = rng.integers(0, len(part), n)
            low[:, list(part.columns)], high[:, list(part.columns)] = part.low[rows], part.high[rows]
        return low, high


def plan_of(space: Space, only: Collection[int] | None = None) -> Plan:
    """The plan for drawing, of the components that have one of the columns ``only`` (of all by default).

    Raises:
        SpaceError: A constraint leaves nothing; it is named.
    """
    found = []
    for columns in components(space):
        if only is not None and not set(columns) & set(only):
            continue
        rows = enumerate_rows(space, columns, SKELETON, np.random.default_rng(0))
        if not len(rows):
            raise SpaceError(_what_empties(space, columns, is_sure=rows.is_whole))
        found.append(rows)
    return Plan(space, tuple(found))


def draw(space: Space, n: int, rng: np.random.Generator, plan: Plan | None = None) -> NDArray[np.float64]:
    """Up to ``n`` allowed points, some perhaps more than once where the space is small, fewer where no more turned up:
    ``(k, d)``.

    Numbers that linear constraints tie are drawn by a random walk through what they leave; what only an expression
    forbids is thrown away. Where too little is left for that, each component is drawn by itself (``Part``).

    Raises:
        SpaceError: Nothing is left, or no point turned up.
    """
    plan = plan_of(space) if plan is None else plan
    linear = [c for c in space.constraints if isinstance(c, Linear) and has_numbers(space, c)]
    tied = sorted({column for c in linear for column in c.weights})  # the others are spread as their scale has it
    found: list[NDArray[np.float64]] = []
    have = 0
    for turn in range(TRIES):
        size = int(min(max(n - have, 64), BLOCK))
        low, high = plan.bounds(size, rng)
        x = filled(space.frame, low, high, rng)
        if linear:
            x[:, tied] = walk(linear, low, high, inside(linear, low, high, x), rng)[:, tied]
        x = space.frame.canonical(x)
        x = x[space.holds(x)]
        have += len(x)
        found.append(x)
        if have >= n or (turn + 1 >= TRIES // 4 and have < n * (turn + 1) // TRIES):
            break
    if have < n:
        try:
            found.append(_by_parts(space, n - have, rng, plan))
        except SpaceError:
            if not have:
                raise
    return np.concatenate(found)[:n]


def _by_parts(space: Space, n: int, rng: np.random.Generator, plan: Plan) -> NDArray[np.float64]:
    """Up to ``n`` points; of them, those whose products pass their filters."""
    x = np.empty((n, len(space.parameters)))
    for skeleton in plan.skeletons:
        part = part_of(space, skeleton)
        rows, looked = part.draw(n, rng)
        if not len(rows):
            raise SpaceError(none_found(part, looked))
        x[:, list(part.columns)] = rows[rng.permutation(np.arange(n) % len(rows))]
    return x[space.keeps(x)]


def refuse_empty(space: Space) -> None:
    """See that something is left.

    Raises:
        SpaceError: Nothing is left, for certain or as far as drawing tells; names the constraint.
    """
    plan = plan_of(space)
    rules = [c for c in space.constraints if isinstance(c, Linear) and c.applies is None]
    if not space.is_finite and len(rules) > 1:
        _refuse_contradiction(space, rules)
    draw(space, 1, np.random.default_rng(0), plan)


def _what_empties(space: Space, columns: tuple[int, ...], *, is_sure: bool) -> str:
    """Name the first constraint with which nothing is left of a component."""
    mine = [c for c in space.constraints if set(c.columns) <= set(columns)]
    for k in range(1, len(mine) + 1):
        if not len(enumerate_rows(space, columns, SKELETON, np.random.default_rng(0), mine[:k])):
            break
    alone = enumerate_rows(space, columns, SKELETON, np.random.default_rng(0), mine[k - 1 : k])
    others = beside(mine[: k - 1]) if len(alone) else ""
    total = f" (of {space.size} combinations)" if space.is_finite else ""
    doubt = "" if is_sure else ", as far as a random part of the combinations tells"
    return f"constraint {mine[k - 1].name!r} leaves no candidate{others}{total}{doubt}; loosen or remove it"


def beside(others: Sequence[Constraint]) -> str:
    """That others were kept too where one leaves nothing: a few by their names."""
    if len(others) > NAMED:
        return f" beside the {len(others)} constraints before it"
    names = [repr(c.name) for c in others]
    return f" beside {' and '.join(names)}" if names else ""


def _refuse_contradiction(space: Space, rules: list[Linear]) -> None:
    """Linear constraints that no numbers at all can keep together, by linear programming."""
    from scipy.optimize import linprog  # 0.3 s: only where several linear constraints meet continuous numbers

    from loop.space.parameters import least_and_most

    bounds = [least_and_most(p) for p in space.parameters]
    bounds = [(min(a, 0.0), max(b, 0.0)) if i in space.frame.conditional else (a, b) for i, (a, b) in enumerate(bounds)]

    def is_possible(some: list[Linear]) -> bool:
        a, b = [], []
        for rule in some:
            weights = np.zeros(len(bounds))
            weights[list(rule.weights)] = list(rule.weights.values())
            slack = float(rule.slack(sum(abs(w) * max(map(abs, bounds[c])) for c, w in rule.weights.items())))
            for sign, bound in ((1.0, rule.at_most), (-1.0, -rule.at_least)):
                if np.isfinite(bound):
                    a.append(sign * weights)
                    b.append(bound + slack)
        return bool(linprog(np.zeros(len(bounds)), A_ub=a, b_ub=b, bounds=bounds, method="highs").status != 2)

    if not is_possible(rules):
        name = next(rules[k - 1].name for k in range(1, len(rules) + 1) if not is_possible(rules[:k]))
        raise SpaceError(
            f"constraint {name!r} leaves no candidate; it contradicts those before it: loosen or remove it"
        )


def none_found(part: Part, looked: int) -> str:
    """Name the constraint of a component that is hardest to keep; ``looked`` points were drawn.

    Next to no point of a box keeps an equality, so other constraints are judged by points that keep the equalities.
    """
    space, rng = part.space, np.random.default_rng(0)
    equal = tuple(c for c in space.constraints if isinstance(c, Linear) and c.is_equality)
    rules: tuple[Constraint, ...] = tuple(c for c in space.constraints if c not in equal)
    x, where = raw_sample(space.frame, BLOCK, rng), "the space"
    if equal and rules:
        rows, _ = replace(part, space=replace(space, constraints=equal)).draw(BLOCK, rng)
        if len(rows):
            x, where = np.repeat(part.still[None, :], len(rows), axis=0), "what the equalities leave"
            x[:, list(part.columns)] = rows
        else:
            rules = equal
    shares: list[tuple[float, Constraint]] = [(float(c.allows(x).mean()), c) for c in rules or equal]
    if not shares:
        names = ", ".join(space.called(part.columns))
        return f"no allowed point of {names} turned up in {looked} draws; mend the space"
    share, hardest = min(shares, key=lambda s: s[0])
    return (
        f"constraint {hardest.name!r} leaves no candidate as far as {looked} draws tell (not a proof): neither they "
        f"nor a search from the nearest of them kept every constraint, and it alone allows {100 * share:.2g} % of "
        f"{where}; loosen it"
    )
