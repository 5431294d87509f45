"""Which hints a campaign has: of the earlier campaigns that share enough with it, the nearest, and of its own prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loop.memory.earlier import Earlier
from loop.memory.guess import guessed
from loop.memory.hint import Hint, Source, learnt_from, scaled_as, source_of
from loop.memory.learning import Judged
from loop.objective import Objective
from loop.space import Space
from loop.spec import CampaignSpec

MOST = 3  # earlier campaigns that are heard at once
SPARE = 3  # more that are tried where one of those is dropped: each costs as many fits as the committee has members


def hints_of(
    spec: CampaignSpec, space: Space, objective: Objective, earlier: Sequence[Earlier]
) -> tuple[Mapping[str, tuple[Hint, ...]], tuple[str, ...]]:
    """By target, the hints, spare ones last; and notes on the sources that are not heard, with the reason."""
    found: dict[str, tuple[Hint, ...]] = {}
    notes: list[str] = []
    if spec.planner.surrogate == "random":
        return found, ()
    for target in objective.measured:
        heard: list[Hint] = []
        if target.classes is not None:
            why = "sources tell numbers, and it has classes"
            notes += [f"source {source.name!r} is not heard on {target.name}: {why}" for source in earlier]
            continue
        own = (spec.prior or {}).get(target.name)
        likely: list[Source] = []
        for one in earlier:
            source = source_of(space, target, one)
            if isinstance(source, str):
                notes.append(f"source {one.name!r} is not heard on {target.name}: {source}")
            else:
                likely.append(source)
        for source in sorted(likely, key=lambda s: s.rank):
            if len(heard) == MOST + SPARE:
                notes.append(_crowded(source.name, target.name))
                continue
            hint = learnt_from(source, space, seed=spec.planner.seed)
            if isinstance(hint, str):
                notes.append(f"source {source.name!r} is not heard on {target.name}: {hint}")
            else:
                heard.append(hint)
        spare = [replace(h, is_spare=True) for h in heard[MOST:]]
        heard = heard[:MOST]
        if own:
            prior = guessed(space, target, own, seed=spec.planner.seed)
            if prior.spread == 0.0:
                notes.append(f"the prior is not heard on {target.name}: it expects the same of every candidate")
            else:
                heard.insert(0, prior if prior.is_scaled else scaled_as(prior, heard, space, seed=spec.planner.seed))
        if heard:
            found[target.name] = (*heard, *spare)
    return found, tuple(notes)


def said_of_spare(target: str, hints: Sequence[Hint], judged: Sequence[Judged]) -> tuple[str, ...]:
    """Notes on the spare hints for which no other was dropped."""
    tried = {j.hint.name for j in judged}
    return tuple(_crowded(h.name, target) for h in hints if h.is_spare and h.name not in tried)


def _crowded(name: str, target: str) -> str:
    return (
        f"source {name!r} is not heard on {target}: at most {MOST} are heard at once, and others share as much or more"
    )
