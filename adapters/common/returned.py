"""What came back: every result is kept at once and never changes, with its attempt or beside the next one fetched."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from adapters.common.durable import replace_bytes, write_once
from adapters.common.folder import Jobs, handle_of, reachable, read_json
from adapters.common.instant import dump
from loop.contracts import AttemptKey, Envelope, Handle, Phase, RawFile, Status
from loop.errors import OutcomeError
from loop.raw import read_raw, sha_of

_BESIDE: Final = "foreign"  # folder of what nobody asks for
_ENVELOPE: Final = re.compile(r"envelope-.*\.json")
_FILES: Final = "later"  # folder of the files that are named in there, by their hash


class Returned:
    """Results of the attempts in one folder. Whoever writes is alone in it (``Jobs.locked``)."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs, self._over = jobs, set[Handle]()

    def of(self, handle: Handle) -> list[str]:
        """The payloads that came back for an attempt, oldest first."""
        folder = self._jobs.folder(handle)
        with reachable(folder):
            paths = sorted(folder.glob("envelope-*.json"))
        return [str((read_json(path) or {})["payload"]) for path in paths]

    def is_over(self, handle: Handle) -> bool:
        """Whether an attempt was called off, or something came back for it; once it is, that stays so."""
        if handle not in self._over:
            folder = self._jobs.folder(handle)
            with reachable(folder):
                self._note(handle, os.listdir(folder))
        return handle in self._over

    def still_open(self, handles: Iterable[Handle]) -> set[Handle]:
        """Those of them that were prepared here and are not over: one look at each, since there may be hundreds."""
        root, found = self._jobs.root / "jobs", set[Handle]()
        with reachable(root):
            for handle in handles:
                with suppress(FileNotFoundError):
                    if handle not in self._over and "job.json" in (names := os.listdir(f"{root}/{handle}")):
                        self._note(handle, names)
                        found.add(handle)
        return found - self._over

    def _note(self, handle: Handle, names: Iterable[str]) -> None:
        """Note that an attempt is over, where the files in its folder say so."""
        if any(name == "cancelled.json" or _ENVELOPE.fullmatch(name) for name in names):
            self._over.add(handle)

    def ended(self, handle: Handle) -> Status | None:
        """That an attempt is over, and how; None while it is not."""
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return Status(Phase.ENDED, f"cancelled: {cancelled['reason']}")
        return Status(Phase.ENDED) if self.of(handle) else None

    def envelopes(self, handle: Handle) -> list[Envelope]:
        """An attempt's own results: that it was called off, and what came back for it."""
        key, cancelled = self._jobs.key(handle), self._jobs.cancelled(handle)
        own = ([] if cancelled is None else [cancelled["payload"]]) + self.of(handle)
        return [Envelope(key, payload) for payload in own]

    def keep(self, handle: Handle, payload: str) -> None:
        """Keep a payload with its attempt, once."""
        known = self.of(handle)
        if payload not in known:
            path = self._jobs.folder(handle) / f"envelope-{len(known):03}.json"
            with reachable(path):
                write_once(path, dump({"payload": payload}))

    def keep_beside(self, key: AttemptKey, payload: str, file: bytes | None = None) -> None:
        """Keep a payload that nobody will ask for: under an unknown key, or after its attempt had ended; and the file
        that it names, where it is raw.

        It goes out with the next attempt that is fetched (``give_out``), so that it is on record too.
        """
        folder = self._jobs.root / _BESIDE
        if file is not None:  # whole before what names it
            files = self._jobs.root / _FILES
            with reachable(files):
                files.mkdir(parents=True, exist_ok=True)
                replace_bytes(files / sha_of(file), file)
        name = hashlib.sha256(f"{key}\n{payload}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        with reachable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_once(folder / f"{name}.json", dump({"key": key, "payload": payload}))

    def give_out(self, handle: Handle) -> list[Envelope]:
        """What goes out beside the results of ``handle``, for good; asked again, also what came since.

        Files of an older version name their attempt themselves.
        """
        folder = self._jobs.root / _BESIDE
        found = []
        with reachable(folder):
            for path in sorted(folder.glob("*.json")):
                kept = read_json(path) or {}
                goes_with = kept.get("with")
                if goes_with is None:
                    write_once(path.with_suffix(".with"), dump({"with": handle}))
                    goes_with = (read_json(path.with_suffix(".with")) or {})["with"]
                if goes_with == handle:
                    found.append(self._envelope(kept))
        return found

    def late(self, handles: Iterable[Handle]) -> list[Envelope]:
        """What came back for these, and what was kept beside for other attempts here and has not gone out yet."""
        mine = [Envelope(self._jobs.key(handle), payload) for handle in handles for payload in self.of(handle)]
        waiting = (kept for kept in self._waiting() if self._jobs.knows(handle_of(AttemptKey(kept["key"]))))
        return [*mine, *map(self._envelope, waiting)]

    def n_waiting(self) -> int:
        """How many were kept beside and have not gone out yet."""
        return len(self._waiting())

    def of_nobody(self) -> list[tuple[AttemptKey, str]]:
        """Keys and payloads of those that have not gone out yet and whose key no attempt here has."""
        waiting = ((AttemptKey(kept["key"]), str(kept["payload"])) for kept in self._waiting())
        return [(key, payload) for key, payload in waiting if not self._jobs.knows(handle_of(key))]

    def _waiting(self) -> list[Mapping[str, Any]]:
        folder = self._jobs.root / _BESIDE
        with reachable(folder):
            paths = [path for path in sorted(folder.glob("*.json")) if not path.with_suffix(".with").exists()]
            return [kept for path in paths if "with" not in (kept := read_json(path) or {})]

    def _envelope(self, kept: Mapping[str, Any]) -> Envelope:
        """What was kept beside, with the bytes of the files that it names."""
        payload, folder = str(kept["payload"]), self._jobs.root / _FILES
        try:
            named = read_raw(json.loads(payload)).files
        except (ValueError, AttributeError, TypeError, OutcomeError):  # it names none, or is whatever a device wrote
            named = ()
        with reachable(folder):
            files = tuple(RawFile(f.name, (folder / f.sha).read_bytes()) for f in named)
        return Envelope(AttemptKey(kept["key"]), payload, files)
