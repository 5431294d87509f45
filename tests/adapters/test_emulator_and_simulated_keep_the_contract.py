"""The emulator and the simulated laboratory pass the suite, also with every kind of trouble switched on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.registry import build
from loop.contracts import Adapter, AttemptKey, ExperimentSpec
from loop.testing.adapter import AdapterContract
from tests.adapters.helpers import EXPERIMENT, TABLE, context, count_starts


class Laboratory(AdapterContract):
    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: count_starts(tmp_path / "lab", key)

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})


class TestEmulator(Laboratory):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        (tmp_path / "table.csv").write_text(TABLE)
        return lambda: build("emulator", {"table": "table.csv", "noise": 1.0}, context(tmp_path))

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, settings={"ligand": "PPh3", "temperature": 91.0})

    @pytest.fixture
    def foreseen(self) -> ExperimentSpec:
        return replace(EXPERIMENT, settings={"ligand": "PCy3", "temperature": 105.0}, smiles={})


class TestSimulated(Laboratory):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: build("simulated", {}, context(tmp_path))


class TestSimulatedWithTrouble(Laboratory):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        trouble = {
            "noise": 2.0,
            "drift": 0.1,
            "detection_limit": {"yield": 30.0},
            "duplicates": 1.0,
            "lost_replies": 1.0,
            "lost_requests": 1.0,
        }
        return lambda: build("simulated", trouble, context(tmp_path))
