"""What came back (laws 2 and 3), and what was cancelled."""

from __future__ import annotations

import json
from contextlib import suppress

from loop.contracts import ExperimentSpec, Found, Handle, HearsLate, Phase
from loop.errors import AdapterError
from loop.outcome import Fault, FaultKind, Measured, Negative, read_outcome
from loop.raw import is_raw, read_raw, sha_of
from loop.testing.adapter.material import KEY, OTHER, CountRuns, Finish, Make, begin, look, start


class EndingLaws:
    """A part of ``AdapterContract``."""

    def test_every_step_of_a_life_can_be_looked_at(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        handle = adapter.prepare(experiment, KEY)
        seen = [look(adapter, handle)]
        start(adapter, handle, KEY)
        seen.append(look(adapter, handle))
        finish(adapter, handle)
        seen.append(look(adapter, handle))

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
        handle = begin(adapter, experiment, KEY)
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
        handle = begin(adapter, experiment, KEY)
        finish(adapter, handle)

        said = []
        for envelope in adapter.fetch(handle):
            if is_raw(json.loads(envelope.payload)):  # files, which the campaign's analysis reads
                named = read_raw(json.loads(envelope.payload)).files
                assert envelope.key == KEY
                assert [(f.name, sha_of(f.data), len(f.data)) for f in envelope.files] == [
                    (f.name, f.sha, f.size) for f in named
                ]
                continue
            outcome = read_outcome(json.loads(envelope.payload), experiment.targets)
            assert envelope.key == KEY
            assert isinstance(outcome, Measured | Negative)
            values = json.loads(envelope.payload)["values"]
            assert all(value.get("unit") is not None for value in values), "each value has its unit beside it"
            for value in values:  # nobody can tell a slip from a conversion: what is declared is what is reported
                declared = (adapter.capabilities().properties or {}).get(value["property"], value["unit"])
                assert value["unit"] == declared, f"reported in {value['unit']!r} and declared in {declared!r}"
            said.append(outcome)
        assert all(outcome == said[0] for outcome in said), "envelopes of one attempt contradict each other"

    def test_what_came_late_is_told_again_and_again_and_nothing_of_what_never_ran(
        self, make_adapter: Make, experiment: ExperimentSpec, finish: Finish
    ) -> None:
        adapter = make_adapter()
        if not isinstance(adapter, HearsLate):
            return
        waiting, handle = adapter.prepare(experiment, OTHER), begin(adapter, experiment, KEY)
        finish(adapter, handle)
        asked = [Handle("nobody-knows-this"), waiting, handle]
        first = list(adapter.late(asked))
        second = make_adapter()
        assert isinstance(second, HearsLate)

        assert list(adapter.late(asked)) == first
        assert list(second.late(asked)) == first
        assert {envelope.key for envelope in first} <= {KEY}

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
        handle = begin(adapter, experiment, KEY)
        finish(adapter, handle)
        before = list(adapter.fetch(handle))
        with suppress(AdapterError):
            adapter.cancel(handle, "too late")

        assert list(adapter.fetch(handle)) == before
        assert adapter.status(handle).phase is Phase.ENDED
