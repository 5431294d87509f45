"""What people decide, in memory."""

from __future__ import annotations

import json
from dataclasses import replace

from db.canonical import canonical
from db.memory.attempts import make_first
from db.memory.campaign import HeldCampaign, plain_candidate
from db.rules import candidate_spec, check_proposals, decision_detail
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
    """Put a decision on record; raises ``LedgerError`` or ``NotFound`` as the database does."""
    check_decision(draft, {d.id: d for d in held.data.decisions}, held.name)
    if draft.proposal_id is not None:
        _proposal(held, draft.proposal_id)
    return _keep(held, draft, None, "decision")


def amend(held: HeldCampaign, amendment: Amendment) -> ProposalRecord:
    """Refuse a proposal that waits for a person, and put another in its place, approved, with its READY attempts."""
    old = _proposal(held, amendment.proposal_id)
    check_amendment(amendment, old)
    new = amendment.draft
    check_proposals(f"round {old.round_number} of campaign {held.name!r}", (new,))
    last = max(p.draft.position for p in held.data.proposals.values() if p.round_number == old.round_number)
    stored = replace(
        new, position=last + 1, candidate=plain_candidate(new.candidate), predictions=tuple(new.predictions)
    )
    candidate_id = held.candidate_id(candidate_spec(new.candidate))
    made = ProposalRecord(held.new_id(), old.round_number, candidate_id, stored, True, amendment.by, amendment.why)
    held.data.proposals[old.id] = replace(old, approved=False, by=amendment.by, why=f"edited: {amendment.why}")
    held.data.proposals[made.id] = made
    decision = DecisionDraft(
        DecisionKind.EDIT, amendment.by, amendment.why, dict(stored.candidate.settings), proposal_id=old.id
    )
    _keep(held, decision, made.id, "amend")
    make_first(held, made)
    return made


def _keep(held: HeldCampaign, draft: DecisionDraft, replacement: str | None, action: str) -> DecisionRecord:
    plain = json.loads(canonical(decision_detail(draft), "a decision"))
    stored = replace(draft, settings=plain["settings"], region=plain["region"])
    last = max((r.number for r in held.data.rounds), default=0)
    number = len(held.data.decisions) + 1
    record = DecisionRecord(held.new_id(), number, stored, replacement, last, held.now(), held.next_entry)
    held.data.decisions.append(record)
    held.say(action, number=record.number, kind=draft.kind.value, by=draft.by, why=draft.why, lifts=draft.lifts)
    return record


def _proposal(held: HeldCampaign, proposal_id: str) -> ProposalRecord:
    if proposal_id not in held.data.proposals:
        raise NotFound(f"campaign {held.name!r} has no proposal {proposal_id!r}; hakken show lists them")
    return held.data.proposals[proposal_id]
