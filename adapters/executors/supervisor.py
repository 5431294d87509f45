"""The supervisor of one job on this machine: a slim process that outlives whoever started it.

Called as ``python -I -S supervisor.py JOBFOLDER LOCKFD``. It holds the job's lock for as long as it lives, waits for a
free worker slot, carries the job out and writes ``result.json`` once. The standard library and
``adapters.executors.carrying`` only: it must start in a few milliseconds.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))

from adapters.common.durable import once_there_is_room, write_once
from adapters.executors.carrying import cancelled, carry_out, fault, hand_in


def main(folder: Path, lock: int) -> None:
    """Say that the job is started, let the caller go, and see the job through."""
    write_once(folder / "started.json", json.dumps({"at": time.time(), "host": os.uname().nodename}))
    if os.fork():
        os._exit(0)  # the caller waits for this, so that it leaves no zombie and knows that the start is on record
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    try:
        payload = _supervise(folder, lock, task)
    except Exception as error:
        payload = fault("compute_lost", f"the supervisor failed: {type(error).__name__}: {error}", {})
    hand_in(folder, payload)


def _supervise(folder: Path, lock: int, task: dict[str, Any]) -> dict[str, Any]:
    slot = once_there_is_room(lambda: _take_slot(folder, Path(task["slots"]), task["workers"]))
    if slot is None:
        return cancelled(folder, {})
    payload = carry_out(folder, task, keep=(lock,))  # should this be killed, the lock holds until the child is gone too
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
