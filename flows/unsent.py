"""Unsent: what was withdrawn before it was sent, and why."""

from __future__ import annotations

from collections.abc import Container, Iterable

from loop.experiment import Event, State
from loop.record import AttemptEventRecord, AttemptRecord


def never_sent(attempts: Iterable[AttemptRecord], pending: Container[str] = ()) -> frozenset[str]:
    """Ids of the proposals of which every attempt was withdrawn before it was sent; none under the keys ``pending``."""
    tried = tuple(attempts)
    sent = {a.proposal_id for a in tried if a.state is not State.EXPIRED or a.key in pending}
    return frozenset(a.proposal_id for a in tried) - sent


def why_unsent(steps: Iterable[AttemptEventRecord]) -> dict[str, str]:
    """Why attempts were withdrawn before they were sent, by their keys."""
    return {s.key: s.detail for s in steps if s.event is Event.EXPIRE}
