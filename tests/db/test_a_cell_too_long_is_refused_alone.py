"""A cell that no spreadsheet holds: one clear refusal, nothing written, and no word of the writer's own beside it."""

from __future__ import annotations

import gc
from pathlib import Path

import openpyxl
import pytest

from db.spreadsheet import LONGEST, write_workbook
from loop.errors import LedgerError


def test_nothing_is_left_half_written_and_nothing_else_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [{"note": "short"}, {"note": "x" * (LONGEST + 1)}]

    with pytest.raises(LedgerError, match=f"column 'note' has {LONGEST + 1} characters"):
        write_workbook(["note"], rows, tmp_path / "t.xlsx")
    gc.collect()

    assert capfd.readouterr().err == ""
    assert not (tmp_path / "t.xlsx").exists()


def test_the_longest_cell_is_written_whole(tmp_path: Path) -> None:
    write_workbook(["note"], [{"note": "x" * LONGEST}], tmp_path / "t.xlsx")

    (_, (cell,)) = openpyxl.load_workbook(tmp_path / "t.xlsx").active.iter_rows(values_only=True)
    assert cell == "x" * LONGEST
