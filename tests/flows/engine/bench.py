"""What the engine's tests share: a cheap planner, small campaigns, and a look at what the laboratory ran."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from flows.engine import add_campaign, lift_halt, resolve, stops, tick
from flows.settings import Settings
from loop.contracts import (
    Absent,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
    Unknown,
)
from loop.errors import AdapterUnavailable, PoolExhausted
from loop.experiment import State
from loop.history import History
from loop.plate.layout import Plate
from loop.record import Arm, Json, Place, Prediction, ProposalDraft
from loop.space import Pool, ProductPool
from loop.spec import CampaignSpec, build_space
from loop.values import values_of

HEADER = "solvent,base,step,yield [%],yield_sd,outcome,comment\n"  # of a table that is told to a small campaign
TROUBLED = {  # a laboratory with every kind of trouble
    "adapter": "simulated",
    "noise": 1.0,
    "lost_replies": 0.25,
    "lost_requests": 0.15,
    "failures": {"random_error": 0.25, "input_error": 0.05},
    "duplicates": 0.3,
    "malformed": 0.1,
}
ANALYSIS: dict[str, Any] = {  # of a chromatograph's files
    "yield": {
        "peak": {"at": 4.2, "within": 0.1},
        "standard": {"at": 6.8, "within": 0.1},
        "calibration": {"points": {0: 0.0, 50: 0.5, 100: 1.0}},
        "detection_limit": 1,
    }
}


@dataclass(frozen=True)
class Plan:
    """The same fields as ``loop.planner.Plan``, whose module brings torch: seconds for each process of a test."""

    seed: int
    surrogate: str
    model: Json
    notes: tuple[str, ...]
    observations: tuple[str, ...]
    pending: tuple[str, ...]
    proposals: tuple[ProposalDraft, ...]


def cheap_planner(
    spec: CampaignSpec, history: History, pool: Pool | None, *, seed: int, experiments: int, **_: object
) -> Plan:
    """Chooses at random among what was not tried; its choice depends on every observation and pending attempt."""
    space = build_space(spec)
    pool = pool or ProductPool(space)
    everything = pool.take(np.arange(len(pool)))
    tried = {tuple(x) for x in history.tried(len(space.parameters))}
    untried = [x for x in everything if tuple(x) not in tried]
    if not untried:
        raise PoolExhausted("every candidate was tried; widen the space")
    sum_of_values = sum(sum(values_of(o.outcome).values()) for o in history.observations)
    rng = np.random.default_rng([seed, len(history.observations), round(1e3 * abs(sum_of_values))])
    initial = not history.observations and not history.pending
    plate = None if spec.plate is None else Plate(spec.plate.rows, spec.plate.columns, (1, 1))
    wanted = spec.planner.first if initial else spec.planner.batch
    wanted = wanted if plate is None else plate.wells
    replicates = min(spec.planner.replicates, experiments)
    n = min(wanted, experiments // replicates, len(untried))
    chosen = [untried[i] for i in rng.choice(len(untried), n, replace=False)]
    order = rng.permutation(n)
    target = next(iter(spec.objective))
    proposals = tuple(
        ProposalDraft(
            candidate=space.candidate(space.settings(x)),
            arm=Arm.INITIAL if initial else Arm.MODEL,
            position=i,
            run_order=int(order[i]),
            replicates=replicates,
            reason="drawn by lot",
            model="" if initial else "stub",
            acquisition="random",
            acquisition_value=float(rng.random()),
            predictions=() if initial else (Prediction(target, "committee", float(rng.random()), 1.0),),
            place=None if plate is None else Place(1 + len(history.observations) // plate.wells, plate.label(i), 1),
        )
        for i, x in enumerate(chosen)
    )
    return Plan(
        seed,
        "" if initial else "stub",
        {},
        (),
        tuple(o.id for o in history.observations),
        tuple(p.key for p in history.pending),
        proposals,
    )


def spec_of(**changes: Any) -> dict[str, Any]:
    """A small campaign on the simulated laboratory; keyword arguments replace whole sections."""
    spec: dict[str, Any] = {
        "campaign": "small",
        "space": {
            "solvent": {"type": "category", "options": ["water", "DMF", "MeCN", "EtOH"]},
            "base": {"type": "category", "options": ["KOAc", "CsOPiv", "DBU"]},
            "step": {"type": "number", "values": [1, 2, 3, 4, 5]},
        },
        "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
        "planner": {"surrogate": "random", "batch": 3, "initial": {"design": "random", "experiments": 4}, "seed": 7},
        "budget": {"experiments": 10},
        "laboratory": {"adapter": "simulated"},
    }
    return spec | changes


def add(settings: Settings, folder: Path, **changes: Any) -> str:
    """Write a campaign file and open it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump(spec_of(**changes), sort_keys=False), encoding="utf-8")
    return add_campaign(settings, path)


def write(folder: Path, text: str, name: str = "results.csv") -> Path:
    """A file of that name in the folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def once(settings: Settings, name: str = "small") -> Any:
    """One pass, planned by the cheap planner."""
    return tick(settings, name, planner=cheap_planner)


@dataclass(frozen=True)
class Story:
    """What a campaign came to, without anything that differs from run to run (ids, keys, times)."""

    attempts: frozenset[tuple[Any, ...]]
    proposals: tuple[tuple[Any, ...], ...]
    results: tuple[tuple[Any, ...], ...]
    state: tuple[str, str]
    notes: tuple[Any, ...]


def lift_all(settings: Settings, name: str, *, by: str | None, why: str) -> Any:
    """Lift every safety stop in force for a campaign, by the numbers that they have now; those lifted."""
    return lift_halt(settings, name, [s.number for s in stops(settings, name) if s.is_in_force], by=by, why=why)


def story_of(settings: Settings, name: str = "small") -> Story:
    """Read it from the record."""
    from db.ledger import open_ledger

    with open_ledger(settings.database) as ledger:
        attempts = ledger.attempts(name)
        campaign = ledger.campaign(name)
        return Story(
            frozenset(
                (a.round_number, a.position, a.replicate_no, a.attempt_no, _flat(a.settings), a.state.value)
                for a in attempts
            ),
            tuple(
                (
                    p.round_number,
                    p.draft.position,
                    p.draft.run_order,
                    _flat(p.draft.candidate.settings),
                    p.draft.arm.value,
                    p.draft.acquisition_value,
                    p.draft.predictions,
                )
                for p in ledger.proposals(name)
            ),
            tuple(
                (o.round_number, o.position, o.replicate_no, o.attempt_no, _flat(o.settings), o.outcome)
                for o in ledger.observations(name)
            ),
            (campaign.state.value, campaign.reason),
            tuple((r.number, r.seed, r.version, len(r.observations)) for r in ledger.rounds(name)),
        )


def outcomes(settings: Settings) -> list[Any]:
    """What is on record of the campaign "small", in order."""
    return [o[-1] for o in story_of(settings).results]


def executions(settings: Settings, name: str = "small") -> Counter[str]:
    """How often each experiment (settings and replicate) was started, by the laboratory's own log."""
    log = settings.folder(name) / "laboratory" / "order.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return Counter(json.loads(line)[1] for line in lines)


def resolve_doubts(settings: Settings, runs: Mapping[str, int], name: str = "small") -> int:
    """A person looks what ran, and says so of each doubtful attempt; returns how many there were."""
    from db.ledger import open_ledger

    with open_ledger(settings.database) as ledger:
        waiting = ledger.attempts(name, [State.AMBIGUOUS])
    for attempt in waiting:
        resolve(settings, attempt.key, ran=runs.get(attempt.key, 0) > 0, by="tester")
    return len(waiting)


def _flat(settings: Any) -> tuple[tuple[str, str | float], ...]:
    return tuple(settings.items())


@dataclass
class Job:
    """What the fake laboratory knows of one key."""

    spec: ExperimentSpec
    started: int = 0
    payloads: list[str] = field(default_factory=list)
    phase: Phase = Phase.ENDED


class FakeLaboratory:
    """Answers at once with 50 % yield, unless a test changes one of its attributes."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.starts: Counter[str] = Counter()  # how often each key was told to start
        self.abilities = Capabilities(Delivery.KEYED, None, can_cancel=False, is_simulated=True)
        self.problems: list[Problem] = []
        self.is_reachable = True
        self.loses_reply_of_start = False
        self.no_answer_of: dict[str, str] = {}  # by key, which question it fails to answer: "status" or "fetch"
        self.wants = ""  # what attempts wait for that only a person can give
        self.cannot_tell = False  # what ``find`` says of keys
        self.answers: Callable[[ExperimentSpec], list[str]] = lambda _: [measured(50.0)]

    def capabilities(self) -> Capabilities:
        return self.abilities

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return self.problems

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        self._reach()
        self.jobs.setdefault(key, Job(spec))
        return Handle(key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        self._reach()
        job = self.jobs[handle]
        self.starts[key] += 1
        if not job.started:
            job.payloads = self.answers(job.spec)
            job.started += 1
        if self.loses_reply_of_start:
            raise AdapterUnavailable("no reply")

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        self._reach()
        if self.cannot_tell:
            return Unknown("the log was lost")
        return Found(Handle(key), bool(self.jobs[key].started)) if key in self.jobs else Absent()

    def status(self, handle: Handle) -> Status:
        self._reach("status", handle)
        if handle not in self.jobs:
            return Status(Phase.LOST)
        return Status(self.jobs[handle].phase if self.jobs[handle].started else Phase.PREPARED, wants=self.wants)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        self._reach("fetch", handle)
        return [Envelope(AttemptKey(handle), payload) for payload in self.jobs[handle].payloads]

    def cancel(self, handle: Handle, reason: str) -> None:
        raise AssertionError("the engine cancels nothing by itself")

    def health(self) -> Health:
        return Health(self.is_reachable, "it is a fake")

    def _reach(self, question: str = "", handle: str = "") -> None:
        if not self.is_reachable:
            raise AdapterUnavailable("the cable is out")
        if question and self.no_answer_of.get(handle) == question:
            raise AdapterUnavailable("it answered 500")


def measured(value: float, unit: str = "%") -> str:
    return json.dumps({"outcome": "measured", "values": [{"property": "yield", "value": value, "unit": unit}]})


def faulty(kind: str) -> str:
    return json.dumps({"outcome": "fault", "kind": kind, "message": f"a {kind} for the test"})
