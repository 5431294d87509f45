"""Slurm's own commands: what is said to them, and what they say."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.errors import AdapterUnavailable, QueueFull
from loop.errors import NotSetUp

ELSEWHERE: Final = "run hakken where jobs are submitted, or let it run_on: local"
PATIENCE: Final = 60.0  # seconds for one answer; Slurm's own MessageTimeout is 10 to 100

# States of a job that has not ended. Source: squeue(1) of Slurm 24.11, "JOB STATE CODES".
_ALIVE: Final = frozenset(
    {"PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "REQUEUED"}
    | {"REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD", "SPECIAL_EXIT", "REVOKED"}
)
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
# Why a job waits that no other job's end lets go. Source: "JOB REASON CODES" of Slurm 24.11; the words as tried.
_HELD: Final = frozenset(
    {"JobHeldAdmin", "JobHoldMaxRequeue", "launch failed requeued held", "launch failure limit exceeded requeued held"}
)
_STUCK: Final = _HELD | frozenset(
    {"PartitionDown", "PartitionInactive", "NodeDown", "InvalidAccount", "InvalidQOS"}
    | {"AccountNotAllowed", "QOSNotAllowed", "ReservationDeleted", "ReservationInvalid"}
)
_TOO_MUCH: Final = frozenset(
    {"BadConstraints", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit", "QOSTimeLimit", "MaxMemPerLimit"}
)
_EACH: Final = re.compile("PerJob|PerNode|^QOSMin")  # in the name of every limit on what a single job may have
# The hours of an account or a QOS.
_SPENT: Final = re.compile("(?!.*Run).*(Grp.*Minutes|GrpWallLimit)|QOSUsageThreshold")
# Limits on what the jobs of a person, an account or a QOS take together.
_TOGETHER: Final = re.compile("(?!.*Jobs).*(QOSGrp|AssocGrp|PerUser|PerAccount)")
# Reasons of one partition, where a job may name several: Slurm tells that of the first.
_OF_PARTITION: Final = frozenset({"PartitionTimeLimit", "PartitionDown", "PartitionInactive"})
# What ``scontrol release`` says of a job that it released, and that no node of its partition can take. As tried.
_RELEASED: Final = "Requested partition configuration not available now"
# Why a job waits where no node can take it now; others may still be at work. As tried.
_NO_NODE: Final = ("Nodes required for job are DOWN", "ReqNodeNotAvail")
_LET_GO: Final = " (released)"  # behind the comment of a job; see Note [Whose hold it is]
_REASONS: Final = 3  # why nodes are out, of those that are told
_TIMES: Final = (1, 60, 3600, 86400)  # seconds of what Slurm's times are made of, the last part first


# Variables by which a person has these commands show less, or do otherwise, than is asked here: squeue with a partition
# of its own would show none of the jobs that wait elsewhere. Which cluster is meant stays. Source: "ENVIRONMENT" of the
# manuals of Slurm 24.11.
_HABITS: Final = re.compile(
    r"(SQUEUE|SACCT|SCANCEL|SINFO)_(?!CLUSTERS$).*|SBATCH_(ARRAY_INX|TEST_ONLY|WAIT|WAIT_ALL_NODES)"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One job as Slurm tells it."""

    id: str
    state: str
    name: str
    reason: str = ""  # why it waits
    comment: str = ""
    was_released: bool = False  # by us
    limit: float = math.inf  # seconds that it may run

    @classmethod
    def told(cls, cells: Sequence[str]) -> Row:
        """A job from its id, state, name, reason, limit of time and comment."""
        id_, state, name, reason, limit, comment = cells
        said, was_released = comment.removesuffix(_LET_GO), comment.endswith(_LET_GO)
        return cls(id_, state, name, reason, said, was_released, _seconds(limit))

    @property
    def is_alive(self) -> bool:
        return self.state in _ALIVE

    @property
    def end(self) -> str:
        """How it ended, in words to stand after what it is called."""
        return "was cancelled in Slurm itself (scancel)" if self.state == "CANCELLED" else f"ended as {self.state}"

    @property
    def fits_elsewhere(self) -> bool:
        """Whether it waits for a matter of one partition, so that another of those it names may take it."""
        return self.state == "PENDING" and self.reason in _OF_PARTITION

    @property
    def waits_for_others(self) -> bool:
        """Whether it waits at a limit on what several jobs take together; one that asks for more waits for ever."""
        return self.state == "PENDING" and not _is_too_much(self.reason) and _TOGETHER.match(self.reason) is not None

    @property
    def is_held(self) -> bool:
        """Whether it waits for us; what an administrator or a person holds is theirs to release.

        Note [Whose hold it is]: a controller that was killed forgets its last seconds, and a job that was released is
        on hold again. So a job that was released is given a comment that says so. Nothing forgets the release and
        keeps that comment: where a job with it is on hold, a person holds it (``scontrol hold``).
        """
        return self.state == "PENDING" and self.reason == "JobHeldUser" and not self.was_released

    @property
    def may_lack_nodes(self) -> bool:
        """Whether it waits for nodes that take no jobs now; others of its partition may."""
        return self.state == "PENDING" and self.reason.startswith(_NO_NODE)

    @property
    def wants(self) -> str:
        """What only a person or a changed campaign file can give it; "" where waiting is all there is."""
        if self.state == "PENDING" and self.reason == "JobHeldUser" and self.was_released:
            return f"is held in Slurm (scontrol hold) as job {self.id}; scontrol release {self.id} lets it go on"
        if self.state != "PENDING":
            return ""
        if _SPENT.match(self.reason):
            return (
                f"waits in Slurm as job {self.id}: the hours of its account or QOS do not suffice ({self.reason}); "
                f"ask there for more, or {self._less}"
            )
        asks_too_much = _is_too_much(self.reason)
        if not (asks_too_much or self.reason in _STUCK):
            return ""
        let = f"scontrol release {self.id}" if self.reason in _HELD else f"scontrol show job {self.id}"
        said = f"waits in Slurm for more than its turn: job {self.id}, {self.reason}; see to it ({let}), or ask there"
        what = "if it asks for more than its partition or QOS gives one job, or for less"
        return f"{said}; {what}, {self._less}" if asks_too_much else said

    @property
    def wants_less(self) -> str:
        """What a person has to see to where no other job's end lets it go, though its limit is of several jobs."""
        return (
            f"waits in Slurm at a limit of what several jobs take together, while none of yours runs: job {self.id}, "
            f"{self.reason}; where it asks for more than all of that limit (sacctmgr show qos, or assoc) it never "
            f"begins: {self._less}"
        )

    @property
    def _less(self) -> str:
        minute = " (a job asks for a minute more than timeout, in whole minutes)" if self._is_of_time else ""
        return (
            f"correct cores, memory or timeout in the campaign file{minute} and scancel {self.id}, and it is tried "
            "again with those"
        )

    @property
    def _is_of_time(self) -> bool:
        return "TimeLimit" in self.reason or "Wall" in self.reason


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition as sinfo tells it."""

    name: str
    is_up: bool
    taking: int  # nodes that run jobs or wait for some: neither down nor drained nor kept for others
    nodes: int
    longest: float = math.inf  # seconds that a job may run there

    @property
    def takes_jobs(self) -> bool:
        return self.is_up and self.taking > 0

    @property
    def text(self) -> str:
        nodes = "1 node" if self.nodes == 1 else f"{self.nodes} nodes"
        if not self.is_up:
            return f"{self.name} is down"
        if not self.taking:
            return f"{self.name} is up, and none of its nodes takes jobs now ({self.nodes} in all)"
        return f"{self.name} is up, {nodes}"


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
            self._run("scontrol", "update", f"JobId={id_}", f"Comment={comment}{_LET_GO}")

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
            longest = max(_seconds(row[3]) for row in rows if row[0].rstrip("*") == name)
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


def _is_too_much(reason: str) -> bool:
    """Whether a job waits, or is refused, for what it asks for by itself."""
    return reason in _TOO_MUCH or _EACH.search(reason) is not None


def _seconds(text: str) -> float:
    """A time as squeue and sinfo tell it, ``1-02:03:04`` or ``2:00``; infinite where it is no number."""
    days, _, rest = text.rpartition("-")
    parts = [days or "0", *(["0"] * (2 - rest.count(":"))), *rest.split(":")]
    if not all(part.isdigit() for part in parts):
        return math.inf
    return float(sum(int(part) * each for part, each in zip(reversed(parts), _TIMES, strict=True)))
