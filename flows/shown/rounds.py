"""A round as programs read it: every proposal with its attempts and results, and what was decided of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from flows.engine.looking.derived import with_derived
from flows.engine.looking.view import View
from flows.not_run import refuse_source
from flows.unsent import why_unsent
from loop.errors import NotFound
from loop.experiment import State

if TYPE_CHECKING:
    from loop.contracts import Ledger
    from loop.record import AttemptRecord, ObservationRecord, RoundRecord


def last_round(ledger: Ledger, campaign: str) -> int:
    """Number of the last round. Raises ``NotFound`` where there is none yet, ``LedgerError`` of a source."""
    number = View(ledger, campaign).round_number
    if not number:
        refuse_source(ledger.campaign(campaign))
        first = f"hakken run --dry-run {quote(campaign)}"
        raise NotFound(f"campaign {campaign!r} has no round yet; {first} shows the first")
    return number


def document(ledger: Ledger, campaign: str, number: int | None) -> dict[str, Any]:
    """The round as a program reads it."""
    record = round_of(ledger, campaign, number)
    attempts, observations = by_position(ledger, campaign, record.number)
    replaced = {d.draft.proposal_id: d.replacement_id for d in ledger.decisions(campaign) if d.replacement_id}
    return {
        "campaign": campaign,
        "round": record,
        "decisions": [d for d in ledger.decisions(campaign) if d.after_round <= record.number],
        "never_sent": never_sent(ledger, campaign, [a for mine in attempts.values() for a in mine]),
        "proposals": [
            {
                "number": proposal.draft.run_order + 1,
                "replaced_by": replaced.get(proposal.id),
                "proposal": proposal,
                "attempts": attempts.get(proposal.draft.position, []),
                "observations": observations.get(proposal.draft.position, []),
            }
            for proposal in ledger.proposals(campaign, record.number)
        ],
    }


def never_sent(ledger: Ledger, campaign: str, attempts: Iterable[AttemptRecord]) -> dict[str, str]:
    """Why those of the attempts that were withdrawn before they were sent were, by their keys."""
    keys = {a.key for a in attempts if a.state is State.EXPIRED}
    if not keys:
        return {}
    return {key: why for key, why in why_unsent(ledger.steps(campaign)).items() if key in keys}


def round_of(ledger: Ledger, campaign: str, number: int | None) -> RoundRecord:
    return ledger.round(campaign, last_round(ledger, campaign) if number is None else number)


def _observations(ledger: Ledger, campaign: str) -> Sequence[ObservationRecord]:
    """Retracted ones too, with what they say of derived targets."""
    return with_derived(ledger.campaign(campaign).spec, ledger.observations(campaign, with_retracted=True))


def by_position(
    ledger: Ledger, campaign: str, number: int
) -> tuple[dict[int, list[AttemptRecord]], dict[int, list[ObservationRecord]]]:
    attempts: dict[int, list[AttemptRecord]] = {}
    for attempt in ledger.attempts(campaign):
        if attempt.round_number == number:
            attempts.setdefault(attempt.position, []).append(attempt)
    observations: dict[int, list[ObservationRecord]] = {}
    for observation in _observations(ledger, campaign):
        if observation.round_number == number:
            observations.setdefault(observation.position, []).append(observation)
    return attempts, observations
