"""A bad day in real queues: 100 GFN2-xTB jobs, and everything killed, lost and forgotten that can be.

1. For ``local``, ``slurm`` (Debian's packages, one node, started here), ``arrays`` (the same, submitted as job arrays)
   and ``dask`` (a scheduler and two workers, started here): a campaign of ``--molecules`` real molecules in batches of
   25 (arrays: 10). hakken is killed at each checkpoint of the engine and of the executor, then at random moments, then
   twice as it ends. Meanwhile Slurm's controller is killed and started, at times as a new cluster whose ids begin anew,
   and replies of sbatch and scontrol are lost after they were heeded; Dask's workers and scheduler are killed. Then:
   where hakken died, attempts made, jobs submitted, runs begun, attempts that ran twice, molecules without a result.
2. 1,000 trivial attempts through ``local``, two at once: seconds of wall time.
3. 5,000 Slurm jobs (a squeue that prints them): calls of squeue in each pass, seconds for a pass.
4. From a result's arrival to the next start, one job at a time, models left out: the longest of 20.

    python benchmarks/queues.py --data DIR
    python benchmarks/queues.py --data DIR --parts local,slurm --molecules 30
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import Mark, arguments, finish

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # clusters and the process that is killed are those of the tests

from adapters.compute.evaluation import Evaluator
from adapters.executors.job import Limits
from adapters.executors.local import LocalExecutor
from adapters.executors.slurm import SlurmExecutor, SlurmOptions
from adapters.executors.spool import Spool
from db.ledger import open_ledger
from flows.engine import run
from flows.settings import Settings
from loop.contracts import AttemptKey, ExperimentSpec, Handle, Phase
from loop.outcome import Measured
from loop.record import CampaignState
from tests.adapters.executors.clusters import OneNodeDask, OneNodeSlurm, lose_replies, missing_programs
from tests.flows.engine.bench import add, cheap_planner, story_of
from tests.flows.engine.zygote import Zygote

DAYS = ("local", "slurm", "arrays", "dask")
PARTS = (*DAYS, "trivial", "tracked", "latency")

# Where hakken is killed, in this order: a death leaves attempts in doubt, which the places after it look up.
BEFORE = [
    "tick.leased", "propose.planned", "work.before-commit", "propose.stored", "work.after-commit", "dispatch.judged",
    "dispatch.claimed", "reconcile.found", "reconcile.stored", "folder.prepared",
]  # fmt: skip
OWN = {
    "local": ["executor.prepared", "executor.before-spawn", "executor.spawned"],
    "slurm": [
        "slurm.prepared", "slurm.sending", "slurm.sent", "slurm.submitted", "slurm.releasing", "slurm.released",
        "slurm.started",
    ],
    "arrays": ["slurm.array-sending", "slurm.array-sent", "slurm.array-labelled"],
    "dask": ["dask.prepared", "dask.sending", "dask.sent", "dask.started"],
}  # fmt: skip
AFTER = [
    "dispatch.prepared", "reconcile.started", "dispatch.started", "dispatch.accepted", "ingest.fetched",
    "ingest.stored", "ingest.judged",
]  # fmt: skip
LAST = ["propose.finished", "tick.released"]  # once for each campaign
MOLECULE = ExperimentSpec("gap", {"molecule": "ethanol"}, {}, {"molecule": "CCO"}, {"length": "eV"})
TRIVIAL = Evaluator("ruler", "tests.adapters.compute.evaluators:measure", {"length": "eV"})
Trouble = Callable[[int], None]


def molecules(n: int, seed: int) -> dict[str, str]:
    """``n`` molecules of the examples, by name."""
    with (ROOT / "examples/data/molecules.csv").open(encoding="utf-8") as file:
        rows = [(row["name"], row["smiles"]) for row in csv.DictReader(file)]
    return dict(random.Random(seed).sample(rows, n))


def campaign(options: dict[str, str], run_on: Any, workers: int, batch: int) -> dict[str, Any]:
    """A campaign that computes every molecule."""
    return {
        "space": {"molecule": {"type": "molecule", "options": options}},
        "objective": {"gap": {"goal": "minimize", "unit": "eV"}},
        "planner": {
            "batch": batch,
            "initial": {"design": "random", "experiments": min(batch, len(options))},
            "seed": 1,
        },
        "budget": {"experiments": len(options)},
        "laboratory": {"adapter": "xtb", "workers": workers, "memory": 1024, "timeout": 120, "run_on": run_on},
    }


def labels(executor: str) -> list[str]:
    """The checkpoints at which hakken is killed before anything else."""
    return [*BEFORE, *OWN[executor], *AFTER]


def look_after(slurm: OneNodeSlurm, is_over: threading.Event) -> None:
    """Take a drained node back, as an administrator would: a killed controller may start a job again that runs."""
    while not is_over.wait(2.0):
        if slurm.is_node_out():
            slurm.resume_node()


@contextmanager
def troubled(executor: str, folder: Path) -> Iterator[tuple[Any, dict[str, str], Trouble]]:
    """What ``run_on`` says, what the engine finds in its environment, and what befalls the queue after each kill."""
    if executor == "local":
        yield "local", {}, lambda _: None
    elif executor in ("slurm", "arrays"):
        slurm = OneNodeSlurm()
        lossy = [lose_replies(folder / name, name, 15) for name in ("sbatch", "scontrol")]
        mending: list[threading.Timer] = []

        def befalls(number: int) -> None:
            if number % 4 == 1 and not any(timer.is_alive() for timer in mending):
                slurm.kill_controller()
                mending[:] = [threading.Timer(1.0, slurm.start_controller, kwargs={"is_empty": number % 16 == 5})]
                mending[0].start()

        path = os.pathsep.join([*map(str, lossy), os.environ["PATH"]])
        is_over = threading.Event()
        administrator = threading.Thread(target=look_after, args=(slurm, is_over), daemon=True)
        administrator.start()
        try:
            on = {"poll": 0.2, "silence": 10.0, "arrays": executor == "arrays"}
            yield {"slurm": on}, {**slurm.environ, "PATH": path}, befalls
        finally:
            is_over.set()
            for thread in (administrator, *mending):
                thread.join()
            slurm.wait_until_it_answers()
            slurm.close()
    else:
        dask = OneNodeDask(threads=2)

        def befalls(number: int) -> None:
            if number % 4 == 1 and dask.workers:
                dask.kill_worker()
            if number % 4 == 3:
                dask.kill_scheduler()
            if number % 2 == 1:
                dask.mend()

        try:
            yield {"dask": {"address": dask.address, "silence": 10.0}}, {}, befalls
        finally:
            dask.close()


def day(executor: str, n: int, seed: int, kills: int) -> dict[str, Any]:
    """One campaign on a bad day, and what became of it."""
    with tempfile.TemporaryDirectory() as temporary, troubled(executor, Path(temporary)) as (run_on, environ, befalls):
        settings = Settings(Path(temporary) / "runs")
        workers, batch = (
            2 if executor == "local" else 25,
            10 if executor == "arrays" else 25,
        )  # an array dies once a batch
        add(settings, Path(temporary), **campaign(molecules(n, seed), run_on, workers, batch))
        zygote, begin = Zygote(), time.perf_counter()
        died, at_random, ended = kill(zygote, settings, environ, labels(executor), random.Random(seed), kills, befalls)
        wall = time.perf_counter() - begin
        zygote.close()
        story = story_of(settings)
        jobs = [path for path in (settings.folder("small") / "laboratory" / "jobs").iterdir() if path.is_dir()]
        begun = [len((job / "runs.log").read_text().splitlines()) if (job / "runs.log").exists() else 0 for job in jobs]
        return {
            "executor": executor,
            "molecules": n,
            "died": died,
            "missed": [label for label in [*labels(executor), *LAST] if label not in died],
            "at_random": at_random,
            "ended": ended,
            "attempts": len(story.attempts),
            "submitted": sum(map(submissions, jobs)),
            "runs": sum(begun),
            "doubled": sum(times > 1 for times in begun),
            "lost": n - sum(isinstance(outcome, Measured) for *_, outcome in story.results),
            "wall": wall,
        }


def kill(
    zygote: Zygote,
    settings: Settings,
    environ: dict[str, str],
    places: Sequence[str],
    chance: random.Random,
    kills: int,
    befalls: Trouble,
) -> tuple[list[str], int, int]:
    """Kill hakken at each of the places, then ``kills`` times at random, then as it ends.

    Returns where it died, how often it died at random moments, and the exit status of the last run, which nobody kills.
    """
    died: list[str] = []
    at_random = 0

    def runs(**more: Any) -> int:
        code = zygote.ask(settings.home, **more)
        if code:
            befalls(len(died) + at_random + 1)
        print(f"\rhakken killed at {len(died)} places and {at_random} times at random ", end="", file=sys.stderr)
        return code

    for place in places:
        if runs(environ={**environ, "HAKKEN_CRASH_AT": place}) == -9:
            died.append(place)
    ending = {**environ, "HAKKEN_CRASH_AT": LAST[0]}
    while at_random < kills and runs(environ=ending, kill_after=chance.uniform(0.5, 6.0)) and not is_over(settings):
        at_random += 1
    if is_over(settings) or runs(environ=ending) == -9:  # whatever ended the campaign was killed right after it
        died.append(LAST[0])
    if runs(environ={**environ, "HAKKEN_CRASH_AT": LAST[1]}) == -9:
        died.append(LAST[1])
    ended = runs(environ=environ)
    print(file=sys.stderr)
    return died, at_random, ended


def is_over(settings: Settings) -> bool:
    """Whether the campaign is finished on record."""
    with open_ledger(settings.database) as ledger:
        return ledger.campaign("small").state is CampaignState.FINISHED


def submissions(job: Path) -> int:
    """How often an attempt was given to its executor, as far as it is on record."""
    for name in ("submitted.json", "started.json"):
        if (job / name).exists():
            return int(json.loads((job / name).read_text()).get("times", 1))
    return 0


def trivial(n: int) -> float:
    """Seconds for ``n`` attempts through the local executor, two at once."""
    with tempfile.TemporaryDirectory() as folder:
        lab = LocalExecutor(folder, TRIVIAL, workers=2)
        begin, waiting, started = time.perf_counter(), [], 0
        while started < n or waiting:
            while started < n and len(waiting) < 4:
                key = AttemptKey(f"attempt-{started}")
                handle = lab.prepare(MOLECULE, key)
                lab.start(handle, key)
                waiting.append(handle)
                started += 1
            waiting = [handle for handle in waiting if lab.status(handle).phase is not Phase.ENDED]
            time.sleep(0.005)
        return time.perf_counter() - begin


def tracked(n: int) -> tuple[float, float]:
    """Calls of squeue in each pass over ``n`` jobs, and the seconds that a pass takes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        spool = Spool(folder, TRIVIAL, Limits(), 60.0)
        lab = SlurmExecutor(folder, TRIVIAL, settings=SlurmOptions(poll=0.0))
        handles, rows = [Handle(f"job-{number}") for number in range(n)], []
        plain = {"campaign": "gap", "settings": {}, "units": {}, "smiles": {}, "targets": {}}
        for id_, handle in enumerate(handles):
            job = folder / "jobs" / handle
            job.mkdir(parents=True)
            (job / "job.json").write_text(json.dumps({"key": handle, "spec": plain}))
            (job / "submitted.json").write_text(json.dumps({"id": str(id_), "times": 1}))
            (job / "released.json").write_text(json.dumps({"id": str(id_), "at": 0.0}))
            rows.append(f"{id_}|PENDING|hakken-{handle}|Priority|10:00|{spool.label(handle)}")
        (folder / "rows").write_text("\n".join(rows) + "\n")
        fake = folder / "bin" / "squeue"
        fake.parent.mkdir()
        fake.write_text(f"#!/bin/sh\necho x >>{folder}/calls\ncat {folder}/rows\n")
        fake.chmod(0o755)
        before, passes = os.environ["PATH"], 3
        os.environ["PATH"] = f"{fake.parent}{os.pathsep}{before}"
        begin = time.perf_counter()
        for _ in range(passes):
            assert all(lab.status(handle).phase is Phase.WAITING for handle in handles)
        wall = time.perf_counter() - begin
        os.environ["PATH"] = before
        return len((folder / "calls").read_text().split()) / passes, wall / passes


def latency(n: int, seed: int) -> list[float]:
    """Seconds from each result's arrival to the next start; one job at a time, chosen by lot."""
    with tempfile.TemporaryDirectory() as temporary:
        settings = Settings(Path(temporary) / "runs")
        name = add(settings, Path(temporary), **campaign(molecules(n, seed), "local", 1, 1))
        run(settings, name, on_tick=lambda _: None, planner=cheap_planner)
        jobs = [path for path in (settings.folder(name) / "laboratory" / "jobs").iterdir() if path.is_dir()]
        starts = sorted((job / "started.json").stat().st_mtime for job in jobs)
        ends = sorted((job / "result.json").stat().st_mtime for job in jobs)
        return [start - end for start, end in zip(starts[1:], ends, strict=False)]


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--molecules", type=int, default=100, help="of each bad day (default 100)")
    parser.add_argument("--kills", type=int, default=12, help="at random on each bad day at most (default 12)")
    parser.add_argument(
        "--parts",
        type=lambda text: text.split(","),
        default=list(PARTS),
        help=f"what is done (default {','.join(PARTS)})",
    )


def main() -> int:
    args = arguments(__doc__ or "", runs=1, more=more)
    if unknown := set(args.parts) - set(PARTS):
        raise SystemExit(f"--parts: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    marks: list[Mark] = []
    measured: dict[str, Any] = {"days": []}
    for executor in (part for part in DAYS if part in args.parts):
        if executor in ("slurm", "arrays") and (missing := missing_programs()):
            print(f"{executor}: left out, {', '.join(missing)} missing (apt-get install slurm-wlm munge)")
            continue
        for seed in range(args.seed, args.seed + args.runs):
            told = day(executor, args.molecules, seed, args.kills)
            measured["days"].append(told)
            print(
                f"{executor}, seed {seed}: {told['molecules']} molecules, hakken killed at {len(told['died'])} places "
                f"and {told['at_random']} times at random, {told['attempts']} attempts, {told['submitted']} submitted, "
                f"{told['runs']} runs, {told['doubled']} doubled, {told['lost']} lost, {told['wall']:.0f} s"
            )
            print(f"  died at {', '.join(told['died'])}")
            if told["missed"]:
                print(f"  did not die at {', '.join(told['missed'])}")
            marks.append(Mark(f"{executor}: places where hakken did not die", len(told["missed"]), 0, at_most=True))
            marks.append(Mark(f"{executor}: exit status of the last run", abs(told["ended"]), 0, at_most=True))
            marks.append(Mark(f"{executor}: attempts that ran twice", told["doubled"], 0, at_most=True))
            marks.append(Mark(f"{executor}: molecules without a result", told["lost"], 0, at_most=True))
    if "trivial" in args.parts:
        measured["trivial"] = trivial(1000)
        print(f"1,000 trivial attempts through local: {measured['trivial']:.1f} s")
        marks.append(Mark("1,000 trivial attempts, seconds", measured["trivial"], 60, at_most=True))
    if "tracked" in args.parts:
        calls, seconds = measured["tracked"] = tracked(5000)
        print(f"5,000 Slurm jobs: {calls:g} squeue for each pass of {seconds:.2f} s")
        marks.append(Mark("calls of squeue for each pass over 5,000 jobs", calls, 1, at_most=True))
    if "latency" in args.parts:
        gaps = measured["latency"] = latency(20, args.seed)
        print(f"result to next start: median {statistics.median(gaps):.2f} s, longest {max(gaps):.2f} s")
        marks.append(Mark("result to next start, seconds", max(gaps), 2, at_most=True))
    return finish(marks, args, measured)


if __name__ == "__main__":
    sys.exit(main())
