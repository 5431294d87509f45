"""A plate that waits for approval, while its file gets another plate: what of it goes with that no more is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = """
campaign: bench
space:
  ligand: {type: category, options: [A, B, C]}
  temperature: {type: number, values: [60, 80], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
plate: {rows: 2, columns: 2, share: {temperature: row}, at_most: {ligand: 3}}
planner: {surrogate: gp, initial: {design: spread, hottest: false}}
budget: {experiments: 8}
laboratory: {adapter: manual, approval: person}
"""
ROWS = "rows: 2, columns: 2, share: {temperature: row}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "bench.yaml"
    file.write_text(FILE)
    return file


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (ROWS, "rows: 1, columns: 4", "a plate of 1 x 4 wells has no B1, B2"),
        ("{temperature: row}", "{temperature: column}", "temperature is not the same all over each column"),
        ("{ligand: 3}", "{ligand: 1}", "of ligand, and 1 may be on one"),
        (ROWS, "rows: 2, columns: 3, share: {temperature: row}", ""),  # its wells are there as well
        ("plate: {rows", "# {rows", ""),  # no plate any more: wells are labels
    ],
)
def test_what_a_changed_file_has_otherwise_of_a_plate_that_waits_is_named(
    hakken: Callable[..., Any], file: Path, before: str, after: str, told: str
) -> None:
    hakken("tick", file)
    assert before in FILE
    file.write_text(FILE.replace(before, after))

    said, status = hakken("tick", file), hakken("status", "bench")

    for shown in (said.out + said.err, status.out):
        assert ("round 1, which waits for approval, was laid out before the campaign file got another" in shown) is (
            told != ""
        )
        assert told in shown
