"""Scopes of EDBO+ in the shape in which it writes them: measured rows last (-1), its proposals first (1).

``python make_edbo.py FOLDER`` writes ``edbo_scope.csv`` (every combination, one objective) and ``edbo_two.csv`` (a list
of candidates, two objectives). EDBO+ itself is not needed; the values are made up.
"""

from __future__ import annotations

import csv
import itertools
import sys
from pathlib import Path

BASES = ("CC(=O)[O-].[K+]", "CC(C)(C)C(=O)[O-].[Cs+]")
SOLVENTS = ("CC(=O)N(C)C", "CCCC#N")
MEASURED = {
    (BASES[0], SOLVENTS[0], "0.057", "90"): "5.47",
    (BASES[1], SOLVENTS[0], "0.1", "105"): "0",
    (BASES[1], SOLVENTS[1], "0.153", "120"): "12.345678901234567",
}


def scope() -> list[list[str]]:
    """Every combination of two bases, two solvents, three concentrations and three temperatures."""
    header = ["base_SMILES", "solvent_SMILES", "concentration", "temperature (degC)", "atmosphere", "yield", "priority"]
    rows = []
    for combination in itertools.product(BASES, SOLVENTS, ("0.057", "0.1", "0.153"), ("90", "105", "120")):
        value = MEASURED.get(combination, "PENDING")
        is_next = combination[1:3] == (SOLVENTS[1], "0.057") and value == "PENDING"
        priority = "-1" if value != "PENDING" else "1" if is_next else "0"
        rows.append([*combination, "N2", value, f"{priority}.0"])
    again = [*rows[0][:5], "5.9", "-1.0"]  # a replicate
    return [header, *sorted([*rows, again], key=lambda row: -float(row[-1]))]


def two() -> list[list[str]]:
    """Five of six combinations, with yields and costs."""
    header = ["new_index", "ligand", "temperature", "yield", "cost", "priority"]
    return [
        header,
        ["3", "dppf", "60", "PENDING", "PENDING", "1"],
        ["1", "XPhos", "80", "PENDING", "PENDING", "0"],
        ["4", "dppf", "80", "PENDING", "0.25", "0"],
        ["0", "XPhos", "60", "71.5", "0.125", "-1"],
        ["2", "PPh3", "60", "1e-3", "0.5", "-1"],
    ]


if __name__ == "__main__":
    for name, rows in (("edbo_scope.csv", scope()), ("edbo_two.csv", two())):
        with (Path(sys.argv[1]) / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
