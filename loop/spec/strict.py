"""What every part of a spec is: a strict pydantic model, with text that is text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from loop.spec.lines import Path


class WrongInside(ValueError):
    """What is wrong stands in a part that is only understood with others; ``path`` says where."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


_TRUTH: Final = " (in these files yes, no, on and off mean true and false)"


def _plain_text(value: object) -> object:
    if isinstance(value, bool | int | float):
        said = _TRUTH if isinstance(value, bool) else ""
        raise ValueError(f"must be text, got {value!r}{said}; put it in quotes")
    return value


Text: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(min_length=1)]
Name: TypeAlias = Annotated[str, BeforeValidator(_plain_text), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\- ]*$")]


class Strict(BaseModel):
    """Frozen; unknown keys, numbers that are not finite, and yes or no in the place of a number are refused."""

    model_config = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _is_no_truth(cls, said: object) -> object:
        if not isinstance(said, Mapping):
            return said
        for name, wanted in _numbers_of(cls).items():
            if (found := _truth_in(said.get(name))) is not None:
                path, truth = found
                raise WrongInside(f"must be {wanted}, got {truth!r}{_TRUTH}", (name, *path))
        return said


@cache
def _numbers_of(model: type[BaseModel]) -> Mapping[str, str]:
    """The fields of a model that are numbers, or hold some, and no truth; with what each of them may be, in words."""
    found = {}
    for name, field in model.model_fields.items():
        kinds = _kinds(field.annotation)
        if kinds & {int, float} and bool not in kinds and not any(issubclass(kind, BaseModel) for kind in kinds):
            found[name] = "an option, in quotes, or a number" if str in kinds else "a number"
    return found


def _kinds(annotation: Any) -> set[type]:
    """The classes that a type is made of, such as ``str`` and ``float`` of ``dict[str, float]`` without its keys."""
    if isinstance(annotation, type) and not get_args(annotation):
        return {annotation}
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    inner = get_args(annotation)[1:] if get_origin(annotation) is dict else get_args(annotation)
    return {kind for part in inner for kind in _kinds(part)}


def _truth_in(value: object) -> tuple[Path, bool] | None:
    """The first true or false among a value's lists and entries, with its place; None where there is none."""
    if isinstance(value, bool):
        return (), value
    if not isinstance(value, Mapping | list):
        return None
    parts = value.items() if isinstance(value, Mapping) else enumerate(value)
    if not isinstance(value, Mapping) and not {bool, list, dict} & set(map(type, value)):
        return None  # as thousands of descriptors have it
    inside = (((key, *found[0]), found[1]) for key, part in parts if (found := _truth_in(part)) is not None)
    return next(inside, None)
