"""Unsent: proposals that were withdrawn before anything of them was sent."""

from __future__ import annotations

from collections.abc import Container, Iterable

from loop.experiment import State
from loop.record import AttemptRecord


def never_sent(attempts: Iterable[AttemptRecord], pending: Container[str] = ()) -> frozenset[str]:
    """Ids of the proposals of which every attempt was withdrawn before it was sent; none under the keys ``pending``."""
    tried = tuple(attempts)
    sent = {a.proposal_id for a in tried if a.state is not State.EXPIRED or a.key in pending}
    return frozenset(a.proposal_id for a in tried) - sent
