"""The schema: one declarative class per table, the same for SQLite and PostgreSQL.

Tables that derive from ``Fact`` are append-only (``db.triggers``); ``campaign`` and ``attempt`` hold what changes:
a lease, a state. JSON is stored as canonical text beside its SHA-256, so that it can be hashed and compared.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, MetaData, String, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db import triggers
from db.types import FreeText, UtcDateTime
from loop.experiment import Event, State
from loop.outcome import FaultKind, Qualifier
from loop.record import Arm, CampaignState, Verdict


class OutcomeKind(StrEnum):
    """Which of the three ways an experiment ended. Stored: values only grow."""

    MEASURED = "measured"
    NEGATIVE = "negative"
    FAULT = "fault"


class Role(StrEnum):
    """What a round was planned from. Stored: values only grow."""

    OBSERVATION = "observation"
    PENDING = "pending"


class Base(DeclarativeBase):
    """All tables share one naming rule, because messages are found by a constraint's name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime(), str: FreeText(), float: Float(53)}


class Fact(Base):
    """A row that is written once. ``entry`` numbers the audit entry that was written with it and seals it."""

    __abstract__ = True
    entry: Mapped[int] = mapped_column(BigInteger, index=True, sort_order=-1)


# Identifiers are ASCII and of a kind; 64 leaves room for factories other than UUID.
Id = String(64)
Sha = String(64)
Word = String(32)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A closed list, held by the database too."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(v.value) for v in values)})", name=column)


def to(target: str) -> ForeignKey:
    """A reference that is kept: whatever is referred to cannot go."""
    return ForeignKey(target, ondelete="RESTRICT")


class Campaign(Base):
    """A campaign: its lease, its state, and how many times its data changed."""

    __tablename__ = "campaign"
    __table_args__ = (UniqueConstraint("name"), one_of("state", CampaignState))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(Word)
    reason: Mapped[str]
    version: Mapped[int]  # of the spec in force
    data_version: Mapped[int]
    epoch: Mapped[int] = mapped_column(BigInteger)
    lease_holder: Mapped[str | None]
    lease_expires: Mapped[datetime | None]
    created: Mapped[datetime]


class CampaignVersion(Fact):
    """A resolved spec, complete in itself."""

    __tablename__ = "campaign_version"

    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    spec: Mapped[str]  # canonical JSON
    sha: Mapped[str] = mapped_column(Sha)
    by: Mapped[str]
    created: Mapped[datetime]


class Candidate(Fact):
    """A point that was proposed or told; one row per campaign, settings and structures."""

    __tablename__ = "candidate"
    __table_args__ = (UniqueConstraint("campaign_id", "sha"), Index(None, "inchikey"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"))
    spec: Mapped[str]  # canonical JSON: settings, smiles, inchikey
    sha: Mapped[str] = mapped_column(Sha)
    inchikey: Mapped[str | None]
    molecule: Mapped[str | None]  # canonical SMILES, in a campaign over molecules


class Round(Fact):
    """A batch that was planned, and what decides its numbers."""

    __tablename__ = "round"
    __table_args__ = (UniqueConstraint("campaign_id", "number"), CheckConstraint("number >= 1", name="number"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"))
    number: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int]
    data_version: Mapped[int]
    notes: Mapped[str]  # canonical JSON, a list
    environment: Mapped[str]  # canonical JSON, an object
    is_approved: Mapped[bool]  # False: each proposal waits for a person
    created: Mapped[datetime]


class Model(Fact):
    """The surrogate behind a round: hyper-parameters, weights, evidence."""

    __tablename__ = "model"

    round_id: Mapped[str] = mapped_column(Id, to("round.id"), primary_key=True)
    surrogate: Mapped[str]
    detail: Mapped[str]  # canonical JSON
    sha: Mapped[str] = mapped_column(Sha)


class TrainingRow(Fact):
    """One thing that a round was planned from: an observation, or an attempt pending at that time."""

    __tablename__ = "training_row"
    __table_args__ = (UniqueConstraint("round_id", "role", "reference"), one_of("role", Role))

    round_id: Mapped[str] = mapped_column(Id, to("round.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Word, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # in the planner's order
    reference: Mapped[str] = mapped_column(Id)  # an outcome's or an attempt's id, as the role says


class Proposal(Fact):
    """A candidate chosen for a round, and why."""

    __tablename__ = "proposal"
    __table_args__ = (UniqueConstraint("round_id", "position"), Index(None, "candidate_id"), one_of("arm", Arm))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    round_id: Mapped[str] = mapped_column(Id, to("round.id"))
    candidate_id: Mapped[str] = mapped_column(Id, to("candidate.id"))
    arm: Mapped[str] = mapped_column(Word)
    position: Mapped[int]
    run_order: Mapped[int]
    replicates: Mapped[int]
    reason: Mapped[str]
    model: Mapped[str]
    acquisition: Mapped[str]
    acquisition_value: Mapped[float | None]
    neighbour: Mapped[str | None]
    novelty: Mapped[float | None]


class Prediction(Fact):
    """What a model said of a proposal when it was made."""

    __tablename__ = "prediction"
    __table_args__ = (UniqueConstraint("proposal_id", "target", "member"),)

    proposal_id: Mapped[str] = mapped_column(Id, to("proposal.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    target: Mapped[str]
    member: Mapped[str]
    mean: Mapped[float]
    sd: Mapped[float]
    weight: Mapped[float | None]


class Approval(Fact):
    """A person's decision on a proposal that waited for one."""

    __tablename__ = "approval"

    proposal_id: Mapped[str] = mapped_column(Id, to("proposal.id"), primary_key=True)
    is_approved: Mapped[bool]
    by: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]


class Attempt(Base):
    """One execution of one experiment; its id is the key that the laboratory knows it by."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("proposal_id", "replicate_no", "attempt_no"),
        Index(None, "state"),
        one_of("state", State),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    proposal_id: Mapped[str] = mapped_column(Id, to("proposal.id"))
    replicate_no: Mapped[int]
    attempt_no: Mapped[int]
    why: Mapped[str]  # of a retry, "" at first
    entry: Mapped[int] = mapped_column(BigInteger, index=True)  # seals what never changes, as in ``Fact``
    state: Mapped[str] = mapped_column(Word)
    adapter: Mapped[str | None]
    handle: Mapped[str | None]
    lease_holder: Mapped[str]  # who wrote last, under which epoch
    epoch: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[datetime]


class AttemptEvent(Fact):
    """One step in an attempt's life; the steps together give the attempt's row again."""

    __tablename__ = "attempt_event"
    __table_args__ = (one_of("event", Event), one_of("before", State), one_of("after", State))

    attempt_id: Mapped[str] = mapped_column(Id, to("attempt.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[str] = mapped_column(Word)
    before: Mapped[str] = mapped_column(Word)
    after: Mapped[str] = mapped_column(Word)
    detail: Mapped[str]
    adapter: Mapped[str | None]
    handle: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]


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


class AuditLog(Base):
    """One link of the hash chain."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(Word)
    detail: Mapped[str]  # canonical JSON
    previous: Mapped[str] = mapped_column(Sha)
    hash: Mapped[str] = mapped_column(Sha)


class SchemaInfo(Base):
    """Which revision of the schema was applied when, by which version of hakken."""

    __tablename__ = "schema_info"

    revision: Mapped[str] = mapped_column(Word, primary_key=True)
    applied: Mapped[datetime]
    hakken: Mapped[str]


def _facts() -> tuple[Table, ...]:
    names = {mapper.class_.__tablename__ for mapper in Base.registry.mappers if issubclass(mapper.class_, Fact)}
    return tuple(table for table in Base.metadata.sorted_tables if table.name in names)


FACTS: Final[tuple[Table, ...]] = _facts()  # each sealed by the audit chain
APPEND_ONLY: Final[tuple[str, ...]] = (*(table.name for table in FACTS), "audit_log")
MUTABLE_OF_ATTEMPT: Final = frozenset({"state", "adapter", "handle", "lease_holder", "epoch", "updated"})

triggers.attach(Base.metadata, APPEND_ONLY)
