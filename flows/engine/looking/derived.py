"""Observations with what they say of derived targets, which is on no record: it follows from what is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from loop.record import Json, ObservationRecord, ProposalRecord, RoundRecord


def with_derived(spec: Json, observations: Sequence[ObservationRecord]) -> tuple[ObservationRecord, ...]:
    """The same with values and limits of the derived targets of a resolved spec; themselves where it has none."""
    if not spec.get("derived"):
        return tuple(observations)
    from loop.derived import derived_records  # NumPy, and the space: only where they are asked for
    from loop.spec import CampaignSpec

    return derived_records(CampaignSpec.from_record(spec), observations)


def by_its_formulas(
    spec: Json, proposals: Sequence[ProposalRecord], rounds: Callable[[], Sequence[RoundRecord]]
) -> tuple[ProposalRecord, ...]:
    """Proposals without what was predicted of derived targets by other formulas than those of a resolved spec.

    Results are worked out by the formula as it is now, and say nothing of a prediction of something else.
    """
    if not (now := spec.get("derived")):
        return tuple(proposals)
    told = {r.number: r.model.get("targets") or {} for r in rounds()}

    def is_the_same(number: int, target: str) -> bool:
        then = told.get(number, {}).get(target, {}).get("expression")
        return then is None or target not in now or then == now[target]["expression"]

    return tuple(
        replace(
            p,
            draft=replace(
                p.draft,
                predictions=tuple(s for s in p.draft.predictions if is_the_same(p.round_number, s.target)),
            ),
        )
        for p in proposals
    )
