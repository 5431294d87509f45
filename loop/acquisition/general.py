"""General conditions: the experiments after which the condition that is named best is least likely the wrong one.

Whoever names a condition loses what a better one would have brought. That loss is expected now from what is believed
of each rival and of the condition in the lead; an experiment, with any condition and any substrate, narrows the belief
of their differences, and its worth is how much less loss is expected then. It depends on the result only by the means,
which are expected to stay, so a batch is chosen one by one without imagining results, and running experiments count as
known.

The loss is the linear loss of ranking and selection (Chick and Inoue, Operations Research 49 (2001) 732), here with
correlated beliefs: what is learnt of a substrate counts for every condition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.judging import CELLS, LOOKED_AT, Field, Voice, hopes, some_substrates, voices
from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import CHUNK, POOL_LIMIT, candidates
from loop.generality import Generality, Judgement
from loop.space import ProductPool
from loop.space.leaving_out import is_for_now
from loop.space.rows import is_among
from loop.wording import in_digits, in_places, plus_minus

FEWEST = 8  # conditions that are always looked at together, however large the scope is
FAINT = 1e-9  # of the spread of beliefs: what decides where no experiment can change the answer


@dataclass(frozen=True)
class General:
    """Condition and substrate together, for what they tell of which condition is best over the scope."""

    name: str = "general"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are expected falls of the loss, in the unit that conditions are judged in."""
        assert question.general is not None, "the question has no scope"
        general = question.general
        scene, notes = field_of(question, general)
        places = _open(question, scene)
        if not len(places):
            return Choice((), notes)
        x = scene.cells[places]
        n = len(scene.cells)
        heard = voices(question.wanted[0][1], scene, question.pending, seed=question.seed)
        mean = torch.stack([v.weight * v.mean for v in heard]).sum(0)
        sd = _deviations(heard, mean)  # as it is now: what runs or is chosen has no result yet
        for voice in heard:
            for j in range(n, n + len(question.pending)):
                voice.decide(j)
        lead = int(mean.argmax())
        chance = question.chance(x)
        picked: list[int] = []
        points: list[Chosen] = []
        for _ in range(min(q, len(places))):
            price = question.price(x, [p.x for p in points])
            gain = torch.stack([v.weight * _relief(v, lead)[places] for v in heard]).sum(0) * chance / price
            gain[picked] = -torch.inf
            choice = int(gain.argmax())
            picked.append(choice)
            condition = int(places[choice]) // len(scene.substrates)
            said = _said(scene, mean, float(sd[condition]), condition, lead)
            points.append(Chosen(x[choice].numpy(), float(gain[choice]), said))
            for voice in heard:
                voice.decide(int(places[choice]))
        return Choice(tuple(points), notes)


def field_of(
    question: Question, general: Generality, *, always: NDArray[np.float64] | None = None
) -> tuple[Field, tuple[str, ...]]:
    """The conditions that may be the best, over the scope or over some of it, and notes on what was left out.

    ``always`` are conditions that belong to it whatever is believed of them, shape ``(k, r)``.
    """
    conditions, is_cut, notes = _conditions(question, general)
    model = question.wanted[0][1]
    substrates = some_substrates(general, model, conditions, np.random.default_rng([question.seed, 3]))
    if len(substrates) < len(general.substrates):
        which = "that are believed hardest" if general.by is Judgement.WORST else "at random"
        notes = (
            *notes,
            f"the scope has {len(general.substrates)} substrates; {len(substrates)} {which} stand for them this time",
        )
    keep = at_once(general)
    if always is not None:
        conditions = np.unique(np.vstack([conditions, always]), axis=0)
    if len(conditions) > keep:
        usual, best = hopes(model, general, conditions)
        order = torch.argsort(best, descending=True, stable=True).numpy()
        lead = int(usual.argmax())
        kept = [lead, *(i for i in order.tolist() if i != lead)][:keep]
        if always is not None:
            kept += np.flatnonzero(is_among(conditions, always)).tolist()
        conditions, is_cut = conditions[np.unique(kept)], True
    return Field.of(general, conditions, substrates, is_cut=is_cut), notes


def at_once(general: Generality) -> int:
    """How many conditions are looked at together."""
    return max(FEWEST, CELLS // min(len(general.substrates), LOOKED_AT))


def _conditions(question: Question, general: Generality) -> tuple[NDArray[np.float64], bool, tuple[str, ...]]:
    """The conditions of the pool, or as many at random as can be judged, ``(c, r)``; and whether there are more."""
    pool, indices, notes = candidates(question)
    if notes and question.pool is not None:
        of = f"{len(indices)} of the {len(question.pool)} candidates"
        notes = (f"looked for conditions in a random sample of {of}",)
    found = np.empty((0, len(general.rest)))
    for start in range(0, len(indices), CHUNK):
        found = np.unique(np.vstack([found, general.conditions(pool.take(indices[start : start + CHUNK]))]), axis=0)
    most = max(FEWEST, POOL_LIMIT // len(general.substrates))
    waits = _leaves_out_for_now(question)
    if waits or len(found) > most:
        known = general.conditions(question.observed.numpy())
        known = known[general.first_allowed(known) >= 0]
    if waits:  # what is left out for now is no candidate, and what was measured of it is what is to be improved on
        found = np.unique(np.vstack([found, known]), axis=0)
    if len(found) > most:
        rng = np.random.default_rng([question.seed, 4])
        drawn = found[np.sort(rng.choice(len(found), most, replace=False))]
        notes = (*notes, f"judged {most} of {len(found)} conditions, drawn at random, and those tried")
        found = np.unique(np.vstack([drawn, known]), axis=0)
    return found, bool(notes), notes


def _open(question: Question, scene: Field) -> Tensor:
    """Numbers of the cells that may be run next, shape ``(k,)``."""
    x = scene.cells.numpy()
    may = (scene.shares.reshape(-1) > 0.0).numpy() & ~is_among(x, question.tried) & question.affordable(x)
    if _leaves_out_for_now(question):  # what is judged all the same
        may[may] = question.space.holds(x[may])
    may[may] = question.admits(x[may])
    if question.pool is not None and not isinstance(question.pool, ProductPool):
        may &= is_among(x, question.pool.take(np.arange(len(question.pool), dtype=np.int64)))
    return torch.from_numpy(np.flatnonzero(may))


def _leaves_out_for_now(question: Question) -> bool:
    return any(is_for_now(rule) for rule in question.space.constraints)


def _relief(voice: Voice, lead: int) -> Tensor:
    """How much less loss a member expects of naming ``lead`` after an experiment at each cell: ``(n,)``."""
    gap = voice.mean[lead] - voice.mean
    spread = voice.covariance.diagonal()
    before = (spread[lead] + spread - 2.0 * voice.covariance[lead]).clamp_min(0.0)
    slopes = voice.slopes()
    told = (slopes[:, lead, None] - slopes).square()
    fall = expected_loss(gap, before.sqrt()) - expected_loss(gap, (before - told).clamp_min(0.0).sqrt())
    return fall.sum(1) + FAINT * slopes.square().sum(1).sqrt()


def expected_loss(gap: Tensor, sd: Tensor) -> Tensor:
    """What is lost on average by not naming a rival that lies ``gap`` behind, give or take ``sd``; any shape."""
    sd = sd.clamp_min(1e-300)
    z = gap / sd
    density = (-0.5 * z.square()).exp() / math.sqrt(2.0 * math.pi)
    lost: Tensor = sd * density - gap * torch.special.ndtr(-z)
    return lost


def _deviations(heard: list[Voice], mean: Tensor) -> Tensor:
    """Standard deviations of what conditions are believed to be worth by all members together: ``(c,)``."""
    second = torch.stack([v.weight * (v.covariance.diagonal() + (v.mean - mean).square()) for v in heard]).sum(0)
    return second.clamp_min(0.0).sqrt()


def _said(scene: Field, mean: Tensor, sd: float, condition: int, lead: int) -> str:
    """What is believed of a condition, against the one in the lead."""
    general = scene.general
    value, best_value = (general.possible(general.sign * float(mean[i])) for i in (condition, lead))
    text = f"its condition's {general.said} is believed to be {plus_minus(value, sd, general.unit)}"
    if condition == lead:
        return f"{text}, the best so far"
    gap = general.sign * (best_value - value)
    behind = f"{in_digits(gap)} {general.unit}".rstrip()
    told = f"{behind} behind" if float(in_places(gap, sd)) else "about as good as"
    best = general.space.label(general.settings(scene.conditions[lead]))
    return f"{text}, {told} the condition believed best ({best})"
