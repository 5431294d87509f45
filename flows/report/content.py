"""What a report says, as plain frozen values; nothing here is drawn yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from flows.engine.looking.insights import Insights
from flows.plates.content import PlateView
from flows.report.trust import Calibration
from loop.contracts import AuditReport
from loop.insight.statements import HonestBest
from loop.insight.tally import Tally
from loop.objective import Objective, Target
from loop.outcome import FaultKind, Qualifier
from loop.record import Arm, Json, Prediction
from loop.safety import SafetyStop


class Kind(StrEnum):
    """How an experiment ended."""

    MEASURED = "measured"
    NEGATIVE = "negative"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter of a candidate, its value and its unit ("" for none)."""

    name: str
    value: str | float
    unit: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured of one target, in the target's unit."""

    value: float
    sd: float | None
    n: int  # readings behind the value
    qualifier: Qualifier
    sign: str = ""  # what is said before the value in place of the qualifier, such as "at least" of a level
    word: str = ""  # which class was measured, of a target with classes

    @property
    def shown_sign(self) -> str:
        """What stands before the value; "" of a number."""
        sign = self.sign or self.qualifier.value
        return "" if sign == Qualifier.EQUAL.value else sign

    @property
    def is_number(self) -> bool:
        """Whether it is a number and no limit; a limit that leaves one level is that level."""
        return not self.shown_sign


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that was handed in with a result, kept by its hash."""

    name: str
    sha: str
    size: int
    link: str  # from where the page lies; "" where it cannot be reached from there
    picture: str  # a data: address of a small picture, else ""


@dataclass(frozen=True, slots=True)
class Result:
    """One recorded outcome, retracted or not.

    ``experiment`` counts from 1 in the order run, told observations after what was on record when they were told. A
    fault and the attempts made after it are one experiment and share the number.
    """

    id: str
    experiment: int
    candidate_id: str
    settings: tuple[Setting, ...]
    smiles: Mapping[str, str]  # by parameter
    arm: Arm
    is_told: bool
    kind: Kind
    readings: Mapping[str, Reading]  # by target; of a negative: its limits
    message: str  # the reason of a negative, the message of a fault, "" when measured
    fault: FaultKind | None
    code: str  # of a fault: what failed, more closely than the kind says it; "" where nobody said
    informative: bool | None  # of a fault: whether it tells of the candidate
    source: str
    round_number: int  # 0 when told
    position: int
    replicate_no: int
    attempt_no: int
    recorded: datetime
    retracted: str | None  # why it no longer counts
    retracted_by: str = ""
    retracted_at: datetime | None = None
    is_as_asked: bool = True  # False where it ran at settings that no prediction of its proposal tells of
    is_real: bool = True  # False for a cheap version of the experiment, which is never the best
    files: tuple[Attached, ...] = ()
    beside: str = ""  # what was recorded with it: settings that were not as asked, circumstances, a comment
    really: str = ""  # of these the settings that were not as asked


@dataclass(frozen=True, slots=True)
class Best:
    """The best single value of a target, and the result it comes from."""

    target: str
    reading: Reading
    result: Result
    left_out: str = ""  # by which rule the campaign file has its candidate no more, as the end of a sentence


@dataclass(frozen=True, slots=True)
class Standing:
    """What one candidate measured, over all its results that count."""

    candidate_id: str
    settings: tuple[Setting, ...]
    smiles: Mapping[str, str]
    values: Mapping[str, float]  # mean by target, in its unit
    spread: Mapping[str, float]  # standard deviation by target, where it was measured twice or more
    n: Mapping[str, int]  # values behind the mean, by target
    bounds: Mapping[str, str]  # of targets of which limits alone are known: the sign that they have
    is_useful: bool  # whether no mean breaks a threshold
    is_open: tuple[str, ...]  # targets of whose thresholds nothing tells whether they are kept
    score: float | None  # of the trade-off, None without one or where a target lacks
    front: int  # 1 on the Pareto front (of one target: the best), 2 on the front behind it, ...
    predicted: Mapping[str, Prediction]  # by target, as frozen when it was first proposed
    round_number: int  # of the first proposal, 0 when told
    arm: Arm
    reason: str
    really: tuple[str, ...] = ()  # by what its results ran that ran elsewhere than asked for
    left_out: str = ""  # of those that a page shows: by which rule the campaign file has it no more


@dataclass(frozen=True, slots=True)
class CommitteeRound:
    """The members in one round, for one target."""

    number: int
    weights: Mapping[str, float]  # by member
    disagreement: float | None  # mean over proposals of the standard deviation of the members' means
    stated_sd: float | None  # mean over proposals of the predicted standard deviation of the whole
    members: int  # how many predicted


@dataclass(frozen=True, slots=True)
class Committee:
    """The members round by round, for one target; without members where one model predicted alone."""

    target: str
    members: tuple[str, ...]
    rounds: tuple[CommitteeRound, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One arm's values, or how far they are off: the mean over proposals, in the target's unit; ``None`` where there
    are too few."""

    n: int
    mean: float | None
    variance: float | None
    limits: int  # readings that are one, such as "<5"
    negatives: int
    faults: int


@dataclass(frozen=True, slots=True)
class Chance:
    """The gain over chance of one target: how much better the model's choices were than random ones."""

    target: str
    model: Sample
    control: Sample
    gain: float | None  # above zero: better than chance, whatever the goal
    error: float | None  # standard error of the gain
    off: float | None = None  # the value to be matched, where the arms' values are how far they are off


@dataclass(frozen=True, slots=True)
class Choice:
    """One proposal of the last batch, with everything that led to it."""

    position: int
    run_order: int
    replicates: int
    settings: tuple[Setting, ...]
    arm: Arm
    reason: str
    model: str
    acquisition: str
    acquisition_value: float | None
    predictions: tuple[Prediction, ...]
    neighbour: str | None
    novelty: float | None
    state: str  # where its experiments are
    well: str = ""  # of a batch that is a plate
    is_replaced: bool = False  # a person edited it: another one has its place
    structures: Mapping[str, str] = field(default_factory=dict)  # SMILES of its molecules by parameter
    price: str = ""  # in words, where the campaign file tells it


@dataclass(frozen=True, slots=True)
class Batch:
    """The last round's proposals, in the order of choosing."""

    number: int
    created: datetime
    choices: tuple[Choice, ...]
    plate: PlateView | None = None


@dataclass(frozen=True, slots=True)
class WellResult:
    """What a well gave of one target: its mean, None without one, a few signs to stand in it, and more to be read."""

    value: float | None
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class PlateResults:
    """A plate with what came of it."""

    plate: PlateView
    wells: Mapping[str, Mapping[str, WellResult]]  # by target and well; a well that had no result is absent


@dataclass(frozen=True, slots=True)
class RoundLine:
    """One round as the history shows it."""

    number: int
    created: datetime
    surrogate: str  # "" for an initial design
    arms: Mapping[Arm, int]  # proposals by arm
    seed: int
    version: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An attempt that a person has to decide on, that never came to an end, or whose result has a date."""

    key: str
    settings: tuple[Setting, ...]
    round_number: int
    state: str
    updated: datetime
    due: datetime | None = None
    why: str = ""  # it was never sent


@dataclass(frozen=True, slots=True)
class Unread:
    """Something received that became no outcome, and why."""

    id: str
    source: str
    verdict: str
    message: str
    received: datetime
    more: int = 0  # further rows of the same told file, of which the same is to be said


@dataclass(frozen=True, slots=True)
class Environment:
    """The package versions that decided the numbers, and the rounds planned with them."""

    first: int
    last: int
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a version of the campaign file changes of the one before it."""

    version: int
    from_round: int | None  # the first that was planned by it, or by a later one; None where none was yet
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Where the campaign stands."""

    name: str
    state: str  # active, finished or stopped; or halted, whatever else it is
    reason: str
    version: int
    spec_sha: str
    created: datetime
    updated: datetime  # of the last entry the report was built from
    done: int  # planned experiments that have ended
    pending: int  # planned experiments not ended yet
    told: int  # observations brought from elsewhere, the retracted ones left out
    budget: int | None
    audit: AuditReport
    spending: str = ""  # what was spent in money and hours, in words
    resources: tuple[tuple[str, str], ...] = ()  # each laboratory, and what the record tells of it, in words
    regret: str = ""  # how much better something untried may be, as a sentence
    regret_when: str = ""  # when it was said last
    audited: datetime | None = None  # when the log was gone through, where not for this page
    older: str = ""  # that the record is an older copy, and what to do, in words


@dataclass(frozen=True, slots=True)
class Offset:
    """What one label adds to a target, in its unit, with a 90 % interval."""

    label: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shift:
    """One effect on one target: what plates, days or instruments add, by the model of a round."""

    target: str
    unit: str
    name: str  # such as plate
    sd: float  # between labels, in the target's unit
    offsets: tuple[Offset, ...]
    round_number: int
    member: str  # of the committee, "" where one model stood alone
    entangled: tuple[str, ...] = ()  # what cannot be told from it, as sentences


@dataclass(frozen=True, slots=True)
class Said:
    """A person's decision."""

    number: int
    kind: str
    about: str
    by: str
    why: str
    from_round: int  # it counts from this round on
    at: datetime
    is_lifted: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A campaign as its record tells it."""

    head: Head
    targets: tuple[Target, ...]
    objective: Objective
    results: tuple[Result, ...]  # every outcome in the order run, retracted ones included
    best: tuple[Best, ...]  # the score of a trade-off, then by target; what has no value is absent
    believed: HonestBest | None  # None where no model was asked
    insights: Insights  # what models and the first design tell; nothing where no model was asked
    standings: tuple[Standing, ...]  # every candidate with a value, best first
    hits: Tally | None  # where hits are looked for
    nearest: tuple[Standing | Result, str] | None  # to keeping the thresholds where none does, and what it misses
    unjudged: str  # why no result can be held against the thresholds, "" where one can
    calibration: tuple[Calibration, ...]  # by target
    committee: tuple[Committee, ...]  # by target
    chance: tuple[Chance, ...]  # by target; empty without a control arm
    batch: Batch | None  # None before the first round
    plates: tuple[PlateResults, ...]  # those that have results
    rounds: tuple[RoundLine, ...]
    effects: tuple[str, ...]  # that the spec declares
    shifts: tuple[Shift, ...]  # what was learnt of them, by target and effect
    decisions: tuple[Said, ...]  # in the order made
    stops: tuple[SafetyStop, ...]  # for safety, in the order made, with who lifted each
    waiting: tuple[Waiting, ...]
    unread: tuple[Unread, ...]
    received: Mapping[str, int]  # envelopes by verdict
    environments: tuple[Environment, ...]
    changes: tuple[FileChange, ...]  # of the campaign file while the campaign went on, the oldest first
    spec: Json
