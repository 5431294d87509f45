"""What a campaign file may say, as strict pydantic models; of its space, see ``space_models``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from loop.errors import SpecError
from loop.objective import Goal, Tradeoff
from loop.spec.analysis import MethodSpec
from loop.spec.cost_models import CostsSpec
from loop.spec.general import GeneralSpec
from loop.spec.grades import check_wanted, in_numbers, stops_in_numbers
from loop.spec.limits import LimitSpec, SafetySpec
from loop.spec.memory import MemorySpec, PriorSpec, SourceSpec
from loop.spec.plate import PlateSpec
from loop.spec.recipe.models import RecipeSpec
from loop.spec.space_models import ConstraintSpec, ParameterSpec
from loop.spec.strict import Name, Strict, Text

MOST_SIMILAR: Final = 0.9  # count Tanimoto; docs/decisions/0020
ONE_BY_ONE: Final = 5  # experiments before the first model, where batches have one; docs/decisions/0185
START: Final = 3  # experiments that a model may begin with; docs/decisions/0046


class WantedSpec(Strict):
    """What may be wanted of any target, whether it is measured or derived."""

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
    cautious: float | None = None  # the chance with which what is proposed must keep the thresholds
    scale: Literal["linear", "log"] | None = None  # None: linear; log: what counts is by which factor values differ

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if self.desirable is not None and len(self.desirable) < 2:
            raise ValueError("desirable needs both ends; write desirable: {from: ..., to: ...}")
        return self


class TargetSpec(WantedSpec):
    """What is wanted of a target that is measured."""

    levels: list[float] | None = None  # numbers or words; words are 1, 2, 3 ... here
    words: list[Text] | None = None  # for the levels, one for each
    classes: list[Text] | None = None
    wanted: list[Text] | None = None  # of the classes; None: the last alone
    exact: bool | None = None  # measured again, a candidate gives the same number

    @model_validator(mode="before")
    @classmethod
    def _grades(cls, told: object) -> object:
        return in_numbers(told) if isinstance(told, Mapping) else told

    @model_validator(mode="after")
    def _wanted_classes(self) -> Self:
        if self.wanted is not None:
            check_wanted(self.wanted, self.classes)
        return self


class DerivedTargetSpec(WantedSpec):
    """What is wanted of a number that is worked out from targets that are measured, and from numbers of the space."""

    expression: Text

    @property
    def target(self) -> TargetSpec:
        """What is wanted of it, as of a target that is measured."""
        return TargetSpec.model_validate(self.model_dump(exclude={"expression"}, exclude_none=True))


def _levels_of_numbers(value: object) -> object:
    each = value.values() if isinstance(value, Mapping) else [value]
    if wrong := [n for n in each if not (isinstance(n, int) and not isinstance(n, bool) and n >= 2)]:
        raise ValueError(
            f"levels is a whole number from 2, or one for each number of the space such as {{t: 3}}, and not "
            f"{wrong[0]!r}; leave it out for the two ends of every number"
        )
    return value


Levels: TypeAlias = Annotated[int | dict[str, int], BeforeValidator(_levels_of_numbers)]


class InitialSpec(Strict):
    """The initial design: how many experiments before the first model, and how they are spread."""

    design: Literal[
        "spread",
        "medoid",
        "sobol",
        "lhs",
        "random",
        "factorial",
        "fractional",
        "plackett-burman",
        "definitive",
        "central-composite",
        "box-behnken",
        "d-optimal",
        "i-optimal",
    ] = "spread"
    experiments: int | None = Field(default=None, ge=1)  # None: ``PlannerSpec.first``; of a classical design its size
    blocks: int | None = Field(default=None, ge=1)
    model: Literal["linear", "interactions", "quadratic"] | None = None  # what an optimal design is to tell
    levels: Levels | None = None  # of each number in a factorial
    centre: int | None = Field(default=None, ge=1)  # of the experiments, at the middle of every number
    first: Annotated[list[dict[Text, str | float]], Field(min_length=1)] | None = None  # settings of what comes first
    hottest: bool | None = None  # of a spread: whether it is of the hottest third; None: where only yields are sought
    best_leaving_group: bool | None = None  # of a spread: the best of each substrate; None: where couplings are sought


def _replicates(value: object) -> object:
    if value == "planned" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(f"replicates is a whole number from 1, or planned, and not {value!r}; 1 means no replicates")


Replicates: TypeAlias = Annotated[int | Literal["planned"], BeforeValidator(_replicates)]


class PerBatchSpec(Strict):
    """What the experiments of one batch may come to together; ``sums`` of numbers, given or derived.

    ``at_most``: so many different values of a parameter; ``full``: every choice leaves room for the rest of the batch.
    """

    cost: float | None = Field(default=None, gt=0)  # in the unit of the costs
    hours: float | None = Field(default=None, gt=0)
    sums: dict[Text, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = None
    at_most: dict[Text, Annotated[int, Field(ge=1)]] | None = None
    full: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> PerBatchSpec:
        if self.cost is None and self.hours is None and not self.sums and not self.at_most:
            raise ValueError("nothing is limited; give cost, hours, sums or at_most, such as hours: 8, or leave it out")
        return self


class PlannerSpec(Strict):
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
    most_similar: float | None = Field(default=None, gt=0, le=1)  # of two molecules of a batch; None: MOST_SIMILAR
    per_batch: PerBatchSpec | None = None  # None: as much as the budget leaves

    @property
    def similarity_limit(self) -> float:
        """How similar two molecules of a batch may be, 1 for as similar as they like."""
        return MOST_SIMILAR if self.most_similar is None else self.most_similar

    @property
    def copies(self) -> int:
        """How many experiments each proposal is; 1 where replicates are planned, as proposals of their own."""
        return 1 if self.replicates == "planned" else self.replicates

    @property
    def first(self) -> int:
        """How many experiments the initial design has: where the file does not say, a batch, or two batches of two."""
        if self.initial.experiments is not None:
            return self.initial.experiments
        if self.batch == 1:
            return ONE_BY_ONE
        return (4 if self.batch == 2 else self.batch) * self.copies

    def with_first(self, experiments: int) -> PlannerSpec:
        """The same with an initial design of so many experiments, as if the file said so."""
        return self.model_copy(update={"initial": self.initial.model_copy(update={"experiments": experiments})})

    @property
    def begins_with_a_batch(self) -> bool:
        """Whether the initial design is one batch, made whole or not at all; afterwards a model chooses."""
        return self.initial.experiments is None and self.batch >= START

    @property
    def enough(self) -> int:
        """How many experiments a model begins with."""
        return START if self.begins_with_a_batch else self.first


class NoiseSpec(Strict):
    """How measurements scatter: alike everywhere or learnt from the conditions, and what shifts many at once."""

    model: Literal["constant", "learnt"] = "constant"
    effects: list[Text] = Field(default_factory=list)


MOST: Final = 1_000_000  # experiments of a campaign that something else ends, more than any laboratory makes


class BudgetSpec(Strict):
    """How much may be spent."""

    experiments: int | None = Field(default=None, ge=1)  # None: money, hours or a stop rule end the campaign
    cost: float | None = Field(default=None, gt=0)  # in the unit of the costs
    hours: float | None = Field(default=None, gt=0)
    stock: dict[Text, float | dict[Text, float]] | None = None  # of a number; of options, in experiments
    per: dict[Text, Text] | None = None  # by parameter with a stock of options: the number that this is an amount of

    @property
    def most(self) -> int:
        """How many experiments may be made at most."""
        return MOST if self.experiments is None else self.experiments


class StopSpec(Strict):
    """A target's value, or the score of a trade-off, at which the campaign is done; or what may be left undone.

    ``regret``: nothing untried is believed to be better than the best by more, with a chance of ``delta`` of being
    wrong; ``confirm``: the best is measured once more first, where nothing says whether results scatter.
    """

    target: Text
    at_least: float | None = None
    at_most: float | None = None
    regret: float | None = Field(default=None, gt=0)
    delta: float | None = Field(default=None, gt=0, le=0.5)  # None: 0.05
    confirm: bool | None = None  # None: true

    @model_validator(mode="after")
    def _one_bound(self) -> StopSpec:
        if sum(bound is not None for bound in (self.at_least, self.at_most, self.regret)) != 1:
            raise ValueError("give one of at_least, at_most and regret; what else is wanted is a rule of its own")
        if self.delta is not None and self.regret is None:
            raise ValueError("delta goes with regret, and this rule has none; give regret, or leave it out")
        if self.confirm is not None and self.regret is None:
            raise ValueError("confirm goes with regret, and this rule has none; give regret, or leave it out")
        return self


class LaboratorySpec(BaseModel):
    """Who runs the experiments; every key but those below is the adapter's own."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)
    adapter: Text
    approval: Literal["automatic", "person"] = "automatic"
    limits: dict[Name, LimitSpec] | None = None  # what no experiment may go beyond
    due_after: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None  # hours; later it is overdue
    safety: SafetySpec | None = None  # what a safety stop does

    @property
    def options(self) -> dict[str, Any]:
        """The adapter's own settings."""
        return dict(self.model_extra or {})


class CampaignSpec(Strict):
    """A whole campaign, as a YAML file states it. Read one with ``read_spec``."""

    campaign: Name
    description: str = ""
    space: dict[Name, ParameterSpec] = Field(min_length=1)
    constraints: list[ConstraintSpec] = Field(default_factory=list)
    objective: dict[Name, TargetSpec] = Field(min_length=1)
    derived: dict[Name, DerivedTargetSpec] | None = None  # targets that are worked out from those that are measured
    tradeoff: Tradeoff | None = None  # None: pareto
    general: GeneralSpec | None = None  # None: one best candidate is looked for
    planner: PlannerSpec = Field(default_factory=PlannerSpec)
    noise: NoiseSpec | None = None  # None: constant, without effects
    budget: BudgetSpec = Field(default_factory=BudgetSpec)
    costs: CostsSpec | None = None
    plate: PlateSpec | None = None
    recipe: RecipeSpec | None = None  # None: what is done at the bench is not said
    analysis: dict[Name, MethodSpec] | None = None  # by target: how its values come from instruments' files
    stop: list[StopSpec] = Field(default_factory=list)
    prior: PriorSpec | None = None  # by target and parameter: what a person expects
    memory: MemorySpec | None = None  # None: tables told for this campaign only
    source: SourceSpec | None = None  # this is no campaign to be run: a table told for another one
    laboratory: LaboratorySpec
    _is_recorded: bool = PrivateAttr(default=False)

    @model_validator(mode="before")
    @classmethod
    def _grades(cls, told: object) -> object:
        return stops_in_numbers(told) if isinstance(told, Mapping) else told

    @property
    def is_recorded(self) -> bool:
        """Whether it is from a record, which sorts keys.

        Columns of coordinates are then in the order of the alphabet, and that of its parameters is for who reads them.
        """
        return self._is_recorded

    @property
    def wanted(self) -> dict[str, TargetSpec]:
        """What is said of every target, those that are derived last."""
        return {**self.objective, **{name: said.target for name, said in (self.derived or {}).items()}}

    def resolved(self) -> dict[str, Any]:
        """The spec as plain JSON; of a resolved spec, complete in itself."""
        plain = self.model_dump(mode="json", exclude_none=True)
        # an adapter's option may say None on purpose, such as "heartbeat: null" where the default is a file's name
        plain["laboratory"] |= {k: None for k, v in self.laboratory.options.items() if v is None}
        return plain

    @staticmethod
    def from_resolved(data: Mapping[str, Any]) -> CampaignSpec:
        """The spec that ``resolved`` wrote.

        Raises:
            SpecError: Another version of hakken wrote it, and this one cannot read it.
        """
        try:
            return CampaignSpec.model_validate(data)
        except ValidationError as error:
            found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise SpecError(
                f"the spec of campaign {data.get('campaign')!r} that is on record cannot be read by this version of "
                f"hakken ({found}); use the version that wrote it"
            ) from None

    @staticmethod
    def from_record(data: Mapping[str, Any]) -> CampaignSpec:
        """The same of what a record has, whatever order its parameters came in. Raises as ``from_resolved``."""
        spec = CampaignSpec.from_resolved(data)
        spec._is_recorded = True
        return spec
