"""A bench that PyLabRobot drives, asked and told as a robot is: plans, runs and actions, in a folder.

Note [What a journal tells]: a run is played once, under its own lock, which the process that plays it inherits and
holds while it lives. A run without a journal whose lock is free never moved, and can be played. A journal that does not
tell an end while the lock is free is of a process that was killed: it may have moved, and is never played again. The
bench's lock lets one run go on at a time. The lock is looked at before the journal: the other way round, a run that
ends between the two looks would seem killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import sync_folder, write_once
from adapters.common.folder import reachable
from adapters.errors import AdapterUnavailable
from adapters.plates.machine import BUSY, Refused, RunState
from loop.errors import NotSetUp

WORKER: Final = (sys.executable, "-P", "-m", "adapters.pylabrobot.worker")
LONGEST: Final = 600.0  # seconds for a check
PLAN: Final = "plan.json"  # in the folder of a plate


class Bench:
    """A ``Machine``; ids of protocols are keys, those of runs KEY-NUMBER."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self.url = folder, f"pylabrobot ({name})"

    def health(self) -> Mapping[str, Any]:
        return {"name": self.url, "api_version": _version()}

    def protocols(self, key: str) -> tuple[str, ...]:
        return (key,) if self._plan(key).exists() else ()

    def upload(self, text: str, key: str) -> str:
        with reachable(self._folder):
            self._plan(key).parent.mkdir(parents=True, exist_ok=True)
            write_once(self._plan(key), text)
        return key

    def analysis(self, protocol: str) -> Mapping[str, Any]:
        """Nothing more than ``Simulation`` said of the plan before it came here."""
        return {"status": "completed", "result": "ok", "errors": []}

    def runs_of(self, protocols: Sequence[str]) -> tuple[RunState, ...]:
        with reachable(self._folder):
            found = sorted(
                (p for key in dict.fromkeys(protocols) for p in self._runs.glob(f"{key}-*")),
                key=lambda p: int(p.name.rpartition("-")[2]),
            )
        return tuple(run for p in found if (run := self.run(p.name)) is not None)

    def run(self, id_: str) -> RunState | None:
        folder = self._runs / id_
        if not (folder / "plan.json").exists() or (folder / "deleted").exists():
            return None
        with reachable(folder), _lock(folder / "lock", fcntl.LOCK_SH) as lock:
            lives = lock is None
        told = journal(folder)  # after the lock: see Note [What a journal tells]
        last = told[-1] if told else {}
        is_whole = lives or not told or "end" in last
        status = "running" if lives and not told else "idle" if not told else "stopped"
        if "end" in last:
            status = str(last["end"])
        elif lives and told:
            status = "paused" if last.get("state") == "paused" else "running"
        errors = tuple(str(e) for e in last.get("errors", ()))
        key = id_.rpartition("-")[0]
        raw = {"id": id_, "steps": sum("step" in t and t["state"] == "done" for t in told), "last": dict(last)}
        return RunState(id_, key, status, True, bool(told) or lives, is_whole, errors, raw)

    def create(self, protocol: str) -> RunState:
        with reachable(self._folder):
            number = len(list(self._runs.glob(f"{protocol}-*"))) + 1
            folder = self._runs / f"{protocol}-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            write_once(folder / "plan.json", self._plan(protocol).read_text(encoding="utf-8"))
            sync_folder(self._runs)
        made = self.run(folder.name)
        assert made is not None
        return made

    def act(self, run: str, action: str) -> None:
        folder = self._runs / run
        state = self.run(run)
        if state is None:
            raise Refused(404, "unknown", f"no run {run}")
        if action == "play" and not state.was_played:
            self._play(folder)
        elif state.status not in ("running", "paused"):
            raise Refused(409, "refused", f"run {run} is {state.status}")
        elif action == "play" and state.status == "paused":
            (folder / "pause").unlink(missing_ok=True)
        elif action in ("pause", "stop"):
            (folder / action).touch()
        else:
            raise Refused(409, "refused", f"run {run} is {state.status}")

    def has_drawn(self, run: str) -> bool:
        """Whether a move was begun; a journal that breaks off may hide one."""
        return any(told.get("key") or told.get("state") == "cut off" for told in journal(self._runs / run))

    def switch_off(self) -> None:
        """It drives no heater and no shaker."""

    def archive(self, run: str) -> None:
        """Its record is on disk already."""

    def delete(self, run: str) -> None:
        folder = self._runs / run
        with _lock(folder / "lock", fcntl.LOCK_EX) as lock:
            if lock is None or journal(folder):
                raise Refused(409, "refused", f"run {run} was played")
            (folder / "deleted").touch()

    @property
    def _runs(self) -> Path:
        return self._folder / "runs"

    def _plan(self, key: str) -> Path:
        return self._folder / "protocols" / f"{key}.json"

    def _play(self, folder: Path) -> None:
        with (
            reachable(folder),
            _lock(self._folder / "lock", fcntl.LOCK_EX) as bench,
            _lock(folder / "lock", fcntl.LOCK_EX) as lock,
        ):
            if bench is None:
                raise Refused(409, BUSY, "another run goes on")
            if lock is None or journal(folder):
                raise Refused(409, "refused", f"run {folder.name} was played")
            self._begin(folder, lock, bench)

    def _begin(self, folder: Path, *locks: int) -> None:
        """Have a process of its own play the run; it holds the locks while it lives."""
        with (folder / "told.txt").open("ab") as told:
            process = subprocess.Popen(
                [*WORKER, str(folder.resolve())],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                pass_fds=locks,
                start_new_session=True,
                env=_environ(),
            )
            code = process.wait()  # it forks at once; the fork plays
        if code:
            raise AdapterUnavailable(f"no process could be started (code {code}); see {folder / 'told.txt'}")


class Simulation:
    """PyLabRobot's simulated back end as a ``Judge``, with its volume and tip tracking turned on."""

    program: Path = Path(sys.executable)
    called: str = "PyLabRobot's simulation"

    @property
    def edition(self) -> str:
        return _version()

    def refusal(self, folder: Path) -> str | None:
        """See ``Judge``. Raises ``NotSetUp`` where the back end that would play it cannot be loaded."""
        _version()
        command = [*WORKER, "--check", str((folder / PLAN).resolve())]
        try:
            done = subprocess.run(
                command,
                env=_environ(),
                capture_output=True,
                text=True,
                timeout=LONGEST,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            told = json.loads(done.stdout.splitlines()[-1])
            lacks, refuses = told["lacks"], told["refuses"]
        except (OSError, subprocess.TimeoutExpired, ValueError, LookupError) as error:
            raise AdapterUnavailable(
                f"PyLabRobot's simulation gave no answer ({error}); see that it is installed"
            ) from None
        if lacks is not None:
            raise NotSetUp(str(lacks))
        return None if refuses is None else str(refuses)


def _version() -> str:
    try:
        return version("pylabrobot")
    except PackageNotFoundError:
        raise AdapterUnavailable("PyLabRobot is not installed; pip install 'hakken[pylabrobot]'") from None


def _environ() -> dict[str, str]:
    """Where the worker finds this package, whatever the caller's own path is."""
    ours = str(Path(__file__).resolve().parents[2])
    there = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([ours, there] if there else [ours])}


def journal(folder: Path) -> list[dict[str, Any]]:
    """What a run noted; a last line that was cut off by a crash counts as begun."""
    try:
        lines = (folder / "journal.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [_line(line) for line in lines]


def begun(folder: Path) -> dict[str, int]:
    """In how many runs of a bench's folder something was moved for each attempt, by key."""
    found: dict[str, int] = {}
    for run in (folder / "runs").glob("*"):
        for key in {str(t["key"]) for t in journal(run) if t.get("key")}:
            found[key] = found.get(key, 0) + 1
    return found


def _line(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {"state": "cut off"}
    return found if isinstance(found, dict) else {"state": "cut off"}


@contextmanager
def _lock(path: Path, how: int) -> Iterator[int | None]:
    """The descriptor of the lock while the block runs; None where somebody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)
