"""The harness: a job that fails ends a benchmark at once, and jobs that waited are not run."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import run_jobs


def job(folder: Path, number: int) -> int:
    if number == 0:
        raise ValueError("job 0 fails")
    (folder / str(number)).touch()
    return number


def test_results_come_in_the_order_of_the_jobs(tmp_path: Path) -> None:
    assert run_jobs(job, [(tmp_path, n) for n in (3, 1, 2)], 2) == [3, 1, 2]


def test_the_first_failure_is_told_and_the_rest_is_not_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="job 0 fails"):
        run_jobs(job, [(tmp_path, n) for n in range(2000)], 1)

    assert len(list(tmp_path.iterdir())) < 1999
