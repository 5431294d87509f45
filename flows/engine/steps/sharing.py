"""Sharing: which of the experiments that are ready go now, where several laboratories take them. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rooms:
    """Laboratories by name: how many attempts each takes at once, how many more now, and the hours that one takes.

    ``limits`` are None for any number, ``room`` is infinite then; ``expected`` lacks those of which nothing is known.
    """

    limits: Mapping[str, int | None]
    room: Mapping[str, float]
    expected: Mapping[str, float]


def sent_now(takers: Sequence[Collection[str]], rooms: Rooms, *, may_wait: bool) -> list[bool]:
    """Which of the experiments are to be sent now, in their order; ``takers`` are the laboratories that take each.

    Each goes where its result is expected first. With ``may_wait`` that may be one without room, for which it waits
    although a slower one is free, so that the whole ends sooner (list scheduling by earliest completion time: Ibarra
    and Kim, J. ACM 24 (1977) 280); without, one that has room gets it, so that nothing idles.
    """
    room = dict(rooms.room)
    found = []
    for able in takers:
        free = [name for name in able if room[name] > 0]
        among = able if may_wait or not free else free
        ends = {name: _end(rooms, name, room[name]) for name in among}
        first = min(among, key=lambda name: (ends[name], -room[name]), default=None)
        if first is None:
            found.append(False)
            continue
        room[first] -= 1
        found.append(room[first] >= 0)
    return found


def _end(rooms: Rooms, name: str, room: float) -> float:
    """In how many hours a laboratory is expected to bring a result that is asked for now, after those that it has.

    Where nothing is known of it: at once where it has room, and never where it has none.
    """
    hours, limit = rooms.expected.get(name), rooms.limits[name]
    if limit is None or room > 0:
        return hours or 0.0
    return math.inf if hours is None else hours * (1.0 + (1.0 - room) / max(limit, 1))
