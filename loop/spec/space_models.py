"""What a campaign file may say of its space: parameters and constraints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Discriminator, Field, Tag, field_validator, model_validator

from loop.sheets.cells import as_float
from loop.spec.descriptor_models import Describing
from loop.spec.library_models import FiltersSpec, MadeSpec, RangeSpec, Several, StandardiseSpec, StoredSpec
from loop.spec.strict import Name, Strict, Text

Options: TypeAlias = dict[str, list[str | float] | str | float]  # of parameters, by name


class _Conditional(Strict):
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
    descriptors: Describing | None = None  # of one's own
    earlier: Text | None = None  # what it was in results on record from before it was a parameter


class MoleculeSpec(Strict):
    """A library of molecules that is itself the search space: one or more files (``file``), or ``options``.

    A file is a table (CSV, TSV, Parquet), a list of SMILES or an SDF, also gzipped.
    """

    type: Literal["molecule"]
    options: dict[Text, Text] | None = None
    file: Several | None = None
    name: Text | None = None  # column with a name; the canonical SMILES is used without one
    smiles: Text = "smiles"
    standardise: StandardiseSpec | None = None  # None: every structure is taken as it is given
    filters: FiltersSpec | None = None
    stored: StoredSpec | None = None  # what became of the files


class ReagentsSpec(Strict):
    """A list of reagents: ``options`` (name: SMILES), or a ``file``: a CSV table, or SMILES lines (.smi)."""

    options: dict[Text, Text] | None = None
    file: Text | None = None
    name: Text | None = None  # column with a name; without one a reagent is called by its SMILES
    smiles: Text = "smiles"
    standardise: StandardiseSpec | None = None  # None: every reagent is taken as it is given


class ProductsSpec(Strict):
    """The products of reagents by one reaction: every combination is a candidate, and none is written out."""

    type: Literal["products"]
    reaction: Text
    reagents: dict[Name, ReagentsSpec] = Field(min_length=1)
    order: list[Name] | None = None  # of the lists, as the reaction takes them; None: as they are written
    ambiguous: Literal["leave out", "first"] = "leave out"
    standardise: StandardiseSpec | None = None  # None: every product is taken as the reaction gives it
    filters: FiltersSpec | None = None
    duplicates: Literal["merge", "keep"] = "merge"
    left_out: list[Text] | None = None  # written when the file is read: which reagents are not used, and why
    changed: list[Text] | None = None  # the same: which reagents are used otherwise than they were given
    made: MadeSpec | None = None  # the same: what became of products that were made


class UnionSpec(Strict):
    """A library and the products of reactions as one list of candidates, each called by its source and name."""

    type: Literal["union"]
    of: dict[Name, Annotated[MoleculeSpec | ProductsSpec, Field(discriminator="type")]]
    left_out: list[Text] | None = None  # written when the file is read: products that are in the library


class _Choice(_Conditional):
    """A parameter that is one of some named options."""

    type: str  # each of its children has its own
    options: list[Text]
    earlier: Text | None = None


class CategorySpec(_Choice):
    """A choice between named options."""

    type: Literal["category"]
    descriptors: Describing | None = None  # of one's own


class OrdinalSpec(_Choice):
    """A choice between named options in order, the lowest first."""

    type: Literal["ordinal"]


class FidelitySpec(Strict):
    """Versions of one measurement, from the cheapest to the real thing, and what each costs."""

    type: Literal["fidelity"]
    options: list[Text] = Field(min_length=2)
    costs: dict[Text, float] | None = None
    earlier: Text | None = None


class NumberSpec(_Conditional):
    """A number: ``values``, or ``low`` and ``high`` with or without a ``step``; with ``or_zero`` it may be 0 too.

    By ``tolerance`` it strays to either side of what it is set to: in its unit, or as a share such as ``5 %``.
    """

    type: Literal["number"]
    values: list[float] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    scale: Literal["linear", "log"] | None = None
    or_zero: bool | None = None
    tolerance: float | Text | None = None
    earlier: float | None = None

    @property
    def strays(self) -> tuple[float, bool] | None:
        """By how much to either side, and whether that is a share of the value that is set; None where not at all."""
        if isinstance(self.tolerance, str):
            return float(self.tolerance.removesuffix("%")) / 100, True
        return None if self.tolerance is None else (self.tolerance, False)

    @field_validator("tolerance", mode="before")
    @classmethod
    def _is_some(cls, said: object) -> object:
        written = said.strip().removesuffix("%") if isinstance(said, str) and said.strip().endswith("%") else said
        number = None if written is None else as_float(str(written))
        if said is None or (number is not None and number > 0.0 and (written is said or number < 100.0)):
            return said.strip() if isinstance(said, str) and written is not said else number
        raise ValueError(
            "must be a number above zero in the unit of the parameter, or a share of the value below 100 % such as "
            f"5 %, got {said!r}"
        )

    @model_validator(mode="after")
    def _one_way(self) -> NumberSpec:
        if (self.values is None) == (self.low is None and self.high is None):
            raise ValueError("give either values, or low and high (with a step or without)")
        if self.values is None and (self.low is None or self.high is None):
            raise ValueError("low and high come together; give both")
        if self.step is not None and (self.values is not None or not self.step > 0):
            raise ValueError("step must be above zero and goes with low and high")
        return self


class MixtureSpec(_Conditional):
    """Fractions that sum to one: ``parts`` (name: SMILES, or a list of names)."""

    type: Literal["mixture"]
    parts: dict[Name, Text] | list[Name]
    at_most: int | None = Field(default=None, ge=1)
    least: float | None = Field(default=None, gt=0, lt=1)
    step: float | None = Field(default=None, gt=0, lt=1)
    earlier: dict[Name, float] | None = None  # the fractions; what is left out was none


class DerivedSpec(Strict):
    """A number that follows from others: not chosen, but seen by the models."""

    type: Literal["derived"]
    expression: Text
    unit: str = ""


class ContextSpec(Strict):
    """What is recorded with a result and never chosen: one of ``options``, a number in ``unit``, else any text."""

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
    | ProductsSpec
    | UnionSpec
    | CategorySpec
    | OrdinalSpec
    | FidelitySpec
    | NumberSpec
    | MixtureSpec
    | DerivedSpec
    | ContextSpec,
    Field(discriminator="type"),
]


def sources_of(space: Mapping[str, ParameterSpec]) -> Iterator[tuple[str, ParameterSpec]]:
    """Every parameter, and after a union each of its sources as ``NAME.SOURCE``."""
    for name, p in space.items():
        yield name, p
        if isinstance(p, UnionSpec):
            yield from ((f"{name}.{source}", said) for source, said in p.of.items())


RANGE = "a range of a number stands beside options, as in {exclude: {solvent: THF}, where: {temperature: {above: 65}}}"


class _Named(Strict):
    """A constraint; messages call it by its name, or by its number where it has none."""

    name: Text | None = None


class ExcludeSpec(_Named):
    """Combinations that must not occur: all the conditions at once."""

    exclude: Options
    where: dict[str, RangeSpec] | None = None
    for_now: bool = False  # what was measured of it counts on


class RequireSpec(_Named):
    """A dependency: where all of ``when`` holds, all of ``require`` must hold."""

    when: Options = Field(min_length=1)
    require: Options = Field(min_length=1)


class LinearSpec(_Named):
    """A weighted sum of numeric parameters, kept between two bounds."""

    sum: dict[str, float]
    at_least: float | None = None
    at_most: float | None = None
    equals: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> LinearSpec:
        if (self.equals is None) == (self.at_least is None and self.at_most is None):
            raise ValueError("give at_least, at_most or both, or equals alone")
        return self


class ExpressionSpec(_Named):
    """A comparison of expressions, such as ``temperature * time <= 500``."""

    expression: Text


class CountSpec(_Named):
    """How many of some parameters are used: not zero, and not the option that adds nothing."""

    count: list[Text] = Field(min_length=1)
    at_least: int | None = Field(default=None, ge=0)
    at_most: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _bounded(self) -> CountSpec:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        return self


class InterchangeableSpec(_Named):
    """Parameters, or groups of them, of which it says nothing which is which: each choice is tried in one order."""

    interchangeable: list[Text | list[Text]] = Field(min_length=2)
    distinct: bool = False

    @property
    def slots(self) -> list[list[str]]:
        """The parameters of each slot."""
        return [[one] if isinstance(one, str) else one for one in self.interchangeable]


CONSTRAINT_KINDS: Mapping[str, type[Strict]] = {  # the key that tells which it is
    "exclude": ExcludeSpec,
    "sum": LinearSpec,
    "expression": ExpressionSpec,
    "count": CountSpec,
    "when": RequireSpec,
    "interchangeable": InterchangeableSpec,
}


def _kind_of_constraint(value: Any) -> str | None:
    keys = value if isinstance(value, Mapping) else type(value).model_fields if isinstance(value, BaseModel) else ()
    return next((f"{kind} constraint" for kind in CONSTRAINT_KINDS if kind in keys), None)


PlainConstraint: TypeAlias = ExcludeSpec | LinearSpec | ExpressionSpec | CountSpec | RequireSpec
ConstraintSpec: TypeAlias = Annotated[
    Annotated[ExcludeSpec, Tag("exclude constraint")]
    | Annotated[LinearSpec, Tag("sum constraint")]
    | Annotated[ExpressionSpec, Tag("expression constraint")]
    | Annotated[CountSpec, Tag("count constraint")]
    | Annotated[RequireSpec, Tag("when constraint")]
    | Annotated[InterchangeableSpec, Tag("interchangeable constraint")],
    Discriminator(_kind_of_constraint),
]
