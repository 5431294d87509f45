"""Setting apart: a batch from a library holds no near copies of one molecule, and no near copies over numbers.

Candidates are taken in the order of their worth. A molecule that is too similar to one taken before is passed over;
what was passed over, and for which, is told; where the field has too few others, the batch is filled from it all the
same. Where numbers vary finely, what lies near another candidate is worth less (``loop.acquisition.nearby``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.nearby import fine_numbers, shortlist_apart
from loop.acquisition.protocol import Question
from loop.acquisition.streaming import Score, shortlist
from loop.space import Component, Space

if TYPE_CHECKING:
    from loop.space.structure import Products

FIELD = 4  # times as many candidates as a batch holds are looked at
TOLD = 3  # that were passed over and are named with a batch

Row = Callable[[int], NDArray[np.float64]]  # number of a candidate to its similarity to each, (k,)


@dataclass(frozen=True)
class Kept:
    """A batch of the best that are no near copies.

    Attributes:
        x: Their coordinates, shape ``(k, d)``, in the order of their worth.
        also: For each of them, which similar ones it stands for; "" for none.
        notes: For the batch as a whole.
    """

    x: Tensor
    also: tuple[str, ...]
    notes: tuple[str, ...] = ()


def best_apart(question: Question, score: Score, weight: Score, q: int) -> Kept:
    """Up to ``q`` untried candidates of the highest score times weight, no near copies of one another."""
    if fine_numbers(question.space):
        x = shortlist_apart(question, score, weight, q)
        return Kept(x, ("",) * len(x))
    field = shortlist(question, score, FIELD * q, weight=weight)
    kept = set_apart(question, field, q)
    return Kept(field[kept.indices], kept.also, kept.notes)


@dataclass(frozen=True)
class Apart:
    """Which of a field were taken, in their order, and what is to be said.

    Attributes:
        indices: Numbers of those taken, shape ``(k,)``.
        also: For each of them, which similar ones it stands for; "" for none.
        notes: For the batch as a whole.
    """

    indices: NDArray[np.int64]
    also: tuple[str, ...]
    notes: tuple[str, ...] = ()


def set_apart(question: Question, field: Tensor, q: int) -> Apart:
    """``q`` of the candidates ``field``, ``(k, d)``, best first, no two more similar than the question allows.

    The similarity is that of Morgan counts (Tanimoto). Nothing is set apart where candidates are not molecules alone.
    """
    n, limit = len(field), question.most_similar
    similarity = similarities(question.space, field.numpy()) if limit < 1.0 and n > 1 else None
    if similarity is None:
        return Apart(np.arange(min(q, n)), ("",) * min(q, n))
    taken: list[int] = []
    nearest, whose = np.zeros(n), np.zeros(n, dtype=np.int64)  # the most similar of those taken so far
    over: list[int] = []
    for k in range(n):
        if len(taken) == q:
            break
        if nearest[k] > limit:
            over.append(k)
            continue
        taken.append(k)
        found = similarity(k)
        closer = found > nearest
        nearest[closer], whose[closer] = found[closer], k
    filled = over[: q - len(taken)]
    order, left_out = [*taken, *filled], over[len(filled) :]

    def name(k: int) -> str:
        return question.space.label(question.space.settings(field[k].numpy()))

    return Apart(
        np.array(order, dtype=np.int64),
        tuple(_stands_for([i for i in left_out if whose[i] == k], nearest, name) for k in order),
        tuple(_notes(left_out, len(filled), limit, nearest, whose, name)),
    )


def _stands_for(passed: Sequence[int], nearest: NDArray[np.float64], name: Callable[[int], str]) -> str:
    if not passed:
        return ""
    more = f" and {len(passed) - 1} more" if len(passed) > 1 else ""
    return f"skipped for it: {name(passed[0])}, {nearest[passed[0]]:.2f} similar{more}"


def _notes(
    left_out: Sequence[int],
    filled: int,
    limit: float,
    nearest: NDArray[np.float64],
    whose: NDArray[np.int64],
    name: Callable[[int], str],
) -> list[str]:
    notes = []
    if left_out:
        shown = [f"{name(k)}, {nearest[k]:.2f} similar to {name(int(whose[k]))}" for k in left_out[:TOLD]]
        more = f"; and {len(left_out) - TOLD} more" if len(left_out) > TOLD else ""
        notes.append(f"skipped, since no two of a batch may be more similar than {limit:g}: {'; '.join(shown)}{more}")
    if filled:
        notes.append(f"too few others looked as good: {filled} of the batch are more than {limit:g} similar to another")
    return notes


def too_similar_note(question: Question, x: NDArray[np.float64]) -> tuple[str, ...]:
    """That the plate ``x``, ``(k, d)``, holds molecules more similar than the question allows; nothing where not."""
    limit = question.most_similar
    similarity = similarities(question.space, x) if limit < 1.0 and len(x) > 1 else None
    if similarity is None:
        return ()
    alike = sum(bool((np.delete(similarity(k), k) > limit).any()) for k in range(len(x)))
    if not alike:
        return ()
    return (f"too few others looked as good: {alike} of the {len(x)} wells are more than {limit:g} similar to another",)


def similarities(space: Space, x: NDArray[np.float64]) -> Row | None:
    """How similar each of the candidates ``x``, ``(k, d)``, is to all; None where they are more than a molecule."""
    numbers = np.rint(x).astype(np.int64)
    if len(space.products) == 1 and len(space.products[0].columns) == len(space.parameters):
        return _of_products(space, space.products[0], numbers)
    library = space.library
    if library is None or len(space.parameters) != 1:
        return None
    from loop.molecules.fingerprints import count_fingerprints
    from loop.molecules.structures import Featured

    if isinstance(library.smiles, Featured):
        counts, those = library.smiles.counts(), numbers[:, 0]
        return lambda k: counts.similarity(those[k : k + 1], those)[0]
    known, all_of_them = count_fingerprints([library.smiles[i] for i in numbers[:, 0]]), np.arange(len(x))
    return lambda k: known.similarity(all_of_them[k : k + 1], all_of_them)[0]


def _of_products(space: Space, products: Products, numbers: NDArray[np.int64]) -> Row:
    from loop.molecules.products import product_fingerprints

    lists = [space.parameters[c] for c in products.columns]
    known = product_fingerprints(
        products.reaction, tuple(p.smiles for p in lists if isinstance(p, Component)), ("morgan",), products.sieve
    )
    those = numbers[:, list(products.columns)]
    return lambda k: known.similarity(those[k : k + 1], those)[0]
