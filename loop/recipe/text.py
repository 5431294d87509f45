"""A procedure in words that a chemist would accept, and the stocks to prepare for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loop.errors import RecipeError
from loop.recipe.amounts import AMOUNT, MASS, SPEED, TEMPERATURE, TIME, VOLUME, shown, shown_at_least
from loop.recipe.model import Form, Recipe, Stock
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
from loop.recipe.stocktaking import consumption
from loop.recipe.working import work_out
from loop.wording import plural


def say(recipe: Recipe, procedure: Procedure) -> str:
    """The procedure as sentences on one line."""
    return " ".join(sentences(recipe, procedure))


def sentences(recipe: Recipe, procedure: Procedure) -> tuple[str, ...]:
    """The procedure, a sentence for each action."""
    return tuple(_sentence(recipe, action, i == 0) for i, action in enumerate(procedure.actions))


def in_words(recipe: Recipe, settings: Mapping[str, str | float]) -> str:
    """What is done for one candidate; where that cannot be, why not."""
    try:
        return say(recipe, work_out(recipe, settings))
    except RecipeError as error:
        return f"Cannot be made. {error}"


def stock_list(
    recipe: Recipe, procedures: Iterable[Procedure], places: Mapping[str, Sequence[tuple[str, float]]] | None = None
) -> tuple[str, ...]:
    """What to prepare for these together: one line for each stock, the rest that cannot be drawn included.

    Args:
        recipe: Where the stocks are.
        procedures: What takes of them.
        places: By stock as it is ``described``, where a laboratory has it stand, each with the uL put there. They are
            more in all where each place has a rest of its own.
    """
    lines = []
    for use in consumption(procedures).values():
        stock = recipe.stocks[use.stock]
        unit = MASS if stock.form is Form.SOLID else VOLUME
        there = (places or {}).get(described(stock), ())
        of = "it" if len(there) < 2 else "each"
        rest = f", {shown(stock.dead, unit)} of {of} not to be drawn" if stock.dead else ""
        needed = shown_at_least(sum(v for _, v in there) if there else use.quantity + stock.dead, unit)
        stands = "; " + ", ".join(f"{place}: {shown_at_least(v, unit)}" for place, v in there) if there else ""
        lines.append(f"{described(stock)}: {needed} for {plural(use.experiments, 'experiment')}{rest}{stands}")
    return tuple(lines)


def described(stock: Stock) -> str:
    """A stock as one would label its bottle: ``XPhos, 0.05 mol/L in THF``."""
    match stock.form:
        case Form.SOLUTION:
            strength = "solution" if stock.concentration is None else f"{stock.concentration:.4g} mol/L"
            return f"{stock.name}, {strength}{'' if stock.solvent is None else f' in {stock.solvent}'}"
        case Form.SOLID if stock.purity < 1:
            return f"{stock.name}, solid, {100 * stock.purity:.4g} %"
        case _:
            return f"{stock.name}, {'solid' if stock.form is Form.SOLID else 'neat'}"


def _sentence(recipe: Recipe, action: Action, is_first: bool) -> str:
    match action:
        case Transfer():
            verb = "Dispense" if is_first else "Add"
            mixed = " and mix once" if action.mix == 1 else f" and mix {action.mix} times" if action.mix else ""
            what = f"{shown(action.volume, VOLUME)} of {described(recipe.stocks[action.stock])}"
            return f"{verb} {what}{_in_brackets(action)}{mixed}."
        case Weighing():
            what = f"{shown(action.mass, MASS)} of {described(recipe.stocks[action.stock])}"
            return f"{'Weigh in' if is_first else 'Add'} {what}{_in_brackets(action)}."
        case Heating():
            held = "" if action.time is None else f" for {shown(action.time, TIME)}"
            stirred = "" if action.speed is None else f", stirring at {shown(action.speed, SPEED)}"
            return f"Heat to {shown(action.temperature, TEMPERATURE)}{held}{stirred}."
        case Stirring():
            return f"Stir at {shown(action.speed, SPEED)} for {shown(action.time, TIME)}."
        case Waiting():
            return f"Wait {shown(action.time, TIME)}."
        case Sampling():
            return f"Take a sample of {shown(action.volume, VOLUME)} into {action.into}."
        case Measuring():
            by = f" by {action.by}" if action.by else ""
            return f"Measure {', '.join(action.what)}{by}."


def _in_brackets(dose: Transfer | Weighing) -> str:
    """Amount and stoichiometry: `` (10 µmol, 1 equiv)``."""
    parts = [] if dose.amount is None else [shown(dose.amount, AMOUNT)]
    if dose.equivalents is not None:
        parts.append(f"{dose.equivalents:.3g} equiv")
    if dose.percent is not None:
        parts.append(f"{dose.percent:.3g} mol %")
    return f" ({', '.join(parts)})" if parts else ""
