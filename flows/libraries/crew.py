"""Working through the parts of a library: in this process where they are few, in several where they are many."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.progress import Progress, in_silence

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

ALONE: Final = 4  # parts up to which no other process is started


@dataclass(frozen=True)
class Crew:
    """As many processes as may work at once, and whom they tell; one is as good as another."""

    workers: int = field(compare=False)
    progress: Progress = field(default=in_silence, compare=False)

    @contextmanager
    def alone(self, lock: Path) -> Iterator[None]:
        """A block that one process at a time works through, by a lock on a file; a killed process gives it back."""
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.progress("waiting for another process that does the same", 0)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def run(self, what: str, jobs: Iterator[tuple[int, Callable[[], object]]], *, parts: int) -> None:
        """Every job, a few at once, with progress in records: of each its size, and what is to be called."""
        done = 0
        with _executor(self.workers if parts > ALONE else 1) as executor:
            waiting: dict[Future[object], int] = {}
            for size, job in jobs:
                waiting[executor.submit(_unless_stopped, job)] = size
                while len(waiting) >= 2 * self.workers:
                    done += _ended(waiting)
                    self.progress(what, done)
            while waiting:
                done += _ended(waiting)
                self.progress(what, done)


def _ended(waiting: dict[Future[object], int]) -> int:
    """Wait for some jobs; how many records they were. Raises what they raised."""
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in finished:
        future.result()
    return sum(waiting.pop(future) for future in finished)


@contextmanager
def _executor(workers: int) -> Iterator[Executor]:
    if workers == 1:
        yield _Here()
        return
    context = get_context("spawn")  # a fork would take along what threads of torch hold
    stop = context.Event()
    with ProcessPoolExecutor(workers, context, _heed, (stop,)) as pool:
        try:
            yield pool
        except BaseException:
            stop.set()  # a few more jobs than there are processes are theirs already, and cannot be taken back
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_stop: Event | None = None  # of the crew that this process works for


def _heed(stop: Event) -> None:
    global _stop
    _stop = stop


def _unless_stopped(job: Callable[[], object]) -> object:
    return None if _stop is not None and _stop.is_set() else job()


class _Here(Executor):
    """Runs jobs at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
