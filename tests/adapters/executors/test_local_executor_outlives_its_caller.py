"""The local executor: the contract, limits, faults by kind, and kills at every stage."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.common import durable
from adapters.common import folder as folders
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterUnavailable, UnknownHandle
from adapters.executors import claimant
from adapters.executors.carrying import carry_out, hand_in
from adapters.executors.job import Limits, task
from adapters.executors.local import LocalExecutor
from loop import checkpoints
from loop.contracts import Adapter, AttemptKey, ExperimentSpec, Found, Phase
from loop.outcome import Fault, FaultKind, Measured
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.compute.evaluators import without_room
from tests.adapters.executors.jobs import MOLECULE, begin, ended, is_alive, outcome, ruler, running, runs, wait_until

ROOT = Path(__file__).resolve().parents[3]


def executor(folder: Path, function: str = "measure", workers: int = 2, **more: Any) -> LocalExecutor:
    options = more.pop("options", {})
    return LocalExecutor(folder / "lab", ruler(function, **options), workers, Limits(**more))


class TestLocalExecutor(AdapterContract):
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


def test_what_a_job_gave_after_its_experiment_ended_otherwise_is_heard_and_of_what_was_called_off_nothing(
    tmp_path: Path, gate: Path
) -> None:
    lab = executor(tmp_path, "wait", options={"gate": str(gate)})
    told, called_off = begin(lab, KEY), begin(lab, OTHER)
    wait_until(lambda: running(gate))
    meanwhile = lab.late([told, called_off])
    lab.cancel(called_off, "a better one came")
    gate.touch()
    outcome(lab, told), outcome(lab, called_off)

    assert list(meanwhile) == []
    assert lab.late([told, called_off]) == [*lab.fetch(told)]


def test_a_result_keeps_program_version_wall_time_and_output(tmp_path: Path) -> None:
    lab = executor(tmp_path, options={"scale": 2.0})
    handle = begin(lab)
    result = outcome(lab, handle)
    told = json.loads(lab.fetch(handle)[0].payload)["provenance"]

    assert isinstance(result, Measured)
    assert [(m.property, m.value, m.unit) for m in result.measurements] == [("length", 6.0, "eV")]
    assert (told["program"], told["version"], told["repairs"]) == ("ruler", "1.2", ["straightened"])
    assert told["stdout"] == "measuring CCO\n"
    assert told["wall_time_s"] > 0
    assert told["threads"] == "1"


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        ("refuse", FaultKind.INPUT_ERROR, "CCO is not to my taste"),
        ("diverge", FaultKind.CONVERGENCE_ERROR, "went round in circles"),
        ("stumble", FaultKind.UNKNOWN, "RuntimeError: a mistake of ours"),
        ("starve", FaultKind.RESOURCE_ERROR, "the disk is full"),
        ("swallow", FaultKind.RESOURCE_ERROR, "memory ran out"),
        ("forget", FaultKind.ANALYSIS_FAILED, "length came out as nan, and a result holds finite numbers"),
        ("scribble", FaultKind.RESOURCE_ERROR, "'/scratch/CCO.chk'); make room there, or set TMPDIR"),
        ("vanish", FaultKind.COMPUTE_LOST, "killed by SIGKILL: last words CCO"),
        ("leave", FaultKind.COMPUTE_LOST, "ended with code 3 and no result"),
        ("clear_the_table", FaultKind.RESOURCE_ERROR, "memory ran out (malloc(3199830648) failed in allocate_array)"),
        ("absent", FaultKind.UNKNOWN, "AttributeError"),
    ],
)
def test_every_way_to_fail_has_its_kind(tmp_path: Path, function: str, kind: FaultKind, message: str) -> None:
    lab = executor(tmp_path, function)
    result = outcome(lab, begin(lab))

    assert isinstance(result, Fault)
    assert result.kind is kind
    assert message in result.message


@pytest.mark.parametrize(
    ("is_lacking", "kind", "message"),
    [
        (True, FaultKind.INPUT_ERROR, "no length: CCO has no ends; leave the molecule out"),
        (False, FaultKind.ANALYSIS_FAILED, "ruler gave weight, and none of length; have it give one"),
    ],
)
def test_a_run_that_gave_no_target_says_which_and_why(
    tmp_path: Path, is_lacking: bool, kind: FaultKind, message: str
) -> None:
    evaluator = replace(ruler("weigh", lacking=is_lacking), properties={"length": "eV", "weight": "g"})
    payload = ended(LocalExecutor(tmp_path / "lab", evaluator), MOLECULE)

    assert (payload["kind"], payload["message"]) == (kind.value, message)
    assert payload["provenance"]["values"] == [{"property": "weight", "value": 3.0, "unit": "g"}]


def test_a_result_waits_for_room_on_its_disk(tmp_path: Path) -> None:
    lab = executor(tmp_path, "fill_the_disk", options={"times": 3})
    handle = begin(lab)

    assert isinstance(outcome(lab, handle), Measured)
    assert runs(tmp_path, KEY) == 1


def test_who_hands_in_a_result_waits_for_room_and_is_heard_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "_write_temporary", without_room(2))
    heard: list[bool] = []

    hand_in(tmp_path, {"outcome": "measured"}, meanwhile=lambda: heard.append((tmp_path / "result.json").exists()))

    assert heard == [False, False]
    assert json.loads((tmp_path / "result.json").read_text()) == {"outcome": "measured"}


def test_a_calculation_begins_when_its_disk_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, scratch = tmp_path / "job", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    told = task(MOLECULE, ruler(), Limits(timeout=600.0, memory=2**31))
    (folder / "task.json").write_text(json.dumps(told))
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(durable, "_write_temporary", without_room(2))
    heard: list[list[Path]] = []

    payload = carry_out(folder, told, beat=lambda: heard.append([*scratch.iterdir()]))

    assert payload["outcome"] == "measured", payload
    assert heard[:2] == [[], []]  # nothing is left of a try
    assert [*scratch.iterdir()] == []
    assert len((folder / "runs.log").read_text().splitlines()) == 1


def test_an_attempt_is_claimed_when_its_disk_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "_write_temporary", without_room(1))

    assert claimant._claim(tmp_path, "a token", {"silence": 120.0})
    assert not claimant._claim(tmp_path, "another", {"silence": 120.0})


def test_what_waits_for_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: Path) -> None:
    lab = executor(tmp_path, "wait", options={"gate": str(gate)})
    handle = begin(lab)
    before = lab.status(handle).wants
    monkeypatch.setattr(folders, "ROOM", 2**62)
    full = lab.status(handle).wants
    gate.touch()

    assert before == ""
    assert full.startswith("begins, or hands in what it has, when there is room: the disk of ")
    assert f"{tmp_path / 'lab'} is full (" in full
    assert full.endswith("make room there")
    assert isinstance(outcome(lab, handle), Measured)


def test_a_folder_that_is_away_for_a_while_loses_no_calculation(tmp_path: Path) -> None:
    folder, away, gate = tmp_path / "job", tmp_path / "away", tmp_path / "gate"
    folder.mkdir()
    told = task(MOLECULE, ruler("wait", gate=str(gate)), Limits(timeout=600.0, memory=2**31))
    (folder / "task.json").write_text(json.dumps(told))
    looks = 0

    def beat() -> None:  # the disk goes while it computes, and comes back some looks after it has computed
        nonlocal looks
        looks += bool(running(gate))
        if looks == 1:
            folder.rename(away)
            gate.touch()
        if looks == 8:
            away.rename(folder)

    payload = carry_out(folder, told, beat=beat)

    assert payload["outcome"] == "measured", payload


def test_a_disk_that_fails_a_look_for_a_cancellation_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = task(MOLECULE, ruler("wait", gate=str(tmp_path / "gate")), Limits(timeout=600.0, memory=2**31))
    (tmp_path / "task.json").write_text(json.dumps(told))
    exists, looks = Path.exists, 0

    def failing(path: Path, **more: Any) -> bool:
        if path.name == "cancelled.json":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return exists(path, **more)

    def beat() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            (tmp_path / "gate").touch()

    monkeypatch.setattr(Path, "exists", failing)
    payload = carry_out(tmp_path, told, beat=beat)

    assert payload["outcome"] == "measured", payload


def test_a_result_that_cannot_be_read_at_once_is_read_when_its_disk_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = task(MOLECULE, ruler(), Limits(timeout=600.0, memory=2**31))
    (tmp_path / "task.json").write_text(json.dumps(told))
    read_text, fails = Path.read_text, [1, 1]

    def failing(path: Path, **more: Any) -> str:
        if path.name == "output.json" and fails:
            fails.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return read_text(path, **more)

    monkeypatch.setattr(Path, "read_text", failing)
    payload = carry_out(tmp_path, told)

    assert (payload["outcome"], fails) == ("measured", [])


def test_no_sign_of_life_ends_a_job_whose_disk_is_away(tmp_path: Path) -> None:
    beat = claimant._beat(tmp_path / "gone" / "beat", 0.0)
    beat()
    (tmp_path / "gone").mkdir()
    beat()

    assert (tmp_path / "gone" / "beat").exists()


@pytest.mark.parametrize("how", [errno.ENOENT, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ESHUTDOWN, errno.EROFS])
def test_who_hands_in_a_result_waits_for_a_disk_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: int
) -> None:
    monkeypatch.setattr(durable, "_write_temporary", without_room(2, how))

    hand_in(tmp_path, {"outcome": "measured"})

    assert json.loads((tmp_path / "result.json").read_text()) == {"outcome": "measured"}


def test_a_disk_that_stays_away_is_not_waited_for_without_end(tmp_path: Path) -> None:
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(tmp_path))

    with pytest.raises(OSError, match="Stale"):
        durable.once_there_is_room(write, away=0.2)

    assert len(tries) > 1


def test_address_space_that_each_thread_reserves_is_no_memory(tmp_path: Path) -> None:
    limits = Limits(timeout=60.0, memory=256 * 2**20, cores=2)
    lab = LocalExecutor(tmp_path / "lab", ruler("reserve"), limits=limits)

    assert isinstance(outcome(lab, begin(lab)), Measured)


@pytest.mark.parametrize(
    ("function", "kind", "code"),
    [
        ("refuse", FaultKind.INPUT_ERROR, "input_refused"),
        ("diverge", FaultKind.CONVERGENCE_ERROR, "not_converged"),
        ("lift", FaultKind.CONVERGENCE_ERROR, "scf_not_converged"),
        ("swing", FaultKind.CONVERGENCE_ERROR, "imaginary_mode"),
        ("blurt", FaultKind.CONVERGENCE_ERROR, "melted"),
        ("stumble", FaultKind.UNKNOWN, "program_failed"),
        ("starve", FaultKind.RESOURCE_ERROR, "out_of_resources"),
        ("swallow", FaultKind.RESOURCE_ERROR, "out_of_memory"),
        ("vanish", FaultKind.COMPUTE_LOST, None),
    ],
)
def test_what_failed_has_a_code_that_programs_read(
    tmp_path: Path, function: str, kind: FaultKind, code: str | None
) -> None:
    lab = executor(tmp_path, function)
    handle = begin(lab)
    fault = outcome(lab, handle)
    told = json.loads(lab.fetch(handle)[0].payload)["provenance"]

    assert (fault.kind, told.get("code")) == (kind, code)
    assert told["wall_time_s"] > 0


def test_what_was_tried_is_kept_as_data(tmp_path: Path) -> None:
    lab = executor(tmp_path, "lift")
    handle = begin(lab)
    outcome(lab, handle)

    assert json.loads(lab.fetch(handle)[0].payload)["provenance"]["remedies"] == [
        {"remedy": "level_shift", "helped": False},
        {"remedy": "smearing", "helped": False},
    ]


def test_details_that_are_no_json_lose_nothing_else(tmp_path: Path) -> None:
    lab = executor(tmp_path, "blurt")
    handle = begin(lab)
    outcome(lab, handle)
    told = json.loads(lab.fetch(handle)[0].payload)["provenance"]

    assert "'temperature': nan" in told["details"]


def test_the_end_of_what_a_killed_child_said_is_kept(tmp_path: Path) -> None:
    lab = executor(tmp_path, "vanish")
    handle = begin(lab)
    outcome(lab, handle)

    assert json.loads(lab.fetch(handle)[0].payload)["provenance"]["stderr"] == "last words CCO\n"


def test_a_job_that_runs_too_long_is_ended(tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", timeout=0.5, options={"gate": str(gate)})
    handle = begin(lab)
    result = outcome(lab, handle)

    assert result.kind is FaultKind.TIMEOUT
    assert json.loads(lab.fetch(handle)[0].payload)["provenance"]["code"] == "timeout"
    assert "longer than 0.5 s" in result.message


def test_a_job_that_was_suspended_is_not_ended_for_the_time_in_which_it_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with SIGSTOP to all processes of a job: between two looks an hour goes by, and nobody runs."""
    stood, monotonic = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + stood[0])
    told = task(MOLECULE, ruler("wait", gate=str(tmp_path / "gate")), Limits(timeout=600.0, memory=2**31))
    (tmp_path / "task.json").write_text(json.dumps(told))
    looks = 0

    def beat() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            stood[0] = 3600.0
        if looks == 4:
            (tmp_path / "gate").touch()

    payload = carry_out(tmp_path, told, beat=beat)
    assert payload["outcome"] == "measured", payload


def test_a_clock_that_is_set_back_makes_no_job_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = task(MOLECULE, ruler(), Limits(timeout=600.0, memory=2**31))
    (tmp_path / "task.json").write_text(json.dumps(told))
    monkeypatch.setattr("adapters.executors.carrying.time.time", iter(range(10**9, 0, -3600)).__next__)

    payload = carry_out(tmp_path, told)

    assert payload["outcome"] == "measured", payload
    assert 0 < payload["provenance"]["wall_time_s"] < 600


def test_a_job_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    lab = executor(tmp_path, "overeat", memory=128 * 2**20)
    handle = begin(lab)
    result = outcome(lab, handle)

    assert result.kind is FaultKind.RESOURCE_ERROR
    assert json.loads(lab.fetch(handle)[0].payload)["provenance"]["code"] == "out_of_memory"
    assert "memory" in result.message


def test_a_running_job_is_cancelled(tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", options={"gate": str(gate)})
    handle = begin(lab)
    wait_until(lambda: running(gate))
    lab.cancel(handle, "budget spent")
    result = outcome(lab, handle)

    assert (result.kind, result.message) == (FaultKind.CANCELLED, "budget spent")
    wait_until(lambda: not is_alive(running(gate)[0]))


def test_no_more_jobs_run_than_there_are_workers(tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", workers=1, options={"gate": str(gate)})
    first, second = begin(lab), begin(lab, OTHER)
    wait_until(lambda: running(gate))
    phases = {lab.status(first).phase, lab.status(second).phase}

    assert lab.capabilities().max_parallel == 1
    assert phases == {Phase.RUNNING, Phase.WAITING}
    lab.cancel(second, "not needed")
    lab.cancel(first, "not needed")
    assert outcome(lab, first).kind is FaultKind.CANCELLED
    assert outcome(lab, second).kind is FaultKind.CANCELLED
    assert len(running(gate)) == 1


def test_a_job_outlives_the_process_that_started_it(tmp_path: Path, gate: Path) -> None:
    code = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from tests.adapters.executors.test_local_executor_outlives_its_caller import begin, executor\n"
        "begin(executor(Path(sys.argv[2]), 'wait', options={'gate': sys.argv[3]}))\n"
        "os.killpg(os.getpgid(0), signal.SIGKILL)\n"
    )
    caller = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(tmp_path), str(gate)], start_new_session=True, check=False
    )
    lab = executor(tmp_path, "wait", options={"gate": str(gate)})
    found = lab.find(KEY)

    assert caller.returncode == -signal.SIGKILL
    assert isinstance(found, Found)
    assert found.started
    lab.start(found.handle, KEY)
    gate.touch()
    assert isinstance(outcome(lab, found.handle), Measured)
    assert runs(tmp_path, KEY) == 1


@pytest.mark.parametrize("label", ["executor.prepared", "executor.before-spawn", "executor.spawned"])
def test_a_caller_killed_anywhere_leaves_a_job_that_runs_once(
    tmp_path: Path, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(here: str) -> None:
        if here == label:
            raise KeyboardInterrupt

    lab = executor(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "on_reached", stop)
        with pytest.raises(KeyboardInterrupt):
            begin(lab)
    second = executor(tmp_path)
    found = second.find(KEY)

    assert isinstance(found, Found)
    assert found.started == (label == "executor.spawned")
    second.start(found.handle, KEY)
    assert isinstance(outcome(second, found.handle), Measured)
    assert runs(tmp_path, KEY) == 1


def test_a_killed_supervisor_takes_its_child_along_and_the_job_is_lost(tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", options={"gate": str(gate)})
    handle = begin(lab)
    (child,) = wait_until(lambda: running(gate))
    supervisor = int((tmp_path / "lab" / "jobs" / handle / "runs.log").read_text().split()[1])
    os.kill(supervisor, signal.SIGKILL)
    result = outcome(lab, handle)

    assert result.kind is FaultKind.COMPUTE_LOST
    assert not is_alive(child)
    lab.start(handle, KEY)
    assert lab.status(handle).phase is Phase.ENDED
    assert runs(tmp_path, KEY) == 1


def test_a_killed_child_is_a_lost_computation(tmp_path: Path, gate: Path) -> None:
    lab = executor(tmp_path, "wait", options={"gate": str(gate)})
    handle = begin(lab)
    (child,) = wait_until(lambda: running(gate))
    os.kill(child, signal.SIGKILL)

    assert outcome(lab, handle).kind is FaultKind.COMPUTE_LOST


def test_a_handle_goes_with_its_key(tmp_path: Path) -> None:
    lab = executor(tmp_path)
    handle = lab.prepare(MOLECULE, KEY)

    with pytest.raises(UnknownHandle, match="prepare the attempt first"):
        lab.start(handle, OTHER)


def test_two_structures_and_other_settings_are_named(tmp_path: Path) -> None:
    asked = replace(MOLECULE, settings={"molecule": "a", "salt": "b", "pH": 7.0}, smiles={"molecule": "C", "salt": "N"})

    assert [str(problem) for problem in executor(tmp_path).validate(asked)] == [
        "space: ruler needs exactly one parameter with a structure, got molecule, salt; "
        "let the space have one molecule parameter",
        "parameter 'pH': ruler has no such setting; take it out of the space",
    ]


def test_a_missing_package_is_told_with_its_remedy(tmp_path: Path) -> None:
    evaluator = Evaluator("ruler", "a:b", {}, requires={"no_such_package": "install it: pip install ruler"})
    health = LocalExecutor(tmp_path, evaluator).health()

    assert not health.is_ok
    assert health.message == "ruler needs the package no_such_package; install it: pip install ruler"


def test_a_process_that_cannot_be_started_is_unavailable_and_the_job_stays_inert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = executor(tmp_path)
    handle = lab.prepare(MOLECULE, KEY)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(AdapterUnavailable, match="no process could be started"):
            lab.start(handle, KEY)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/no/such/program")
        with pytest.raises(AdapterUnavailable, match="cannot be used"):
            lab.start(handle, KEY)

    assert lab.find(KEY) == Found(handle, started=False)
    lab.start(handle, KEY)
    assert isinstance(outcome(lab, handle), Measured)


def test_a_lock_held_by_somebody_who_does_not_start_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = executor(tmp_path)
    handle = lab.prepare(MOLECULE, KEY)
    monkeypatch.setattr("adapters.executors.local._PATIENCE", 0.0)
    with (tmp_path / "lab" / "jobs" / handle / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(AdapterUnavailable, match="does not start; ask again later"):
            lab.start(handle, KEY)

    lab.start(handle, KEY)
    assert isinstance(outcome(lab, handle), Measured)
