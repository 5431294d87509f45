"""Devices for tests and benchmarks: a rig at an exchange folder, which may crash between any two steps.

All that it knows lies on disk, so another object goes on where one crashed. It runs whatever command it takes up, also
a second one under the same key: what is doubled shows.
"""

from __future__ import annotations

import csv
import io
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

STEPS = ("looked", "taken", "begun", "run", "ended", "half", "answered", "filed")


class Crashed(BaseException):
    """The device's program died."""


def _quietly(_step: str) -> None:
    pass


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, its delimiter found by its header."""
    text = path.read_text(encoding="utf-8")
    delimiter = max(",;", key=text.split("\n", 1)[0].count)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def table(row: Mapping[str, str]) -> str:
    """One row under its header."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([row.keys(), row.values()])
    return file.getvalue()


class FolderRig:
    """Takes up the command of the lowest number, runs it, answers, and files it away."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        answer: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _: {"yield [%]": "61.5"},
        step: Callable[[str], None] = _quietly,
        in_place: bool = False,
        takes: bool = True,
        responses: str = "responses",
    ) -> None:
        """``in_place``: responses are written where they lie, in two halves; ``takes``: it moves what it takes up;
        ``responses``: the folder that it writes them to."""
        self.folder, self._clock, self._answer, self._step = folder, clock, answer, step
        self._in_place, self._takes = in_place, takes
        self._own, self._responses = folder / "rig", folder / responses
        for name in ("commands", "responses", responses, "taken", "done", "rig"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.beat()

    def beat(self) -> None:
        """Touch the heartbeat."""
        path, now = self.folder / "heartbeat", self._clock()
        path.touch()
        os.utime(path, (now, now))

    def runs(self) -> Counter[str]:
        """How often each key really ran."""
        log = self._own / "runs.log"
        return Counter(log.read_text(encoding="utf-8").splitlines()) if log.exists() else Counter()

    def work(self) -> bool:
        """Take one command through all its steps; what a crash left comes first. False when there is none."""
        self.beat()
        left = sorted((self.folder / "taken").glob("*.csv"))
        waiting = [path for path in sorted((self.folder / "commands").glob("*.csv")) if not self._is_done(path.name)]
        for path in [*left, *waiting][:1]:
            self._step("looked")
            if path in waiting and self._takes:
                path = path.rename(self.folder / "taken" / path.name)
                self._step("taken")
            self._carry_out(path)
            return True
        return False

    def _is_done(self, name: str) -> bool:
        return (self.folder / "done" / name).exists()

    def _carry_out(self, path: Path) -> None:
        row, begun, ended = rows_of(path)[0], self._own / f"begun-{path.name}", self._own / f"ended-{path.name}"
        if not ended.exists():
            if begun.exists():  # it died while it ran, and cannot tell how far that came
                self._finish(path, table({"key": row["key"], "outcome": "lost track"}))
                return
            begun.touch()
            self._step("begun")
            with (self._own / "runs.log").open("a", encoding="utf-8") as log:
                log.write(row["key"] + "\n")
            self._step("run")
            text = table({"key": row["key"], "number": row["number"], **self._answer(row)})
            _write_whole(ended, text)
            self._step("ended")
        self._finish(path, ended.read_text(encoding="utf-8"))

    def _finish(self, path: Path, text: str) -> None:
        response = self._responses / path.name
        if self._in_place:
            half = text[: len(text) - 3]  # in the middle of the last number
            response.write_text(half, encoding="utf-8")
            self._step("half")
            response.write_text(text, encoding="utf-8")
        else:
            _write_whole(response, text)
        self._step("answered")
        (self.folder / "done" / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        path.unlink()
        self._step("filed")


def die_at(folder: Path, step: str) -> None:
    """Work in this process until nothing is left to be done; it is killed after that step, where it comes to it."""

    def kill(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    rig = FolderRig(folder, step=kill, in_place=True)
    while rig.work():
        pass


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    die_at(Path(sys.argv[1]), sys.argv[2])
