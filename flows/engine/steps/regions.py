"""Regions of a space that only lost resources would do: left out of a round, so that the others go on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from loop.record import Json, Settings
from loop.spec import CampaignSpec
from loop.spec.space_models import ExcludeSpec, FidelitySpec, NumberSpec

Takes: TypeAlias = Mapping[str, tuple[str | float, ...]]  # by setting; everything where empty


def regions_of(spec: CampaignSpec, takes: Mapping[str, Takes], lost: frozenset[str]) -> dict[str, Takes]:
    """What only lost parts would take, of each; nothing where others take some of it, or where all are lost.

    The real thing of a fidelity is never left out: without it a campaign has nothing to look for.
    """
    others = [conditions for part, conditions in takes.items() if part not in lost]
    if not others:
        return {}
    return {
        part: takes[part]
        for part in sorted(lost & takes.keys())
        if all(_are_apart(takes[part], other) for other in others) and _can_be_left_out(spec, takes[part])
    }


def without(spec: CampaignSpec, regions: Mapping[str, Takes]) -> CampaignSpec:
    """The spec with these regions left out of its space."""
    excluded = [
        ExcludeSpec.model_validate({"name": f"only {part} would do it", "exclude": {n: list(v) for n, v in it.items()}})
        for part, it in regions.items()
    ]
    return spec.model_copy(update={"constraints": [*spec.constraints, *excluded]}) if excluded else spec


def notes_on(regions: Mapping[str, Takes]) -> tuple[str, ...]:
    """What is said of it in the notes of a round."""
    return tuple(f"{part!r} could not work for long: what only it would do is left out" for part in regions)


def as_json(regions: Mapping[str, Takes]) -> Json:
    """Regions for a round's model."""
    return {part: {name: list(values) for name, values in it.items()} for part, it in regions.items()}


def read_regions(told: Json) -> dict[str, Takes]:
    """Regions as a round's model has them."""
    return {part: {name: tuple(values) for name, values in it.items()} for part, it in told.items()}


def holds(conditions: Takes, settings: Settings) -> bool:
    """Whether an experiment is one of those that are taken."""
    return all(settings.get(name) in values for name, values in conditions.items())


def _are_apart(one: Takes, other: Takes) -> bool:
    """Whether nothing is taken by both."""
    return any(not set(one[name]) & set(other[name]) for name in one.keys() & other.keys())


def _can_be_left_out(spec: CampaignSpec, region: Takes) -> bool:
    for name, values in region.items():
        parameter = spec.space.get(name)
        if parameter is None or (isinstance(parameter, NumberSpec) and parameter.values is None):
            return False
        if isinstance(parameter, FidelitySpec) and parameter.options[-1] in values:
            return False
    return bool(region)
