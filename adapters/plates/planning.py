"""Planning a plate: what the robot does, action after action; what does not suffice is named before anything moves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.plates.deck import PlateOptions
from adapters.plates.pipetting import drawn_at_once, no_pipette, pipette_for, tips_that_are_wanting
from adapters.plates.steps import (
    VERB,
    Wells,
    by_hand,
    of_step,
    samples_that_overflow,
    steps_that_differ,
    wells_that_overflow,
)
from adapters.plates.tubes import Tubes, fill_tubes
from loop.contracts import Problem
from loop.recipe import Recipe, shortages
from loop.recipe.procedure import Action, Heating, Measuring, Sampling, Stirring, Transfer, Waiting

PLATE: Final = "plate"
SAMPLES: Final = "samples:"  # before the name of a plate for samples


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


def plan_plate(options: PlateOptions, recipe: Recipe, wells: Wells) -> Plan:
    """The plan of a plate.

    Raises:
        CannotBePlanned: With every well, stock, pipette and rack that does not suffice, each named.
    """
    problems = [*wells_that_overflow(options, wells), *samples_that_overflow(options, wells)]
    problems += steps_that_differ(options, recipe, wells)
    problems += shortages(recipe, wells.values())
    if problems:
        raise CannotBePlanned(problems)
    return _Planner(options, recipe, wells, fill_tubes(options, recipe, wells)).plan()


@dataclass
class _Planner:
    """Goes through the recipe step by step: each step in all wells, then the next."""

    options: PlateOptions
    recipe: Recipe
    wells: Wells
    tubes: Tubes
    problems: list[Problem] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    tips: Counter[str] = field(default_factory=Counter)
    holding: set[str] = field(default_factory=set)  # mounts that keep their tip
    shakes: bool = False  # the plate, until something else is said
    inside: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # uL by well, so far

    def plan(self) -> Plan:
        self.problems += self.tubes.problems
        last = max(
            (n for p in self.wells.values() for n, a in zip(p.steps, p.actions, strict=True) if self._moves(a)),
            default=-1,
        )
        left: list[str] = []
        for number in range(len(self.recipe.steps)):
            self._step(number, left if number > last else None)
        self.problems += tips_that_are_wanting(self.options, self.tips)
        if self.problems:
            raise CannotBePlanned(dict.fromkeys(self.problems))
        return Plan(tuple(self.actions), tuple(self.tubes.liquids), dict(self.tips), tuple(left))

    def _moves(self, action: Action) -> bool:
        """Whether the robot does something then, so that what people do before it cannot wait for the end."""
        return not isinstance(action, Measuring) and VERB[type(action)] not in self.options.by_hand

    def _step(self, number: int, left: list[str] | None) -> None:
        """One step in all wells; ``left`` takes what a person does after the run."""
        acts = [(well, action) for well, p in self.wells.items() for action in of_step(p, number)]
        if not acts:
            return
        action = acts[0][1]
        verb = VERB[type(action)]
        for well, one in acts:
            self.inside[well] -= one.volume if isinstance(one, Sampling) else 0.0
        if isinstance(action, Transfer):
            for stock in dict.fromkeys(a.stock for _, a in acts if isinstance(a, Transfer)):
                self._dispense(stock, [(w, a) for w, a in acts if isinstance(a, Transfer) and a.stock == stock])
        elif isinstance(action, Measuring):
            return
        elif verb in self.options.by_hand:
            said = by_hand(acts)
            if left is None:
                self.actions.append({"do": "pause", "say": said, "open": not self.shakes})
            else:
                left.append(said)
                self.actions.append({"do": "comment", "say": f"Then, by hand: {said}"})
        elif isinstance(action, Sampling):
            for well, sampling in acts:
                assert isinstance(sampling, Sampling)
                self._move((PLATE, well), (f"{SAMPLES}{sampling.into}", well), sampling.volume, "water", False, 0)
        elif isinstance(action, Heating):
            self.shakes = action.time is None and (action.speed is not None or self.shakes)
            self.actions.append(
                {"do": "heat", "temperature": action.temperature, "time": action.time, "speed": action.speed}
            )
        elif isinstance(action, Stirring):
            self.shakes = False
            self.actions.append({"do": "stir", "speed": action.speed, "time": action.time})
        else:
            assert isinstance(action, Waiting)
            self.actions.append({"do": "wait", "time": action.time})

    def _dispense(self, stock: str, doses: Sequence[tuple[str, Transfer]]) -> None:
        behaves = self.recipe.stocks[stock].behaves
        is_kept = self.options.tips == "stock" and not any(dose.mix for _, dose in doses)
        for well, dose in doses:
            self.inside[well] += dose.volume
            self._move(self.tubes.next(stock), (PLATE, well), dose.volume, behaves, is_kept, dose.mix)
        if self.holding:
            self.actions.append({"do": "drop"})
            self.holding.clear()

    def _move(
        self,
        source: tuple[str, str],
        to: tuple[str, str],
        volume: float,
        behaves: str,
        is_kept: bool,
        mix: int,
    ) -> None:
        """One transfer, in as many strokes as the pipette needs, with a new tip or with the one that is kept."""
        liquid = self.options.liquid(behaves)
        mount, strokes = pipette_for(self.options, volume, liquid.air_gap)
        if mount is None:
            self.problems.append(no_pipette(self.options, to[1], volume))
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
        how |= {"air_gap": liquid.air_gap, "prewet": liquid.prewet}
        if mix:  # with half of what is in it: the tip draws no air, and a small dose is mixed with more than itself
            half, (least, most) = self.inside[to[1]] / 2, drawn_at_once(self.options, mount)
            how["mix_volume"] = round(min(max(half, least), most, self.inside[to[1]]), 3)
        self.actions.append(move | how)
