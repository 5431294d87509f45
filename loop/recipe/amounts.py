"""Amounts: a number with its unit, or the parameter that gives it, in the one unit that recipes reckon in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from loop.errors import RecipeError, UnitError, did_you_mean
from loop.units import convert

# Chosen so that products need no factors: uL * umol/uL = umol, and umol * g/mol / 1000 = mg.
VOLUME: Final = "uL"
AMOUNT: Final = "umol"
MASS: Final = "mg"
MOLAR: Final = "mol/L"  # the same number in umol/uL
MASS_PER_VOLUME: Final = "g/L"
DENSITY: Final = "g/mL"  # the same number in mg/uL
TIME: Final = "s"
TEMPERATURE: Final = "degC"
SPEED: Final = "rpm"
PLAIN: Final = ""  # equivalents
PERCENT: Final = "percent"  # mol %

_SAID: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)?\s*")
# What may follow a number where only one thing can be meant; a parameter may have any unit that converts.
_FOLLOWS: Final = {
    PLAIN: frozenset({"equiv", "equiv.", "equivalents", "eq", "eq."}),
    PERCENT: frozenset({"%", "mol%", "mol %", "mol-%", "percent"}),
}
_EXAMPLES: Final = {
    VOLUME: "20 uL",
    AMOUNT: "10 umol",
    MASS: "5 mg",
    MOLAR: "0.1 mol/L",
    MASS_PER_VOLUME: "20 g/L",
    DENSITY: "0.9 g/mL",
    TIME: "2 h",
    TEMPERATURE: "80 degC",
    SPEED: "500 rpm",
    PLAIN: "1.5",
    PERCENT: "10",
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in ``unit``; or, with ``parameter``, whatever that setting of a candidate says, given in ``said_in``."""

    unit: str
    number: float = 0.0
    parameter: str | None = None
    said_in: str = ""

    def of(self, settings: Mapping[str, str | float]) -> float:
        """The number for one candidate, in ``unit``. Raises ``RecipeError`` where it cannot be."""
        if self.parameter is None:
            return self.number
        said = settings.get(self.parameter)
        if said is None or isinstance(said, str):
            raise RecipeError(
                f"parameter {self.parameter!r}",
                f"the recipe takes a number from it, and this candidate has {said!r}",
                "give the step a fixed amount, or make the parameter apply to every candidate",
            )
        return _sound(convert(float(said), self.said_in, self.unit), self.unit, f"parameter {self.parameter!r}")


def read_amount(said: str | float, unit: str, where: str, parameters: Mapping[str, str | None]) -> Amount:
    """An amount as a recipe says it.

    Args:
        said: A number with its unit as text (``"20 uL"``), the name of a numeric parameter, or a plain number.
        unit: The unit to reckon in; ``PLAIN`` for equivalents, ``PERCENT`` for mol %, where no unit means percent.
        where: What it is the amount of, for messages.
        parameters: The unit of each numeric parameter; None for a parameter that is no number.

    Raises:
        RecipeError: It is none of these, or measures something else.
    """
    example = _EXAMPLES[unit]
    if not isinstance(said, str):
        if unit in _FOLLOWS:
            return Amount(unit, _sound(float(said), unit, where))
        raise RecipeError(where, f"{said:g} has no unit", f"write one, such as {example!r}")
    if said in parameters:
        given = parameters[said]
        if given is None:
            raise RecipeError(where, f"parameter {said!r} is no number", f"name a numeric one, or write {example!r}")
        given = given or (PERCENT if unit == PERCENT else PLAIN)
        try:
            convert(1.0, given, "mol%" if unit in _FOLLOWS else unit)  # where a share by mass or volume is none
        except UnitError as error:
            remedy = _remedy(unit) if unit in _FOLLOWS else f"give it a unit as in {example!r}"
            raise RecipeError(where, f"parameter {said!r}: {error}", remedy) from None
        return Amount(unit, parameter=said, said_in=given)
    number = _SAID.fullmatch(said)
    if number is None or (number[2] is None and unit not in _FOLLOWS):
        rule = f"{said!r} is neither an amount nor a numeric parameter{did_you_mean(said, parameters)}"
        raise RecipeError(where, rule, f"write an amount such as {example!r}")
    if unit in _FOLLOWS:
        if number[2] is not None and number[2] not in _FOLLOWS[unit]:
            what = "mol %" if unit == PERCENT else "equivalents"
            raise RecipeError(where, f"{said!r} are no {what} of the limiting reagent", _remedy(unit))
        return Amount(unit, _sound(float(number[1]), unit, where))
    try:
        return Amount(unit, _sound(convert(float(number[1]), number[2], unit), unit, where))
    except UnitError as error:
        raise RecipeError(where, f"{said!r}: {error}", f"write an amount such as {example!r}") from None


def unit_in(said: str) -> str:
    """The unit behind the number of an amount; "" where there is none."""
    found = _SAID.fullmatch(said)
    return "" if found is None else found[2] or ""


def shown(number: float, unit: str) -> str:
    """A number in one of the units above as a chemist writes it: ``1.2 mL``, ``15 min``, ``80 °C``."""
    match unit:
        case "uL" | "umol" | "mg":
            larger = {"uL": "mL", "umol": "mmol", "mg": "g"}[unit]
            large = abs(number) >= 1000
            return f"{number / 1000 if large else number:.4g} {larger if large else unit.replace('u', 'µ', 1)}"
        case "s":
            size, name = (3600.0, "h") if number >= 3600 else (60.0, "min") if number >= 60 else (1.0, "s")
            return f"{number / size:.4g} {name}"
        case "degC":
            return f"{number:.4g} \N{DEGREE SIGN}C"
        case _:
            return f"{number:.4g} {unit}".strip()


def shown_at_least(number: float, unit: str) -> str:
    """The same, rounded up: what surely suffices, of which so much is to be prepared."""
    if number <= 0:
        return shown(number, unit)
    step = 10.0 ** (math.floor(math.log10(number)) - 3)  # of the last of the four digits that are shown
    return shown(math.ceil(number / step - 1e-6) * step, unit)


def _remedy(unit: str) -> str:
    """How to say what is no equivalents, or no percent."""
    if unit == PERCENT:
        return "write percent: 10, which are mol % of the limiting reagent; or amount, volume or mass with their units"
    return "write equivalents: 1.5; or percent: 10 for mol %; or amount, volume or mass with their units"


def _sound(number: float, unit: str, where: str) -> float:
    if not math.isfinite(number):
        raise RecipeError(where, f"{number} is no amount", "correct the number")
    if unit == TEMPERATURE:
        if number < -273.15:
            raise RecipeError(where, f"{number:g} degC is below absolute zero", "correct the temperature")
    elif number < 0:
        raise RecipeError(where, f"{number:g} {unit} is less than nothing".replace("  ", " "), "correct the amount")
    return number
