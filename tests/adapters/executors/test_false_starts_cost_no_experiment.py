"""A job whose script ends before its calculation began is no experiment: it is submitted again, and soon waits."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.executors.slurm import SlurmExecutor
from loop.contracts import AttemptKey, Handle, Phase, Status
from loop.outcome import FaultKind
from loop.testing.adapter import KEY
from tests.adapters.executors.jobs import MOLECULE, outcome
from tests.adapters.executors.scripted import Scripted, begin, scripted

WRONG, MENDED = ["module load chemistery"], ["module load chemistry"]
NOW = time.time
KEYS = [AttemptKey(f"01a23f00-0000-7000-8000-00000000000{n}") for n in range(6)]


def clock(monkeypatch: pytest.MonkeyPatch, later: float) -> None:
    """So many seconds are added to what the clock says."""
    monkeypatch.setattr("adapters.executors.slurm.false_starts.time.time", lambda: NOW() + later)


def ends(cluster: Scripted, lab: SlurmExecutor, handle: Handle, folder: Path, words: str = "no such module") -> Status:
    """The attempt's job ended before it began, and what is said of that."""
    label = f"hakken-{handle}"
    (folder / "lab" / "jobs" / handle / f"slurm-{cluster.submitted}.txt").write_text(f"first\n{words}\n")
    cluster.rows = [
        replace(row, state="FAILED") if row.name == label and row.was_released and row.is_alive else row
        for row in cluster.rows
    ]
    return lab.status(handle)


def takes_up(lab: SlurmExecutor, handle: Handle, folder: Path) -> Status:
    """A job claims the attempt now."""
    claim = {"by": "job", "host": "n1", "at": time.time() + 1.0}
    (folder / "lab" / "jobs" / handle / "claimed.json").write_text(json.dumps(claim))
    return lab.status(handle)


def in_a_row(cluster: Scripted, lab: SlurmExecutor, folder: Path, times: int = 3) -> Status:
    handle = begin(lab)
    for n in range(times):
        said = ends(cluster, lab, handle, folder)
        if n < times - 1:
            lab.start(handle, KEY)
    return said


def test_a_job_that_ended_before_it_began_is_submitted_again_as_the_same_try(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster, setup=WRONG)
    handle = begin(lab)
    said = ends(cluster, lab, handle, tmp_path)
    lab.start(handle, KEY)

    assert said == Status(Phase.PREPARED, "job 1 ended as FAILED before it began: no such module")
    assert cluster.submitted == 2
    assert takes_up(lab, handle, tmp_path).phase is Phase.RUNNING


def test_after_three_in_a_row_all_wait_and_a_person_is_told_why(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster, setup=WRONG)
    said = in_a_row(cluster, lab, tmp_path)
    other = begin(lab, KEYS[1])

    assert said.phase is Phase.WAITING
    assert said.wants.startswith(
        "waits, since 3 jobs in a row ended before a calculation began, the last: job 3 ended as FAILED before it "
        "began: no such module. See to setup under run_on.slurm in the campaign file, and to what the nodes have; "
        "none of these counts as an experiment, and one job is tried again at "
    )
    assert said.wants.endswith(", or at once with other lines of setup")
    assert lab.status(other).wants == said.wants
    assert [row.is_held for row in cluster.rows if row.is_alive] == [True]  # of the other: it takes no node
    finding = lab.examine()[-1]
    assert finding.verdict == "problem"
    assert f"{finding.found}. {finding.remedy[0].upper()}{finding.remedy[1:]}" == said.wants


def test_one_is_tried_again_after_a_while_and_the_others_wait_twice_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster, setup=WRONG)
    in_a_row(cluster, lab, tmp_path)
    others = [begin(lab, key) for key in KEYS[:3]]
    clock(monkeypatch, 61.0)
    phases = [lab.status(other).phase for other in others]
    for other, key in zip(others, KEYS[:3], strict=True):
        lab.start(other, key)
    released = [row.name for row in cluster.rows if row.is_alive and not row.is_held]
    ends(cluster, lab, others[0], tmp_path)
    clock(monkeypatch, 61.0 + 115.0)
    before = lab.status(others[1]).phase
    clock(monkeypatch, 61.0 + 125.0)

    assert phases == [Phase.PREPARED] * 3
    assert released == [f"hakken-{others[0]}"]
    assert (before, lab.status(others[1]).phase) == (Phase.WAITING, Phase.PREPARED)


def test_with_other_lines_of_setup_jobs_go_on_at_once(tmp_path: Path) -> None:
    cluster = Scripted()
    in_a_row(cluster, scripted(tmp_path, cluster, setup=WRONG), tmp_path)
    lab = scripted(tmp_path, cluster, setup=MENDED)
    handle = Handle(KEY)
    lab.start(handle, KEY)

    assert lab.status(handle).phase is Phase.WAITING
    assert lab.status(handle).wants == ""
    assert "module load chemistry" in (tmp_path / "lab" / "jobs" / handle / "job.sh").read_text()


def test_a_job_with_lines_that_were_mended_meanwhile_tells_nothing_of_the_new_ones(tmp_path: Path) -> None:
    cluster = Scripted()
    before = scripted(tmp_path, cluster, setup=WRONG)
    in_a_row(cluster, before, tmp_path, 2)
    before.start(Handle(KEY), KEY)
    lab = scripted(tmp_path, cluster, setup=MENDED)

    assert ends(cluster, lab, Handle(KEY), tmp_path) == Status(
        Phase.PREPARED, "job 3 ended as FAILED before it began: no such module"
    )


def test_a_job_that_begins_ends_the_row(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster, setup=WRONG)
    other = begin(lab, KEYS[0])
    in_a_row(cluster, lab, tmp_path, 2)
    takes_up(lab, other, tmp_path)
    lab.start(Handle(KEY), KEY)

    assert ends(cluster, lab, Handle(KEY), tmp_path).phase is Phase.PREPARED
    assert json.loads((tmp_path / "lab" / "false_starts.json").read_text())["times"] == 1


def test_one_attempt_that_never_begins_while_others_do_is_lost(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster, setup=WRONG)
    handle = begin(lab)
    for key in KEYS[:5]:
        for _ in range(2):
            ends(cluster, lab, handle, tmp_path)
            lab.start(handle, KEY)
        takes_up(lab, begin(lab, key), tmp_path)
        (tmp_path / "lab" / "jobs" / key / "result.json").write_text("{}")
    ends(cluster, lab, handle, tmp_path)
    result = outcome(lab, handle)

    assert result.kind is FaultKind.COMPUTE_LOST
    assert result.message == "job 15 ended as FAILED before it began: no such module"


def test_an_attempt_that_was_called_off_is_not_submitted_again(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster, setup=WRONG)
    handle = begin(lab)
    lab.cancel(handle, "budget spent")

    assert outcome(lab, handle).kind is FaultKind.CANCELLED
    assert cluster.submitted == 1


def test_while_they_wait_an_attempt_is_known_and_not_started(tmp_path: Path) -> None:
    cluster = Scripted()
    lab = scripted(tmp_path, cluster, setup=WRONG)
    in_a_row(cluster, lab, tmp_path)
    submitted = cluster.submitted
    lab.prepare(MOLECULE, KEYS[2])
    lab.start(Handle(KEYS[2]), KEYS[2])
    lab.start(Handle(KEY), KEY)
    found = lab.find(KEYS[2])

    assert (found.handle, found.started) == (Handle(KEYS[2]), False)
    assert cluster.submitted == submitted + 1
