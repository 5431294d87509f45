"""Every law at once, in any order of calls: doubled, delayed, reordered, with replies and handles lost (hypothesis)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from loop.contracts import Adapter, AttemptKey, Envelope, ExperimentSpec, Found, Handle, Phase, Unknown
from loop.testing.adapter.material import CountRuns, Finish, Make, is_blind, start

_SLOTS: Final = st.integers(0, 1)  # attempts under way at once: enough to be mixed up
_NUMBERS: Final = count(1)


@dataclass
class Attempt:
    """What the judge knows of an attempt, from what it did itself."""

    key: AttemptKey
    handle: Handle | None = None  # None where the reply that named it was lost
    is_prepared: bool = False
    is_started: bool = False
    is_cancelled: bool = False
    envelopes: Sequence[Envelope] | None = None  # once it has ended


class Shuffled(RuleBasedStateMachine):
    """Two attempts at one experiment, handled by an engine that is killed and forgets; see ``ShufflingLaws``."""

    make: ClassVar[Make]
    experiment: ClassVar[ExperimentSpec]
    count_runs: ClassVar[CountRuns]
    finish: ClassVar[Finish]

    def __init__(self) -> None:
        super().__init__()
        self.adapter: Adapter = type(self).make()
        self.can_cancel = self.adapter.capabilities().can_cancel
        self.attempts = [Attempt(AttemptKey(f"shuffled-{next(_NUMBERS)}")) for _ in range(2)]

    @rule(slot=_SLOTS, is_lost=st.booleans())
    def prepare(self, slot: int, is_lost: bool) -> None:
        """For the first time or again; the reply may be lost."""
        attempt = self.attempts[slot]
        handle = self.adapter.prepare(self.experiment, attempt.key)
        assert attempt.handle in (None, handle)
        attempt.is_prepared = True
        attempt.handle = attempt.handle if is_lost else handle

    @rule(slot=_SLOTS)
    def start(self, slot: int) -> None:
        """For the first time or again, whatever became of it."""
        attempt = self.attempts[slot]
        if (handle := self._handle(attempt)) is not None:
            start(self.adapter, handle, attempt.key)
            attempt.is_started = attempt.is_started or not attempt.is_cancelled

    @rule(slot=_SLOTS)
    def cancel(self, slot: int) -> None:
        attempt = self.attempts[slot]
        if self.can_cancel and attempt.envelopes is None and (handle := self._handle(attempt)) is not None:
            self.adapter.cancel(handle, "no longer wanted")
            attempt.is_cancelled = True

    @rule(slot=_SLOTS)
    def let_it_end(self, slot: int) -> None:
        attempt = self.attempts[slot]
        if not attempt.is_cancelled:
            self.start(slot)
        if attempt.is_started and (handle := self._handle(attempt)) is not None:
            type(self).finish(self.adapter, handle)
            assert self.adapter.status(handle).phase is Phase.ENDED
            self._see(attempt, handle)

    @rule(slot=_SLOTS)
    def look(self, slot: int) -> None:
        attempt = self.attempts[slot]
        if (handle := self._handle(attempt)) is None:
            return
        phase = self.adapter.status(handle).phase
        if attempt.envelopes is not None:
            assert phase is Phase.ENDED
        elif not attempt.is_started:
            assert phase is (Phase.ENDED if attempt.is_cancelled else Phase.PREPARED)
        if phase is Phase.ENDED:
            self._see(attempt, handle)
        elif not attempt.is_started:
            assert list(self.adapter.fetch(handle)) == []

    @rule(slot=_SLOTS)
    def look_the_key_up(self, slot: int) -> None:
        attempt, found = self.attempts[slot], self.adapter.find(self.attempts[slot].key)
        if is_blind(self.adapter) and isinstance(found, Unknown):
            return
        assert isinstance(found, Found) == attempt.is_prepared
        if isinstance(found, Found):
            assert attempt.handle in (None, found.handle)
            assert attempt.is_cancelled or found.started == attempt.is_started

    @rule()
    def be_killed(self) -> None:
        """Another object goes on, and knows keys alone."""
        self.adapter = type(self).make()
        for attempt in self.attempts:
            attempt.handle = None

    @invariant()
    def nothing_ran_twice(self) -> None:
        for attempt in self.attempts:
            assert type(self).count_runs(attempt.key) <= attempt.is_started

    def teardown(self) -> None:
        """What was started and not called off ends, and ran once."""
        for attempt in self.attempts:
            if attempt.is_started and (handle := self._handle(attempt)) is not None:
                type(self).finish(self.adapter, handle)
                self._see(attempt, handle)
                assert type(self).count_runs(attempt.key) == 1 or attempt.is_cancelled

    def _handle(self, attempt: Attempt) -> Handle | None:
        """The handle, prepared or looked up by key where it is not at hand; None where nobody can know it."""
        if attempt.handle is None and not attempt.is_prepared:
            attempt.handle, attempt.is_prepared = self.adapter.prepare(self.experiment, attempt.key), True
        if attempt.handle is None:
            found = self.adapter.find(attempt.key)
            if is_blind(self.adapter) and isinstance(found, Unknown):
                return None
            assert isinstance(found, Found)
            attempt.handle = found.handle
        return attempt.handle

    def _see(self, attempt: Attempt, handle: Handle) -> None:
        envelopes = list(self.adapter.fetch(handle))
        assert envelopes
        assert {envelope.key for envelope in envelopes} == {attempt.key}
        assert list(self.adapter.fetch(handle)) == envelopes
        assert attempt.envelopes in (None, envelopes)
        attempt.envelopes = envelopes


class ShufflingLaws:
    """A part of ``AdapterContract``."""

    def test_calls_in_any_order_keep_the_laws(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish, shuffles: int
    ) -> None:
        members: dict[str, Any] = {
            "make": staticmethod(make_adapter),
            "experiment": experiment,
            "count_runs": staticmethod(count_runs),
            "finish": staticmethod(finish),
        }
        machine = type("Shuffled", (Shuffled,), members)
        quiet = settings(
            max_examples=shuffles,
            stateful_step_count=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Stage.generate],  # shrinking would take minutes of a real queue; twelve steps can be read
            suppress_health_check=list(HealthCheck),
        )

        run_state_machine_as_test(machine, settings=quiet)
