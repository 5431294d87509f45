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
    nowhere: tuple[AttemptRecord, ...] = ()  # a person says
    places: tuple[str, ...] = ()  # where those of elsewhere were sent from, as far as the record says

    @property
    def is_left_to_others(self) -> bool:
        """Whether the next pass here leaves any of them in doubt."""
        return bool(self.elsewhere or self.nowhere)


def doubts_of(settings: Settings, view: View) -> Doubts:
    """What is in doubt, by who can tell of it. Raises ``OSError`` where the campaign's folder cannot be read."""
    ambiguous = [a for a in view.pending if a.state is State.AMBIGUOUS]
    if not ambiguous:
        return Doubts()
    sent = Sent(settings.folder(view.name))
    here, elsewhere, nowhere, places = list[AttemptRecord](), list[AttemptRecord](), list[AttemptRecord](), list[str]()
    for attempt in ambiguous:
        life = view.ledger.events(attempt.key)
        place = place_of(life)
        if not is_doubted_elsewhere(life) or place is None:
            nowhere.append(attempt)
        elif sent.is_last(life):
            here.append(attempt)
        elif place == sent.place:  # this folder is an older copy of the one that sent it
            nowhere.append(attempt)
        else:
            elsewhere.append(attempt)
            places.append(place)
    return Doubts(tuple(here), tuple(elsewhere), tuple(nowhere), tuple(dict.fromkeys(filter(None, places))))


def told_of_folders(name: str, doubts: Doubts) -> tuple[str, ...]:
    """A sentence on what a pass here looks up, and one on what only a pass in another folder can; none of the rest."""
    name, said = shlex.quote(name), []
    if here := doubts.here:
        them, were = ("it", "it was") if len(here) == 1 else ("them", "they were")
        said.append(
            f"Whether {_attempts(here)} ran could not be told in another folder: hakken run {name} looks {them} up "
            f"here, where {were} sent."
        )
    if there := doubts.elsewhere:
        key, was = there[0].key, "was" if len(there) == 1 else "were"
        said.append(
            f"{_attempts(there).capitalize()} {was} sent from {' and '.join(doubts.places) or 'another folder'}: "
            f"hakken run {name} goes on there. Only where that folder is gone for good, look at the laboratory, then "
            f"say hakken resolve {key} --ran or hakken resolve {key} --never-ran."
        )
    return tuple(said)


def _attempts(attempts: Sequence[AttemptRecord]) -> str:
    more = f" (and {len(attempts) - 1} more)" if len(attempts) > 1 else ""
    return f"attempt {attempts[0].key}{more}"
