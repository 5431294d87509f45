"""Rounds: a batch is recorded whole, and a person decides on what waits for one."""

from __future__ import annotations

from sqlalchemy import select

from db import reading
from db import tables as t
from db.canonical import canonical, sha256
from db.planned_from import base_for
from db.rows import prediction_rows, proposal_rows, training_rows
from db.rules import check_round
from db.work import attempts, candidates
from db.work.campaign import HeldCampaign
from db.work.safety import see_that_it_may_act
from loop.errors import LedgerError, NotFound
from loop.record import RoundDraft, RoundRecord


def record_round(held: HeldCampaign, draft: RoundDraft) -> RoundRecord:
    """Save a batch with its attempts.

    Raises:
        LedgerError: The batch contradicts itself, its number is on record already, or it was planned under a version
            of the spec that is not in force.
        NotFound: It was planned from an observation or an attempt that is not on record.
        Halted: A safety stop is in force.
    """
    see_that_it_may_act(held)
    _check(held, draft)
    candidate_ids, new_candidates = candidates.identified(held, [p.candidate for p in draft.proposals])
    new_id = held.writer.new_id
    round_id = new_id()
    proposal_ids = [new_id() for _ in draft.proposals]
    model = canonical(draft.model, "the model's detail")
    base = base_for(held.session, held.id, draft.number, draft.observations)
    round_row = {
        "id": round_id,
        "campaign_id": held.id,
        "number": draft.number,
        "seed": draft.seed,
        "version": held.row.version,
        "data_version": draft.data_version,
        "notes": canonical(list(draft.notes), "the round's notes"),
        "environment": canonical(draft.environment, "the round's environment"),
        "is_approved": draft.approved,
        "created": held.writer.now(),
        "base": None if base is None else base.number,
        "kept": None if base is None else base.kept,
    }
    model_row = {"round_id": round_id, "surrogate": draft.surrogate, "detail": model, "sha": sha256(model)}
    in_run_order = sorted(zip(proposal_ids, draft.proposals, strict=True), key=lambda pair: pair[1].run_order)
    first = [row for proposal_id, p in in_run_order for row in attempts.first_rows(held, proposal_id, p.replicates)]
    held.write(
        "record_round",
        {"round": draft.number, "seed": draft.seed, "proposals": proposal_ids},
        (t.Candidate, new_candidates),
        (t.Round, [round_row]),
        (t.Model, [model_row]),
        (t.TrainingRow, training_rows(round_id, draft, 0 if base is None else base.kept)),
        (t.Proposal, proposal_rows(round_id, proposal_ids, candidate_ids, draft.proposals)),
        (t.Prediction, prediction_rows(proposal_ids, draft.proposals)),
        (t.Attempt, first if draft.approved else []),
    )
    return reading.rounds(held.session, held.id, t.Round.id == round_id)[0]


def decide(held: HeldCampaign, proposal_id: str, approved: bool, by: str, why: str) -> None:
    """Record a person's decision; an approval makes the READY attempts. The same again changes nothing.

    Raises:
        NotFound: The campaign has no such proposal.
        LedgerError: It was decided otherwise before.
    """
    found = held.session.execute(
        select(t.Proposal, t.Round.is_approved, t.Approval)
        .join(t.Round, t.Round.id == t.Proposal.round_id)
        .outerjoin(t.Approval, t.Approval.proposal_id == t.Proposal.id)
        .where(t.Proposal.id == proposal_id, t.Round.campaign_id == held.id)
    ).first()
    if found is None:
        raise NotFound(f"campaign {held.name!r} has no proposal {proposal_id!r}; hakken show lists them")
    proposal, with_round, approval = found
    decided = True if with_round else (None if approval is None else approval.is_approved)
    if decided is approved:
        return
    if decided is not None:
        who = "with its round" if approval is None else f"by {approval.by}"
        raise LedgerError(
            f"proposal {proposal_id} was already {'approved' if decided else 'refused'} {who}; a decision stands: "
            "cancel its attempts, or propose it again"
        )
    decision = {
        "proposal_id": proposal_id,
        "is_approved": approved,
        "by": by,
        "why": why,
        "at": held.writer.now(),
    }
    held.write(
        "decide",
        {"proposal": proposal_id, "approved": approved, "by": by, "why": why},
        (t.Approval, [decision]),
        (t.Attempt, attempts.first_rows(held, proposal_id, proposal.replicates) if approved else []),
    )


def _check(held: HeldCampaign, draft: RoundDraft) -> None:
    name = f"round {draft.number} of campaign {held.name!r}"
    check_round(name, draft, held.row.version)
    known = held.session.scalars(
        select(t.Round.number).where(t.Round.campaign_id == held.id, t.Round.number == draft.number)
    ).first()
    if known is not None:
        raise LedgerError(f"{name} is already on record; a round is planned once, take the next number")
    outcomes_there = select(t.Outcome.envelope_id).where(t.Outcome.campaign_id == held.id)
    attempts_there = (
        select(t.Attempt.id)
        .join(t.Proposal, t.Proposal.id == t.Attempt.proposal_id)
        .join(t.Round, t.Round.id == t.Proposal.round_id)
        .where(t.Round.campaign_id == held.id)
    )
    for what, references, there in (
        ("observation", draft.observations, outcomes_there),
        ("pending attempt", draft.pending, attempts_there),
    ):
        if references and (missing := set(references) - set(held.session.scalars(there))):
            raise NotFound(f"{name} was planned from {what} {min(missing)!r}, which is not on record")
