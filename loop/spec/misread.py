"""Units of a campaign file that are known and read as nobody means them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec
from loop.units import misread


def misread_units(spec: CampaignSpec, on_record: Mapping[str, Any] | None) -> Iterator[Problem]:
    """Those of parameters, targets and limits that the record does not have there already."""
    sections: dict[tuple[str, ...], Mapping[str, object]] = {
        ("space",): spec.space,
        ("objective",): spec.objective,
        ("laboratory", "limits"): spec.laboratory.limits or {},
    }
    for path, named in sections.items():
        for name, said in named.items():
            at, unit = (*path, name, "unit"), getattr(said, "unit", None) or ""
            if (problem := misread(unit)) and _at(on_record or {}, at) != unit:
                yield at, problem


def _at(said: Mapping[str, Any], path: tuple[str, ...]) -> object:
    """What stands at a path of a resolved spec; None where there is nothing."""
    found: Any = said
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
