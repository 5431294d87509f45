"""The Slurm executor on a real Slurm: contract, lost replies, killed controllers, ids reused, kills at every step."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterUnavailable
from adapters.executors.job import Limits
from adapters.executors.slurm import SlurmExecutor, SlurmOptions
from loop import checkpoints
from loop.contracts import Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase, Unknown
from loop.outcome import Fault, FaultKind, Measured
from loop.testing.adapter import KEY, OTHER, AdapterContract, wait_for_end
from loop.testing.adapter.material import start
from tests.adapters.executors.clusters import OneNodeSlurm, lose_replies
from tests.adapters.executors.jobs import MOLECULE, begin, is_alive, outcome, ruler, running, runs, wait_until


def executor(folder: Path, function: str = "measure", options: Any = None, **settings: Any) -> SlurmExecutor:
    limits = Limits(timeout=60.0, memory=256 * 2**20)
    told = SlurmOptions(**{"poll": 0.0, "silence": 1.5, **settings})
    return SlurmExecutor(folder / "lab", ruler(function, **(options or {})), limits=limits, settings=told)


def insist(lab: Adapter, key: AttemptKey) -> Handle:
    """Bring an attempt to its start as an engine does: on doubt it is looked up, never sent blindly."""
    for _ in range(20):
        try:
            handle = lab.prepare(MOLECULE, key)
            lab.start(handle, key)
        except AdapterUnavailable:
            time.sleep(0.05)
        else:
            return handle
    raise AssertionError(f"{key} could not be started")


def look_while_one_waits(slurm: OneNodeSlurm, lab: SlurmExecutor, key: AttemptKey, until: Callable[[], bool]) -> Handle:
    """Pass after pass until it is so, with one more attempt in the queue; ends with that attempt's end."""
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    handle = begin(lab, key)
    wait_until(lambda: lab.status(handle) and until())
    slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
    wait_for_end(lab, handle)
    return handle


def ids(slurm: OneNodeSlurm, *, states: str = "all") -> list[str]:
    return slurm.run("squeue", "--noheader", f"--states={states}", "--format=%i").split()


def jobs_of(slurm: OneNodeSlurm, folder: Path, *, states: str = "all") -> int:
    """How many jobs Slurm ever had from this folder, or has in these states.

    A controller that was killed may bring a job back that an earlier test left and cancelled.
    """
    return slurm.run("squeue", "--noheader", f"--states={states}", "--format=%Z").count(f"{folder.resolve()}/")


@pytest.mark.usefixtures("slurm")
class TestSlurmExecutor(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: executor(tmp_path)

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return MOLECULE

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(MOLECULE, smiles={})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: runs(tmp_path, key)

    @pytest.fixture
    def shuffles(self) -> int:
        return 2


def test_a_job_bears_its_key_and_its_limits(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    lab = executor(tmp_path, partition="main", setup=["export SCALE=1"], extra=["--nice=10"])
    handle = lab.prepare(MOLECULE, KEY)
    (id_,) = slurm.run("squeue", "--noheader", f"--name=hakken-{handle}", "--format=%i").split()
    told = slurm.run("scontrol", "show", "job", id_)

    assert f"JobName=hakken-{KEY}" in told
    assert f"WorkDir={(tmp_path / 'lab' / 'jobs' / handle).resolve()}" in told
    assert told.split("Comment=hakken ")[1].split()[1] == KEY
    assert "Reason=JobHeldUser" in told
    assert "TimeLimit=00:02:00" in told
    assert "mem=512M" in told
    assert "Requeue=0" in told


def test_a_day_of_lost_replies_and_a_killed_controller_doubles_nothing(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    lab, keys = executor(tmp_path), [AttemptKey(f"attempt-{number}") for number in range(10)]
    monkeypatch.setenv("PATH", f"{lose_replies(tmp_path / 'sbatch', 'sbatch', 4)}:{path}")
    for key in keys[:4]:
        insist(lab, key)
    monkeypatch.setenv("PATH", f"{lose_replies(tmp_path / 'scontrol', 'scontrol', 2)}:{path}")
    for key in keys[4:6]:
        insist(executor(tmp_path), key)
    monkeypatch.setenv("PATH", path)
    held = [lab.prepare(MOLECULE, key) for key in keys[6:]]
    slurm.kill_controller()
    with pytest.raises(AdapterUnavailable, match=r"scontrol failed|gave no answer"):
        lab.start(held[0], keys[6])
    slurm.start_controller()
    again = executor(tmp_path)
    results = [outcome(again, insist(again, key)) for key in keys]
    lost = [key for key, result in zip(keys, results, strict=True) if isinstance(result, Fault)]
    faults = [result for result in results if isinstance(result, Fault)]

    assert len(lost) <= 6  # what ran in the controller's last second; Slurm itself may end it
    assert [fault for fault in faults if fault.kind is not FaultKind.COMPUTE_LOST] == []
    assert max(runs(tmp_path, key) for key in keys) == 1
    assert [runs(tmp_path, key) for key in keys if key not in lost] == [1] * (len(keys) - len(lost))
    assert [outcome(executor(tmp_path), insist(lab, key)) for key in keys] == results
    look_while_one_waits(slurm, again, KEY, until=lambda: jobs_of(slurm, tmp_path, states="PENDING") == 1)
    assert jobs_of(slurm, tmp_path) <= 14  # of those prepared in the controller's last second it may know nothing


def test_a_submission_whose_reply_comes_after_the_look_up_is_held_and_cancelled(
    slurm: OneNodeSlurm, tmp_path: Path
) -> None:
    lab = executor(tmp_path)
    handle = lab.prepare(MOLECULE, KEY)
    comment = slurm.run("squeue", "--noheader", f"--name=hakken-{KEY}", "--format=%k").strip()
    job = str(tmp_path / "lab" / "jobs" / handle / "job.sh")
    late = slurm.run(
        "sbatch", "--hold", "--parsable", f"--job-name=hakken-{KEY}", f"--comment={comment}", "--mem=100", job
    ).strip()
    lab.start(handle, KEY)
    result = outcome(lab, handle)
    other = look_while_one_waits(slurm, lab, OTHER, until=lambda: late not in ids(slurm, states="PENDING"))

    assert isinstance(result, Measured)
    assert isinstance(outcome(lab, other), Measured)
    assert (runs(tmp_path, KEY), runs(tmp_path, OTHER)) == (1, 1)
    assert late in ids(slurm, states="CANCELLED")


def test_the_same_job_submitted_and_released_twice_computes_once(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    lab = executor(tmp_path)
    handle = begin(lab)
    job = str(tmp_path / "lab" / "jobs" / handle / "job.sh")
    slurm.run("sbatch", "--wait", "--mem=100", "--output=/dev/null", job)

    assert isinstance(outcome(lab, handle), Measured)
    assert runs(tmp_path, KEY) == 1


def test_an_id_that_begins_anew_is_not_taken_for_ours(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    lab = executor(tmp_path)
    handle = lab.prepare(MOLECULE, KEY)
    (mine,) = slurm.run("squeue", "--noheader", f"--name=hakken-{handle}", "--format=%i").split()
    slurm.kill_controller()
    slurm.start_controller(is_empty=True, first_id=int(mine))
    foreign = slurm.run("sbatch", "--hold", "--parsable", "--mem=100", "--wrap=true").strip()
    second = executor(tmp_path)
    second.start(handle, KEY)
    result = outcome(second, handle)

    assert mine == foreign
    assert isinstance(result, Measured)
    assert runs(tmp_path, KEY) == 1
    assert set(ids(slurm, states="PENDING")) == {foreign}


def test_a_released_job_that_a_controller_forgot_is_submitted_again_and_computed_once(
    slurm: OneNodeSlurm, tmp_path: Path
) -> None:
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    lab = executor(tmp_path)
    handle = begin(lab)
    slurm.kill_controller()
    slurm.start_controller(is_empty=True)
    found = wait_until(lambda: lab.status(handle).phase is Phase.PREPARED)
    lab.start(handle, KEY)

    assert found
    assert isinstance(outcome(lab, handle), Measured)
    assert runs(tmp_path, KEY) == 1


def test_without_a_controller_what_the_spool_tells_is_told(slurm: OneNodeSlurm, tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)})
    handle = begin(lab)
    wait_until(lambda: running(gate))
    slurm.kill_controller()
    during = lab.status(handle)
    health = lab.health()
    gate.touch()
    result = outcome(lab, handle)
    slurm.start_controller()

    assert during.phase is Phase.RUNNING
    assert "as last known: squeue failed" in during.detail
    assert not health.is_ok
    assert isinstance(result, Measured)


def test_a_failed_node_loses_the_computation_and_says_so(slurm: OneNodeSlurm, tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)})
    handle = begin(lab)
    wait_until(lambda: running(gate))
    slurm.run("scontrol", "update", f"NodeName={slurm.node}", "State=DOWN", "Reason=test")
    result = outcome(lab, handle)
    slurm.wait_until_it_answers()

    assert isinstance(result, Fault)
    assert result.kind is FaultKind.COMPUTE_LOST


def test_a_job_that_a_person_holds_stays_on_hold_until_they_release_it(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    lab = executor(tmp_path)
    handle = begin(lab)
    (id_,) = ids(slurm, states="PENDING")
    slurm.run("scontrol", "uhold", id_)
    slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
    wait_until(lambda: "JobHeldUser" in lab.status(handle).detail)
    held = lab.status(handle)
    lab.start(handle, KEY)  # as whoever looks again may do
    still = lab.status(handle)
    slurm.run("scontrol", "release", id_, check=False)  # it says that no node is there yet
    result = outcome(lab, handle)

    assert (held.phase, still.phase) == (Phase.WAITING, Phase.WAITING)
    assert held.wants == f"is held in Slurm (scontrol hold) as job {id_}; scontrol release {id_} lets it go on"
    assert isinstance(result, Measured)
    assert runs(tmp_path, KEY) == 1


def test_jobs_that_wait_while_no_node_takes_any_say_why(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    lab = executor(tmp_path)
    slurm.run("scontrol", "update", f"NodeName={slurm.node}", "State=DRAIN", "Reason=a fan | broke")
    handle = begin(lab)
    wait_until(lambda: lab.status(handle).wants)
    said = lab.status(handle)
    slurm.resume_node()
    result = outcome(lab, handle)

    assert said.phase is Phase.WAITING
    assert said.wants == (
        f"waits in Slurm: no node of main takes jobs now ({slurm.node} drained: a fan | broke); see to it (sinfo -R), "
        "or ask there, and it begins by itself"
    )
    assert isinstance(result, Measured)


def test_a_job_that_somebody_cancels_in_slurm_is_lost(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    lab = executor(tmp_path)
    handle = begin(lab)
    wait_until(lambda: "PartitionDown" in lab.status(handle).detail)
    waiting = lab.status(handle)
    slurm.run("scancel", f"--name=hakken-{handle}")
    result = outcome(lab, handle)
    slurm.run("scontrol", "update", "PartitionName=main", "State=UP")

    assert waiting.phase is Phase.WAITING
    assert result.kind is FaultKind.COMPUTE_LOST
    assert "was cancelled in Slurm itself (scancel, or a prolog failed: sinfo -R) before it began" in result.message
    assert runs(tmp_path, KEY) == 0


@pytest.mark.usefixtures("slurm")
def test_a_job_that_asks_for_more_than_there_is_waits_and_says_so(tmp_path: Path) -> None:
    """On hold it is taken; its release says that it cannot begin, and is one."""
    limits = Limits(timeout=60.0, memory=256 * 2**20, cores=1000)
    lab = SlurmExecutor(tmp_path / "lab", ruler(), limits=limits, settings=SlurmOptions(poll=0.0))
    handle = begin(lab)
    wait_until(lambda: lab.status(handle).wants)
    waiting = lab.status(handle)
    lab.cancel(handle, "enough")
    result = outcome(lab, handle)

    assert waiting.phase is Phase.WAITING
    assert "PartitionConfig; see to it" in waiting.wants
    assert "correct cores, memory or timeout in the campaign file and scancel" in waiting.wants
    assert result.kind is FaultKind.CANCELLED


@pytest.mark.parametrize("arrays", [False, True], ids=["job", "task of an array"])
def test_a_running_job_that_somebody_cancels_in_slurm_says_so(
    slurm: OneNodeSlurm, tmp_path: Path, gate: Path, arrays: bool
) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)}, arrays=arrays)
    lab.announce([(MOLECULE, KEY), (MOLECULE, OTHER)])
    handle = begin(lab)
    wait_until(lambda: running(gate))
    (id_,) = ids(slurm, states="RUNNING")
    slurm.run("scancel", id_)
    result = outcome(lab, handle)

    assert "_" in id_ if arrays else id_.isdigit()
    assert result.kind is FaultKind.COMPUTE_LOST
    assert result.message == f"job {id_} was cancelled in Slurm itself (scancel) while it ran"


@pytest.mark.parametrize("arrays", [False, True], ids=["jobs", "an array first"])
def test_a_script_that_cannot_run_waits_for_a_mended_setup_with_its_last_words(
    tmp_path: Path, slurm: OneNodeSlurm, arrays: bool
) -> None:
    assert slurm.environ
    lab = executor(tmp_path, setup=["echo no module called chemistry", "exit 3"], arrays=arrays)
    lab.announce([(MOLECULE, KEY), (MOLECULE, OTHER)])
    handles = {begin(lab, key): key for key in (KEY, OTHER)}

    def said() -> list[str]:
        found = [(handle, lab.status(handle)) for handle in handles]
        for handle, status in found:
            if status.phase is Phase.PREPARED:
                lab.start(handle, handles[handle])
        return [status.wants for _, status in found]

    wait_until(lambda: all(said()))
    waits = said()
    mended = executor(tmp_path, arrays=arrays)
    for handle, key in handles.items():
        mended.start(handle, key)
    results = [outcome(mended, handle) for handle in handles]

    assert ["ended as FAILED before it began: no module called chemistry. See to setup" in one for one in waits] == [
        True,
        True,
    ]
    assert all(isinstance(result, Measured) for result in results)
    assert [runs(tmp_path, key) for key in handles.values()] == [1, 1]


def test_a_running_job_is_cancelled(slurm: OneNodeSlurm, tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)})
    handle = begin(lab)
    wait_until(lambda: running(gate))
    lab.cancel(handle, "budget spent")
    result = outcome(lab, handle)

    assert (result.kind, result.message) == (FaultKind.CANCELLED, "budget spent")
    wait_until(lambda: ids(slurm, states="RUNNING") == [])


@pytest.mark.parametrize("arrays", [False, True], ids=["job", "task of an array"])
def test_a_job_that_slurm_begins_anew_gives_one_result_which_says_so(
    slurm: OneNodeSlurm, tmp_path: Path, gate: Path, arrays: bool
) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)}, requeue=True, arrays=arrays)
    lab.announce([(MOLECULE, KEY), (MOLECULE, OTHER)])
    handle = begin(lab)
    (first,) = wait_until(lambda: running(gate))
    (id_,) = ids(slurm, states="RUNNING")
    slurm.run("scontrol", "requeue", id_)
    wait_until(lambda: not is_alive(first))
    wait_until(lambda: lab.status(handle).detail == f"job {id_}, begun anew by Slurm: BeginTime")
    during = lab.status(handle).phase
    # Slurm's own choice is two minutes later; within the same second the node takes the job for the one just ended.
    slurm.run("scontrol", "update", f"JobId={id_}", "StartTime=now+3")
    wait_until(lambda: len(running(gate)) == 2)
    gate.touch()
    result = outcome(lab, handle)

    assert "_" in id_ if arrays else id_.isdigit()
    assert during is Phase.RUNNING
    assert isinstance(result, Measured)
    assert runs(tmp_path, KEY) == 2
    assert json.loads(lab.fetch(handle)[0].payload)["provenance"]["restarts"] == 1
    assert isinstance(outcome(executor(tmp_path, requeue=True), insist(lab, KEY)), Measured)  # and not a third time
    assert runs(tmp_path, KEY) == 2


@pytest.mark.parametrize("requeue", [False, True])
def test_a_job_that_gave_way_is_submitted_again_as_the_same_try(
    slurm: OneNodeSlurm, tmp_path: Path, gate: Path, requeue: bool
) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)}, requeue=requeue)
    handle = begin(lab)
    wait_until(lambda: running(gate))
    with slurm.partition_before("urgent"):
        slurm.run("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 60")
        wait_until(lambda: lab.status(handle).phase is Phase.PREPARED)  # the site cancels what it preempts
        found = lab.find(KEY)
        lab.start(handle, KEY)
        waits = lab.status(handle).phase
    gate.touch()
    result = outcome(lab, handle)

    assert found == Found(handle, False)
    assert waits is Phase.WAITING
    assert isinstance(result, Measured)
    assert runs(tmp_path, KEY) == 2
    assert json.loads(lab.fetch(handle)[0].payload)["provenance"]["restarts"] == 1


def test_without_leave_slurm_begins_no_job_anew(slurm: OneNodeSlurm, tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)})
    handle = begin(lab)
    wait_until(lambda: running(gate))
    (id_,) = ids(slurm, states="RUNNING")
    slurm.run("scontrol", "requeue", id_, check=False)
    gate.touch()
    result = outcome(lab, handle)

    assert isinstance(result, Measured)
    assert runs(tmp_path, KEY) == 1
    assert "restarts" not in json.loads(lab.fetch(handle)[0].payload)["provenance"]


@pytest.mark.slow
def test_a_job_that_slurm_ends_for_its_time_limit_is_no_lost_one(
    slurm: OneNodeSlurm, tmp_path: Path, gate: Path
) -> None:
    lab = executor(tmp_path, "wait", {"gate": str(gate)})
    handle = begin(lab)
    (child,) = wait_until(lambda: running(gate))
    (id_,) = ids(slurm, states="RUNNING")
    slurm.run("scontrol", "update", f"JobId={id_}", f"EndTime={time.strftime('%Y-%m-%dT%H:%M:%S')}")
    wait_until(lambda: not is_alive(child))  # Slurm looks for such jobs every 30 seconds
    result = outcome(lab, handle)

    assert isinstance(result, Fault)
    assert result.kind is FaultKind.TIMEOUT
    assert "Slurm's time limit ended it" in result.message
    wait_until(lambda: id_ in ids(slurm, states="TIMEOUT"))


@pytest.mark.parametrize(
    "label",
    ["slurm.prepared", "slurm.sending", "slurm.sent", "slurm.submitted", "slurm.releasing", "slurm.released"],
)
def test_a_caller_killed_anywhere_leaves_a_job_that_runs_once(
    tmp_path: Path, label: str, monkeypatch: pytest.MonkeyPatch, slurm: OneNodeSlurm
) -> None:
    def stop(here: str) -> None:
        if here == label:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "on_reached", stop)
        with pytest.raises(KeyboardInterrupt):
            begin(executor(tmp_path))
    second = executor(tmp_path)
    found = second.find(KEY)

    assert isinstance(found, Found)
    assert found.started == (label == "slurm.released")
    start(second, found.handle, KEY)
    assert isinstance(outcome(second, found.handle), Measured)
    assert runs(tmp_path, KEY) == 1
    assert jobs_of(slurm, tmp_path) == 1


def test_a_release_in_doubt_is_unknown_while_nobody_answers(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = executor(tmp_path)
    handle = lab.prepare(MOLECULE, KEY)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{lose_replies(tmp_path / 'scontrol', 'scontrol', 1)}:{os.environ['PATH']}")
        with pytest.raises(AdapterUnavailable, match="Socket timed out"):
            lab.start(handle, KEY)
        patch.setenv("PATH", "/nowhere")
        found = lab.find(KEY)

    assert isinstance(found, Unknown)
    assert "may or may not have been released: there is no squeue on this machine" in found.why
    assert lab.find(KEY) == Found(handle, started=True)
    lab.start(handle, KEY)
    assert isinstance(outcome(lab, handle), Measured)
    assert runs(tmp_path, KEY) == 1
    assert slurm.environ
