"""The unit of work as the core sees it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from db.work import attempts, campaign, envelopes, outcomes, people, rounds, safety
from db.work.writer import Writer
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


class SqlWork:
    """``loop.contracts.Work`` on one open transaction; made by ``SqlLedger.work``.

    The functions behind the methods, in the modules beside this one, say what each refuses.
    """

    def __init__(self, writer: Writer, lease: Lease) -> None:
        self._held = campaign.HeldCampaign(writer, lease)

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
        return envelopes.receive(self._held, envelope)

    def receive_all(self, drafts: Sequence[EnvelopeDraft]) -> list[EnvelopeRecord]:
        """``receive`` of each, in their order, in a few statements."""
        return envelopes.receive_all(self._held, drafts)

    def judge(self, envelope_id: str, verdict: Verdict, message: str = "") -> None:
        """Record what was made of an envelope."""
        envelopes.judge_all(self._held, [(envelope_id, verdict, message)])

    def judge_all(self, judged: Sequence[tuple[str, Verdict, str]]) -> None:
        """``judge`` of each, in their order, in a few statements."""
        envelopes.judge_all(self._held, judged)

    def accept(
        self, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None = None, context: Json | None = None
    ) -> ObservationRecord:
        """Record an envelope's outcome; ``candidate`` is given for told observations only."""
        return outcomes.accept(self._held, envelope_id, outcome, candidate=candidate, context=context)

    def accept_told(self, told: Sequence[ToldOutcome]) -> list[ObservationRecord]:
        """``accept`` of each told observation, in their order, in a few statements."""
        return outcomes.accept_told(self._held, told)

    def retract(self, observation_id: str, by: str, why: str) -> None:
        """Let an observation count no more; it stays on record."""
        outcomes.retract(self._held, observation_id, by, why)

    def halt(self, by: str, why: str) -> SafetyStop:
        """Put a safety stop on record."""
        return safety.stop(self._held, by, why)

    def lift_stops(self, stops: Collection[str], by: str, why: str) -> None:
        """Lift safety stops of the campaign or of its bench."""
        safety.lift(self._held, stops, by, why)

    def set_state(self, state: CampaignState, reason: str) -> None:
        """Finish, stop or reactivate the campaign."""
        campaign.set_state(self._held, state, reason)

    def keep(self, artifact: Artifact) -> None:
        """Record a file known by its content; the same again changes nothing."""
        campaign.keep(self._held, artifact)
