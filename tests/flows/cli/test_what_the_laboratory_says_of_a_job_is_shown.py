"""What a laboratory says of where an attempt stands is shown beside it, as the last pass heard it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.engine import View, passes, tick
from flows.settings import Settings
from flows.wiring import open_laboratory, open_record
from loop.contracts import Phase, Status
from tests.flows.engine.bench import add, cheap_planner

SLOW = {"adapter": "simulated", "delay": 1000.0}


@pytest.fixture(autouse=True)
def _without_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "write_page", lambda _session, **_: None)


def heard(
    hakken: Any, home: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, laboratory: dict[str, Any], said: Status
) -> str:
    """How a round is shown once the laboratory said so of each of its attempts."""
    add(home, folder, laboratory=laboratory)
    tick(home, "small", planner=cheap_planner)
    with open_record(home) as ledger:
        kind = type(open_laboratory(home, View(ledger, "small").spec))
    monkeypatch.setattr(kind, "status", lambda _lab, _handle: said)
    tick(home, "small", planner=cheap_planner)
    return str(hakken("show", "small").out)


def test_what_a_queue_says_of_its_jobs_is_shown(
    hakken: Any, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = heard(hakken, home, tmp_path, monkeypatch, SLOW, Status(Phase.WAITING, "job 12: Priority"))
    monkeypatch.undo()
    tick(home, "small", planner=cheap_planner)

    assert shown.count(": submitted, job 12: Priority\n") == 4
    assert "Priority" not in hakken("show", "small").out


@pytest.mark.parametrize(
    ("laboratory", "said"),
    [
        ({"adapter": "manual"}, Status(Phase.WAITING, "waits for its row to be filled in")),
        (SLOW, Status(Phase.WAITING, "job 12: JobHeldUser", "is held in Slurm as job 12")),
    ],
    ids=["by a person", "noted already"],
)
def test_what_a_person_brings_or_is_told_of_anyway_is_not_shown_there(
    hakken: Any,
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    laboratory: dict[str, Any],
    said: Status,
) -> None:
    shown = heard(hakken, home, tmp_path, monkeypatch, laboratory, said)

    assert said.detail not in shown
    assert shown.count(": submitted\n") == 4
