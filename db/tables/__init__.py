"""The schema: one declarative class per table, the same for SQLite and PostgreSQL.

Tables that derive from ``Fact`` are append-only (``db.triggers``); ``campaign`` and ``attempt`` hold what changes:
a lease, a state. JSON is stored as canonical text beside its SHA-256, so that it can be hashed and compared.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

from db import triggers
from db.tables.audit import AuditLog
from db.tables.base import Base, Fact
from db.tables.execution import MUTABLE_OF_ATTEMPT, Attempt, AttemptEvent
from db.tables.people import Decision
from db.tables.plan import (
    Approval,
    Campaign,
    CampaignVersion,
    Candidate,
    Model,
    Prediction,
    Proposal,
    Role,
    Round,
    TrainingRow,
)
from db.tables.results import (
    Artifact,
    EnvelopeJudgement,
    Failure,
    Measurement,
    Outcome,
    OutcomeKind,
    ResultEnvelope,
    Retraction,
    RunContext,
)
from db.tables.safety import SafetyLift, SafetyStop

__all__ = [
    "APPEND_ONLY",
    "FACTS",
    "MUTABLE_OF_ATTEMPT",
    "Approval",
    "Artifact",
    "Attempt",
    "AttemptEvent",
    "AuditLog",
    "Base",
    "Campaign",
    "CampaignVersion",
    "Candidate",
    "Decision",
    "EnvelopeJudgement",
    "Failure",
    "Measurement",
    "Model",
    "Outcome",
    "OutcomeKind",
    "Prediction",
    "Proposal",
    "ResultEnvelope",
    "Retraction",
    "Role",
    "Round",
    "RunContext",
    "SafetyLift",
    "SafetyStop",
    "TrainingRow",
]


def _facts() -> tuple[Table, ...]:
    names = {mapper.class_.__tablename__ for mapper in Base.registry.mappers if issubclass(mapper.class_, Fact)}
    return tuple(table for table in Base.metadata.sorted_tables if table.name in names)


FACTS: Final[tuple[Table, ...]] = _facts()  # each sealed by the audit chain
APPEND_ONLY: Final[tuple[str, ...]] = (*(table.name for table in FACTS), "audit_log")

triggers.attach(Base.metadata, APPEND_ONLY)
