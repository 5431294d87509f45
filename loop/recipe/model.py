"""The recipe: stocks, and the steps that make one experiment of a campaign from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from loop.errors import RecipeError
from loop.recipe.amounts import PERCENT, Amount


class Form(StrEnum):
    """What a stock is."""

    SOLUTION = "solution"
    LIQUID = "liquid"  # neat
    SOLID = "solid"


@dataclass(frozen=True, slots=True)
class Stock:
    """Something that stands ready: a solution, a neat liquid or a solid.

    Attributes:
        concentration: Of a solution, mol/L (umol/uL); None where only its volume is ever asked for.
        density: Of a neat liquid, g/mL; None where only its volume is ever asked for.
        molar_mass: g/mol, from the structure; None without one.
        purity: Fraction by mass of what is weighed or of a neat liquid.
        there: How much there is, uL, of a solid mg; None for as much as is wanted.
        dead: Of that, what cannot be drawn: the rest at the bottom, in uL or mg.
        kinds: Hazards that the structure does not show, such as ``acid``.
        behaves: How it is to be pipetted: ``water``, ``volatile`` or ``viscous``.
        is_additive: No reactant, so that it may have less than one equivalent: a catalyst, a standard.
    """

    name: str
    form: Form
    smiles: str | None = None
    concentration: float | None = None
    solvent: str | None = None
    density: float | None = None
    molar_mass: float | None = None
    purity: float = 1.0
    there: float | None = None
    dead: float = 0.0
    kinds: frozenset[str] = frozenset()
    behaves: str = "water"
    is_additive: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Two parties that must not meet, above a temperature (degC) or at all.

    A party is a kind of ``hazards.KINDS``, or the name of a stock or a solvent.
    """

    name: str
    parties: tuple[str, str]
    why: str
    source: str = "the campaign file"
    above: float | None = None


class By(StrEnum):
    """How the size of a dose is said."""

    EQUIVALENTS = "equivalents"  # of the limiting reagent: a reactant
    PERCENT = "percent"  # mol % of the limiting reagent: a catalyst or an additive
    AMOUNT = "amount"
    VOLUME = "volume"
    MASS = "mass"
    FILL = "to"  # whatever is wanting to this volume


@dataclass(frozen=True, slots=True)
class Dose:
    """A stock goes into the vessel: dispensed as a liquid, or added as a solid.

    ``of`` is a stock, or a parameter whose option is the stock; with an option in ``nothing`` no dose is given.
    """

    of: str
    by: By
    amount: Amount
    is_solid: bool = False
    nothing: frozenset[str] = frozenset()
    mix: int = 0  # times up and down after it

    def __post_init__(self) -> None:
        if self.by is By.PERCENT and self.amount.parameter is not None and self.amount.unit != PERCENT:
            raise RecipeError(
                f"dose of {self.of!r}",
                f"its percent are read from {self.amount.parameter!r} in {self.amount.unit!r}",
                "make it Amount(PERCENT, ...), so that 10 % are 10",
            )


@dataclass(frozen=True, slots=True)
class Heat:
    """The vessel is brought to a temperature and held there, stirred or not."""

    temperature: Amount
    time: Amount | None = None
    speed: Amount | None = None


@dataclass(frozen=True, slots=True)
class Stir:
    speed: Amount
    time: Amount


@dataclass(frozen=True, slots=True)
class Wait:
    time: Amount


@dataclass(frozen=True, slots=True)
class Sample:
    """Some of the mixture is taken out."""

    volume: Amount
    into: str


@dataclass(frozen=True, slots=True)
class Measure:
    what: tuple[str, ...]
    by: str = ""


Step: TypeAlias = Dose | Heat | Stir | Wait | Sample | Measure


@dataclass(frozen=True, slots=True)
class Vessel:
    """What a reaction is made in; volumes in uL."""

    holds: float
    is_closed: bool = False
    least: float = 0.0  # that there must be before it is heated or stirred


@dataclass(frozen=True)
class Recipe:
    """One way to make every experiment of a campaign.

    Attributes:
        limiting: Stock or parameter of the limiting reagent, and how much of it there is, umol; None without one.
        rules: What must not meet, of the campaign's own and of the built-in list.
    """

    vessel: Vessel
    stocks: Mapping[str, Stock]
    steps: tuple[Step, ...]
    limiting: tuple[str, Amount] | None = None
    rules: tuple[Rule, ...] = ()
    solvents: Mapping[str, str] = field(
        default_factory=dict
    )  # SMILES of solvents that are no stock, by name; the usual ones are known
