"""Joint expected improvement over a finite pool, from joint posterior samples.

Each sample of the response has its own best among what was observed and what is pending, so noise and running
experiments are taken into account; each choice conditions the next. Several targets with a trade-off are one
response: their utility, sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from botorch.utils.safe_math import logmeanexp
from torch import Tensor
from torch.nn.functional import softplus

from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import SHORTLIST, Score, candidates, expected_improvement_score, shortlist
from loop.acquisition.utility import believed, draws_of, leading, least, utility, utility_score
from loop.objective import SCORES

SAMPLES = 256
SMOOTHING = 0.01  # of the improvement's kink, in standard deviations of the observed values
LOOKED_AT_AGAIN = 32  # candidates at once, after one was chosen


@dataclass(frozen=True)
class Improvement:
    """Greedy joint expected improvement; logarithms throughout, so that tiny improvements still rank."""

    name: str = "improvement"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are expected improvements in the target's unit, or of the utility.

        Where nothing observed keeps the thresholds, whatever keeps them is an improvement on the worst.
        """
        score = improvement_score(question)
        short = shortlist(
            question, score, max(SHORTLIST, 2 * q), weight=partial(question.weight_if_better, skimmed=True)
        )
        if not len(short):
            return Choice(())
        held_against = leading(question)
        base = torch.cat([held_against, question.pending])
        draws = draws_of(question, torch.cat([short, base]), SAMPLES)
        known = utility(question.objective, believed(question, question.observed))
        spread = float(known.std(correction=0)) or float(draws.std())
        held = draws[:, len(short) :]
        if not len(held_against):
            held = torch.cat([held, torch.minimum(known.min(), draws.min(dim=1).values)[:, None]], dim=1)
        picked, logs = greedy_improvement(
            draws[:, : len(short)],
            held.max(dim=1).values,
            question.chance_if_better(short).log(),
            q,
            tau=max(SMOOTHING * spread, least(draws)),
            log_price=lambda chosen: torch.as_tensor(question.price(short, [short[i].numpy() for i in chosen])).log(),
        )
        meaning = f"expected improvement, {in_words(question)}{question.per}"
        points = tuple(
            Chosen(short[i].numpy(), float(value.exp()), meaning) for i, value in zip(picked, logs, strict=True)
        )
        return Choice(points, candidates(question)[2])


def improvement_score(question: Question) -> Score:
    """How much a candidate by itself may improve on the best that is believed to keep the thresholds."""
    keeping = question.keeping
    known = utility(question.objective, believed(question, keeping if len(keeping) else question.observed))
    best = float(known.max() if len(keeping) else known.min())
    wanted = question.objective.wanted
    if len(wanted) == 1 and wanted[0].sign:
        return expected_improvement_score(question, question.objective.targets.index(wanted[0]), best)
    return lambda x: utility_score(question, best, x)


def in_words(question: Question) -> str:
    """What the improvement is measured in."""
    if len(question.wanted) > 1:
        return f"of the {SCORES.get(question.objective.tradeoff, 'several targets')}"
    return question.wanted[0][0].unit or "in the unit of the target"


def greedy_improvement(
    draws: Tensor,
    best: Tensor,
    log_chance: Tensor,
    q: int,
    *,
    tau: float,
    log_price: Callable[[list[int]], Tensor] | None = None,
) -> tuple[list[int], list[Tensor]]:
    """Choose ``q`` columns one after the other, each the best given those before.

    Args:
        draws: Joint samples at the candidates, larger is better: shape ``(samples, n)``.
        best: Best value so far in each sample, shape ``(samples,)``.
        log_chance: Log chance that a candidate runs as intended, shape ``(n,)``.
        q: How many, at most ``n``.
        log_price: Log of what each costs after those chosen, shape ``(n,)``, infinite for what may not be chosen; None
            where cost does not count.
        tau: Width over which ``max(0, z)`` is smoothed to ``tau log(1 + exp(z / tau))``, in the target's unit.

    Returns:
        Indices in the order of choosing, and the log of each one's expected improvement at its turn.

    Source: the smoothing is that of Ament et al., NeurIPS 2023 (LogEI).
    """
    found = list(islice(improving(draws, best, log_chance, tau=tau, log_price=log_price), min(q, draws.shape[1])))
    return [i for i, _ in found], [value for _, value in found]


def improving(
    draws: Tensor,
    best: Tensor,
    log_chance: Tensor,
    *,
    tau: float,
    log_price: Callable[[list[int]], Tensor] | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """The choices of :func:`greedy_improvement` for as long as somebody asks; its arguments.

    The best of a sample only rises, so a column's gain only falls: what was found for it before bounds it from above,
    and it is looked at again when nothing surer lies higher. (Minoux, Optimization Techniques 7 (1978) 234.)
    """

    def gain_of(columns: Tensor) -> Tensor:
        z = (draws[:, columns] - best[:, None]) / tau
        # log softplus: log(log1p(exp(z))), which is z itself far below zero and log z far above
        return logmeanexp(torch.where(z < -30.0, z, softplus(z.clamp_min(-30.0)).log()), dim=0)

    picked: list[int] = []
    gain = gain_of(torch.arange(draws.shape[1]))
    is_known = torch.ones(draws.shape[1], dtype=torch.bool)  # the gain is that at this turn
    scale = torch.log(torch.tensor(tau, dtype=draws.dtype)) + log_chance
    for _ in range(draws.shape[1]):
        price = log_price(picked) if log_price is not None else torch.zeros(())
        while True:
            value = gain + scale - price
            value[picked] = -torch.inf
            choice = int(value.argmax())
            if is_known[choice] or value[choice].isneginf():  # nothing is left that may be chosen
                break
            again = value.masked_fill(is_known, -torch.inf).topk(min(LOOKED_AT_AGAIN, len(value))).indices
            gain[again] = gain_of(again)
            is_known[again] = True
        picked.append(choice)
        yield choice, value[choice]
        best = torch.maximum(best, draws[:, choice])
        is_known[:] = False
