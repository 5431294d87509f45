"""The supervisor of one job: a slim process that outlives whoever started it.

Called as ``python -I -S supervisor.py JOBFOLDER LOCKFD``. It holds the job's lock for as long as it lives, waits for a
free worker slot, runs the evaluator in a child, enforces time-out, memory limit and cancellation, and writes
``result.json`` once. The standard library and ``adapters.durable`` only: it must start in a few milliseconds.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).resolve().parents[2]))

from adapters.durable import write_once

_TAIL: Final = 4000  # characters of output that are kept: the last message, not the whole run


def main(folder: Path, lock: int) -> None:
    """Say that the job is started, let the caller go, and see the job through."""
    write_once(folder / "started.json", json.dumps({"at": time.time(), "host": socket.gethostname()}))
    if os.fork():
        os._exit(0)  # the caller waits for this, so that it leaves no zombie and knows that the start is on record
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    try:
        payload = _supervise(folder, lock, task)
    except Exception as error:
        payload = _fault("compute_lost", f"the supervisor failed: {type(error).__name__}: {error}", {})
    write_once(folder / "result.json", json.dumps(payload, sort_keys=True))


def _supervise(folder: Path, lock: int, task: dict[str, Any]) -> dict[str, Any]:
    slot = _take_slot(folder, Path(task["slots"]), task["workers"])
    if slot is None:
        return _cancelled(folder, {})
    began = time.time()
    write_once(folder / "running.json", json.dumps({"at": began}), is_durable=False)
    with (folder / "runs.log").open("a") as log:  # one line for each run there ever was
        log.write(f"{began} {os.getpid()}\n")
    with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        child = subprocess.Popen(
            [sys.executable, "-P", task["runner"], str(folder), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            start_new_session=True,
            pass_fds=(lock,),  # should the supervisor be killed, the lock holds until the child is gone too
        )
        why, peak = _watch(child, folder, task)
    provenance = {
        "wall_time_s": round(time.time() - began, 3),
        "peak_memory_bytes": peak,
        "host": socket.gethostname(),
        "stdout": _tail(folder / "stdout.txt"),
        "stderr": _tail(folder / "stderr.txt"),
    }
    payload = _result(folder, child.returncode, why, task, provenance)
    os.close(slot)
    return payload


def _take_slot(folder: Path, slots: Path, workers: int) -> int | None:
    """The descriptor of a locked slot file, or None when the job was cancelled while it waited."""
    slots.mkdir(exist_ok=True)
    while not (folder / "cancelled.json").exists():
        for number in range(workers):
            descriptor = os.open(slots / str(number), os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        time.sleep(0.05)
    return None


def _watch(child: subprocess.Popen[bytes], folder: Path, task: dict[str, Any]) -> tuple[str, int]:
    """Wait for the child or end it: why it was ended ("" when it ended by itself), and its peak memory in bytes."""
    began, peak, pause = time.monotonic(), 0, 0.005
    while True:
        try:
            child.wait(timeout=pause)
            return "", peak
        except subprocess.TimeoutExpired:
            pause = min(pause * 1.5, 0.1)
        peak = max(peak, _resident(child.pid))
        if time.monotonic() - began > task["timeout"]:
            why = "timeout"
        elif peak > task["memory"]:
            why = "memory"
        elif (folder / "cancelled.json").exists():
            why = "cancelled"
        else:
            continue
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return why, peak


def _result(folder: Path, code: int, why: str, task: dict[str, Any], provenance: dict[str, Any]) -> dict[str, Any]:
    if why == "cancelled":
        return _cancelled(folder, provenance)
    if why == "timeout":
        return _fault("timeout", f"ran longer than {task['timeout']:g} s; raise 'timeout' if it may", provenance)
    if why == "memory":
        text = f"used more than {task['memory'] / 2**20:.0f} MiB; raise 'memory' if it may"
        return _fault("resource_error", text, provenance)
    try:
        payload: dict[str, Any] = json.loads((folder / "output.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code} and no result"
        return _fault("compute_lost", f"the evaluator's process {how}", provenance)
    payload["provenance"] = {**payload.get("provenance", {}), **provenance}
    return payload


def _cancelled(folder: Path, provenance: dict[str, Any]) -> dict[str, Any]:
    reason = json.loads((folder / "cancelled.json").read_text(encoding="utf-8"))["reason"]
    return _fault("cancelled", reason, provenance)


def _fault(kind: str, message: str, provenance: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": "fault", "kind": kind, "message": message, "provenance": provenance}


def _resident(pid: int) -> int:
    """Memory that the process holds, in bytes; 0 where the system does not tell (no /proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
