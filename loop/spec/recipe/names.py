"""What a recipe in a campaign file may name, the amounts that it states, and where in the file it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from loop.errors import RecipeError, did_you_mean
from loop.recipe.amounts import Amount, read_amount
from loop.recipe.model import Stock
from loop.spec.recipe.models import Said
from loop.spec.space_models import CategorySpec, ComponentSpec, MixtureSpec, NumberSpec, OrdinalSpec, ParameterSpec


class Names:
    """Numbers and options of the space, and which of them, and of the stocks, the recipe has used."""

    def __init__(self, space: Mapping[str, ParameterSpec]) -> None:
        self.numbers: dict[str, str | None] = {}  # with units; None for what is no number
        self.options: dict[str, Mapping[str, str | None]] = {}  # of choices: SMILES by option
        for name, p in space.items():
            match p:
                case NumberSpec():
                    self.numbers[name] = p.unit
                case MixtureSpec():
                    self.numbers |= {f"{name}.{part}": "" for part in p.parts}
                case ComponentSpec():
                    self.options[name] = p.options or {}
                case CategorySpec() | OrdinalSpec():
                    self.options[name] = dict.fromkeys(p.options)
                case _:
                    pass
        self.numbers |= dict.fromkeys(self.options)
        self.used: set[str] = set()

    def check(self, of: str, stocks: Mapping[str, Stock], where: str) -> None:
        """Refuse what is neither a stock nor a parameter with options; such a parameter is used by that."""
        if of in self.options:
            self.used.add(of)
        elif of not in stocks:
            known = [*stocks, *self.options]
            hint = did_you_mean(of, known)
            rule = f"{of!r} is neither a stock nor a parameter with options{hint}"
            raise RecipeError(where, rule, f"use one of {', '.join(known)}")

    def or_none(self, said: Said | None, unit: str, where: str) -> Amount | None:
        return None if said is None else self.amount(said, unit, where)

    def amount(self, said: Said, unit: str, where: str) -> Amount:
        amount = read_amount(said, unit, where, self.numbers)
        if amount.parameter is not None:
            self.used.add(amount.parameter)
        return amount

    def fixed(self, said: Said, unit: str, where: str) -> float:
        return read_amount(said, unit, where, {}).number


@contextmanager
def at(*path: str | int) -> Iterator[None]:
    """What is refused inside the block stands at this place of the recipe."""
    try:
        yield
    except RecipeError as error:
        error.path = ("recipe", *path)
        raise
