"""What a campaign file may say, as strict pydantic models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from loop.objective import Goal, Tradeoff
from loop.spec.costs import CostsSpec
from loop.spec.plate import PlateSpec


def _plain_text(value: object) -> object:
    if isinstance(value, bool | int | float):
        raise ValueError(f"must be text, got {value!r}; put it in quotes")
    return value


def _replicates(value: object) -> object:
    if value == "planned" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(f"replicates is a whole number from 1, or planned, and not {value!r}; 1 means no replicates")


Replicates: TypeAlias = Annotated[int | Literal["planned"], BeforeValidator(_replicates)]
Text: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(min_length=1)]
Name: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\- ]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False, frozen=True)


Options: TypeAlias = dict[str, list[str | float] | str | float]  # of parameters, by name


class _Conditional(_Strict):
    """A parameter that may apply only with some options of others."""

    when: Options | None = None
    unless: Options | None = None


class ComponentSpec(_Conditional):
    """A choice between substances: ``options`` (name: SMILES, or null for nothing), or a CSV ``file`` with columns."""

    type: Literal["component"]
    role: Text | None = None
    options: dict[Text, Text | None] | None = None
    file: Text | None = None
    name: Text = "name"
    smiles: Text = "smiles"


class MoleculeSpec(_Strict):
    """A library of molecules that is itself the search space: a CSV ``file``, or ``options``."""

    type: Literal["molecule"]
    options: dict[Text, Text] | None = None
    file: Text | None = None
    name: Text | None = None  # column with a name; the canonical SMILES is used without one
    smiles: Text = "smiles"


class CategorySpec(_Conditional):
    """A choice between named options."""

    type: Literal["category"]
    options: list[Text]


class OrdinalSpec(_Conditional):
    """A choice between named options in order, the lowest first."""

    type: Literal["ordinal"]
    options: list[Text]


class FidelitySpec(_Strict):
    """Versions of one measurement, from the cheapest to the real thing, and what each costs."""

    type: Literal["fidelity"]
    options: list[Text] = Field(min_length=2)
    costs: dict[Text, float] | None = None


class NumberSpec(_Conditional):
    """A number: ``values``, or ``low`` and ``high`` with or without a ``step``; with ``or_zero`` it may be 0 too."""

    type: Literal["number"]
    values: list[float] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    scale: Literal["linear", "log"] | None = None
    or_zero: bool | None = None

    @model_validator(mode="after")
    def _one_way(self) -> NumberSpec:
        if (self.values is None) == (self.low is None and self.high is None):
            raise ValueError("give either values, or low and high (with a step or without)")
        if self.values is None and (self.low is None or self.high is None):
            raise ValueError("low and high come together; give both")
        if self.step is not None and (self.values is not None or not self.step > 0):
            raise ValueError("step must be above zero and goes with low and high")
        return self


class MixtureSpec(_Strict):
    """Fractions that sum to one: ``parts`` (name: SMILES, or a list of names)."""

    type: Literal["mixture"]
    parts: dict[Name, Text] | list[Name]
    at_most: int | None = Field(default=None, ge=1)
    least: float | None = Field(default=None, gt=0, lt=1)
    step: float | None = Field(default=None, gt=0, lt=1)


class DerivedSpec(_Strict):
    """A number that follows from others: not chosen, but seen by the models."""

    type: Literal["derived"]
    expression: Text
    unit: str = ""


class ContextSpec(_Strict):
    """What is recorded with a result and never chosen: one of ``options``, or a number in ``unit``."""

    type: Literal["context"]
    options: list[Text] | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> ContextSpec:
        if self.options is not None and self.unit is not None:
            raise ValueError("give either options or a unit")
        return self


ParameterSpec: TypeAlias = Annotated[
    ComponentSpec
    | MoleculeSpec
    | CategorySpec
    | OrdinalSpec
    | FidelitySpec
    | NumberSpec
    | MixtureSpec
    | DerivedSpec
    | ContextSpec,
    Field(discriminator="type"),
]


class RangeSpec(_Strict):
    """A range of a number, its ends included (``at_least``, ``at_most``) or not (``above``, ``below``)."""

    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest number in it."""
        low = [-math.inf] if self.at_least is None else [self.at_least]
        high = [math.inf] if self.at_most is None else [self.at_most]
        low += [] if self.above is None else [math.nextafter(self.above, math.inf)]
        high += [] if self.below is None else [math.nextafter(self.below, -math.inf)]
        return max(low), min(high)

    @model_validator(mode="after")
    def _not_empty(self) -> RangeSpec:
        low, high = self.ends
        if not low <= high or (low, high) == (-math.inf, math.inf):
            raise ValueError("a range holds some numbers and not all; give at_least, at_most, above or below")
        return self


class ExcludeSpec(_Strict):
    """Combinations that must not occur: all the conditions at once."""

    name: Text | None = None
    exclude: Options
    where: dict[str, RangeSpec] | None = None


class RequireSpec(_Strict):
    """A dependency: where all of ``when`` holds, all of ``require`` must hold."""

    name: Text | None = None
    when: Options = Field(min_length=1)
    require: Options = Field(min_length=1)


class LinearSpec(_Strict):
    """A weighted sum of numeric parameters, kept between two bounds."""

    name: Text | None = None
    sum: dict[str, float]
    at_least: float | None = None
    at_most: float | None = None
    equals: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> LinearSpec:
        if (self.equals is None) == (self.at_least is None and self.at_most is None):
            raise ValueError("give at_least, at_most or both, or equals alone")
        return self


class ExpressionSpec(_Strict):
    """A comparison of expressions, such as ``temperature * time <= 500``."""

    name: Text | None = None
    expression: Text


class CountSpec(_Strict):
    """How many of some parameters are used: not zero, and not the option that adds nothing."""

    name: Text | None = None
    count: list[Text] = Field(min_length=1)
    at_least: int | None = Field(default=None, ge=0)
    at_most: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _bounded(self) -> CountSpec:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self


CONSTRAINT_KINDS: Mapping[str, type[_Strict]] = {  # the key that tells which it is
    "exclude": ExcludeSpec,
    "sum": LinearSpec,
    "expression": ExpressionSpec,
    "count": CountSpec,
    "when": RequireSpec,
}


def _kind_of_constraint(value: Any) -> str | None:
    keys = value if isinstance(value, Mapping) else type(value).model_fields if isinstance(value, BaseModel) else ()
    return next((f"{kind} constraint" for kind in CONSTRAINT_KINDS if kind in keys), None)


ConstraintSpec: TypeAlias = Annotated[
    Annotated[ExcludeSpec, Tag("exclude constraint")]
    | Annotated[LinearSpec, Tag("sum constraint")]
    | Annotated[ExpressionSpec, Tag("expression constraint")]
    | Annotated[CountSpec, Tag("count constraint")]
    | Annotated[RequireSpec, Tag("when constraint")],
    Discriminator(_kind_of_constraint),
]


class TargetSpec(_Strict):
    """What is wanted of a target."""

    goal: Goal
    unit: str = ""
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    value: float | None = None
    within: float | None = None
    weight: float | None = None
    desirable: dict[Literal["from", "to"], float] | None = None
    levels: list[float] | None = None

    @model_validator(mode="after")
    def _both_ends(self) -> TargetSpec:
        if self.desirable is not None and len(self.desirable) < 2:
            raise ValueError("desirable needs both ends; write desirable: {from: ..., to: ...}")
        return self


class InitialSpec(_Strict):
    """The initial design: how many experiments before the first model, and how they are spread."""

    design: Literal[
        "spread", "medoid", "sobol", "lhs", "random", "factorial", "fractional", "d-optimal", "i-optimal"
    ] = "spread"
    experiments: int = Field(default=5, ge=1)  # of a factorial, fractional or optimal design: what the design has
    blocks: int | None = Field(default=None, ge=1)
    model: Literal["linear", "interactions", "quadratic"] | None = None  # what an optimal design is to tell
    levels: Annotated[int, Field(ge=2)] | dict[str, int] | None = None  # of each number in a factorial


class PlannerSpec(_Strict):
    """How batches are chosen."""

    surrogate: Text | list[Text] = "committee"
    acquisition: Text = "auto"  # a name in ``loop.acquisition.names``, as the surrogates' are in theirs
    batch: int = Field(default=1, ge=1)
    initial: InitialSpec = Field(default_factory=InitialSpec)
    control: float = Field(default=0.0, ge=0, le=1)
    replicates: Replicates = 1  # of each proposal; planned: proposals of their own, where that changes the decision
    mode: Literal["batch", "rolling"] = "batch"  # rolling: refill as results come, with the rest pending
    seed: int = Field(default=0, ge=0)
    per_cost: bool | None = None  # the worth of a candidate is divided by what it costs

    @property
    def copies(self) -> int:
        """How many experiments each proposal is; 1 where replicates are planned, as proposals of their own."""
        return 1 if self.replicates == "planned" else self.replicates


class NoiseSpec(_Strict):
    """How measurements scatter: alike everywhere or learnt from the conditions, and what shifts many at once."""

    model: Literal["constant", "learnt"] = "constant"
    effects: list[Text] = []


class BudgetSpec(_Strict):
    """How much may be spent."""

    experiments: int = Field(ge=1)
    cost: float | None = Field(default=None, gt=0)  # in the unit of the costs
    hours: float | None = Field(default=None, gt=0)


class StopSpec(_Strict):
    """A target's value, or the score of a trade-off, at which the campaign is done."""

    target: Text
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> StopSpec:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either at_least or at_most")
        return self


class LaboratorySpec(BaseModel):
    """Who runs the experiments; every key but ``adapter`` and ``approval`` is the adapter's own."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)
    adapter: Text
    approval: Literal["automatic", "person"] = "automatic"

    @property
    def options(self) -> dict[str, Any]:
        """The adapter's own settings."""
        return dict(self.model_extra or {})


class CampaignSpec(_Strict):
    """A whole campaign, as a YAML file states it. Read one with ``read_spec``."""

    campaign: Name
    description: str = ""
    space: dict[Name, ParameterSpec] = Field(min_length=1)
    constraints: list[ConstraintSpec] = []
    objective: dict[Name, TargetSpec] = Field(min_length=1)
    tradeoff: Tradeoff | None = None  # None: pareto
    planner: PlannerSpec = Field(default_factory=PlannerSpec)
    noise: NoiseSpec | None = None  # None: constant, without effects
    budget: BudgetSpec
    costs: CostsSpec | None = None
    plate: PlateSpec | None = None
    stop: list[StopSpec] = []
    laboratory: LaboratorySpec

    def resolved(self) -> dict[str, Any]:
        """The spec as plain JSON; of a resolved spec, complete in itself."""
        return self.model_dump(mode="json", exclude_none=True)

    @staticmethod
    def from_resolved(data: Mapping[str, Any]) -> CampaignSpec:
        """The spec that ``resolved`` wrote."""
        return CampaignSpec.model_validate(data)
