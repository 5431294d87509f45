"""A stand-in keeps the laws, refuses what the declared laboratory refuses, and never calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.executors.local import LocalExecutor
from adapters.registry import build
from adapters.stand_in import MadeUp, stand_in
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec
from loop.testing.adapter import AdapterContract
from tests.adapters.helpers import count_starts

WATER = ExperimentSpec("gaps", {"molecule": "water"}, {}, {"molecule": "O"}, {"gap": "eV"})


def played(folder: Path) -> Adapter:
    context = AdapterContext(str(folder / "declared"), str(folder), "gaps", WATER.targets)
    return stand_in(build("xtb", {"workers": 3}, context), MadeUp(WATER.targets, 1), folder / "lab")


class TestTheLawsHold(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: played(tmp_path)

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return WATER

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(WATER, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: count_starts(tmp_path / "lab", key)


def test_what_is_declared_is_kept_and_never_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the declared laboratory was called")

    for name in ("prepare", "start", "find", "status", "fetch", "cancel", "health"):
        monkeypatch.setattr(LocalExecutor, name, never)
    lab = played(tmp_path)

    lab.start(lab.prepare(WATER, AttemptKey("one")), AttemptKey("one"))

    assert lab.capabilities().max_parallel == 3
    assert lab.capabilities().is_simulated
    assert not (tmp_path / "declared").exists()
    assert "'colour'" in str(lab.validate(replace(WATER, settings={**WATER.settings, "colour": "red"}))[0])
