"""Which laboratory gets a new attempt, as they are now; one that was given an attempt keeps it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from adapters.errors import UnknownHandle
from adapters.several.members import Member, Members
from adapters.several.whereabouts import Losses, Routes
from loop.contracts import AttemptKey, ExperimentSpec, Found, Handle, Health, Phase
from loop.errors import AdapterUnavailable, PartUnavailable


class Choosing:
    """The laboratory of each attempt: on record before it hears of it."""

    def __init__(self, members: Members, routes: Routes, losses: Losses) -> None:
        self._members, self._routes, self._losses = members, routes, losses
        self._ended: set[AttemptKey] = set()
        self._expected: Mapping[str, float] = {}

    def having(self, key: AttemptKey) -> Member | None:
        """The laboratory that was given the attempt; None where none was.

        Raises:
            PartUnavailable: The campaign file no longer has it.
        """
        return None if (name := self._routes.of(key)) is None else self._members.named(name)

    def unable(self) -> Mapping[str, str]:
        found = {m.name: self._works(m) for m in self._members}
        return {name: health.message for name, health in found.items() if not health.is_ok}

    def lost(self) -> frozenset[str]:
        return self._losses.lost(self._members.names())

    def prefer(self, expected: Mapping[str, float]) -> None:
        self._expected = dict(expected)

    def assign(self, spec: ExperimentSpec, key: AttemptKey) -> Member:
        """The laboratory for a new attempt: of those that take it, can work and have room the one expected first.

        Where nothing is expected of them, the one with most room.
        """
        able = self._members.taking(spec)
        sound = [m for m in able if _may_do(m, spec)] or able
        if not sound:
            raise UnknownHandle(Handle(key))
        asked = {m.name: self._works(m) for m in sound} if len(sound) > 1 else {}
        ready = [m for m in sound if m.name not in asked or asked[m.name].is_ok]
        if not ready:
            why = "; ".join(f"{name}: {health.message}" for name, health in asked.items())
            raise PartUnavailable(", ".join(asked), f"none of them can work now ({why})")
        chosen = min(ready, key=self._rank) if len(ready) > 1 else ready[0]
        return self._members.named(self._routes.give(key, chosen.name))

    def _rank(self, member: Member) -> tuple[bool, float, float, int]:
        """The lowest is chosen: with room, then the one expected first, then with most room, then with the fewest."""
        limit, taken = member.adapter.capabilities().max_parallel, self._open(member)
        room = math.inf if limit is None else limit - taken
        return room <= 0, self._expected.get(member.name, 0.0), -room, taken

    def _open(self, member: Member) -> int:
        """How many attempts were given to a laboratory and have not ended, as far as it can be asked."""
        count = 0
        for key in self._routes.given_to(member.name):
            if key in self._ended:
                continue
            try:
                found = member.adapter.find(key)
                if isinstance(found, Found) and member.adapter.status(found.handle).phase is Phase.ENDED:
                    self._ended.add(key)
                    continue
            except AdapterUnavailable:
                pass  # what cannot be asked is taken for open
            count += 1
        return count

    def _works(self, member: Member) -> Health:
        """Whether a laboratory can work now; since when it cannot is put on record."""
        try:
            health = self._members.ask(member, member.adapter.health)
        except PartUnavailable as error:
            health = Health(False, error.why)
        self._losses.note(member.name, works=health.is_ok)
        return health


def _may_do(member: Member, spec: ExperimentSpec) -> bool:
    """Whether a laboratory says that it does not refuse an experiment."""
    try:
        return not member.refuses(spec)
    except PartUnavailable:
        return False
