"""What every part of a spec is: a strict pydantic model, with text that is text."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _plain_text(value: object) -> object:
    if isinstance(value, bool | int | float):
        said = " (in these files yes, no, on and off mean true and false)" if isinstance(value, bool) else ""
        raise ValueError(f"must be text, got {value!r}{said}; put it in quotes")
    return value


Text: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(min_length=1)]
Name: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\- ]*$")]


class Strict(BaseModel):
    """Frozen; unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False, frozen=True)
