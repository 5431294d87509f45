"""Repeats: which replicate wells have nothing to repeat any more, since their original was edited or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from loop.record import Arm, ProposalRecord

ALONE = ", which is in no other well any more"  # after the reason of a replicate


def alone(laid_out: Iterable[ProposalRecord]) -> frozenset[str]:
    """Ids of the replicates among the wells of one plate whose condition no other of its wells has."""
    wells = [p for p in laid_out if p.draft.place is not None]
    of = Counter(p.candidate_id for p in wells)
    return frozenset(p.id for p in wells if p.draft.arm is Arm.REPLICATE and of[p.candidate_id] == 1)


def reason_now(proposal: ProposalRecord, without_original: Collection[str]) -> str:
    """The reason of a proposal, with what has become of what it was to repeat."""
    return proposal.draft.reason + (ALONE if proposal.id in without_original else "")


def arms_now(proposals: Sequence[ProposalRecord], without_original: Collection[str]) -> Mapping[str, Arm]:
    """By id of the replicates that repeat nothing any more, the arm for which their condition was chosen."""
    chosen = {p.candidate_id: p.draft.arm for p in proposals if p.draft.arm is not Arm.REPLICATE}
    return {p.id: chosen.get(p.candidate_id, Arm.REPLICATE) for p in proposals if p.id in without_original}
