"""Options: the laboratory section of a campaign file, strict, with messages that name the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from adapters.errors import AdapterOptionsError
from loop.errors import UnitError, did_you_mean
from loop.units import DIMENSIONLESS, check_unit, convert, is_share


class Options(BaseModel):
    """Base of every adapter's options: no unknown key, no silent conversion, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    # What other programs call an option, in lower case, by what is to be said of it: its name here, or a sentence.
    other_words: ClassVar[Mapping[str, str]] = {}


Model = TypeVar("Model", bound=Options)


def read_options(model: type[Model], adapter: str, given: Mapping[str, Any]) -> Model:
    """The options as ``model``.

    Raises:
        AdapterOptionsError: An option is unknown, missing or of the wrong type; every fault has its message.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise AdapterOptionsError(adapter, _messages(model, error.errors())) from None


def spelt(pattern: str, what: str) -> AfterValidator:
    """For the type of an option: a text that matches the whole pattern, or else it is said ``what`` it must be."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(what)
        return text

    return AfterValidator(check)


def resolve(base: str, path: str) -> Path:
    """``path`` as seen from ``base``; an absolute one stays as it is."""
    return Path(base) / Path(path).expanduser()


def measured(adapter: str, known: Mapping[str, str], targets: Mapping[str, str]) -> None:
    """Raises ``AdapterOptionsError`` where a target of the campaign is none of the properties ``known``, one without a
    unit that may be a fraction of one, or one in a unit that is none of the target's. Both are given with their units.
    """
    problems = [
        f"target {name!r} is not measured{did_you_mean(name, known)}; it is {', '.join(known)}"
        for name in sorted(set(targets) - set(known))
    ] + [
        f"target {name!r} is in {unit!r} and its property has an empty unit; give it {unit!r}, or 'dimensionless' "
        "where it is a fraction of one"
        for name, unit in targets.items()
        if known.get(name) == DIMENSIONLESS and is_share(unit)
    ]
    if problems := problems + unlike(known, targets):
        raise AdapterOptionsError(adapter, problems)


def unlike(known: Mapping[str, str], targets: Mapping[str, str]) -> list[str]:
    """What is wrong with properties ``known`` whose unit cannot be converted into that of the target; an empty one is
    the target's own."""
    problems = []
    for name, unit in targets.items():
        if given := known.get(name):
            try:
                convert(1.0, given, unit)
            except UnitError as error:
                remedy = (
                    f"state the target in a unit such as {given!r} (or correct the property's where the file has it)"
                )
                problems.append(f"target {name!r}: {error}; {remedy}")
    return problems


def some_of(names: list[str], known: Iterable[str]) -> list[str]:
    """``names``, for a validator; raises ``ValueError`` where one is none of ``known``."""
    for name in names:
        if name not in (there := list(known)):
            raise ValueError(f"some of {', '.join(there)}; {name!r} is none{did_you_mean(name, there)}")
    return names


def check_units(properties: dict[str, str]) -> dict[str, str]:
    """``properties``, for a validator; raises ``ValueError`` where nobody knows a unit."""
    for name, unit in properties.items():
        try:
            check_unit(unit)
        except UnitError as error:
            raise ValueError(f"a unit for each property; {name!r}: {error}") from None
    return properties


def _of_every_laboratory() -> list[str]:
    """What may be said of each laboratory beside the adapter's own options."""
    from loop.spec.models import LaboratorySpec  # NumPy and more: only where an option is refused

    return [name for name in LaboratorySpec.model_fields if name != "adapter"]


def _otherwise(model: type[Options], key: str) -> str:
    """What an option is called here that another program calls so, in brackets; "" where none says it."""
    said = model.other_words.get(key.casefold().replace("-", "_"), "")
    return f" ({f'it is called {said} here' if said in model.model_fields else said})" if said else ""


def _elsewhere(key: str) -> str:
    """In which other part of a campaign file a key is known that stands in its laboratory, in brackets."""
    from loop.spec.known_keys import elsewhere  # as above

    return elsewhere(("laboratory", key))


def _in_recipe_or_stop(key: str) -> str:
    """The same of a recipe and of rules by which a campaign stops."""
    from loop.spec.known_keys import in_recipe_or_stop  # as above

    return in_recipe_or_stop(("laboratory", key))


def _messages(model: type[Options], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    messages: list[str] = []
    wrong: dict[str, list[str]] = {}  # an option of several types is reported once, with what each type would have
    got: dict[str, Any] = {}
    for entry in entries:
        # A union adds the names of its types to the place, such as "list[float]" or "constrained-float".
        where = ".".join(str(part) for part in entry["loc"] if not re.search(r"[\[\]-]|^(float|int|str)$", str(part)))
        match entry["type"]:
            case "extra_forbidden":
                inner = _fields_at(model, entry["loc"][:-1])
                every = [] if len(entry["loc"]) > 1 else _of_every_laboratory()
                key = str(entry["loc"][-1])
                is_whole = len(entry["loc"]) == 1
                hint = _otherwise(model, key) or _elsewhere(key) if is_whole else ""
                hint = hint or did_you_mean(key, [*inner, *every]) or (_in_recipe_or_stop(key) if is_whole else "")
                known = f"; known: {', '.join(inner)}" if inner else "; it has none of its own; leave it out"
                is_said = bool(inner) and any(message.endswith(known) for message in messages)  # once is enough
                messages.append(f"unknown option {where!r}{hint}{'' if is_said else known}")
            case "missing":
                messages.append(f"option {where!r} is missing; add it to the laboratory section")
            case _:
                text = str(entry["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
                wrong.setdefault(where, []).append(text)
                got.setdefault(where, entry["input"])
    shown = {where: " or ".join(dict.fromkeys(texts)) for where, texts in wrong.items()}
    messages += [shown.pop("")] if "" in shown else []  # a rule for several options at once
    return messages + [
        f"option {where!r} must be: {text}; got {got[where]!r}{_quoted(text, got[where])}"
        for where, text in shown.items()
    ]


def _quoted(text: str, given: Any) -> str:
    """What to do where YAML reads a number, a date or no for a word."""
    return "; write it in quotes" if text == "a valid string" and isinstance(given, bool | int | float | date) else ""


def _fields_at(model: type[BaseModel], where: Sequence[int | str]) -> list[str]:
    """The options that a section may have, however deep it lies; those of the outermost where that cannot be told."""
    inner: type[BaseModel] = model
    for part in where:
        field = inner.model_fields.get(str(part))
        found = [] if field is None else _models_in(field.annotation)
        inner = found[0] if found else inner  # names in a mapping, and what a union adds, lead no further
    return [field.alias or name for name, field in inner.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
