"""Due dates begin where a laboratory is handed an experiment, or whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from flows.handed import handouts
from loop.contracts import Ledger
from loop.experiment import Event, State
from loop.record import AttemptRecord

_WITH_IT: Final = frozenset({State.SUBMITTED, State.RUNNING})


def handed_over(ledger: Ledger, attempts: Iterable[AttemptRecord]) -> dict[str, datetime]:
    """When each attempt that the laboratory has was handed over, by key."""
    found = {}
    for attempt in attempts:
        if attempt.state in _WITH_IT:
            events = ledger.events(attempt.key)
            accepted = [e.at for e in events if e.event is Event.ACCEPTED]
            out = handouts(events).get(attempt.key)
            found[attempt.key] = out.at if out else accepted[-1] if accepted else attempt.updated
    return found


def due_dates(ledger: Ledger, attempts: Iterable[AttemptRecord], within: float) -> dict[str, datetime]:
    """When the result of each attempt that the laboratory has is due, ``within`` hours, by key; of one that is due
    after the year 9999 nothing is said."""
    found = {}
    for key, since in handed_over(ledger, attempts).items():
        with suppress(OverflowError):
            found[key] = since + timedelta(hours=within)
    return found
