"""A device's folder that was named wrongly is no dead end: what never came into it goes to the one that is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.engine import passes, tick
from flows.settings import Settings
from tests.flows.engine.bench import add, cheap_planner


@pytest.fixture(autouse=True)
def _without_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "write_page", lambda _session, **_: None)


def campaign(settings: Settings, folder: Path, exchange: str) -> Path:
    add(settings, folder, laboratory={"adapter": "csv_folder", "folder": exchange, "heartbeat": None})
    return folder / "campaign.yaml"


def commands(folder: Path) -> int:
    return len(list((folder / "commands").glob("*.csv")))


def test_what_never_came_into_a_folder_goes_to_the_one_that_is_mended(
    hakken: Any, home: Settings, tmp_path: Path
) -> None:
    campaign(home, tmp_path, "exchang")
    tick(home, "small", planner=cheap_planner)
    (before,) = hakken("status", "small", "--json").json
    (tmp_path / "exchange").mkdir()
    file = tmp_path / "campaign.yaml"
    file.write_text(file.read_text("utf-8").replace("exchang", "exchange"), "utf-8")
    told = hakken("tick", file)
    (standing,) = hakken("status", "small", "--json").json

    assert before["pending"]["sending"] >= 1
    assert told.code == 0, told.err
    assert commands(tmp_path / "exchange") == standing["pending"]["submitted"] == 4


def test_once_a_command_lies_in_a_folder_it_stays(hakken: Any, home: Settings, tmp_path: Path) -> None:
    for name in ("exchange", "other"):
        (tmp_path / name).mkdir()
    file = campaign(home, tmp_path, "exchange")
    tick(home, "small", planner=cheap_planner)
    file.write_text(file.read_text("utf-8").replace("exchange", "other"), "utf-8")
    moved = hakken("tick", file)

    assert moved.code == 2
    assert "the laboratory's options (folder) cannot be changed while 4 attempts are with 'csv_folder'" in moved.err
    assert (commands(tmp_path / "exchange"), commands(tmp_path / "other")) == (4, 0)
