"""Worksheets, forms and tables to be filled in have targets and parameters in the order of the campaign file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.small import CAMPAIGN


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def columns(path: str) -> list[str]:
    """The columns of a table, of targets alone."""
    header = Path(path).read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    return [column for column in header if column in ("yield [%]", "ee [%]", "cost [EUR]")]


def test_it_is_that_of_the_file_and_not_of_the_alphabet(hakken: Any) -> None:
    more = '  yield: {goal: maximize, unit: "%", low: 0, high: 100}\n  ee: {goal: maximize, unit: "%"}\n'
    text = CAMPAIGN.replace("adapter: simulated", "adapter: manual, worksheet: bench.csv")
    Path("small.yaml").write_text(text.replace('  yield: {goal: maximize, unit: "%", low: 0, high: 100}\n', more))

    hakken("run", "small.yaml")
    hakken("export", "small", "todo.csv", "--waiting")

    assert columns("bench.csv") == ["yield [%]", "ee [%]"]
    assert columns("todo.csv") == ["yield [%]", "ee [%]"]
    form = Path("bench-form.html").read_text(encoding="utf-8")
    assert form.index("yield [%]") < form.index("ee [%]")


def test_so_it_is_of_parameters_and_of_parts_with_their_mixture(hakken: Any) -> None:
    space = """
  temperature: {type: number, values: [60, 80, 100], unit: degC}
  solvent: {type: mixture, parts: [water, ethanol], step: 0.25}
  base: {type: category, options: [DBU, KOAc]}
"""
    head, rest = CAMPAIGN.split("\n  ligand", 1)
    text = head + space + rest[rest.index("objective") :]
    Path("small.yaml").write_text(text.replace("adapter: simulated", "adapter: manual, worksheet: bench.csv"))
    named = ["temperature [degC]", "solvent.water", "solvent.ethanol", "base"]

    hakken("run", "small.yaml")
    hakken("export", "small", "todo.csv", "--waiting")

    for table in ("bench.csv", "todo.csv"):
        header = Path(table).read_text(encoding="utf-8-sig").splitlines()[0].split(",")
        assert [column for column in header if column in named] == named
    form = Path("bench-form.html").read_text(encoding="utf-8")
    assert [form.index(name) for name in named[:2]] == sorted(form.index(name) for name in named[:2])


def test_so_it_is_of_the_wells_of_a_plate(hakken: Any) -> None:
    space = """
  temperature: {type: number, values: [60, 80, 100], unit: degC}
  solvent: {type: mixture, parts: [water, ethanol], step: 0.25}
  base: {type: category, options: [DBU, KOAc]}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
  ee: {goal: maximize, unit: "%"}
plate: {rows: 1, columns: 2}
"""
    head, rest = CAMPAIGN.split("\n  ligand", 1)
    text = (head + space + rest[rest.index("planner") :]).replace("simulated", "manual")
    Path("small.yaml").write_text(text.replace("batch: 2, ", ""))

    hakken("run", "small.yaml")
    hakken("plate", "small", "--out", "plate.csv")

    named = ["temperature [degC]", "solvent.water", "solvent.ethanol", "base", "yield [%]", "ee [%]"]
    header = Path("plate.csv").read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    assert [column for column in header if column in named] == named
