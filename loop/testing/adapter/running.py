"""One key, one run (law 1), whichever object of the adapter is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from loop.contracts import AttemptKey, ExperimentSpec, Found, Phase
from loop.testing.adapter.material import KEY, OTHER, CountRuns, Finish, Make, assert_found, begin, start


class RunningLaws:
    """A part of ``AdapterContract``."""

    def test_preparing_twice_with_one_key_gives_the_same_handle(
        self, make_adapter: Make, experiment: ExperimentSpec
    ) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)

        assert adapter.prepare(experiment, KEY) == handle
        assert make_adapter().prepare(experiment, KEY) == handle

    def test_two_keys_have_two_handles(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()

        assert adapter.prepare(experiment, KEY) != adapter.prepare(experiment, OTHER)

    def test_preparing_moves_nothing(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns
    ) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)

        assert adapter.status(handle).phase is Phase.PREPARED
        assert list(adapter.fetch(handle)) == []
        assert count_runs(KEY) == 0

    def test_starting_twice_runs_once(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = begin(adapter, experiment, KEY)
        start(adapter, handle, KEY)
        start(make_adapter(), handle, KEY)
        finish(adapter, handle)
        start(make_adapter(), handle, KEY)

        assert adapter.status(handle).phase is Phase.ENDED
        assert count_runs(KEY) == 1

    def test_starting_from_two_sides_at_once_runs_once(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)
        with ThreadPoolExecutor(4) as pool:
            sides = [pool.submit(start, make_adapter(), handle, KEY) for _ in range(4)]
        for side in sides:
            side.result()
        finish(adapter, handle)

        assert count_runs(KEY) == 1

    def test_the_same_experiment_under_another_key_is_run_again(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        adapter = make_adapter()
        for key in (KEY, OTHER):
            finish(adapter, begin(adapter, experiment, key))

        assert (count_runs(KEY), count_runs(OTHER)) == (1, 1)
        assert {e.key for e in adapter.fetch(adapter.prepare(experiment, OTHER))} == {OTHER}

    @pytest.mark.parametrize("name", ["a/b", "../up", ".", "", "C:\\x y", "схема", "%2E", "k" * 400])
    def test_any_text_can_be_a_key(self, make_adapter: Make, experiment: ExperimentSpec, name: str) -> None:
        adapter, key = make_adapter(), AttemptKey(name)
        handle = adapter.prepare(experiment, key)

        assert make_adapter().prepare(experiment, key) == handle
        assert adapter.status(handle).phase is Phase.PREPARED

    def test_a_new_object_knows_every_key(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        first = make_adapter()
        waiting = first.prepare(experiment, KEY)
        done = begin(first, experiment, OTHER)
        finish(first, done)
        envelopes = list(first.fetch(done))
        del first
        second = make_adapter()

        assert_found(second, KEY, Found(waiting, started=False))
        assert_found(second, OTHER, Found(done, started=True))
        assert list(second.fetch(done)) == envelopes
        start(second, waiting, KEY)
        finish(second, waiting)
        assert count_runs(KEY) == 1
