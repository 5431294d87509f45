"""Reasons: why a candidate was proposed, in one sentence for a person, and what on record is nearest to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from loop.belief import Belief
from loop.design.reasons import INITIAL
from loop.expecting import Mark, expectation, improvement_text, size_on_scale
from loop.history import History
from loop.objective import Objective
from loop.outcome import Fault
from loop.policy.replicate import Turn
from loop.record import HEADS, Arm, Prediction
from loop.space import Category, Component, Space
from loop.surrogates.metric import metric
from loop.surrogates.representation import Representation
from loop.tolerance import counts
from loop.wording import in_digits, plural


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest candidate on record and how far it is: 0 the same, about 1 as far as two random candidates."""

    label: str | None
    novelty: float | None


def nearest(space: Space, x: NDArray[np.float64], history: History) -> Nearest:
    """Among everything observed, in fingerprint distance, parameters weighing alike."""
    if not history.observations:
        return Nearest(None, None)
    seen = np.array([o.made for o in history.observations])
    distance = metric(space, Representation.COUNTS)
    squared = distance.squared(torch.from_numpy(x[None, :].copy()), torch.from_numpy(seen))[0]
    best = int(squared.argmin())
    # two random options are 2 apart on average, two random numbers 1/3 (of squared, scaled distance: 1/6)
    mixed = space.frame.mixed_columns | {c for p in space.products for c in p.columns[1:]}  # a product is one thing
    kinds = [p for column, p in enumerate(space.parameters) if column not in mixed]
    typical = sum(2.0 if isinstance(p, Category | Component) else 1 / 6 for p in kinds)
    typical += sum(1.0 for _ in space.mixtures) + sum(1 / 6 for _ in space.derived)
    novelty = min(float((squared[best].clamp_min(0) / typical).sqrt()), 1.0)
    return Nearest(space.label(space.as_tried(seen[best])), novelty)


def origin_of(space: Space, x: NDArray[np.float64]) -> str:
    """Of a union: which source a candidate at ``x``, ``(d,)``, is from, and of which reagents; "" of anything else."""
    if space.union is None:
        return ""
    column, union = space.union
    return f"; {union.said(round(float(x[column])))}"


def explain_initial(arm: Arm, meaning: str, known: Nearest) -> str:
    """Why an initial or control candidate."""
    if arm is Arm.CONTROL:
        return HEADS[arm] + "drawn at random among the untried, to measure the gain over chance"
    if arm in (Arm.MODEL, Arm.REPLICATE, Arm.REFERENCE, Arm.MANUAL):
        return meaning
    if meaning == "spread" and known.label:
        return HEADS[Arm.INITIAL] + "farthest from everything tried before, to see the whole space"
    return HEADS[Arm.INITIAL] + INITIAL.get(meaning, meaning)


def explain_replicate(objective: Objective, turn: Turn, history: History, x: NDArray[np.float64], *, per: str) -> str:
    """Why a tried candidate is measured again instead of a new one; ``per`` is what its worth is divided by."""
    ended = [o.outcome for o in history.observations if bool((o.made == x).all())]
    failed = sum(isinstance(outcome, Fault) for outcome in ended)
    waiting = sum(bool((p.x == x).all()) for p in history.pending)
    times = len(ended) - failed
    so_far = f"measured {plural(times, 'time')} so far"
    so_far += f", {failed} more failed" if failed else ""
    so_far += f", {waiting} more running" if waiting else ""
    why = "to see whether it is truly the best" if turn.is_incumbent else "it may be better than what is believed best"
    why += ", once more before the budget ends" if turn.is_due else ""
    of = objective.wanted[0] if len(objective.wanted) == 1 else None
    sizes = (turn.gain, turn.rival or 0.0)
    gain, new = (in_digits(size) if of is None else size_on_scale(of, size) for size in sizes)
    rival = "" if turn.rival is None else f", a new candidate by {new}{per}"
    gain += per
    raised = f"It is expected to raise the value of what is named best by {gain}{rival}"
    return f"{HEADS[Arm.REPLICATE]}{so_far}; {why}. {raised}"


def explain_model(
    space: Space,
    objective: Objective,
    belief: Belief,
    acquisition: str,
    value: float | None,
    predictions: Sequence[Prediction],
    levels: Mapping[str, Sequence[float]],
    known: Nearest,
    x: NDArray[np.float64],
    *,
    mark: Mark,
    per: str,
    condition: str,
    also: str,
) -> str:
    """Why the model chose the candidate at ``x``, ``(d,)``: what it expects against what it knows, and who disagrees.

    ``levels`` are the chances of the levels of ordinal targets, the lowest first; ``mark`` is what it is to improve on.
    ``condition`` is what is believed of its condition over the scope, where there is one; ``also`` ends the sentence.
    """
    parts = []
    for i, target in enumerate(objective.targets):
        if target.name in belief.unscaled:
            parts.append(f"the prior ranks its {target.name}, and states no value")
            continue
        mine = [p for p in predictions if p.target == target.name]
        parts.append(expectation(belief, mark, i, target, mine, levels.get(target.name, ()), condition, x))
    intent = {
        "first": "chosen for what the sources expect",
        "improvement": "chosen for the improvement it may bring",
        "exploration": "chosen for what it teaches about the whole surface",
        "boundary": "chosen for what it tells of where thresholds are kept",
        "thompson": "the best of one draw of the response",
        "ucb": "chosen for its optimistic value",
        "top": "among the highest values believed",
        "hits": "among the likeliest hits",
        "search": "chosen for its chance of the best level, and for what it tells of others'",
        "pareto": "chosen for the hypervolume it may add",
        "general": "chosen for what it tells of which condition is best over the scope",
    }.get(acquisition, acquisition)
    if acquisition == "improvement" and value is not None and space.is_finite:
        intent += f" ({improvement_text(objective, value, predictions, per)})"
    if acquisition == "pareto" and value == 0:
        intent = "comes nearest to what adds hypervolume, which nothing is believed to"
    if acquisition == "general" and value is not None:
        intent += f" (expected losses of naming the one in the lead, summed over its rivals: {value:.2g}{per} less)"
    if acquisition == "hits" and value is not None:
        intent += f" (chance of a hit {value:.2g}{per})"
    if known.novelty is not None:
        intent += f"; novelty {known.novelty:.2f}"
    return f"{intent}: " + "; ".join([*parts, *_straying(objective, belief), *([also] if also else [])])


def _straying(objective: Objective, belief: Belief) -> list[str]:
    """Which targets are said of where settings stray; nothing where none is."""
    counted = () if belief.used is None else counts(objective)
    which = "all of it" if len(counted) == len(objective.targets) else " and ".join(t.name for t in counted)
    return [f"{which} where settings stray"] if which else []
