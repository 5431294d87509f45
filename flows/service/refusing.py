"""Refusing: what is answered where a request is not: a program gets JSON, and a person who looks at pages a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from db.errors import AlreadyOnRecord, NotALedger, NotLetIn, SchemaTooNew
from flows.faults import log
from flows.service.fields import as_requests
from flows.templates import templates_of
from loop.errors import HakkenError, LeaseHeld, LedgerBusy, LedgerFull, NoRecord, NotFound, StaleLease

RETRY_AFTER: Final = 5  # seconds, where a campaign or the record is busy
NOT_ANSWERED: Final = {  # by status, the kind of what no address answers, and what is said
    400: ("unreadable", "the request is not JSON in UTF-8; see /openapi.json"),
    404: ("no_such_address", "nothing is at this address; /openapi.json lists what is"),
    405: ("wrong_method", "this address does not answer that method; /openapi.json says which"),
}
LOOKS: Final = frozenset({"GET", "HEAD"})  # methods of requests that send nothing to be kept
_HERE: Final = Path(__file__).parent
_TEMPLATES: Final = templates_of(_HERE)


def answer_refusals(app: FastAPI) -> None:
    """What is refused is answered with its message; our own faults go to the log file, as those of commands do."""

    def answered(kind: type[Exception], status: int, name: str, message: str = "", of_sent: str = "") -> None:
        """``message`` stands for that of the error, where that tells of the record's address; ``of_sent`` is added
        for who did not only look."""
        later = {"Retry-After": str(RETRY_AFTER)} if status == 503 else None

        def answer(request: Request, error: Exception) -> Response:
            said = message or as_requests(str(error))
            return refusal(request, status, name, said if request.method in LOOKS else said + of_sent, later)

        app.add_exception_handler(kind, answer)

    for kind in (LeaseHeld, StaleLease):
        answered(kind, 503, "busy")
    again = "; nothing was kept, send the same again"
    answered(AlreadyOnRecord, 503, "busy", "another command wrote first", again)
    answered(LedgerBusy, 503, "busy", "the record is busy or out of reach", again)
    answered(LedgerFull, 507, "disk_full", "the disk of the record is full or cannot be written", "; nothing was kept")
    for useless in (NoRecord, NotALedger, NotLetIn, SchemaTooNew):
        answered(useless, 503, "no_record", "the record cannot be used; hakken doctor, where this is served, says why")
    answered(NotFound, 404, "not_found")
    answered(HakkenError, 409, "refused")

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return refusal(request, 422, "unreadable", f"{where}: {first['msg']}; see /openapi.json")

    @app.exception_handler(HTTPException)
    def elsewhere(request: Request, error: HTTPException) -> Response:
        name, said = NOT_ANSWERED.get(error.status_code, ("refused", error.detail))
        return refusal(request, error.status_code, name, said, error.headers)

    @app.middleware("http")
    async def ours(request: Request, go_on: Callable[[Request], Any]) -> Response:
        try:
            answer: Response = await go_on(request)
        except Exception as error:
            said = log(error, f"{request.method} {request.url.path}")
            return refusal(request, 500, "failed", said.splitlines()[0])
        return answer


def refusal(
    request: Request, status: int, name: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that is refused: as a page to a browser that goes to an address, else as JSON."""
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not wants_page or request.url.path.startswith("/api/"):
        return JSONResponse({"error": name, "message": message}, status, dict(headers or {}))
    style = (_HERE / "pages.css").read_text("utf-8")
    page = _TEMPLATES.get_template("refused.html.jinja").render(
        title=name.replace("_", " "), message=message, style=style, is_busy=status == 503, later=RETRY_AFTER
    )
    return HTMLResponse(page, status, dict(headers or {}))
