"""The stocks of a recipe in a campaign file: what lies ready at the bench."""

from __future__ import annotations

from collections.abc import Mapping

from loop.errors import MoleculeError, RecipeError, did_you_mean
from loop.recipe.amounts import DENSITY, MASS, MASS_PER_VOLUME, MOLAR, VOLUME
from loop.recipe.hazards import KINDS
from loop.recipe.model import Form, Stock
from loop.spec.recipe.models import Said, StockSpec
from loop.spec.recipe.names import Names, at
from loop.spec.space_models import ParameterSpec


class Stocks:
    """Makes the stocks that the file describes; ``implied`` are those of options that nobody wrote down one by one."""

    def __init__(self, said: Mapping[str, StockSpec], space: Mapping[str, ParameterSpec], names: Names) -> None:
        self._said, self._space, self._names = said, space, names
        self.implied: set[str] = set()

    def all(self) -> dict[str, Stock]:
        """Every stock; one that is called like a parameter stands for each of its options that has none of its own."""
        said, made = self._said, {}
        for name, stock in said.items():
            options = self._names.options.get(name)
            if options is None:
                made[name] = self._stock(name, stock)
                continue
            with at("stocks", name):
                if stock.smiles is not None:
                    raise RecipeError(
                        f"stock {name!r}", "it stands for options of different structures", "leave smiles out"
                    )
            for option in options:
                if option not in said:
                    made[option] = self._stock(option, stock, name)
                    self.implied.add(option)
        return made

    def _stock(self, name: str, said: StockSpec, place: str = "") -> Stock:
        where = f"stock {name!r}"
        with at("stocks", place or name):
            if name in self._space:
                raise RecipeError(where, "a parameter is called so too", "rename one of them")
            if said.solid and said.concentration is not None:
                raise RecipeError(where, "a solid has no concentration", "leave out solid, or the concentration")
            if said.concentration is None and said.solvent is not None:
                raise RecipeError(where, "it has a solvent and no concentration", "give it one, such as 0.1 mol/L")
            if said.concentration is not None and said.purity < 1:
                rule = "a solution has a concentration and no purity"
                remedy = "leave purity out, and let the concentration be that of the pure substance"
                raise RecipeError(where, rule, remedy)
            for kind in said.kinds:
                if kind not in KINDS:
                    hint = did_you_mean(kind, KINDS)
                    raise RecipeError(where, f"no rule knows the kind {kind!r}{hint}", f"use one of {', '.join(KINDS)}")
            known = (options for _, options in sorted(self._names.options.items()))
            smiles = said.smiles or next((options[name] for options in known if options.get(name)), None)
            form = Form.SOLID if said.solid else Form.LIQUID if said.concentration is None else Form.SOLUTION
            unit = MASS if said.solid else VOLUME
            mass = None if smiles is None else _molar_mass(where, smiles)
            stock = Stock(
                name,
                form,
                smiles,
                None if said.concentration is None else self._concentration(said.concentration, where, mass),
                said.solvent,
                None if said.density is None else self._names.fixed(said.density, DENSITY, where),
                mass,
                said.purity,
                None if said.there is None else self._names.fixed(said.there, unit, where),
                0.0 if said.dead is None else self._names.fixed(said.dead, unit, where),
                frozenset(said.kinds),
                said.behaves,
                said.additive,
            )
            if stock.there is not None and stock.dead >= stock.there:
                raise RecipeError(where, "nothing of it can be drawn: dead is not below there", "prepare more")
            return stock

    def _concentration(self, said: Said, where: str, mass: float | None) -> float:
        try:
            found = self._names.fixed(said, MOLAR, where)
        except RecipeError as error:
            try:
                by_mass = self._names.fixed(said, MASS_PER_VOLUME, where)
            except RecipeError:
                rule = error.rule.replace(f"in {MOLAR!r}", f"in {MOLAR!r} or {MASS_PER_VOLUME!r}")
                raise RecipeError(where, rule, "write a concentration such as '0.1 mol/L' or '20 g/L'") from None
            if mass is None:
                raise RecipeError(where, f"{said} needs its structure to be in mol/L", "give it smiles") from None
            found = by_mass / mass
        if found == 0:
            raise RecipeError(where, "its concentration is zero", "write what it is, or take the solvent as a stock")
        return found


def _molar_mass(where: str, smiles: str) -> float:
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.Descriptors import MolWt  # type: ignore[attr-defined]  # made when it is imported

    from loop.molecules.standardise import canonical_smiles

    try:
        return float(MolWt(MolFromSmiles(canonical_smiles(smiles))))
    except MoleculeError as error:
        raise RecipeError(where, str(error), "correct its smiles") from None
