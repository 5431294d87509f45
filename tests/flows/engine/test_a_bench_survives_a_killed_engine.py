"""Law 4 on a bench that PyLabRobot drives: the engine is killed in each state, then the process that plays the run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("pylabrobot", reason="PyLabRobot needs hakken[pylabrobot]")

from adapters.pylabrobot.bench import begun
from db.ledger import open_ledger
from flows.engine import resolve
from flows.settings import Settings
from loop.experiment import State
from loop.outcome import Fault, FaultKind, Measured
from tests.adapters.plates import benches
from tests.adapters.plates.robots import CAMPAIGN, OT2
from tests.flows.engine.bench import add, story_of
from tests.flows.engine.zygote import Zygote

LABELS = [
    "dispatch.started",
    "plates.closed",
    "plates.uploaded",
    "plates.created",
    "plates.intended",
    "plates.played",
    "plates.kept",
    "plates.handed-on",
    "ingest.stored",
]


def campaign(settings: Settings, folder: Path, **changes: Any) -> Path:
    """A campaign of one plate with two of four candidates; returns the bench's folder."""
    said: dict[str, Any] = {k: v for k, v in yaml.safe_load(CAMPAIGN).items() if k != "campaign"}
    said |= {
        "plate": {"rows": 1, "columns": 2},
        "budget": {"experiments": 2},
        "planner": {"initial": {"experiments": 2}},
        "space": {**said["space"], "temperature": {"type": "number", "values": [80], "unit": "degC"}},
        "laboratory": {"adapter": "pylabrobot", **benches.section(deck=OT2, **changes)},
    }
    add(settings, folder, **said)
    return settings.folder("small") / "laboratory" / "bench"


def story(settings: Settings) -> tuple[Any, ...]:
    told = story_of(settings)
    return told.results, told.state, told.attempts


def test_killed_in_each_state_it_comes_to_the_same_end(tmp_path: Path, zygote: Zygote) -> None:
    """One engine after the other, each killed at another point of the same campaign, while the run goes on."""
    died = Counter[int]()
    whole = Settings(tmp_path / "whole" / "runs", by="tester")
    campaign(whole, tmp_path / "whole")
    assert zygote.ask(whole.home) == 0
    for label in LABELS:
        home = Settings(tmp_path / label / "runs", by="tester")
        bench = campaign(home, tmp_path / label)
        died[zygote.ask(home.home, environ={"HAKKEN_CRASH_AT": label})] += 1
        assert zygote.ask(home.home) == 0

        assert story(home) == story(whole), label
        assert list(begun(bench).values()) == [1, 1], label

    assert died == {-9: len(LABELS)}
    assert len(story(whole)[0]) == 2


def test_a_run_killed_in_the_middle_waits_for_a_person_who_ends_the_doubt_in_one_command(
    settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    bench = campaign(settings, tmp_path, **benches.frail(tmp_path, 9))
    zygote.ask(settings.home)
    with open_ledger(settings.database) as ledger:
        keys = [a.key for a in ledger.attempts("small", [State.AMBIGUOUS])]
    zygote.ask(settings.home)
    before = begun(bench)
    for key in keys:
        resolve(settings, key, ran=True, by="tester")
    assert zygote.ask(settings.home) == 0
    outcomes = [outcome for *_, outcome in story_of(settings).results]

    assert len(keys) == 2
    assert before == begun(bench) == dict.fromkeys(keys, 1)
    assert len(benches.calls(tmp_path)) == 10
    assert not any(isinstance(outcome, Measured) for outcome in outcomes)
    assert {o.kind for o in outcomes if isinstance(o, Fault)} == {FaultKind.AMBIGUOUS}
