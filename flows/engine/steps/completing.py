"""Completing: what is measured later of an experiment whose result is on record joins it. Pure.

A yield is known in an hour, an enantiomeric excess in a week. The later result says everything that the earlier one
said, or leaves it out, and adds values of its own, or a value in the place of a limit, such as 823 cycles after more
than 500; then one with all of them stands in the place of the earlier one, which stays on record, retracted as
completed. A result that says anything else of what is known contradicts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from loop.circumstances import COMPLETES
from loop.outcome import Measured, Measurement, Outcome, Qualifier
from loop.record import Json, ObservationRecord, Settings

Named: TypeAlias = tuple[str, str | None]  # of a measurement: its property and channel


@dataclass(frozen=True, slots=True)
class Standing:
    """A result that counts: its observation's id, what came out and what was recorded beside it, and of what it is."""

    id: str
    outcome: Outcome
    context: Json
    settings: Settings
    key: str | None  # of the attempt, None where it was told


def completed(known: Outcome, new: Outcome) -> Measured | None:
    """Everything that both say, where ``new`` adds values, or says more than a limit did, and takes none back; None
    where it does not.

    A deviation that only one of them states is that of the value.
    """
    if not (isinstance(known, Measured) and isinstance(new, Measured)):
        return None
    mine, theirs = _by_name(known), _by_name(new)
    shared = mine.keys() & theirs.keys()
    both = {name: _together(mine[name], theirs[name]) for name in shared}
    if None in both.values():
        return None
    if not theirs.keys() - mine.keys() and not any(_narrows(mine[name], theirs[name]) for name in shared):
        return None
    stated = (m for name, said in mine.items() for m in (both.get(name) or said))
    return Measured((*stated, *(m for m in new.measurements if (m.property, m.channel) not in mine)))


def is_said(known: Outcome, new: Outcome) -> bool:
    """Whether all that ``new`` says is known: some of the values, or limits that these keep, and no other."""
    if not (isinstance(known, Measured) and isinstance(new, Measured)):
        return False
    mine = _by_name(known)
    return all(_together(mine.get(name, []), said) == mine.get(name, []) for name, said in _by_name(new).items())


def at_odds(known: Outcome, new: Outcome) -> Measured | None:
    """The values on record of which ``new`` says others; None where there are none."""
    if not (isinstance(known, Measured) and isinstance(new, Measured)):
        return None
    mine, theirs = _by_name(known), _by_name(new)
    those = (
        m for name in mine.keys() & theirs.keys() if _together(mine[name], theirs[name]) is None for m in mine[name]
    )
    found = tuple(sorted(those, key=known.measurements.index))
    return Measured(found) if found else None


def left_out(known: Outcome, new: Outcome) -> Measured | None:
    """The values that are known and of which ``new`` says nothing; None where there are none."""
    if not (isinstance(known, Measured) and isinstance(new, Measured)):
        return None
    theirs = _by_name(new)
    rest = tuple(m for m in known.measurements if (m.property, m.channel) not in theirs)
    return Measured(rest) if rest else None


def added_by(known: Outcome, whole: Measured, beside: Sequence[str] = ()) -> str:
    """What a result has beyond the one that it completes, ``beside`` its values too, such as "ee and operator"."""
    had = _by_name(known) if isinstance(known, Measured) else {}
    new = (of for of, said in _by_name(whole).items() if of not in had or _narrows(had[of], said))
    return listed([*(name for name, _ in new), *beside])


def listed(names: Sequence[str]) -> str:
    """Names in words, each once: "yield, ee and operator"."""
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} and {last}" if most else last


def parts_of(o: ObservationRecord, every: Mapping[str, ObservationRecord]) -> Iterator[ObservationRecord]:
    """A result and those on record that it completes, the last first; ``every`` has the retracted ones, too."""
    part: ObservationRecord | None = o
    while part is not None:
        yield part
        part = every.get(str(part.context.get(COMPLETES)))


def completions_of(every: Iterable[ObservationRecord]) -> dict[str, str]:
    """By the id of a result that was completed, that of the one which has all of it and more."""
    return {str(o.context[COMPLETES]): o.id for o in every if COMPLETES in o.context}


def last_of(first: str, after: Mapping[str, str]) -> str:
    """The id of the result that a result became; ``after`` as ``completions_of`` gives it."""
    while first in after:
        first = after[first]
    return first


def beside_both(known: Standing, new: Json | None) -> Json:
    """What is recorded beside the two; the first word of each thing counts, and comments follow one another."""
    said: dict[str, Any] = {**(new or {}), **known.context, COMPLETES: known.id}
    mine, theirs = known.context.get("provenance"), (new or {}).get("provenance")
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        said["provenance"] = {**theirs, **mine}
    comments = [c for c in (known.context.get("comment"), (new or {}).get("comment")) if c]
    return said | ({"comment": "; ".join(dict.fromkeys(map(str, comments)))} if comments else {})


def is_within(limit: Measurement, other: Measurement) -> bool:
    """Whether a value or a narrower limit of the same thing says more than a limit did, and nothing against it."""
    if limit.qualifier is Qualifier.EQUAL or other.qualifier not in (Qualifier.EQUAL, limit.qualifier):
        return False
    further = (
        other.canonical - limit.canonical if limit.qualifier is Qualifier.ABOVE else limit.canonical - other.canonical
    )
    return further > 0.0 or (further == 0.0 and other.qualifier is Qualifier.EQUAL)


def _narrows(mine: Sequence[Measurement], theirs: Sequence[Measurement]) -> bool:
    return len(mine) == len(theirs) == 1 and is_within(mine[0], theirs[0])


def _together(mine: Sequence[Measurement], theirs: Sequence[Measurement]) -> list[Measurement] | None:
    """What both say of one thing, of a limit and what lies within it the latter; None where they differ."""
    if _narrows(mine, theirs):
        return [*theirs]
    if _narrows(theirs, mine) and theirs[0].canonical != mine[0].canonical:  # 20 and < 20 is a sign that was corrected
        return [*mine]
    return _both_ways(mine, theirs)


def _both_ways(mine: Sequence[Measurement], theirs: Sequence[Measurement]) -> list[Measurement] | None:
    """Values that both say, with the deviations that either states; None where they say different ones."""
    if len(mine) != len(theirs):
        return None
    found = []
    for one, other in zip(mine, theirs, strict=True):
        fuller = one if one.sd is not None else other
        if any(m not in (fuller, replace(fuller, sd=None, canonical_sd=None)) for m in (one, other)):
            return None
        found.append(fuller)
    return found


def _by_name(outcome: Measured) -> dict[Named, list[Measurement]]:
    found: dict[Named, list[Measurement]] = {}
    for m in outcome.measurements:
        found.setdefault((m.property, m.channel), []).append(m)
    return found
