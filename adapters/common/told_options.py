"""Options in words: what each may be, its default, and what it means, read from the class itself.

Note [Comments are told]: ``timeout: float = 600.0  # seconds for each`` tells the option's meaning to whoever reads the
class and to whoever asks ``hakken lab show``; written twice, one of the two would be wrong one day.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Final, get_args

from pydantic.fields import FieldInfo

from adapters.common.options import Options

_FIELD: Final = re.compile(r"^    (?P<name>[a-z_]\w*)\s*:.*?\s{2}# (?P<comment>.+)$")
_BOUNDS: Final = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}


@dataclass(frozen=True, slots=True)
class Option:
    """One option as a campaign file may say it."""

    name: str
    value: str  # what it may be, in words
    default: str | None  # None where it must be given
    meaning: str


def options_in(model: type[Options], shared: type[Options]) -> tuple[Option, ...]:
    """The options of a class: the required ones first, then its own, then those that it has from ``shared``.

    After one that is a group, such as ``command``, come those in it: ``command.key``.
    """
    schema, meanings = model.model_json_schema(), _meanings(model)
    groups: dict[str, tuple[Option, ...]] = {}
    found = []
    for name, field in model.model_fields.items():
        told = field.alias or name
        found.append(Option(told, _words(schema["properties"][told], schema), _default(field), meanings[name]))
        if (group := _group(field.annotation)) is not None:
            groups[told] = tuple(replace(o, name=f"{told}.{o.name}") for o in options_in(group, shared))
    found.sort(key=lambda o: (o.default is not None, o.name in shared.model_fields))
    return tuple(each for one in found for each in (one, *groups.get(one.name, ())))


def _group(annotation: Any) -> type[Options] | None:
    """The class of options that an option is a group of; None where it is none."""
    choices = [annotation, *get_args(annotation)] if isinstance(annotation, UnionType) else [annotation]
    return next((c for c in choices if isinstance(c, type) and issubclass(c, Options)), None)


def _meanings(model: type[Options]) -> dict[str, str]:
    """The comments beside the fields; see Note [Comments are told]."""
    found: dict[str, str] = dict.fromkeys(model.model_fields, "")
    for owner in reversed(model.__mro__):
        if issubclass(owner, Options) and owner is not Options:
            lines = inspect.getsource(owner).splitlines()
            found |= {m["name"]: m["comment"] for line in lines if (m := _FIELD.match(line)) is not None}
    return found


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Options):
        return "as below"
    return (
        "none" if value is None or value in ({}, []) else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _choice(value: object) -> str:
    """One of what an option may be; a sign in quotes, as it is written."""
    return json.dumps(value) if isinstance(value, str) and not re.search(r"\w", value) else str(value)


def _words(told: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if "$ref" in told:
        return _words(schema["$defs"][told["$ref"].rpartition("/")[2]], schema)
    if choices := told.get("anyOf") or told.get("oneOf"):
        return " or ".join(dict.fromkeys(_words(c, schema) for c in choices if c.get("type") != "null"))
    if "enum" in told or "const" in told:
        return " or ".join(map(_choice, told["enum"] if "enum" in told else [told["const"]]))
    bounds = "".join(f" {word} {told[key]:g}" for key, word in _BOUNDS.items() if key in told)
    match told.get("type"):
        case "array":
            return f"list of {_words(told.get('items', {}), schema)}"
        case "object":
            inner = told.get("additionalProperties")
            return f"NAME: {_words(inner, schema)}" if isinstance(inner, Mapping) and inner else "NAME: VALUE"
        case "integer":
            return "whole number" + bounds
        case "number":
            return "number" + bounds
        case "boolean":
            return "true or false"
        case "string":
            return "text"
    return "value"
