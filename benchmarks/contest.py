"""One campaign of any planner on any problem: the same starts, the same luck, and peers' runs kept for the next time.

An observation is ``{"settings", "values": {target: number}, "failed": bool}``, with ``"qualifiers": {target: "<" or
">"}`` where a value is a limit. ``run`` asks a chooser for batch after batch and tells it what came out.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import harness  # noqa: F401 - sets the threads before torch is loaded
import torch
from peers import Answer, Peer, PeerError, home, key_of, peer
from problems import Problem, Settings, load_problem

from loop.history import History, Observation
from loop.outcome import Fault, FaultKind, Measured, Measurement, Outcome, Qualifier
from loop.planner import plan

Observed: TypeAlias = dict[str, Any]
Chooser: TypeAlias = Callable[[Problem, Sequence[Observed], int, int], Answer]  # problem, observed, seed, q
Measure: TypeAlias = Callable[[Problem, Settings, int, Sequence[Settings]], Observed]  # problem, what, seed, earlier


OWN_FIRST = 5  # experiments of a planner's own first batch, at least


def measure(problem: Problem, settings: Settings, seed: int, earlier: Sequence[Settings]) -> Observed:
    """What an experiment gives: its measurement, as the problem says."""
    return {"settings": settings, "values": problem.observe(settings, seed, earlier), "failed": False}


def history_of(problem: Problem, observed: Sequence[Observed]) -> History:
    """Observations as hakken's history."""
    return History(
        tuple(
            Observation(str(i), problem.space.coordinates(o["settings"]), outcome_of(problem, o))
            for i, o in enumerate(observed)
        )
    )


def outcome_of(problem: Problem, observed: Observed) -> Outcome:
    """One observation as hakken's outcome."""
    if observed.get("failed"):
        return Fault.of(FaultKind.INPUT_ERROR, "failed")
    limits, sds = observed.get("qualifiers", {}), observed.get("sd", {})
    units = {t: problem.spec["objective"][t].get("unit", "") for t in observed["values"]}
    return Measured(
        tuple(
            Measurement(t, v, units[t], v, sds.get(t), sds.get(t), qualifier=Qualifier(limits.get(t, "=")))
            for t, v in observed["values"].items()
        )
    )


def hakken(**planner: Any) -> Chooser:
    """hakken's planner with these settings; none for its defaults. The shared start is its initial design."""

    def choose(problem: Problem, observed: Sequence[Observed], seed: int, q: int) -> Answer:
        torch.set_num_threads(1)
        first = len(observed) or q  # what there is was the initial design
        spec, history = (
            problem.planner_spec(**{"batch": q, "initial": {"experiments": min(first, OWN_FIRST)}, **planner}),
            history_of(problem, observed),
        )
        left = max(problem.experiments - len(observed), q)
        pool, start, used = problem.pool, time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = plan(spec, history, pool, seed=seed, experiments=q, left=left)
        seconds, cpu = time.perf_counter() - start, time.process_time() - used
        return Answer([dict(p.candidate.settings) for p in result.proposals for _ in range(p.replicates)], seconds, cpu)

    return choose


def asked(other: Peer) -> Chooser:
    """A peer as a chooser."""
    return lambda problem, observed, seed, q: other.propose(problem.question, observed, q, seed)


def run(
    chooser: Chooser,
    problem: Problem,
    seed: int,
    *,
    q: int = 5,
    n: int = 50,
    measure: Measure = measure,
    first: int | None = None,
) -> dict[str, Any]:
    """A campaign of ``n`` experiments in batches of ``q`` from the shared start.

    ``first`` is how many experiments that start has, None for a batch; with 0 the chooser has a first batch of its own,
    of five where it chooses one by one.

    Returns ``observed`` (every observation in order) ``seconds`` and ``cpu`` (of each batch that was chosen).
    """
    observed: list[Observed] = []

    def carry_out(batch: Sequence[Settings]) -> None:
        for settings in batch[: n - len(observed)]:
            observed.append(measure(problem, settings, seed, [o["settings"] for o in observed]))

    if first != 0:
        carry_out(problem.start(seed, q if first is None else first))
    seconds: list[float] = []
    cpu: list[float] = []
    while len(observed) < n:
        size = q if observed else max(q, OWN_FIRST)
        answer = chooser(problem, observed, seed * 1000 + len(seconds) + 1, size)
        seconds.append(answer.seconds)
        cpu.append(answer.cpu)
        carry_out(answer.settings)
    return {"observed": observed, "seconds": seconds, "cpu": cpu}


def campaign(chooser: str, problem_name: str, seed: int, data: Path, q: int = 5, n: int = 50) -> dict[str, Any]:
    """``run`` as a job of its own: ``chooser`` is a name in ``CHOOSERS``."""
    return run(CHOOSERS[chooser], load_problem(problem_name, data), seed, q=q, n=n)


def peer_campaigns(
    name: str,
    problem_name: str,
    seeds: Sequence[int],
    data: Path,
    q: int = 5,
    n: int = 50,
    kept_only: bool = False,
    fresh: bool = False,
) -> tuple[dict[int, dict[str, Any]], str]:
    """A peer's runs by seed as one job, with one worker; and why some are missing ("" if none is).

    ``kept_only`` looks up what was run before and runs nothing; the peer need not be there for that.
    """
    problem, store, found, why = load_problem(problem_name, data), Kept(fresh=fresh), {}, ""
    with peer(name) as other:
        version, said = store.version(other, problem, kept_only=kept_only)
        if not version:
            return {}, said
        for seed in seeds:
            try:
                done = store.look_up(other, problem, seed, q=q, n=n, version=version) if kept_only else None
                if done is None and not kept_only:
                    done = store.run(other, problem, seed, q=q, n=n)
            except PeerError as error:
                return found, str(error)
            if done is not None:
                found[seed] = done
    if len(found) < len(seeds):
        why = f"only {len(found)} of {len(seeds)} runs were kept; run without --kept"
    return found, "; ".join(filter(None, (said, why)))


CHOOSERS: dict[str, Chooser] = {"hakken": hakken(), "random": hakken(surrogate="random")}


SHIPPED = Path(__file__).parent / "peers" / "kept"  # runs that were paid for once; see its README.md


class Kept:
    """Peers' runs as JSON lines, one file per peer, found again by everything that decides them."""

    def __init__(self, folder: Path | None = None, *, fresh: bool = False, shipped: Path = SHIPPED) -> None:
        self.folder, self.fresh, self.shipped = folder or home() / "cache", fresh, shipped

    def run(
        self,
        other: Peer,
        problem: Problem,
        seed: int,
        *,
        q: int = 5,
        n: int = 50,
        measure: Measure = measure,
        how: str = "",
    ) -> dict[str, Any]:
        """``run`` for a peer, or what was kept of it.

        ``how`` tells apart measurements that are made in another way than the problem's own. A ``recommended``
        settings is added, asked for after the last experiment (single objective only).
        """
        key = self.key(other, problem, seed, q=q, n=n, how=how)
        kept = None if self.fresh else self.find(key)
        if kept is not None:
            return kept
        done = run(asked(other), problem, seed, q=q, n=n, measure=measure)
        if len(problem.targets) == 1:
            done["recommended"] = other.recommend(problem.question, done["observed"], seed).settings[0]
        self.keep(key, done)
        return done

    def look_up(
        self, other: Peer, problem: Problem, seed: int, *, q: int = 5, n: int = 50, how: str = "", version: str = ""
    ) -> dict[str, Any] | None:
        """What was kept of this run by a version of the peer, of the one that is there by default; or None."""
        return self.find(self.key(other, problem, seed, q=q, n=n, how=how, version=version))

    def version(self, other: Peer, problem: Problem, *, kept_only: bool) -> tuple[str, str]:
        """The version of a peer whose runs count, and what is to be said of it: that which is there, else, where kept
        runs are enough, that of the last run kept of the problem; "" where there is none, with the remedy."""
        if other.available:
            return other.version, ""
        every = self._entries({"peer": other.name, "problem": problem.name}) if kept_only else ()
        kept = [entry["key"]["version"] for entry in every]
        if not kept:
            return "", other.remedy
        return kept[-1], f"runs of {other.name} {kept[-1]} that were kept; it is not there to be run"

    def _entries(self, key: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What is kept of a peer and a problem: what came with hakken, then what was kept since."""
        file = self._file(key)
        ways: tuple[tuple[Path, Any], ...] = ((self.shipped / f"{file.name}.gz", gzip.open), (file, open))
        for path, opener in ways:
            if path.exists():
                with opener(path, "rt", encoding="utf-8") as lines:
                    yield from (json.loads(line) for line in lines if line.endswith("\n"))  # else a writer was killed

    @staticmethod
    def key(other: Peer, problem: Problem, seed: int, *, q: int, n: int, how: str, version: str = "") -> dict[str, Any]:
        """Everything that decides a run; of the peer's version that is there, unless another is named."""
        return {
            "peer": other.name, "version": version or other.version, "problem": problem.name, "seed": seed, "q": q,
            "n": n, "how": how, "question": key_of(problem.question),
            "truth": key_of([d.tolist() for d in problem.draws]),
        }  # fmt: skip

    def find(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The newest run kept under this key, else one that came with hakken."""
        found = None
        for entry in self._entries(key):
            found = entry["run"] if entry["key"] == key else found
        return found

    def keep(self, key: Mapping[str, Any], done: Mapping[str, Any]) -> None:
        """Append a run; several processes may."""
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+", encoding="utf-8") as lines:
            fcntl.flock(lines, fcntl.LOCK_EX)
            lines.write(json.dumps({"key": dict(key), "run": dict(done)}) + "\n")

    def _file(self, key: Mapping[str, Any]) -> Path:
        return self.folder / f"{key['peer']}-{key['problem']}.jsonl"
