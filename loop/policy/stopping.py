"""Stopping: when a campaign has reached what it was for, or has spent what it was given."""

from __future__ import annotations

from loop.history import History, values_of
from loop.spec import CampaignSpec


def reason_to_stop(spec: CampaignSpec, history: History, spent: int) -> str:
    """Why no further batch is to be proposed, as a sentence; "" to go on.

    One rule of ``spec.stop`` is enough, and one exact value that meets it: a limit ("> 99") or a value of a
    retracted observation meets none. The goal comes before the budget, since it is the better news.

    Args:
        spec: What the campaign is to reach and may spend.
        history: What counts now.
        spent: Experiments begun so far: distinct pairs of proposal and replicate, whatever was tried again.
    """
    for rule in spec.stop:
        unit = spec.objective[rule.target].unit
        values = [v[rule.target] for o in history.observations if rule.target in (v := values_of(o.outcome))]
        if rule.at_least is not None and values and max(values) >= rule.at_least:
            return _sentence(rule.target, max(values), "at least", rule.at_least, unit)
        if rule.at_most is not None and values and min(values) <= rule.at_most:
            return _sentence(rule.target, min(values), "at most", rule.at_most, unit)
    if spent >= spec.budget.experiments:
        return f"the budget of {spec.budget.experiments} experiments is spent"
    return ""


def _sentence(target: str, value: float, relation: str, bound: float, unit: str) -> str:
    return f"{target} reached {value:g} {unit}".rstrip() + f", and {relation} {bound:g} {unit}".rstrip() + " was wanted"
