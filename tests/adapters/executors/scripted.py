"""A Slurm cluster that is a list, and attempts on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.executors.slurm import SlurmExecutor, SlurmOptions
from adapters.executors.slurm.commands import Slurm
from adapters.executors.slurm.told import Row
from loop.contracts import AttemptKey, Handle
from loop.testing.adapter import KEY
from tests.adapters.executors.jobs import MOLECULE, ruler


class Scripted(Slurm):
    """A cluster that keeps its jobs in a list, which a test may alter."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.done: list[Row] = []
        self.submitted = 0

    def check_set_up(self) -> None:
        pass

    def submit(self, options: Any, script: Path) -> str:
        self.submitted += 1
        told = dict(option.removeprefix("--").split("=", 1) for option in options if "=" in option)
        self.rows.append(Row(str(self.submitted), "PENDING", told["job-name"], "JobHeldUser", told["comment"]))
        return str(self.submitted)

    def release(self, id_: str, comment: str) -> None:
        self.rows = [
            replace(row, reason="Resources", comment=comment, was_released=True) if row.id == id_ else row
            for row in self.rows
        ]

    def cancel(self, ids: Any) -> None:
        self.rows = [row for row in self.rows if row.id not in set(ids)]

    def jobs(self, name: str | None = None) -> list[Row]:
        return [row for row in self.rows if name in (None, row.name)]

    def accounted(self, name: str, folder: Path) -> list[Row]:
        return [row for row in self.done if row.name == name]


def scripted(folder: Path, cluster: Slurm, **settings: Any) -> SlurmExecutor:
    told = SlurmOptions.model_validate({"poll": 0.0, "silence": 0.5, **settings})
    return SlurmExecutor(folder / "lab", ruler(), settings=told, slurm=cluster)


def begin(lab: SlurmExecutor, key: AttemptKey = KEY) -> Handle:
    handle = lab.prepare(MOLECULE, key)
    lab.start(handle, key)
    return handle
