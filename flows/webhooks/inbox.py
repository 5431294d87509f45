"""The inbox: messages on disk until they are in the record, so that whoever receives needs no lease.

``inbox/SHA256.json`` is one message, whole or absent; it goes when its envelope is committed. ``cursor.json`` is the
number of the last message that was fetched from a laboratory, and from which memory of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.common.durable import NO_ROOM, replace, write_once
from flows.webhooks.message import Received, read, write
from loop.checkpoints import reached
from loop.errors import HakkenError

if TYPE_CHECKING:
    from flows.settings import Settings

MOST: Final = 10_000  # messages that may wait for the record


class InboxFull(HakkenError):
    """No more messages can be kept: too many wait for the record, or their disk is full; see to that."""


class Inbox:
    """The messages of one campaign that are not in its record yet."""

    def __init__(self, settings: Settings, campaign: str) -> None:
        self._folder = settings.folder(campaign) / "inbox"

    def keep(self, message: Received) -> None:
        """Put it on disk, before anybody judges it. The same message again is one message.

        Raises:
            InboxFull: Too many wait, or their disk is full.
        """
        text = write(message)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if sum(1 for _ in self._folder.iterdir()) > MOST:
                raise InboxFull(f"{MOST} messages wait in {self._folder}; look why hakken listen cannot take them in")
            write_once(self._folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json", text)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise InboxFull(self.without_room(error)) from error
            raise
        reached("inbox.kept")

    def without_room(self, error: OSError) -> str:
        """What is so where its disk is full, and what to do."""
        return f"the disk of {self._folder} is full ({error.strerror}); make room there"

    def waiting(self, most: int = 500) -> Iterator[tuple[Path, Received]]:
        """Messages with their files, in the order of their names; at most so many."""
        paths = sorted(self._folder.glob("[0-9a-f]*.json"))[:most] if self._folder.is_dir() else []
        for path in paths:
            if len(path.stem) == 64:
                yield path, read(path.read_text(encoding="utf-8"))

    def cursor(self, memory: str) -> int:
        """Number of the last message fetched from a laboratory of that memory, 0 before the first.

        Another laboratory, or one whose memory was replaced, numbers its messages anew.
        """
        try:
            noted = json.loads((self._folder / "cursor.json").read_text(encoding="utf-8"))
            return int(noted["after"]) if noted["memory"] == memory else 0
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0  # everything is fetched anew: what is on record is known there

    def note_cursor(self, memory: str, after: int) -> None:
        """Messages of that memory up to here are on disk."""
        self._folder.mkdir(parents=True, exist_ok=True)
        replace(self._folder / "cursor.json", json.dumps({"after": after, "memory": memory}))
