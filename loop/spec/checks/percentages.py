"""Numbers of a target in percent that may not be meant, too small or too large; a file may have them all the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from loop.spec.models import CampaignSpec, TargetSpec


def perhaps_fractions(spec: CampaignSpec) -> Iterator[str]:
    """A sentence for each rule, threshold or guess of a target to maximize, in percent, that is at most one percent."""
    for name, target in spec.objective.items():
        if target.unit != "%" or target.goal != "maximize" or target.levels is not None or target.classes is not None:
            continue
        for place, values in _said_of(spec, name, target):
            most = max(values)
            if 0.0 < most <= 1.0 and min(values) >= 0.0:
                yield f"{place}: {most:g} % is little of {name}; where a fraction is meant, write {100 * most:g}"


def beyond_all(spec: CampaignSpec, yields: Collection[str]) -> Iterator[str]:
    """A sentence for each rule, threshold or guess of the targets ``yields``, in percent, that is more than all."""
    for name, target in spec.objective.items():
        if name in yields and target.unit == "%":
            for place, values in _said_of(spec, name, target):
                if (most := max(values)) > 100.0:
                    yield f"{place}: {most:g} % is more of {name} than there can be; write 100 or less"


def _said_of(spec: CampaignSpec, name: str, target: TargetSpec) -> Iterator[tuple[str, list[float]]]:
    """Where the file says how much of a target is wanted, can be or is expected, and the numbers there."""
    at = f"objective.{name}"
    yield from (
        (f"{at}.{key}", [v]) for key, v in (("high", target.high), ("at_least", target.at_least)) if v is not None
    )
    if target.desirable:
        yield f"{at}.desirable", list(target.desirable.values())
    for i, rule in enumerate(spec.stop or ()):
        if rule.target == name and rule.at_least is not None and not (spec.general and spec.general.by == "share"):
            yield f"stop.{i}.at_least", [rule.at_least]
    if spec.general is not None and spec.general.at_least is not None:
        yield "general.at_least", [spec.general.at_least]
    for parameter, guess in ((spec.prior or {}).get(name) or {}).items():
        if isinstance(guess, dict):
            yield f"prior.{name}.{parameter}", list(guess.values())
