"""The gain over chance: the model's arm against the control arm, chosen at random in the same rounds."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, variance

from flows.report.content import Chance, Kind, Result, Sample
from loop.objective import Target
from loop.outcome import Qualifier
from loop.record import Arm


def compare(results: Sequence[Result], target: Target) -> Chance:
    """The difference of the arms' means with its standard error (Welch: unequal variances).

    The unit is the proposal: replicates are averaged first. Limits, negatives and faults have no number, so they are
    counted beside the mean and not in it. Cheap versions of the experiment are left out. Of a target to be matched it
    is how far values are off, of which less is better.
    """
    model, control = _sample(results, Arm.MODEL, target), _sample(results, Arm.CONTROL, target)
    gain = error = None
    if model.mean is not None and control.mean is not None:
        gain = (target.sign or -1.0) * (model.mean - control.mean)
    if model.variance is not None and control.variance is not None:
        error = sqrt(model.variance / model.n + control.variance / control.n)
    return Chance(target.name, model, control, gain, error, target.value)


def _sample(results: Sequence[Result], arm: Arm, target: Target) -> Sample:
    by_proposal: dict[tuple[int, int], list[float]] = {}
    limits = negatives = faults = 0
    for result in results:
        if result.arm is not arm or result.is_told or result.retracted is not None or not result.is_real:
            continue
        negatives += result.kind is Kind.NEGATIVE
        faults += result.kind is Kind.FAULT
        reading = result.readings.get(target.name)
        if result.kind is not Kind.MEASURED or reading is None:
            continue
        if reading.qualifier is not Qualifier.EQUAL:
            limits += 1
        else:
            by_proposal.setdefault((result.round_number, result.position), []).append(reading.value)
    values = [fmean(its) for its in by_proposal.values()]
    if target.value is not None:
        values = [abs(value - target.value) for value in values]
    return Sample(
        n=len(values),
        mean=fmean(values) if values else None,
        variance=variance(values) if len(values) > 1 else None,
        limits=limits,
        negatives=negatives,
        faults=faults,
    )
