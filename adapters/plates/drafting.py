"""Drafts: a plate as it would be made, planned, written and judged before there is a run of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

from adapters.errors import AdapterUnavailable
from adapters.plates.deck import PlateOptions
from adapters.plates.driving import Driver
from adapters.plates.machine import Judge
from adapters.plates.planning import CannotBePlanned, Plan, plan_plate
from adapters.plates.runs import PlateRun, in_order
from adapters.plates.verdicts import DRAFT, ROBOT, Verdict, Verdicts, of_deck, of_plate
from adapters.plates.whole_plan import tubes_by_stock
from loop.contracts import ExperimentSpec, Finding, Problem
from loop.errors import NotSetUp
from loop.recipe import Procedure, Recipe, possible

_ALONE: Final = "alone: "  # before a protocol whose refusal is its experiment's own
_SEARCHED: Final = "searched: "  # before one of which it is known whether one experiment is to blame
_IDLE: Final = Plan((), (), {}, ())
_Member = TypeVar("_Member", bound=str)


class Drafts:
    """The drafts of one laboratory, as its section of the campaign file is now."""

    def __init__(
        self,
        options: PlateOptions,
        recipe: Recipe,
        write: Callable[[PlateRun, Plan, Mapping[str, str]], str],
        file: str,
        verdicts: Verdicts,
        driver: Driver,
    ) -> None:
        """``write`` makes a protocol, as ``PlateMaker`` does, and ``file`` is what it is called."""
        self._options, self._recipe, self._write, self._file = options, recipe, write, file
        self._verdicts, self._driver, self._judge = verdicts, driver, driver.judge

    def in_order(self, wells: Mapping[_Member, str]) -> list[_Member]:
        """The members of a plate in the order in which the robot fills their wells."""
        return in_order(wells, self._options.labware_of(self._options.deck.plate.labware).wells)

    def title(self, specs: Sequence[ExperimentSpec]) -> str:
        """What a run of these is called at the robot."""
        if self._options.runs == "each":
            return f"{specs[0].campaign}, one experiment"
        return f"{specs[0].campaign}, plate {specs[0].place.get('plate', '')}"

    def laid_out(self, specs: Sequence[ExperimentSpec]) -> Mapping[str, Sequence[tuple[str, float]]]:
        """The tubes of each stock for one plate, with what stands in each."""
        if self._options.runs == "each":
            return {}  # each has the deck to itself
        try:
            return tubes_by_stock(self._options, self._plan(specs))
        except CannotBePlanned:
            return {}

    def wanting(self, specs: Sequence[ExperimentSpec]) -> Sequence[Problem]:
        """What the deck lacks for these, and who refuses it or what would be made of them, as far as it is on record.

        With ``runs: each`` ``validate`` says whether the deck suffices for one, which has it to itself.
        """
        if (refused := self._refusal(self._deck())) is not None:
            return (of_deck(refused),)
        try:
            told = [self._refusal(protocol) for protocol in self._protocols(specs)]
        except CannotBePlanned as error:
            return () if self._options.runs == "each" else error.problems
        return [of_plate(verdict) for verdict in dict.fromkeys(told) if verdict is not None]

    def is_refused(self, specs: Sequence[ExperimentSpec]) -> bool:
        """Whether what would be made of these was refused, and would be still: what was exchanged since is asked anew.

        Raises:
            AdapterUnavailable: As ``judge``.
        """
        if not any(map(self._refusal, (deck := self._deck(), *(made := self._sound(specs))))):
            return False
        for protocol in made:
            self._judge_one(protocol)
        return any(map(self._refusal, (deck, *made)))

    def judge(self, specs: Sequence[ExperimentSpec]) -> None:
        """Have the judge look at what would be made of these, or with ``runs: each`` at the deck.

        What it says is kept, and nobody is asked again what is on record.

        Raises:
            AdapterUnavailable: The judge gives no answer, or the robot, which is asked only where it refused something;
                or the folder cannot be used.
        """
        for protocol in [self._deck()] if self._options.runs == "each" else self._sound(specs):
            self._judge_one(protocol)
            if self._options.runs == "plate" and self._judge is not None:
                self._blame(self._judge, protocol, specs)

    def own_problem(self, spec: ExperimentSpec) -> Problem | None:
        """Why one experiment is refused by itself where all others of its plate were taken, as far as is on record."""
        if self._judge is None or not self._verdicts.are_there():
            return None
        found = [self._verdicts.said(_ALONE + protocol, self._judge.called) for protocol in self._sound([spec])]
        told = next((v for v in found if v is not None and v.edition == self._judge.edition), None)
        return None if told is None else Problem(f"well {spec.place['well']}", told.rule, "change its settings")

    def is_taken(self, protocol: str) -> bool:
        """Whether the judge took a protocol, as far as it is on record."""
        if self._judge is None:
            return False
        told = self._verdicts.said(protocol, self._judge.called)
        return told is not None and not told.why and told.edition == self._judge.edition

    def examine(self) -> Sequence[Finding]:
        """Whether the judge takes the deck, asked now and not kept. Raises ``NotSetUp`` as the judge does."""
        if (judge := self._judge) is None:
            return ()
        try:
            why = self._asked(judge, self._deck())
        except NotSetUp:
            raise
        except AdapterUnavailable:
            return ()  # which is said of the judge itself
        if why is None:
            return (Finding("deck", "ok", f"{judge.called} takes it"),)
        problem = of_deck(Verdict(judge.called, judge.edition, why))
        return (Finding("deck", "problem", problem.rule, problem.remedy),)

    def keep(self, protocol: str, verdict: Verdict) -> None:
        self._verdicts.keep(protocol, verdict)

    def _plan(self, specs: Sequence[ExperimentSpec]) -> Plan:
        """The plan of one plate; what cannot be made at all takes no place on it. Raises ``CannotBePlanned``."""
        return plan_plate(self._options, self._recipe, self._wells(specs))

    def _protocols(self, specs: Sequence[ExperimentSpec]) -> list[str]:
        """What the robot would get for these, run by run. Raises ``CannotBePlanned``."""
        runs = [[spec] for spec in specs] if self._options.runs == "each" else [specs] if specs else []
        return [self._written(self._plan(run), self.title(run), list(self._wells(run))) for run in runs]

    def _sound(self, specs: Sequence[ExperimentSpec]) -> list[str]:
        """The same, where they can be planned."""
        try:
            return self._protocols(specs)
        except CannotBePlanned:
            return []

    def _deck(self) -> str:
        """What the robot would get to do nothing with what stands on the deck."""
        return self._written(_IDLE, "the deck", [])

    def _refusal(self, protocol: str) -> Verdict | None:
        """Who refuses a protocol, as far as it is on record."""
        told = (self._verdicts.said(protocol, by) for by in (*self._judges(), ROBOT))
        return next((verdict for verdict in told if verdict is not None and verdict.why), None)

    def _judge_one(self, protocol: str) -> None:
        """Ask the judge of a protocol and, where it refuses it, of the deck."""
        deck = self._deck()
        for each in dict.fromkeys((deck, protocol)):
            self._forget_outdated(each)
        if self._judge is None or self.is_taken(protocol) or self._refusal(deck):
            return
        if self._refusal(protocol) is None:
            self._ask(self._judge, protocol)
        told = self._verdicts.said(protocol, self._judge.called)
        if protocol != deck and told is not None and told.why and not self.is_taken(deck):
            self._ask(self._judge, deck)

    def _blame(self, judge: Judge, protocol: str, specs: Sequence[ExperimentSpec]) -> None:
        """Once put on record which experiment is refused by itself, of a plate refused on a deck that is not."""
        told = self._verdicts.said(protocol, judge.called)
        if told is None or not told.why or self._refusal(self._deck()) is not None:
            return
        if self._verdicts.said(_SEARCHED + protocol, judge.called) != told:
            self._search(judge, specs)
            self._verdicts.keep(_SEARCHED + protocol, told)

    def _search(self, judge: Judge, specs: Sequence[ExperimentSpec]) -> None:
        """Put the one on record, where all others together are taken.

        The plate is halved as long as just one half is refused: of a plate that is refused whatever is on it both are.
        """
        suspects = list(specs)
        while len(suspects) > 1:
            middle = len(suspects) // 2
            refused = [half for half in (suspects[:middle], suspects[middle:]) if self._is_refused_now(judge, half)]
            if len(refused) != 1:
                return
            suspects = refused[0]
        others = [spec for spec in specs if spec not in suspects]
        if others and not self._is_refused_now(judge, others):
            (protocol,) = self._sound(suspects)
            told = self._verdicts.said(protocol, judge.called)
            assert told is not None
            self._verdicts.keep(_ALONE + protocol, told)

    def _is_refused_now(self, judge: Judge, specs: Sequence[ExperimentSpec]) -> bool:
        return any(self._ask(judge, protocol) for protocol in self._sound(specs))

    def _wells(self, specs: Sequence[ExperimentSpec]) -> dict[str, Procedure]:
        made = {s.place["well"]: p for s in specs if "well" in s.place and (p := possible(self._recipe, s.settings))}
        return {well: made[well] for well in self.in_order({well: well for well in made})}

    def _written(self, plan: Plan, title: str, wells: Sequence[str]) -> str:
        return self._write(PlateRun(Path(), DRAFT, title, {}), plan, dict.fromkeys(wells, ""))

    def _judges(self) -> Sequence[str]:
        return () if self._judge is None else (self._judge.called,)

    def _forget_outdated(self, protocol: str) -> None:
        """Forget a refusal by what has been exchanged since, and may take the protocol now."""
        if (told := self._refusal(protocol)) is None:
            return
        judge = None if told.by == ROBOT else self._judge
        now = self._driver.robots_verdict("").edition if judge is None else judge.edition
        if told.edition != now:
            self._verdicts.forget(protocol, told.by)

    def _ask(self, judge: Judge, protocol: str) -> str | None:
        why = self._asked(judge, protocol)
        self._verdicts.keep(protocol, Verdict(judge.called, judge.edition, why or ""))
        return why

    def _asked(self, judge: Judge, protocol: str) -> str | None:
        with TemporaryDirectory(prefix="hakken-", ignore_cleanup_errors=True) as folder:
            (Path(folder) / self._file).write_text(protocol, encoding="utf-8")
            return judge.refusal(Path(folder))
