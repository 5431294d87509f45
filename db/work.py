"""The unit of work: everything that one pass writes, in one transaction.

Each method first looks at everything that could refuse it, then writes. So an error that the caller catches inside
the ``with`` has left nothing behind, and the work can go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from db import reading
from db import tables as t
from db.audit import Chain, as_stored
from db.canonical import canonical, lenient, sha256
from db.rows import Rows, context_row, failure_rows, measurement_rows, prediction_rows, proposal_rows, training_rows
from db.rules import candidate_spec, check_round, end, kind_of, same_or_conflict
from loop.contracts import Artifact
from loop.errors import LedgerError, NotFound, StaleLease, TransitionError
from loop.experiment import FINAL, Event, State, step
from loop.outcome import Negative, Outcome
from loop.record import (
    AttemptRecord,
    CampaignState,
    Candidate,
    EnvelopeDraft,
    EnvelopeRecord,
    Json,
    Lease,
    ObservationRecord,
    RoundDraft,
    RoundRecord,
    Verdict,
)


class Writer:
    """Writes rows together with the audit entry that seals them."""

    def __init__(
        self, session: Session, *, clock: Callable[[], datetime], new_id: Callable[[], str], actor: str
    ) -> None:
        self.session, self.now, self.new_id, self._actor = session, clock, new_id, actor
        self._chain = Chain(session)
        self.has_written = False

    def write(self, action: str, detail: Json, *parts: tuple[type[t.Base], Rows]) -> int:
        """Insert ``parts`` in that order, save changed rows, append the entry; returns its number."""
        number = self._chain.next_number()
        self.session.flush()
        sealed: dict[str, Rows] = {}
        for table, rows in parts:
            if rows:
                name = table.__tablename__
                sealed[name] = [as_stored(t.Base.metadata.tables[name], {**row, "entry": number}) for row in rows]
                self.session.execute(insert(table), sealed[name])
        self._chain.append(at=self.now(), actor=self._actor, action=action, detail=detail, rows=sealed)
        self.has_written = True
        return number


class SqlWork:
    """``loop.contracts.Work`` on one open transaction; made by ``SqlLedger.work``."""

    def __init__(self, writer: Writer, lease: Lease) -> None:
        self._writer, self._session = writer, writer.session
        self._lease = lease
        # Locks the row on PostgreSQL; on SQLite the transaction holds the only write lock.
        campaign = self._session.get(t.Campaign, lease.campaign_id, with_for_update=True)
        if campaign is None:
            raise NotFound(f"no campaign has the id {lease.campaign_id}; acquire a lease by the campaign's name")
        if campaign.epoch != lease.epoch or campaign.lease_holder != lease.holder:
            now_held = f"{campaign.lease_holder!r} with epoch {campaign.epoch}" if campaign.lease_holder else "nobody"
            raise StaleLease(
                f"the lease of {lease.holder!r} on campaign {campaign.name!r} (epoch {lease.epoch}) is no longer in "
                f"force; it is held by {now_held}. Nothing was written; acquire it again"
            )
        self._campaign = campaign

    # Planning

    def record_round(self, draft: RoundDraft) -> RoundRecord:
        """Save a batch with its attempts; see ``loop.contracts.Work``."""
        self._check_round(draft)
        ids, candidates = self._candidates([p.candidate for p in draft.proposals])
        new_id = self._writer.new_id
        round_id = new_id()
        proposal_ids = [new_id() for _ in draft.proposals]
        model = canonical(draft.model, "the model's detail")
        round_row = {
            "id": round_id,
            "campaign_id": self._campaign.id,
            "number": draft.number,
            "seed": draft.seed,
            "version": self._campaign.version,
            "data_version": draft.data_version,
            "notes": canonical(list(draft.notes), "the round's notes"),
            "environment": canonical(draft.environment, "the round's environment"),
            "is_approved": draft.approved,
            "created": self._writer.now(),
        }
        in_run_order = sorted(zip(proposal_ids, draft.proposals, strict=True), key=lambda pair: pair[1].run_order)
        attempts = [row for proposal_id, p in in_run_order for row in self._first_attempts(proposal_id, p.replicates)]
        self._writer.write(
            "record_round",
            self._about(round=draft.number, seed=draft.seed, proposals=proposal_ids),
            (t.Candidate, candidates),
            (t.Round, [round_row]),
            (
                t.Model,
                [{"round_id": round_id, "surrogate": draft.surrogate, "detail": model, "sha": sha256(model)}],
            ),
            (t.TrainingRow, training_rows(round_id, draft)),
            (t.Proposal, proposal_rows(round_id, proposal_ids, ids, draft.proposals)),
            (t.Prediction, prediction_rows(proposal_ids, draft.proposals)),
            (t.Attempt, attempts if draft.approved else []),
        )
        return reading.rounds(self._session, self._campaign.id, t.Round.id == round_id)[0]

    def decide(self, proposal_id: str, approved: bool, by: str, why: str) -> None:
        """Record a person's decision; an approval makes the READY attempts. The same again changes nothing.

        Raises:
            NotFound: The campaign has no such proposal.
            LedgerError: It was decided otherwise before.
        """
        found = self._session.execute(
            select(t.Proposal, t.Round.is_approved, t.Approval)
            .join(t.Round, t.Round.id == t.Proposal.round_id)
            .outerjoin(t.Approval, t.Approval.proposal_id == t.Proposal.id)
            .where(t.Proposal.id == proposal_id, t.Round.campaign_id == self._campaign.id)
        ).first()
        if found is None:
            raise NotFound(f"campaign {self._campaign.name!r} has no proposal {proposal_id!r}; hakken show lists them")
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
            "at": self._writer.now(),
        }
        self._writer.write(
            "decide",
            self._about(proposal=proposal_id, approved=approved, by=by, why=why),
            (t.Approval, [decision]),
            (t.Attempt, self._first_attempts(proposal_id, proposal.replicates) if approved else []),
        )

    # Execution

    def move(
        self, key: str, event: Event, detail: str = "", *, adapter: str | None = None, handle: str | None = None
    ) -> State:
        """Take a step in an attempt's life and record the event; returns the new state.

        An attempt that goes back to READY forgets its adapter and handle: nobody has it.

        Raises:
            NotFound: The campaign has no such attempt.
            TransitionError: The table has no such step, or the step is an outcome's.
        """
        attempt = self._attempt(key)
        if event is Event.OUTCOME:
            raise TransitionError(f"attempt {key}: an outcome is recorded with its envelope; use accept, not move")
        try:
            after = step(State(attempt.state), event)
        except TransitionError as error:
            raise TransitionError(f"attempt {key}: {error}") from None
        row = self._step(attempt, event, after, detail, adapter, handle)
        self._writer.write(
            "move",
            self._about(attempt=key, event=event.value, before=row["before"].value, after=after.value),
            (t.AttemptEvent, [row]),
        )
        return after

    def retry(self, key: str, why: str) -> AttemptRecord:
        """Another READY attempt at the same experiment.

        Raises:
            NotFound: The campaign has no such attempt.
            LedgerError: It may still run, gave a result that counts, or was tried again already.
        """
        attempt = self._attempt(key)
        if State(attempt.state) not in FINAL:
            raise LedgerError(f"attempt {key} is {attempt.state} and may still run; let it end or cancel it first")
        counts = self._counting(key)
        if counts is not None and counts.kind != t.OutcomeKind.FAULT:
            raise LedgerError(
                f"attempt {key} ended as {counts.kind}, so there is nothing to try again; plan a replicate, or retract "
                f"the outcome first (hakken retract {counts.envelope_id})"
            )
        last = self._session.scalar(
            select(func.max(t.Attempt.attempt_no)).where(
                t.Attempt.proposal_id == attempt.proposal_id, t.Attempt.replicate_no == attempt.replicate_no
            )
        )
        if last != attempt.attempt_no:
            raise LedgerError(
                f"attempt {key} was tried again already: attempt number {last} of this experiment is there; "
                "retry the last one"
            )
        row = self._attempt_row(attempt.proposal_id, attempt.replicate_no, attempt.attempt_no + 1, why)
        self._writer.write("retry", self._about(attempt=key, by=row["id"], why=why), (t.Attempt, [row]))
        return reading.attempts(self._session, t.Attempt.id == row["id"])[0]

    # Results

    def receive(self, envelope: EnvelopeDraft) -> EnvelopeRecord:
        """Store what was received, unread; the same again gives the first record."""
        settings = None if envelope.settings is None else lenient(envelope.settings)
        dedupe = sha256(lenient([envelope.source, envelope.key, envelope.payload, settings]))
        table = t.ResultEnvelope
        mine = (table.campaign_id == self._campaign.id) & (table.dedupe == dedupe)
        if known := reading.envelopes(self._session, mine):
            return known[0]
        row = {
            "id": self._writer.new_id(),
            "campaign_id": self._campaign.id,
            "source": envelope.source,
            "key": envelope.key,
            "payload": envelope.payload,
            "sha": sha256(envelope.payload),
            "settings": settings,
            "settings_sha": None if settings is None else sha256(settings),
            "dedupe": dedupe,
            "received": self._writer.now(),
        }
        self._writer.write(
            "receive",
            self._about(envelope=row["id"], source=envelope.source, key=envelope.key),
            (t.ResultEnvelope, [row]),
        )
        return reading.envelopes(self._session, mine)[0]

    def judge(self, envelope_id: str, verdict: Verdict, message: str = "") -> None:
        """Record what was made of an envelope. The same verdict again changes nothing.

        Raises:
            NotFound: The campaign has no such envelope.
            LedgerError: It was judged otherwise, or the verdict is ACCEPTED, which only ``accept`` gives.
        """
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
        self._writer.write(
            "judge",
            self._about(envelope=envelope_id, verdict=verdict.value),
            (t.EnvelopeJudgement, [self._judgement(envelope_id, verdict, message)]),
        )

    def accept(
        self, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None = None, context: Json | None = None
    ) -> ObservationRecord:
        """Record an envelope's outcome; see ``loop.contracts.Work``.

        An envelope once judged CONTRADICTORY may be accepted after the outcome that it contradicted was retracted;
        its verdict stays, as what was made of it at the time. Any other verdict stands against it.

        Raises:
            NotFound: The campaign has no such envelope, or no attempt of the envelope's key.
            OutcomeConflict: The envelope or its attempt has another outcome that counts.
            TransitionError: The attempt cannot end from where it is: never sent, cancelled or expired.
            LedgerError: The envelope was judged otherwise, or it is unclear what was observed.
        """
        envelope = self._envelope(envelope_id)
        if self._session.get(t.Outcome, envelope_id) is not None:
            (known,) = reading.observations(self._session, t.Outcome.envelope_id == envelope_id)
            return same_or_conflict(known, outcome, f"envelope {envelope_id} already")
        if envelope.verdict not in (None, Verdict.CONTRADICTORY):
            raise LedgerError(
                f"envelope {envelope_id} was judged {envelope.verdict.value} and cannot be accepted; send a corrected "
                "result in an envelope of its own"
            )
        attempt = self._observed_attempt(envelope, candidate)
        events: Rows = []
        candidates: Rows = []
        revision = 0
        if attempt is not None:
            counts = self._counting(attempt.id)
            if counts is not None:
                first = reading.observations(self._session, t.Outcome.envelope_id == counts.envelope_id)[0]
                record = same_or_conflict(first, outcome, f"attempt {attempt.id} already")
                if envelope.verdict is None:
                    self.judge(envelope_id, Verdict.DUPLICATE, f"repeats observation {record.id}")
                return record
            revision = (
                self._session.scalar(
                    select(func.count()).select_from(t.Outcome).where(t.Outcome.attempt_id == attempt.id)
                )
                or 0
            )
            state = State(attempt.state)
            # All its outcomes were retracted: it has ended, and stays so with the new one.
            after = State.ENDED if state is State.ENDED else end(attempt.id, state)
            events = [self._step(attempt, Event.OUTCOME, after, kind_of(outcome).value, None, None)]
            candidate_id = self._session.scalars(
                select(t.Proposal.candidate_id).where(t.Proposal.id == attempt.proposal_id)
            ).one()
        else:
            assert candidate is not None  # or there would be an attempt
            (candidate_id,), candidates = self._candidates([candidate])
        row = {
            "envelope_id": envelope_id,
            "campaign_id": self._campaign.id,
            "candidate_id": candidate_id,
            "attempt_id": None if attempt is None else attempt.id,
            "revision": revision,
            "kind": kind_of(outcome),
            "reason": outcome.reason if isinstance(outcome, Negative) else "",
            "recorded": self._writer.now(),
        }
        contexts = [] if not context else [context_row(envelope_id, context)]
        verdicts = [] if envelope.verdict else [self._judgement(envelope_id, Verdict.ACCEPTED, "")]
        self._campaign.data_version += 1
        self._writer.write(
            "accept",
            self._about(envelope=envelope_id, attempt=row["attempt_id"], outcome=kind_of(outcome).value),
            (t.Candidate, candidates),
            (t.Outcome, [row]),
            (t.Measurement, measurement_rows(envelope_id, outcome)),
            (t.Failure, failure_rows(envelope_id, outcome)),
            (t.RunContext, contexts),
            (t.AttemptEvent, events),
            (t.EnvelopeJudgement, verdicts),
        )
        return reading.observations(self._session, t.Outcome.envelope_id == envelope_id)[0]

    def retract(self, observation_id: str, by: str, why: str) -> None:
        """Let an observation count no more; it stays on record.

        Raises:
            NotFound: The campaign has no such observation.
            LedgerError: It was retracted before.
        """
        found = self._session.execute(
            select(t.Outcome, t.Retraction)
            .outerjoin(t.Retraction, t.Retraction.outcome_id == t.Outcome.envelope_id)
            .where(t.Outcome.envelope_id == observation_id, t.Outcome.campaign_id == self._campaign.id)
        ).first()
        if found is None:
            raise NotFound(
                f"campaign {self._campaign.name!r} has no observation {observation_id!r}; hakken export lists them"
            )
        if (before := found[1]) is not None:
            raise LedgerError(
                f"observation {observation_id} was already retracted by {before.by} ({before.why}); nothing to do"
            )
        self._campaign.data_version += 1
        row = {"outcome_id": observation_id, "by": by, "why": why, "at": self._writer.now()}
        self._writer.write("retract", self._about(observation=observation_id, by=by, why=why), (t.Retraction, [row]))

    # The campaign

    def set_state(self, state: CampaignState, reason: str) -> None:
        """Finish, stop or reactivate the campaign. While it is active, the reason is in the audit log only."""
        shown = "" if state is CampaignState.ACTIVE else reason
        if (self._campaign.state, self._campaign.reason) == (state.value, shown):
            return
        before = self._campaign.state
        self._campaign.state, self._campaign.reason = state.value, shown
        self._writer.write("set_state", self._about(before=before, after=state.value, reason=reason))

    def keep(self, artifact: Artifact) -> None:
        """Record a file known by its content; the same again changes nothing."""
        if artifact.key is not None:
            self._attempt(artifact.key)
        dedupe = sha256(canonical([artifact.sha, artifact.name, artifact.key], "an artifact's name"))
        table = t.Artifact
        if self._session.scalar(select(table.id).where(table.campaign_id == self._campaign.id, table.dedupe == dedupe)):
            return
        row = {
            "id": self._writer.new_id(),
            "campaign_id": self._campaign.id,
            "sha": artifact.sha,
            "name": artifact.name,
            "media_type": artifact.media_type,
            "size": artifact.size,
            "attempt_id": artifact.key,
            "dedupe": dedupe,
            "at": self._writer.now(),
        }
        self._writer.write("keep", self._about(artifact=artifact.sha, name=artifact.name), (t.Artifact, [row]))

    # Helpers

    def _about(self, **detail: Any) -> Json:
        return {"campaign": self._campaign.name, "epoch": self._lease.epoch, **detail}

    def _check_round(self, draft: RoundDraft) -> None:
        name = f"round {draft.number} of campaign {self._campaign.name!r}"
        check_round(name, draft)
        known = self._session.scalars(
            select(t.Round.number).where(t.Round.campaign_id == self._campaign.id, t.Round.number == draft.number)
        ).first()
        if known is not None:
            raise LedgerError(f"{name} is already on record; a round is planned once, take the next number")
        outcomes = select(t.Outcome.envelope_id).where(t.Outcome.campaign_id == self._campaign.id)
        attempts = (
            select(t.Attempt.id)
            .join(t.Proposal, t.Proposal.id == t.Attempt.proposal_id)
            .join(t.Round, t.Round.id == t.Proposal.round_id)
            .where(t.Round.campaign_id == self._campaign.id)
        )
        for what, references, there in (
            ("observation", draft.observations, outcomes),
            ("pending attempt", draft.pending, attempts),
        ):
            if references and (missing := set(references) - set(self._session.scalars(there))):
                raise NotFound(f"{name} was planned from {what} {min(missing)!r}, which is not on record")

    def _candidates(self, points: Sequence[Candidate]) -> tuple[list[str], Rows]:
        """The id of each candidate, and rows for those not on record yet."""
        specs = [candidate_spec(point) for point in points]
        shas = [sha256(spec) for spec in specs]
        table = t.Candidate
        ids = dict(
            self._session.execute(
                select(table.sha, table.id).where(table.campaign_id == self._campaign.id, table.sha.in_(set(shas)))
            ).all()
        )
        rows: Rows = []
        for point, spec, sha in zip(points, specs, shas, strict=True):
            if sha not in ids:
                ids[sha] = self._writer.new_id()
                rows.append(
                    {
                        "id": ids[sha],
                        "campaign_id": self._campaign.id,
                        "spec": spec,
                        "sha": sha,
                        "inchikey": point.inchikey,
                        "molecule": next(iter(point.smiles.values())) if point.inchikey and point.smiles else None,
                    }
                )
        return [ids[sha] for sha in shas], rows

    def _first_attempts(self, proposal_id: str, replicates: int) -> Rows:
        return [self._attempt_row(proposal_id, replicate_no, 0, "") for replicate_no in range(replicates)]

    def _attempt_row(self, proposal_id: str, replicate_no: int, attempt_no: int, why: str) -> dict[str, Any]:
        return {
            "id": self._writer.new_id(),
            "proposal_id": proposal_id,
            "replicate_no": replicate_no,
            "attempt_no": attempt_no,
            "why": why,
            "state": State.READY,
            "adapter": None,
            "handle": None,
            "lease_holder": self._lease.holder,
            "epoch": self._lease.epoch,
            "updated": self._writer.now(),
        }

    def _attempt(self, key: str) -> t.Attempt:
        found = self._find_attempt(key)
        if found is None:
            raise NotFound(f"campaign {self._campaign.name!r} has no attempt {key!r}; hakken status lists them")
        return found

    def _find_attempt(self, key: str) -> t.Attempt | None:
        return self._session.scalars(
            select(t.Attempt)
            .join(t.Proposal, t.Proposal.id == t.Attempt.proposal_id)
            .join(t.Round, t.Round.id == t.Proposal.round_id)
            .where(t.Attempt.id == key, t.Round.campaign_id == self._campaign.id)
        ).one_or_none()

    def _step(
        self, attempt: t.Attempt, event: Event, after: State, detail: str, adapter: str | None, handle: str | None
    ) -> dict[str, Any]:
        """Change the attempt's row, and give the row of the event that says so."""
        number = self._session.scalar(
            select(func.count()).select_from(t.AttemptEvent).where(t.AttemptEvent.attempt_id == attempt.id)
        )
        before = State(attempt.state)
        attempt.state, attempt.updated = after.value, self._writer.now()
        attempt.lease_holder, attempt.epoch = self._lease.holder, self._lease.epoch
        if after is State.READY:
            attempt.adapter = attempt.handle = None
        else:
            attempt.adapter = attempt.adapter if adapter is None else adapter
            attempt.handle = attempt.handle if handle is None else handle
        return {
            "attempt_id": attempt.id,
            "number": number,
            "event": event,
            "before": before,
            "after": after,
            "detail": detail,
            "adapter": attempt.adapter,
            "handle": attempt.handle,
            "epoch": self._lease.epoch,
            "at": attempt.updated,
        }

    def _envelope(self, envelope_id: str) -> EnvelopeRecord:
        table = t.ResultEnvelope
        found = reading.envelopes(self._session, (table.id == envelope_id) & (table.campaign_id == self._campaign.id))
        if not found:
            raise NotFound(f"campaign {self._campaign.name!r} has no envelope {envelope_id!r}; receive it first")
        return found[0]

    def _judgement(self, envelope_id: str, verdict: Verdict, message: str) -> dict[str, Any]:
        return {"envelope_id": envelope_id, "verdict": verdict, "message": message, "at": self._writer.now()}

    def _observed_attempt(self, envelope: EnvelopeRecord, candidate: Candidate | None) -> t.Attempt | None:
        """The attempt that the envelope tells of, None for a told observation of ``candidate``."""
        if candidate is None:
            if envelope.key is None:
                raise LedgerError(f"envelope {envelope.id} names no attempt; give the candidate that was observed")
            return self._attempt(envelope.key)
        if envelope.key is not None:
            raise LedgerError(
                f"envelope {envelope.id} names attempt {envelope.key!r}, whose candidate is on record; give none"
            )
        return None

    def _counting(self, key: str) -> t.Outcome | None:
        """The outcome of the attempt that was not retracted."""
        return self._session.scalars(
            select(t.Outcome)
            .outerjoin(t.Retraction, t.Retraction.outcome_id == t.Outcome.envelope_id)
            .where(t.Outcome.attempt_id == key, t.Retraction.outcome_id.is_(None))
        ).one_or_none()
