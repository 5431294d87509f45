"""Faults of our own: never a traceback for a person, always one in the log file that the message names."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from pathlib import Path

from flows.settings import Settings
from loop.errors import HakkenError


def log(error: Exception, doing: str) -> str:
    """Append the traceback of ``error`` to the log file; returns what a person is told. ``doing`` is what was done."""
    first = (str(error).splitlines() or [""])[0][:200]
    head = f"hakken failed, which is its own fault: {type(error).__name__}: {first}".rstrip(": ")
    text = "".join(traceback.format_exception(error))
    try:
        path = Path(Settings.from_environment().home) / "hakken.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"--- {datetime.now(UTC).isoformat()} {doing}\n{text}\n")
    except (OSError, HakkenError) as trouble:
        return f"{head}\n{text}(the log file could not be written: {trouble})"
    return f"{head}; what is on record is safe. Please report it with the traceback in {path}"
