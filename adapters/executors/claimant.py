"""The claimant of one job: what a queue runs on a node. It claims the attempt, and computes only if nobody else did.

Called as ``python -I -S claimant.py JOBFOLDER TOKEN``; each submission has a token of its own. See Note [One claim] in
``adapters.executors.spool``. The standard library and ``adapters.executors.carrying`` only.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parents[2]))

from adapters.common.durable import once_there_is_room, write_once
from adapters.executors.carrying import Told, cancelled, carry_out, end_when_told, fault, hand_in, ignore_when_told

# What Slurm writes to the output of a job that it ends, with the reason where it has one of its own. Source: slurmd's
# stepd_api and req.c of Slurm 24.11.
_ENDED: Final = re.compile(r"CANCELLED AT \S+(?: DUE TO ([A-Z ]+[A-Z]))?")
_PREEMPTION: Final = "preemption"
_NODE_FAILURE: Final = "node failure"


def main(folder: Path, token: str) -> None:
    """Compute the job in ``folder`` and write its result, unless somebody did, does, or called it off."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    if not _claim(folder, token, task):
        print(f"{folder.name} has its claim already; nothing is computed here")
        return
    end_when_told()
    try:
        payload = _compute(folder, task)
    except Told as told:
        is_late = _is_out_of_time(folder)
        if not is_late and not (folder / "cancelled.json").exists():
            if _why_ended(folder) == _PREEMPTION:
                _give_way(folder, token)
                return  # the queue starts it again, or else whoever asks submits it again
            if task["requeue"]:
                return  # the queue starts it again; where it does not, whoever asks finds the silence
        payload = _called_off(folder, told.provenance) or _ended_by_queue(folder, is_late, told.provenance)
    except Exception as error:
        payload = fault("compute_lost", f"the job's own process failed: {type(error).__name__}: {error}", {})
    ignore_when_told()
    if restarts := _restarts() + _times_it_gave_way(folder):  # it began anew by our leave: the record says so
        payload["provenance"] = {**payload.get("provenance", {}), "restarts": restarts}
    hand_in(folder, payload, meanwhile=_beat(folder / "beat", task["silence"] / 10))


def _restarts() -> int:
    """How often Slurm has begun this very submission anew."""
    return int(os.environ.get("SLURM_RESTART_COUNT", "0"))


def _claim(folder: Path, token: str, task: dict[str, Any]) -> bool:
    restart = _restarts()
    claim = {
        "by": "job",
        "token": token,
        "restart": restart,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "at": time.time(),
        "slurm": os.environ.get("SLURM_JOB_ID"),
    }
    if (folder / "result.json").exists():
        return False
    if once_there_is_room(lambda: write_once(folder / "claimed.json", json.dumps(claim))):
        (folder / "preempted.json").unlink(missing_ok=True)  # of an earlier submission
        return True
    first = json.loads((folder / "claimed.json").read_text(encoding="utf-8"))
    if restart == 0 or first.get("token") != token:
        return False
    (folder / "preempted.json").unlink(missing_ok=True)  # Slurm itself began it anew
    # The queue started this very submission again, so its first run is over, unless its node was only out of reach.
    while _age(folder) < task["silence"]:
        if (folder / "result.json").exists():
            return False
        time.sleep(min(1.0, task["silence"] / 10))
    return write_once(folder / f"claimed-{restart}.json", json.dumps(claim))


def _compute(folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    once_there_is_room((folder / "beat").touch)
    return _called_off(folder, {}) or carry_out(folder, task, beat=_beat(folder / "beat", task["silence"] / 10))


def _called_off(folder: Path, provenance: dict[str, Any]) -> dict[str, Any] | None:
    return cancelled(folder, provenance) if (folder / "cancelled.json").exists() else None


def _ended_by_queue(folder: Path, is_late: bool, provenance: dict[str, Any]) -> dict[str, Any]:
    if is_late:
        text = "Slurm's time limit ended it, before its own 'timeout' was over: the node had little time left for it"
        return fault("timeout", text, provenance, "timeout")
    if (why := _why_ended(folder)) is not None:
        how = f"ended by Slurm while it ran: {why}" if why else "cancelled in Slurm itself (scancel) while it ran"
        if why == _NODE_FAILURE and (node := os.environ.get("SLURMD_NODENAME")):
            how += f" of {node} (extra: [--exclude={node}] of run_on.slurm keeps off it)"
        return fault("compute_lost", f"job {_job_id()} was {how}", provenance)
    return fault("compute_lost", "its queue ended it (SIGTERM)", provenance)


def _why_ended(folder: Path) -> str | None:
    """Why Slurm ended the attempt's own job, in its words; "" where it gives no reason, None where it did not."""
    said = _ENDED.findall(_said_by_slurm(folder)) if _has_own_job() else []
    return said[-1].lower() if said else None


def _give_way(folder: Path, token: str) -> None:
    """Leave word that the job was preempted and computes no more; a disk without room for it leaves the silence."""
    with suppress(OSError):
        write_once(folder / "preempted.json", json.dumps({"token": token, "at": time.time()}))


def _times_it_gave_way(folder: Path) -> int:
    """How often the attempt was submitted again because it was preempted."""
    path = folder / "gave_way.json"
    return int(json.loads(path.read_text(encoding="utf-8"))["times"]) if path.exists() else 0


def _is_out_of_time(folder: Path) -> bool:
    """Whether the time limit of the attempt's own Slurm job ended it: by the clock, or as Slurm wrote to its output."""
    if not _has_own_job():
        return False
    end = os.environ.get("SLURM_JOB_END_TIME", "")  # as it was when the job began; since Slurm 22.05
    if end.isdigit() and time.time() > int(end) - 1:
        return True
    return "DUE TO TIME LIMIT" in _said_by_slurm(folder)


def _has_own_job() -> bool:
    """Whether this is the attempt's own Slurm job: neither none of Slurm's, nor that of a worker with many attempts."""
    return os.environ.get("SLURM_JOB_NAME", "").startswith("hakken-")


def _job_id() -> str:
    """The id of the job, or of the task of an array, as squeue tells it."""
    array, number = (os.environ.get(f"SLURM_ARRAY_{what}_ID") for what in ("JOB", "TASK"))
    return f"{array}_{number}" if array and number else os.environ.get("SLURM_JOB_ID", "")


def _said_by_slurm(folder: Path) -> str:
    """The end of the job's output, to which Slurm writes why it ends the job."""
    output = Path(os.environ.get("HAKKEN_SLURM_OUTPUT") or folder / f"slurm-{os.environ.get('SLURM_JOB_ID')}.txt")
    return output.read_text(encoding="utf-8", errors="replace")[-2000:] if output.exists() else ""


def _beat(path: Path, every: float) -> Callable[[], None]:
    """A function that touches the file, but not more often than that many seconds; later where its disk is away."""
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            with suppress(OSError):
                path.touch()
            last = time.monotonic()

    return beat


def _age(folder: Path) -> float:
    """Seconds since the last sign of life, by the clock of the file system: nodes' clocks differ."""
    probe = folder / f"clock.{os.getpid()}"
    probe.touch()
    now = probe.stat().st_mtime
    probe.unlink()
    signs = [path.stat().st_mtime for path in (*folder.glob("claimed*.json"), *folder.glob("beat"))]
    return now - max(signs)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
