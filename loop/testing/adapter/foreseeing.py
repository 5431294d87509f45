"""What an adapter foresees comes true, and nothing else does it foresee."""

from __future__ import annotations

import json

from loop.contracts import ExperimentSpec, Foresees, Found
from loop.outcome import Fault, FaultKind, read_outcome
from loop.testing.adapter.material import KEY, CountRuns, Finish, Make, begin


class ForeseeingLaws:
    """A part of ``AdapterContract``."""

    def test_nothing_is_foreseen_of_what_gives_an_outcome_and_nothing_changes(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns
    ) -> None:
        adapter = make_adapter()

        if isinstance(adapter, Foresees):
            assert list(adapter.foresee(experiment)) == []
            assert count_runs(KEY) == 0
            assert not isinstance(adapter.find(KEY), Found)

    def test_what_is_foreseen_ends_as_an_input_error(
        self, make_adapter: Make, foreseen: ExperimentSpec | None, count_runs: CountRuns, finish: Finish
    ) -> None:
        if foreseen is None:
            return
        adapter = make_adapter()
        assert isinstance(adapter, Foresees)
        problems = list(adapter.foresee(foreseen))

        assert problems
        assert all(p.subject and p.rule and p.remedy for p in problems)
        assert list(adapter.foresee(foreseen)) == problems
        assert count_runs(KEY) == 0

        handle = begin(adapter, foreseen, KEY)
        finish(adapter, handle)
        outcomes = [read_outcome(json.loads(e.payload), foreseen.targets) for e in adapter.fetch(handle)]
        assert outcomes
        assert all(isinstance(o, Fault) and o.kind is FaultKind.INPUT_ERROR for o in outcomes)
