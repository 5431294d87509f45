"""The file that is imported: its bytes, and its text or JSON where a reader asks for them."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loop.errors import HakkenError, SpecError, did_you_mean
from loop.sheets.cells import without_mark
from loop.sheets.files import TableFile, table_called
from loop.sheets.footnotes import without_footnotes
from loop.sheets.letters import WINDOWS, encoding_of
from loop.sheets.workbooks import is_workbook


class ImportFault(HakkenError):
    """The file cannot be imported; the message says why, and what to do."""


@dataclass(frozen=True)
class Source:
    """A file, read once; and what the person said of it: goals of targets by name, and which study is meant."""

    path: Path
    data: bytes
    goals: dict[str, str]  # of targets; "" where only the name was given
    goal_of_all: str = ""  # of targets of which neither the file nor ``goals`` say where they are to go
    study: str = ""  # which of several campaigns in one file
    campaign: str = ""  # the name that the campaign gets
    table: str = ""  # the file's path as seen from the campaign file
    ignore: tuple[str, ...] = ()  # columns of a table, or numbers of reactions, that are left out

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def text(self) -> str:
        """The file as text. Raises ``ImportFault`` where it is none."""
        return without_mark(self._experiments[0])

    @property
    def said(self) -> str:
        """What is to be said of how its text was read; "" where that is plain."""
        aside = f"{self.name}: {left}" if (left := self._experiments[1]) else ""
        return "; ".join(said for said in (self._table.said(self.name), aside) if said)

    @property
    def doubt(self) -> str:
        """What follows a complaint of what its text says: how it was read, where that is not plain."""
        return self._table.doubt(self.name)

    @cached_property
    def _experiments(self) -> tuple[str, str]:
        """The text without rows that are no experiments, and what is said of these."""
        return without_footnotes(self._table.text)

    @cached_property
    def _table(self) -> TableFile:
        try:
            return table_called(self.name, self.data)
        except SpecError as error:
            raise ImportFault(str(error)) from None

    @cached_property
    def json(self) -> dict[str, Any]:
        """The file as a JSON object. Raises ``ImportFault`` where it is none."""
        if self._table.is_guessed:
            raise ImportFault(f"{self.name} is not in UTF-8, as JSON is; save it anew where it comes from")
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise ImportFault(
                f"{self.name} is not JSON, or is cut short ({error}); save it anew where it comes from"
            ) from None
        if not isinstance(found, dict):
            raise ImportFault(f"{self.name} holds a JSON {type(found).__name__}, and an object is wanted; see --from")
        return found

    @cached_property
    def head(self) -> str:
        """The first two kilobytes, whatever they are; of a workbook that can be read, of its table."""
        if is_workbook(self.data):
            with suppress(ImportFault):
                return self.text[:2048]
        return self.data[:2048].decode(encoding_of([self.data[:2048]]) or WINDOWS, errors="replace")

    def peek(self) -> dict[str, Any]:
        """The JSON object, empty where the file is none: for recognising."""
        try:
            return self.json
        except ImportFault:
            return {}

    def fault(self, message: str) -> ImportFault:
        """What is wrong with the file, with its name."""
        return ImportFault(f"{self.name}: {message}")

    def misplaced(self, what: str, error: Exception) -> ImportFault:
        """What a reader stumbled over in a file that is otherwise one of its format."""
        said = f"{type(error).__name__}: {error}"
        return self.fault(f"{what}, with something missing or misplaced ({said}); save it anew where it comes from")

    def goal(self, target: str) -> str:
        """The goal that the person gave a target, "" where none."""
        return self.goals.get(target, "")

    def goal_unsaid(self, target: str) -> str:
        """The goal of a target of which the file says nothing."""
        return self.goals.get(target) or self.goal_of_all or "maximize"

    def refuse_goal(self) -> None:
        """For a file that says every goal: see that none is given to all its targets. Raises ``ImportFault``."""
        if self.goal_of_all:
            raise self.fault(
                "--goal is for targets of which a file says nothing, and this one says all; "
                "use --target NAME:minimize or NAME:maximize to change one"
            )

    def check_goals(self, targets: list[str]) -> None:
        """See that every goal is of a target that there is. Raises ``ImportFault``."""
        for name in self.goals:
            if name not in targets:
                raise self.fault(f"no target {name!r}{did_you_mean(name, targets)}; it has {', '.join(targets)}")
