"""The recipe of a campaign file: what it says becomes a recipe, and what cannot be is named with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from loop.errors import MoleculeError, RecipeError, did_you_mean
from loop.recipe.amounts import (
    AMOUNT,
    DENSITY,
    MASS,
    MASS_PER_VOLUME,
    MOLAR,
    PERCENT,
    PLAIN,
    SPEED,
    TEMPERATURE,
    TIME,
    VOLUME,
    Amount,
    read_amount,
)
from loop.recipe.hazards import BUILT_IN, KINDS, SOLVENTS, known_party
from loop.recipe.model import By, Dose, Form, Heat, Measure, Recipe, Rule, Sample, Step, Stir, Stock, Vessel, Wait
from loop.recipe.working import work_out
from loop.space import ProductPool, Space, sample_space
from loop.spec.misread import misread_amounts
from loop.spec.recipe_models import RecipeSpec, Said, StepSpec, StockSpec
from loop.spec.space_models import (
    CategorySpec,
    ComponentSpec,
    ContextSpec,
    DerivedSpec,
    MixtureSpec,
    NumberSpec,
    OrdinalSpec,
)

if TYPE_CHECKING:
    from loop.spec.lines import Path
    from loop.spec.models import CampaignSpec

LOOKED_AT: Final = 20_000  # candidates of a finite space that are all worked out; of a larger one DRAWN are
DRAWN: Final = 1_000

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


def build_recipe(spec: CampaignSpec) -> Recipe | None:
    """The recipe of a resolved spec; None where there is none.

    Raises:
        RecipeError: It cannot be as it is described; ``path`` says where in the file.
    """
    said = spec.recipe
    return None if said is None else _Builder(spec, said).recipe()


def problem_of_recipe(spec: CampaignSpec, space: Space) -> tuple[Path, str] | None:
    """Why the recipe cannot stand, or the first candidate that cannot be made by it; the space must be sound.

    Where a unit is read as nobody means it, that is why.
    """
    if spec.recipe is None:
        return None
    try:
        problem = _candidate_in_trouble(_Builder(spec, spec.recipe).recipe(), space)
    except RecipeError as error:
        problem = error.path, str(error)
    why = ((at, said) for at, _, said in misread_amounts(spec.recipe))
    return None if problem is None else next(why, problem)


def _candidate_in_trouble(recipe: Recipe, space: Space) -> tuple[Path, str] | None:
    if space.is_finite and space.size <= LOOKED_AT:
        pool = ProductPool(space)
        x = pool.take(np.arange(len(pool), dtype=np.int64))
    else:
        x = sample_space(space, DRAWN, 0, method="random")
    first, refused = None, 0
    for row in x:
        settings = space.settings(row)
        try:
            work_out(recipe, settings)
        except RecipeError as error:
            if not space.keeps(row[None, :])[0]:  # no candidate
                continue
            refused += 1
            first = first or f"{space.label(settings)}: {error}"
    if first is None:
        return None
    return ("recipe",), f"{refused} of {len(x)} candidates cannot be made; the first, {first}"


class _Builder:
    """Makes a recipe, one part after the other."""

    def __init__(self, spec: CampaignSpec, said: RecipeSpec) -> None:
        self._spec, self._said = spec, said
        self._numbers: dict[str, str | None] = {}
        self._options: dict[str, Mapping[str, str | None]] = {}  # of choices: SMILES by option
        for name, p in spec.space.items():
            match p:
                case NumberSpec():
                    self._numbers[name] = p.unit
                case MixtureSpec():
                    self._numbers |= {f"{name}.{part}": "" for part in p.parts}
                case ComponentSpec():
                    self._options[name] = p.options or {}
                case CategorySpec() | OrdinalSpec():
                    self._options[name] = dict.fromkeys(p.options)
                case _:
                    pass
        self._numbers |= dict.fromkeys(self._options)
        self._used: set[str] = set()
        self._implied: set[str] = set()  # stocks of options that nobody wrote down one by one

    def recipe(self) -> Recipe:
        said = self._said
        with _at("vessel"):
            vessel = Vessel(
                self._fixed(said.vessel.holds, VOLUME, "vessel"),
                said.vessel.closed,
                0.0 if said.vessel.least is None else self._fixed(said.vessel.least, VOLUME, "vessel"),
            )
        stocks = self._stocks()
        limiting = None
        if said.limiting is not None:
            with _at("limiting"):
                self._known(said.limiting.of, stocks, "limiting reagent")
                limiting = (said.limiting.of, self._amount(said.limiting.amount, AMOUNT, "limiting reagent"))
        steps = tuple(self._step(i, step, stocks) for i, step in enumerate(said.steps))
        recipe = Recipe(vessel, stocks, steps, limiting, self._rules(stocks), {**SOLVENTS, **said.solvents})
        self._see_that_all_is_used(stocks)
        return recipe

    def _stocks(self) -> dict[str, Stock]:
        """Every stock; one that is called like a parameter stands for each of its options that has none of its own."""
        said, made = self._said.stocks, {}
        for name, stock in said.items():
            options = self._options.get(name)
            if options is None:
                made[name] = self._stock(name, stock)
                continue
            with _at("stocks", name):
                if stock.smiles is not None:
                    raise RecipeError(
                        f"stock {name!r}", "it stands for options of different structures", "leave smiles out"
                    )
            for option in options:
                if option not in said:
                    made[option] = self._stock(option, stock, name)
                    self._implied.add(option)
        return made

    def _stock(self, name: str, said: StockSpec, place: str = "") -> Stock:
        where = f"stock {name!r}"
        with _at("stocks", place or name):
            if name in self._spec.space:
                raise RecipeError(where, "a parameter is called so too", "rename one of them")
            if said.solid and said.concentration is not None:
                raise RecipeError(where, "a solid has no concentration", "leave out solid, or the concentration")
            if said.concentration is None and said.solvent is not None:
                raise RecipeError(where, "it has a solvent and no concentration", "give it one, such as 0.1 mol/L")
            for kind in said.kinds:
                if kind not in KINDS:
                    hint = did_you_mean(kind, KINDS)
                    raise RecipeError(where, f"no rule knows the kind {kind!r}{hint}", f"use one of {', '.join(KINDS)}")
            smiles = said.smiles or next((o[name] for o in self._options.values() if o.get(name)), None)
            form = Form.SOLID if said.solid else Form.LIQUID if said.concentration is None else Form.SOLUTION
            unit = MASS if said.solid else VOLUME
            mass = None if smiles is None else _molar_mass(where, smiles)
            stock = Stock(
                name,
                form,
                smiles,
                None if said.concentration is None else self._concentration(said.concentration, where, mass),
                said.solvent,
                None if said.density is None else self._fixed(said.density, DENSITY, where),
                mass,
                said.purity,
                None if said.there is None else self._fixed(said.there, unit, where),
                0.0 if said.dead is None else self._fixed(said.dead, unit, where),
                frozenset(said.kinds),
                said.behaves,
                said.additive,
            )
            if stock.there is not None and stock.dead >= stock.there:
                raise RecipeError(where, "nothing of it can be drawn: dead is not below there", "prepare more")
            return stock

    def _concentration(self, said: Said, where: str, mass: float | None) -> float:
        try:
            found = self._fixed(said, MOLAR, where)
        except RecipeError:
            by_mass = self._fixed(said, MASS_PER_VOLUME, where)
            if mass is None:
                raise RecipeError(where, f"{said} needs its structure to be in mol/L", "give it smiles") from None
            found = by_mass / mass
        if found == 0:
            raise RecipeError(where, "its concentration is zero", "write what it is, or take the solvent as a stock")
        return found

    def _step(self, number: int, said: StepSpec, stocks: Mapping[str, Stock]) -> Step:
        given = {name for name in StepSpec.model_fields if getattr(said, name) is not None}
        where = f"step {number + 1}"
        with _at("steps", number):
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
                    return self._dose(f"{where}, {verb}", said, verb == "add", stocks)
                case "heat":
                    assert said.heat is not None
                    temperature = self._amount(said.heat, TEMPERATURE, where)
                    return Heat(
                        temperature, self._or_none(said.time, TIME, where), self._or_none(said.speed, SPEED, where)
                    )
                case "stir":
                    assert said.stir is not None
                    if said.time is None:
                        raise RecipeError(where, "nobody says how long it is stirred", "add time: 10 min")
                    return Stir(self._amount(said.stir, SPEED, where), self._amount(said.time, TIME, where))
                case "wait":
                    assert said.wait is not None
                    return Wait(self._amount(said.wait, TIME, where))
                case "sample":
                    assert said.sample is not None
                    if said.into is None:
                        raise RecipeError(where, "nobody says where the sample goes", "add into: HPLC plate")
                    return Sample(self._amount(said.sample, VOLUME, where), said.into)
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

    def _dose(self, where: str, said: StepSpec, is_solid: bool, stocks: Mapping[str, Stock]) -> Dose:
        of = said.add if is_solid else said.dispense
        assert of is not None
        self._known(of, stocks, where)
        sizes = [by for by in By if getattr(said, by.value) is not None]
        if len(sizes) != 1:
            rule = f"it says {' and '.join(by.value for by in sizes)}" if sizes else "nobody says how much"
            raise RecipeError(where, rule, f"give one of {', '.join(by.value for by in By)}")
        by = sizes[0]
        if by in (By.EQUIVALENTS, By.PERCENT) and self._said.limiting is None:
            raise RecipeError(where, f"{by.value} need a limiting reagent", "add recipe.limiting, or give an amount")
        nothing = frozenset(said.nothing or ())
        options = self._options.get(of, {}) if of not in stocks else {}
        if unknown := sorted(nothing - set(options)):
            raise RecipeError(
                where,
                f"'nothing' names {unknown[0]!r}, no option of {of!r}",
                f"use some of {', '.join(options) or 'none'}",
            )
        for name in [of] if of in stocks else [o for o in options if o not in nothing]:
            if name not in stocks:
                raise RecipeError(
                    where,
                    f"{of} {name!r} has no stock{did_you_mean(name, stocks)}",
                    f"add {name!r} to recipe.stocks, or write nothing: [{name}]",
                )
            self._used.add(name)
            if (stocks[name].form is Form.SOLID) != is_solid:
                rule = f"stock {name!r} is {'no solid' if is_solid else 'a solid'}"
                raise RecipeError(where, rule, f"write {'dispense' if is_solid else 'add'}: {of}")
        size = getattr(said, by.value)
        amount = self._amount(size, _UNITS[by], where)
        return Dose(of, by, amount, is_solid, nothing, said.mix or 0, of not in stocks)

    def _rules(self, stocks: Mapping[str, Stock]) -> tuple[Rule, ...]:
        said = self._said
        names = [*stocks, *SOLVENTS, *said.solvents, *(s.solvent for s in stocks.values() if s.solvent)]
        for name in said.lifted:
            known = [rule.name for rule in BUILT_IN]
            with _at("lifted"):
                if name not in known:
                    hint = did_you_mean(name, known)
                    raise RecipeError("recipe.lifted", f"no built-in rule is called {name!r}{hint}", "correct the name")
        own = []
        for i, rule in enumerate(said.rules):
            first, second = rule.never
            with _at("rules", i):
                for party in rule.never:
                    if not known_party(party, names):
                        hint = did_you_mean(party, [*KINDS, *names])
                        raise RecipeError(
                            f"rule {i + 1}",
                            f"{party!r} is no stock, solvent or kind{hint}",
                            "correct the name; docs/guide/recipes.md lists the kinds",
                        )
                above = None if rule.above is None else self._fixed(rule.above, TEMPERATURE, f"rule {i + 1}")
            own.append(Rule(f"{first} with {second}", (first, second), rule.why, above=above))
        return (*own, *(rule for rule in BUILT_IN if rule.name not in said.lifted))

    def _see_that_all_is_used(self, stocks: Mapping[str, Stock]) -> None:
        solvents = {stock.solvent for stock in stocks.values()}
        for name in stocks:
            if name not in self._used | self._implied and name not in solvents:
                with _at("stocks", name):
                    raise RecipeError(f"stock {name!r}", "no step takes it", "add a step, or leave the stock out")
        varied = {n: p for n, p in self._spec.space.items() if not isinstance(p, DerivedSpec | ContextSpec)}
        for name in varied:
            parts = {n for n in self._numbers if n == name or n.startswith(f"{name}.")} | {name}
            if not parts & self._used and name not in self._said.beside:
                with _at("steps"):
                    raise RecipeError(
                        f"parameter {name!r}",
                        "no step depends on it",
                        f"use it, or write beside: [{name}] in the recipe",
                    )
        for name in self._said.beside:
            if name not in self._spec.space:
                with _at("beside"):
                    hint = did_you_mean(name, self._spec.space)
                    raise RecipeError("recipe.beside", f"the space has no parameter {name!r}{hint}", "correct the name")

    def _known(self, of: str, stocks: Mapping[str, Stock], where: str) -> None:
        if of in self._options:
            self._used.add(of)
        elif of not in stocks:
            known = [*stocks, *self._options]
            hint = did_you_mean(of, known)
            rule = f"{of!r} is neither a stock nor a parameter with options{hint}"
            raise RecipeError(where, rule, f"use one of {', '.join(known)}")

    def _or_none(self, said: Said | None, unit: str, where: str) -> Amount | None:
        return None if said is None else self._amount(said, unit, where)

    def _amount(self, said: Said, unit: str, where: str) -> Amount:
        amount = read_amount(said, unit, where, self._numbers)
        if amount.parameter is not None:
            self._used.add(amount.parameter)
        return amount

    def _fixed(self, said: Said, unit: str, where: str) -> float:
        return read_amount(said, unit, where, {}).number


def _molar_mass(where: str, smiles: str) -> float:
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.Descriptors import MolWt  # type: ignore[attr-defined]  # made when it is imported

    from loop.molecules.standardise import canonical_smiles

    try:
        return float(MolWt(MolFromSmiles(canonical_smiles(smiles))))
    except MoleculeError as error:
        raise RecipeError(where, str(error), "correct its smiles") from None


@contextmanager
def _at(*path: str | int) -> Iterator[None]:
    """What is refused inside the block stands at this place of the recipe."""
    try:
        yield
    except RecipeError as error:
        error.path = ("recipe", *path)
        raise
