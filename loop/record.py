"""What the ledger holds, as frozen values: what goes in (drafts) and what comes out (records).

Identifiers are strings made by the client (UUIDv7); times are aware and UTC; ``settings`` maps each
parameter of the search space to an option's label or to a number in the parameter's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from loop.experiment import Event, State
from loop.outcome import Outcome

Settings: TypeAlias = Mapping[str, str | float]
Json: TypeAlias = Mapping[str, Any]

PLACED: Final = ("plate", "well", "row", "column", "block")  # what a planned place tells of a result


class Arm(StrEnum):
    """Why a candidate was chosen. Stored: values only grow."""

    INITIAL = "initial"  # by the initial design
    MODEL = "model"  # by an acquisition function
    CONTROL = "control"  # at random, to measure the gain over chance
    REPLICATE = "replicate"  # again, to learn the noise
    MANUAL = "manual"  # by a person
    REFERENCE = "reference"  # a control well: one fixed condition on every plate, to see the plate


HEADS: Final = {  # with what a stored reason begins that names its arm
    Arm.INITIAL: "initial design: ",
    Arm.CONTROL: "control: ",
    Arm.REPLICATE: "replicate: ",
    Arm.MANUAL: "manual: ",
    Arm.REFERENCE: "control well: ",
}


def without_head(reason: str, arm: Arm) -> str:
    """A reason for where its arm stands before it already."""
    return reason.removeprefix(HEADS.get(arm, ""))


class CampaignState(StrEnum):
    """Whether a campaign goes on. Stored: values only grow."""

    ACTIVE = "active"
    FINISHED = "finished"  # a stopping rule or the budget ended it; the reason is on record
    STOPPED = "stopped"  # a person ended it


class Verdict(StrEnum):
    """What was made of an envelope. Stored: values only grow."""

    ACCEPTED = "accepted"  # it is the outcome of its attempt, or a told observation
    DUPLICATE = "duplicate"  # it repeats an outcome that is on record
    FOREIGN = "foreign"  # it names no attempt that we know
    MALFORMED = "malformed"  # it cannot be read as an outcome
    CONTRADICTORY = "contradictory"  # its attempt already ended otherwise
    LATE = "late"  # its attempt was cancelled or had expired


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to one campaign, until ``expires`` or until another takes it over."""

    campaign_id: str
    holder: str
    epoch: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign and the version of its spec in force."""

    id: str
    name: str
    state: CampaignState
    reason: str  # why it is in this state, "" while active
    version: int  # number of the spec version in force, from 1
    spec: Json  # the resolved spec, complete in itself
    spec_sha: str
    data_version: int  # grows with each accepted observation and each retraction
    created: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point of the search space, as the record knows it."""

    settings: Settings
    smiles: Mapping[str, str] = field(default_factory=dict)  # canonical SMILES by parameter
    inchikey: str | None = None  # of the molecule, in a campaign over molecules
    as_made: Mapping[str, str] = field(default_factory=dict)  # what a reaction gave, where it was standardised


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said of a proposal when it was made; frozen, so that it can be judged later."""

    target: str
    member: str  # a committee member's name, or "committee" for the whole
    mean: float  # in the target's unit
    sd: float  # of a new measurement, noise included, in the target's unit
    weight: float | None = None  # the member's weight in the committee


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proposal lies: the well of a plate."""

    plate: int  # its number in the campaign, from 1: that of its round
    well: str  # such as "A1"
    block: int  # from 1, row by row

    @property
    def context(self) -> dict[str, str]:
        """What a result from there was measured on, as labels: plate, well, row, column and block."""
        row = self.well.rstrip("0123456789")
        column = self.well[len(row) :]
        return dict(zip(PLACED, (str(self.plate), self.well, row, column, str(self.block)), strict=True))


@dataclass(frozen=True, slots=True)
class ProposalDraft:
    """One candidate chosen for a round, with everything that led to it."""

    candidate: Candidate
    arm: Arm
    position: int  # in the order of choosing, from 0
    run_order: int  # in the randomised order of running, from 0
    replicates: int  # how many experiments are to be made of it
    reason: str  # one sentence for a person
    model: str  # the surrogate's name, "" when none was used
    acquisition: str  # the acquisition function's name, "" when none was used
    acquisition_value: float | None
    predictions: tuple[Prediction, ...] = ()
    neighbour: str | None = None  # label of the nearest candidate on record
    novelty: float | None = None  # distance to it, from 0 (known) to 1
    place: Place | None = None  # of a batch that is a plate


@dataclass(frozen=True, slots=True)
class RoundDraft:
    """A whole batch, written in one transaction with its attempts."""

    number: int  # from 1
    seed: int
    data_version: int  # of the data it was planned from
    surrogate: str  # the model's name, "" for an initial design
    model: Json  # hyper-parameters, weights, evidence: what a reviewer wants to see
    notes: tuple[str, ...]  # everything that was not as asked (law 9: no silent fallback)
    environment: Mapping[str, str]  # package versions that decide the numbers
    observations: tuple[str, ...]  # ids of the observations it was planned from, in order
    pending: tuple[str, ...]  # keys of the attempts pending when it was planned, in order
    proposals: tuple[ProposalDraft, ...]
    approved: bool = True  # False: attempts wait for a person's approval
    version: int = 0  # of the spec that it was planned under; 0: whatever is in force


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """A round on record."""

    id: str
    number: int
    seed: int
    version: int  # of the spec that it was planned under
    data_version: int
    surrogate: str
    model: Json
    notes: tuple[str, ...]
    environment: Mapping[str, str]
    observations: tuple[str, ...]
    pending: tuple[str, ...]
    created: datetime


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """A proposal on record; ``draft`` is what was written."""

    id: str
    round_number: int
    candidate_id: str
    draft: ProposalDraft
    approved: bool | None  # None: waits for a person
    by: str = ""  # who decided, where a person did
    why: str = ""  # the reason that was given


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One execution of one experiment. ``key`` is what the laboratory knows it by."""

    key: str
    proposal_id: str
    candidate_id: str
    round_number: int
    position: int
    run_order: int
    replicate_no: int  # from 0
    attempt_no: int  # from 0; grows when a fault is tried again
    settings: Settings
    smiles: Mapping[str, str]
    state: State
    adapter: str | None  # who has it
    handle: str | None  # what the adapter calls it
    updated: datetime
    place: Place | None = None  # of its proposal, where the batch is a plate


@dataclass(frozen=True, slots=True)
class AttemptEventRecord:
    """One step in an attempt's life."""

    key: str
    event: Event
    before: State
    after: State
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EnvelopeDraft:
    """What was received, before anybody interprets it."""

    source: str  # adapter's name, or "tell:FILE:LINE"
    key: str | None  # the attempt it says it belongs to, whether or not we know it
    payload: str  # the received text, unchanged
    settings: Settings | None = None  # for told observations: the conditions as given


@dataclass(frozen=True, slots=True)
class EnvelopeRecord:
    """An envelope on record, with its verdict once it was judged."""

    id: str
    source: str
    key: str | None
    payload: str
    sha: str
    settings: Settings | None
    received: datetime
    verdict: Verdict | None
    message: str  # why the verdict, "" when accepted


@dataclass(frozen=True, slots=True)
class ObservationRecord:
    """One accepted outcome of one candidate. ``id`` is the id of its envelope."""

    id: str
    candidate_id: str
    settings: Settings
    smiles: Mapping[str, str]
    outcome: Outcome
    source: str
    arm: Arm
    key: str | None  # the attempt, None for a told observation
    round_number: int  # 0 for a told observation
    position: int
    run_order: int
    replicate_no: int
    attempt_no: int
    recorded: datetime
    retracted: str | None  # why it no longer counts, None while it does
    context: Json = field(default_factory=dict)  # instrument, plate, actual settings
    entry: int = 0  # of the audit log, that put it on record: tells before from after, whatever clocks say
    retracted_by: str = ""  # who let it count no more
    retracted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the hash chain: who did what, and the hash that seals it with all before."""

    number: int
    at: datetime
    actor: str
    action: str
    detail: Json
    previous: str
    hash: str


def members_told(told: Json) -> Json:
    """What a model's summary tells of each member of a committee, by name; nothing of a single model.

    Records of graph networks may have the number of an ensemble's networks in that place.
    """
    members = told.get("members")
    return members if isinstance(members, Mapping) else {}
