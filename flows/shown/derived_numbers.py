"""Derived numbers of candidates, as whoever weighs out wants them: what follows from settings, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from loop.errors import SpaceError
from loop.record import Settings
from loop.units import unit_shown


def derived_numbers(spec: Mapping[str, Any]) -> Callable[[Settings], str]:
    """For candidates of a resolved spec a line such as ``dose 12 mmol``; "" where nothing derived has a value."""
    if not any(p["type"] == "derived" for p in spec["space"].values()):
        return lambda _: ""
    import numpy as np  # and the space: only where something is derived

    from loop.spec import CampaignSpec, build_space

    space = build_space(CampaignSpec.from_record(spec))

    def said(settings: Settings) -> str:
        try:
            x = space.coordinates(settings)
        except SpaceError:  # of another version of the file
            return ""
        found = []
        for number in space.derived:
            with np.errstate(all="ignore"):
                value = float(number.formula(x))
            if math.isfinite(value):
                found.append(f"{number.name} {value:.4g} {unit_shown(number.unit)}".rstrip())
        return ", ".join(found)

    return said
