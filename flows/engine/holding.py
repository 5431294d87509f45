"""Holding a campaign: the turn on this machine and the lease in the record, taken and given back together."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.turn import Turn
from loop.checkpoints import reached
from loop.contracts import Ledger, ShowsWishes
from loop.errors import LeaseHeld
from loop.progress import waits
from loop.record import Lease

if TYPE_CHECKING:
    from flows.settings import Settings

_LOOK = 0.2  # seconds between two looks at a lease that somebody else has
_BEHIND = 5.0  # seconds that a run leaves to whoever waits elsewhere: some looks, over a slow network
_USED = 0.1  # of a lease, after which it is renewed: what is left bears a clock elsewhere that is ahead
PATIENCE = 60.0  # seconds that a person's command waits for a run to give way between two passes


class Holding:
    """One holder's right to write to one campaign. A lease of which a tenth is over is renewed when it is next used."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        campaign: str,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger, self._campaign, self._ttl = ledger, campaign, settings.lease
        self._has_own_record = settings.has_own_record
        self._clock, self._sleep = clock, sleep
        # One name for all processes of this home on this machine: the turn lets only one of them through, and
        # under its own name the next takes over what a killed one left behind, without waiting for the lease's end.
        self._host = socket.gethostname()
        self._holder = f"{self._host}:{settings.home.resolve()}"  # one home, by whatever links it is reached
        self._turn = Turn(settings.folder(campaign), campaign, sleep=sleep)
        self._lease: Lease | None = None
        self._since = datetime.min.replace(tzinfo=UTC)

    @property
    def lease(self) -> Lease:
        """The lease in force, renewed when a tenth of it is over.

        Raises:
            LeaseHeld: It ran out, and another machine has taken it.
        """
        assert self._lease is not None, "take comes first"
        if not timedelta(0) <= self._clock() - self._since <= self._ttl * _USED:  # or a clock that was set back
            self._acquire()
        assert self._lease is not None
        return self._lease

    def take(self, patience: float = 0.0) -> None:
        """Take turn and lease, waiting at most ``patience`` seconds for each.

        Raises:
            LeaseHeld: Somebody else works on the campaign; the message says who.
            NotFound: There is no such campaign.
        """
        self._ledger.campaign(self._campaign)  # before a folder is made for a name that nobody knows
        self._turn.take(patience)
        try:
            self._take_lease(patience)
        except BaseException:
            self._turn.end()
            raise
        reached("tick.leased")

    def _take_lease(self, patience: float) -> None:
        """Take the lease, waiting for a holder elsewhere, who sees it where the ledger can show that."""
        try:
            self._acquire()
            return
        except LeaseHeld as error:
            if self._is_of_this_home_before_it_moved(error.holder):
                self._ledger.release(self._ledger.acquire(self._campaign, error.holder, self._ttl))
                self._acquire()
                return
            if patience <= 0:
                raise
            waits(
                f"campaign {self._campaign!r} is held by {error.holder!r}; waiting for it to give way between two "
                f"passes, {patience:.0f} s at most"
            )
        until = time.monotonic() + patience
        with self._ledger.wish(self._campaign) if isinstance(self._ledger, ShowsWishes) else nullcontext():
            while True:
                try:
                    self._acquire()
                    return
                except LeaseHeld:
                    if time.monotonic() >= until:
                        raise
                    self._sleep(_LOOK)

    def _is_of_this_home_before_it_moved(self, holder: str) -> bool:
        """Whether a process left a lease behind when this folder, its record within, had another name on this machine.
        It is gone: its lock would have moved along, and the turn is taken here."""
        host, _, home = holder.partition(":")
        return self._has_own_record and host == self._host and not Path(home).exists()

    def _acquire(self) -> None:
        """The lease, from now on by this machine's clock, whose time the record need not go by."""
        since = self._clock()
        self._lease, self._since = self._ledger.acquire(self._campaign, self._holder, self._ttl), since

    def give_back(self) -> None:
        """Give lease and turn back; once is enough, twice does no harm."""
        try:
            if self._lease is not None:
                self._ledger.release(self._lease)
                self._lease = None
                reached("tick.released")
        finally:
            self._turn.end()

    def give_way(self) -> bool:
        """Let a person who waits for the turn go first; True when somebody did, and the record may have changed."""
        lease = self._lease
        is_wished = self._is_wished(lease)
        if not is_wished and not self._turn.is_wanted():
            return False
        self.give_back()
        self._turn.wait_behind()
        until = time.monotonic() + _BEHIND
        while is_wished and time.monotonic() < until:  # whoever waits elsewhere takes the lease first
            self._sleep(_LOOK / 2)
            is_wished = self._is_wished(lease)
        self.take(PATIENCE)
        return True

    def _is_wished(self, lease: Lease | None) -> bool:
        """Whether somebody waits elsewhere for the campaign."""
        return lease is not None and isinstance(self._ledger, ShowsWishes) and self._ledger.is_wished(lease)


@contextmanager
def holding(ledger: Ledger, settings: Settings, campaign: str, *, patience: float = 0.0) -> Iterator[Holding]:
    """Turn and lease for the length of the block."""
    held = Holding(ledger, settings, campaign)
    held.take(patience)
    try:
        yield held
    finally:
        held.give_back()
