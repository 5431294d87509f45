"""Slurm's own commands: what is said to them, and what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from adapters.errors import AdapterUnavailable, QueueFull
from adapters.executors.slurm.told import LET_GO, Partition, Row, seconds_of
from loop.errors import NotSetUp

ELSEWHERE: Final = "run hakken where jobs are submitted, or let it run_on: local"
PATIENCE: Final = 60.0  # seconds for one answer; Slurm's own MessageTimeout is 10 to 100

# What Slurm's commands say where they find no configuration. Source: Slurm 24.11, as tried.
_NO_CONFIGURATION: Final = ("establish a configuration source", "process configuration file", "ClusterName needs")
# What sbatch says of a job that it will not take the next time either. Nothing of how many jobs one person may have,
# nor of what is down: that passes. Source: slurm_errno.c and opt.c of Slurm 24.11.
_WRONG_JOB: Final = (
    "Invalid --",
    "unrecognized option",
    "requires an argument",
    "Invalid partition name",
    "Invalid account or",
    "Invalid qos spec",
    "Invalid feature spec",
    "Invalid license spec",
    "Invalid wckey spec",
    "Invalid node name",
    "Invalid generic resource",
    "No partition specified or system default",
    "not permitted to use this partition",
    "Requested time limit is invalid",
    "Requested node configuration is not available",
    "not in this partition",
    "Memory specification can not be",
    "Requested reservation is invalid",
    "Access denied to requested reservation",
)
# What sbatch says of a job that a limit of its account or QOS keeps out; the limit stands in a line of its own.
_POLICY: Final = "Job violates accounting/QOS policy"
_LIMIT: Final = re.compile(r"^(?:sbatch: )?error: ((?:QOS|Assoc|Max)\w+)$", re.MULTILINE)
# What ``scontrol release`` says of a job that it released, and that no node of its partition can take. As tried.
_RELEASED: Final = "Requested partition configuration not available now"
_REASONS: Final = 3  # why nodes are out, of those that are told


# Variables by which a person has these commands show less, or do otherwise, than is asked here: squeue with a partition
# of its own would show none of the jobs that wait elsewhere. Which cluster is meant stays. Source: "ENVIRONMENT" of the
# manuals of Slurm 24.11.
_HABITS: Final = re.compile(
    r"(SQUEUE|SACCT|SCANCEL|SINFO)_(?!CLUSTERS$).*|SBATCH_(ARRAY_INX|TEST_ONLY|WAIT|WAIT_ALL_NODES)"
)


class Slurm:
    """The commands of one cluster; each raises ``AdapterUnavailable`` where it fails or gives no answer."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience

    def check_set_up(self) -> None:
        """Raises ``NotSetUp`` where there is no cluster here; whether its controller answers is not asked."""
        self._found("sbatch")
        if shutil.which("sinfo") is None:
            return
        try:
            self._run("sinfo", "--version")  # reads the configuration
        except NotSetUp:
            raise
        except AdapterUnavailable:  # whatever it is may pass, and is told where the job is submitted
            return

    def submit(self, options: Sequence[str], script: Path) -> str:
        """Submit a held job; its id. After an error it may be in the queue all the same.

        Raises:
            NotSetUp: There is no cluster here, or it takes no job with these options; the queue has none.
            AdapterUnavailable: It gave no answer, or none that can be read.
        """
        said = self._run("sbatch", "--hold", "--parsable", *options, str(script))
        id_ = said.strip().split(";")[0]
        if not id_.isdigit():
            raise AdapterUnavailable(f"sbatch answered {said.strip()[-200:]!r} instead of a job id; asked again later")
        return id_

    def release(self, id_: str, comment: str) -> None:
        """Let a held job begin, and say so behind its comment; what it then waits for ``jobs`` says."""
        try:
            self._run("scontrol", "release", id_)
        except AdapterUnavailable as error:
            if _RELEASED not in str(error):
                raise
        with suppress(AdapterUnavailable):  # without it a person's hold is taken for ours; see Note [Whose hold it is]
            self._run("scontrol", "update", f"JobId={id_}", f"Comment={comment}{LET_GO}")

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
            "squeue", "--noheader", "--states=all", f"--user={os.getuid()}", "--format=%i|%T|%j|%r|%l|%k", *chosen
        )
        cells = (line.split("|", 5) for line in said.splitlines())
        return [Row.told(row) for row in cells if len(row) == 6]

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

    def partitions(self, named: str | None) -> tuple[Partition, ...]:
        """Those named, with commas between, or the default one; raises where one is not there, or none is up."""
        rows = [line.split("|") for line in self._run("sinfo", "--noheader", "--format=%P|%a|%F|%l").splitlines()]
        known = dict.fromkeys(row[0].rstrip("*") for row in rows)
        default = next((row[0].rstrip("*") for row in rows if row[0].endswith("*")), "")
        names = dict.fromkeys((default if named is None else named).split(","))
        for name in names:
            if name not in known:
                asked = "no partition is the default" if named is None else f"there is no partition {name!r}"
                raise AdapterUnavailable(f"{asked}; known: {', '.join(known) or 'none'}")
        states = {name: [row[1] for row in rows if row[0].rstrip("*") == name] for name in names}
        if not any("up" in each for each in states.values()):
            raise AdapterUnavailable("; ".join(f"partition {name} is {each[0]}" for name, each in states.items()))
        found = []
        for name in names:
            nodes = [[int(n) for n in row[2].split("/")] for row in rows if row[0].rstrip("*") == name]
            at_work, idle, _, whole = (sum(each) for each in zip(*nodes, strict=True))
            longest = max(seconds_of(row[3]) for row in rows if row[0].rstrip("*") == name)
            found.append(Partition(name, "up" in states[name], at_work + idle, whole, longest))
        return tuple(found)

    def without_nodes(self, named: str | None) -> str:
        """That no node of these partitions takes jobs now, and why as far as Slurm says; "" where one does."""
        partitions = self.partitions(named)
        if any(each.takes_jobs for each in partitions):
            return ""
        names = [each.name for each in partitions]
        said = self._run("sinfo", "--list-reasons", "--noheader", f"--partition={','.join(names)}", "--format=%E|%N|%T")
        out = dict.fromkeys(line for line in said.splitlines() if line.count("|") >= 2)
        why = [f"{nodes} {state}: {reason}" for reason, nodes, state in (line.rsplit("|", 2) for line in out)]
        more = [f"{len(why) - _REASONS} more"] if len(why) > _REASONS else []
        told = f" ({'; '.join([*why[:_REASONS], *more])})" if why else ""
        return f"no node of {' or '.join(names)} takes jobs now{told}"

    def takers(self, named: str | None) -> tuple[Partition, ...]:
        """Those of these partitions that take jobs now; none where Slurm has none that is up."""
        return tuple(each for each in self.partitions(named) if each.takes_jobs)

    def accounting(self) -> str:
        """Whether jobs that left the queue can still be asked for; raises where nobody keeps them."""
        self._run("sacct", "--noheader", "--parsable2", "--allocations", "--starttime=now", "--format=JobID")
        return "sacct answers"

    def _run(self, *words: str) -> str:
        program = self._found(words[0])
        named = os.environ.get("SLURM_CONF")
        if named and not Path(named).exists():  # Slurm itself would look for it for a minute
            raise NotSetUp(f"SLURM_CONF names {named}, and there is no such file; correct or unset it, or {ELSEWHERE}")
        try:
            done = subprocess.run(
                [program, *words[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._patience,
                check=False,
                env={name: value for name, value in os.environ.items() if not _HABITS.fullmatch(name)},
            )
        except subprocess.TimeoutExpired:
            raise AdapterUnavailable(f"{words[0]} gave no answer within {self._patience:g} s") from None
        except OSError as error:
            raise AdapterUnavailable(f"{program} cannot be run ({error})") from None
        if done.returncode:
            raise _failed(words[0], done.stderr or done.stdout, done.returncode)
        return done.stdout

    def _found(self, command: str) -> str:
        """The path of a command."""
        if (program := shutil.which(command)) is None:
            raise NotSetUp(f"there is no {command} on this machine; {ELSEWHERE}")
        return program


def _failed(command: str, text: str, code: int) -> AdapterUnavailable:
    """What a command said as it failed, as an error: one that asking again does not mend, or one that it may."""
    lines = [line for line in text.strip().splitlines() if not line.startswith("Try ")]
    last = lines[-1] if lines else f"code {code}"
    if any(said in text for said in _NO_CONFIGURATION):
        return NotSetUp(
            f"Slurm has no configuration here ({last}); set SLURM_CONF to the cluster's slurm.conf, or {ELSEWHERE}"
        )
    if command == "sbatch" and any(said in text for said in _WRONG_JOB):
        return NotSetUp(
            f"Slurm takes no such job ({'; '.join(lines)}); correct what the campaign file says of it (laboratory: "
            "cores, memory, timeout, and partition, account, qos, extra of run_on.slurm)"
        )
    if command == "sbatch" and _POLICY in text and (limit := _LIMIT.search(text)) is not None:
        return _kept_out(limit[1])
    return AdapterUnavailable(f"{command} failed: {last}")


def _kept_out(limit: str) -> AdapterUnavailable:
    """What is said of a job that a limit of an account or a QOS keeps out: for now, or whenever it is submitted."""
    if "Submit" in limit:
        return QueueFull(
            f"Slurm takes no further job of yours: {limit}, which sacctmgr show qos, or assoc, tells; the next goes "
            "when others have left the queue, and workers in the campaign file may keep to that number"
        )
    return NotSetUp(
        f"Slurm takes no such job ({limit}, a limit of its account or QOS, which sacctmgr show qos, or assoc, tells); "
        "correct what the campaign file says of it (laboratory: cores, memory, timeout, and account, qos of "
        "run_on.slurm)"
    )
