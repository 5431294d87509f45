"""Working a recipe out for one candidate: stoichiometry, volumes and hazards, checked before anything moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from loop.contracts import Problem
from loop.errors import RecipeError, did_you_mean
from loop.recipe.amounts import VOLUME, shown
from loop.recipe.hazards import Present, dangers
from loop.recipe.model import By, Dose, Form, Heat, Measure, Recipe, Sample, Stir, Stock, Wait
from loop.recipe.procedure import (
    Action,
    Heating,
    Measuring,
    Procedure,
    Sampling,
    Stirring,
    Transfer,
    Waiting,
    Weighing,
)
from loop.recipe.solvents import structure_of
from loop.recipe.stocktaking import shortages

Settings = Mapping[str, str | float]
ROUNDING: Final = 1e-9  # of a volume: what sums of doses are off by, and nobody pipettes


def work_out(recipe: Recipe, settings: Settings) -> Procedure:
    """The procedure for one candidate.

    Raises:
        RecipeError: It cannot be carried out (a stock is missing or too little, a vessel overflows, the limiting
            reagent is not), or it must not be (a rule forbids it).
    """
    scale = None if recipe.limiting is None else recipe.limiting[1].of(settings)
    limiting = None if recipe.limiting is None else _chosen(recipe, recipe.limiting[0], settings)
    actions: list[Action] = []
    steps: list[int] = []
    volume = fullest = 0.0
    for number, step in enumerate(recipe.steps):
        action = _action(recipe, step, settings, scale, volume)
        match action:
            case Transfer():
                volume += action.volume
                fullest = max(fullest, volume)
                if volume > recipe.vessel.holds * (1 + ROUNDING):
                    raise RecipeError(
                        f"vessel, after {action.stock!r}",
                        f"it holds {shown(recipe.vessel.holds, VOLUME)} and would have {shown(volume, VOLUME)} in it",
                        "lower the scale, take more concentrated stocks, or take a larger vessel",
                    )
            case Sampling():
                if action.volume > volume * (1 + ROUNDING):
                    raise RecipeError(
                        f"sample into {action.into}",
                        f"{shown(action.volume, VOLUME)} are to be taken of {shown(volume, VOLUME)}",
                        "take less, or fill the vessel further before",
                    )
                volume = max(volume - action.volume, 0.0)
            case Heating() | Stirring() if volume < recipe.vessel.least * (1 - ROUNDING):
                raise RecipeError(
                    "vessel",
                    f"it is to be heated or stirred with {shown(volume, VOLUME)} in it, less than the "
                    f"{shown(recipe.vessel.least, VOLUME)} of recipe.vessel.least",
                    "fill it further before that step",
                )
        if action is not None:
            actions.append(action)
            steps.append(number)
    procedure = Procedure(tuple(actions), volume, fullest, limiting, scale, tuple(steps))
    _see_that_it_limits(recipe, procedure)
    refuse(recipe, procedure)
    for problem in shortages(recipe, (procedure,)):
        raise RecipeError(problem.subject, problem.rule, problem.remedy)
    return procedure


def impossible(recipe: Recipe | None, settings: Settings) -> tuple[Problem, ...]:
    """Why a candidate cannot be made, or must not be; nothing where it can, and where there is no recipe."""
    if recipe is None:
        return ()
    try:
        work_out(recipe, settings)
    except RecipeError as error:
        return (Problem(error.subject, error.rule, error.remedy),)
    return ()


def possible(recipe: Recipe, settings: Settings) -> Procedure | None:
    """The procedure for one candidate; None where it cannot be made, or must not be."""
    try:
        return work_out(recipe, settings)
    except RecipeError:
        return None


def refuse(recipe: Recipe, procedure: Procedure) -> None:
    """Raises ``RecipeError`` where a rule forbids what meets in the vessel."""
    present: dict[str, Present] = {}
    for name in procedure.stocks:
        stock = recipe.stocks[name]
        present[name] = Present(name, _structure(recipe, stock), stock.kinds)
        if stock.solvent is not None:
            dissolving = recipe.stocks.get(stock.solvent)
            known = structure_of(stock.solvent, recipe.solvents)
            smiles = known if dissolving is None else _structure(recipe, dissolving)
            kinds = frozenset[str]() if dissolving is None else dissolving.kinds
            present.setdefault(stock.solvent, Present(stock.solvent, smiles, kinds))
    found = dangers(tuple(present.values()), recipe.rules, procedure.hottest, is_closed=recipe.vessel.is_closed)
    if found:
        raise RecipeError(found[0].subject, found[0].rule, found[0].remedy)


def _structure(recipe: Recipe, stock: Stock) -> str | None:
    """What is known of it: of a stock that is a solvent, by its name, where it has no structure of its own."""
    return stock.smiles or structure_of(stock.name, recipe.solvents)


def _chosen(recipe: Recipe, of: str, settings: Settings, nothing: frozenset[str] = frozenset()) -> str | None:
    """The stock that a dose takes for this candidate; None where it takes none."""
    if of in recipe.stocks:
        return of
    option = settings.get(of)
    if option is None or option in nothing:
        return None
    name = str(option)
    if name not in recipe.stocks:
        raise RecipeError(
            f"{of} {name!r}",
            f"no stock is called so{did_you_mean(name, recipe.stocks)}",
            f"add it to recipe.stocks, or to 'nothing' of the step that takes {of!r}",
        )
    return name


def _action(recipe: Recipe, step: object, settings: Settings, scale: float | None, volume: float) -> Action | None:
    match step:
        case Dose():
            name = _chosen(recipe, step.of, settings, step.nothing)
            return None if name is None else _dose(recipe.stocks[name], step, settings, scale, volume)
        case Heat(temperature, time, speed):
            held = None if time is None else time.of(settings)
            return Heating(temperature.of(settings), held, None if speed is None else speed.of(settings))
        case Stir(speed, time):
            return Stirring(speed.of(settings), time.of(settings))
        case Wait(time):
            return Waiting(time.of(settings))
        case Sample(taken, into):
            return Sampling(taken.of(settings), into)
        case Measure(what, by):
            return Measuring(what, by)
    raise AssertionError(f"no step of a recipe: {step!r}")


def _dose(stock: Stock, dose: Dose, settings: Settings, scale: float | None, volume: float) -> Action | None:
    """What goes in: None where that is nothing."""
    said = dose.amount.of(settings)
    amount: float | None = None
    match dose.by:
        case By.EQUIVALENTS | By.PERCENT:
            if scale is None:
                raise AssertionError("the spec is read so that there is a limiting reagent")
            amount = scale * said * (1.0 if dose.by is By.EQUIVALENTS else 0.01)
        case By.AMOUNT:
            amount = said
    if stock.form is Form.SOLID:
        mass = said if amount is None else _mass_of(stock, amount)
        amount = _amount_in_mass(stock, mass) if amount is None else amount
        return Weighing(stock.name, mass, amount, *_relative(amount, scale, dose)) if mass > 0 else None
    if dose.by is By.FILL:
        if said < volume * (1 - ROUNDING):
            raise RecipeError(
                f"step that fills to {shown(said, VOLUME)} with {stock.name!r}",
                f"there are {shown(volume, VOLUME)} already",
                "lower the scale, take more concentrated stocks, or fill further",
            )
        taken = said - volume if said > volume * (1 + ROUNDING) else 0.0
    elif dose.by is By.VOLUME:
        taken = said
    elif dose.by is By.MASS:
        taken = said / _density(stock)
    else:
        assert amount is not None
        taken = _volume_of(stock, amount)
    amount = _amount_in_volume(stock, taken) if amount is None else amount
    return Transfer(stock.name, taken, amount, *_relative(amount, scale, dose), dose.mix) if taken > 0 else None


def _relative(amount: float | None, scale: float | None, dose: Dose) -> tuple[float | None, float | None]:
    """Mol % of what is said in percent; equivalents of whatever else has a known amount, but of what fills up."""
    if amount is None or not scale or dose.by is By.FILL:
        return None, None
    return (None, 100 * amount / scale) if dose.by is By.PERCENT else (amount / scale, None)


def _volume_of(stock: Stock, amount: float) -> float:
    if stock.form is Form.SOLUTION:
        if not stock.concentration:
            raise RecipeError(
                f"stock {stock.name!r}",
                "an amount of it is asked for, and nobody says its concentration",
                "give it one",
            )
        return amount / stock.concentration
    return _mass_of(stock, amount) / _density(stock)


def _density(stock: Stock) -> float:
    if stock.density is None:
        raise RecipeError(
            f"stock {stock.name!r}",
            "a mass or an amount of it is asked for, and it has no density",
            "give it one, such as density: 0.9 g/mL, or dose it by volume",
        )
    return stock.density


def _mass_of(stock: Stock, amount: float) -> float:
    if stock.molar_mass is None:
        raise RecipeError(
            f"stock {stock.name!r}",
            "an amount of it is asked for, and it has no structure",
            "give it smiles, or dose it by mass or volume",
        )
    return amount * stock.molar_mass / 1000 / stock.purity


def _amount_in_mass(stock: Stock, mass: float) -> float | None:
    return None if stock.molar_mass is None else mass * stock.purity * 1000 / stock.molar_mass


def _amount_in_volume(stock: Stock, volume: float) -> float | None:
    if stock.form is Form.SOLUTION:
        return None if stock.concentration is None else volume * stock.concentration
    return None if stock.density is None else _amount_in_mass(stock, volume * stock.density)


def _see_that_it_limits(recipe: Recipe, procedure: Procedure) -> None:
    """The limiting reagent is there, in the amount said, and no reactant has fewer equivalents, its doses together.

    Whatever has equivalents is a reactant, unless its stock says that it is an additive.
    """
    if recipe.limiting is None:
        return
    of, scale = recipe.limiting[0], procedure.scale
    doses = [a for a in procedure.actions if isinstance(a, Transfer | Weighing)]
    mine = sum(a.amount or 0.0 for a in doses if a.stock == procedure.limiting)
    if procedure.limiting is None or not scale or abs(mine - scale) > 1e-6 * scale:
        raise RecipeError(
            f"limiting reagent {of!r}",
            f"recipe.limiting says {shown(scale or 0.0, 'umol')}, and the steps bring {shown(mine, 'umol')}",
            f"give one step of {of!r} with equivalents: 1",
        )
    reactants = dict.fromkeys(d.stock for d in doses if d.equivalents is not None)
    for name in reactants:
        equivalents = sum(d.amount or 0.0 for d in doses if d.stock == name) / scale
        if equivalents < 1 - 1e-6 and name != procedure.limiting and not recipe.stocks[name].is_additive:
            raise RecipeError(
                f"reactant {name!r}",
                f"{equivalents:.3g} equivalents are fewer than those of {procedure.limiting!r}, so that it would "
                "be the limiting reagent",
                f"give at least one equivalent, name {name!r} in recipe.limiting, or, if it is a catalyst or additive, "
                "write its dose in percent, or additive: true in its stock",
            )
