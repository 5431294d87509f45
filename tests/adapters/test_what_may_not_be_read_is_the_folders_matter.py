"""A folder of jobs that gives no right to be read keeps the laboratory from answering of them, and breaks nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.common.folder import Jobs, reachable
from adapters.errors import AdapterUnavailable
from loop.contracts import Phase
from loop.testing.adapter import KEY, OTHER
from tests.adapters.executors.jobs import MOLECULE
from tests.adapters.test_instruments_hand_over_their_files import EXPERIMENT, drop, laboratory


def test_a_job_whose_folder_may_not_be_read_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(tmp_path)
    handle = jobs.prepare(MOLECULE, KEY)
    closed, look = tmp_path / "jobs" / handle, os.stat

    def stat(path: Any, *words: Any, **named: Any) -> os.stat_result:  # to root rights are no bar
        if isinstance(path, str | os.PathLike) and closed in Path(path).parents:
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, *words, **named)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(AdapterUnavailable) as caught:
        jobs.knows(handle)
    with pytest.raises(AdapterUnavailable):
        jobs.handles()  # none can be read
    other = jobs.prepare(MOLECULE, OTHER)
    jobs.start(other, {"record": 7})

    assert jobs.handles() == (other,)
    assert list(jobs.begun()) == [(other, {"record": 7})]

    assert str(caught.value).startswith(f"{closed / 'job.json'} cannot be used ([Errno 13] Permission denied")
    assert str(caught.value).endswith("check the folder, its rights and the disk")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_of_a_full_disk_it_is_said_that_room_is_wanted(tmp_path: Path, number: int) -> None:
    said = r"lab cannot be used \(.*; the disk is full: make room there$"
    with pytest.raises(AdapterUnavailable, match=said), reachable(tmp_path / "lab"):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("name", ["job.json", "started.json"])
def test_a_job_whose_record_is_damaged_keeps_no_other_from_its_file(tmp_path: Path, name: str) -> None:
    lab = laboratory(tmp_path)
    damaged, sound = (lab.prepare(EXPERIMENT, key) for key in (KEY, OTHER))
    for handle, key in ((damaged, KEY), (sound, OTHER)):
        lab.start(handle, key)
    (tmp_path / "lab" / "jobs" / damaged / name).write_text("")  # as a loss of power may leave it
    drop(tmp_path, "run.csv", f"{OTHER},,,1.0,5")

    assert lab.status(sound).phase is Phase.ENDED
    assert len(lab.fetch(sound)) == 1
    assert lab.late([sound]) == [*lab.fetch(sound)]
    assert lab.health().is_ok
    with pytest.raises(AdapterUnavailable, match=rf"{name} is not JSON .*; restore it from a backup"):
        lab.status(damaged)
