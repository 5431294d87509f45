"""Claims: what was predicted of proposals when they were made, held against what came of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from loop.circumstances import ran_elsewhere
from loop.fidelity import counts
from loop.history import Claim, History
from loop.record import Arm, AttemptRecord, Json, ObservationRecord, ProposalDraft, ProposalRecord
from loop.values import values_of


def claims_of(
    spec: Json,
    proposals: Sequence[ProposalRecord],
    attempts: Sequence[AttemptRecord],
    observations: Sequence[ObservationRecord],
    history: History,
) -> tuple[Claim, ...]:
    """One for each proposal and target that a whole model spoke of and that got a number, in the order of ``history``.

    Replicates share one prediction, so the first that counts is taken. Cheap versions of an experiment are left out,
    and so are limits, which are no numbers, what ran elsewhere than asked for, of which no prediction tells, and what
    sources alone expected before the first result.
    """
    used: Collection[str] = {o.id for o in history.observations if not o.is_off}
    asked = {a.key: a.proposal_id for a in attempts}
    made = {p.id: p for p in proposals if not _is_hearsay(p.draft)}
    claims: dict[tuple[str, str], Claim] = {}
    for o in observations:
        proposal = asked.get(o.key) if o.key is not None else None
        if o.id not in used or proposal is None or proposal not in made or not counts(spec, o.settings):
            continue
        if ran_elsewhere(spec.get("space") or {}, o.settings, o.context):
            continue
        values = values_of(o.outcome)
        predictions = made[proposal].draft.predictions
        for said in predictions:
            if said.weight is None and said.target in values:  # a member of a committee has a weight
                voices = {
                    p.member: (p.mean, p.sd) for p in predictions if p.target == said.target and p.weight is not None
                }
                number = made[proposal].round_number
                claim = Claim(said.target, said.mean, said.sd, values[said.target], number, voices)
                claims.setdefault((proposal, said.target), claim)
    return tuple(claims.values())


def _is_hearsay(draft: ProposalDraft) -> bool:
    """Whether a proposal was made before the campaign had a result: what is predicted of it, sources said."""
    return draft.acquisition == "first" or draft.arm is Arm.INITIAL
