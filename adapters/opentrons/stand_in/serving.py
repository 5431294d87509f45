"""The stand-in over HTTP, or without a socket for whoever has it in the same process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from adapters.opentrons.stand_in.robot import StandIn

if TYPE_CHECKING:
    import httpx


def transport(robot: StandIn) -> httpx.BaseTransport:
    """A way to the stand-in without a socket: for the twin of an adapter, in its own process."""
    import httpx

    def ask(request: httpx.Request) -> httpx.Response:
        body = _body(request.headers.get("content-type", ""), request.read())
        try:
            status, said = robot.answer(request.method, request.url.path, body)
        except ConnectionError as error:
            raise httpx.ReadError(str(error)) from None
        return httpx.Response(status, json=said)

    return httpx.MockTransport(ask)


@contextmanager
def serving(robot: StandIn, port: int = 0) -> Iterator[str]:
    """The stand-in over HTTP on this machine, at the address that is given, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            try:
                body = _body(self.headers.get("content-type", ""), self.rfile.read(length))
                status, said = robot.answer(self.command, self.path, body)
            except ConnectionError:  # a lost request or reply: the line is cut
                self.close_connection = True
                return
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _body(kind: str, content: bytes) -> Any:
    if not content:
        return None
    if not kind.startswith("multipart/form-data"):
        return json.loads(content)
    message = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + content)
    fields = {}
    for part in message.iter_parts():
        name = re.search(r'name="([^"]*)"', part["content-disposition"] or "")
        said = part.get_payload(decode=True)
        assert isinstance(said, bytes)
        fields[name[1] if name else ""] = said.decode("utf-8")
    return fields
