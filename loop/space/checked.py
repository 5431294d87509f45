"""One candidate by its settings: seen to lie in the space, or refused with the reason."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.circumstances import SUMS
from loop.errors import SpaceError
from loop.record import Settings
from loop.space.constraints import Constraint, Linear
from loop.space.counting import is_own
from loop.space.parameters import Continuous, Discrete
from loop.space.space import Space


def checked(space: Space, settings: Settings) -> dict[str, str | float]:
    """A candidate's settings, all of which the space has.

    Raises:
        SpaceError: A parameter is missing, or the candidate lies outside the space; the message says why.
    """
    check_within(space, settings)
    settings = space.settings(space.coordinates(settings))
    for p in space.shown:
        if p.name not in settings:  # it does not apply
            continue
        if isinstance(p, Discrete) and settings[p.name] not in p.values:
            near = ", ".join(f"{v:g}" for v in sorted(p.values, key=lambda v: abs(v - float(settings[p.name])))[:3])
            raise SpaceError(
                f"{p.name} = {settings[p.name]:g} is none of its values; near it are {near} {p.unit}".rstrip()
            )
    x = space.coordinates(settings)[None, :]
    for constraint in space.constraints:
        if not constraint.allows(x)[0]:
            broken = f"{space.label(settings)} breaks {constraint.name!r} of the campaign's constraints"
            raise SpaceError(broken + _sum_of(constraint, x[0], space))
    if (why := space.refusal(settings)) is not None:
        loosen = ", or loosen that filter in the campaign file" if why.endswith("leaves it out") else ""
        raise SpaceError(f"{space.label(settings)} {why}; choose another{loosen}")
    if not space.contains(settings):
        raise SpaceError(f"{space.label(settings)} lies outside the campaign's space; hakken show lists what is inside")
    return settings


def _sum_of(rule: Constraint, x: NDArray[np.float64], space: Space) -> str:
    """What a sum comes to where it breaks its rule, and what to do about that of a mixture; "" for other rules."""
    if not isinstance(rule, Linear):
        return ""
    total = f"; the sum is {sum(weight * float(x[c]) for c, weight in rule.weights.items()):.6g}"
    return f"{total}: change other parts with it" if is_own(rule, space) else total


def filled(space: Space, settings: Settings) -> dict[str, str | float]:
    """Settings with 0 for the parts of a mixture that the others leave nothing for."""
    found = dict(settings)
    for mixture in space.mixtures:
        parts = [space.names[c] for c in mixture.columns]
        if abs(sum(float(settings.get(name, 0.0)) for name in parts) - 1.0) <= SUMS:
            found |= {name: 0.0 for name in parts if name not in settings}
    return found


def check_within(space: Space, settings: Settings) -> None:
    """Refuse a number beyond its bounds. ``Space.settings`` would move it there, and another candidate would run."""
    for p in space.shown:
        if not isinstance(p, Continuous) or p.name not in settings:
            continue
        number = p.index(settings[p.name])
        if not (p.low <= number <= p.high or (p.or_zero and number == 0.0)):
            nothing = "0 or " if p.or_zero else ""
            raise SpaceError(
                f"{p.name} = {number:g} lies outside {nothing}{p.low:g} to {p.high:g} {p.unit}".rstrip()
                + "; give a value inside, or widen its bounds in the campaign file"
            )
