"""Help and status come at once: nothing heavy is imported for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = {
    "torch",
    "botorch",
    "gpytorch",
    "prefect",
    "rdkit",
    "pint",
    "sqlalchemy",
    "pandas",
    "plotly",
    "sklearn",
    "scipy",
}


def loaded(*words: str, home: Path) -> set[str]:
    """Top-level modules that a command loads."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flows.cli", *words],
        cwd=ROOT,
        env={**os.environ, "HAKKEN_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("audit", "verify", "--help"), ("lab", "--help")])
def test_help_loads_nothing_heavy(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert not loaded(*words, home=tmp_path) & (HEAVY | {"numpy", "yaml"})


def test_status_loads_no_more_than_the_record(tmp_path: Path) -> None:
    assert not loaded("status", home=tmp_path) & (HEAVY - {"sqlalchemy"})


def test_what_a_surrogate_does_not_need_is_not_loaded_for_it(tmp_path: Path) -> None:
    file = tmp_path / "light.yaml"
    file.write_text(
        "campaign: light\n"
        "space: {solvent: {type: category, options: [DMF, DMSO, MeCN, THF]}}\n"
        "objective: {yield: {goal: maximize, unit: '%'}}\n"
        "planner: {surrogate: gp, batch: 2, initial: {experiments: 2}}\n"
        "laboratory: {adapter: simulated}\n"
        "budget: {experiments: 4}\n"
    )

    found = loaded("run", str(file), home=tmp_path / "runs")

    assert "torch" in found
    assert not found & {"sklearn", "pandas", "sympy", "pint", "prefect", "plotly"}
    assert not loaded("status", "light", home=tmp_path / "runs") & (HEAVY - {"sqlalchemy", "scipy"})
