"""What can be wrong with the experiments that a campaign file names to come first, and with what caution rests on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.design import CLASSICAL
from loop.errors import SpaceError
from loop.space import Space
from loop.space.checked import checked, filled
from loop.space.rows import key_of
from loop.spec.building import build_space
from loop.spec.lines import Problem
from loop.spec.models import CampaignSpec

AT = ("planner", "initial", "first")


def named_first(spec: CampaignSpec, space: Space) -> NDArray[np.float64]:
    """Coordinates of the experiments that the file names to come first, in their order: shape ``(k, d)``."""
    rows = [space.coordinates(checked(space, filled(space, one))) for one in spec.planner.initial.first or ()]
    return np.array(rows, dtype=np.float64).reshape(-1, len(space.parameters))


def problem_of_first(spec: CampaignSpec) -> Problem | None:
    """The first thing that cannot stand; None where all can. The space and the objective must be sound."""
    return _of_caution(spec) or _of_first(spec)


def _of_caution(spec: CampaignSpec) -> Problem | None:
    """Caution where nothing is believed, or where a design asks for experiments before anything is."""
    careful = next((name for name, t in spec.wanted.items() if t.cautious is not None), None)
    if careful is None:
        return None
    if spec.planner.surrogate == "random":
        return ("planner", "surrogate"), (
            f"random believes nothing, and {careful} is cautious: only what is believed to keep it is proposed; leave "
            "surrogate out, or cautious"
        )
    initial = spec.planner.initial
    if given := [key for key in ("design", "experiments") if key in initial.model_fields_set]:
        return ("planner", "initial", given[0]), (
            f"{careful} is cautious, and experiments of a design are laid out before anything is believed of them; "
            f"leave out {' and '.join(given)}, and name what is known to keep it under first"
        )
    return None


def _of_first(spec: CampaignSpec) -> Problem | None:
    """An experiment that is no candidate, or is there twice; or a design that has no place for it."""
    first, design = spec.planner.initial.first, spec.planner.initial.design
    if first is None:
        return None
    if spec.plate is not None:
        return AT, "first is for single experiments, and a batch is a plate; leave it out, and pin what is to be on it"
    if design in CLASSICAL:
        return AT, (
            f"first goes before designs that fill the space, and {design} is kept whole; leave first out and pin these "
            "(hakken pin), or choose the design spread"
        )
    space, seen = build_space(spec), dict[bytes, int]()
    for i, settings in enumerate(first):
        try:
            x = space.coordinates(checked(space, filled(space, settings)))
        except SpaceError as error:
            return (*AT, i), str(error)
        if (before := seen.setdefault(key_of(x), i)) != i:
            return (*AT, i), f"is the same candidate as number {before + 1}; name each once, replicates say how often"
    return None
