"""Predicted against measured: predictions frozen at proposal time, judged by what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, sqrt
from statistics import NormalDist, correlation, fmean
from typing import Final

from flows.report.content import Kind, Result
from flows.report.standing import stated
from flows.report.trust import Calibration, Check, Coverage, HitRate, Trust
from loop.objective import CLASSES, Target
from loop.outcome import Qualifier
from loop.record import Arm, ProposalRecord

LEVELS: Final = (0.5, 0.9)
TOO_FEW: Final = 10  # below this a 90 % interval cannot be told from a 50 % one with any confidence


def judge(
    results: Sequence[Result], proposals: Mapping[tuple[int, int], ProposalRecord], target: Target
) -> Calibration:
    """How the predictions of one target fared.

    Each proposal counts once, with its first replicate that has a number: replicates share one prediction, and
    counting them all would make the intervals look better known than they are. Cheap versions of the experiment are
    left out: they are known better or worse than the real thing, of which the figures speak. So is what ran at other
    settings than those of which the prediction spoke.
    """
    checks: dict[str, Check] = {}
    without_number: set[str] = set()
    cheaper: set[str] = set()
    elsewhere: set[str] = set()
    for result in results:
        proposal = None if result.is_told else proposals.get((result.round_number, result.position))
        said = None if proposal is None else stated(proposal, target.name)
        if proposal is None or said is None or not (isfinite(said.mean) and isfinite(said.sd)):
            continue
        if not result.is_real:
            cheaper.add(proposal.id)
            continue
        if not result.is_as_asked:
            elsewhere.add(proposal.id)
            continue
        reading = result.readings.get(target.name)
        has_number = (
            result.kind is Kind.MEASURED
            and result.retracted is None
            and reading is not None
            and reading.qualifier is Qualifier.EQUAL
        )
        mean, sd = target.moments_on_scale(said.mean, said.sd)
        if not has_number or reading is None or not all(map(isfinite, (mean, target.scaled(reading.value)))):
            without_number.add(proposal.id)
        elif proposal.id not in checks:
            measured = target.scaled(reading.value)
            checks[proposal.id] = Check(
                proposal.id, result.settings, result.arm, result.round_number, mean, sd, measured
            )
    every = tuple(checks.values())
    arms = tuple(arm for arm in Arm if any(check.arm is arm for check in every))
    has_classes = target.classes is not None
    trust = [_trust(arms, every, has_classes=has_classes)]
    if len(arms) > 1:
        trust += [_trust((arm,), [c for c in every if c.arm is arm], has_classes=has_classes) for arm in arms]
    left_out = len(without_number - set(checks))
    return Calibration(target.name, every, tuple(trust), left_out, len(cheaper), len(elsewhere - set(checks)))


def interval(check: Check, level: float) -> tuple[float, float]:
    """The central interval that the prediction, taken as normal, states at ``level``."""
    half = NormalDist().inv_cdf((1 + level) / 2) * check.sd
    return check.mean - half, check.mean + half


def wilson(inside: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share; from 0 to 1 when ``n`` is 0.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    """
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = inside / n
    centre = share + z * z / (2 * n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def spearman(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; ``None`` where a side does not vary."""
    if len(set(xs)) < 2 or len(set(ys)) < 2:
        return None
    return correlation(_ranks(xs), _ranks(ys))


def _ranks(values: Sequence[float]) -> list[float]:
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values), start=1):
        places.setdefault(value, []).append(place)
    return [fmean(places[value]) for value in values]


def _trust(arms: tuple[Arm, ...], checks: Sequence[Check], *, has_classes: bool) -> Trust:
    n = len(checks)
    coverage = []
    for level in () if has_classes else LEVELS:
        inside = sum(low <= check.measured <= high for check in checks for low, high in [interval(check, level)])
        coverage.append(Coverage(level, inside, n, *wilson(inside, n)))
    return Trust(
        arms=arms,
        n=n,
        coverage=tuple(coverage),
        rmse=sqrt(fmean((check.mean - check.measured) ** 2 for check in checks)) if n else None,
        spearman=spearman([check.mean for check in checks], [check.measured for check in checks]),
        hits=_hit_rate(checks) if has_classes else None,
    )


def _hit_rate(checks: Sequence[Check]) -> HitRate:
    found = sum(check.measured > CLASSES[0] for check in checks)
    return HitRate(sum(check.mean for check in checks), found, len(checks), *wilson(found, len(checks)))
