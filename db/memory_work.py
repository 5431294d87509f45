"""The in-memory twin's unit of work: one campaign in dicts, and what may be done to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from db.canonical import canonical, lenient, numbers_as_floats, sha256
from db.rules import candidate_spec, check_round, end, kind_of, same_or_conflict
from loop.contracts import Artifact
from loop.errors import LedgerError, NotFound, TransitionError
from loop.experiment import FINAL, Event, State, step
from loop.outcome import Fault, Outcome
from loop.record import (
    Arm,
    AttemptEventRecord,
    AttemptRecord,
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


@dataclass
class CampaignData:
    """All there is of one campaign; records inside are frozen, so a copy of the containers is a copy."""

    record: CampaignRecord
    specs: list[Json] = field(default_factory=list)
    epoch: int = 0
    holder: str | None = None
    expires: datetime | None = None
    candidates: dict[str, str] = field(default_factory=dict)  # id by canonical spec
    rounds: list[RoundRecord] = field(default_factory=list)
    proposals: dict[str, ProposalRecord] = field(default_factory=dict)
    attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    events: dict[str, tuple[AttemptEventRecord, ...]] = field(default_factory=dict)
    envelopes: dict[str, EnvelopeRecord] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)  # envelope by canonical content
    observations: dict[str, ObservationRecord] = field(default_factory=dict)
    retractors: dict[str, str] = field(default_factory=dict)
    artifacts: list[Artifact] = field(default_factory=list)

    def twin(self) -> CampaignData:
        twin = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | list):
                setattr(twin, name, value.copy())
        return twin


class MemoryWork:
    """``loop.contracts.Work`` on a copy of one campaign; made by ``MemoryLedger.work``."""

    def __init__(
        self, campaign: CampaignData, lease: Lease, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self.campaign = campaign
        self.said: list[tuple[str, Json]] = []  # for the audit log
        self._lease, self._clock, self._new_id = lease, clock, new_id

    def record_round(self, draft: RoundDraft) -> RoundRecord:
        """Save a batch with its attempts; see ``loop.contracts.Work``."""
        campaign = self.campaign
        name = f"round {draft.number} of campaign {campaign.record.name!r}"
        check_round(name, draft)
        if any(r.number == draft.number for r in campaign.rounds):
            raise LedgerError(f"{name} is already on record; a round is planned once, take the next number")
        for what, references, known in (
            ("observation", draft.observations, campaign.observations.keys()),
            ("pending attempt", draft.pending, campaign.attempts.keys()),
        ):
            if missing := set(references) - known:
                raise NotFound(f"{name} was planned from {what} {min(missing)!r}, which is not on record")
        specs = [candidate_spec(p.candidate) for p in draft.proposals]
        record = RoundRecord(
            self._new_id(),
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
            self._now(),
        )
        campaign.rounds.append(record)
        made: list[ProposalRecord] = []
        for p, spec in zip(draft.proposals, specs, strict=True):
            candidate_id = self._candidate_id(spec)
            stored = replace(p, candidate=_plain(p.candidate), predictions=tuple(p.predictions))
            made.append(ProposalRecord(self._new_id(), draft.number, candidate_id, stored, draft.approved or None))
        campaign.proposals.update((p.id, p) for p in made)
        if draft.approved:
            for proposal in sorted(made, key=lambda p: p.draft.run_order):
                self._make_attempts(proposal)
        self._say("record_round", round=draft.number, seed=draft.seed, proposals=[p.id for p in made])
        return record

    def decide(self, proposal_id: str, approved: bool, by: str, why: str) -> None:
        """Record a person's decision; an approval makes the READY attempts. The same again changes nothing."""
        proposal = self.campaign.proposals.get(proposal_id)
        if proposal is None:
            raise NotFound(f"campaign {self._name!r} has no proposal {proposal_id!r}; hakken show lists them")
        if proposal.approved is approved:
            return
        if proposal.approved is not None:
            raise LedgerError(
                f"proposal {proposal_id} was already {'approved' if proposal.approved else 'refused'}; a decision "
                "stands: cancel its attempts, or propose it again"
            )
        self.campaign.proposals[proposal_id] = replace(proposal, approved=approved)
        if approved:
            self._make_attempts(proposal)
        self._say("decide", proposal=proposal_id, approved=approved, by=by, why=why)

    def move(
        self, key: str, event: Event, detail: str = "", *, adapter: str | None = None, handle: str | None = None
    ) -> State:
        """Take a step in an attempt's life and record the event; raises ``TransitionError``."""
        attempt = self._attempt(key)
        if event is Event.OUTCOME:
            raise TransitionError(f"attempt {key}: an outcome is recorded with its envelope; use accept, not move")
        try:
            after = step(attempt.state, event)
        except TransitionError as error:
            raise TransitionError(f"attempt {key}: {error}") from None
        self._step(attempt, event, after, detail, adapter, handle)
        self._say("move", attempt=key, event=event.value, before=attempt.state.value, after=after.value)
        return after

    def retry(self, key: str, why: str) -> AttemptRecord:
        """Another READY attempt at the same experiment; raises ``LedgerError`` if there is nothing to try again."""
        attempt = self._attempt(key)
        if attempt.state not in FINAL:
            raise LedgerError(f"attempt {key} is {attempt.state} and may still run; let it end or cancel it first")
        counts = self._counting(key)
        if counts is not None and not isinstance(counts.outcome, Fault):
            raise LedgerError(
                f"attempt {key} ended as {kind_of(counts.outcome)}, so nothing is to be tried again; plan a replicate, "
                f"or retract the outcome first (hakken retract {counts.id})"
            )
        experiment = attempt.proposal_id, attempt.replicate_no
        last = max(
            a.attempt_no for a in self.campaign.attempts.values() if (a.proposal_id, a.replicate_no) == experiment
        )
        if last != attempt.attempt_no:
            raise LedgerError(
                f"attempt {key} was tried again already: attempt number {last} of this experiment is there; "
                "retry the last one"
            )
        proposal = self.campaign.proposals[attempt.proposal_id]
        again = self._make_attempt(proposal, attempt.replicate_no, attempt.attempt_no + 1)
        self._say("retry", attempt=key, by=again.key, why=why)
        return again

    def receive(self, envelope: EnvelopeDraft) -> EnvelopeRecord:
        """Store what was received, unread; the same again gives the first record."""
        settings = None if envelope.settings is None else lenient(envelope.settings)
        content = lenient([envelope.source, envelope.key, envelope.payload, settings])
        if content in self.campaign.received:
            return self.campaign.envelopes[self.campaign.received[content]]
        record = EnvelopeRecord(
            self._new_id(),
            envelope.source,
            envelope.key,
            envelope.payload,
            sha256(envelope.payload),
            None if settings is None else json.loads(settings),
            self._now(),
            None,
            "",
        )
        self.campaign.received[content] = record.id
        self.campaign.envelopes[record.id] = record
        self._say("receive", envelope=record.id, source=envelope.source, key=envelope.key)
        return record

    def judge(self, envelope_id: str, verdict: Verdict, message: str = "") -> None:
        """Record what was made of an envelope. The same verdict again changes nothing, another is refused."""
        envelope = self._envelope(envelope_id)
        if envelope.verdict is verdict:
            return
        if verdict is Verdict.ACCEPTED:
            raise LedgerError(f"envelope {envelope_id}: only accept makes an envelope accepted; give it the outcome")
        if envelope.verdict is not None:
            raise LedgerError(
                f"envelope {envelope_id} was already judged {envelope.verdict.value}, not {verdict.value}; a verdict "
                "stands: send a corrected result in an envelope of its own"
            )
        self.campaign.envelopes[envelope_id] = replace(envelope, verdict=verdict, message=message)
        self._say("judge", envelope=envelope_id, verdict=verdict.value)

    def accept(
        self, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None = None, context: Json | None = None
    ) -> ObservationRecord:
        """Record an envelope's outcome; see ``loop.contracts.Work`` and ``db.work.SqlWork.accept``."""
        envelope = self._envelope(envelope_id)
        if (known := self.campaign.observations.get(envelope_id)) is not None:
            return same_or_conflict(known, outcome, f"envelope {envelope_id} already")
        if envelope.verdict not in (None, Verdict.CONTRADICTORY):
            raise LedgerError(
                f"envelope {envelope_id} was judged {envelope.verdict.value} and cannot be accepted; send a corrected "
                "result in an envelope of its own"
            )
        if candidate is not None and envelope.key is not None:
            raise LedgerError(
                f"envelope {envelope.id} names attempt {envelope.key!r}, whose candidate is on record; give none"
            )
        plain = {} if not context else json.loads(canonical(context, "the context of a run"))
        if candidate is not None:
            record = self._told(envelope, outcome, candidate, plain)
        elif envelope.key is None:
            raise LedgerError(f"envelope {envelope.id} names no attempt; give the candidate that was observed")
        else:
            attempt = self._attempt(envelope.key)
            if (first := self._counting(attempt.key)) is not None:
                record = same_or_conflict(first, outcome, f"attempt {attempt.key} already")
                if envelope.verdict is None:
                    self.judge(envelope_id, Verdict.DUPLICATE, f"repeats observation {record.id}")
                return record
            record = self._ran(envelope, outcome, attempt, plain)
        self.campaign.observations[envelope_id] = record
        if envelope.verdict is None:
            self.campaign.envelopes[envelope_id] = replace(envelope, verdict=Verdict.ACCEPTED)
        self._new_data()
        self._say("accept", envelope=envelope_id, attempt=record.key, outcome=kind_of(outcome).value)
        return record

    def retract(self, observation_id: str, by: str, why: str) -> None:
        """Let an observation count no more; it stays on record."""
        observation = self.campaign.observations.get(observation_id)
        if observation is None:
            raise NotFound(f"campaign {self._name!r} has no observation {observation_id!r}; hakken export lists them")
        if observation.retracted is not None:
            raise LedgerError(
                f"observation {observation_id} was already retracted by {self.campaign.retractors[observation_id]} "
                f"({observation.retracted}); nothing to do"
            )
        self.campaign.observations[observation_id] = replace(observation, retracted=why)
        self.campaign.retractors[observation_id] = by
        self._new_data()
        self._say("retract", observation=observation_id, by=by, why=why)

    def set_state(self, state: CampaignState, reason: str) -> None:
        """Finish, stop or reactivate the campaign."""
        record = self.campaign.record
        after = replace(record, state=state, reason="" if state is CampaignState.ACTIVE else reason)
        if after != record:
            self.campaign.record = after
            self._say("set_state", before=record.state.value, after=state.value, reason=reason)

    def keep(self, artifact: Artifact) -> None:
        """Record a file known by its content; the same again changes nothing."""
        if artifact.key is not None:
            self._attempt(artifact.key)
        content = artifact.sha, artifact.name, artifact.key
        if content not in {(a.sha, a.name, a.key) for a in self.campaign.artifacts}:
            self.campaign.artifacts.append(artifact)
            self._say("keep", artifact=artifact.sha, name=artifact.name)

    # Helpers

    @property
    def _name(self) -> str:
        return self.campaign.record.name

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)

    def _say(self, action: str, **detail: Any) -> None:
        self.said.append((action, {"campaign": self._name, "epoch": self._lease.epoch, **detail}))

    def _new_data(self) -> None:
        record = self.campaign.record
        self.campaign.record = replace(record, data_version=record.data_version + 1)

    def _candidate_id(self, spec: str) -> str:
        return self.campaign.candidates.setdefault(spec, self._new_id())

    def _make_attempts(self, proposal: ProposalRecord) -> None:
        for replicate_no in range(proposal.draft.replicates):
            self._make_attempt(proposal, replicate_no, 0)

    def _make_attempt(self, proposal: ProposalRecord, replicate_no: int, attempt_no: int) -> AttemptRecord:
        draft = proposal.draft
        made = AttemptRecord(
            self._new_id(),
            proposal.id,
            proposal.candidate_id,
            proposal.round_number,
            draft.position,
            draft.run_order,
            replicate_no,
            attempt_no,
            draft.candidate.settings,
            draft.candidate.smiles,
            State.READY,
            None,
            None,
            self._now(),
        )
        self.campaign.attempts[made.key] = made
        return made

    def _attempt(self, key: str) -> AttemptRecord:
        if key not in self.campaign.attempts:
            raise NotFound(f"campaign {self._name!r} has no attempt {key!r}; hakken status lists them")
        return self.campaign.attempts[key]

    def _envelope(self, envelope_id: str) -> EnvelopeRecord:
        if envelope_id not in self.campaign.envelopes:
            raise NotFound(f"campaign {self._name!r} has no envelope {envelope_id!r}; receive it first")
        return self.campaign.envelopes[envelope_id]

    def _counting(self, key: str) -> ObservationRecord | None:
        of_it = (o for o in self.campaign.observations.values() if o.key == key and o.retracted is None)
        return next(of_it, None)

    def _step(
        self, attempt: AttemptRecord, event: Event, after: State, detail: str, adapter: str | None, handle: str | None
    ) -> None:
        now = self._now()
        moved = replace(attempt, state=after, updated=now)
        if after is State.READY:
            moved = replace(moved, adapter=None, handle=None)
        else:
            moved = replace(moved, adapter=adapter or attempt.adapter, handle=handle or attempt.handle)
        self.campaign.attempts[attempt.key] = moved
        said = AttemptEventRecord(attempt.key, event, attempt.state, after, detail, now)
        self.campaign.events[attempt.key] = (*self.campaign.events.get(attempt.key, ()), said)

    def _told(
        self, envelope: EnvelopeRecord, outcome: Outcome, candidate: Candidate, context: Json
    ) -> ObservationRecord:
        point = _plain(candidate)
        return ObservationRecord(
            envelope.id,
            self._candidate_id(candidate_spec(candidate)),
            point.settings,
            point.smiles,
            outcome,
            envelope.source,
            Arm.MANUAL,
            None,
            0,
            0,
            0,
            0,
            0,
            self._now(),
            None,
            context,
        )

    def _ran(
        self, envelope: EnvelopeRecord, outcome: Outcome, attempt: AttemptRecord, context: Json
    ) -> ObservationRecord:
        # All its outcomes were retracted: it has ended, and stays so with the new one.
        after = State.ENDED if attempt.state is State.ENDED else end(attempt.key, attempt.state)
        self._step(attempt, Event.OUTCOME, after, kind_of(outcome).value, None, None)
        return ObservationRecord(
            envelope.id,
            attempt.candidate_id,
            attempt.settings,
            attempt.smiles,
            outcome,
            envelope.source,
            self.campaign.proposals[attempt.proposal_id].draft.arm,
            attempt.key,
            attempt.round_number,
            attempt.position,
            attempt.run_order,
            attempt.replicate_no,
            attempt.attempt_no,
            self._now(),
            None,
            context,
        )


def _plain(point: Candidate) -> Candidate:
    """The candidate as a database gives it back: plain dicts, every number a float."""
    return Candidate(numbers_as_floats(point.settings), dict(point.smiles), point.inchikey)
