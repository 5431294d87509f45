"""Which model of a classical design's results tells its terms apart, and what else differed beside its parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loop.design.changes import ALIASED, is_told, joint_changes, main_changes, rows_of, terms_with_blends
from loop.design.terms import PRODUCT, SQUARED, Order, Terms, aliases_of, all_terms, contrasts
from loop.space import Category, Component, Space
from loop.space.blends import blends_of
from loop.space.parameters import least_and_most
from loop.wording import in_digits

FREE: Final = 2  # degrees of freedom that a larger model has to leave
MANY: Final = 10  # orthogonal effects that tell the scatter where nothing is left over, since most are nought
MOST: Final = 4  # products and squares that may stand out of a definitive screening design
ONE_IN: Final = 0.05  # chance by scatter alone, below which something stands out


@dataclass(frozen=True, slots=True)
class Beside:
    """What else differed, as columns of the model, and what cannot be told from the parameters.

    Attributes:
        tables: By name, the labels and what each has in its columns, ``(labels, labels - 1)``.
        columns: Of each result, shape ``(n, k)``.
        mixed: Names of what goes with a parameter, so that it is left out.
    """

    tables: Mapping[str, tuple[tuple[str, ...], NDArray[np.float64]]]
    columns: NDArray[np.float64]
    mixed: tuple[str, ...] = ()

    def notes(
        self, beta: NDArray[np.float64], known: NDArray[np.float64], untold: Sequence[str], unit: str
    ) -> list[str]:
        """What is to be said of it, by the model's coefficients, ``(p,)``, of which ``known``, ``(p, p)``, are told."""
        found, first = [], len(beta) - sum(table.shape[1] for _, table in self.tables.values())
        for name, (labels, table) in self.tables.items():
            rows = np.zeros((len(labels), len(beta)))
            rows[:, first : first + table.shape[1]] = table
            first += table.shape[1]
            apart = rows @ beta
            least, most = int(apart.argmin()), int(apart.argmax())
            said = f"differences by {name} are taken out"
            if is_told(rows[most] - rows[least], known):
                by = f"{in_digits(float(apart[most] - apart[least]), 2)} {unit}".rstrip()
                said += f": {name} {labels[most]} lies {by} above {name} {labels[least]}"
            found.append(said)
        if untold:
            found.append(f"not told from differences by {' and '.join(self.tables)}: {', '.join(untold)}")
        found += [f"differences by {name} cannot be told from effects, and may be in them" for name in self.mixed]
        return found


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted: terms, curvature and what else differed; ``aliases`` are the same as a term, by its name."""

    terms: Terms
    bend: NDArray[np.float64]  # 1 in the middle, ``(n, 1)``; ``(n, 0)`` where nothing tells of curvature
    aliases: Mapping[str, tuple[tuple[int, str], ...]]
    beside: Beside
    looked_through: int = 0  # products and squares of which these stood out


def told_apart(
    space: Space,
    design: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    order: Order | None,
    groups: Mapping[str, Sequence[str]],
) -> Model | None:
    """The largest model whose terms the results tell apart, and what it takes out beside them.

    None where not even main effects are told. Of products and squares some may not be told from what is taken out, and
    of a fraction products that are the same in all of its experiments are told by their sum. A definitive screening
    design has more of them than results: those are told that stand out among parameters whose main effects do.
    """
    every: tuple[Order, ...] = ("quadratic", "interactions", "linear")
    if order is not None:
        every = every[every.index(order) :]
    elif design == "definitive" or design == "plackett-burman":
        every = ("linear",)
    main = terms_with_blends(space, "linear", x)
    if main.left_out or not _tells(main.matrix(x), _sought(main, main.names, x)):
        return None
    beside, middle = _taken_out(main, x, groups), _at_the_middle(space, x)
    looked_through = 0
    if design == "definitive" and order is None:
        found, looked_through = _stand_out(main, x, y, beside.columns)
        if len(found) > len(main):
            return Model(found, np.empty((len(x), 0)), {}, beside, looked_through)
    for wanted in every:
        terms = terms_with_blends(space, wanted, x)
        aliases = aliases_of(terms, x) if design == "fractional" and wanted == "interactions" else None
        if (terms.left_out and aliases is None) or not _tells_blends(terms, x):
            continue
        matrix = terms.matrix(x)
        bends = wanted != "quadratic" and rank_of(np.column_stack([matrix, middle])) > rank_of(matrix)
        bend = middle[:, None][:, : int(bends)]
        matrix = np.column_stack([matrix, bend, beside.columns])
        free = len(x) - rank_of(matrix)
        enough = free >= FREE or wanted == "linear" or (free == 0 and _are_many(terms.matrix(x), beside.columns))
        if enough and _tells(matrix, _sought(terms, main.names, x)):
            return Model(terms, bend, aliases or {}, beside, looked_through)
    return None


def _stand_out(
    main: Terms, x: NDArray[np.float64], y: NDArray[np.float64], beside: NDArray[np.float64]
) -> tuple[Terms, int]:
    """Main effects, and of products and squares of clear ones those that stand out; how many were looked through.

    Main effects are clear among what differs between a point and its mirror image, where no product and no square is.
    Of their products and squares a few are taken that leave least, and dropped one by one while the least clear has
    more than a chance of 0.05 by scatter alone, times how many were looked through (Bonferroni). Source of the two
    steps and of the heredity: Jones and Nachtsheim, Technometrics 59 (2017) 319.
    """
    names, full = all_terms(main.space, "quadratic", x)
    mains = [names.index(name) for name in main.names]
    clear = _clear_by_mirrors(main, x, y, beside)
    second = [f"{a}{SQUARED}" for a in clear] + [f"{a}{PRODUCT}{b}" for a, b in itertools.combinations(clear, 2)]
    options = [names.index(name) for name in second if name in names]
    added: list[int] = []
    while len(added) < len(options) and len(added) < MOST:
        matrix = np.column_stack([full[:, mains + added], beside])
        if len(y) - rank_of(matrix) <= FREE:
            break
        pseudo = np.linalg.pinv(matrix)
        left, rest = y - matrix @ (pseudo @ y), full[:, options] - matrix @ (pseudo @ full[:, options])
        lengths = (rest**2).sum(axis=0)
        gains = np.where(lengths > ALIASED, (left @ rest) ** 2 / lengths.clip(ALIASED), -1.0)
        if gains.max() < 0.0:
            break
        added.append(options[int(gains.argmax())])
    while added:
        matrix = np.column_stack([full[:, mains + added], beside])
        pseudo, free = np.linalg.pinv(matrix), len(y) - rank_of(matrix)
        beta = pseudo @ y
        scatter = float(np.linalg.norm(y - matrix @ beta)) / math.sqrt(free)
        those = slice(len(mains), len(mains) + len(added))
        ratios = np.abs(beta[those]) / (scatter * np.linalg.norm(pseudo[those], axis=1)).clip(1e-300)
        if 2 * stats.t.sf(float(ratios.min()), free) * len(options) < ONE_IN:
            break
        del added[int(ratios.argmin())]
    kept = mains + added
    return Terms(main.space, "quadratic", np.array(kept), tuple(names[i] for i in kept), ()), len(options)


def _clear_by_mirrors(
    main: Terms, x: NDArray[np.float64], y: NDArray[np.float64], beside: NDArray[np.float64]
) -> list[str]:
    """The main effects that stand out of half the differences between points and their mirror images, by Lenth's."""
    matrix = main.matrix(x)
    beta = np.linalg.pinv(np.column_stack([matrix, beside])) @ y
    signs, level = matrix[:, 1:], y - beside @ beta[matrix.shape[1] :]
    mirrored: dict[int, int] = {}
    for i, k in itertools.permutations(range(len(x)), 2):
        if i not in mirrored and k not in mirrored.values() and signs[i].any() and np.allclose(signs[i], -signs[k]):
            mirrored[i] = k
    pairs = [(i, k) for i, k in mirrored.items() if i < k]
    if len(pairs) < signs.shape[1]:
        return []
    half = np.array([(level[i] - level[k]) / 2 for i, k in pairs])
    basis, _ = np.linalg.qr(np.column_stack([signs[[i for i, _ in pairs]], np.eye(len(pairs))]))
    told = np.abs(basis[:, : len(pairs)].T @ half)  # of the main effects, and then of what is left
    beyond = float(stats.t.ppf(0.975, len(told) / 3)) * lenth(told)
    return [name for name, size in zip(main.names[1:], told, strict=False) if size > beyond]


def lenth(changes: NDArray[np.float64]) -> float:
    """The pseudo standard error of effects ``(k,)``, most of which are nought."""
    sizes = np.abs(changes)
    first = 1.5 * float(np.median(sizes))
    small = sizes[sizes < 2.5 * first]
    return 1.5 * float(np.median(small)) if len(small) else 0.0


def _are_many(terms: NDArray[np.float64], beside: NDArray[np.float64]) -> bool:
    """Whether terms, ``(n, p)``, are many and all orthogonal, also to what is taken out beside them."""
    gram = terms.T @ np.column_stack([terms, beside])
    np.fill_diagonal(gram, 0.0)
    return terms.shape[1] > MANY and bool(np.abs(gram).max() <= ALIASED * len(terms))


def _taken_out(main: Terms, x: NDArray[np.float64], groups: Mapping[str, Sequence[str]]) -> Beside:
    """Of what else differed that which can be told from main effects, and leaves something to tell the scatter."""
    tables, mixed, matrix = {}, [], main.matrix(x)
    spare, sought = min(FREE, len(x) - rank_of(matrix)), _sought(main, main.names, x)
    for name, labels in groups.items():
        different = tuple(sorted(set(labels), key=lambda label: (len(label), label)))
        if len(different) < 2:
            continue
        table = contrasts(len(different))
        wider = np.column_stack([matrix, table[[different.index(label) for label in labels]]])
        rank, stay_told = rank_of(wider), _tells(wider, sought)
        if stay_told and rank == rank_of(matrix):
            continue  # what came before takes it out
        if stay_told and len(x) - rank >= spare:
            tables[name], matrix = (different, table), wider
        else:
            mixed.append(name)
    return Beside(tables, matrix[:, len(main) :], tuple(mixed))


def _sought(terms: Terms, mains: Sequence[str], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """What has to be told of main effects: each coefficient, or where something is mixed each change: ``(k, p)``."""
    if blends_of(terms.space):
        return rows_of([*itertools.chain(*main_changes(terms.space, terms.names, x))], terms.names)
    return np.eye(len(terms))[[name in mains for name in terms.names]]


def _tells_blends(terms: Terms, x: NDArray[np.float64]) -> bool:
    """Whether results at ``x`` tell all changes that a model of blends has, whose terms depend on each other."""
    if not blends_of(terms.space) or terms.order == "linear":
        return True
    changes = [*joint_changes(terms.space, terms.names, x, {})]
    return bool(changes) and _tells(terms.matrix(x), rows_of(changes, terms.names))


def _tells(matrix: NDArray[np.float64], sums: NDArray[np.float64]) -> bool:
    """Whether sums of the first coefficients, ``(k, p)``, can be told from all others of a ``matrix``, ``(n, q)``."""
    wider = np.pad(sums, ((0, 0), (0, matrix.shape[1] - sums.shape[1])))
    return is_told(wider, np.linalg.pinv(matrix) @ matrix)


def rank_of(matrix: NDArray[np.float64]) -> int:
    return int(np.linalg.matrix_rank(matrix))


def _at_the_middle(space: Space, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where every number of three values or more lies between its ends, 0 elsewhere: shape ``(n,)``."""
    inside, has_some, parts = np.ones(len(x), dtype=bool), False, {c for one in blends_of(space) for c in one.columns}
    for column, p in enumerate(space.parameters):
        low, high = (x[:, column].min(), x[:, column].max()) if column in parts else least_and_most(p)
        if column in parts or (not isinstance(p, Category | Component) and len(np.unique(x[:, column])) > 2):
            inside &= (x[:, column] > low) & (x[:, column] < high)
            has_some = True
    return (inside & has_some).astype(float)
