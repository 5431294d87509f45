"""Doubts: attempts of which nobody knows yet whether they ran, and who can tell: a pass here or elsewhere, a person."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.engine.looking.view import View
from flows.engine.sent import Sent, is_doubted_elsewhere, place_of
from loop.experiment import State
from loop.record import AttemptRecord

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True, slots=True)
class Doubts:
    """The attempts in doubt, by who can tell of them; each in the order of running."""

    here: tuple[AttemptRecord, ...] = ()  # last sent from this folder, doubted in another: the next pass looks them up
    elsewhere: tuple[AttemptRecord, ...] = ()  # last sent from another folder, in which a pass looks them up
    forgotten: tuple[AttemptRecord, ...] = ()  # last sent from this very folder, which knows nothing of it now
    nowhere: tuple[AttemptRecord, ...] = ()  # a person says
    places: tuple[str, ...] = ()  # where those of elsewhere were sent from, as far as the record says

    @property
    def is_left_to_others(self) -> bool:
        """Whether the next pass here leaves any of them in doubt."""
        return bool(self.elsewhere or self.forgotten or self.nowhere)


def doubts_of(settings: Settings, view: View) -> Doubts:
    """What is in doubt, by who can tell of it. Raises ``OSError`` where the campaign's folder cannot be read."""
    ambiguous = [a for a in view.pending if a.state is State.AMBIGUOUS]
    if not ambiguous:
        return Doubts()
    sent = Sent(settings.folder(view.name))
    here, elsewhere, forgotten, nowhere = (list[AttemptRecord]() for _ in range(4))
    places = list[str]()
    for attempt in ambiguous:
        life = view.ledger.events(attempt.key)
        place = place_of(life)
        if not is_doubted_elsewhere(life) or place is None:
            nowhere.append(attempt)
        elif sent.is_last(life):
            here.append(attempt)
        elif place == sent.place:  # its disk is away, or an older copy of it was put back
            forgotten.append(attempt)
        else:
            elsewhere.append(attempt)
            places.append(place)
    known = tuple(dict.fromkeys(filter(None, places)))
    return Doubts(tuple(here), tuple(elsewhere), tuple(forgotten), tuple(nowhere), known)


def told_of_folders(name: str, doubts: Doubts) -> tuple[str, ...]:
    """A sentence on what a pass here looks up, one on what only a pass in another folder can, and one on what this
    folder should know; none of the rest."""
    name, said = shlex.quote(name), []
    if here := doubts.here:
        them, were = ("it", "it was") if len(here) == 1 else ("them", "they were")
        said.append(
            f"Whether {_attempts(here)} ran could not be told in another folder: hakken run {name} looks {them} up "
            f"here, where {were} sent."
        )
    if there := doubts.elsewhere:
        said.append(
            f"{_sent(there)} from {' and '.join(doubts.places) or 'another folder'}: hakken run {name} goes on there. "
            f"Only where that folder is gone for good, {_resolved(there)}."
        )
    if lost := doubts.forgotten:
        said.append(
            f"{_sent(lost)} from this folder, which knows nothing of that now: see whether its disk is there, and "
            f"whether an older copy of it was put back; as it was, hakken run {name} goes on. Only where that is gone "
            f"for good, {_resolved(lost)}."
        )
    return tuple(said)


def _sent(attempts: Sequence[AttemptRecord]) -> str:
    return f"{_attempts(attempts).capitalize()} {'was' if len(attempts) == 1 else 'were'} sent"


def _resolved(attempts: Sequence[AttemptRecord]) -> str:
    key = attempts[0].key
    return f"look at the laboratory, then say hakken resolve {key} --ran or hakken resolve {key} --never-ran"


def _attempts(attempts: Sequence[AttemptRecord]) -> str:
    more = f" (and {len(attempts) - 1} more)" if len(attempts) > 1 else ""
    return f"attempt {attempts[0].key}{more}"
