"""Plates on disk: which attempts are made together in one run, and how far that run came.

``plates/KEY/plate.json`` names the members and never changes; ``protocol.py`` (or ``plan.json``) is what
the robot gets. ``play-RUN.json``
is written before a run is played, ``ended.json`` when it has ended, ``refused.json`` when it cannot be made,
``doubt.json`` when nobody can tell what became of it. ``left-HANDLE.json``: a person said that nothing of this run ever
moved, so that the attempt may be made in another one. ``reopened.json``: the protocol was refused before anything
moved, so that its members wait as before, for a run of another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from adapters.common.durable import sync_folder, write_once
from adapters.common.folder import reachable, read_json
from adapters.plates.verdicts import Verdict
from loop.contracts import AttemptKey, Handle
from loop.outcome import Fault, FaultKind

PLATES: Final = "plates"
_Member = TypeVar("_Member", bound=str)


@dataclass(frozen=True, slots=True)
class PlateRun:
    """A plate that is closed: one run of the robot for all its members."""

    folder: Path
    key: str
    title: str
    wells: Mapping[Handle, str]  # by member

    def note(self, name: str, what: Mapping[str, Any]) -> None:
        """Put something on record for ever; what is there stays."""
        with reachable(self.folder):
            write_once(self.folder / name, json.dumps(what, sort_keys=True))

    def noted(self, name: str) -> Mapping[str, Any] | None:
        return read_json(self.folder / name)

    def played(self) -> tuple[str, ...]:
        """Ids of the runs that we told the robot to play, or were about to."""
        with reachable(self.folder):
            notes = sorted(self.folder.glob("play-*.json"))
        return tuple(str((read_json(note) or {})["run"]) for note in notes)

    def has_left(self, handle: Handle) -> bool:
        return self.noted(f"left-{handle}.json") is not None

    def reopen(self, verdict: Verdict) -> None:
        self.note("reopened.json", asdict(verdict))

    def reopened(self) -> Verdict | None:
        """By which verdict it was given up."""
        told = self.noted("reopened.json")
        return None if told is None else Verdict(str(told["by"]), str(told["edition"]), str(told["why"]))

    def was_made(self) -> bool:
        ended = self.noted("ended.json")
        return ended is not None and ended["status"] == "succeeded"

    def fault(self) -> Fault:
        """How a plate that was not made ended."""
        if (refused := self.noted("refused.json")) is not None:
            return Fault.of(FaultKind(refused["kind"]), str(refused["why"]), informative=False)
        ended = self.noted("ended.json") or {}
        said = "; ".join(ended.get("errors", ())) or "no reason given"
        hot = f"; {ended['hot']}" if ended.get("hot") else ""
        if ended.get("status") == "stopped":
            return Fault.of(FaultKind.CANCELLED, f"run {ended.get('run')} was stopped at the robot{hot}")
        return Fault.of(FaultKind.INSTRUMENT_FAULT, f"run {ended.get('run')} failed: {said}{hot}")


class Plates:
    """The plates of one laboratory's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root / PLATES
        self._known: dict[str, PlateRun] = {}

    def close(self, title: str, members: Mapping[Handle, tuple[AttemptKey, str]]) -> PlateRun:
        """Make one run of these, by handle with key and well; the same ones again are the same run."""
        before = sum(handle in plate.wells for plate in self.all() for handle in members)
        said = json.dumps([sorted(str(key) for key, _ in members.values()), before])
        key = f"hakken-{hashlib.sha256(said.encode()).hexdigest()[:24]}"
        folder = self._root / key
        wells = {str(handle): well for handle, (_, well) in members.items()}
        with reachable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_once(folder / "plate.json", json.dumps({"key": key, "title": title, "wells": wells}, sort_keys=True))
            sync_folder(self._root)
        return self._read(folder)

    def of(self, handle: Handle) -> PlateRun | None:
        """The run that an attempt is made in; None while it waits for its plate."""
        mine = (p for p in self.all() if handle in p.wells and not p.has_left(handle))
        return next((p for p in mine if p.reopened() is None), None)

    def all(self) -> Iterator[PlateRun]:
        with reachable(self._root):
            names = sorted(p.name for p in self._root.iterdir()) if self._root.is_dir() else []
        for name in names:
            if (self._root / name / "plate.json").is_file():  # not one that a crash left empty
                yield self._read(self._root / name)

    def _read(self, folder: Path) -> PlateRun:
        if folder.name not in self._known:
            said = read_json(folder / "plate.json") or {}
            wells = {Handle(handle): str(well) for handle, well in said["wells"].items()}
            self._known[folder.name] = PlateRun(folder, str(said["key"]), str(said["title"]), wells)
        return self._known[folder.name]


def in_order(wells: Mapping[_Member, str], known: Sequence[str]) -> list[_Member]:
    """The members, each with its well, in the order of the labware's wells; wells that it lacks last."""
    place = {well: i for i, well in enumerate(known)}
    return sorted(wells, key=lambda member: (place.get(wells[member], len(place)), wells[member], member))
