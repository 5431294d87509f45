"""Due dates begin where a laboratory is handed an experiment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from loop.contracts import Ledger
from loop.experiment import Event, State
from loop.record import AttemptRecord

_WITH_IT: Final = frozenset({State.SUBMITTED, State.RUNNING})


def handed_over(ledger: Ledger, attempts: Iterable[AttemptRecord]) -> dict[str, datetime]:
    """When each attempt that the laboratory has was handed over, by key."""
    found = {}
    for attempt in attempts:
        if attempt.state in _WITH_IT:
            accepted = [e.at for e in ledger.events(attempt.key) if e.event is Event.ACCEPTED]
            found[attempt.key] = accepted[-1] if accepted else attempt.updated
    return found
