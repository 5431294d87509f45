"""A unit of ``1`` says that a number has none, and stands beside none: in messages, tables, worksheets and pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

SPEC: dict[str, Any] = {
    "campaign": "plain",
    "space": {
        "ratio": {"type": "number", "low": 1, "high": 5, "unit": "1"},
        "base": {"type": "category", "options": ["KOAc", "CsOAc"]},
    },
    "objective": {"ee": {"goal": "maximize", "unit": "1", "low": 0, "high": 1}},
    "planner": {"surrogate": "gp", "batch": 2, "initial": {"experiments": 2}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_stands_beside_no_number(hakken: Any, tell_table: Any) -> None:
    tell_table(SPEC, "ratio,base,ee [%]\n1,KOAc,50\n2,CsOAc,70\n")
    Path("more.csv").write_text("ratio,base,ee [%]\n9,KOAc,140\n")

    told = hakken("tell", "plain", "more.csv")
    shown = [told, *(hakken(does, "plain") for does in ("run", "show", "best", "status", "report"))]

    (sheet,), (page,) = Path().rglob("worksheet.csv"), Path().rglob("report.html")
    texts = [said.out for said in shown] + [re.sub(r"<[^>]+>", " ", page.read_text("utf-8"))]
    assert "ee 1.4 of ratio 9, KOAc is beyond what it can be (0 to 1)" in told.out
    assert "ratio 2, CsOAc" in texts[-1]
    for text in texts:
        assert not re.search(r"(ratio|ee) [\d.]+ 1\b|\[1\]|ee / 1\b|\] 1\b", text)
    assert sheet.read_text("utf-8-sig").startswith("key,run_order,ratio,base,ee,")
