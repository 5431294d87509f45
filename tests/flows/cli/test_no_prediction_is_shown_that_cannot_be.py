"""A model may believe in a yield of 112 %. What is shown of it keeps to what the target can be, as ``best`` does."""

from __future__ import annotations

import re
from typing import Any

SPEC: dict[str, Any] = {
    "campaign": "beyond",
    "space": {"t": {"type": "number", "low": 0, "high": 10}},
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "planner": {"surrogate": "gp", "batch": 2, "initial": {"experiments": 4}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}


def test_what_is_shown_of_predictions_keeps_to_what_can_be(tell_table: Any, hakken: Any, home: Any) -> None:
    tell_table(SPEC, "t,yield\n" + "".join(f"{t},{20 * t}\n" for t in (0, 1, 2, 3, 4, 5)))

    previewed = hakken("run", "campaign.yaml", "--dry-run").out
    hakken("run", "campaign.yaml")
    shown = hakken("show", "beyond").out
    hakken("report", "beyond")

    stored = hakken("show", "beyond", "--json").json["proposals"]
    believed = [p["mean"] for each in stored for p in each["proposal"]["draft"]["predictions"]]
    assert max(believed) > 101  # what was believed stays on record as it was
    page = (home.folder("beyond") / "report.html").read_text(encoding="utf-8")
    for said in (previewed, shown, page):
        told = [float(number) for number in re.findall(r"([\d.]+) \N{PLUS-MINUS SIGN} [\d.]+ %", said)]
        assert told
        assert max(told) == 100
    assert "yield 100 " in shown
