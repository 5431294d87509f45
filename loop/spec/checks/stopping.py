"""What can be wrong with the rules that stop a campaign: a name that nobody knows, or a regret that has no meaning."""

from __future__ import annotations

from typing import Final

from loop.errors import did_you_mean
from loop.objective import SCORES, Goal, Tradeoff
from loop.spec.building import build_objective
from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec, StopSpec
from loop.units import unit_shown

LEAST_DELTA: Final = 0.001  # of 1,024 draws, loop.insight.regret


def problem_of_stop(spec: CampaignSpec) -> Problem | None:
    """A rule on a target that there is not, or on values that cannot end a campaign. The objective must be sound."""
    score = SCORES.get(build_objective(spec).tradeoff)
    known = [*spec.wanted, *([] if score is None else [score])]
    for i, rule in enumerate(spec.stop):
        if rule.target not in known:
            told = f"stop names target {rule.target!r}, which the objective lacks{did_you_mean(rule.target, known)}"
            return ("stop", i), f"{told}; use one of {', '.join(known)}"
        for key in ("at_least", "at_most"):
            value = getattr(rule, key)
            if value is not None and (problem := _of_value(spec, rule.target, key, value)):
                return ("stop", i, key), problem
    return None


def _of_value(spec: CampaignSpec, name: str, key: str, value: float) -> str:
    """Why a value to be reached ends no campaign, or any at once; "" where it may be what is wanted."""
    target = spec.wanted.get(name)
    is_share = spec.general is not None and spec.general.by == "share"
    goal = Goal.MAXIMIZE if target is None or is_share else target.goal  # a score, or a share, is to be high
    against = {Goal.MAXIMIZE: "at_most", Goal.MINIMIZE: "at_least"}.get(goal)
    if key == against:
        other = "at_least" if against == "at_most" else "at_most"
        why = "a share is to be high" if is_share else f"the goal is {goal.value}"
        return f"{why}, so the first bad result would end the campaign; write {other}"
    if target is not None and goal is Goal.MATCH and target.within is None:
        beyond = "at_most" if key == "at_least" else "at_least"
        if getattr(target, beyond) is None:
            return (
                f"the goal is match, so a result far beyond {target.value:g} would end the campaign too; give {name!r} "
                "a within under objective, as a result that is farther off meets no rule, or write regret"
            )
    low, high = (None, None) if target is None else (target.low, target.high)
    unit = "" if target is None else unit_shown(target.unit)
    if name == SCORES[Tradeoff.DESIRABILITY] and target is None:
        low, high = 0.0, 1.0
    elif is_share:
        low, high, unit = 0.0, 100.0, "%"
    if (low is not None and value < low) or (high is not None and value > high):
        span = f"{low:g} to {high:g}" if low is not None and high is not None else f"at most {high:g}"
        span = f"at least {low:g}" if high is None else span
        return f"{value:g} {unit}".rstrip() + f" is not what {name!r} can be ({span}); correct it"
    return ""


def problem_of_regret(spec: CampaignSpec) -> Problem | None:
    """A regret where nothing could say it; None where all can stand. Everything else must be sound."""
    for i, rule in enumerate(spec.stop):
        if rule.regret is not None and (problem := _of_regret(spec, rule)):
            return ("stop", i, "regret"), problem
    return None


def _of_regret(spec: CampaignSpec, rule: StopSpec) -> str:
    """Why a regret has no meaning here, and the way out; "" where it has one."""
    objective = build_objective(spec)
    if rule.delta is not None and rule.delta < LEAST_DELTA:
        return f"delta {rule.delta:g} is less than the draws of a response can tell; use {LEAST_DELTA:g} or more"
    if spec.planner.surrogate == "random":
        return "a regret is what a model believes, and surrogate random has none; choose another surrogate"
    if spec.general is not None:
        return "no regret is stated of general conditions; use at_least or at_most, which the whole interval meets"
    if not objective.is_scalar:
        return (
            "several targets have no one best that could be regretted; add tradeoff: desirability or weighted and "
            "name its score, or use at_least or at_most"
        )
    wanted = objective.wanted
    name = wanted[0].name if len(wanted) == 1 else SCORES[objective.tradeoff]
    if rule.target != name:
        kept = " is only kept within its limits" if len(wanted) == 1 else " is only a part of the trade-off"
        return f"{rule.target!r}{kept}, and what may be regretted is {name}; write target: {name}"
    if len(wanted) == 1 and wanted[0].is_log and not (rule.regret or 0.0) > 1.0:
        return (
            f"{rule.regret:g} is no factor by which something may be better, and {name} has a logarithmic scale; write "
            "a number above 1, such as 1.5"
        )
    if any(t.levels is not None for t in objective.targets):
        return "levels are no distances, so there is no regret in steps of them; use at_least or at_most"
    return ""
