"""The steps of a recipe in a campaign file: what is done, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from loop.errors import RecipeError, did_you_mean
from loop.recipe.amounts import AMOUNT, MASS, PERCENT, PLAIN, SPEED, TEMPERATURE, TIME, VOLUME
from loop.recipe.model import By, Dose, Form, Heat, Measure, Sample, Step, Stir, Stock, Wait
from loop.spec.recipe.models import RecipeSpec, StepSpec
from loop.spec.recipe.names import Names, at

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec

_VERBS: Final = {  # what else a step may say, by what it does
    "dispense": {"equivalents", "percent", "amount", "volume", "mass", "to", "nothing", "mix"},
    "add": {"equivalents", "percent", "amount", "mass", "nothing"},
    "heat": {"time", "speed"},
    "stir": {"time"},
    "wait": set[str](),
    "sample": {"into"},
    "measure": {"by"},
}
_UNITS: Final = {
    By.EQUIVALENTS: PLAIN,
    By.PERCENT: PERCENT,
    By.AMOUNT: AMOUNT,
    By.VOLUME: VOLUME,
    By.MASS: MASS,
    By.FILL: VOLUME,
}


class Steps:
    """Makes steps of what the file says, over these stocks."""

    def __init__(self, spec: CampaignSpec, said: RecipeSpec, names: Names, stocks: Mapping[str, Stock]) -> None:
        self._spec, self._said, self._names, self._stocks = spec, said, names, stocks

    def step(self, number: int, said: StepSpec) -> Step:
        """The step of that number, from 0."""
        given = {name for name in StepSpec.model_fields if getattr(said, name) is not None}
        where = f"step {number + 1}"
        with at("steps", number):
            verbs = [verb for verb in _VERBS if verb in given]
            if len(verbs) != 1:
                raise RecipeError(
                    where, f"it does {' and '.join(verbs) or 'nothing'}", f"give one of {', '.join(_VERBS)}"
                )
            (verb,) = verbs
            if foreign := sorted(given - _VERBS[verb] - {verb}):
                known = ", ".join(sorted(_VERBS[verb])) or "nothing else"
                raise RecipeError(
                    where, f"{foreign[0]!r} says nothing of {verb}", f"leave it out; {verb} takes {known}"
                )
            match verb:
                case "dispense" | "add":
                    return self._dose(f"{where}, {verb}", said, verb == "add")
                case "heat":
                    assert said.heat is not None
                    temperature = self._names.amount(said.heat, TEMPERATURE, where)
                    return Heat(
                        temperature,
                        self._names.or_none(said.time, TIME, where),
                        self._names.or_none(said.speed, SPEED, where),
                    )
                case "stir":
                    assert said.stir is not None
                    if said.time is None:
                        raise RecipeError(where, "nobody says how long it is stirred", "add time: 10 min")
                    return Stir(self._names.amount(said.stir, SPEED, where), self._names.amount(said.time, TIME, where))
                case "wait":
                    assert said.wait is not None
                    return Wait(self._names.amount(said.wait, TIME, where))
                case "sample":
                    assert said.sample is not None
                    if said.into is None:
                        raise RecipeError(where, "nobody says where the sample goes", "add into: HPLC plate")
                    return Sample(self._names.amount(said.sample, VOLUME, where), said.into)
                case _:
                    return self._measure(where, said)

    def _measure(self, where: str, said: StepSpec) -> Measure:
        assert said.measure is not None
        what = (said.measure,) if isinstance(said.measure, str) else tuple(said.measure)
        for target in what:
            if target not in self._spec.objective:
                hint = did_you_mean(target, self._spec.objective)
                known = ", ".join(self._spec.objective)
                raise RecipeError(where, f"{target!r} is no target of the campaign{hint}", f"measure {known}")
        return Measure(what, said.by or "")

    def _dose(self, where: str, said: StepSpec, is_solid: bool) -> Dose:
        of = said.add if is_solid else said.dispense
        assert of is not None
        self._names.check(of, self._stocks, where)
        sizes = [by for by in By if getattr(said, by.value) is not None]
        if len(sizes) != 1:
            rule = f"it says {' and '.join(by.value for by in sizes)}" if sizes else "nobody says how much"
            raise RecipeError(where, rule, f"give one of {', '.join(by.value for by in By)}")
        by = sizes[0]
        if by in (By.EQUIVALENTS, By.PERCENT) and self._said.limiting is None:
            raise RecipeError(where, f"{by.value} need a limiting reagent", "add recipe.limiting, or give an amount")
        nothing = frozenset(said.nothing or ())
        options = self._names.options.get(of, {}) if of not in self._stocks else {}
        if unknown := sorted(nothing - set(options)):
            raise RecipeError(
                where,
                f"'nothing' names {unknown[0]!r}, no option of {of!r}",
                f"use some of {', '.join(options) or 'none'}",
            )
        for name in [of] if of in self._stocks else [o for o in options if o not in nothing]:
            if name not in self._stocks:
                raise RecipeError(
                    where,
                    f"{of} {name!r} has no stock{did_you_mean(name, self._stocks)}",
                    f"add {name!r} to recipe.stocks, or write nothing: [{name}]",
                )
            self._names.used.add(name)
            if (self._stocks[name].form is Form.SOLID) != is_solid:
                rule = f"stock {name!r} is {'no solid' if is_solid else 'a solid'}"
                remedy = f"say solid: true of it, or write dispense: {of}" if is_solid else f"write add: {of}"
                raise RecipeError(where, rule, remedy)
        size = getattr(said, by.value)
        amount = self._names.amount(size, _UNITS[by], where)
        return Dose(of, by, amount, is_solid, nothing, said.mix or 0)
