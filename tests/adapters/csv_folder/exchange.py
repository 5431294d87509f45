"""An exchange folder as tests of it see it: what is sent, what is answered, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loop.contracts import Adapter, AttemptKey, Handle
from loop.outcome import read_outcome
from loop.testing.adapter import KEY
from tests.adapters.csv_folder.rigs import FolderRig
from tests.adapters.helpers import EXPERIMENT

MOVES = {"folder": "rig", "taken": "taken"}
STATUS = {"status": {"column": "outcome", "measured": ["done"], "unknown": ["lost track"]}}


def begin(adapter: Adapter, key: AttemptKey = KEY) -> Handle:
    handle = adapter.prepare(EXPERIMENT, key)
    adapter.start(handle, key)
    return handle


def answer(rig: FolderRig, name: str, text: str) -> Path:
    path = rig.folder / "responses" / name
    path.write_text(text, encoding="utf-8")
    return path


def commands(rig: FolderRig) -> list[Path]:
    return sorted((rig.folder / "commands").iterdir())


def outcome(adapter: Adapter, handle: Handle) -> Any:
    envelope, *_ = adapter.fetch(handle)
    return read_outcome(json.loads(envelope.payload), EXPERIMENT.targets)
