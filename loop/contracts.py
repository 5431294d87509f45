"""Contracts with the outside: laboratories (``Adapter``) and the record (``Ledger``).

Each is examined by a suite in ``loop.testing``; whatever passes it can take the place of another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NewType, Protocol, runtime_checkable

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
    from loop.recipe.model import Recipe
    from loop.safety import SafetyStop

AttemptKey = NewType("AttemptKey", str)
Handle = NewType("Handle", str)


class Delivery(StrEnum):
    """How a laboratory guards against doubled experiments."""

    KEYED = "keyed"  # A: the other side refuses a second key
    TWO_PHASE = "two_phase"  # B: an inert prepare, then a start
    DISCOVERABLE = "discoverable"  # C: look before sending again
    BLIND = "blind"  # D: on doubt, a person decides


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a laboratory can do, as declared by it."""

    delivery: Delivery
    max_parallel: int | None  # attempts at once, None for any number
    can_cancel: bool
    is_simulated: bool
    properties: Mapping[str, str] | None = None  # what it measures, with units; None for whatever is asked
    parameters: frozenset[str] | None = None  # what it can set; None for whatever is asked
    needs_person: bool = False  # results come when a person brings them


@dataclass(frozen=True, slots=True)
class ExperimentSpec:
    """One experiment to be carried out: settings with units, and what is to be measured."""

    campaign: str
    settings: Mapping[str, str | float]
    units: Mapping[str, str]  # of the numeric settings
    smiles: Mapping[str, str]  # canonical SMILES of the structured settings
    targets: Mapping[str, str]  # property to be measured, and the unit wanted
    replicate_no: int = 0
    place: Mapping[str, str] = field(default_factory=dict)  # plate, well, row, column and block


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an experiment cannot be done: the thing, the rule, the remedy."""

    subject: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.rule}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Found:
    """The laboratory knows the key, under this handle. ``started`` False: it lies prepared, inert."""

    handle: Handle
    started: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """The laboratory is sure that it never got the key."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The laboratory cannot tell."""

    why: str


class Phase(StrEnum):
    """Where a laboratory stands with an attempt."""

    PREPARED = "prepared"
    WAITING = "waiting"  # started, in its queue
    RUNNING = "running"
    ENDED = "ended"  # envelopes can be fetched
    LOST = "lost"  # the laboratory no longer knows the handle


@dataclass(frozen=True, slots=True)
class Status:
    """Where an attempt stands, and a word for a person; ``wants`` is what it waits for that only a person can give.

    What ``wants`` says is noted in each pass; it is empty where waiting is all that there is to do.
    """

    phase: Phase
    detail: str = ""
    wants: str = ""


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file of an instrument, as it was written."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a laboratory sends: text that ``loop.outcome.read_outcome`` can read, and its key.

    With ``files`` it is ``loop.raw.raw_envelope``: the text names them, and the campaign's analysis reads them.
    """

    key: AttemptKey
    payload: str  # JSON
    files: tuple[RawFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a laboratory can work now, and if not, the remedy."""

    is_ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a laboratory found when it looked at one thing that it rests on: a program, an answer, a calibration."""

    subject: str
    verdict: Literal["ok", "note", "problem"]  # problem: it cannot work so; note: it could be better
    found: str
    remedy: str = ""


@runtime_checkable
class Adapter(Protocol):
    """A robot, a queue, a program or a person, seen as something that runs experiments.

    Laws, examined by ``loop.testing.adapter.AdapterContract``:
        1. Preparing twice with one key gives the same handle; starting twice runs once.
        2. What a run did is data in its envelopes; ``status`` and ``fetch`` raise nothing but
           ``AdapterUnavailable``.
        3. Envelopes can be read again and again, and never change.
        4. ``find`` tells the truth: ``Unknown`` where it cannot know, never a guessed ``Absent``.
        5. What ``capabilities`` excludes is named by ``validate`` before anything moves.
        6. All of it survives the adapter object: another one on the same folder knows every key.
    """

    def capabilities(self) -> Capabilities: ...
    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]: ...
    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle: ...
    def start(self, handle: Handle, key: AttemptKey) -> None: ...
    def find(self, key: AttemptKey) -> Found | Absent | Unknown: ...
    def status(self, handle: Handle) -> Status: ...
    def fetch(self, handle: Handle) -> Sequence[Envelope]: ...
    def cancel(self, handle: Handle, reason: str) -> None: ...
    def health(self) -> Health: ...


@runtime_checkable
class HasParts(Protocol):
    """An adapter made of several laboratories, each of which takes so many attempts at once."""

    def limits(self) -> Mapping[str, int | None]:
        """How many attempts at once each part takes, None for any number."""
        ...

    def takers(self, spec: ExperimentSpec) -> Sequence[str]:
        """The parts that would take an experiment."""
        ...

    def problems_at(self, part: str, spec: ExperimentSpec) -> Sequence[Problem]:
        """Why a part that would take an experiment cannot do it."""
        ...

    def part_of(self, handle: Handle) -> str:
        """The part that has an attempt."""
        ...

    def parts(self) -> Mapping[str, Adapter]:
        """The laboratories themselves, by name."""
        ...

    def able(self) -> frozenset[str]:
        """The parts that can work now; each is asked."""
        ...

    def lost(self) -> frozenset[str]:
        """The parts that could not work for so long that nothing is to wait for them."""
        ...

    def prefer(self, expected: Mapping[str, float]) -> None:
        """Of the parts that have room for a new attempt the one with the fewest hours is to get it; 0 where unsaid."""
        ...


@runtime_checkable
class SupportsAnnouncement(Protocol):
    """An adapter that can get many experiments ready at less cost than one by one."""

    def announce(self, experiments: Sequence[tuple[ExperimentSpec, AttemptKey]]) -> None:
        """These are prepared next, one by one: what can be done for all at once may be done now.

        Inert as ``prepare`` is, and of no consequence: where it failed, or was never called, ``prepare`` does it all.
        """
        ...


@runtime_checkable
class AsksLeave(Protocol):
    """An adapter that sets things going by itself later, such as while it is asked where they stand.

    Others set going only what ``start`` or ``close`` tells them to, and need not ask.
    """

    def ask_leave(self, has_leave: Callable[[], bool]) -> None:
        """Ask ``has_leave`` each time before something begins; where it says no, that waits, inert, and is asked again.

        While a safety stop is in force there is no leave."""
        ...


@runtime_checkable
class Cautions(Protocol):
    """An adapter that works without something it could have, and says so."""

    def caution(self) -> str:
        """What is not there and what that means, in one line; "" where all is, and once it was told."""
        ...


@runtime_checkable
class KeepsLimits(Protocol):
    """An adapter in which started experiments wait, so that a limit may be tightened meanwhile."""

    def keep_limits(self, broken: Callable[[Mapping[str, str | float]], Sequence[Problem]]) -> None:
        """Ask ``broken`` of the settings of what waits before it is set going; what breaks a limit ends as a fault."""
        ...


@runtime_checkable
class SupportsExamination(Protocol):
    """An adapter that can say more than ``health``: each thing that it rests on, really looked at now."""

    def examine(self) -> Sequence[Finding]:
        """What was found. Nothing moves and nothing is written; what gives no answer is a problem, not an error."""
        ...


@runtime_checkable
class RunsTogether(Protocol):
    """An adapter that makes the experiments of a plate in one run, once all of them have come."""

    def close(self, plate: str, handles: Sequence[Handle]) -> None:
        """No more experiments of this plate will come: those that were started and wait are one run from now on.

        Doing it again changes nothing. Raises ``AdapterUnavailable`` alone."""
        ...

    def is_at_work(self) -> bool:
        """Whether a run goes on by itself, so that nobody needs to do anything yet; told from what is on record."""
        ...


@runtime_checkable
class TakesOff(Protocol):
    """An adapter of which what was started may still wait for others, and can be called off before anything moves."""

    def still_waiting(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Those that were started, and of which nothing moves before ``close``: ``cancel`` takes them off.

        Told from what is on record. Raises ``AdapterUnavailable`` alone."""
        ...


@runtime_checkable
class ChecksTogether(Protocol):
    """An adapter that makes experiments together, and can tell beforehand whether what it has suffices for them."""

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        """What is wanting to make these, and what of ``handles`` waits to be made with them: tips, stocks, places.

        All of one plate. Nothing moves and nothing is written. What is wrong with an experiment by itself is for
        ``validate`` to say; those that can be made at all are asked about. Raises ``AdapterUnavailable`` alone."""
        ...


@runtime_checkable
class CanPause(Protocol):
    """An adapter whose runs can be held up and go on."""

    def pause(self) -> int:
        """Hold up what runs; returns how many runs that were. Raises ``AdapterUnavailable``."""
        ...

    def resume(self) -> int:
        """Let what was held up go on; returns how many runs that were. Raises ``AdapterUnavailable``."""
        ...


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

    def judge(self, envelope_id: str, verdict: Verdict, message: str = "") -> None:
        """Record what was made of an envelope. A judged envelope is never judged otherwise."""

    def accept(
        self, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None = None, context: Json | None = None
    ) -> ObservationRecord:
        """Record an envelope's outcome: measurements or failure, attempt ENDED, verdict ACCEPTED,
        ``data_version`` one higher. ``candidate`` is given for told observations only. The same outcome
        again changes nothing (in another envelope, that one becomes a DUPLICATE); another one for the same
        attempt raises ``OutcomeConflict``."""

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
        """By key, or by a beginning of it that only one has. Raises ``NotFound``."""

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
    def audit(self) -> tuple[AuditEntry, ...]: ...
    def verify_audit(self) -> AuditReport: ...


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What wiring gives an adapter: a folder of its own and where relative paths start."""

    folder: str  # the adapter's own state, one folder per campaign
    base: str  # relative paths in the spec's laboratory section start here
    campaign: str
    targets: Mapping[str, str]  # property and unit
    seed: int = 0
    beside: Mapping[str, str | None] = field(default_factory=dict)  # recorded with results: unit, None for a label
    recipe: Recipe | None = None  # what is done at the bench, where the campaign says it
    extra: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of properties whose values may be words
    levels: Mapping[str, Sequence[float]] = field(default_factory=dict)  # of properties that can be nothing else
