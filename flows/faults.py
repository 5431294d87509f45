"""Faults of our own: never a traceback for a person, always one in the log file that the message names."""

from __future__ import annotations

import re
import traceback
from datetime import UTC, datetime
from pathlib import Path

from flows.settings import Settings
from loop.errors import HakkenError


def log(error: Exception, doing: str) -> str:
    """Append the traceback of ``error`` to the log file; returns what a person is told. ``doing`` is what was done."""
    first = (str(error).splitlines() or [""])[0][:200]
    what, own = f"{type(error).__name__}: {first}".rstrip(": "), _own_code(error)
    head = f"{own}, code of your own, failed: {what}" if own else f"hakken failed, which is its own fault: {what}"
    text = "".join(traceback.format_exception(error))
    try:
        path = Path(Settings.from_environment().home) / "hakken.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"--- {datetime.now(UTC).isoformat()} {doing}\n{text}\n")
    except (OSError, HakkenError) as trouble:
        return f"{head}\n{text}(the log file could not be written: {trouble})"
    if own:
        return f"{head}; mend it, and the same command goes on: what is on record is safe. The traceback is in {path}"
    return f"{head}; what is on record is safe. Please report it with the traceback in {path}"


def _own_code(error: Exception) -> str:
    """File and line, of a module beside a campaign file (``adapters.own``), where an error came from; "" of none."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [
        (frame.f_code.co_filename, line)
        for frame, line in frames
        if re.search(r"\.py:\d+$", frame.f_globals.get("__name__", ""))
    ]
    return f"{own[-1][0]} line {own[-1][1]}" if own else ""
