"""A cell that is nearly a number is refused with what to write in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

SPEC: dict[str, Any] = {
    "campaign": "limits",
    "space": {"step": {"type": "number", "low": 1, "high": 9, "step": 1}},
    "objective": {
        "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
        "impurity": {"goal": "keep", "unit": "%", "at_most": 0.5, "low": 0},
    },
    "planner": {"surrogate": "random", "initial": {"experiments": 2}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}
TOLD = "step,yield,impurity\n1,70,0.8\n2,85,<0.1\n3,99,<2\n4,12,0.3\n5,>95,<0.1\n"


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> Any:
    monkeypatch.chdir(tmp_path)

    def write(rows: str = TOLD, **changes: Any) -> None:
        (tmp_path / "campaign.yaml").write_text(yaml.safe_dump({**SPEC, **changes}, sort_keys=False), encoding="utf-8")
        (tmp_path / "told.csv").write_text(rows, encoding="utf-8")
        hakken("tell", "campaign.yaml", "told.csv")

    return write


CELLS = [
    ('"45,3"', "use a point as decimal sign, and no sign for thousands"),
    ("62.1 %", "write 62.1 alone: its unit stands beside it"),
    ("45.2 \N{PLUS-MINUS SIGN} 2", "write 45.2 alone, and 2 as"),
    ("n.d.", "write a limit such as <1 where nothing was found, or report it as negative or fault"),
]


@pytest.mark.parametrize(("cell", "remedy"), CELLS)
def test_a_cell_that_is_nearly_a_number_is_told_how_to_be_one(
    hakken: Any, tell: Any, home: Any, cell: str, remedy: str
) -> None:
    tell("step,yield,impurity\n9,20,0.1\n")
    hakken("run", "campaign.yaml")
    sheet = home.folder("limits") / "laboratory" / "worksheet.csv"
    head, row, *others = sheet.read_text("utf-8-sig").splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=True))
    cells |= {"yield [%]": cell, "impurity [%]": "0.1"}
    sheet.write_text("\n".join([head, ",".join(cells.values()), *others]), encoding="utf-8")

    assert remedy in " ".join(hakken("tick", "limits").out.split())


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("45.2 \N{PLUS-MINUS SIGN} 2", "write 45.2 alone, and 2 in a column 'yield_sd' beside it"),
        ("45 +- 2", "write 45 alone, and 2 in a column 'yield_sd' beside it"),
        (">", "has '>' without a limit; write >5, if that is the limit"),
    ],
)
def test_a_told_cell_that_is_nearly_a_number_is_told_how_to_be_one(
    tmp_path: Path, hakken: Any, tell: Any, cell: str, remedy: str
) -> None:
    tell()
    (tmp_path / "more.csv").write_text(f"step,yield\n3,{cell}\n", encoding="utf-8")

    assert remedy in " ".join(hakken("tell", "limits", "more.csv").err.split())
