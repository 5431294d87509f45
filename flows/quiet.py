"""Quiet connections: closed by the server, since each counts among those that it takes at once.

uvicorn closes a connection on which nothing comes after an answer, and none on which no request ever came. A browser
opens such connections in advance, and of one whose other end lost its power or its network nobody hears again: those
of months would keep everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from weakref import ref

QUIET: Final = 60.0  # seconds in which the head of a request must have come


def watched(**known: Any) -> asyncio.Protocol:
    """uvicorn's own protocol for a new connection, which is closed when no request begins in ``QUIET`` seconds.

    Given to uvicorn as ``http``. A request that is being answered may take as long as it likes.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    protocol: asyncio.Protocol = AutoHTTPProtocol(**known)
    _look_later(protocol, None)
    return protocol


def _look_later(protocol: Any, last: Any) -> None:
    """``_look`` in ``QUIET`` seconds, which keeps nothing in memory of a connection that is over by then."""
    last = None if last is None else ref(last)
    asyncio.get_running_loop().call_later(QUIET, _look, ref(protocol), last)


def _look(connection: ref[Any], last: ref[Any] | None) -> None:
    """Close the connection if nothing is being answered, and no request began since ``last`` was the last one."""
    protocol = connection()
    if protocol is None or protocol.transport is None or protocol.transport.is_closing():
        return
    request = protocol.cycle
    if request is (None if last is None else last()) and (request is None or request.response_complete):
        protocol.transport.close()
    else:
        _look_later(protocol, request)
