"""The recipe of a campaign file: what it says becomes a recipe, and what cannot be is named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from loop.errors import RecipeError, did_you_mean
from loop.limits import Limits, broken_at_the_bench
from loop.recipe.amounts import AMOUNT, TEMPERATURE, VOLUME
from loop.recipe.hazards import BUILT_IN, KINDS, known_party
from loop.recipe.model import Recipe, Rule, Stock, Vessel
from loop.recipe.solvents import SOLVENTS
from loop.recipe.working import work_out
from loop.record import Settings
from loop.space import ProductPool, Space, sample_space
from loop.spec.limits import plain_limits
from loop.spec.misread import misread_amounts
from loop.spec.recipe.models import RecipeSpec
from loop.spec.recipe.names import Names, at
from loop.spec.recipe.steps import Steps
from loop.spec.recipe.stocks import Stocks
from loop.spec.space_models import ContextSpec, DerivedSpec

if TYPE_CHECKING:
    from loop.spec.lines import Path
    from loop.spec.models import CampaignSpec

LOOKED_AT: Final = 20_000  # candidates of a finite space that are all worked out; of a larger one DRAWN are
DRAWN: Final = 1_000
_RECIPE: Final = ("recipe",)


def build_recipe(spec: CampaignSpec) -> Recipe | None:
    """The recipe of a resolved spec; None where there is none.

    Raises:
        RecipeError: It cannot be as it is described; ``path`` says where in the file.
    """
    said = spec.recipe
    return None if said is None else _Builder(spec, said).recipe()


def problem_of_recipe(spec: CampaignSpec, space: Space) -> tuple[Path, str] | None:
    """Why the recipe cannot stand, or the first candidate that cannot be made by it or breaks a limit at the bench; the
    space must be sound.

    Where a unit is read as nobody means it, that is why.
    """
    if spec.recipe is None:
        return None
    try:
        problem = _candidate_in_trouble(_Builder(spec, spec.recipe).recipe(), plain_limits(spec), space)
    except RecipeError as error:
        problem = error.path, str(error)
    why = ((where, said) for where, _, said in misread_amounts(spec.recipe))
    return None if problem is None else next(why, problem)


def _candidate_in_trouble(recipe: Recipe, limits: Limits, space: Space) -> tuple[Path, str] | None:
    if space.is_finite and space.size <= LOOKED_AT:
        pool = ProductPool(space)
        x = pool.take(np.arange(len(pool), dtype=np.int64))
    else:
        x = sample_space(space, DRAWN, 0, method="random")
    found: dict[Path, list[str]] = {}
    for row in x:
        settings = space.settings(row)
        if (problem := _trouble(recipe, limits, settings)) is None or not space.keeps(row[None, :])[0]:
            continue  # it can be made, or is no candidate
        where, why = problem
        found.setdefault(where, []).append(f"{space.label(settings)}: {why}")
    if not found:
        return None
    where = min(found, key=len)  # what cannot be made before what must not be
    does = "cannot be made" if where == _RECIPE else "go beyond a limit"
    return where, f"{len(found[where])} of {len(x)} candidates {does}; the first, {found[where][0]}"


def _trouble(recipe: Recipe, limits: Limits, settings: Settings) -> tuple[Path, str] | None:
    """Why a candidate cannot be made, or must not be, and where in the file that stands."""
    try:
        procedure = work_out(recipe, settings)
    except RecipeError as error:
        return _RECIPE, str(error)
    return next(
        (
            (
                ("laboratory", "limits", name),
                f"{problem.rule}; change the recipe, narrow the space or exclude the combination with a constraint",
            )
            for name, problem in broken_at_the_bench(limits, procedure)
        ),
        None,
    )


class _Builder:
    """Makes a recipe of its parts, and sees that they go together."""

    def __init__(self, spec: CampaignSpec, said: RecipeSpec) -> None:
        self._spec, self._said = spec, said
        self._names = Names(spec.space)

    def recipe(self) -> Recipe:
        said = self._said
        with at("vessel"):
            vessel = Vessel(
                self._names.fixed(said.vessel.holds, VOLUME, "vessel"),
                said.vessel.closed,
                0.0 if said.vessel.least is None else self._names.fixed(said.vessel.least, VOLUME, "vessel"),
            )
        made = Stocks(said.stocks, self._spec.space, self._names)
        stocks = made.all()
        limiting = None
        if said.limiting is not None:
            with at("limiting"):
                self._names.check(said.limiting.of, stocks, "limiting reagent")
                limiting = (said.limiting.of, self._names.amount(said.limiting.amount, AMOUNT, "limiting reagent"))
        makes = Steps(self._spec, said, self._names, stocks)
        steps = tuple(makes.step(i, step) for i, step in enumerate(said.steps))
        recipe = Recipe(vessel, stocks, steps, limiting, self._rules(stocks), said.solvents)
        self._see_that_all_is_used(stocks, made.implied)
        return recipe

    def _rules(self, stocks: Mapping[str, Stock]) -> tuple[Rule, ...]:
        said = self._said
        names = [*stocks, *SOLVENTS, *said.solvents, *(s.solvent for s in stocks.values() if s.solvent)]
        for name in said.lifted:
            known = [rule.name for rule in BUILT_IN]
            with at("lifted"):
                if name not in known:
                    hint = did_you_mean(name, known)
                    raise RecipeError(f"{name!r}", f"no built-in rule is called so{hint}", "correct the name")
        own = []
        for i, rule in enumerate(said.rules):
            first, second = rule.never
            with at("rules", i):
                for party in rule.never:
                    if not known_party(party, names):
                        hint = did_you_mean(party, [*KINDS, *names])
                        raise RecipeError(
                            f"rule {i + 1}",
                            f"{party!r} is no stock, solvent or kind{hint}",
                            "correct the name; docs/guide/recipes.md lists the kinds",
                        )
                above = None if rule.above is None else self._names.fixed(rule.above, TEMPERATURE, f"rule {i + 1}")
            own.append(Rule(f"{first} with {second}", (first, second), rule.why, above=above))
        return (*own, *(rule for rule in BUILT_IN if rule.name not in said.lifted))

    def _see_that_all_is_used(self, stocks: Mapping[str, Stock], implied: set[str]) -> None:
        solvents = {stock.solvent for stock in stocks.values()}
        for name in stocks:
            if name not in self._names.used | implied and name not in solvents:
                with at("stocks", name):
                    raise RecipeError(f"stock {name!r}", "no step takes it", "add a step, or leave the stock out")
        varied = {n: p for n, p in self._spec.space.items() if not isinstance(p, DerivedSpec | ContextSpec)}
        for name in varied:
            parts = {n for n in self._names.numbers if n == name or n.startswith(f"{name}.")} | {name}
            if not parts & self._names.used and name not in self._said.beside:
                with at("steps"):
                    raise RecipeError(
                        f"parameter {name!r}",
                        "no step depends on it",
                        f"use it, or write beside: [{name}] in the recipe",
                    )
        for name in self._said.beside:
            if name not in self._spec.space:
                with at("beside"):
                    hint = did_you_mean(name, self._spec.space)
                    raise RecipeError(f"{name!r}", f"the space has no parameter of this name{hint}", "correct the name")
