"""Contracts with the outside: laboratories (``Adapter``) and the record (``Ledger``).

Each is examined by a suite in ``loop.testing``; whatever passes it can take the place of another.
"""

from loop.contracts.abilities import (
    AsksLeave,
    CanPause,
    Cautions,
    ChecksTogether,
    Foresees,
    HasParts,
    KeepsLimits,
    RunsTogether,
    SupportsAnnouncement,
    SupportsExamination,
    TakesOff,
)
from loop.contracts.adapter import Adapter, AdapterContext
from loop.contracts.ledger import Artifact, AuditReport, Ledger, ShowsWishes, ToldOutcome, Work
from loop.contracts.messages import (
    Absent,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Finding,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    RawFile,
    Status,
    Unknown,
)

__all__ = [
    "Absent",
    "Adapter",
    "AdapterContext",
    "Artifact",
    "AsksLeave",
    "AttemptKey",
    "AuditReport",
    "CanPause",
    "Capabilities",
    "Cautions",
    "ChecksTogether",
    "Delivery",
    "Envelope",
    "ExperimentSpec",
    "Finding",
    "Foresees",
    "Found",
    "Handle",
    "HasParts",
    "Health",
    "KeepsLimits",
    "Ledger",
    "Phase",
    "Problem",
    "RawFile",
    "RunsTogether",
    "ShowsWishes",
    "Status",
    "SupportsAnnouncement",
    "SupportsExamination",
    "TakesOff",
    "ToldOutcome",
    "Unknown",
    "Work",
]
