"""What people decide: put on record, and, for an edit, another proposal in place of the one there was."""

from __future__ import annotations

from sqlalchemy import func, select

from db import reading
from db import tables as t
from db.canonical import canonical, sha256
from db.rows import Rows, prediction_rows, proposal_rows
from db.rules import check_proposals, decision_detail
from db.work import attempts, candidates
from db.work.campaign import HeldCampaign
from loop.decision import (
    Amendment,
    DecisionDraft,
    DecisionKind,
    DecisionRecord,
    check_amendment,
    check_decision,
)
from loop.errors import NotFound
from loop.record import ProposalRecord


def settle(held: HeldCampaign, draft: DecisionDraft) -> DecisionRecord:
    """Put a decision on record.

    Raises:
        LedgerError: It says too little, or lifts what cannot be lifted.
        NotFound: It is about a proposal that the campaign does not have.
    """
    known = {d.id: d for d in reading.decisions(held.session, held.id)}
    check_decision(draft, known, held.name)
    if draft.proposal_id is not None:
        _proposal(held, draft.proposal_id)
    row = _row(held, draft, len(known) + 1, None)
    held.write("decision", _about(row), (t.Decision, [row]))
    return reading.decisions(held.session, held.id)[-1]


def amend(held: HeldCampaign, amendment: Amendment) -> ProposalRecord:
    """Refuse a proposal that waits for a person, and put another in its place, approved, with its READY attempts.

    Raises:
        LedgerError: The proposal was decided before, the new one contradicts itself, or no reason is given.
        NotFound: The campaign has no such proposal.
    """
    old = _proposal(held, amendment.proposal_id)
    check_amendment(amendment, old)
    round_id = held.session.get_one(t.Proposal, old.id).round_id
    last = held.session.scalar(select(func.max(t.Proposal.position)).where(t.Proposal.round_id == round_id))
    new = amendment.draft
    check_proposals(f"round {old.round_number} of campaign {held.name!r}", (new,))
    ids, new_candidates = candidates.identified(held, [new.candidate])
    new_id, now = held.writer.new_id(), held.writer.now()
    (proposal,) = proposal_rows(round_id, [new_id], ids, [new])
    proposal["position"] = (last or 0) + 1
    said = prediction_rows([new_id], [new])
    verdicts: Rows = [
        {"proposal_id": old.id, "is_approved": False, "by": amendment.by, "why": f"edited: {amendment.why}", "at": now},
        {"proposal_id": new_id, "is_approved": True, "by": amendment.by, "why": amendment.why, "at": now},
    ]
    decision = DecisionDraft(
        DecisionKind.EDIT, amendment.by, amendment.why, dict(new.candidate.settings), proposal_id=old.id
    )
    row = _row(held, decision, len(reading.decisions(held.session, held.id)) + 1, new_id)
    held.write(
        "amend",
        {**_about(row), "replacement": new_id},
        (t.Candidate, new_candidates),
        (t.Proposal, [proposal]),
        (t.Prediction, said),
        (t.Approval, verdicts),
        (t.Decision, [row]),
        (t.Attempt, attempts.first_rows(held, new_id, new.replicates)),
    )
    return _proposal(held, new_id)


def _about(row: dict[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("number", "kind", "proposal_id", "lifts", "by", "why")}


def _row(held: HeldCampaign, draft: DecisionDraft, number: int, replacement: str | None) -> dict[str, object]:
    last = held.session.scalar(select(func.max(t.Round.number)).where(t.Round.campaign_id == held.id))
    detail = canonical(decision_detail(draft), "a decision")
    return {
        "id": held.writer.new_id(),
        "campaign_id": held.id,
        "number": number,
        "kind": draft.kind,
        "detail": detail,
        "sha": sha256(detail),
        "proposal_id": draft.proposal_id,
        "replacement_id": replacement,
        "lifts": draft.lifts,
        "after_round": last or 0,
        "by": draft.by,
        "why": draft.why,
        "at": held.writer.now(),
    }


def _proposal(held: HeldCampaign, proposal_id: str) -> ProposalRecord:
    found = reading.proposals(held.session, held.id, t.Proposal.id == proposal_id)
    if not found:
        raise NotFound(f"campaign {held.name!r} has no proposal {proposal_id!r}; hakken show lists them")
    return found[0]
