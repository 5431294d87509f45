"""What only some laboratories can do, each a protocol beside ``Adapter`` that whoever needs it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from loop.contracts.adapter import Adapter
from loop.contracts.messages import AttemptKey, Envelope, ExperimentSpec, Finding, Handle, Problem


@runtime_checkable
class HasParts(Protocol):
    """An adapter made of several laboratories, each of which takes so many attempts at once."""

    def limits(self) -> Mapping[str, int | None]:
        """How many attempts at once each part takes, None for any number."""
        ...

    def takers(self, spec: ExperimentSpec) -> Sequence[str]:
        """The parts that would take an experiment."""
        ...

    def problems_at(self, part: str, spec: ExperimentSpec) -> Sequence[Problem]:
        """Why a part that would take an experiment cannot do it."""
        ...

    def part_of(self, handle: Handle) -> str:
        """The part that has an attempt."""
        ...

    def parts(self) -> Mapping[str, Adapter]:
        """The laboratories themselves, by name."""
        ...

    def unable(self) -> Mapping[str, str]:
        """The parts that cannot work now, and why; each is asked."""
        ...

    def lost(self) -> frozenset[str]:
        """The parts that could not work for so long that nothing is to wait for them."""
        ...

    def prefer(self, expected: Mapping[str, float]) -> None:
        """Of the parts that have room for a new attempt the one with the fewest hours is to get it; 0 where unsaid."""
        ...


@runtime_checkable
class SupportsAnnouncement(Protocol):
    """An adapter that can get many experiments ready at less cost than one by one."""

    def announce(self, experiments: Sequence[tuple[ExperimentSpec, AttemptKey]]) -> None:
        """These are prepared next, one by one: what can be done for all at once may be done now.

        Inert as ``prepare`` is, and of no consequence: where it failed, or was never called, ``prepare`` does it all.
        """
        ...


@runtime_checkable
class AsksLeave(Protocol):
    """An adapter that sets things going by itself later, such as while it is asked where they stand.

    Others set going only what ``start`` or ``close`` tells them to, and need not ask.
    """

    def ask_leave(self, has_leave: Callable[[], bool]) -> None:
        """Ask ``has_leave`` each time before something begins; where it says no, that waits, inert, and is asked again.

        While a safety stop is in force there is no leave."""
        ...


@runtime_checkable
class Cautions(Protocol):
    """An adapter that works without something it could have, and says so."""

    def caution(self) -> str:
        """What is not there and what that means, in one line; "" where all is, and once it was told."""
        ...


@runtime_checkable
class HearsLate(Protocol):
    """An adapter that can tell what becomes of attempts that nobody asks about any more: answers come to it unasked,
    or whoever has them remembers."""

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """What came of these attempts, which ended otherwise, as by what a person told; and what came of any other
        after its result had been fetched, and has not gone out since.

        Asked again, in every pass, it gives the same and what came since; where that costs a question over a network
        for each attempt, it puts it ever more rarely. Raises ``AdapterUnavailable`` alone."""
        ...


@runtime_checkable
class KeepsLimits(Protocol):
    """An adapter in which started experiments wait, so that a limit may be tightened meanwhile."""

    def keep_limits(self, broken: Callable[[Mapping[str, str | float]], Sequence[Problem]]) -> None:
        """Ask ``broken`` of the settings of what waits before it is set going; what breaks a limit ends as a fault."""
        ...


@runtime_checkable
class MayBeMended(Protocol):
    """An adapter whose code may fail and be mended while a run goes on."""

    def mend(self) -> bool:
        """Make anew what failed, or could not be made, and may work by now; whether anything was."""
        ...


@runtime_checkable
class SupportsExamination(Protocol):
    """An adapter that can say more than ``health``: each thing that it rests on, really looked at now."""

    def examine(self) -> Sequence[Finding]:
        """What was found. Nothing moves and nothing is written; what gives no answer is a problem, not an error."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """An adapter that can tell of some experiments beforehand that, once they run, their input will be refused.

    Laws, examined by ``loop.testing.adapter.AdapterContract``: what is foreseen ends as an input error, nothing is
    foreseen of what gives an outcome, and foreseeing changes nothing.
    """

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        """Why it is certain that an experiment, which ``validate`` may take, is refused as it runs; each tells why.

        Nothing where only the run can tell. Pure and quick, for it is asked of hundreds: no program is loaded. ``rule``
        and ``remedy`` are worded alike for all that are refused alike, so that they can be counted."""
        ...


@runtime_checkable
class RunsTogether(Protocol):
    """An adapter that makes the experiments of a plate in one run, once all of them have come."""

    def close(self, plate: str, handles: Sequence[Handle]) -> None:
        """No more experiments of this plate will come: those that were started and wait are one run from now on.

        Doing it again changes nothing. Raises ``AdapterUnavailable`` alone."""
        ...

    def is_at_work(self, handles: Sequence[Handle]) -> bool:
        """Whether a run of any of these goes on by itself, or will, so that nobody needs to do anything yet.

        Told from what is on record."""
        ...


@runtime_checkable
class KnowsWhatWasPlayed(Protocol):
    """An adapter that makes experiments at a machine; what was not set going there may go to another one."""

    def has_played(self) -> bool:
        """Whether a run that has not ended was set going, or may have been, by us or by somebody at the machine.

        A machine that gives no answer has what is on record. Raises ``AdapterUnavailable`` alone."""
        ...


@runtime_checkable
class TakesOff(Protocol):
    """An adapter of which what was started may still wait for others, and can be called off before anything moves."""

    def still_waiting(self, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Those that were started, and of which nothing moves before ``close``: ``cancel`` takes them off.

        Told from what is on record. Raises ``AdapterUnavailable`` alone."""
        ...


@runtime_checkable
class ChecksTogether(Protocol):
    """An adapter that makes experiments together, and can tell beforehand whether what it has suffices for them."""

    def wanting(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> Sequence[Problem]:
        """What is wanting to make these, and what of ``handles`` waits to be made with them: tips, stocks, places.

        All of one plate. Nothing moves and nothing is written. What is wrong with an experiment by itself is for
        ``validate`` to say; those that can be made at all are asked about. Raises ``AdapterUnavailable`` alone."""
        ...


@runtime_checkable
class JudgesTogether(Protocol):
    """An adapter that has a program judge what it would make together, which takes seconds; it remembers what was said.

    ``ChecksTogether.wanting`` tells what is remembered."""

    def judge(self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]) -> None:
        """Have what would be made of these, and of what of ``handles`` waits for them, judged, once.

        All of one plate. Nothing moves. Raises ``AdapterUnavailable`` alone."""
        ...

    def judged(self) -> Sequence[Problem]:
        """What is remembered to be wrong with it whatever is made; nobody is asked and nothing is written."""
        ...


@runtime_checkable
class LaysOut(Protocol):
    """An adapter that makes experiments together, from stocks that people put into places of its own."""

    def laid_out(
        self, specs: Sequence[ExperimentSpec], handles: Sequence[Handle]
    ) -> Mapping[str, Sequence[tuple[str, float]]]:
        """By stock, as ``loop.recipe.text.described`` calls it, its places in words, each with the uL put there.

        ``handles`` are those of the same plate that it has already. Empty where it cannot be made as it is, or where
        it is not known yet who will make all of it. Nothing moves and nothing is written."""
        ...


@runtime_checkable
class CanPause(Protocol):
    """An adapter whose runs can be held up and go on."""

    def pause(self) -> int:
        """Hold up what runs; returns how many runs that were. Raises ``AdapterUnavailable``."""
        ...

    def resume(self) -> int:
        """Let what was held up go on; returns how many runs that were. Raises ``AdapterUnavailable``."""
        ...
