"""Sent: which sendings went out from this folder, so that only what was sent from here last can be found lost here.

Most laboratories remember in the campaign's folder what they were given. In another folder on the same record (a second
machine, a record that was moved without its folder, an old copy) they know nothing, which says nothing of what runs.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from adapters.common.durable import sync_folder
from loop.experiment import Event
from loop.record import AttemptEventRecord

NAME: Final = "sent.txt"  # the id of a sending in each line
NOT_FROM: Final = "it is not on record as sent from"  # how the doubt of a pass in another folder begins
_SENDING: Final = "sending "
_FROM: Final = " from "


class Sent:
    """The sendings of a campaign's folder, each on disk before its id stands in the claims of its attempts.

    An id of the folder alone would go along into a copy of it, which knows nothing of what is sent afterwards. The file
    is read once: only the holder of the lease sends, and its sendings begin here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / NAME
        self._known: set[str] | None = None  # None until it is read

    def begin(self) -> str:
        """A new sending: the detail of its claims. Raises ``OSError`` where the folder cannot be written."""
        sending, is_new = f"{_SENDING}{uuid.uuid4().hex}{_FROM}{self.place}", not self._path.exists()
        with self._path.open("ab") as file:
            # A line that was cut off by a loss of power ends before this one.
            file.write(f"\n{sending}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.folder)
        if self._known is not None:
            self._known.add(sending)
        return sending

    def is_last(self, life: Iterable[AttemptEventRecord]) -> bool:
        """Whether the attempt that lived this life was last sent from here, so that it can be missed here."""
        return [claim in self for claim in _claims(life)][-1:] == [True]

    def is_overtaken(self, life: Iterable[AttemptEventRecord]) -> bool:
        """Whether it was sent from here, and later from elsewhere: what lies here of it is not what runs."""
        ours = [claim in self for claim in _claims(life)]
        return any(ours) and not ours[-1]

    @property
    def place(self) -> str:
        """This machine and its ``HAKKEN_HOME``, as a person reads them: in one line, whatever the folder is called."""
        text = f"{socket.gethostname()}:{self.folder.parent}"
        return "".join(letter if letter.isprintable() else "?" for letter in text).strip()

    def __contains__(self, sending: str) -> bool:
        if self._known is None:
            try:
                self._known = {*self._path.read_text(encoding="utf-8", errors="replace").splitlines()} - {""}
            except FileNotFoundError:
                self._known = set()
        return sending in self._known


def place_of(life: Iterable[AttemptEventRecord]) -> str | None:
    """From where the attempt that lived this life was last sent; "" where its sending does not say, None where it has
    none, as by an earlier hakken."""
    last = [*_claims(life)][-1:]
    if not last or not last[0].startswith(_SENDING):
        return None
    return last[0].partition(_FROM)[2]


def is_doubted_elsewhere(life: Sequence[AttemptEventRecord]) -> bool:
    """Whether it is in doubt only because a pass in a folder that did not send it last found nothing of it."""
    return bool(life) and life[-1].event is Event.DOUBTED and life[-1].detail.startswith(NOT_FROM)


def _claims(life: Iterable[AttemptEventRecord]) -> list[str]:
    return [step.detail for step in life if step.event is Event.CLAIMED]
