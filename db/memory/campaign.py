"""One campaign in dicts: what a unit of work copies, changes and, at its end, puts in place of the old one."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from shlex import quote
from typing import Any

from db.canonical import numbers_as_floats
from loop.contracts import Artifact
from loop.decision import DecisionRecord
from loop.errors import NotFound
from loop.record import (
    AttemptEventRecord,
    AttemptRecord,
    CampaignRecord,
    CampaignState,
    Candidate,
    EnvelopeRecord,
    Json,
    Lease,
    ObservationRecord,
    ProposalRecord,
    RoundRecord,
)
from loop.safety import SafetyStop


@dataclass
class CampaignData:
    """All there is of one campaign; records inside are frozen, so a copy of the containers is a copy."""

    record: CampaignRecord
    specs: list[Json] = field(default_factory=list)
    stops_before: list[int] = field(default_factory=list)  # how many stops were on record when each spec came
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
    artifacts: list[Artifact] = field(default_factory=list)
    decisions: list[DecisionRecord] = field(default_factory=list)

    def specs_since(self, stop: int) -> list[Json]:
        """Those in force at any time since that stop was made, counted from 0 over all campaigns."""
        known = sum(before <= stop for before in self.stops_before)
        return self.specs[max(known - 1, 0) :]

    def twin(self) -> CampaignData:
        twin = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | list):
                setattr(twin, name, value.copy())
        return twin


class HeldCampaign:
    """The copy of a campaign that a unit of work changes, and what is said of the changes for the audit log."""

    def __init__(
        self,
        data: CampaignData,
        lease: Lease,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        stops: list[SafetyStop],
        last_entry: int,
    ) -> None:
        self.data, self.new_id = data, new_id
        self.stops = stops  # of every campaign; changed in place
        self.said: list[tuple[str, Json]] = []
        self._epoch, self._clock, self._last_entry = lease.epoch, clock, last_entry

    @property
    def name(self) -> str:
        return self.data.record.name

    def now(self) -> datetime:
        return self._clock().astimezone(UTC)

    @property
    def next_entry(self) -> int:
        """The number of the audit entry that is said next."""
        return self._last_entry + len(self.said) + 1

    def say(self, action: str, **detail: Any) -> None:
        """An entry for the audit log, written when the work ends."""
        self.said.append((action, {"campaign": self.name, "epoch": self._epoch, **detail}))

    def attempt(self, key: str) -> AttemptRecord:
        """The campaign's attempt of that key; raises ``NotFound``."""
        if key not in self.data.attempts:
            where = f"hakken show {quote(self.name)} ROUND --json"
            raise NotFound(f"campaign {self.name!r} has no attempt {key!r}; {where} lists the keys there are")
        return self.data.attempts[key]

    def envelope(self, envelope_id: str) -> EnvelopeRecord:
        """The campaign's envelope of that id; raises ``NotFound``."""
        if envelope_id not in self.data.envelopes:
            raise NotFound(f"campaign {self.name!r} has no envelope {envelope_id!r}; receive it first")
        return self.data.envelopes[envelope_id]

    def candidate_id(self, spec: str) -> str:
        """The id of the candidate of that canonical spec, a new one if it was never seen."""
        return self.data.candidates.setdefault(spec, self.new_id())


def set_state(held: HeldCampaign, state: CampaignState, reason: str) -> None:
    """Finish, stop or reactivate the campaign."""
    record = held.data.record
    after = replace(record, state=state, reason="" if state is CampaignState.ACTIVE else reason)
    if after != record:
        held.data.record = after
        held.say("set_state", before=record.state.value, after=state.value, reason=reason)


def keep(held: HeldCampaign, artifact: Artifact) -> None:
    """Record a file known by its content; the same again changes nothing."""
    if artifact.key is not None:
        held.attempt(artifact.key)
    content = artifact.sha, artifact.name, artifact.key
    if content not in {(a.sha, a.name, a.key) for a in held.data.artifacts}:
        held.data.artifacts.append(artifact)
        held.say("keep", artifact=artifact.sha, name=artifact.name)


def plain_candidate(point: Candidate) -> Candidate:
    """The candidate as a database gives it back: plain dicts, every number a float."""
    return Candidate(numbers_as_floats(point.settings), dict(point.smiles), point.inchikey, dict(point.as_made))
