"""A small adapter that keeps every law, and adapters that each break one on purpose.

``caught_by`` names the tests of the suite that must fail, all of them and no other.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from adapters.common.durable import write_once
from adapters.common.folder import Jobs, handle_of
from adapters.errors import AdapterUnavailable, UnknownHandle
from loop.contracts import (
    Absent,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
)
from loop.errors import SpecError
from loop.outcome import Fault, FaultKind, write_outcome
from loop.testing.adapter import KEY
from tests.adapters.helpers import EXPERIMENT

NUMBERS = count(1)


class Bench:
    """Measures ``yield`` at once and writes every run into ``runs.txt``, which is the outside world."""

    caught_by: ClassVar[frozenset[str]] = frozenset()
    foreseen: ClassVar[ExperimentSpec | None] = None

    def __init__(self, folder: Path) -> None:
        self.jobs, self.runs = Jobs(folder), folder / "runs.txt"

    def capabilities(self) -> Capabilities:
        return Capabilities(Delivery.KEYED, None, True, True, {"yield": "%"}, frozenset({"ligand", "temperature"}))

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        unknown = [t for t in spec.targets if t != "yield"] + [
            p for p in spec.settings if p not in ("ligand", "temperature")
        ]
        return [Problem(name, "is not known here", "take it out") for name in unknown]

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self.jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        if not self.jobs.knows(handle):
            raise UnknownHandle(handle)
        if self.jobs.cancelled(handle) is None and self.jobs.start(handle, {"key": key}):
            self.run(key)

    def run(self, key: AttemptKey) -> None:
        with self.runs.open("a") as file:
            file.write(f"{key}\n")

    def find(self, key: AttemptKey) -> Found | Absent:
        return self.jobs.find(key)

    def status(self, handle: Handle) -> Status:
        if not self.jobs.knows(handle):
            return Status(Phase.LOST)
        over = self.jobs.started(handle) is not None or self.jobs.cancelled(handle) is not None
        return Status(Phase.ENDED if over else Phase.PREPARED)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return []
        payload = {"outcome": "measured", "values": [{"property": "yield", "value": 50.0, "unit": "%"}]}
        if self.jobs.cancelled(handle) is not None:
            payload = write_outcome(Fault.of(FaultKind.CANCELLED, "cancelled"))
        return [Envelope(self.jobs.key(handle), json.dumps(payload))]

    def cancel(self, handle: Handle, reason: str) -> None:
        if self.status(handle).phase is Phase.PREPARED:
            self.jobs.cancel(handle, {"reason": reason})

    def health(self) -> Health:
        return Health(True, "stands on the table")


class ForgetsKeys(Bench):
    """Gives a new handle each time it is asked to prepare."""

    caught_by = frozenset(
        {
            "test_a_start_that_was_cut_off_anywhere_runs_once",
            "test_calls_in_any_order_keep_the_laws",
            "test_preparing_twice_with_one_key_gives_the_same_handle",
            "test_any_text_can_be_a_key",
            "test_a_prepared_key_is_found_lying_inert",
            "test_a_started_key_is_found_started_also_after_its_end",
            "test_preparing_again_after_the_end_forgets_nothing",
            "test_the_same_experiment_under_another_key_is_run_again",
            "test_an_envelope_names_its_key_and_reads_as_an_outcome_with_units",
            "test_a_new_object_knows_every_key",
        }
    )

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self.jobs.prepare(spec, AttemptKey(f"{key}-{uuid.uuid4()}"))


class RunsTwice(Bench):
    """Runs whenever it is told to start."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_starting_twice_runs_once",
            "test_starting_from_two_sides_at_once_runs_once",
        }
    )

    def start(self, handle: Handle, key: AttemptKey) -> None:
        if self.jobs.cancelled(handle) is None:
            self.jobs.start(handle, {"key": key})
            self.run(key)


class LooksBeforeItLeaps(Bench):
    """Checks and then runs, without a lock between: two sides that come at once both run.

    A gate stands for the bad luck: whoever has passed the check waits until a second one has, or a while. Laws about
    two sides call from threads of their own: there a second one is to come, however busy the machine is.
    """

    caught_by = frozenset(
        {"test_starting_from_two_sides_at_once_runs_once", "test_a_start_that_was_cut_off_anywhere_runs_once"}
    )
    gates: ClassVar[dict[str, threading.Barrier]] = {}

    def start(self, handle: Handle, key: AttemptKey) -> None:
        gate = self.gates.setdefault(str(self.jobs.root), threading.Barrier(2))
        if not self.jobs.knows(handle):
            raise UnknownHandle(handle)
        if self.jobs.started(handle) is None and self.jobs.cancelled(handle) is None:
            is_one_of_several = threading.current_thread() is not threading.main_thread()
            with suppress(threading.BrokenBarrierError):
                gate.wait(timeout=2.0 if is_one_of_several else 0.05)
            self.run(key)
            self.jobs.start(handle, {"key": key})


class NotesWhatItDidAfterwards(Bench):
    """Puts on disk that the device has it once it has it: of a start that is cut off between nobody knows."""

    caught_by = frozenset({"test_a_start_that_was_cut_off_anywhere_runs_once"})

    def start(self, handle: Handle, key: AttemptKey) -> None:
        if not self.jobs.knows(handle):
            raise UnknownHandle(handle)
        with self.jobs.locked("lock"):
            if self.jobs.started(handle) is None and self.jobs.cancelled(handle) is None:
                self.run(key)
                self.jobs.start(handle, {"key": key})


class TakesItsIntentBack(Bench):
    """Takes a device that gave no answer for one that never heard."""

    caught_by = frozenset({"test_a_start_that_was_cut_off_anywhere_runs_once"})

    def start(self, handle: Handle, key: AttemptKey) -> None:
        if not self.jobs.knows(handle):
            raise UnknownHandle(handle)
        if self.jobs.cancelled(handle) is None and self.jobs.start(handle, {"key": key}):
            try:
                self.run(key)
            except OSError as error:
                (self.jobs.folder(handle) / "started.json").unlink()
                raise AdapterUnavailable("the device gives no answer") from error


class StartsWhenPrepared(Bench):
    """Begins as soon as it hears of an experiment."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_preparing_moves_nothing",
            "test_any_text_can_be_a_key",
            "test_a_prepared_key_is_found_lying_inert",
            "test_every_step_of_a_life_can_be_looked_at",
            "test_a_new_object_knows_every_key",
            "test_what_is_cancelled_before_its_start_never_runs",
        }
    )

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        handle = self.jobs.prepare(spec, key)
        self.start(handle, key)
        return handle


class GuessesAbsent(Bench):
    """Says that it never got a key as soon as the run is over."""

    caught_by = frozenset(
        {
            "test_a_start_that_was_cut_off_anywhere_runs_once",
            "test_calls_in_any_order_keep_the_laws",
            "test_a_started_key_is_found_started_also_after_its_end",
            "test_preparing_again_after_the_end_forgets_nothing",
            "test_a_new_object_knows_every_key",
        }
    )

    def find(self, key: AttemptKey) -> Found | Absent:
        found = self.jobs.find(key)
        return Absent() if isinstance(found, Found) and found.started else found


class FindsEverything(Bench):
    """Claims to know any key."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_a_key_never_seen_is_not_found",
            "test_validating_changes_nothing",
            "test_starting_a_handle_never_given_starts_nothing",
        }
    )

    def find(self, key: AttemptKey) -> Found | Absent:
        found = self.jobs.find(key)
        return Found(handle_of(key), started=True) if isinstance(found, Absent) else found


class RaisesFromStatus(Bench):
    """Takes a handle that it does not know for an error."""

    caught_by = frozenset({"test_a_handle_never_given_is_lost", "test_starting_a_handle_never_given_starts_nothing"})

    def status(self, handle: Handle) -> Status:
        self.jobs.folder(handle)  # raises UnknownHandle
        return super().status(handle)


class RaisesWhatHappened(Bench):
    """Fetching before the end is an exception instead of nothing."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_preparing_moves_nothing",
            "test_every_step_of_a_life_can_be_looked_at",
        }
    )

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is Phase.PREPARED:
            raise SpecError("nothing ran yet")
        return super().fetch(handle)


class ConsumesOnRead(Bench):
    """Hands an envelope out once."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_envelopes_can_be_read_again_and_never_change",
            "test_a_new_object_knows_every_key",
            "test_cancelling_after_the_end_changes_nothing",
        }
    )

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        envelopes = super().fetch(handle)
        is_first = bool(envelopes) and write_once(self.jobs.folder(handle) / "read.json", "{}")
        return envelopes if is_first else []


class ChangesEnvelopes(Bench):
    """Reads the instrument anew for each fetch."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_envelopes_can_be_read_again_and_never_change",
            "test_a_new_object_knows_every_key",
            "test_cancelling_after_the_end_changes_nothing",
        }
    )

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        context = {"context": {"reading": uuid.uuid4().hex}}
        return [Envelope(e.key, json.dumps({**json.loads(e.payload), **context})) for e in super().fetch(handle)]


class SaysTwoThings(Bench):
    """Hands out the raw value beside the corrected one, as two results."""

    caught_by = frozenset({"test_an_envelope_names_its_key_and_reads_as_an_outcome_with_units"})

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        envelopes = list(super().fetch(handle))
        again = [json.loads(e.payload) for e in envelopes]
        raw = [{**p, "values": [{**v, "value": 2 * v["value"]} for v in p["values"]]} for p in again if "values" in p]
        return [*envelopes, *(Envelope(e.key, json.dumps(p)) for e, p in zip(envelopes, raw, strict=False))]


class ReportsAnotherUnit(Bench):
    """Declares one unit and writes another, of the same kind, beside the number."""

    caught_by = frozenset({"test_an_envelope_names_its_key_and_reads_as_an_outcome_with_units"})

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        return [Envelope(e.key, e.payload.replace('"unit": "%"', '"unit": "ppm"')) for e in super().fetch(handle)]


class LiesInValidate(Bench):
    """Accepts whatever it is shown."""

    caught_by = frozenset(
        {
            "test_an_experiment_that_cannot_be_done_is_named",
            "test_a_property_that_is_not_measured_is_named",
            "test_a_parameter_that_cannot_be_set_is_named",
        }
    )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return []


class HidesTheRemedy(Bench):
    """Names what is wrong and not what to do."""

    caught_by = frozenset({"test_an_experiment_that_cannot_be_done_is_named"})

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return [Problem(p.subject, p.rule, "") for p in super().validate(spec)]


class LosesItsMemory(Bench):
    """Keeps what it knows in the object."""

    caught_by = frozenset(
        {
            "test_a_start_that_was_cut_off_anywhere_runs_once",
            "test_calls_in_any_order_keep_the_laws",
            "test_starting_twice_runs_once",
            "test_preparing_again_after_the_end_forgets_nothing",
            "test_a_prepared_key_is_found_lying_inert",
            "test_envelopes_can_be_read_again_and_never_change",
            "test_a_new_object_knows_every_key",
            "test_starting_from_two_sides_at_once_runs_once",
        }
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.jobs = Jobs(folder / uuid.uuid4().hex)


class SpeaksItsOwnTongue(Bench):
    """Sends a bare number instead of an outcome."""

    caught_by = frozenset({"test_an_envelope_names_its_key_and_reads_as_an_outcome_with_units"})

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        cancelled = self.jobs.knows(handle) and self.jobs.cancelled(handle) is not None
        return [e if cancelled else Envelope(e.key, "50.0") for e in super().fetch(handle)]


class NamesAnotherKey(Bench):
    """Sends the handle where the key should be."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_an_envelope_names_its_key_and_reads_as_an_outcome_with_units",
            "test_the_same_experiment_under_another_key_is_run_again",
        }
    )

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        return [Envelope(AttemptKey(f"job {handle}"), e.payload) for e in super().fetch(handle)]


class RunsTheCancelled(Bench):
    """Says that an attempt is called off and runs it all the same."""

    caught_by = frozenset(
        {"test_calls_in_any_order_keep_the_laws", "test_what_is_cancelled_before_its_start_never_runs"}
    )

    def start(self, handle: Handle, key: AttemptKey) -> None:
        if not self.jobs.knows(handle):
            raise UnknownHandle(handle)
        if self.jobs.start(handle, {"key": key}):
            self.run(key)


class MergesReplicates(Bench):
    """Takes the same experiment under another key for the same run."""

    caught_by = frozenset(
        {
            "test_a_start_that_was_cut_off_anywhere_runs_once",
            "test_calls_in_any_order_keep_the_laws",
            "test_two_keys_have_two_handles",
            "test_the_same_experiment_under_another_key_is_run_again",
            "test_a_new_object_knows_every_key",
        }
    )

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        known = [handle for handle in self.jobs.handles() if self.jobs.spec(handle) == spec]
        return known[0] if known else self.jobs.prepare(spec, key)


class ValidatesByTrying(Bench):
    """Prepares the experiment to see whether it can be done."""

    caught_by = frozenset({"test_validating_changes_nothing"})

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        self.jobs.prepare(spec, KEY)
        return super().validate(spec)


class RefusesEverything(Bench):
    """Finds fault with the experiments that it can do."""

    caught_by = frozenset({"test_an_experiment_that_can_be_done_has_no_problem"})

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return [*super().validate(spec), Problem("today", "is not a good day", "come back tomorrow")]


class PromisesMoreEachTime(Bench):
    """Declares what it happens to think of."""

    caught_by = frozenset({"test_capabilities_are_declared_and_do_not_change"})

    def capabilities(self) -> Capabilities:
        return replace(super().capabilities(), max_parallel=next(NUMBERS))


class SaysNothingOfItsHealth(Bench):
    """Shrugs."""

    caught_by = frozenset({"test_health_is_told_with_a_word_for_a_person"})

    def health(self) -> Health:
        return Health(False, "")


class NeverHasEnough(Bench):
    """Wants something for a plate of one experiment that it has said to be possible."""

    caught_by = frozenset({"test_an_experiment_that_can_be_done_lacks_nothing_alone"})

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        return [Problem("tips", "there are none", "put a rack on the deck")]


class SetsOutWhenAsked(Bench):
    """Prepares an experiment to see whether there is enough for it."""

    caught_by = frozenset({"test_an_experiment_that_can_be_done_lacks_nothing_alone"})

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        for spec in specs:
            self.prepare(spec, KEY)
        return []


class ForeseesTheWorst(Bench):
    """Foresees that what gives an outcome will be refused."""

    caught_by = frozenset(
        {
            "test_nothing_is_foreseen_of_what_gives_an_outcome_and_nothing_changes",
            "test_what_is_foreseen_ends_as_an_input_error",
        }
    )
    foreseen = EXPERIMENT

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return [Problem("ligand", "is not to be had", "take another")]


class TellsLateAnswersOnce(Bench):
    """Gives what came of an attempt that ended otherwise to whoever asks first."""

    caught_by = frozenset({"test_what_came_late_is_told_again_and_again_and_nothing_of_what_never_ran"})

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        mine = [h for h in handles if self.jobs.knows(h)]
        return [e for h in mine if write_once(self.jobs.folder(h) / "told.json", "{}") for e in self.fetch(h)]


class CannotBeCancelled(Bench):
    """Lacks a method of the contract; everything else that needs it fails too."""

    caught_by = frozenset(
        {
            "test_calls_in_any_order_keep_the_laws",
            "test_the_adapter_has_every_method_of_the_contract",
            "test_a_handle_never_given_is_lost",
            "test_what_is_cancelled_before_its_start_never_runs",
            "test_cancelling_after_the_end_changes_nothing",
        }
    )
    cancel: Any = None


BROKEN: tuple[type[Bench], ...] = tuple(Bench.__subclasses__())
