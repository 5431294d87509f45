"""The bench: what really moves. Put yours here; this one is simulated, and as forgetful as a real one.

It keeps a log of its own, in which a test counts how often each experiment was carried out.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from pathlib import Path
from typing import Any

from .crash import reached

PROPERTIES = {"yield": "%"}
PARAMETERS = {"ligand": "a label", "base": "a label", "temperature": "degC", "time": "h"}


class Bench:
    """Carries out one experiment at a time."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._log, self._seconds = folder / "bench.jsonl", seconds

    def problems(self, experiment: dict[str, Any]) -> list[dict[str, str]]:
        """Why it cannot be done; none where it can."""
        known = [(n, "parameter", PARAMETERS) for n in experiment["settings"]]
        known += [(n, "target", PROPERTIES) for n in experiment["targets"]]
        found = [
            {"subject": f"{what} {name!r}", "rule": f"this bench knows {', '.join(names)}", "remedy": "leave it out"}
            for name, what, names in known
            if name not in names
        ]
        if float(experiment["settings"].get("temperature", 0.0)) > 150.0:
            found.append({"subject": "temperature", "rule": "at most 150 degC", "remedy": "choose a lower one"})
        return found

    def carry_out(self, key: str, experiment: dict[str, Any]) -> dict[str, Any]:
        """Do it, whatever was done before; returns the outcome."""
        self._write({"begun": key})
        reached("run.begun")
        time.sleep(self._seconds)
        started = time.time() - self._seconds
        value = _yield(experiment["settings"])
        if value < 2.0:
            outcome: dict[str, Any] = {"outcome": "negative", "reason": "no conversion", "values": []}
        else:
            outcome = {"outcome": "measured", "values": [{"property": "yield", "value": value, "unit": "%", "sd": 1.0}]}
        outcome["provenance"] = {"program": "simulated bench", "started": started, "wall_time_s": self._seconds}
        self._write({"done": key, "outcome": outcome})
        reached("run.done")
        return outcome

    def runs(self, key: str) -> int:
        """How often it was begun."""
        return sum(line.get("begun") == key for line in self._lines())

    def last(self, key: str) -> dict[str, Any] | str | None:
        """What the bench's log tells of a key: its outcome, "begun" where it broke off, None for nothing."""
        found: dict[str, Any] | str | None = None
        for line in self._lines():
            if line.get("begun") == key:
                found = "begun"
            elif line.get("done") == key:
                found = line["outcome"]
        return found

    def _lines(self) -> list[dict[str, Any]]:
        text = self._log.read_text() if self._log.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # a line that a loss of power tore says nothing
        return [json.loads(line) for line in whole.splitlines()]

    def _write(self, line: dict[str, Any]) -> None:
        with self._log.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _yield(settings: dict[str, Any]) -> float:
    """A made-up chemistry, per cent: labels have an effect each, and 95 degC for 8 hours is best."""
    total = 0.0
    for name, value in settings.items():
        if isinstance(value, str):
            total += int(hashlib.sha256(f"{name}={value}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF - 0.5
        elif name == "temperature":
            total += 1.0 - ((value - 95.0) / 40.0) ** 2
        elif name == "time":
            total += 0.5 - ((value - 8.0) / 8.0) ** 2
    return round(100.0 / (1.0 + math.exp(-2.0 * total)), 2)
