"""What is planned: campaigns and their specs; rounds, the model behind each, and what it proposed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Fact, Id, Sha, Word, one_of, to
from loop.record import Arm, CampaignState


class Role(StrEnum):
    """What a round was planned from. Stored: values only grow."""

    OBSERVATION = "observation"
    PENDING = "pending"


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
    spec: Mapped[str]  # canonical JSON: settings, smiles, inchikey, as_made where that is another structure
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
    base: Mapped[int | None]  # the number of an earlier round, with whose first observations its own begin
    kept: Mapped[int | None]  # how many of these


class Model(Fact):
    """The surrogate behind a round: hyper-parameters, weights, evidence."""

    __tablename__ = "model"

    round_id: Mapped[str] = mapped_column(Id, to("round.id"), primary_key=True)
    surrogate: Mapped[str]
    detail: Mapped[str]  # canonical JSON
    sha: Mapped[str] = mapped_column(Sha)


class TrainingRow(Fact):
    """One thing that a round was planned from: an observation, or an attempt pending at that time.

    Observations that it has in common with its ``base`` are not repeated: see ``db.planned_from``.
    """

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
    plate: Mapped[int | None]  # where the batch is a plate; the three come together
    well: Mapped[str | None]
    block: Mapped[int | None]


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
