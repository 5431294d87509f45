"""What a campaign file says of things known before: a prior from a person, and earlier campaigns in the same record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator

from loop.spec.strict import Name, Strict, Text

Guess: TypeAlias = list[str] | dict[str, float]  # a ranking, the best first; or a value expected with each option


def _guess(value: object) -> object:
    """Numbers as options become text, as the record keeps keys."""
    if isinstance(value, Mapping):
        return {_option(k): v for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_option(v) for v in value]
    raise ValueError(
        f"must be a ranking [best, next, ...] or values by option {{option: value}}, got {value!r}; write one of them"
    )


def _option(value: object) -> object:
    return f"{value:.12g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _memory(value: object) -> object:
    if value is False:  # YAML reads an unquoted off so
        return "off"
    if isinstance(value, list) and (wrong := [name for name in value if not isinstance(name, str)]):
        raise ValueError(f"is a list of names of earlier campaigns, and {wrong[0]!r} is none; write it as text")
    if value in ("off", "auto") or (isinstance(value, list) and value):
        return value
    raise ValueError(f"must be auto, off or a list of earlier campaigns, got {value!r}; use one of them")


PriorSpec: TypeAlias = dict[Name, dict[Name, Annotated[Guess, BeforeValidator(_guess)]]]
MemorySpec: TypeAlias = Annotated[Literal["off", "auto"] | list[Text], BeforeValidator(_memory)]


class SourceSpec(Strict):
    """What a table of the literature was told for; written by ``hakken tell --source``, never by hand."""

    of: Text  # the campaign
    title: Text
