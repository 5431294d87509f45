"""The first batch by what sources expect: jointly the highest, before anything of this campaign was measured."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from loop.acquisition.improvement import SAMPLES, greedy_improvement
from loop.acquisition.protocol import Chosen, Question
from loop.acquisition.streaming import SHORTLIST, Score, random_untried, shortlist
from loop.acquisition.utility import draws_of, hoped, least
from loop.policy.hottest import hottest
from loop.policy.leaving import has_any
from loop.policy.narrowing import NOTHING, Narrowing
from loop.surrogates.metric import metric
from loop.surrogates.representation import Representation

WIDE = 1_000  # candidates that are thinned out: of continuous spaces those that lie close, else what is narrowed down
SCALED = 8_192  # candidates at random by which hopes are scaled
SCALED_MADE = 256  # of products, which have to be made first
APART = 0.2  # of the range of one number; two options are 1.4 apart


def first_choices(question: Question, q: int, *, narrowing: Narrowing = NOTHING, enough: int = 0) -> tuple[Chosen, ...]:
    """Up to ``q`` points whose best is expected to be highest; for one target, or targets with a trade-off.

    There is nothing to improve on yet: each point counts for what it adds to the best of those chosen before it. Where
    numbers are continuous the points lie apart, and there may be fewer of them. There are none where
    ``narrowing``, by what sources tell nothing of, leaves fewer than ``enough``.
    """
    with torch.no_grad():
        short = shortlist(question, _optimistic(question), WIDE if question.pool is None or narrowing else SHORTLIST)
        if narrowing.out:
            short = short[torch.from_numpy(~has_any(short.numpy(), narrowing.out))]
        if narrowing.hot and len(short):
            is_whole = question.pool is not None and len(question.pool) <= WIDE
            short = short[torch.from_numpy(hottest(question.space, short.numpy(), is_whole=is_whole))]
        if narrowing and len(short) < enough:
            return ()
        short = _apart(question, short) if question.pool is None else short[:SHORTLIST]
        if not len(short):
            return ()
        draws = draws_of(question, short, SAMPLES)
        spread = float(draws.std())
        picked, logs = greedy_improvement(
            draws,
            torch.full((SAMPLES,), float(draws.min()), dtype=draws.dtype),
            question.chance(short).log(),
            q,
            tau=max(0.01 * spread, least(draws)),
            log_price=lambda chosen: torch.as_tensor(question.price(short, [short[i].numpy() for i in chosen])).log(),
        )
    meaning = "what it is expected to add to the best of the batch, by the sources"
    return tuple(Chosen(short[i].numpy(), float(value.exp()), meaning) for i, value in zip(picked, logs, strict=True))


def _apart(question: Question, x: Tensor) -> Tensor:
    """The rows of ``x``, ``(n, d)``, the best first, that lie ``APART`` from each other: ``(k, d)``."""
    near = metric(question.space, Representation.ONE_HOT).squared(x, x) < APART**2
    kept: list[int] = []
    for row in range(len(x)):
        if not bool(near[row, kept].any()):
            kept.append(row)
    return x[kept]


def _optimistic(question: Question) -> Score:
    """The utility a standard deviation better than what is believed, above zero: ``(n, d)`` to ``(n,)``.

    Its scale is that of candidates at random, whichever are looked at together: of a few all are the best of the few.
    """

    def value(x: Tensor) -> Tensor:
        return hoped(question.objective, [model.moments(x) for _, model in question.wanted], deviations=1.0)

    most = SCALED_MADE if question.is_sifted else SCALED
    some = random_untried(question, most, np.random.default_rng(question.seed))
    if not len(some):
        return lambda x: torch.ones(len(x), dtype=x.dtype)
    usual = value(some)
    centre, spread = usual.mean(), usual.std(correction=0).clamp_min(least(usual))
    return lambda x: torch.sigmoid((value(x) - centre) / spread)
