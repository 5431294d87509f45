"""Measured tables as laboratories: a campaign spec, and the value of every candidate. A new table is a few lines."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from loop.space import PointPool, Space
from loop.spec import CampaignSpec, build_space


@dataclass(frozen=True)
class Columns:
    """Where a table's parameters and its target stand."""

    file: str
    components: Mapping[str, str]  # parameter: column with SMILES
    numbers: Mapping[str, tuple[str, str]]  # parameter: column and unit
    target: str
    optimum: float


TABLES: dict[str, Columns] = {
    "direct_arylation": Columns(
        "direct_arylation/experiment_index.csv",
        {"base": "Base_SMILES", "ligand": "Ligand_SMILES", "solvent": "Solvent_SMILES"},
        {"concentration": ("Concentration", "mol/L"), "temperature": ("Temp_C", "degC")},
        "yield",
        100.0,
    ),
    "buchwald_hartwig": Columns(
        "buchwald_hartwig/experiment_index.csv",
        {
            "halide": "Aryl_halide_SMILES",
            "additive": "Additive_SMILES",
            "base": "Base_SMILES",
            "ligand": "Ligand_SMILES",
        },
        {},
        "yield",
        100.0,
    ),
}


@dataclass(frozen=True)
class Table:
    """A table as a search problem: maximise ``values`` (%) over the rows of ``pool``."""

    name: str
    spec: dict[str, Any]
    space: Space
    pool: PointPool
    values: np.ndarray
    optimum: float

    def planner_spec(self, **planner: Any) -> CampaignSpec:
        """The campaign spec with these planner settings."""
        return CampaignSpec.from_resolved(
            {**self.spec, "planner": {"batch": 5, "initial": {"experiments": 5}, **planner}}
        )

    def row(self, x: np.ndarray) -> int:
        """Number of the row with these coordinates."""
        return int(np.flatnonzero((self.pool.points == x).all(axis=1))[0])


@lru_cache(maxsize=4)
def load_table(name: str, data: Path) -> Table:
    """Read a table; parameters with SMILES become components, the rest numbers."""
    columns = TABLES[name]
    with (data / columns.file).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    space: dict[str, Any] = {}
    for parameter, column in columns.components.items():
        options = sorted({r[column] for r in rows})
        space[parameter] = {"type": "component", "options": {smiles: smiles for smiles in options}}
    for parameter, (column, unit) in columns.numbers.items():
        space[parameter] = {"type": "number", "values": sorted({float(r[column]) for r in rows}), "unit": unit}
    spec = {
        "campaign": name,
        "space": space,
        "objective": {columns.target: {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
        "budget": {"experiments": 1000},
        "laboratory": {"adapter": "emulator"},
    }
    built = build_space(CampaignSpec.from_resolved({**spec, "planner": {}}))
    settings = [
        {p: r[c] for p, c in columns.components.items()} | {p: float(r[c]) for p, (c, _) in columns.numbers.items()}
        for r in rows
    ]
    points = np.array([built.coordinates(s) for s in settings])
    values = np.array([float(r[columns.target]) for r in rows])
    return Table(name, spec, built, PointPool(points), values, columns.optimum)
