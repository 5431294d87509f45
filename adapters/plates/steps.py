"""Steps on a deck: what each well and each step asks for that the deck cannot do, and what people do in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from adapters.plates.deck import PlateOptions
from adapters.plates.labware import HEATERS, SHAKERS
from loop.contracts import Problem
from loop.recipe import Procedure, Recipe
from loop.recipe.amounts import TEMPERATURE, TIME, VOLUME, shown
from loop.recipe.procedure import Action, Heating, Measuring, Sampling, Stirring, Transfer, Waiting, Weighing

Wells = Mapping[str, Procedure]  # by label of the well

VERB: Final[dict[type, str]] = {
    Transfer: "dispense",
    Weighing: "add",
    Heating: "heat",
    Stirring: "stir",
    Waiting: "wait",
    Sampling: "sample",
    Measuring: "measure",
}


def wells_that_overflow(options: PlateOptions, wells: Wells) -> list[Problem]:
    """The wells that the labware lacks, and those that hold less than goes in."""
    placed = options.deck.plate.labware
    labware = options.labware_of(placed)
    found = []
    for well, procedure in wells.items():
        if well not in labware.wells:
            rule = f"{placed} has wells {labware.wells[0]} to {labware.wells[-1]}"
            found.append(Problem(f"well {well}", rule, "let plate.rows and plate.columns be those of the labware"))
        elif procedure.fullest > labware.holds * (1 + 1e-9):
            rule = f"it holds {shown(labware.holds, VOLUME)} and would have {shown(procedure.fullest, VOLUME)} in it"
            found.append(Problem(f"well {well} of {placed}", rule, "lower the scale, or take deeper wells"))
    return found


def samples_that_overflow(options: PlateOptions, wells: Wells) -> list[Problem]:
    """The wells that a plate for samples lacks, and those that hold less than all that the robot puts into them."""
    if VERB[Sampling] in options.by_hand:
        return []
    taken: dict[tuple[str, str], float] = defaultdict(float)  # uL, by plate and well
    for well, procedure in wells.items():
        for action in procedure.actions:
            if isinstance(action, Sampling) and action.into in options.deck.samples:
                taken[action.into, well] += action.volume
    found = []
    for (into, well), volume in taken.items():
        placed = options.deck.samples[into].labware
        labware = options.labware_of(placed)
        if well not in labware.wells:
            rule = f"a sample goes into the well of the same name, and {placed} has wells {labware.wells[0]} to "
            remedy = f"let deck.samples.{into} have the wells of the plate"
            found.append(Problem(f"well {well} of {into}", f"{rule}{labware.wells[-1]}", remedy))
        elif volume > labware.holds * (1 + 1e-9):
            rule = f"{placed} holds {shown(labware.holds, VOLUME)} there and would have {shown(volume, VOLUME)} in it"
            remedy = f"take smaller samples, or deeper wells (deck.samples.{into})"
            found.append(Problem(f"well {well} of {into}", rule, remedy))
    return found


def steps_that_differ(options: PlateOptions, recipe: Recipe, wells: Wells) -> list[Problem]:
    """What a plate does as a whole must be the same in every well, and the deck must be able to do it."""
    found = []
    for number in range(len(recipe.steps)):
        done = {well: action for well, p in wells.items() for action in of_step(p, number)}
        whole = {w: a for w, a in done.items() if isinstance(a, Heating | Stirring | Waiting)}
        if len(set(whole.values())) > 1:
            (first, one), (other, two) = _differing(whole)
            rule = f"well {first} is to {_words(one)} and well {other} to {_words(two)}, and a plate does both at once"
            found.append(
                Problem(
                    f"step {number + 1}",
                    rule,
                    "share the parameter by plate (plate.share: {...: plate}); of a plate that is planned already keep "
                    "back the wells that differ (hakken ban)",
                )
            )
        found += [p for action in sorted(set(done.values()), key=repr)[:1] if (p := _unable(options, number, action))]
    return [*found, *_reached_while_it_shakes(options, recipe, wells)]


def _reached_while_it_shakes(options: PlateOptions, recipe: Recipe, wells: Wells) -> list[Problem]:
    """The first step in which a pipette or a person would come to a plate that a step without a time keeps shaking."""
    shaken_since: int | None = None
    for number in range(len(recipe.steps)):
        for action in (a for p in wells.values() for a in of_step(p, number)):
            is_by_hand = VERB[type(action)] in options.by_hand
            match action:
                case Heating() | Stirring() if is_by_hand:
                    pass
                case Heating(time=None, speed=None):
                    pass
                case Heating(time=None):
                    shaken_since = number
                case Heating() | Stirring():
                    shaken_since = None
                case Transfer() | Sampling() | Weighing() if shaken_since is not None:
                    who = "nobody" if is_by_hand else "no pipette"
                    rule = f"the plate is shaken from step {shaken_since + 1} on, which has no time, and {who} "
                    remedy = f"give step {shaken_since + 1} a time, or leave out its speed"
                    return [Problem(f"step {number + 1}", f"{rule}comes to a plate that shakes", remedy)]
    return []


def of_step(procedure: Procedure, number: int) -> list[Action]:
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


def by_hand(acts: Sequence[tuple[str, Action]]) -> str:
    """What a person does, for all wells in one sentence."""
    first = acts[0][1]
    if isinstance(first, Weighing):
        parts = [f"{a.mass:.4g} mg of {a.stock} into {well}" for well, a in acts if isinstance(a, Weighing)]
        return f"weigh {', '.join(parts)}."
    if isinstance(first, Sampling):
        taken = {well: (shown(a.volume, VOLUME), a.into) for well, a in acts if isinstance(a, Sampling)}
        if len(set(taken.values())) == 1:
            return f"take {shown(first.volume, VOLUME)} of each well into {first.into}."
        return f"take {', '.join(f'{volume} of {well} into {into}' for well, (volume, into) in taken.items())}."
    return f"let the plate {_words(first)}."


def _unable(options: PlateOptions, number: int, action: Action) -> Problem | None:
    """Why the deck cannot do a step; None where it can, or a person does."""
    module, by_hand = options.deck.plate.module, options.by_hand
    verb = VERB[type(action)]
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
            low, high = HEATERS[module]
            if not low <= action.temperature <= high:
                rule = f"{module} goes from {low:g} to {high:g} °C, not to {shown(action.temperature, TEMPERATURE)}"
                return Problem(f"step {number + 1}", rule, f"change the temperature, or {remedy}")
            if speed is not None and module not in SHAKERS:
                return Problem(f"step {number + 1}", f"{module} does not shake", f"leave out the speed, or {remedy}")
            return None if speed is None else _too_fast(number, str(module), speed, remedy)
        case Stirring(speed=speed):
            if module in SHAKERS:
                return _too_fast(number, str(module), speed, remedy)
            return Problem(
                f"step {number + 1}", "no module under the plate shakes", f"add deck.plate.module, or {remedy}"
            )
        case Sampling(into=into) if into not in options.deck.samples:
            known = ", ".join(options.deck.samples) or "nothing"
            return Problem(
                f"step {number + 1}",
                f"the deck has no {into!r} (samples: {known})",
                f"add it to deck.samples, or {remedy}",
            )
    return None


def _too_fast(number: int, module: str, speed: float, remedy: str) -> Problem | None:
    low, high = SHAKERS[module]
    if low <= speed <= high:
        return None
    rule = f"{module} shakes at {low:g} to {high:g} rpm, not at {speed:g}"
    return Problem(f"step {number + 1}", rule, f"change the speed, or {remedy}")
