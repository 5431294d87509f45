"""docs/spec.md: every key that a campaign file may have is in the table of its section, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import pytest
from pages import ROOT
from pydantic import BaseModel

from loop.circumstances import EFFECTS
from loop.spec import CampaignSpec
from loop.spec.space_models import CONSTRAINT_KINDS, ParameterSpec

PAGE = ROOT / "docs/spec.md"
TEXT = PAGE.read_text(encoding="utf-8")
KINDS = get_args(get_args(ParameterSpec)[0])


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found = [model for part in get_args(annotation) for model in models_in(part)]
    return list(dict.fromkeys(found))


def kind_of(model: type[BaseModel]) -> str:
    """What tells a model from its alternatives: its ``type``, or the key that it alone has."""
    if "type" in model.model_fields:
        return str(get_args(model.model_fields["type"].annotation)[0])
    return next((kind for kind, other in CONSTRAINT_KINDS.items() if other is model), model.__name__)


def sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Titles of sections and the models that they describe: ``planner.initial``, ``space: component``."""
    yield path or "Top level", model
    for key, field in model.model_fields.items():
        inner = models_in(field.annotation)
        here = f"{path.replace(': ', '.')}.{key}" if path else key
        for each in inner:
            if path and path != "space" and each in KINDS:  # a source of a union has a section as a parameter
                continue
            yield from sections(each, here if len(inner) == 1 else f"{here}: {kind_of(each)}")


def keys_of(title: str) -> list[str]:
    """The keys in the table of a section."""
    match = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert match, f"docs/spec.md has no section {title!r}; add a heading '## {title}' with a table of its keys"
    return re.findall(r"^\| `([^`]+)` \|", match[1], flags=re.MULTILINE)


SECTIONS = dict(sections(CampaignSpec, ""))


@pytest.mark.parametrize("title", SECTIONS)
def test_every_key_is_documented_and_no_other(title: str) -> None:
    model, told = SECTIONS[title], keys_of(title)

    missing = [key for key in model.model_fields if key not in told]
    unknown = [key for key in told if key not in model.model_fields]
    assert not missing, f"docs/spec.md, section {title!r}: document the key {missing[0]!r} of {model.__name__}"
    assert not unknown, f"docs/spec.md, section {title!r}: {unknown[0]!r} is no key of {model.__name__}; remove it"
    assert len(set(told)) == len(told), f"docs/spec.md, section {title!r}: a key is told twice"


def row_of(title: str, key: str) -> list[str]:
    """The cells of a key's row: key, value, default, meaning."""
    match = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert match
    line = next((line for line in match[1].splitlines() if line.startswith(f"| `{key}` |")), None)
    assert line, f"docs/spec.md, section {title!r}: document the key {key!r}"
    return [cell.strip() for cell in line.split("|")[1:-1]]


def choices_in(annotation: Any) -> list[str]:
    """The texts that a key may be, where they are listed."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    parts = get_args(annotation)
    if parts and all(isinstance(part, str) for part in parts):
        return list(parts)
    return [choice for part in parts for choice in choices_in(part)]


@pytest.mark.parametrize("title", SECTIONS)
def test_choices_and_defaults_are_as_they_are_told(title: str) -> None:
    for key, field in SECTIONS[title].model_fields.items():
        _, value, default, _ = row_of(title, key)
        untold = [choice for choice in choices_in(field.annotation) if choice not in value]
        assert not untold, f"docs/spec.md, section {title!r}: tell that {key} may be {untold[0]!r}"
        assert field.is_required() == (default == "required"), f"{title}: {key} is {default!r}"
        if isinstance(field.default, str | int | float) and field.default not in ("", False):
            shown = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            assert default == shown, f"docs/spec.md, section {title!r}: {key} is {shown} by default, not {default}"


def test_every_effect_that_needs_no_declaration_is_named() -> None:
    told = re.split(r"[^a-z]+", row_of("noise", "effects")[3])

    assert [name for name in EFFECTS if name not in told] == []


def test_no_section_is_left_over() -> None:
    titles = re.findall(r"^##+ (.+)$", TEXT, flags=re.MULTILINE)

    assert sorted(titles) == sorted(SECTIONS)


def test_every_row_says_something() -> None:
    rows = re.findall(r"^\| `.*$", TEXT, flags=re.MULTILINE)
    cells = [[c.strip() for c in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]

    assert all(len(row) == 4 and row[1] and row[2] and len(row[3]) > 8 for row in cells), [
        r for r in cells if len(r) != 4
    ]


def test_it_can_be_found() -> None:
    assert "(docs/spec.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
