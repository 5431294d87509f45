"""Reasons: why a candidate was proposed, in one sentence for a person, and what on record is nearest to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.acquisition.utility import LEADING
from loop.belief import Belief
from loop.fidelity import is_real
from loop.history import History
from loop.insight.saying import graded_text
from loop.objective import SCORES, Objective, Target
from loop.outcome import Fault
from loop.policy.replicate import Turn
from loop.record import HEADS, Arm, Prediction
from loop.space import Category, Component, Space
from loop.surrogates.metric import metric
from loop.surrogates.protocol import skim
from loop.surrogates.representation import Representation
from loop.wording import in_digits, in_places, plural, plus_minus, within_factor

SHOWN = 4  # members whose expectations a sentence names
HARDLY = 1e-3  # of the deviation stated: an improvement below which its number, 8e-129 perhaps, tells nobody anything


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest candidate on record and how far it is: 0 the same, about 1 as far as two random candidates."""

    label: str | None
    novelty: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """What a batch is to improve on.

    Attributes:
        standing: The measured candidates that count, shape ``(n, d)``: of the file as it is, within its thresholds
            where any is believed to be; perhaps none.
        measured: By number of a target, where it was measured as the real thing: shape ``(k, d)``.
        is_kept: Whether there are thresholds, and those that count are believed to keep them.
    """

    standing: Tensor
    measured: tuple[Tensor, ...]
    is_kept: bool
    found: dict[int, float] = field(default_factory=dict, init=False)  # every sentence of a batch asks for it

    @staticmethod
    def of(question: Question, belief: Belief) -> Mark:
        """What a question counts improvement from."""
        table, targets = belief.table, question.objective.targets
        real = is_real(question.space, table.x)
        return Mark(
            standing=question.baseline,
            measured=tuple(torch.from_numpy(table.x[real & ~np.isnan(table.y[:, i])]) for i in range(len(targets))),
            is_kept=any(t.has_bounds for t in targets) and len(question.keeping) > 0,
        )

    def best(self, belief: Belief, target: int, sign: float) -> float:
        """The best value believed of a target among what counts; of all that has a value where nothing has them all."""
        if target not in self.found:
            x = self.standing if len(self.standing) else self.measured[target]
            model = belief.models[target]
            with torch.no_grad():
                if len(x) > LEADING:  # of thousands a look tells which may be the best
                    x = x[torch.argsort(-sign * skim(model, x)[0], stable=True)[:LEADING]]
                mean = model.moments(x)[0]
            self.found[target] = sign * float((sign * mean).max())
        return self.found[target]


def nearest(space: Space, x: NDArray[np.float64], history: History) -> Nearest:
    """Among everything observed, in fingerprint distance, parameters weighing alike."""
    if not history.observations:
        return Nearest(None, None)
    seen = np.array([o.x for o in history.observations])
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
    kinds = {
        "spread": "far from the others, to see the whole space",
        "hot spread": "far from the others in the hottest third, where most reactions yield more",
        "spread as hot as may be": "far from the others in the hottest third of what there is with one of its options",
        "medoid": "the middle of its part of the space",
        "factorial": "one of the combinations of a full factorial",
        "fractional": "a point of a two-level fraction, in which main effects can be told apart",
        "d-optimal": "with the others, it tells the terms of the model best",
        "i-optimal": "with the others, it makes predictions over the space sharpest",
        "sobol": "a point of a Sobol sequence, which fills the space evenly",
        "lhs": "a point of a Latin hypercube: every range of every parameter once",
        "random": "drawn at random",
    }
    return HEADS[Arm.INITIAL] + kinds.get(meaning, meaning)


def _size(target: Target, size: float) -> str:
    """How much better on a target's scale: so much in its unit, or such a factor."""
    if target.is_log:
        return f"a factor of {in_digits(10.0**size)}"
    return f"{in_digits(size)} {target.unit}".rstrip()


def explain_block(block: int) -> str:
    """Which block an initial experiment belongs to; "" for none."""
    return f"; block {block}, whose experiments are run together" if block else ""


def explain_replicate(objective: Objective, turn: Turn, history: History, x: NDArray[np.float64], *, per: str) -> str:
    """Why a tried candidate is measured again instead of a new one; ``per`` is what its worth is divided by."""
    ended = [o.outcome for o in history.observations if bool((o.x == x).all())]
    failed = sum(isinstance(outcome, Fault) for outcome in ended)
    waiting = sum(bool((p.x == x).all()) for p in history.pending)
    times = len(ended) - failed
    so_far = f"measured {plural(times, 'time')} so far"
    so_far += f", {failed} more failed" if failed else ""
    so_far += f", {waiting} more running" if waiting else ""
    why = "to see whether it is truly the best" if turn.is_incumbent else "it may be better than what is believed best"
    why += ", once more before the budget ends" if turn.is_due else ""
    of = objective.wanted[0] if len(objective.wanted) == 1 else None
    gain, new = (in_digits(size or 0.0) if of is None else _size(of, size or 0.0) for size in (turn.gain, turn.rival))
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
    *,
    mark: Mark,
    per: str,
    condition: str,
    also: str,
) -> str:
    """Why the model chose a candidate: what it expects, against what it knows, and whether its members agree.

    ``levels`` are the chances of the levels of ordinal targets, the lowest first; ``mark`` is what it is to improve on.
    ``condition`` is what is believed of its condition over the scope, where there is one; ``also`` ends the sentence.
    """
    parts = []
    for i, target in enumerate(objective.targets):
        if target.name in belief.unscaled:
            parts.append(f"the prior ranks its {target.name}, and states no value")
            continue
        mine = [p for p in predictions if p.target == target.name]
        whole, members = mine[0], mine[1:]
        if target.is_log:
            parts.append(_expected_factor(belief, mark, i, target, whole, members))
            continue
        text = _expected(belief, mark, i, target, whole, levels.get(target.name, ()), condition)
        if len(members) > 1:
            gap = max(m.mean for m in members) - min(m.mean for m in members)
            agree = "agree" if gap <= whole.sd else "disagree"
            heaviest = sorted(members, key=lambda m: -(m.weight or 0.0))[:SHOWN]
            told = ", ".join(
                f"{m.member} {in_places(target.possible(m.mean), whole.sd, unit=target.unit)}"
                for m in members
                if m in heaviest
            )
            more = f", and {len(members) - SHOWN} of less weight" if len(members) > SHOWN else ""
            text += f"; members {agree} ({told}{more})"
        parts.append(text)
    intent = {
        "first": "chosen for what the sources expect",
        "improvement": "chosen for the improvement it may bring",
        "exploration": "chosen for what it teaches about the whole surface",
        "thompson": "the best of one draw of the response",
        "ucb": "chosen for its optimistic value",
        "top": "among the highest values believed",
        "hits": "among the likeliest hits",
        "search": "chosen for its chance of the best level, and for what it tells of others'",
        "pareto": "chosen for the hypervolume it may add",
        "general": "chosen for what it tells of which condition is best over the scope",
    }.get(acquisition, acquisition)
    if acquisition == "improvement" and value is not None and space.is_finite:
        intent += f" ({_improvement(objective, value, predictions, per)})"
    if acquisition == "general" and value is not None:
        intent += f" (expected losses of naming the one in the lead, summed over its rivals: {value:.2g}{per} less)"
    if acquisition == "hits" and value is not None:
        intent += f" (chance of a hit {value:.2g}{per})"
    if known.novelty is not None:
        intent += f"; novelty {known.novelty:.2f}"
    return f"{intent}: " + "; ".join([*parts, *([also] if also else [])])


def _improvement(objective: Objective, value: float, predictions: Sequence[Prediction], per: str) -> str:
    """How much of an improvement is expected, or that it is hardly any beside what is in doubt."""
    if len(objective.wanted) > 1:
        return f"expected {in_digits(value)} of the {SCORES[objective.tradeoff]}{per}"
    target = objective.wanted[0]
    said = next(p for p in predictions if p.target == target.name)
    if value < HARDLY * target.moments_on_scale(said.mean, said.sd)[1]:
        return "hardly any is expected"
    return f"expected {_size(target, value)}{per}"


def _expected(
    belief: Belief,
    mark: Mark,
    place: int,
    target: Target,
    whole: Prediction,
    levels: Sequence[float],
    condition: str,
) -> str:
    """What is expected of one target, against the best believed so far, the value to match or the thresholds."""
    mean = target.possible(whole.mean)
    if condition:
        return f"{target.name} {plus_minus(mean, whole.sd, target.unit)} expected; {condition}"
    if target.classes is not None:
        return f"{target.name} {target.classes[1]} with a chance of {whole.mean:.2g}"
    text = f"{target.name} {plus_minus(mean, whole.sd, target.unit)} expected{graded_text(target.graded(levels))}"
    if target.is_only_measured:
        return text
    text += ", "
    if target.sign and not len(belief.table):
        return text + "by the sources alone: nothing was measured yet"
    if target.sign:
        best = target.possible(mark.best(belief, place, target.sign))
        gap = in_places(abs(mean - best), whole.sd)
        far = f"{gap} {'above' if mean > best else 'below'}" if float(gap) else "as much as"
        where = " within the thresholds" if mark.is_kept else ""
        return text + f"{far} the best believed so far{where} ({in_places(best, whole.sd, unit=target.unit)})"
    if target.value is not None:
        return text + f"{in_places(abs(mean - target.value), whole.sd)} from the wanted {target.value:g}"
    low, high = ((bound - whole.mean) / max(whole.sd, 1e-300) for bound in target.bounds)
    kept = NormalDist().cdf(high) - NormalDist().cdf(low)
    return text + f"kept within its thresholds with a chance of {100 * kept:.0f} %"


def _expected_factor(
    belief: Belief, mark: Mark, place: int, target: Target, whole: Prediction, members: Sequence[Prediction]
) -> str:
    """What is expected of a target on a logarithmic scale: by which factor it may be better than the best."""
    mean, sd = target.moments_on_scale(whole.mean, whole.sd)
    text = f"{target.name} {within_factor(target.possible(10.0**mean), 10.0**sd, target.unit)} expected"
    if target.is_only_measured:
        return text + _members(target, sd, members)
    text += ", "
    if target.sign and not len(belief.table):
        text += "by the sources alone: nothing was measured yet"
    elif target.sign:
        best = mark.best(belief, place, target.sign)
        times = in_digits(10.0 ** abs(mean - best), 2)
        far = "as much as" if times == "1" else f"{times} times {'above' if mean > best else 'below'}"
        where = " within the thresholds" if mark.is_kept else ""
        text += f"{far} the best believed so far{where} ({in_digits(target.possible(10.0**best), 3)})"
    else:
        low, high = ((bound - mean) / max(sd, 1e-300) for bound in target.on_scale.bounds)
        kept = NormalDist().cdf(high) - NormalDist().cdf(low)
        text += f"kept within its thresholds with a chance of {100 * kept:.0f} %"
    return text + _members(target, sd, members)


def _members(target: Target, sd: float, members: Sequence[Prediction]) -> str:
    """Whether the members of a committee agree on a target with a logarithmic scale; "" of a single model."""
    if len(members) < 2:
        return ""
    means = {m.member: target.moments_on_scale(m.mean, m.sd)[0] for m in members}
    agree = "agree" if max(means.values()) - min(means.values()) <= sd else "disagree"
    heaviest = sorted(members, key=lambda m: -(m.weight or 0.0))[:SHOWN]
    told = ", ".join(
        f"{m.member} {in_digits(target.possible(10.0 ** means[m.member]), 3)}" for m in members if m in heaviest
    )
    more = f", and {len(members) - SHOWN} of less weight" if len(members) > SHOWN else ""
    return f"; members {agree} ({told}{more})"
