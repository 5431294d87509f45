"""A worksheet as a person sees it: read, filled in, and what came of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from adapters.manual.laboratory import Manual
from loop.contracts import Handle
from loop.outcome import Fault, Measured, Negative, read_outcome
from tests.adapters.helpers import EXPERIMENT


def sheet_of(folder: Path) -> Path:
    return folder / "lab" / "worksheet.csv"


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def fill(path: Path, key: str, **cells: str) -> None:
    """Type something into the row of ``key``; ``yield_`` stands for the column of the target."""
    cells = {{"yield_": "yield [%]", "sd": "yield sd"}.get(name, name): text for name, text in cells.items()}
    write(path, [{**row, **cells} if row["key"] == key else row for row in read(path)])


def outcome(manual: Manual, handle: Handle, number: int = -1) -> Measured | Negative | Fault:
    return read_outcome(json.loads(manual.fetch(handle)[number].payload), EXPERIMENT.targets)
