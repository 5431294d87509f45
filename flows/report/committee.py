"""The committee round by round: how much each member counted, and how far they disagreed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, pstdev

from flows.report.content import Committee, CommitteeRound
from flows.report.standing import WHOLE, stated
from loop.objective import Target
from loop.record import ProposalRecord


def follow(proposals: Iterable[ProposalRecord], target: Target) -> Committee:
    """Weights and disagreement of every round that has predictions for ``target``."""
    by_round: dict[int, list[ProposalRecord]] = {}
    for proposal in proposals:
        if any(p.target == target.name for p in proposal.draft.predictions):
            by_round.setdefault(proposal.round_number, []).append(proposal)
    rounds = tuple(_round(number, by_round[number], target) for number in sorted(by_round))
    members = {
        p.member: None  # a dict keeps the order in which they first spoke
        for number in sorted(by_round)
        for proposal in by_round[number]
        for p in proposal.draft.predictions
        if p.target == target.name and p.member != WHOLE
    }
    return Committee(target.name, tuple(members) if len(members) > 1 else (), rounds)


def _round(number: int, proposals: Sequence[ProposalRecord], target: Target) -> CommitteeRound:
    weights: dict[str, list[float]] = {}
    spreads, stated_sds, names = [], [], set[str]()
    for proposal in proposals:
        members = [p for p in proposal.draft.predictions if p.target == target.name and p.member != WHOLE]
        names |= {p.member for p in members}
        for p in members:
            if p.weight is not None:
                weights.setdefault(p.member, []).append(p.weight)
        if len(members) > 1:
            # The committee is all there is, not a sample of one: the population's standard deviation.
            spreads.append(pstdev(target.moments_on_scale(p.mean, p.sd)[0] for p in members))
        whole = stated(proposal, target.name)
        if whole is not None:
            stated_sds.append(target.moments_on_scale(whole.mean, whole.sd)[1])
    return CommitteeRound(
        number=number,
        weights={member: fmean(values) for member, values in weights.items()},
        disagreement=fmean(spreads) if spreads else None,
        stated_sd=fmean(stated_sds) if stated_sds else None,
        members=len(names),
    )
