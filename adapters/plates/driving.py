"""Driving one run: upload, see the analysis, create, play, look, keep; each step may be cut off and taken up again.

Note [A run that failed]: what failed before any liquid was drawn is made again by itself. After that, wells may be
whole, half filled or spoilt, and only a person can see which: the plate is a doubt.

Note [What a lost reply means]: uploading again gives the same protocol, and a run created twice moves nothing, so these
are looked up by the run's key and simply done again. Playing moves, so ``play-RUN.json`` is written before. Afterwards
the robot's own list of actions tells whether it was played. A run that is idle and still the current one was not, and
is told again; one that is idle no more, and was never played, cannot be played any more, and another one is made. A
run that the robot does not know, or whose record it lost, may have run: that is a doubt, and waits for a person.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from adapters.errors import AdapterUnavailable
from adapters.plates.machine import BUSY, Judge, Machine, Refused, RunState
from adapters.plates.runs import PlateRun
from adapters.plates.verdicts import ROBOT, Verdict
from loop.checkpoints import reached
from loop.contracts import Phase, Status

PAUSED: Final = frozenset({"paused", "blocked-by-open-door"})
HELD: Final = "held by a safety stop; it lies inert"
ENDED: Final = frozenset({"succeeded", "failed", "stopped"})
STOPPING: Final = frozenset({"stop-requested", "finishing"})


class Busy(Exception):
    """The robot plays something else, so that a plate has to wait; says what, in the robot's words."""


@dataclass(frozen=True, slots=True)
class Driver:
    """Moves a plate on by as many steps as can be taken without waiting."""

    robot: Machine
    judge: Judge | None = None
    campaign: str = "CAMPAIGN"  # as a person types it, who lets a run go on
    has_leave: Callable[[], bool] = lambda: True  # asked before a run is brought to the robot, and before it is played

    def go_on(self, plate: PlateRun, protocol: Callable[[], str | None]) -> Status:
        """Where the run stands, after going on with it.

        Args:
            plate: A plate that is closed.
            protocol: Its text; None where the plate cannot be made, which is on record then.

        Raises:
            AdapterUnavailable: The robot gave no answer; what it has is looked up the next time.
            Busy: It plays something else.
        """
        if (status := self.known(plate)) is not None:
            return status
        text = protocol()
        if text is None:
            return Status(Phase.ENDED)
        if self.judge is not None and (why := self._refusal(plate, self.judge)) is not None:
            return self._reopen(plate, Verdict(self.judge.called, self.judge.edition, why))
        for id_ in plate.played():
            run = self.robot.run(id_)
            if run is None:
                return self._doubt(plate, f"the robot does not know run {id_} any more, which may have moved")
            if not run.is_whole or run.was_played is None:
                return self._doubt(
                    plate, f"the robot lost its record of run {id_}, as by a restart, and it may have moved"
                )
            if run.was_played or run.status not in ENDED:
                return self._follow(plate, run)
        return self._begin(plate, text)

    def followed(self, plate: PlateRun) -> Status | None:
        """Where a run that was played stands, its end kept; None where none was, or it has ended.

        Raises ``AdapterUnavailable``.
        """
        for id_ in () if self.known(plate) is not None else plate.played():
            run = self.robot.run(id_)
            if run is not None and run.is_whole and run.was_played:
                status = self._follow(plate, run)
                return None if self.known(plate) is not None else status
        return None

    def known(self, plate: PlateRun) -> Status | None:
        """What needs no robot to be told."""
        if plate.noted("ended.json") is not None or plate.noted("refused.json") is not None:
            return Status(Phase.ENDED)
        if (doubt := plate.noted("doubt.json")) is not None:
            return Status(Phase.LOST, str(doubt["why"]))
        return None if (told := plate.reopened()) is None else Status(Phase.WAITING, told.rule)

    def has_moved(self, plate: PlateRun) -> bool:
        """Whether a run of it moved or may have: only what surely lies inert has not."""
        if any((run := self.robot.run(id_)) is None or not run.is_whole for id_ in plate.played()):
            return True
        return any(run.was_played is not False for run in self._runs(plate))

    def call_off(
        self, plate: PlateRun, kind: str = "cancelled", because: str = "every experiment of the plate was called off"
    ) -> Status:
        """Stop the run, or take away what lies there inert, so that it cannot be played any more.

        Raises:
            AdapterUnavailable: The robot gave no answer, or refuses to stop what goes on; nothing is on record then.
        """
        if (status := self.known(plate)) is not None and status.phase is Phase.ENDED:
            return status
        stopped = False
        for run in self._runs(plate):
            if run.status not in ENDED and (goes_on := self._stop(run)) is not None:
                return Status(Phase.RUNNING, f"run {run.id} is {goes_on}: it is being stopped")
            stopped |= run.was_played is not False
        hot = self._switch_off() if stopped else ""
        plate.note("refused.json", {"kind": kind, "why": f"{because}; {hot}" if hot else because})
        return Status(Phase.ENDED)

    def _stop(self, run: RunState) -> str | None:
        """Stop a run that has not ended; returns how it stands while it is not over yet."""
        if run.was_played is False and run.status == "idle":
            with suppress(Refused):
                self.robot.delete(run.id)
                return None
        refused = None
        if run.status not in STOPPING:
            try:
                self.robot.act(run.id, "stop")
            except Refused as error:
                refused = error
        now = self.robot.run(run.id)
        if (
            now is None or now.status in ENDED
        ):  # of a run that it forgot nothing goes on: it forgets none that is current
            return None
        if refused is not None and now.status not in STOPPING:
            raise AdapterUnavailable(
                f"robot {self.robot.url} does not stop run {run.id}, which is {now.status} ({refused}); stop it there"
            )
        return now.status

    def _switch_off(self) -> str:
        """Turn off what a run left on that did not come to its end; returns what is to be told where it cannot be."""
        try:
            self.robot.switch_off()
        except (Refused, AdapterUnavailable) as error:
            return f"its heaters could not be switched off ({error}): see to them at the robot"
        return ""

    def _runs(self, plate: PlateRun) -> list[RunState]:
        """What the robot has of a plate."""
        found = {run.id: run for run in self.robot.runs_of(self.robot.protocols(plate.key))}
        for id_ in plate.played():
            if id_ not in found and (run := self.robot.run(id_)) is not None:
                found[id_] = run
        return list(found.values())

    def _refusal(self, plate: PlateRun, judge: Judge) -> str | None:
        """Why the judge refuses the protocol; asked once where it takes it."""
        if plate.noted("simulated.json") is not None:
            return None
        if (why := judge.refusal(plate.folder)) is None:
            plate.note("simulated.json", {"program": str(judge.program)})
        return why

    def _reopen(self, plate: PlateRun, verdict: Verdict) -> Status:
        """Give up a run that nobody would play: what is refused is how the plate is made, and no experiment of it."""
        plate.reopen(verdict)
        return Status(Phase.WAITING, verdict.rule)

    def robots_verdict(self, why: str) -> Verdict:
        """That the robot itself refuses a protocol, with the version of its software and which robot it is."""
        return Verdict(ROBOT, f"{self.robot.health()['api_version']} at {self.robot.url}", why)

    def _begin(self, plate: PlateRun, text: str) -> Status:
        """Bring the protocol to the robot, and play it."""
        if not self.has_leave():
            return Status(Phase.WAITING, HELD)
        protocols = self.robot.protocols(plate.key)
        try:
            protocol = protocols[-1] if protocols else self.robot.upload(text, plate.key)
        except Refused as error:
            return self._reopen(plate, self.robots_verdict(str(error)))
        reached("plates.uploaded")
        told = plate.noted("analysed.json")
        is_known = told is not None and told.get("robot", self.robot.url) == self.robot.url
        analysis = told if told is not None and is_known else self.robot.analysis(protocol)
        if analysis.get("status") != "completed":
            return Status(Phase.WAITING, "the robot analyses the protocol")
        result = analysis.get("result")
        plate.note("analysed.json", {"status": "completed", "result": result, "robot": self.robot.url})
        if result == "not-ok":
            said = "; ".join(str(e.get("detail", e)) for e in analysis.get("errors") or ()) or "it does not say why"
            return self._reopen(plate, self.robots_verdict(said))
        runs = self.robot.runs_of([protocol, *protocols])
        if played := [run for run in runs if run.was_played is not False]:
            return self._adopt(plate, played[-1])  # by a person at the screen, or our note was lost
        idle = next((run for run in runs if run.is_current and run.status == "idle"), None)
        if idle is None:
            try:
                idle = self.robot.create(protocol)
            except Refused as error:
                if error.status != 409:
                    raise AdapterUnavailable(
                        f"robot {self.robot.url} refuses a run ({error}); look at its screen"
                    ) from None
                raise Busy(error.detail) from None
        reached("plates.created")
        return self._play(plate, idle)

    def _adopt(self, plate: PlateRun, run: RunState) -> Status:
        plate.note(f"play-{run.id}.json", {"run": run.id})
        if not run.is_whole or run.was_played is None:
            return self._doubt(
                plate, f"the robot lost its record of run {run.id}, as by a restart, and it may have moved"
            )
        return self._follow(plate, run)

    def _play(self, plate: PlateRun, run: RunState) -> Status:
        """Intent before effect."""
        if not self.has_leave():
            return Status(Phase.WAITING, HELD)
        plate.note(f"play-{run.id}.json", {"run": run.id})
        reached("plates.intended")
        try:
            self.robot.act(run.id, "play")
        except Refused as error:
            if error.status == 404:
                return self._doubt(plate, f"the robot does not know run {run.id} any more, which may have moved")
            if error.status == 409 and error.id == BUSY:
                raise Busy(error.detail) from None
            return Status(Phase.WAITING, f"the robot does not play it now ({error}); asked again")
        reached("plates.played")
        return Status(Phase.RUNNING, f"run {run.id}")

    def _follow(self, plate: PlateRun, run: RunState) -> Status:
        if run.status == "idle" and not run.was_played:
            return self._play(plate, run)
        if run.status in ENDED:
            hot = "" if run.status == "succeeded" else self._switch_off()
            told = {"run": run.id, "status": run.status, "errors": list(run.errors), "raw": dict(run.raw)}
            told |= {"hot": hot} if hot else {}
            is_half_made = run.status == "failed" and self._has_drawn(run.id)
            plate.note("half-made.json" if is_half_made else "ended.json", told)
            reached("plates.kept")
            with suppress(Refused, AdapterUnavailable):  # or a restart of the robot would lose its record
                if run.is_current:
                    self.robot.archive(run.id)
            if is_half_made:
                said = "; ".join((*run.errors, *((hot,) if hot else ()))) or "no reason given"
                return self._doubt(plate, f"run {run.id} failed when liquid was drawn already: {said}")
            return Status(Phase.ENDED)
        if run.status in PAUSED or run.status.startswith("awaiting-recovery"):
            said = f"run {run.id} is {run.status}: see to the robot, and resume there"
            return Status(Phase.RUNNING, said, _held_up(run, self.campaign))
        return Status(Phase.RUNNING, f"run {run.id} is {run.status}")

    def _has_drawn(self, run: str) -> bool:
        try:
            return self.robot.has_drawn(run)
        except Refused:  # it does not tell: liquid may have moved
            return True

    def _doubt(self, plate: PlateRun, why: str) -> Status:
        plate.note("doubt.json", {"why": why})
        return Status(Phase.LOST, why)


def _held_up(run: RunState, campaign: str) -> str:
    """What a run that is held up waits for, in its own words where it has some."""
    last = run.raw.get("last")
    said = str(last.get("say") or "") if isinstance(last, dict) else ""
    asked = f" ({said.rstrip('.')})" if said else ""
    go_on = f"see to the robot, and let it go on there or with hakken lab resume {shlex.quote(campaign)}"
    return f"waits: run {run.id} is {run.status}{asked}; {go_on}"
