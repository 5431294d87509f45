"""Units of a campaign file that are known and read as nobody means them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loop.recipe.amounts import unit_in
from loop.spec.lines import Path, Problem
from loop.spec.models import CampaignSpec
from loop.spec.recipe.models import RecipeSpec, Said
from loop.spec.strict import Strict
from loop.units import misread


def misread_units(spec: CampaignSpec, on_record: Mapping[str, Any] | None) -> Iterator[Problem]:
    """Those of parameters, targets, limits, amounts in the recipe and properties of the laboratory, where the record
    does not have them already.
    """
    for at, said, problem in _all_misread(spec):
        if _at(on_record or {}, at) != said:
            yield at, problem


def misread_amounts(recipe: RecipeSpec) -> Iterator[tuple[Path, str, str]]:
    """Where amounts of a recipe have such units, what is said there, and what is wrong with it."""
    for at, said in _amounts(recipe, ("recipe",)):
        if problem := misread(unit_in(said)):
            yield at, said, f"{said!r}: {problem}"


def _all_misread(spec: CampaignSpec) -> Iterator[tuple[Path, str, str]]:
    sections: dict[tuple[str, ...], Mapping[str, object]] = {
        ("space",): spec.space,
        ("objective",): spec.objective,
        ("laboratory", "limits"): spec.laboratory.limits or {},
    }
    for path, named in sections.items():
        for name, said in named.items():
            unit = getattr(said, "unit", None) or ""
            if problem := misread(unit):
                yield (*path, name, "unit"), unit, problem
    for at, unit in _reported({"adapter": spec.laboratory.adapter, **spec.laboratory.options}, ("laboratory",)):
        if problem := misread(unit):
            yield at, unit, problem
    if spec.recipe is not None:
        yield from misread_amounts(spec.recipe)


def _reported(section: Mapping[str, Any], at: Path) -> Iterator[tuple[Path, str]]:
    """Units under ``properties`` of a laboratory, and of those that are part of it; one's own may mean anything."""
    if ":" in str(section.get("adapter")):
        return
    for name, said in _items(section.get("properties")):
        if isinstance(said, str):
            yield (*at, "properties", name), said
        elif isinstance(said, Mapping) and isinstance(said.get("unit"), str):
            yield (*at, "properties", name, "unit"), said["unit"]
    for name, part in _items(section.get("laboratories")):
        if isinstance(part, Mapping):
            yield from _reported(part, (*at, "laboratories", name))
    if isinstance(measurer := section.get("measured_by"), Mapping):
        yield from _reported(measurer, (*at, "measured_by"))


def _amounts(said: Strict, at: Path) -> Iterator[tuple[Path, str]]:
    """Amounts that are text, with their places."""
    for name, field in type(said).model_fields.items():
        value, here = getattr(said, name), (*at, name)
        if field.annotation in (Said, Said | None):
            if isinstance(value, str):
                yield here, value
        elif isinstance(value, Strict):
            yield from _amounts(value, here)
        else:
            for key, part in _items(value):
                if isinstance(part, Strict):
                    yield from _amounts(part, (*here, key))


def _items(said: object) -> Iterable[tuple[Any, Any]]:
    """Keys and values of a mapping, places and items of a list; of anything else nothing."""
    return said.items() if isinstance(said, Mapping) else enumerate(said) if isinstance(said, list) else ()


def _at(said: Mapping[str, Any], path: Path) -> object:
    """What stands at a path of a resolved spec; None where there is nothing."""
    found: Any = said
    for key in path:
        found = dict(_items(found)).get(key)
    return found
