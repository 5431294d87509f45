"""What a round was planned from, written as what it adds to an earlier round.

Each round sees nearly all that the one before it saw: of thousands that are planned one after the other, full lists
would fill a disk. So a round names a base, an earlier round with whose first observations its own begin, and repeats
none of these. Its base is its number without the last binary digit that is set: as many rounds as the number has such
digits are put together to read one, and of ``n`` rounds that each saw one result more some ``n log2(n) / 2`` rows are
written in place of ``n^2 / 2``.

Source of the idea: Fenwick, Softw. Pract. Exp. 24 (1994) 327 (binary indexed trees).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import tables as t

AT_ONCE: Final = 500  # rounds that are named in a statement; of more, all of the campaign are read


@dataclass(frozen=True, slots=True)
class PlannedFrom:
    """Ids of observations, and of attempts that were pending, in the planner's order."""

    observations: tuple[str, ...]
    pending: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """An earlier round, and how many of its first observations are those of a later one."""

    number: int
    kept: int


def base_for(session: Session, owner: str, number: int, observations: Sequence[str]) -> Base | None:
    """What a round of that number, planned from ``observations``, is written about; None where it stands alone."""
    before = _base_of(number)
    there = session.scalars(select(t.Round).where(t.Round.campaign_id == owner, t.Round.number == before)).all()
    if not there:
        return None
    told = planned_from(session, owner, there)[before].observations
    differ = (i for i, (a, b) in enumerate(zip(told, observations, strict=False)) if a != b)
    kept = next(differ, min(len(told), len(observations)))
    return Base(before, kept) if kept else None


def planned_from(session: Session, owner: str, rounds: Sequence[t.Round]) -> Mapping[int, PlannedFrom]:
    """What each of some rounds of a campaign was planned from, by their numbers."""
    known = {one.number: one for one in rounds}
    others = {below for one in rounds if one.base for below in _chain(one.base)} - set(known)
    if others:
        stated = select(t.Round).where(t.Round.campaign_id == owner, t.Round.number.in_(others))
        known.update((one.number, one) for one in session.scalars(stated))
    own = _own_rows(session, owner, [one.id for one in known.values()])
    lists: dict[int, PlannedFrom] = {}
    for number, one in sorted(known.items()):  # a base comes before what is written about it
        begins = () if one.base is None else lists[one.base].observations[: one.kept]
        observations = (*begins, *own[one.id, t.Role.OBSERVATION])
        lists[number] = PlannedFrom(observations, tuple(own[one.id, t.Role.PENDING]))
    return lists


def _base_of(number: int) -> int:
    """The number without its last binary digit that is set; 0 for a power of two."""
    return number & (number - 1)


def _chain(number: int) -> Iterator[int]:
    """A round, its base, the base of that, and so on."""
    while number:
        yield number
        number = _base_of(number)


def _own_rows(session: Session, owner: str, ids: Sequence[str]) -> Mapping[tuple[str, str], list[str]]:
    row = t.TrainingRow
    every = select(row.round_id, row.role, row.reference).order_by(row.position)
    if len(ids) <= AT_ONCE:
        asked = every.where(row.round_id.in_(ids))
    else:
        asked = every.join(t.Round, t.Round.id == row.round_id).where(t.Round.campaign_id == owner)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for round_id, role, reference in session.execute(asked):
        found[round_id, role].append(reference)
    return found
