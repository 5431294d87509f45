"""What pairs are to have in common: what the best so far has, what ran, and what conditions leave of all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.engine.looking.view import View
from flows.engine.people.bans import region_of
from flows.engine.people.conditions import meets_ends, read_conditions, settled_numbers, unmet
from loop.errors import SpaceError
from loop.fidelity import as_real, real_option
from loop.history import History
from loop.outcome import Fault
from loop.record import Json, Settings
from loop.space import Continuous, Discrete, Parameter, Space
from loop.space.rounding import few_digits, rounded_by_itself
from loop.spec import CampaignSpec, build_space

Floats = NDArray[np.float64]
DRAWN = 2_000  # candidates that are looked at beyond those that were tried


@dataclass(frozen=True, slots=True)
class Asked:
    """What both of a pair are to have by conditions, as a region; and whether a candidate, ``(d,)``, has it."""

    region: Json
    is_met: Callable[[Floats], bool]


def read_asked(space: Space, spec: CampaignSpec, where: Sequence[str], parameter: str) -> Asked:
    """The conditions, of anything but the parameter that changes. Raises ``SpaceError`` where none meets them."""
    if not where:
        return Asked({}, lambda _: True)
    conditions = read_conditions(space, [_as_range(space, text) for text in where])
    if conditions.candidate is not None and parameter not in conditions.candidate:
        raise SpaceError(f"{parameter} does not apply with {' and '.join(where)}; leave a condition out")
    region = conditions.region
    if parameter in {*(conditions.candidate or {}), *region.get("exclude", {}), *region.get("where", {})}:
        raise SpaceError(f"--where says something of {parameter}, which is what changes; leave that out")
    if has := unmet(space, region):
        raise SpaceError(f"no candidate meets {' and '.join(where)}: {has}; loosen a condition")
    others = build_space(spec.model_copy(update={"constraints": [*spec.constraints, region_of(region, "where")]}))
    return Asked(region, lambda x: not others.allows(x[None, :])[0])


def _as_range(space: Space, condition: str) -> str:
    """One value of a continuous number as a range of that alone, since it is set here; any other condition as it is."""
    return next((f"{name}={v!r}..{v!r}" for name, v in settled_numbers(space, [condition]).items()), condition)


def contexts(
    view: View, space: Space, history: History, asked: Asked, seed: int
) -> tuple[Floats | None, Iterable[Settings]]:
    """The best so far, and what pairs may have in common: what that has, then whatever ran, by lot, then any candidate,
    by lot, with what conditions ask for. Of versions of a measurement it is the real thing."""
    from loop.space import sample_space

    rng = np.random.default_rng(seed)
    ran = {o.made.tobytes(): o.made for o in history.observations if not isinstance(o.outcome, Fault)}
    tried = [list(ran.values())[i] for i in rng.permutation(len(ran))]
    best = next((o.made for b in view.best[:1] for o in history.observations if o.id == b.observation), None)
    first = [] if best is None else [best]

    def every() -> Iterator[Settings]:
        for x in (*first, *tried):
            yield space.settings(as_real(space, x[None])[0])
        x = as_real(space, sample_space(space, DRAWN, seed, method="random"))
        for row in rounded_by_itself(space, x, np.empty((0, x.shape[1]))):
            yield {**space.settings(row), **_drawn(space, asked.region, rng)}

    return best, every()


def _drawn(space: Space, region: Json, rng: np.random.Generator) -> Settings:
    """A value by lot of each parameter of which a region says something; parts of a mixture are left to their sum."""
    mixed = {c for m in space.mixtures for c in m.columns}
    apart = {space.names[c] for c in (*mixed, *real_option(space))}
    options, ranges = region.get("exclude") or {}, region.get("where") or {}
    return {
        p.name: _value(p, options.get(p.name), ranges.get(p.name) or {}, rng)
        for p in space.parameters
        if p.name in {*options, *ranges} - apart
    }


def _value(
    p: Parameter, among: Sequence[str | float] | None, ends: Mapping[str, float], rng: np.random.Generator
) -> str | float:
    if isinstance(p, Continuous):
        low = max([p.low, *(ends[sign] for sign in ("at_least", "above") if sign in ends)])
        high = min([p.high, *(ends[sign] for sign in ("at_most", "below") if sign in ends)])
        if low > high:  # it has some value there, so that this is none of it
            return 0.0
        value = np.exp(rng.uniform(np.log(low), np.log(high))) if p.scale == "log" else rng.uniform(low, high)
        return float(np.clip(few_digits(p, np.array([value])), low, high)[0])
    if isinstance(p, Discrete):
        among = [v for v in p.values if meets_ends(v, ends) and (among is None or v in among)]
    assert among
    return among[int(rng.integers(len(among)))]
