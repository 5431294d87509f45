"""Writing what a person says: one transaction, let through between two passes of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from flows.engine.holding import PATIENCE, holding
from loop.contracts import Ledger, Work

if TYPE_CHECKING:
    from flows.settings import Settings

Found = TypeVar("Found")


@contextmanager
def writing(settings: Settings, ledger: Ledger, name: str, by: str) -> Iterator[Work]:
    """A unit of work on campaign ``name`` in the name of ``by``; all that happens inside is saved, or none of it.

    Raises:
        LeaseHeld: Somebody else works on the campaign and gives no way within a minute.
    """
    with holding(ledger, settings, name, patience=PATIENCE) as held, ledger.work(held.lease, actor=by) as work:
        yield work


@contextmanager
def deciding(
    settings: Settings, ledger: Ledger, name: str, by: str, look: Callable[[], Found]
) -> Iterator[tuple[Work, Found]]:
    """``writing``, with what ``look`` finds in the record as it is by then; what cannot be decided it refuses.

    It looks before anybody is waited for, so that what is refused is so at once, and again where something was written
    meanwhile: by a pass that sent a batch, or by another person. Raises as ``writing`` and ``look`` do.
    """
    before = ledger.last_entry()
    found = look()
    with holding(ledger, settings, name, patience=PATIENCE) as held:
        if ledger.last_entry() != before:
            found = look()
        with ledger.work(held.lease, actor=by) as work:
            yield work, found
