"""Turns: of the requests that write to a campaign one is answered at a time, and none polls for another's end."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from loop.errors import LeaseHeld


class Turns:
    """A lock for each campaign of this process; other processes are kept out by the campaign's lease."""

    def __init__(self, patience: float) -> None:
        """``patience``: seconds that a request waits for those before it."""
        self.patience = patience
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def of(self, campaign: str) -> Iterator[None]:
        """The campaign's turn for the length of the block.

        Raises:
            LeaseHeld: Others had it for longer than is waited.
        """
        lock = self._locks[campaign]
        if not lock.acquire(timeout=self.patience):
            raise LeaseHeld(
                f"other requests to campaign {campaign!r} have been answered for {self.patience:g} s; try again later",
                "this service",
            )
        try:
            yield
        finally:
            lock.release()
