"""Exchange folders: commands go out by one rename, responses are read where they lie, a heartbeat says who is there.

Note [One rename]: a command is first staged, whole and synced, under the name that it will have (``.staged/NAME``), and
that is put on record. One ``rename`` then hands it to the device. So whoever looks later knows: what is still staged
was never seen by the device, and what is staged no more was handed over, whether or not the device has kept the file.
A second rename finds nothing to move. Links or copies could not tell this: both names would be there for a moment.

The files of a command's procedure are staged before it and moved before it: where the command is, its procedure is too.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from fnmatch import translate
from pathlib import Path
from typing import Final

from adapters.common.durable import replace, replace_bytes, sync_folder
from adapters.common.folder import reachable, read_json, read_only, without_room
from adapters.common.instant import Clock, dump
from adapters.common.resting import Mark, mark_of
from adapters.csv_folder.procedures import SUFFIXES
from adapters.errors import AdapterUnavailable
from loop.contracts import Handle

_STAGED: Final = ".staged"
_KEYS: Final = "keys"  # in there: a file for each attempt of whatever campaign
_MANY: Final = 1000  # responses, of which a look at a share across a network takes a second and more
_LOOKS: Final = 4
_NUMBER: Final = re.compile(r"(\d{6,11})-.+")


class Place(Enum):
    """Where a command is."""

    STAGED = "staged"  # the device never saw it
    WAITING = "waiting"  # handed over, and not taken up
    TAKEN = "taken"
    GONE = "gone"


class Exchange:
    """One folder shared with one device. The folder itself must be there: a missing one is a share not mounted."""

    def __init__(
        self, folder: Path, commands: str, responses: str, taken: str | None, files: str, procedures: str | None = None
    ) -> None:
        """``files``: which files are responses; the others are names of folders, None where there is none."""
        self.folder, self._files = folder, re.compile(translate(files.lower()))
        self.commands, self.responses = folder / commands, folder / responses
        self.taken = None if taken is None else folder / taken
        self.procedures = None if procedures is None else folder / procedures
        self._staged = folder / _STAGED
        self._found: dict[str, Mark] = {}  # by the last look at the responses, with when it ended and how long it took
        self._looked, self._took = -math.inf, 0.0
        self.misnamed: tuple[str, ...] = ()  # files among the responses, where by that look none is called as they are
        self._keys = self._staged / _KEYS

    def check(self) -> None:
        """Raises ``AdapterUnavailable`` where the folder is not there."""
        with reachable(self.folder):
            if not self.folder.is_dir():
                raise AdapterUnavailable(f"there is no folder {self.folder}; make it, or mount the share that has it")

    def check_rights(self) -> None:
        """Raises ``AdapterUnavailable`` where a command could not be handed over, or a response not be read."""
        self.check()
        written = filter(None, (self._staged, self._keys, self.commands, self.procedures))
        if (path := read_only(*written)) is not None:
            raise AdapterUnavailable(f"{path} cannot be written by this user; give the right to, or mount it so")
        mine = [folder for folder in (self.commands, self.responses, self.taken, self.procedures) if folder is not None]
        with reachable(self.folder):
            there = [path.name for path in self.folder.iterdir()]
        for folder in mine:
            alike = [name for name in there if name.casefold() == folder.name.casefold() and name != folder.name]
            if alike:
                raise AdapterUnavailable(
                    f"{self.folder} has {alike[0]} and {folder.name}, which are one folder to a program on Windows; "
                    "remove one, or name the one that the device uses in the campaign file"
                )
        with reachable(self.folder):
            if full := without_room(self.folder, *mine):
                raise AdapterUnavailable(f"{full}, or no command is handed over, and none answered")
        for folder in filter(None, (self.responses, self.taken)):
            if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
                raise AdapterUnavailable(f"{folder} cannot be read by this user; give the right to, or mount it so")

    def stage(self, name: str, text: bytes, procedure: Mapping[str, str]) -> None:
        """Write a command that the device does not see yet, after the files of its procedure, by suffix."""
        self.check()
        with reachable(self._staged):
            for folder in filter(None, (self._staged, self._keys, self.commands, self.responses, self.taken)):
                folder.mkdir(exist_ok=True)
            (self._keys / named_in(name)).touch()
            if self.procedures is not None and procedure:
                self.procedures.mkdir(exist_ok=True)
            try:
                for suffix, said in procedure.items():
                    replace((self._staged / name).with_suffix(suffix), said)
                replace_bytes(self._staged / name, text)
            except OSError:  # a full disk: what lies there takes more of it with each try
                for path in self._procedure(self._staged, name):
                    path.unlink(missing_ok=True)
                raise

    def knows(self, handle: Handle) -> bool:
        """Whether a command of the attempt went through this folder, by whichever campaign that shares the device."""
        with reachable(self._keys):
            return (self._keys / handle).is_file()

    def bring(self, name: str) -> bool:
        """Let the device have the procedure of a command that it does not see yet; True when this call did it."""
        if self.procedures is None:
            return False
        self.check()
        with reachable(self.procedures):
            staged = [path for path in self._procedure(self._staged, name) if path.exists()]
            for path in staged:
                os.rename(path, self.procedures / path.name)
            if staged:
                sync_folder(self.procedures)
                sync_folder(self._staged)
        return bool(staged)

    def publish(self, name: str) -> bool:
        """Hand the command to the device; True when this call did it. See Note [One rename]."""
        self.check()
        with reachable(self.commands):
            try:
                os.rename(self._staged / name, self.commands / name)
            except FileNotFoundError:
                if not self.commands.is_dir():
                    raise
                return False
            sync_folder(self.commands)
            sync_folder(self._staged)
        return True

    def withdraw(self, name: str) -> bool:
        """Take a command back that the device has not taken up; True when it is back, by this call or before.

        Only where the device moves what it takes up: of its rename and ours one fails.
        """
        if self.taken is None:
            return False
        self.check()
        back = self._staged / f"{name}.withdrawn"
        with reachable(back), suppress(FileNotFoundError):
            os.rename(self.commands / name, back)
            sync_folder(self._staged)
        if not back.exists():
            return False
        self.recall(name)
        return True

    def note_last(self, sender: str, name: str) -> None:
        """Note here which command a laboratory's folder sends, before the device sees it."""
        self.check()
        with reachable(self._staged):
            replace(self.last_of(sender), f"{name}\n")

    def last_sent(self, sender: str) -> str:
        """The command that a laboratory's folder sent last; "" for none, or none that is noted."""
        with reachable(self._staged):
            try:
                return self.last_of(sender).read_text(encoding="utf-8", errors="replace").strip()
            except FileNotFoundError:
                return ""

    def last_of(self, sender: str) -> Path:
        """Where that is noted."""
        return self._staged / f"last-{sender}.txt"

    def take_out(self, name: str) -> None:
        """Take a command that a person wants no more out of the device's folders, wherever it lies."""
        self.check()
        back = self._staged / f"{name}.withdrawn"
        for folder in filter(None, (self.commands, self.taken)):
            with reachable(back), suppress(FileNotFoundError):
                os.rename(folder / name, back)
                sync_folder(self._staged)
        self.recall(name)

    def recall(self, name: str) -> None:
        """Take back the procedure of a command that the device does not have."""
        for path in () if self.procedures is None else self._procedure(self.procedures, name):
            back = self._staged / f"{path.name}.withdrawn"
            with reachable(back), suppress(FileNotFoundError):
                os.rename(path, back)

    def place(self, name: str) -> Place:
        """Where a command is now, looked for in the order in which a device moves it."""
        self.check()
        with reachable(self._staged):
            if not self._staged.is_dir():
                raise AdapterUnavailable(
                    f"{self._staged} is gone; mount the share, or restore the folder from a backup"
                )
            if (self._staged / name).exists():
                return Place.STAGED
            if (self.commands / name).exists():
                return Place.WAITING
            if self.taken is not None and (self.taken / name).exists():
                return Place.TAKEN
        return Place.GONE

    def copies(self, name: str) -> list[str]:
        """Copies of a command that a sync client made: commands called as it is, with more behind.

        Where the command itself is gone, a device may have renamed it.
        """
        stem, _, suffix = name.rpartition(".")
        with reachable(self.commands):
            names = os.listdir(self.commands) if self.commands.is_dir() else []
            is_there = name in names or (self.taken is not None and (self.taken / name).exists())
        alike = (each for each in names if each.startswith(stem) and each.endswith(f".{suffix}") and each != name)
        return sorted(alike) if is_there else []

    def highest_number(self) -> int:
        """The highest number of any command or response that lies here; 0 where there is none."""
        found = [0]
        with reachable(self.folder):
            for folder in filter(None, (self._staged, self.commands, self.taken, self.responses, self.procedures)):
                names = os.listdir(folder) if folder.is_dir() else []
                found += [int(match[1]) for name in names if (match := _NUMBER.fullmatch(name))]
        return max(found)

    def _procedure(self, folder: Path, name: str) -> list[Path]:
        return [(folder / name).with_suffix(suffix) for suffix in SUFFIXES]

    def arrived(self) -> dict[str, Mark]:
        """Every response, by name, with what changes when it is written anew. Temporary files are passed over.

        For each attempt that is asked about all of them are looked at, and of years there are thousands: of so many a
        look counts for as long as four more would take, so that a pass on a slow share is not spent looking.
        """
        if len(self._found) >= _MANY and time.monotonic() - self._looked < _LOOKS * self._took:
            return self._found
        self.check()
        began, found, others = time.monotonic(), dict[str, Mark](), list[str]()
        with (
            reachable(self.responses),
            suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self.responses) as there,
        ):
            for one in there:
                is_one = self._files.match(one.name.lower()) is not None  # devices write .CSV as well
                if one.name.startswith((".", "~")):
                    continue
                with suppress(FileNotFoundError):
                    if is_one and one.is_file():
                        found[one.name] = mark_of(one.stat())
                    elif not found and one.is_file():
                        others.append(one.name)
        self._found = dict(sorted(found.items()))
        self.misnamed = () if found else tuple(sorted(others))
        self._looked = time.monotonic()
        self._took = self._looked - began
        return self._found


def named_in(name: str) -> Handle:
    """The attempt that the name of a command or response tells of, such as ``000012-KEY.csv``."""
    return Handle(name.rpartition(".")[0].partition("-")[2])


class Heartbeat:
    """A file that the device touches. What counts is that it changes while we look: clocks of two machines differ.

    Only the first look of all trusts the file's own time, and that only where it lies in the past.
    """

    def __init__(self, path: Path, stale: float, memory: Path, clock: Clock) -> None:
        """``stale``: seconds without a change; ``memory``: where the last change seen is kept."""
        self._path, self._stale, self._memory, self._clock = path, stale, memory, clock

    def age(self) -> float | None:
        """Seconds since the last sign of life; None where there was none."""
        with reachable(self._path):
            try:
                seen = self._path.stat()
            except FileNotFoundError:
                return None
        mark, now = f"{seen.st_mtime_ns} {seen.st_size}", self._clock()
        before = read_json(self._memory)
        if before is None or before["mark"] != mark or before["at"] > now:  # the last: our clock was set back
            at = min(seen.st_mtime, now) if before is None else now
            with reachable(self._memory):
                self._memory.parent.mkdir(parents=True, exist_ok=True)
                replace(self._memory, dump({"mark": mark, "at": at}), is_durable=False)
        else:
            at = float(before["at"])
        return max(now - at, 0.0)

    def trouble(self) -> str | None:
        """Why nothing may be sent now; None while the device is alive."""
        age = self.age()
        if age is None:
            return (
                f"the device gives no sign of life: there is no {self._path}; start its program, "
                "or say heartbeat: null where it has none"
            )
        if age > self._stale:
            return f"the device is silent: {self._path} has not changed for {age:.0f} s; see whether its program runs"
        return None
