"""Safety stops: nothing is proposed and nothing is sent until a person lifts them. Kept as facts, never changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import Final

from loop.errors import Halted, LedgerError
from loop.record import Json

_MOST_TOLD: Final = 10  # stops that a sentence has in full; a plate may make one with each of its wells


@dataclass(frozen=True, slots=True)
class SafetyStop:
    """A stop on record, and who lifted it.

    It holds for its own campaign, and for every campaign that names the same bench, or has named it since: no changed
    file ends it. Who may lift it is what the file of its campaign said when it was made, too.
    """

    id: str
    number: int  # counted from 1 through the whole record, in the order made; people and programs name it by that
    campaign: str  # where it arose
    bench: str | None  # of that campaign then; None where it shares none
    observation: str | None  # the outcome of kind safety_stop behind it; None where a person or a late message stopped
    by: str
    why: str
    at: datetime
    lifted_by: str | None = None
    lifted_why: str = ""
    lifted_at: datetime | None = None
    may_lift: tuple[str, ...] | None = None  # None: any named person

    @property
    def is_in_force(self) -> bool:
        return self.lifted_by is None

    def holds_for(self, campaign: str, benches: Collection[str]) -> bool:
        """Whether it concerns a campaign; ``benches``: all that it named, from when the stop was made until now."""
        return self.campaign == campaign or self.bench in benches

    @property
    def text(self) -> str:
        """Without its number, as a sentence's end: of which campaign, by whom, why and when, and whom it waits for."""
        waits = f"; {' or '.join(self.may_lift)} may lift it" if self.may_lift and self.is_in_force else ""
        return f"{self.why} ({self.by}, campaign {self.campaign}, {self.at:%Y-%m-%d %H:%M} UTC{waits})"


def safety_of(spec: Json) -> Mapping[str, object]:
    """What a resolved spec says of safety stops."""
    laboratory = spec.get("laboratory")
    said = laboratory.get("safety") if isinstance(laboratory, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def bench_of(spec: Json) -> str | None:
    """The bench that a campaign shares with others, None where it shares none."""
    bench = safety_of(spec).get("bench")
    return None if bench is None else str(bench)


def benches_of(specs: Iterable[Json]) -> frozenset[str]:
    """All the benches that versions of a campaign's spec name."""
    return frozenset(bench for spec in specs if (bench := bench_of(spec)) is not None)


def lifters_of(spec: Json) -> tuple[str, ...] | None:
    """Who may lift a stop of this campaign, None where any named person may."""
    named = safety_of(spec).get("may_lift")
    return tuple(map(str, named)) if isinstance(named, list) else None


def see_that_nothing_halts(name: str, stops: Iterable[SafetyStop]) -> None:
    """Raise ``Halted`` where a stop is in force; with each, and the command that lifts these and no other."""
    if there := [s for s in stops if s.is_in_force]:
        raise Halted(
            f"campaign {name!r} is halted by {told(name, there)}; nothing is proposed or sent until a person lifts "
            f"{'it' if len(there) == 1 else 'each'}: {lifting(name, there)}"
        )


def told(name: str, stops: Sequence[SafetyStop]) -> str:
    """Stops that hold for campaign ``name`` with their numbers: who made each, why and when."""
    if len(stops) == 1:
        return f"safety stop {stops[0].number}: {stops[0].text}"
    each = [f"{s.number}: {s.text}" for s in stops[:_MOST_TOLD]]
    if (n := len(stops) - len(each)) > 0:
        each.append(f"{n} more (hakken decisions {quote(name)} lists them)")
    return f"{len(stops)} safety stops: {', '.join(each[:-1])} and {each[-1]}"


def lifting(name: str, stops: Iterable[SafetyStop]) -> str:
    """The command that lifts these stops of campaign ``name`` and no other."""
    options = [f" --stop {low}" if low == high else f" --stop {low}-{high}" for low, high in _runs(stops)]
    return f"hakken resume {quote(name)}{''.join(options)} --by NAME --why REASON"


def _runs(stops: Iterable[SafetyStop]) -> list[tuple[int, int]]:
    """First and last number of each run of stops that follow each other."""
    runs: list[tuple[int, int]] = []
    for number in sorted(s.number for s in stops):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def said_by(source: str, message: str) -> tuple[str, str]:
    """Who made a stop that came as a message, and why; never empty, because a stop is never refused for its words."""
    return source.strip() or "laboratory", message.strip() or "safety_stop"


def check_lift(by: str, why: str) -> None:
    """Refuse to lift a stop without a name and a reason."""
    if not by.strip() or not why.strip():
        raise LedgerError("a safety stop is lifted by a named person and for a reason: --by NAME --why REASON")


def check_stop(by: str, why: str) -> None:
    """Refuse a stop that nobody made, or for no reason."""
    if not by.strip() or not why.strip():
        raise LedgerError("a safety stop needs somebody who makes it and a reason: --by NAME --why REASON")
