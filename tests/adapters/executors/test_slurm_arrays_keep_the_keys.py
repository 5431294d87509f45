"""Job arrays on a real Slurm: each task bears its attempt's key before it may run, whatever goes wrong on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.executors.job import Limits
from adapters.executors.slurm import SlurmExecutor, SlurmOptions
from adapters.executors.slurm.commands import Slurm
from loop import checkpoints
from loop.contracts import Adapter, AttemptKey, ExperimentSpec, Found, Handle
from loop.outcome import Measured
from loop.testing.adapter import AdapterContract, wait_for_end
from tests.adapters.executors.clusters import OneNodeSlurm, lose_replies
from tests.adapters.executors.jobs import MOLECULE, outcome, ruler, runs, wait_until

KEYS = [AttemptKey(f"attempt-{number}") for number in range(5)]
BATCH = [(replace(MOLECULE, replicate_no=number), key) for number, key in enumerate(KEYS)]


class Announcing(SlurmExecutor):
    """Whatever is prepared was announced before, beside another attempt."""

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        beside = AttemptKey(f"{key[:60]}-beside")
        self.announce([(spec, key), (replace(spec, replicate_no=spec.replicate_no + 7), beside)])
        return super().prepare(spec, key)


def executor(folder: Path, kind: type[SlurmExecutor] = SlurmExecutor) -> SlurmExecutor:
    limits = Limits(timeout=60.0, memory=256 * 2**20)
    return kind(folder / "lab", ruler(), limits=limits, settings=SlurmOptions(poll=0.0, silence=1.5, arrays=True))


def run_all(lab: SlurmExecutor, folder: Path) -> None:
    """Prepare and start every attempt as an engine does, and see that each ran once."""
    for spec, key in BATCH:
        lab.start(lab.prepare(spec, key), key)
    for _, key in BATCH:
        found = lab.find(key)
        assert isinstance(found, Found)
        assert isinstance(outcome(lab, found.handle), Measured)
    assert [runs(folder, key) for key in KEYS] == [1] * len(KEYS)


def submissions(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What sbatch is told, from now on."""
    told: list[list[str]] = []
    real = Slurm.submit

    def submit(self: Slurm, options: Any, script: Path) -> str:
        told.append(list(options))
        return real(self, options, script)

    monkeypatch.setattr(Slurm, "submit", submit)
    return told


def held(slurm: OneNodeSlurm) -> list[str]:
    lines = slurm.run("squeue", "--noheader", "-r", "--states=PENDING", "--format=%i|%k").splitlines()
    return [line for line in lines if line]


@pytest.mark.usefixtures("slurm")
class TestTheLawsHoldWithArrays(AdapterContract):
    """An attempt that was announced beside another is an attempt like any other."""

    @pytest.fixture
    def shuffles(self) -> int:
        return 2

    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: executor(tmp_path, Announcing)

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return MOLECULE

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(MOLECULE, smiles={})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: runs(tmp_path, key)


def test_a_batch_is_one_submission_and_every_task_bears_its_key(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, lab = submissions(monkeypatch), executor(tmp_path)

    lab.announce(BATCH)
    lab.announce(BATCH)  # once more changes nothing

    assert [o for options in told for o in options if o.startswith("--array")] == ["--array=0-4"]
    assert sorted(line.rpartition(" ")[2] for line in held(slurm)) == sorted(KEYS)
    assert all(lab.find(key) == Found(key, started=False) for key in KEYS)  # type: ignore[arg-type]
    assert [runs(tmp_path, key) for key in KEYS] == [0] * len(KEYS)
    run_all(lab, tmp_path)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("label", "submitted"),
    [
        ("slurm.array-sending", 5),  # nothing was sent: five by themselves
        ("slurm.array-sent", 6),  # five without a key, which hold until they are cancelled
        ("slurm.array-labelled", 5),  # one of the array, four by themselves
    ],
)
def test_a_caller_killed_anywhere_leaves_what_runs_once(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str, submitted: int
) -> None:
    told = submissions(monkeypatch)

    def stop(here: str) -> None:
        if here == label:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "on_reached", stop)
        with pytest.raises(KeyboardInterrupt):
            executor(tmp_path).announce(BATCH)
    lab = executor(tmp_path)
    lab.announce(BATCH)
    run_all(lab, tmp_path)

    assert len(told) == submitted
    assert none_is_held(slurm, lab)


def none_is_held(slurm: OneNodeSlurm, lab: SlurmExecutor) -> bool:
    """Whether a pass leaves no job that nobody will release."""
    lab._queue.by_label()
    return bool(wait_until(lambda: not held(slurm)))


@pytest.mark.parametrize(("program", "times"), [("sbatch", 1), ("scontrol", 1), ("scontrol", 3)])
def test_lost_replies_double_nothing(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, times: int
) -> None:
    lab = executor(tmp_path)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{lose_replies(tmp_path / 'wrapped', program, times)}:{os.environ['PATH']}")
        lab.announce(BATCH)
    run_all(lab, tmp_path)

    assert none_is_held(slurm, lab)


def test_tasks_that_another_process_is_about_to_label_are_left_alone(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, seen = executor(tmp_path), []

    def look(here: str) -> None:
        if here == "slurm.array-sent":
            other = executor(tmp_path)
            other._queue.by_label()  # a pass of somebody else, who finds tasks without a key
            seen.append(len(held(slurm)))

    monkeypatch.setattr(checkpoints, "on_reached", look)
    lab.announce(BATCH)

    assert seen == [5]
    monkeypatch.setattr(checkpoints, "on_reached", None)
    run_all(lab, tmp_path)


def test_what_was_called_off_is_called_off(slurm: OneNodeSlurm, tmp_path: Path) -> None:
    lab = executor(tmp_path)
    lab.announce(BATCH)

    lab.cancel(lab.prepare(*BATCH[0]), "not wanted")
    for spec, key in BATCH[1:]:
        lab.start(lab.prepare(spec, key), key)
    for _, key in BATCH:
        found = lab.find(key)
        assert isinstance(found, Found)
        wait_for_end(lab, found.handle)

    assert [runs(tmp_path, key) for key in KEYS] == [0, 1, 1, 1, 1]
    assert none_is_held(slurm, lab)


def test_without_the_option_nothing_is_announced(
    slurm: OneNodeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = submissions(monkeypatch)
    lab = SlurmExecutor(tmp_path / "lab", ruler(), settings=SlurmOptions())

    lab.announce(BATCH)

    assert told == []
    assert not held(slurm)
