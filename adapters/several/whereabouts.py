"""Whereabouts: which of several laboratories has an attempt, and since when one cannot work, as small files.

``routes/HASH.json`` names the laboratory of an attempt; it is made once, before that laboratory hears of it, and never
changes. ``lost/NAME.json`` says since when a laboratory cannot work; it goes when it works again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from adapters.common.durable import write_once
from adapters.common.folder import reachable, read_json
from loop.contracts import AttemptKey


class Routes:
    """Which laboratory has which attempt. Any number of objects may share the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, key: AttemptKey) -> str | None:
        """The name of the laboratory that was given the attempt; None where none was."""
        path = self._path(key)
        with reachable(path):
            said = read_json(path)
        return None if said is None else str(said["laboratory"])

    def give(self, key: AttemptKey, name: str) -> str:
        """Give the attempt to a laboratory; the name of the one that has it: of two callers the first decides."""
        with reachable(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_once(self._path(key), json.dumps({"key": key, "laboratory": name}))
        return self.of(key) or name

    def given_to(self, name: str) -> tuple[AttemptKey, ...]:
        """Every attempt that a laboratory was given."""
        with reachable(self._folder):
            paths = sorted(self._folder.glob("*.json")) if self._folder.exists() else []
            said = [read_json(path) for path in paths]
        return tuple(AttemptKey(s["key"]) for s in said if s is not None and s["laboratory"] == name)

    def _path(self, key: AttemptKey) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"


class Losses:
    """Since when laboratories cannot work, so that whoever looks later, with another object, knows how long that is."""

    def __init__(self, folder: Path, patience: float, clock: Callable[[], float]) -> None:
        """``patience``: seconds until one that cannot work counts as lost, by ``clock`` (seconds since the epoch)."""
        self._folder, self.patience, self.clock = folder, patience, clock

    def note(self, name: str, *, works: bool) -> None:
        """Put on record whether a laboratory works now."""
        path = self._path(name)
        with reachable(path):
            if works:
                path.unlink(missing_ok=True)
            elif not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                write_once(path, json.dumps({"since": self.clock()}))

    def lost(self, names: Iterable[str]) -> frozenset[str]:
        """Those of ``names`` that could not work for longer than the patience."""
        return frozenset(name for name in names if self._is_lost(name))

    def _is_lost(self, name: str) -> bool:
        path = self._path(name)
        with reachable(path):
            said = read_json(path)
        return said is not None and self.clock() - said["since"] >= self.patience

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
