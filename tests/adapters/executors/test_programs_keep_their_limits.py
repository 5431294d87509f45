"""Programs that a calculation calls: their memory counts, none outlives it, and their last words are kept."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.common.scratch import make_scratch, remove_scratch, scratch_of
from adapters.compute.evaluation import Evaluator
from adapters.executors.carrying import carry_out
from adapters.executors.job import Limits
from adapters.executors.local import LocalExecutor
from adapters.executors.session import Session
from adapters.executors.spool import Spool
from loop.contracts import ExperimentSpec, Handle
from loop.outcome import Fault, FaultKind, Measured, read_outcome
from loop.testing.adapter import KEY, wait_for_end
from tests.adapters.executors.jobs import is_alive, wait_until

# Starts helpers in a process group, and in a session, of their own; says so; takes memory; and waits for ever.
PROGRAM = """
import os, subprocess, sys, time
apart = subprocess.Popen(["sleep", "600"], process_group=0)
away = subprocess.Popen(["sleep", "600"], start_new_session=True)
open("scratch.tmp", "w").write("x" * 4096)
print("cycle 7 began", flush=True)
hoard = b"x" * (int(sys.argv[1]) * 2**20)
with open(sys.argv[2] + ".part", "w") as file:
    print(os.getpid(), os.getppid(), apart.pid, away.pid, os.getcwd(), file=file)
os.rename(sys.argv[2] + ".part", sys.argv[2])
time.sleep(600)
"""
SPEC = ExperimentSpec("own", {}, {}, {}, {"gap": "eV"})


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs work: nothing else is in it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def program(*words: str) -> Evaluator:
    options = {
        "command": list(words),
        "inputs": {},
        "parse_rules": {"gap": {"regex": r"gap (\S+)", "unit": "eV"}},
        "required": ["gap"],
    }
    return Evaluator(
        "command", "adapters.compute.command:evaluate", {"gap": "eV"}, options, needs_structure=False, is_request=True
    )


def executor(folder: Path, mib: int = 0, **limits: Any) -> LocalExecutor:
    called = program(sys.executable, "-c", PROGRAM, str(mib), str(folder / "pids"))
    return LocalExecutor(folder / "lab", called, limits=Limits(**limits))


def begin(lab: LocalExecutor) -> Handle:
    handle = lab.prepare(SPEC, KEY)
    lab.start(handle, KEY)
    return handle


def ended(lab: LocalExecutor, handle: Handle) -> tuple[Any, dict[str, Any]]:
    wait_for_end(lab, handle)
    payload = json.loads(lab.fetch(handle)[0].payload)
    return read_outcome(payload, {}), payload["provenance"]


def told(folder: Path) -> list[str]:
    """The program's pid, its parent's, those of its two helpers, and its folder."""
    return list(wait_until((folder / "pids").exists) and (folder / "pids").read_text().split())


def is_over(folder: Path) -> bool:
    return not any(is_alive(int(pid)) for pid in told(folder)[:4])


def test_the_memory_of_a_program_counts(tmp_path: Path, scratch: Path) -> None:
    lab = executor(tmp_path, mib=600, memory=256 * 2**20)
    result, provenance = ended(lab, begin(lab))

    assert isinstance(result, Fault)
    assert (result.kind, provenance["code"]) == (FaultKind.RESOURCE_ERROR, "out_of_memory")
    assert provenance["peak_memory_bytes"] > 256 * 2**20
    assert provenance["stdout"] == "cycle 7 began\n"
    assert list(scratch.iterdir()) == []


def test_after_a_time_out_nothing_stays_but_the_last_words(tmp_path: Path, scratch: Path) -> None:
    lab = executor(tmp_path, timeout=10.0)
    result, provenance = ended(lab, begin(lab))
    kept = gzip.decompress((tmp_path / "lab" / "jobs" / KEY / provenance["output"]).read_bytes())

    assert result.kind is FaultKind.TIMEOUT
    assert (provenance["stdout"], kept) == ("cycle 7 began\n", b"cycle 7 began\n")
    assert list(scratch.iterdir()) == []
    assert is_over(tmp_path)


def test_a_cancelled_program_ends_with_all_that_it_started(tmp_path: Path, scratch: Path) -> None:
    lab = executor(tmp_path)
    handle = begin(lab)
    told(tmp_path)
    lab.cancel(handle, "budget spent")
    result, _ = ended(lab, handle)

    assert result.kind is FaultKind.CANCELLED
    assert is_over(tmp_path)
    assert list(scratch.iterdir()) == []


def test_a_program_whose_evaluator_was_killed_ends_too(tmp_path: Path, scratch: Path) -> None:
    lab = executor(tmp_path)
    handle = begin(lab)
    os.kill(int(told(tmp_path)[1]), signal.SIGKILL)
    result, provenance = ended(lab, handle)

    assert result.kind is FaultKind.COMPUTE_LOST
    assert provenance["stdout"] == "cycle 7 began\n"
    assert not is_alive(int(told(tmp_path)[0]))
    assert list(scratch.iterdir()) == []


def test_a_program_whose_supervisor_was_killed_ends_when_that_is_found(tmp_path: Path, scratch: Path) -> None:
    lab = executor(tmp_path)
    handle = begin(lab)
    told(tmp_path)
    supervisor = int((tmp_path / "lab" / "jobs" / handle / "runs.log").read_text().split()[1])
    os.kill(supervisor, signal.SIGKILL)
    wait_for_end(lab, handle)

    assert "compute_lost" in lab.fetch(handle)[0].payload
    assert is_over(tmp_path)
    assert list(scratch.iterdir()) == []


def test_a_job_of_a_queue_that_is_told_to_end_leaves_nothing(tmp_path: Path, scratch: Path) -> None:
    called = program(sys.executable, "-c", PROGRAM, "0", str(tmp_path / "pids"))
    spool = Spool(tmp_path / "lab", called, Limits(), silence=60.0)
    handle = spool.jobs.prepare(SPEC, KEY)
    job = subprocess.Popen(spool.command(handle, "token"))
    told(tmp_path)
    job.terminate()
    job.wait()

    payload = json.loads(spool.envelopes(handle)[0].payload)
    assert payload["message"] == "its queue ended it (SIGTERM)"
    assert payload["provenance"]["stdout"] == "cycle 7 began\n"
    assert is_over(tmp_path)
    assert list(scratch.iterdir()) == []


def test_a_job_of_a_queue_that_is_lost_on_this_machine_leaves_nothing_here(tmp_path: Path, scratch: Path) -> None:
    called = program(sys.executable, "-c", PROGRAM, "0", str(tmp_path / "pids"))
    spool = Spool(tmp_path / "lab", called, Limits(), silence=0.5)
    handle = spool.jobs.prepare(SPEC, KEY)
    job = subprocess.Popen(spool.command(handle, "token"))
    told(tmp_path)
    job.kill()
    job.wait()
    wait_until(lambda: spool.settle(handle, FaultKind.COMPUTE_LOST, "gave no sign of life"))

    assert is_over(tmp_path)
    assert list(scratch.iterdir()) == []


def test_what_a_program_said_is_kept_whole_and_its_end_with_the_result(tmp_path: Path, scratch: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(2000)) + "gap 1.5\n"
    lab = LocalExecutor(tmp_path / "lab", program(sys.executable, "-c", f"print({text!r}, end='')"))
    result, provenance = ended(lab, begin(lab))
    kept = gzip.decompress((tmp_path / "lab" / "jobs" / KEY / provenance["output"]).read_bytes()).decode()

    assert isinstance(result, Measured)
    assert provenance["stdout"] == text[-4000:]
    assert kept == text
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("where", ["LANG", "LC_ALL", "LC_NUMERIC"])
def test_a_program_writes_points_in_a_country_of_decimal_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """What a C library looks at for numbers, in its order; words stay in the country's language."""
    for name in ("LC_ALL", "LC_NUMERIC", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    monkeypatch.setenv(where, "de_DE.UTF-8")
    speaks = '[ "$${LC_ALL:-$$LANG}" = de_DE.UTF-8 ] && echo German'
    writes = 'case "$${LC_ALL:-$${LC_NUMERIC:-$$LANG}}" in de*) echo gap 78,5;; *) echo gap 78.5;; esac'
    lab = LocalExecutor(tmp_path / "lab", program("sh", "-c", f"{speaks}; {writes}"), limits=Limits())

    outcome, provenance = ended(lab, begin(lab))

    assert isinstance(outcome, Measured), outcome
    assert outcome.measurements[0].value == 78.5
    assert ("German" in provenance["stdout"]) == (where != "LC_NUMERIC")


def test_pages_that_processes_share_count_once(tmp_path: Path) -> None:
    forks = """
import os, sys, time
hoard = b"x" * (100 * 2**20)
for _ in range(3):
    if os.fork() == 0: time.sleep(600)
open(sys.argv[1], "w").close()
time.sleep(600)
"""
    ready = tmp_path / "ready"
    child = subprocess.Popen([sys.executable, "-c", forks, str(ready)], start_new_session=True)
    try:
        wait_until(ready.exists)
        added, shared = Session(child).memory(2**40), Session(child).memory(200 * 2**20)
    finally:
        Session(child).end()

    assert added > 400 * 2**20  # four processes of 100 MiB and a little each, by their own Rss
    assert 100 * 2**20 < shared < 200 * 2**20


def test_without_proc_the_childs_own_group_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.executors.session._PROC", tmp_path / "no-proc")
    script = "sleep 600 & echo $! >$0.part; mv $0.part $0; wait"
    child = subprocess.Popen(["sh", "-c", script, str(tmp_path / "pid")], start_new_session=True)
    wait_until((tmp_path / "pid").exists)
    session = Session(child)
    memory = session.memory(1)
    session.end()

    assert memory == 0
    assert child.returncode == -signal.SIGKILL
    assert wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def test_where_tmpdir_is_no_folder_another_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    scratch = make_scratch(tmp_path)

    assert scratch.is_dir()
    assert scratch_of(tmp_path) == scratch
    remove_scratch(tmp_path, scratch)
    assert not scratch.exists()


def test_a_look_at_many_processes_is_not_taken_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    held = "held = bytearray(2**24); import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", held], start_new_session=True)
    assert wait_until(lambda: Session(child).memory(2**40) > 2**24)  # nothing is counted of one that has just begun
    times: Callable[[], float] = iter([0.0, 0.0, 1.0, 20.9, 21.1, 21.1, 21.2]).__next__
    session, looks = Session(child), []
    members = session._members
    monkeypatch.setattr(session, "_members", lambda: looks.append(1) or members())
    clock = SimpleNamespace(monotonic=times)  # of this module alone: threads of other tests ask theirs
    monkeypatch.setattr("adapters.executors.session.time", clock)
    seen = [session.memory(2**40), session.memory(2**40), session.memory(2**40)]
    monkeypatch.undo()
    session.end()

    assert len(looks) == 2  # one second of looking, then twenty of rest
    assert seen[0] == seen[1] > 0


def test_a_child_that_its_queue_ends_first_was_cancelled_where_it_was_called_off(tmp_path: Path) -> None:
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import os, signal, sys\n"
        "open(os.path.join(sys.argv[1], 'cancelled.json'), 'w').write('{\"reason\": \"budget spent\"}')\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    folder = tmp_path / "job"
    folder.mkdir()
    payload = carry_out(folder, {"runner": str(runner), "environ": {}, "timeout": 60.0, "memory": 2**30})

    assert (payload["kind"], payload["message"]) == ("cancelled", "budget spent")
