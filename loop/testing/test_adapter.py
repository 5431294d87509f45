"""The adapter that ``--adapter`` names, examined by every law; see ``loop.testing.plugin``."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.contracts import ExperimentSpec
from loop.testing.adapter import AdapterContract, Trial
from loop.testing.adapter.material import CountRuns, Finish, Make
from loop.testing.plugin import trial_of


class TestAdapter(AdapterContract):
    @pytest.fixture
    def trial(self, pytestconfig: pytest.Config) -> Trial:
        return trial_of(pytestconfig)

    @pytest.fixture
    def make_adapter(self, trial: Trial, tmp_path: Path) -> Make:
        return lambda: trial.make(tmp_path)

    @pytest.fixture
    def experiment(self, trial: Trial) -> ExperimentSpec:
        return trial.experiment

    @pytest.fixture
    def refused(self, trial: Trial) -> ExperimentSpec:
        return trial.refused

    @pytest.fixture
    def count_runs(self, trial: Trial, tmp_path: Path) -> CountRuns:
        return lambda key: trial.count_runs(tmp_path, key)

    @pytest.fixture
    def foreseen(self, trial: Trial) -> ExperimentSpec | None:
        return trial.foreseen

    @pytest.fixture
    def finish(self, trial: Trial) -> Finish:
        return trial.finish

    @pytest.fixture
    def shuffles(self, trial: Trial) -> int:
        return trial.shuffles
