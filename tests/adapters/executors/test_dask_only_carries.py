"""The Dask executor on a real scheduler: the contract, workers and schedulers killed, callers killed at every step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterUnavailable
from adapters.executors.dask import DaskExecutor, DaskOptions
from adapters.executors.spool import Spool
from loop import checkpoints
from loop.contracts import Adapter, AttemptKey, ExperimentSpec, Found, Phase
from loop.outcome import FaultKind, Measured
from loop.testing.adapter import KEY, AdapterContract
from tests.adapters.executors.clusters import OneNodeDask
from tests.adapters.executors.jobs import MOLECULE, begin, outcome, ruler, running, runs, wait_until


def executor(folder: Path, address: str, function: str = "measure", **settings: Any) -> DaskExecutor:
    gate = {"gate": str(folder / "gate.open")} if function == "wait" else {}
    told = DaskOptions(address=address, **{"silence": 3.0, **settings})
    return DaskExecutor(folder / "lab", ruler(function, **gate), told)


@pytest.fixture(scope="module")
def jobqueue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What dask-jobqueue would submit to queues, and a cluster of it on this machine."""
    pytest.importorskip("dask_jobqueue", reason="workers through a queue need hakken[jobqueue]")
    command = [sys.executable, "-P", str(Path(__file__).with_name("jobqueues.py")), str(tmp_path_factory.mktemp("jq"))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    process.communicate()


class TestDaskExecutor(AdapterContract):
    @pytest.fixture
    def shuffles(self) -> int:
        return 2

    @pytest.fixture
    def make_adapter(self, tmp_path: Path, dask: OneNodeDask) -> Callable[[], Adapter]:
        made: list[DaskExecutor] = []

        def make() -> Adapter:
            made.append(executor(tmp_path, dask.address))
            return made[-1]

        return make

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return MOLECULE

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(MOLECULE, smiles={})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: runs(tmp_path, key)


def test_workers_of_dask_jobqueue_carry_what_they_offer(jobqueue: dict[str, Any], tmp_path: Path) -> None:
    lab = executor(tmp_path, jobqueue["address"], resources={"calculations": 1.0})
    result = outcome(lab, begin(lab))

    assert jobqueue["workers"] == [[8, pytest.approx(18e9, rel=0.01), {"calculations": 2.0}]]
    assert isinstance(result, Measured)
    assert runs(tmp_path, KEY) == 1


@pytest.mark.parametrize(
    ("cluster", "asked"),
    [
        ("PBSCluster", ["#PBS -l select=1:ncpus=8:mem=17GB", "#PBS -l walltime=12:00:00"]),
        ("SGECluster", ["#$ -l h_vmem=2.25G", "#$ -l h_rt=12:00:00", "#$ -pe smp 8"]),
        ("LSFCluster", ["#BSUB -n 8", "#BSUB -M 18000000", "#BSUB -W 12:00"]),
    ],
)
def test_what_a_queue_is_asked_for_is_what_a_worker_uses(
    jobqueue: dict[str, Any], cluster: str, asked: list[str]
) -> None:
    *lines, worker = jobqueue[cluster].splitlines()
    words = worker.split()

    assert set(asked) <= set(lines)
    assert words[words.index("--nthreads") + 1] == "8"
    assert words[words.index("--memory-limit") + 1] == "16.76GiB"  # 18 GB
    assert words[words.index("--resources") + 1] == "calculations=2"
    assert "--nworkers" not in words


def test_left_to_itself_dask_jobqueue_makes_a_thread_for_each_core(jobqueue: dict[str, Any]) -> None:
    words = jobqueue["unstated"].splitlines()[-1].split()

    assert (words[words.index("--nworkers") + 1], words[words.index("--nthreads") + 1]) == ("4", "2")


def test_killed_workers_and_a_killed_scheduler_lose_nothing(dask: OneNodeDask, tmp_path: Path, gate: Path) -> None:
    keys = [AttemptKey(f"attempt-{number}") for number in range(12)]  # four more than there are threads
    lab = executor(tmp_path, dask.address, "wait")
    handles = [begin(lab, key) for key in keys]
    wait_until(lambda: len(running(gate)) == 8)
    dask.kill_worker()  # its four jobs go on without it, and Dask begins them anew beside the four that waited
    dask.kill_scheduler()
    during = [lab.status(handle).phase for handle in handles]
    gate.touch()
    dask.mend()
    again = executor(tmp_path, dask.address, "wait")
    results = []
    for key, handle in zip(keys, handles, strict=True):
        if again.status(handle).phase is Phase.PREPARED:
            again.start(handle, key)
        results.append(outcome(again, handle))

    assert set(during) <= {Phase.RUNNING, Phase.WAITING}
    assert all(isinstance(result, Measured) for result in results)
    assert [runs(tmp_path, key) for key in keys] == [1] * len(keys)


def test_a_task_that_the_scheduler_forgot_is_given_to_it_again(dask: OneNodeDask, tmp_path: Path) -> None:
    lab = executor(tmp_path, dask.address, resources={"nobody_has_it": 1.0})
    handle = begin(lab)
    waits = wait_until(lambda: (s := lab.status(handle)).detail == "with Dask: no-worker" and s)
    dask.kill_scheduler()
    down = lab.status(handle)
    dask.mend()
    again = executor(tmp_path, dask.address)
    forgotten = again.status(handle)
    again.start(handle, KEY)

    assert waits.phase is Phase.WAITING
    assert down.phase is Phase.WAITING
    assert f"as last known: the Dask scheduler at {dask.address} gives no answer" in down.detail
    assert forgotten.phase is Phase.PREPARED
    assert isinstance(outcome(again, handle), Measured)
    assert runs(tmp_path, KEY) == 1


def test_a_job_that_no_worker_can_take_says_so(dask: OneNodeDask, tmp_path: Path) -> None:
    offered = executor(tmp_path / "offered", dask.address, resources={"nobody_has_it": 1.0})
    odd = begin(offered)
    wait_until(lambda: offered.status(odd).wants)
    lacking = offered.status(odd).wants
    offered.cancel(odd, "enough")
    while dask.workers:
        dask.kill_worker()
    lab = executor(tmp_path, dask.address)
    handle = begin(lab)
    wait_until(lambda: lab.status(handle).wants)
    alone = lab.status(handle).wants
    dask.mend()

    assert "for a worker that offers nobody_has_it=1; start one (dask worker" in lacking
    assert alone == f"waits with Dask, which has no worker; start one (dask worker {dask.address})"
    assert isinstance(outcome(lab, handle), Measured)
    assert lab.status(handle).wants == ""


def test_a_start_returns_when_the_scheduler_has_the_task(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = executor(tmp_path, dask.address, resources={"nobody_has_it": 1.0})
    real, asked = lab._state, []

    def late(started: Any) -> str | None:  # the task is still on its way for the first two questions
        asked.append(started)
        return None if len(asked) < 3 else real(started)

    monkeypatch.setattr(lab, "_state", late)
    handle = begin(lab)

    assert len(asked) >= 3
    assert lab.status(handle).phase is Phase.WAITING


def test_a_scheduler_that_is_not_there_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the Dask executor needs hakken[dask]")
    monkeypatch.setattr("adapters.executors.dask_scheduler._PATIENCE", 0.2)
    lab = executor(tmp_path, "tcp://127.0.0.1:9")
    handle = lab.prepare(MOLECULE, KEY)
    with pytest.raises(AdapterUnavailable, match=r"the Dask scheduler at tcp://127.0.0.1:9 gives no answer"):
        lab.start(handle, KEY)
    health = lab.health()

    assert lab.find(KEY) == Found(handle, started=False)
    assert not health.is_ok
    assert "start one (dask scheduler), or mend the address" in health.message


def test_a_job_whose_own_process_is_killed_is_lost(dask: OneNodeDask, tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, dask.address, "wait", silence=1.0)
    handle = begin(lab)
    wait_until(lambda: running(gate))
    claimant = int((tmp_path / "lab" / "jobs" / handle / "runs.log").read_text().split()[1])
    os.kill(claimant, signal.SIGKILL)
    result = outcome(lab, handle)

    assert result.kind is FaultKind.COMPUTE_LOST
    assert "gave no sign of life" in result.message
    assert runs(tmp_path, KEY) == 1


def test_a_running_job_is_cancelled(dask: OneNodeDask, tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, dask.address, "wait")
    handle = begin(lab)
    wait_until(lambda: running(gate))
    lab.cancel(handle, "budget spent")
    result = outcome(lab, handle)

    assert (result.kind, result.message) == (FaultKind.CANCELLED, "budget spent")


def test_a_job_that_no_worker_takes_up_is_not_sent_for_ever(
    dask: OneNodeDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool, "command", lambda *_, **__: ["/bin/false"])
    lab = executor(tmp_path, dask.address)
    handle = begin(lab)
    times = 1
    while wait_until(lambda: (phase := lab.status(handle).phase) is not Phase.WAITING and phase) is Phase.PREPARED:
        lab.start(handle, KEY)
        times += 1
    result = outcome(lab, handle)

    assert times == 4  # three submissions, and the end
    assert result.kind is FaultKind.COMPUTE_LOST
    assert "none of 3 workers that got it took it up" in result.message


@pytest.mark.parametrize("label", ["dask.prepared", "dask.sending", "dask.sent", "dask.started"])
def test_a_caller_killed_anywhere_leaves_a_job_that_runs_once(
    dask: OneNodeDask, tmp_path: Path, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(here: str) -> None:
        if here == label:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "on_reached", stop)
        with pytest.raises(KeyboardInterrupt):
            begin(executor(tmp_path, dask.address))
    second = executor(tmp_path, dask.address)
    found = second.find(KEY)

    assert isinstance(found, Found)
    second.start(found.handle, KEY)
    assert isinstance(outcome(second, found.handle), Measured)
    assert runs(tmp_path, KEY) == 1
