"""Where nothing measured keeps the thresholds, every place that names a best says so, and names what comes nearest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

SPEC: dict[str, Any] = {
    "campaign": "strict",
    "space": {"step": {"type": "number", "values": [1, 2, 3, 4]}},
    "objective": {
        "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
        "purity": {"goal": "keep", "unit": "%", "at_least": 99},
    },
    "planner": {"surrogate": "random", "initial": {"experiments": 4}},
    "budget": {"experiments": 4},
    "laboratory": {"adapter": "emulator", "table": "table.csv"},
}
TABLE = "step,yield,purity\n1,90,50\n2,70,98\n3,80,40\n4,60,30\n"
NEAREST = "nothing yet keeps the thresholds; nearest comes step 2 (purity 98 %, and at least 99 % is wanted)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(SPEC, sort_keys=False), encoding="utf-8")
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def flat(text: str) -> str:
    return " ".join(text.split())


def test_where_nothing_was_measured_that_has_thresholds_that_is_said(hakken: Any, home: Any, folder: Path) -> None:
    spec = {**SPEC, "laboratory": {"adapter": "manual"}, "objective": {"yield": SPEC["objective"]["yield"]}}
    (folder / "campaign.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    (folder / "told.csv").write_text("step,yield\n1,90\n2,70\n", encoding="utf-8")
    hakken("tell", "campaign.yaml", "told.csv")
    spec["objective"] = SPEC["objective"]  # a target that comes later
    (folder / "campaign.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    said = flat(hakken("tick", "campaign.yaml").out)
    status = flat(hakken("status", "strict").out)
    hakken("report", "strict")

    page = (home.folder("strict") / "report.html").read_text(encoding="utf-8")
    why = "no result has a value of purity yet, and it has thresholds, so none can be named best"
    assert why in said
    assert why in status
    assert why in page
    assert "best yield so far" not in page


def test_a_limit_is_held_against_thresholds_as_far_as_it_goes(hakken: Any, folder: Path) -> None:
    targets = {"cycles": {"goal": "maximize", "at_least": 100}, "purity": SPEC["objective"]["purity"]}
    spec = {**SPEC, "laboratory": {"adapter": "manual"}, "objective": targets}
    (folder / "campaign.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    (folder / "told.csv").write_text("step,cycles,purity\n1,>500,98\n2,120,<60\n", encoding="utf-8")
    hakken("tell", "campaign.yaml", "told.csv")
    said = flat(hakken("status", "strict").out)
    (folder / "more.csv").write_text("step,cycles,purity\n3,<20,99.5\n", encoding="utf-8")
    hakken("retract", "strict", "told.csv", "--file", "--why", "test")
    hakken("tell", "campaign.yaml", "more.csv")

    assert "nearest comes step 1 (purity 98 %, and at least 99 % is wanted)" in said
    assert "nearest comes step 3 (cycles <20, and at least 100 is wanted)" in flat(hakken("status", "strict").out)


@pytest.mark.usefixtures("folder")
def test_the_run_its_end_the_status_and_the_page_say_so(hakken: Any, home: Any) -> None:
    said = flat(hakken("run", "campaign.yaml").out)
    status = hakken("status", "strict")
    document = json.loads(hakken("status", "strict", "--json").out)[0]
    page = (home.folder("strict") / "report.html").read_text(encoding="utf-8")

    assert NEAREST in said
    assert said.count("nothing yet keeps the thresholds") == 2  # as a result came, and at the end
    assert "best so far" not in said
    assert NEAREST in flat(status.out)
    assert document["best"] == []
    assert document["nearest"]["label"] == "step 2"
    assert "nothing yet keeps the thresholds" in page
    assert "best yield so far" not in page


def test_where_one_keeps_them_only_those_that_do_are_shown(hakken: Any, folder: Path) -> None:
    (folder / "table.csv").write_text(TABLE.replace("2,70,98", "2,70,99.5"), "utf-8")
    said = flat(hakken("run", "campaign.yaml").out)
    document = json.loads(hakken("status", "strict", "--json").out)[0]

    assert "nothing yet keeps" not in said.split("strict is finished")[1]
    assert "step 2" in said.split("highest yield within the thresholds")[1]
    assert "step 1" not in said.split("highest yield")[1].split("next:")[0]
    assert [b["value"] for b in document["best"] if b["target"] == "yield"] == [70.0]
    assert document["nearest"] is None
