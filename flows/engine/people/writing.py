"""Writing what a person says: one transaction, let through between two passes of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.engine.holding import PATIENCE, holding
from loop.contracts import Ledger, Work

if TYPE_CHECKING:
    from flows.settings import Settings


@contextmanager
def writing(settings: Settings, ledger: Ledger, name: str, by: str) -> Iterator[Work]:
    """A unit of work on campaign ``name`` in the name of ``by``; all that happens inside is saved, or none of it.

    Raises:
        LeaseHeld: Somebody else works on the campaign and gives no way within a minute.
    """
    with holding(ledger, settings, name, patience=PATIENCE) as held, ledger.work(held.lease, actor=by) as work:
        yield work
