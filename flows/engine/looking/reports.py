"""What the engine tells whoever called it: frozen values that turn into JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from loop.insight.nearest import NONE_KEEPS
from loop.insight.tally import Tally
from loop.outcome import Outcome
from loop.resources import Resource
from loop.wording import in_full


class _Report:
    """Gives every report the same way into JSON."""

    __slots__ = ()

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        plain: dict[str, Any] = _plain(self)
        return plain


@dataclass(frozen=True, slots=True)
class Best:
    """The best single value of a target that keeps the thresholds, or the limit that it is no worse than."""

    target: str
    label: str  # the settings in one line, with units
    value: float
    unit: str
    observation: str  # id
    settings: Mapping[str, str | float]
    word: str | None = None  # for the value, where the target has words
    qualifier: str = "="  # > or < where the value is a limit, of levels "at least" or "at most"

    @property
    def text(self) -> str:
        """The value with its unit, or the word for it."""
        sign = "" if self.qualifier == "=" else f"{self.qualifier} "
        return sign + (self.word or f"{in_full(self.value, self.unit, 5)} {self.unit}".rstrip())


@dataclass(frozen=True, slots=True)
class Nearest:
    """What comes nearest to keeping the thresholds, where nothing measured keeps them all yet."""

    label: str
    misses: str  # which thresholds it breaks, with its values; or why nothing can be held against them
    observation: str  # id
    settings: Mapping[str, str | float]

    @property
    def text(self) -> str:
        """As a sentence."""
        if not self.label:
            return self.misses
        return f"{NONE_KEEPS}; nearest comes {self.label} ({self.misses})"


@dataclass(frozen=True, slots=True)
class TickReport(_Report):
    """One pass over a campaign: what it found, what it did, and what comes next."""

    campaign: str
    state: str  # active, finished or stopped
    reason: str  # why it is in that state, "" while active
    round: int  # number of the last round, 0 before the first
    experiments_done: int  # ended for good, retries not counted
    budget: int | None  # in experiments, None where something else ends the campaign
    sent: int  # attempts that the laboratory was told to start
    received: int  # envelopes stored
    accepted: int  # of them, outcomes that count
    faults: int  # of the accepted, faults
    proposed: tuple[str, ...]  # labels of the proposals of this pass, in the order of running
    pending: Mapping[str, int]  # attempts that have not ended, by state
    running: tuple[str, ...]  # labels of what the laboratory has
    best: tuple[Best, ...]  # one for each target that has a value within the thresholds
    notes: tuple[str, ...]
    next_step: str  # a sentence with a command
    waits_for_person: bool  # nothing moves until a person does something
    spending: str = ""  # what was spent in money and hours, in words; "" where nothing costs anything
    report: str | None = None  # path of the page, where this pass wrote it
    nearest: Nearest | None = None  # where nothing keeps the thresholds yet
    regret: str = ""  # how much better something untried may be, by the round that this pass planned
    hits: Tally | None = None  # where hits are looked for
    verdict: tuple[str, ...] = ()  # on the models, at the end of a run where that takes seconds
    measured: int = 0  # results of the real thing with a value, told ones included

    @property
    def has_changed(self) -> bool:
        """Whether this pass moved anything on."""
        return bool(self.sent or self.received or self.accepted or self.proposed)


@dataclass(frozen=True, slots=True)
class AtWork:
    """An attempt that the laboratory has."""

    key: str
    label: str  # the settings in one line, with units
    state: str
    laboratory: str  # which has it
    round: int
    well: str | None  # of its plate, where it has one
    since: datetime  # its last step
    settings: Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class StatusReport(_Report):
    """Where a campaign stands, read from the record alone."""

    campaign: str
    state: str
    reason: str
    version: int  # of the spec in force
    created: datetime
    laboratory: str
    round: int
    experiments_done: int
    budget: int | None  # in experiments, None where something else ends the campaign
    observations: int  # that count, told ones included
    told: int
    faults: int
    pending: Mapping[str, int]
    running: tuple[str, ...]
    to_approve: tuple[int, ...]  # rounds that wait for a person
    ambiguous: tuple[str, ...]  # keys of attempts of which nobody knows whether they ran
    unjudged: int  # envelopes that the next pass will judge
    best: tuple[Best, ...]
    believed: str  # the believed best when the last batch was planned by a model, as a sentence; "" otherwise
    next_step: str
    spending: str = ""  # what was spent in money and hours, in words; "" where nothing costs anything
    nearest: Nearest | None = None  # where nothing keeps the thresholds yet
    regret: str = ""  # how much better something untried may be, when the last batch was planned, as a sentence
    settled: str = ""  # which regret ended the campaign, as a sentence
    hits: Tally | None = None  # where hits are looked for
    overdue: tuple[str, ...] = ()  # a sentence for each experiment that the laboratory has had for too long
    resources: tuple[Resource, ...] = ()  # what the record tells of each laboratory that was given something
    measured_by: Mapping[str, str] = field(default_factory=dict)  # by those that only make plates, who measures them
    products: tuple[str, ...] = ()  # what filters leave of products, a sentence for each parameter that has such
    at_work: tuple[AtWork, ...] = ()  # the same as ``running``, one by one
    source_of: str | None = None  # the campaign that learns from it, of results of others; nothing is planned in it
    failing: tuple[str, ...] = ()  # a sentence where the last experiments all ended in faults of one kind
    forbidden: tuple[str, ...] = ()  # a sentence on what is under way and outside of the space as it is now
    measured: int = 0  # of the observations, those of the real thing with a value
    left_out: tuple[str, ...] = ()  # sentences on the best that the file has no more, and on what would lack memory
    held_up: tuple[str, ...] = ()  # a sentence for each thing that keeps it from going on, or from being sent
    left_pinned: tuple[str, ...] = ()  # a sentence on what was pinned and never ran, of a campaign that is finished
    planned: str = ""  # when what is believed was believed: with the last batch, and what the file changed since
    changed: datetime = datetime.min  # when something of it was last put on record
    to_resolve: tuple[str, ...] = ()  # of the ambiguous, those that no pass looks up, here or in another folder
    edited: str = ""  # a sentence where the campaign file says something else than the record, if that was asked for


@dataclass(frozen=True, slots=True)
class TellReport(_Report):
    """What became of a told file; every row of it is on record."""

    accepted: int
    duplicates: int
    problems: list[str]  # one sentence each, with file and line
    observations: tuple[str, ...] = ()  # ids of the accepted ones
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of the files of one attempt, or of a file of which something is nobody's."""

    files: str
    key: str | None  # of the attempt
    experiment: str  # its settings, in words
    verdict: str  # as in the record, or "waits"
    outcome: Outcome | None
    doubts: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class IngestReport(_Report):
    """What became of files of instruments; every one of them is kept."""

    rows: tuple[Ingested, ...]
    accepted: int
    duplicates: int
    problems: list[str]  # one sentence each
    notes: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Reanalysed:
    """A result that another analysis makes otherwise, or of files of which nothing could be read before."""

    key: str
    experiment: str
    superseded: str | None  # id of the older observation; None where there was none
    before: Outcome | None
    after: Outcome
    doubts: tuple[str, ...]
    rounds: tuple[int, ...]  # that were planned from the older one


@dataclass(frozen=True, slots=True)
class ReanalysisReport(_Report):
    """What an analysis made of files that were analysed before."""

    rows: tuple[Reanalysed, ...]
    alike: int
    problems: list[str]
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport(_Report):
    """What became of a campaign that ran elsewhere."""

    campaign: str
    file: str  # the campaign file
    file_state: str  # "new" of a dry run that finds none, else "written", "unchanged", "kept" or "overwritten"
    format: str
    described: str  # what the imported file is, in words
    parameters: int
    targets: int
    constraints: int
    measured: int  # results that the source holds, by how they ended
    negatives: int
    faults: int
    accepted: int  # results put on record now
    duplicates: int  # results that were on record
    problems: list[str]  # one sentence for each result that cannot be used, with its place in the source
    pending: tuple[str, ...]  # experiments without a result
    left: tuple[str, ...]  # what was not carried over
    notes: tuple[str, ...]
    text: str  # of the campaign file
    dry_run: bool = False
    hindered: str = ""  # of a dry run: what would refuse it in earnest, and the options that clear it


@dataclass(frozen=True, slots=True)
class ReplayReport(_Report):
    """Whether a stored round comes out again from the record alone."""

    campaign: str
    round: int
    is_identical: bool
    differences: tuple[str, ...]
    versions: tuple[str, ...]  # packages that are not as they were, each as a sentence
    proposals: int  # compared
    planned: datetime  # when the round was
    notes: tuple[str, ...] = field(default=())


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value
