"""A robot with a deck as a laboratory: it makes plates, and another adapter tells what was measured on them.

An attempt that is started waits for its plate. The engine closes the plate when every experiment of it has come
(``loop.contracts.RunsTogether``); one run is made of it then, under one key, with the key of each attempt in its wells.
With ``runs: each`` every experiment is a run of its own. What a run made goes to the laboratory of ``measured_by``
under the attempt's own key, by default to a person's worksheet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from adapters.common.folder import Jobs
from adapters.common.instant import dump
from adapters.common.later import Later
from adapters.common.limits import excluded
from adapters.common.looks import Look
from adapters.errors import AdapterUnavailable
from adapters.plates.deck import PlateOptions
from adapters.plates.drafting import Drafts
from adapters.plates.driving import PAUSED, Busy, Driver
from adapters.plates.machine import Refused, RunState
from adapters.plates.measuring import Measuring
from adapters.plates.pipetting import untaken
from adapters.plates.planning import CannotBePlanned, Plan, plan_plate
from adapters.plates.runs import PlateRun, Plates
from adapters.plates.verdicts import Verdicts
from adapters.plates.writing import Protocols
from loop.checkpoints import reached
from loop.contracts import (
    Absent,
    Adapter,
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
    Unknown,
)
from loop.errors import RecipeError
from loop.outcome import FaultKind, write_outcome
from loop.recipe import Recipe, possible, work_out

_CAUTION: Final = tuple(Delivery)


class PlateMaker(ABC):
    """The adapter; see the module. A kind of robot says how its protocol is written and how it fares."""

    protocol_name: ClassVar[str]  # of the file, in the folder of a plate
    is_simulated: bool

    def __init__(self, folder: Path, options: PlateOptions, recipe: Recipe, measuring: Adapter, driver: Driver) -> None:
        self._jobs, self._plates = Jobs(folder), Plates(folder)
        self._deck_options, self._recipe, self._driver = options, recipe, driver
        self._measuring, self._later = Measuring(measuring, self._jobs), Later(self._jobs)
        self._drafts = Drafts(options, recipe, self._write_protocol, self.protocol_name, Verdicts(folder), driver)
        self._protocols = Protocols(self._jobs, self._drafts, options, recipe, self._write_protocol, self.protocol_name)
        self._looks: dict[str, Look[Status]] = {}
        self._broken: Callable[[Mapping[str, str | float]], Sequence[Problem]] = lambda _: ()

    @abstractmethod
    def _write_protocol(self, plate: PlateRun, plan: Plan, keys: Mapping[str, str]) -> str:
        """The text that the robot gets; ``keys`` of the attempts by well."""

    @abstractmethod
    def health(self) -> Health: ...

    def capabilities(self) -> Capabilities:
        inner = self._measuring.capabilities()
        return Capabilities(
            delivery=max(Delivery.TWO_PHASE, inner.delivery, key=_CAUTION.index),
            max_parallel=None,
            can_cancel=True,
            is_simulated=self.is_simulated,
            properties=inner.properties,
            needs_person=inner.needs_person,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        problems = [*excluded(spec, self.capabilities()), *self._measuring.validate(spec)]
        problems = list(dict.fromkeys(problems))
        well = spec.place.get("well")
        if well is None:
            rule = "a robot with a deck fills wells, and this experiment has none"
            return [*problems, Problem("experiment", rule, "add a section plate to the campaign file")]
        try:
            plan_plate(self._deck_options, self._recipe, {well: work_out(self._recipe, spec.settings)})
        except RecipeError as error:
            problems.append(Problem(error.subject, error.rule, error.remedy))
        except CannotBePlanned as error:
            problems += error.problems
        if (own := self._drafts.own_problem(spec)) is not None:
            problems.append(own)
        return problems

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        """The doses that no pipette takes, whatever lies beside them on the plate."""
        procedure = possible(self._recipe, spec.settings)
        return () if procedure is None else untaken(self._deck_options, self._recipe, procedure)

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Let the attempt wait for its plate; with ``runs: each`` its run begins.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: The folder cannot be written, or the robot gave no answer.
        """
        self._jobs.checked(handle, key)
        if self._jobs.cancelled(handle) is not None:
            return
        self._jobs.start(handle, {"ordinal": self._jobs.place(handle).ordinal})
        with self._jobs.locked("plates.lock"):
            plate = self._plates.of(handle)
            if plate is not None and plate.noted("doubt.json") is not None:
                # Nobody sends what is in doubt again but after a person said that it never ran.
                plate.note(f"left-{handle}.json", {"key": key})
                plate = None
            if plate is None and self._deck_options.runs == "each":
                plate = self._close([handle])
        if plate is not None:
            self._go_on(plate)

    def close(self, plate: str, handles: Sequence[Handle]) -> None:
        """Make one run of what waits of a plate; what is in a run, or was never started, stays as it is.

        Raises:
            AdapterUnavailable: The folder cannot be written.
        """
        with self._jobs.locked("plates.lock"):
            waiting = [handle for handle in handles if self._waits(handle) and not self._ends_by_limit(handle)]
            for members in [[h] for h in waiting] if self._deck_options.runs == "each" else [waiting]:
                if members and self._close(members) is not None:
                    reached("plates.closed")

    def still_waiting(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Those that wait for the rest of their plate, of which no run was made."""
        return [handle for handle in handles if self._waits(handle)]

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        """What the deck lacks to make these in one run with those that wait, by the plan that makes the protocol.

        Raises:
            AdapterUnavailable: The folder cannot be read.
        """
        return self._drafts.wanting([*self._waiting(handles), *specs])

    def judge(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> None:
        """Have the judge say whether it takes what would be made of these with those that wait; ``wanting`` tells it.

        With ``runs: each`` it is asked of the deck. Raises ``AdapterUnavailable``.
        """
        self._drafts.judge([*self._waiting(handles), *specs])

    def judged(self) -> Sequence[Problem]:
        """That the deck is refused whatever is made on it, where the judge said so."""
        return self._drafts.wanting(())

    def laid_out(
        self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]
    ) -> Mapping[str, Sequence[tuple[str, float]]]:
        """The tubes of each stock, by slot and well, with the rest that stays in each."""
        if not all(map(self._jobs.knows, handles)):
            return {}
        return self._drafts.laid_out([*map(self._jobs.spec, handles), *specs])

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        found = self._jobs.find(key)
        if isinstance(found, Absent) or not found.started or self._jobs.cancelled(found.handle) is not None:
            return found
        plate = self._plates.of(found.handle)
        if plate is None:
            return found
        if (doubt := plate.noted("doubt.json")) is not None:
            return Unknown(str(doubt["why"]))
        if plate.was_made() and isinstance(told := self._measuring.find(key), Unknown):
            return told
        return found

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self._jobs.root}")
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return self._cancelled(handle, str(cancelled["reason"]))
        if self._jobs.started(handle) is None:
            return Status(Phase.PREPARED)
        plate = self._plates.of(handle)
        if plate is None:
            return Status(Phase.WAITING, "waits for the rest of its plate")
        status = self._look(plate, handle)
        if status.phase is not Phase.ENDED or not plate.was_made():
            return status
        return self._measuring.status(handle, plate)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        key = self._jobs.key(handle)
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return (Envelope(key, str(cancelled["payload"])),)
        plate = self._plates.of(handle)
        assert plate is not None
        if not plate.was_made():
            return (Envelope(key, dump(write_outcome(plate.fault()))),)
        return self._measuring.fetch(key, plate)

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """What was measured after all of attempts that ended otherwise.

        A run of which nobody asks any more is followed to its end, ever more rarely: what it left on is switched off.
        """
        made = {h: plate for h in handles if self._jobs.knows(h) and (plate := self._plates.of(h)) is not None}
        goes_on = {plate.key: h for h, plate in made.items() if self._is_unasked(plate, made)}
        self._later.ask(goes_on.values(), lambda handle: self._follow(made[handle]), lambda: False)
        return self._measuring.late(made)

    def _is_unasked(self, plate: PlateRun, over: Collection[Handle]) -> bool:
        """Whether a run was played, has not ended as far as is known, and all its wells are over by now."""
        is_over = (m in over or self._jobs.cancelled(m) is not None or plate.has_left(m) for m in plate.wells)
        return self._driver.known(plate) is None and bool(plate.played()) and all(is_over)

    def _follow(self, plate: PlateRun) -> None:
        with self._jobs.locked("robot.lock"):
            try:
                self._driver.followed(plate)
            except Refused as error:
                raise self._refuses(error) from None

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the attempt off. A run goes on for the sake of its other wells, and is stopped with the last of them.

        Raises:
            AdapterUnavailable: It is called off, and the robot gave no answer to the stop: stop it there.
        """
        if not self._jobs.knows(handle) or self._has_ended(handle):
            return
        self._jobs.call_off(handle, reason)
        self._measuring.cancel(self._jobs.key(handle), reason)
        self._settle(handle)

    def _has_ended(self, handle: Handle) -> bool:
        """Whether it has, by what is on record: asking the robot would move it on."""
        plate = self._plates.of(handle)
        if self._jobs.cancelled(handle) is not None:
            self._settle(handle)
            return True
        if plate is None or (known := self._driver.known(plate)) is None or known.phase is not Phase.ENDED:
            return False
        return not plate.was_made() or self._measuring.has_ended(self._jobs.key(handle))

    def is_at_work(self, handles: Sequence[Handle]) -> bool:
        """Whether the robot has, or will have, a plate of any of these to make."""
        plates = {plate.key: plate for handle in handles if (plate := self._plates.of(handle)) is not None}
        return any(
            self._driver.known(plate) is None and (bool(plate.played()) or not self._is_called_off(plate))
            for plate in plates.values()
        )

    def has_played(self) -> bool:
        """Whether the robot plays a plate that has not ended, or may: a note says so, or the robot where it answers."""
        return any(
            self._driver.known(plate) is None and (bool(plate.played()) or self._was_played_there(plate))
            for plate in self._plates.all()
        )

    def _was_played_there(self, plate: PlateRun) -> bool:
        if not self._protocols.was_written(plate):  # nothing was brought to it
            return False
        try:
            return self._driver.has_moved(plate)
        except (AdapterUnavailable, Refused):  # nobody is there, or what is no robot
            return False

    def pause(self) -> int:
        """Pause the runs of this laboratory that go on; returns how many."""
        return self._act("pause", lambda run: run.status == "running")

    def resume(self) -> int:
        """Let its paused runs go on; returns how many."""
        return self._act("play", lambda run: run.status in PAUSED)

    def ask_leave(self, has_leave: Callable[[], bool]) -> None:
        """Bring nothing to the robot, play nothing and hand nothing on to be measured without leave."""
        self._driver = replace(self._driver, has_leave=has_leave)
        self._measuring.ask_leave(has_leave)

    def keep_limits(self, broken: Callable[[Mapping[str, str | float]], Sequence[Problem]]) -> None:
        """Fill no well and play no plate that breaks a limit as it is now."""
        self._broken = broken

    def _ends_by_limit(self, handle: Handle) -> bool:
        """Whether the experiment, which waits, breaks a limit; it ends by that."""
        problems = self._broken(self._jobs.spec(handle).settings)
        if problems:
            self._jobs.call_off(handle, "; ".join(map(str, problems)), FaultKind.INPUT_ERROR)
        return bool(problems)

    def _see_to_limits(self, plate: PlateRun) -> None:
        """Of a plate that was not played, end the wells that break a limit; a protocol with one of them is not played.

        What has moved, or may have, goes on.
        """
        members = [h for h in plate.wells if self._jobs.cancelled(h) is None and not plate.has_left(h)]
        beyond = [h for h in members if self._broken(self._jobs.spec(h).settings)]
        if not beyond or self._driver.known(plate) is not None or self._driver.has_moved(plate):
            return
        for handle in beyond:
            self._ends_by_limit(handle)
        if self._protocols.was_written(plate) and len(beyond) < len(members):
            wells = ", ".join(plate.wells[h] for h in beyond)
            self._driver.call_off(
                plate, "resource_error", f"the plate was not played: a limit was tightened, and {wells} broke it"
            )

    def _waits(self, handle: Handle) -> bool:
        return (
            self._jobs.knows(handle)
            and self._jobs.started(handle) is not None
            and self._jobs.cancelled(handle) is None
            and self._plates.of(handle) is None
        )

    def _waiting(self, handles: Sequence[Handle]) -> list[ExperimentSpec]:
        waiting = [self._jobs.spec(handle) for handle in handles if self._waits(handle)]
        return [spec for spec in waiting if not self._broken(spec.settings)]

    def _close(self, handles: Sequence[Handle]) -> PlateRun | None:
        """Make one run of these; None where it is refused, by what is on record, and they go on waiting."""
        specs = [self._jobs.spec(handle) for handle in handles]
        if self._drafts.is_refused(specs):
            return None
        members = {h: (self._jobs.key(h), self._jobs.spec(h).place["well"]) for h in handles}
        return self._plates.close(self._drafts.title(specs), members)

    def _look(self, plate: PlateRun, handle: Handle) -> Status:
        """Where the run stands: asked once in a pass, however many wells ask."""
        if (known := self._driver.known(plate)) is not None:
            return known
        look = self._looks.setdefault(plate.key, Look(lambda: self._go_on(plate), self._deck_options.poll))
        return look.at(handle)

    def _go_on(self, plate: PlateRun) -> Status:
        with self._jobs.locked("robot.lock"):
            try:
                self._see_to_limits(plate)
                if self._is_called_off(plate):
                    return self._driver.call_off(plate)
                status = self._driver.go_on(plate, lambda: self._protocols.text_of(plate))
                if (refused := plate.reopened()) is not None:
                    self._protocols.refuse(plate, refused)
                return status
            except Busy as error:
                return Status(Phase.WAITING, f"the robot is busy: {error}", self._in_the_way(plate, str(error)))
            except Refused as error:
                raise self._refuses(error) from None

    def _refuses(self, error: Refused) -> AdapterUnavailable:
        return AdapterUnavailable(f"robot {self._driver.robot.url} refuses ({error}); look at its screen")

    def _in_the_way(self, plate: PlateRun, busy: str) -> str:
        """What a plate waits for at a robot that plays something else, and what a person can do about that.

        Of our own runs it may be one whose wells nobody asks about any more, since they were told: it is followed here.
        """
        for other in self._plates.all():
            if other.key != plate.key and (status := self._driver.followed(other)) is not None:
                end = "where nobody needs that plate, stop that run there"
                return (
                    f"waits: the robot has another plate of this campaign ({other.title}: {status.detail}), and plays "
                    f"this one once that has ended; {end}"
                )
        return (
            f"waits: the robot is busy ({busy}) with what is not of this campaign, and plays this plate once that has "
            "ended; look at the robot whose it is"
        )

    def _cancelled(self, handle: Handle, reason: str) -> Status:
        """It has ended, unless the run of its plate, of which every well was called off, still goes on."""
        plate = self._plates.of(handle)
        if plate is not None and self._is_called_off(plate):
            try:
                status = self._look(plate, handle)
            except AdapterUnavailable:
                if plate.played():
                    raise
            else:
                if status.phase is not Phase.ENDED:
                    return Status(status.phase, f"cancelled: {reason}; {status.detail}")
        return Status(Phase.ENDED, f"cancelled: {reason}")

    def _settle(self, handle: Handle) -> None:
        """Stop a run of which every well was called off."""
        plate = self._plates.of(handle)
        if plate is not None and self._is_called_off(plate):
            self._go_on(plate)

    def _is_called_off(self, plate: PlateRun) -> bool:
        return all(self._jobs.cancelled(member) is not None for member in plate.wells if not plate.has_left(member))

    def _act(self, action: str, where: Callable[[RunState], bool]) -> int:
        """Tell every run of ours that was played, and of which this is true."""
        told = 0
        for plate in self._plates.all():
            for id_ in () if self._driver.known(plate) is not None else plate.played():
                run = self._driver.robot.run(id_)
                if run is None or not run.was_played or not where(run):
                    continue
                try:
                    self._driver.robot.act(id_, action)
                except Refused as error:
                    raise AdapterUnavailable(f"the robot does not {action} run {id_} ({error})") from None
                told += 1
        return told
