"""The laboratories behind one: what each takes, who gave a handle, and how they are asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from adapters.errors import UnknownHandle
from loop.contracts import Adapter, ExperimentSpec, Handle, Problem
from loop.errors import AdapterUnavailable, AttemptUnavailable, PartUnavailable

_REST: Final = 3.0  # times as long as it took to give no answer: a lost one costs a quarter of the time at most
_LONGEST: Final = 60.0  # seconds of that at most
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Member:
    """One of the laboratories, and the settings that it takes: all of them where ``when`` is empty."""

    name: str
    adapter: Adapter
    when: Mapping[str, tuple[str | float, ...]] = field(default_factory=dict)

    def takes(self, spec: ExperimentSpec) -> bool:
        return all(spec.settings.get(name) in values for name, values in self.when.items())

    def as_taken(self, spec: ExperimentSpec) -> ExperimentSpec:
        """The experiment without the settings by which it came here, where the laboratory cannot set them."""
        bare = replace(spec, settings={name: v for name, v in spec.settings.items() if name not in self.when})
        try:
            return bare if len(self.adapter.validate(bare)) < len(self.adapter.validate(spec)) else spec
        except AdapterUnavailable:  # told where it is asked what it refuses
            return spec

    def refuses(self, spec: ExperimentSpec) -> Sequence[Problem]:
        """Why it would refuse an experiment that it takes; raises ``PartUnavailable`` where it cannot tell."""
        try:
            return self.adapter.validate(self.as_taken(spec))
        except AdapterUnavailable as error:
            raise PartUnavailable(self.name, str(error), error.what) from None

    def named(self, problems: Sequence[Problem]) -> list[Problem]:
        """Problems of this laboratory, said to be its own."""
        return [replace(problem, subject=f"{self.name}, {problem.subject}") for problem in problems]


class Members:
    """The laboratories, in the order of the campaign file."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._by_name = {m.name: m for m in members}
        self._resting: dict[str, tuple[float, str, str]] = {}  # until when by the steady clock, why, and what is so

    def __iter__(self) -> Iterator[Member]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Member:
        return self._by_name[name]

    def put(self, member: Member) -> None:
        """Have this one in the place of the one of its name."""
        self._by_name[member.name] = member
        self._resting.pop(member.name, None)

    def names(self) -> Sequence[str]:
        return list(self._by_name)

    def taking(self, spec: ExperimentSpec) -> list[Member]:
        """Those that take an experiment."""
        return [m for m in self if m.takes(spec)]

    def named(self, name: str) -> Member:
        """The laboratory of that name; raises ``PartUnavailable`` where the campaign file no longer has it."""
        if name not in self._by_name:
            raise PartUnavailable(name, "the campaign file no longer names it; name it again")
        return self._by_name[name]

    def of(self, handle: Handle) -> tuple[Member, Handle]:
        """The laboratory that gave a handle, and what it calls it itself; raises ``UnknownHandle``."""
        name, _, inner = handle.partition(":")
        if name not in self._by_name or not inner:
            raise UnknownHandle(handle)
        return self._by_name[name], Handle(inner)

    def shared(
        self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]
    ) -> Iterator[tuple[Member, list[ExperimentSpec], list[Handle]]]:
        """By laboratory, what goes to it and to no other, and what of ``handles`` it has; each that has any of them."""
        mine: dict[str, tuple[list[ExperimentSpec], list[Handle]]] = {name: ([], []) for name in self._by_name}
        for spec in specs:
            if len(able := self.taking(spec)) == 1:
                mine[able[0].name][0].append(able[0].as_taken(spec))
        for handle in handles:
            with suppress(UnknownHandle):  # of one that the campaign file no longer names
                member, inner = self.of(handle)
                mine[member.name][1].append(inner)
        return ((self[name], theirs, there) for name, (theirs, there) in mine.items() if theirs or there)

    def ask(self, member: Member, question: Callable[[], _T]) -> _T:
        """Ask a laboratory; one that lately took long to give no answer is let rest, so that the others go on."""
        began = time.monotonic()
        until, why, what = self._resting.get(member.name, (0.0, "", ""))
        if began < until:
            raise PartUnavailable(member.name, why, what)
        try:
            return question()
        except PartUnavailable:
            raise
        except AdapterUnavailable as error:
            now = time.monotonic()
            self._resting[member.name] = now + min(_REST * (now - began), _LONGEST), str(error), error.what
            raise PartUnavailable(member.name, str(error), error.what) from None

    def ask_of_one(self, member: Member, question: Callable[[], _T]) -> _T:
        """Ask a laboratory of one attempt; ``AttemptUnavailable`` where it has no answer, and says that it works."""
        is_resting = member.name in self._resting and time.monotonic() < self._resting[member.name][0]
        try:
            return self.ask(member, question)
        except PartUnavailable as error:
            if is_resting or not _works(member):
                raise
            self._resting.pop(member.name, None)
            raise AttemptUnavailable(error.why) from None


def _works(member: Member) -> bool:
    try:
        return member.adapter.health().is_ok
    except AdapterUnavailable:
        return False


def part_in(handle: str) -> str:
    """The name of the laboratory that gave a handle."""
    return handle.partition(":")[0]
