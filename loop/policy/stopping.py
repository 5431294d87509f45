"""Stopping: when a campaign has reached what it was for, or has spent what it was given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from loop.derived import derived
from loop.fidelity import is_real
from loop.history import History, Observation
from loop.insight.saying import chance_of, if_exact, size_of_regret
from loop.insight.statements import CHECKED, DELTA
from loop.objective import Objective
from loop.outcome import Qualifier
from loop.record import Json
from loop.space.leaving_out import still_has
from loop.spec import CampaignSpec, build_objective, build_space
from loop.spec.models import StopSpec
from loop.values import AT_LEAST, AT_MOST, Sure, sign_of_score, sure_of
from loop.wording import plural

CONFIRMS: Final = "confirms"  # in a statement on regret: what came of the best measured once more is waited for
# Advice where nothing is left; whoever knows that a laboratory's numbers come out the same each time leaves it out.
MEASURED_AGAIN: Final = "; replicates: planned under planner measures again what may be the best"
_SETTLED: Final = re.compile(
    r"nothing untried is believed to be better than .* was allowed\)(, if results hardly scatter)?"
)


def reason_to_stop(spec: CampaignSpec, history: History, spent: int, judged: Json | None = None) -> str:
    """Why no further batch is to be proposed, as a sentence; "" to go on.

    One rule of ``spec.stop`` is enough, and one value that meets it, or a limit that leaves no doubt of it: "> 99",
    where 98 is wanted. What is retracted, may break a threshold, or is left out by the file as it is meets none. The
    goal comes before the budget, since it is the better news. Where a condition is sought for a scope, no single value
    meets a rule, but what is believed of the best condition does: the whole of its interval, once some of the
    predictions were held against results.

    Args:
        spec: What the campaign is to reach and may spend.
        history: What counts now; its claims only where a condition is sought.
        spent: Experiments begun so far: distinct pairs of proposal and replicate, whatever was tried again.
        judged: The best condition as the last round's record has it, None where there is none.
    """
    if spec.general is not None:
        settled = "" if len(history.claims) < CHECKED else _condition_reached(spec, judged or {})
        return settled or _budget_spent(spec, spent)
    counted = derived(spec, history).observations if spec.stop else ()
    reached = _reached(spec, counted)
    if reached:  # is what reached it the real thing, and has the file it still?
        space, x = build_space(spec), np.array([o.made for o in counted])
        counts = is_real(space, x) & still_has(space, x)
        reached = _reached(spec, [o for o, is_there in zip(counted, counts, strict=True) if is_there])
    return reached or _budget_spent(spec, spent)


def _reached(spec: CampaignSpec, counted: Sequence[Observation]) -> str:
    """By which result a rule is met, as a sentence; "" where none is."""
    objective = build_objective(spec)
    every = [sure_of(o.outcome, objective) for o in counted]
    kept = [row for row in every if objective.keeps({name: value for name, (value, _) in row.items()})]
    for rule in spec.stop:
        unit, reached = _values(objective, rule.target, kept)
        above = [pair for pair in reached if pair[1] not in (Qualifier.BELOW, AT_MOST)]
        below = [pair for pair in reached if pair[1] not in (Qualifier.ABOVE, AT_LEAST)]
        if rule.at_least is not None and above and max(above)[0] >= rule.at_least:
            return _sentence(objective, rule.target, max(above), "at least", rule.at_least, unit)
        if rule.at_most is not None and below and min(below)[0] <= rule.at_most:
            return _sentence(objective, rule.target, min(below), "at most", rule.at_most, unit)
    return ""


def regret_settled(spec: CampaignSpec, told: Json) -> str:
    """Why nothing more is to be gained, as a sentence; "" while a regret is left, or where no rule names one.

    Args:
        spec: The rules.
        told: The statement on regret of the round that is planned now, as ``loop.insight.regret`` tells it. It is not
            believed before some predictions were held against results, nor where the round itself confirms the best.
    """
    if told.get(CONFIRMS):
        return ""
    for rule, chance in _met(spec, told):
        allowed = size_of_regret(told, f"{rule.regret:g}")
        return (
            f"nothing untried is believed to be better than {told['incumbent']} by more than {allowed} "
            f"({chance_of(chance)}, and {rule.delta or DELTA:g} was allowed){if_exact(told)}"
        )
    return ""


def settled_in(reason: str) -> str:
    """What the reason of a finished campaign says of the regret that ended it, which ``regret_settled`` told.

    "" where something else ended it. A reason goes on with the best that the campaign ends with.
    """
    return found[0] if (found := _SETTLED.match(reason)) else ""


def is_to_be_confirmed(spec: CampaignSpec, told: Json) -> bool:
    """Whether the best is to be measured once more before a regret ends the campaign, by a rule that is met.

    So it is where nothing says whether results scatter: what is believed best may have been lucky, and the statement,
    which takes results for exact there, too sure (docs/decisions/0085).
    """
    met = [rule for rule, _ in _met(spec, told)]
    return bool(met) and not told.get("repeated", True) and all(rule.confirm is not False for rule in met)


def _met(spec: CampaignSpec, told: Json) -> Iterator[tuple[StopSpec, float]]:
    """The rules on regret that are met, each with the chance of more than it allows: none while a part of the space is
    left out for now, of which the statement says nothing."""
    if told.get("checked", 0) < CHECKED or told.get("narrowed"):
        return
    chances = {(r["regret"], r["delta"]): r["chance"] for r in told.get("rules", ())}
    for rule in spec.stop:
        chance = None if rule.regret is None else chances.get((rule.regret, rule.delta or DELTA))
        if chance is not None and chance <= (rule.delta or DELTA):
            yield rule, chance


def _budget_spent(spec: CampaignSpec, spent: int) -> str:
    budget = spec.budget.experiments
    return f"the budget of {plural(budget, 'experiment')} is spent" if budget is not None and spent >= budget else ""


def _condition_reached(spec: CampaignSpec, judged: Json) -> str:
    """Why the condition believed best is good enough, "" where it is not believed to be with its whole interval.

    Its value is left out: that was believed when the batch was planned, and is another now.
    """
    low, high, unit = judged.get("low"), judged.get("high"), judged.get("unit", "")
    for rule in spec.stop:
        sure = rule.at_least is not None and low is not None and low >= rule.at_least
        sure |= rule.at_most is not None and high is not None and high <= rule.at_most
        if sure:
            side = f"at least {rule.at_least:g}" if rule.at_least is not None else f"at most {rule.at_most:g}"
            wanted = f"{side} {unit}".rstrip()
            return (
                f"condition {judged['label']} was believed to reach what is wanted ({judged['by']} {wanted}, with its "
                "whole interval) when the last batch was planned"
            )
    return ""


def _values(objective: Objective, name: str, rows: Sequence[Sure]) -> tuple[str, list[tuple[float, str]]]:
    """The unit and what is sure of a target, or of the score of all, in rows that keep the thresholds."""
    if name in objective.names:
        return objective.units[name], [row[name] for row in rows if name in row]
    found = []
    for row in rows:
        if all(t.name in row for t in objective.wanted):
            values = {target: value for target, (value, _) in row.items()}
            sign = sign_of_score(objective, {target: sign for target, (_, sign) in row.items()})
            found.append((objective.score(values), sign))
    return "", found


def _sentence(
    objective: Objective, name: str, reached: tuple[float, str], relation: str, bound: float, unit: str
) -> str:
    words = next((t.grades for t in objective.targets if t.name == name), {})
    got, wanted = (words.get(v) or f"{v:g} {unit}".rstrip() for v in (reached[0], bound))
    sign = "" if reached[1] == Qualifier.EQUAL else f"{reached[1]} "
    return f"{name} reached {sign}{got}, and {relation} {wanted} was wanted"
