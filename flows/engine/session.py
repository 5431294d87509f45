"""A session: one holder at work on one campaign, with its record, its laboratory, and a tally of what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from flows.engine.holding import Holding
from flows.engine.looking.best import believed
from flows.engine.looking.failing import Failed
from flows.engine.looking.view import View
from flows.engine.sent import Sent
from flows.engine.steps.planners import Planner, default_planner, on_device
from flows.engine.steps.resting import Resting
from flows.wiring import open_laboratory, raw_files
from loop.contracts import Adapter, AsksLeave, Ledger, MayBeMended, Work
from loop.insight.statements import HonestBest
from loop.safety import SafetyStop

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.examination import Examination

Judge: TypeAlias = Callable[[View], HonestBest]


@dataclass
class Tally:
    """What one pass did."""

    sent: int = 0
    received: int = 0
    accepted: int = 0
    faults: int = 0
    failed: list[Failed] = field(default_factory=list)  # whose fault came as a result
    proposed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_moved: bool = False  # something was written
    out: set[str] = field(default_factory=set)  # parts of the laboratory that gave no answer
    lacks: str = ""  # what a person has to do before the laboratory can be used from here

    def note(self, text: str) -> None:
        """Keep a note once, however often a pass comes upon it."""
        if text not in self.notes:
            self.notes.append(text)


class Session:
    """The record, the laboratory and the lease of one campaign, for one pass or for many."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        ledger: Ledger,
        held: Holding,
        *,
        planner: Planner | None = None,
        laboratory: Adapter | None = None,
    ) -> None:
        self.settings, self.name, self.ledger, self.held = settings, name, ledger, held
        self.tally = Tally()
        self.files = raw_files(settings)
        self.sent = Sent(settings.folder(name))
        self.view = View(ledger, name)
        self.planner: Planner = planner or on_device(default_planner, settings.device)
        folder = settings.folder(name)
        self.judge: Judge | None = (lambda view: believed(view, folder)) if planner is None else None  # else its own
        self.examined: Mapping[str, Examination] = {}  # of each target's models, where the page was drawn in full
        self.exhausted: object = None  # what the record was when nothing was left to propose
        self.refused: tuple[int, str] | None = None  # the version of the spec that cannot be used from here, and why
        self.unsent = ""  # why the last step of sending could not send all that it wanted to
        self.resting = Resting()
        self.late: set[tuple[str, str]] = set()  # keys and payloads that came of ended attempts, and are put on record
        self._known_stops = {stop.id for stop in self.view.stops}
        self._laboratory, self._built_for = laboratory, self.view.campaign.version

    @property
    def laboratory(self) -> Adapter:
        """The laboratory of the spec in force."""
        if self._laboratory is None or self._built_for != self.view.campaign.version:
            self._laboratory = open_laboratory(self.settings, self.view.spec)
            self._built_for = self.view.campaign.version
            self._give_leave()
        return self._laboratory

    def take_up_mended(self) -> None:
        """Go on with code of one's own that failed and was mended since."""
        if isinstance(self._laboratory, MayBeMended) and self._laboratory.mend():
            self.resting = Resting()
            self._give_leave()

    def _give_leave(self) -> None:
        if isinstance(self._laboratory, AsksLeave):
            self._laboratory.ask_leave(lambda: not self.is_halted)

    @property
    def adapter(self) -> str:
        """Its name in the registry."""
        return self.view.spec.laboratory.adapter

    @property
    def is_halted(self) -> bool:
        """Whether a safety stop is in force now, asked anew: somebody may have pressed it a moment ago."""
        return bool(self.ledger.stops(self.name))

    def stops_since(self) -> Sequence[SafetyStop]:
        """Safety stops that came into force since this was asked last, at first since the session began."""
        came = [stop for stop in self.view.stops if stop.id not in self._known_stops]
        self._known_stops.update(stop.id for stop in came)
        return came

    def refresh(self) -> View:
        """Read the record anew."""
        self.view = View(self.ledger, self.name, self.view)
        return self.view

    def work(self, *, actor: str = "engine", moves: bool = True) -> AbstractContextManager[Work]:
        """One transaction under the lease; ``moves`` is False where it may find everything on record already."""
        self.tally.has_moved = self.tally.has_moved or moves
        return self.ledger.work(self.held.lease, actor=actor)
