"""The laws of adapters as tests: ``class TestMine(AdapterContract)`` with fixtures, and nothing else.

A law that does not apply is declared in ``capabilities`` (delivery class, cancelling), never overridden.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace

import pytest

from loop.contracts import (
    Absent,
    Adapter,
    AttemptKey,
    Capabilities,
    Delivery,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Phase,
    Status,
    Unknown,
)
from loop.errors import AdapterError, AdapterUnavailable
from loop.outcome import Fault, FaultKind, Measured, Negative, read_outcome

KEY = AttemptKey("0195f3a2-7c1e-7000-8000-000000000001")
OTHER = AttemptKey("0195f3a2-7c1e-7000-8000-000000000002")

Make = Callable[[], Adapter]
Finish = Callable[[Adapter, Handle], None]
CountRuns = Callable[[AttemptKey], int]


class AdapterContract:
    """Every law of ``loop.contracts.Adapter``.

    Fixtures to be supplied:
        make_adapter: Builds a new adapter object; every call on the same folder or the same other side.
        experiment: An experiment that it accepts and that gives an outcome.
        refused: An experiment that ``validate`` must name.
        count_runs: How often the other side really carried out a key, seen from there and not by the adapter.

    Fixtures that may be replaced:
        finish: Brings a started attempt to its end (fills in the form, advances the clock); it waits by default.
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
    def finish(self) -> Finish:
        return wait_for_end

    # What is declared

    def test_the_adapter_has_every_method_of_the_contract(self, make_adapter: Make) -> None:
        assert isinstance(make_adapter(), Adapter)

    def test_capabilities_are_declared_and_do_not_change(self, make_adapter: Make) -> None:
        declared = make_adapter().capabilities()

        assert isinstance(declared, Capabilities)
        assert isinstance(declared.delivery, Delivery)
        assert declared.max_parallel is None or declared.max_parallel >= 1
        assert make_adapter().capabilities() == declared

    def test_health_is_told_with_a_word_for_a_person(self, make_adapter: Make) -> None:
        health = make_adapter().health()

        assert isinstance(health, Health)
        assert health.message

    # Before anything moves

    def test_an_experiment_that_can_be_done_has_no_problem(
        self, make_adapter: Make, experiment: ExperimentSpec
    ) -> None:
        assert list(make_adapter().validate(experiment)) == []

    def test_an_experiment_that_cannot_be_done_is_named(self, make_adapter: Make, refused: ExperimentSpec) -> None:
        problems = list(make_adapter().validate(refused))

        assert problems
        for problem in problems:
            assert problem.subject
            assert problem.rule
            assert problem.remedy

    def test_a_property_that_is_not_measured_is_named(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        asked = replace(experiment, targets={**experiment.targets, "no_such_property": ""})

        if adapter.capabilities().properties is not None:
            assert any("no_such_property" in str(problem) for problem in adapter.validate(asked))

    def test_a_parameter_that_cannot_be_set_is_named(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        asked = replace(experiment, settings={**experiment.settings, "no_such_parameter": 1.0})

        if adapter.capabilities().parameters is not None:
            assert any("no_such_parameter" in str(problem) for problem in adapter.validate(asked))

    def test_validating_changes_nothing(
        self, make_adapter: Make, experiment: ExperimentSpec, refused: ExperimentSpec, count_runs: CountRuns
    ) -> None:
        adapter = make_adapter()
        before = asdict(refused)
        first = list(adapter.validate(refused))
        adapter.validate(experiment)

        assert list(adapter.validate(refused)) == first
        assert asdict(refused) == before
        assert count_runs(KEY) == 0
        assert not isinstance(adapter.find(KEY), Found)

    # One key, one run

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
        handle = _begin(adapter, experiment, KEY)
        _start(adapter, handle, KEY)
        _start(make_adapter(), handle, KEY)
        finish(adapter, handle)
        _start(make_adapter(), handle, KEY)

        assert adapter.status(handle).phase is Phase.ENDED
        assert count_runs(KEY) == 1

    def test_starting_from_two_sides_at_once_runs_once(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)
        with ThreadPoolExecutor(4) as pool:
            sides = [pool.submit(_start, make_adapter(), handle, KEY) for _ in range(4)]
        for side in sides:
            side.result()
        finish(adapter, handle)

        assert count_runs(KEY) == 1

    def test_the_same_experiment_under_another_key_is_run_again(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        adapter = make_adapter()
        for key in (KEY, OTHER):
            finish(adapter, _begin(adapter, experiment, key))

        assert (count_runs(KEY), count_runs(OTHER)) == (1, 1)
        assert {e.key for e in adapter.fetch(adapter.prepare(experiment, OTHER))} == {OTHER}

    @pytest.mark.parametrize("name", ["a/b", "../up", ".", "", "C:\\x y", "схема", "%2E", "k" * 400])
    def test_any_text_can_be_a_key(self, make_adapter: Make, experiment: ExperimentSpec, name: str) -> None:
        adapter, key = make_adapter(), AttemptKey(name)
        handle = adapter.prepare(experiment, key)

        assert make_adapter().prepare(experiment, key) == handle
        assert adapter.status(handle).phase is Phase.PREPARED

    # Looking a key up

    def test_a_key_never_seen_is_not_found(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        adapter.prepare(experiment, OTHER)

        assert isinstance(adapter.find(KEY), Unknown if _is_blind(adapter) else Absent)

    def test_a_prepared_key_is_found_lying_inert(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)

        _assert_found(adapter, KEY, Found(handle, started=False))
        _assert_found(make_adapter(), KEY, Found(handle, started=False))

    def test_a_started_key_is_found_started_also_after_its_end(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = _begin(adapter, experiment, KEY)

        _assert_found(adapter, KEY, Found(handle, started=True))
        finish(adapter, handle)
        adapter.fetch(handle)
        _assert_found(adapter, KEY, Found(handle, started=True))

    def test_preparing_again_after_the_end_forgets_nothing(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        finish(adapter, _begin(adapter, experiment, KEY))
        second = make_adapter()
        handle = second.prepare(experiment, KEY)

        _assert_found(second, KEY, Found(handle, started=True))
        assert second.status(handle).phase is Phase.ENDED

    # What came back

    def test_every_step_of_a_life_can_be_looked_at(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)
        seen = [_look(adapter, handle)]
        _start(adapter, handle, KEY)
        seen.append(_look(adapter, handle))
        finish(adapter, handle)
        seen.append(_look(adapter, handle))

        assert seen[0].phase is Phase.PREPARED
        assert seen[1].phase in (Phase.WAITING, Phase.RUNNING, Phase.ENDED)
        assert seen[2].phase is Phase.ENDED

    def test_a_handle_never_given_is_lost(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        adapter.prepare(experiment, KEY)
        for name in ("nobody-knows-this", "", "../..", "a/b", "x" * 500, "\0"):
            handle = Handle(name)

            assert adapter.status(handle).phase is Phase.LOST
            assert list(adapter.fetch(handle)) == []
            adapter.cancel(handle, "it is not there")

    def test_starting_a_handle_never_given_starts_nothing(self, make_adapter: Make, count_runs: CountRuns) -> None:
        adapter = make_adapter()
        with suppress(AdapterError):
            adapter.start(Handle("nobody-knows-this"), KEY)

        assert adapter.status(Handle("nobody-knows-this")).phase is Phase.LOST
        assert not isinstance(adapter.find(KEY), Found)
        assert count_runs(KEY) == 0

    def test_envelopes_can_be_read_again_and_never_change(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = _begin(adapter, experiment, KEY)
        finish(adapter, handle)
        first = list(adapter.fetch(handle))

        assert first
        assert list(adapter.fetch(handle)) == first
        assert list(make_adapter().fetch(handle)) == first
        assert adapter.status(handle).phase is Phase.ENDED

    def test_an_envelope_names_its_key_and_reads_as_an_outcome_with_units(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = _begin(adapter, experiment, KEY)
        finish(adapter, handle)

        for envelope in adapter.fetch(handle):
            outcome = read_outcome(json.loads(envelope.payload), experiment.targets)
            assert envelope.key == KEY
            assert isinstance(outcome, Measured | Negative)
            assert all(value["unit"] is not None for value in json.loads(envelope.payload)["values"])

    # The adapter object is not the memory

    def test_a_new_object_knows_every_key(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        first = make_adapter()
        waiting = first.prepare(experiment, KEY)
        done = _begin(first, experiment, OTHER)
        finish(first, done)
        envelopes = list(first.fetch(done))
        del first
        second = make_adapter()

        _assert_found(second, KEY, Found(waiting, started=False))
        _assert_found(second, OTHER, Found(done, started=True))
        assert list(second.fetch(done)) == envelopes
        _start(second, waiting, KEY)
        finish(second, waiting)
        assert count_runs(KEY) == 1

    # Cancelling

    def test_what_is_cancelled_before_its_start_never_runs(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns
    ) -> None:
        adapter = make_adapter()
        if not adapter.capabilities().can_cancel:
            return
        handle = adapter.prepare(experiment, KEY)
        adapter.cancel(handle, "no longer wanted")
        adapter.cancel(handle, "no longer wanted")
        with suppress(AdapterError):
            make_adapter().start(handle, KEY)
        (envelope,) = adapter.fetch(handle)
        outcome = read_outcome(json.loads(envelope.payload), experiment.targets)

        assert adapter.status(handle).phase is Phase.ENDED
        assert isinstance(outcome, Fault)
        assert outcome.kind is FaultKind.CANCELLED
        assert count_runs(KEY) == 0

    def test_cancelling_after_the_end_changes_nothing(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = _begin(adapter, experiment, KEY)
        finish(adapter, handle)
        before = list(adapter.fetch(handle))
        with suppress(AdapterError):
            adapter.cancel(handle, "too late")

        assert list(adapter.fetch(handle)) == before
        assert adapter.status(handle).phase is Phase.ENDED


def wait_for_end(adapter: Adapter, handle: Handle, seconds: float = 60.0) -> None:
    """Look until the attempt has ended; the suite's ``finish`` where nothing else is needed."""
    give_up = time.monotonic() + seconds
    while adapter.status(handle).phase is not Phase.ENDED:
        if time.monotonic() > give_up:
            raise AssertionError(f"{handle} had not ended after {seconds:g} s: {adapter.status(handle)}")
        time.sleep(0.02)


def _begin(adapter: Adapter, experiment: ExperimentSpec, key: AttemptKey) -> Handle:
    handle = adapter.prepare(experiment, key)
    _start(adapter, handle, key)
    return handle


def _start(adapter: Adapter, handle: Handle, key: AttemptKey) -> None:
    """Start as an engine does: on doubt look the key up, and start again only what lies inert."""
    for _ in range(5):
        try:
            adapter.start(handle, key)
        except AdapterUnavailable:
            found = adapter.find(key)
            if not (isinstance(found, Found) and not found.started):
                return
        else:
            return


def _look(adapter: Adapter, handle: Handle) -> Status:
    adapter.fetch(handle)
    return adapter.status(handle)


def _assert_found(adapter: Adapter, key: AttemptKey, expected: Found) -> None:
    found = adapter.find(key)
    assert found == expected or (_is_blind(adapter) and isinstance(found, Unknown))


def _is_blind(adapter: Adapter) -> bool:
    return adapter.capabilities().delivery is Delivery.BLIND
