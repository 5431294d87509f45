"""Listening: a door for messages, or long polls where messages cannot reach, and what comes taken into the record."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from adapters.common.durable import NO_ROOM
from flows.bound import CannotBind, listening_at
from flows.engine.away import Away
from flows.quiet import watched
from flows.webhooks.door import Door
from flows.webhooks.inbox import Inbox, InboxFull
from flows.webhooks.keys import keys_of
from flows.webhooks.message import received
from flows.webhooks.taking import Taken, take_in
from flows.wiring import open_laboratory, open_record
from loop.errors import AdapterUnavailable, HakkenError, LeaseHeld, LedgerBusy, LedgerFull
from loop.spec import CampaignSpec

if TYPE_CHECKING:
    from flows.settings import Settings
    from flows.webhooks.checking import Keys

WAIT: Final = 25.0  # seconds that a laboratory may keep a long poll open; proxies close at 30 and later
PATIENCE: Final = 5.0  # seconds to wait for a pass of the engine, then look again later
LOOK: Final = 1.0  # seconds between two looks at the inbox: what a killed listener left, and what could not be taken in
SLOWEST_RETRY: Final = 30.0  # seconds between two tries at a laboratory that cannot be reached


class CannotListen(HakkenError):
    """The campaign's laboratory sends no messages that could be believed, or the address is taken; mend that."""


@runtime_checkable
class HasMessages(Protocol):
    """A laboratory whose messages can be fetched."""

    def messages(self, campaign: str, after: int, wait: float) -> Any: ...

    def memory(self) -> str:
        """Which store of its own its messages are numbered by."""
        ...


def listen(
    settings: Settings,
    name: str,
    *,
    tell: Callable[[str], None],
    address: tuple[str, int] | None = None,
    poll: bool = False,
    max_seconds: float | None = None,
) -> Taken:
    """Take in messages until ``max_seconds`` are over, or for ever; a record that is away or full is waited for.

    Args:
        settings: Where the record is.
        name: The campaign.
        tell: Is told what came, and what is wrong, once each.
        address: Host and port of the door; None for no door.
        poll: Fetch messages from the laboratory.
        max_seconds: 0 takes in what waits here and, with ``poll``, there.

    Raises:
        NotFound: There is no such campaign.
        CannotListen: It names no keys, its laboratory cannot be polled, or the address is taken.
        LedgerBusy: The record cannot be reached from the beginning, or when ``max_seconds`` are over.
        LedgerFull: There is no room on its disk, from the beginning or then.
    """
    with open_record(settings) as ledger:
        spec = CampaignSpec.from_record(ledger.campaign(name).spec)
    keys = _keys(spec)
    listener = Listener(settings, name, tell)
    until = None if max_seconds is None else time.monotonic() + max_seconds
    threads = []
    if poll:
        laboratory = open_laboratory(settings, spec)
        if not isinstance(laboratory, HasMessages):
            kind = spec.laboratory.adapter
            raise CannotListen(f"a laboratory {kind!r} has no messages to be fetched; --poll is for 'http'")
        if max_seconds == 0:
            listener.fetch(laboratory, keys, wait=0.0)
        else:
            threads.append(threading.Thread(target=listener.keep_fetching, args=(laboratory, keys, until), daemon=True))
    with _door(Door(listener.inbox, keys, listener.something_new.set, listener.complain), address, tell):
        for thread in threads:
            thread.start()
        try:
            listener.take_in_until(until)
        finally:
            listener.is_over.set()
    return listener.taken


class Listener:
    """What a door, a poll and the record share."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        tell: Callable[[str], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.inbox, self.taken = Inbox(settings, name), Taken()
        self.something_new, self.is_over = threading.Event(), threading.Event()
        self._settings, self._name, self._tell, self._sleep = settings, name, tell, sleep
        self._said = ""

    def take_in_until(self, until: float | None) -> None:
        """Take in whatever comes; what cannot be taken in waits in the inbox, as long as the record is away or full."""
        away = Away(self._tell, until=until, longest=math.inf, meanwhile="Messages are kept meanwhile")
        away.was_there = True
        while True:
            is_last = until is not None and time.monotonic() >= until
            try:
                taken = take_in(self._settings, self._name, patience=PATIENCE)
                away.end()
                self._say(taken)
            except (LedgerBusy, LedgerFull) as error:
                self._sleep(away.wait(error))
                continue
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                self._sleep(away.wait(LedgerFull(self.inbox.without_room(error))))
                continue
            except LeaseHeld as error:
                self.complain(f"messages wait: {error}")
                taken = Taken()
            if is_last and not taken.messages:
                return
            left = LOOK if until is None else min(LOOK, max(until - time.monotonic(), 0.0))
            if not taken.messages:
                self.something_new.wait(left)
                self.something_new.clear()

    def keep_fetching(self, laboratory: HasMessages, keys: Keys, until: float | None) -> None:
        """Long polls, one after the other."""
        pause = 0.0
        while not self.is_over.wait(pause):
            wait = WAIT if until is None else min(WAIT, max(until - time.monotonic(), 0.0))
            has_come = self.fetch(laboratory, keys, wait=wait)
            pause = 0.0 if has_come else min(max(pause * 2, 1.0), SLOWEST_RETRY)

    def fetch(self, laboratory: HasMessages, keys: Keys, *, wait: float) -> bool:
        """Fetch what is new, and keep it; False where the laboratory cannot be reached."""
        try:
            memory = laboratory.memory()
            after = self.inbox.cursor(memory)
            messages = laboratory.messages(self._name, after, wait)
            for m in messages:
                told = {"webhook-id": m.id, "webhook-timestamp": m.timestamp, "webhook-signature": m.signature}
                headers = {**told, "webhook-key-id": m.key_id, "content-type": "application/json"}
                self.inbox.keep(received(headers, m.body.encode(), now=time.time(), window=keys.window))
        except (AdapterUnavailable, InboxFull, OSError) as error:
            self.complain(f"no messages can be fetched ({error}); tried again")
            return False
        self._said = ""
        last = max((m.number for m in messages), default=after)
        if last > after:
            self.inbox.note_cursor(memory, last)
            self.something_new.set()
        return not messages or last > after  # one that gives the same numbers again and again is left alone for a while

    def _say(self, taken: Taken) -> None:
        if taken.messages:
            self._said = ""
            self.taken = self.taken.and_(taken)
            shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(taken.by_verdict.items()))
            self._tell(f"{taken.messages} {'message' if taken.messages == 1 else 'messages'}: {shown or 'known'}")
            for note in taken.notes:
                self._tell(f"note: {note}")

    def complain(self, text: str) -> None:
        """Say it, unless it was said last."""
        if text != self._said:
            self._said = text
            self._tell(text)


def _keys(spec: CampaignSpec) -> Keys:
    keys = keys_of(spec.laboratory.options)
    if keys.missing:
        names = ", ".join(sorted(set(keys.missing.values())))
        raise CannotListen(f"the environment lacks {names}, by which messages are signed; set it, then listen again")
    if not keys.secrets and not _may_send(spec):
        raise CannotListen(
            f"the laboratory {spec.laboratory.adapter!r} of campaign {spec.campaign!r} sends no messages; "
            "hakken run and hakken tick take its results in"
        )
    if not keys.secrets:
        raise CannotListen(
            f"campaign {spec.campaign!r} names no keys by which messages are signed; add "
            "webhook_keys: {k1: $LAB_KEY} to its laboratory section"
        )
    return keys


def _may_send(spec: CampaignSpec) -> bool:
    """Whether a laboratory of the campaign may send messages: one over HTTP, or one of somebody's own."""
    parts = spec.laboratory.options.get("laboratories")
    inner = parts.values() if isinstance(parts, Mapping) else ()
    kinds = [spec.laboratory.adapter, *(str(part.get("adapter")) for part in inner if isinstance(part, Mapping))]
    return any(kind == "http" or ":" in kind for kind in kinds)


@contextmanager
def _door(door: Door, address: tuple[str, int] | None, tell: Callable[[str], None]) -> Iterator[None]:
    """The door, open for the length of the block; none where there is no address."""
    if address is None:
        yield
        return
    import uvicorn

    try:
        listening = listening_at(address)
    except CannotBind as error:
        raise CannotListen(str(error)) from None
    config = uvicorn.Config(
        door.application(),
        http=watched,  # type: ignore[arg-type]  # uvicorn calls it for a protocol, as it would a class
        log_level="error",
        access_log=False,
        limit_concurrency=100,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        tell(f"listening at http://{address[0]}:{listening.getsockname()[1]}/messages")
        yield
    finally:
        server.should_exit = True
        thread.join()
        with suppress(OSError):
            listening.close()
