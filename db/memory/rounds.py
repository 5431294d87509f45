"""Rounds in memory: a batch is recorded whole, and a person decides on what waits for one."""

from __future__ import annotations

import json
from dataclasses import replace

from db.canonical import canonical
from db.memory.attempts import make_first
from db.memory.campaign import HeldCampaign, plain_candidate
from db.memory.safety import see_that_it_may_act
from db.rules import candidate_spec, check_round
from loop.errors import LedgerError, NotFound
from loop.record import ProposalRecord, RoundDraft, RoundRecord


def record_round(held: HeldCampaign, draft: RoundDraft) -> RoundRecord:
    """Save a batch with its attempts."""
    see_that_it_may_act(held)
    campaign = held.data
    _check(held, draft)
    specs = [candidate_spec(p.candidate) for p in draft.proposals]
    record = RoundRecord(
        held.new_id(),
        draft.number,
        draft.seed,
        campaign.record.version,
        draft.data_version,
        draft.surrogate,
        json.loads(canonical(draft.model, "the model's detail")),
        tuple(draft.notes),
        json.loads(canonical(draft.environment, "the round's environment")),
        tuple(draft.observations),
        tuple(draft.pending),
        held.now(),
    )
    campaign.rounds.append(record)
    made: list[ProposalRecord] = []
    for p, spec in zip(draft.proposals, specs, strict=True):
        candidate_id = held.candidate_id(spec)
        stored = replace(p, candidate=plain_candidate(p.candidate), predictions=tuple(p.predictions))
        made.append(ProposalRecord(held.new_id(), draft.number, candidate_id, stored, draft.approved or None))
    campaign.proposals.update((p.id, p) for p in made)
    if draft.approved:
        for proposal in sorted(made, key=lambda p: p.draft.run_order):
            make_first(held, proposal)
    held.say("record_round", round=draft.number, seed=draft.seed, proposals=[p.id for p in made])
    return record


def decide(held: HeldCampaign, proposal_id: str, approved: bool, by: str, why: str) -> None:
    """Record a person's decision; an approval makes the READY attempts. The same again changes nothing."""
    proposal = held.data.proposals.get(proposal_id)
    if proposal is None:
        raise NotFound(f"campaign {held.name!r} has no proposal {proposal_id!r}; hakken show lists them")
    if proposal.approved is approved:
        return
    if proposal.approved is not None:
        raise LedgerError(
            f"proposal {proposal_id} was already {'approved' if proposal.approved else 'refused'}; a decision "
            "stands: cancel its attempts, or propose it again"
        )
    held.data.proposals[proposal_id] = replace(proposal, approved=approved, by=by, why=why)
    if approved:
        make_first(held, proposal)
    held.say("decide", proposal=proposal_id, approved=approved, by=by, why=why)


def _check(held: HeldCampaign, draft: RoundDraft) -> None:
    name = f"round {draft.number} of campaign {held.name!r}"
    check_round(name, draft, held.data.record.version)
    if any(r.number == draft.number for r in held.data.rounds):
        raise LedgerError(f"{name} is already on record; a round is planned once, take the next number")
    for what, references, known in (
        ("observation", draft.observations, held.data.observations.keys()),
        ("pending attempt", draft.pending, held.data.attempts.keys()),
    ):
        if missing := set(references) - known:
            raise NotFound(f"{name} was planned from {what} {min(missing)!r}, which is not on record")
