"""A table of candidates as it is kept elsewhere: imported, filled in where results came, and told as it is."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(measured: Collection[str]) -> None:
    rows = [["name", "gap [eV]", "radius", "energy"]]
    for i in range(60):
        gap, radius = (i * 37 % 101) / 10, (i * 53 % 97) / 10
        rows.append([f"m{i}", str(gap), str(radius), str(gap + radius) if f"m{i}" in measured else ""])
    Path("c.csv").write_text("\n".join(map(",".join, rows)) + "\n")


def test_rows_that_were_filled_in_are_told_with_their_numbers_and_none_counts_twice(hakken: Any) -> None:
    first = {"m0", "m7", "m21", "m40"}
    write(first)
    assert hakken("import", "c.csv", "--target", "energy:minimize").code == 0
    assert hakken("run", "campaign.yaml").code == 0
    with next(Path("runs").glob("*/laboratory/worksheet.csv")).open(encoding="utf-8-sig") as sheet:
        asked = {row["name"] for row in csv.DictReader(sheet)}

    write(first | asked)
    told = hakken("tell", "campaign.yaml", "c.csv", "--match")

    assert len(asked) == 5
    assert asked <= {f"m{i}" for i in range(60)}
    assert "c.csv: 5 results accepted, 4 known already" in told.out
    assert "5 rows are results of experiments that were waited for with their settings" in told.out
    assert hakken("predict", "c", "c.csv").code == 0


def test_told_as_it_was_imported_it_is_all_known_but_what_is_open(hakken: Any) -> None:
    write({"m0", "m7", "m21", "m40"})
    assert hakken("import", "c.csv", "--target", "energy:minimize").code == 0

    told = hakken("tell", "campaign.yaml", "c.csv")

    assert (told.code, "c.csv: 0 results accepted, 4 known already" in told.out) == (0, True)
    assert "have no result yet, and count for nothing: fill them in and tell the file again" in told.out + told.err
