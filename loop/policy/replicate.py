"""Replicate planning: an experiment goes to a tried condition where that changes more than a new candidate would.

What counts in the end is the candidate that is named best, and only tried ones are. So each experiment, new or
again, is valued by how much it is expected to raise the believed value of the best tried candidate once its result is
known. A replicate has such a value where it may show that the best is another one than believed, or that a hit was a
fluke; a replicate of what is known well, or of what is hopeless, has none.
Before a campaign ends, the best is measured again where it was measured once: noise is not always normal, and a lucky
value is what a best looks like. What a budget cannot pay for is not measured again.

Source: the knowledge gradient for correlated beliefs, Frazier, Powell and Dayanik, INFORMS J. Comput. 21 (2009) 599;
for a committee the mean over its members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.acquisition.streaming import members_of
from loop.acquisition.utility import utility
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.protocol import FittedSurrogate

NODES = 81  # of the result, from -5 to 5 standard deviations: the mean of a maximum is off by less than 1 %
NEGLIGIBLE = 1e-3  # of the spread of what is believed: a rise that nobody would run an experiment for
DRAWS = 256  # of the results of several targets together
SAMPLES = 1_024  # draws from which a covariance is estimated where there is no closed form: 3 % error
OPTIONS = 64  # tried candidates that are considered for a replicate, the most promising ones
FAVOUR = 6.0  # times what a new candidate brings at once, which teaches and can be measured again (docs/decisions/0098)
LATE_FAVOUR = 2.0  # of the last experiments, which teach for few and are measured again by few
LATE = 10  # so many experiments are the last
WEIGHTINGS = 8  # of several targets without a trade-off


@dataclass(frozen=True, slots=True)
class Turn:
    """One experiment of a batch: the ``index``-th new candidate, or the ``index``-th tried one again.

    ``gain`` is its value, ``rival`` that of the best experiment of the other kind (None where there was none), in the
    unit of what is maximised.
    """

    index: int
    is_replicate: bool
    gain: float
    rival: float | None
    is_incumbent: bool = False  # it is the candidate that is believed best
    is_due: bool = False  # it is measured a second time before the budget ends, whatever that is worth


@dataclass
class _Voice:
    """What one member believes of all points; variances shrink as experiments are decided on."""

    weight: float
    mean: Tensor  # (targets, n)
    covariance: Tensor  # (targets, n, n)
    noise: Tensor  # (targets, n), variances

    def slopes(self, j: Tensor) -> Tensor:
        """How the means move per standard deviation of the result at points ``j``, (k,): ``(k, targets, n)``."""
        column = self.covariance[:, :, j]  # (targets, n, k)
        spread = (self.covariance[:, j, j] + self.noise[:, j]).clamp_min(1e-300).sqrt()
        moved: Tensor = (column / spread[:, None, :]).permute(2, 0, 1)
        return moved

    def decide(self, j: int) -> None:
        """An experiment at point ``j`` will be known."""
        column = self.covariance[:, :, j]
        total = (self.covariance[:, j, j] + self.noise[:, j]).clamp_min(1e-300)
        self.covariance = self.covariance - column[:, :, None] * column[:, None, :] / total[:, None, None]


@dataclass
class _State:
    """Points: tried, pending, then new ones; ``counts`` says which can be named best by now."""

    question: Question
    voices: list[_Voice]
    counts: Tensor  # (n,), bool
    nodes: Tensor  # (s, targets), results in standard deviations
    weights: Tensor  # (s,), how likely each is
    weightings: Tensor  # (w, targets), of several targets without a trade-off
    scale: Tensor = field(default_factory=lambda: torch.ones(1, dtype=torch.float64))  # (targets,)

    def worth(self, values: Tensor) -> Tensor:
        """What is maximised, of values ``(*b, targets, n)``: ``(*b, w, n)``, one number for each weighting."""
        objective = self.question.objective
        wanted = torch.stack(
            [values[..., i, :] for i, t in enumerate(objective.targets) if t.is_wanted], dim=-1
        )  # (*b, n, wanted)
        if objective.is_scalar:
            return utility(objective, wanted)[..., None, :]
        single = torch.stack([t.worth(wanted[..., i]) for i, t in enumerate(objective.wanted)], dim=-1)
        weighed: Tensor = (single / self.scale @ self.weightings.T).movedim(-1, -2)
        return weighed

    def spread(self, n: int) -> float:
        """The standard deviation of the believed worths of the first ``n`` points."""
        worths = torch.stack([voice.weight * self.worth(voice.mean)[:, :n] for voice in self.voices]).sum(dim=0)
        return float(worths.std(dim=1, correction=0).mean())

    def gains(self, points: Tensor) -> Tensor:
        """The expected rise of the best from an experiment at each of ``points``, shape ``(k,)``."""
        total = torch.zeros(len(points), dtype=torch.float64)
        for voice in self.voices:
            before = torch.where(self.counts, self.worth(voice.mean), -torch.inf).amax(dim=-1)  # (w,)
            for place, (j, slope) in enumerate(zip(points.tolist(), voice.slopes(points), strict=True)):
                counts = self.counts.clone()
                counts[j] = True
                after = voice.mean[None, :, counts] + self.nodes[:, :, None] * slope[None, :, counts]
                rise = self.weights @ self.worth(after).amax(dim=-1) - before
                total[place] += voice.weight * float(rise.mean().clamp_min(0.0))
        return total


def spend(
    question: Question,
    fresh: Sequence[Tensor],
    q: int,
    *,
    may: NDArray[np.bool_] | None = None,
    once: NDArray[np.bool_] | None = None,
) -> tuple[Turn, ...]:
    """How a batch of ``q`` is spent: each turn on the next new candidate, or on a replicate.

    Fewer where the new candidates run out and no replicate is worth an experiment.

    Args:
        question: What is believed, tried and pending.
        fresh: New candidates in the order in which an acquisition function chose them, shape ``(d,)`` each.
        q: How many experiments there are.
        may: Which of the tried candidates may be run once more, ``(n,)``; all where left out.
        once: Which of them were measured once and are not running, ``(n,)``; none where left out.
    """
    tried, pending = question.observed, question.pending
    if not len(tried):
        return tuple(Turn(i, False, 0.0, None) for i in range(len(fresh)))
    x = torch.cat([tried, pending, *(f[None] for f in fresh)])
    n, first = len(tried), len(tried) + len(pending)
    state = _state(question, x, first)
    for j in range(n, first):
        for voice in state.voices:
            voice.decide(j)
    pays = question.affordable(tried.numpy())
    options = _promising(state, pays if may is None else pays & may)
    is_scalar = question.objective.is_scalar  # of a front targets are weighed, and a sum may rise while one breaks
    weight = question.weight_if_better(x) if is_scalar else question.weight(x)
    turns: list[Turn] = []
    at = 0
    is_late = question.later is not None and question.later < LATE
    favour = LATE_FAVOUR if is_late else FAVOUR
    doubted = _best_of_one(state, options, once) if is_late and once is not None else None
    least = NEGLIGIBLE * state.spread(n) * float(weight[:n].median())
    while len(turns) < q:
        worth = state.gains(options) * weight[options]  # perhaps of none
        again = float(worth.max()) if len(worth) else None
        has_new = at < len(fresh)
        new = float(state.gains(torch.tensor([first + at]))[0] * weight[first + at]) if has_new else 0.0
        if again is not None and (doubted is not None or again > max(favour * new, least)):
            is_due = doubted is not None
            place = int(worth.argmax()) if doubted is None else doubted
            doubted, j = None, int(options[place])
            rival = new if has_new else None
            turns.append(Turn(j, True, float(worth[place]), rival, j == _incumbent(state, n), is_due))
        elif not has_new:
            break
        else:
            j = first + at
            turns.append(Turn(at, False, new, again))
            at += 1
        state.counts[j] = True
        for voice in state.voices:
            voice.decide(j)
    return tuple(turns)


def _state(question: Question, x: Tensor, first: int) -> _State:
    targets = len(question.models)
    if targets == 1:
        pairs = [(w, [_moments(m, x, question.seed)]) for w, m in members_of(question.models[0])]
        nodes, weights = normal_nodes()
    else:
        pairs = [(1.0, [_moments(m, x, question.seed + 31 * i) for i, m in enumerate(question.models)])]
        nodes = torch.special.ndtri(_sobol(targets).clamp(1e-6, 1 - 1e-6))
        weights = torch.full((DRAWS,), 1.0 / DRAWS, dtype=torch.float64)
    voices = [_Voice(w, *(torch.stack([p[k] for p in parts]) for k in range(3))) for w, parts in pairs]
    counts = torch.zeros(len(x), dtype=torch.bool)
    counts[:first] = True
    keeping = question.keeping
    if len(keeping):  # what is believed to break a threshold is not named best
        kept = (question.observed[:, None, :] == keeping[None, :, :]).all(dim=2).any(dim=1)
        counts[: len(kept)] = kept
    wanted = len(question.objective.wanted)
    generator = torch.Generator().manual_seed(question.seed)
    raw = torch.rand(WEIGHTINGS, wanted, generator=generator, dtype=torch.float64)
    state = _State(question, voices, counts, nodes, weights, raw / raw.sum(dim=1, keepdim=True))
    if not question.objective.is_scalar:
        places = [i for i, t in enumerate(question.objective.targets) if t.is_wanted]
        noise = voices[0].noise[places].mean(dim=1).sqrt()  # differences below it are none, as where all are equal
        state.scale = torch.maximum(voices[0].mean[places].std(dim=1, correction=0), noise).clamp_min(1e-300)
    return state


def normal_nodes() -> tuple[Tensor, Tensor]:
    """Values of a standard normal number, ``(s, 1)``, and their weights, ``(s,)``, which sum to one."""
    nodes = torch.linspace(-5.0, 5.0, NODES, dtype=torch.float64)
    density = (-0.5 * nodes.square()).exp()
    return nodes[:, None], density / density.sum()


def _sobol(targets: int) -> Tensor:
    engine = torch.quasirandom.SobolEngine(targets, scramble=True, seed=0)  # type: ignore[no-untyped-call]
    drawn: Tensor = engine.draw(DRAWS, dtype=torch.float64)
    return drawn


def _moments(model: FittedSurrogate, x: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean ``(n,)``, covariance ``(n, n)`` and noise variance ``(n,)`` at ``x``."""
    noise = model.noise_at(x).square()
    if isinstance(model, ExactPosterior):
        mean, covariance = model.joint(x)
        return mean, covariance, noise
    return model.moments(x)[0], torch.cov(model.samples(x, SAMPLES, seed=seed).T), noise


def _promising(state: _State, pays: NDArray[np.bool_]) -> Tensor:
    """The tried candidates of which a replicate may matter: the highest optimistic values, shape ``(k,)``.

    Only those that can be paid for and may be run, ``pays`` of ``(n,)`` tried ones: perhaps none.
    """
    n = len(pays)
    counts = state.counts[:n] if state.counts[:n].any() else torch.ones(n, dtype=torch.bool)
    may = counts & torch.from_numpy(pays)
    score = torch.zeros(n, dtype=torch.float64)
    for voice in state.voices:
        sd = voice.covariance.diagonal(dim1=1, dim2=2).clamp_min(0.0).sqrt()
        ends = (voice.mean, voice.mean + 2 * sd, voice.mean - 2 * sd)  # what is matched may lie between the outer ones
        high = torch.stack([state.worth(end) for end in ends]).amax(dim=0)
        score += voice.weight * high.mean(dim=0)[:n]
    score = torch.where(may, score, -torch.inf)
    return score.argsort(descending=True, stable=True)[: min(OPTIONS, int(may.sum()))]


def _best_of_one(state: _State, options: Tensor, once: NDArray[np.bool_]) -> int | None:
    """The place among ``options`` of the candidate that is believed best, where it was measured ``once``; else None."""
    if not state.question.objective.is_scalar:  # a front has no best
        return None
    best = _incumbent(state, len(once))
    return options.tolist().index(best) if once[best] and best in options else None


def _incumbent(state: _State, n: int) -> int:
    total = torch.stack([voice.weight * state.worth(voice.mean).mean(dim=0) for voice in state.voices]).sum(dim=0)
    return int(torch.where(state.counts[:n], total[:n], -torch.inf).argmax())
