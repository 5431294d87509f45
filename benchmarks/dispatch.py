"""Several laboratories of different speed at once: asynchronous against by batch, and one of them lost half way.

Three laboratories can do every experiment of direct arylation (1,728 conditions, measured yields), one at a time each:
a quick one (0.8 to 1.2 h, one run in ten fails), a middle one (1.5 to 2.5 h, one in twenty) and a slow one (6 to 10 h,
one in fifty). The engine runs as it does with real ones, on clocks that are set forward to the next event, so nothing
sleeps; the time that models take is not counted. Compared over the same hours, seeds S to S + N - 1:

- rolling: one place free, one proposal out (three at once);
- batch of 3 and of 12: the next comes when all results of the last are in; experiments go to where they are expected to
  end first, by what the record has measured by then;
- by room: batches of 3 whose experiments go to whoever has room, as before anything was measured.

Then the quick one is gone for good at half time. What is done after that is compared with what the other two can do at
the most. Marks: experiments per hour, rolling over batch; expected first over by room; after the loss over the most
that is possible; and no attempt begun twice.

    python benchmarks/dispatch.py --data DIR --runs 6
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from harness import Mark, arguments, finish, mean_and_error, run_jobs
from problems import Problem, load_problem

from adapters.common.folder import Jobs, Place
from adapters.several import Member, SeveralLaboratories
from adapters.simulated import Simulated, SimulatedOptions
from adapters.table import Row
from db.memory import MemoryLedger
from flows.engine.holding import holding
from flows.engine.passes import one_pass
from flows.engine.session import Session
from flows.engine.steps import dispatching
from flows.settings import Settings
from loop.contracts import AttemptKey, Capabilities, ExperimentSpec, Handle, Health, Status
from loop.errors import AdapterUnavailable
from loop.experiment import Event
from loop.outcome import Fault
from loop.resources import expected_hours
from loop.spec import CampaignSpec

TABLE = "direct_arylation"
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3_600.0  # seconds
SPEEDS = {"quick": (0.8, 1.2), "middle": (1.5, 2.5), "slow": (6.0, 10.0)}  # hours that a run takes
FAILURES = {"quick": 0.10, "middle": 0.05, "slow": 0.02}
LOST = "quick"
WAYS = {
    "rolling": {"mode": "rolling", "batch": 3},
    "batch of 3": {"mode": "batch", "batch": 3},
    "batch of 12": {"mode": "batch", "batch": 12},
    "by room": {"mode": "batch", "batch": 3},
}


class Clock:
    """Hours since the start, set forward from event to event."""

    def __init__(self) -> None:
        self.hours = 0.0
        self.events: list[float] = []

    def seconds(self) -> float:
        return START.timestamp() + self.hours * HOUR

    def now(self) -> datetime:
        return START + timedelta(hours=self.hours)

    def to_next_event(self, most: float) -> None:
        self.hours = min((h for h in self.events if h > self.hours), default=most)
        self.events = [h for h in self.events if h > self.hours]


class Bench(Simulated):
    """One laboratory: measured yields of the table, one experiment at a time, gone from an hour on where told."""

    def __init__(self, name: str, folder: Path, problem: Problem, seed: int, clock: Clock, lost_at: float) -> None:
        options = SimulatedOptions(
            delay=[h * HOUR for h in SPEEDS[name]], failures={"instrument_fault": FAILURES[name]}, seed=seed
        )
        super().__init__(Jobs(folder), options, {"yield": "%"}, seed, clock=clock.seconds)
        self._problem, self._hours, self._lost_at = problem, clock, lost_at
        self.starts: Counter[str] = Counter()

    @property
    def is_lost(self) -> bool:
        return self._hours.hours >= self._lost_at

    def capabilities(self) -> Capabilities:
        can = super().capabilities()
        return Capabilities(can.delivery, 1, can.can_cancel, can.is_simulated, can.properties)

    def health(self) -> Health:
        return Health(not self.is_lost, "gone" if self.is_lost else "works")

    def start(self, handle: Handle, key: AttemptKey) -> None:
        self._reach()
        is_new = self._runs.jobs.started(handle) is None
        super().start(handle, key)
        if is_new:
            self.starts[key] += 1
            told: Mapping[str, Any] = self._runs.jobs.started(handle) or {}
            self._hours.events.append((told["ready_at"] - START.timestamp()) / HOUR + 1e-6)

    def status(self, handle: Handle) -> Status:
        self._reach()
        return super().status(handle)

    def _reach(self) -> None:
        if self.is_lost:
            raise AdapterUnavailable("gone")

    def _measure(self, spec: ExperimentSpec, place: Place, target: str, row: Row | None) -> float:
        return float(self._problem.true_values(dict(spec.settings))[0])


def campaign(way: str, loses: bool, seed: int, surrogate: str, hours: float, data: Path) -> dict[str, Any]:
    """One campaign of so many hours: when each result came and the best yield by then, and what began twice."""
    problem, clock = load_problem(TABLE, data), Clock()
    dispatching.expected_hours = (lambda _: {}) if way == "by room" else expected_hours
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), by="benchmark", lease=timedelta(days=3650))
        benches = {
            name: Bench(name, Path(folder) / name, problem, seed, clock, hours / 2 if loses and name == LOST else 1e9)
            for name in SPEEDS
        }
        laboratory = SeveralLaboratories(
            Path(folder) / "lab", [Member(name, bench) for name, bench in benches.items()], clock=clock.seconds
        )
        planner = {"surrogate": surrogate, "seed": seed, "initial": {"experiments": WAYS[way]["batch"]}, **WAYS[way]}
        spec = CampaignSpec.from_resolved(
            {
                **problem.spec,
                "planner": planner,
                "budget": {"experiments": 1_000},
                "laboratory": {"adapter": "several", "laboratories": {n: {"adapter": "simulated"} for n in SPEEDS}},
            }
        )
        ledger, began = MemoryLedger(clock=clock.now), time.perf_counter()
        name = ledger.open_campaign(spec.campaign, spec.resolved(), by="benchmark").name
        if loses:
            clock.events += [hours / 2, hours / 2 + 0.26]  # the loss, and the end of the patience of a quarter hour
        with holding(ledger, settings, name) as held:
            session = Session(settings, name, ledger, held, laboratory=laboratory)
            while clock.hours < hours:
                one_pass(session)
                if not (session.tally.sent or session.tally.received or session.tally.proposed):
                    clock.to_next_event(hours)
        ended = {s.key: (s.at - START).total_seconds() / HOUR for s in ledger.steps(name) if s.event is Event.OUTCOME}
        results = [(ended[str(o.key)], o.outcome) for o in ledger.observations(name) if o.key in ended]
    done = sorted(
        (at, problem_value(outcome)) for at, outcome in results if not isinstance(outcome, Fault) and at <= hours
    )
    return {
        "way": way,
        "loses": loses,
        "seed": seed,
        "at": [at for at, _ in done],
        "best": np.maximum.accumulate([value for _, value in done]).tolist(),
        "by": {name: len(bench.starts) for name, bench in benches.items()},
        "twice": sum(n > 1 for bench in benches.values() for n in bench.starts.values())
        + sum(n > 1 for n in Counter(key for bench in benches.values() for key in bench.starts).values()),
        "wall_s": round(time.perf_counter() - began, 1),
    }


def problem_value(outcome: Any) -> float:
    """The yield of a result."""
    return float(outcome.measurements[0].canonical)


def possible(names: tuple[str, ...]) -> float:
    """Results per hour where these laboratories never idle."""
    return sum((1.0 - FAILURES[name]) / float(np.mean(SPEEDS[name])) for name in names)


def best_at(run: Mapping[str, Any], hour: float) -> float:
    """The best yield found by then, 0 before the first result."""
    return max((best for at, best in zip(run["at"], run["best"], strict=True) if at <= hour), default=0.0)


def main() -> int:
    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--hours", type=float, default=48.0, help="of each campaign (default 48)")
        parser.add_argument("--surrogate", default="gp", help="what plans (default gp; random is quickest)")

    args = arguments(__doc__ or "", runs=6, more=more)
    seeds = range(args.seed, args.seed + args.runs)
    jobs = [
        (way, loses, seed, args.surrogate, args.hours, args.data)
        for loses in (False, True)
        for way in WAYS
        for seed in seeds
    ]
    runs = run_jobs(campaign, jobs, args.jobs)
    per_hour: dict[tuple[str, bool], float] = {}
    print(f"\n{args.hours:g} h, {args.runs} seeds; the most that is possible: {possible(tuple(SPEEDS)):.2f} per hour")
    heads = ("lost", "done", "s.e.", "per hour", "best at 1/4", "best at 1/2", "best", "s.e.")
    print(f"{'way':12}" + "".join(f"{head:>12}" for head in heads))
    for loses in (False, True):
        for way in WAYS:
            mine = [r for r in runs if r["way"] == way and r["loses"] is loses]
            done, error = mean_and_error(np.array([float(len(r["at"])) for r in mine]))
            best, best_error = mean_and_error(np.array([best_at(r, args.hours) for r in mine]))
            early = [float(np.mean([best_at(r, args.hours * share) for r in mine])) for share in (0.25, 0.5)]
            per_hour[way, loses] = done / args.hours
            print(
                f"{way:12}{'yes' if loses else 'no':>12}{done:12.1f}{error:12.1f}{done / args.hours:12.3f}"
                f"{early[0]:12.1f}{early[1]:12.1f}{best:12.1f}{best_error:12.1f}"
            )
    half = args.hours / 2
    others = half * possible(tuple(name for name in SPEEDS if name != LOST))
    after = {
        way: float(np.mean([sum(at > half for at in r["at"]) / others for r in runs if r["loses"] and r["way"] == way]))
        for way in WAYS
    }
    shares = ", ".join(f"{way} {share:.2f}" for way, share in after.items())
    print(f"after the loss, share of what the others can do: {shares}")
    by_batch, by_room = per_hour["batch of 3", False], per_hour["by room", False]
    marks = [
        Mark("experiments per hour, rolling over batches of 3", per_hour["rolling", False] / by_batch, 1.2),
        Mark("experiments per hour, expected first over by room, batches of 3", by_batch / by_room, 1.0),
        Mark("after the loss, rolling over what the others can do", after["rolling"], 0.8),
        Mark("after the loss, batches of 3 over what the others can do", after["batch of 3"], 0.3),
        Mark("attempts begun twice", float(sum(r["twice"] for r in runs)), 0.0, at_most=True),
    ]
    return finish(marks, args, {"runs": runs})


if __name__ == "__main__":
    sys.exit(main())
