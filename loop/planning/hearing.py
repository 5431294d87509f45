"""The first batch by what sources expect, before anything of this campaign was measured."""

from __future__ import annotations

import math

import numpy as np
import torch

from loop.acquisition.general import General
from loop.errors import PoolExhausted
from loop.memory.first import first_choices
from loop.planning.designing import narrowing_of, payable_design
from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.policy import leaving
from loop.policy.hottest import are_hot, hot_meanings, said
from loop.policy.narrowing import NOTHING, Narrowing
from loop.record import Arm
from loop.space.temperatures import temperatures

HEARD = 0.6  # of the first batch, where sources speak; docs/decisions/0009


def by_sources(s: Situation) -> tuple[list[Pick], list[str]]:
    """Most of the first batch by what sources expect, the rest as the initial design has it, and notes on it.

    Where a first batch is to be hot and no source tells of temperature, all of it is hot; likewise of leaving groups.
    """
    size = s.wanted
    picks, notes, narrowing = _most(s, size)
    hot, out = narrowing.hot, narrowing.out
    if size > len(picks):
        design = s.spec.planner.initial.design
        taken = np.vstack([s.tried, *(p.x[None, :] for p in picks)])
        try:
            x = payable_design(design, s, taken, size - len(picks), s.seed, narrowing=narrowing)
        except PoolExhausted:  # the sources' choices may be all that is left
            x = np.empty((0, len(s.space.parameters)))
        meanings = hot_meanings(s.space, x) if hot else [leaving.MEANING if out else design] * len(x)
        picks += [Pick(row, Arm.INITIAL, "", None, meaning) for row, meaning in zip(x, meanings, strict=True)]
    if hot:
        heat = said(s.space, are_hot(s.space, np.array([p.x for p in picks])))
        notes = [*notes, f"no source tells of temperature; {heat}"]
    if out:
        notes = [*notes, f"no source tells of {' and '.join(s.space.called(out))}; {leaving.said(s.space, out)}"]
    return picks, notes


def _most(s: Situation, size: int) -> tuple[list[Pick], list[str], Narrowing]:
    """Most of ``size`` experiments, by the sources; notes on them, and by what the whole batch is narrowed."""
    question, n = s.question, math.ceil(HEARD * size)
    narrowing = NOTHING
    if s.general is not None:  # what counts is the condition over its scope, not the highest result with one substrate
        function = General()
        with torch.no_grad():
            choice = function.choose(question, n)
        name, chosen, notes = function.name, choice.points, list(choice.notes)
    else:
        name, chosen, notes = "first", (), []
        for narrowing in _left_open(s):
            if chosen := first_choices(question, n, narrowing=narrowing, enough=size):
                break
    return [Pick(c.x, Arm.MODEL, name, c.value, c.meaning) for c in chosen], notes, narrowing


def _left_open(s: Situation) -> list[Narrowing]:
    """By what a batch may be narrowed, of which no source tells: as much as is meant, less, and nothing."""
    told = {column for hints in s.hints.values() for hint in hints if not hint.is_spare for column in hint.columns}
    meant = narrowing_of(s)
    hot = meant.hot and not temperatures(s.space.frame).keys() & told
    out = {column: those for column, those in meant.out.items() if column not in told}
    found = [Narrowing(hot, out)] if hot or out else []
    if hot and out:
        found.append(Narrowing(hot))
    return [*found, NOTHING]
