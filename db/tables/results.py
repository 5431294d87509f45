"""What came back: envelopes and what was made of them, outcomes with their values, retractions, files."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Fact, Id, Sha, Word, one_of, to
from loop.outcome import FaultKind, Qualifier
from loop.record import Verdict


class OutcomeKind(StrEnum):
    """Which of the three ways an experiment ended. Stored: values only grow."""

    MEASURED = "measured"
    NEGATIVE = "negative"
    FAULT = "fault"


class ResultEnvelope(Fact):
    """What was received, unread. ``key`` may name an attempt that nobody knows, so it refers to nothing."""

    __tablename__ = "result_envelope"
    # ``dedupe`` is the hash of source, key, payload and settings: a constraint over the columns
    # themselves would let doubles through where one of them is NULL.
    __table_args__ = (UniqueConstraint("campaign_id", "dedupe"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"))
    source: Mapped[str]
    key: Mapped[str | None]
    payload: Mapped[str]
    sha: Mapped[str] = mapped_column(Sha)  # of the payload
    settings: Mapped[str | None]  # JSON, as given
    settings_sha: Mapped[str | None] = mapped_column(Sha)
    dedupe: Mapped[str] = mapped_column(Sha)
    received: Mapped[datetime]


class EnvelopeJudgement(Fact):
    """What was made of an envelope: one verdict, and it stands."""

    __tablename__ = "envelope_judgement"
    __table_args__ = (one_of("verdict", Verdict),)

    envelope_id: Mapped[str] = mapped_column(Id, to("result_envelope.id"), primary_key=True)
    verdict: Mapped[str] = mapped_column(Word)
    message: Mapped[str]
    at: Mapped[datetime]


class Outcome(Fact):
    """How an experiment ended. Kept apart from its values, because a negative may have none."""

    __tablename__ = "outcome"
    # ``revision`` counts the retracted outcomes of the attempt before this one: two that count cannot both be there.
    __table_args__ = (
        UniqueConstraint("attempt_id", "revision"),
        Index(None, "campaign_id"),
        Index(None, "candidate_id"),
        one_of("kind", OutcomeKind),
    )

    envelope_id: Mapped[str] = mapped_column(Id, to("result_envelope.id"), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"))
    candidate_id: Mapped[str] = mapped_column(Id, to("candidate.id"))
    attempt_id: Mapped[str | None] = mapped_column(Id, to("attempt.id"))  # NULL for a told observation
    revision: Mapped[int]
    kind: Mapped[str] = mapped_column(Word)
    reason: Mapped[str]  # of a negative, "" otherwise
    recorded: Mapped[datetime]


class Measurement(Fact):
    """One reported number of an outcome: as reported with its unit, and in the target's unit."""

    __tablename__ = "measurement"
    __table_args__ = (one_of("qualifier", Qualifier), CheckConstraint("n >= 1", name="n"))

    outcome_id: Mapped[str] = mapped_column(Id, to("outcome.envelope_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    property: Mapped[str]
    value: Mapped[float]
    unit: Mapped[str]
    canonical: Mapped[float]
    sd: Mapped[float | None]
    canonical_sd: Mapped[float | None]
    n: Mapped[int]
    qualifier: Mapped[str] = mapped_column(Word)
    channel: Mapped[str | None]


class Failure(Fact):
    """Why an experiment did not run as intended."""

    __tablename__ = "failure"
    __table_args__ = (one_of("kind", FaultKind),)

    outcome_id: Mapped[str] = mapped_column(Id, to("outcome.envelope_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Word)
    message: Mapped[str]
    is_informative: Mapped[bool]


class RunContext(Fact):
    """The circumstances of a run: who, where, with what, and the settings as they really were."""

    __tablename__ = "run_context"

    outcome_id: Mapped[str] = mapped_column(Id, to("outcome.envelope_id"), primary_key=True)
    instrument: Mapped[str | None]
    plate: Mapped[str | None]
    well: Mapped[str | None]
    lot: Mapped[str | None]
    operator: Mapped[str | None]
    detail: Mapped[str]  # canonical JSON, all of it
    sha: Mapped[str] = mapped_column(Sha)


class Retraction(Fact):
    """An outcome counts no more: by whom, and why. The outcome stays."""

    __tablename__ = "retraction"

    outcome_id: Mapped[str] = mapped_column(Id, to("outcome.envelope_id"), primary_key=True)
    by: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]


class Artifact(Fact):
    """A file kept outside the database, known by its content."""

    __tablename__ = "artifact"
    __table_args__ = (UniqueConstraint("campaign_id", "dedupe"), CheckConstraint("size >= 0", name="size"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"))
    sha: Mapped[str] = mapped_column(Sha)
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    attempt_id: Mapped[str | None] = mapped_column(Id, to("attempt.id"))
    dedupe: Mapped[str] = mapped_column(Sha)
    at: Mapped[datetime]
