"""What is expected of a candidate, in words: target by target, against the best so far, and whether members agree."""

from __future__ import annotations

import math
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
from loop.insight.saying import graded_text
from loop.objective import SCORES, Objective, Target
from loop.record import Prediction
from loop.surrogates.protocol import SupportsBetween, skim
from loop.wording import factor_text, in_digits, in_places, named, plus_minus, within_factor

SHOWN = 4  # members whose expectations a sentence names
HARDLY = 1e-3  # of the deviation stated: an improvement below which its number, 8e-129 perhaps, tells nobody anything


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


def expectation(
    belief: Belief,
    mark: Mark,
    place: int,
    target: Target,
    predictions: Sequence[Prediction],
    levels: Sequence[float],
    condition: str,
    x: NDArray[np.float64],
) -> str:
    """What is expected at ``x``, ``(d,)``, of target number ``place``, by its ``predictions``: the whole's first.

    ``levels`` are the chances of its levels, the lowest first; ``condition`` is what is believed of its condition.
    """
    whole, members = predictions[0], predictions[1:]
    if target.is_log:
        return _expected_factor(belief, mark, place, target, whole, members, x)
    text = _expected(belief, mark, place, target, whole, levels, condition, x)
    means = {m.member: m.mean for m in members}
    shown = {name: in_places(target.possible(mean), whole.sd, unit=target.unit) for name, mean in means.items()}
    return text + _members(members, means, whole.sd, shown)


def size_on_scale(target: Target, size: float) -> str:
    """How much better on a target's scale: so much in its unit, or such a factor."""
    if target.is_log:
        return f"a factor of {factor_text(10.0**size)}"
    return f"{in_digits(size)} {target.unit}".rstrip()


def improvement_text(objective: Objective, value: float, predictions: Sequence[Prediction], per: str) -> str:
    """How much of an improvement is expected, or that it is hardly any beside what is in doubt."""
    if len(objective.wanted) > 1:
        return f"expected {in_digits(value)} of the {SCORES[objective.tradeoff]}{per}"
    target = objective.wanted[0]
    said = next(p for p in predictions if p.target == target.name)
    if value < HARDLY * target.moments_on_scale(said.mean, said.sd)[1]:
        return "hardly any is expected"
    return f"expected {size_on_scale(target, value)}{per}"


def _expected(
    belief: Belief,
    mark: Mark,
    place: int,
    target: Target,
    whole: Prediction,
    levels: Sequence[float],
    condition: str,
    x: NDArray[np.float64],
) -> str:
    """What is expected of one target, against the best believed so far, the value to match or the thresholds."""
    mean = target.possible(whole.mean)
    if condition:
        return f"{target.name} {plus_minus(mean, whole.sd, target.unit)} expected; {condition}"
    if target.classes is not None:
        return f"{named(target.name, target.sought)} with a chance of {whole.mean:.2g}"
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
    return text + _kept(belief, place, target, whole.mean, whole.sd, x)


def _expected_factor(
    belief: Belief,
    mark: Mark,
    place: int,
    target: Target,
    whole: Prediction,
    members: Sequence[Prediction],
    x: NDArray[np.float64],
) -> str:
    """What is expected of a target on a logarithmic scale: by which factor it may be better than the best."""
    mean, sd = target.moments_on_scale(whole.mean, whole.sd)
    means = {m.member: target.moments_on_scale(m.mean, m.sd)[0] for m in members}
    shown = {name: in_digits(target.possible(10.0**said), 3) for name, said in means.items()}
    agreement = _members(members, means, sd, shown)
    text = f"{target.name} {within_factor(target.possible(10.0**mean), 10.0**sd, target.unit)} expected"
    if target.is_only_measured:
        return text + agreement
    text += ", "
    if target.sign and not len(belief.table):
        text += "by the sources alone: nothing was measured yet"
    elif target.sign:
        best = mark.best(belief, place, target.sign)
        times = in_digits(10.0 ** abs(mean - best), 2)
        far = "as much as" if times == "1" else f"{times} times {'above' if mean > best else 'below'}"
        where = " within the thresholds" if mark.is_kept else ""
        text += f"{far} the best believed so far{where} ({in_digits(target.possible(10.0**best), 3)})"
    elif target.value is not None:
        times = in_digits(10.0 ** abs(mean - math.log10(target.value)), 2)
        text += f"{'as' if times == '1' else f'{times} times off'} the wanted {target.value:g}"
    else:
        text += _kept(belief, place, target, mean, sd, x)
    return text + agreement


def _kept(belief: Belief, place: int, target: Target, mean: float, sd: float, x: NDArray[np.float64]) -> str:
    """How likely a new measurement keeps the thresholds, by its mean and deviation on the scale where it is normal."""
    bounds, model = target.on_scale.bounds, belief.models[place]
    if isinstance(model, SupportsBetween):
        with torch.no_grad():
            kept = float(model.between(*bounds, torch.from_numpy(x)[None], is_new=True)[0])
    else:
        low, high = (NormalDist().cdf((bound - mean) / max(sd, 1e-300)) for bound in bounds)
        kept = high - low
    return f"kept within its thresholds with a chance of {100 * kept:.0f} %"


def _members(members: Sequence[Prediction], means: Mapping[str, float], sd: float, shown: Mapping[str, str]) -> str:
    """Whether the members of a committee, whose ``means`` are on one scale, agree; "" of a single model."""
    if len(members) < 2:
        return ""
    agree = "agree" if max(means.values()) - min(means.values()) <= sd else "disagree"
    heaviest = sorted(members, key=lambda m: -(m.weight or 0.0))[:SHOWN]
    told = ", ".join(f"{m.member} {shown[m.member]}" for m in members if m in heaviest)
    more = f", and {len(members) - SHOWN} of less weight" if len(members) > SHOWN else ""
    return f"; members {agree} ({told}{more})"
