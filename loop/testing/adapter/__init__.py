"""The laws of adapters as tests: ``class TestMine(AdapterContract)`` with fixtures, and nothing else.

A law that does not apply is declared in ``capabilities`` (delivery class, cancelling), never overridden.
"""

from __future__ import annotations

import pytest

from loop.contracts import ExperimentSpec
from loop.testing.adapter.cutting import CuttingLaws
from loop.testing.adapter.declaring import DeclaringLaws
from loop.testing.adapter.ending import EndingLaws
from loop.testing.adapter.finding import FindingLaws
from loop.testing.adapter.foreseeing import ForeseeingLaws
from loop.testing.adapter.material import KEY, OTHER, CountRuns, Finish, Make, wait_for_end
from loop.testing.adapter.running import RunningLaws
from loop.testing.adapter.shuffling import ShufflingLaws
from loop.testing.adapter.trial import Trial

__all__ = ["KEY", "OTHER", "AdapterContract", "Trial", "wait_for_end"]


class AdapterContract(DeclaringLaws, RunningLaws, CuttingLaws, FindingLaws, EndingLaws, ForeseeingLaws, ShufflingLaws):
    """Every law of ``loop.contracts.Adapter``.

    Fixtures to be supplied:
        make_adapter: Builds a new adapter object; every call on the same folder or the same other side.
        experiment: An experiment that it accepts and that gives an outcome.
        refused: An experiment that ``validate`` must name.
        count_runs: How often the other side really carried out a key, seen from there and not by the adapter.

    Fixtures that may be replaced:
        foreseen: An experiment that is foreseen to be refused, where the adapter ``Foresees``; None by default.
        finish: Brings a started attempt to its end (fills in the form, advances the clock); it waits by default.
        shuffles: How many orders of calls are tried (5); more where runs are cheap.
    """

    @pytest.fixture
    def make_adapter(self) -> Make:
        raise NotImplementedError("supply the fixture make_adapter")

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        raise NotImplementedError("supply the fixture experiment")

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        raise NotImplementedError("supply the fixture refused")

    @pytest.fixture
    def count_runs(self) -> CountRuns:
        raise NotImplementedError("supply the fixture count_runs")

    @pytest.fixture
    def foreseen(self) -> ExperimentSpec | None:
        return None

    @pytest.fixture
    def finish(self) -> Finish:
        return wait_for_end

    @pytest.fixture
    def shuffles(self) -> int:
        return 5
