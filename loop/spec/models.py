"""What a campaign file may say, as strict pydantic models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from loop.objective import Goal


def _plain_text(value: object) -> object:
    if isinstance(value, bool | int | float):
        raise ValueError(f"must be text, got {value!r}; put it in quotes")
    return value


Text: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(min_length=1)]
Name: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\- ]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False, frozen=True)


class ComponentSpec(_Strict):
    """A choice between substances: ``options`` (name: SMILES), or a CSV ``file`` with columns."""

    type: Literal["component"]
    options: dict[Text, Text] | None = None
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


class CategorySpec(_Strict):
    """A choice between named options."""

    type: Literal["category"]
    options: list[Text]


class NumberSpec(_Strict):
    """A number: ``values``, or ``low`` and ``high`` with or without a ``step``."""

    type: Literal["number"]
    values: list[float] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> NumberSpec:
        if (self.values is None) == (self.low is None and self.high is None):
            raise ValueError("give either values, or low and high (with a step or without)")
        if self.values is None and (self.low is None or self.high is None):
            raise ValueError("low and high come together; give both")
        if self.step is not None and (self.values is not None or not self.step > 0):
            raise ValueError("step must be above zero and goes with low and high")
        return self


ParameterSpec: TypeAlias = Annotated[
    ComponentSpec | MoleculeSpec | CategorySpec | NumberSpec, Field(discriminator="type")
]


class ExcludeSpec(_Strict):
    """Combinations that must not occur: all the conditions at once."""

    name: Text | None = None
    exclude: dict[str, list[str | float] | str | float]


class LinearSpec(_Strict):
    """A weighted sum of numeric parameters, kept between two bounds."""

    name: Text | None = None
    sum: dict[str, float]
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> LinearSpec:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self


class TargetSpec(_Strict):
    """What is wanted of a target."""

    goal: Goal
    unit: str = ""
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None


class InitialSpec(_Strict):
    """The initial design: how many experiments before the first model, and how they are spread."""

    design: Literal["spread", "sobol", "lhs", "random"] = "spread"
    experiments: int = Field(default=5, ge=1)


class PlannerSpec(_Strict):
    """How batches are chosen."""

    surrogate: Text | list[Text] = "committee"
    acquisition: Text = "auto"  # a name in ``loop.acquisition.names``, as the surrogates' are in theirs
    batch: int = Field(default=1, ge=1)
    initial: InitialSpec = Field(default_factory=InitialSpec)
    control: float = Field(default=0.0, ge=0, le=1)
    replicates: int = Field(default=1, ge=1)
    mode: Literal["batch", "rolling"] = "batch"  # rolling: refill as results come, with the rest pending
    seed: int = Field(default=0, ge=0)


class BudgetSpec(_Strict):
    """How much may be spent."""

    experiments: int = Field(ge=1)


class StopSpec(_Strict):
    """A target value at which the campaign is done."""

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
    constraints: list[ExcludeSpec | LinearSpec] = []
    objective: dict[Name, TargetSpec] = Field(min_length=1)
    planner: PlannerSpec = Field(default_factory=PlannerSpec)
    budget: BudgetSpec
    stop: list[StopSpec] = []
    laboratory: LaboratorySpec

    def resolved(self) -> dict[str, Any]:
        """The spec as plain JSON; of a resolved spec, complete in itself."""
        return self.model_dump(mode="json", exclude_none=True)

    @staticmethod
    def from_resolved(data: Mapping[str, Any]) -> CampaignSpec:
        """The spec that ``resolved`` wrote."""
        return CampaignSpec.model_validate(data)
