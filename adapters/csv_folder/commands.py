"""Commands of attempts in an exchange folder: staged, handed over, taken back, and in doubt.

In the attempt's own folder ``command-000.json`` says which file is its command, ``sent-000.json`` since when it is
handed over, ``begun-000.json`` since when the device has it, ``gone-000.json`` since when it is nowhere,
``doubt-000.json`` why nobody can tell what became of it; ``sent-back-000.json`` and its like since when the clock is
behind one of these times. A further command (001) follows only where a person said that the last never ran.

``sender.json`` names this folder to the exchange, which keeps under that name the command that it sent last: an older
copy of the folder that was put back does not have that one, and would send anew what was sent since.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.common.durable import replace, write_once
from adapters.common.folder import Jobs, reachable, read_json
from adapters.common.instant import Clock, dump
from adapters.csv_folder.exchange import Exchange, Place, named_in
from adapters.errors import AdapterUnavailable
from loop.checkpoints import reached
from loop.contracts import Handle

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Command:
    """One command file of an attempt."""

    generation: int
    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """What goes out: a command as the device reads it, and of the files of its procedure by suffix."""

    text: bytes
    procedure: Mapping[str, str]


class Commands:
    """The commands of one adapter's attempts. Whoever calls is alone in its folder (``Jobs.locked``)."""

    def __init__(self, jobs: Jobs, exchange: Exchange, gone: float, within: float | None, clock: Clock) -> None:
        """``gone``: seconds for which a command must be nowhere, since shares show a move late; ``within``: hours in
        which a device answers, None for any time."""
        self._jobs, self._exchange, self._clock = jobs, exchange, clock
        self._gone, self._within = gone, within

    def last(self, handle: Handle) -> Command | None:
        """The attempt's last command that is on record."""
        every = self._all(handle)
        return every[-1] if every else None

    def is_sent(self, command: Command) -> bool:
        """Whether the command was handed over, whatever became of it."""
        return self._exchange.place(command.name) is not Place.STAGED

    def stage(self, handle: Handle, written: Callable[[int], Written]) -> Command:
        """Write the attempt's next command, which depends on its number, where the device does not see it.

        What an earlier command left in the device's folders is taken out of them first: it is not to be run beside
        the new one.
        """
        every, counter = self._all(handle), self._jobs.root / "number.json"
        for earlier in every:
            self._exchange.take_out(earlier.name)
        before = int((read_json(counter) or {}).get("number", 0))
        number = 1 + max(before, self._exchange.highest_number())
        command = Command(len(every), f"{stem_of(number, handle)}.csv")
        with reachable(counter):
            replace(counter, dump({"number": number}))
        out = written(number)
        try:
            self._exchange.stage(command.name, out.text, out.procedure)
        except AdapterUnavailable:  # nothing lies there of that number, which is the next one's
            with suppress(OSError):
                replace(counter, dump({"number": before}))
            raise
        reached("csv_folder.staged")
        self._note(handle, command, "command", name=command.name)
        return command

    def order(self, written: Sequence[str]) -> tuple[str, ...]:
        """The order in which commands have the parameters: as ``written`` when the campaign's first was staged.

        It stays, since a device may go by the places of columns; of before it was noted it is that of the alphabet.
        """
        path = self._jobs.root / "columns.json"
        if (noted := read_json(path)) is None:
            noted = {"parameters": [] if read_json(self._jobs.root / "number.json") else [*written]}
            with reachable(path):
                write_once(path, dump(noted))
        return tuple(noted["parameters"])

    def send(self, handle: Handle, command: Command) -> None:
        """Hand the command over, after its procedure, unless it was."""
        self._exchange.note_last(self._sender(), command.name)
        if self._exchange.bring(command.name):
            reached("csv_folder.instructed")
        if self._exchange.publish(command.name):
            reached("csv_folder.published")
        self._since(handle, command, "sent")

    def forgotten(self) -> str | None:
        """Why nothing may be sent, where a command was sent from this folder that it knows nothing of; else None."""
        if (sender := read_json(self._jobs.root / "sender.json")) is None:
            return None
        name = self._exchange.last_sent(str(sender["id"]))
        handle = named_in(name)
        if not name or (self._jobs.knows(handle) and any(c.name == name for c in self._all(handle))):
            return None
        return (
            f"{name} was sent from {self._jobs.root}, which knows nothing of it: that folder is an older copy, or "
            "another copy of it was used, and what was sent since would run again; put the newer copy back, or, to go "
            f"on with this one, take commands that it does not know out of {self._exchange.commands}, bring in what "
            f"came of such (hakken tell), and delete {self._exchange.last_of(str(sender['id']))}"
        )

    def doubt(self, handle: Handle, command: Command) -> str | None:
        """Why nobody can tell what became of the command, where that is on record."""
        said = read_json(self._path(handle, command, "doubt"))
        return None if said is None else str(said["why"])

    def doubt_now(self, handle: Handle, command: Command, response: str | None) -> str | None:
        """The same, after a look; a doubt stays until a response comes or a person resolves it.

        ``response`` says what is wrong with the response that is there.
        """
        if (known := self.doubt(handle, command)) is not None:
            return known
        place, why = self._exchange.place(command.name), None
        waited = self._waited(handle, command, "sent")
        if self._exchange.taken is not None:
            if place is Place.WAITING:  # it has not begun, however long that takes
                return None
            waited = self._waited(handle, command, "begun")
            if place is Place.GONE and self._waited(handle, command, "gone") >= self._gone:
                why = f"{command.name} is in none of the folders of {self._exchange.folder}, and no response came"
            elif place is not Place.GONE:
                with reachable(self._exchange.folder):
                    self._path(handle, command, "gone").unlink(missing_ok=True)
        if why is None and self._within is not None and waited > self._within * _HOUR:
            more = "" if response is None else f" ({response})"
            why = f"{command.name} is without a response for more than {self._within:g} h{more}"
        if why is not None:
            self._note(handle, command, "doubt", why=why, source="")
        return why

    def hear_doubt(self, handle: Handle, why: str, response: str, row: str) -> None:
        """The device does not know whether a command ran: the one its response is named after, or the last.

        Said once, however often the file ``response`` is read.
        """
        every, source = self._all(handle), f"{response} {row}"
        heard = [(read_json(self._path(handle, command, "doubt")) or {}).get("source") for command in every]
        if every and source not in heard:
            about = next((command for command in every if command.name == response), every[-1])
            self._note(handle, about, "doubt", why=why, source=source)

    def _sender(self) -> str:
        """The name of this folder in the exchange, made with its first command."""
        path = self._jobs.root / "sender.json"
        with reachable(path):
            write_once(path, dump({"id": uuid.uuid4().hex[:16]}))
        return str((read_json(path) or {})["id"])

    def _all(self, handle: Handle) -> list[Command]:
        folder = self._jobs.folder(handle)
        with reachable(folder):
            paths = sorted(folder.glob("command-*.json"))
        return [Command(number, str((read_json(path) or {})["name"])) for number, path in enumerate(paths)]

    def _waited(self, handle: Handle, command: Command, what: str) -> float:
        """Seconds since the time that was noted; while the clock is behind that, since it was first seen there.

        A clock that is put right again counts from the noted time, so that no doubt comes before its time.
        """
        noted, now = self._since(handle, command, what), self._clock()
        path = self._path(handle, command, f"{what}-back")
        with reachable(path):
            if now >= noted:
                path.unlink(missing_ok=True)
                return now - noted
            back = float((read_json(path) or {}).get("at", math.inf))
            if back > now:
                replace(path, dump({"at": now}))
        return max(now - back, 0.0)

    def _since(self, handle: Handle, command: Command, what: str) -> float:
        """The time that was noted first; now where none was."""
        path = self._path(handle, command, what)
        if (noted := read_json(path)) is None:
            self._note(handle, command, what, at=self._clock())
            noted = read_json(path) or {}
        return float(noted["at"])

    def _note(self, handle: Handle, command: Command, what: str, **said: str | float) -> None:
        path = self._path(handle, command, what)
        with reachable(path):
            write_once(path, dump(said))

    def _path(self, handle: Handle, command: Command, what: str) -> Path:
        return self._jobs.folder(handle) / f"{what}-{command.generation:03}.json"


def stem_of(number: int, handle: Handle) -> str:
    """How the files of a command are named, but for their suffix."""
    return f"{number:06}-{handle}"
