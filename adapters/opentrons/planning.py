"""Planning a plate: stocks into tubes, doses into wells, tips; what does not suffice is named before anything moves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.opentrons.labware import HEATERS, PIPETTES, SHAKERS, TIPS, Pipette
from adapters.opentrons.options import OpentronsOptions
from loop.contracts import Problem
from loop.recipe import Procedure, Recipe, consumption, shortages
from loop.recipe.amounts import TEMPERATURE, TIME, VOLUME, shown
from loop.recipe.procedure import Action, Heating, Measuring, Sampling, Stirring, Transfer, Waiting, Weighing
from loop.recipe.stocktaking import short
from loop.recipe.text import described

PLATE: Final = "plate"
Wells = Mapping[str, Procedure]  # by label of the well


@dataclass(frozen=True)
class Plan:
    """What a robot is to do: ``actions`` in order, each a small mapping that the protocol carries out."""

    actions: tuple[Mapping[str, Any], ...]
    liquids: tuple[Mapping[str, Any], ...]  # stock, labware, well and uL of each tube
    tips: Mapping[str, int]  # used, by mount
    left: tuple[str, ...]  # what is left to people after the run, in words


class CannotBePlanned(Exception):
    """A plate that cannot be made: ``problems`` says what is wanting."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(p) for p in self.problems))


def plan_plate(options: OpentronsOptions, recipe: Recipe, wells: Wells) -> Plan:
    """The plan of a plate.

    Raises:
        CannotBePlanned: With every well, stock, pipette and rack that does not suffice, each named.
    """
    planner = _Planner(options, recipe, wells)
    problems = [*planner.wells_that_overflow(), *planner.steps_that_differ(), *shortages(recipe, wells.values())]
    if problems:
        raise CannotBePlanned(problems)
    return planner.plan()


@dataclass
class _Planner:
    """Fills tubes, then goes through the recipe step by step: each step in all wells, then the next."""

    options: OpentronsOptions
    recipe: Recipe
    wells: Wells
    problems: list[Problem] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    tips: Counter[str] = field(default_factory=Counter)
    holding: set[str] = field(default_factory=set)  # mounts that keep their tip
    tubes: dict[str, list[list[Any]]] = field(default_factory=dict)  # by stock: [labware, well, uL left to be drawn]

    def wells_that_overflow(self) -> list[Problem]:
        placed = self.options.deck.plate.labware
        labware = self.options.labware_of(placed)
        found = []
        for well, procedure in self.wells.items():
            if well not in labware.wells:
                rule = f"{placed} has wells {labware.wells[0]} to {labware.wells[-1]}"
                found.append(Problem(f"well {well}", rule, "let plate.rows and plate.columns be those of the labware"))
            elif procedure.fullest > labware.holds * (1 + 1e-9):
                rule = (
                    f"it holds {shown(labware.holds, VOLUME)} and would have {shown(procedure.fullest, VOLUME)} in it"
                )
                found.append(Problem(f"well {well} of {placed}", rule, "lower the scale, or take deeper wells"))
        return found

    def steps_that_differ(self) -> list[Problem]:
        """What a plate does as a whole must be the same in every well, and the deck must be able to do it."""
        found = []
        for number in range(len(self.recipe.steps)):
            done = {well: action for well, p in self.wells.items() for action in _of_step(p, number)}
            whole = {w: a for w, a in done.items() if isinstance(a, Heating | Stirring | Waiting)}
            if len(set(whole.values())) > 1:
                (first, one), (other, two) = _differing(whole)
                rule = (
                    f"well {first} is to {_words(one)} and well {other} to {_words(two)}, and a plate does both at once"
                )
                found.append(
                    Problem(f"step {number + 1}", rule, "share the parameter by plate (plate.share: {...: plate})")
                )
            found += [p for action in sorted(set(done.values()), key=repr)[:1] if (p := self._unable(number, action))]
        return found

    def _unable(self, number: int, action: Action) -> Problem | None:
        """Why the deck cannot do a step; None where it can, or a person does."""
        module, by_hand = self.options.deck.plate.module, self.options.by_hand
        verb = _VERB[type(action)]
        remedy = f"write by_hand: [{verb}] where a person does it"
        match action:
            case _ if verb in by_hand:
                return None
            case Weighing():
                return Problem(f"step {number + 1}", f"no robot weighs {action.stock!r}", f"dissolve it, or {remedy}")
            case Heating(speed=speed):
                if module not in HEATERS:
                    return Problem(
                        f"step {number + 1}", "no module under the plate heats", f"add deck.plate.module, or {remedy}"
                    )
                if speed is not None and module not in SHAKERS:
                    return Problem(
                        f"step {number + 1}", f"{module} does not shake", f"leave out the speed, or {remedy}"
                    )
            case Stirring() if module not in SHAKERS:
                return Problem(
                    f"step {number + 1}", "no module under the plate shakes", f"add deck.plate.module, or {remedy}"
                )
            case Sampling(into=into) if into not in self.options.deck.samples:
                known = ", ".join(self.options.deck.samples) or "nothing"
                return Problem(
                    f"step {number + 1}",
                    f"the deck has no {into!r} (samples: {known})",
                    f"add it to deck.samples, or {remedy}",
                )
        return None

    def plan(self) -> Plan:
        liquids = self._fill_tubes()
        last = max(
            (n for p in self.wells.values() for n, a in zip(p.steps, p.actions, strict=True) if self._moves(a)),
            default=-1,
        )
        left: list[str] = []
        for number in range(len(self.recipe.steps)):
            self._step(number, left if number > last else None)
        self.problems += self._tips_that_are_wanting()
        if self.problems:
            raise CannotBePlanned(dict.fromkeys(self.problems))
        return Plan(tuple(self.actions), liquids, dict(self.tips), tuple(left))

    def _moves(self, action: Action) -> bool:
        """Whether the robot does something then, so that what people do before it cannot wait for the end."""
        return not isinstance(action, Measuring) and _VERB[type(action)] not in self.options.by_hand

    def _fill_tubes(self) -> tuple[Mapping[str, Any], ...]:
        """Every stock into as many tubes as it needs, each with its own rest that cannot be drawn."""
        free = [
            (f"stocks{i}", well, self.options.labware_of(placed.labware).holds)
            for i, placed in enumerate(self.options.deck.stocks)
            for well in self.options.labware_of(placed.labware).wells
        ]
        liquids: list[Mapping[str, Any]] = []
        used = consumption(self.wells.values())
        for use in used.values():
            stock = self.recipe.stocks[use.stock]
            if any(isinstance(a, Weighing) and a.stock == use.stock for p in self.wells.values() for a in p.actions):
                continue
            wanting, filled, rests = use.quantity, self.tubes.setdefault(use.stock, []), 0.0
            while wanting > 1e-9 and free and free[0][2] > stock.dead:
                labware, well, holds = free.pop(0)
                drawn = min(wanting, holds - stock.dead)
                filled.append([labware, well, drawn])
                liquids.append(
                    {"stock": described(stock), "labware": labware, "well": well, "volume": drawn + stock.dead}
                )
                wanting, rests = wanting - drawn, rests + stock.dead
            if wanting > 1e-9:
                rule = f"{shown(use.quantity, VOLUME)} of it and its rests do not fit into the tubes that are free"
                self.problems.append(
                    Problem(f"stock {stock.name!r}", rule, "add labware to deck.stocks, or take larger tubes")
                )
                filled.append(["stocks0", "A1", math.inf])
            elif stock.there is not None and use.quantity + rests > stock.there * (1 + 1e-9):
                self.problems.append(_short_in_tubes(short(stock, use), len(filled), use.quantity + rests))
        return tuple(liquids)

    def _step(self, number: int, left: list[str] | None) -> None:
        """One step in all wells; ``left`` takes what a person does after the run."""
        acts = [(well, action) for well, p in self.wells.items() for action in _of_step(p, number)]
        if not acts:
            return
        action = acts[0][1]
        verb = _VERB[type(action)]
        if isinstance(action, Transfer):
            for stock in dict.fromkeys(a.stock for _, a in acts if isinstance(a, Transfer)):
                self._dispense(stock, [(w, a) for w, a in acts if isinstance(a, Transfer) and a.stock == stock])
        elif isinstance(action, Measuring):
            return
        elif verb in self.options.by_hand:
            said = _by_hand(acts)
            if left is None:
                self.actions.append({"do": "pause", "say": said})
            else:
                left.append(said)
                self.actions.append({"do": "comment", "say": f"Then, by hand: {said}"})
        elif isinstance(action, Sampling):
            for well, sampling in acts:
                assert isinstance(sampling, Sampling)
                self._move((PLATE, well), (f"samples:{sampling.into}", well), sampling.volume, "water", False, 0, well)
        elif isinstance(action, Heating):
            self.actions.append(
                {"do": "heat", "temperature": action.temperature, "time": action.time, "speed": action.speed}
            )
        elif isinstance(action, Stirring):
            self.actions.append({"do": "stir", "speed": action.speed, "time": action.time})
        else:
            assert isinstance(action, Waiting)
            self.actions.append({"do": "wait", "time": action.time})

    def _dispense(self, stock: str, doses: Sequence[tuple[str, Transfer]]) -> None:
        behaves = self.recipe.stocks[stock].behaves
        is_kept = self.options.tips == "stock" and not any(dose.mix for _, dose in doses)
        for well, dose in doses:
            for labware, tube, volume in self._draw(stock, dose.volume):
                self._move((labware, tube), (PLATE, well), volume, behaves, is_kept, dose.mix, well)
        if self.holding:
            self.actions.append({"do": "drop"})
            self.holding.clear()

    def _draw(self, stock: str, volume: float) -> list[tuple[str, str, float]]:
        """From which tubes a dose comes: one where it holds enough, else what each still has."""
        taken = []
        for tube in self.tubes[stock]:
            part = min(volume, tube[2])
            if part > 1e-9:
                taken.append((str(tube[0]), str(tube[1]), part))
                tube[2] -= part
                volume -= part
        return taken

    def _move(
        self,
        source: tuple[str, str],
        to: tuple[str, str],
        volume: float,
        behaves: str,
        is_kept: bool,
        mix: int,
        well: str,
    ) -> None:
        """One transfer, in as many strokes as the pipette needs, with a new tip or with the one that is kept."""
        liquid = self.options.liquid(behaves)
        mount, strokes = self._pipette_for(volume, liquid.air_gap)
        if mount is None:
            ranges = ", ".join(f"{n} {p.least:g} to {p.most:g} uL" for n, p in self._pipettes())
            rule = f"no pipette with its tips takes {shown(volume, VOLUME)} ({ranges})"
            remedy = "dilute the stock, raise the scale, mount a smaller pipette, or add its tips"
            self.problems.append(Problem(f"well {well}", rule, remedy))
            return
        self.tips[mount] += not is_kept or mount not in self.holding
        if is_kept:
            self.holding.add(mount)
        move = {
            "do": "move",
            "pipette": mount,
            "from": source,
            "to": to,
            "volume": round(volume, 3),
            "strokes": strokes,
        }
        how = {"mix": mix, "keep": is_kept, "rate": liquid.rate, "delay": liquid.delay}
        self.actions.append(move | how | {"air_gap": liquid.air_gap, "prewet": liquid.prewet})

    def _pipettes(self) -> list[tuple[str, Pipette]]:
        return [(name, PIPETTES[name]) for name in self.options.deck.pipettes.values()]

    def _pipette_for(self, volume: float, air: float) -> tuple[str | None, int]:
        """The mount whose pipette takes the volume in the fewest strokes, and how many; the smaller one of two."""
        able = []
        for mount, name in self.options.deck.pipettes.items():
            pipette = PIPETTES[name]
            most = min(pipette.most, tip_volume(self.options, name)) - air
            if most > 0 and volume >= pipette.least:
                able.append((math.ceil(volume / most - 1e-9), pipette.most, mount))
        if not able:
            return None, 0
        strokes, _, mount = min(able)
        return mount, strokes

    def _tips_that_are_wanting(self) -> list[Problem]:
        found = []
        used: dict[tuple[str, ...], int] = {}  # by racks: two pipettes may share theirs
        names: dict[tuple[str, ...], str] = {}
        for mount, name in self.options.deck.pipettes.items():
            slots = tuple(slot for tips in racks_for(self.options, name) for slot in tips.slots)
            used[slots] = used.get(slots, 0) + self.tips[mount]
            names[slots] = name
        for slots, number in used.items():
            there = 96 * len(slots)
            if number > there:
                rule = f"the plate needs {number} tips and the deck has {there}"
                remedy = "add racks to deck.tips, or let one tip serve a stock (tips: stock) where nothing is mixed"
                found.append(Problem(f"tips of {names[slots]}", rule, remedy))
        return found


_VERB: Final[dict[type, str]] = {
    Transfer: "dispense",
    Weighing: "add",
    Heating: "heat",
    Stirring: "stir",
    Waiting: "wait",
    Sampling: "sample",
    Measuring: "measure",
}


def racks_for(options: OpentronsOptions, pipette: str) -> list[Any]:
    """The tip racks that a pipette takes: the largest tips that fit it, each rack for one pipette."""
    fitting = [t for t in options.deck.tips if _fits(pipette, TIPS[t.labware].holds)]
    if not fitting:
        return []
    most = max(TIPS[t.labware].holds for t in fitting)
    return [t for t in fitting if TIPS[t.labware].holds == most]


def tip_volume(options: OpentronsOptions, pipette: str) -> float:
    """What its tips hold, uL; 0 where the deck has none for it."""
    racks = racks_for(options, pipette)
    return TIPS[racks[0].labware].holds if racks else 0.0


def _fits(pipette: str, tip: float) -> bool:
    """Which tips go on which pipette: 20 uL on a P20, 200 and 300 on a P300, 50 on a Flex 50, any on a Flex 1000."""
    match pipette:
        case "p20_single_gen2":
            return tip == 20
        case "p300_single_gen2":
            return tip in (200, 300)
        case "p1000_single_gen2":
            return tip == 1000
        case "flex_1channel_50":
            return tip == 50
        case _:
            return tip in (200, 1000)  # tips of 50 uL are left to the small pipette


def _of_step(procedure: Procedure, number: int) -> list[Action]:
    return [a for a, n in zip(procedure.actions, procedure.steps, strict=True) if n == number]


def _differing(whole: Mapping[str, Action]) -> tuple[tuple[str, Action], tuple[str, Action]]:
    items = list(whole.items())
    return items[0], next(item for item in items if item[1] != items[0][1])


def _words(action: Action) -> str:
    match action:
        case Heating(temperature, time):
            return f"be heated to {shown(temperature, TEMPERATURE)}" + (
                "" if time is None else f" for {shown(time, TIME)}"
            )
        case Stirring(speed, time):
            return f"be stirred at {speed:g} rpm for {shown(time, TIME)}"
        case Waiting(time):
            return f"wait {shown(time, TIME)}"
        case _:
            return repr(action)


def _by_hand(acts: Sequence[tuple[str, Action]]) -> str:
    """What a person does, for all wells in one sentence."""
    first = acts[0][1]
    if isinstance(first, Weighing):
        parts = [f"{a.mass:.4g} mg of {a.stock} into {well}" for well, a in acts if isinstance(a, Weighing)]
        return f"weigh {', '.join(parts)}."
    if isinstance(first, Sampling):
        return f"take {shown(first.volume, VOLUME)} of each well into {first.into}."
    return f"let the plate {_words(first)}."


def _short_in_tubes(problem: Problem, tubes: int, needed: float) -> Problem:
    return Problem(
        problem.subject,
        f"{problem.rule}; in {tubes} tubes, each with its rest, {shown(needed, VOLUME)} are needed",
        f"prepare at least {shown(needed, VOLUME)}, or take larger tubes",
    )
