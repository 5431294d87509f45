"""What Slurm tells of a job and of a partition, and what comes of it: what waits, what is stuck, and at which limit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# States of a job that has not ended. Source: squeue(1) of Slurm 24.11, "JOB STATE CODES".
_ALIVE: Final = frozenset(
    {"PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "REQUEUED"}
    | {"REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD", "SPECIAL_EXIT", "REVOKED"}
)
# Why a job waits that no other job's end lets go. Source: "JOB REASON CODES" of Slurm 24.11; the words as tried.
_HELD: Final = frozenset(
    {"JobHeldAdmin", "JobHoldMaxRequeue", "launch failed requeued held", "launch failure limit exceeded requeued held"}
    | {"job requeued in held state", "job requeued in special exit state"}
)
_WAITING: Final = frozenset({"PENDING", "SPECIAL_EXIT"})
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
# Why a job waits where no node can take it now; others may still be at work. As tried.
_NO_NODE: Final = ("Nodes required for job are DOWN", "ReqNodeNotAvail")
LET_GO: Final = " (released)"  # behind the comment of a job; see Note [Whose hold it is]
_TIMES: Final = (1, 60, 3600, 86400)  # seconds of what Slurm's times are made of, the last part first


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
        said, was_released = comment.removesuffix(LET_GO), comment.endswith(LET_GO)
        return cls(id_, state, name, reason, said, was_released, seconds_of(limit))

    @property
    def is_alive(self) -> bool:
        return self.state in _ALIVE

    @property
    def end(self) -> str:
        """How it ended, in words to stand after what it is called."""
        if self.state == "CANCELLED":
            return "was cancelled in Slurm itself (scancel)"
        return f"ended as {self.state}"

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
        if self.state not in _WAITING:
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


def _is_too_much(reason: str) -> bool:
    """Whether a job waits, or is refused, for what it asks for by itself."""
    return reason in _TOO_MUCH or _EACH.search(reason) is not None


def seconds_of(text: str) -> float:
    """A time as squeue and sinfo tell it, ``1-02:03:04`` or ``2:00``; infinite where it is no number."""
    days, _, rest = text.rpartition("-")
    parts = [days or "0", *(["0"] * (2 - rest.count(":"))), *rest.split(":")]
    if not all(part.isdigit() for part in parts):
        return math.inf
    return float(sum(int(part) * each for part, each in zip(reversed(parts), _TIMES, strict=True)))
