"""What the model cannot say: the report's honest paragraph, with numbers where there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.report.calibration import TOO_FEW
from flows.report.content import Report
from flows.report.trust import Coverage, HitRate
from flows.report.words import after, count, number, percent
from loop.record import Arm, Json
from loop.spec.library_models import MadeSpec
from loop.spec.sieving import told_of_made


def limits(report: Report) -> list[str]:
    """Sentences that follow each other."""
    return [
        "Machine learning turns data into predictions; a prediction is neither understanding nor discovery.",
        "The numbers above say which candidates measured well and how far predictions held up; they do not say why.",
        *_on_trust(report),
        *_on_disagreement(report),
        *_on_data(report),
        *_on_filters(report),
        "What lies far from everything measured is extrapolation, whatever deviation is stated for it; "
        "a candidate named best here is a candidate to be made again by somebody else.",
    ]


def verdict(coverage: Coverage) -> str:
    """What the counts say of the stated interval."""
    if coverage.n < TOO_FEW:
        return "too few to judge"
    if coverage.high < coverage.level:
        return "too narrow: the model is surer than it may be"
    if coverage.low > coverage.level:
        return "too wide: the model is less sure than it could be"
    return "agrees with what was stated"


def verdict_on_chances(hits: HitRate) -> str:
    """What the counts say of the stated chances."""
    if hits.n < TOO_FEW:
        return "too few to judge"
    if hits.high < hits.expected / hits.n:
        return "too high: fewer hits came than the model expected"
    if hits.low > hits.expected / hits.n:
        return "too low: more hits came than the model expected"
    return "agrees with what was stated"


def _on_trust(report: Report) -> Iterator[str]:
    for calibration in report.calibration:
        whole, real = calibration.trust[0], " of the real thing" if calibration.cheaper else ""
        if whole.n < TOO_FEW:
            yield (
                f"For {calibration.target}, {count(whole.n, 'prediction')} made beforehand{real} can be checked so "
                "far: too few to judge the stated deviations, so take them as a model's opinion of itself."
            )
            continue
        if (hits := whole.hits) is not None:
            yield (
                f"For {calibration.target}, the stated chances of {count(whole.n, 'candidate')}{real} came to "
                f"{number(hits.expected)} hits, and {hits.found} were found (true share between {percent(hits.low)} "
                f"and {percent(hits.high)}): {verdict_on_chances(hits)}. "
                "This holds for candidates like those chosen here, and for no others."
            )
            continue
        ninety = whole.coverage[-1]
        yield (
            f"For {calibration.target}, {ninety.inside} of {count(whole.n, 'measurement')}{real} fell inside the "
            f"stated 90 % interval (true share between {percent(ninety.low)} and {percent(ninety.high)}): "
            f"{verdict(ninety)}. "
            "This holds for candidates like those chosen here, and for no others."
        )


def _on_disagreement(report: Report) -> Iterator[str]:
    units = {target.name: target.on_scale.unit for target in report.targets}
    for committee in report.committee:
        last = next((r for r in reversed(committee.rounds) if r.disagreement is not None), None)
        if last is not None:
            yield (
                f"In round {last.number} the {count(last.members, 'member')} of the committee, fitted to the "
                f"same data, differed by {number(last.disagreement, 2)}{after(units[committee.target])} in "
                f"{committee.target} on average: the data do not settle which of them is right."
            )


def _on_filters(report: Report) -> Iterator[str]:
    for name, parameter in _sources(report.spec["space"]):
        if (made := parameter.get("made")) is not None and made["removed"]:
            told = told_of_made(name, MadeSpec.model_validate(made))
            yield f"What filters leave out was not looked at ({told})."


def _sources(space: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Every parameter, and each source of a union as ``NAME.SOURCE``."""
    for name, parameter in space.items():
        yield name, parameter
        yield from ((f"{name}.{source}", said) for source, said in (parameter.get("of") or {}).items())


def _on_data(report: Report) -> Iterator[str]:
    kept = [result for result in report.results if result.retracted is None]
    if not kept:
        return
    by_model = sum(result.arm is Arm.MODEL and not result.is_told for result in kept)
    at_random = sum(result.arm is Arm.CONTROL and not result.is_told for result in kept)
    yield (
        f"Of {count(len(kept), 'outcome')}, {by_model} {'was' if by_model == 1 else 'were'} chosen by a model that "
        f"looked for good ones, and {at_random} at random: a trend seen in such data is not the effect of a factor; "
        "only what was varied at random shows cause."
    )
