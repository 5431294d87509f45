"""Serving: the application behind a socket, until somebody ends it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flows.bound import listening_at
from flows.quiet import watched
from flows.service.access import access_of
from flows.wiring import make_record

if TYPE_CHECKING:
    from flows.settings import Settings


def serve(
    settings: Settings,
    address: tuple[str, int],
    *,
    tokens: Path | None,
    patience: float,
    began: Callable[[str, str], None],
) -> None:
    """Answer requests until this process is told to end; what is being answered then is answered first.

    Args:
        settings: Where the record is; made where there is none.
        address: Host and port; port 0 takes any.
        tokens: Names who may ask; see ``flows.service.access.access_of``.
        patience: Seconds that a request waits for whoever works on its campaign.
        began: Called once it listens, with its URL and, in words, with who may ask.

    Raises:
        AccessError: Nobody, or everybody, could ask.
        CannotBind: The address cannot be listened at.
    """
    import uvicorn

    from flows.service.application import AT_ONCE, application

    access = access_of(tokens, host=address[0], local=settings.by)
    with make_record(settings):
        pass
    listening = listening_at(address)
    try:
        host, port = address[0], listening.getsockname()[1]
        config = uvicorn.Config(
            application(settings, access, patience=patience),
            http=watched,  # type: ignore[arg-type]  # uvicorn calls it for a protocol, as it would a class
            log_level="error",
            access_log=False,
            limit_concurrency=AT_ONCE,
            server_header=False,
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        who = ", ".join(sorted(caller.name for caller in access.tokens.values())) or f"this machine, as {access.local}"
        began(url, who)
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        with suppress(OSError):
            listening.close()
