"""The in-memory twin's unit of work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from db.memory import attempts, people, results, rounds, safety
from db.memory.campaign import CampaignData, HeldCampaign, keep, set_state
from loop.contracts import Artifact, ToldOutcome
from loop.decision import Amendment, DecisionDraft, DecisionRecord
from loop.experiment import Event, State
from loop.outcome import Outcome
from loop.record import (
    AttemptRecord,
    CampaignState,
    Candidate,
    EnvelopeDraft,
    EnvelopeRecord,
    Json,
    Lease,
    ObservationRecord,
    ProposalRecord,
    RoundDraft,
    RoundRecord,
    Verdict,
)
from loop.safety import SafetyStop


class MemoryWork:
    """``loop.contracts.Work`` on a copy of one campaign; made by ``MemoryLedger.work``."""

    def __init__(
        self,
        data: CampaignData,
        lease: Lease,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        stops: list[SafetyStop],
        last_entry: int,
    ) -> None:
        self._held = HeldCampaign(data, lease, clock, new_id, stops, last_entry)

    @property
    def campaign(self) -> CampaignData:
        """The copy, as far as it was changed."""
        return self._held.data

    @property
    def said(self) -> Sequence[tuple[str, Json]]:
        """What is to be said in the audit log; nothing if nothing was changed."""
        return self._held.said

    @property
    def stops(self) -> list[SafetyStop]:
        """Safety stops of every campaign, as far as they were changed."""
        return self._held.stops

    def record_round(self, draft: RoundDraft) -> RoundRecord:
        """Save a batch with its attempts."""
        return rounds.record_round(self._held, draft)

    def decide(self, proposal_id: str, approved: bool, by: str, why: str) -> None:
        """Record a person's decision on a proposal."""
        rounds.decide(self._held, proposal_id, approved, by, why)

    def settle(self, draft: DecisionDraft) -> DecisionRecord:
        """Put a person's decision on record."""
        return people.settle(self._held, draft)

    def amend(self, amendment: Amendment) -> ProposalRecord:
        """Refuse a proposal that waits, and put another in its place."""
        return people.amend(self._held, amendment)

    def move(
        self, key: str, event: Event, detail: str = "", *, adapter: str | None = None, handle: str | None = None
    ) -> State:
        """Take a step in an attempt's life and record the event; returns the new state."""
        return attempts.move(self._held, key, event, detail, adapter=adapter, handle=handle)

    def retry(self, key: str, why: str) -> AttemptRecord:
        """Another READY attempt at the same experiment."""
        return attempts.retry(self._held, key, why)

    def receive(self, envelope: EnvelopeDraft) -> EnvelopeRecord:
        """Store what was received, unread; the same again gives the first record."""
        return results.receive(self._held, envelope)

    def receive_all(self, envelopes: Sequence[EnvelopeDraft]) -> list[EnvelopeRecord]:
        """``receive`` of each, in their order."""
        return [self.receive(envelope) for envelope in envelopes]

    def judge(self, envelope_id: str, verdict: Verdict, message: str = "") -> None:
        """Record what was made of an envelope."""
        results.judge(self._held, envelope_id, verdict, message)

    def judge_all(self, judged: Sequence[tuple[str, Verdict, str]]) -> None:
        """``judge`` of each, in their order."""
        for one in judged:
            self.judge(*one)

    def accept(
        self, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None = None, context: Json | None = None
    ) -> ObservationRecord:
        """Record an envelope's outcome; ``candidate`` is given for told observations only."""
        return results.accept(self._held, envelope_id, outcome, candidate=candidate, context=context)

    def accept_told(self, told: Sequence[ToldOutcome]) -> list[ObservationRecord]:
        """``accept`` of each told observation, in their order."""
        return [self.accept(one.envelope_id, one.outcome, candidate=one.candidate, context=one.context) for one in told]

    def retract(self, observation_id: str, by: str, why: str) -> None:
        """Let an observation count no more; it stays on record."""
        results.retract(self._held, observation_id, by, why)

    def halt(self, by: str, why: str) -> SafetyStop:
        """Put a safety stop on record."""
        return safety.stop(self._held, by, why)

    def lift_stops(self, stops: Collection[str], by: str, why: str) -> None:
        """Lift safety stops of the campaign or of its bench."""
        safety.lift(self._held, stops, by, why)

    def set_state(self, state: CampaignState, reason: str) -> None:
        """Finish, stop or reactivate the campaign."""
        set_state(self._held, state, reason)

    def keep(self, artifact: Artifact) -> None:
        """Record a file known by its content; the same again changes nothing."""
        keep(self._held, artifact)
