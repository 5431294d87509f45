"""What executors of queues do without a cluster: one look for each pass, one claim for each attempt, clear words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterOptionsError, AdapterUnavailable
from adapters.executors.job import Limits
from adapters.executors.slurm import SlurmExecutor, SlurmOptions
from adapters.executors.slurm.commands import Slurm
from adapters.executors.slurm.told import Row
from adapters.executors.spool import Spool
from adapters.registry import build
from loop.contracts import Absent, AttemptKey, Handle, Phase
from loop.errors import NotSetUp
from loop.outcome import FaultKind, Measured
from loop.testing.adapter import KEY
from tests.adapters.executors.jobs import MOLECULE, outcome, ruler, running, runs, wait_until
from tests.adapters.executors.scripted import Scripted, begin, scripted
from tests.adapters.helpers import context


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return folder


def test_five_hundred_jobs_are_tracked_with_one_look_for_each_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = SlurmExecutor(tmp_path / "lab", ruler(), settings=SlurmOptions(poll=0.0))
    spool = Spool(tmp_path / "lab", ruler(), Limits(), 60.0)
    job = {"key": "", "spec": {"campaign": "gap", "settings": {}, "units": {}, "smiles": {}, "targets": {}}}
    handles, rows = [Handle(f"job-{number}") for number in range(500)], []
    for id_, handle in enumerate(handles):
        folder = tmp_path / "lab" / "jobs" / handle
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps({**job, "key": handle}))
        (folder / "submitted.json").write_text(json.dumps({"id": str(id_), "times": 1}))
        (folder / "released.json").write_text(json.dumps({"id": str(id_), "at": 0.0}))
        rows.append(f"{id_}|PENDING|hakken-{handle}|Priority|10:00|{spool.label(handle)}")
    (tmp_path / "rows").write_text("\n".join(rows) + "\n")
    fake = program(tmp_path / "bin", "squeue", f"echo x >>{tmp_path}/calls; cat {tmp_path}/rows")
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    passes = [{lab.status(handle).phase for handle in handles} for _ in range(2)]

    assert passes == [{Phase.WAITING}] * 2
    assert (tmp_path / "calls").read_text() == "x\n" * 2


def killed_at_the_claim(path: Path, *, missing_ok: bool = False) -> None:
    if path.name == "claimed.json":
        raise KeyboardInterrupt
    if path.exists() or not missing_ok:
        os.unlink(path)


def test_a_queue_that_gives_no_answer_is_asked_once_in_a_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handles = []
    for number in range(3):
        key = AttemptKey(f"attempt-{number}")
        handles.append(lab.prepare(MOLECULE, key))
        lab.start(handles[-1], key)
    asked = []

    def jobs(_name: str | None = None) -> list[Row]:
        asked.append(1)
        raise AdapterUnavailable("squeue gave no answer within 60 s")

    monkeypatch.setattr(cluster, "jobs", jobs)
    said = [lab.status(handle) for handle in handles]

    assert [status.detail for status in said] == ["as last known: squeue gave no answer within 60 s"] * 3
    assert {status.wants for status in said} == {
        "goes on, and cannot be followed now (squeue gave no answer within 60 s)"
    }
    assert len(asked) == 1


def test_a_release_that_a_killed_controller_forgot_is_made_again(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.rows = [replace(cluster.rows[0], reason="JobHeldUser", was_released=False)]
    seen = lab.status(handle)
    lab.start(handle, KEY)

    assert seen.phase is Phase.PREPARED
    assert cluster.rows[0].reason == "Resources"
    assert cluster.submitted == 1


def test_what_an_administrator_holds_is_left_alone(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.rows = [replace(cluster.rows[0], reason="JobHeldAdmin")]

    assert lab.status(handle).phase is Phase.WAITING
    assert lab.status(handle).detail == "job 1: JobHeldAdmin"


def test_a_cluster_that_forgets_every_job_is_not_fed_for_ever(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    for _ in range(5):
        cluster.rows = []
        if lab.status(handle).phase is Phase.PREPARED:
            lab.start(handle, KEY)
    result = outcome(lab, handle)

    assert cluster.submitted == 3
    assert result.kind is FaultKind.COMPUTE_LOST
    assert "Slurm forgot its job 3 times: see whether the comments of jobs are kept" in result.message


def test_a_job_that_only_the_accounting_knows_is_not_submitted_again(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = lab.prepare(MOLECULE, KEY)
    cluster.done, cluster.rows = [replace(cluster.rows[0], comment="")], []
    with pytest.raises(AdapterUnavailable, match="not submitted again before both agree"):
        scripted(tmp_path, cluster).start(handle, KEY)

    assert cluster.submitted == 1


def test_a_job_that_the_accounting_knows_as_ended_is_lost(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.done, cluster.rows = [replace(cluster.rows[0], state="OUT_OF_MEMORY")], []
    result = outcome(lab, handle)

    assert result.kind is FaultKind.RESOURCE_ERROR
    assert "job 1 ended as OUT_OF_MEMORY before it began" in result.message
    assert json.loads(lab.fetch(handle)[0].payload)["provenance"] == {"code": "out_of_memory"}


@pytest.mark.parametrize("state", ["TIMEOUT", "DEADLINE"])
def test_a_job_that_ran_out_of_time_before_it_began_tells_nothing_of_the_calculation(
    tmp_path: Path, state: str
) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.rows = [replace(cluster.rows[0], state=state)]
    result = outcome(lab, handle)

    assert result.kind is FaultKind.COMPUTE_LOST
    assert f"job 1 ended as {state} before it began" in result.message


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_job_that_gives_way_again_and_again_is_said_to_and_ends(tmp_path: Path, has_begun: bool) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    said = []
    for _ in range(11):
        handle = claimed(lab, tmp_path) if has_begun else begin(lab)
        said.append(lab.status(handle).wants)
        cluster.rows = [replace(row, state="PREEMPTED") for row in cluster.rows]
        lab.status(handle)
    result = outcome(lab, handle)

    assert cluster.submitted == 11
    assert said[:3] == [""] * 3
    assert said[3].startswith("is in Slurm as job 4, and gave way to jobs of a higher rank 3 times (after 11 it counts")
    assert result.kind is FaultKind.COMPUTE_LOST
    assert result.message.startswith("its job gave way to jobs of a higher rank 11 times, without a result; name a")


def test_a_job_that_gives_way_twice_is_submitted_each_time(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    for _ in range(2):
        cluster.rows = [replace(row, state="PREEMPTED") for row in cluster.rows]
        lab.status(handle)
        lab.start(handle, KEY)

    assert cluster.submitted == 3


def test_a_job_that_gave_way_and_was_called_off_is_not_submitted_again(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = claimed(lab, tmp_path)
    lab.cancel(handle, "ended by a person")
    cluster.rows = [replace(row, state="PREEMPTED") for row in cluster.rows]

    assert outcome(lab, handle).kind is FaultKind.CANCELLED
    assert cluster.submitted == 1


def test_a_job_that_is_laid_back_halfway_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = claimed(lab, tmp_path)
    cluster.rows = [replace(row, state="PREEMPTED") for row in cluster.rows]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed_at_the_claim)
        with pytest.raises(KeyboardInterrupt):
            lab.status(handle)
    again = lab.status(handle)
    lab.start(handle, KEY)

    assert again.phase is Phase.PREPARED
    assert cluster.submitted == 2
    assert json.loads((tmp_path / "lab" / "jobs" / handle / "gave_way.json").read_text())["times"] == 1


def test_a_job_that_was_cancelled_before_it_began_may_have_had_a_prolog_that_failed(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.rows = [replace(cluster.rows[0], state="CANCELLED")]
    result = outcome(lab, handle)

    assert "was cancelled in Slurm itself (scancel, or a prolog failed: sinfo -R) before it began" in result.message


def claimed(lab: SlurmExecutor, folder: Path) -> Handle:
    """An attempt that a job took up and gives no sign of life for."""
    handle = begin(lab)
    job = folder / "lab" / "jobs" / handle
    (job / "claimed.json").write_text(json.dumps({"by": "job", "host": "n7", "at": 1.0}))
    os.utime(job / "claimed.json", (0.0, 0.0))
    return handle


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("OUT_OF_MEMORY", FaultKind.RESOURCE_ERROR),
        ("TIMEOUT", FaultKind.TIMEOUT),
        ("NODE_FAIL", FaultKind.COMPUTE_LOST),
    ],
)
def test_how_a_job_ended_that_the_queue_forgot_is_asked_of_the_accounting(
    tmp_path: Path, state: str, kind: FaultKind
) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = claimed(lab, tmp_path)
    other = replace(cluster.rows[0], id="77", state="FAILED")  # an id of before, which bears the name
    cluster.done, cluster.rows = [other, replace(cluster.rows[0], state=state)], []
    result = outcome(lab, handle)

    assert result.kind is kind
    assert result.message == f"the job began on n7 and ended as {state}, without a result"


def test_a_job_that_neither_the_queue_nor_the_accounting_knows_is_lost(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = claimed(lab, tmp_path)
    cluster.rows = []

    assert outcome(lab, handle).message == "the job began on n7 and Slurm knows it no more, without a result"


def test_while_the_accounting_gives_no_answer_a_job_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = claimed(lab, tmp_path)
    cluster.done, cluster.rows = [replace(cluster.rows[0], state="TIMEOUT")], []

    def accounted(*_: object) -> list[Row]:
        raise AdapterUnavailable("sacct gave no answer within 60 s")

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "accounted", accounted)
        during = lab.status(handle)

    assert during.phase is Phase.RUNNING
    assert during.detail.endswith("how it ended is not told: sacct gave no answer within 60 s")
    assert outcome(lab, handle).kind is FaultKind.TIMEOUT


def test_an_end_that_a_killed_caller_had_claimed_is_written_by_the_next(tmp_path: Path) -> None:
    lab = scripted(tmp_path, Scripted())
    handle = begin(lab)
    claim = {"by": "caller", "kind": "cancelled", "message": "no longer wanted"}
    (tmp_path / "lab" / "jobs" / handle / "claimed.json").write_text(json.dumps(claim))

    assert outcome(lab, handle).kind is FaultKind.CANCELLED


def test_without_slurm_nothing_moves_and_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    lab = SlurmExecutor(tmp_path / "lab", ruler())
    with pytest.raises(NotSetUp, match="there is no sbatch on this machine; run hakken where jobs are subm"):
        lab.prepare(MOLECULE, KEY)
    found = lab.find(KEY)
    health = lab.health()

    assert isinstance(found, Absent)
    assert not health.is_ok
    assert "let it run_on: local" in health.message


def _keeps_out(limit: str) -> str:
    """What sbatch of Slurm 24.11 does with a job that a limit of a QOS keeps out."""
    refused = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, ...)"
    return f"printf 'sbatch: error: {limit}\n{refused}\n' >&2; exit 1"


@pytest.mark.parametrize(
    ("text", "message", "asking_again_may_help"),
    [
        ("echo Good morning", "sbatch answered 'Good morning' instead of a job id", True),
        ("exec sleep 60", "sbatch gave no answer within 0.2 s", True),
        ("echo Slurm temporarily unable to accept job >&2; exit 1", "sbatch failed: Slurm temporarily unable", True),
        ("echo Job violates accounting/QOS policy >&2; exit 1", "sbatch failed: Job violates", True),
        (_keeps_out("QOSMaxSubmitJobPerUserLimit"), "no further job of yours: QOSMaxSubmitJobPerUserLimit", True),
        (_keeps_out("QOSMaxWallDurationPerJobLimit"), "no such job .QOSMaxWallDurationPerJobLimit, .*correct", False),
        (_keeps_out("QOSGrpMemLimit"), "no such job .QOSGrpMemLimit, a limit of its account or QOS", False),
        (
            "echo error: Invalid partition name specified >&2; exit 1",
            "no such job .*Invalid part.*; correct what",
            False,
        ),
        ("printf 'unrecognized option --gpuu\nTry --help\n' >&2; exit 1", "option --gpuu.; correct what", False),
        ("echo Could not establish a configuration source >&2; exit 1", "no configuration.* set SLURM_CONF", False),
    ],
)
def test_what_is_no_answer_is_told(
    tmp_path: Path, text: str, message: str, asking_again_may_help: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "sinfo", "echo slurm-wlm 24.11")
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin', 'sbatch', text)}:{os.environ['PATH']}")
    lab = scripted(tmp_path, Slurm(patience=0.2))
    with pytest.raises(AdapterUnavailable, match=message) as refused:
        lab.prepare(MOLECULE, KEY)

    assert isinstance(refused.value, NotSetUp) is not asking_again_may_help


def test_what_a_person_wants_shown_in_a_shell_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its partition named there, squeue shows no job of another, which would count as forgotten."""
    tells = 'env | grep -E "^(SQUEUE|SACCT|SBATCH|SCANCEL|SLURM)_" | sort | tr "\\n" " " >&2; exit 1'
    for name in ("squeue", "sacct", "sbatch", "scancel"):
        monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin', name, tells)}:{os.environ['PATH']}")
    habits = ("SQUEUE_PARTITION", "SQUEUE_ACCOUNT", "SACCT_FORMAT", "SCANCEL_STATE", "SBATCH_ARRAY_INX", "SBATCH_WAIT")
    kept = ("SBATCH_ACCOUNT", "SLURM_CLUSTERS", "SQUEUE_CLUSTERS")
    for name in (*habits, *kept):
        monkeypatch.setenv(name, "x")
    cluster, said = Slurm(), []
    for ask in (
        lambda: cluster.jobs(),
        lambda: cluster.accounted("a", tmp_path),
        lambda: cluster.submit([], tmp_path),
        lambda: cluster.cancel(["1"]),
    ):
        with pytest.raises(AdapterUnavailable) as answer:
            ask()
        said.append(str(answer.value).partition(" failed: ")[2].split())

    assert said == [[f"{name}=x" for name in kept]] * 4


def test_a_configuration_that_is_not_there_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "sinfo", "sleep 60")  # as Slurm's own, which look for the file for a minute
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin', 'sbatch', 'sleep 60')}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_CONF", "/nowhere/slurm.conf")
    with pytest.raises(NotSetUp, match=r"SLURM_CONF names /nowhere/slurm\.conf, and there is no such file; correct"):
        scripted(tmp_path, Slurm()).prepare(MOLECULE, KEY)


@pytest.mark.parametrize(
    ("reason", "wants", "asks_too_much"),
    [
        ("Resources", False, False),
        ("QOSMaxJobsPerUserLimit", False, False),
        ("JobHeldAdmin", True, False),
        ("PartitionDown", True, False),
        ("PartitionConfig", True, True),
        ("BadConstraints", True, True),
        ("QOSMaxCpuPerJobLimit", True, True),
        ("QOSMaxMemoryPerNode", True, True),
        ("QOSMinCpuNotSatisfied", True, True),
        ("PartitionTimeLimit", True, True),
        ("JobHoldMaxRequeue", True, False),
        ("launch failed requeued held", True, False),
        ("job requeued in held state", True, False),
    ],
)
def test_a_job_that_waits_for_more_than_its_turn_says_so(
    tmp_path: Path, reason: str, wants: bool, asks_too_much: bool
) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.rows = [replace(row, reason=reason) for row in cluster.rows]
    said = lab.status(handle).wants

    assert (f"job 1, {reason}; see to it" in said) is wants
    assert ("correct cores, memory or timeout in the campaign file" in said) is asks_too_much
    assert ("and scancel 1, and it is tried again" in said) is asks_too_much
    assert ("asks for a minute more than timeout" in said) is ("TimeLimit" in reason)
    assert ("scontrol release 1" in said) is (wants and ("Held" in reason or "held" in reason or "Hold" in reason))


def test_a_job_that_somebody_put_back_for_a_look_says_so(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = claimed(lab, tmp_path)
    held = "job requeued in special exit state"
    cluster.rows = [replace(row, state="SPECIAL_EXIT", reason=held) for row in cluster.rows]

    assert f"job 1, {held}; see to it (scontrol release 1)" in lab.status(handle).wants


@pytest.mark.parametrize("reason", ["QOSGrpCPUMinutesLimit", "AssocGrpBillingMinutes", "QOSGrpWallLimit"])
def test_a_job_that_waits_for_hours_of_its_account_says_so(tmp_path: Path, reason: str) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.rows = [replace(row, reason=reason) for row in cluster.rows]
    said = lab.status(handle).wants

    assert said.startswith(f"waits in Slurm as job 1: the hours of its account or QOS do not suffice ({reason}); ask ")


@pytest.mark.parametrize(
    ("reason", "another", "hours_ago", "is_told"),
    [
        ("QOSMaxMemoryPerUser", "PENDING", 1, True),
        ("AssocGrpCpuLimit", "PENDING", 1, True),
        ("QOSMaxMemoryPerUser", "RUNNING", 1, False),  # whose end may let it go
        ("QOSMaxMemoryPerUser", "COMPLETED", 1, False),  # a moment ago
        ("QOSMaxMemoryPerUser", "PENDING", 0, False),
        ("QOSMaxJobsPerUserLimit", "PENDING", 1, False),  # how many there are is no matter of what each asks for
        ("QOSGrpCPURunMinutesLimit", "PENDING", 1, True),
    ],
)
def test_a_job_at_a_limit_of_several_says_so_where_no_end_of_another_can_let_it_go(
    tmp_path: Path, reason: str, another: str, hours_ago: float, is_told: bool
) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    released = tmp_path / "lab" / "jobs" / handle / "released.json"
    released.write_text(json.dumps({"id": "1", "at": time.time() - hours_ago * 3600}))
    cluster.rows = [replace(row, reason=reason) for row in cluster.rows] + [
        Row("2", another, "one of the person's own")
    ]
    said = lab.status(handle).wants

    assert ("where it asks for more than all of that limit (sacctmgr show qos, or assoc) it never begins" in said) is (
        is_told
    )
    assert bool(said) is is_told


@pytest.mark.parametrize(
    ("partitions", "reason", "waits_its_turn"),
    [
        ("long|up|1/0/0/1|1-00:00:00\nshort|up|1/0/0/1|2:00", "PartitionTimeLimit", True),
        ("long|up|1/0/0/1|5:00\nshort|up|1/0/0/1|2:00", "PartitionTimeLimit", False),
        ("long|up|1/0/0/1|infinite\nshort|down|1/0/0/1|2:00", "PartitionDown", True),
        ("long|up|0/0/1/1|infinite\nshort|up|1/0/0/1|2:00", "PartitionTimeLimit", False),  # long has no node
        ("long|down|1/0/0/1|infinite\nshort|down|1/0/0/1|2:00", "PartitionDown", False),
    ],
)
def test_of_several_partitions_one_that_takes_the_job_is_enough(
    tmp_path: Path, partitions: str, reason: str, waits_its_turn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "lab", ruler(), Limits(), 60.0)
    job = {"key": "a", "spec": {"campaign": "gap", "settings": {}, "units": {}, "smiles": {}, "targets": {}}}
    folder = tmp_path / "lab" / "jobs" / "job-a"
    folder.mkdir(parents=True)
    for name, told in {"job": job, "submitted": {"id": "7"}, "released": {"id": "7", "at": 0.0}}.items():
        (folder / f"{name}.json").write_text(json.dumps(told))
    handle = Handle("job-a")
    row = f"7|PENDING|hakken-{handle}|{reason}|11:00|{spool.label(handle)} (released)"
    program(tmp_path / "bin", "squeue", f"echo '{row}'")
    program(tmp_path / "bin", "sinfo", f"printf '{partitions}\n'")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    settings = SlurmOptions(poll=0.0, partition="long,short")
    said = SlurmExecutor(tmp_path / "lab", ruler(), settings=settings).status(handle).wants

    assert (said == "") is waits_its_turn
    assert (f"job 7, {reason}" in said) is not waits_its_turn


@pytest.mark.parametrize(
    ("run_on", "message"),
    [
        ({"slurm": {"partion": "short"}}, r"run_on slurm: unknown option 'partion' \(did you mean 'partition'\?\)"),
        ({"slurm": {"extra": ["--hold"]}}, r"run_on slurm: option 'extra' must be: .*--hold is set by it"),
        ({"slurm": {"extra": ["-p short"]}}, "run_on slurm: option 'extra' must be: options of sbatch as --name"),
        ("dask", "run_on dask: option 'address' is missing"),
        ("slrum", r"no executor is \(did you mean 'slurm'\?\); known: dask, local, slurm"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, run_on: Any, message: str) -> None:
    with pytest.raises(AdapterOptionsError, match=message):
        build("xtb", {"run_on": run_on}, replace(context(tmp_path), targets={"gap": "eV"}))


class TestClaimant:
    """What runs on the node."""

    @staticmethod
    def begin(spool: Spool, handle: Handle, token: str, **environ: str) -> subprocess.Popen[str]:
        command = spool.command(handle, token, requeue=token == "requeue")
        return subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True)

    @pytest.fixture
    def spool(self, tmp_path: Path, gate: Path) -> Spool:
        return Spool(tmp_path / "lab", ruler("wait", gate=str(gate)), Limits(), silence=0.5)

    def test_of_many_one_computes(self, tmp_path: Path, spool: Spool, gate: Path) -> None:
        handle = spool.jobs.prepare(MOLECULE, KEY)
        gate.touch()
        said = [p.communicate()[0] for p in [self.begin(spool, handle, f"token-{n}") for n in range(4)]]

        assert sorted("nothing is computed here" in text for text in said) == [False, True, True, True]
        assert runs(tmp_path, KEY) == 1
        assert spool.has_ended(handle)

    def test_a_job_that_its_queue_begins_anew_goes_on_where_the_first_run_is_dead(
        self, tmp_path: Path, spool: Spool, gate: Path
    ) -> None:
        handle = spool.jobs.prepare(MOLECULE, KEY)
        first = self.begin(spool, handle, "requeue")
        wait_until(lambda: running(gate))
        first.send_signal(signal.SIGKILL)
        first.communicate()
        other = self.begin(spool, handle, "another", SLURM_RESTART_COUNT="1").communicate()[0]
        gate.touch()
        self.begin(spool, handle, "requeue", SLURM_RESTART_COUNT="1").communicate()

        assert "nothing is computed here" in other
        assert spool.has_ended(handle)
        assert runs(tmp_path, KEY) == 2  # the first run never ended; its result is the second's alone

    @pytest.mark.parametrize(("token", "ends"), [("once", True), ("requeue", False)])
    def test_a_job_that_is_told_to_end_says_so_unless_it_begins_anew(
        self, spool: Spool, gate: Path, token: str, ends: bool
    ) -> None:
        handle = spool.jobs.prepare(MOLECULE, KEY)
        process = self.begin(spool, handle, token)
        wait_until(lambda: running(gate))
        process.send_signal(signal.SIGTERM)
        process.communicate()

        assert spool.has_ended(handle) == ends
        if ends:
            assert "its queue ended it (SIGTERM)" in spool.envelopes(handle)[0].payload
        wait_until(lambda: not Path(f"/proc/{running(gate)[0]}").exists())

    def test_a_job_that_slurm_preempts_leaves_word_and_gives_no_result(self, spool: Spool, gate: Path) -> None:
        handle = spool.jobs.prepare(MOLECULE, KEY)
        (spool.jobs.folder(handle) / "slurm-7.txt").write_text(
            "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-12-02T23:22:06 DUE TO PREEMPTION ***\n"
        )
        process = self.begin(spool, handle, "token", SLURM_JOB_NAME="hakken-x", SLURM_JOB_ID="7")
        wait_until(lambda: running(gate))
        process.send_signal(signal.SIGTERM)
        process.communicate()

        assert not spool.has_ended(handle)
        assert (spool.jobs.folder(handle) / "preempted.json").exists()

    def test_a_job_whose_node_failed_names_it_and_how_to_keep_off_it(self, spool: Spool, gate: Path) -> None:
        handle = spool.jobs.prepare(MOLECULE, KEY)
        (spool.jobs.folder(handle) / "slurm-7.txt").write_text(
            "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-12-02T23:22:06 DUE TO NODE FAILURE, SEE "
            "SLURMCTLD LOG FOR DETAILS ***\n"
        )
        named = {"SLURM_JOB_NAME": "hakken-x", "SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1"}
        process = self.begin(spool, handle, "token", **named)
        wait_until(lambda: running(gate))
        process.send_signal(signal.SIGTERM)
        process.communicate()
        result = json.loads(spool.envelopes(handle)[0].payload)

        assert result["kind"] == "compute_lost"
        assert result["message"].startswith("job 7 was ended by Slurm while it ran: node failure of n1 (extra: [--excl")

    @pytest.mark.parametrize(
        ("name", "end", "kind"),
        [
            ("hakken-x", "1", "timeout"),
            ("hakken-x", "99999999999", "compute_lost"),
            ("dask-worker", "1", "compute_lost"),  # the worker's time is over, and another's is not
        ],
    )
    def test_a_job_that_its_time_limit_ends_is_no_lost_one(
        self, spool: Spool, gate: Path, name: str, end: str, kind: str
    ) -> None:
        handle = spool.jobs.prepare(MOLECULE, KEY)
        process = self.begin(spool, handle, "once", SLURM_JOB_NAME=name, SLURM_JOB_END_TIME=end)
        wait_until(lambda: running(gate))
        process.send_signal(signal.SIGTERM)
        process.communicate()
        payload = json.loads(spool.envelopes(handle)[0].payload)

        assert payload["kind"] == kind
        assert payload["provenance"]["wall_time_s"] > 0

    def test_a_silent_job_is_lost_and_its_late_result_changes_nothing(self, spool: Spool, gate: Path) -> None:
        handle = spool.jobs.prepare(MOLECULE, KEY)
        process = self.begin(spool, handle, "once")
        wait_until(lambda: running(gate))
        alive = spool.settle(handle, FaultKind.COMPUTE_LOST, "the job was thought lost")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: spool.is_silent(handle))
        spool.settle(handle, FaultKind.COMPUTE_LOST, "the job was thought lost")
        first = spool.envelopes(handle)
        gate.touch()
        process.send_signal(signal.SIGCONT)
        process.communicate()

        assert not alive
        assert "thought lost" in first[0].payload
        assert spool.envelopes(handle) == first


def test_a_claimed_job_that_left_the_queue_gives_its_result(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster)
    handle = begin(lab)
    cluster.rows = []
    job = tmp_path / "lab" / "jobs" / handle / "job.sh"
    subprocess.run(["/bin/sh", str(job)], check=True, stdout=subprocess.DEVNULL)

    assert isinstance(outcome(lab, handle), Measured)
    assert cluster.submitted == 1
