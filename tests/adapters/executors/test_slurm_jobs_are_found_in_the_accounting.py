"""A real slurmdbd: what left the queue is found through sacct before anything is submitted again.

slurmdbd tells jobs apart by number and second of submission, so no number comes twice: an emptied controller goes on at
hundreds of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.errors import AdapterUnavailable
from adapters.executors.job import Limits
from adapters.executors.slurm import SlurmExecutor, SlurmOptions
from adapters.executors.slurm.commands import Slurm
from loop.contracts import Handle
from loop.outcome import Fault, FaultKind, Measured
from loop.testing.adapter import KEY, OTHER
from tests.adapters.executors.clusters import ACCOUNTING, PROGRAMS, OneNodeSlurm, lose_replies, missing_programs
from tests.adapters.executors.jobs import MOLECULE, begin, outcome, ruler, running, runs, wait_until


@pytest.fixture(scope="module")
def cluster() -> Iterator[OneNodeSlurm]:
    if missing := missing_programs((*PROGRAMS, *ACCOUNTING)):
        packages = "slurm-wlm munge slurmdbd mariadb-server"
        pytest.skip(f"Slurm's accounting lacks {', '.join(missing)}; on Debian: apt-get install {packages}")
    cluster = OneNodeSlurm(has_accounting=True)
    yield cluster
    cluster.close()


@pytest.fixture
def slurm(cluster: OneNodeSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneNodeSlurm]:
    for name, value in cluster.environ.items():
        monkeypatch.setenv(name, value)
    yield cluster
    cluster.clear()


def executor(folder: Path, gate: Path | None = None, **settings: object) -> SlurmExecutor:
    limits = Limits(timeout=60.0, memory=256 * 2**20)
    told = SlurmOptions.model_validate({"poll": 0.0, "silence": 1.5, **settings})
    computed = ruler() if gate is None else ruler("wait", gate=str(gate))
    return SlurmExecutor(folder / "lab", computed, limits=limits, settings=told)


def accounted(folder: Path, handle: Handle) -> list[str]:
    """The states of every job of that attempt that the accounting ever had."""
    return [row.state for row in Slurm().accounted(f"hakken-{handle}", folder / "lab" / "jobs" / handle)]


def test_a_job_that_ended_and_left_the_queue_is_not_submitted_again(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    handle = begin(executor(tmp_path, setup=["exit 0"]))  # it ends before it takes its attempt up
    wait_until(lambda: accounted(tmp_path, handle) == ["COMPLETED"])
    slurm.kill_controller()
    slurm.start_controller(is_empty=True, first_id=200)  # as after MinJobAge, or a cluster set up anew

    result = outcome(executor(tmp_path, setup=["exit 0"]), handle)

    assert slurm.run("squeue", "--noheader", "--states=all").strip() == ""
    assert isinstance(result, Fault)
    assert result.kind is FaultKind.COMPUTE_LOST
    assert "completed, and its folder has nothing of it; a line of setup ended it, or" in result.message
    assert accounted(tmp_path, handle) == ["COMPLETED"]


def test_how_a_job_ended_that_had_begun_is_asked_when_the_queue_has_no_more_of_it(
    slurm: OneNodeSlurm, tmp_path: Path, gate: Path
) -> None:
    handle = begin(executor(tmp_path, gate))
    wait_until(lambda: running(gate))
    os.kill(int((tmp_path / "lab" / "jobs" / handle / "runs.log").read_text().split()[1]), signal.SIGKILL)
    wait_until(lambda: accounted(tmp_path, handle) not in (["RUNNING"], ["COMPLETING"]))
    (state,) = accounted(tmp_path, handle)
    slurm.kill_controller()
    slurm.start_controller(is_empty=True, first_id=300)

    result = outcome(executor(tmp_path, gate), handle)

    assert slurm.run("squeue", "--noheader", "--states=all").strip() == ""
    assert result.message == f"the job began on {os.uname().nodename} and ended as {state}, without a result"
    assert accounted(tmp_path, handle) == [state]


def test_a_task_of_an_array_is_known_there_by_the_name_that_it_was_given(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    lab = executor(tmp_path, setup=["exit 0"], arrays=True)
    lab.announce([(MOLECULE, KEY), (MOLECULE, OTHER)])
    handles = [begin(lab, KEY), begin(lab, OTHER)]
    for handle in handles:
        wait_until(lambda handle=handle: accounted(tmp_path, handle) == ["COMPLETED"])  # type: ignore[misc]
    slurm.kill_controller()
    slurm.start_controller(is_empty=True, first_id=400)

    results = [outcome(executor(tmp_path, setup=["exit 0"], arrays=True), handle) for handle in handles]

    assert ["completed, and its folder has nothing of it" in result.message for result in results] == [True, True]
    assert [accounted(tmp_path, handle) for handle in handles] == [["COMPLETED"]] * 2


def test_a_submission_without_a_reply_that_the_accounting_has_and_the_queue_has_not_is_left_alone(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lossy, path = lose_replies(tmp_path / "sbatch", "sbatch", 1), os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{lossy}{os.pathsep}{path}")
    lab = executor(tmp_path)
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    with pytest.raises(AdapterUnavailable, match="Socket timed out"):
        lab.prepare(MOLECULE, KEY)
    (id_,) = slurm.run("squeue", "--noheader", "--format=%i").split()
    slurm.run("scontrol", "release", id_)  # what is on hold is in no accounting
    found = lab.find(KEY)
    wait_until(lambda: accounted(tmp_path, found.handle) == ["PENDING"])
    empty = tmp_path / "forgets" / "squeue"
    empty.parent.mkdir()
    empty.write_text("#!/bin/sh\n")
    empty.chmod(0o755)

    monkeypatch.setenv("PATH", f"{empty.parent}{os.pathsep}{path}")
    with pytest.raises(AdapterUnavailable, match=f"the accounting has job {id_} for this attempt as PENDING"):
        lab.start(found.handle, KEY)
    monkeypatch.setenv("PATH", path)
    lab.start(found.handle, KEY)
    slurm.run("scontrol", "update", "PartitionName=main", "State=UP")

    assert isinstance(outcome(lab, found.handle), Measured)
    assert runs(tmp_path, KEY) == 1
    wait_until(lambda: accounted(tmp_path, found.handle) == ["COMPLETED"])


def test_only_jobs_of_that_name_and_folder_are_told(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for folder in (tmp_path, other):
        slurm.run("sbatch", "--mem=10", "--job-name=same", f"--chdir={folder}", "--output=/dev/null", "--wrap=exit 1")
    slurm.run("sbatch", "--mem=10", "--job-name=longer", f"--chdir={tmp_path}", "--output=/dev/null", "--wrap=sleep 60")
    wait_until(lambda: [row.state for row in Slurm().accounted("longer", tmp_path)] == ["RUNNING"])
    slurm.run("scancel", "--name=longer")

    wait_until(lambda: [row.state for row in Slurm().accounted("longer", tmp_path)] == ["CANCELLED"])
    wait_until(lambda: [row.state for row in Slurm().accounted("same", tmp_path)] == ["FAILED"])
    wait_until(lambda: [row.is_alive for row in Slurm().accounted("same", other)] == [False])
    assert Slurm().accounting() == "sacct answers"
