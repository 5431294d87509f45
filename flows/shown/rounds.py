"""A round as programs read it: every proposal with its attempts and results, and what was decided of it."""

from __future__ import annotations

from collections.abc import Iterable
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
    attempts, observations = by_position(ledger, campaign, record)
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


def other_formulas(ledger: Ledger, campaign: str, record: RoundRecord) -> list[str]:
    """A note for each derived target that has another formula now than when a round was planned."""
    then = ledger.spec_version(campaign, record.version).get("derived") or {}
    now = ledger.campaign(campaign).spec.get("derived") or {}
    return [
        f"{name} was {then[name]['expression']!r} when this round was planned, by which its results are shown here "
        f"too, and is {now[name]['expression']!r} now"
        for name in then
        if name in now and then[name]["expression"] != now[name]["expression"]
    ]


def by_position(
    ledger: Ledger, campaign: str, record: RoundRecord
) -> tuple[dict[int, list[AttemptRecord]], dict[int, list[ObservationRecord]]]:
    """Attempts and observations of a round, retracted ones too, with what these say of its derived targets.

    They are worked out by the formulas by which the round was planned, as what was predicted beside them.
    """
    attempts: dict[int, list[AttemptRecord]] = {}
    for attempt in ledger.attempts(campaign):
        if attempt.round_number == record.number:
            attempts.setdefault(attempt.position, []).append(attempt)
    spec = ledger.spec_version(campaign, record.version)
    every = ledger.observations(campaign, with_retracted=True)
    observations: dict[int, list[ObservationRecord]] = {}
    for observation in with_derived(spec, [o for o in every if o.round_number == record.number]):
        observations.setdefault(observation.position, []).append(observation)
    return attempts, observations
