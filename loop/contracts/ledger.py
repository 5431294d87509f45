"""The contract of the record: what is written in one transaction, and what is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from loop.decision import Amendment, DecisionDraft, DecisionRecord
from loop.experiment import Event, State
from loop.outcome import Outcome
from loop.record import (
    AttemptEventRecord,
    AttemptRecord,
    AuditEntry,
    CampaignRecord,
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

if TYPE_CHECKING:
    from loop.safety import SafetyStop


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Whether the hash chain holds; if not, where it breaks first and what that means."""

    entries: int
    is_intact: bool
    first_break: int | None = None
    message: str = ""
    head: str = ""  # hash of the last entry, which stands for all before it; "" where there is none


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file kept outside the database, known by its content."""

    sha: str
    name: str
    media_type: str
    size: int
    key: str | None = None  # the attempt it belongs to


@dataclass(frozen=True, slots=True)
class ToldOutcome:
    """What ``Work.accept`` is given of a told observation."""

    envelope_id: str
    outcome: Outcome
    candidate: Candidate
    context: Json | None = None


class Work(Protocol):
    """Everything written inside one ``Ledger.work`` is saved together, or none of it is."""

    def record_round(self, draft: RoundDraft) -> RoundRecord:
        """Save a batch: round, model, training rows, candidates, proposals, predictions, attempts.

        One READY attempt per replicate of each approved proposal. A round number already on record, or a
        spec version that is no longer in force, raises ``LedgerError``.
        """

    def decide(self, proposal_id: str, approved: bool, by: str, why: str) -> None:
        """Record a person's approval or refusal; an approval makes the READY attempts."""

    def settle(self, draft: DecisionDraft) -> DecisionRecord:
        """Record a person's decision: a pin, a ban, what a refusal means, or that an earlier one counts no more."""

    def amend(self, amendment: Amendment) -> ProposalRecord:
        """Refuse a proposal that waits for a person and put another in its place: same round, next position,
        approved, with its READY attempts; an EDIT decision links the two."""

    def move(
        self, key: str, event: Event, detail: str = "", *, adapter: str | None = None, handle: str | None = None
    ) -> State:
        """Take a step in an attempt's life and record the event; raises ``TransitionError``."""

    def retry(self, key: str, why: str) -> AttemptRecord:
        """Another READY attempt at the same experiment, ``attempt_no`` one higher."""

    def receive(self, envelope: EnvelopeDraft) -> EnvelopeRecord:
        """Store what was received, unread. The same source, key, settings and payload again give the first record."""

    def receive_all(self, envelopes: Sequence[EnvelopeDraft]) -> list[EnvelopeRecord]:
        """``receive`` of each, in their order, and as far as that goes together: thousands take a second or two."""

    def judge(self, envelope_id: str, verdict: Verdict, message: str = "") -> None:
        """Record what was made of an envelope. A judged envelope is never judged otherwise."""

    def judge_all(self, judged: Sequence[tuple[str, Verdict, str]]) -> None:
        """``judge`` of each envelope, by its id, with a verdict and a message: in their order, in a few statements."""

    def accept(
        self, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None = None, context: Json | None = None
    ) -> ObservationRecord:
        """Record an envelope's outcome: measurements or failure, attempt ENDED, verdict ACCEPTED,
        ``data_version`` one higher. ``candidate`` is given for told observations only. The same outcome
        again changes nothing (in another envelope, that one becomes a DUPLICATE); another one for the same
        attempt raises ``OutcomeConflict``."""

    def accept_told(self, told: Sequence[ToldOutcome]) -> list[ObservationRecord]:
        """``accept`` of each told observation, in their order, and as far as that goes together."""

    def retract(self, observation_id: str, by: str, why: str) -> None:
        """Let an observation count no more; it stays on record. ``data_version`` grows by one."""

    def halt(self, by: str, why: str) -> SafetyStop:
        """Put a safety stop on record, in this transaction; see ``Ledger.halt``."""

    def lift_stops(self, stops: Collection[str], by: str, why: str) -> None:
        """Lift these safety stops of the campaign or of its bench; raises ``LedgerError`` without name or reason, and
        where one of them is not in force for it."""

    def set_state(self, state: CampaignState, reason: str) -> None:
        """Finish, stop or reactivate the campaign."""

    def keep(self, artifact: Artifact) -> None:
        """Record a file known by its content; its bytes are stored already."""


@runtime_checkable
class ShowsWishes(Protocol):
    """A ledger where whoever holds a campaign sees that somebody waits for it, on whichever machine."""

    def wish(self, name: str) -> AbstractContextManager[None]:
        """Show for the length of the block that somebody waits for the campaign; raises ``NotFound``."""

    def is_wished(self, lease: Lease) -> bool:
        """Whether somebody waits for the campaign that ``lease`` is on."""


class Ledger(Protocol):
    """The record of every campaign; examined by ``loop.testing.ledger.LedgerContract``.

    Facts are append-only; times and identifiers come from the clock and the id factory it was built with.
    Reads need no lease and see committed state only. Whatever names a campaign takes its name.
    """

    def open_campaign(self, name: str, spec: Json, *, by: str) -> CampaignRecord:
        """The campaign of that name, made if it is new. A changed spec becomes a new version."""

    def campaign(self, name: str) -> CampaignRecord:
        """Raises ``NotFound``, listing the names there are."""

    def campaigns(self) -> tuple[CampaignRecord, ...]: ...

    def spec_version(self, name: str, version: int) -> Json:
        """The resolved spec as it was in that version."""

    def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease:
        """Take the lease if it is free, expired or the holder's own; the epoch grows by one each time.

        Raises ``LeaseHeld`` otherwise, naming the holder and when it ends."""

    def release(self, lease: Lease) -> None:
        """Give the lease back; a stale one changes nothing."""

    def work(self, lease: Lease, *, actor: str = "engine") -> AbstractContextManager[Work]:
        """One transaction; raises ``StaleLease`` on entry (or commit) when the epoch is no longer the lease's."""

    def rounds(self, name: str) -> tuple[RoundRecord, ...]: ...
    def round(self, name: str, number: int) -> RoundRecord: ...
    def proposals(self, name: str, round_number: int | None = None) -> tuple[ProposalRecord, ...]:
        """Of one round or of all, ordered by round and position, predictions included."""

    def attempts(self, name: str, states: Iterable[State] | None = None) -> tuple[AttemptRecord, ...]:
        """Ordered by round, run order, replicate and attempt number."""

    def attempt(self, key: str) -> AttemptRecord:
        """By key, or by a beginning of it that only one has, in whatever case. Raises ``NotFound``."""

    def events(self, key: str) -> tuple[AttemptEventRecord, ...]: ...
    def steps(self, name: str) -> tuple[AttemptEventRecord, ...]:
        """Every step of every attempt of a campaign: attempt by attempt, each in order."""

    def envelopes(self, name: str, *, unjudged_only: bool = False) -> tuple[EnvelopeRecord, ...]: ...
    def observations(self, name: str, *, with_retracted: bool = False) -> tuple[ObservationRecord, ...]:
        """Accepted outcomes in a canonical order that does not depend on the order of arrival: told ones
        first (in the order told), then by round, position, replicate and attempt number."""

    def decisions(self, name: str) -> tuple[DecisionRecord, ...]:
        """What people decided, in the order made."""

    def stops(self, name: str, *, with_lifted: bool = False) -> tuple[SafetyStop, ...]:
        """Safety stops that hold for a campaign, its own and those of its bench, in the order made.

        While one is in force, recording a round and claiming an attempt for an adapter raise ``Halted``; results are
        still accepted. A fault of kind ``safety_stop`` of an attempt makes one when it is accepted."""

    def halt(self, name: str, *, by: str, why: str) -> SafetyStop:
        """Put a safety stop on record. Needs no lease: whoever sees danger waits for nobody."""

    def artifacts(self, name: str) -> tuple[Artifact, ...]: ...
    def last_entry(self) -> int:
        """Number of the last entry of the audit log, 0 before the first; while it stays, no fact has changed."""

    def audit(self) -> tuple[AuditEntry, ...]: ...
    def verify_audit(self) -> AuditReport: ...
