"""The door: a small web application that keeps each message on disk, then says what it thinks of it.

Only the answer depends on the signature; the record judges by itself, from what was kept. Messages that nobody signed
are kept too, up to so many an hour: beyond that the door answers 429 and keeps only what the laboratory signed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flows.webhooks.checking import Genuine, Keys, KeysMissing, check
from flows.webhooks.inbox import Inbox, InboxFull
from flows.webhooks.message import OVERSIZED, TRUNCATED, Received, received
from loop.record import Verdict

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

LARGEST: Final = 1 << 20  # bytes of a message
KEPT_OF_A_LARGER_ONE: Final = 1 << 12  # bytes; enough to see what it was
SLOWEST: Final = 30.0  # seconds in which a message must have come
STRANGERS: Final = 600  # messages an hour that nobody signed and that are kept all the same
STRANGE_BYTES: Final = 16 << 20  # an hour, of the same
RETRY_AFTER: Final = 60  # seconds, where nothing more can be kept now
_HOUR: Final = 3600.0


class Door:
    """Takes messages for one campaign."""

    def __init__(
        self,
        inbox: Inbox,
        keys: Keys,
        on_kept: Callable[[], None],
        on_refused: Callable[[str], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.time,
        strangers: int = STRANGERS,
    ) -> None:
        self._inbox, self._keys, self._on_kept, self._on_refused = inbox, keys, on_kept, on_refused
        self._clock, self._strangers = clock, strangers
        self._strange: deque[tuple[float, int]] = deque()  # when, and how many bytes
        self._counting = threading.Lock()  # messages come in several threads

    def application(self) -> Starlette:
        """Answers ``POST /messages``."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(routes=[Route("/messages", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import JSONResponse

        body, cut = await _read(request)
        length = request.headers.get("content-length", "")
        size = int(length) if length.isdigit() and len(length) < 16 else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        message = received(headers, body, now=self._clock(), window=self._keys.window, size=size, cut=cut)
        status, said = await run_in_threadpool(self.take, message)
        later = {"Retry-After": str(RETRY_AFTER)} if status == 503 else None
        return JSONResponse({"kept": status not in (429, 503), "message": said}, status, later)

    def take(self, message: Received) -> tuple[int, str]:
        """Keep a message, then look at it; returns the status to answer with, and a word."""
        try:
            if not self._has_room_for_strangers() and not isinstance(check(message, self._keys), Genuine):
                return 429, "too many messages that nobody signed; this one is not kept"
            self._inbox.keep(message)
            found = check(message, self._keys)
        except (InboxFull, KeysMissing, OSError) as error:
            self._on_refused(f"messages are refused ({error}); whoever sends them is told to try again")
            return 503, f"it cannot be kept ({error}); send it again later"
        self._on_kept()
        if isinstance(found, Genuine):
            return 202, "it is kept, and will be judged as a result"
        with self._counting:
            self._strange.append((self._clock(), len(message.body)))
        unsigned = found.verdict is not Verdict.MALFORMED
        return (401 if unsigned else 413 if message.cut == OVERSIZED else 400), found.why

    def _has_room_for_strangers(self) -> bool:
        with self._counting:
            while self._strange and self._strange[0][0] < self._clock() - _HOUR:
                self._strange.popleft()
            return len(self._strange) < self._strangers and sum(size for _, size in self._strange) < STRANGE_BYTES


async def _read(request: Request) -> tuple[bytes, str]:
    """The body as far as it came, and how it was cut."""
    from starlette.requests import ClientDisconnect

    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for part in request.stream():
                body += part
                if len(body) > LARGEST:
                    return bytes(body[:KEPT_OF_A_LARGER_ONE]), OVERSIZED
    except (ClientDisconnect, TimeoutError):
        return bytes(body), TRUNCATED
    return bytes(body), ""
