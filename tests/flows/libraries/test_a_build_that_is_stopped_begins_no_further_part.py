"""Ctrl-C ends the building of a library with the parts that are at work; those that wait are not begun."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from flows.libraries import crew
from flows.libraries.crew import Crew

WORKERS = 2


def _work(folder: Path, number: int) -> None:
    """A part that is at work until it may end; the others end at once."""
    while number < WORKERS and not (folder / "go").exists():
        (folder / f"begun {number}").touch()
        time.sleep(0.01)
    (folder / f"done {number}").touch()


def test_parts_that_wait_for_a_process_are_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool(ProcessPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            (tmp_path / "go").touch()  # only now may what is at work end
            super().shutdown(True, cancel_futures=cancel_futures)  # the test waits, where a command goes on to its end

    def jobs() -> Iterator[tuple[int, Callable[[], object]]]:
        for number in range(2 * WORKERS - 1):
            yield 1, partial(_work, tmp_path, number)
        while len([*tmp_path.glob("begun *")]) < WORKERS:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(crew, "ProcessPoolExecutor", Pool)
    with pytest.raises(KeyboardInterrupt):
        Crew(WORKERS).run("parts", jobs(), parts=crew.ALONE + 1)

    assert sorted(path.name for path in tmp_path.glob("done *")) == ["done 0", "done 1"]
