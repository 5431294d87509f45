"""Where the campaign stands: the running best, and the candidates from best to worst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from statistics import fmean, stdev
from typing import Final

from flows.report.content import Best, Kind, Reading, Result, Standing
from loop.insight.nearest import misses, nearest
from loop.objective import SCORES, Goal, Objective, Target, Tradeoff
from loop.outcome import Qualifier
from loop.record import Arm, Prediction, ProposalRecord
from loop.values import sign_of

SHOWN: Final = 10  # how many of the best candidates a page shows
WHOLE: Final = "committee"  # the member's name under which a committee's own prediction is on record


def sure(reading: Reading, target: Target) -> Reading | None:
    """What is sure of a reading: its number, or the limit that it is no worse than; None where that is open."""
    if reading.qualifier is Qualifier.EQUAL:
        return reading
    limits = (reading.value, inf) if reading.qualifier is Qualifier.ABOVE else (-inf, reading.value)
    value = target.sure(*limits)
    return None if value is None else replace(reading, value=value, sign=sign_of(target, value, *limits))


def reading_of(result: Result, target: Target) -> Reading | None:
    """The reading that counts for ``target``: measured, not retracted, known to be reached."""
    if result.kind is not Kind.MEASURED or result.retracted is not None or not result.is_real:
        return None
    reading = result.readings.get(target.name)
    return None if reading is None else sure(reading, target)


def readings_of(results: Iterable[Result], target: Target) -> list[Reading]:
    """The readings that a candidate's mean is of: its numbers, or the limits where there is none."""
    found = [reading for result in results if (reading := reading_of(result, target))]
    return [reading for reading in found if reading.is_number] or found


def useful(results: Iterable[Result], targets: Sequence[Target]) -> tuple[Result, ...]:
    """Results that keep every target's thresholds, perhaps none; what has thresholds must have been measured."""

    def keeps(reading: Reading | None, t: Target) -> bool:
        return not t.has_bounds if reading is None else t.meets(reading.value)

    return tuple(result for result in results if all(keeps(reading_of(result, t), t) for t in targets))


def nearest_of(
    standings: Sequence[Standing], results: Iterable[Result], objective: Objective
) -> tuple[Standing | Result, str] | None:
    """The candidate nearest to keeping the thresholds and what it misses, None where one keeps them all.

    Where it has no value of a threshold, a limit that misses it counts; a candidate may have nothing else.
    """
    if any(objective.keeps(standing.values) for standing in standings):
        return None
    alone: dict[str, Result] = {}
    limits: dict[str, dict[str, Reading]] = {}
    for result in results:
        for target in objective.targets:
            if (reading := _missing(result, target)) is not None:
                alone.setdefault(result.candidate_id, result)
                mine = limits.setdefault(result.candidate_id, {})
                nearer = max if reading.qualifier is Qualifier.BELOW else min
                mine[target.name] = nearer(mine.get(target.name, reading), reading, key=lambda r: r.value)
    values = {standing.candidate_id: standing.values for standing in standings}
    every: dict[str, Standing | Result] = {**alone, **{standing.candidate_id: standing for standing in standings}}
    rows = [{**_values(limits.get(c, {})), **values.get(c, {})} for c in every]
    if (found := nearest(objective, rows)) is None:
        return None
    candidate, one = [*every.items()][found]
    signs = {
        name: r.shown_sign for name, r in limits.get(candidate, {}).items() if name not in values.get(candidate, {})
    }
    return one, misses(objective, rows[found], signs)


def _values(readings: Mapping[str, Reading]) -> dict[str, float]:
    return {name: reading.value for name, reading in readings.items()}


def _missing(result: Result, target: Target) -> Reading | None:
    """A limit beyond which ``target`` misses its thresholds, such as "< 5" of a yield that is to be at least 40."""
    reading = result.readings.get(target.name)
    if reading is None or result.retracted is not None or not result.is_real or reading.qualifier is Qualifier.EQUAL:
        return None
    if not target.has_bounds or target.levels is not None or sure(reading, target) is not None:
        return None
    (least, most), is_below = target.bounds, reading.qualifier is Qualifier.BELOW
    return reading if (reading.value < least if is_below else reading.value > most) else None


def running_best(results: Iterable[Result], target: Target) -> tuple[Best, ...]:
    """Each result that was better than all before it, in the order of ``results`` (see ``useful``).

    None where nothing but thresholds is asked of the target.
    """
    if not target.is_wanted:
        return ()
    steps: list[Best] = []
    for result in results:
        reading = reading_of(result, target)
        if reading is not None and (not steps or target.worth(reading.value) > target.worth(steps[-1].reading.value)):
            steps.append(Best(target.name, reading, result))
    return tuple(steps)


def score_of(objective: Objective) -> Target | None:
    """The score of a trade-off as a target to be maximised; None where no one number ranks several targets."""
    name = SCORES.get(objective.tradeoff, "")
    if not name or len(objective.wanted) < 2 or name in objective.names:
        return None
    return Target(name, Goal.MAXIMIZE)


def scored(results: Sequence[Result], objective: Objective) -> tuple[Result, ...]:
    """The results, each with its score as a further reading where it has every wanted target."""
    score = score_of(objective)
    return tuple(results) if score is None else tuple(_with_score(r, objective, score.name) for r in results)


def _with_score(result: Result, objective: Objective, name: str) -> Result:
    found = {t.name: reading for t in objective.wanted if (reading := reading_of(result, t)) is not None}
    if len(found) < len(objective.wanted):
        return result
    is_exact = all(reading.is_number for reading in found.values())
    value = objective.score({of: reading.value for of, reading in found.items()})
    reading = Reading(value, None, 1, Qualifier.EQUAL if is_exact else Qualifier.ABOVE)
    return replace(result, readings={**result.readings, name: reading})


def stated(proposal: ProposalRecord, target: str) -> Prediction | None:
    """What the whole committee said of a proposal, or the only model where there is no committee."""
    said = [p for p in proposal.draft.predictions if p.target == target]
    whole = [p for p in said if p.member == WHOLE]
    if whole:
        return whole[0]
    return said[0] if len(said) == 1 else None


def rank(
    results: Sequence[Result], proposals: Mapping[tuple[int, int], ProposalRecord], objective: Objective
) -> tuple[Standing, ...]:
    """Every candidate with a value, best first: by score or Pareto front, then by the first target.

    Those of which it is open whether they keep every threshold stand behind all that do, on a front behind theirs, and
    those that break one behind them.

    Args:
        results: In the order run.
        proposals: By round number and position.
        objective: Targets in the order of the spec. A candidate lacking some wanted target's value stands behind
            those that have all of them.
    """
    targets = objective.targets
    by_candidate: dict[str, list[Result]] = {}
    for result in results:
        if any(reading_of(result, target) for target in targets):
            by_candidate.setdefault(result.candidate_id, []).append(result)
    means = {
        candidate: {
            target.name: fmean(values) for target in targets if (values := [r.value for r in readings_of(its, target)])
        }
        for candidate, its in by_candidate.items()
    }
    breaking = {
        candidate: not all(target.meets(values[target.name]) for target in targets if target.name in values)
        for candidate, values in means.items()
    }
    open_ones = {c: tuple(t.name for t in targets if t.has_bounds and t.name not in v) for c, v in means.items()}
    places = {c: 2 if breaking[c] else 1 if open_ones[c] else 0 for c in means}
    fronts = _fronts(means, places, objective)
    standings = [
        _standing(
            its,
            means[candidate],
            not breaking[candidate],
            open_ones[candidate],
            fronts[candidate],
            proposals,
            objective,
        )
        for candidate, its in by_candidate.items()
    ]
    return tuple(sorted(standings, key=lambda s: (s.front, *_worth(s.values, objective.wanted))))


def _has_score(values: Mapping[str, float], objective: Objective) -> bool:
    return objective.tradeoff is not Tradeoff.PARETO and all(t.name in values for t in objective.wanted)


def _worth(values: Mapping[str, float], targets: Sequence[Target]) -> tuple[float, ...]:
    return tuple(-t.worth(values[t.name]) if t.name in values else float("inf") for t in targets)


def _standing(
    its: Sequence[Result],
    means: Mapping[str, float],
    is_useful: bool,
    is_open: tuple[str, ...],
    front: int,
    proposals: Mapping[tuple[int, int], ProposalRecord],
    objective: Objective,
) -> Standing:
    first, targets = _first(its), objective.targets
    readings = {t.name: readings_of(its, t) for t in targets}
    proposal = None if first.is_told else proposals.get((first.round_number, first.position))
    said = {} if proposal is None else {t.name: p for t in targets if (p := stated(proposal, t.name))}
    return Standing(
        candidate_id=first.candidate_id,
        settings=first.settings,
        smiles=first.smiles,
        values=means,
        spread={n: stdev(r.value for r in rs) for n, rs in readings.items() if len(rs) > 1 and rs[0].is_number},
        n={name: len(rs) for name, rs in readings.items() if rs},
        bounds={name: rs[0].shown_sign for name, rs in readings.items() if rs and not rs[0].is_number},
        is_useful=is_useful,
        is_open=is_open,
        score=objective.score(means) if _has_score(means, objective) else None,
        front=front,
        predicted=said,
        round_number=first.round_number,
        arm=Arm.MANUAL if first.is_told else first.arm,
        reason=f"told ({first.source})" if first.is_told else (proposal.draft.reason if proposal else ""),
        really=tuple(dict.fromkeys(r.really for r in its if not r.is_as_asked)),
    )


def _first(its: Sequence[Result]) -> Result:
    """The result of whatever was proposed first: of a plate whose replicate ran before it, not the replicate."""
    planned = (r for r in its if r.round_number == its[0].round_number and r.arm is not Arm.REPLICATE)
    return its[0] if its[0].is_told else next(planned, its[0])


def _fronts(
    means: Mapping[str, Mapping[str, float]], places: Mapping[str, int], objective: Objective
) -> dict[str, int]:
    """The front each candidate lies on, from 1, those of a lower place first; those that lack a target last.

    Fronts are told apart only as far as the page shows them: of thousands of candidates each further one is dear.
    """
    wanted = objective.wanted
    complete = {
        c: (-objective.score(values),) if objective.is_scalar else _worth(values, wanted)
        for c, values in means.items()
        if all(t.name in values for t in wanted)
    }
    fronts: dict[str, int] = {}
    level = 0
    for place in sorted({*places.values()}):
        left = {c: worth for c, worth in complete.items() if places[c] == place}
        while left:
            level += 1
            layer = non_dominated(left) if len(fronts) < SHOWN else list(left)
            for candidate in layer:
                fronts[candidate] = level
                del left[candidate]
    return {c: fronts.get(c, level + 1) for c in means}


def non_dominated(costs: Mapping[str, tuple[float, ...]]) -> list[str]:
    """Those that no other beats everywhere it matters: smaller is better, equal points stand together."""
    front: list[str] = []
    # Sorted by costs, whoever dominates a point comes before it, so each need only be held against the front.
    for name in sorted(costs, key=lambda n: costs[n]):
        mine = costs[name]
        if not any(
            costs[other] != mine and all(a <= b for a, b in zip(costs[other], mine, strict=True)) for other in front
        ):
            front.append(name)
    return front
