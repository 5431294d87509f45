"""Several laboratories as one ``Adapter``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from adapters.errors import UnknownHandle
from adapters.several.choosing import Choosing
from adapters.several.members import Member, Members
from adapters.several.unbuilt import Unbuilt
from adapters.several.whereabouts import Losses, Routes
from loop.contracts import (
    Absent,
    Adapter,
    AsksLeave,
    AttemptKey,
    CanPause,
    Capabilities,
    ChecksTogether,
    Delivery,
    Envelope,
    ExperimentSpec,
    Foresees,
    Found,
    Handle,
    Health,
    HearsLate,
    JudgesTogether,
    KeepsLimits,
    KnowsWhatWasPlayed,
    LaysOut,
    MayBeMended,
    Phase,
    Problem,
    RunsTogether,
    Status,
    SupportsAnnouncement,
    TakesOff,
    Unknown,
)
from loop.errors import AdapterUnavailable, PartUnavailable

_CAUTION: Final = tuple(Delivery)  # from the best guarded to the least


class SeveralLaboratories:
    """An ``Adapter`` made of others; handles are ``NAME:HANDLE``."""

    def __init__(
        self, folder: Path, members: Sequence[Member], patience: float = 900.0, clock: Callable[[], float] = time.time
    ) -> None:
        """``patience``: seconds until one that cannot work counts as lost, by ``clock`` (seconds since the epoch)."""
        self._members, self._losses = Members(members), Losses(folder / "lost", patience, clock)
        self._choosing = Choosing(self._members, Routes(folder / "routes"), self._losses)
        self._broken: Callable[[Mapping[str, str | float]], Sequence[Problem]] | None = None  # for those made later

    def capabilities(self) -> Capabilities:
        """What holds of all: the least guarded delivery, what every one can do; at once as many as all together."""
        all_of = [m.adapter.capabilities() for m in self._members]
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
        """As every adapter; raises ``PartUnavailable`` where none takes it and one cannot tell."""
        able = self._members.taking(spec)
        if not able:
            return [self._for_nobody(spec, " it")]
        found, silent = list[Sequence[Problem]](), list[PartUnavailable]()
        for member in able:
            try:
                found.append(member.refuses(spec))
            except PartUnavailable as error:  # what one cannot tell is nothing that another refuses
                silent.append(error)
        if any(not problems for problems in found):
            return []
        if silent:
            raise silent[0]
        return found[0]

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        """What the first of those that take it foresees, where each of them foresees something; that none takes it."""
        able = [(m.adapter, m.as_taken(spec)) for m in self._members.taking(spec)]
        if not able:
            return [self._for_nobody(spec)]
        found = [adapter.foresee(taken) if isinstance(adapter, Foresees) else () for adapter, taken in able]
        return found[0] if found and all(found) else ()

    def _for_nobody(self, spec: ExperimentSpec, it: str = "") -> Problem:
        asked = {name for m in self._members for name in m.when}
        shown = ", ".join(f"{name} {spec.settings.get(name)!r}" for name in sorted(asked))
        rule = f"none of the laboratories {', '.join(self._members.names())} takes{it}"
        return Problem(shown, rule, "widen the 'when' of one of them, or leave it out of the space (constraints)")

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        member = self._choosing.having(key) or self._choosing.assign(spec, key)
        inner = self._members.ask(member, lambda: member.adapter.prepare(member.as_taken(spec), key))
        return Handle(f"{member.name}:{inner}")

    def announce(self, experiments: Sequence[tuple[ExperimentSpec, AttemptKey]]) -> None:
        """Tell each laboratory what it will be given; one that cannot be reached is told nothing."""
        told: dict[str, list[tuple[ExperimentSpec, AttemptKey]]] = {}
        for spec, key in experiments:
            able = [m.adapter for m in self._members.taking(spec)]
            if not able or not all(isinstance(adapter, SupportsAnnouncement) for adapter in able):
                continue  # its place is chosen when it is prepared, when more is known
            with suppress(AdapterUnavailable):
                member = self._choosing.having(key) or self._choosing.assign(spec, key)
                told.setdefault(member.name, []).append((member.as_taken(spec), key))
        for name, mine in told.items():
            with suppress(AdapterUnavailable):
                cast(SupportsAnnouncement, self._members[name].adapter).announce(mine)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        member, inner = self._members.of(handle)
        self._members.ask(member, lambda: member.adapter.start(inner, key))

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        member = self._choosing.having(key)
        if member is None:
            return Absent()
        found = self._members.ask(member, lambda: member.adapter.find(key))
        return replace(found, handle=Handle(f"{member.name}:{found.handle}")) if isinstance(found, Found) else found

    def status(self, handle: Handle) -> Status:
        try:
            member, inner = self._members.of(handle)
        except UnknownHandle:
            return Status(Phase.LOST, f"no laboratory here gave the handle {handle!r}")
        found = self._members.ask_of_one(member, lambda: member.adapter.status(inner))
        return replace(found, detail=f"{member.name}: {found.detail}" if found.detail else member.name)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        try:
            member, inner = self._members.of(handle)
        except UnknownHandle:
            return ()
        return self._members.ask_of_one(member, lambda: member.adapter.fetch(inner))

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """Of each laboratory that hears such; one that cannot be reached is asked again another time."""
        theirs, found = self._by_member(handles), list[Envelope]()
        for member in self._members:
            if isinstance(adapter := member.adapter, HearsLate):
                with suppress(AdapterUnavailable):
                    found += self._members.ask(member, partial(adapter.late, theirs.get(member.name, [])))
        return found

    def cancel(self, handle: Handle, reason: str) -> None:
        try:
            member, inner = self._members.of(handle)
        except UnknownHandle:
            return  # nobody knows it: there is nothing to call off
        self._members.ask(member, lambda: member.adapter.cancel(inner, reason))

    def health(self) -> Health:
        """Whether any of them can work; the message tells of each."""
        found = {m.name: _health(m) for m in self._members}
        message = "; ".join(
            f"{name}: {h.message or ('works' if h.is_ok else 'cannot work')}" for name, h in found.items()
        )
        return Health(any(h.is_ok for h in found.values()), message)

    def limits(self) -> Mapping[str, int | None]:
        return {m.name: m.adapter.capabilities().max_parallel for m in self._members}

    def takers(self, spec: ExperimentSpec) -> Sequence[str]:
        return [m.name for m in self._members.taking(spec)]

    def problems_at(self, part: str, spec: ExperimentSpec) -> Sequence[Problem]:
        return self._members[part].refuses(spec)

    def part_of(self, handle: Handle) -> str:
        return self._members.of(handle)[0].name

    def unable(self) -> Mapping[str, str]:
        return self._choosing.unable()

    def lost(self) -> frozenset[str]:
        return self._choosing.lost()

    def prefer(self, expected: Mapping[str, float]) -> None:
        self._choosing.prefer(expected)

    def ask_leave(self, has_leave: Callable[[], bool]) -> None:
        for member in self._members:
            if isinstance(member.adapter, AsksLeave):
                member.adapter.ask_leave(has_leave)

    def keep_limits(self, broken: Callable[[Mapping[str, str | float]], Sequence[Problem]]) -> None:
        self._broken = broken
        for member in self._members:
            if isinstance(member.adapter, KeepsLimits):
                member.adapter.keep_limits(broken)

    def close(self, plate: str, handles: Sequence[Handle]) -> None:
        """Tell each laboratory that makes plates in one run which of them it has; the others are told nothing."""
        mine: dict[str, list[Handle]] = {}
        for handle in handles:
            member, inner = self._members.of(handle)
            mine.setdefault(member.name, []).append(inner)
        for name, theirs in mine.items():
            if isinstance(adapter := self._members[name].adapter, RunsTogether):
                self._members.ask(self._members[name], partial(adapter.close, plate, theirs))

    def still_waiting(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Those that wait for others in the laboratory that has them."""
        found = []
        for handle in handles:
            member, inner = self._members.of(handle)
            adapter = member.adapter
            if isinstance(adapter, TakesOff) and self._members.ask(member, partial(adapter.still_waiting, [inner])):
                found.append(handle)
        return found

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        """What each laboratory lacks for what goes to it and to no other; where the rest will go is not known yet."""
        found: list[Problem] = []
        for member, theirs, there in self._members.shared(specs, handles):
            if isinstance(adapter := member.adapter, ChecksTogether):
                with suppress(AdapterUnavailable):  # it keeps no other from getting its own
                    found += member.named(adapter.wanting(theirs, there))
        return found

    def judge(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> None:
        for member, theirs, there in self._members.shared(specs, handles):
            if isinstance(adapter := member.adapter, JudgesTogether):
                with suppress(AdapterUnavailable):
                    adapter.judge(theirs, there)

    def judged(self) -> Sequence[Problem]:
        able = [(m, m.adapter) for m in self._members]
        return [p for m, adapter in able if isinstance(adapter, JudgesTogether) for p in m.named(adapter.judged())]

    def laid_out(
        self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]
    ) -> Mapping[str, Sequence[tuple[str, float]]]:
        """The places of all laboratories, named where there are several; empty where one of them does not tell."""
        shares = list(self._members.shared(specs, handles))
        if sum(len(theirs) + len(there) for _, theirs, there in shares) < len(specs) + len(handles):
            return {}
        found: dict[str, list[tuple[str, float]]] = {}
        for member, theirs, there in shares:
            told = member.adapter.laid_out(theirs, there) if isinstance(member.adapter, LaysOut) else {}
            if not told:
                return {}
            of = f" of {member.name}" if len(shares) > 1 else ""
            for stock, places in told.items():
                found.setdefault(stock, []).extend((f"{place}{of}", volume) for place, volume in places)
        return found

    def is_at_work(self, handles: Sequence[Handle]) -> bool:
        at = ((self._members[name].adapter, theirs) for name, theirs in self._by_member(handles).items())
        return any(isinstance(adapter, RunsTogether) and adapter.is_at_work(theirs) for adapter, theirs in at)

    def has_played(self) -> bool:
        return any(isinstance(a, KnowsWhatWasPlayed) and a.has_played() for a in self.parts().values())

    def pause(self) -> int:
        return self._at_each(lambda adapter: adapter.pause(), "paused")

    def resume(self) -> int:
        return self._at_each(lambda adapter: adapter.resume(), "resumed")

    def _by_member(self, handles: Sequence[Handle]) -> Mapping[str, list[Handle]]:
        """Each laboratory's own handles of these, by its name; what none of them gave is passed over."""
        found: dict[str, list[Handle]] = {}
        for handle in handles:
            with suppress(UnknownHandle):
                member, inner = self._members.of(handle)
                found.setdefault(member.name, []).append(inner)
        return found

    def _at_each(self, does: Callable[[CanPause], int], done: str) -> int:
        """How many runs that were, at all that can; one that cannot be reached keeps no other from it."""
        runs, lost = 0, []
        for name, adapter in self.parts().items():
            if not isinstance(adapter, CanPause):
                continue
            try:
                runs += does(adapter)
            except AdapterUnavailable as error:
                lost.append(f"{name}: {error}")
        if lost:
            raise AdapterUnavailable(f"not {done} at {'; '.join(lost)}; runs {done} at the others: {runs}")
        return runs

    def mend(self) -> bool:
        """Make anew those of one's own that failed, or could not be made, and may work by now; the others stay."""
        mended = False
        for member in list(self._members):
            adapter = member.adapter
            if isinstance(adapter, Unbuilt) and (made := adapter.made()) is not None:
                self._members.put(replace(member, adapter=made))
                if isinstance(made, KeepsLimits) and self._broken is not None:
                    made.keep_limits(self._broken)
                mended = True
            elif isinstance(adapter, MayBeMended):
                mended = adapter.mend() or mended
        return mended

    def parts(self) -> Mapping[str, Adapter]:
        return {m.name: m.adapter for m in self._members}

    def played(self, folder: Path, play: Callable[[str, Adapter], Adapter]) -> SeveralLaboratories:
        """The same laboratories in another folder, each as ``play`` gives it by name."""
        played = [replace(m, adapter=play(m.name, m.adapter)) for m in self._members]
        return SeveralLaboratories(folder, played, self._losses.patience, self._losses.clock)


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
