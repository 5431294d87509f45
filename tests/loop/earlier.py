"""Earlier campaigns, and first batches of campaigns that listen to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from campaigns import measured, reaction_spec

from loop.history import History, Observation
from loop.memory.earlier import Earlier
from loop.memory.hint import Hint, learnt_from, source_of
from loop.objective import Target
from loop.planner import Plan, plan
from loop.space import ProductPool, Space
from loop.spec import CampaignSpec, build_space

Response = Callable[[Mapping[str, Any]], float]


def settings_of(spec: CampaignSpec) -> list[dict[str, Any]]:
    space = build_space(spec)
    return [space.settings(x) for x in ProductPool(space).take(np.arange(space.size))]


def earlier_of(response: Response, n: int = 20, *, name: str = "before", spec: CampaignSpec | None = None) -> Earlier:
    """``n`` results of an earlier campaign, drawn at random over its space."""
    spec = reaction_spec() if spec is None else spec
    every = settings_of(spec)
    chosen = np.random.default_rng(0).permutation(len(every))[:n]
    return Earlier(name, spec, seen(spec, [(every[i], response(every[i])) for i in chosen]))


def seen(spec: CampaignSpec, results: list[tuple[dict[str, Any], float]]) -> History:
    space, target = build_space(spec), next(iter(spec.objective))
    return History(
        tuple(
            Observation(str(i), space.coordinates(settings), measured(**{target: y}))
            for i, (settings, y) in enumerate(results)
        )
    )


def first_batch(spec: CampaignSpec, *earlier: Earlier, seed: int = 0) -> Plan:
    return plan(spec, History(), seed=seed, experiments=5, earlier=earlier)


def hint_of(space: Space, target: Target, earlier: Earlier, *, seed: int) -> Hint | str:
    """What an earlier campaign expects of a target over this space, or why it says nothing."""
    source = source_of(space, target, earlier)
    return source if isinstance(source, str) else learnt_from(source, space, seed=seed)
