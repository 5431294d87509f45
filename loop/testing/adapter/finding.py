"""Looking a key up (law 4): the truth, or that it cannot be known."""

from __future__ import annotations

from loop.contracts import Absent, ExperimentSpec, Found, Phase, Unknown
from loop.testing.adapter.material import KEY, OTHER, Finish, Make, assert_found, begin, is_blind


class FindingLaws:
    """A part of ``AdapterContract``."""

    def test_a_key_never_seen_is_not_found(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        adapter.prepare(experiment, OTHER)

        assert isinstance(adapter.find(KEY), Unknown if is_blind(adapter) else Absent)

    def test_a_prepared_key_is_found_lying_inert(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)

        assert_found(adapter, KEY, Found(handle, started=False))
        assert_found(make_adapter(), KEY, Found(handle, started=False))

    def test_a_started_key_is_found_started_also_after_its_end(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = begin(adapter, experiment, KEY)

        assert_found(adapter, KEY, Found(handle, started=True))
        finish(adapter, handle)
        adapter.fetch(handle)
        assert_found(adapter, KEY, Found(handle, started=True))

    def test_preparing_again_after_the_end_forgets_nothing(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        finish(adapter, begin(adapter, experiment, KEY))
        second = make_adapter()
        handle = second.prepare(experiment, KEY)

        assert_found(second, KEY, Found(handle, started=True))
        assert second.status(handle).phase is Phase.ENDED
