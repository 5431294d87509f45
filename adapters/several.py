"""Several laboratories behind one: each experiment goes to one whose conditions it meets, and stays there.

Which laboratory has an attempt is on record before that laboratory hears of it, so whoever looks later, with another
object, asks the same one. A laboratory that cannot be reached keeps what it has until it comes back, and gets nothing
new where another can take it; the others go on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import Field

from adapters.common.options import Options, read_options
from adapters.errors import AdapterOptionsError, UnknownHandle
from adapters.registry import build as build_one
from adapters.whereabouts import Losses, Routes
from loop.contracts import (
    Absent,
    Adapter,
    AdapterContext,
    AsksLeave,
    AttemptKey,
    CanPause,
    Capabilities,
    ChecksTogether,
    Delivery,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    KeepsLimits,
    Phase,
    Problem,
    RunsTogether,
    Status,
    SupportsAnnouncement,
    TakesOff,
    Unknown,
)
from loop.errors import AdapterUnavailable, PartUnavailable, UnknownName

EXAMPLE: Final = """\
laboratory:
  adapter: several
  laboratories:
    quick: {adapter: xtb, when: {method: xtb}, workers: 2}
    dear: {adapter: pyscf, when: {method: dft}, functional: pbe0, run_on: slurm}
"""
PARTED: Final = "several"  # its name in the registry
_CAUTION: Final = tuple(Delivery)  # from the best guarded to the least
_REST: Final = 3.0  # times as long as it took to give no answer: a lost one costs a quarter of the time at most
_LONGEST: Final = 60.0  # seconds of that at most
_T = TypeVar("_T")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class SeveralOptions(Options):
    """What a campaign file may say of several laboratories."""

    laboratories: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]  # by name: adapter, when, its own options
    patience: Annotated[float, Field(ge=0)] = 900.0  # seconds out of reach after which a batch is not held up by one


@dataclass(frozen=True, slots=True)
class Member:
    """One of the laboratories, and the settings that it takes: all of them where ``when`` is empty."""

    name: str
    adapter: Adapter
    when: Mapping[str, tuple[str | float, ...]] = field(default_factory=dict)

    def takes(self, spec: ExperimentSpec) -> bool:
        return all(spec.settings.get(name) in values for name, values in self.when.items())


def build(options: Mapping[str, Any], context: AdapterContext) -> SeveralLaboratories:
    """The laboratories of the laboratory section, each in a folder of its own.

    Raises:
        AdapterOptionsError: An option of one of them is wrong; the message says of which.
    """
    settings = read_options(SeveralOptions, "several", options)
    members, problems = [], []
    for name, section in settings.laboratories.items():
        own = dict(section)
        adapter, when = own.pop("adapter", None), own.pop("when", {})
        if not isinstance(adapter, str) or adapter == "several":
            problems.append(f"laboratory {name!r} needs a line 'adapter' that names one laboratory, got {adapter!r}")
            continue
        if not isinstance(when, Mapping) or any(isinstance(v, Mapping) for v in when.values()):
            problems.append(f"laboratory {name!r}: 'when' must give each parameter an option or a list, got {when!r}")
            continue
        inner = replace(context, folder=str(Path(context.folder) / name))
        try:
            made = build_one(adapter, own, inner)
        except AdapterOptionsError as error:
            problems += [f"laboratory {name!r}: {problem}" for problem in error.problems]
        except UnknownName as error:
            problems.append(f"laboratory {name!r}: {error}")
        else:
            members.append(Member(name, made, _conditions(when)))
    if problems:
        raise AdapterOptionsError("several", problems)
    return SeveralLaboratories(Path(context.folder), tuple(members), settings.patience)


def conditions_of(options: Mapping[str, Any]) -> dict[str, dict[str, tuple[str | float, ...]]]:
    """Which settings each laboratory of a laboratory section takes, by name; nothing where it takes all."""
    sections = options.get("laboratories") or {}
    return {name: _conditions(section.get("when") or {}) for name, section in sections.items()}


def part_in(handle: str) -> str:
    """The name of the laboratory that gave a handle."""
    return handle.partition(":")[0]


class SeveralLaboratories:
    """An ``Adapter`` made of others; handles are ``NAME:HANDLE``."""

    def __init__(
        self, folder: Path, members: Sequence[Member], patience: float = 900.0, clock: Callable[[], float] = time.time
    ) -> None:
        """``patience``: seconds until one that cannot work counts as lost, by ``clock`` (seconds since the epoch)."""
        self._routes, self._losses = Routes(folder / "routes"), Losses(folder / "lost", patience, clock)
        self._members = {m.name: m for m in members}
        self._ended: set[AttemptKey] = set()
        self._expected: Mapping[str, float] = {}
        self._resting: dict[str, tuple[float, str]] = {}  # until when by the steady clock, and why

    def capabilities(self) -> Capabilities:
        """What holds of all: the least guarded delivery, what every one can do; at once as many as all together."""
        all_of = [m.adapter.capabilities() for m in self._members.values()]
        limits = [c.max_parallel for c in all_of]
        known = [limit for limit in limits if limit is not None]
        return Capabilities(
            delivery=max((c.delivery for c in all_of), key=_CAUTION.index),
            max_parallel=sum(known) if len(known) == len(limits) else None,
            can_cancel=all(c.can_cancel for c in all_of),
            is_simulated=any(c.is_simulated for c in all_of),
            properties=_common([c.properties for c in all_of]),
            needs_person=any(c.needs_person for c in all_of),
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        able = [m for m in self._members.values() if m.takes(spec)]
        if not able:
            asked = {name for m in self._members.values() for name in m.when}
            shown = ", ".join(f"{name} {spec.settings.get(name)!r}" for name in sorted(asked))
            known = ", ".join(self._members)
            return [Problem(shown, f"none of the laboratories {known} takes it", "widen the 'when' of one of them")]
        found = [m.adapter.validate(self._as_taken(m, spec)) for m in able]
        return [] if any(not problems for problems in found) else found[0]

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        member = self._route(key) or self._assign(spec, key)
        inner = self._asked(member, lambda: member.adapter.prepare(self._as_taken(member, spec), key))
        return Handle(f"{member.name}:{inner}")

    def announce(self, experiments: Sequence[tuple[ExperimentSpec, AttemptKey]]) -> None:
        """Tell each laboratory what it will be given; one that cannot be reached is told nothing."""
        told: dict[str, list[tuple[ExperimentSpec, AttemptKey]]] = {}
        for spec, key in experiments:
            able = [m.adapter for m in self._members.values() if m.takes(spec)]
            if not able or not all(isinstance(adapter, SupportsAnnouncement) for adapter in able):
                continue  # its place is chosen when it is prepared, when more is known
            with suppress(AdapterUnavailable):
                member = self._route(key) or self._assign(spec, key)
                told.setdefault(member.name, []).append((self._as_taken(member, spec), key))
        for name, mine in told.items():
            with suppress(AdapterUnavailable):
                cast(SupportsAnnouncement, self._members[name].adapter).announce(mine)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        member, inner = self._of(handle)
        self._asked(member, lambda: member.adapter.start(inner, key))

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        member = self._route(key)
        if member is None:
            return Absent()
        found = self._asked(member, lambda: member.adapter.find(key))
        return replace(found, handle=Handle(f"{member.name}:{found.handle}")) if isinstance(found, Found) else found

    def status(self, handle: Handle) -> Status:
        try:
            member, inner = self._of(handle)
        except UnknownHandle:
            return Status(Phase.LOST, f"no laboratory here gave the handle {handle!r}")
        found = self._asked(member, lambda: member.adapter.status(inner))
        return replace(found, detail=f"{member.name}: {found.detail}" if found.detail else member.name)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        try:
            member, inner = self._of(handle)
        except UnknownHandle:
            return ()
        return self._asked(member, lambda: member.adapter.fetch(inner))

    def cancel(self, handle: Handle, reason: str) -> None:
        try:
            member, inner = self._of(handle)
        except UnknownHandle:
            return  # nobody knows it: there is nothing to call off
        self._asked(member, lambda: member.adapter.cancel(inner, reason))

    def health(self) -> Health:
        """Whether any of them can work; the message tells of each."""
        found = {m.name: _health(m) for m in self._members.values()}
        message = "; ".join(
            f"{name}: {h.message or ('works' if h.is_ok else 'cannot work')}" for name, h in found.items()
        )
        return Health(any(h.is_ok for h in found.values()), message)

    def limits(self) -> Mapping[str, int | None]:
        return {name: m.adapter.capabilities().max_parallel for name, m in self._members.items()}

    def takers(self, spec: ExperimentSpec) -> Sequence[str]:
        return [m.name for m in self._members.values() if m.takes(spec)]

    def problems_at(self, part: str, spec: ExperimentSpec) -> Sequence[Problem]:
        member = self._members[part]
        return member.adapter.validate(self._as_taken(member, spec))

    def part_of(self, handle: Handle) -> str:
        return self._of(handle)[0].name

    def able(self) -> frozenset[str]:
        return frozenset(name for name, m in self._members.items() if self._works(m).is_ok)

    def lost(self) -> frozenset[str]:
        return self._losses.lost(self._members)

    def prefer(self, expected: Mapping[str, float]) -> None:
        self._expected = dict(expected)

    def _works(self, member: Member) -> Health:
        """Whether a laboratory can work now; since when it cannot is put on record."""
        try:
            health = self._asked(member, member.adapter.health)
        except AdapterUnavailable as error:
            health = Health(False, str(error))
        self._losses.note(member.name, works=health.is_ok)
        return health

    def ask_leave(self, has_leave: Callable[[], bool]) -> None:
        for member in self._members.values():
            if isinstance(member.adapter, AsksLeave):
                member.adapter.ask_leave(has_leave)

    def keep_limits(self, broken: Callable[[Mapping[str, str | float]], Sequence[Problem]]) -> None:
        for member in self._members.values():
            if isinstance(member.adapter, KeepsLimits):
                member.adapter.keep_limits(broken)

    def close(self, plate: str, handles: Sequence[Handle]) -> None:
        """Tell each laboratory that makes plates in one run which of them it has; the others are told nothing."""
        mine: dict[str, list[Handle]] = {}
        for handle in handles:
            member, inner = self._of(handle)
            mine.setdefault(member.name, []).append(inner)
        for name, theirs in mine.items():
            if isinstance(adapter := self._members[name].adapter, RunsTogether):
                self._asked(self._members[name], partial(adapter.close, plate, theirs))

    def still_waiting(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Those that wait for others in the laboratory that has them."""
        found = []
        for handle in handles:
            member, inner = self._of(handle)
            adapter = member.adapter
            if isinstance(adapter, TakesOff) and self._asked(member, partial(adapter.still_waiting, [inner])):
                found.append(handle)
        return found

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        """What each laboratory lacks for what goes to it and to no other; where the rest will go is not known yet."""
        mine: dict[str, tuple[list[ExperimentSpec], list[Handle]]] = {name: ([], []) for name in self._members}
        for spec in specs:
            if len(able := [m for m in self._members.values() if m.takes(spec)]) == 1:
                mine[able[0].name][0].append(self._as_taken(able[0], spec))
        for handle in handles:
            with suppress(UnknownHandle):  # of one that the campaign file no longer names
                member, inner = self._of(handle)
                mine[member.name][1].append(inner)
        found: list[Problem] = []
        for name, (theirs, there) in mine.items():
            if theirs and isinstance(adapter := self._members[name].adapter, ChecksTogether):
                with suppress(AdapterUnavailable):  # it keeps no other from getting its own
                    told = adapter.wanting(theirs, there)
                    found += [replace(problem, subject=f"{name}, {problem.subject}") for problem in told]
        return found

    def is_at_work(self) -> bool:
        return any(isinstance(a, RunsTogether) and a.is_at_work() for a in self.parts().values())

    def pause(self) -> int:
        return sum(a.pause() for a in self.parts().values() if isinstance(a, CanPause))

    def resume(self) -> int:
        return sum(a.resume() for a in self.parts().values() if isinstance(a, CanPause))

    def parts(self) -> Mapping[str, Adapter]:
        return {name: m.adapter for name, m in self._members.items()}

    def played(self, folder: Path, play: Callable[[str, Adapter], Adapter]) -> SeveralLaboratories:
        """The same laboratories in another folder, each as ``play`` gives it by name."""
        played = [replace(m, adapter=play(name, m.adapter)) for name, m in self._members.items()]
        return SeveralLaboratories(folder, played, self._losses.patience, self._losses.clock)

    def _assign(self, spec: ExperimentSpec, key: AttemptKey) -> Member:
        """The laboratory for a new attempt: of those that take it, can work and have room the one expected first.

        Where nothing is expected of them, the one with most room.
        """
        able = [m for m in self._members.values() if m.takes(spec)]
        sound = [m for m in able if not m.adapter.validate(self._as_taken(m, spec))] or able
        if not sound:
            raise UnknownHandle(Handle(key))
        ready = [m for m in sound if self._works(m).is_ok] if len(sound) > 1 else sound
        if not ready:
            raise PartUnavailable(", ".join(m.name for m in sound), "none of them can work now")
        chosen = min(ready, key=self._rank) if len(ready) > 1 else ready[0]
        return self._named(self._routes.give(key, chosen.name))

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

    def _route(self, key: AttemptKey) -> Member | None:
        """The laboratory that was given the attempt; None where none was.

        Raises:
            PartUnavailable: The campaign file no longer has it.
        """
        return None if (name := self._routes.of(key)) is None else self._named(name)

    def _named(self, name: str) -> Member:
        if name not in self._members:
            raise PartUnavailable(name, "the campaign file no longer names it; name it again")
        return self._members[name]

    def _of(self, handle: Handle) -> tuple[Member, Handle]:
        name, _, inner = handle.partition(":")
        if name not in self._members or not inner:
            raise UnknownHandle(handle)
        return self._members[name], Handle(inner)

    def _as_taken(self, member: Member, spec: ExperimentSpec) -> ExperimentSpec:
        """The experiment without the settings by which it came here, where the laboratory cannot set them."""
        bare = replace(spec, settings={name: v for name, v in spec.settings.items() if name not in member.when})
        return bare if len(member.adapter.validate(bare)) < len(member.adapter.validate(spec)) else spec

    def _asked(self, member: Member, ask: Callable[[], _T]) -> _T:
        """Ask a laboratory; one that lately took long to give no answer is let rest, so that the others go on."""
        began = time.monotonic()
        until, why = self._resting.get(member.name, (0.0, ""))
        if began < until:
            raise PartUnavailable(member.name, why)
        try:
            return ask()
        except PartUnavailable:
            raise
        except AdapterUnavailable as error:
            now = time.monotonic()
            self._resting[member.name] = now + min(_REST * (now - began), _LONGEST), str(error)
            raise PartUnavailable(member.name, str(error)) from None


def _conditions(when: Mapping[str, Any]) -> dict[str, tuple[str | float, ...]]:
    return {name: tuple(value) if isinstance(value, list | tuple) else (value,) for name, value in when.items()}


def _health(member: Member) -> Health:
    try:
        return member.adapter.health()
    except AdapterUnavailable as error:
        return Health(False, str(error))


def _common(properties: Sequence[Mapping[str, str] | None]) -> Mapping[str, str] | None:
    """What every laboratory measures in the same unit; None where each measures whatever is asked."""
    told = [p for p in properties if p is not None]
    if not told:
        return None
    return {name: unit for name, unit in told[0].items() if all(p.get(name) == unit for p in told[1:])}
