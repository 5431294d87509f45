"""What a campaign file may say of its recipe, as strict models; ``building`` makes a recipe of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from loop.spec.strict import Strict, Text

Said: TypeAlias = Annotated[str, Field(min_length=1)] | float  # "20 uL", a parameter's name, or a plain number


class VesselSpec(Strict):
    """What each experiment is made in."""

    holds: Said
    least: Said | None = None
    closed: bool = False


class LimitingSpec(Strict):
    """The reagent that the others are counted against, and how much of it each experiment has."""

    of: Text
    amount: Said


class StockSpec(Strict):
    """A solution (with a concentration), a neat liquid, or a solid."""

    smiles: Text | None = None
    concentration: Said | None = None
    solvent: Text | None = None
    solid: bool = False
    density: Said | None = None
    purity: float = Field(default=1.0, gt=0, le=1)
    there: Said | None = None
    dead: Said | None = None
    kinds: list[Text] = Field(default_factory=list)
    additive: bool = False
    behaves: Literal["water", "volatile", "viscous"] = "water"


class StepSpec(Strict):
    """One step: exactly one of the first seven keys says what is done."""

    dispense: Text | None = None
    add: Text | None = None
    heat: Said | None = None
    stir: Said | None = None
    wait: Said | None = None
    sample: Said | None = None
    measure: Text | list[Text] | None = None
    equivalents: Said | None = None
    percent: Said | None = None
    amount: Said | None = None
    volume: Said | None = None
    mass: Said | None = None
    to: Said | None = None
    nothing: list[Text] | None = None
    mix: int | None = Field(default=None, ge=1, le=50)
    time: Said | None = None
    speed: Said | None = None
    into: Text | None = None
    by: Text | None = None


class RuleSpec(Strict):
    """Two things that must not meet, by the names of stocks, solvents or kinds."""

    never: list[Text] = Field(min_length=2, max_length=2)
    why: Text
    above: Said | None = None


class RecipeSpec(Strict):
    """What is done at the bench to make each experiment."""

    vessel: VesselSpec
    limiting: LimitingSpec | None = None
    stocks: dict[Text, StockSpec] = Field(min_length=1)
    steps: list[StepSpec] = Field(min_length=1)
    solvents: dict[Text, Text] = Field(default_factory=dict)
    beside: list[Text] = Field(default_factory=list)
    rules: list[RuleSpec] = Field(default_factory=list)
    lifted: dict[Text, Text] = Field(default_factory=dict)
