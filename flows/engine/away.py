"""Away: a record that a run has reached before cannot be reached now, so that the run waits for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from flows.engine.holding import PATIENCE
from loop.errors import LedgerBusy, LedgerFull

LONGEST: Final = 3600.0  # seconds without the record, after which a run ends: whoever watches it has to hear of that
FIRST: Final = 0.5  # seconds to the first look, doubled to the last
LAST: Final = 30.0


class Away:
    """Whether the record is away from a run, since when, and when to look for it again.

    A run that lost its record in the middle of a pass begins a new sitting, as after having been killed: its pass, its
    lease and its laboratory are taken up from what is on record.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        until: float | None = None,
        longest: float = LONGEST,
        meanwhile: str = "Nothing is sent meanwhile, and what was under way is looked up then",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._until, self._clock = say, until, clock
        self._longest, self._meanwhile = longest, meanwhile
        self._since: float | None = None
        self._wait = FIRST
        self.was_there = False  # at least once since the run began

    @property
    def patience(self) -> float:
        """Seconds to wait for the campaign: as long as a person's command does, once the run had it."""
        return PATIENCE if self.was_there else 0.0

    @property
    def is_on(self) -> bool:
        """Whether it is away, or was until the pass that is going on."""
        return self._since is not None

    def end(self) -> None:
        """A pass is done, so the record is there."""
        if self._since is not None:
            self._say(f"the record is there again after {self._clock() - self._since:.0f} s; going on")
        self._since, self._wait = None, FIRST

    def wait(self, error: LedgerBusy | LedgerFull) -> float:
        """Seconds to the next look.

        Raises:
            HakkenError: ``error`` itself, where the run never had its record, or has waited long enough.
        """
        now = self._clock()
        is_new = self._since is None
        since = self._since = now if self._since is None else self._since
        if not self.was_there or now - since >= self._longest or (self._until is not None and now >= self._until):
            raise error
        if is_new:
            at_most = f", {self._longest / 60:.0f} min at most" if math.isfinite(self._longest) else ""
            self._say(f"{' '.join(error.what.split())}; waiting for it{at_most}. {self._meanwhile}")
        wait, self._wait = self._wait, min(2 * self._wait, LAST)
        return wait if self._until is None else min(wait, self._until - now)
