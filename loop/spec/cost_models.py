"""What a campaign file may say of costs: the keys, and what each of them takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from loop.spec.strict import Strict


class SwitchSpec(Strict):
    """What one change of a parameter costs, between consecutive experiments."""

    cost: float | None = Field(default=None, ge=0)
    hours: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _something(self) -> SwitchSpec:
        if not (self.cost or self.hours):
            raise ValueError("a change that costs nothing needs no line; give cost, hours or both, or leave it out")
        return self


def _by_option(value: object) -> object:
    if not isinstance(value, Mapping):
        raise ValueError(
            f"a price goes with each option, such as {{XPhos: 12}}, and not {value!r} with all; name the options, or "
            "the column of their table under costs.prices"
        )
    return _with_names(value)


def _with_names(prices: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Numbers as they are written in place of names: whoever knows the parameter says what is wrong with them."""
    return {str(key) if isinstance(key, int | float) and not isinstance(key, bool) else key: value
            for key, value in prices.items()}  # fmt: skip


def _a_column(value: object) -> object:
    if not isinstance(value, str):
        what = "entries" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else repr(value)
        raise ValueError(
            f"must be the column of its table that holds the price of each option, such as EUR, got {what}; prices "
            "themselves go with options under costs.options, such as options: {ligand: {XPhos: 12}}"
        )
    return value


def _by_option_or_column(value: object) -> object:
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(
            f"a price goes with each option that has to be bought, such as {{XPhos: 85}}, and not {value!r} with all; "
            "name the options, or the column of their table"
        )
    return _with_names(value)


def _of_one_unit(value: object) -> object:
    """Numbers, and prices of parts by name."""
    if isinstance(value, bool | list) or value is None:
        raise ValueError(
            f"must be what one unit of the number costs, such as 0.4, or of a mixture the price of each part, got "
            f"{value!r}"
        )
    return _with_names(value) if isinstance(value, Mapping) else value


def _a_number(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(
            f"must be the name of the number that the prices are multiplied by, such as loading, got {value!r}; what "
            "one unit of a number itself costs goes under costs.amounts"
        )
    return value


class CostsSpec(Strict):
    """What experiments cost, in ``unit`` and in hours."""

    unit: str = ""
    experiment: float | None = Field(default=None, ge=0)  # each
    hours: float | None = Field(default=None, ge=0)  # that each takes
    hour: float | None = Field(default=None, ge=0)  # price of one
    # By parameter and option, for each use.
    options: dict[str, Annotated[dict[str, float], BeforeValidator(_by_option)]] | None = None
    # By parameter, the column of its table that holds them; read into options.
    prices: dict[str, Annotated[str, BeforeValidator(_a_column)]] | None = None
    # By parameter and option, when it is first used; or the column of its table, read into options.
    once: dict[str, Annotated[dict[str, float] | str, BeforeValidator(_by_option_or_column)]] | None = None
    # By parameter, the number whose unit the prices of its options are of.
    per: dict[str, Annotated[str, BeforeValidator(_a_number)]] | None = None
    # By number what one unit of it costs; by mixture the same of each part.
    amounts: dict[str, Annotated[float | dict[str, float], BeforeValidator(_of_one_unit)]] | None = None
    switch: dict[str, SwitchSpec] | None = None  # by parameter, for each change
    lasts: str | None = None  # a number that is a time, which each takes beside ``hours``

    @property
    def states_hours(self) -> bool:
        """Whether it says how long experiments take, so that nothing of it is learnt."""
        return self.hours is not None or self.lasts is not None
