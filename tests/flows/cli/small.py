"""Small campaigns that tests of the command line share, and what is typed into a worksheet."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

CAMPAIGN = """\
campaign: small
space:
  ligand: {type: component, options: {PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1, PCy3: C1CCC(P(C2CCCCC2)C2CCCCC2)CC1}}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 4}
laboratory: {adapter: simulated}
"""


ONE_NUMBER: dict[str, Any] = {  # to be told tables of
    "campaign": "cells",
    "space": {"step": {"type": "number", "low": 1, "high": 9, "step": 1}},
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "planner": {"surrogate": "random", "initial": {"experiments": 2}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}


def write(**changes: str) -> None:
    """Write the campaign file, each key replaced by its value."""
    text = CAMPAIGN
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    Path("small.yaml").write_text(text)


def fill(*rows: dict[str, str]) -> None:
    """Type cells into the last rows of the worksheet."""
    sheet = Path("runs/small/laboratory/worksheet.csv")
    typed = list(csv.DictReader(sheet.read_text(encoding="utf-8-sig").splitlines()))
    for row, cells in zip(typed[-len(rows) :], rows, strict=True):
        row |= cells
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in typed for name in row)))
        writer.writeheader()
        writer.writerows(typed)
