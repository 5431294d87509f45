"""A scope of EDBO+ that a German spreadsheet saved, and what is said of rows and columns of tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.importing import ImportFault, Source, read_foreign


def source(text: str) -> Source:
    return Source(Path("t.csv"), text.encode(), {"yield": "maximize"}, campaign="c", table="t.csv")


def test_a_scope_with_decimal_commas_is_mostly_pending() -> None:
    rows = "".join(f"XPhos;{t},5;PENDING;{t % 2}\n" for t in range(6))

    foreign = read_foreign(source(f"ligand;T;yield;priority\n{rows}PPh3;0,5;71,5;-1\n"))

    assert foreign.format == "edbo"
    assert [r.readings["yield"].value for r in foreign.results] == [71.5]
    assert foreign.results[0].settings["T"] == 0.5
    assert len(foreign.pending) == 3


def test_a_column_without_a_name_that_counts_rows_is_said_to_have_none() -> None:
    foreign = read_foreign(source(",ligand,yield,priority\n0,XPhos,3,0\n1,PPh3,PENDING,1\n2,SPhos,4,0\n"))

    assert "column without a name: it counts the rows" in foreign.left


def test_a_cell_too_many_is_told_with_what_parts_cells_there() -> None:
    with pytest.raises(ImportFault, match="quote a cell that holds a semicolon"):
        read_foreign(source("ligand;T;yield\nXPhos;60;1;2\n"))
