"""What a ban keeps out: a candidate with what lies near it, or a region of the space as it is by now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.people.conditions import every_value
from loop.as_written import in_order
from loop.decision import DecisionRecord
from loop.errors import SpaceError
from loop.record import AttemptRecord, Candidate, Json, ObservationRecord, Settings
from loop.space import Continuous, Discrete, Parameter, Space
from loop.spec import CampaignSpec, build_space
from loop.spec.space_models import ExcludeSpec
from loop.wording import plural

LISTED: Final = 8  # options of a region that are named in a line
NEARBY: Final = 0.01  # of a range: how near a continuous number is taken for the one that was refused


def keeps_out(spec: CampaignSpec, space: Space, ban: DecisionRecord, candidate: Settings) -> bool:
    """Whether a ban keeps out a candidate, as ``among_banned`` tells of many."""
    return among_banned(spec, space, ban, (candidate,))[0]


def among_banned(
    spec: CampaignSpec, space: Space, ban: DecisionRecord, candidates: Sequence[Settings]
) -> tuple[bool, ...]:
    """Which candidates a ban keeps out, as it does in planning; none of a space that was changed since."""
    placed = [_at(space, c) for c in candidates]
    if settings := ban.draft.settings:
        banned = _at(space, settings)
        if banned is None or space.is_finite:
            return tuple(x is not None and banned is not None and bool((banned == x).all()) for x in placed)
        constraint = around(space, space.with_earlier(settings), "ban", for_now=is_for_now(ban))
    else:
        region = None
        with suppress(SpaceError):  # of a space that was changed; planning says so
            region = still_there(space, ban.draft.region)
        if region is None:
            return (False,) * len(placed)
        constraint = region_of(region, "ban")
    narrowed = build_space(spec.model_copy(update={"constraints": [*spec.constraints, constraint]}))
    there = [x for x in placed if x is not None]
    allowed = iter(narrowed.allows(np.array(there)).tolist() if there else ())
    return tuple(x is not None and not next(allowed) for x in placed)


def is_for_now(ban: DecisionRecord) -> bool:
    """Whether a ban keeps out for a while only: what was measured of it counts on."""
    return bool(ban.draft.region.get("for_now"))


def around(space: Space, settings: Settings, name: str, *, for_now: bool = False) -> ExcludeSpec:
    """What keeps a candidate out: its options, and continuous numbers within a hundredth of each range."""
    options: dict[str, list[str | float] | str | float] = {}
    where: dict[str, dict[str, float]] = {}
    for p in space.parameters:
        if p.name not in settings:  # it does not apply, and the options that it depends on tell that
            continue
        value = settings[p.name]
        if isinstance(p, Continuous):
            near = NEARBY * (p.high - p.low)
            where[p.name] = {"at_least": float(value) - near, "at_most": float(value) + near}
        else:
            options[p.name] = [value]
    return ExcludeSpec.model_validate({"name": name, "exclude": options, "where": where, "for_now": for_now})


def region_of(region: Json, name: str) -> ExcludeSpec:
    """A region as a constraint that leaves it out."""
    what = {key: region.get(key) or {} for key in ("exclude", "where")}
    return ExcludeSpec.model_validate({"name": name, **what, "for_now": bool(region.get("for_now"))})


def region_text(region: Json, written: Sequence[str]) -> str:
    """A region in a line, its parameters as they stand in ``written``."""
    parts: dict[str, list[str]] = {}
    patterns, but = region.get("patterns") or {}, region.get("but") or {}
    for name, values in (region.get("exclude") or {}).items():
        having = " and ".join(f"{name}~{pattern}" for pattern in patterns.get(name, ()))
        listed = f"{having} ({plural(len(values), 'molecule')})" if having else f"{name} = {_listed(values)}"
        if name in but:
            listed = f"{name} other than {_listed(but[name])}"
        parts[name] = [listed]
    signs = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<"}
    for name, ends in (region.get("where") or {}).items():
        parts.setdefault(name, []).extend(f"{name} {signs[sign]} {value:g}" for sign, value in ends.items())
    said = " and ".join(part for name in in_order(parts, written) for part in parts[name])
    return f"{said}, for now" if region.get("for_now") else said


def _listed(values: Sequence[str | float]) -> str:
    more = f" or {len(values) - LISTED} more" if len(values) > LISTED + 1 else ""
    shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in (values[:LISTED] if more else values)]
    return " or ".join(shown) + more


def still_there(space: Space, region: Json) -> Json | None:
    """A region without the options that the space has no more; None where no candidate can meet it for that.

    What all but some values of a parameter are meant by has those that the space has by now.

    Raises:
        SpaceError: The space lacks a parameter of it, or the parameter is of another kind by now.
    """
    exclude: dict[str, list[str | float]] = {}
    for name, values in (region.get("exclude") or {}).items():
        p = _parameter(space, name)
        if isinstance(p, Continuous):
            raise SpaceError(f"it names values of {name!r}, which is continuous by now")
        spared = (region.get("but") or {}).get(name)
        exclude[name] = [v for v in (values if spared is None else every_value(p)) if _has(p, v)]
        if spared is not None:
            exclude[name] = [v for v in exclude[name] if v not in spared]
    for name in region.get("where") or {}:
        if not isinstance(_parameter(space, name), Discrete | Continuous):
            raise SpaceError(f"it gives a range of {name!r}, which has options by now")
    return {**region, "exclude": exclude} if all(exclude.values()) else None


def _parameter(space: Space, name: str) -> Parameter:
    if name not in space.names:
        raise SpaceError(f"it names {name!r}, which the space lacks by now")
    return space.parameters[space.names.index(name)]


def _has(p: Parameter, value: str | float) -> bool:
    try:
        index = p.index(value)
    except SpaceError:
        return False
    return not isinstance(p, Discrete) or index in p.values


def _at(space: Space, candidate: Settings) -> NDArray[np.float64] | None:
    """Where a candidate lies; None in a space that was changed so that it does not."""
    try:
        return space.coordinates(space.with_earlier(candidate))
    except SpaceError:
        return None


def place_of(space: Space, candidate: Settings) -> bytes | None:
    """Where a candidate lies, to be compared; None in a space that was changed so that it does not."""
    x = _at(space, candidate)
    return None if x is None else x.tobytes()


def place_of_record(space: Space, known: Candidate | AttemptRecord | ObservationRecord) -> bytes | None:
    """The same of what is on record, whose substances may have other names by now."""
    return place_of(space, space.as_named(known.settings, known.smiles))
