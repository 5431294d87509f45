"""Devices that are driven through a folder: numbered command files out, response files in, a heartbeat file.

``prepare`` stages a command, ``start`` hands it over by one rename (``adapters.csv_folder.exchange``), so no command is
written twice; where the campaign has a recipe, files that say what is to be done are there before it. A response counts
once it is whole; whose it is, its key says, or else its name. A doubt, for a person to resolve, is left where the
device says itself that it does not know whether a command ran, and where a command vanished or stayed without an answer
for too long. Whoever is sure that it never ran has it sent again, as a further command under the same key; the earlier
one is taken out of the device's folders.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import write_once
from adapters.common.folder import Jobs, handle_of, reachable, read_json
from adapters.common.instant import Clock, dump
from adapters.common.limits import excluded
from adapters.common.returned import Returned
from adapters.csv_folder.commands import Command, Commands, Written, stem_of
from adapters.csv_folder.exchange import Exchange, Heartbeat, Place, named_in
from adapters.csv_folder.options import DELIVERY, CsvFolderOptions
from adapters.csv_folder.procedures import JSON, files_of
from adapters.csv_folder.responses import Responses
from adapters.csv_folder.template import Doubt, Template
from adapters.errors import AdapterUnavailable
from adapters.files.worksheet import Sheet, SheetError
from loop.checkpoints import reached
from loop.contracts import (
    Absent,
    AttemptKey,
    Capabilities,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
    Unknown,
)
from loop.errors import NotSetUp, OutcomeError
from loop.outcome import read_outcome
from loop.raw import FileName, raw_payload, sha_of
from loop.recipe import Recipe, say, work_out
from loop.wording import plural

_NO_ROW: Final = "has no row below its header yet; let the device write one, with the result"
_UNFILLED: Final = "give it, or say under outcome or status how the experiment ended"


class CsvFolder:
    """Attempts as files: ours in the laboratory's folder, the device's in the exchange folder."""

    def __init__(
        self,
        jobs: Jobs,
        base: Path,
        options: CsvFolderOptions,
        targets: Mapping[str, str],
        beside: Mapping[str, str | None] | None = None,
        clock: Clock = time.time,
        recipe: Recipe | None = None,
        words: Mapping[str, tuple[str, ...]] | None = None,
        levels: Mapping[str, tuple[float, ...]] | None = None,
        parameters: Sequence[str] = (),
    ) -> None:
        """``words`` and ``levels`` of targets whose values may be such, and nothing else.

        ``parameters``: all of them, in the order in which a first command is to have them.
        """
        self._parameters = tuple(parameters)
        self._recipe = recipe
        self._words, self._levels = dict(words or {}), dict(levels or {})
        self._jobs, self._options, self._targets, self._clock = jobs, options, dict(targets), clock
        folder = base / Path(options.folder).expanduser()
        self._exchange = Exchange(
            folder, options.commands, options.responses, options.taken, options.response.files, options.procedures
        )
        self._template = Template(options.command, options.response, targets, beside or {})
        self._returned = Returned(jobs)
        self._teller: Handle | None = None
        self._asked_since: set[Handle] = set()  # since the teller was
        self._commands = Commands(jobs, self._exchange, options.gone_after, options.answer_within, clock)
        self._responses = Responses(self._exchange, options.response, jobs.root / "resting.json", clock)
        beat = None if options.heartbeat is None else folder / options.heartbeat
        self._heartbeat = None if beat is None else Heartbeat(beat, options.stale, jobs.root / "heartbeat.json", clock)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=DELIVERY,
            max_parallel=self._options.at_once,
            can_cancel=self._options.taken is not None,
            is_simulated=False,
            properties=self._targets,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return [*excluded(spec, self.capabilities()), *self._template.problems(spec)]

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        """Stage the attempt's command; the device does not see it.

        Raises:
            KeyReused: The key is on record with another experiment.
            AdapterUnavailable: The folder is not there.
            NotSetUp: The laboratory's own folder is an older copy, which lacks commands that were sent.
        """
        with self._alone():
            known = handle_of(key)
            if not self._jobs.knows(known) or self._is_to_stage(known):
                self._check_memory()
        handle = self._jobs.prepare(spec, key)
        with self._alone():
            if self._is_to_stage(handle):
                self._stage(handle)
        reached("csv_folder.prepared")
        return handle

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Hand the command to the device; once.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: The device gives no sign of life, or the folder is not there; the command stays staged.
        """
        self._jobs.checked(handle, key)
        with self._alone():
            if self._returned.is_over(handle):
                return
            last = self._commands.last(handle) or self._stage(handle)
            if not self._commands.is_sent(last):
                if self._heartbeat is not None and (trouble := self._heartbeat.trouble()) is not None:
                    raise AdapterUnavailable(f"{trouble}; the command waits and goes out after that")
                self._commands.send(handle, last)
        reached("csv_folder.started")

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        handle = handle_of(key)
        if not self._jobs.knows(handle):
            return Absent()
        with self._alone():
            self._look(handle)
            last = self._commands.last(handle)
            if last is None or not self._commands.is_sent(last) or self._returned.is_over(handle):
                return Found(handle, last is not None and self._commands.is_sent(last))
            doubt = self._doubt_now(handle, last)
        return Found(handle, True) if doubt is None else Unknown(doubt)

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self._jobs.root}")
        with self._alone():
            self._look(handle)
            if (ended := self._returned.ended(handle)) is not None:
                return ended
            last = self._commands.last(handle)
            if last is None or not self._commands.is_sent(last):
                return Status(Phase.PREPARED)
            if (doubt := self._doubt_now(handle, last)) is not None:
                return Status(Phase.LOST, doubt)
            is_waiting = self._exchange.place(last.name) is Place.WAITING
            said = self._responses.trouble(last.name, handle)
            wants = "" if said is None or said.may_come else f"waits, since its response {said.text}"
            wants = self._copied(last) or wants or self._of_nobody(handle)
        if is_waiting:
            return Status(Phase.WAITING, f"{last.name} lies in {self._exchange.commands}", wants)
        so_far = f"; its response {said.text}" if said is not None and said.may_come else ""
        return Status(Phase.RUNNING, f"the device has {last.name}{so_far}", wants)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        with self._alone():
            return (*self._returned.envelopes(handle), *self._returned.give_out(handle))

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """What the device answered of attempts that ended otherwise, and more than once of others."""
        self._exchange.check()
        with self._alone():
            self._collect()
            return self._returned.late(handle for handle in handles if self._jobs.knows(handle))

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the attempt off. A command that was handed over is taken back where the device did not take it up."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        with self._alone():
            last = self._commands.last(handle)
            if last is None or not self._commands.is_sent(last):
                if last is not None:
                    self._exchange.recall(last.name)
                self._cancelled(handle, reason)
            elif self._options.taken is not None:
                path = self._jobs.folder(handle) / "cancelling.json"
                with reachable(path):
                    write_once(path, dump({"reason": reason}))
                reached("csv_folder.cancelling")
                self._complete_cancel(handle)

    def has_played(self) -> bool:
        """Whether a command of what goes on was ever put into the device's folder: what was not may go to another."""
        handles = self._jobs.handles()
        return any(self._commands.last(h) is not None and not self._returned.is_over(h) for h in handles)

    def health(self) -> Health:
        """Whether the device is there; what of its responses nobody can read is said."""
        try:
            self._exchange.check_rights()
            age = None if self._heartbeat is None else self._heartbeat.age()
            if self._heartbeat is not None and (trouble := self._heartbeat.trouble()) is not None:
                return Health(False, trouble)
            self._check_memory()
            with self._alone():
                self._collect()
                troubles, n = self._responses.troubles(), len(self._returned.of_nobody())
                sent = [self._commands.last(h) for h in self._jobs.handles() if not self._returned.is_over(h)]
                copied = [f"one {said}" for each in sent if each is not None and (said := self._copied(each))]
        except AdapterUnavailable as error:
            return Health(False, str(error))
        parts = [f"commands go to {self._exchange.commands}"]
        parts += [] if age is None else [f"last heartbeat {age:.0f} s ago"]
        belong, go = ("belongs", "goes") if n == 1 else ("belong", "go")
        left = f"{plural(n, 'response')} {belong} to no attempt and {go} on record with the next result"
        parts += [left] if n else []
        parts += [misnamed] if (misnamed := self._misnamed()) else []
        parts += copied
        return Health(True, "; ".join([*parts, *troubles]))

    def _copied(self, command: Command) -> str:
        """What is said of a command of which a copy lies beside it; "" for none."""
        if not (copies := self._exchange.copies(command.name)):
            return ""
        return (
            f"has a copy of its command in {self._exchange.commands} ({copies[0]}), by which the device would run it "
            "again: delete that before the device takes it up"
        )

    def _check_memory(self) -> None:
        """Raises ``NotSetUp`` where this folder forgot what it sent, as an older copy of it has."""
        if (forgotten := self._commands.forgotten()) is not None:
            raise NotSetUp(forgotten)

    def _is_to_stage(self, handle: Handle) -> bool:
        """Whether an attempt that is prepared has no command, or needs another."""
        if self._returned.is_over(handle):
            return False
        last = self._commands.last(handle)
        return last is None or self._commands.doubt(handle, last) is not None  # a person said it never ran

    def _stage(self, handle: Handle) -> Command:
        """Stage the attempt's next command. The heartbeat's file also tells that this is the device's own share."""
        if self._heartbeat is not None and self._heartbeat.age() is None:
            raise AdapterUnavailable(str(self._heartbeat.trouble()))
        order = self._commands.order(self._parameters)
        return self._commands.stage(handle, lambda number: self._written(handle, number, order))

    def _written(self, handle: Handle, number: int, order: Sequence[str]) -> Written:
        """The attempt's command, with its procedure where the campaign has a recipe."""
        spec, key = self._jobs.spec(handle), self._jobs.key(handle)
        if self._recipe is None:
            return Written(self._template.command(spec, key, number, order=order), {})
        procedure = work_out(self._recipe, spec.settings)
        has_files = self._options.procedures is not None
        text = self._template.command(
            spec,
            key,
            number,
            order=order,
            procedure_file=stem_of(number, handle) + JSON if has_files else "",
            procedure=say(self._recipe, procedure),
        )
        return Written(text, files_of(self._recipe, procedure, spec, key, number) if has_files else {})

    def _doubt_now(self, handle: Handle, command: Command) -> str | None:
        said = self._responses.trouble(command.name, handle)
        return self._commands.doubt_now(handle, command, None if said is None else said.text)

    def _look(self, handle: Handle) -> None:
        """Take in what came back, and end what a killed process had begun to cancel."""
        self._collect()
        self._complete_cancel(handle)

    def _collect(self) -> None:
        """Keep what responses say that were not read before."""
        for response in self._responses.fresh():
            if not response.sheet.rows:  # some write the header as they begin, and the row hours later
                handle = self._known_as(named_in(response.name))
                about = handle if self._jobs.knows(handle) else ""
                self._responses.complain(response.name, _NO_ROW, about, may_come=True)
            for row in response.sheet.rows:
                self._take(response.name, row, response.sheet)
            reached("csv_folder.collected")
        for file in self._responses.unreadable():
            handle = self._known_as(named_in(file.name))
            if self._is_anothers(handle):
                continue
            key = self._jobs.key(handle) if self._jobs.knows(handle) else AttemptKey(file.name)
            named = FileName(file.name, sha_of(file.data), len(file.data))
            self._returned.keep_beside(key, raw_payload([named], problem=file.why), file.data)

    def _take(self, name: str, row: Mapping[str, str], sheet: Sheet) -> None:
        """Keep one row: with its attempt while that is open, else beside the next that is fetched.

        What another campaign asked the same device for is that campaign's to read.
        """
        said = self._template.key_of(row)
        handle = self._known_as(named_in(name) if said is None else handle_of(AttemptKey(said)))
        if self._is_anothers(handle):
            return
        is_ours = self._jobs.knows(handle)
        key = self._jobs.key(handle) if is_ours else AttemptKey(said or name)
        try:
            read = self._template.read(row, sheet, self._jobs.spec(handle) if is_ours else None)
            if is_ours and isinstance(read, dict):
                read_outcome(read, self._targets, self._levels, self._words)
        except SheetError as error:
            self._responses.complain(name, str(error), handle)
            return
        except OutcomeError as error:  # an experiment that ran is not to end as one that nobody could read
            self._responses.complain(name, f"has a row of {key} that cannot be read: {error}", handle)
            return
        if read is None:
            may_come = not self._template.is_begun(row)  # a table of what is under way, filled in later
            self._responses.complain(name, f"lacks a value in the row of {key}; {_UNFILLED}", handle, may_come=may_come)
        elif isinstance(read, Doubt) and is_ours:
            self._commands.hear_doubt(handle, read.why, name, json.dumps(row, sort_keys=True))
        else:
            text: dict[str, Any] = {"outcome": read.why} if isinstance(read, Doubt) else read
            payload = dump({**text, "provenance": {**text.get("provenance", {}), "file": name}})
            if not is_ours or (self._returned.is_over(handle) and payload not in self._returned.of(handle)):
                self._returned.keep_beside(key, payload)
            else:
                self._returned.keep(handle, payload)

    def _known_as(self, handle: Handle) -> Handle:
        """The attempt of that name; programs on Windows may write all of it in capitals."""
        plain = Handle(handle.lower())
        is_plain = not (self._jobs.knows(handle) or self._exchange.knows(handle))
        return plain if is_plain and (self._jobs.knows(plain) or self._exchange.knows(plain)) else handle

    def _is_anothers(self, handle: Handle) -> bool:
        return not self._jobs.knows(handle) and self._exchange.knows(handle)

    def _of_nobody(self, handle: Handle) -> str:
        """What came back and names no attempt, or is in a file that cannot be read and tells of none, said by one of
        those that wait: the first that was asked.
        """
        rows = [(key, file) for key, payload in self._returned.of_nobody() if (file := _file_of(payload))]
        files, misnamed = self._files_of_nobody(), self._misnamed()
        if not (rows or files or misnamed):
            return ""
        if self._teller is None or self._returned.is_over(self._teller) or handle in self._asked_since:
            self._teller = handle  # the last: the teller is asked no more, since it was told, say
        if self._teller != handle:
            self._asked_since.add(handle)
            return ""
        self._asked_since.clear()
        if files:
            return f"waits, and {files[0]}; perhaps it is the answer to this one"
        if not rows:
            return f"waits, and {misnamed}"
        key, file = rows[0]
        names = f"it says {key!r}" if key != file else "neither its name nor a key in it is one's"
        more = f" (and {len(rows) - 1} more such)" if len(rows) > 1 else ""
        return f"waits, and {file}{more} is of no attempt: {names}; write the key of its command there"

    def _misnamed(self) -> str:
        """What is said of files among the responses, where none of them is called as a response is; "" for none."""
        if not (names := self._exchange.misnamed):
            return ""
        more = f" and {plural(len(names) - 1, 'other')}" if names[1:] else ""
        is_so, files = ("are", "them") if more else ("is", "it")
        return (
            f"{names[0]}{more} in {self._exchange.responses} {is_so} not read, as no response is called so "
            f"({self._options.response.files}): let the device call {files} so, or say response.files"
        )

    def _files_of_nobody(self) -> list[str]:
        """What is wrong with files that cannot be read and are not called as a command is."""
        named = ((self._known_as(named_in(name)), text) for name, text in self._responses.of_files())
        return [text for handle, text in named if not (self._jobs.knows(handle) or self._exchange.knows(handle))]

    def _complete_cancel(self, handle: Handle) -> None:
        """End an attempt that is being cancelled as soon as its command is back."""
        called_off, last = read_json(self._jobs.folder(handle) / "cancelling.json"), self._commands.last(handle)
        if called_off is None or last is None or self._returned.is_over(handle):
            return
        if self._exchange.withdraw(last.name):
            reached("csv_folder.withdrawn")
            self._cancelled(handle, called_off["reason"])

    def _cancelled(self, handle: Handle, reason: str) -> None:
        self._jobs.call_off(handle, reason)

    def _alone(self) -> AbstractContextManager[None]:
        return self._jobs.locked("exchange.lock")


def _file_of(payload: str) -> str:
    """The response that a payload was read from; "" where it is no such payload."""
    try:
        return str(json.loads(payload)["provenance"]["file"])
    except (ValueError, KeyError, TypeError):
        return ""
