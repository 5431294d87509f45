"""Rows to be written, made of the core's frozen values: what ``db.reading`` reads, the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from db import tables as t
from db.canonical import canonical, sha256
from loop.outcome import Fault, Outcome
from loop.record import Json, ProposalDraft, RoundDraft

Rows: TypeAlias = list[dict[str, Any]]


def training_rows(round_id: str, draft: RoundDraft, kept: int) -> Rows:
    """What the round was planned from, in the planner's order, without the ``kept`` first observations of its base."""
    return [
        {"round_id": round_id, "role": role, "position": position, "reference": reference}
        for role, references, first in (
            (t.Role.OBSERVATION, draft.observations, kept),
            (t.Role.PENDING, draft.pending, 0),
        )
        for position, reference in enumerate(references[first:], first)
    ]


def proposal_rows(
    round_id: str, proposal_ids: Sequence[str], candidate_ids: Sequence[str], proposals: Sequence[ProposalDraft]
) -> Rows:
    """One row for each proposal, under its id and its candidate's."""
    return [
        {
            "id": proposal_id,
            "round_id": round_id,
            "candidate_id": candidate_id,
            "arm": p.arm,
            "position": p.position,
            "run_order": p.run_order,
            "replicates": p.replicates,
            "reason": p.reason,
            "model": p.model,
            "acquisition": p.acquisition,
            "acquisition_value": p.acquisition_value,
            "neighbour": p.neighbour,
            "novelty": p.novelty,
            "plate": None if p.place is None else p.place.plate,
            "well": None if p.place is None else p.place.well,
            "block": None if p.place is None else p.place.block,
        }
        for proposal_id, candidate_id, p in zip(proposal_ids, candidate_ids, proposals, strict=True)
    ]


def prediction_rows(proposal_ids: Sequence[str], proposals: Sequence[ProposalDraft]) -> Rows:
    """What was predicted of each proposal, frozen as it was said."""
    return [
        {
            "proposal_id": proposal_id,
            "position": position,
            "target": said.target,
            "member": said.member,
            "mean": said.mean,
            "sd": said.sd,
            "weight": said.weight,
        }
        for proposal_id, p in zip(proposal_ids, proposals, strict=True)
        for position, said in enumerate(p.predictions)
    ]


def measurement_rows(outcome_id: str, outcome: Outcome) -> Rows:
    """The values of a measured or negative outcome; a fault has none."""
    if isinstance(outcome, Fault):
        return []
    return [
        {
            "outcome_id": outcome_id,
            "position": position,
            "property": m.property,
            "value": m.value,
            "unit": m.unit,
            "canonical": m.canonical,
            "sd": m.sd,
            "canonical_sd": m.canonical_sd,
            "n": m.n,
            "qualifier": m.qualifier,
            "channel": m.channel,
        }
        for position, m in enumerate(outcome.measurements)
    ]


def failure_rows(outcome_id: str, outcome: Outcome) -> Rows:
    """The row of a fault; none for the others."""
    if not isinstance(outcome, Fault):
        return []
    return [
        {
            "outcome_id": outcome_id,
            "kind": outcome.kind,
            "message": outcome.message,
            "is_informative": outcome.informative,
        }
    ]


def context_row(outcome_id: str, context: Json) -> dict[str, Any]:
    """The circumstances of a run, the usual ones in columns of their own."""
    detail = canonical(context, "the context of a run")
    named = {name: context.get(name) for name in ("instrument", "plate", "well", "lot", "operator")}
    texts = {name: None if value is None else str(value) for name, value in named.items()}
    return {"outcome_id": outcome_id, **texts, "detail": detail, "sha": sha256(detail)}
