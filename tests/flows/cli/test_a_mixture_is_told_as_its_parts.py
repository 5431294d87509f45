"""Wherever a person reads of a mixture, its parts stand together, and what is not in it is not said to be there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

SPEC = {
    "campaign": "mixed",
    "space": {
        "solvent": {"type": "mixture", "parts": ["water", "ethanol", "DMSO"], "step": 0.2},
        "heat": {"type": "number", "values": [20, 40], "unit": "degC"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%"}},
    "planner": {"surrogate": "random", "batch": 2, "initial": {"experiments": 2}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}


def test_the_page_lists_no_part_that_is_not_there(hakken: Any, tell_table: Any) -> None:
    tell_table(SPEC, "solvent.water,solvent.ethanol,solvent.DMSO,heat,yield\n0.6,0,0.4,20,50\n0,1,0,40,30\n")
    hakken("run", "mixed")

    hakken("report", "mixed")

    (file,) = Path().rglob("report.html")
    page = file.read_text("utf-8").split('<section id="spec">')[0]
    text = re.sub(r"<[^>]+>", " ", page)
    assert "solvent 0.6 water + 0.4 DMSO, heat 20\N{NO-BREAK SPACE}degC; experiment 1" in text
    assert text.count("solvent 1 ethanol · heat 40\N{NO-BREAK SPACE}degC") == 2  # a tile and a line of every outcome
    assert "solvent: 0.6 water + 0.4 DMSO" in page  # where a mark is pointed at
    assert not re.search(r"solvent\.\w+:? [\d.]+", page)


def test_a_well_that_is_pointed_at_says_what_is_in_it(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    plate = {"rows": 2, "columns": 3}
    spec = SPEC | {"plate": plate, "planner": {"surrogate": "random", "initial": {"design": "random"}}}
    Path("mixed.yaml").write_text(yaml.safe_dump(spec | {"budget": {"experiments": 6}}))
    hakken("run", "mixed.yaml")

    hakken("plate", "mixed")

    (page,) = Path().rglob("plate-1.html")
    tips = re.findall(r"<title>([A-B][1-3]: .*?)</title>", page.read_text("utf-8"))
    assert tips
    for tip in tips:
        assert re.search(r"heat (20|40) degC, solvent [\d.]+ \w+( \+ [\d.]+ \w+)*$", tip), tip
