"""A fake laboratory made of parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from loop.contracts import HasParts, Phase
from loop.errors import PartUnavailable
from tests.flows.engine.bench import FakeLaboratory


class Parts:
    """What makes a fake laboratory one of several parts."""

    def __init__(self, limits: dict[str, int | None], takers: Callable[[Any], list[str]]) -> None:
        self.limits, self.takers = limits, takers
        self.place: dict[str, str] = {}  # by key
        self.working, self.given_up = set(limits), set[str]()
        self.expected: dict[str, float] = {}


def in_parts(laboratory: FakeLaboratory, limits: dict[str, int | None], takers: Callable[[Any], list[str]]) -> Parts:
    """Give a fake laboratory parts: of those that take an experiment, work and have room the one expected gets it."""
    parts = Parts(limits, takers)
    real = {name: getattr(laboratory, name) for name in ("prepare", "status", "fetch")}

    def prepare(spec: Any, key: Any) -> Any:
        taken = Counter(parts.place[k] for k, job in laboratory.jobs.items() if job.phase is not Phase.ENDED)
        free = [p for p in takers(spec.settings) if p in parts.working and (limits[p] or 99) > taken[p]]
        parts.place.setdefault(key, min(free, key=lambda p: parts.expected.get(p, 0.0)))
        return real["prepare"](spec, key)

    def through(name: str) -> Callable[[Any], Any]:
        def ask(handle: Any) -> Any:
            if parts.place[handle] not in parts.working:
                raise PartUnavailable(parts.place[handle], "the cable is out")
            return real[name](handle)

        return ask

    told = {
        "limits": lambda: limits,
        "takers": lambda spec: takers(spec.settings),
        "problems_at": lambda _part, _spec: [],
        "part_of": lambda handle: parts.place[handle],
        "parts": lambda: dict.fromkeys(limits, laboratory),
        "unable": lambda: {p: "its cable\n is out" for p in limits if p not in parts.working},
        "lost": lambda: frozenset(parts.given_up),
        "prefer": parts.expected.update,
        "prepare": prepare,
        "status": through("status"),
        "fetch": through("fetch"),
    }
    for name, method in told.items():
        setattr(laboratory, name, method)
    assert isinstance(laboratory, HasParts)
    return parts
