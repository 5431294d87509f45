"""What lies near: where numbers vary finely, a candidate beside one that was taken is hardly another one.

A chance of a hit, or a high value, is as high half a degree away: ranked by that alone, a whole batch is one experiment
made again and again, and so is the next batch beside it. What a candidate is worth is therefore multiplied by one
minus how nearly it is one that was tried, runs, or was chosen before it (docs/decisions/0199).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.acquisition.streaming import Score, shortlist
from loop.space import Space
from loop.space.parameters import Continuous, Discrete, Parameter

REACH: Final = 0.08  # of a number's range: so far apart two candidates share 0.6 of their worth, twice as far 0.14
FEW: Final = 10  # steps of a number that are each one's own
FIELD: Final = 4_096  # candidates that a batch is spread over
MADE: Final = 256  # of those that have to be made before they are judged
BLOCK: Final = 512  # candidates that are compared with all others at once


def shortlist_apart(question: Question, score: Score, weight: Score, n: int) -> Tensor:
    """Up to ``n`` untried candidates of the highest score times weight, ``(k, d)``, best first.

    Where numbers vary finely, each is of most worth beside those before it.
    """
    if not fine_numbers(question.space):
        return shortlist(question, score, n, weight=weight)
    is_made = question.is_sifted or question.twins is not None
    field = shortlist(question, score, max(MADE, 2 * n) if is_made else FIELD, weight=weight)
    near = Nearby.of(question, field)
    assert near is not None
    return field[near.spread(score(field) * weight(field), n)]


@dataclass(frozen=True)
class Nearby:
    """Candidates ``x``, ``(n, d)``, and how nearly they are one another, by the numbers that vary finely.

    Two whose options, or numbers of few values, differ are not near. Otherwise they share exp(-d^2 / 2) of their worth,
    where d is their distance over ranges, on the scale of each number, in units of ``REACH``.

    Attributes:
        places: Where they lie in the range of each such number, in units of ``REACH``: shape ``(n, f)``.
        options: A number for each combination of all else, shape ``(n,)``.
        untried: What is left of the worth of each beside all that was tried or runs, from 0 to 1: shape ``(n,)``.
    """

    places: Tensor
    options: Tensor
    untried: Tensor

    @staticmethod
    def of(question: Question, x: Tensor) -> Nearby | None:
        """None where no number varies finely."""
        if not (fine := fine_numbers(question.space)):
            return None
        tried = torch.from_numpy(np.ascontiguousarray(question.tried, dtype=np.float64))
        everything = torch.cat([x, tried, question.pending])
        parameters = question.space.parameters
        places = torch.stack([_place(parameters[c], everything[:, c]) for c in fine], dim=1) / REACH
        rest = np.delete(everything.numpy(), fine, axis=1)
        numbers = np.unique(rest, axis=0, return_inverse=True)[1].reshape(-1) if rest.shape[1] else np.zeros(len(rest))
        options, n = torch.from_numpy(numbers), len(x)
        return Nearby(places[:n], options[:n], _left(places[:n], options[:n], places[n:], options[n:]))

    def beside(self, i: int) -> Tensor:
        """What is left of the worth of each beside candidate ``i``, from 0 to 1: ``(n,)``."""
        return _left(self.places, self.options, self.places[[i]], self.options[[i]])

    def spread(self, worth: Tensor, q: int) -> NDArray[np.int64]:
        """``q`` of the candidates, of ``worth`` ``(n,)``, each of most worth beside those taken before it."""
        rest = worth * self.untried
        taken: list[int] = []
        for _ in range(min(q, len(worth))):
            taken.append(int(rest.argmax()))
            rest = torch.minimum(rest, worth * self.beside(taken[-1]))
            rest[taken] = -torch.inf
        return np.array(taken, dtype=np.int64)


def fine_numbers(space: Space) -> tuple[int, ...]:
    """Columns of the numbers that vary finely: continuous, or in many steps. What somebody listed is meant as it is."""
    return tuple(c for c, p in enumerate(space.parameters) if isinstance(p, Continuous) or _has_many_steps(p))


def _has_many_steps(parameter: Parameter) -> bool:
    return isinstance(parameter, Discrete) and parameter.in_steps and parameter.size > FEW


def _place(parameter: Parameter, x: Tensor) -> Tensor:
    assert isinstance(parameter, Continuous | Discrete)
    place: Tensor = parameter.position(x)
    return place


def _left(places: Tensor, options: Tensor, others: Tensor, of_others: Tensor) -> Tensor:
    if not len(others):
        return torch.ones(len(places), dtype=places.dtype)
    parts = [torch.empty(0, dtype=places.dtype)]
    for some, whose in zip(torch.split(places, BLOCK), torch.split(options, BLOCK), strict=True):
        shared = (-0.5 * torch.cdist(some, others).square()).exp() * (whose[:, None] == of_others)
        parts.append(1.0 - shared.max(dim=1).values)
    return torch.cat(parts)
