"""Tally: hits found so far, by a model and without one, and whether as many came as were expected.

Read from the record alone: a proposal's chance of a hit is what was predicted of it when it was made, and never
changes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Final

from loop.objective import Objective, Target
from loop.outcome import Measured, Negative, Outcome
from loop.record import Arm, ObservationRecord, Prediction, ProposalRecord
from loop.values import limits_of, sure_of

WHOLE: Final = "committee"  # the name of a committee's own prediction
EDGES: Final = (0.1, 0.3, 0.5, 0.7)  # between the groups in which chances are held against what came
CHOSEN: Final = frozenset({Arm.MODEL, Arm.REPLICATE})


@dataclass(frozen=True, slots=True)
class Share:
    """How many of so many candidates are hits."""

    hits: int
    tried: int

    @property
    def rate(self) -> float:
        return self.hits / self.tried if self.tried else 0.0

    @property
    def text(self) -> str:
        return f"{self.hits} of {self.tried}" + (f" ({100 * self.rate:.0f} %)" if self.tried else "")


@dataclass(frozen=True, slots=True)
class Reliability:
    """Proposals whose chance lay between two values: how many hits were expected of them, and how many came."""

    low: float
    high: float
    n: int
    expected: float
    found: int


@dataclass(frozen=True, slots=True)
class RoundOfHits:
    """One round that a model planned: what was expected of what has ended, what came, and what is still expected."""

    number: int
    ended: Share
    expected: float  # hits among those that have ended
    waiting: int  # candidates not ended yet
    hoped: float  # hits among them


@dataclass(frozen=True, slots=True)
class Tally:
    """Hits of a campaign, each candidate counted once; a candidate of several experiments by most of them.

    Attributes:
        every: Of everything that was tried.
        chosen: Of what a model chose.
        others: Of the rest: initial design, controls, told results, persons' choices.
        rounds: Rounds with a stated chance for each proposal, in order.
        reliability: Groups of proposals by their chance, the rising ones that hold any.
        area: Under the curve of true against false hits by chance (ties count half); None without both kinds.
    """

    every: Share
    chosen: Share
    others: Share
    rounds: tuple[RoundOfHits, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    area: float | None = None

    @property
    def enrichment(self) -> float | None:
        """How many times as often a model's choices are hits as others; None where that cannot be said."""
        return self.chosen.rate / self.others.rate if self.others.hits and self.chosen.tried else None

    @property
    def lines(self) -> tuple[str, ...]:
        """As sentences: what was found, whether it was expected, and what is expected next."""
        rate = f" ({100 * self.every.rate:.0f} %)" if self.every.tried else ""
        parts = [f"hits: {self.every.hits} of {self.every.tried} tried{rate}"]
        if self.chosen.tried and self.others.tried:
            times = "" if self.enrichment is None else f", {self.enrichment:.1f} times as often"
            parts.append(f"{self.chosen.text} that the model chose, {self.others.text} others{times}")
        said = ["; ".join(parts)]
        ended = [r for r in self.rounds if r.ended.tried]
        if ended:
            expected, found = sum(r.expected for r in ended), sum(r.ended.hits for r in ended)
            said.append(f"of the model's choices {expected:.1f} hits were expected, {found} found")
        if self.rounds and (last := self.rounds[-1]).waiting:
            said.append(f"round {last.number}: {last.hoped:.1f} hits expected of the {last.waiting} still to come")
        return tuple(said)


def tally(
    objective: Objective, observations: Sequence[ObservationRecord], proposals: Iterable[ProposalRecord]
) -> Tally:
    """The tally of what was observed, retracted observations left out by whoever asks."""
    votes: dict[str, list[bool]] = {}
    arms: dict[str, Arm] = {}
    unsettled: set[str] = set()
    for o in observations:
        arms.setdefault(o.candidate_id, Arm.MANUAL if o.key is None else o.arm)
        if (is_hit := _is_hit(objective, o.outcome)) is not None:
            votes.setdefault(o.candidate_id, []).append(is_hit)
        elif isinstance(o.outcome, Measured):
            unsettled.add(o.candidate_id)
    hits = {candidate: 2 * sum(its) > len(its) for candidate, its in votes.items()}
    by_model = {c for c in hits if arms[c] in CHOSEN}
    stated: dict[int, list[tuple[float, bool | None]]] = {}
    seen: set[str] = set()
    ended = set(arms)  # what failed has ended too, and is no hit
    for p in proposals:
        chance = chance_of(objective, p.draft.predictions)
        if p.draft.arm is not Arm.MODEL or chance is None or p.approved is False or p.candidate_id in seen:
            continue
        if p.candidate_id in unsettled - hits.keys():  # its limits leave it open, and nothing more is to come
            continue
        seen.add(p.candidate_id)
        came = hits.get(p.candidate_id, False) if p.candidate_id in ended else None
        stated.setdefault(p.round_number, []).append((chance, came))
    known = [(chance, came) for its in stated.values() for chance, came in its if came is not None]
    return Tally(
        every=_share(hits.values()),
        chosen=_share(hits[c] for c in by_model),
        others=_share(hits[c] for c in hits.keys() - by_model),
        rounds=tuple(_round(number, its) for number, its in sorted(stated.items())),
        reliability=tuple(_reliability(known)),
        area=area_under(known),
    )


def _is_hit(objective: Objective, outcome: Outcome) -> bool | None:
    """Whether an outcome is a hit; None where its values and limits leave that open, or where it failed.

    An answer of no is no hit, whatever limit was reported with it.
    """
    if isinstance(outcome, Negative):
        return False
    limits = limits_of(outcome)
    if any(t.has_bounds and t.breaks(*limits[t.name]) for t in objective.targets if t.name in limits):
        return False
    return objective.is_hit({name: value for name, (value, _) in sure_of(outcome, objective).items()})


def chance_of(objective: Objective, predictions: Sequence[Prediction]) -> float | None:
    """The chance of a hit by what was predicted of each target that tells hits; None where one is not predicted."""
    total, asked = 1.0, [t for t in objective.targets if t.tells_hits]
    for target in asked:
        mine = [p for p in predictions if p.target == target.name]
        whole = next((p for p in mine if p.member == WHOLE), mine[0] if len(mine) == 1 else None)
        if whole is None or not (math.isfinite(whole.mean) and math.isfinite(whole.sd)):
            return None
        total *= _chance(target, whole)
    return total if asked else None


def area_under(known: Sequence[tuple[float, bool]]) -> float | None:
    """The share of pairs of a hit and none in which the hit had the higher chance, equal ones counting half."""
    hits = [chance for chance, is_hit in known if is_hit]
    others = [chance for chance, is_hit in known if not is_hit]
    if not hits or not others:
        return None
    return fmean(1.0 if a > b else 0.5 if a == b else 0.0 for a in hits for b in others)


def _chance(target: Target, said: Prediction) -> float:
    if target.classes is not None:
        return min(max(said.mean, 0.0), 1.0)
    low, high = target.on_scale.bounds
    mean, sd = target.moments_on_scale(said.mean, said.sd)
    if not math.isfinite(mean):  # below zero, by models of an earlier campaign file
        return float(target.meets(said.mean))
    believed = NormalDist(mean, max(sd, 1e-300))
    return (believed.cdf(high) if math.isfinite(high) else 1.0) - (believed.cdf(low) if math.isfinite(low) else 0.0)


def _share(those: Iterable[bool]) -> Share:
    each = list(those)
    return Share(sum(each), len(each))


def _round(number: int, its: Sequence[tuple[float, bool | None]]) -> RoundOfHits:
    ended = [(chance, came) for chance, came in its if came is not None]
    waiting = [chance for chance, came in its if came is None]
    share = Share(sum(came for _, came in ended), len(ended))
    return RoundOfHits(number, share, sum(chance for chance, _ in ended), len(waiting), sum(waiting))


def _reliability(known: Sequence[tuple[float, bool]]) -> Iterable[Reliability]:
    edges = (0.0, *EDGES, 1.0)
    for low, high in itertools.pairwise(edges):
        mine = [(c, came) for c, came in known if low <= c < high or (high == 1.0 and c == 1.0)]
        if mine:
            yield Reliability(low, high, len(mine), sum(c for c, _ in mine), sum(came for _, came in mine))
