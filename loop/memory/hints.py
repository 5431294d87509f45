"""Which hints a campaign has: of the earlier campaigns that share enough with it, the nearest, and of its own prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loop.memory.earlier import Earlier
from loop.memory.guess import guessed
from loop.memory.hint import Hint, hint_of, scaled_as
from loop.objective import Objective
from loop.space import Space
from loop.spec import CampaignSpec

MOST = 3  # earlier campaigns that are heard at once


def hints_of(
    spec: CampaignSpec, space: Space, objective: Objective, earlier: Sequence[Earlier]
) -> tuple[Mapping[str, tuple[Hint, ...]], tuple[str, ...]]:
    """By target, the hints; and notes on the sources that are not heard, with the reason."""
    found: dict[str, tuple[Hint, ...]] = {}
    notes: list[str] = []
    for target in objective.targets:
        heard: list[Hint] = []
        if target.classes is not None:
            why = "sources tell numbers, and it has classes"
            notes += [f"source {source.name!r} is not heard on {target.name}: {why}" for source in earlier]
            continue
        own = (spec.prior or {}).get(target.name)
        for source in earlier:
            hint = hint_of(space, target, source, seed=spec.planner.seed)
            if isinstance(hint, str):
                notes.append(f"source {source.name!r} is not heard on {target.name}: {hint}")
            else:
                heard.append(hint)
        heard.sort(key=lambda h: (-h.share, -h.rows))
        notes += [
            f"source {h.name!r} is not heard on {target.name}: {MOST} that share as much or more are"
            for h in heard[MOST:]
        ]
        heard = heard[:MOST]
        if own:
            prior = guessed(space, target, own, seed=spec.planner.seed)
            if prior.spread == 0.0:
                notes.append(f"the prior is not heard on {target.name}: it expects the same of every candidate")
            else:
                heard.insert(0, prior if prior.is_scaled else scaled_as(prior, heard, space, seed=spec.planner.seed))
        if heard:
            found[target.name] = tuple(heard)
    return found, tuple(notes)
