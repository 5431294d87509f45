"""A folder of jobs that gives no right to be read keeps the laboratory from answering of them, and breaks nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from adapters.common.folder import Jobs
from adapters.errors import AdapterUnavailable
from loop.testing.adapter import KEY
from tests.adapters.executors.jobs import MOLECULE


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

    assert str(caught.value).startswith(f"{closed / 'job.json'} cannot be used ([Errno 13] Permission denied")
    assert str(caught.value).endswith("check the folder, its rights and the disk")
