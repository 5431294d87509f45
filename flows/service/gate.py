"""The gate: each request is looked at before anything answers it: where it came to, who makes it, how long it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flows.service.access import Access, Caller

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST: Final = 16 << 20  # bytes of a request
SLOWEST: Final = 60.0  # seconds until all of it has come
OPEN: Final = frozenset({"/health"})  # answered without a token
LOOKS: Final = frozenset({"GET", "HEAD"})
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
CLOSE: Final = ((b"connection", b"close"),)  # where the rest of a request is not read
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"x-frame-options", b"DENY"),
)


class Gate:
    """Lets through what may be answered; who makes the request stands in ``scope["state"]["caller"]`` then."""

    def __init__(self, inner: Application, access: Access) -> None:
        self._inner, self._access = inner, access

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        try:
            async with asyncio.timeout(SLOWEST):
                body = await _whole(receive)
        except TimeoutError:
            await _answer(send, 408, "too_slow", f"a request must have come within {SLOWEST:g} s; send it again", CLOSE)
            return
        if body is None:
            await _answer(send, 413, "too_large", f"a request may have {LARGEST >> 20} MiB; tell more in a file", CLOSE)
            return
        if scope["method"] == "HEAD":  # the server leaves the body out by itself
            scope = {**scope, "method": "GET"}
        await self._inner(scope, _again(body, receive), _with_headers(send))

    def _refusal(self, scope: MutableMapping[str, Any], headers: dict[str, str]) -> tuple[int, str, str] | None:
        """Why a request is not answered: status, kind and message; None where it is."""
        if not self._access.is_at_home(headers.get("host", "")):
            return 421, "wrong_host", "without tokens this service answers to 127.0.0.1 and localhost alone"
        if scope["path"] in OPEN:
            return None
        caller = self._access.caller(headers.get("authorization", ""))
        if caller is None:
            return 401, "unknown_caller", "send Authorization: Bearer TOKEN, one that the service's tokens name"
        if scope["method"] in LOOKS:
            scope.setdefault("state", {})["caller"] = caller
            return None
        if not caller.may_write:
            return 403, "may_only_look", f"{caller.name} may only look; another token may ask and tell"
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "not_json", "send Content-Type: application/json"  # which no form of another page can
        scope.setdefault("state", {})["caller"] = caller
        return None


def caller_of(request: Request) -> Caller:
    """Who makes a request that the gate let through."""
    caller: Caller = request.state.caller
    return caller


async def _whole(receive: Receive) -> bytes | None:
    """The body; None where it is too long."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)  # whoever sent it went away: what is not whole is no JSON
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes after it."""
    is_given = False

    async def once_more() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def _with_headers(send: Send) -> Send:
    async def with_them(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *HEADERS]}
        await send(message)

    return with_them


async def _answer(send: Send, status: int, kind: str, said: str, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """A refusal as JSON."""
    body = json.dumps({"error": kind, "message": said}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *HEADERS, *more]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="hakken", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
