"""Days in the laboratory in fast motion: 40 plates each, with faults of every kind, and nothing doubled or lost.

A day is a campaign of ``--plates`` plates of ``--wells`` wells with a device behind an adapter: ``csv_folder`` (a
folder on disk), ``sila2`` (gRPC on the loopback interface), ``http`` (a socket there), ``opentrons`` (the stand-in
robot, over HTTP) and, where PyLabRobot is installed, ``pylabrobot`` (its simulation). hakken is killed at checkpoints,
by lot and on each day at one label that is its turn; the device dies between steps; requests, replies and responses
are lost, doubled, delayed, shuffled, renamed, half written, or somebody else's (rates: ``RATES`` in
``devices.device``). A person looks at the device and resolves each doubt in one command. Time is simulated, and nobody
sleeps.

Kinder than a laboratory: hakken is killed by an exception within its process, so ``finally`` blocks run and no file of
its own is cut off; plates have two wells unless ``--wells`` says more; a result that a person marks ``--ran`` without a
value ends as ambiguous, and is not counted as lost; the device of ``http`` keeps its keys in memory, and never loses
them; the processes that play the runs of ``pylabrobot`` are coroutines within this one.

Then: attempts that ran twice, experiments whose plate was made twice without a person's word, results lost, values or
wells recorded that are not those of the run, doubts that one command did not end, and checkpoints at which hakken was
never killed.

    python benchmarks/robots.py --data DIR
    python benchmarks/robots.py --data DIR --adapters csv_folder --days 5 --plates 10
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before gRPC is imported

from devices.device import RATES, Device, text_of
from devices.folder import FolderDevice
from devices.http import HttpDevice
from devices.opentrons import OpentronsDevice
from devices.pylabrobot import BenchDevice
from devices.sila import SilaDevice
from harness import Mark, arguments, finish, run_jobs

from adapters.pylabrobot.options import lacking
from db.ledger import open_ledger
from flows.engine import resolve
from flows.engine.holding import holding
from flows.engine.passes import one_pass
from flows.engine.session import Session
from flows.settings import Settings
from loop import checkpoints
from loop.experiment import State
from loop.outcome import Fault, Measured
from loop.record import CampaignState
from tests.flows.engine.bench import add, cheap_planner

NAME = "small"
LABELS = [
    "tick.leased", "reconcile.found", "reconcile.started", "reconcile.stored", "ingest.fetched", "ingest.stored",
    "ingest.judged", "propose.planned", "propose.stored", "dispatch.judged", "dispatch.claimed", "dispatch.prepared",
    "dispatch.started", "dispatch.accepted", "work.before-commit", "work.after-commit", "folder.prepared",
]  # fmt: skip
PLATES = [
    f"plates.{label}" for label in ("closed", "uploaded", "created", "intended", "played", "kept", "handed-on")
]  # of whatever makes plates
OWN = {
    "csv_folder": [f"csv_folder.{label}" for label in ("staged", "prepared", "published", "started", "collected")],
    "sila2": [f"sila2.{label}" for label in ("accepted", "prepared", "sending", "sent", "started", "collected")],
    "http": ["http.sending", "http.sent"],
    "opentrons": PLATES,
    "pylabrobot": PLATES,
}
DEVICES: dict[str, type[Device]] = {d.name: d for d in (FolderDevice, SilaDevice, HttpDevice, OpentronsDevice)}
if lacking() is None:
    DEVICES[BenchDevice.name] = BenchDevice
PASSES = 20_000  # in a day at the most
DAYS = 500  # of all adapters together, that a whole run has at the least
MEMORY = Path("/dev/shm")  # a file system in memory, where there is one


class Killed(BaseException):
    """hakken was killed."""


class Mortal:
    """A ledger of a process that may be killed: after that it writes nothing more, whatever unwinds."""

    def __init__(self, ledger: Any) -> None:
        self._ledger, self.is_dead = ledger, False

    def __getattr__(self, name: str) -> Any:
        if self.is_dead and name in ("work", "acquire", "release"):
            raise Killed
        return getattr(self._ledger, name)


@dataclass
class Told:
    """What became of a day."""

    adapter: str
    seed: int
    experiments: int = 0
    attempts: int = 0
    runs: int = 0
    doubled: int = 0
    remade: int = 0  # experiments for which liquid was drawn in two attempts, without a person's word
    lost: int = 0
    wrong: int = 0  # values, and wells
    doubts: int = 0
    unresolved: int = 0  # doubts that one command did not end
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)  # by label
    deaths: Counter[str] = field(default_factory=Counter)  # of the device, by step


class Day:
    """One campaign, from its file to its end."""

    def __init__(self, folder: Path, device: Device, told: Told, chance: Random, turn: str) -> None:
        self._settings, self._device, self._told, self._chance = Settings(folder / "runs", by="x"), device, told, chance
        self._turn, self._ledger = turn, Mortal(open_ledger(self._settings_ready().database))

    def play(self, folder: Path, plates: int, wells: int) -> None:
        """Pass after pass, life after life."""
        add(self._settings, folder, **self._device.sections(plates, wells, self._told.seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # what is killed closes no file
            for _ in range(PASSES):
                try:
                    with self._mortal():
                        self._live()
                        break
                except Killed:
                    self._ledger.is_dead = False
                self._resolve()
        self._count(plates * wells)
        self._ledger.close()

    def _live(self) -> None:
        """One process of hakken; ends with the campaign, or where a person is wanted."""
        with holding(self._ledger, self._settings, NAME) as held:  # type: ignore[arg-type]
            session = Session(
                self._settings,
                NAME,
                self._ledger,
                held,
                planner=cheap_planner,
                laboratory=self._device.laboratory(),  # type: ignore[arg-type]
            )
            while True:
                one_pass(session)
                if self._ledger.campaign(NAME).state is not CampaignState.ACTIVE:
                    return
                if any(a.state is State.AMBIGUOUS for a in session.view.pending):
                    raise Killed
                self._events()

    def _events(self) -> None:
        device = self._device
        for _ in range(self._chance.randrange(4)):
            device.work()
        device.pass_time()
        if device.is_down and self._chance.random() < 0.5:
            device.restart()

    def _resolve(self) -> None:
        """A person looks whether a doubtful attempt ran, and says so: one command each."""
        for attempt in self._ledger.attempts(NAME, [State.AMBIGUOUS]):
            self._told.doubts += 1
            after = resolve(self._settings, attempt.key, ran=self._device.runs()[attempt.key] > 0, by="person")
            self._told.unresolved += after.state is State.AMBIGUOUS

    @contextmanager
    def _mortal(self) -> Iterator[None]:
        checkpoints.on_reached = self._reached
        try:
            yield
        finally:
            checkpoints.on_reached = None

    def _reached(self, label: str) -> None:
        is_its_turn = label == self._turn and not self._told.kills[label]
        if is_its_turn or self._chance.random() < RATES["hakken is killed at a checkpoint"]:
            self._told.kills[label] += 1
            self._ledger.is_dead = True
            raise Killed(label)

    def _count(self, wanted: int) -> None:
        told, runs = self._told, self._device.runs()
        attempts, observations = self._ledger.attempts(NAME), self._ledger.observations(NAME)
        outcomes = {o.key: o.outcome for o in observations}
        told.attempts, told.runs = len(attempts), sum(runs.values())
        told.experiments = len({(a.proposal_id, a.replicate_no) for a in attempts})
        told.doubled = sum(n > 1 for n in runs.values())
        drawn, made = self._device.made(), Counter[Any]()
        for a in attempts:
            made[a.proposal_id, a.replicate_no] += drawn[a.key]
        told.remade = sum(n > 1 for n in made.values())
        told.lost = sum(key not in outcomes for key in runs) + wanted - told.experiments
        told.lost += sum(a.state is not State.ENDED for a in attempts)
        settings = {a.key: a.settings for a in attempts}
        told.lost += sum(
            isinstance(o, Fault) and o.kind.value not in ("ambiguous", "instrument_fault") for o in outcomes.values()
        )
        measured = {key: o.measurements[0].value for key, o in outcomes.items() if isinstance(o, Measured)}
        told.wrong = sum(value != self._device.truth(settings[key]) for key, value in measured.items())
        on_record = {(text_of(a.settings), str(a.place.plate), a.place.well) for a in attempts if a.place is not None}
        told.wrong += len(self._device.places - on_record)
        told.deaths = self._device.deaths

    def _settings_ready(self) -> Settings:
        self._settings.home.mkdir(parents=True, exist_ok=True)
        return self._settings


def day(adapter: str, seed: int, plates: int, wells: int) -> Told:
    """A day, and what became of it."""
    told, chance, begin = Told(adapter, seed), Random(f"{adapter} {seed}"), time.perf_counter()
    labels = LABELS + OWN[adapter]
    with _folder() as temporary:
        device = DEVICES[adapter](Path(temporary) / "device", chance)
        try:
            Day(Path(temporary), device, told, chance, labels[seed % len(labels)]).play(Path(temporary), plates, wells)
        finally:
            device.close()
    told.seconds = time.perf_counter() - begin
    return told


def _folder() -> AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--adapters", type=lambda text: text.split(","), default=list(DEVICES), help="which")
    parser.add_argument("--days", type=int, default=200, help="of each adapter (default 200)")
    parser.add_argument("--plates", type=int, default=40, help="a day (default 40)")
    parser.add_argument("--wells", type=int, default=2, help="of each plate (default 2)")


def enough(played: int, asked: int) -> Mark:
    """That the days wanted were played; a trial of fewer ends well too, and its mark says what it is."""
    if asked < DAYS:
        return Mark(f"days of a trial (a whole run has {DAYS})", played, asked)
    return Mark("days", played, DAYS)


def main() -> int:
    args = arguments(__doc__ or "", runs=1, more=more)
    logging.disable(logging.CRITICAL)  # servers die here by the thousand, and say so
    if unknown := set(args.adapters) - set(DEVICES):
        raise SystemExit(f"--adapters: {', '.join(sorted(unknown))} is none of {', '.join(DEVICES)}")
    jobs = [(a, args.seed + d, args.plates, args.wells) for a in args.adapters for d in range(args.days)]
    days: list[Told] = run_jobs(day, jobs, args.jobs)
    print("rates:", "; ".join(f"{what}: {rate:.0%}" for what, rate in RATES.items()))
    marks = [enough(len(days), len(jobs))]
    measured = []
    for adapter in args.adapters:
        mine = [d for d in days if d.adapter == adapter]
        kills = sum((d.kills for d in mine), Counter[str]())
        deaths = sum((d.deaths for d in mine), Counter[str]())
        total = {
            name: sum(getattr(d, name) for d in mine)
            for name in (
                "experiments",
                "attempts",
                "runs",
                "doubled",
                "remade",
                "lost",
                "wrong",
                "doubts",
                "unresolved",
            )
        }
        spent = sum(d.seconds for d in mine)
        print(f"{adapter}: {len(mine)} days, {', '.join(f'{n} {name}' for name, n in total.items())}; {spent:.0f} s")
        print(f"  hakken killed {kills.total()} times: {dict(sorted(kills.items()))}")
        print(f"  the device died {deaths.total()} times: {dict(sorted(deaths.items()))}")
        never = [x for x in LABELS + OWN[adapter] if not kills[x]]
        for name in ("doubled", "remade", "lost", "wrong", "unresolved"):
            marks.append(Mark(f"{adapter}: {name}", total[name], 0, at_most=True))
        if len(mine) >= len(LABELS) + len(OWN[adapter]):
            marks.append(Mark(f"{adapter}: checkpoints without a kill", len(never), 0, at_most=True))
        measured.append(
            {"adapter": adapter, "days": len(mine), **total, "kills": kills, "deaths": deaths, "seconds": spent}
        )
    return finish(marks, args, {"rates": RATES, "adapters": measured})


if __name__ == "__main__":
    sys.exit(main())
