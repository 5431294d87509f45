"""Keyed folders: what an adapter knows of its attempts, as small files that survive it.

``jobs/HANDLE/job.json`` says that an attempt was prepared, ``started.json`` that it was started,
``cancelled.json`` that it was called off. Each is made once, by hard link, and never changes. ``order.jsonl``
holds the order in which attempts were started.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from adapters.common.durable import sync_folder, write_once
from adapters.common.order import Order, Place
from adapters.errors import AdapterUnavailable, KeyReused, UnknownHandle
from loop.checkpoints import reached
from loop.contracts import Absent, AttemptKey, ExperimentSpec, Found, Handle
from loop.outcome import Fault, FaultKind, write_outcome

_OF_ONE_FILE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY, errno.EAGAIN})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
ROOM: Final = 1 << 18  # bytes: what a batch of commands and their procedures takes, each a block or two of the disk
PATIENCE: Final = 90.0  # seconds to wait for another process that has just this attempt in hand: above a slow sbatch
# Nothing that leads out of a folder. File systems allow 255 bytes, and temporary names are longer than final ones.
_NAME: Final = re.compile(r"[A-Za-z0-9_~%-]{1,120}")


class Jobs:
    """The attempts of one adapter in one folder. Any number of objects may share the folder.

    The folder is made with the first attempt. Whatever the file system refuses is ``AdapterUnavailable``.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._order = Order(self.root / "order.jsonl")

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        """Put the attempt on record, once; the same key gives the same handle.

        Raises:
            KeyReused: The key is on record with other settings or another replicate.
        """
        handle = handle_of(key)
        folder = self.root / "jobs" / handle
        with reachable(folder):
            if not (folder / "job.json").exists():
                is_new = not folder.exists()
                folder.mkdir(parents=True, exist_ok=True)
                write_once(folder / "job.json", _dump({"key": key, "spec": asdict(_plain(spec))}))
                if is_new:
                    sync_folder(folder.parent)
        if self.key(handle) != key or fingerprint(self.spec(handle)) != fingerprint(spec):
            raise KeyReused(key)
        reached("folder.prepared")
        return handle

    def start(self, handle: Handle, record: Mapping[str, Any]) -> bool:
        """Put the start on record with whatever belongs to it; True when this call did it.

        Raises:
            UnknownHandle: Nothing was prepared under it.
        """
        folder = self.folder(handle)
        with reachable(folder):
            is_first = write_once(folder / "started.json", _dump(record))
        reached("folder.started")
        return is_first

    def cancel(self, handle: Handle, record: Mapping[str, Any]) -> bool:
        """Put the cancellation on record; True when this call did it."""
        folder = self.folder(handle)
        with reachable(folder):
            return write_once(folder / "cancelled.json", _dump(record))

    def call_off(self, handle: Handle, reason: str, kind: FaultKind = FaultKind.CANCELLED) -> bool:
        """Put on record that the attempt was called off, with the fault that this is; True when this call did it."""
        payload = json.dumps(write_outcome(Fault.of(kind, reason)), sort_keys=True, allow_nan=False)
        return self.cancel(handle, {"reason": reason, "payload": payload})

    def find(self, key: AttemptKey) -> Found | Absent:
        """What is on record under the key."""
        handle = handle_of(key)
        if not self.knows(handle):
            return Absent()
        return Found(handle, self.started(handle) is not None)

    def checked(self, handle: Handle, key: AttemptKey) -> Path:
        """The folder of the attempt under the handle.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
        """
        if not self.knows(handle) or self.key(handle) != key:
            raise UnknownHandle(handle)
        return self.folder(handle)

    def knows(self, handle: Handle) -> bool:
        """Whether an attempt was prepared under this handle; any text may be asked."""
        if not _NAME.fullmatch(handle):
            return False
        path = self.root / "jobs" / handle / "job.json"
        with reachable(path):
            return path.is_file()

    def folder(self, handle: Handle) -> Path:
        """The attempt's own folder; raises ``UnknownHandle`` for a handle never given."""
        if not self.knows(handle):
            raise UnknownHandle(handle)
        return self.root / "jobs" / handle

    def key(self, handle: Handle) -> AttemptKey:
        return AttemptKey(self._job(handle)["key"])

    def spec(self, handle: Handle) -> ExperimentSpec:
        return ExperimentSpec(**self._job(handle)["spec"])

    def started(self, handle: Handle) -> Mapping[str, Any] | None:
        """What ``start`` put on record, or None."""
        return read_json(self.folder(handle) / "started.json")

    def cancelled(self, handle: Handle) -> Mapping[str, Any] | None:
        """What ``cancel`` put on record, or None: the ``reason`` and the ``payload`` that it ended with."""
        return read_json(self.folder(handle) / "cancelled.json")

    def handles(self) -> tuple[Handle, ...]:
        """Every attempt prepared here, in the order of their names.

        One whose folder cannot be read is passed over: it is told where it is asked for by itself.

        Raises:
            AdapterUnavailable: None can be read.
        """
        folder = self.root / "jobs"
        with reachable(folder):
            names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        found, unread = [], None
        for handle in map(Handle, names):
            try:
                if self.knows(handle):
                    found.append(handle)
            except AdapterUnavailable as error:
                unread = unread or error
        if unread is not None and not found:
            raise unread
        return tuple(found)

    def begun(self) -> Iterator[tuple[Handle, Mapping[str, Any]]]:
        """Every attempt that was started, with what ``start`` put on record, passed over as by ``handles``."""
        for handle in self.handles():
            record = None
            with suppress(AdapterUnavailable):
                record = self.started(handle)
            if record is not None:
                yield handle, record

    def place(self, handle: Handle) -> Place:
        """The attempt's place in the order of starts, taken with the first call and kept for ever.

        Keys play no part in it, so a campaign that was interrupted sees what an uninterrupted one sees.
        Not synced: it survives a killed process; after a loss of power the starts on record keep their results.
        """
        key, print_ = self.key(handle), fingerprint(self.spec(handle))
        with self.locked("order.lock"):
            return self._order.place(key, print_)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Alone in this folder, among all processes, until the block ends.

        What of a device is raised inside, such as a refused connection, is said of the device and not of the folder.
        """
        with reachable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / name).open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                try:
                    yield
                except (ConnectionError, TimeoutError) as error:
                    if error.filename is not None:
                        raise
                    said = f"{type(error).__name__}: {error}".rstrip(": ")
                    raise AdapterUnavailable(f"the device gives no answer ({said}); see to it") from error

    def _job(self, handle: Handle) -> Mapping[str, Any]:
        job = read_json(self.folder(handle) / "job.json")
        if job is None:
            raise UnknownHandle(handle)
        return job


def handle_of(key: AttemptKey) -> Handle:
    """The handle that belongs to a key: a safe file name, the key itself where it is one."""
    name = quote(key, safe="", errors="surrogatepass").replace(".", "%2E")
    if _NAME.fullmatch(name):
        return Handle(name)
    return Handle("sha256-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest())


def fingerprint(spec: ExperimentSpec) -> str:
    """What makes two attempts the same experiment: settings and replicate number, not the key."""
    text = _dump({"settings": _settings(spec), "replicate": spec.replicate_no})
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def read_json(path: Path) -> Mapping[str, Any] | None:
    """The object in the file, None when there is no file.

    Raises:
        AdapterUnavailable: The file is there and cannot be read.
    """
    with reachable(path):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise AdapterUnavailable(f"{path} is not JSON ({error}); restore it from a backup") from None
    if not isinstance(value, dict):
        raise AdapterUnavailable(f"{path} must hold a JSON object; restore it from a backup")
    return value


@contextmanager
def held(folder: Path, patience: float = PATIENCE) -> Iterator[Path]:
    """An attempt's folder, held against every other process that would send the attempt."""
    with reachable(folder), (folder / "lock").open("a") as file:
        give_up = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    text = f"another process holds {folder / 'lock'} and does not let go; ask again later"
                    raise AdapterUnavailable(text) from None
                time.sleep(0.01)
        yield folder


def cannot_be_read_now(error: OSError) -> str:
    """What is said of a file that a program keeps open, or that gives no right, while others can be read; "" for what
    is wrong with more than that file.
    """
    if error.errno not in _OF_ONE_FILE:
        return ""
    return f"cannot be read now ({error.strerror}); close it where it is open, or give the right to read it"


def without_room(*folders: Path) -> str:
    """What is said of the first of these whose disk takes no more; "" for none. Those that are not there are left out.

    Raises:
        OSError: A disk cannot be asked.
    """
    for folder in filter(Path.exists, folders):
        files = os.statvfs(folder)
        if shutil.disk_usage(folder).free < ROOM:
            return f"the disk of {folder} is full (less than {ROOM >> 10} KiB are free); make room there"
        if files.f_files and not files.f_favail:  # some file systems count none
            return f"the disk of {folder} takes no more files (df -i); delete some there"
    return ""


@contextmanager
def reachable(path: Path) -> Iterator[None]:
    """Whatever the file system refuses inside the block is ``AdapterUnavailable``, naming ``path``."""
    try:
        yield
    except OSError as error:
        is_open = error.errno in _OF_ONE_FILE and os.path.isfile(path)  # which raises nothing, whatever the rights
        remedy = "check the folder, its rights and the disk"
        if is_open:
            remedy = "close it where a program keeps it open, or check its rights and those of its folder"
        said = str(error)
        if error.errno in _FULL:  # whichever file it was that found no room, lest each pass say another one
            remedy, said = "the disk is full: make room there", str(error.strerror)
        raise AdapterUnavailable(f"{path} cannot be used ({said}); {remedy}") from error


def read_only(*folders: Path) -> Path | None:
    """The first of these in which this user cannot make a file; of one that is not there, what it would be made in."""
    for folder in folders:
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            return there
    return None


def _plain(spec: ExperimentSpec) -> ExperimentSpec:
    return ExperimentSpec(
        spec.campaign,
        _settings(spec),
        dict(spec.units),
        dict(spec.smiles),
        dict(spec.targets),
        spec.replicate_no,
        dict(spec.place),
    )


def _settings(spec: ExperimentSpec) -> dict[str, str | float]:
    return {name: value if isinstance(value, str) else float(value) for name, value in spec.settings.items()}


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
