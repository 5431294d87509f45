"""Slurm's own commands: what is said to them, and what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.errors import AdapterUnavailable

PATIENCE: Final = 60.0  # seconds for one answer; Slurm's own MessageTimeout is 10 to 100

# States of a job that has not ended. Source: squeue(1) of Slurm 24.11, "JOB STATE CODES".
_ALIVE: Final = frozenset(
    {"PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "REQUEUED"}
    | {"REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD", "SPECIAL_EXIT", "REVOKED"}
)


@dataclass(frozen=True, slots=True)
class Row:
    """One job as Slurm tells it."""

    id: str
    state: str
    name: str
    reason: str = ""  # why it waits
    comment: str = ""

    @property
    def is_alive(self) -> bool:
        return self.state in _ALIVE

    @property
    def is_held(self) -> bool:
        """Whether it waits for its owner, who is us; what an administrator holds is the administrator's to release."""
        return self.state == "PENDING" and self.reason == "JobHeldUser"


class Slurm:
    """The commands of one cluster; each raises ``AdapterUnavailable`` where it fails or gives no answer."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience

    def submit(self, options: Sequence[str], script: Path) -> str:
        """Submit a held job; its id. After an error it may be in the queue all the same."""
        said = self._run("sbatch", "--hold", "--parsable", *options, str(script))
        id_ = said.strip().split(";")[0]
        if not id_.isdigit():
            raise AdapterUnavailable(f"sbatch answered {said.strip()[-200:]!r} instead of a job id; asked again later")
        return id_

    def release(self, id_: str) -> None:
        """Let a held job begin."""
        self._run("scontrol", "release", id_)

    def relabel(self, id_: str, name: str, comment: str, folder: Path) -> None:
        """Give a job that waits another name, comment and folder."""
        self._run("scontrol", "update", f"JobId={id_}", f"JobName={name}", f"Comment={comment}", f"WorkDir={folder}")

    def cancel_named(self, name: str) -> None:
        """Call off this user's waiting jobs of that name."""
        self._run("scancel", f"--user={os.getuid()}", f"--name={name}", "--state=PENDING")

    def cancel(self, ids: Iterable[str]) -> None:
        """Call jobs off."""
        self._run("scancel", *ids)

    def jobs(self, name: str | None = None) -> list[Row]:
        """This user's jobs in the queue, those that ended a moment ago included; only those of a name where given."""
        chosen = [] if name is None else [f"--name={name}"]
        said = self._run(
            "squeue", "--noheader", "--states=all", f"--user={os.getuid()}", "--format=%i|%T|%j|%r|%k", *chosen
        )
        cells = (line.split("|", 4) for line in said.splitlines())
        return [Row(*row) for row in cells if len(row) == 5]

    def accounted(self, name: str, folder: Path) -> list[Row]:
        """This user's jobs of that name and working directory in the accounting; none where nobody keeps it."""
        try:
            said = self._run(
                "sacct", "--noheader", "--parsable2", "--allocations", f"--name={name}", "--starttime=now-30days",
                "--format=JobID,State,WorkDir",
            )  # fmt: skip
        except AdapterUnavailable as error:
            if "disabled" in str(error) or "there is no sacct" in str(error):
                return []
            raise
        cells = (line.split("|", 2) for line in said.splitlines())
        return [
            Row(row[0], row[1].split(" ")[0], name)
            for row in cells
            if len(row) == 3 and Path(row[2]).resolve() == folder.resolve()
        ]

    def ping(self) -> str:
        """What the controller says of itself."""
        return self._run("scontrol", "ping").strip()

    def version(self) -> str:
        """Slurm's name and version, as ``sbatch`` says it."""
        return self._run("sbatch", "--version").strip()

    def partition(self, name: str | None) -> str:
        """How a partition stands, the default one where none is named; raises where it is not there or not up."""
        rows = [line.split("|") for line in self._run("sinfo", "--noheader", "--format=%P|%a|%D").splitlines()]
        chosen = [row for row in rows if (row[0].endswith("*") if name is None else row[0].rstrip("*") == name)]
        if not chosen:
            known = ", ".join(dict.fromkeys(row[0].rstrip("*") for row in rows)) or "none"
            asked = "no partition is the default" if name is None else f"there is no partition {name!r}"
            raise AdapterUnavailable(f"{asked}; known: {known}")
        if not any(row[1] == "up" for row in chosen):
            raise AdapterUnavailable(f"partition {chosen[0][0].rstrip('*')} is {chosen[0][1]}")
        return f"{chosen[0][0].rstrip('*')} is up, {sum(int(row[2]) for row in chosen)} nodes"

    def accounting(self) -> str:
        """Whether jobs that left the queue can still be asked for; raises where nobody keeps them."""
        self._run("sacct", "--noheader", "--parsable2", "--allocations", "--starttime=now", "--format=JobID")
        return "sacct answers"

    def _run(self, *words: str) -> str:
        program = shutil.which(words[0])
        if program is None:
            raise AdapterUnavailable(
                f"there is no {words[0]} on this machine; run hakken where jobs are submitted, or let it run_on: local"
            )
        try:
            done = subprocess.run(
                [program, *words[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AdapterUnavailable(f"{words[0]} gave no answer within {self._patience:g} s") from None
        except OSError as error:
            raise AdapterUnavailable(f"{program} cannot be run ({error})") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise AdapterUnavailable(f"{words[0]} failed: {said[-1] if said else f'code {done.returncode}'}")
        return done.stdout
